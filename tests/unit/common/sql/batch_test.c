/* Which statements can be batched, where the range goes, and what a condition says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/sql/batch.h"

#define PG DIALECT_POSTGRESQL
#define MA DIALECT_MARIADB
#define LI DIALECT_SQLITE

static void test_render(void **state)
{
	static const struct {
		enum dialect d;
		const char *sql, *name, *columns_of, *want;
	} cases[] = {
	    {PG, "UPDATE t SET a = 1", "t", "t", "UPDATE t SET a = 1\nWHERE R\n"},
	    {PG, "UPDATE ONLY s.\"T\" AS x SET a = 1 WHERE a IS NULL", "T", "x", "UPDATE ONLY s.\"T\" AS x SET a = 1 \nWHERE R AND ( a IS NULL\n)\n"},
	    {PG, "UPDATE T x SET a = 1 WHERE a IS NULL -- not yet", "t", "x", "UPDATE T x SET a = 1 \nWHERE R AND ( a IS NULL -- not yet\n)\n"},
	    {PG, "UPDATE t SET a = b IS DISTINCT FROM c WHERE a = 1 OR a = 2", "t", "t",
	     "UPDATE t SET a = b IS DISTINCT FROM c \nWHERE R AND ( a = 1 OR a = 2\n)\n"},
	    {PG, "UPDATE t SET a = (SELECT x FROM u WHERE u.id = t.id ORDER BY 1 LIMIT 1)", "t", "t",
	     "UPDATE t SET a = (SELECT x FROM u WHERE u.id = t.id ORDER BY 1 LIMIT 1)\nWHERE R\n"},
	    {LI, "DELETE FROM main.t WHERE old", "t", "main.t", "DELETE FROM main.t \nWHERE R AND ( old\n)\n"},
	    {MA, "DELETE FROM `a b`", "a b", "`a b`", "DELETE FROM `a b`\nWHERE R\n"},
	    {PG, "INSERT INTO u (a, b) SELECT a, b FROM t ON CONFLICT DO NOTHING", "t", "t",
	     "INSERT INTO u (a, b) SELECT a, b FROM t \nWHERE R\nON CONFLICT DO NOTHING"},
	    {MA, "INSERT IGNORE INTO u SELECT t.a, v.b FROM t JOIN v ON v.id = t.id WHERE v.b > 0", "t", "t",
	     "INSERT IGNORE INTO u SELECT t.a, v.b FROM t JOIN v ON v.id = t.id \nWHERE R AND ( v.b > 0\n)\n"},
	    {LI, "INSERT INTO u SELECT a, (SELECT count(*) FROM v) FROM t AS x LEFT JOIN v USING (id)", "t", "x",
	     "INSERT INTO u SELECT a, (SELECT count(*) FROM v) FROM t AS x LEFT JOIN v USING (id)\nWHERE R\n"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT;
		struct sql_batch b;
		const char *why = sql_batch_read(cases[i].d, bytes_of_str(cases[i].sql), &b);
		if (why)
			fail_msg("%s: %s", cases[i].sql, why);
		assert_string_equal(b.name, cases[i].name);
		assert_true(b.columns_of.n == strlen(cases[i].columns_of) && memcmp(b.columns_of.p, cases[i].columns_of, b.columns_of.n) == 0);
		sql_batch_render(&b, "R", &out);
		assert_string_equal(buf_str(&out), cases[i].want);
	}
}

static void test_refused(void **state)
{
	static const struct {
		enum dialect d;
		const char *sql, *why;
	} cases[] = {
	    {PG, "UPDATE t SET a = 1 FROM u WHERE u.id = t.id", "several tables"},
	    {PG, "WITH x AS (SELECT 1) UPDATE t SET a = 1", "WITH"},
	    {PG, "UPDATE t SET a = 1 RETURNING id", "RETURNING"},
	    {PG, "UPDATE t SET a = 1 WHERE CURRENT OF c", "CURRENT OF"},
	    {PG, "DELETE FROM t USING u WHERE u.id = t.id", "several tables"},
	    {PG, "TRUNCATE t", "walks no table"},
	    {PG, "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", "walks no table"},
	    {PG, "INSERT INTO t VALUES (1)", "walks no table"},
	    {PG, "INSERT INTO t DEFAULT VALUES", "walks no table"},
	    {PG, "INSERT INTO t SELECT 1", "walks no table"},
	    {PG, "INSERT INTO t SELECT i FROM generate_series(1, 9) i", "cannot be read"},
	    {PG, "INSERT INTO t SELECT i FROM (SELECT 1 AS i) x", "cannot be read"},
	    {PG, "INSERT INTO t SELECT DISTINCT a FROM u", "DISTINCT"},
	    {PG, "INSERT INTO t SELECT a, count(*) FROM u", "aggregate"},
	    {PG, "INSERT INTO t SELECT a FROM u GROUP BY a", "GROUP BY"},
	    {PG, "INSERT INTO t SELECT row_number() OVER () FROM u", "window"},
	    {PG, "INSERT INTO t SELECT a FROM u UNION SELECT a FROM v", "UNION"},
	    {PG, "INSERT INTO t SELECT a FROM u, v", "commas"},
	    {PG, "INSERT INTO t SELECT a FROM u RIGHT JOIN v ON true", "RIGHT JOIN"},
	    {PG, "INSERT INTO t SELECT a FROM u LIMIT 5", "LIMIT"},
	    {PG, "INSERT INTO t SELECT a + 1 FROM t", "reads the table that it fills"},
	    {PG, "INSERT INTO s.t SELECT a + 1 FROM t", "reads the table that it fills"},
	    {MA, "UPDATE t JOIN u ON u.id = t.id SET t.a = u.a", "several tables"},
	    {MA, "UPDATE t, u SET t.a = u.a", "several tables"},
	    {MA, "UPDATE t SET a = 1 ORDER BY id LIMIT 5", "ORDER BY"},
	    {MA, "DELETE t FROM t JOIN u ON true", "modifier"},
	    {MA, "DELETE FROM t LIMIT 5", "LIMIT"},
	    {LI, "UPDATE OR IGNORE t SET a = 1", "modifier"},
	    {MA, "INSERT INTO u SELECT a FROM d.", "cannot be read"},
	    {LI, "DELETE FROM t WHERE a) OR (b", "parentheses do not match"},
	    {LI, "DELETE FROM t WHERE (a OR b", "parentheses do not match"},
	    {LI, "", "walks no table"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sql_batch b;
		const char *why = sql_batch_read(cases[i].d, bytes_of_str(cases[i].sql), &b);
		if (!why || !strstr(why, cases[i].why) || !strstr(why, ": "))
			fail_msg("%s: %s", cases[i].sql, why ? why : "taken");
	}
}

static void test_assigns_and_names(void **state)
{
	static const struct {
		const char *sql, *set, *not_set;
		bool names;
	} cases[] = {
	    {"UPDATE t SET a = b + c WHERE a IS NULL", "a", "b", true},
	    {"UPDATE t SET a = b WHERE c IS NULL", "A", "c", false},
	    {"UPDATE t SET x = f(y, z), b = 2 WHERE B = 1", "b", "z", true},
	    {"UPDATE t SET (a, id) = (SELECT p, q FROM u) WHERE t.id > 0", "id", "p", true},
	    {"UPDATE t SET a = 1", "a", "t", false},
	    {"DELETE FROM t", NULL, "a", true},
	    {"INSERT INTO u SELECT a FROM t", NULL, "a", false},
	    {"INSERT INTO u SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.a = t.a)", NULL, "a", true},
	    {"INSERT INTO u SELECT a FROM t ON CONFLICT DO NOTHING", NULL, "a", true},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sql_batch b;
		assert_null(sql_batch_read(PG, bytes_of_str(cases[i].sql), &b));
		if (cases[i].set && !sql_batch_assigns(&b, cases[i].set))
			fail_msg("%s does not set %s", cases[i].sql, cases[i].set);
		if (sql_batch_assigns(&b, cases[i].not_set))
			fail_msg("%s sets %s", cases[i].sql, cases[i].not_set);
		if (sql_batch_names_unfinished(&b) != cases[i].names)
			fail_msg("%s: names what is left: %d", cases[i].sql, !cases[i].names);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_render),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_assigns_and_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
