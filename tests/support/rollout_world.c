/* See the header. */
#include "tests/support/rollout_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/support/random.h"

uint32_t world_below(struct world *w, uint32_t n)
{
	return (uint32_t)(random_next(&w->random) % n);
}

bool world_chance(struct world *w, uint32_t percent)
{
	return world_below(w, 100) < percent;
}

/* ---- making a world ---------------------------------------------------------------------------------------------------------------------------------------- */

static void make_wave(struct world *w, struct wave_run *v, const char *name, uint32_t count)
{
	*v = (struct wave_run){.name = name,
	                       .target_count = count,
	                       .max_parallel = 1 + world_below(w, 6),
	                       .max_parallel_site = world_below(w, 4),
	                       .max_parallel_instance = world_below(w, 3),
	                       .max_failures = {.value = world_below(w, 50), .percent = world_chance(w, 50)},
	                       .min_success = {.value = world_chance(w, 30) ? world_below(w, 100) : 0, .percent = true},
	                       .on_failure = (enum on_failure)world_below(w, 4),
	                       .soak_ms = world_chance(w, 40) ? 30000 : 0,
	                       .defer_after_ms = world_chance(w, 50) ? 60000 : 0,
	                       .n_probes = world_chance(w, 30)};
	if (!v->max_failures.percent)
		v->max_failures.value %= 3;
}

void world_make(struct world *w, uint64_t seed)
{
	static const char *const wave_names[WORLD_WAVES] = {"canary", "early", "most", "rest"};
	*w = (struct world){.seed = seed, .random = seed * UINT64_C(0x9E3779B97F4A7C15) | 1, .now_us = SECOND, .next_session = 1};
	w->r = (struct rollout){.id = "sim",
	                        .state = ROLLOUT_RUNNING,
	                        .direction = world_chance(w, 80) ? DIRECTION_APPLY : DIRECTION_ROLLBACK,
	                        .not_after_us = world_chance(w, 20) ? 20 * MINUTE : 24 * 60 * MINUTE,
	                        .waves = w->waves,
	                        .n_waves = 1 + world_below(w, WORLD_WAVES),
	                        .deliveries = w->deliveries};
	for (uint32_t v = 0; v < w->r.n_waves; v++) {
		uint32_t count = 1 + world_below(w, WORLD_TARGETS / WORLD_WAVES);
		make_wave(w, &w->waves[v], wave_names[v], count);
		for (uint32_t k = 0; k < count; k++) {
			uint32_t i = (uint32_t)w->r.n_deliveries++;
			snprintf(w->names[i], sizeof w->names[i], "s%u/pg%u/t%u", world_below(w, WORLD_SITES), world_below(w, 2), i);
			w->targets[i].applied = w->targets[i].ran = w->r.direction == DIRECTION_ROLLBACK;
			w->deliveries[i] =
			    (struct delivery){.index = i, .wave = v, .target = w->names[i], .direction = w->r.direction, .order_direction = w->r.direction};
		}
	}
	rollout_group(w->deliveries, w->r.n_deliveries);
	w->strict = world_chance(w, 40);
	for (int s = 0; s < WORLD_SITES; s++)
		w->session[s] = world_chance(w, 80) ? w->next_session++ : 0;
	w->lost_site = world_chance(w, 25) ? (int)world_below(w, WORLD_SITES) : -1;
}

uint32_t world_site_of(const struct world *w, uint32_t i)
{
	return (uint32_t)(w->names[i][1] - '0');
}

/* ---- agents ------------------------------------------------------------------------------------------------------------------------------------------------ */

static void event(struct world *w, uint32_t i, enum delivery_event ev)
{
	struct err e = ERR_INIT;
	struct delivery *d = &w->deliveries[i];
	if (fsm_find(&delivery_fsm, (int)d->state, (int)ev, d) && decide_delivery_event(&w->r, i, ev, w->now_us, &w->d, &e) < 0)
		fail_msg("seed %llu: %s", (unsigned long long)w->seed, e.msg);
}

/* What an agent says of an earlier attempt, or of the other direction, is passed over. */
static bool is_present(const struct world *w, uint32_t i)
{
	return w->targets[i].attempt == w->deliveries[i].attempt && w->targets[i].direction == w->deliveries[i].direction;
}

/* An offer reaches its agent, or is lost; a known task is answered with what is known of it. */
void world_take_offer(struct world *w, uint32_t i)
{
	struct delivery *d = &w->deliveries[i];
	struct site_target *t = &w->targets[i];
	if (!w->session[world_site_of(w, i)] || (!w->calm && world_chance(w, 10)))
		return;
	if (t->report_waits && t->report_attempt == d->attempt && t->report_direction == d->direction)
		return; /* its report is on its way already */
	if (!w->calm && !t->has_task && world_chance(w, 10)) {
		event(w, i, world_chance(w, 50) ? DELIVERY_EV_HOLD : DELIVERY_EV_BUSY);
		return;
	}
	if (!t->has_task)
		*t = (struct site_target){.has_task = true,
		                          .attempt = d->attempt,
		                          .direction = d->direction,
		                          .applied = t->applied,
		                          .ran = t->ran,
		                          .report_waits = t->report_waits,
		                          .report = t->report,
		                          .report_attempt = t->report_attempt,
		                          .report_direction = t->report_direction};
	if (is_present(w, i) && (w->calm || world_chance(w, 80)))
		event(w, i, DELIVERY_EV_ACCEPT);
}

static enum outcome run_task(struct world *w, struct site_target *t)
{
	uint32_t roll = w->calm ? 0 : world_below(w, 100);
	bool forward = t->direction == DIRECTION_APPLY;
	if (roll < 78) {
		t->applied = t->ran = forward;
		return forward ? OUTCOME_APPLIED : OUTCOME_ROLLED_BACK;
	}
	if (roll < 88) {
		t->ran |= forward;
		return OUTCOME_FAILED;
	}
	if (roll < 92)
		return OUTCOME_REFUSED;
	t->ran |= forward;
	return roll < 95 ? OUTCOME_HELD : OUTCOME_NEEDS_ATTENTION;
}

void world_work(struct world *w, uint32_t i)
{
	struct site_target *t = &w->targets[i];
	if (!t->has_task || t->report_waits)
		return;
	if (!w->calm && world_chance(w, 40)) {
		bool heard = w->session[world_site_of(w, i)] && !rollout_is_final(w->r.state); /* of one that is over only its report counts */
		if (heard && is_present(w, i) && world_chance(w, 70))
			event(w, i,
			      t->direction == DIRECTION_APPLY ? (enum delivery_event)(DELIVERY_EV_IS_WAITING + world_below(w, 3)) : DELIVERY_EV_IS_ROLLING_BACK);
		return;
	}
	t->report = run_task(w, t);
	t->report_attempt = t->attempt;
	t->report_direction = t->direction;
	t->report_waits = true;
	t->has_task = false;
}

/* Reports are durable: they come, once, when the site is connected. One of an earlier attempt or direction is history, as the brain takes it. */
void world_report(struct world *w, uint32_t i)
{
	struct site_target *t = &w->targets[i];
	struct delivery *d = &w->deliveries[i];
	if (!t->report_waits || !w->session[world_site_of(w, i)])
		return;
	t->report_waits = false;
	if (t->report_attempt != d->attempt || t->report_direction != d->direction)
		return;
	d->touched |= t->report == OUTCOME_HELD && t->ran;
	event(w, i, delivery_event_of_outcome(t->report));
}

void world_recall(struct world *w, uint32_t i)
{
	struct site_target *t = &w->targets[i];
	if (w->session[world_site_of(w, i)] && !t->has_task && !t->report_waits)
		event(w, i, DELIVERY_EV_RECALLED);
}

void world_toggle_site(struct world *w)
{
	uint32_t s = world_below(w, WORLD_SITES);
	w->session[s] = w->session[s] ? 0 : w->next_session++;
}

/* ---- operators, and the controller's own death ------------------------------------------------------------------------------------------------------------- */

void world_rollout_event(struct world *w, enum rollout_event ev)
{
	struct err e = ERR_INIT;
	if (fsm_find(&rollout_fsm, (int)w->r.state, (int)ev, &w->r) && decide_rollout_event(&w->r, ev, &w->d, &e) < 0)
		fail_msg("seed %llu: %s", (unsigned long long)w->seed, e.msg);
}

void world_operate(struct world *w)
{
	struct err e = ERR_INIT;
	size_t n = 0;
	const char *target = w->names[world_below(w, (uint32_t)w->r.n_deliveries)];
	switch (world_below(w, 12)) {
	case 0:
		world_rollout_event(w, ROLLOUT_EV_PAUSE);
		break;
	case 1:
	case 2:
	case 3:
		world_rollout_event(w, ROLLOUT_EV_RESUME);
		break;
	case 4:
		if (world_chance(w, 20))
			world_rollout_event(w, ROLLOUT_EV_ABORT);
		break;
	case 5:
	case 6:
		if (w->now_us < w->r.not_after_us)
			(void)!decide_retry(&w->r, NULL, 0, w->now_us, &w->d, &n, &e);
		break;
	case 7:
		(void)!decide_skip(&w->r, &target, 1, w->now_us, &w->d, &e);
		break;
	case 8:
	case 9:
		w->deliveries[world_below(w, (uint32_t)w->r.n_deliveries)].frozen_until_us = w->now_us + (int64_t)world_below(w, 5) * MINUTE;
		break;
	default:
		for (size_t i = 0; i < w->r.n_deliveries; i++)
			w->deliveries[i].frozen_until_us = 0;
	}
}

/* What is not in the store is gone; the agents connect anew. */
void world_restart(struct world *w)
{
	for (size_t i = 0; i < w->r.n_deliveries; i++)
		w->deliveries[i].offered_session = w->deliveries[i].frozen_until_us = w->deliveries[i].away_since_us = 0;
	for (size_t v = 0; v < w->r.n_waves; v++)
		w->waves[v].probing = PROBING_NOT;
	for (int s = 0; s < WORLD_SITES; s++)
		w->session[s] = w->session[s] ? w->next_session++ : 0;
}

/* As the brain does before each decision; now and then a pass expires, and is signed anew. */
void world_look_for_passes(struct world *w)
{
	for (uint32_t v = 0; v < w->r.n_waves; v++) {
		bool later = false;
		for (size_t i = 0; i < w->r.n_deliveries; i++)
			later |= w->deliveries[i].wave > v && !delivery_settled(&w->deliveries[i]);
		w->waves[v].needs_pass = w->strict && later;
		if (w->waves[v].state == WAVE_AWAITING_PASS)
			w->waves[v].has_pass = w->waves[v].has_pass || w->calm || world_chance(w, 30);
		else if (!w->calm && world_chance(w, 2))
			w->waves[v].has_pass = false;
	}
}

void world_answer_probes(struct world *w)
{
	for (size_t v = 0; v < w->r.n_waves; v++)
		if (w->waves[v].state == WAVE_PROBING && w->waves[v].probing == PROBING_ASKED)
			w->waves[v].probing = w->calm || world_chance(w, 70) ? PROBING_HOLD : PROBING_FAIL;
}
