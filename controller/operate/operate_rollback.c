/* Rolling a rollout back: a rollout of its own, over what the first one may have left applied, against the order of its waves. */
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/model/plan.h"
#include "controller/operate/operate.h"

#define ROLLBACK_VALID_US (INT64_C(24) * 3600 * 1000000)

/* What a rollout may have left applied. One that failed, was held between two steps or waits for its retry too: the changesets before stay. What only a person can settle
 * has to be settled first. */
static bool is_to_undo(const struct delivery *d)
{
	return d->state == DELIVERY_APPLIED || (d->touched && d->state != DELIVERY_NEEDS_ATTENTION);
}

static const struct plan_wave *caps_of(struct request *q, const struct wave_run *w)
{
	struct plan_wave *p = arena_alloc(q->a, sizeof *p);
	*p = (struct plan_wave){.max_parallel_site = w->max_parallel_site, .max_parallel_instance = w->max_parallel_instance};
	return p;
}

/* Its waves against their order, with the same room and the same gates. */
static void collect_undo(struct request *q, const struct run *u, struct order_request *r)
{
	struct wave *waves = arena_alloc(q->a, u->r.n_waves * sizeof *waves);
	const struct plan_wave **caps = arena_alloc(q->a, u->r.n_waves * sizeof *caps);
	const char **targets = arena_alloc(q->a, (u->r.n_deliveries + 1) * sizeof *targets);
	uint32_t *where = arena_alloc(q->a, (u->r.n_deliveries + 1) * sizeof *where);
	for (size_t w = u->r.n_waves; w-- > 0;) {
		uint32_t count = 0;
		for (size_t i = 0; i < u->r.n_deliveries; i++)
			if (u->r.deliveries[i].wave == w && is_to_undo(&u->r.deliveries[i])) {
				targets[r->n_targets] = arena_strdup(q->a, u->r.deliveries[i].target);
				where[r->n_targets++] = (uint32_t)r->n_waves;
				count++;
			}
		if (count == 0)
			continue;
		caps[r->n_waves] = caps_of(q, &u->r.waves[w]);
		waves[r->n_waves] = u->order.waves[w];
		waves[r->n_waves].target_count = count;
		waves[r->n_waves].n_probes = 0; /* they say what the release should have brought */
		waves[r->n_waves].min_success = (struct limit){0}; /* it was for all of the wave's targets */
		waves[r->n_waves++].on_failure = ON_FAILURE_HALT;
	}
	r->waves = waves;
	r->plan_waves = caps;
	r->targets = targets;
	r->target_waves = where;
}

static int check_undoable(const struct run *u, struct err *e)
{
	if (u->r.direction == DIRECTION_ROLLBACK)
		return err_set(e, ERR_STATE,
		               "rollout %.8s is itself a rollback: to go forward, roll the release out again; to leave a changeset applied that does not go "
		               "back, abort this and roll back %.8s with --except",
		               u->rec.id, u->rec.undoes ? u->rec.undoes : "?");
	for (size_t i = 0; i < u->r.n_deliveries; i++)
		if (delivery_in_flight(&u->r.deliveries[i]))
			return err_set(e, ERR_STATE, "rollout %.8s still works on %s: pause or abort it and let that end first", u->rec.id,
			               u->r.deliveries[i].target);
	if (!rollout_is_final(u->r.state) && !fsm_find(&rollout_fsm, (int)u->r.state, ROLLOUT_EV_SUPERSEDED, &u->r))
		return err_set(e, ERR_STATE, "rollout %.8s is %s: pause or abort it first", u->rec.id, rollout_state_name(u->r.state));
	return 0;
}

static int find_release(struct request *q, const uint8_t digest[DIGEST_SIZE], struct store_release *ret, struct err *e)
{
	struct store_release *list = NULL;
	size_t n = 0;
	if (store_releases(q->b->store, q->a, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (memcmp(list[i].digest, digest, DIGEST_SIZE) == 0) {
			*ret = list[i];
			return 0;
		}
	return err_set(e, ERR_NOT_FOUND, "the rollout's release is not in the store");
}

int operate_rollback(struct request *q, struct err *e)
{
	struct run *u = NULL, *undo = NULL;
	struct store_release release;
	if (request_run(q, &u, e) < 0 || check_undoable(u, e) < 0 || find_release(q, u->rec.release_digest, &release, e) < 0)
		return -1;
	struct order_request r = {.release = &release,
	                          .environment = u->rec.environment,
	                          .actor = q->actor,
	                          .reason = request_arg(q, "reason"),
	                          .direction = DIRECTION_ROLLBACK,
	                          .undoes = u->rec.id,
	                          .plan_name = u->order.plan,
	                          .contexts = u->order.contexts,
	                          .n_contexts = u->order.n_contexts,
	                          .not_after_us = q->b->now_us + ROLLBACK_VALID_US};
	r.except = request_args(q, "except", &r.n_except);
	memcpy(r.plan_digest, u->order.plan_digest, DIGEST_SIZE);
	collect_undo(q, u, &r);
	if (r.n_targets == 0)
		return err_set(e, ERR_STATE, "rollout %.8s left nothing applied: there is nothing to roll back", u->rec.id);
	if (request_check_busy(q, u->rec.project, r.targets, r.n_targets, u, e) < 0)
		return -1;
	if (!rollout_is_final(u->r.state) && run_rollout_event(q->b, u, ROLLOUT_EV_SUPERSEDED, q->actor, "a rollback takes its targets over", e) < 0)
		return -1;
	return order_start(q->b, &r, &undo, e) < 0 ? -1 : reply_started(q, undo, "", e);
}
