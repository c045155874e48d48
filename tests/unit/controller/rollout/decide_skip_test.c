/* Going on without targets: what an operator's skip lets go on, what it does not, and what a late report of one that was left out changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/rollout_fixture.h"

#define MINUTE (60 * SECOND)

static void leave_out(struct rollout_fixture *f, const char *target)
{
	struct err e = ERR_INIT;
	AUTO(decision_done) struct decision d = DECISION_INIT;
	if (decide_skip(&f->r, &target, 1, f->now_us, &d, &e) < 0)
		fail_msg("%s", e.msg);
}

static void test_skipping_what_failed_lets_a_halted_rollout_go_on(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 2);
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_FAILED);
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	leave_out(&f, "eu/pg0/t0");
	assert_int_equal(f.deliveries[0].state, DELIVERY_SKIPPED);
	assert_true(f.deliveries[0].touched); /* a rollback has to look at it */
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 2, 2, 3);
	rollout_fixture_done(&f);
}

static void test_skipping_one_of_too_many_failures_halts_again(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 3, 0);
	f.waves[0].max_parallel = 2;
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 0, OUTCOME_FAILED);
	rollout_fixture_report(&f, 1, OUTCOME_FAILED);
	rollout_fixture_think(&f);
	leave_out(&f, "eu/pg0/t0");
	rollout_fixture_think(&f);
	rollout_fixture_offers(&f, 0);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	rollout_fixture_done(&f);
}

/* One that was left out says late that it has failed: it counts again, while the wave is watched or its probes are asked as before it. */
static void short_by_a_late_report(int64_t soak_ms, enum wave_state watched)
{
	struct rollout_fixture f;
	rollout_fixture_init(&f, 3, 1);
	f.waves[0].max_failures = (struct limit){.value = 1};
	f.waves[0].min_success = (struct limit){.value = 100, .percent = true};
	f.waves[0].soak_ms = soak_ms;
	f.waves[0].n_probes = soak_ms == 0;
	rollout_fixture_think(&f);
	f.deliveries[2].session = 0;
	rollout_fixture_later(&f, 60 * SECOND);
	leave_out(&f, f.deliveries[2].target);
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	rollout_fixture_think(&f);
	assert_int_equal(f.waves[0].state, watched);
	rollout_fixture_report(&f, 2, OUTCOME_FAILED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.waves[0].state, WAVE_FAILED);
	assert_int_equal(f.r.state, ROLLOUT_HALTED);
	rollout_fixture_offers(&f, 0);
	rollout_fixture_done(&f);
}

static void test_too_few_successes_by_a_late_report(void **state)
{
	(void)state;
	short_by_a_late_report(1000, WAVE_SOAKING);
	short_by_a_late_report(0, WAVE_PROBING);
}

/* The same while one may still follow: it is needed now, and so the wave is not watched any more but waits for it. */
static void test_a_late_report_makes_a_deferred_target_needed(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 3, 0);
	f.waves[0].max_failures = (struct limit){.value = 1};
	f.waves[0].min_success = (struct limit){.value = 50, .percent = true};
	f.waves[0].defer_after_ms = 60000;
	f.waves[0].soak_ms = 3600000;
	f.deliveries[2].session = 0;
	rollout_fixture_think(&f);
	f.deliveries[1].session = 0;
	rollout_fixture_report(&f, 0, OUTCOME_APPLIED);
	rollout_fixture_later(&f, 20 * SECOND);
	leave_out(&f, f.deliveries[1].target);
	rollout_fixture_later(&f, MINUTE);
	assert_int_equal(f.deliveries[2].state, DELIVERY_DEFERRED);
	assert_int_equal(f.waves[0].state, WAVE_SOAKING);
	rollout_fixture_report(&f, 1, OUTCOME_FAILED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.waves[0].state, WAVE_DRAINING);
	f.deliveries[2].session = 9;
	rollout_fixture_later(&f, SECOND);
	rollout_fixture_offers(&f, 1, 2);
	rollout_fixture_report(&f, 2, OUTCOME_APPLIED);
	rollout_fixture_later(&f, SECOND);
	assert_int_equal(f.waves[0].state, WAVE_SOAKING);
	rollout_fixture_done(&f);
}

static void test_skip_names_what_is_wrong(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 0);
	rollout_fixture_think(&f);
	rollout_fixture_report(&f, 1, OUTCOME_APPLIED);
	struct err e = ERR_INIT;
	AUTO(decision_done) struct decision d = DECISION_INIT;
	const char *unknown = "eu/pg9/x", *running = "eu/pg0/t0", *applied = "eu/pg0/t1";
	assert_int_equal(decide_skip(&f.r, &unknown, 1, 0, &d, &e), -1);
	assert_string_equal(e.msg, "target eu/pg9/x is not in rollout r1: `rollcall rollout status r1` lists its targets");
	assert_int_equal(decide_skip(&f.r, &running, 1, 0, &d, &e), -1);
	assert_string_equal(e.msg, "target eu/pg0/t0 is offered and cannot be skipped: let that end first");
	assert_int_equal(decide_skip(&f.r, &applied, 1, 0, &d, &e), -1);
	assert_string_equal(e.msg, "target eu/pg0/t1 is applied and cannot be skipped: it is settled");
	assert_int_equal(d.n_transitions, 0);
	rollout_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_skipping_what_failed_lets_a_halted_rollout_go_on),
	    cmocka_unit_test(test_skipping_one_of_too_many_failures_halts_again),
	    cmocka_unit_test(test_too_few_successes_by_a_late_report),
	    cmocka_unit_test(test_a_late_report_makes_a_deferred_target_needed),
	    cmocka_unit_test(test_skip_names_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
