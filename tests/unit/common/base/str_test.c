/* common/base/str: strict numbers, durations, globs, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"

static void test_numbers_are_strict(void **state)
{
	(void)state;
	uint64_t v = 7;
	struct err e = ERR_INIT;
	assert_int_equal(str_to_u64("42", "port", 1, 65535, &v, &e), 0);
	assert_int_equal(v, 42);
	assert_int_equal(str_to_u64("42x", "port", 1, 65535, &v, &e), -1);
	assert_string_equal(e.msg, "port: '42x' is not a whole number");
	assert_int_equal(str_to_u64("70000", "port", 1, 65535, &v, &e), -1);
	assert_string_equal(e.msg, "port: 70000 is outside 1 to 65535");
	assert_int_equal(v, 42);
}

static void test_durations_need_a_unit(void **state)
{
	(void)state;
	uint64_t ms = 0;
	struct err e = ERR_INIT;
	assert_int_equal(str_to_duration_ms("15m", "soak", &ms, &e), 0);
	assert_int_equal(ms, 900000);
	assert_int_equal(str_to_duration_ms("15", "soak", &ms, &e), -1);
	assert_non_null(strstr(e.msg, "not a duration"));
}

static void test_glob(void **state)
{
	(void)state;
	assert_true(str_glob("eu/*", "eu/db1/shop"));
	assert_true(str_glob("*shop?", "eu/db1/shop7"));
	assert_false(str_glob("eu/*", "us/db1/shop"));
}

static void test_target_ids(void **state)
{
	(void)state;
	assert_true(str_is_target_id("eu/pg-1/Shop_7"));
	assert_true(str_is_target_id("eu/pg-1/shop/public"));
	assert_false(str_is_target_id("eu/pg-1"));
	assert_false(str_is_target_id("eu/../shop"));
	assert_false(str_is_target_id("eu//shop"));
	assert_false(str_is_target_id("eu/a/b/c/d"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers_are_strict),
	    cmocka_unit_test(test_durations_need_a_unit),
	    cmocka_unit_test(test_glob),
	    cmocka_unit_test(test_target_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
