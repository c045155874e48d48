/* See the header. The order of the passes: undoing of failed targets, then the rollout's own state, then sending again what a lost connection may have lost. */
#include "controller/rollout/decide.h"

#include <stdlib.h>

#include "common/base/mem.h"

void decision_done(struct decision *d)
{
	free(d->transitions);
	free(d->offers);
	free(d->recalls);
	*d = DECISION_INIT;
}

/* What decide() works with: the snapshot, the clock, the list being made, and how many deliveries are under way in each group. */
struct work {
	struct rollout *r;
	int64_t now_us;
	struct decision *d;
	uint32_t *per_site, *per_instance, *per_wave;
	bool moved; /* a transition happened in this pass */
};

static void work_done(struct work *w)
{
	free(w->per_site);
	free(w->per_instance);
	free(w->per_wave);
}

static void record(struct decision *d, enum object o, uint32_t index, const struct fsm *m, const struct fsm_row *row)
{
	vec_grow(d->transitions, d->n_transitions, d->cap_transitions);
	d->transitions[d->n_transitions++] = (struct transition){
	    .object = o, .index = index, .event = m->events[row->event], .from = m->states[row->from], .to = m->states[row->to], .why = row->why};
}

int decide_rollout_event(struct rollout *r, enum rollout_event ev, struct decision *d, struct err *e)
{
	const struct fsm_row *row = NULL;
	if (rollout_step(r, ev, &row, e) < 0)
		return -1;
	record(d, OBJECT_ROLLOUT, 0, &rollout_fsm, row);
	return 0;
}

int decide_wave_event(struct rollout *r, uint32_t index, enum wave_event ev, int64_t now_us, struct decision *d, struct err *e)
{
	const struct fsm_row *row = NULL;
	if (wave_step(&r->waves[index], ev, now_us, &row, e) < 0)
		return -1;
	record(d, OBJECT_WAVE, index, &wave_fsm, row);
	return 0;
}

int decide_delivery_event(struct rollout *r, uint32_t index, enum delivery_event ev, int64_t now_us, struct decision *d, struct err *e)
{
	const struct fsm_row *row = NULL;
	if (delivery_step(&r->deliveries[index], ev, now_us, &row, e) < 0)
		return -1;
	record(d, OBJECT_DELIVERY, index, &delivery_fsm, row);
	return 0;
}

static int move_rollout(struct work *w, enum rollout_event ev, struct err *e)
{
	w->moved = true;
	return decide_rollout_event(w->r, ev, w->d, e);
}

static int move_wave(struct work *w, uint32_t i, enum wave_event ev, struct err *e)
{
	w->moved = true;
	return decide_wave_event(w->r, i, ev, w->now_us, w->d, e);
}

static void count_flight(struct work *w, const struct delivery *d, int by)
{
	w->per_wave[d->wave] += (uint32_t)by;
	w->per_site[d->site_group] += (uint32_t)by;
	w->per_instance[d->instance_group] += (uint32_t)by;
}

static int move_delivery(struct work *w, struct delivery *d, enum delivery_event ev, struct err *e)
{
	bool was = delivery_in_flight(d);
	if (decide_delivery_event(w->r, d->index, ev, w->now_us, w->d, e) < 0)
		return -1;
	count_flight(w, d, (int)delivery_in_flight(d) - (int)was);
	w->moved = true;
	return 0;
}

static void wake(struct work *w, int64_t at_us)
{
	if (at_us > w->now_us && (!w->d->wake_at_us || at_us < w->d->wake_at_us))
		w->d->wake_at_us = at_us;
}

static void queue_offer(struct work *w, uint32_t index)
{
	vec_grow(w->d->offers, w->d->n_offers, w->d->cap_offers);
	w->d->offers[w->d->n_offers++] = index;
}

/* ---- offering, within the caps -------------------------------------------------------------------------------------------------------------------- */

static bool has_room(const struct work *w, const struct delivery *d)
{
	const struct wave_run *v = &w->r->waves[d->wave];
	return w->per_wave[d->wave] < v->max_parallel && (!v->max_parallel_site || w->per_site[d->site_group] < v->max_parallel_site) &&
	       (!v->max_parallel_instance || w->per_instance[d->instance_group] < v->max_parallel_instance);
}

static int offer_one(struct work *w, struct delivery *d, struct err *e)
{
	if (d->retry_at_us > w->now_us) {
		wake(w, d->retry_at_us);
		return 0;
	}
	if (!d->session || !has_room(w, d))
		return 0;
	if (move_delivery(w, d, DELIVERY_EV_OFFER, e) < 0)
		return -1;
	queue_offer(w, d->index);
	return 0;
}

static bool wants_undo_offer(const struct delivery *d)
{
	return d->state == DELIVERY_ROLLING_BACK && !d->offered_at_us;
}

/* Undoing comes first: it repairs. */
static int offer_undos(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->r->n_deliveries; i++)
		if (wants_undo_offer(&w->r->deliveries[i]) && offer_one(w, &w->r->deliveries[i], e) < 0)
			return -1;
	return 0;
}

/* The waiting deliveries of an open wave: who is connected, whose hold is over, who gets the room there is. */
static int drive_delivery(struct work *w, struct delivery *d, struct err *e)
{
	if (d->state == DELIVERY_PENDING && !d->session)
		return move_delivery(w, d, DELIVERY_EV_AGENT_GONE, e);
	if (d->state == DELIVERY_UNREACHABLE && d->session && move_delivery(w, d, DELIVERY_EV_AGENT_BACK, e) < 0)
		return -1;
	return d->state == DELIVERY_PENDING ? offer_one(w, d, e) : 0;
}

static int end_holds(struct work *w, bool only_undos, struct err *e)
{
	for (size_t i = 0; i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		if (d->state != DELIVERY_HELD || (only_undos && d->direction == d->order_direction))
			continue;
		wake(w, d->retry_at_us);
		if (d->retry_at_us <= w->now_us && move_delivery(w, d, DELIVERY_EV_HOLD_OVER, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- waves ------------------------------------------------------------------------------------------------------------------------------------------ */

struct tally {
	bool waiting; /* pending, unreachable or held */
	bool unsettled; /* anything that will still move by itself */
};

static bool undo_is_due(const struct rollout *r, const struct delivery *d)
{
	return d->state == DELIVERY_FAILED && d->direction == DIRECTION_APPLY && r->waves[d->wave].on_failure == ON_FAILURE_ROLLBACK_TARGET;
}

static struct tally tally_wave(const struct rollout *r, uint32_t wave)
{
	struct tally t = {0};
	for (size_t i = 0; i < r->n_deliveries; i++) {
		const struct delivery *d = &r->deliveries[i];
		if (d->wave != wave)
			continue;
		t.waiting |= d->state == DELIVERY_PENDING || d->state == DELIVERY_UNREACHABLE || d->state == DELIVERY_HELD;
		t.unsettled |= !delivery_settled(d) || undo_is_due(r, d);
	}
	return t;
}

static bool takes_more_back(enum on_failure f)
{
	return f == ON_FAILURE_ROLLBACK_WAVE || f == ON_FAILURE_ROLLBACK_ALL;
}

static int fail_wave(struct work *w, uint32_t i, struct err *e)
{
	bool undo = w->r->direction == DIRECTION_APPLY && takes_more_back(w->r->waves[i].on_failure);
	if (move_wave(w, i, WAVE_EV_EXCEEDED, e) < 0)
		return -1;
	return move_rollout(w, undo ? ROLLOUT_EV_UNDO : ROLLOUT_EV_HALT, e);
}

static bool wave_exceeded(const struct rollout *r, uint32_t i)
{
	return wave_failures(r, i) > limit_of(r->waves[i].max_failures, r->waves[i].target_count);
}

static int drive_open(struct work *w, uint32_t i, struct err *e)
{
	if (wave_exceeded(w->r, i))
		return fail_wave(w, i, e);
	for (size_t k = 0; k < w->r->n_deliveries; k++)
		if (w->r->deliveries[k].wave == i && drive_delivery(w, &w->r->deliveries[k], e) < 0)
			return -1;
	return tally_wave(w->r, i).waiting ? 0 : move_wave(w, i, WAVE_EV_ALL_OFFERED, e);
}

static int drive_draining(struct work *w, uint32_t i, struct err *e)
{
	if (wave_exceeded(w->r, i))
		return fail_wave(w, i, e);
	struct tally t = tally_wave(w->r, i);
	if (t.waiting)
		return move_wave(w, i, WAVE_EV_MORE, e);
	return t.unsettled ? 0 : move_wave(w, i, WAVE_EV_ALL_SETTLED, e);
}

static int drive_soaking(struct work *w, uint32_t i, struct err *e)
{
	const struct wave_run *v = &w->r->waves[i];
	if (wave_exceeded(w->r, i))
		return fail_wave(w, i, e);
	if (v->soak_until_us <= w->now_us)
		return move_wave(w, i, WAVE_EV_SOAK_OVER, e);
	wake(w, v->soak_until_us);
	if (i + 1 == w->r->n_waves && w->r->state == ROLLOUT_RUNNING)
		return move_rollout(w, ROLLOUT_EV_LAST_SOAK, e);
	return 0;
}

static int drive_wave(struct work *w, uint32_t i, struct err *e)
{
	switch (w->r->waves[i].state) {
	case WAVE_BLOCKED:
		return move_wave(w, i, WAVE_EV_OPEN, e);
	case WAVE_HELD:
		return move_wave(w, i, WAVE_EV_RESUME, e);
	case WAVE_OPEN:
		return drive_open(w, i, e);
	case WAVE_DRAINING:
		return drive_draining(w, i, e);
	case WAVE_EVALUATING:
		return wave_exceeded(w->r, i) ? fail_wave(w, i, e) : move_wave(w, i, WAVE_EV_WITHIN, e);
	case WAVE_SOAKING:
		return drive_soaking(w, i, e);
	case WAVE_FAILED: /* a running rollout with a failed wave: its deliveries were retried elsewhere; look at it anew */
		return move_wave(w, i, WAVE_EV_REOPEN, e);
	case WAVE_PASSED:
	case WAVE_STATE_COUNT:
		break;
	}
	return 0;
}

static uint32_t first_open_wave(const struct rollout *r)
{
	uint32_t i = 0;
	while (i < r->n_waves && r->waves[i].state == WAVE_PASSED)
		i++;
	return i;
}

/* ---- the rollout ------------------------------------------------------------------------------------------------------------------------------------ */

static bool work_is_left(const struct rollout *r)
{
	for (size_t i = 0; i < r->n_deliveries; i++)
		if (!delivery_settled(&r->deliveries[i]) && !delivery_in_flight(&r->deliveries[i]))
			return true;
	return false;
}

static int drive_running(struct work *w, struct err *e)
{
	struct rollout *r = w->r;
	if (r->not_before_us > w->now_us) {
		wake(w, r->not_before_us);
		return 0;
	}
	if (r->not_after_us <= w->now_us && work_is_left(r) && r->state == ROLLOUT_RUNNING)
		return move_rollout(w, ROLLOUT_EV_EXPIRED, e);
	wake(w, r->not_after_us);
	uint32_t i = first_open_wave(r);
	return i == r->n_waves ? move_rollout(w, ROLLOUT_EV_ALL_PASSED, e) : drive_wave(w, i, e);
}

static int drive_waiting(struct work *w, struct err *e)
{
	if (w->r->not_after_us <= w->now_us)
		return move_rollout(w, ROLLOUT_EV_EXPIRED, e);
	wake(w, w->r->not_after_us);
	return 0;
}

static int drive_paused(struct work *w, struct err *e)
{
	for (uint32_t i = 0; i < w->r->n_waves; i++) {
		enum wave_state s = w->r->waves[i].state;
		if ((s == WAVE_OPEN || s == WAVE_DRAINING || s == WAVE_SOAKING) && move_wave(w, i, WAVE_EV_PAUSE, e) < 0)
			return -1;
	}
	return 0;
}

/* Undoing goes against the order of the waves: a wave is taken back when every later one is done. Deliveries that never started stay pending. */
static int undo_wave(struct work *w, uint32_t wave, bool *ret_busy, struct err *e)
{
	for (size_t i = 0; i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		if (d->wave != wave)
			continue;
		bool done = d->state == DELIVERY_APPLIED || (d->state == DELIVERY_FAILED && d->direction == DIRECTION_APPLY);
		if (done && move_delivery(w, d, DELIVERY_EV_UNDO, e) < 0)
			return -1;
		bool undoing_held = d->state == DELIVERY_HELD && d->direction == DIRECTION_ROLLBACK;
		*ret_busy |= delivery_in_flight(d) || d->state == DELIVERY_ROLLING_BACK || undoing_held;
	}
	return 0;
}

static int drive_undoing(struct work *w, struct err *e)
{
	uint32_t first = 0, last = (uint32_t)w->r->n_waves;
	while (first < w->r->n_waves && w->r->waves[first].state != WAVE_FAILED)
		first++;
	if (first < w->r->n_waves && w->r->waves[first].on_failure == ON_FAILURE_ROLLBACK_ALL)
		first = 0;
	for (uint32_t i = last; i-- > first;) {
		bool busy = false;
		if (undo_wave(w, i, &busy, e) < 0)
			return -1;
		if (busy)
			return 0;
	}
	return move_rollout(w, ROLLOUT_EV_UNDONE, e);
}

static void recall(struct work *w, struct delivery *d)
{
	d->recalled = true;
	d->recalled_at_us = w->now_us;
	vec_grow(w->d->recalls, w->d->n_recalls, w->d->cap_recalls);
	w->d->recalls[w->d->n_recalls++] = d->index;
}

static int abort_delivery(struct work *w, struct delivery *d, struct err *e)
{
	bool waiting = d->state == DELIVERY_PENDING || d->state == DELIVERY_UNREACHABLE || d->state == DELIVERY_HELD;
	if (waiting)
		return move_delivery(w, d, DELIVERY_EV_SKIP, e);
	if (d->state != DELIVERY_OFFERED || d->accepted || !d->session)
		return 0;
	if (!d->recalled)
		recall(w, d);
	wake(w, d->recalled_at_us + RECALL_GIVE_UP_US);
	return d->recalled_at_us + RECALL_GIVE_UP_US > w->now_us ? 0 : move_delivery(w, d, DELIVERY_EV_RECALLED, e);
}

static int drive_aborting(struct work *w, struct err *e)
{
	bool busy = false;
	for (size_t i = 0; i < w->r->n_deliveries; i++) {
		if (abort_delivery(w, &w->r->deliveries[i], e) < 0)
			return -1;
		busy |= delivery_in_flight(&w->r->deliveries[i]);
	}
	return busy ? 0 : move_rollout(w, ROLLOUT_EV_DRAINED, e);
}

/* on_failure rollback-target: at once, whatever the wave goes on to do. */
static int undo_failed_targets(struct work *w, struct err *e)
{
	if (w->r->direction != DIRECTION_APPLY)
		return 0;
	for (size_t i = 0; i < w->r->n_deliveries; i++)
		if (undo_is_due(w->r, &w->r->deliveries[i]) && move_delivery(w, &w->r->deliveries[i], DELIVERY_EV_UNDO, e) < 0)
			return -1;
	return 0;
}

static int drive(struct work *w, struct err *e)
{
	switch (w->r->state) {
	case ROLLOUT_AWAITING_APPROVAL:
		return drive_waiting(w, e);
	case ROLLOUT_RUNNING:
	case ROLLOUT_SOAKING:
		return end_holds(w, false, e) < 0 || undo_failed_targets(w, e) < 0 || offer_undos(w, e) < 0 ? -1 : drive_running(w, e);
	case ROLLOUT_PAUSED:
		return drive_paused(w, e);
	case ROLLOUT_HALTED:
		return end_holds(w, true, e) < 0 || undo_failed_targets(w, e) < 0 ? -1 : offer_undos(w, e);
	case ROLLOUT_ROLLING_BACK:
		return end_holds(w, true, e) < 0 || drive_undoing(w, e) < 0 ? -1 : offer_undos(w, e);
	case ROLLOUT_ABORTING:
		return drive_aborting(w, e);
	case ROLLOUT_PENDING:
	case ROLLOUT_ABORTED:
	case ROLLOUT_SUCCEEDED:
	case ROLLOUT_FAILED:
	case ROLLOUT_STATE_COUNT:
		break;
	}
	return 0;
}

/* ---- sending again -------------------------------------------------------------------------------------------------------------------------------- */

/* After a restart, a reconnect or a lost frame: the same task once more; the agent answers a known one with its state. While the rollout must not start anything new, only
 * tasks that the agent is known to have are sent again. */
static int resend(struct work *w, struct delivery *d, struct err *e)
{
	if (!delivery_in_flight(d) || !d->session)
		return 0;
	bool starts = w->r->state == ROLLOUT_RUNNING || w->r->state == ROLLOUT_SOAKING || w->r->state == ROLLOUT_ROLLING_BACK;
	starts |= w->r->state == ROLLOUT_HALTED && d->direction != d->order_direction;
	if (!d->accepted && !starts)
		return 0;
	bool new_session = d->offered_session != d->session, silent = !d->accepted && d->offered_at_us + OFFER_RESEND_US <= w->now_us;
	if (!d->accepted)
		wake(w, d->offered_at_us + OFFER_RESEND_US);
	if (!new_session && !silent)
		return 0;
	if (delivery_step(d, DELIVERY_EV_OFFER, w->now_us, NULL, e) < 0)
		return -1;
	wake(w, d->offered_at_us + OFFER_RESEND_US);
	queue_offer(w, d->index);
	return 0;
}

int decide(struct rollout *r, int64_t now_us, struct decision *d, struct err *e)
{
	AUTO(work_done)
	struct work w = {.r = r,
	                 .now_us = now_us,
	                 .d = d,
	                 .per_site = mem_alloc(r->n_deliveries * sizeof(uint32_t) + 1),
	                 .per_instance = mem_alloc(r->n_deliveries * sizeof(uint32_t) + 1),
	                 .per_wave = mem_alloc(r->n_waves * sizeof(uint32_t) + 1)};
	for (size_t i = 0; i < r->n_deliveries; i++)
		if (delivery_in_flight(&r->deliveries[i]))
			count_flight(&w, &r->deliveries[i], 1);
	do {
		w.moved = false;
		if (drive(&w, e) < 0)
			return -1;
	} while (w.moved);
	for (size_t i = 0; i < r->n_deliveries; i++)
		if (resend(&w, &r->deliveries[i], e) < 0)
			return -1;
	return 0;
}
