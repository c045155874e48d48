/* decide() while operators steer: pause, resume, abort, retry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/support/rollout_fixture.h"

static void test_pause_stops_new_starts_only(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 3, 0);
	f.waves[0].max_parallel = 1;
	rollout_fixture_think(&f);
	rollout_fixture_event(&f, ROLLOUT_EV_PAUSE);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 0);
	assert_int_equal(f.waves[0].state, WAVE_HELD);
	rollout_fixture_event(&f, ROLLOUT_EV_RESUME);
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 1, 1);
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
	rollout_fixture_event(&f, ROLLOUT_EV_PAUSE);
	assert_int_equal(decide(&f.r, f.now_us, &d, &e), 0);
	assert_int_equal(d.n_stops, 1); /* the other agent may not have its task */
	assert_int_equal(d.stops[0], 0);
	assert_int_equal(decide(&f.r, f.now_us, &next, &e), 0);
	assert_int_equal(next.n_stops, 0);
	rollout_fixture_report(&f, 0, OUTCOME_HELD);
	assert_int_equal(f.deliveries[0].state, DELIVERY_HELD);
	rollout_fixture_event(&f, ROLLOUT_EV_RESUME);
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
	rollout_fixture_event(&f, ROLLOUT_EV_ABORT);
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
	rollout_fixture_done(&f);
}

static void test_abort_while_it_is_taken_back(void **state)
{
	(void)state;
	struct rollout_fixture f;
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
	rollout_fixture_event(&f, ROLLOUT_EV_ABORT);
	rollout_fixture_think(&f);
	assert_int_equal(f.deliveries[1].state, DELIVERY_FAILED); /* its way back had not begun: what was applied stays */
	assert_true(f.deliveries[1].touched);
	f.now_us += RECALL_GIVE_UP_US;
	rollout_fixture_think(&f);
	assert_int_equal(f.deliveries[0].state, DELIVERY_FAILED);
	assert_int_equal(f.r.state, ROLLOUT_ABORTED);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pause_stops_new_starts_only),   cmocka_unit_test(test_pause_asks_batches_to_end),
	    cmocka_unit_test(test_abort_skips_recalls_and_waits), cmocka_unit_test(test_abort_while_it_is_taken_back),
	    cmocka_unit_test(test_retry_names_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
