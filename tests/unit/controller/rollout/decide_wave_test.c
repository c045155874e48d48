/* The gates of waves: min_success, deferred targets and how they follow, freezes, probes and passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/support/rollout_fixture.h"

#define MINUTE (60 * SECOND)

/* Wave canary of 4, wave rest of 2; targets are given up waiting for after a minute; target 3's agent is away. */
static void begin_deferring(struct rollout_fixture *f)
{
	rollout_fixture_init(f, 4, 2);
	f->waves[0].defer_after_ms = f->waves[1].defer_after_ms = 60000;
	f->deliveries[3].session = 0;
	rollout_fixture_think(f);
	rollout_fixture_offers(f, 3, 0, 1, 2);
	for (uint32_t i = 0; i < 3; i++)
		rollout_fixture_report(f, i, OUTCOME_APPLIED);
}

static void test_min_success_out_of_reach(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 4, 0);
	f.waves[0].max_failures.value = 4;
	f.waves[0].min_success = (struct limit){.value = 75, .percent = true};
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_FAILED);
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_RUNNING);
	rollout_fixture_report(&f, 1, OUTCOME_REFUSED);
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	assert_string_equal(f.last.transitions[0].event, "short");
	rollout_fixture_done(&f);
}

static void test_deferred_targets_do_not_hold_the_wave_up(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin_deferring(&f);
	rollout_fixture_later(&f, MINUTE - 1);
	assert_int_equal(f.deliveries[3].state, DELIVERY_UNREACHABLE);
	assert_int_equal(f.last.wake_at_us, f.now_us + 1);
	rollout_fixture_later(&f, 1);
	assert_int_equal(f.deliveries[3].state, DELIVERY_DEFERRED);
	assert_int_equal(f.waves[0].state, WAVE_PASSED);
	rollout_fixture_offers(&f, 2, 4, 5);
	f.deliveries[3].session = 9; /* back while the next wave runs */
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 3);
	for (uint32_t i = 3; i < 6; i++)
		rollout_fixture_report(&f, i, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_done(&f);
}

static void test_catching_up_until_the_order_expires(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin_deferring(&f);
	f.r.not_after_us = 60 * MINUTE;
	rollout_fixture_later(&f, MINUTE);
	rollout_fixture_report(&f, 4, OUTCOME_APPLIED);
	rollout_fixture_report(&f, 5, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_CATCHING_UP);
	assert_false(rollout_is_final(f.r.state));
	assert_int_equal(f.last.wake_at_us, f.r.not_after_us);
	f.now_us = f.r.not_after_us;
	f.deliveries[3].session = 9; /* too late: its agent would refuse it */
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 0);
	assert_int_equal(f.deliveries[3].state, DELIVERY_SKIPPED);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_done(&f);
}

/* An offer whose agent went away for good, of a wave that has passed: nobody would ever say what became of it, and the rollout would never end. */
static void test_an_offer_that_nobody_took_expires(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin_deferring(&f);
	f.r.not_after_us = 60 * MINUTE;
	rollout_fixture_later(&f, MINUTE);
	rollout_fixture_report(&f, 4, OUTCOME_APPLIED);
	rollout_fixture_report(&f, 5, OUTCOME_APPLIED);
	f.deliveries[3].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 3);
	f.deliveries[3].session = 0;
	f.now_us = f.r.not_after_us;
	rollout_fixture_think(&f);
	assert_int_equal(f.deliveries[3].state, DELIVERY_SKIPPED);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED); /* it had taken it after all */
	assert_int_equal(f.deliveries[3].state, DELIVERY_APPLIED);
	rollout_fixture_done(&f);
}

static void test_a_wave_that_proved_nothing_waits(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 1, 2);
	f.waves[0].defer_after_ms = 60000;
	f.deliveries[0].session = 0;
	rollout_fixture_think(&f);
	rollout_fixture_later(&f, 10 * MINUTE);
	rollout_fixture_later(&f, 10 * MINUTE);
	assert_int_equal(f.waves[0].state, WAVE_DRAINING);
	rollout_fixture_offers(&f, 0);
	f.deliveries[0].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 0);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 2, 1, 2);
	rollout_fixture_done(&f);
}

static void test_min_success_waits_for_deferred_ones(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin_deferring(&f);
	f.waves[0].min_success = (struct limit){.value = 4};
	rollout_fixture_later(&f, 2 * MINUTE);
	assert_int_equal(f.deliveries[3].state, DELIVERY_DEFERRED);
	assert_int_equal(f.waves[0].state, WAVE_DRAINING);
	f.deliveries[3].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 3);
	rollout_fixture_done(&f);
}

/* Asking the site again every half minute must not start the count anew. */
static void test_held_targets_are_deferred_too(void **state)
{
	(void)state;
	struct rollout_fixture f;
	struct err e = ERR_INIT;
	begin_deferring(&f);
	f.deliveries[3].session = 9;
	for (int i = 0; i < 3 && f.deliveries[3].state != DELIVERY_DEFERRED; i++) {
		rollout_fixture_later(&f, 31 * SECOND);
		if (f.deliveries[3].state == DELIVERY_OFFERED)
			assert_int_equal(delivery_step(&f.deliveries[3], DELIVERY_EV_HOLD, f.now_us, NULL, &e), 0);
	}
	rollout_fixture_later(&f, 0);
	assert_int_equal(f.deliveries[3].state, DELIVERY_DEFERRED);
	assert_int_equal(f.waves[0].state, WAVE_PASSED);
	rollout_fixture_done(&f);
}

static void test_an_offer_whose_agent_went_away(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 0);
	f.waves[0].defer_after_ms = 60000;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	f.deliveries[1].session = 0;
	rollout_fixture_later(&f, MINUTE);
	assert_int_equal(f.deliveries[1].state, DELIVERY_DEFERRED);
	assert_int_equal(f.r.state, ROLLOUT_CATCHING_UP);
	f.deliveries[1].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 1);
	assert_int_equal(f.deliveries[1].attempt, 1); /* the same task: an agent that has it after all answers with its state */

	f.deliveries[1].accepted = true; /* it may be running: only its report ends this */
	f.deliveries[1].session = 0;
	rollout_fixture_later(&f, 10 * MINUTE);
	assert_int_equal(f.deliveries[1].state, DELIVERY_OFFERED);
	rollout_fixture_done(&f);
}

static void test_a_deferred_failure_fails_its_wave(void **state)
{
	(void)state;
	static const struct {
		enum on_failure rule;
		enum rollout_state after;
	} cases[] = {{ON_FAILURE_HALT, ROLLOUT_HALTED}, {ON_FAILURE_ROLLBACK_WAVE, ROLLOUT_ROLLING_BACK}};
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		struct rollout_fixture f;
		begin_deferring(&f);
		f.waves[0].on_failure = cases[c].rule;
		rollout_fixture_later(&f, MINUTE);
		f.deliveries[3].session = 9;
		rollout_fixture_later(&f, SECOND);
		rollout_fixture_report(&f, 3, OUTCOME_FAILED);
		rollout_fixture_later(&f, SECOND);
		assert_int_equal(f.r.state, cases[c].after);
		assert_int_equal(f.waves[0].state, WAVE_FAILED);
		rollout_fixture_done(&f);
	}
}

static void test_a_freeze_holds_what_is_new(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 3, 0);
	f.waves[0].max_failures.value = 3;
	f.waves[0].on_failure = ON_FAILURE_ROLLBACK_TARGET;
	f.deliveries[1].frozen_until_us = 10 * MINUTE;
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 2, 0, 2);
	assert_int_equal(f.deliveries[1].state, DELIVERY_HELD);
	assert_true(f.deliveries[1].frozen);
	f.deliveries[0].frozen_until_us = 10 * MINUTE; /* what is to be taken back is taken back */
	rollout_fixture_report(&f, 0, OUTCOME_FAILED);
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 0);
	assert_int_equal(f.deliveries[0].state, DELIVERY_ROLLING_BACK);
	rollout_fixture_later(&f, MINUTE);
	assert_int_equal(f.deliveries[1].state, DELIVERY_HELD);
	f.deliveries[1].frozen_until_us = 0; /* removed early */
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.deliveries[1].state, DELIVERY_OFFERED);
	assert_false(f.deliveries[1].frozen);
	rollout_fixture_done(&f);
}

static void test_probes_hold_the_gate(void **state)
{
	(void)state;
	struct rollout_fixture f;
	struct err e = ERR_INIT;
	AUTO(decision_done) struct decision d = DECISION_INIT;
	size_t n = 9;
	rollout_fixture_init(&f, 1, 1);
	f.waves[0].soak_ms = 1000;
	f.waves[0].n_probes = 2;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	assert_int_equal(f.waves[0].state, WAVE_SOAKING);
	assert_int_equal(f.last.n_probes, 0);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.waves[0].state, WAVE_PROBING);
	assert_int_equal(f.last.n_probes, 1);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.last.n_probes, 0); /* asked once */
	f.waves[0].probing = PROBING_FAIL;
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.waves[0].state, WAVE_FAILED);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	assert_int_equal(decide_retry(&f.r, NULL, 0, f.now_us, &d, &n, &e), 0); /* nothing failed but the gate */
	assert_int_equal(n, 0);
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.last.n_probes, 1);
	f.waves[0].probing = PROBING_HOLD;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 1);
	rollout_fixture_done(&f);
}

static void test_a_gates_signature_is_waited_for(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 1, 1);
	f.waves[0].soak_ms = 1000;
	f.waves[0].n_probes = 1;
	f.waves[0].needs_pass = true;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.waves[0].state, WAVE_PROBING);
	f.waves[0].probing = PROBING_HOLD;
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.waves[0].state, WAVE_AWAITING_PASS);
	assert_int_equal(f.r.state, ROLLOUT_RUNNING);
	rollout_fixture_later(&f, 1000 * SECOND);
	rollout_fixture_offers(&f, 0);
	f.waves[0].has_pass = true;
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.waves[0].state, WAVE_PASSED);
	rollout_fixture_offers(&f, 1, 1);
	rollout_fixture_done(&f);
}

/* The trust document has a gate since, or the pass has expired: what runs, runs on, and nothing else begins. */
static void test_a_pass_that_is_asked_for_later_keeps_back_what_has_not_begun(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 1, 2);
	f.waves[1].max_parallel = 1;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 1);
	f.waves[0].needs_pass = true;
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.waves[0].state, WAVE_AWAITING_PASS);
	rollout_fixture_offers(&f, 0);
	f.waves[0].has_pass = true;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 2);
	rollout_fixture_done(&f);
}

static void test_a_failure_is_no_less_one_while_a_pass_is_awaited(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin_deferring(&f);
	f.waves[0].needs_pass = true;
	rollout_fixture_later(&f, MINUTE);
	assert_int_equal(f.deliveries[3].state, DELIVERY_DEFERRED);
	assert_int_equal(f.waves[0].state, WAVE_AWAITING_PASS);
	f.deliveries[3].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 3); /* it follows meanwhile */
	rollout_fixture_report(&f, 3, OUTCOME_FAILED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.waves[0].state, WAVE_FAILED);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	rollout_fixture_done(&f);
}

/* A soak that ends with the order's time lets nobody follow: its agent would refuse it. */
static void test_nobody_follows_a_soak_beyond_the_orders_time(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 0);
	f.waves[0].defer_after_ms = 60000;
	f.waves[0].soak_ms = 1000;
	f.deliveries[1].session = 0;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_later(&f, MINUTE);
	assert_int_equal(f.r.state, ROLLOUT_SOAKING);
	f.r.not_after_us = f.now_us + SECOND;
	f.deliveries[1].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 0);
	assert_int_equal(f.deliveries[1].state, DELIVERY_SKIPPED);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_min_success_out_of_reach),
	    cmocka_unit_test(test_deferred_targets_do_not_hold_the_wave_up),
	    cmocka_unit_test(test_catching_up_until_the_order_expires),
	    cmocka_unit_test(test_an_offer_that_nobody_took_expires),
	    cmocka_unit_test(test_a_wave_that_proved_nothing_waits),
	    cmocka_unit_test(test_min_success_waits_for_deferred_ones),
	    cmocka_unit_test(test_held_targets_are_deferred_too),
	    cmocka_unit_test(test_an_offer_whose_agent_went_away),
	    cmocka_unit_test(test_a_deferred_failure_fails_its_wave),
	    cmocka_unit_test(test_a_freeze_holds_what_is_new),
	    cmocka_unit_test(test_probes_hold_the_gate),
	    cmocka_unit_test(test_a_gates_signature_is_waited_for),
	    cmocka_unit_test(test_a_pass_that_is_asked_for_later_keeps_back_what_has_not_begun),
	    cmocka_unit_test(test_nobody_follows_a_soak_beyond_the_orders_time),
	    cmocka_unit_test(test_a_failure_is_no_less_one_while_a_pass_is_awaited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
