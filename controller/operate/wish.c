/* See the header. */
#include "controller/operate/wish.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/model/version.h"
#include "common/wire/limits.h"

#define PLAN_NAME_SHOWN "plan"

int no_environment(const struct plan *p, const char *environment, struct err *e)
{
	AUTO(buf_done) struct buf has = BUF_INIT;
	for (size_t i = 0; i < p->n_environments; i++)
		buf_addf(&has, "%s%s", i ? ", " : "", p->environments[i].name);
	return err_set(e, ERR_USAGE, "plan %s has no environment %s: add it there, or name another (it has %s)", p->name, environment, buf_str(&has));
}

static int read_plan(struct request *q, struct wish *w, struct err *e)
{
	const char *environment = NULL, *name = request_arg(q, "plan");
	if (request_need(q, "environment", &environment, e) < 0)
		return -1;
	if (plan_parse(name ? name : PLAN_NAME_SHOWN, q->c->document, q->a, &w->plan, e) < 0)
		return -1;
	w->env = plan_environment(&w->plan, environment);
	if (!w->env)
		return no_environment(&w->plan, environment, e);
	return plan_check_pipeline(&w->plan, q->c->document, (const char *const *)w->release.pipeline, w->release.n_pipeline, e);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

static bool is_in(const struct store_names *list, const char *name)
{
	return list->n && bsearch(name, list->names, list->n, sizeof *list->names, compare_names);
}

/* By what the agents reported: also when several rollouts for some of its targets each have brought it there. */
static int every_target_has(struct request *q, const struct wish *w, const char *environment, bool *ret, struct err *e)
{
	struct store_names have = {0};
	size_t n = 0, n_there = 0, n_have = 0;
	struct brain_target **all = targets_sorted(q->b, &n);
	if (store_targets_having(q->b->store, w->rec.project, w->rec.sequence, q->a, &have, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (str_eq(target_label(&all[i]->target, "environment"), environment)) {
			n_there++;
			n_have += is_in(&have, all[i]->target.id);
		}
	*ret = n_there > 0 && n_have == n_there;
	return 0;
}

/* The environments before it, in the order that the signed release gives. */
static int check_previous(struct request *q, const struct wish *w, struct err *e)
{
	for (size_t i = 0; i < w->release.n_pipeline && !str_eq(w->release.pipeline[i], w->env->name); i++) {
		const char *before = w->release.pipeline[i];
		bool done = true;
		if (store_environment_done(q->b->store, w->rec.digest, before, &done, e) < 0 || (!done && every_target_has(q, w, before, &done, e) < 0))
			return -1;
		if (!done)
			return err_set(e, ERR_POLICY,
			               "release %s has not succeeded in %s, which comes before %s in its pipeline (a rollout for some of its targets only does "
			               "not count): roll "
			               "it out there first",
			               w->rec.version, before, w->env->name);
	}
	return 0;
}

static bool is_busy(struct request *q, const char *project, const char *target)
{
	for (size_t i = 0; i < q->b->n_runs; i++) {
		struct run *u = q->b->runs[i];
		if (!rollout_is_final(u->r.state) && str_eq(u->rec.project, project) && run_still_has(u, target))
			return true;
	}
	return false;
}

/* A catch-up takes whoever lacks the release and is free for it. */
static bool is_behind(struct request *q, const struct wish *w, const struct target *t)
{
	const char *target = t->id;
	return !w->lacking || (str_eq(target_label(t, "environment"), w->env->name) && !is_in(&w->have, target) && !is_in(&w->tried, target) &&
	                       !is_busy(q, w->rec.project, target));
}

static int read_lists(struct request *q, struct wish *w, struct err *e)
{
	if (w->lacking && store_targets_having(q->b->store, w->rec.project, w->rec.sequence, q->a, &w->have, e) < 0)
		return -1;
	return w->newcomers ? store_targets_tried(q->b->store, w->rec.digest, q->a, &w->tried, e) : 0;
}

/* Not known before its agent has looked; then the agent decides. */
static bool has_its_version(const struct wish *w, const struct brain_target *t)
{
	const struct engine_range *r = release_engine(&w->release, t->target.engine);
	return w->direction == DIRECTION_ROLLBACK || !r || str_empty(t->facts.version) || engine_range_has(r, t->facts.version);
}

/* For an order that the controller makes by itself: it is looked at again when its agent is back, and when no freeze covers it any more. */
static bool has_to_wait(const struct request *q, const struct wish *w, const struct brain_target *t)
{
	return w->newcomers && (!t->owner->ready || freeze_of(q->b, t->target.id));
}

/* The targets that may be chosen from: all, or those that the argument `target` names; none in quarantine. */
static struct target *choose_targets(struct request *q, struct wish *w, const char ***ret_series, size_t *ret_n)
{
	size_t n_named = 0, n = 0;
	const char **named = request_args(q, "target", &n_named);
	size_t n_all = 0;
	struct brain_target **all = targets_sorted(q->b, &n_all);
	struct target *list = arena_alloc(q->a, (n_all + 1) * sizeof *list);
	const char **series = arena_alloc(q->a, (n_all + 1) * sizeof *series);
	char text[64];
	for (size_t i = 0; i < n_all; i++) {
		const struct target *t = &all[i]->target;
		bool wanted = n_named == 0;
		for (size_t k = 0; k < n_named; k++)
			wanted |= str_glob(named[k], t->id);
		bool out = wanted && quarantine_of(q->b, t->id);
		bool ours = str_eq(target_label(t, "environment"), w->env->name);
		w->n_quarantined += out && ours;
		w->partial |= !wanted && ours;
		if (!wanted || out || !is_behind(q, w, t) || has_to_wait(q, w, all[i]) || (w->lacking && !has_its_version(w, all[i])))
			continue;
		series[n] = arena_strdup(q->a, target_series(t->engine, all[i]->facts.version, text));
		list[n++] = *t;
	}
	*ret_series = series;
	*ret_n = n;
	return list;
}

int check_except(const struct release *r, const char *const *except, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (!release_changeset(r, except[i]))
			return err_set(e, ERR_USAGE, "--except %s: release %s has no such changeset: `rollcall release show` lists them", except[i], r->version);
	return 0;
}

void wish_done(struct wish *w)
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

int wish_read(struct request *q, struct wish *w, struct err *e)
{
	const char *direction = request_arg(q, "direction");
	if (direction && !direction_parse(direction, &w->direction))
		return err_set(e, ERR_USAGE, "direction %s: give apply or rollback", direction);
	w->arena = arena_new(RELEASE_ARENA);
	if (request_release(q, &w->rec, e) < 0 || order_release(q->b, w->rec.envelope_hash, w->arena, &w->release, NULL, e) < 0 || read_plan(q, w, e) < 0)
		return -1;
	if (read_start_at(q, w, e) < 0 || read_lists(q, w, e) < 0)
		return -1;
	size_t n = 0, n_named = 0;
	(void)request_args(q, "target", &n_named);
	const char **series = NULL;
	const struct target *targets = choose_targets(q, w, &series, &n);
	w->except = request_args(q, "except", &w->n_except);
	if (check_except(&w->release, w->except, w->n_except, e) < 0)
		return -1;
	if (n_named && n == 0 && !w->lacking)
		return err_set(e, ERR_NOT_FOUND, "--target %s%s: no free target of %s is so named: `rollcall targets -l environment=%s` shows them",
		               request_args(q, "target", &n_named)[0], n_named > 1 ? " and the others" : "", w->env->name, w->env->name);
	if (w->lacking && n == 0)
		return 0;
	return order_freeze(&w->plan, w->env, targets, series, n, w->lacking || n_named, q->a, &w->frozen, e);
}

bool run_still_has(struct run *u, const char *target)
{
	const struct delivery *d = run_delivery(u, target);
	bool waits = u->r.state == ROLLOUT_CATCHING_UP || u->r.state == ROLLOUT_ABORTING;
	return d && !(waits && delivery_settled(d));
}

/* How to get past a rollout that still has what is wanted. */
static const char *way_past(struct request *q, enum rollout_state s, const char *target, bool several)
{
	if (s == ROLLOUT_CATCHING_UP)
		return several ? "or skip the targets there" : "or skip the target there";
	if (s == ROLLOUT_ABORTING)
		return arena_printf(q->a, "or leave the target out: rollcall targets quarantine %s --reason '...'", target);
	return "or abort it";
}

int request_check_busy(struct request *q, const char *project, const char *const *targets, size_t n, const struct run *spare, struct err *e)
{
	for (size_t k = 0; k < q->b->n_runs; k++) {
		struct run *u = q->b->runs[k];
		const char *first = NULL;
		size_t shared = 0;
		if (u == spare || rollout_is_final(u->r.state) || !str_eq(u->rec.project, project))
			continue;
		for (size_t i = 0; i < n; i++)
			if (run_still_has(u, targets[i]) && shared++ == 0)
				first = targets[i];
		if (shared == 0)
			continue;
		const char *more = shared > 1 ? arena_printf(q->a, " (and %zu more)", shared - 1) : "";
		return err_set(e, ERR_STATE, "rollout %.8s (release %s %s, %s) still has target %s%s: let it end, %s", u->rec.id, u->rec.project,
		               u->rec.release_version, rollout_state_name(u->r.state), first, more, way_past(q, u->r.state, first, shared > 1));
	}
	return 0;
}

/* Their agents would refuse (C14), one after the other, until the rollout halts: said at once instead. */
static int check_versions(struct request *q, const struct wish *w, struct err *e)
{
	const struct brain_target *first = NULL;
	size_t n = 0;
	for (size_t i = 0; i < w->frozen.n_placed; i++) {
		const struct brain_target *t = target_by_id(q->b, w->frozen.placed[i].target->id);
		if (!t || has_its_version(w, t))
			continue;
		first = first ? first : t;
		n++;
	}
	if (!first)
		return 0;
	const char *more = n > 1 ? arena_printf(q->a, " (and %zu more like it)", n - 1) : "";
	return err_set(
	    e, ERR_POLICY, "release %s is made for %s, and target %s%s has version %s: leave it out of the plan, or bring its server up to date",
	    w->rec.version, engine_range_text(release_engine(&w->release, first->target.engine), q->a), first->target.id, more, first->facts.version);
}

int wish_start(struct request *q, const struct wish *w, struct run **ret, struct err *e)
{
	if (w->release.expires_at_us <= q->b->now_us)
		return err_set(e, ERR_POLICY, "release %s has expired: build and sign it again", w->rec.version);
	if (w->direction == DIRECTION_APPLY && check_previous(q, w, e) < 0)
		return -1;
	size_t n = w->frozen.n_placed;
	const char **targets = arena_alloc(q->a, n * sizeof *targets);
	uint32_t *waves = arena_alloc(q->a, n * sizeof *waves);
	for (size_t i = 0; i < n; i++) {
		targets[i] = w->frozen.placed[i].target->id;
		waves[i] = w->frozen.placed[i].wave;
	}
	if (check_versions(q, w, e) < 0 || request_check_busy(q, w->rec.project, targets, n, NULL, e) < 0)
		return -1;
	struct order_request r = {.release = &w->rec,
	                          .environment = w->env->name,
	                          .actor = q->actor,
	                          .reason = request_arg(q, "reason"),
	                          .direction = w->direction,
	                          .except = w->except,
	                          .n_except = w->n_except,
	                          .plan_name = w->plan.name,
	                          .contexts = w->env->contexts,
	                          .n_contexts = w->env->n_contexts,
	                          .refuse_drift = w->env->refuse_drift,
	                          .partial = w->partial,
	                          .not_before_us = w->start_at_us,
	                          .not_after_us = (w->start_at_us ? w->start_at_us : q->b->now_us) + (int64_t)w->env->not_after_ms * 1000,
	                          .waves = w->frozen.waves,
	                          .plan_waves = w->frozen.plan_waves,
	                          .n_waves = w->frozen.n_waves,
	                          .plan_text = w->env->catch_up_automatic ? q->c->document : bytes_of(NULL, 0),
	                          .targets = targets,
	                          .target_waves = waves,
	                          .n_targets = n};
	memcpy(r.plan_digest, w->plan.digest, DIGEST_SIZE);
	return order_start(q->b, &r, ret, e);
}
