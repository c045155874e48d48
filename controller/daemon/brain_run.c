/* Rollouts in memory: taking them from the store, finding them by id, order, target or task, letting go of them. What moves them is brain_rollout.c. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/daemon/brain_impl.h"

void run_text(const char **field, const char *text)
{
	char *copy = mem_strdup(text);
	free((void *)*field);
	*field = copy;
}

void run_note(struct run *u, uint32_t index, const char *changeset, const char *code, const char *detail)
{
	struct delivery_note *n = &u->notes[index];
	run_text(&n->changeset, str_empty(changeset) ? NULL : changeset);
	run_text(&n->code, str_empty(code) ? NULL : code);
	run_text(&n->detail, str_empty(detail) ? NULL : detail);
	run_waits(u, index, NULL, NULL);
}

void run_waits(struct run *u, uint32_t index, const char *code, const char *text)
{
	struct delivery_note *n = &u->notes[index];
	run_text(&n->waits_code, str_empty(code) ? NULL : code);
	run_text(&n->waits, str_empty(text) ? NULL : text);
}

bool run_keeps_reason(const struct delivery *d)
{
	return d->failed && delivery_is_undo(d);
}

void run_free(struct run *u)
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
	places_free(b);
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

void run_set_task(struct run *u, struct delivery *d)
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
		n->waits_code = mem_strdup(n->waits_code);
		n->waits = mem_strdup(n->waits);
	}
}

static uint64_t session_of(const struct brain_agent *g)
{
	return g && g->ready ? g->session : 0;
}

void run_bind_agents(const struct brain *b, struct run *u)
{
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		const struct brain_target *t = target_by_id(b, u->r.deliveries[i].target);
		u->agents[i] = t ? t->owner : NULL;
		u->r.deliveries[i].session = session_of(u->agents[i]);
	}
	u->sessions_as_of = b->session_moves;
}

void run_refresh_sessions(const struct brain *b, struct run *u)
{
	if (u->sessions_as_of == b->session_moves)
		return;
	u->sessions_as_of = b->session_moves;
	for (size_t i = 0; i < u->r.n_deliveries; i++)
		u->r.deliveries[i].session = session_of(u->agents[i]);
}

static void copy_draft(struct run *u, const struct run_draft *from)
{
	size_t n = from->r->n_deliveries;
	u->r = *from->r;
	u->r.waves = arena_alloc(u->arena, (from->r->n_waves + 1) * sizeof *u->r.waves);
	u->r.deliveries = arena_alloc(u->arena, (n + 1) * sizeof *u->r.deliveries);
	u->notes = arena_alloc(u->arena, (n + 1) * sizeof *u->notes);
	memcpy(u->r.waves, from->r->waves, from->r->n_waves * sizeof *u->r.waves);
	memcpy(u->r.deliveries, from->r->deliveries, n * sizeof *u->r.deliveries);
	memcpy(u->notes, from->notes, n * sizeof *u->notes);
	for (size_t i = 0; i < n; i++)
		u->r.deliveries[i].target = arena_strdup(u->arena, from->r->deliveries[i].target);
}

/* What moves: from the draft that was put into the store in this turn, or, with NULL, from the store. */
static int load_moving(struct brain *b, struct run *u, const struct run_draft *from, struct err *e)
{
	if (!from)
		return store_rollout_load(b->store, u->rec.id, u->arena, &u->r, &u->notes, e);
	copy_draft(u, from);
	return 0;
}

static int run_load(struct brain *b, const struct store_rollout *rec, const struct run_draft *from, struct arena *arena, struct run **ret,
                    struct err *e)
{
	struct run *u = mem_alloc(sizeof *u);
	u->rec = *rec;
	u->arena = arena;
	if (load_moving(b, u, from, e) < 0 || complete_from_order(u, e) < 0 ||
	    store_gate_passes(b->store, rec->id, arena, &u->passes, &u->n_passes, e) < 0) {
		free(u); /* the arena stays the caller's */
		return -1;
	}
	own_texts(u);
	u->cap_passes = u->n_passes;
	size_t n = u->r.n_deliveries;
	u->agents = arena_alloc(arena, (n + 1) * sizeof(struct brain_agent *));
	u->tasks = arena_alloc(arena, (n + 1) * TASK_SIZE);
	u->unsaved = arena_alloc(arena, (n + 1) * sizeof *u->unsaved);
	u->is_unsaved = arena_alloc(arena, (n + 1) * sizeof *u->is_unsaved);
	u->by_target = map_new();
	u->by_task = map_new();
	for (size_t i = 0; i < n; i++) {
		map_put(u->by_target, map_text(u->r.deliveries[i].target), &u->r.deliveries[i]);
		u->r.deliveries[i].order_direction = u->order.direction;
		if (u->r.deliveries[i].attempt > 0)
			run_set_task(u, &u->r.deliveries[i]);
	}
	rollout_group(u->r.deliveries, n);
	places_name(b, u);
	run_bind_agents(b, u);
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

static int take_in(struct brain *b, const char *id, const struct run_draft *from, struct run **ret, struct err *e)
{
	struct store_rollout *list = NULL;
	size_t n = 0;
	*ret = NULL;
	struct arena *arena = arena_new(LIMIT_ARENA_DOCUMENT);
	if (store_rollouts(b->store, id, false, arena, &list, &n, e) < 0 || (n > 0 && run_load(b, &list[0], from, arena, ret, e) < 0)) {
		arena_destroy(&arena);
		return -1;
	}
	if (n == 0)
		arena_destroy(&arena);
	return 0;
}

int run_open(struct brain *b, const char *id, struct run **ret, struct err *e)
{
	*ret = in_memory(b, id);
	return *ret ? 0 : take_in(b, id, NULL, ret, e);
}

int run_begin(struct brain *b, const struct run_draft *draft, struct run **ret, struct err *e)
{
	return take_in(b, draft->r->id, draft, ret, e);
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
