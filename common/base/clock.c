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

int64_t clock_forgive(int64_t heard_us, int64_t lost_us, int64_t now_us)
{
	return heard_us + lost_us < now_us ? heard_us + lost_us : now_us;
}

static char *put_digits(char *out, unsigned v, int digits, char end)
{
	for (int i = digits; i-- > 0; v /= 10)
		out[i] = (char)('0' + v % 10);
	out[digits] = end;
	return out + digits + 1;
}

/* Lists of ten thousand rows have a time in each: by hand it costs a twentieth of gmtime and strftime. The date is counted from 1 March of year 0, so that a leap day is a year's last. */
char *clock_text(int64_t at_us, char *out)
{
	const int64_t s = at_us / 1000000, year_10000 = 253402300800;
	if (at_us <= 0 || s >= year_10000) {
		snprintf(out, CLOCK_TEXT_SIZE, "-");
		return out;
	}
	unsigned day = (unsigned)(s / 86400) + 719468, second = (unsigned)(s % 86400);
	unsigned era = day / 146097, of_era = day % 146097; /* 400 years */
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153; /* 0: March */
	char *p = put_digits(out, year + era * 400 + (month >= 10), 4, '-');
	p = put_digits(p, month < 10 ? month + 3 : month - 9, 2, '-');
	p = put_digits(p, of_year - (153 * month + 2) / 5 + 1, 2, 'T');
	p = put_digits(p, second / 3600, 2, ':');
	p = put_digits(p, second / 60 % 60, 2, ':');
	*put_digits(p, second % 60, 2, 'Z') = '\0';
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
		snprintf(out, CLOCK_TEXT_SIZE, "%" PRId64 " s", (us + 500000) / 1000000);
	else if (us < 2 * 3600 * 1000000LL)
		snprintf(out, CLOCK_TEXT_SIZE, "%" PRId64 " min", (us + 30000000) / 60000000);
	else if (us < 48 * 3600 * 1000000LL)
		snprintf(out, CLOCK_TEXT_SIZE, "%" PRId64 " h", (us + 1800000000) / (int64_t)3600000000);
	else
		snprintf(out, CLOCK_TEXT_SIZE, "%" PRId64 " d", (us + 43200000000) / (int64_t)86400000000);
	return out;
}
