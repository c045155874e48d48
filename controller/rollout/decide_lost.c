/* Agents that are away with what they took. What became of it only they can say, and they will: with their report, whenever it comes. Until then it is unknown, and told so; it is
 * never guessed, never given to anybody else, and nothing else waits for it: a rollout that is aborted or taken back goes on without, and comes back to it when it is heard of. */
#include "controller/rollout/decide_impl.h"

void note_away(const struct work *w, struct delivery *d)
{
	if (d->session)
		d->away_since_us = 0;
	else if (!d->away_since_us)
		d->away_since_us = w->now_us;
}

bool is_lost(struct work *w, const struct delivery *d)
{
	if (d->session)
		return false;
	wake(w, d->away_since_us + LOST_AFTER_US);
	return d->away_since_us + LOST_AFTER_US <= w->now_us;
}

int lose(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		enum delivery_event ev = delivery_in_flight(d) ? DELIVERY_EV_LOSE : DELIVERY_EV_DEFER;
		if ((delivery_in_flight(d) || is_unoffered_undo(d)) && is_lost(w, d) && move_delivery(w, d, ev, e) < 0)
			return -1;
	}
	return 0;
}

int ask_what_became(struct work *w, struct err *e)
{
	for (size_t i = 0; w->in_state[DELIVERY_UNKNOWN] && i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		if (d->state == DELIVERY_UNKNOWN && d->session && move_delivery(w, d, DELIVERY_EV_AGENT_BACK, e) < 0)
			return -1;
	}
	return 0;
}

int expire_undos(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->r->n_deliveries; i++) {
		struct delivery *d = &w->r->deliveries[i];
		bool waits = d->state == DELIVERY_UNKNOWN || delivery_undo_waits(d);
		if (waits && is_lost(w, d) && fsm_find(&delivery_fsm, (int)d->state, DELIVERY_EV_EXPIRE, d) && move_delivery(w, d, DELIVERY_EV_EXPIRE, e) < 0)
			return -1;
	}
	return 0;
}
