/* The controller's decisions against a world that is hard on them, with a seed: agents that go and come, offers and answers that are lost, reports that come late and after a
 * restart, failures, site holds, freezes, probes, operators who pause, skip, retry and abort. After each decision the invariants below must hold, and every rollout must come to
 * an end. SEEDS=n runs n worlds, SEED=s only that one (it is named when an invariant breaks). No clock, no store, no socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/support/rollout_world.h"

#define SEEDS_DEFAULT 10000
#define EVENTS        150 /* of trouble; then everything works and the world comes to rest */

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
		if (delivery_in_flight(was) || was->state == DELIVERY_UNKNOWN)
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
		bool undone = w->r.state == ROLLOUT_ROLLING_BACK; /* passed, and taken back at once by a later one */
		if (t->object != OBJECT_WAVE || !good || undone ||
		    w->waves[t->index].state == WAVE_FAILED) /* its gate was looked at again, in the same decision */
			continue;
		const struct wave_run *v = &w->waves[t->index];
		HOLDS(w, !str_eq(t->to, "passed") || !v->needs_pass || v->has_pass, "wave %s passed", v->name);
		struct wave_tally y = wave_tally(&w->r, t->index);
		HOLDS(w, y.done >= limit_of(v->min_success, v->target_count - y.skipped), "wave %s passed", v->name);
		HOLDS(w, y.done > 0 || y.hopeful == 0, "wave %s passed by its deferred targets", v->name);
		HOLDS(w, y.failures <= limit_of(v->max_failures, v->target_count), "wave %s passed", v->name);
		HOLDS(w, !v->n_probes || v->probing == PROBING_HOLD || str_eq(t->event, "pass"), "wave %s passed", v->name); /* they were asked before it */
	}
}

static void think(struct world *w)
{
	struct err e = ERR_INIT;
	struct delivery before[WORLD_TARGETS];
	for (uint32_t i = 0; i < w->r.n_deliveries; i++)
		w->deliveries[i].session = w->session[world_site_of(w, i)];
	world_look_for_passes(w);
	memcpy(before, w->deliveries, sizeof before);
	decision_done(&w->d);
	if (decide(&w->r, w->now_us, &w->d, &e) < 0)
		fail_msg("seed %llu: %s", (unsigned long long)w->seed, e.msg);
	check_offers(w, before);
	check_passed(w);
	struct decision sent = w->d;
	w->d = DECISION_INIT;
	for (size_t i = 0; i < sent.n_offers; i++)
		world_take_offer(w, sent.offers[i]);
	for (size_t i = 0; i < sent.n_recalls; i++)
		world_recall(w, sent.recalls[i]);
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
		HOLDS(w, d->state != DELIVERY_UNKNOWN || !d->session || rollout_is_final(w->r.state), "%s is unknown, and its agent is there", d->target);
		HOLDS(w, !delivery_undo_waits(d) || !d->session || d->retry_at_us > w->now_us, "%s waits to be taken back, and its agent is there",
		      d->target);
	}
	for (size_t v = 0; v < w->r.n_waves; v++)
		HOLDS(w, w->r.state != ROLLOUT_SUCCEEDED || w->waves[v].state == WAVE_PASSED, "wave %s", w->waves[v].name);
}

/* ---- a life ---------------------------------------------------------------------------------------------------------------------------------------------- */

static void trouble(struct world *w)
{
	uint32_t i = world_below(w, (uint32_t)w->r.n_deliveries);
	switch (world_below(w, 20)) {
	case 0:
		world_toggle_site(w);
		break;
	case 1:
		world_operate(w);
		break;
	case 2:
		w->now_us += (int64_t)world_below(w, 120) * SECOND;
		break;
	case 3:
		if (world_chance(w, 20))
			world_restart(w);
		break;
	case 4:
		world_answer_probes(w);
		break;
	default:
		world_work(w, i);
		world_report(w, i);
	}
}

static bool at_rest(const struct world *w)
{
	for (uint32_t i = 0; i < w->r.n_deliveries; i++) {
		bool lost = (int)world_site_of(w, i) == w->lost_site;
		if (delivery_undo_waits(&w->deliveries[i]) && w->deliveries[i].session) /* the room that it waits for may have come just now */
			return false;
		if (delivery_in_flight(&w->deliveries[i]) || (!lost && (w->targets[i].has_task || w->targets[i].report_waits)))
			return false;
	}
	return rollout_is_final(w->r.state) || w->r.state == ROLLOUT_HALTED;
}

static void live(struct world *w)
{
	for (int k = 0; k < EVENTS; k++) {
		trouble(w);
		think(w);
	}
	w->calm = true;
	for (int s = 0; s < WORLD_SITES; s++)
		w->session[s] = s == w->lost_site ? 0 : w->session[s] ? w->session[s] : w->next_session++;
	for (size_t i = 0; i < w->r.n_deliveries; i++)
		w->deliveries[i].frozen_until_us = 0;
	for (int k = 0; k < 600 && !at_rest(w); k++) {
		world_rollout_event(w, ROLLOUT_EV_RESUME);
		world_answer_probes(w);
		for (uint32_t i = 0; i < w->r.n_deliveries; i++) {
			world_work(w, i);
			world_report(w, i);
		}
		w->now_us += 15 * SECOND;
		if (k == 300 && w->now_us < w->r.not_after_us) /* without the lost site there is nothing to do any more but to wait for the order's end */
			w->now_us = w->r.not_after_us;
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
		world_make(&w, seed);
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
