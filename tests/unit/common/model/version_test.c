/* Versions against bounds: as the servers say them, and as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/model/version.h"

static void test_against(void **state)
{
	(void)state;
	static const struct {
		const char *version, *bound;
		int sign;
	} cases[] = {
	    {"15.18 (Debian 15.18-0+deb12u1)", "15", 0},
	    {"15.18", "15.2", 1},
	    {"15", "15.2", -1},
	    {"15", "15.0", 0},
	    {"9.6.24", "13", -1},
	    {"10.11.6-MariaDB-0+deb12u1", "10.6", 1},
	    {"10.11.6-MariaDB", "10.11.6", 0},
	    {"10.3.39-MariaDB", "10.11", -1},
	    {"3.40.1", "99", -1},
	    {"3.40.1", "3.40.1.2", -1},
	    {"17devel", "17", 0},
	    {"", "1", -1},
	    {"devel", "0", -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int got = version_against(cases[i].version, cases[i].bound);
		if ((got > 0) - (got < 0) != cases[i].sign)
			fail_msg("'%s' against '%s' is %d", cases[i].version, cases[i].bound, got);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	static const char *const good[] = {"14", "10.11", "3.40.1", "1.2.3.4", "0", "999999"};
	static const char *const bad[] = {"", ".", "14.", ".14", "v14", "14 ", "14-1", "1.2.3.4.5", "1234567", "10..11"};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(version_is_bound(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(version_is_bound(bad[i]));
}

static void test_ranges(void **state)
{
	(void)state;
	AUTO(arena_destroy) struct arena *a = arena_new(4096);
	const struct engine_range both = {"postgresql", "14", "16"}, min = {"mariadb", "10.11", NULL}, max = {"sqlite", NULL, "3.40"},
	                          none = {"sqlite", NULL, NULL};
	assert_true(engine_range_has(&both, "14.0"));
	assert_true(engine_range_has(&both, "16.9"));
	assert_false(engine_range_has(&both, "13.14"));
	assert_false(engine_range_has(&both, "17.0"));
	assert_true(engine_range_has(&none, "anything"));
	assert_string_equal(engine_range_text(&both, a), "postgresql 14 to 16");
	assert_string_equal(engine_range_text(&min, a), "mariadb 10.11 or later");
	assert_string_equal(engine_range_text(&max, a), "sqlite up to 3.40");
	assert_string_equal(engine_range_text(&none, a), "sqlite");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_against), cmocka_unit_test(test_bounds), cmocka_unit_test(test_ranges)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
