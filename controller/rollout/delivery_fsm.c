/* One release on one target.
 *
 *            agent gone
 *   PENDING <----------> UNREACHABLE
 *     |  ^ busy, hold over
 *     |  +--------------------------- HELD <-- a freeze: from PENDING
 *     | offer                          ^ hold, window
 *     v                                |
 *   OFFERED --> WAITING-LOCK <--> APPLYING <--> VALIDATING     progress moves freely among these four and ROLLING-BACK: its frames may be lost
 *     |               |               |             |
 *     +---------------+---- report ---+-------------+------> APPLIED | FAILED | REFUSED | NEEDS-ATTENTION | ROLLED-BACK (rollback order)
 *     | recalled: to PENDING      undo (on_failure)
 *     v    APPLIED, FAILED, begun ones ----> ROLLING-BACK --report--> ROLLED-BACK | FAILED | NEEDS-ATTENTION
 *                                               |  ^ agent back, hold over
 *                                        defer  v  | catch up
 *                                             DEFERRED, while nobody has it
 *
 *   defer (waited for defer_after): UNREACHABLE, HELD, OFFERED without its agent --> DEFERRED --catch up--> PENDING (one to be taken back: ROLLING-BACK)
 *   leave out (an operator's skip): PENDING, UNREACHABLE, HELD, DEFERRED, UNKNOWN, FAILED, REFUSED, NEEDS-ATTENTION, ROLLED-BACK, an undo that is not offered --> SKIPPED
 *   retry: FAILED, REFUSED, NEEDS-ATTENTION, ROLLED-BACK --> PENDING (or ROLLING-BACK, when it was the undoing that failed)
 *
 *   lose (its agent went away with it, and nobody waits for it): OFFERED, WAITING-LOCK, APPLYING, VALIDATING, ROLLING-BACK --> UNKNOWN --agent back, progress, report--> as it is
 *
 * A report is a fact: it is taken in every state in which the task may be known to the agent, also in PENDING (a restored store) and SKIPPED (a recall that came too late). */
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/rollout/rollout.h"

static const char *const states[DELIVERY_STATE_COUNT] = {"pending",         "unreachable", "offered",      "held",    "deferred", "waiting-lock",
                                                         "applying",        "validating",  "rolling-back", "applied", "failed",   "rolled-back",
                                                         "needs-attention", "refused",     "skipped",      "unknown"};
static const char *const events[DELIVERY_EVENT_COUNT] = {"offer",           "accept",     "busy",        "hold",       "hold-over",   "refuse",
                                                         "recalled",        "agent-gone", "agent-back",  "is-waiting", "is-applying", "is-validating",
                                                         "is-rolling-back", "applied",    "rolled-back", "failed",     "refused",     "unclear",
                                                         "report-held",     "undo",       "retry",       "skip",       "freeze",      "defer",
                                                         "catch-up",        "expire",     "leave-out",   "lose"};

enum { NOTHING, FROZEN, EXCUSE, SENT, ASK, ACCEPTED, AGAIN, AGAIN_ANEW, FAILURE, COUNT, START_UNDO, NEXT_ATTEMPT, CLOSE };
static const char *const actions[] = {NULL,
                                      "hold by freeze",
                                      "forget failure",
                                      "send offer",
                                      "ask again",
                                      "note accept",
                                      "offer again later",
                                      "offer anew later",
                                      "close as failure",
                                      "count failure",
                                      "start undo",
                                      "next attempt",
                                      "close"};

bool delivery_is_undo(const struct delivery *d)
{
	return d->direction != d->order_direction;
}

static bool is_undo(const void *facts)
{
	return delivery_is_undo(facts);
}
static bool is_apply_order(const void *facts)
{
	return ((const struct delivery *)facts)->order_direction == DIRECTION_APPLY;
}
static bool is_forward(const void *facts)
{
	return !is_undo(facts);
}
static bool is_unoffered_undo(const void *facts)
{
	return is_undo(facts) && !((const struct delivery *)facts)->offered_at_us;
}
static bool is_unoffered(const void *facts)
{
	return !((const struct delivery *)facts)->offered_at_us;
}
static bool is_begun(const void *facts)
{
	const struct delivery *d = facts;
	return d->touched && !delivery_is_undo(d);
}
static bool is_untaken(const void *facts)
{
	const struct delivery *d = facts;
	return !d->accepted && !d->session && !delivery_is_undo(d);
}
static bool is_away(const void *facts)
{
	const struct delivery *d = facts;
	return !d->session && d->offered_at_us;
}
static bool is_waited_for(const void *facts)
{
	return !delivery_settled(facts);
}
static const struct fsm_guard away_with_it = {"offered, its agent away", is_away};
static const struct fsm_guard waited_for = {"still waited for", is_waited_for};
static const struct fsm_guard begun = {"begun, not undoing", is_begun};
static const struct fsm_guard untaken = {"not accepted, its agent away", is_untaken};
static const struct fsm_guard unoffered_undo = {"undoing, not offered", is_unoffered_undo};
static const struct fsm_guard unoffered = {"not offered", is_unoffered};
static const struct fsm_guard forward = {"not undoing", is_forward};
static const struct fsm_guard undo = {"undoing", is_undo};
static const struct fsm_guard apply_order = {"apply order", is_apply_order};

#define RETRY_HELD_US (30 * INT64_C(1000000)) /* when the agent does not say until when */
#define RETRY_BUSY_US (1 * INT64_C(1000000))

#define S(x)  DELIVERY_##x
#define EV(x) DELIVERY_EV_##x
/* What a report that says how it ended does. */
#define OUTCOMES(from)                                                                                                          \
	{S(from), EV(APPLIED), NULL, S(APPLIED), CLOSE, "the ledger has all of it, and the signed report is stored"},               \
	    {S(from), EV(ROLLED_BACK), NULL, S(ROLLED_BACK), CLOSE, "all of it is undone, and the signed report is stored"},        \
	    {S(from), EV(FAILED), NULL, S(FAILED), FAILURE, "a step or a validation failed and had no lasting effect"},             \
	    {S(from), EV(REFUSED), &undo, S(FAILED), FAILURE, "the undoing was refused: what was applied stays"},                   \
	    {S(from), EV(REFUSED), NULL, S(REFUSED), FAILURE, "the site verified and said no: no statement ran"},                   \
	{                                                                                                                           \
		S(from), EV(UNCLEAR), NULL, S(NEEDS_ATTENTION), FAILURE, "an outcome that only a person can settle counts as a failure" \
	}
/* The same of a delivery that is not settled. */
#define REPORTS(from)                                                                                                 \
	OUTCOMES(from),                                                                                                   \
	{                                                                                                                 \
		S(from), EV(HELD), NULL, S(HELD), AGAIN_ANEW, "the site holds it, and has closed this attempt: not a failure" \
	}
/* What on_failure does to a delivery that waits. */
#define TAKEN_BACK(from)                                                                                               \
	{                                                                                                                  \
		S(from), EV(UNDO), &begun, S(ROLLING_BACK), START_UNDO, "on_failure takes back what was done before it waited" \
	}
/* An operator's word that the rollout goes on without it. */
#define LEFT_OUT(from, why)                                       \
	{                                                             \
		S(from), EV(LEAVE_OUT), &forward, S(SKIPPED), EXCUSE, why \
	}
/* What is to be taken back, and no agent has been given that task: it waits, and may end without. */
#define UNDO_WAITS(from, guard)                                                                                                                \
	{S(from), EV(SKIP), guard, S(FAILED), FAILURE, "the rollout was aborted before it was taken back: what was applied stays"},                \
	    {S(from), EV(EXPIRE), guard, S(FAILED), FAILURE, "the order's time ran out before it was taken back: what was applied stays"},         \
	{                                                                                                                                          \
		S(from), EV(LEAVE_OUT), guard, S(SKIPPED), EXCUSE, "an operator lets the rollout go on without taking it back: what was applied stays" \
	}
/* What PROGRESS does to a delivery that an agent works on. */
#define PROGRESS(from)                                                                     \
	{S(from), EV(IS_WAITING), NULL, S(WAITING_LOCK), ACCEPTED, "the lock is polled"},      \
	    {S(from), EV(IS_APPLYING), NULL, S(APPLYING), ACCEPTED, "a step runs"},            \
	    {S(from), EV(IS_VALIDATING), NULL, S(VALIDATING), ACCEPTED, "a validation runs"},  \
	{                                                                                      \
		S(from), EV(IS_ROLLING_BACK), NULL, S(ROLLING_BACK), ACCEPTED, "rollback SQL runs" \
	}
/* An agent that came back is offered the same task again and answers with what it knows of it. */
#define ANSWERS(from)                                                                                                  \
	{S(from), EV(OFFER), NULL, S(from), SENT, "offered again: the agent answers a known task with its present state"}, \
	    {S(from), EV(ACCEPT), NULL, S(from), ACCEPTED, "it is in the agent's journal"},                                \
	    {S(from), EV(HOLD), NULL, S(HELD), AGAIN, "the site holds it, or its window is closed: not a failure"},        \
	    {S(from), EV(REFUSE), &undo, S(FAILED), FAILURE, "the undoing was refused: what was applied stays"},           \
	    {S(from), EV(REFUSE), NULL, S(REFUSED), FAILURE, "the agent will not take it"},                                \
	    {S(from), EV(LEAVE_OUT), &away_with_it, S(SKIPPED), EXCUSE, "an operator does not wait for its agent"},        \
	{                                                                                                                  \
		S(from), EV(LOSE), &away_with_it, S(UNKNOWN), NOTHING, "its agent went away with it and is not waited for"     \
	}

static const struct fsm_row rows[] = {
    {S(PENDING), EV(OFFER), NULL, S(OFFERED), SENT, "its turn has come and there is room"},
    {S(PENDING), EV(AGENT_GONE), NULL, S(UNREACHABLE), NOTHING, "its turn has come and its agent is not connected"},
    {S(PENDING), EV(SKIP), NULL, S(SKIPPED), CLOSE, "the rollout was aborted before its turn"},
    {S(PENDING), EV(FREEZE), NULL, S(HELD), FROZEN, "a freeze of the central team: nothing new starts"},
    {S(PENDING), EV(EXPIRE), NULL, S(SKIPPED), CLOSE, "the order's time ran out before it could be reached"},
    LEFT_OUT(PENDING, "an operator skips it before its turn"),
    TAKEN_BACK(PENDING),
    REPORTS(PENDING),

    {S(UNREACHABLE), EV(AGENT_BACK), NULL, S(PENDING), NOTHING, "its agent is connected again"},
    {S(UNREACHABLE), EV(SKIP), NULL, S(SKIPPED), CLOSE, "the rollout was aborted before it could be reached"},
    {S(UNREACHABLE), EV(DEFER), NULL, S(DEFERRED), NOTHING, "not connected for defer_after: the others go on without it"},
    {S(UNREACHABLE), EV(EXPIRE), NULL, S(SKIPPED), CLOSE, "the order's time ran out before it could be reached"},
    LEFT_OUT(UNREACHABLE, "an operator skips it instead of waiting for its agent"),
    TAKEN_BACK(UNREACHABLE),
    REPORTS(UNREACHABLE),

    ANSWERS(OFFERED),
    {S(OFFERED), EV(BUSY), NULL, S(PENDING), AGAIN, "the agent has no room just now"},
    {S(OFFERED), EV(DEFER), &forward, S(DEFERRED), CLOSE, "its agent went away before it took it: the others go on without it"},
    {S(OFFERED), EV(EXPIRE), &untaken, S(SKIPPED), CLOSE, "the order's time ran out, and its agent, which is away, has not said that it took it"},
    {S(OFFERED), EV(RECALLED), NULL, S(PENDING), AGAIN_ANEW, "taken back before it started: its agent has closed this attempt"},
    PROGRESS(OFFERED),
    REPORTS(OFFERED),

    {S(HELD), EV(HOLD_OVER), &undo, S(ROLLING_BACK), NOTHING, "ask the site again"},
    {S(HELD), EV(HOLD_OVER), NULL, S(PENDING), NOTHING, "ask the site again"},
    UNDO_WAITS(HELD, &undo),
    {S(HELD), EV(SKIP), NULL, S(SKIPPED), CLOSE, "the rollout was aborted while the site held it"},
    {S(HELD), EV(DEFER), NULL, S(DEFERRED), NOTHING, "held for defer_after: the others go on without it"},
    {S(HELD), EV(EXPIRE), NULL, S(SKIPPED), CLOSE, "the order's time ran out while it was held"},
    LEFT_OUT(HELD, "an operator skips it instead of waiting for the hold's end"),
    TAKEN_BACK(HELD),
    PROGRESS(HELD),
    REPORTS(HELD),

    {S(DEFERRED), EV(CATCH_UP), &undo, S(ROLLING_BACK), NOTHING, "it can be taken back now, as it was to be"},
    UNDO_WAITS(DEFERRED, &undo),
    {S(DEFERRED), EV(CATCH_UP), NULL, S(PENDING), NOTHING, "it can start now: it follows the others"},
    {S(DEFERRED), EV(SKIP), NULL, S(SKIPPED), CLOSE, "the rollout was aborted before it could follow"},
    {S(DEFERRED), EV(EXPIRE), NULL, S(SKIPPED), CLOSE, "the order's time ran out before it could follow"},
    LEFT_OUT(DEFERRED, "an operator skips it instead of letting it follow"),
    TAKEN_BACK(DEFERRED),
    PROGRESS(DEFERRED),
    REPORTS(DEFERRED),

    ANSWERS(WAITING_LOCK),
    PROGRESS(WAITING_LOCK),
    REPORTS(WAITING_LOCK),
    ANSWERS(APPLYING),
    PROGRESS(APPLYING),
    REPORTS(APPLYING),
    ANSWERS(VALIDATING),
    PROGRESS(VALIDATING),
    REPORTS(VALIDATING),

    ANSWERS(ROLLING_BACK),
    {S(ROLLING_BACK), EV(RECALLED), NULL, S(ROLLING_BACK), AGAIN_ANEW, "taken back before it started: its agent has closed this attempt"},
    {S(ROLLING_BACK), EV(DEFER), &unoffered_undo, S(DEFERRED), NOTHING,
     "its agent is away: the others go on, and it is taken back when that is there"},
    UNDO_WAITS(ROLLING_BACK, &unoffered_undo),
    {S(ROLLING_BACK), EV(SKIP), &unoffered, S(SKIPPED), CLOSE, "the rollout was aborted before it could be offered again"},
    {S(ROLLING_BACK), EV(BUSY), NULL, S(ROLLING_BACK), AGAIN, "the agent has no room just now"},
    PROGRESS(ROLLING_BACK),
    REPORTS(ROLLING_BACK),

    {S(UNKNOWN), EV(AGENT_BACK), &undo, S(ROLLING_BACK), ASK, "its agent is back: it is asked what became of it"},
    {S(UNKNOWN), EV(AGENT_BACK), NULL, S(OFFERED), NOTHING, "its agent is back: it is asked what became of it"},
    {S(UNKNOWN), EV(EXPIRE), &waited_for, S(UNKNOWN), COUNT,
     "the order's time ran out and its agent has not said: it counts as a failure until it does"},
    {S(UNKNOWN), EV(LEAVE_OUT), NULL, S(SKIPPED), EXCUSE, "an operator lets the rollout go on without knowing; its report is taken all the same"},
    PROGRESS(UNKNOWN),
    REPORTS(UNKNOWN),

    {S(APPLIED), EV(UNDO), NULL, S(ROLLING_BACK), START_UNDO, "on_failure takes the wave, or all waves, back"},
    {S(FAILED), EV(UNDO), NULL, S(ROLLING_BACK), START_UNDO, "on_failure takes the failed target back"},
    TAKEN_BACK(REFUSED),
    {S(FAILED), EV(RETRY), &undo, S(ROLLING_BACK), NEXT_ATTEMPT, "an operator wants the undoing tried again"},
    {S(FAILED), EV(RETRY), NULL, S(PENDING), NEXT_ATTEMPT, "an operator wants it tried again"},
    {S(REFUSED), EV(RETRY), NULL, S(PENDING), NEXT_ATTEMPT, "an operator wants it tried again"},
    {S(NEEDS_ATTENTION), EV(RETRY), &undo, S(ROLLING_BACK), NEXT_ATTEMPT, "an operator settled it; the agent asks the database first"},
    {S(NEEDS_ATTENTION), EV(RETRY), NULL, S(PENDING), NEXT_ATTEMPT, "an operator settled it; the agent asks the database first"},
    {S(ROLLED_BACK), EV(RETRY), &apply_order, S(PENDING), NEXT_ATTEMPT, "an operator wants to go forward again"},
    LEFT_OUT(FAILED, "an operator lets the rollout go on without it"),
    LEFT_OUT(REFUSED, "an operator lets the rollout go on without it"),
    LEFT_OUT(NEEDS_ATTENTION, "an operator lets the rollout go on without it; at the site it is still to be settled"),
    {S(ROLLED_BACK), EV(LEAVE_OUT), &apply_order, S(SKIPPED), EXCUSE, "an operator lets the rollout go on without it"},
    {S(SKIPPED), EV(ROLLED_BACK), &undo, S(SKIPPED), CLOSE, "taken back after all; the rollout went on without it"},
    OUTCOMES(SKIPPED),
    {S(SKIPPED), EV(HELD), NULL, S(SKIPPED), CLOSE, "the rollout went on without it, and so does the site"},
};

const struct fsm delivery_fsm = {
    .name = "delivery",
    .states = states,
    .n_states = DELIVERY_STATE_COUNT,
    .events = events,
    .n_events = DELIVERY_EVENT_COUNT,
    .actions = actions,
    .rows = rows,
    .n_rows = ARRAY_LEN(rows),
    .initial = DELIVERY_PENDING,
    .final = 1ULL << S(APPLIED) | 1ULL << S(FAILED) | 1ULL << S(ROLLED_BACK) | 1ULL << S(NEEDS_ATTENTION) | 1ULL << S(REFUSED) | 1ULL << S(SKIPPED),
};

static void forget_offer(struct delivery *d)
{
	d->accepted = d->recalled = false;
	d->offered_at_us = d->recalled_at_us = 0;
	d->offered_session = 0;
}

/* Of one that was given up waiting for: its agent may have it all the same. */
static void note_offered(struct delivery *d, int64_t now_us)
{
	d->offered_at_us = d->offered_at_us ? d->offered_at_us : now_us;
}

static void again(struct delivery *d, int64_t now_us)
{
	forget_offer(d);
	d->retry_at_us = now_us + (d->state == DELIVERY_HELD ? RETRY_HELD_US : RETRY_BUSY_US);
	d->retry_guessed = true;
}

/* Since when its wave waits for it; asking a held one again and again starts no new count. */
static void note_stall(struct delivery *d, int64_t now_us)
{
	bool waits = d->state == DELIVERY_UNREACHABLE || d->state == DELIVERY_HELD;
	bool asked =
	    d->state == DELIVERY_PENDING || d->state == DELIVERY_OFFERED || (d->state == DELIVERY_ROLLING_BACK && delivery_is_undo(d) && !d->accepted);
	if (waits && !d->stalled_since_us)
		d->stalled_since_us = now_us;
	else if (!waits && !asked)
		d->stalled_since_us = 0;
}

/* What a report says about the database, whatever the delivery's state was before. */
static void note_touch(struct delivery *d, int event)
{
	if (event == EV(APPLIED) || event == EV(FAILED) || event == EV(UNCLEAR))
		d->touched = true;
	else if (event == EV(ROLLED_BACK))
		d->touched = false;
}

static void act(struct delivery *d, int action, int64_t now_us)
{
	switch (action) {
	case FROZEN:
		d->frozen = true;
		d->retry_at_us = d->frozen_until_us;
		break;
	case EXCUSE:
		d->failed = false;
		forget_offer(d);
		break;
	case SENT:
		d->attempt += d->attempt == 0;
		d->offered_at_us = now_us;
		d->offered_session = d->session;
		d->retry_at_us = 0;
		break;
	case ACCEPTED:
		d->accepted = true;
		note_offered(d, now_us);
		break;
	case ASK:
		note_offered(d, now_us);
		break;
	case FAILURE:
		d->failed = true;
		forget_offer(d);
		break;
	case COUNT:
		d->failed = true;
		if (delivery_is_undo(d))
			d->offered_at_us = 0; /* by which it is not waited for any more: it may have counted before */
		break;
	case START_UNDO:
		d->direction = DIRECTION_ROLLBACK;
		d->retry_at_us = d->stalled_since_us = 0;
		forget_offer(d);
		break;
	case NEXT_ATTEMPT:
		d->attempt++;
		d->failed = false;
		if (d->state == DELIVERY_PENDING)
			d->direction = d->order_direction;
		d->retry_at_us = 0;
		forget_offer(d);
		break;
	case AGAIN_ANEW: /* the agent's journal has a final report of this attempt and would only repeat it */
		d->attempt++;
		again(d, now_us);
		break;
	case AGAIN:
		again(d, now_us);
		break;
	case CLOSE:
		forget_offer(d);
		break;
	case NOTHING:
		break;
	}
}

int delivery_step(struct delivery *d, enum delivery_event ev, int64_t now_us, const struct fsm_row **ret_row, struct err *e)
{
	const struct fsm_row *row = NULL;
	if (fsm_step(&delivery_fsm, (int)d->state, (int)ev, d, &row, e) < 0)
		return err_wrap(e, "%s", d->target);
	d->state = (enum delivery_state)row->to;
	d->frozen &= d->state == DELIVERY_HELD;
	d->failed &= !delivery_done(d); /* one that was counted while nobody knew */
	act(d, row->action, now_us);
	note_stall(d, now_us);
	note_touch(d, row->event);
	if (ret_row)
		*ret_row = row;
	return 0;
}

enum delivery_event delivery_event_of_outcome(enum outcome o)
{
	static const enum delivery_event map[OUTCOME_COUNT] = {
	    [OUTCOME_APPLIED] = EV(APPLIED), [OUTCOME_ROLLED_BACK] = EV(ROLLED_BACK), [OUTCOME_FAILED] = EV(FAILED),
	    [OUTCOME_REFUSED] = EV(REFUSED), [OUTCOME_NEEDS_ATTENTION] = EV(UNCLEAR), [OUTCOME_HELD] = EV(HELD),
	};
	return map[o];
}

bool delivery_event_of_progress(const char *state, enum delivery_event *ret)
{
	static const struct {
		const char *name;
		enum delivery_event event;
	} map[] = {
	    {"waiting-lock", EV(IS_WAITING)}, {"applying", EV(IS_APPLYING)}, {"validating", EV(IS_VALIDATING)}, {"rolling-back", EV(IS_ROLLING_BACK)}};
	for (size_t i = 0; i < ARRAY_LEN(map); i++)
		if (str_eq(map[i].name, state))
			return *ret = map[i].event, true;
	return false;
}

bool delivery_in_flight(const struct delivery *d)
{
	switch (d->state) {
	case DELIVERY_OFFERED:
	case DELIVERY_WAITING_LOCK:
	case DELIVERY_APPLYING:
	case DELIVERY_VALIDATING:
		return true;
	case DELIVERY_ROLLING_BACK:
		return d->offered_at_us != 0;
	case DELIVERY_PENDING:
	case DELIVERY_UNREACHABLE:
	case DELIVERY_HELD:
	case DELIVERY_DEFERRED:
	case DELIVERY_APPLIED:
	case DELIVERY_FAILED:
	case DELIVERY_ROLLED_BACK:
	case DELIVERY_NEEDS_ATTENTION:
	case DELIVERY_REFUSED:
	case DELIVERY_SKIPPED:
	case DELIVERY_UNKNOWN:
	case DELIVERY_STATE_COUNT:
		break;
	}
	return false;
}

bool delivery_done(const struct delivery *d)
{
	return d->state == (d->order_direction == DIRECTION_APPLY ? DELIVERY_APPLIED : DELIVERY_ROLLED_BACK);
}

bool delivery_settled(const struct delivery *d)
{
	return delivery_fsm.final >> d->state & 1 || (d->state == DELIVERY_UNKNOWN && d->failed && !(delivery_is_undo(d) && d->offered_at_us));
}

bool delivery_undo_waits(const struct delivery *d)
{
	return delivery_is_undo(d) &&
	       (d->state == DELIVERY_HELD || d->state == DELIVERY_DEFERRED || (d->state == DELIVERY_ROLLING_BACK && !d->offered_at_us));
}

const char *delivery_state_name(enum delivery_state s)
{
	return states[s];
}

bool delivery_state_parse(const char *s, enum delivery_state *ret)
{
	for (size_t i = 0; i < DELIVERY_STATE_COUNT; i++)
		if (str_eq(s, states[i]))
			return *ret = (enum delivery_state)i, true;
	return false;
}
