/* Clock and its texts. */
#include "common/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

void clock_sleep_ms(uint32_t ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	while (nanosleep(&ts, &ts) != 0)
		;
}

char *clock_text(int64_t at_us, char *out)
{
	time_t t = (time_t)(at_us / 1000000);
	struct tm tm;
	if (at_us <= 0 || !gmtime_r(&t, &tm) || !strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, CLOCK_TEXT_SIZE, "-");
	return out;
}

int clock_parse(const char *s, int64_t *ret_us, struct err *e)
{
	struct tm tm = {0};
	const char *end = s ? strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;
	if (s && !end) {
		memset(&tm, 0, sizeof tm);
		end = strptime(s, "%Y-%m-%d", &tm);
	}
	struct tm normal = tm;
	int64_t at_s = timegm(&normal);
	/* timegm makes 3 March of 31 February: whoever wrote that meant something else. */
	if (!end || *end || normal.tm_mday != tm.tm_mday || normal.tm_sec != tm.tm_sec)
		return err_set(e, ERR_PARSE, "'%s' is not a time: write 2026-11-22T21:00:00Z or 2026-11-22", s ? s : "");
	*ret_us = at_s * 1000000;
	return 0;
}

char *clock_duration_text(int64_t us, char *out)
{
	if (us < 1000000)
		snprintf(out, CLOCK_TEXT_SIZE, "%" PRId64 " ms", us / 1000);
	else if (us < 10 * 1000000LL)
		snprintf(out, CLOCK_TEXT_SIZE, "%.1f s", (double)us / 1e6);
	else if (us < 120 * 1000000LL)
		snprintf(out, CLOCK_TEXT_SIZE, "%" PRId64 " s", us / 1000000);
	else if (us < 2 * 3600 * 1000000LL)
		snprintf(out, CLOCK_TEXT_SIZE, "%" PRId64 " min", us / 60000000);
	else if (us < 48 * 3600 * 1000000LL)
		snprintf(out, CLOCK_TEXT_SIZE, "%" PRId64 " h", us / (int64_t)3600000000);
	else
		snprintf(out, CLOCK_TEXT_SIZE, "%" PRId64 " d", us / (int64_t)86400000000);
	return out;
}
