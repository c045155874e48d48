/* A way back that waits for its agent: its wave and the others go on without it, and it is taken as soon as the agent is there, or given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/support/rollout_fixture.h"

/* One wave of 3 that takes failed targets back and defers after a minute; the first has failed, and its agent went away before it could be offered the way back. */
static void begin(struct rollout_fixture *f)
{
	rollout_fixture_init(f, 3, 1);
	f->r.not_after_us = 3600 * SECOND;
	f->waves[0].on_failure = ON_FAILURE_ROLLBACK_TARGET;
	f->waves[0].max_failures = (struct limit){.value = 1};
	f->waves[0].defer_after_ms = 60000;
	rollout_fixture_think(f);
	rollout_fixture_offers(f, 3, 0, 1, 2);
	rollout_fixture_report(f, 0, OUTCOME_FAILED);
	f->deliveries[0].session = 0;
	rollout_fixture_report(f, 1, OUTCOME_APPLIED);
	rollout_fixture_report(f, 2, OUTCOME_APPLIED);
	rollout_fixture_later(f, 0);
	assert_int_equal(f->deliveries[0].state, DELIVERY_ROLLING_BACK);
	assert_false(delivery_in_flight(&f->deliveries[0]));
}

static void test_a_wave_goes_on_without_an_undo_that_waits_for_its_agent(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin(&f);
	assert_int_equal(f.waves[0].state, WAVE_DRAINING);
	assert_int_equal(f.last.wake_at_us, f.now_us + 60 * SECOND);
	rollout_fixture_later(&f, 60 * SECOND - 1);
	assert_int_equal(f.waves[0].state, WAVE_DRAINING);
	rollout_fixture_later(&f, 1);
	assert_int_equal(f.waves[0].state, WAVE_PASSED);
	assert_int_equal(f.deliveries[0].state, DELIVERY_DEFERRED);
	assert_int_equal(f.deliveries[0].direction, DIRECTION_ROLLBACK);
	assert_true(f.deliveries[0].failed); /* within max_failures, as before */
	rollout_fixture_offers(&f, 1, 3);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_CATCHING_UP); /* not over before it is taken back, */
	assert_int_equal(f.last.wake_at_us, f.r.not_after_us); /* or the order's time is over */
	f.deliveries[0].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 0);
	assert_int_equal(f.deliveries[0].direction, DIRECTION_ROLLBACK);
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 0); /* once */
	rollout_fixture_report(&f, 0, OUTCOME_ROLLED_BACK);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	assert_true(f.deliveries[0].failed);
	rollout_fixture_done(&f);
}

/* While its wave still drains, and while later ones run: it is taken back as soon as its agent is there. */
static void test_a_deferred_undo_needs_no_wave(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin(&f);
	rollout_fixture_later(&f, 60 * SECOND);
	rollout_fixture_offers(&f, 1, 3);
	f.deliveries[0].session = 9;
	f.deliveries[0].frozen_until_us = FOREVER; /* a freeze stops what is new, not this */
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 0);
	f.deliveries[0].session = 0; /* and goes away again, before it could say that it took it */
	rollout_fixture_later(&f, 60 * SECOND);
	f.deliveries[0].session = 10;
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.deliveries[0].attempt, 1); /* the same task: an agent that has it answers with what became of it */
	rollout_fixture_report(&f, 0, OUTCOME_ROLLED_BACK);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_done(&f);
}

/* Whether an agent has the undo nobody knows: its wave goes on without, though it can bring it no success any more. */
static void test_a_lost_undo_is_no_success_to_wait_for(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 1, 1);
	f.r.not_after_us = 3600 * SECOND;
	f.waves[0].on_failure = ON_FAILURE_ROLLBACK_TARGET;
	f.waves[0].max_failures = (struct limit){.value = 1};
	f.waves[0].defer_after_ms = 60000;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_FAILED);
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 0);
	f.deliveries[0].session = 0;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_later(&f, 60 * SECOND);
	assert_int_equal(f.deliveries[0].state, DELIVERY_UNKNOWN);
	assert_int_equal(f.waves[0].state, WAVE_PASSED); /* as when it had been taken back */
	rollout_fixture_offers(&f, 1, 1);
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_CATCHING_UP); /* its agent may never have got it: the rollout is not over before that is known */
	f.deliveries[0].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 0);
	rollout_fixture_report(&f, 0, OUTCOME_ROLLED_BACK);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_done(&f);
}

static void test_a_lost_undo_can_be_given_up(void **state)
{
	(void)state;
	struct rollout_fixture f;
	struct err e = ERR_INIT;
	AUTO(decision_done) struct decision d = DECISION_INIT;
	begin(&f);
	f.deliveries[0].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 0);
	f.deliveries[0].session = 0;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_later(&f, 60 * SECOND);
	assert_int_equal(f.deliveries[0].state, DELIVERY_UNKNOWN);
	const char *target = f.names[0];
	assert_int_equal(decide_skip(&f.r, &target, 1, f.now_us, &d, &e), 0);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED);
	rollout_fixture_report(&f, 0, OUTCOME_ROLLED_BACK); /* its agent had it after all: it stands as somebody wanted it, */
	assert_int_equal(f.deliveries[0].state, DELIVERY_SKIPPED);
	assert_false(f.deliveries[0].touched); /* and nothing of the release is there */
	rollout_fixture_done(&f);
}

static void test_an_undo_that_its_site_holds_is_deferred_too(void **state)
{
	(void)state;
	struct rollout_fixture f;
	struct err e = ERR_INIT;
	begin(&f);
	f.deliveries[0].session = 9;
	rollout_fixture_later(&f, SECOND);
	for (int asked = 0; asked < 2; asked++) { /* asking again and again starts no new count */
		rollout_fixture_offers(&f, 1, 0);
		assert_int_equal(delivery_step(&f.deliveries[0], DELIVERY_EV_HOLD, f.now_us, NULL, &e), 0);
		rollout_fixture_later(&f, 31 * SECOND);
	}
	assert_int_equal(delivery_step(&f.deliveries[0], DELIVERY_EV_HOLD, f.now_us, NULL, &e), 0);
	rollout_fixture_later(&f, 0);
	assert_int_equal(f.deliveries[0].state, DELIVERY_DEFERRED);
	assert_int_equal(f.waves[0].state, WAVE_PASSED);
	rollout_fixture_offers(&f, 1, 3);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	rollout_fixture_later(&f, 31 * SECOND);
	rollout_fixture_offers(&f, 1, 0); /* the site is asked again */
	rollout_fixture_done(&f);
}

static void test_a_halted_rollout_takes_it_back_when_its_agent_is_there(void **state)
{
	(void)state;
	struct rollout_fixture f;
	begin(&f);
	f.waves[0].max_failures = (struct limit){.value = 0};
	rollout_fixture_later(&f, LOST_AFTER_US);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	assert_int_equal(f.deliveries[0].state, DELIVERY_DEFERRED); /* nobody waits for it here */
	f.deliveries[0].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 0);
	rollout_fixture_report(&f, 0, OUTCOME_ROLLED_BACK);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	assert_int_equal(f.deliveries[0].state, DELIVERY_ROLLED_BACK);
	rollout_fixture_done(&f);
}

/* Who will not wait says so, or gives the rollout up; or the order's time is over. What was applied stays, and nobody is told otherwise. */
static void test_an_undo_that_waits_can_be_given_up(void **state)
{
	(void)state;
	struct rollout_fixture f;
	struct err e = ERR_INIT;
	AUTO(decision_done) struct decision d = DECISION_INIT;
	begin(&f);
	const char *target = f.names[0];
	f.waves[0].defer_after_ms = 0; /* a plan that waits for who is away waits for this too */
	rollout_fixture_later(&f, 600 * SECOND);
	assert_int_equal(f.waves[0].state, WAVE_DRAINING);
	assert_int_equal(decide_skip(&f.r, &target, 1, f.now_us, &d, &e), 0);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.deliveries[0].state, DELIVERY_SKIPPED);
	assert_true(f.deliveries[0].touched);
	rollout_fixture_offers(&f, 1, 3);
	f.deliveries[0].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 0);
	rollout_fixture_done(&f);

	begin(&f);
	rollout_fixture_later(&f, 60 * SECOND);
	rollout_fixture_event(&f, ROLLOUT_EV_ABORT);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.deliveries[0].state, DELIVERY_FAILED);
	assert_true(f.deliveries[0].touched);
	f.deliveries[0].state = DELIVERY_HELD; /* a lost agent's late word: nobody asks its site again */
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.deliveries[0].state, DELIVERY_FAILED);
	rollout_fixture_done(&f);

	begin(&f);
	rollout_fixture_later(&f, 60 * SECOND);
	rollout_fixture_report(&f, 3, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	f.now_us = f.r.not_after_us;
	rollout_fixture_later(&f, 0);
	assert_int_equal(f.deliveries[0].state, DELIVERY_FAILED);
	assert_true(f.deliveries[0].touched);
	assert_int_equal(f.r.state, ROLLOUT_SUCCEEDED); /* with a failure that the plan allows */
	rollout_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_wave_goes_on_without_an_undo_that_waits_for_its_agent),
	    cmocka_unit_test(test_a_deferred_undo_needs_no_wave),
	    cmocka_unit_test(test_a_lost_undo_is_no_success_to_wait_for),
	    cmocka_unit_test(test_a_lost_undo_can_be_given_up),
	    cmocka_unit_test(test_an_undo_that_its_site_holds_is_deferred_too),
	    cmocka_unit_test(test_a_halted_rollout_takes_it_back_when_its_agent_is_there),
	    cmocka_unit_test(test_an_undo_that_waits_can_be_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
