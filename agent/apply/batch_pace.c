/* What holds the next batch back: the changeset's pause, the replicas' lag, its throttle query, the site's flag file. Between two transactions, so nothing waits for us meanwhile. */
#include <inttypes.h>
#include <stdlib.h>

#include "agent/apply/batch_pace.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"

#define LOOK_AGAIN_MS  1000u
#define SLEEP_SLICE_MS 50u
#define TEXT_BYTES     ((size_t)1 << 20)

static enum ended look_at_lag(struct delivery *d, const struct batching *o, struct arena *texts, const char **ret_why, struct err *e)
{
	char is[CLOCK_TEXT_SIZE], limit[CLOCK_TEXT_SIZE];
	struct engine_lag lag;
	if (!o->max_lag_ms || !d->engine->replica_lag)
		return ENDED_OK;
	if (d->engine->replica_lag(d->conn, &lag, e) != 0)
		return delivery_judge(d, e);
	if (lag.why[0])
		*ret_why = arena_printf(texts, "%s %s", lag.replica, lag.why);
	else if (lag.ms > o->max_lag_ms)
		*ret_why = arena_printf(texts, "%s is %s behind, maxLag is %s", lag.replica[0] ? lag.replica : "a replica",
		                        clock_duration_text((int64_t)lag.ms * 1000, is), clock_duration_text((int64_t)o->max_lag_ms * 1000, limit));
	return ENDED_OK;
}

static enum ended ask_throttle(struct delivery *d, const struct plan_item *it, struct arena *texts, const char **ret_why, struct err *e)
{
	const struct batching *o = &it->changeset->batching;
	const char *text = NULL;
	char *rest = NULL;
	if (!o->query.n)
		return ENDED_OK;
	enum ended end = checks_value(d, it->changeset->id, o->query, texts, &text, e);
	if (end != ENDED_OK) {
		err_wrap(e, "%s:%u: the throttle query", it->changeset->file, o->line);
		return end;
	}
	double number = text ? strtod(text, &rest) : 0;
	if (!text || rest == text || *rest) {
		err_set(e, ERR_POLICY, "%s:%u: the throttle query gave '%.80s' instead of a number", it->changeset->file, o->line, text ? text : "NULL");
		return ENDED_FAILED;
	}
	if (number > (double)o->limit)
		*ret_why = arena_printf(texts, "the throttle query gives %.60s, its limit is %" PRIu64, text, o->limit);
	return ENDED_OK;
}

/* *ret_why NULL: nothing holds it back. */
static enum ended look(struct delivery *d, const struct plan_item *it, struct arena *texts, const char **ret_why, struct err *e)
{
	const char *flag = d->limits ? d->limits->batch_hold_file : NULL;
	*ret_why = NULL;
	if (flag && file_exists(flag))
		*ret_why = arena_printf(texts, "the site holds it: %s is there", flag);
	enum ended end = *ret_why ? ENDED_OK : look_at_lag(d, &it->changeset->batching, texts, ret_why, e);
	return *ret_why || end != ENDED_OK ? end : ask_throttle(d, it, texts, ret_why, e);
}

uint32_t pace_size(const struct delivery *d, uint32_t wanted)
{
	uint32_t most = d->limits && d->limits->max_batch ? d->limits->max_batch : wanted;
	return wanted < most ? wanted : most;
}

static uint32_t pause_ms(const struct delivery *d, const struct plan_item *it)
{
	uint32_t least = d->limits ? d->limits->min_pause_ms : 0, own = it->changeset->batching.pause_ms;
	return own > least ? own : least;
}

bool pace_must_end(const struct delivery *d)
{
	enum wish wish = watch_wish(d->watch);
	return d->reverting ? wish == WISH_TERMINATE : wish != WISH_GO_ON;
}

static bool sleep_on(struct delivery *d, uint32_t ms)
{
	int64_t end_us = clock_mono_us() + (int64_t)ms * 1000;
	for (int64_t left_ms; !pace_must_end(d);) {
		left_ms = (end_us - clock_mono_us() + 999) / 1000;
		if (left_ms <= 0)
			return true;
		clock_sleep_ms(left_ms > SLEEP_SLICE_MS ? SLEEP_SLICE_MS : (uint32_t)left_ms);
	}
	return false;
}

enum ended pace_wait(struct delivery *d, const struct plan_item *it, const char *state, const char *progress, bool first, struct err *e)
{
	uint32_t pause = first ? 0 : pause_ms(d, it);
	if (pause && !sleep_on(d, pause))
		return ENDED_STOPPED;
	for (const char *why = NULL;;) {
		AUTO(arena_destroy) struct arena *texts = arena_new(TEXT_BYTES); /* a step may take days: nothing piles up */
		enum ended end = look(d, it, texts, &why, e);
		if (end != ENDED_OK || !why)
			return end;
		delivery_say(d, state, it->changeset->id, arena_printf(texts, "waits after %s: %s", progress, why));
		if (!sleep_on(d, LOOK_AGAIN_MS))
			return ENDED_STOPPED;
	}
}
