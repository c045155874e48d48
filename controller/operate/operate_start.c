/* Preview, start, rollback, the order to sign, and approvals. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/limits.h"
#include "controller/operate/operate.h"
#include "controller/plan/plan.h"
#include "controller/rollout/order.h"

#define ROLLBACK_VALID_US (INT64_C(24) * 3600 * 1000000)
#define PLAN_NAME_SHOWN   "plan"

/* What a preview and a start have in common: the release, the plan's environment and the frozen list. */
struct wish {
	struct store_release rec;
	struct release release; /* in `arena` */
	struct arena *arena; /* of the decoded release */
	struct plan plan;
	const struct plan_environment *env;
	enum direction direction;
	struct frozen frozen;
	size_t n_quarantined; /* of the environment's targets: left out */
	int64_t start_at_us; /* 0: at once */
	const char **except;
	size_t n_except;
};

static int read_plan(struct request *q, struct wish *w, struct err *e)
{
	const char *environment = NULL, *name = request_arg(q, "plan");
	if (request_need(q, "environment", &environment, e) < 0)
		return -1;
	if (q->c->document.n == 0)
		return err_set(e, ERR_USAGE, "no plan was sent: give the plan's file");
	if (plan_parse(name ? name : PLAN_NAME_SHOWN, q->c->document, q->a, &w->plan, e) < 0)
		return -1;
	w->env = plan_environment(&w->plan, environment);
	if (!w->env)
		return err_set(e, ERR_USAGE, "plan %s has no environment %s: add it there, or name another", w->plan.name, environment);
	return plan_check_pipeline(&w->plan, q->c->document, (const char *const *)w->release.pipeline, w->release.n_pipeline, e);
}

/* The environments before it, in the order that the signed release gives. */
static int check_previous(struct request *q, const struct wish *w, struct err *e)
{
	for (size_t i = 0; i < w->release.n_pipeline && !str_eq(w->release.pipeline[i], w->env->name); i++) {
		const char *before = w->release.pipeline[i];
		bool done = true;
		if (store_environment_done(q->b->store, w->rec.digest, before, &done, e) < 0)
			return -1;
		if (!done)
			return err_set(e, ERR_POLICY, "release %s has not succeeded in %s, which comes before %s in its pipeline: roll it out there first",
			               w->rec.version, before, w->env->name);
	}
	return 0;
}

/* The targets that may be chosen from: all, or those that the argument `target` names; none in quarantine. */
static struct target *choose_targets(struct request *q, struct wish *w, size_t *ret_n)
{
	size_t n_named = 0, n = 0;
	const char **named = request_args(q, "target", &n_named);
	struct target *list = arena_alloc(q->a, (q->b->n_targets + 1) * sizeof *list);
	for (size_t i = 0; i < q->b->n_targets; i++) {
		bool wanted = n_named == 0;
		for (size_t k = 0; k < n_named; k++)
			wanted |= str_glob(named[k], q->b->targets[i].target.id);
		bool out = wanted && quarantine_of(q->b, q->b->targets[i].target.id);
		w->n_quarantined += out && str_eq(target_label(&q->b->targets[i].target, "environment"), w->env->name);
		if (wanted && !out)
			list[n++] = q->b->targets[i].target;
	}
	*ret_n = n;
	return list;
}

static void wish_done(struct wish *w)
{
	arena_destroy(&w->arena);
}

/* The operator's word, or the plan's; a time in a plan that has passed is of an earlier rollout. */
static int read_start_at(struct request *q, struct wish *w, struct err *e)
{
	const char *text = request_arg(q, "start-at");
	w->start_at_us = w->env->start_at_us > q->b->now_us ? w->env->start_at_us : 0;
	if (!text)
		return 0;
	if (clock_parse(text, &w->start_at_us, e) < 0)
		return err_wrap(e, "--start-at");
	return w->start_at_us > q->b->now_us ? 0 : err_set(e, ERR_USAGE, "--start-at %s has passed: leave it out to start at once", text);
}

static int read_wish(struct request *q, struct wish *w, struct err *e)
{
	const char *direction = request_arg(q, "direction");
	if (direction && !direction_parse(direction, &w->direction))
		return err_set(e, ERR_USAGE, "direction %s: give apply or rollback", direction);
	w->arena = arena_new(RELEASE_ARENA);
	if (request_release(q, &w->rec, e) < 0 || order_release(q->b, w->rec.envelope_hash, w->arena, &w->release, NULL, e) < 0 || read_plan(q, w, e) < 0)
		return -1;
	if (read_start_at(q, w, e) < 0)
		return -1;
	size_t n = 0;
	const struct target *targets = choose_targets(q, w, &n);
	w->except = request_args(q, "except", &w->n_except);
	return order_freeze(&w->plan, w->env, targets, n, q->a, &w->frozen, e);
}

int operate_preview(struct request *q, struct err *e)
{
	AUTO(wish_done) struct wish w = {0};
	if (read_wish(q, &w, e) < 0)
		return -1;
	size_t n = w.frozen.n_placed;
	const char **targets = arena_alloc(q->a, n * sizeof *targets), **waves = arena_alloc(q->a, n * sizeof *waves);
	for (size_t i = 0; i < n; i++) {
		targets[i] = w.frozen.placed[i].target->id;
		waves[i] = w.frozen.waves[w.frozen.placed[i].wave].name;
	}
	return survey_start(q->b, q, &w.release, take_ptr(&w.arena), w.direction, w.env->contexts, w.env->n_contexts, w.except, w.n_except, targets,
	                    waves, n, e);
}

/* ---- start --------------------------------------------------------------------------------------------------------------------------------------------- */

/* A rollout that only waits for deferred targets has done with the others. */
static bool still_has(struct run *u, const char *target)
{
	const struct delivery *d = run_delivery(u, target);
	return d && !(u->r.state == ROLLOUT_CATCHING_UP && delivery_settled(d));
}

int request_check_busy(struct request *q, const char *const *targets, size_t n, const struct run *spare, struct err *e)
{
	for (size_t k = 0; k < q->b->n_runs; k++) {
		struct run *u = q->b->runs[k];
		if (u == spare || rollout_is_final(u->r.state))
			continue;
		for (size_t i = 0; i < n; i++)
			if (still_has(u, targets[i]))
				return err_set(e, ERR_STATE, "rollout %.8s (release %s %s, %s) still has target %s: let it end, %s", u->rec.id, u->rec.project,
				               u->rec.release_version, rollout_state_name(u->r.state), targets[i],
				               u->r.state == ROLLOUT_CATCHING_UP ? "or skip the target there" : "or abort it");
	}
	return 0;
}

/* What whoever starts it may not expect. */
static const char *start_notes(struct request *q, const struct wish *w)
{
	struct buf b = BUF_INIT;
	size_t frozen = 0;
	for (size_t i = 0; i < w->frozen.n_placed; i++)
		frozen += freeze_of(q->b, w->frozen.placed[i].target->id) != NULL;
	if (w->frozen.n_left_out)
		buf_addf(&b, "; %zu targets of the environment are in no wave", w->frozen.n_left_out);
	if (w->n_quarantined)
		buf_addf(&b, "; %zu are left out: they are in quarantine", w->n_quarantined);
	if (frozen)
		buf_addf(&b, "; %zu are under a freeze now (rollcall freeze list)", frozen);
	const char *text = arena_strdup(q->a, buf_str(&b));
	buf_done(&b);
	return text;
}

static int answer_started(struct request *q, struct run *u, const char *note, struct err *e)
{
	size_t have = 0;
	uint32_t need = 0;
	if (order_approvals(q->b, u, &have, &need, e) < 0)
		return -1;
	reply_columns(q, "rollout,state,release,environment,direction,#targets");
	reply_row(q, "%s\t%s\t%s\t%s\t%s\t%zu", u->rec.id, rollout_state_name(u->r.state), u->rec.release_version, u->rec.environment,
	          direction_name(u->rec.direction), u->r.n_deliveries);
	char at[CLOCK_TEXT_SIZE];
	if (u->r.state == ROLLOUT_AWAITING_APPROVAL)
		reply_end(q, EXIT_WAITING, "rollout %.8s awaits %" PRIu32 " approvals%s; an approver runs: rollcall rollout approve %.8s", u->rec.id, need,
		          note, u->rec.id);
	else if (u->r.not_before_us > q->b->now_us)
		reply_end(q, EXIT_DONE, "rollout %.8s starts at %s%s; follow it: rollcall rollout watch %.8s", u->rec.id, clock_text(u->r.not_before_us, at),
		          note, u->rec.id);
	else
		reply_end(q, EXIT_DONE, "rollout %.8s runs%s; follow it: rollcall rollout watch %.8s", u->rec.id, note, u->rec.id);
	return 0;
}

int operate_start(struct request *q, struct err *e)
{
	AUTO(wish_done) struct wish w = {0};
	struct run *u = NULL;
	if (read_wish(q, &w, e) < 0)
		return -1;
	if (w.release.expires_at_us <= q->b->now_us)
		return err_set(e, ERR_POLICY, "release %s has expired: build and sign it again", w.rec.version);
	if (w.direction == DIRECTION_APPLY && check_previous(q, &w, e) < 0)
		return -1;
	size_t n = w.frozen.n_placed;
	const char **targets = arena_alloc(q->a, n * sizeof *targets);
	uint32_t *waves = arena_alloc(q->a, n * sizeof *waves);
	for (size_t i = 0; i < n; i++) {
		targets[i] = w.frozen.placed[i].target->id;
		waves[i] = w.frozen.placed[i].wave;
	}
	if (request_check_busy(q, targets, n, NULL, e) < 0)
		return -1;
	struct order_request r = {.release = &w.rec,
	                          .environment = w.env->name,
	                          .actor = q->actor,
	                          .reason = request_arg(q, "reason"),
	                          .direction = w.direction,
	                          .except = w.except,
	                          .n_except = w.n_except,
	                          .plan_name = w.plan.name,
	                          .contexts = w.env->contexts,
	                          .n_contexts = w.env->n_contexts,
	                          .not_before_us = w.start_at_us,
	                          .not_after_us = (w.start_at_us ? w.start_at_us : q->b->now_us) + (int64_t)w.env->not_after_ms * 1000,
	                          .waves = w.frozen.waves,
	                          .plan_waves = w.frozen.plan_waves,
	                          .n_waves = w.frozen.n_waves,
	                          .targets = targets,
	                          .target_waves = waves,
	                          .n_targets = n};
	memcpy(r.plan_digest, w.plan.digest, DIGEST_SIZE);
	return order_start(q->b, &r, &u, e) < 0 ? -1 : answer_started(q, u, start_notes(q, &w), e);
}

/* ---- rollback -------------------------------------------------------------------------------------------------------------------------------------------- */

/* What a rollout may have left applied. A failed delivery too, also when it was skipped then: the changesets before the failed one stay. */
static bool is_to_undo(const struct delivery *d)
{
	return d->state == DELIVERY_APPLIED || ((d->state == DELIVERY_FAILED || d->state == DELIVERY_SKIPPED) && d->touched);
}

/* Its waves against their order, with the same room and the same gates. */
static void collect_undo(struct request *q, const struct run *u, struct order_request *r)
{
	struct wave *waves = arena_alloc(q->a, u->r.n_waves * sizeof *waves);
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
		waves[r->n_waves] = u->order.waves[w];
		waves[r->n_waves].target_count = count;
		waves[r->n_waves].min_success = (struct limit){0}; /* it was for all of the wave's targets */
		waves[r->n_waves++].on_failure = ON_FAILURE_HALT;
	}
	r->waves = waves;
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
	if (request_check_busy(q, r.targets, r.n_targets, u, e) < 0)
		return -1;
	if (!rollout_is_final(u->r.state) && run_rollout_event(q->b, u, ROLLOUT_EV_SUPERSEDED, q->actor, "a rollback takes its targets over", e) < 0)
		return -1;
	return order_start(q->b, &r, &undo, e) < 0 ? -1 : answer_started(q, undo, "", e);
}

/* ---- the order, and approvals ---------------------------------------------------------------------------------------------------------------------------- */

int operate_order(struct request *q, struct err *e)
{
	struct run *u = NULL;
	if (request_run(q, &u, e) < 0)
		return -1;
	reply_document(q, u->rec.order);
	reply_columns(q, "#index,#wave,target,salt");
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		const struct delivery *d = &u->r.deliveries[i];
		char salt[2 * TARGET_SALT_SIZE + 1];
		reply_row(q, "%zu\t%" PRIu32 "\t%s\t%s", i, d->wave, d->target, bytes_to_hex(bytes_of(u->notes[i].salt, TARGET_SALT_SIZE), salt));
	}
	reply_end(q, EXIT_DONE, "order of rollout %.8s: %zu targets", u->rec.id, u->r.n_deliveries);
	return 0;
}

int operate_approve(struct request *q, struct err *e)
{
	struct run *u = NULL;
	size_t before = 0, have = 0;
	uint32_t need = 0;
	if (request_run(q, &u, e) < 0 || order_approvals(q->b, u, &before, &need, e) < 0 || order_approve(q->b, u, q->c->document, q->actor, e) < 0 ||
	    order_approvals(q->b, u, &have, &need, e) < 0)
		return -1;
	reply_columns(q, ROLLOUT_COLUMNS);
	if (reply_rollout(q, &u->rec, e) < 0)
		return -1;
	if (u->r.state == ROLLOUT_AWAITING_APPROVAL)
		reply_end(q, EXIT_WAITING, "%s%.8s has %zu of %" PRIu32 " approvals; another approver runs: rollcall rollout approve %.8s",
		          have == before ? "this key has approved it before and counts once: rollout " : "rollout ", u->rec.id, have, need, u->rec.id);
	else
		reply_end(q, EXIT_DONE, "rollout %.8s is approved and runs; follow it: rollcall rollout watch %.8s", u->rec.id, u->rec.id);
	return 0;
}
