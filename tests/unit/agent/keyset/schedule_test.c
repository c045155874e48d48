/* When a certificate is renewed, and how long is waited between attempts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/keyset/schedule.h"

#define DAY ((int64_t)24 * 3600 * 1000000)

static struct certificate lasting(int64_t life_us, const char *serial)
{
	return (struct certificate){.serial = serial, .not_before_us = 1000 * DAY, .not_after_us = 1000 * DAY + life_us};
}

static void test_due_at_two_thirds_and_spread(void **state)
{
	(void)state;
	int64_t least = INT64_MAX, most = 0;
	for (int i = 0; i < 200; i++) {
		char serial[16];
		snprintf(serial, sizeof serial, "%d", i);
		struct certificate c = lasting(300 * DAY, serial);
		int64_t due = renewal_due_us(&c) - c.not_before_us;
		assert_int_equal(due, renewal_due_us(&c) - c.not_before_us);
		assert_true(due >= 200 * DAY && due < 230 * DAY);
		least = due < least ? due : least;
		most = due > most ? due : most;
	}
	assert_true(most - least > 27 * DAY);
}

static void test_pauses_grow(void **state)
{
	(void)state;
	struct certificate year = lasting(365 * DAY, "1"), minute = lasting(60 * 1000000, "1"), nothing = lasting(0, "1");
	assert_int_equal(renewal_pause_ms(&year, 0), 60 * 1000);
	assert_int_equal(renewal_pause_ms(&year, 1), 120 * 1000);
	assert_int_equal(renewal_pause_ms(&year, 5), 32 * 60 * 1000);
	assert_int_equal(renewal_pause_ms(&year, 9), 6 * 3600 * 1000);
	assert_int_equal(renewal_pause_ms(&year, 4000000000u), 6 * 3600 * 1000);
	assert_int_equal(renewal_pause_ms(&minute, 0), 1000);
	assert_int_equal(renewal_pause_ms(&minute, 40), 5000);
	assert_int_equal(renewal_pause_ms(&nothing, 0), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_due_at_two_thirds_and_spread), cmocka_unit_test(test_pauses_grow)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
