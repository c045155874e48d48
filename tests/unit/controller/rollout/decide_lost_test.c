/* Agents that are away with what they took: nothing else waits for them, nobody says what became of it before they do, and their report is acted on whenever it comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/support/rollout_fixture.h"

/* Wave canary of 2 is applied; of wave rest of 3 the first is applied, the second applies, and its agent goes away; all by this rule. */
static void begin(struct rollout_fixture *f, enum on_failure rule)
{
	struct err e = ERR_INIT;
	rollout_fixture_init(f, 2, 3);
	f->r.not_after_us = 3600 * SECOND;
	f->waves[0].on_failure = f->waves[1].on_failure = rule;
	rollout_fixture_think(f);
	rollout_fixture_report(f, 0, OUTCOME_APPLIED);
	rollout_fixture_report(f, 1, OUTCOME_APPLIED);
	rollout_fixture_think(f);
	rollout_fixture_offers(f, 3, 2, 3, 4);
	rollout_fixture_report(f, 2, OUTCOME_APPLIED);
	assert_int_equal(delivery_step(&f->deliveries[3], DELIVERY_EV_IS_APPLYING, f->now_us, NULL, &e), 0);
	f->deliveries[3].session = 0;
	rollout_fixture_think(f);
}

static void test_everything_else_is_taken_back_at_once(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin(&f, ON_FAILURE_ROLLBACK_ALL);
	rollout_fixture_report(&f, 4, OUTCOME_FAILED);
	rollout_fixture_later(&f, 0);
	assert_int_equal(f.r.state, ROLLOUT_ROLLING_BACK);
	rollout_fixture_offers(&f, 2, 2, 4);
	rollout_fixture_report(&f, 2, OUTCOME_ROLLED_BACK);
	rollout_fixture_report(&f, 4, OUTCOME_ROLLED_BACK);
	rollout_fixture_later(&f, LOST_AFTER_US);
	assert_int_equal(f.deliveries[3].state, DELIVERY_UNKNOWN);
	rollout_fixture_offers(&f, 2, 0, 1);
	rollout_fixture_report(&f, 0, OUTCOME_ROLLED_BACK);
	rollout_fixture_report(&f, 1, OUTCOME_ROLLED_BACK);
	rollout_fixture_later(&f, 60 * SECOND);
	assert_int_equal(f.r.state, ROLLOUT_ROLLING_BACK); /* not over before it has told, */
	assert_int_equal(f.last.wake_at_us, f.r.not_after_us); /* or the order's time has */
	f.deliveries[3].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 3); /* the same task: it answers with what became of it */
	assert_int_equal(f.deliveries[3].attempt, 1);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.deliveries[3].state, DELIVERY_ROLLING_BACK);
	rollout_fixture_offers(&f, 1, 3);
	rollout_fixture_report(&f, 3, OUTCOME_ROLLED_BACK);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_FAILED);
	rollout_fixture_done(&f);
}

/* Known to be applied, and its agent away before it could be offered the way back: the waves before it do not wait either. */
static void test_an_undo_that_cannot_be_offered_holds_nobody_up(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin(&f, ON_FAILURE_ROLLBACK_ALL);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	rollout_fixture_report(&f, 4, OUTCOME_FAILED);
	rollout_fixture_later(&f, LOST_AFTER_US);
	rollout_fixture_offers(&f, 2, 2, 4);
	rollout_fixture_report(&f, 2, OUTCOME_ROLLED_BACK);
	rollout_fixture_report(&f, 4, OUTCOME_ROLLED_BACK);
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 2, 0, 1);
	rollout_fixture_report(&f, 0, OUTCOME_ROLLED_BACK);
	rollout_fixture_report(&f, 1, OUTCOME_ROLLED_BACK);
	f.now_us = f.r.not_after_us;
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_FAILED);
	assert_int_equal(f.deliveries[3].state, DELIVERY_FAILED); /* what was applied stays, and that is said */
	assert_true(f.deliveries[3].touched);
	rollout_fixture_done(&f);
}

static void test_a_way_back_that_was_lost_ends_with_the_order(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin(&f, ON_FAILURE_ROLLBACK_WAVE);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	f.deliveries[3].session = 5;
	rollout_fixture_report(&f, 4, OUTCOME_FAILED);
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 3, 2, 3, 4);
	rollout_fixture_report(&f, 2, OUTCOME_ROLLED_BACK);
	rollout_fixture_report(&f, 4, OUTCOME_ROLLED_BACK);
	f.deliveries[3].session = 0;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_later(&f, LOST_AFTER_US);
	assert_int_equal(f.deliveries[3].state, DELIVERY_UNKNOWN);
	assert_int_equal(f.deliveries[3].direction, DIRECTION_ROLLBACK);
	f.now_us = f.r.not_after_us;
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_FAILED);
	assert_int_equal(f.deliveries[3].state, DELIVERY_UNKNOWN); /* still nobody knows */
	assert_true(f.deliveries[3].failed);
	rollout_fixture_report(&f, 3, OUTCOME_ROLLED_BACK);
	assert_int_equal(f.deliveries[3].state, DELIVERY_ROLLED_BACK);
	rollout_fixture_done(&f);
}

static void test_an_abort_ends_without_it(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin(&f, ON_FAILURE_HALT);
	f.deliveries[4].session = 0; /* offered; whether its agent has taken it nobody knows either */
	rollout_fixture_event(&f, ROLLOUT_EV_ABORT);
	rollout_fixture_later(&f, 0);
	assert_int_equal(f.r.state, ROLLOUT_ABORTING);
	rollout_fixture_later(&f, LOST_AFTER_US);
	assert_int_equal(f.r.state, ROLLOUT_ABORTED);
	assert_int_equal(f.deliveries[3].state, DELIVERY_UNKNOWN);
	assert_int_equal(f.deliveries[4].state, DELIVERY_UNKNOWN);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED); /* a fact is a fact */
	assert_int_equal(f.deliveries[3].state, DELIVERY_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_ABORTED);
	rollout_fixture_done(&f);
}

static void test_a_wave_that_defers_goes_on_without_it(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin(&f, ON_FAILURE_HALT);
	f.waves[1].defer_after_ms = 60000;
	rollout_fixture_report(&f, 4, OUTCOME_APPLIED);
	rollout_fixture_later(&f, 60 * SECOND - 1);
	assert_int_equal(f.deliveries[3].state, DELIVERY_APPLYING);
	rollout_fixture_later(&f, 1);
	assert_int_equal(f.deliveries[3].state, DELIVERY_UNKNOWN);
	assert_int_equal(f.waves[1].state, WAVE_PASSED);
	assert_int_equal(f.r.state, ROLLOUT_CATCHING_UP);
	f.now_us = f.r.not_after_us;
	rollout_fixture_think(&f);
	assert_int_equal(f.deliveries[3].state, DELIVERY_UNKNOWN);
	assert_true(f.deliveries[3].failed); /* never as a success */
	assert_int_equal(f.r.state, ROLLOUT_HALTED); /* max_failures is 0 */
	f.deliveries[3].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	assert_false(f.deliveries[3].failed);
	rollout_fixture_done(&f);
}

/* Where the plan waits for those that are away, it waits for this one too, and steering it works all the same. */
static void test_a_wave_that_waits_waits(void **state)
{
	(void)state;
	struct rollout_fixture f;
	struct err e = ERR_INIT;
	AUTO(decision_done) struct decision d = DECISION_INIT;
	begin(&f, ON_FAILURE_HALT);
	rollout_fixture_report(&f, 4, OUTCOME_APPLIED);
	rollout_fixture_later(&f, 600 * SECOND);
	assert_int_equal(f.deliveries[3].state, DELIVERY_APPLYING);
	assert_int_equal(f.waves[1].state, WAVE_DRAINING);
	const char *target = f.names[3];
	assert_int_equal(decide_skip(&f.r, &target, 1, f.now_us, &d, &e), 0);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.deliveries[3].state, DELIVERY_SKIPPED);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	assert_int_equal(f.deliveries[3].state, DELIVERY_APPLIED);
	rollout_fixture_done(&f);
}

static void test_a_retry_waits_for_it_again(void **state)
{
	(void)state;
	struct rollout_fixture f;
	struct err e = ERR_INIT;
	AUTO(decision_done) struct decision d = DECISION_INIT;
	size_t n = 0;
	begin(&f, ON_FAILURE_HALT);
	rollout_fixture_report(&f, 4, OUTCOME_FAILED);
	rollout_fixture_later(&f, LOST_AFTER_US);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	assert_int_equal(f.deliveries[3].state, DELIVERY_UNKNOWN);
	const char *target = f.names[3];
	assert_int_equal(decide_retry(&f.r, &target, 1, f.now_us, &d, &n, &e), -1);
	assert_string_equal(
	    e.msg, "target us/pg1/t3 is unknown: its agent is away with it and is asked when it is back, so there is nothing to retry; not to wait "
	           "for it: `rollcall rollout skip r1 us/pg1/t3 --reason TEXT`");
	assert_int_equal(decide_retry(&f.r, NULL, 0, f.now_us, &d, &n, &e), 0);
	assert_int_equal(n, 1);
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 4);
	rollout_fixture_report(&f, 4, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.waves[1].state, WAVE_DRAINING); /* the plan does not let it go on without */
	f.deliveries[3].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 3);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_done(&f);
}

static void test_a_connection_that_comes_back_at_once_loses_nothing(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin(&f, ON_FAILURE_HALT);
	rollout_fixture_event(&f, ROLLOUT_EV_ABORT);
	rollout_fixture_later(&f, LOST_AFTER_US - 1);
	f.deliveries[3].session = 9;
	f.deliveries[4].session = 9;
	rollout_fixture_later(&f, 1);
	assert_int_equal(f.deliveries[3].state, DELIVERY_APPLYING);
	assert_int_equal(f.r.state, ROLLOUT_ABORTING);
	rollout_fixture_done(&f);
}

/* Its agent went away while it applied, told that it had failed when it came back, and was away again at once. */
static void test_one_that_was_unknown_waits_for_its_undo_in_the_same_way(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin(&f, ON_FAILURE_ROLLBACK_TARGET);
	f.waves[1].defer_after_ms = 60000;
	f.waves[1].max_failures = (struct limit){.value = 1};
	rollout_fixture_report(&f, 4, OUTCOME_APPLIED);
	rollout_fixture_later(&f, 60 * SECOND);
	assert_int_equal(f.deliveries[3].state, DELIVERY_UNKNOWN);
	assert_int_equal(f.r.state, ROLLOUT_CATCHING_UP);
	rollout_fixture_report(&f, 3, OUTCOME_FAILED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.deliveries[3].state, DELIVERY_ROLLING_BACK);
	assert_int_equal(f.r.state, ROLLOUT_CATCHING_UP);
	f.deliveries[3].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 3);
	rollout_fixture_report(&f, 3, OUTCOME_ROLLED_BACK);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_everything_else_is_taken_back_at_once),
	    cmocka_unit_test(test_an_undo_that_cannot_be_offered_holds_nobody_up),
	    cmocka_unit_test(test_a_way_back_that_was_lost_ends_with_the_order),
	    cmocka_unit_test(test_an_abort_ends_without_it),
	    cmocka_unit_test(test_a_wave_that_defers_goes_on_without_it),
	    cmocka_unit_test(test_a_wave_that_waits_waits),
	    cmocka_unit_test(test_a_retry_waits_for_it_again),
	    cmocka_unit_test(test_a_connection_that_comes_back_at_once_loses_nothing),
	    cmocka_unit_test(test_one_that_was_unknown_waits_for_its_undo_in_the_same_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
