/* Rolling a rollout back: a rollout of its own, over what the first one may have left applied, against the order of its waves. */
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/model/plan.h"
#include "common/wire/limits.h"
#include "controller/operate/wish.h"

#define LAST_WAVE         "last"
#define ROLLBACK_VALID_US (INT64_C(24) * 3600 * 1000000)

/* What a rollout may have left applied. One that failed, was held between two steps or waits for its retry too: the changesets before stay; and one of which nobody can say. */
static bool is_to_undo(const struct delivery *d)
{
	return d->touched || d->state == DELIVERY_APPLIED || d->state == DELIVERY_UNKNOWN || delivery_in_flight(d);
}

static bool is_away(const struct run *u, size_t i)
{
	return !u->agents[i] || !u->agents[i]->session;
}

/* The others do not wait for what waits for an agent, or for a person at its site. */
static bool comes_last(const struct run *u, size_t i)
{
	return is_away(u, i) || u->r.deliveries[i].state == DELIVERY_NEEDS_ATTENTION;
}

static const struct plan_wave *caps_of(struct request *q, const struct wave_run *w)
{
	struct plan_wave *p = arena_alloc(q->a, sizeof *p);
	*p = (struct plan_wave){.max_parallel_site = w->max_parallel_site, .max_parallel_instance = w->max_parallel_instance};
	return p;
}

struct undo { /* the order being made */
	struct wave *waves;
	const struct plan_wave **caps;
	const char **targets;
	uint32_t *where;
	size_t n_waves, n_targets;
};

static void add_target(struct request *q, struct undo *o, const struct delivery *d)
{
	o->targets[o->n_targets] = arena_strdup(q->a, d->target);
	o->where[o->n_targets++] = (uint32_t)o->n_waves;
}

/* With the room and the gate of wave w. */
static void end_wave(struct request *q, const struct run *u, size_t w, const char *name, uint32_t count, struct undo *o)
{
	o->caps[o->n_waves] = caps_of(q, &u->r.waves[w]);
	struct wave *v = &o->waves[o->n_waves++];
	*v = u->order.waves[w];
	v->name = name;
	v->target_count = count;
	v->n_probes = 0; /* they say what the release should have brought */
	v->min_success = (struct limit){0}; /* it was for all of the wave's targets */
	v->on_failure = ON_FAILURE_HALT;
}

static const char *name_of_last(struct request *q, const struct run *u)
{
	const char *name = LAST_WAVE;
	for (size_t w = 0; w < u->r.n_waves;)
		if (str_eq(u->r.waves[w++].name, name)) {
			name = arena_printf(q->a, "%s-" LAST_WAVE, name);
			w = 0;
		}
	return name;
}

/* Its waves against their order, with the same room and the same gates; then those that come last, in a wave of their own. */
static void collect_undo(struct request *q, const struct run *u, struct order_request *r)
{
	size_t n = u->r.n_deliveries + 1, n_waves = u->r.n_waves + 1, before = 0;
	struct undo o = {.waves = arena_alloc(q->a, n_waves * sizeof *o.waves),
	                 .caps = arena_alloc(q->a, n_waves * sizeof *o.caps),
	                 .targets = arena_alloc(q->a, n * sizeof *o.targets),
	                 .where = arena_alloc(q->a, n * sizeof *o.where)};
	for (size_t w = u->r.n_waves; w-- > 0; before = o.n_targets) {
		for (size_t i = wave_first(&u->r, (uint32_t)w); i < u->r.n_deliveries && u->r.deliveries[i].wave == w; i++)
			if (is_to_undo(&u->r.deliveries[i]) && !comes_last(u, i))
				add_target(q, &o, &u->r.deliveries[i]);
		if (o.n_targets > before)
			end_wave(q, u, w, u->r.waves[w].name, (uint32_t)(o.n_targets - before), &o);
	}
	for (size_t i = 0; i < u->r.n_deliveries; i++)
		if (is_to_undo(&u->r.deliveries[i]) && comes_last(u, i))
			add_target(q, &o, &u->r.deliveries[i]);
	if (o.n_targets > before)
		end_wave(q, u, u->r.n_waves - 1, name_of_last(q, u), (uint32_t)(o.n_targets - before), &o);
	r->waves = o.waves;
	r->n_waves = o.n_waves;
	r->plan_waves = o.caps;
	r->targets = o.targets;
	r->target_waves = o.where;
	r->n_targets = o.n_targets;
}

/* Who comes last, and what has to be done there. */
static const char *rollback_notes(struct request *q, const struct run *u)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	const char *first = NULL;
	size_t n_away = 0, n_attention = 0;
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		const struct delivery *d = &u->r.deliveries[i];
		n_away += is_to_undo(d) && is_away(u, i);
		if (is_to_undo(d) && d->state == DELIVERY_NEEDS_ATTENTION && n_attention++ == 0)
			first = d->target;
	}
	if (n_away)
		buf_addf(&b, "; %zu %s away and come%s last (wave %s), so that the others do not wait", n_away, n_away == 1 ? "is" : "are",
		         n_away == 1 ? "s" : "", name_of_last(q, u));
	if (n_attention == 1)
		buf_addf(&b, "; %s needs attention and comes last (wave %s): before that, at its site: rollcall-agent resolve %s", first, name_of_last(q, u),
		         first);
	else if (n_attention)
		buf_addf(&b, "; %s and %zu more need attention and come last (wave %s): before that, at the site of each: rollcall-agent resolve TARGET",
		         first, n_attention - 1, name_of_last(q, u));
	return arena_strdup(q->a, buf_str(&b));
}

static int check_undoable(const struct run *u, struct err *e)
{
	if (u->r.direction == DIRECTION_ROLLBACK)
		return err_set(e, ERR_STATE,
		               "rollout %.8s is itself a rollback: to go forward, roll the release out again; to leave a changeset applied that does not go "
		               "back, abort this and roll back %.8s with --except",
		               u->rec.id, u->rec.undoes ? u->rec.undoes : "?");
	for (size_t i = 0; i < u->r.n_deliveries; i++)
		if (delivery_in_flight(&u->r.deliveries[i]) && !is_away(u, i))
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

static int check_exceptions(struct request *q, const struct store_release *rec, const char *const *except, size_t n, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(RELEASE_ARENA);
	struct release r = {0};
	if (n == 0)
		return 0;
	return order_release(q->b, rec->envelope_hash, a, &r, NULL, e) < 0 ? -1 : check_except(&r, except, n, e);
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
	if (check_exceptions(q, &release, r.except, r.n_except, e) < 0)
		return -1;
	memcpy(r.plan_digest, u->order.plan_digest, DIGEST_SIZE);
	collect_undo(q, u, &r);
	const char *notes = rollback_notes(q, u); /* before it is superseded */
	if (r.n_targets == 0)
		return err_set(e, ERR_STATE, "rollout %.8s left nothing applied: there is nothing to roll back", u->rec.id);
	if (request_check_busy(q, u->rec.project, r.targets, r.n_targets, u, e) < 0)
		return -1;
	if (!rollout_is_final(u->r.state) && run_rollout_event(q->b, u, ROLLOUT_EV_SUPERSEDED, q->actor, "a rollback takes its targets over", e) < 0)
		return -1;
	return order_start(q->b, &r, &undo, e) < 0 ? -1 : reply_started(q, undo, notes, e);
}
