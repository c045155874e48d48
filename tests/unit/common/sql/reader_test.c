/* common/sql/reader: a statement's end is its end, however often one goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/sql/effect.h"
#include "common/sql/reader.h"

static void test_the_end_stays(void **state)
{
	(void)state;
	static const char *const endings[] = {"a", "a; b c", "a 'never closed"};
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		struct bytes text = bytes_of_str(endings[i]);
		struct reader r;
		reader_begin(&r, DIALECT_MARIADB, text);
		assert_true(reader_take(&r, "a"));
		for (int again = 0; again < 4; again++) {
			assert_true(reader_at_end(&r));
			assert_ptr_equal(r.t.text.p, text.p + text.n);
			assert_int_equal(r.t.text.n, 0);
			reader_next(&r);
		}
	}
}

/* A clause that lacks its value ends with the statement, and not with what stands behind it. */
static void test_no_value_behind_the_end(void **state)
{
	(void)state;
	static const char *const broken[] = {"int DEFAULT ; b",  "int DEFAULT -; b",        "int DEFAULT (2; b",       "int COMMENT ; 'b'",
	                                     "int AS ; (b) int", "int ON UPDATE ; now() b", "int CHECK ; (b) DEFAULT", "decimal(; 2) b"};
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct bytes says = bytes_of_str(broken[i]);
		bool fits = sql_column_fits(says, bytes_of_str("int(11) DEFAULT 1"), false, bytes_of_str(""));
		if (fits)
			fail_msg("'%s' fits", broken[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_end_stays),
	    cmocka_unit_test(test_no_value_behind_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
