/* common/model/context: Liquibase's expressions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/model/context.h"

static void test_matching(void **state)
{
	(void)state;
	static const char *const in_force[] = {"test", "QA"};
	static const struct {
		const char *text;
		bool want, want_without; /* with test and QA in force; with none */
	} rows[] = {
	    {NULL, true, true},
	    {"", true, true},
	    {"  ", true, true},
	    {"test", true, true},
	    {"TEST", true, true},
	    {"prod", false, true},
	    {"!prod", true, true},
	    {"not test", false, true},
	    {"! ! test", true, true},
	    {"test and !prod", true, true},
	    {"test AND prod", false, true},
	    {"prod or qa", true, true},
	    {"prod, qa", true, true},
	    {"prod,stage", false, true},
	    {"prod or test and stage", false, true},
	    {"test or prod and stage", true, true},
	    {"(test or prod) and stage", false, true},
	    {"prod, qa and (stage or test)", true, true},
	    {"prod and (stage, test)", false, true},
	    {"test and (stage, qa)", true, true},
	    {"not (prod or stage)", true, true},
	    {"!(test)", false, true},
	    {"!test and prod", false, true},
	    {"@test", true, false},
	    {"@prod", false, false},
	    {"!@test", false, true},
	    {"prod, @stage", false, true},
	    {"android", false, true},
	    {"test_and_more or order", false, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = ERR_INIT;
		bool with = !rows[i].want, without = !rows[i].want_without;
		assert_int_equal(context_matches(rows[i].text, in_force, 2, &with, &e), 0);
		assert_int_equal(context_matches(rows[i].text, NULL, 0, &without, &e), 0);
		if (with != rows[i].want || without != rows[i].want_without)
			fail_msg("'%s': %d and %d", rows[i].text, with, without);
	}
}

static void test_errors(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"and test", "a name is missing"},
	    {"test or", "a name is missing"},
	    {"test,", "a name is missing"},
	    {"()", "a name is missing"},
	    {"a b", "two names without 'and' or 'or' between them"},
	    {"a not b", "two names without 'and' or 'or' between them"},
	    {"a!", "'!' behind a name"},
	    {"a (b)", "'(' behind a name"},
	    {"(a", "'(' without ')'"},
	    {"a)", "')' without '('"},
	    {"@", "'@' without a name"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = ERR_INIT;
		char want[256];
		bool ret = true;
		snprintf(want, sizeof want, "context expression '%s': %s: write names joined by and, or, not, commas and parentheses", rows[i][0],
		         rows[i][1]);
		assert_int_equal(context_matches(rows[i][0], NULL, 0, &ret, &e), -1);
		assert_int_equal(e.code, ERR_PARSE);
		assert_string_equal(e.msg, want);
	}
}

static void test_long_input_is_refused_or_read(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	bool ret = false;
	for (int i = 0; i < 1000; i++)
		buf_adds(&b, "(");
	assert_int_equal(context_matches(buf_str(&b), NULL, 0, &ret, &e), -1);
	assert_non_null(strstr(e.msg, "nested too deeply"));
	buf_clear(&b);
	for (int i = 0; i < 1000; i++)
		buf_adds(&b, i ? " or x" : "x");
	assert_int_equal(context_matches(buf_str(&b), NULL, 0, &ret, &e), 0);
	assert_true(ret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_matching),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_long_input_is_refused_or_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
