/* The three tables are well-formed, and the edges that matter most are what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "controller/rollout/rollout.h"

static void test_tables_are_well_formed(void **state)
{
	(void)state;
	const struct fsm *all[] = {&delivery_fsm, &wave_fsm, &rollout_fsm};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct err e = ERR_INIT;
		if (fsm_check(all[i], &e) < 0)
			fail_msg("%s", e.msg);
	}
}

static struct delivery delivery_in(enum delivery_state s)
{
	return (struct delivery){.target = "eu/pg1/shop", .state = s, .attempt = 1, .session = 7};
}

static void test_first_offer_is_attempt_one(void **state)
{
	(void)state;
	struct delivery d = delivery_in(DELIVERY_PENDING);
	struct err e = ERR_INIT;
	d.attempt = 0;
	assert_int_equal(delivery_step(&d, DELIVERY_EV_OFFER, 100, NULL, &e), 0);
	assert_int_equal(d.state, DELIVERY_OFFERED);
	assert_int_equal(d.attempt, 1);
	assert_int_equal(d.offered_at_us, 100);
	assert_int_equal(d.offered_session, 7);
	assert_int_equal(delivery_step(&d, DELIVERY_EV_OFFER, 200, NULL, &e), 0);
	assert_int_equal(d.attempt, 1);
}

static void test_failure_counts_until_retried(void **state)
{
	(void)state;
	static const struct {
		enum outcome outcome;
		enum delivery_state to;
		bool failed;
	} cases[] = {
	    {OUTCOME_APPLIED, DELIVERY_APPLIED, false},
	    {OUTCOME_ROLLED_BACK, DELIVERY_ROLLED_BACK, false},
	    {OUTCOME_FAILED, DELIVERY_FAILED, true},
	    {OUTCOME_REFUSED, DELIVERY_REFUSED, true},
	    {OUTCOME_NEEDS_ATTENTION, DELIVERY_NEEDS_ATTENTION, true},
	    {OUTCOME_HELD, DELIVERY_HELD, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct delivery d = delivery_in(DELIVERY_APPLYING);
		struct err e = ERR_INIT;
		assert_int_equal(delivery_step(&d, delivery_event_of_outcome(cases[i].outcome), 0, NULL, &e), 0);
		assert_int_equal(d.state, cases[i].to);
		assert_int_equal(d.failed, cases[i].failed);
		if (!d.failed)
			continue;
		assert_int_equal(delivery_step(&d, DELIVERY_EV_RETRY, 0, NULL, &e), 0);
		assert_int_equal(d.state, DELIVERY_PENDING);
		assert_false(d.failed);
		assert_int_equal(d.attempt, 2);
	}
}

static void test_held_by_report_closes_the_attempt(void **state)
{
	(void)state;
	struct delivery d = delivery_in(DELIVERY_OFFERED);
	struct err e = ERR_INIT;
	assert_int_equal(delivery_step(&d, DELIVERY_EV_HOLD, 5, NULL, &e), 0);
	assert_int_equal(d.attempt, 1);
	assert_true(d.retry_at_us > 5);
	d = delivery_in(DELIVERY_OFFERED);
	assert_int_equal(delivery_step(&d, DELIVERY_EV_HELD, 5, NULL, &e), 0);
	assert_int_equal(d.attempt, 2);
}

static void test_refused_undo_is_a_failure_and_retry_goes_on_undoing(void **state)
{
	(void)state;
	struct delivery d = delivery_in(DELIVERY_APPLIED);
	struct err e = ERR_INIT;
	assert_int_equal(delivery_step(&d, DELIVERY_EV_UNDO, 0, NULL, &e), 0);
	assert_int_equal(d.direction, DIRECTION_ROLLBACK);
	assert_int_equal(delivery_step(&d, DELIVERY_EV_REFUSED, 0, NULL, &e), 0);
	assert_int_equal(d.state, DELIVERY_FAILED);
	assert_int_equal(delivery_step(&d, DELIVERY_EV_RETRY, 0, NULL, &e), 0);
	assert_int_equal(d.state, DELIVERY_ROLLING_BACK);
	assert_int_equal(d.direction, DIRECTION_ROLLBACK);
	assert_int_equal(delivery_step(&d, DELIVERY_EV_ROLLED_BACK, 0, NULL, &e), 0);
	assert_int_equal(delivery_step(&d, DELIVERY_EV_RETRY, 0, NULL, &e), 0);
	assert_int_equal(d.state, DELIVERY_PENDING);
	assert_int_equal(d.direction, DIRECTION_APPLY);
}

static void test_rollback_order_is_not_retried_forward(void **state)
{
	(void)state;
	struct delivery d = delivery_in(DELIVERY_ROLLED_BACK);
	d.order_direction = d.direction = DIRECTION_ROLLBACK;
	struct err e = ERR_INIT;
	assert_int_equal(delivery_step(&d, DELIVERY_EV_RETRY, 0, NULL, &e), -1);
	assert_string_equal(e.msg, "eu/pg1/shop: delivery: no row for event retry in state rolled-back");
	assert_int_equal(d.state, DELIVERY_ROLLED_BACK);
}

static void test_names_round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < DELIVERY_STATE_COUNT; i++) {
		enum delivery_state s = DELIVERY_PENDING;
		assert_true(delivery_state_parse(delivery_state_name((enum delivery_state)i), &s));
		assert_int_equal(s, i);
	}
	for (int i = 0; i < ROLLOUT_STATE_COUNT; i++) {
		enum rollout_state s = ROLLOUT_PENDING;
		assert_true(rollout_state_parse(rollout_state_name((enum rollout_state)i), &s));
		assert_int_equal(s, i);
	}
	enum wave_state w;
	assert_false(wave_state_parse("half-open", &w));
}

static void test_groups_are_sites_and_servers(void **state)
{
	(void)state;
	struct delivery d[] = {
	    {.target = "us/pg1/a"}, {.target = "eu/pg2/a"}, {.target = "eu/pg1/a"}, {.target = "eu/pg1/b/main"}, {.target = "eu-2/pg1/a"}};
	rollout_group(d, ARRAY_LEN(d));
	assert_int_equal(d[2].instance_group, d[3].instance_group);
	assert_int_not_equal(d[1].instance_group, d[2].instance_group);
	assert_int_equal(d[1].site_group, d[2].site_group);
	assert_int_not_equal(d[4].site_group, d[2].site_group);
	assert_int_not_equal(d[0].site_group, d[2].site_group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tables_are_well_formed),
	    cmocka_unit_test(test_first_offer_is_attempt_one),
	    cmocka_unit_test(test_failure_counts_until_retried),
	    cmocka_unit_test(test_held_by_report_closes_the_attempt),
	    cmocka_unit_test(test_refused_undo_is_a_failure_and_retry_goes_on_undoing),
	    cmocka_unit_test(test_rollback_order_is_not_retried_forward),
	    cmocka_unit_test(test_names_round_trip),
	    cmocka_unit_test(test_groups_are_sites_and_servers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
