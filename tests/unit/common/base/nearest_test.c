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
	assert_int_equal(nearest_distance("eu/postgres-cluster-1/customers-of-2026", "eu/postgres-clutser-1/customers-of-2026"), 1);
	assert_int_equal(nearest_distance("aab", "ab"), 1);
	assert_int_equal(nearest_distance("ab", "ba"), 1);
	assert_true(nearest_distance("this is a sentence that goes on and on", "x") > 20);
}

static void test_paths(void **state)
{
	(void)state;
	static const char *const paths[] = {"eu/pg1/acme", "eu/pg1/birch", "eu/pg2/birch"};
	assert_string_equal(nearest_path("acme", paths, 3), "eu/pg1/acme");
	assert_string_equal(nearest_path("pg2/birch", paths, 3), "eu/pg2/birch");
	assert_null(nearest_path("birch", paths, 3)); /* two are called so */
	assert_string_equal(nearest_path("eu/pg1/acmee", paths, 3), "eu/pg1/acme");
	assert_string_equal(nearest_path("eu/pg1/brich", paths, 3), "eu/pg1/birch");
	assert_null(nearest_path("us/mysql/whatever", paths, 3));
	assert_null(nearest_path("us/pg2/acme", (const char *const[]){"us/pg9/bird"}, 1)); /* too many slips for a name so short */
	assert_null(nearest_path("", paths, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_distance),
	    cmocka_unit_test(test_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
