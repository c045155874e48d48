/* Single deliveries: who is connected, whose hold is over, who has waited for long enough, who gets the room there is. */
#include "controller/rollout/decide_impl.h"

/* A wave's own cap is for the wave; those of a site and of a database server are for what is under way there, whatever rollout it is of. */
static bool has_room(const struct work *w, const struct delivery *d)
{
	const struct rollout *r = w->r;
	const struct wave_run *v = &r->waves[d->wave];
	uint32_t at_site = w->per_site[d->site_group] + (r->others_at_site ? r->others_at_site[d->site_group] : 0);
	uint32_t on_instance = w->per_instance[d->instance_group] + (r->others_on_instance ? r->others_on_instance[d->instance_group] : 0);
	return w->per_wave[d->wave] < v->max_parallel && (!v->max_parallel_site || at_site < v->max_parallel_site) &&
	       (!v->max_parallel_instance || on_instance < v->max_parallel_instance);
}

static int offer_one(struct work *w, struct delivery *d, struct err *e)
{
	if (d->retry_at_us > w->now_us) {
		wake(w, d->retry_at_us);
		return 0;
	}
	if (!d->session || !has_room(w, d))
		return 0;
	if (w->d->n_offers >= OFFERS_MAX) {
		w->d->more = true;
		return 0;
	}
	if (move_delivery(w, d, DELIVERY_EV_OFFER, e) < 0)
		return -1;
	queue_offer(w, d->index);
	return 0;
}

static bool wants_undo_offer(const struct delivery *d)
{
	return d->state == DELIVERY_ROLLING_BACK && !d->offered_at_us;
}

/* Whatever its wave does: it repairs, and no freeze is meant for it. */
static int catch_up_undos(struct work *w, struct err *e)
{
	for (size_t i = 0; w->in_state[DELIVERY_DEFERRED] && i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		if (d->state != DELIVERY_DEFERRED || !delivery_undo_waits(d))
			continue;
		wake(w, d->retry_at_us);
		if (d->session && d->retry_at_us <= w->now_us && move_delivery(w, d, DELIVERY_EV_CATCH_UP, e) < 0)
			return -1;
	}
	return 0;
}

int offer_undos(struct work *w, struct err *e)
{
	if (catch_up_undos(w, e) < 0)
		return -1;
	for (size_t i = 0; w->in_state[DELIVERY_ROLLING_BACK] && i < w->r->n_deliveries; i++)
		if (wants_undo_offer(&w->r->deliveries[i]) && offer_one(w, &w->r->deliveries[i], e) < 0)
			return -1;
	return 0;
}

/* A site's hold ends at the time it gave; a freeze when it no longer covers the target, which may be earlier or later than it was said to be. */
static bool hold_is_over(struct work *w, const struct delivery *d)
{
	int64_t until_us = d->frozen ? d->frozen_until_us : d->retry_at_us;
	wake(w, until_us);
	return until_us <= w->now_us;
}

int end_holds(struct work *w, bool only_undos, struct err *e)
{
	for (size_t i = 0; w->in_state[DELIVERY_HELD] && i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		if (d->state != DELIVERY_HELD || (only_undos && !delivery_is_undo(d)) || !hold_is_over(w, d))
			continue;
		if (d->frozen)
			d->retry_at_us = 0;
		if (move_delivery(w, d, DELIVERY_EV_HOLD_OVER, e) < 0)
			return -1;
	}
	return 0;
}

/* Offered, and as far as anybody knows its agent has not taken it. */
static bool is_untaken(const struct delivery *d)
{
	return d->state == DELIVERY_OFFERED && !d->accepted && !d->session;
}

bool is_unoffered_undo(const struct delivery *d)
{
	return d->state == DELIVERY_ROLLING_BACK && delivery_undo_waits(d);
}

/* Since when the wave waits for it; 0: it does not. */
static int64_t stalled_since(const struct delivery *d)
{
	if (is_untaken(d))
		return d->offered_at_us;
	if (delivery_in_flight(d) || is_unoffered_undo(d))
		return d->away_since_us;
	return d->state == DELIVERY_UNREACHABLE || d->state == DELIVERY_HELD ? d->stalled_since_us : 0;
}

/* *ret_deferred: the wave goes on without it. */
static int defer_if_late(struct work *w, struct delivery *d, bool *ret_deferred, struct err *e)
{
	uint64_t after_ms = w->r->waves[d->wave].defer_after_ms;
	int64_t since_us = after_ms ? stalled_since(d) : 0;
	*ret_deferred = false;
	if (!since_us)
		return 0;
	int64_t at_us = since_us + (int64_t)after_ms * 1000;
	wake(w, at_us);
	*ret_deferred = at_us <= w->now_us;
	enum delivery_event ev = delivery_in_flight(d) && !is_untaken(d) ? DELIVERY_EV_LOSE : DELIVERY_EV_DEFER;
	return *ret_deferred ? move_delivery(w, d, ev, e) : 0;
}

/* Freezes stop what is new, never what is being taken back. */
static int start_pending(struct work *w, struct delivery *d, struct err *e)
{
	if (d->state != DELIVERY_PENDING)
		return 0;
	return d->frozen_until_us > w->now_us ? move_delivery(w, d, DELIVERY_EV_FREEZE, e) : offer_one(w, d, e);
}

static int follow_connection(struct work *w, struct delivery *d, struct err *e)
{
	if (d->state == DELIVERY_PENDING && !d->session)
		return move_delivery(w, d, DELIVERY_EV_AGENT_GONE, e);
	return d->state == DELIVERY_UNREACHABLE && d->session ? move_delivery(w, d, DELIVERY_EV_AGENT_BACK, e) : 0;
}

int drive_delivery(struct work *w, struct delivery *d, struct err *e)
{
	bool deferred = false;
	if (follow_connection(w, d, e) < 0 || defer_if_late(w, d, &deferred, e) < 0)
		return -1;
	return deferred ? 0 : start_pending(w, d, e);
}

int catch_up_delivery(struct work *w, struct delivery *d, struct err *e)
{
	if (d->state == DELIVERY_DEFERRED) {
		int64_t free_at_us = d->retry_at_us > d->frozen_until_us ? d->retry_at_us : d->frozen_until_us;
		wake(w, free_at_us);
		if (!d->session || free_at_us > w->now_us)
			return 0;
		if (move_delivery(w, d, DELIVERY_EV_CATCH_UP, e) < 0)
			return -1;
	}
	return follow_connection(w, d, e) < 0 ? -1 : start_pending(w, d, e);
}
