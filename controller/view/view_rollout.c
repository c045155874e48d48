/* One rollout as people see it: see view.h. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "controller/view/view.h"

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

enum view_interest view_interest(const struct delivery *d)
{
	switch (d->state) {
	case DELIVERY_UNREACHABLE:
	case DELIVERY_HELD:
	case DELIVERY_DEFERRED:
	case DELIVERY_WAITING_LOCK:
	case DELIVERY_FAILED:
	case DELIVERY_NEEDS_ATTENTION:
	case DELIVERY_REFUSED:
		return INTEREST_EYES;
	case DELIVERY_ROLLED_BACK:
		return d->order_direction == DIRECTION_APPLY ? INTEREST_EYES : INTEREST_REST;
	case DELIVERY_OFFERED:
	case DELIVERY_APPLYING:
	case DELIVERY_VALIDATING:
	case DELIVERY_ROLLING_BACK:
		return INTEREST_MOVING;
	case DELIVERY_PENDING:
	case DELIVERY_APPLIED:
	case DELIVERY_SKIPPED:
	case DELIVERY_STATE_COUNT:
		break;
	}
	return INTEREST_REST;
}

const char *view_delivery_next(struct arena *a, const struct run *u, size_t i)
{
	const struct delivery *d = &u->r.deliveries[i];
	switch (d->state) {
	case DELIVERY_UNREACHABLE:
		return arena_printf(a, "starts when agent %s is back", u->agents[i] ? u->agents[i]->rec.name : "(none has it now)");
	case DELIVERY_HELD:
		return d->frozen ? "starts when the freeze is over" : "the site lifts the hold, or its window opens";
	case DELIVERY_DEFERRED:
		return arena_printf(a, "follows by itself; not to wait: rollcall rollout skip %.8s %s --reason TEXT", u->rec.id, d->target);
	case DELIVERY_FAILED:
	case DELIVERY_REFUSED:
		return arena_printf(a, "repair the cause, then: rollcall rollout retry %.8s %s", u->rec.id, d->target);
	case DELIVERY_NEEDS_ATTENTION:
		return arena_printf(a, "at the site: rollcall-agent resolve %s (shows what is open), then: rollcall rollout retry %.8s %s", d->target,
		                    u->rec.id, d->target);
	case DELIVERY_ROLLED_BACK:
		return d->order_direction == DIRECTION_APPLY ? arena_printf(a, "to go forward again: rollcall rollout retry %.8s %s", u->rec.id, d->target)
		                                             : "";
	case DELIVERY_OFFERED:
	case DELIVERY_WAITING_LOCK:
	case DELIVERY_APPLYING:
	case DELIVERY_VALIDATING:
	case DELIVERY_ROLLING_BACK:
		return d->session ? "" : "its agent is not connected; it may be working on";
	case DELIVERY_PENDING:
	case DELIVERY_APPLIED:
	case DELIVERY_SKIPPED:
	case DELIVERY_STATE_COUNT:
		break;
	}
	return "";
}

int64_t view_delivery_until(const struct delivery *d)
{
	if (d->state != DELIVERY_HELD)
		return 0;
	return d->frozen ? d->frozen_until_us : d->retry_at_us;
}

const char *view_per_minute(struct arena *a, const struct view_rollout *v)
{
	return v->speed.per_minute > 0 ? arena_printf(a, "%.*f", v->speed.per_minute < 10 ? 1 : 0, v->speed.per_minute) : "";
}

const char *view_seconds_left(struct arena *a, const struct view_rollout *v)
{
	return v->speed.left_us >= 0 ? arena_printf(a, "%" PRId64, (v->speed.left_us + 999999) / 1000000) : "";
}

/* The worst that it has come to. `waits`: a wave of it, for a gate's signature. */
static enum exit_code code_of(enum rollout_state s, const struct delivery_counts *c, bool waits)
{
	if (c->attention > 0)
		return EXIT_ATTENTION;
	if (s == ROLLOUT_AWAITING_APPROVAL || (waits && s == ROLLOUT_RUNNING))
		return EXIT_WAITING;
	if (s == ROLLOUT_ABORTED)
		return EXIT_FAILED;
	return c->failed > 0 || s == ROLLOUT_HALTED || s == ROLLOUT_FAILED || s == ROLLOUT_ROLLING_BACK ? EXIT_TARGETS : EXIT_DONE;
}

/* A rollback that fails because it was published wrong cannot be repaired in the database: its changeset is left applied and the rest goes back. */
static const char *halted_next(struct arena *a, const struct store_rollout *r)
{
	if (r->direction == DIRECTION_APPLY)
		return arena_printf(a, "repair the cause, then: rollcall rollout retry %.8s (or abort, or rollback)", r->id);
	return arena_printf(a,
	                    "repair the cause, then: rollcall rollout retry %.8s; or, where a changeset's rollback is wrong itself, leave that changeset "
	                    "applied: rollcall rollout abort %.8s, then rollcall rollout rollback %.8s --except CHANGESET",
	                    r->id, r->id, or_empty(r->undoes));
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

/* Of one that is in memory: what only there is known. False: the record says it all. */
static bool say_run(struct brain *b, struct arena *a, const struct run *u, struct view_rollout *v)
{
	char at[CLOCK_TEXT_SIZE];
	uint32_t wave = 0;
	if (v->awaits_pass && u->r.state == ROLLOUT_RUNNING && gate_awaited(u, &wave)) {
		v->detail = arena_printf(a, "awaiting-pass: wave %s is good, and the next one begins when its gate's keys have signed: %s",
		                         u->r.waves[wave].name, gate_missing(b, a, u, wave));
		v->next = arena_printf(a, "who has such a key runs: rollcall gate pass %.8s --trust TRUST-DOCUMENT --key KEY", u->rec.id);
		return true;
	}
	if (u->r.state == ROLLOUT_RUNNING && u->r.not_before_us > b->now_us)
		v->detail = arena_printf(a, "scheduled: nothing starts before %s", clock_text(u->r.not_before_us, at));
	else if (u->r.state == ROLLOUT_CATCHING_UP)
		v->detail = arena_printf(a, "catching-up: every wave passed; %" PRIu32 " deferred target%s may follow until %s", v->counts.open,
		                         plural(v->counts.open), clock_text(u->r.not_after_us, at));
	return v->detail != NULL;
}

static int say(struct brain *b, struct arena *a, struct view_rollout *v, struct err *e)
{
	const struct store_rollout *r = v->rec;
	size_t have = 0;
	uint32_t need = 0;
	v->next = "";
	if (v->run && say_run(b, a, v->run, v))
		return 0;
	if (r->state == ROLLOUT_AWAITING_APPROVAL && v->run) {
		if (order_approvals(b, v->run, &have, &need, e) < 0)
			return -1;
		v->detail = arena_printf(a, "awaiting approval: %zu of %" PRIu32 " approvals", have, need);
		v->next = arena_printf(a, "an approver runs: rollcall rollout approve %.8s", r->id);
	} else if (r->state == ROLLOUT_HALTED) {
		v->detail = "halted: nothing new starts";
		v->next = halted_next(a, r);
	} else if (r->state == ROLLOUT_FAILED) {
		v->detail = arena_printf(a, "failed: %s", or_empty(r->detail));
		v->next = arena_printf(a, "repair the cause, then: rollcall rollout retry %.8s", r->id);
	} else if (r->state == ROLLOUT_PAUSED) {
		v->detail = arena_printf(a, "paused: %s", or_empty(r->detail));
		v->next = arena_printf(a, "to go on: rollcall rollout resume %.8s", r->id);
	} else if (r->state == ROLLOUT_SUCCEEDED && v->counts.failed > 0) {
		v->detail = arena_printf(a, "succeeded: every wave passed, with %" PRIu32 " failure%s that the plan allows", v->counts.failed,
		                         plural(v->counts.failed));
		v->next = arena_printf(a, "repair the cause, then: rollcall rollout retry %.8s", r->id);
	} else {
		v->detail = arena_printf(a, "%s: %s", rollout_state_name(r->state), or_empty(r->detail));
	}
	return 0;
}

static const char *wave_under_way(const struct rollout *r)
{
	for (size_t i = 0; i < r->n_waves; i++)
		if (r->waves[i].state != WAVE_PASSED && r->waves[i].state != WAVE_BLOCKED)
			return r->waves[i].name;
	return "";
}

/* In memory, so that someone who watches costs the store nothing. */
static struct delivery_counts counts_of(const struct rollout *r)
{
	struct delivery_counts c = {.total = (uint32_t)r->n_deliveries};
	for (size_t i = 0; i < r->n_deliveries; i++) {
		const struct delivery *d = &r->deliveries[i];
		c.applied += d->state == DELIVERY_APPLIED;
		c.rolled_back += d->state == DELIVERY_ROLLED_BACK;
		c.attention += d->state == DELIVERY_NEEDS_ATTENTION;
		c.failed += d->failed;
		c.open += !delivery_settled(d);
	}
	return c;
}

int view_rollout(struct brain *b, struct arena *a, const struct store_rollout *rec, const struct run *u, struct view_rollout *ret, struct err *e)
{
	struct view_rollout v = {.rec = rec, .run = u, .speed = {.left_us = -1}, .wave = ""};
	if (u)
		v.counts = counts_of(&u->r);
	else if (store_delivery_counts(b->store, rec->id, &v.counts, e) < 0)
		return -1;
	v.done = rec->direction == DIRECTION_APPLY ? v.counts.applied : v.counts.rolled_back;
	uint32_t wave = 0;
	v.awaits_pass = u && gate_awaited(u, &wave);
	v.code = code_of(rec->state, &v.counts, v.awaits_pass);
	if (u) {
		v.speed = view_speed(&u->r, u->notes, u->rec.changed_at_us, b->now_us);
		v.wave = wave_under_way(&u->r);
	}
	for (size_t i = 0; u && i < u->r.n_deliveries; i++) {
		v.moving += view_interest(&u->r.deliveries[i]) == INTEREST_MOVING;
		v.eyes += view_interest(&u->r.deliveries[i]) == INTEREST_EYES;
	}
	if (say(b, a, &v, e) < 0)
		return -1;
	*ret = v;
	return 0;
}
