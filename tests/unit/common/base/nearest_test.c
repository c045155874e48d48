/* common/base/nearest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/nearest.h"

static void test_words(void **state)
{
	(void)state;
	static const char *const words[] = {"runOnChange", "runAlways", "labels"};
	assert_string_equal(nearest_word("runonchnage", words, 3), "runOnChange");
	assert_string_equal(nearest_word("label", words, 3), "labels");
	assert_null(nearest_word("colour", words, 3));
	assert_null(nearest_word("a-word-that-is-much-longer-than-any", words, 3));
}

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("ABC", "abc"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_distance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
