/* The controller's decisions against a world that is hard on them, with a seed: agents that go and come, offers and answers that are lost, reports that come late and after a
 * restart, failures, site holds, freezes, probes, operators who pause, skip, retry and abort. After each decision the invariants below must hold, and every rollout must come to
 * an end. SEEDS=n runs n worlds, SEED=s only that one (it is named when an invariant breaks). No clock, no store, no socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/rollout/decide.h"

#define SEEDS_DEFAULT 10000
#define WAVES         4
#define TARGETS       20
#define SITES         3
#define SECOND        INT64_C(1000000)
#define MINUTE        (60 * SECOND)
#define EVENTS        150 /* of trouble; then everything works and the world comes to rest */

/* What the agent and the database of a target know: the truth that the controller must not contradict. */
struct site_target {
	bool has_task, accept_told;
	uint32_t attempt;
	enum direction direction;
	bool applied; /* in the database */
	bool ran; /* a forward task had an effect that is not undone */
	bool report_waits; /* in the outbox: comes when the site is connected */
	enum outcome report;
	uint32_t report_attempt;
	enum direction report_direction;
};

struct world {
	uint64_t seed, random;
	struct rollout r;
	struct wave_run waves[WAVES];
	struct delivery deliveries[TARGETS];
	char names[TARGETS][32];
	struct site_target targets[TARGETS];
	uint64_t session[SITES], next_session;
	int64_t now_us;
	struct decision d;
	bool calm; /* the trouble is over */
	bool strict; /* gates have keys of their own */
	unsigned started; /* forward deliveries that were ever offered */
};

static uint64_t next_random(struct world *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

static uint32_t below(struct world *w, uint32_t n)
{
	return (uint32_t)(next_random(w) % n);
}

static bool chance(struct world *w, uint32_t percent)
{
	return below(w, 100) < percent;
}

/* The world as it is when an invariant breaks, and the decision that broke it. */
static void tell(const struct world *w, const char *broken)
{
	print_message("seed %llu: broken: %s; rollout %s\n", (unsigned long long)w->seed, broken, rollout_state_name(w->r.state));
	for (size_t i = 0; i < w->r.n_waves; i++)
		print_message("wave %zu: %s, max_failures %u%s, min_success %u%%\n", i, wave_state_name(w->waves[i].state), w->waves[i].max_failures.value,
		              w->waves[i].max_failures.percent ? "%" : "", w->waves[i].min_success.value);
	for (size_t i = 0; i < w->r.n_deliveries; i++)
		print_message("%zu %s wave %u: %s, attempt %u, %s; agent: task %d attempt %u, report %d\n", i, w->names[i], w->deliveries[i].wave,
		              delivery_state_name(w->deliveries[i].state), w->deliveries[i].attempt, direction_name(w->deliveries[i].direction),
		              w->targets[i].has_task, w->targets[i].attempt, w->targets[i].report_waits);
	for (size_t i = 0; i < w->d.n_transitions; i++)
		print_message("  %s %u: %s: %s -> %s\n", (const char *const[]){"rollout", "wave", "delivery"}[w->d.transitions[i].object],
		              w->d.transitions[i].index, w->d.transitions[i].event, w->d.transitions[i].from, w->d.transitions[i].to);
}

#define HOLDS(w, condition, ...)   \
	do {                           \
		if (!(condition)) {        \
			tell((w), #condition); \
			fail_msg(__VA_ARGS__); \
		}                          \
	} while (0)

/* ---- making a world ----------------------------------------------------------------------------------------------------------------------------------- */

static void make_wave(struct world *w, struct wave_run *v, const char *name, uint32_t count)
{
	*v = (struct wave_run){.name = name,
	                       .target_count = count,
	                       .max_parallel = 1 + below(w, 6),
	                       .max_parallel_site = below(w, 4),
	                       .max_parallel_instance = below(w, 3),
	                       .max_failures = {.value = below(w, 50), .percent = chance(w, 50)},
	                       .min_success = {.value = chance(w, 30) ? below(w, 100) : 0, .percent = true},
	                       .on_failure = (enum on_failure)below(w, 4),
	                       .soak_ms = chance(w, 40) ? 30000 : 0,
	                       .defer_after_ms = chance(w, 50) ? 60000 : 0,
	                       .n_probes = chance(w, 30)};
	if (!v->max_failures.percent)
		v->max_failures.value %= 3;
}

static void make_world(struct world *w, uint64_t seed)
{
	static const char *const wave_names[WAVES] = {"canary", "early", "most", "rest"};
	*w = (struct world){.seed = seed, .random = seed * UINT64_C(0x9E3779B97F4A7C15) | 1, .now_us = SECOND, .next_session = 1};
	w->r = (struct rollout){.id = "sim",
	                        .state = ROLLOUT_RUNNING,
	                        .direction = chance(w, 80) ? DIRECTION_APPLY : DIRECTION_ROLLBACK,
	                        .not_after_us = chance(w, 20) ? 20 * MINUTE : 24 * 60 * MINUTE,
	                        .waves = w->waves,
	                        .n_waves = 1 + below(w, WAVES),
	                        .deliveries = w->deliveries};
	for (uint32_t v = 0; v < w->r.n_waves; v++) {
		uint32_t count = 1 + below(w, TARGETS / WAVES);
		make_wave(w, &w->waves[v], wave_names[v], count);
		for (uint32_t k = 0; k < count; k++) {
			uint32_t i = (uint32_t)w->r.n_deliveries++;
			snprintf(w->names[i], sizeof w->names[i], "s%u/pg%u/t%u", below(w, SITES), below(w, 2), i);
			w->targets[i].applied = w->targets[i].ran = w->r.direction == DIRECTION_ROLLBACK;
			w->deliveries[i] =
			    (struct delivery){.index = i, .wave = v, .target = w->names[i], .direction = w->r.direction, .order_direction = w->r.direction};
		}
	}
	rollout_group(w->deliveries, w->r.n_deliveries);
	w->strict = chance(w, 40);
	for (int s = 0; s < SITES; s++)
		w->session[s] = chance(w, 80) ? w->next_session++ : 0;
}

static uint32_t site_of(const struct world *w, uint32_t i)
{
	return (uint32_t)(w->names[i][1] - '0');
}

/* ---- agents ------------------------------------------------------------------------------------------------------------------------------------------- */

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
static void take_offer(struct world *w, uint32_t i)
{
	struct delivery *d = &w->deliveries[i];
	struct site_target *t = &w->targets[i];
	if (!w->session[site_of(w, i)] || (!w->calm && chance(w, 10)))
		return;
	if (t->report_waits && t->report_attempt == d->attempt && t->report_direction == d->direction)
		return; /* its report is on its way already */
	if (!w->calm && !t->has_task && chance(w, 10)) {
		event(w, i, chance(w, 50) ? DELIVERY_EV_HOLD : DELIVERY_EV_BUSY);
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
	if (is_present(w, i) && (w->calm || chance(w, 80)))
		event(w, i, DELIVERY_EV_ACCEPT);
}

static enum outcome run_task(struct world *w, struct site_target *t)
{
	uint32_t roll = w->calm ? 0 : below(w, 100);
	bool forward = t->direction == DIRECTION_APPLY;
	if (roll < 78) {
		t->applied = t->ran = forward;
		return forward ? OUTCOME_APPLIED : OUTCOME_ROLLED_BACK;
	}
	if (roll < 88) {
		t->ran |= forward;
		return OUTCOME_FAILED;
	}
	if (roll < 95)
		return roll < 92 ? OUTCOME_REFUSED : OUTCOME_HELD;
	t->ran |= forward;
	return OUTCOME_NEEDS_ATTENTION;
}

static void work(struct world *w, uint32_t i)
{
	struct site_target *t = &w->targets[i];
	if (!t->has_task || t->report_waits)
		return;
	if (!w->calm && chance(w, 40)) {
		if (w->session[site_of(w, i)] && is_present(w, i) && chance(w, 70))
			event(w, i, t->direction == DIRECTION_APPLY ? (enum delivery_event)(DELIVERY_EV_IS_WAITING + below(w, 3)) : DELIVERY_EV_IS_ROLLING_BACK);
		return;
	}
	t->report = run_task(w, t);
	t->report_attempt = t->attempt;
	t->report_direction = t->direction;
	t->report_waits = true;
	t->has_task = false;
}

/* Reports are durable: they come, once, when the site is connected. One of an earlier attempt or direction is history, as the brain takes it. */
static void report(struct world *w, uint32_t i)
{
	struct site_target *t = &w->targets[i];
	struct delivery *d = &w->deliveries[i];
	if (!t->report_waits || !w->session[site_of(w, i)])
		return;
	t->report_waits = false;
	if (t->report_attempt == d->attempt && t->report_direction == d->direction)
		event(w, i, delivery_event_of_outcome(t->report));
}

static void recall(struct world *w, uint32_t i)
{
	struct site_target *t = &w->targets[i];
	if (w->session[site_of(w, i)] && !t->has_task && !t->report_waits)
		event(w, i, DELIVERY_EV_RECALLED);
}

static void toggle_site(struct world *w)
{
	uint32_t s = below(w, SITES);
	w->session[s] = w->session[s] ? 0 : w->next_session++;
}

/* ---- operators, and the controller's own death ---------------------------------------------------------------------------------------------------------- */

static void rollout_event(struct world *w, enum rollout_event ev)
{
	struct err e = ERR_INIT;
	if (fsm_find(&rollout_fsm, (int)w->r.state, (int)ev, &w->r) && decide_rollout_event(&w->r, ev, &w->d, &e) < 0)
		fail_msg("seed %llu: %s", (unsigned long long)w->seed, e.msg);
}

static void operate(struct world *w)
{
	struct err e = ERR_INIT;
	size_t n = 0;
	const char *target = w->names[below(w, (uint32_t)w->r.n_deliveries)];
	switch (below(w, 12)) {
	case 0:
		rollout_event(w, ROLLOUT_EV_PAUSE);
		break;
	case 1:
	case 2:
	case 3:
		rollout_event(w, ROLLOUT_EV_RESUME);
		break;
	case 4:
		if (chance(w, 20))
			rollout_event(w, ROLLOUT_EV_ABORT);
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
		w->deliveries[below(w, (uint32_t)w->r.n_deliveries)].frozen_until_us = w->now_us + (int64_t)below(w, 5) * MINUTE;
		break;
	default:
		for (size_t i = 0; i < w->r.n_deliveries; i++)
			w->deliveries[i].frozen_until_us = 0;
	}
}

/* What is not in the store is gone; the agents connect anew. */
static void restart(struct world *w)
{
	for (size_t i = 0; i < w->r.n_deliveries; i++)
		w->deliveries[i].offered_session = w->deliveries[i].frozen_until_us = 0;
	for (size_t v = 0; v < w->r.n_waves; v++)
		w->waves[v].probing = PROBING_NOT;
	for (int s = 0; s < SITES; s++)
		w->session[s] = w->session[s] ? w->next_session++ : 0;
}

/* As the brain does before each decision; now and then a pass expires, and is signed anew. */
static void look_for_passes(struct world *w)
{
	for (uint32_t v = 0; v < w->r.n_waves; v++) {
		bool later = false;
		for (size_t i = 0; i < w->r.n_deliveries; i++)
			later |= w->deliveries[i].wave > v && !delivery_settled(&w->deliveries[i]);
		w->waves[v].needs_pass = w->strict && later;
		if (w->waves[v].state == WAVE_AWAITING_PASS)
			w->waves[v].has_pass = w->waves[v].has_pass || w->calm || chance(w, 30);
		else if (!w->calm && chance(w, 2))
			w->waves[v].has_pass = false;
	}
}

static void answer_probes(struct world *w)
{
	for (size_t v = 0; v < w->r.n_waves; v++)
		if (w->waves[v].state == WAVE_PROBING && w->waves[v].probing == PROBING_ASKED)
			w->waves[v].probing = w->calm || chance(w, 70) ? PROBING_HOLD : PROBING_FAIL;
}

/* ---- what must always hold ------------------------------------------------------------------------------------------------------------------------------ */

enum group { BY_WAVE, BY_SITE, BY_SERVER };

static bool together(const struct delivery *a, const struct delivery *b, enum group by)
{
	return by == BY_WAVE ? a->wave == b->wave : by == BY_SITE ? a->site_group == b->site_group : a->instance_group == b->instance_group;
}

/* How many of its group were under way when the n-th offer was decided, itself among them: a cap is the starting one's wave's, so what starts after it is not its business. */
static uint32_t in_flight(const struct world *w, const struct delivery *before, size_t n, enum group by)
{
	const struct delivery *like = &w->deliveries[w->d.offers[n]];
	uint32_t count = 0;
	for (size_t i = 0; i < w->r.n_deliveries; i++)
		count += delivery_in_flight(&before[i]) && delivery_in_flight(&w->deliveries[i]) && together(&w->deliveries[i], like, by);
	for (size_t i = 0; i <= n; i++)
		count += !delivery_in_flight(&before[w->d.offers[i]]) && together(&w->deliveries[w->d.offers[i]], like, by);
	return count;
}

static void check_caps(struct world *w, const struct delivery *before, size_t n)
{
	const struct delivery *d = &w->deliveries[w->d.offers[n]];
	const struct wave_run *v = &w->waves[d->wave];
	HOLDS(w, in_flight(w, before, n, BY_WAVE) <= v->max_parallel, "wave %s", v->name);
	HOLDS(w, !v->max_parallel_site || in_flight(w, before, n, BY_SITE) <= v->max_parallel_site, "%s", d->target);
	HOLDS(w, !v->max_parallel_instance || in_flight(w, before, n, BY_SERVER) <= v->max_parallel_instance, "%s", d->target);
}

/* The rollout was let go on when this offer was decided; what the same decision found out afterwards may have ended that. */
static bool ran_at_offer(const struct world *w, uint32_t index)
{
	static const char *const going[] = {"running", "soaking", "catching-up"};
	bool runs = true;
	for (size_t i = 0; i < w->d.n_transitions; i++) {
		const struct transition *t = &w->d.transitions[i];
		if (t->object == OBJECT_ROLLOUT) {
			runs = false;
			for (size_t k = 0; k < ARRAY_LEN(going); k++)
				runs |= str_eq(t->to, going[k]);
		}
		if (t->object == OBJECT_DELIVERY && t->index == index && str_eq(t->event, "offer"))
			return runs;
	}
	return false;
}

/* Something new was let go forward. */
static void check_start(struct world *w, const struct delivery *d)
{
	const struct wave_run *v = &w->waves[d->wave];
	for (uint32_t k = 0; k < d->wave; k++)
		HOLDS(w, w->waves[k].state == WAVE_PASSED && (!w->waves[k].needs_pass || w->waves[k].has_pass), "%s starts, and wave %s is %s", d->target,
		      w->waves[k].name, wave_state_name(w->waves[k].state));
	HOLDS(w, wave_tally(&w->r, d->wave).failures <= limit_of(v->max_failures, v->target_count), "%s starts", d->target);
	HOLDS(w, ran_at_offer(w, d->index), "%s starts", d->target);
	HOLDS(w, d->frozen_until_us <= w->now_us, "%s starts", d->target);
	HOLDS(w, w->now_us < w->r.not_after_us, "%s starts", d->target);
}

static void check_offers(struct world *w, const struct delivery *before)
{
	for (size_t i = 0; i < w->d.n_offers; i++) {
		const struct delivery *d = &w->deliveries[w->d.offers[i]], *was = &before[d->index];
		if (delivery_in_flight(was))
			continue; /* sent again */
		HOLDS(w, d->session, "%s", d->target);
		check_caps(w, before, i);
		if (d->direction == d->order_direction)
			check_start(w, d);
		else
			HOLDS(w, d->touched && w->targets[d->index].ran, "%s is taken back", d->target); /* never what was not applied */
	}
}

static void check_passed(struct world *w)
{
	for (size_t i = 0; i < w->d.n_transitions; i++) {
		const struct transition *t = &w->d.transitions[i];
		bool good = str_eq(t->to, "passed") || (str_eq(t->to, "awaiting-pass") && !str_eq(t->event, "ask-pass"));
		if (t->object != OBJECT_WAVE || !good || w->r.state == ROLLOUT_ROLLING_BACK) /* passed, and taken back at once by a later one */
			continue;
		const struct wave_run *v = &w->waves[t->index];
		HOLDS(w, !str_eq(t->to, "passed") || !v->needs_pass || v->has_pass, "wave %s passed", v->name);
		struct wave_tally y = wave_tally(&w->r, t->index);
		HOLDS(w, y.done >= limit_of(v->min_success, v->target_count - y.skipped), "wave %s passed", v->name);
		HOLDS(w, y.done > 0 || y.deferred == 0, "wave %s passed by its deferred targets", v->name);
		HOLDS(w, y.failures <= limit_of(v->max_failures, v->target_count), "wave %s passed", v->name);
		HOLDS(w, !v->n_probes || v->probing == PROBING_HOLD || str_eq(t->event, "pass"), "wave %s passed", v->name); /* they were asked before it */
	}
}

static void think(struct world *w)
{
	struct err e = ERR_INIT;
	struct delivery before[TARGETS];
	for (uint32_t i = 0; i < w->r.n_deliveries; i++)
		w->deliveries[i].session = w->session[site_of(w, i)];
	look_for_passes(w);
	memcpy(before, w->deliveries, sizeof before);
	decision_done(&w->d);
	if (decide(&w->r, w->now_us, &w->d, &e) < 0)
		fail_msg("seed %llu: %s", (unsigned long long)w->seed, e.msg);
	check_offers(w, before);
	check_passed(w);
	struct decision sent = w->d;
	w->d = DECISION_INIT;
	for (size_t i = 0; i < sent.n_offers; i++)
		take_offer(w, sent.offers[i]);
	for (size_t i = 0; i < sent.n_recalls; i++)
		recall(w, sent.recalls[i]);
	w->started += (unsigned)sent.n_offers;
	decision_done(&sent);
}

/* What is told of a target that is done is so, and the other way round. */
static void check_end(struct world *w)
{
	for (uint32_t i = 0; i < w->r.n_deliveries; i++) {
		const struct delivery *d = &w->deliveries[i];
		HOLDS(w, d->state != DELIVERY_APPLIED || w->targets[i].applied, "%s", d->target);
		HOLDS(w, d->state != DELIVERY_ROLLED_BACK || !w->targets[i].applied, "%s", d->target);
		HOLDS(w, w->r.state != ROLLOUT_SUCCEEDED || delivery_settled(d), "%s is %s", d->target, delivery_state_name(d->state));
		HOLDS(w, !delivery_in_flight(d), "%s is %s", d->target, delivery_state_name(d->state));
	}
	for (size_t v = 0; v < w->r.n_waves; v++)
		HOLDS(w, w->r.state != ROLLOUT_SUCCEEDED || w->waves[v].state == WAVE_PASSED, "wave %s", w->waves[v].name);
}

/* ---- a life ---------------------------------------------------------------------------------------------------------------------------------------------- */

static void trouble(struct world *w)
{
	uint32_t i = below(w, (uint32_t)w->r.n_deliveries);
	switch (below(w, 20)) {
	case 0:
		toggle_site(w);
		break;
	case 1:
		operate(w);
		break;
	case 2:
		w->now_us += (int64_t)below(w, 120) * SECOND;
		break;
	case 3:
		if (chance(w, 20))
			restart(w);
		break;
	case 4:
		answer_probes(w);
		break;
	default:
		work(w, i);
		report(w, i);
	}
}

static bool at_rest(const struct world *w)
{
	for (size_t i = 0; i < w->r.n_deliveries; i++)
		if (delivery_in_flight(&w->deliveries[i]) || w->targets[i].has_task || w->targets[i].report_waits)
			return false;
	return rollout_is_final(w->r.state) || w->r.state == ROLLOUT_HALTED;
}

static void live(struct world *w)
{
	for (int k = 0; k < EVENTS; k++) {
		trouble(w);
		think(w);
	}
	w->calm = true;
	for (int s = 0; s < SITES; s++)
		w->session[s] = w->session[s] ? w->session[s] : w->next_session++;
	for (size_t i = 0; i < w->r.n_deliveries; i++)
		w->deliveries[i].frozen_until_us = 0;
	for (int k = 0; k < 600 && !at_rest(w); k++) {
		rollout_event(w, ROLLOUT_EV_RESUME);
		answer_probes(w);
		for (uint32_t i = 0; i < w->r.n_deliveries; i++) {
			work(w, i);
			report(w, i);
		}
		w->now_us += 15 * SECOND;
		think(w);
	}
	HOLDS(w, at_rest(w), "it never ends: %s", rollout_state_name(w->r.state));
	check_end(w);
	decision_done(&w->d);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_worlds(void **state)
{
	(void)state;
	static struct world w;
	uint64_t only = number_of("SEED", 0), n = only ? only : number_of("SEEDS", SEEDS_DEFAULT), started = 0, ends[ROLLOUT_STATE_COUNT] = {0};
	for (uint64_t seed = only ? only : 1; seed <= n; seed++) {
		make_world(&w, seed);
		live(&w);
		started += w.started;
		ends[w.r.state]++;
	}
	if (only)
		return;
	print_message("%llu worlds, %llu offers;", (unsigned long long)n, (unsigned long long)started);
	for (int s = 0; s < ROLLOUT_STATE_COUNT; s++)
		if (ends[s])
			print_message(" %s %llu", rollout_state_name((enum rollout_state)s), (unsigned long long)ends[s]);
	print_message("\n");
	/* A world in which one end never comes is too kind to test anything. */
	assert_true(ends[ROLLOUT_SUCCEEDED] > n / 50 && ends[ROLLOUT_HALTED] > n / 50 && ends[ROLLOUT_FAILED] > n / 50 &&
	            ends[ROLLOUT_ABORTED] > n / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_worlds)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
