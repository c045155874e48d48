/* controller/view/view_speed: how fast a rollout goes and how long it takes, from when its deliveries ended. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "controller/view/view.h"
#include "tests/support/rollout_fixture.h"

static struct delivery_note notes[ROLLOUT_FIXTURE_MAX];

/* It ran since second 100; delivery i ended at this second. */
static void end(struct rollout_fixture *f, uint32_t i, enum delivery_state state, int64_t second)
{
	f->deliveries[i].state = state;
	f->deliveries[i].attempt = 1;
	notes[i].since_us = second * SECOND;
}

static struct view_speed speed_at(const struct rollout_fixture *f, int64_t second)
{
	return view_speed(&f->r, notes, 100 * SECOND, second * SECOND);
}

static bool is_near(double a, double b)
{
	return fabs(a - b) < 0.01;
}

static void test_nothing_has_ended(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 4, 2);
	struct view_speed v = speed_at(&f, 200);
	assert_true(v.per_minute == 0);
	assert_int_equal(v.left_us, -1);
	rollout_fixture_done(&f);
}

static void test_speed_is_what_ended_since_it_runs(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 4, 2);
	end(&f, 0, DELIVERY_APPLIED, 110);
	end(&f, 1, DELIVERY_FAILED, 120); /* it took its time, too */
	f.deliveries[2].state = DELIVERY_APPLYING;
	f.deliveries[2].attempt = 1;
	struct view_speed v = speed_at(&f, 130);
	assert_true(is_near(v.per_minute, 4));
	assert_int_equal(v.left_us, 60 * SECOND); /* four are open */
	f.r.state = ROLLOUT_HALTED;
	assert_int_equal(speed_at(&f, 130).left_us, -1);
	rollout_fixture_done(&f);
}

/* What waits for a site, a lock or an agent that is away ends when they say so. */
static void test_no_time_is_left_known_while_something_waits_for_others(void **state)
{
	(void)state;
	static const enum delivery_state waiting[] = {DELIVERY_HELD, DELIVERY_UNREACHABLE, DELIVERY_WAITING_LOCK};
	struct rollout_fixture f;
	rollout_fixture_init(&f, 4, 0);
	end(&f, 0, DELIVERY_APPLIED, 110);
	end(&f, 1, DELIVERY_APPLIED, 120);
	end(&f, 2, DELIVERY_APPLIED, 130);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		f.deliveries[3].state = waiting[i];
		assert_int_equal(speed_at(&f, 130).left_us, -1);
	}
	f.deliveries[3].state = DELIVERY_APPLYING;
	assert_true(speed_at(&f, 130).left_us > 0);
	f.deliveries[3].session = 0; /* its agent went away */
	assert_int_equal(speed_at(&f, 130).left_us, -1);
	rollout_fixture_done(&f);
}

static void test_the_next_wave_counts_from_the_end_of_the_one_before(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 4);
	f.waves[0].soak_ms = 60000;
	f.waves[0].state = WAVE_PASSED;
	f.waves[1].state = WAVE_OPEN;
	f.waves[1].soak_ms = 30000;
	end(&f, 0, DELIVERY_APPLIED, 110);
	end(&f, 1, DELIVERY_APPLIED, 120);
	end(&f, 2, DELIVERY_APPLIED, 190);
	end(&f, 3, DELIVERY_APPLIED, 200);
	struct view_speed v = speed_at(&f, 260);
	assert_true(is_near(v.per_minute, 6)); /* two in the 20 s after 120 + 60: with nothing under way, standing still does not count */
	assert_int_equal(v.left_us, 20 * SECOND + 30 * SECOND);
	f.deliveries[4].state = DELIVERY_APPLYING;
	assert_true(is_near(speed_at(&f, 260).per_minute, 1.5)); /* while something is, the time goes on */
	rollout_fixture_done(&f);
}

static void test_old_ends_do_not_count(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 4, 0);
	end(&f, 0, DELIVERY_APPLIED, 110);
	end(&f, 1, DELIVERY_APPLIED, 900);
	f.deliveries[2].state = DELIVERY_APPLYING;
	assert_true(is_near(speed_at(&f, 1000).per_minute, 0.2)); /* of the last five minutes */
	rollout_fixture_done(&f);
}

static void test_soaking_leaves_only_the_soak(void **state)
{
	(void)state;
	struct rollout_fixture f;
	rollout_fixture_init(&f, 2, 0);
	end(&f, 0, DELIVERY_APPLIED, 110);
	end(&f, 1, DELIVERY_APPLIED, 111);
	f.waves[0].state = WAVE_SOAKING;
	f.waves[0].soak_ms = 60000;
	f.waves[0].soak_until_us = 171 * SECOND;
	f.r.state = ROLLOUT_SOAKING;
	assert_int_equal(speed_at(&f, 141).left_us, 30 * SECOND);
	rollout_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_has_ended),
	    cmocka_unit_test(test_speed_is_what_ended_since_it_runs),
	    cmocka_unit_test(test_no_time_is_left_known_while_something_waits_for_others),
	    cmocka_unit_test(test_the_next_wave_counts_from_the_end_of_the_one_before),
	    cmocka_unit_test(test_old_ends_do_not_count),
	    cmocka_unit_test(test_soaking_leaves_only_the_soak),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
