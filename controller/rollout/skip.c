/* Going on without targets: an operator's word, with a reason. What is in a target stays there. See decide.h. */
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/rollout/decide.h"

static int choose(struct rollout *r, const char *target, struct delivery **ret, struct err *e)
{
	struct delivery *d = rollout_delivery(r, target);
	if (!d)
		return err_set(e, ERR_NOT_FOUND, "target %s is not in rollout %s: `rollcall rollout status %s` lists its targets", target, r->id, r->id);
	if (!fsm_find(&delivery_fsm, (int)d->state, DELIVERY_EV_LEAVE_OUT, d))
		return err_set(e, ERR_STATE, "target %s is %s and cannot be skipped: %s", target, delivery_state_name(d->state),
		               delivery_settled(d) ? "it is settled" : "let that end first");
	*ret = d;
	return 0;
}

/* A wave that failed by what is skipped is looked at anew; the others go on as they are. */
static int reopen_failed(struct rollout *r, int64_t now_us, struct decision *d, struct err *e)
{
	if (r->state != ROLLOUT_RUNNING && r->state != ROLLOUT_PAUSED)
		return 0;
	for (uint32_t i = 0; i < r->n_waves; i++)
		if (r->waves[i].state == WAVE_FAILED && decide_wave_event(r, i, WAVE_EV_REOPEN, now_us, d, e) < 0)
			return -1;
	return 0;
}

int decide_skip(struct rollout *r, const char *const *targets, size_t n_targets, int64_t now_us, struct decision *d, struct err *e)
{
	struct delivery *found = NULL;
	for (size_t i = 0; i < n_targets; i++)
		if (choose(r, targets[i], &found, e) < 0)
			return -1;
	if (!fsm_find(&rollout_fsm, (int)r->state, ROLLOUT_EV_LEAVE_OUT, r))
		return err_set(e, ERR_STATE, "rollout %s is %s: no target of it can be skipped now", r->id, rollout_state_name(r->state));
	if (decide_rollout_event(r, ROLLOUT_EV_LEAVE_OUT, d, e) < 0)
		return -1;
	for (size_t i = 0; i < n_targets; i++)
		if ((found = rollout_delivery(r, targets[i]))->state != DELIVERY_SKIPPED && /* named twice */
		    decide_delivery_event(r, found->index, DELIVERY_EV_LEAVE_OUT, now_us, d, e) < 0)
			return -1;
	return reopen_failed(r, now_us, d, e);
}
