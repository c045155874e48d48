/* One release going over one environment.
 *
 *   PENDING --ask--> AWAITING-APPROVAL --approved--> RUNNING <--pause, resume--> PAUSED
 *      |                                               |  |  \
 *      +-------------------approved (threshold 0)------+  |   +--last soak--> SOAKING --all passed--> SUCCEEDED
 *                                                         |
 *          a wave fails:       on_failure halt, rollback-target --> HALTED --retry--> RUNNING
 *                              on_failure rollback-wave, -all ----> ROLLING-BACK --undone--> FAILED --retry--> RUNNING
 *
 *   The waves are done but deferred targets are left: RUNNING, SOAKING --catch up--> CATCHING-UP --all passed--> SUCCEEDED
 *   abort: from every state that is not final --> ABORTING --drained--> ABORTED.  A rollback is a rollout of its own, which supersedes this one. */
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/rollout/rollout.h"

static const char *const states[ROLLOUT_STATE_COUNT] = {"pending",  "awaiting-approval", "running", "paused",      "halted",    "rolling-back",
                                                        "aborting", "aborted",           "soaking", "catching-up", "succeeded", "failed"};
static const char *const events[ROLLOUT_EVENT_COUNT] = {"ask",        "approved", "expired",  "pause",      "resume",  "halt",
                                                        "undo",       "undone",   "abort",    "superseded", "drained", "last-soak",
                                                        "all-passed", "retry",    "catch-up", "leave-out"};

#define S(x)  ROLLOUT_##x
#define EV(x) ROLLOUT_EV_##x

static const struct fsm_row rows[] = {
    {S(PENDING), EV(ASK), NULL, S(AWAITING_APPROVAL), 0, "the environment asks for approvals"},
    {S(PENDING), EV(APPROVED), NULL, S(RUNNING), 0, "the environment asks for no approval"},
    {S(AWAITING_APPROVAL), EV(APPROVED), NULL, S(RUNNING), 0, "enough approvers signed the order"},
    {S(AWAITING_APPROVAL), EV(ABORT), NULL, S(ABORTED), 0, "nothing was sent yet"},
    {S(AWAITING_APPROVAL), EV(EXPIRED), NULL, S(FAILED), 0, "the order's time ran out before it was approved"},
    {S(AWAITING_APPROVAL), EV(SUPERSEDED), NULL, S(ABORTED), 0, "another rollout takes its targets over"},
    {S(RUNNING), EV(PAUSE), NULL, S(PAUSED), 0, "an operator wants no new starts for now"},
    {S(RUNNING), EV(HALT), NULL, S(HALTED), 0, "a wave did not pass its gate"},
    {S(RUNNING), EV(UNDO), NULL, S(ROLLING_BACK), 0, "a wave did not pass its gate, and the order says to take it back"},
    {S(RUNNING), EV(EXPIRED), NULL, S(HALTED), 0, "the order's time ran out: agents would refuse what is left"},
    {S(RUNNING), EV(ABORT), NULL, S(ABORTING), 0, "an operator gives it up; what runs ends by itself"},
    {S(RUNNING), EV(LAST_SOAK), NULL, S(SOAKING), 0, "every delivery has its outcome; the last wave is watched"},
    {S(RUNNING), EV(ALL_PASSED), NULL, S(SUCCEEDED), 0, "every wave passed"},
    {S(RUNNING), EV(RETRY), NULL, S(RUNNING), 0, "failed deliveries are tried again"},
    {S(PAUSED), EV(RESUME), NULL, S(RUNNING), 0, "an operator lets it go on"},
    {S(PAUSED), EV(ABORT), NULL, S(ABORTING), 0, "an operator gives it up"},
    {S(PAUSED), EV(RETRY), NULL, S(PAUSED), 0, "failed deliveries are tried again once it goes on"},
    {S(PAUSED), EV(SUPERSEDED), NULL, S(ABORTING), 0, "a rollback takes its targets over"},
    {S(HALTED), EV(RETRY), NULL, S(RUNNING), 0, "the cause was repaired: failed deliveries are tried again"},
    {S(HALTED), EV(ABORT), NULL, S(ABORTING), 0, "an operator gives it up"},
    {S(HALTED), EV(SUPERSEDED), NULL, S(ABORTING), 0, "a rollback takes its targets over"},
    {S(ROLLING_BACK), EV(UNDONE), NULL, S(FAILED), 0, "everything that on_failure names is taken back"},
    {S(ROLLING_BACK), EV(ABORT), NULL, S(ABORTING), 0, "an operator stops the undoing"},
    {S(ABORTING), EV(DRAINED), NULL, S(ABORTED), 0, "nothing is under way any more"},
    {S(SOAKING), EV(ALL_PASSED), NULL, S(SUCCEEDED), 0, "the last soak is over"},
    {S(SOAKING), EV(HALT), NULL, S(HALTED), 0, "the last wave did not pass its gate"},
    {S(SOAKING), EV(UNDO), NULL, S(ROLLING_BACK), 0, "the last wave did not pass its gate, and the order says to take it back"},
    {S(SOAKING), EV(PAUSE), NULL, S(PAUSED), 0, "an operator wants the soak to wait"},
    {S(SOAKING), EV(ABORT), NULL, S(ABORTING), 0, "an operator does not trust it"},
    {S(SOAKING), EV(RETRY), NULL, S(RUNNING), 0, "failed deliveries are tried again"},
    {S(RUNNING), EV(CATCH_UP), NULL, S(CATCHING_UP), 0, "every wave passed; deferred targets follow as they can"},
    {S(SOAKING), EV(CATCH_UP), NULL, S(CATCHING_UP), 0, "the last soak is over; deferred targets follow as they can"},
    {S(CATCHING_UP), EV(ALL_PASSED), NULL, S(SUCCEEDED), 0, "every wave passed, and no deferred target is left"},
    {S(CATCHING_UP), EV(HALT), NULL, S(HALTED), 0, "a wave had more failures than it may have, by those of its deferred targets"},
    {S(CATCHING_UP), EV(UNDO), NULL, S(ROLLING_BACK), 0, "a deferred target failed, and the order says to take its wave back"},
    {S(CATCHING_UP), EV(PAUSE), NULL, S(PAUSED), 0, "an operator wants no new starts for now"},
    {S(CATCHING_UP), EV(ABORT), NULL, S(ABORTING), 0, "an operator gives the deferred targets up"},
    {S(CATCHING_UP), EV(SUPERSEDED), NULL, S(ABORTING), 0, "a rollback takes its targets over"},
    {S(CATCHING_UP), EV(RETRY), NULL, S(RUNNING), 0, "failed deliveries are tried again"},
    {S(AWAITING_APPROVAL), EV(LEAVE_OUT), NULL, S(AWAITING_APPROVAL), 0, "an operator skips targets"},
    {S(RUNNING), EV(LEAVE_OUT), NULL, S(RUNNING), 0, "an operator skips targets"},
    {S(PAUSED), EV(LEAVE_OUT), NULL, S(PAUSED), 0, "an operator skips targets"},
    {S(HALTED), EV(LEAVE_OUT), NULL, S(RUNNING), 0, "an operator skips targets: the waves are looked at anew without them"},
    {S(SOAKING), EV(LEAVE_OUT), NULL, S(SOAKING), 0, "an operator skips targets"},
    {S(CATCHING_UP), EV(LEAVE_OUT), NULL, S(CATCHING_UP), 0, "an operator skips targets"},
    {S(FAILED), EV(LEAVE_OUT), NULL, S(FAILED), 0, "an operator skips targets: a retry leaves them out"},
    {S(SUCCEEDED), EV(LEAVE_OUT), NULL, S(SUCCEEDED), 0, "an operator skips the failures that were within the limit"},
    {S(SUCCEEDED), EV(RETRY), NULL, S(RUNNING), 0, "the failures that were within the limit are tried again"},
    {S(FAILED), EV(RETRY), NULL, S(RUNNING), 0, "the cause was repaired: go forward again"},
};

const struct fsm rollout_fsm = {
    .name = "rollout",
    .states = states,
    .n_states = ROLLOUT_STATE_COUNT,
    .events = events,
    .n_events = ROLLOUT_EVENT_COUNT,
    .rows = rows,
    .n_rows = ARRAY_LEN(rows),
    .initial = ROLLOUT_PENDING,
    .final = 1ULL << S(SUCCEEDED) | 1ULL << S(FAILED) | 1ULL << S(ABORTED),
};

int rollout_step(struct rollout *r, enum rollout_event ev, const struct fsm_row **ret_row, struct err *e)
{
	const struct fsm_row *row = NULL;
	if (fsm_step(&rollout_fsm, (int)r->state, (int)ev, r, &row, e) < 0)
		return -1;
	r->state = (enum rollout_state)row->to;
	if (ret_row)
		*ret_row = row;
	return 0;
}

bool rollout_is_final(enum rollout_state s)
{
	return rollout_fsm.final >> s & 1;
}

const char *rollout_state_name(enum rollout_state s)
{
	return states[s];
}

bool rollout_state_parse(const char *s, enum rollout_state *ret)
{
	for (size_t i = 0; i < ROLLOUT_STATE_COUNT; i++)
		if (str_eq(s, states[i]))
			return *ret = (enum rollout_state)i, true;
	return false;
}
