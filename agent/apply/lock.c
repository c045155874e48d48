/* The session lock of a target: polled, never waited for inside the server (a blocking wait deadlocks with CREATE INDEX CONCURRENTLY). A dead agent's statement keeps it
 * until the server has finished it: that is the fence. */
#include "agent/apply/delivery.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"

#define POLL_FIRST_MS 50u
#define POLL_MAX_MS   2000u
#define ORPHAN_GRACE  10000u /* beyond the statement time-out, which bounds the orphan in the server */

/* The backend that an earlier run of ours recorded, NULL if there was none. */
static const char *earlier_backend(struct delivery *d)
{
	struct journal_step last;
	struct err ignored = ERR_INIT; /* without it the holder is a stranger: we wait no longer than for one */
	if (journal_last_step(d->journal, d->task->target, d->arena, &last, &ignored) != 0 || !last.target ||
	    str_eq(last.backend, d->engine->backend(d->conn)))
		return NULL;
	return last.backend;
}

static bool runs(struct delivery *d, const char *backend)
{
	bool alive = false;
	struct err ignored = ERR_INIT;
	return backend && d->engine->backend_alive(d->conn, backend, &alive, &ignored) == 0 && alive;
}

static int64_t orphan_end(const struct delivery *d)
{
	return clock_mono_us() + ((int64_t)d->target->statement_timeout_ms + ORPHAN_GRACE) * 1000;
}

static enum ended poll_again(struct delivery *d, uint32_t *poll_ms)
{
	uint32_t ms = *poll_ms;
	*poll_ms = ms * 2 > POLL_MAX_MS ? POLL_MAX_MS : ms * 2;
	if (delivery_sleep(d, ms))
		return ENDED_OK;
	err_set(&d->error, ERR_STATE, "asked to end while it waited for the target's lock");
	return ENDED_STOPPED;
}

enum ended lock_take(struct delivery *d)
{
	if (!d->engine->caps.session_lock)
		return ENDED_OK;
	const char *mine = NULL;
	int64_t end_us = d->budget_end_us;
	for (uint32_t poll_ms = POLL_FIRST_MS;;) {
		char holder[256] = "";
		bool got = false;
		if (d->engine->try_lock(d->conn, &got, holder, &d->error) != 0)
			return delivery_judge(d, &d->error) == ENDED_LOST ? ENDED_LOST : ENDED_FAILED;
		if (got) {
			FAILPOINT("locked");
			return ENDED_OK;
		}
		if (!mine && (mine = earlier_backend(d)) && runs(d, mine))
			end_us = orphan_end(d);
		const char *who = holder[0] ? holder : "another session";
		if (clock_mono_us() >= end_us) {
			err_set(&d->error, ERR_TIMEOUT, "the target is locked by %s", who);
			return ENDED_FAILED;
		}
		delivery_say(d, "waiting-lock", NULL,
		             arena_printf(d->arena, runs(d, mine) ? "a statement of an earlier run still works in the server: %s" : "locked by %s", who));
		enum ended end = poll_again(d, &poll_ms);
		if (end != ENDED_OK)
			return end;
	}
}

enum ended lock_wait_for(struct delivery *d, const char *backend, const char *what)
{
	int64_t end_us = orphan_end(d);
	for (uint32_t poll_ms = POLL_FIRST_MS; runs(d, backend);) {
		if (clock_mono_us() >= end_us) {
			err_set(&d->error, ERR_TIMEOUT, "%s still runs in the server (backend %s)", what, backend);
			return ENDED_ATTENTION;
		}
		delivery_say(d, "waiting-lock", NULL, arena_printf(d->arena, "%s still runs in the server (backend %s)", what, backend));
		enum ended end = poll_again(d, &poll_ms);
		if (end != ENDED_OK)
			return end;
	}
	return ENDED_OK;
}
