/* common/sql/same: what MariaDB makes of a text of SQL against the text. The right-hand sides are what a server of 10.11 showed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/sql/same.h"

static void test_the_same(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
	    {"(price > 0)", "(`price` > 0)"},
	    {"r > 0 AND a != 3", "`r` > 0 and `a` <> 3"},
	    {"a IS NULL OR a LIKE 'x%'", "`t`.`a` is null or `t`.`a` like 'x%'"},
	    {"SELECT id, a FROM t", "select `t`.`id` AS `id`,`t`.`a` AS `a` from `t`"},
	    {"SELECT t.id AS k, n+1 m FROM shop.t", "select `t`.`id` AS `k`,`t`.`n` + 1 AS `m` from `t`"},
	    {"SELECT count(*), coalesce(a, concat(b,\"z\")) FROM t AS m",
	     "select count(0) AS `count(*)`,coalesce(`m`.`a`,concat(`m`.`b`,'z')) AS `coalesce(a, concat(b,\"z\"))` from `t` `m`"},
	    {"SELECT t.id FROM t INNER JOIN u ON t.id=u.id LEFT OUTER JOIN w ON w.id = u.id ORDER BY id ASC",
	     "select `t`.`id` AS `id` from ((`t` join `u` on(`t`.`id` = `u`.`id`)) left join `w` on(`w`.`id` = `u`.`id`)) order by `t`.`id`"},
	    {"SELECT CASE WHEN n > 1 THEN 'a' ELSE NULL END k FROM t", "select case when `t`.`n` > 1 then 'a' else NULL end AS `k` from `t`"},
	    {"a AND (b OR c)", "`a` and (`b` or `c`)"},
	    {"a AND b OR c", "`a` and `b` or `c`"},
	    {"((a > 0) AND (b > 0))", "`a` > 0 and `b` > 0"},
	    {"(a + b) * c", "(`a` + `b`) * `c`"},
	    {"FROM t JOIN u ON a = b AND c WHERE d OR e", "from (`t` join `u` on(`a` = `b` and `c`)) where `d` or `e`"},
	    {"now()", "current_timestamp()"},
	    {"TRUE", "1"},
	    {"'5'", "5.00"},
	    {"'x'", "_utf8mb4'x'"},
	    {"", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (!sql_same(bytes_of_str(cases[i][0]), bytes_of_str(cases[i][1])))
			fail_msg("%s against %s", cases[i][0], cases[i][1]);
}

static void test_not_the_same(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
	    {"a > 0", "`a` >= 0"},
	    {"a > 0", "`a` > 0 and `b` > 0"},
	    {"a > 0 AND b > 0", "`a` > 0"},
	    {"a AND b", "`a` or `b`"},
	    {"a AND (b OR c)", "`a` and `b` or `c`"},
	    {"(a + b) * c", "`a` + `b` * `c`"},
	    {"t.a", "`u`.`a`"},
	    {"'x'", "'X'"},
	    {"'1'", "'01'"},
	    {"1", "2"},
	    {"-1", "1"},
	    {"a", "'a'"},
	    {"SELECT id FROM t", "select `t`.`id` AS `k` from `t`"},
	    {"SELECT id AS k FROM t", "select `t`.`id` AS `id` from `t`"},
	    {"SELECT id FROM t", "select `t`.`id` AS `id`,`t`.`n` AS `n` from `t`"},
	    {"SELECT * FROM t", "select `t`.`id` AS `id` from `t`"},
	    {"SELECT DISTINCT id FROM t", "select `t`.`id` AS `id` from `t`"},
	    {"SELECT count(*) FROM t", "select count(`t`.`a`) AS `count(*)` from `t`"},
	    {"", "1"},
	    {"1", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (sql_same(bytes_of_str(cases[i][0]), bytes_of_str(cases[i][1])))
			fail_msg("%s against %s", cases[i][0], cases[i][1]);
}

static void test_what_is_too_long_is_not_said_to_be_the_same(void **state)
{
	(void)state;
	char text[400];
	memset(text, 'x', sizeof text);
	text[0] = text[sizeof text - 2] = '\'';
	text[sizeof text - 1] = '\0';
	assert_false(sql_same(bytes_of_str(text), bytes_of_str(text)));
}

static bool query(const char *said, const char *columns, const char *shown)
{
	return sql_same_query(bytes_of_str(said), bytes_of_str(columns), bytes_of_str(shown));
}

static void test_columns_in_front(void **state)
{
	(void)state;
	assert_true(query("SELECT id, a AS b FROM t", "", "select `t`.`id` AS `id`,`t`.`a` AS `b` from `t`"));
	assert_true(query("SELECT id, a FROM t", "(x, y)", "select `t`.`id` AS `x`,`t`.`a` AS `y` from `t`"));
	assert_true(query("SELECT id, cast(a AS char) FROM t", "(x, y)", "select `t`.`id` AS `x`,cast(`t`.`a` as char) AS `y` from `t`"));
	assert_false(query("SELECT id, a FROM t", "(x, y)", "select `t`.`id` AS `x`,`t`.`a` AS `z` from `t`"));
	assert_false(query("SELECT id, a FROM t", "(x, y, z)", "select `t`.`id` AS `x`,`t`.`a` AS `y` from `t`"));
	assert_false(query("SELECT id, a FROM t", "(x)", "select `t`.`id` AS `x`,`t`.`a` AS `y` from `t`"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_same),
	    cmocka_unit_test(test_not_the_same),
	    cmocka_unit_test(test_what_is_too_long_is_not_said_to_be_the_same),
	    cmocka_unit_test(test_columns_in_front),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
