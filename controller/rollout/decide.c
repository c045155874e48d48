/* See the header. The order of the passes: undoing of failed targets, then the rollout's own state, then sending again what a lost connection may have lost. */
#include "controller/rollout/decide_impl.h"

#include <stdlib.h>

#include "common/base/mem.h"

void decision_done(struct decision *d)
{
	free(d->transitions);
	free(d->offers);
	free(d->recalls);
	free(d->probes);
	free(d->stops);
	*d = DECISION_INIT;
}

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

static void set_moved(struct work *w)
{
	w->moved = true;
	w->tally_known = false;
}

int move_rollout(struct work *w, enum rollout_event ev, struct err *e)
{
	set_moved(w);
	return decide_rollout_event(w->r, ev, w->d, e);
}

int move_wave(struct work *w, uint32_t i, enum wave_event ev, struct err *e)
{
	set_moved(w);
	return decide_wave_event(w->r, i, ev, w->now_us, w->d, e);
}

static void count_flight(struct work *w, const struct delivery *d, int by)
{
	w->per_wave[d->wave] += (uint32_t)by;
	w->per_site[d->site_group] += (uint32_t)by;
	w->per_instance[d->instance_group] += (uint32_t)by;
}

int move_delivery(struct work *w, struct delivery *d, enum delivery_event ev, struct err *e)
{
	bool was = delivery_in_flight(d);
	enum delivery_state before = d->state;
	if (decide_delivery_event(w->r, d->index, ev, w->now_us, w->d, e) < 0)
		return -1;
	count_flight(w, d, (int)delivery_in_flight(d) - (int)was);
	w->in_state[before]--;
	w->in_state[d->state]++;
	set_moved(w);
	return 0;
}

void wake(struct work *w, int64_t at_us)
{
	if (at_us > w->now_us && (!w->d->wake_at_us || at_us < w->d->wake_at_us))
		w->d->wake_at_us = at_us;
}

void queue_offer(struct work *w, uint32_t index)
{
	vec_grow(w->d->offers, w->d->n_offers, w->d->cap_offers);
	w->d->offers[w->d->n_offers++] = index;
}

/* ---- the rollout ------------------------------------------------------------------------------------------------------------------------------------ */

static uint32_t first_open_wave(const struct rollout *r)
{
	uint32_t i = 0;
	while (i < r->n_waves && r->waves[i].state == WAVE_PASSED)
		i++;
	return i;
}

static bool all_settled(const struct rollout *r)
{
	for (size_t i = 0; i < r->n_deliveries; i++)
		if (!delivery_settled(&r->deliveries[i]) || delivery_undo_is_due(r, &r->deliveries[i]))
			return false;
	return true;
}

/* The waves that have passed without their deferred targets. *ret_stop: one of them failed, and the rollout has moved. */
static int drive_passed_waves(struct work *w, uint32_t n, bool *ret_stop, struct err *e)
{
	enum rollout_state before = w->r->state;
	*ret_stop = false;
	for (uint32_t i = 0; i < n && !*ret_stop; i++) {
		if (drive_passed(w, i, e) < 0)
			return -1;
		*ret_stop = w->r->state != before;
	}
	return 0;
}

static int finish(struct work *w, struct err *e)
{
	if (all_settled(w->r))
		return move_rollout(w, ROLLOUT_EV_ALL_PASSED, e);
	return w->r->state == ROLLOUT_CATCHING_UP ? 0 : move_rollout(w, ROLLOUT_EV_CATCH_UP, e);
}

/* The order's time is over: agents would refuse what is left. What is under way still comes to its end. */
static int expire_deferred(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		if (fsm_find(&delivery_fsm, (int)d->state, DELIVERY_EV_EXPIRE, d) && move_delivery(w, d, DELIVERY_EV_EXPIRE, e) < 0)
			return -1;
	}
	return 0;
}

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
	bool over = r->not_after_us <= w->now_us;
	if (over && lose(w, e) < 0)
		return -1;
	if (over && work_is_left(r) && r->state == ROLLOUT_RUNNING)
		return move_rollout(w, ROLLOUT_EV_EXPIRED, e);
	wake(w, r->not_after_us);
	if (ask_passes(w, e) < 0)
		return -1;
	uint32_t i = first_open_wave(r);
	bool stop = false;
	if (over && r->state != ROLLOUT_RUNNING && expire_deferred(w, e) < 0) /* soaking or catching up: only deferred ones have not begun */
		return -1;
	if (i < r->n_waves && fails(w, i)) /* no deferred target of an earlier wave is let go beside it */
		return drive_wave(w, i, e);
	if (drive_passed_waves(w, i, &stop, e) < 0 || stop)
		return stop ? 0 : -1;
	return i == r->n_waves ? finish(w, e) : drive_wave(w, i, e);
}

static int drive_waiting(struct work *w, struct err *e)
{
	if (w->r->not_after_us <= w->now_us)
		return move_rollout(w, ROLLOUT_EV_EXPIRED, e);
	wake(w, w->r->not_after_us);
	return 0;
}

/* What runs, runs on. But a batched step may run for days: it ends between two batches, as held. */
static void stop_batches(struct work *w)
{
	for (size_t i = 0; i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		if (!delivery_in_flight(d) || !d->accepted || !d->session || d->paused_session == d->session)
			continue;
		d->paused_session = d->session;
		w->paused = true;
		vec_grow(w->d->stops, w->d->n_stops, w->d->cap_stops);
		w->d->stops[w->d->n_stops++] = d->index;
	}
}

/* The pause is over: what ended for it goes on at once, not when a site would be asked again. */
static void end_pause(struct work *w)
{
	for (size_t i = 0; w->paused && i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		if (d->paused_session && d->state == DELIVERY_HELD)
			d->retry_at_us = 0;
		d->paused_session = 0;
	}
	w->paused = false;
}

static int drive_paused(struct work *w, struct err *e)
{
	stop_batches(w);
	for (uint32_t i = 0; i < w->r->n_waves; i++) {
		enum wave_state s = w->r->waves[i].state;
		if ((s == WAVE_OPEN || s == WAVE_DRAINING || s == WAVE_SOAKING || s == WAVE_PROBING) && move_wave(w, i, WAVE_EV_PAUSE, e) < 0)
			return -1;
	}
	return 0;
}

static bool is_being_undone(const struct delivery *d)
{
	return d->state == DELIVERY_ROLLING_BACK || delivery_undo_waits(d);
}

/* Undoing goes against the order of the waves: a wave is taken back when every later one is done, but for what waits for lost agents. Deliveries that never started stay as
 * they are. */
static int undo_wave(struct work *w, uint32_t wave, bool *ret_busy, struct err *e)
{
	for (size_t i = 0; i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		if (d->wave != wave)
			continue;
		bool due = d->direction == DIRECTION_APPLY && fsm_find(&delivery_fsm, (int)d->state, DELIVERY_EV_UNDO, d);
		if (due && move_delivery(w, d, DELIVERY_EV_UNDO, e) < 0)
			return -1;
		*ret_busy |= delivery_in_flight(d) || (is_being_undone(d) && !is_lost(w, d));
	}
	return 0;
}

/* Waits for agents that are away; from wave `first` on. */
static bool undos_are_left(const struct rollout *r, uint32_t first)
{
	for (size_t i = wave_first(r, first); i < r->n_deliveries; i++)
		if (is_being_undone(&r->deliveries[i]) || (r->deliveries[i].state == DELIVERY_UNKNOWN && !delivery_settled(&r->deliveries[i])))
			return true;
	return false;
}

static int drive_undoing(struct work *w, struct err *e)
{
	uint32_t first = 0, last = (uint32_t)w->r->n_waves;
	bool over = w->r->not_after_us <= w->now_us;
	wake(w, w->r->not_after_us);
	if (lose(w, e) < 0 || (over && expire_undos(w, e) < 0))
		return -1;
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
	for (size_t i = 0; i < w->r->n_deliveries; i++) /* a deferred target of an earlier wave may have followed just then: it comes to its end first */
		if (delivery_in_flight(&w->r->deliveries[i]))
			return 0;
	return undos_are_left(w->r, first) ? 0 : move_rollout(w, ROLLOUT_EV_UNDONE, e);
}

static void recall(struct work *w, struct delivery *d)
{
	d->recalled = true;
	d->recalled_at_us = w->now_us;
	vec_grow(w->d->recalls, w->d->n_recalls, w->d->cap_recalls);
	w->d->recalls[w->d->n_recalls++] = d->index;
}

/* An offer that its agent has not taken. */
static int take_back(struct work *w, struct delivery *d, struct err *e)
{
	bool offered = d->state == DELIVERY_OFFERED || (d->state == DELIVERY_ROLLING_BACK && d->offered_at_us);
	if (!offered || d->accepted || !d->session)
		return 0;
	if (!d->recalled)
		recall(w, d);
	wake(w, d->recalled_at_us + RECALL_GIVE_UP_US);
	return d->recalled_at_us + RECALL_GIVE_UP_US > w->now_us ? 0 : move_delivery(w, d, DELIVERY_EV_RECALLED, e);
}

/* Nothing new starts: an offer that got lost is not sent again, and would stay one for ever. */
static int take_back_silent(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		if (d->state != DELIVERY_OFFERED || d->accepted || !d->session)
			continue;
		wake(w, d->offered_at_us + OFFER_RESEND_US);
		bool silent = d->offered_session != d->session || d->offered_at_us + OFFER_RESEND_US <= w->now_us;
		if (silent && take_back(w, d, e) < 0)
			return -1;
	}
	return 0;
}

static int abort_delivery(struct work *w, struct delivery *d, struct err *e)
{
	if (take_back(w, d, e) < 0)
		return -1;
	return fsm_find(&delivery_fsm, (int)d->state, DELIVERY_EV_SKIP, d) ? move_delivery(w, d, DELIVERY_EV_SKIP, e) : 0;
}

static int drive_aborting(struct work *w, struct err *e)
{
	bool busy = false;
	if (lose(w, e) < 0)
		return -1;
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
	if (w->r->direction != DIRECTION_APPLY || !w->in_state[DELIVERY_FAILED])
		return 0;
	for (size_t i = 0; i < w->r->n_deliveries; i++)
		if (delivery_undo_is_due(w->r, &w->r->deliveries[i]) && move_delivery(w, &w->r->deliveries[i], DELIVERY_EV_UNDO, e) < 0)
			return -1;
	return 0;
}

/* An agent that was lost says late that its site holds the way back: nobody asks it again any more. */
static int end_late_undos(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->r->n_deliveries; i++)
		if (delivery_undo_waits(&w->r->deliveries[i]) && move_delivery(w, &w->r->deliveries[i], DELIVERY_EV_SKIP, e) < 0)
			return -1;
	return 0;
}

static int drive(struct work *w, struct err *e)
{
	if (!rollout_is_final(w->r->state) && ask_what_became(w, e) < 0)
		return -1;
	switch (w->r->state) {
	case ROLLOUT_AWAITING_APPROVAL:
		return drive_waiting(w, e);
	case ROLLOUT_RUNNING:
	case ROLLOUT_SOAKING:
	case ROLLOUT_CATCHING_UP:
		end_pause(w);
		return end_holds(w, false, e) < 0 || undo_failed_targets(w, e) < 0 || offer_undos(w, e) < 0 ? -1 : drive_running(w, e);
	case ROLLOUT_PAUSED:
		return take_back_silent(w, e) < 0 ? -1 : drive_paused(w, e);
	case ROLLOUT_HALTED:
		return lose(w, e) < 0 || take_back_silent(w, e) < 0 || end_holds(w, true, e) < 0 || undo_failed_targets(w, e) < 0 ? -1 : offer_undos(w, e);
	case ROLLOUT_ROLLING_BACK:
		return take_back_silent(w, e) < 0 || end_holds(w, true, e) < 0 || drive_undoing(w, e) < 0 ? -1 : offer_undos(w, e);
	case ROLLOUT_ABORTING:
		return drive_aborting(w, e);
	case ROLLOUT_ABORTED:
		return end_late_undos(w, e);
	case ROLLOUT_PENDING:
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
	bool starts = w->r->state == ROLLOUT_RUNNING || w->r->state == ROLLOUT_SOAKING || w->r->state == ROLLOUT_CATCHING_UP;
	starts |= (w->r->state == ROLLOUT_HALTED || w->r->state == ROLLOUT_ROLLING_BACK) && delivery_is_undo(d);
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
	for (size_t i = 0; i < r->n_deliveries; i++) {
		struct delivery *of = &r->deliveries[i];
		w.in_state[of->state]++;
		w.paused |= of->paused_session != 0;
		if (delivery_in_flight(of))
			count_flight(&w, of, 1);
		note_away(&w, of);
	}
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
