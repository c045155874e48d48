/* Rollouts in memory: loading them from the store, moving them, persisting what moved, offering. Write-ahead: the row `offered` is committed before the OFFER leaves. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/daemon/brain_impl.h"

/* ---- loading ------------------------------------------------------------------------------------------------------------------------------------------- */

static void note_set(const char **field, const char *text)
{
	char *copy = mem_strdup(text);
	free((void *)*field);
	*field = copy;
}

void run_note(struct run *u, uint32_t index, const char *changeset, const char *code, const char *detail)
{
	struct delivery_note *n = &u->notes[index];
	note_set(&n->changeset, str_empty(changeset) ? NULL : changeset);
	note_set(&n->code, str_empty(code) ? NULL : code);
	note_set(&n->detail, str_empty(detail) ? NULL : detail);
}

bool run_keeps_reason(const struct delivery *d)
{
	return d->failed && d->direction != d->order_direction;
}

static void run_free(struct run *u)
{
	for (size_t i = 0; i < u->r.n_deliveries; i++)
		run_note(u, (uint32_t)i, NULL, NULL, NULL);
	free((void *)u->rec.detail);
	for (size_t i = 0; i < u->r.n_waves; i++)
		free((void *)u->r.waves[i].detail);
	map_destroy(&u->by_target);
	map_destroy(&u->by_task);
	merkle_destroy(&u->tree);
	arena_destroy(&u->arena);
	free(u);
}

void runs_free(struct brain *b)
{
	for (size_t i = 0; i < b->n_runs; i++)
		run_free(b->runs[i]);
	free(b->runs);
	b->n_runs = 0;
}

void task_id(const uint8_t order_digest[DIGEST_SIZE], const char *target, enum direction d, uint8_t out[TASK_SIZE])
{
	uint8_t full[DIGEST_SIZE];
	struct digest *h = digest_new();
	digest_add(h, order_digest, DIGEST_SIZE);
	digest_add(h, target, strlen(target));
	digest_add(h, direction_name(d), strlen(direction_name(d)));
	digest_final(&h, full);
	memcpy(out, full, TASK_SIZE);
}

static void set_task(struct run *u, struct delivery *d)
{
	struct bytes key = bytes_of(u->tasks[d->index], TASK_SIZE);
	if (map_get(u->by_task, key) == d)
		map_remove(u->by_task, key);
	task_id(u->rec.order_digest, d->target, d->direction, u->tasks[d->index]);
	map_put(u->by_task, key, d);
}

/* The order's words on the waves; the store keeps only what moves. */
static int complete_from_order(struct run *u, struct err *e)
{
	struct rollout *r = &u->r;
	if (order_decode(u->rec.order, u->arena, &u->order, e) < 0)
		return err_wrap(e, "rollout %s", u->rec.id);
	if (u->order.n_waves != r->n_waves || u->order.target_count != r->n_deliveries)
		return err_set(e, ERR_STATE, "the store is damaged: rollout %s has other waves or targets than its order: restore it from a backup",
		               u->rec.id);
	for (size_t i = 0; i < r->n_waves; i++) {
		const struct wave *w = &u->order.waves[i];
		r->waves[i].name = w->name;
		r->waves[i].target_count = w->target_count;
		r->waves[i].max_parallel = w->max_parallel;
		r->waves[i].max_failures = w->max_failures;
		r->waves[i].min_success = w->min_success;
		r->waves[i].defer_after_ms = w->defer_after_ms;
		r->waves[i].on_failure = w->on_failure;
		r->waves[i].soak_ms = w->soak_ms;
		r->waves[i].n_probes = w->n_probes;
	}
	r->id = u->rec.id;
	r->state = u->rec.state;
	r->direction = u->order.direction;
	r->not_before_us = u->order.not_before_us;
	r->not_after_us = u->order.not_after_us;
	return 0;
}

/* Texts that change go to the heap, where they can be let go. */
static void own_texts(struct run *u)
{
	u->rec.detail = mem_strdup(u->rec.detail);
	for (size_t i = 0; i < u->r.n_waves; i++)
		u->r.waves[i].detail = mem_strdup(u->r.waves[i].detail);
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		struct delivery_note *n = &u->notes[i];
		n->changeset = mem_strdup(n->changeset);
		n->code = mem_strdup(n->code);
		n->detail = mem_strdup(n->detail);
	}
}

static void bind_agents(const struct brain *b, struct run *u)
{
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		const struct brain_target *t = target_by_id(b, u->r.deliveries[i].target);
		u->agents[i] = t ? t->owner : NULL;
	}
}

static int run_load(struct brain *b, const struct store_rollout *rec, struct arena *arena, struct run **ret, struct err *e)
{
	struct run *u = mem_alloc(sizeof *u);
	u->rec = *rec;
	u->arena = arena;
	if (store_rollout_load(b->store, rec->id, arena, &u->r, &u->notes, e) < 0 || complete_from_order(u, e) < 0) {
		free(u); /* the arena stays the caller's */
		return -1;
	}
	own_texts(u);
	size_t n = u->r.n_deliveries;
	u->agents = arena_alloc(arena, (n + 1) * sizeof(struct brain_agent *));
	u->tasks = arena_alloc(arena, (n + 1) * TASK_SIZE);
	u->by_target = map_new();
	u->by_task = map_new();
	for (size_t i = 0; i < n; i++) {
		map_put(u->by_target, map_text(u->r.deliveries[i].target), &u->r.deliveries[i]);
		u->r.deliveries[i].order_direction = u->order.direction;
		if (u->r.deliveries[i].attempt > 0)
			set_task(u, &u->r.deliveries[i]);
	}
	rollout_group(u->r.deliveries, n);
	bind_agents(b, u);
	u->touched = true;
	vec_grow(b->runs, b->n_runs, b->cap_runs);
	b->runs[b->n_runs++] = u;
	*ret = u;
	return 0;
}

static struct run *in_memory(const struct brain *b, const char *id)
{
	for (size_t i = 0; i < b->n_runs; i++)
		if (str_eq(b->runs[i]->rec.id, id))
			return b->runs[i];
	return NULL;
}

int run_open(struct brain *b, const char *id, struct run **ret, struct err *e)
{
	struct store_rollout *list = NULL;
	size_t n = 0;
	*ret = in_memory(b, id);
	if (*ret)
		return 0;
	struct arena *arena = arena_new(LIMIT_ARENA_DOCUMENT);
	if (store_rollouts(b->store, id, false, arena, &list, &n, e) < 0 || (n > 0 && run_load(b, &list[0], arena, ret, e) < 0)) {
		arena_destroy(&arena);
		return -1;
	}
	if (n == 0)
		arena_destroy(&arena);
	return 0;
}

int runs_load(struct brain *b, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	struct store_rollout *list = NULL;
	size_t n = 0;
	if (store_rollouts(b->store, NULL, true, a, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct run *u = NULL;
		if (run_open(b, list[i].id, &u, e) < 0)
			return -1;
	}
	return 0;
}

int run_find(struct brain *b, const char *prefix, struct run **ret, struct err *e)
{
	struct store_rollout *list = NULL;
	const char *found = NULL;
	size_t n = 0;
	if (store_rollouts(b->store, NULL, false, b->turn, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!str_starts(list[i].id, prefix))
			continue;
		if (found)
			return err_set(e, ERR_USAGE, "several rollouts begin with %s: give more of the id (`rollcall rollout list`)", prefix);
		found = list[i].id;
	}
	if (!found || !*prefix)
		return err_set(e, ERR_NOT_FOUND, "there is no rollout %s: `rollcall rollout list` shows them", prefix);
	return run_open(b, found, ret, e);
}

int run_by_order(struct brain *b, const uint8_t order_digest[DIGEST_SIZE], struct run **ret, struct err *e)
{
	struct store_rollout *list = NULL;
	size_t n = 0;
	*ret = NULL;
	for (size_t i = 0; i < b->n_runs; i++)
		if (memcmp(b->runs[i]->rec.order_digest, order_digest, DIGEST_SIZE) == 0) {
			*ret = b->runs[i];
			return 0;
		}
	if (store_rollouts(b->store, NULL, false, b->turn, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (memcmp(list[i].order_digest, order_digest, DIGEST_SIZE) == 0)
			return run_open(b, list[i].id, ret, e);
	return 0;
}

struct delivery *run_delivery(struct run *u, const char *target)
{
	return map_get(u->by_target, map_text(target));
}

void runs_touch(struct brain *b)
{
	for (size_t i = 0; i < b->n_runs; i++)
		b->runs[i]->touched = true;
}

/* ---- persisting ---------------------------------------------------------------------------------------------------------------------------------------- */

static const char *object_name(const struct brain *b, const struct run *u, const struct transition *t)
{
	switch (t->object) {
	case OBJECT_ROLLOUT:
		return "rollout";
	case OBJECT_WAVE:
		return arena_printf(b->turn, "wave %s", u->r.waves[t->index].name);
	case OBJECT_DELIVERY:
		break;
	}
	return u->r.deliveries[t->index].target;
}

static int save_object(struct brain *b, struct run *u, const struct transition *t, struct err *e)
{
	switch (t->object) {
	case OBJECT_ROLLOUT:
		u->rec.state = u->r.state;
		u->rec.changed_at_us = b->now_us;
		if (u->r.state != ROLLOUT_ABORTED || !u->rec.detail) /* who gave it up said why, and that stays to be read */
			note_set(&u->rec.detail, t->why);
		return store_rollout_save(b->store, &u->rec, e);
	case OBJECT_WAVE:
		return store_wave_save(b->store, u->rec.id, t->index, &u->r.waves[t->index], e);
	case OBJECT_DELIVERY:
		break;
	}
	if (!str_eq(t->from, t->to))
		u->notes[t->index].since_us = b->now_us;
	return store_delivery_save(b->store, u->rec.id, &u->r.deliveries[t->index], &u->notes[t->index], e);
}

/* Which task and attempt an offer hands out, so that each dispatch stands in the audit chain once. */
static const char *attempt_of(const struct brain *b, const struct run *u, const struct transition *t)
{
	char task[TASK_SIZE * 2 + 1];
	uint8_t id[TASK_SIZE];
	if (t->object != OBJECT_DELIVERY || !str_eq(t->event, delivery_fsm.events[DELIVERY_EV_OFFER]))
		return NULL;
	const struct delivery *d = &u->r.deliveries[t->index];
	task_id(u->rec.order_digest, d->target, d->direction, id);
	return arena_printf(b->turn, "%s/%" PRIu32, bytes_to_hex(bytes_of(id, TASK_SIZE), task), d->attempt);
}

int run_wave_detail(struct brain *b, struct run *u, uint32_t wave, const char *text, struct err *e)
{
	note_set(&u->r.waves[wave].detail, text);
	return store_wave_save(b->store, u->rec.id, wave, &u->r.waves[wave], e);
}

/* What is known of it beside the table's sentence. */
static const char *detail_of(const struct run *u, const struct transition *t)
{
	bool probes = t->object == OBJECT_WAVE && str_eq(t->event, wave_fsm.events[WAVE_EV_PROBES_FAIL]);
	return probes && u->r.waves[t->index].detail ? u->r.waves[t->index].detail : t->why;
}

/* An object that moved twice in one decision is saved with its final state each time: the rows are few. */
int run_persist(struct brain *b, struct run *u, const struct decision *d, const char *actor, const char *reason, struct err *e)
{
	for (size_t i = 0; i < d->n_transitions; i++) {
		const struct transition *t = &d->transitions[i];
		const struct store_event ev = {.at_us = b->now_us,
		                               .actor = actor,
		                               .rollout = u->rec.id,
		                               .object = object_name(b, u, t),
		                               .event = t->event,
		                               .from = t->from,
		                               .to = t->to,
		                               .detail = reason ? reason : detail_of(u, t),
		                               .ref = attempt_of(b, u, t)};
		if (save_object(b, u, t, e) < 0 || store_event_put(b->store, &ev, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- events of others ------------------------------------------------------------------------------------------------------------------------------------ */

int run_delivery_event(struct brain *b, struct run *u, struct delivery *d, enum delivery_event ev, const char *actor, struct err *e)
{
	AUTO(decision_done) struct decision moved = DECISION_INIT;
	u->touched = true;
	if (decide_delivery_event(&u->r, d->index, ev, b->now_us, &moved, e) < 0)
		return -1;
	return run_persist(b, u, &moved, actor, u->notes[d->index].detail, e);
}

int run_rollout_event(struct brain *b, struct run *u, enum rollout_event ev, const char *actor, const char *reason, struct err *e)
{
	AUTO(decision_done) struct decision moved = DECISION_INIT;
	if (decide_rollout_event(&u->r, ev, &moved, e) < 0)
		return -1;
	u->touched = true;
	if (run_persist(b, u, &moved, actor, reason, e) < 0)
		return -1;
	if (!reason)
		return 0;
	note_set(&u->rec.detail, reason);
	return store_rollout_save(b->store, &u->rec, e);
}

int run_retry(struct brain *b, struct run *u, const char *const *targets, size_t n, const char *actor, size_t *ret_count, struct err *e)
{
	AUTO(decision_done) struct decision moved = DECISION_INIT;
	if (u->r.not_after_us <= b->now_us)
		return err_set(e, ERR_STATE, "the order of rollout %s has expired, agents would refuse it: start a new rollout", u->rec.id);
	if (decide_retry(&u->r, targets, n, b->now_us, &moved, ret_count, e) < 0)
		return -1;
	u->touched = true;
	for (size_t i = 0; i < moved.n_transitions; i++)
		if (moved.transitions[i].object == OBJECT_DELIVERY)
			run_note(u, moved.transitions[i].index, NULL, NULL, NULL);
	return run_persist(b, u, &moved, actor, NULL, e);
}

struct delivery *run_by_task(struct brain *b, const struct brain_agent *g, const uint8_t task[TASK_SIZE], struct run **ret_run)
{
	for (size_t k = 0; k < b->n_runs; k++) {
		struct run *u = b->runs[k];
		struct delivery *d = map_get(u->by_task, bytes_of(task, TASK_SIZE));
		if (d && u->agents[d->index] == g) {
			*ret_run = u;
			return d;
		}
	}
	return NULL;
}

static bool is_hold(const char *code)
{
	static const char *const codes[] = {"held", "hold", "window", "consent", "policy-unreadable"};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (str_eq(code, codes[i]))
			return true;
	return false;
}

static enum delivery_event event_of_refusal(const struct msg_task *m)
{
	if (is_hold(m->code))
		return DELIVERY_EV_HOLD;
	if (str_eq(m->code, "busy"))
		return DELIVERY_EV_BUSY;
	return str_eq(m->code, "recalled") ? DELIVERY_EV_RECALLED : DELIVERY_EV_REFUSE;
}

static int refusal(struct brain *b, struct run *u, struct delivery *d, const struct msg_task *m, const char *who, struct err *e)
{
	enum delivery_event ev = event_of_refusal(m);
	if (!fsm_find(&delivery_fsm, (int)d->state, (int)ev, d))
		return 0; /* it answered an offer that events have overtaken */
	run_note(u, d->index, NULL, m->code, m->message);
	if (run_delivery_event(b, u, d, ev, who, e) < 0)
		return -1;
	if (m->until_us <= b->now_us || (ev != DELIVERY_EV_HOLD && ev != DELIVERY_EV_BUSY))
		return 0;
	d->retry_at_us = m->until_us;
	return store_delivery_save(b->store, u->rec.id, d, &u->notes[d->index], e);
}

/* PROGRESS may be lost, so only what changes a state is written; step counters live in memory until then. */
static int progress(struct brain *b, struct run *u, struct delivery *d, const struct msg_progress *m, const char *who, struct err *e)
{
	enum delivery_event ev;
	struct delivery_note *n = &u->notes[d->index];
	bool known = delivery_event_of_progress(m->state, &ev);
	if (!known)
		ev = DELIVERY_EV_ACCEPT; /* fetching, verifying */
	const struct fsm_row *row = fsm_find(&delivery_fsm, (int)d->state, (int)ev, d);
	if (!row)
		return 0;
	n->step = m->step;
	n->of_steps = m->of_steps;
	if (!run_keeps_reason(d))
		run_note(u, d->index, m->changeset, NULL,
		         known                  ? m->detail
		         : str_empty(m->detail) ? m->state
		                                : arena_printf(b->turn, "%s: %s", m->state, m->detail));
	if (row->to == (int)d->state && d->accepted)
		return 0;
	return run_delivery_event(b, u, d, ev, who, e);
}

/* The site has nothing against it any more: it is asked again now, not when its time would come. */
static int unheld(struct brain *b, struct run *u, struct delivery *d, struct err *e)
{
	if (d->state != DELIVERY_HELD)
		return 0;
	d->retry_at_us = b->now_us;
	u->touched = true;
	return store_delivery_save(b->store, u->rec.id, d, &u->notes[d->index], e);
}

int task_event(struct brain *b, const struct hub_event *ev, struct err *e)
{
	struct brain_agent *g = agent_by_session(b, ev->session);
	struct run *u = NULL;
	bool is_progress = ev->msg.type == MSG_PROGRESS;
	const uint8_t *task = is_progress ? ev->msg.progress.task : ev->msg.task.task;
	struct delivery *d = g ? run_by_task(b, g, task, &u) : NULL;
	if (d && ev->msg.type == MSG_UNHELD)
		return unheld(b, u, d, e);
	if (!d || d->attempt != (is_progress ? ev->msg.progress.attempt : ev->msg.task.attempt))
		return 0;
	const char *who = arena_printf(b->turn, "agent %s", g->rec.name);
	if (is_progress)
		return progress(b, u, d, &ev->msg.progress, who, e);
	if (ev->msg.type == MSG_REFUSE)
		return refusal(b, u, d, &ev->msg.task, who, e);
	if (d->accepted || !fsm_find(&delivery_fsm, (int)d->state, DELIVERY_EV_ACCEPT, d))
		return 0;
	return run_delivery_event(b, u, d, DELIVERY_EV_ACCEPT, who, e);
}

/* ---- deciding and offering --------------------------------------------------------------------------------------------------------------------------------- */

static void make_tree(struct brain *b, struct run *u)
{
	struct merkle_leaf *leaves = arena_alloc(b->turn, u->r.n_deliveries * sizeof *leaves);
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		leaves[i] = (struct merkle_leaf){.wave = u->r.deliveries[i].wave, .target = u->r.deliveries[i].target};
		memcpy(leaves[i].salt, u->notes[i].salt, TARGET_SALT_SIZE);
	}
	u->tree = merkle_new(leaves, u->r.n_deliveries);
}

static int offer(struct brain *b, struct run *u, struct delivery *d, struct err *e)
{
	struct buf encoded = BUF_INIT;
	struct merkle_proof proof = {0};
	if (!u->tree)
		make_tree(b, u);
	merkle_prove(u->tree, d->index, &proof);
	merkle_proof_encode(&proof, &encoded);
	set_task(u, d);
	struct msg m = {.type = MSG_OFFER,
	                .offer = {.attempt = d->attempt,
	                          .epoch = b->epoch,
	                          .target = arena_strdup(b->turn, d->target),
	                          .release_size = u->rec.release_size,
	                          .dossier_size = u->rec.dossier_size,
	                          .proof = arena_bytes(b->turn, buf_bytes(&encoded)),
	                          .deadline_us = u->r.not_after_us,
	                          .direction = d->direction}};
	buf_done(&encoded);
	memcpy(m.offer.task, u->tasks[d->index], TASK_SIZE);
	memcpy(m.offer.release_hash, u->rec.release_hash, DIGEST_SIZE);
	memcpy(m.offer.dossier_hash, u->rec.dossier_hash, DIGEST_SIZE);
	brain_queue(b, d->session, &m);
	return store_delivery_save(b->store, u->rec.id, d, &u->notes[d->index], e);
}

static void call(struct brain *b, struct run *u, const struct delivery *d, enum msg_type type)
{
	struct msg m = {.type = type, .task = {.attempt = d->attempt}};
	memcpy(m.task.task, u->tasks[d->index], TASK_SIZE);
	brain_queue(b, d->session, &m);
}

static void refresh_sessions(struct run *u)
{
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		const struct brain_agent *g = u->agents[i];
		u->r.deliveries[i].session = g && g->ready ? g->session : 0;
	}
}

static int think(struct brain *b, struct run *u, struct err *e)
{
	AUTO(decision_done) struct decision d = DECISION_INIT;
	refresh_sessions(u);
	freezes_to_run(b, u);
	u->touched = false;
	if (decide(&u->r, b->now_us, &d, e) < 0)
		return -1;
	freezes_note(b, u, &d);
	if (run_persist(b, u, &d, "controller", NULL, e) < 0)
		return -1;
	u->wake_at_us = d.wake_at_us;
	for (size_t i = 0; i < d.n_offers; i++)
		if (offer(b, u, &u->r.deliveries[d.offers[i]], e) < 0)
			return -1;
	for (size_t i = 0; i < d.n_probes; i++)
		if (probes_start(b, u, d.probes[i], e) < 0)
			return -1;
	for (size_t i = 0; i < d.n_recalls; i++)
		call(b, u, &u->r.deliveries[d.recalls[i]], MSG_RECALL);
	for (size_t i = 0; i < d.n_stops; i++)
		call(b, u, &u->r.deliveries[d.stops[i]], MSG_STOP);
	for (size_t i = 0; i < d.n_transitions; i++) {
		const struct transition *t = &d.transitions[i];
		if (t->object != OBJECT_ROLLOUT)
			continue;
		catch_up_later(b);
		log_info("rollout %.8s (%s %s): %s: %s", u->rec.id, u->rec.release_version, u->rec.environment, t->to, t->why);
	}
	return 0;
}

int runs_end_turn(struct brain *b, struct err *e)
{
	for (size_t i = 0; b->owners_changed && i < b->n_runs; i++) {
		bind_agents(b, b->runs[i]);
		b->runs[i]->touched = true;
	}
	b->owners_changed = false;
	for (size_t i = 0; i < b->n_runs; i++) {
		struct run *u = b->runs[i];
		if ((u->touched || (u->wake_at_us && u->wake_at_us <= b->now_us)) && think(b, u, e) < 0)
			return err_wrap(e, "rollout %s", u->rec.id);
	}
	for (size_t i = b->n_runs; i-- > 0;) {
		if (!rollout_is_final(b->runs[i]->r.state))
			continue;
		probes_forget(b, b->runs[i]);
		run_free(b->runs[i]);
		b->runs[i] = b->runs[--b->n_runs];
	}
	return 0;
}
