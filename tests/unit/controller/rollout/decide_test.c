/* decide() from fixtures: who is offered, when a wave passes, when it halts, what is taken back; and a seeded random walk that checks what must always hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/support/rollout_fixture.h"

static void test_next_wave_waits_for_the_first(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 4);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 2, 0, 1);
	assert_int_equal(f.waves[0].state, WAVE_DRAINING);
	assert_int_equal(f.waves[1].state, WAVE_BLOCKED);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 0);
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 4, 2, 3, 4, 5);
	assert_int_equal(f.waves[0].state, WAVE_PASSED);
	for (uint32_t i = 2; i < 6; i++)
		rollout_fixture_report(&f, i, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_done(&f);
}

static void test_caps_of_wave_site_and_server(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 8, 0);
	f.waves[0].max_parallel = 3;
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 3, 0, 1, 2);
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 3);

	rollout_fixture_done(&f);
	rollout_fixture_init(&f, 8, 0);
	f.waves[0].max_parallel_instance = 1;
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 4, 0, 2, 4, 6);

	rollout_fixture_done(&f);
	rollout_fixture_init(&f, 8, 0);
	f.waves[0].max_parallel_site = 1;
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 2, 0, 2);
	rollout_fixture_done(&f);
}

static void test_limits_halt_on_one_failure_more(void **state)
{
	(void)state;
	static const struct {
		struct limit max;
		uint32_t failures;
		enum rollout_state after;
	} cases[] = {
	    {{0, false}, 0, ROLLOUT_RUNNING}, {{0, false}, 1, ROLLOUT_HALTED},  {{2, false}, 2, ROLLOUT_RUNNING},
	    {{2, false}, 3, ROLLOUT_HALTED},  {{5, true}, 1, ROLLOUT_RUNNING}, /* 5 % of 8, rounded up, is 1 */
	    {{5, true}, 2, ROLLOUT_HALTED},   {{50, true}, 4, ROLLOUT_RUNNING}, {{50, true}, 5, ROLLOUT_HALTED},
	};
	static const enum outcome bad[] = {OUTCOME_FAILED, OUTCOME_REFUSED, OUTCOME_NEEDS_ATTENTION};
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		struct rollout_fixture f;
		rollout_fixture_init(&f, 8, 0);
		f.waves[0].max_failures = cases[c].max;
		rollout_fixture_think(&f);
		for (uint32_t i = 0; i < cases[c].failures; i++)
			rollout_fixture_report(&f, i, bad[i % ARRAY_LEN(bad)]);
		rollout_fixture_think(&f);
		assert_int_equal(f.r.state, cases[c].after);
		rollout_fixture_done(&f);
	}
}

static void test_halt_starts_nothing_and_lets_the_rest_end(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 4, 0);
	f.waves[0].max_parallel = 2;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_FAILED);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 0);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	assert_int_equal(f.waves[0].state, WAVE_FAILED);
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 0);
	assert_int_equal(f.deliveries[2].state, DELIVERY_PENDING);

	struct err e = ERR_INIT;
	size_t n = 0;
	struct decision d = DECISION_INIT;
	assert_int_equal(decide_retry(&f.r, NULL, 0, f.now_us, &d, &n, &e), 0);
	assert_int_equal(n, 1);
	decision_done(&d);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 2, 0, 2);
	assert_int_equal(f.deliveries[0].attempt, 2);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_report(&f, 2, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_done(&f);
}

static void test_rollback_target_goes_back_at_once_and_the_wave_goes_on(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 3, 0);
	f.waves[0].on_failure = ON_FAILURE_ROLLBACK_TARGET;
	f.waves[0].max_failures.value = 1;
	f.waves[0].max_parallel = 1;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_FAILED);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 0);
	assert_int_equal(f.deliveries[0].state, DELIVERY_ROLLING_BACK);
	assert_int_equal(f.deliveries[0].direction, DIRECTION_ROLLBACK);
	rollout_fixture_report(&f, 0, OUTCOME_ROLLED_BACK);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 1);
	assert_int_equal(f.r.state, ROLLOUT_RUNNING);
	rollout_fixture_report(&f, 1, OUTCOME_FAILED); /* one too many: halts, and goes back all the same */
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	rollout_fixture_offers(&f, 1, 1);
	assert_int_equal(f.deliveries[2].state, DELIVERY_PENDING);
	rollout_fixture_report(&f, 1, OUTCOME_FAILED); /* a failed undoing is not tried again by itself */
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 0);
	assert_int_equal(f.deliveries[1].state, DELIVERY_FAILED);
	rollout_fixture_done(&f);
}

static void test_rollback_wave_leaves_the_waves_before(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 1, 3);
	f.waves[1].on_failure = ON_FAILURE_ROLLBACK_WAVE;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	rollout_fixture_report(&f, 2, OUTCOME_FAILED);
	rollout_fixture_think(&f); /* 3 still runs: it ends first, then goes back too */
	rollout_fixture_offers(&f, 2, 1, 2);
	assert_int_equal(f.r.state, ROLLOUT_ROLLING_BACK);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 3);
	for (uint32_t i = 1; i < 4; i++)
		rollout_fixture_report(&f, i, OUTCOME_ROLLED_BACK);
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_FAILED);
	assert_int_equal(f.deliveries[0].state, DELIVERY_APPLIED);
	rollout_fixture_done(&f);
}

static void test_rollback_all_goes_against_the_order_of_the_waves(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 1, 2);
	f.waves[1].on_failure = ON_FAILURE_ROLLBACK_ALL;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	rollout_fixture_report(&f, 2, OUTCOME_NEEDS_ATTENTION);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 1);
	assert_int_equal(f.deliveries[0].state, DELIVERY_APPLIED);
	rollout_fixture_report(&f, 1, OUTCOME_ROLLED_BACK);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 0);
	rollout_fixture_report(&f, 0, OUTCOME_ROLLED_BACK);
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_FAILED);
	assert_int_equal(f.deliveries[2].state, DELIVERY_NEEDS_ATTENTION);

	struct err e = ERR_INIT; /* after the fix: all of it goes forward again, first wave first */
	size_t n = 0;
	struct decision d = DECISION_INIT;
	assert_int_equal(decide_retry(&f.r, NULL, 0, f.now_us, &d, &n, &e), 0);
	assert_int_equal(n, 3);
	decision_done(&d);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 0);
	rollout_fixture_done(&f);
}

static void test_offline_agents_wait_and_are_no_failures(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 2);
	f.deliveries[1].session = 0;
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 0);
	assert_int_equal(f.deliveries[1].state, DELIVERY_UNREACHABLE);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	assert_int_equal(f.waves[0].state, WAVE_OPEN);
	assert_int_equal(f.waves[1].state, WAVE_BLOCKED);
	assert_int_equal(wave_tally(&f.r, 0).failures, 0);
	f.deliveries[1].session = 9;
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 1);
	rollout_fixture_done(&f);
}

static void test_offers_go_again_after_reconnect_or_silence(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 0);
	rollout_fixture_think(&f);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 0);
	f.deliveries[0].accepted = true;
	f.now_us += OFFER_RESEND_US;
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 1);
	f.deliveries[0].session = 6;
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 0);
	assert_int_equal(f.deliveries[0].attempt, 1);
	rollout_fixture_done(&f);
}

static void test_pause_stops_new_starts_only(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 3, 0);
	f.waves[0].max_parallel = 1;
	rollout_fixture_think(&f);
	struct err e = ERR_INIT;
	struct decision d = DECISION_INIT;
	assert_int_equal(decide_rollout_event(&f.r, ROLLOUT_EV_PAUSE, &d, &e), 0);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 0);
	assert_int_equal(f.waves[0].state, WAVE_HELD);
	assert_int_equal(decide_rollout_event(&f.r, ROLLOUT_EV_RESUME, &d, &e), 0);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 1);
	decision_done(&d);
	rollout_fixture_done(&f);
}

/* A batched step could run for days: its agent is asked once to end it between two batches; it is held then, and goes on at once when the pause ends. */
static void test_pause_asks_batches_to_end(void **state)
{
	(void)state;
	struct rollout_fixture f;
	struct decision d = DECISION_INIT, next = DECISION_INIT;
	struct err e = ERR_INIT;
	rollout_fixture_init(&f, 2, 0);
	rollout_fixture_think(&f);
	f.deliveries[0].accepted = true;
	assert_int_equal(decide_rollout_event(&f.r, ROLLOUT_EV_PAUSE, &d, &e), 0);
	assert_int_equal(decide(&f.r, f.now_us, &d, &e), 0);
	assert_int_equal(d.n_stops, 1); /* the other agent may not have its task */
	assert_int_equal(d.stops[0], 0);
	assert_int_equal(decide(&f.r, f.now_us, &next, &e), 0);
	assert_int_equal(next.n_stops, 0);
	rollout_fixture_report(&f, 0, OUTCOME_HELD);
	assert_int_equal(f.deliveries[0].state, DELIVERY_HELD);
	assert_int_equal(decide_rollout_event(&f.r, ROLLOUT_EV_RESUME, &d, &e), 0);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 0);
	assert_int_equal(f.deliveries[0].attempt, 2);
	decision_done(&d);
	decision_done(&next);
	rollout_fixture_done(&f);
}

static void test_abort_skips_recalls_and_waits(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 3, 0);
	f.waves[0].max_parallel = 2;
	rollout_fixture_think(&f);
	f.deliveries[0].accepted = true;
	struct err e = ERR_INIT;
	struct decision d = DECISION_INIT;
	assert_int_equal(decide_rollout_event(&f.r, ROLLOUT_EV_ABORT, &d, &e), 0);
	rollout_fixture_think(&f);
	assert_int_equal(f.deliveries[2].state, DELIVERY_SKIPPED);
	assert_int_equal(f.last.n_recalls, 1);
	assert_int_equal(f.last.recalls[0], 1);
	assert_int_equal(f.r.state, ROLLOUT_ABORTING);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	f.now_us += RECALL_GIVE_UP_US;
	rollout_fixture_think(&f);
	assert_int_equal(f.deliveries[1].state, DELIVERY_SKIPPED);
	assert_int_equal(f.r.state, ROLLOUT_ABORTED);
	decision_done(&d);
	rollout_fixture_done(&f);
}

/* An offer that got lost is not sent again while nothing new may start: it must not stay one for ever, or whoever waits for the rest would wait for ever. */
static void test_a_lost_offer_of_a_halted_rollout_is_taken_back(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 0);
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_FAILED);
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	assert_int_equal(f.last.n_recalls, 0);
	f.now_us += OFFER_RESEND_US;
	rollout_fixture_think(&f);
	assert_int_equal(f.last.n_recalls, 1);
	assert_int_equal(f.deliveries[1].state, DELIVERY_OFFERED); /* it may be there after all */
	f.now_us += RECALL_GIVE_UP_US;
	rollout_fixture_think(&f);
	assert_int_equal(f.deliveries[1].state, DELIVERY_PENDING);
	assert_int_equal(f.deliveries[1].attempt, 2); /* the agent's journal may have closed the first */
	rollout_fixture_offers(&f, 0);
	rollout_fixture_done(&f);
}

static void test_abort_while_it_is_taken_back(void **state)
{
	(void)state;
	struct rollout_fixture f;
	struct err e = ERR_INIT;
	AUTO(decision_done) struct decision d = DECISION_INIT;
	rollout_fixture_init(&f, 3, 0);
	f.waves[0].on_failure = ON_FAILURE_ROLLBACK_WAVE;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	rollout_fixture_report(&f, 2, OUTCOME_FAILED);
	f.waves[0].max_parallel = 1;
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 0);
	assert_int_equal(f.r.state, ROLLOUT_ROLLING_BACK);
	assert_int_equal(decide_rollout_event(&f.r, ROLLOUT_EV_ABORT, &d, &e), 0);
	rollout_fixture_think(&f);
	assert_int_equal(f.deliveries[1].state, DELIVERY_FAILED); /* its way back had not begun: what was applied stays */
	assert_true(f.deliveries[1].touched);
	f.now_us += RECALL_GIVE_UP_US;
	rollout_fixture_think(&f);
	assert_int_equal(f.deliveries[0].state, DELIVERY_FAILED);
	assert_int_equal(f.r.state, ROLLOUT_ABORTED);
	rollout_fixture_done(&f);
}

static void test_soak_holds_the_gate(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 1, 1);
	f.waves[0].soak_ms = 10000;
	f.waves[1].soak_ms = 5000;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	assert_int_equal(f.waves[0].state, WAVE_SOAKING);
	assert_int_equal(f.last.wake_at_us, f.now_us + 10 * SECOND);
	f.now_us += 10 * SECOND - 1;
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 0);
	f.now_us++;
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 1);
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_SOAKING);
	f.now_us += 5 * SECOND;
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_done(&f);
}

static void test_expired_order_halts(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 0);
	f.waves[0].max_parallel = 1;
	f.r.not_after_us = 2 * SECOND;
	rollout_fixture_think(&f);
	f.now_us = 2 * SECOND;
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	rollout_fixture_done(&f);
}

static void test_retry_names_what_is_wrong(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 0);
	rollout_fixture_think(&f);
	struct err e = ERR_INIT;
	struct decision d = DECISION_INIT;
	size_t n = 0;
	const char *unknown[] = {"eu/pg9/x"}, *running[] = {"eu/pg0/t0"};
	assert_int_equal(decide_retry(&f.r, unknown, 1, 0, &d, &n, &e), -1);
	assert_string_equal(e.msg, "target eu/pg9/x is not in rollout r1: `rollcall rollout status r1` lists its targets");
	assert_int_equal(decide_retry(&f.r, running, 1, 0, &d, &n, &e), -1);
	assert_string_equal(e.msg, "target eu/pg0/t0 is offered: there is nothing to retry");
	assert_int_equal(decide_retry(&f.r, NULL, 0, 0, &d, &n, &e), -1);
	assert_string_equal(e.msg, "rollout r1 has no failed, refused or rolled-back target: there is nothing to retry");
	decision_done(&d);
	rollout_fixture_done(&f);
}

/* ---- what must always hold ------------------------------------------------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Agents' side of the walk: which (target, direction) they hold an unanswered offer for. */
static void walk_check(struct rollout_fixture *f, bool *busy)
{
	for (size_t i = 0; i < f->last.n_offers; i++) {
		uint32_t t = f->last.offers[i];
		assert_false(busy[t]); /* nobody reconnects and time stands still between offers here, so no resend: twice is a fault */
		busy[t] = true;
	}
	uint32_t in_wave[2] = {0}, at_site[ROLLOUT_FIXTURE_MAX] = {0}, at_instance[ROLLOUT_FIXTURE_MAX] = {0};
	for (uint32_t i = 0; i < f->r.n_deliveries; i++) {
		const struct delivery *d = &f->deliveries[i];
		if (!busy[i])
			continue;
		assert_true(++in_wave[d->wave] <= f->waves[d->wave].max_parallel);
		assert_true(++at_site[d->site_group] <= f->waves[d->wave].max_parallel_site);
		assert_true(++at_instance[d->instance_group] <= f->waves[d->wave].max_parallel_instance);
	}
	for (uint32_t w = 0; w < 2; w++)
		if (wave_tally(&f->r, w).failures > limit_of(f->waves[w].max_failures, f->waves[w].target_count))
			assert_true(f->r.state != ROLLOUT_RUNNING && f->r.state != ROLLOUT_SUCCEEDED && f->r.state != ROLLOUT_SOAKING);
	for (uint32_t i = 0; i < f->r.n_deliveries; i++)
		if (f->deliveries[i].wave == 1 && f->deliveries[i].attempt > 0)
			assert_true(f->waves[0].state == WAVE_PASSED || f->waves[1].state != WAVE_BLOCKED);
}

static bool walk_step(struct rollout_fixture *f, bool *busy, uint64_t *seed)
{
	uint32_t held[ROLLOUT_FIXTURE_MAX], n = 0;
	for (uint32_t i = 0; i < f->r.n_deliveries; i++)
		if (busy[i])
			held[n++] = i;
	if (n == 0)
		return false;
	uint32_t t = held[next_random(seed) % n];
	struct delivery *d = &f->deliveries[t];
	uint64_t roll = next_random(seed) % 100;
	enum outcome good = d->direction == DIRECTION_APPLY ? OUTCOME_APPLIED : OUTCOME_ROLLED_BACK;
	if (roll < 20) {
		struct err e = ERR_INIT;
		enum delivery_event ev = (enum delivery_event)(DELIVERY_EV_IS_WAITING + roll % 4);
		assert_int_equal(delivery_step(d, ev, f->now_us, NULL, &e), 0);
		return true;
	}
	busy[t] = false;
	rollout_fixture_report(f, t, roll < 75 ? good : roll < 90 ? OUTCOME_FAILED : roll < 95 ? OUTCOME_REFUSED : OUTCOME_NEEDS_ATTENTION);
	return true;
}

static void walk(uint64_t seed)
{
	struct rollout_fixture f;
	bool busy[ROLLOUT_FIXTURE_MAX] = {false};
	rollout_fixture_init(&f, 4, 8);
	for (int w = 0; w < 2; w++) {
		f.waves[w].max_parallel = 1 + next_random(&seed) % 5;
		f.waves[w].max_parallel_site = 1 + next_random(&seed) % 3;
		f.waves[w].max_parallel_instance = 1 + next_random(&seed) % 2;
		f.waves[w].max_failures = (struct limit){.value = next_random(&seed) % 60, .percent = true};
		f.waves[w].on_failure = (enum on_failure)(next_random(&seed) % 4);
	}
	for (int steps = 0; steps < 500; steps++) {
		rollout_fixture_think(&f);
		walk_check(&f, busy);
		if (!walk_step(&f, busy, &seed))
			break;
	}
	/* everybody answered: nothing may be left hanging */
	assert_true(rollout_is_final(f.r.state) || f.r.state == ROLLOUT_HALTED);
	for (uint32_t i = 0; i < f.r.n_deliveries; i++)
		assert_false(delivery_in_flight(&f.deliveries[i]));
	rollout_fixture_done(&f);
}

static void test_random_walks(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2000; seed++)
		walk(seed * UINT64_C(0x9E3779B97F4A7C15));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_next_wave_waits_for_the_first),
	    cmocka_unit_test(test_caps_of_wave_site_and_server),
	    cmocka_unit_test(test_limits_halt_on_one_failure_more),
	    cmocka_unit_test(test_halt_starts_nothing_and_lets_the_rest_end),
	    cmocka_unit_test(test_rollback_target_goes_back_at_once_and_the_wave_goes_on),
	    cmocka_unit_test(test_rollback_wave_leaves_the_waves_before),
	    cmocka_unit_test(test_rollback_all_goes_against_the_order_of_the_waves),
	    cmocka_unit_test(test_offline_agents_wait_and_are_no_failures),
	    cmocka_unit_test(test_offers_go_again_after_reconnect_or_silence),
	    cmocka_unit_test(test_pause_stops_new_starts_only),
	    cmocka_unit_test(test_pause_asks_batches_to_end),
	    cmocka_unit_test(test_abort_skips_recalls_and_waits),
	    cmocka_unit_test(test_a_lost_offer_of_a_halted_rollout_is_taken_back),
	    cmocka_unit_test(test_abort_while_it_is_taken_back),
	    cmocka_unit_test(test_soak_holds_the_gate),
	    cmocka_unit_test(test_expired_order_halts),
	    cmocka_unit_test(test_retry_names_what_is_wrong),
	    cmocka_unit_test(test_random_walks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
