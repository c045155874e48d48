/* What operators say beside rollouts, kept in memory: freezes (nothing new starts on these targets in this time) and quarantine (no new rollout takes this target); and
 * the skipping of single targets. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/daemon/brain_impl.h"

#define STEER_ARENA ((size_t)64 * 1024 * 1024)

int steer_load(struct brain *b, struct err *e)
{
	struct store_freeze *list = NULL;
	size_t n = 0;
	arena_destroy(&b->steer_arena);
	b->steer_arena = arena_new(STEER_ARENA);
	b->freezes = NULL;
	b->n_freezes = b->n_quarantines = 0;
	if (store_freezes(b->store, b->now_us, b->steer_arena, &list, &n, e) < 0 ||
	    store_quarantines(b->store, b->steer_arena, &b->quarantines, &b->n_quarantines, e) < 0)
		return -1;
	b->freezes = arena_alloc(b->steer_arena, (n + 1) * sizeof *b->freezes);
	for (; b->n_freezes < n; b->n_freezes++) {
		struct brain_freeze *f = &b->freezes[b->n_freezes];
		f->rec = list[b->n_freezes];
		if (selector_parse(f->rec.selector, b->steer_arena, &f->selector, e) < 0)
			return err_wrap(e, "freeze %" PRId64, f->rec.id);
	}
	runs_touch(b);
	return 0;
}

const struct brain_freeze *freeze_of(const struct brain *b, const char *target)
{
	const struct brain_freeze *longest = NULL;
	const struct brain_target *t = NULL;
	for (size_t i = 0; i < b->n_freezes; i++) {
		const struct brain_freeze *f = &b->freezes[i];
		if (f->rec.from_us > b->now_us || f->rec.until_us <= b->now_us || (longest && longest->rec.until_us >= f->rec.until_us))
			continue;
		t = t ? t : target_by_id(b, target);
		if (t && selector_matches(f->selector, &t->target))
			longest = f;
	}
	return longest;
}

const struct store_quarantine *quarantine_of(const struct brain *b, const char *target)
{
	for (size_t i = 0; i < b->n_quarantines; i++)
		if (str_eq(b->quarantines[i].target, target))
			return &b->quarantines[i];
	return NULL;
}

void freezes_to_run(const struct brain *b, struct run *u)
{
	if (!b->n_freezes && !u->had_freezes)
		return;
	u->had_freezes = b->n_freezes;
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		const struct brain_freeze *f = delivery_settled(&u->r.deliveries[i]) ? NULL : freeze_of(b, u->r.deliveries[i].target);
		u->r.deliveries[i].frozen_until_us = f ? f->rec.until_us : 0;
	}
}

void freezes_note(const struct brain *b, struct run *u, const struct decision *d)
{
	char until[CLOCK_TEXT_SIZE];
	for (size_t i = 0; i < d->n_transitions; i++) {
		const struct transition *t = &d->transitions[i];
		if (t->object != OBJECT_DELIVERY || !str_eq(t->event, delivery_fsm.events[DELIVERY_EV_FREEZE]))
			continue;
		const struct brain_freeze *f = freeze_of(b, u->r.deliveries[t->index].target);
		if (f)
			run_note(u, t->index, NULL, "freeze",
			         arena_printf(b->turn, "freeze %" PRId64 " until %s: %s", f->rec.id, clock_text(f->rec.until_us, until), f->rec.reason));
	}
}

/* ---- skipping ------------------------------------------------------------------------------------------------------------------------------------------ */

/* Who skipped it and why, and what it was skipped from: the way back to the facts. */
static void note_skip(struct brain *b, struct run *u, const struct transition *t, const char *actor, const char *reason)
{
	const struct delivery_note *n = &u->notes[t->index];
	const char *was = n->detail ? arena_printf(b->turn, "; it was %s: %s", t->from, n->detail) : "";
	run_note(u, t->index, n->changeset ? arena_strdup(b->turn, n->changeset) : NULL, "skipped",
	         arena_printf(b->turn, "skipped by %s: %s%s", actor, reason, was));
}

int run_skip(struct brain *b, struct run *u, const char *const *targets, size_t n, const char *actor, const char *reason, struct err *e)
{
	AUTO(decision_done) struct decision moved = DECISION_INIT;
	if (decide_skip(&u->r, targets, n, b->now_us, &moved, e) < 0)
		return -1;
	u->touched = true;
	for (size_t i = 0; i < moved.n_transitions; i++)
		if (moved.transitions[i].object == OBJECT_DELIVERY)
			note_skip(b, u, &moved.transitions[i], actor, reason);
	return run_persist(b, u, &moved, actor, reason, e);
}
