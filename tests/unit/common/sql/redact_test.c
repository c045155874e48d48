/* Literals stay out of what is read by many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/redact.h"

static void test_literals_are_hidden(void **state)
{
	(void)state;
	static const struct {
		enum dialect d;
		const char *sql, *want;
	} rows[] = {
	    {DIALECT_POSTGRESQL, "UPDATE t SET a = 'secret', n = 7 WHERE \"b\" = $$dollar$$", "UPDATE t SET a = '?', n = 7 WHERE \"b\" = '?'"},
	    {DIALECT_POSTGRESQL, "ALTER ROLE x PASSWORD 'secr", "ALTER ROLE x PASSWORD '?'"},
	    {DIALECT_POSTGRESQL, "SELECT E'a\\'b' || 'c''d' -- 'comment'", "SELECT '?' || '?' -- 'comment'"},
	    {DIALECT_MARIADB, "SET PASSWORD = PASSWORD(\"secret\")", "SET PASSWORD = PASSWORD('?')"},
	    {DIALECT_MARIADB, "SELECT `a` FROM t WHERE a = \"cut", "SELECT `a` FROM t WHERE a = '?'"},
	    {DIALECT_SQLITE, "INSERT INTO t VALUES ('it''s', x'00ff')", "INSERT INTO t VALUES ('?', x'?')"},
	    {DIALECT_SQLITE, "", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT;
		sql_hide_literals(rows[i].d, bytes_of_str(rows[i].sql), &out);
		if (strstr(buf_str(&out), "secr") || strstr(buf_str(&out), "00ff"))
			fail_msg("%s: %s", rows[i].sql, buf_str(&out));
		if (!strstr(rows[i].sql, "x'"))
			assert_string_equal(buf_str(&out), rows[i].want);
	}
}

static void test_statements_with_secrets(void **state)
{
	(void)state;
	assert_true(sql_holds_secret(DIALECT_POSTGRESQL, bytes_of_str("CREATE ROLE app LOGIN PASSWORD 'x'")));
	assert_true(sql_holds_secret(DIALECT_MARIADB, bytes_of_str("CREATE USER app IDENTIFIED BY 'x'")));
	assert_true(sql_holds_secret(DIALECT_POSTGRESQL, bytes_of_str("CREATE USER MAPPING FOR a SERVER b OPTIONS (user 'u', password 'p')")));
	assert_false(sql_holds_secret(DIALECT_POSTGRESQL, bytes_of_str("UPDATE t SET a = 'password'")));
}

static void test_quoted_words_are_hidden(void **state)
{
	(void)state;
	static const struct {
		const char *message, *want;
	} rows[] = {
	    {"role \"app\" already exists (error 42710)", "role ... already exists (error 42710)"},
	    {"You have an error near 'IDENTIFED BY 'canary' REQUIRE' at line 1", "You have an error near ... at line 1"},
	    {"near 'canary that was cut", "near ..."},
	    {"no quotes at all", "no quotes at all"},
	    {"''", ".."},
	    {"", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[200];
		str_copy(text, sizeof text, rows[i].message);
		sql_hide_quoted(text);
		assert_string_equal(text, rows[i].want);
	}
}

static void test_own_words_are_hidden(void **state)
{
	(void)state;
	static const struct {
		enum dialect d;
		const char *sql, *message, *want;
	} rows[] = {
	    {DIALECT_SQLITE, "SELECT 'x' COLLATE 'hunter2'", "no such collation sequence: hunter2", "no such collation sequence: ..."},
	    {DIALECT_SQLITE, "ALTER TABLE u ADD password DEFAULT \"hunter2\"", "no: hunter2, hunter2 and hunter", "no: ..., ... and hunter"},
	    {DIALECT_MARIADB, "CREATE USER a IDENTIFIED VIA `hunter2`", "hunter2hunter2", "......"},
	    {DIALECT_POSTGRESQL, "SELECT $p$hunter2$p$, E'hunter3', $$$$, ''", "hunter2 hunter3", "... ..."},
	    {DIALECT_POSTGRESQL, "ALTER ROLE a PASSWORD 'in' VALID UNTIL 'of'", "in the middle of", "in the middle of"},
	    {DIALECT_POSTGRESQL, "SELECT 'open", "open", "open"},
	    {DIALECT_POSTGRESQL, "", "", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[200];
		str_copy(text, sizeof text, rows[i].message);
		sql_hide_own(rows[i].d, bytes_of_str(rows[i].sql), text);
		assert_string_equal(text, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_literals_are_hidden), cmocka_unit_test(test_statements_with_secrets),
	                                   cmocka_unit_test(test_quoted_words_are_hidden), cmocka_unit_test(test_own_words_are_hidden)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
