/* Rollouts in the store: what moved is said in the audit chain at once, move by move; a delivery's own row is written once a turn, with what it came to. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "controller/daemon/brain_impl.h"

#define REST_AFTER_US (INT64_C(1000000))

void run_unsaved(struct run *u, uint32_t index)
{
	if (u->is_unsaved[index])
		return;
	u->is_unsaved[index] = true;
	u->unsaved[u->n_unsaved++] = index;
}

static int by_index(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* In the order of the rows: neighbours are on the same page. */
static int save_deliveries(struct brain *b, struct run *u, struct err *e)
{
	if (u->n_unsaved > 1)
		qsort(u->unsaved, u->n_unsaved, sizeof *u->unsaved, by_index);
	for (size_t i = 0; i < u->n_unsaved; i++) {
		uint32_t index = u->unsaved[i];
		u->is_unsaved[index] = false;
		if (store_delivery_save(b->store, u->rec.id, &u->r.deliveries[index], &u->notes[index], e) < 0)
			return -1;
	}
	if (u->n_unsaved)
		b->rest_at_us = b->now_us + REST_AFTER_US;
	u->n_unsaved = 0;
	return 0;
}

int runs_save(struct brain *b, struct err *e)
{
	for (size_t i = 0; i < b->n_runs; i++)
		if (save_deliveries(b, b->runs[i], e) < 0)
			return err_wrap(e, "rollout %s", b->runs[i]->rec.id);
	return 0;
}

void rest_end_turn(struct brain *b)
{
	struct err e = ERR_INIT;
	if (b->now_us < b->rest_at_us || !store_wants_rest(b->store))
		return;
	b->rest_at_us = b->now_us + REST_AFTER_US;
	if (store_rest(b->store, &e) < 0)
		log_warn("%s: what was committed stays in the WAL, as safe, and this is tried again: look whether its disk is full", e.msg);
}

int64_t rest_wake_at(const struct brain *b)
{
	return store_wants_rest(b->store) ? b->rest_at_us : INT64_MAX;
}

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
			run_text(&u->rec.detail, t->why);
		return store_rollout_save(b->store, &u->rec, e);
	case OBJECT_WAVE:
		return store_wave_save(b->store, u->rec.id, t->index, &u->r.waves[t->index], e);
	case OBJECT_DELIVERY:
		break;
	}
	if (!str_eq(t->from, t->to))
		u->notes[t->index].since_us = b->now_us;
	run_unsaved(u, t->index);
	return 0;
}

/* Which task and attempt an offer hands out, so that each dispatch stands in the audit chain once. */
static const char *attempt_of(const struct brain *b, const struct run *u, const struct transition *t)
{
	char task[TASK_SIZE * 2 + 1];
	if (t->object != OBJECT_DELIVERY || !str_eq(t->event, delivery_fsm.events[DELIVERY_EV_OFFER]))
		return NULL;
	const struct delivery *d = &u->r.deliveries[t->index];
	return arena_printf(b->turn, "%s/%" PRIu32, bytes_to_hex(bytes_of(u->tasks[d->index], TASK_SIZE), task), d->attempt);
}

int run_wave_detail(struct brain *b, struct run *u, uint32_t wave, const char *text, struct err *e)
{
	run_text(&u->r.waves[wave].detail, text);
	return store_wave_save(b->store, u->rec.id, wave, &u->r.waves[wave], e);
}

/* What is known of it beside the table's sentence. */
static const char *detail_of(const struct run *u, const struct transition *t)
{
	bool probes = t->object == OBJECT_WAVE && str_eq(t->event, wave_fsm.events[WAVE_EV_PROBES_FAIL]);
	return probes && u->r.waves[t->index].detail ? u->r.waves[t->index].detail : t->why;
}

/* A wave or rollout that moved twice in one decision is saved with its final state each time: they are few. Each move has its row in the audit chain. */
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
