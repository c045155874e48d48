/* A part of a rollout's targets; the next wave starts when this one has passed.
 *
 *   BLOCKED --open--> OPEN --all offered--> DRAINING --all settled--> EVALUATING --within--> SOAKING --soak over--> PASSED
 *      ^               | ^---- more --------'   |                         |                     |                     ^
 *      |               |                        |                         +---- no soak --------|---------------------'
 *      | reopen        +------- exceeded -------+----- exceeded ----------+                     |
 *      +------------ FAILED <-----------------------------------------------------exceeded-----+   (PASSED too: deferred targets follow later)
 *   with probes: EVALUATING, SOAKING --> PROBING --probes hold--> PASSED | --probes fail, exceeded--> FAILED
 *   with a gate's key: whatever leads to PASSED leads to AWAITING-PASS --pass--> PASSED | --exceeded--> FAILED;   PASSED --ask pass--> AWAITING-PASS
 *   short (min_success is out of reach): OPEN, DRAINING --> FAILED
 *   pause: OPEN, DRAINING, SOAKING --> HELD --resume--> OPEN */
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/rollout/rollout.h"

static const char *const states[WAVE_STATE_COUNT] = {"blocked", "open",          "draining", "evaluating", "soaking",
                                                     "probing", "awaiting-pass", "passed",   "failed",     "held"};
static const char *const events[WAVE_EVENT_COUNT] = {"open",        "all-offered", "more", "all-settled", "within", "exceeded", "short", "soak-over",
                                                     "probes-hold", "probes-fail", "pass", "ask-pass",    "pause",  "resume",   "reopen"};

enum { NOTHING, START_SOAK, END_SOAK, ASK_PROBES };
static const char *const actions[] = {NULL, "start soak", "end soak", "ask probes"};

static bool has_soak(const void *facts)
{
	return ((const struct wave_run *)facts)->soak_ms > 0;
}
static bool has_probes(const void *facts)
{
	return ((const struct wave_run *)facts)->n_probes > 0;
}
static const struct fsm_guard soak = {"has soak", has_soak};
static bool needs_pass(const void *facts)
{
	return ((const struct wave_run *)facts)->needs_pass;
}
static const struct fsm_guard probes = {"has probes", has_probes};
static const struct fsm_guard gate = {"needs a pass", needs_pass};

#define S(x)  WAVE_##x
#define EV(x) WAVE_EV_##x

static const struct fsm_row rows[] = {
    {S(BLOCKED), EV(OPEN), NULL, S(OPEN), NOTHING, "every wave before it has passed"},
    {S(OPEN), EV(ALL_OFFERED), NULL, S(DRAINING), NOTHING, "no delivery is left to start"},
    {S(OPEN), EV(EXCEEDED), NULL, S(FAILED), NOTHING, "more failures than max_failures: nothing new starts"},
    {S(OPEN), EV(SHORT), NULL, S(FAILED), NOTHING, "too few targets can still succeed for min_success: nothing new starts"},
    {S(OPEN), EV(PAUSE), NULL, S(HELD), NOTHING, "the rollout is paused: what runs, runs on"},
    {S(OPEN), EV(REOPEN), NULL, S(BLOCKED), NOTHING, "an operator retries deliveries of it"},
    {S(DRAINING), EV(MORE), NULL, S(OPEN), NOTHING, "an agent could not take its delivery and will be asked again"},
    {S(DRAINING), EV(ALL_SETTLED), NULL, S(EVALUATING), NOTHING, "every delivery has its outcome"},
    {S(DRAINING), EV(EXCEEDED), NULL, S(FAILED), NOTHING, "more failures than max_failures"},
    {S(DRAINING), EV(SHORT), NULL, S(FAILED), NOTHING, "too few targets can still succeed for min_success"},
    {S(DRAINING), EV(PAUSE), NULL, S(HELD), NOTHING, "the rollout is paused: what runs, runs on"},
    {S(DRAINING), EV(REOPEN), NULL, S(BLOCKED), NOTHING, "an operator retries deliveries of it"},
    {S(EVALUATING), EV(WITHIN), &soak, S(SOAKING), START_SOAK, "good so far: watch it for the soak time"},
    {S(EVALUATING), EV(WITHIN), &probes, S(PROBING), ASK_PROBES, "good so far: ask the probes"},
    {S(EVALUATING), EV(WITHIN), &gate, S(AWAITING_PASS), NOTHING, "good: a gate's key has to say so"},
    {S(EVALUATING), EV(WITHIN), NULL, S(PASSED), NOTHING, "good, and no soak is asked for"},
    {S(EVALUATING), EV(EXCEEDED), NULL, S(FAILED), NOTHING, "more failures than max_failures"},
    {S(EVALUATING), EV(MORE), NULL, S(DRAINING), NOTHING, "what was left out counts again: those that follow are needed for min_success"},
    {S(EVALUATING), EV(SHORT), NULL, S(FAILED), NOTHING, "too few targets have succeeded for min_success"},
    {S(SOAKING), EV(SOAK_OVER), &probes, S(PROBING), ASK_PROBES, "nothing went wrong during the soak: ask the probes"},
    {S(SOAKING), EV(SOAK_OVER), &gate, S(AWAITING_PASS), END_SOAK, "nothing went wrong during the soak: a gate's key has to say so"},
    {S(PROBING), EV(PROBES_HOLD), &gate, S(AWAITING_PASS), NOTHING, "every probe is as expected: a gate's key has to say so"},
    {S(PROBING), EV(PROBES_HOLD), NULL, S(PASSED), NOTHING, "every probe is as expected"},
    {S(PROBING), EV(PROBES_FAIL), NULL, S(FAILED), NOTHING, "a probe is not as expected, or was not answered in time"},
    {S(PROBING), EV(EXCEEDED), NULL, S(FAILED), NOTHING, "a failure became known meanwhile"},
    {S(PROBING), EV(MORE), NULL, S(DRAINING), NOTHING, "what was left out counts again: those that follow are needed for min_success"},
    {S(PROBING), EV(SHORT), NULL, S(FAILED), NOTHING, "what was left out counts again, and too few targets have succeeded for min_success"},
    {S(PROBING), EV(PAUSE), NULL, S(HELD), NOTHING, "the rollout is paused: the probes are asked anew afterwards"},
    {S(PROBING), EV(REOPEN), NULL, S(BLOCKED), NOTHING, "an operator retries deliveries of it"},
    {S(SOAKING), EV(SOAK_OVER), NULL, S(PASSED), END_SOAK, "nothing went wrong during the soak"},
    {S(SOAKING), EV(EXCEEDED), NULL, S(FAILED), END_SOAK, "a failure became known during the soak"},
    {S(SOAKING), EV(MORE), NULL, S(DRAINING), END_SOAK, "what was left out counts again: those that follow are needed for min_success"},
    {S(SOAKING), EV(SHORT), NULL, S(FAILED), END_SOAK, "what was left out counts again, and too few targets have succeeded for min_success"},
    {S(SOAKING), EV(PAUSE), NULL, S(HELD), END_SOAK, "the rollout is paused: the soak starts anew afterwards"},
    {S(SOAKING), EV(REOPEN), NULL, S(BLOCKED), END_SOAK, "an operator retries deliveries of it"},
    {S(AWAITING_PASS), EV(PASS), NULL, S(PASSED), NOTHING, "the gate's keys have signed, or sites ask for it no more"},
    {S(AWAITING_PASS), EV(EXCEEDED), NULL, S(FAILED), NOTHING, "a failure became known meanwhile"},
    {S(AWAITING_PASS), EV(SHORT), NULL, S(FAILED), NOTHING, "what was good is no longer, and too few targets have succeeded for min_success"},
    {S(AWAITING_PASS), EV(REOPEN), NULL, S(BLOCKED), NOTHING, "an operator retries deliveries of it"},
    {S(PASSED), EV(ASK_PASS), NULL, S(AWAITING_PASS), NOTHING, "sites ask for a gate's signature since, or what was signed has expired"},
    {S(PASSED), EV(EXCEEDED), NULL, S(FAILED), NOTHING, "more failures than max_failures, by those of its deferred targets"},
    {S(PASSED), EV(REOPEN), NULL, S(BLOCKED), NOTHING, "an operator retries deliveries of it"},
    {S(FAILED), EV(REOPEN), NULL, S(BLOCKED), NOTHING, "an operator retries deliveries of it"},
    {S(HELD), EV(RESUME), NULL, S(OPEN), NOTHING, "the rollout goes on"},
    {S(HELD), EV(REOPEN), NULL, S(BLOCKED), NOTHING, "an operator retries deliveries of it"},
    {S(BLOCKED), EV(REOPEN), NULL, S(BLOCKED), NOTHING, "an operator retries deliveries of it"},
};

const struct fsm wave_fsm = {
    .name = "wave",
    .states = states,
    .n_states = WAVE_STATE_COUNT,
    .events = events,
    .n_events = WAVE_EVENT_COUNT,
    .actions = actions,
    .rows = rows,
    .n_rows = ARRAY_LEN(rows),
    .initial = WAVE_BLOCKED,
    .final = 1ULL << S(PASSED) | 1ULL << S(FAILED),
};

int wave_step(struct wave_run *w, enum wave_event ev, int64_t now_us, const struct fsm_row **ret_row, struct err *e)
{
	const struct fsm_row *row = NULL;
	if (fsm_step(&wave_fsm, (int)w->state, (int)ev, w, &row, e) < 0)
		return err_wrap(e, "wave %s", w->name);
	w->state = (enum wave_state)row->to;
	if (row->action == START_SOAK)
		w->soak_until_us = now_us + (int64_t)w->soak_ms * 1000;
	if (row->action == END_SOAK || row->action == ASK_PROBES)
		w->soak_until_us = 0;
	if (row->action == ASK_PROBES)
		w->probing = PROBING_NOT;
	if (ret_row)
		*ret_row = row;
	return 0;
}

const char *wave_state_name(enum wave_state s)
{
	return states[s];
}

bool wave_state_parse(const char *s, enum wave_state *ret)
{
	for (size_t i = 0; i < WAVE_STATE_COUNT; i++)
		if (str_eq(s, states[i]))
			return *ret = (enum wave_state)i, true;
	return false;
}
