/* Moving rollouts: deciding, offering. Write-ahead: the row `offered` is committed before the OFFER leaves. */
#include <inttypes.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/wire/documents.h"
#include "controller/daemon/brain_impl.h"

/* ---- events of others ------------------------------------------------------------------------------------------------------------------------------------ */

int run_delivery_event(struct brain *b, struct run *u, struct delivery *d, enum delivery_event ev, const char *actor, struct err *e)
{
	AUTO(decision_done) struct decision moved = DECISION_INIT;
	const struct delivery_note *n = &u->notes[d->index];
	u->touched = true;
	if (decide_delivery_event(&u->r, d->index, ev, b->now_us, &moved, e) < 0)
		return -1;
	return run_persist(b, u, &moved, actor, n->waits ? n->waits : n->detail, e);
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
	run_text(&u->rec.detail, reason);
	return store_rollout_save(b->store, &u->rec, e);
}

int run_retry(struct brain *b, struct run *u, const char *const *targets, size_t n, const char *actor, const char *reason, size_t *ret_count,
              struct err *e)
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
	return run_persist(b, u, &moved, actor, reason, e);
}

/* ---- deciding and offering --------------------------------------------------------------------------------------------------------------------------------- */

static void offer(struct brain *b, struct run *u, struct delivery *d)
{
	struct buf encoded = BUF_INIT;
	struct merkle_proof proof = {0};
	if (!u->tree)
		u->tree = order_tree(b, &u->r, u->notes);
	merkle_prove(u->tree, d->index, &proof);
	merkle_proof_encode(&proof, &encoded);
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
	run_waits(u, d->index, NULL, NULL); /* it is asked anew */
	run_unsaved(u, d->index);
}

static void call(struct brain *b, struct run *u, const struct delivery *d, enum msg_type type)
{
	struct msg m = {.type = type, .task = {.attempt = d->attempt}};
	memcpy(m.task.task, u->tasks[d->index], TASK_SIZE);
	brain_queue(b, d->session, &m);
}

static int think(struct brain *b, struct run *u, struct err *e)
{
	AUTO(decision_done) struct decision d = DECISION_INIT;
	run_refresh_sessions(b, u);
	freezes_to_run(b, u);
	gates_to_run(b, u);
	places_to_run(b, u);
	u->touched = false;
	if (decide(&u->r, b->now_us, &d, e) < 0)
		return -1;
	places_touch_others(b, u);
	freezes_note(b, u, &d);
	for (size_t i = 0; i < d.n_offers; i++)
		run_set_task(u, &u->r.deliveries[d.offers[i]]); /* the log names it */
	if (run_persist(b, u, &d, "controller", NULL, e) < 0)
		return -1;
	u->wake_at_us = d.wake_at_us;
	u->more = d.more;
	for (size_t i = 0; i < d.n_offers; i++)
		offer(b, u, &u->r.deliveries[d.offers[i]]);
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
		run_bind_agents(b, b->runs[i]);
		b->runs[i]->touched = true;
	}
	b->owners_changed = false;
	bool again = true;
	for (size_t pass = 0; again && pass <= b->n_runs; pass++) { /* where one has ended something, another may find room */
		again = false;
		for (size_t i = 0; i < b->n_runs; i++) {
			struct run *u = b->runs[i];
			if (!u->touched && (!u->wake_at_us || u->wake_at_us > b->now_us))
				continue;
			if (think(b, u, e) < 0)
				return err_wrap(e, "rollout %s", u->rec.id);
			again = true;
		}
	}
	if (runs_save(b, e) < 0)
		return -1;
	for (size_t i = b->n_runs; i-- > 0;) {
		b->runs[i]->touched |= b->runs[i]->more;
		if (!rollout_is_final(b->runs[i]->r.state))
			continue;
		probes_forget(b, b->runs[i]);
		run_free(b->runs[i]);
		b->runs[i] = b->runs[--b->n_runs];
	}
	return 0;
}
