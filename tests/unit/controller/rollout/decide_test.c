/* decide() from fixtures: who is offered, when a wave passes, when it halts, what is taken back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
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

/* However many have room: the first agents work while the offers of the next ones are stored. */
static void test_a_decision_offers_a_share(void **state)
{
	(void)state;
	enum { ALL = 2 * OFFERS_MAX + 10 };
	struct rollout_fixture f;
	rollout_fixture_init(&f, 1, 0);
	AUTO(mem_free_ptr) struct delivery *many = mem_alloc(ALL * sizeof *many);
	for (uint32_t i = 0; i < ALL; i++) {
		many[i] = f.deliveries[0];
		many[i].index = i;
	}
	f.r.deliveries = many;
	f.r.n_deliveries = f.waves[0].target_count = f.waves[0].max_parallel = ALL;
	static const size_t shares[] = {OFFERS_MAX, OFFERS_MAX, 10, 0};
	for (size_t k = 0; k < ARRAY_LEN(shares); k++) {
		rollout_fixture_think(&f);
		assert_int_equal(f.last.n_offers, shares[k]);
		assert_int_equal(f.last.more, k < 2);
		assert_int_equal(f.waves[0].state, k < 2 ? WAVE_OPEN : WAVE_DRAINING);
		if (shares[k])
			assert_int_equal(f.last.offers[0], k * OFFERS_MAX);
	}
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

/* A target that a hold ended between two steps, or that waits for its retry, has what was run before; one that never began has nothing. */
static void test_rollback_wave_takes_back_what_was_only_begun(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 4, 0);
	f.waves[0].on_failure = ON_FAILURE_ROLLBACK_WAVE;
	rollout_fixture_think(&f);
	f.deliveries[0].touched = true;
	rollout_fixture_report(&f, 0, OUTCOME_HELD);
	rollout_fixture_report(&f, 1, OUTCOME_HELD);
	rollout_fixture_report(&f, 2, OUTCOME_APPLIED);
	rollout_fixture_report(&f, 3, OUTCOME_FAILED);
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_ROLLING_BACK);
	rollout_fixture_offers(&f, 3, 0, 2, 3);
	assert_int_equal(f.deliveries[0].direction, DIRECTION_ROLLBACK);
	assert_int_equal(f.deliveries[1].state, DELIVERY_HELD);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_next_wave_waits_for_the_first),
	    cmocka_unit_test(test_caps_of_wave_site_and_server),
	    cmocka_unit_test(test_a_decision_offers_a_share),
	    cmocka_unit_test(test_limits_halt_on_one_failure_more),
	    cmocka_unit_test(test_halt_starts_nothing_and_lets_the_rest_end),
	    cmocka_unit_test(test_rollback_target_goes_back_at_once_and_the_wave_goes_on),
	    cmocka_unit_test(test_rollback_wave_leaves_the_waves_before),
	    cmocka_unit_test(test_rollback_all_goes_against_the_order_of_the_waves),
	    cmocka_unit_test(test_rollback_wave_takes_back_what_was_only_begun),
	    cmocka_unit_test(test_offline_agents_wait_and_are_no_failures),
	    cmocka_unit_test(test_offers_go_again_after_reconnect_or_silence),
	    cmocka_unit_test(test_a_lost_offer_of_a_halted_rollout_is_taken_back),
	    cmocka_unit_test(test_soak_holds_the_gate),
	    cmocka_unit_test(test_expired_order_halts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
