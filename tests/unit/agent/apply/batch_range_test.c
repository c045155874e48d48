/* Ranges of keys as SQL, for one column and several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/apply/batch_range.h"

static const struct engine_key one = {.n_columns = 1, .columns = {{"id", "\"id\"", "lit(id)"}}};
static const struct engine_key two = {.n_columns = 2, .columns = {{"a", "a", "lit(a)"}, {"b", "b", "lit(b)"}}};

static struct sql_batch statement(void)
{
	struct sql_batch b;
	assert_null(sql_batch_read(DIALECT_POSTGRESQL, bytes_of_str("UPDATE ONLY t AS x SET n = 1"), &b));
	return b;
}

static void test_conditions(void **state)
{
	static const struct {
		const struct engine_key *key;
		bool row_ranges;
		const char *from, *to, *want;
	} cases[] = {
	    {&one, true, NULL, "2:12", "x.\"id\" <= 12"},
	    {&one, false, "2:12", "5:'a:b'", "x.\"id\" > 12 AND x.\"id\" <= 'a:b'"},
	    {&two, true, "1:1,3:'x'", "1:2,4:'y,'", "(x.a, x.b) > (1, 'x') AND (x.a, x.b) <= (2, 'y,')"},
	    {&two, false, "1:1,3:'x'", "1:2,3:'y'",
	     "x.a >= 1 AND ((x.a > 1) OR (x.a = 1 AND x.b > 'x')) AND x.a <= 2 AND ((x.a < 2) OR (x.a = 2 AND x.b <= 'y'))"},
	};
	(void)state;
	struct sql_batch b = statement();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT;
		range_condition(&b, cases[i].key, cases[i].row_ranges, cases[i].from, cases[i].to, &text);
		assert_string_equal(buf_str(&text), cases[i].want);
	}
}

static void test_queries(void **state)
{
	AUTO(buf_done) struct buf last = BUF_INIT;
	AUTO(buf_done) struct buf end = BUF_INIT;
	(void)state;
	struct sql_batch b = statement();
	range_last_sql(&b, &two, &last);
	assert_string_equal(buf_str(&last), "SELECT lit(a), lit(b) FROM ONLY t ORDER BY a DESC, b DESC LIMIT 1");
	range_end_sql(&b, &one, true, "1:5", "2:99", 1000, &end);
	assert_string_equal(buf_str(&end),
	                    "SELECT lit(id), CASE WHEN \"id\" <= 99 THEN 1 ELSE 0 END FROM ONLY t WHERE \"id\" > 5 ORDER BY \"id\" LIMIT 1 OFFSET 999");
}

static void test_numbers(void **state)
{
	char text[32];
	(void)state;
	assert_string_equal(range_number(0, text), "0");
	assert_string_equal(range_number(999, text), "999");
	assert_string_equal(range_number(1000, text), "1,000");
	assert_string_equal(range_number(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_conditions),
	    cmocka_unit_test(test_queries),
	    cmocka_unit_test(test_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
