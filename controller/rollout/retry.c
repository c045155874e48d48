/* Trying again what failed: which deliveries, and which waves look at themselves anew. See decide.h. */
#include "common/base/mem.h"
#include "controller/rollout/decide.h"

static bool can_retry(const struct delivery *d)
{
	return fsm_find(&delivery_fsm, (int)d->state, DELIVERY_EV_RETRY, d) != NULL;
}

static int choose_named(struct rollout *r, const char *const *targets, size_t n, bool *chosen, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct delivery *d = rollout_delivery(r, targets[i]);
		if (!d)
			return err_set(e, ERR_NOT_FOUND, "target %s is not in rollout %s: `rollcall rollout status %s` lists its targets", targets[i], r->id,
			               r->id);
		if (d->state == DELIVERY_UNKNOWN)
			return err_set(
			    e, ERR_STATE,
			    "target %s is unknown: its agent is away with it and is asked when it is back, so there is nothing to retry; not to wait for it: "
			    "`rollcall rollout skip %.8s %s --reason TEXT`",
			    targets[i], r->id, targets[i]);
		if (!can_retry(d))
			return err_set(e, ERR_STATE, "target %s is %s: there is nothing to retry", targets[i], delivery_state_name(d->state));
		chosen[d->index] = true;
	}
	return 0;
}

/* Failed waves are looked at anew even when the retried deliveries are elsewhere. */
static int reopen_waves(struct rollout *r, const bool *touched, int64_t now_us, struct decision *d, struct err *e)
{
	for (uint32_t i = 0; i < r->n_waves; i++) {
		enum wave_state s = r->waves[i].state;
		if ((touched[i] || s == WAVE_FAILED) && s != WAVE_BLOCKED && decide_wave_event(r, i, WAVE_EV_REOPEN, now_us, d, e) < 0)
			return -1;
	}
	return 0;
}

/* By its probes or min_success, without a delivery to retry: its gate is looked at again. */
static bool has_failed_wave(const struct rollout *r)
{
	for (size_t i = 0; i < r->n_waves; i++)
		if (r->waves[i].state == WAVE_FAILED)
			return true;
	return false;
}

int decide_retry(struct rollout *r, const char *const *targets, size_t n_targets, int64_t now_us, struct decision *d, size_t *ret_count,
                 struct err *e)
{
	AUTO(mem_free_ptr) bool *chosen = mem_alloc(r->n_deliveries + 1), *touched = mem_alloc(r->n_waves + 1);
	if (choose_named(r, targets, n_targets, chosen, e) < 0)
		return -1;
	size_t count = 0;
	for (size_t i = 0; i < r->n_deliveries; i++) {
		chosen[i] |= !n_targets && can_retry(&r->deliveries[i]);
		count += chosen[i];
	}
	if (!count && !has_failed_wave(r))
		return err_set(e, ERR_STATE, "rollout %s has no failed, refused or rolled-back target: there is nothing to retry", r->id);
	if (decide_rollout_event(r, ROLLOUT_EV_RETRY, d, e) < 0)
		return err_wrap(e, "rollout %s is %s and takes no retry", r->id, rollout_state_name(r->state));
	for (uint32_t i = 0; i < r->n_deliveries; i++) {
		if (!chosen[i])
			continue;
		touched[r->deliveries[i].wave] = true;
		if (decide_delivery_event(r, i, DELIVERY_EV_RETRY, now_us, d, e) < 0)
			return -1;
	}
	*ret_count = count;
	return reopen_waves(r, touched, now_us, d, e);
}
