/* How a rollout and each of its deliveries stand, in words, and what to type next. Every sentence is true of this state, names who has to act, and gives the command whole. See view.h. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "controller/view/view.h"

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

/* ---- a delivery ------------------------------------------------------------------------------------------------------------------------------------------- */

/* By what its site answered; what the site said until when, or whom to ask, stands in its detail. */
static const char *held_next(struct arena *a, const struct run *u, const struct delivery *d)
{
	const struct delivery_note *n = &u->notes[d->index];
	const char *code = str_or_empty(n->waits_code ? n->waits_code : n->code);
	if (d->frozen)
		return "starts when the freeze is over";
	if (u->r.state == ROLLOUT_PAUSED)
		return arena_printf(a, "goes on with the rollout: rollcall rollout resume %.8s", u->rec.id);
	if (str_eq(code, "hold"))
		return arena_printf(a, "its site lets it go on: rollcall-agent unhold %s", d->target);
	if (str_eq(code, "window"))
		return "starts by itself when its site's window opens";
	if (str_eq(code, "consent"))
		return arena_printf(a, "starts after its site's yes: rollcall-agent consent %s", d->target);
	if (str_eq(code, "policy-unreadable"))
		return "its site repairs its policy document: rollcall-agent check";
	return "its site is asked again by itself";
}

static const char *away(struct arena *a, const struct run *u, size_t i)
{
	char at[CLOCK_TEXT_SIZE];
	const struct brain_agent *g = u->agents[i];
	if (!g)
		return "no agent has this target now";
	return g->rec.seen_at_us ? arena_printf(a, "agent %s is offline, last seen %s", g->rec.name, clock_text(g->rec.seen_at_us, at))
	                         : arena_printf(a, "agent %s has never connected", g->rec.name);
}

/* What its agent was told to do with it before it went away, and since when that is. */
static const char *unknown_detail(struct arena *a, const struct run *u, size_t i)
{
	char at[CLOCK_TEXT_SIZE];
	const struct brain_agent *g = u->agents[i];
	const char *what =
	    u->r.deliveries[i].direction == DIRECTION_APPLY ? "whether it is applied is not known" : "whether it is taken back is not known";
	if (!g)
		return arena_printf(a, "%s: no agent has this target now", what);
	if (g->session)
		return arena_printf(a, "%s: agent %s is back and has not told yet", what, g->rec.name);
	return arena_printf(a, "%s: agent %s is away since %s", what, g->rec.name, clock_text(g->rec.seen_at_us, at));
}

/* What its rollback waits for comes first: it is what holds it up now. */
static const char *undo_waits_detail(struct arena *a, const struct run *u, size_t i, const char *waits)
{
	const char *why = str_or_empty(u->notes[i].detail);
	return arena_printf(a, "its rollback waits: %s%s%s", waits, *why ? "; before that: " : "", why);
}

const char *view_delivery_detail(struct arena *a, const struct run *u, size_t i)
{
	const struct delivery *d = &u->r.deliveries[i];
	if (d->state == DELIVERY_UNKNOWN)
		return unknown_detail(a, u, i);
	if (delivery_undo_waits(d) && (!d->session || u->notes[i].waits))
		return undo_waits_detail(a, u, i, d->session ? u->notes[i].waits : away(a, u, i));
	bool gone =
	    !d->session && !rollout_is_final(u->r.state) && (d->state == DELIVERY_UNREACHABLE || d->state == DELIVERY_DEFERRED || delivery_in_flight(d));
	return gone && (d->state != DELIVERY_DEFERRED || str_empty(u->notes[i].detail)) ? away(a, u, i) : str_or_empty(u->notes[i].detail);
}

/* Skipped by nobody: the order's time was over first. */
static bool never_began(const struct run *u, size_t i, int64_t now_us)
{
	return u->r.not_after_us <= now_us && u->r.state != ROLLOUT_ABORTED && u->r.deliveries[i].state == DELIVERY_SKIPPED &&
	       u->r.direction == DIRECTION_APPLY && !str_eq(u->notes[i].code, "skipped");
}

/* Of one that has ended and is not as it should be, when no retry can change that any more. */
static const char *next_after_expiry(struct arena *a, const struct delivery *d)
{
	if (d->state == DELIVERY_NEEDS_ATTENTION)
		return arena_printf(
		    a, "at the site: rollcall-agent resolve %s (shows what is open); this order has expired, so a new rollout brings the rest", d->target);
	return "repair the cause; this order has expired, so a new rollout brings it";
}

const char *view_go_on_without(struct arena *a, const struct run *u, const char *targets)
{
	if (u->r.state == ROLLOUT_ROLLING_BACK)
		return arena_printf(a, "rollcall rollout abort %.8s", u->rec.id);
	return arena_printf(a, "rollcall rollout skip %.8s %s --reason TEXT", u->rec.id, targets);
}

const char *view_delivery_next(struct arena *a, const struct run *u, size_t i, int64_t now_us)
{
	const struct delivery *d = &u->r.deliveries[i];
	bool goes_back = d->state == DELIVERY_ROLLED_BACK && d->order_direction != DIRECTION_APPLY;
	bool can_say = d->state != DELIVERY_UNKNOWN && !goes_back;
	if (u->r.not_after_us <= now_us && delivery_settled(d) && can_say && view_interest(d) == INTEREST_EYES)
		return next_after_expiry(a, d);
	if (never_began(u, i, now_us))
		return arena_printf(a, "the order's time was over before it could begin; it needs a new order: rollcall rollout catch-up PLAN -e %s",
		                    u->rec.environment);
	if (delivery_undo_waits(d) && (d->state == DELIVERY_DEFERRED || !d->session))
		return arena_printf(a, "is taken back by itself when its %s; not to wait: %s", d->session ? "site lets it" : "agent is back",
		                    view_go_on_without(a, u, d->target));
	switch (d->state) {
	case DELIVERY_UNREACHABLE:
		return "starts when its agent is back";
	case DELIVERY_HELD:
		return held_next(a, u, d);
	case DELIVERY_DEFERRED:
		return arena_printf(a, "follows by itself; not to wait: %s", view_go_on_without(a, u, d->target));
	case DELIVERY_UNKNOWN:
		return rollout_is_final(u->r.state)
		           ? "its agent's report is taken whenever it comes"
		           : arena_printf(a, "its agent tells when it is back; not to wait: %s", view_go_on_without(a, u, d->target));
	case DELIVERY_FAILED:
	case DELIVERY_REFUSED:
		return arena_printf(a, "repair the cause, then: rollcall rollout retry %.8s %s", u->rec.id, d->target);
	case DELIVERY_NEEDS_ATTENTION:
		return arena_printf(a, "at the site: rollcall-agent resolve %s (shows what is open), then: rollcall rollout retry %.8s %s", d->target,
		                    u->rec.id, d->target);
	case DELIVERY_ROLLED_BACK:
		return d->order_direction == DIRECTION_APPLY ? arena_printf(a, "to go forward again: rollcall rollout retry %.8s %s", u->rec.id, d->target)
		                                             : "";
	case DELIVERY_WAITING_LOCK:
		if (d->session)
			return "goes on by itself once the lock is free, or end what blocks it at the database";
		return "its agent may be working on; it tells when it is back";
	case DELIVERY_OFFERED:
	case DELIVERY_APPLYING:
	case DELIVERY_VALIDATING:
	case DELIVERY_ROLLING_BACK:
		return d->session ? "" : d->accepted ? "its agent may be working on; it tells when it is back" : "is offered again when its agent is back";
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
	return d->frozen ? d->frozen_until_us : d->retry_guessed ? 0 : d->retry_at_us;
}

/* ---- a rollout -------------------------------------------------------------------------------------------------------------------------------------------- */

/* Agents take nothing of an order whose time is over. */
static bool is_over(const struct brain *b, const struct view_rollout *v)
{
	return v->run && v->run->r.not_after_us <= b->now_us;
}

static const char *start_anew(struct arena *a, const struct store_rollout *r)
{
	if (r->direction == DIRECTION_APPLY)
		return arena_printf(a, "start a new rollout of %s to %s", r->release_version, r->environment);
	return arena_printf(a, "rollcall rollout rollback %.8s", str_or_empty(r->undoes));
}

/* Where a site's people have to judge something first, a retry alone changes nothing. */
static const char *then_retry(struct arena *a, const struct view_rollout *v)
{
	return arena_printf(a, "%s, then: rollcall rollout retry %.8s",
	                    v->counts.attention == 0 ? "repair the cause"
	                    : v->counts.attention < v->counts.failed
	                        ? "repair the cause, and at the site of each that needs attention: rollcall-agent resolve TARGET"
	                        : "at the site of each that needs attention: rollcall-agent resolve TARGET",
	                    v->rec->id);
}

/* After a failure that stands in a rollout that has ended. */
static const char *retry_next(const struct brain *b, struct arena *a, const struct view_rollout *v)
{
	if (is_over(b, v))
		return arena_printf(a, "its order has expired, so no retry: %s", start_anew(a, v->rec));
	return then_retry(a, v);
}

/* A rollback that fails because it was published wrong cannot be repaired in the database: its changeset is left applied and the rest goes back. */
static const char *halted_next(const struct brain *b, struct arena *a, const struct view_rollout *v)
{
	const struct store_rollout *r = v->rec;
	if (is_over(b, v))
		return arena_printf(a, "its order has expired, so no retry: rollcall rollout abort %.8s, then %s", r->id, start_anew(a, r));
	if (r->direction == DIRECTION_APPLY)
		return arena_printf(a, "%s (or abort, or rollback)", then_retry(a, v));
	return arena_printf(a,
	                    "repair the cause, then: rollcall rollout retry %.8s; or, where a changeset's rollback is wrong itself, leave that changeset "
	                    "applied: rollcall rollout abort %.8s, then rollcall rollout rollback %.8s --except CHANGESET",
	                    r->id, r->id, str_or_empty(r->undoes));
}

const char *view_wave_failed(struct arena *a, const struct rollout *r, uint32_t wave)
{
	char limit[16];
	const struct wave_run *w = &r->waves[wave];
	const struct wave_tally t = wave_tally(r, wave);
	if (!wave_fails(r, wave))
		return "";
	if (t.failures > limit_of(w->max_failures, w->target_count))
		return arena_printf(a, "%" PRIu32 " of %" PRIu32 " failed, %s allowed", t.failures, w->target_count, limit_text(w->max_failures, limit));
	if (w->detail)
		return w->detail;
	return arena_printf(a, "%" PRIu32 " of %" PRIu32 " can still succeed, %s have to", t.done + t.hopeful, w->target_count,
	                    limit_text(w->min_success, limit));
}

/* Which wave stopped it, and by what. */
static const char *why_stopped(struct arena *a, const struct view_rollout *v)
{
	for (uint32_t i = 0; v->run && i < v->run->r.n_waves; i++) {
		const char *why = view_wave_failed(a, &v->run->r, i);
		if (*why)
			return arena_printf(a, "wave %s: %s", v->run->r.waves[i].name, why);
	}
	return str_or_empty(v->rec->detail);
}

static int say_awaiting(struct brain *b, struct arena *a, struct view_rollout *v, struct err *e)
{
	size_t have = 0;
	uint32_t need = 0;
	const char *signers = "", *others = "";
	if (order_approvals(b, v->run, &have, &need, e) < 0 || order_approvers(b, v->run, &signers, &others, e) < 0)
		return -1;
	if (need == UINT32_MAX)
		v->detail = arena_printf(a, "the trust document names no approvers for %s", v->rec->environment);
	else
		v->detail = arena_printf(a, "%zu of %" PRIu32 " approvals%s%s%s%s", have, need, *signers ? ", by " : "", signers,
		                         *others ? (*signers ? "; may sign too: " : "; may sign: ") : "", others);
	v->next = arena_printf(a, "an approver runs: rollcall rollout approve %.8s --key KEY", v->rec->id);
	return 0;
}

/* A wave is good, and the next one needs its gate's signatures. */
static bool say_awaits_pass(struct brain *b, struct arena *a, struct view_rollout *v)
{
	uint32_t wave = 0;
	if (!v->run || !v->awaits_pass || !gate_awaited(v->run, &wave))
		return false;
	v->state = "awaiting-pass";
	v->detail = arena_printf(a, "wave %s is good, and the next one begins when its gate's keys have signed: %s", v->run->r.waves[wave].name,
	                         gate_missing(b, a, v->run, wave));
	v->next = arena_printf(a, "who has such a key runs: rollcall gate pass %.8s --trust TRUST-DOCUMENT --key KEY", v->rec->id);
	return true;
}

static void say_running(struct brain *b, struct arena *a, struct view_rollout *v)
{
	char at[CLOCK_TEXT_SIZE], left[CLOCK_TEXT_SIZE];
	if (v->rec->state == ROLLOUT_RUNNING && say_awaits_pass(b, a, v))
		return;
	if (v->run && v->run->r.not_before_us > b->now_us) {
		v->state = "scheduled";
		v->starts_at_us = v->run->r.not_before_us;
		v->detail = arena_printf(a, "nothing starts before %s, in %s", clock_text(v->starts_at_us, at),
		                         clock_duration_text(v->starts_at_us - b->now_us, left));
		return;
	}
	v->detail = *v->wave ? arena_printf(a, "wave %s%s", v->wave, v->eyes ? arena_printf(a, ", %" PRIu32 " to look at", v->eyes) : "")
	                     : str_or_empty(v->rec->detail);
}

static uint32_t still_to_undo(const struct rollout *r)
{
	uint32_t n = 0;
	for (size_t i = 0; i < r->n_deliveries; i++)
		n += delivery_is_undo(&r->deliveries[i]) && !delivery_settled(&r->deliveries[i]);
	return n;
}

static void say_catching_up(struct arena *a, struct view_rollout *v)
{
	char at[CLOCK_TEXT_SIZE];
	v->detail = str_or_empty(v->rec->detail);
	if (!v->run)
		return;
	uint32_t back = still_to_undo(&v->run->r), follow = v->counts.open - back;
	const char *follows = follow ? arena_printf(a, "%" PRIu32 " deferred target%s may follow", follow, plural(follow)) : "";
	const char *backs = back ? arena_printf(a, "%" PRIu32 " failed target%s may be taken back", back, plural(back)) : "";
	v->detail =
	    arena_printf(a, "every wave passed; %s%s%s until %s", follows, follow && back ? ", and " : "", backs, clock_text(v->run->r.not_after_us, at));
}

static void say_succeeded(const struct brain *b, struct arena *a, struct view_rollout *v)
{
	v->detail = str_or_empty(v->rec->detail);
	if (v->counts.failed == 0)
		return;
	v->next = retry_next(b, a, v);
	v->detail = arena_printf(a, "every wave passed, with %" PRIu32 " failure%s that the plan allows", v->counts.failed, plural(v->counts.failed));
}

/* What stays as it is when nothing more happens. */
static void say_aborted(struct arena *a, struct view_rollout *v)
{
	uint32_t left = v->counts.total - v->counts.applied - v->counts.rolled_back;
	v->detail = arena_printf(a, "%s; %" PRIu32 " of %" PRIu32 " target%s stay%s as before", str_or_empty(v->rec->detail), left, v->counts.total,
	                         plural(v->counts.total), left == 1 ? "s" : "");
	if (v->rec->direction == DIRECTION_APPLY && v->counts.applied && !v->undone_by)
		v->next = arena_printf(a, "what was applied stays; to take it back: rollcall rollout rollback %.8s", v->rec->id);
}

/* A rollback of it that has taken something back, the newest. */
static int find_undoing(struct brain *b, struct arena *a, struct view_rollout *v, struct err *e)
{
	struct store_rollout *list = NULL;
	size_t n = 0;
	if (v->rec->direction != DIRECTION_APPLY || !rollout_is_final(v->rec->state))
		return 0;
	if (store_rollouts(b->store, NULL, false, a, &list, &n, e) < 0)
		return -1;
	for (size_t i = n; i-- > 0 && !v->undone_by;) {
		struct delivery_counts c = {0};
		if (!str_eq(list[i].undoes, v->rec->id))
			continue;
		if (store_delivery_counts(b->store, list[i].id, &c, e) < 0)
			return -1;
		v->undone_by = c.rolled_back ? list[i].id : NULL;
		v->undone = c.rolled_back;
	}
	return 0;
}

int view_say(struct brain *b, struct arena *a, struct view_rollout *v, struct err *e)
{
	const struct store_rollout *r = v->rec;
	v->state = rollout_state_name(r->state);
	v->next = "";
	v->detail = str_or_empty(r->detail);
	if (find_undoing(b, a, v, e) < 0)
		return -1;
	switch (r->state) {
	case ROLLOUT_AWAITING_APPROVAL:
		if (v->run && say_awaiting(b, a, v, e) < 0)
			return -1;
		break;
	case ROLLOUT_RUNNING:
	case ROLLOUT_SOAKING:
		say_running(b, a, v);
		break;
	case ROLLOUT_CATCHING_UP:
		say_catching_up(a, v);
		break;
	case ROLLOUT_PAUSED:
		v->next = is_over(b, v)
		              ? arena_printf(a, "its order has expired, so it cannot go on: rollcall rollout abort %.8s, then %s", r->id, start_anew(a, r))
		              : arena_printf(a, "to go on: rollcall rollout resume %.8s", r->id);
		break;
	case ROLLOUT_HALTED:
		v->detail = arena_printf(a, "%s; nothing new starts", why_stopped(a, v));
		v->next = halted_next(b, a, v);
		break;
	case ROLLOUT_ROLLING_BACK:
		v->detail = arena_printf(a, "%s; what the plan's on_failure names is being taken back", why_stopped(a, v));
		break;
	case ROLLOUT_FAILED:
		v->detail = why_stopped(a, v);
		v->next = retry_next(b, a, v);
		break;
	case ROLLOUT_SUCCEEDED:
		say_succeeded(b, a, v);
		break;
	case ROLLOUT_ABORTED:
		say_aborted(a, v);
		break;
	case ROLLOUT_PENDING:
	case ROLLOUT_ABORTING:
	case ROLLOUT_STATE_COUNT:
		break;
	}
	if (v->undone_by) {
		v->detail =
		    arena_printf(a, "%s; taken back since at %" PRIu32 " target%s by rollout %.8s", v->detail, v->undone, plural(v->undone), v->undone_by);
		v->next = "";
	}
	return 0;
}
