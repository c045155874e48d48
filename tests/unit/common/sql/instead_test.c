/* common/sql/instead: what is said in the place of a class X statement is accepted itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/sql/classify.h"
#include "common/sql/instead.h"
#include "common/sql/split.h"

static const struct {
	const char *statement, *instead; /* instead NULL: none */
} rows[] = {
    {"DROP TABLE a, b", "DROP TABLE a; DROP TABLE b;"},
    {"drop tables if exists a , s.`b,c` cascade", "drop tables if exists a cascade; drop tables if exists s.`b,c` cascade;"},
    {"DROP TABLE a, b /* both */ WAIT 5 RESTRICT", "DROP TABLE a WAIT 5 RESTRICT; DROP TABLE b WAIT 5 RESTRICT;"},
    {"DROP VIEW v, `w`", "DROP VIEW v; DROP VIEW `w`;"},
    {"DROP SEQUENCE s, t", "DROP SEQUENCE s; DROP SEQUENCE t;"},
    {"DROP USER a@'%', 'b'@localhost", "DROP USER a@'%'; DROP USER 'b'@localhost;"},
    {"CREATE OR REPLACE TABLE t (a int DEFAULT 1)", "CREATE TABLE new_t (a int DEFAULT 1); RENAME TABLE t TO old_t, new_t TO t; DROP TABLE old_t;"},
    {"CREATE OR REPLACE TABLE s.`t` AS SELECT 1 AS a",
     "CREATE TABLE s.`new_t` AS SELECT 1 AS a; RENAME TABLE s.`t` TO s.`old_t`, s.`new_t` TO s.`t`; DROP TABLE s.`old_t`;"},
    {"CREATE OR REPLACE SEQUENCE s START WITH 5", "DROP SEQUENCE s; CREATE SEQUENCE s START WITH 5;"},
    {"DROP DATABASE d", NULL},
    {"DROP TABLE a,, b", NULL},
    {"CALL p()", NULL},
    {"LOAD DATA INFILE 'x' INTO TABLE t", NULL},
    {"DROP TABLE 'a", NULL},
};

static int accepted(void *arg, const struct piece *p, struct err *e)
{
	struct sql_class c;
	(void)e;
	sql_classify(DIALECT_MARIADB, p->sql, &c);
	if (c.class == STEP_X)
		fail_msg("%.*s is of class X: %s", (int)p->sql.n, (const char *)p->sql.p, c.why);
	++*(size_t *)arg;
	return 0;
}

static void test_what_is_said_is_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT;
		struct sql_class c;
		struct err e = ERR_INIT;
		size_t pieces = 0;
		bool found = sql_instead(DIALECT_MARIADB, bytes_of_str(rows[i].statement), &text);
		assert_int_equal(found, rows[i].instead != NULL);
		if (!found) {
			assert_int_equal(text.n, 0);
			continue;
		}
		sql_classify(DIALECT_MARIADB, bytes_of_str(rows[i].statement), &c);
		assert_int_equal(c.class, STEP_X); /* or there was nothing to be said */
		assert_string_equal(buf_str(&text), rows[i].instead);
		assert_int_equal(sql_split(DIALECT_MARIADB, buf_bytes(&text), NULL, accepted, &pieces, &e), 0);
		assert_in_range(pieces, 2, 3);
	}
}

static void test_other_dialects_and_long_ones(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = BUF_INIT;
	AUTO(buf_done) struct buf sql = BUF_INIT;
	assert_false(sql_instead(DIALECT_POSTGRESQL, bytes_of_str("DROP TABLE a, b"), &text));
	assert_false(sql_instead(DIALECT_SQLITE, bytes_of_str("DROP TABLE a, b"), &text));
	buf_adds(&sql, "DROP TABLE a");
	for (int i = 0; i < 60; i++)
		buf_adds(&sql, ", a");
	assert_false(sql_instead(DIALECT_MARIADB, buf_bytes(&sql), &text));
	for (int i = 0; i < 1000; i++)
		buf_adds(&sql, ", a");
	assert_false(sql_instead(DIALECT_MARIADB, buf_bytes(&sql), &text));
	assert_int_equal(text.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_said_is_accepted),
	    cmocka_unit_test(test_other_dialects_and_long_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
