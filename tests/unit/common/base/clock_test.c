/* Times as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

static void test_good_times(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t s;
	} cases[] = {{"1970-01-01T00:00:01Z", 1}, {"2026-11-22", 1795305600}, {"2024-02-29T23:59:59Z", 1709251199}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t us = 0;
		struct err e = ERR_INIT;
		if (clock_parse(cases[i].text, &us, &e) != 0)
			fail_msg("%s", e.msg);
		assert_int_equal(us, cases[i].s * 1000000);
	}
}

static void test_no_times(void **state)
{
	(void)state;
	static const char *const cases[] = {
	    "", "now", "2026-02-31", "2025-02-29T00:00:00Z", "2026-11-22T23:59:60Z", "2026-11-22T10:00:00", "2026-11-22 x"};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t us = 7;
		struct err e = ERR_INIT;
		char expected[128];
		snprintf(expected, sizeof expected, "'%s' is not a time: write 2026-11-22T21:00:00Z or 2026-11-22", cases[i]);
		if (clock_parse(cases[i], &us, &e) == 0)
			fail_msg("'%s' passed", cases[i]);
		assert_string_equal(e.msg, expected);
		assert_int_equal(us, 7);
	}
}

/* Every day of 400 years from 1970 on, leap days and centuries among them, at a second that moves with the day. */
static void test_times_are_written_as_the_c_library_has_them(void **state)
{
	(void)state;
	for (int64_t day = 0; day < 146097; day++) {
		char text[CLOCK_TEXT_SIZE], expected[CLOCK_TEXT_SIZE];
		time_t t = (time_t)(day * 86400 + (day * 7919 + 86399) % 86400);
		struct tm tm;
		gmtime_r(&t, &tm);
		strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_string_equal(clock_text((int64_t)t * 1000000 + 999999, text), expected);
	}
}

static void test_times_that_are_none_are_a_dash(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE];
	assert_string_equal(clock_text(0, text), "-");
	assert_string_equal(clock_text(-5, text), "-");
	assert_string_equal(clock_text(INT64_MAX, text), "-");
	assert_string_equal(clock_text((int64_t)253402300799 * 1000000, text), "9999-12-31T23:59:59Z");
	assert_string_equal(clock_text((int64_t)253402300800 * 1000000, text), "-");
}

/* Rounded, not cut: what is a second short of six hours is not five. */
static void test_durations_are_rounded(void **state)
{
	(void)state;
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {{12, "12 ms"},
	             {3400, "3.4 s"},
	             {16600, "17 s"},
	             {119 * 1000, "119 s"},
	             {7199999, "120 min"},
	             {7200000, "2 h"},
	             {6 * 3600000 - 1000, "6 h"},
	             {100 * 60000, "100 min"},
	             {60 * 3600000, "3 d"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[CLOCK_TEXT_SIZE];
		assert_string_equal(clock_duration_text(cases[i].ms * 1000, text), cases[i].text);
	}
}

static void test_what_could_not_be_heard_is_forgiven(void **state)
{
	(void)state;
	assert_int_equal(clock_forgive(100, 30, 200), 130);
	assert_int_equal(clock_forgive(100, 100, 200), 200);
	assert_int_equal(clock_forgive(100, 500, 200), 200); /* nobody was heard in the time to come */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good_times),
	    cmocka_unit_test(test_no_times),
	    cmocka_unit_test(test_times_are_written_as_the_c_library_has_them),
	    cmocka_unit_test(test_times_that_are_none_are_a_dash),
	    cmocka_unit_test(test_durations_are_rounded),
	    cmocka_unit_test(test_what_could_not_be_heard_is_forgiven),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
