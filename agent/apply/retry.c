/* Retry classes as a table. */
#include "agent/apply/retry.h"

#define CAP_MS 60000.0

struct retry_row {
	enum retry_how how;
	double base_ms;
	uint32_t max_tries; /* 0: as long as the budget lasts */
};

static const struct retry_row rows[] = {
    [RETRY_NEVER] = {RETRY_HOW_NOT, 0, 0},
    [RETRY_UNCLASSIFIED] = {RETRY_HOW_NOT, 0, 0},
    [RETRY_LOCK] = {RETRY_HOW_AGAIN, 500, 0},
    [RETRY_IN_USE] = {RETRY_HOW_AGAIN, 500, 8},
    [RETRY_TXN] = {RETRY_HOW_AGAIN, 50, 10}, /* a deadlock's victim: the other side is through at once */
    [RETRY_CONN] = {RETRY_HOW_RECONNECT, 500, 0},
    [RETRY_UNKNOWN] = {RETRY_HOW_RECONNECT, 500, 0},
    [RETRY_PRIMARY] = {RETRY_HOW_RECONNECT, 2000, 0}, /* a fail-over takes seconds */
    [RETRY_RESOURCES] = {RETRY_HOW_AGAIN, 10000, 0}, /* somebody has to make room */
    [RETRY_HALT] = {RETRY_HOW_PERSON, 0, 0},
};

enum retry_how retry_how(enum retry_class c)
{
	return rows[c].how;
}

bool retry_may(enum retry_class c, uint32_t n)
{
	return rows[c].how != RETRY_HOW_NOT && rows[c].how != RETRY_HOW_PERSON && (!rows[c].max_tries || n + 1 < rows[c].max_tries);
}

uint32_t retry_delay_ms(enum retry_class c, uint32_t n, uint32_t random)
{
	double cap = rows[c].base_ms;
	for (uint32_t i = 0; i < n && cap < CAP_MS; i++)
		cap *= 1.6;
	if (cap > CAP_MS)
		cap = CAP_MS;
	return (uint32_t)(cap * ((double)random / (double)UINT32_MAX));
}

uint32_t retry_lock_timeout_ms(uint32_t n, uint32_t first_ms, uint32_t max_ms)
{
	uint64_t ms = ((uint64_t)n + 1) * first_ms;
	return ms < max_ms ? (uint32_t)ms : max_ms > first_ms ? max_ms : first_ms;
}

uint32_t retry_count_loss(struct retry_losses *l, bool reached, uint64_t done)
{
	if (!reached)
		return l->unreached++;
	if (done != l->done)
		l->in_work = 0;
	l->done = done;
	l->unreached = 0;
	return l->in_work++;
}
