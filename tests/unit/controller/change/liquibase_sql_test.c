/* controller/change/liquibase_*: what well-formed files mean: every attribute, rollbacks, preconditions, validations, properties, ignored lines, places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/change/statements.h"
#include "tests/support/project_folder.h"

#define HEAD "--liquibase formatted sql\n"
#define PG   ENGINE_BIT(DIALECT_POSTGRESQL)
#define MY   ENGINE_BIT(DIALECT_MARIADB)
#define LITE ENGINE_BIT(DIALECT_SQLITE)

static struct project_folder folder;

static int setup(void **state)
{
	(void)state;
	project_folder_init(&folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	project_folder_done(&folder);
	return 0;
}

static struct change_set *read_text(const char *text)
{
	project_folder_write(&folder, "changes/a.sql", text);
	struct change_set *s = project_folder_read(&folder, NULL, ENGINES_ALL);
	assert_string_equal(project_folder_problems(s), "");
	return s;
}

static void assert_sql(const struct script *s, const char *text)
{
	assert_non_null(s);
	if (!bytes_equal(s->sql, bytes_of_str(text)))
		assert_string_equal((const char *)s->sql.p, text);
}

static void test_defaults(void **state)
{
	(void)state;
	AUTO(change_set_destroy) struct change_set *s = read_text(HEAD "--changeset ann:one\nSELECT 1;\n");
	const struct change *c = &s->changes[0];
	assert_string_equal(s->reader, "liquibase-sql");
	assert_int_equal(s->n, 1);
	assert_string_equal(c->id, "ann:one");
	assert_string_equal(c->author, "ann");
	assert_string_equal(c->name, "one");
	assert_string_equal(c->file, "changes/a.sql");
	assert_int_equal(c->line, 2);
	assert_int_equal(c->engines, ENGINES_ALL);
	assert_true(c->run_in_transaction);
	assert_false(c->run_on_change || c->run_always || c->ignore_failure || c->ignored);
	assert_null(c->comment);
	assert_null(c->context);
	assert_null(c->labels);
	assert_null(c->dbms);
	assert_int_equal(c->n_forward, 1);
	assert_int_equal(c->forward[0].engines, ENGINES_ALL);
	assert_int_equal(c->forward[0].line, 3);
	assert_true(c->forward[0].split && c->forward[0].strip_comments);
	assert_null(c->forward[0].delimiter);
	assert_false(change_has_rollback(c, DIALECT_SQLITE));
}

static void test_every_attribute(void **state)
{
	(void)state;
	AUTO(change_set_destroy)
	struct change_set *s = read_text(
	    HEAD
	    "-- ChangeSet \"Ann Bee\":\"first one\" runOnChange:true RUNALWAYS:true runInTransaction:false failOnError:false splitStatements:false "
	    "rollbackSplitStatements:false stripComments:false endDelimiter:\\nGO rollbackEndDelimiter:;; context:\"dev or !prod\" labels:\"a, b\" "
	    "dbms:postgresql,sqlite "
	    "logicalFilePath:x/y.sql ignore:true\n--comment: what it does\n--validCheckSum: 9:0123456789abcdef0123456789abcdef\n--validCheckSum ANY\n"
	    "--validCheckSum: 0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\nSELECT 1\n--rollback SELECT 2\n");
	const struct change *c = &s->changes[0];
	assert_string_equal(c->id, "Ann Bee:first one");
	assert_true(c->run_on_change && c->run_always && c->ignore_failure && c->ignored);
	assert_false(c->run_in_transaction);
	assert_string_equal(c->context, "dev or !prod");
	assert_string_equal(c->labels, "a, b");
	assert_string_equal(c->dbms, "postgresql,sqlite");
	assert_string_equal(c->comment, "what it does");
	assert_int_equal(c->engines, PG | LITE);
	assert_false(c->forward[0].split || c->forward[0].strip_comments || c->rollback[0].split);
	assert_string_equal(c->forward[0].delimiter, "\nGO");
	assert_string_equal(c->rollback[0].delimiter, ";;");
	assert_int_equal(c->n_accepted, 2);
	assert_string_equal(c->accepted[0], "any");
	assert_string_equal(c->accepted[1], "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
}

static void test_author_with_blanks_and_context_filter(void **state)
{
	(void)state;
	AUTO(change_set_destroy) struct change_set *s = read_text(HEAD "--changeset Ann Bee:1 contextFilter:dev\nSELECT 1;\n");
	assert_string_equal(s->changes[0].id, "Ann Bee:1");
	assert_string_equal(s->changes[0].context, "dev");
}

static void test_dbms_lists(void **state)
{
	(void)state;
	static const struct {
		const char *dbms;
		unsigned engines;
	} cases[] = {
	    {"postgresql", PG}, {"mysql", MY}, {"mariadb,mysql", MY},   {"!h2", ENGINES_ALL},     {"!mariadb", PG | LITE},       {"all", ENGINES_ALL},
	    {"none", 0},        {"oracle", 0}, {"oracle,sqlite", LITE}, {"!sqlite,!mariadb", PG}, {"postgresql,!postgresql", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[200];
		snprintf(text, sizeof text, HEAD "--changeset a:1 dbms:%s\nSELECT 1;\n", cases[i].dbms);
		AUTO(change_set_destroy) struct change_set *s = read_text(text);
		assert_int_equal(s->changes[0].engines, cases[i].engines);
		assert_int_equal(s->changes[0].n_forward, cases[i].engines != 0);
	}
}

static void test_directives_leave_lines_in_place(void **state)
{
	(void)state;
	AUTO(change_set_destroy)
	struct change_set *s = read_text(HEAD "\n/* a licence\nof two lines */\n-- a remark\n--changeset a:1\n--comment c\nCREATE TABLE t (\n--rollback "
	                                      "DROP TABLE t;\n a int);\n\nSELECT 2;\n");
	struct parsed_set parsed;
	statements_parse(s, &parsed);
	assert_sql(change_forward(&s->changes[0], DIALECT_SQLITE), "\nCREATE TABLE t (\n\n a int);\n\nSELECT 2;\n");
	const struct parsed_script *f = &parsed.changes[0].forward[DIALECT_POSTGRESQL], *r = &parsed.changes[0].rollback[DIALECT_POSTGRESQL];
	assert_int_equal(f->n, 2);
	assert_int_equal(f->list[0].s.line, 8);
	assert_int_equal(f->list[1].s.line, 12);
	assert_int_equal(r->list[0].s.line, 9);
}

static void test_rollback_lines_are_one_text(void **state)
{
	(void)state;
	AUTO(change_set_destroy)
	struct change_set *s =
	    read_text(HEAD "--changeset a:1\nCREATE TABLE t (a int);\n--rollback DROP\n--rollback TABLE t;\nSELECT 1;\n-- ROLLBACK SELECT 2;\n");
	assert_sql(change_rollback(&s->changes[0], DIALECT_MARIADB), "DROP\nTABLE t;\n\nSELECT 2;");
	assert_int_equal(s->changes[0].rollback[0].line, 4);
	assert_int_equal(s->changes[0].rollback_line, 4);
}

static void test_rollback_block(void **state)
{
	(void)state;
	AUTO(change_set_destroy)
	struct change_set *s = read_text(HEAD "--changeset a:1\nCREATE TABLE t (a int);\n/* liquibase rollback\n  DROP TABLE t;\n  SELECT 1; "
	                                      "*/\n--changeset a:2\nSELECT 2;\n  /*LIQUIBASE ROLLBACK\nSELECT 3;\n*/\n");
	assert_sql(change_rollback(&s->changes[0], DIALECT_MARIADB), "\n  DROP TABLE t;\nSELECT 1; " + 1);
	assert_int_equal(s->changes[0].rollback[0].line, 5);
	assert_sql(change_rollback(&s->changes[1], DIALECT_MARIADB), "SELECT 3;\n");
	assert_int_equal(s->changes[1].line, 7);
}

static void test_rollback_not_needed(void **state)
{
	(void)state;
	static const char *const words[] = {"empty", "Not Required", "not required: seeds stay", "EMPTY;"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		char text[200];
		snprintf(text, sizeof text, HEAD "--changeset a:1\nSELECT 1;\n--rollback %s\n", words[i]);
		AUTO(change_set_destroy) struct change_set *s = read_text(text);
		assert_int_equal(s->changes[0].no_rollback_needed, ENGINES_ALL);
		assert_int_equal(s->changes[0].n_rollback, 0);
		assert_true(change_has_rollback(&s->changes[0], DIALECT_SQLITE));
	}
}

static void test_rollback_by_changeset(void **state)
{
	(void)state;
	AUTO(change_set_destroy)
	struct change_set *s = read_text(HEAD "--changeset ann:1\nSELECT 1;\n--rollback changesetId:0 changeSetAuthor:ann changesetPath:a.sql\n");
	assert_string_equal(s->changes[0].rollback_id, "ann:0");
	assert_true(change_has_rollback(&s->changes[0], DIALECT_SQLITE));
}

static void test_preconditions(void **state)
{
	(void)state;
	AUTO(change_set_destroy)
	struct change_set *s = read_text(
	    HEAD "--changeset a:1\n--preconditions onFail:MARK_RAN onError:warn onSqlOutput:TEST onFailMessage:\"is there\" onErrorMessage:oops\n"
	         "--precondition-sql-check expectedResult:0 SELECT count(*) FROM t;\n--precondition-sql-check expectedResult:'a b' SELECT x FROM t\n"
	         "--precondition-sql-check expectedResult:\"c d\" SELECT y FROM t\n--precondition-sql-check 7 SELECT z FROM t\n"
	         "--precondition-table-exists table:t schema:s\n--precondition-view-exists view:v\nSELECT 1;\n");
	const struct change *c = &s->changes[0];
	assert_int_equal(c->on_fail, ON_FAIL_MARK_RAN);
	assert_int_equal(c->on_error, ON_FAIL_WARN);
	assert_string_equal(c->on_fail_message, "is there");
	assert_string_equal(c->on_error_message, "oops");
	assert_int_equal(c->n_preconditions, 6);
	assert_string_equal(c->preconditions[0].expected, "0");
	assert_string_equal((const char *)c->preconditions[0].sql.p, "SELECT count(*) FROM t");
	assert_int_equal(c->preconditions[0].line, 4);
	assert_string_equal(c->preconditions[1].expected, "a b");
	assert_string_equal(c->preconditions[2].expected, "c d");
	assert_string_equal(c->preconditions[3].expected, "7");
	assert_int_equal(c->preconditions[4].kind, CHECK_TABLE_EXISTS);
	assert_string_equal(c->preconditions[4].table, "t");
	assert_string_equal(c->preconditions[4].schema, "s");
	assert_int_equal(c->preconditions[5].kind, CHECK_VIEW_EXISTS);
	assert_string_equal(c->preconditions[5].table, "v");
	assert_null(c->preconditions[5].schema);
}

static void test_validations(void **state)
{
	(void)state;
	AUTO(change_set_destroy)
	struct change_set *s =
	    read_text(HEAD "--changeset a:1\n--validate-before name:rows SELECT count(*) FROM t\n--validate-after name:rows same-as-before\n"
	                   "--validate-after name:none expectedResult:0 SELECT count(*) FROM t WHERE x IS NULL;\n--validate-before name:old "
	                   "expectedResult:'1 2' SELECT v FROM w\nSELECT 1;\n");
	const struct validation *v = s->changes[0].validations;
	assert_int_equal(s->changes[0].n_validations, 4);
	assert_int_equal(v[0].mode, VALIDATE_RECORD);
	assert_int_equal(v[0].when, VALIDATE_BEFORE);
	assert_int_equal(v[1].mode, VALIDATE_SAME_AS_BEFORE);
	assert_string_equal((const char *)v[1].sql.p, "SELECT count(*) FROM t");
	assert_int_equal(v[2].mode, VALIDATE_EQUALS);
	assert_string_equal(v[2].expected, "0");
	assert_string_equal((const char *)v[2].sql.p, "SELECT count(*) FROM t WHERE x IS NULL");
	assert_int_equal(v[3].when, VALIDATE_BEFORE);
	assert_string_equal(v[3].expected, "1 2");
	assert_int_equal(v[3].line, 6);
}

static void test_queries_must_be_queries(void **state)
{
	(void)state;
	AUTO(change_set_destroy)
	struct change_set *s =
	    read_text(HEAD "--changeset a:1\n--precondition-sql-check expectedResult:0 DELETE FROM t\n--validate-after name:x "
	                   "expectedResult:0 SELECT 1; DROP TABLE t\n--validate-after name:y expectedResult:7 SELECT setval('q', 7)\nSELECT 1;\n");
	struct parsed_set parsed;
	statements_parse(s, &parsed);
	assert_string_equal(project_folder_problems(s),
	                    "changes/a.sql:3: the precondition is not one query: write one SELECT that returns one value\n"
	                    "changes/a.sql:4: validation x is not one query: write one SELECT that returns one value\n"
	                    "changes/a.sql:5: validation y must only read: setval is not undone by a rollback: write one SELECT that only reads\n");
}

static void test_split_errors_have_their_place(void **state)
{
	(void)state;
	AUTO(change_set_destroy) struct change_set *s = read_text(HEAD "--changeset a:1 dbms:postgresql\nSELECT 1;\nSELECT 'never closed;\n");
	struct parsed_set parsed;
	statements_parse(s, &parsed);
	assert_int_equal(s->problems.n, 1);
	assert_int_equal(s->problems.list[0].line, 4);
	assert_string_equal(s->problems.list[0].file, "changes/a.sql");
	assert_null(strstr(s->problems.list[0].what, "line "));
}

static void test_ignored_lines(void **state)
{
	(void)state;
	AUTO(change_set_destroy)
	struct change_set *s = read_text(HEAD "--changeset a:1\nSELECT 1;\n--ignoreLines:2\nx\n--changeset no:1\nSELECT "
	                                      "2;\n--ignoreLines:start\n--changeset no:2\ny\n--ignoreLines:end\nSELECT 3;\n--ignoreLines:9\nz\n");
	assert_int_equal(s->n, 1);
	assert_sql(&s->changes[0].forward[0], "SELECT 1;\n\n\n\nSELECT 2;\n\n\n\n\nSELECT 3;\n\n\n");
}

static void test_properties(void **state)
{
	(void)state;
	project_folder_write(&folder, "changes/b.sql", HEAD "--changeset a:2\nSELECT '${table} ${mine} ${late}';\n");
	AUTO(change_set_destroy)
	struct change_set *s =
	    read_text(HEAD "--property name:table value:orders\n--property name:table value:other\n--property name:mine value:local global:false\n"
	                   "--property name:both value:${table}_x\n--changeset a:${both}\nSELECT ${table}, ${mine}, ${unknown}, ${:table}, "
	                   "$x;\n--rollback DROP ${table}\n");
	assert_string_equal(s->changes[0].name, "orders_x");
	assert_sql(&s->changes[0].forward[0], "SELECT orders, local, ${unknown}, ${table}, $x;\n\n");
	assert_sql(&s->changes[0].rollback[0], "DROP orders");
	assert_sql(&s->changes[1].forward[0], "SELECT 'orders ${mine} ${late}';\n");
	project_folder_remove(&folder, "changes/b.sql");
}

static void test_properties_by_dbms(void **state)
{
	(void)state;
	AUTO(change_set_destroy)
	struct change_set *s = read_text(HEAD "--property name:now value:now() dbms:postgresql\n--property name:now value:sysdate() "
	                                      "dbms:mariadb\n--property name:now value:now() dbms:sqlite\n"
	                                      "--changeset a:1\nSELECT ${now};\n");
	assert_int_equal(s->changes[0].n_forward, 2);
	assert_sql(change_forward(&s->changes[0], DIALECT_POSTGRESQL), "SELECT now();\n");
	assert_sql(change_forward(&s->changes[0], DIALECT_MARIADB), "SELECT sysdate();\n");
	assert_ptr_equal(change_forward(&s->changes[0], DIALECT_SQLITE), change_forward(&s->changes[0], DIALECT_POSTGRESQL));
}

static void test_properties_by_context(void **state)
{
	(void)state;
	static const char *const contexts[] = {"test"};
	struct read_options o = {.root = folder.path, .folder = "changes", .engines = ENGINES_ALL, .contexts = contexts, .n_contexts = 1};
	struct err e = ERR_INIT;
	project_folder_write(
	    &folder, "changes/a.sql",
	    HEAD "--property name:n value:1 context:\"!test and dev\"\n--property name:n value:2 context:test\n--changeset a:1\nSELECT ${n};\n");
	AUTO(change_set_destroy) struct change_set *s = NULL;
	assert_int_equal(change_set_read(&o, NULL, &s, &e), 0);
	assert_sql(&s->changes[0].forward[0], "SELECT 2;\n");
}

static void test_a_last_slash_is_the_delimiter(void **state)
{
	(void)state;
	AUTO(change_set_destroy) struct change_set *s = read_text(HEAD "--changeset a:1\nSELECT 1\n/\n--changeset a:2\nSELECT 2\n/\n");
	assert_null(s->changes[0].forward[0].delimiter);
	assert_string_equal(s->changes[1].forward[0].delimiter, "\n/");
}

static void test_suppressions(void **state)
{
	(void)state;
	AUTO(change_set_destroy) struct change_set *s = read_text(HEAD "--changeset a:1\n--lint-ignore PF23 reason:\"seeds stay\"\nSELECT 1;\n");
	assert_string_equal(change_suppressed(&s->changes[0], "pf23"), "seeds stay");
	assert_null(change_suppressed(&s->changes[0], "PF04"));
}

static void test_files_come_in_the_order_of_their_names(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/2.sql", HEAD "--changeset a:2\nSELECT 1;\n");
	project_folder_write(&f, "changes/10.sql", HEAD "--changeset a:10\nSELECT 1;\n");
	project_folder_write(&f, "changes/1/z.sql", HEAD "--changeset a:1z\nSELECT 1;\n");
	project_folder_write(&f, "changes/.hidden.sql", "x");
	project_folder_write(&f, "changes/README.md", "x");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, NULL, ENGINES_ALL);
	assert_string_equal(project_folder_problems(s), "");
	assert_int_equal(s->n, 3);
	assert_string_equal(s->changes[0].name, "1z");
	assert_string_equal(s->changes[1].name, "10");
	assert_string_equal(s->changes[2].name, "2");
	project_folder_write(&f, "changes/db.xml", "<databaseChangeLog/>");
	AUTO(change_set_destroy) struct change_set *t = project_folder_read(&f, NULL, ENGINES_ALL);
	assert_string_equal(
	    project_folder_problems(t),
	    "changes/db.xml: not an .sql file, and it would be passed over: write it as formatted SQL, or move it out of the change folder\n");
	project_folder_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_every_attribute),
	    cmocka_unit_test(test_author_with_blanks_and_context_filter),
	    cmocka_unit_test(test_dbms_lists),
	    cmocka_unit_test(test_directives_leave_lines_in_place),
	    cmocka_unit_test(test_rollback_lines_are_one_text),
	    cmocka_unit_test(test_rollback_block),
	    cmocka_unit_test(test_rollback_not_needed),
	    cmocka_unit_test(test_rollback_by_changeset),
	    cmocka_unit_test(test_preconditions),
	    cmocka_unit_test(test_validations),
	    cmocka_unit_test(test_queries_must_be_queries),
	    cmocka_unit_test(test_split_errors_have_their_place),
	    cmocka_unit_test(test_ignored_lines),
	    cmocka_unit_test(test_properties),
	    cmocka_unit_test(test_properties_by_dbms),
	    cmocka_unit_test(test_properties_by_context),
	    cmocka_unit_test(test_a_last_slash_is_the_delimiter),
	    cmocka_unit_test(test_suppressions),
	    cmocka_unit_test(test_files_come_in_the_order_of_their_names),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
