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

/* A statement of a dead run that the server still works on: waited for, then cancelled when the site's rule says so. */
struct orphan {
	const char *backend; /* NULL: there is none */
	int64_t end_us, cancel_at_us; /* monotonic; cancel_at_us 0: never */
};

static struct orphan orphan_begin(const struct delivery *d, const char *backend)
{
	int64_t now_us = clock_mono_us();
	return (struct orphan){.backend = backend,
	                       .end_us = now_us + ((int64_t)d->target->statement_timeout_ms + ORPHAN_GRACE) * 1000,
	                       .cancel_at_us = d->orphan_cancel_ms ? now_us + (int64_t)d->orphan_cancel_ms * 1000 : 0};
}

/* For people: what is done about it. Asked again with each poll: a cancel may come while the server cannot hear it. */
static const char *orphan_poll(struct delivery *d, const struct orphan *o)
{
	struct err why = ERR_INIT;
	if (!o->cancel_at_us || clock_mono_us() < o->cancel_at_us)
		return "";
	if (d->engine->cancel_backend(d->conn, o->backend, &why) != 0)
		return arena_printf(d->arena, "; the site's rule is to cancel it now, and that failed: %s", why.msg);
	return "; it is being cancelled, as the site's rule for orphans says";
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

static enum ended locked_by(struct delivery *d, const char *who)
{
	err_set(&d->error, ERR_TIMEOUT, "the target is locked by %s", who);
	delivery_check(d, C15_LOCK, check_what_to_do(C15_LOCK));
	return ENDED_FAILED;
}

enum ended lock_take(struct delivery *d)
{
	if (!d->engine->caps.session_lock)
		return ENDED_OK;
	struct orphan mine = {.end_us = d->budget_end_us};
	for (uint32_t poll_ms = POLL_FIRST_MS;;) {
		char holder[256] = "";
		bool got = false;
		if (d->engine->try_lock(d->conn, &got, holder, &d->error) != 0)
			return delivery_judge(d, &d->error) == ENDED_LOST ? ENDED_LOST : ENDED_FAILED;
		if (got) {
			FAILPOINT("locked");
			return ENDED_OK;
		}
		const char *earlier = mine.backend ? mine.backend : earlier_backend(d), *who = holder[0] ? holder : "another session";
		bool orphaned = runs(d, earlier);
		if (orphaned && !mine.backend)
			mine = orphan_begin(d, earlier);
		if (clock_mono_us() >= mine.end_us)
			return locked_by(d, who);
		delivery_say(d, "waiting-lock", NULL,
		             orphaned ? arena_printf(d->arena, "a statement of an earlier run still works in the server: %s%s", who, orphan_poll(d, &mine))
		                      : arena_printf(d->arena, "locked by %s", who));
		enum ended end = poll_again(d, &poll_ms);
		if (end != ENDED_OK)
			return end;
	}
}

enum ended lock_wait_for(struct delivery *d, const char *backend, const char *what)
{
	struct orphan o = orphan_begin(d, backend);
	for (uint32_t poll_ms = POLL_FIRST_MS; runs(d, backend);) {
		if (clock_mono_us() >= o.end_us) {
			err_set(&d->error, ERR_TIMEOUT, "%s still runs in the server (backend %s)", what, backend);
			return ENDED_ATTENTION;
		}
		delivery_say(d, "waiting-lock", NULL,
		             arena_printf(d->arena, "%s still runs in the server (backend %s)%s", what, backend, orphan_poll(d, &o)));
		enum ended end = poll_again(d, &poll_ms);
		if (end != ENDED_OK)
			return end;
	}
	return ENDED_OK;
}
