/* Expectations: numbers as numbers, the rest as text; what cannot be compared does not hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/model/probe.h"

static const struct {
	const char *expect, *value;
	bool holds;
} cases[] = {
    {"0", "0", true},        {"0", "0.0", true},         {"= 0", "1", false},        {"== up", "up", true},  {"up", "down", false},
    {"!= down", "up", true}, {"!=0", "0.00", false},     {"< 5", "4.9", true},       {"< 5", "5", false},    {"<= 5", "5", true},
    {"> 1e3", "1001", true}, {">=0.99", "0.989", false}, {">= 0.99", "0.99 ", true}, {"< 5", "NULL", false}, /* no number is neither less nor more */
    {"> 5", "NULL", false},  {"< 5", "nan", false},      {"< 5", "", false},         {"NULL", "NULL", true},
};

static void test_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (probe_holds(cases[i].expect, cases[i].value) != cases[i].holds)
			fail_msg("'%s' for '%s' is not %d", cases[i].expect, cases[i].value, cases[i].holds);
}

static void test_what_can_be_expected(void **state)
{
	(void)state;
	static const char *const good[] = {"0", "= x", "!= x", "< 5", ">=-0.5"}, *const bad[] = {"", "  ", "<", "< many", ">= ", "!="};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(probe_expect_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(probe_expect_ok(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_holds), cmocka_unit_test(test_what_can_be_expected)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
