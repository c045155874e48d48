/* controller/gate: each gate red and green, levels, suppressions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/limits.h"
#include "controller/release/build.h"
#include "tests/support/project_folder.h"

#define HEAD "--liquibase formatted sql\n"
#define YAML "project: shop\nengines: [postgresql, mariadb, sqlite]\npipeline: [staging, production]\n"
#define BACK "--rollback empty\n"

static struct project_folder folder;

static int setup(void **state)
{
	(void)state;
	project_folder_init(&folder);
	project_folder_write(&folder, "rollcall.yaml", YAML);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	project_folder_done(&folder);
	return 0;
}

static struct build build_text(const char *text, const struct release *previous, const char *environment)
{
	struct build b = {0};
	struct err e = ERR_INIT;
	const struct build_options o = {
	    .folder = folder.path, .previous = previous, .environment = environment, .pack = {.version = "2", .sequence = 2, .now_us = 1}};
	project_folder_write(&folder, "changes/a.sql", text);
	if (build_project(&o, &b, &e) != 0)
		fail_msg("%s", e.msg);
	return b;
}

/* One line a finding: "level RULE file:line: what: what to do". */
static const char *told(const struct build *b)
{
	const char *s = "";
	for (size_t i = 0; i < b->findings.n; i++) {
		const struct finding *f = &b->findings.list[i];
		s = arena_printf(b->arena, "%s%s %s %s\n", s, f->suppressed ? "suppressed" : gate_level_name(f->level), f->rule, finding_text(f, b->arena));
	}
	return s;
}

static void assert_told(const char *text, const struct release *previous, const char *expected)
{
	AUTO(build_done) struct build b = build_text(text, previous, NULL);
	assert_string_equal(told(&b), expected);
}

static void test_rollback_missing(void **state)
{
	(void)state;
	assert_told(HEAD "--changeset a:1\nSELECT 1;\n" BACK "--changeset a:2\nSELECT 1;\n--rollback SELECT 2;\n--changeset a:3\n-- nothing\n", NULL, "");
	assert_told(HEAD "--changeset a:1\nSELECT 1;\n", NULL,
	            "error PF23 changes/a.sql:2: changeset a:1 has no rollback: add --rollback lines, or say --rollback empty if there is nothing to "
	            "take back\n");
}

static void test_rollback_missing_on_some_engines(void **state)
{
	(void)state;
	struct project_folder f;
	struct err e = ERR_INIT;
	project_folder_init(&f);
	project_folder_write(&f, "rollcall.yaml", YAML);
	project_folder_write(&f, "changes/1_a.up.sql", "SELECT 1;");
	project_folder_write(&f, "changes/1_a.sqlite.down.sql", "SELECT 1;");
	AUTO(build_done) struct build b = {0};
	const struct build_options o = {.folder = f.path, .pack = {.version = "1"}};
	assert_int_equal(build_project(&o, &b, &e), 0);
	assert_string_equal(told(&b), "error PF23 changes/1_a.up.sql:1: changeset migrate:1_a has no rollback on postgresql, mariadb: add --rollback "
	                              "lines, or say --rollback empty if "
	                              "there is nothing to take back\n");
	project_folder_done(&f);
}

static void test_ddl_and_dml(void **state)
{
	(void)state;
	assert_told(HEAD "--changeset a:1\nCREATE TABLE t (a int);\nCREATE INDEX i ON t (a);\n" BACK
	                 "--changeset a:2\nINSERT INTO t VALUES (1);\nSELECT 1;\n" BACK,
	            NULL, "");
	assert_told(
	    HEAD "--changeset a:1\nCREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n" BACK, NULL,
	    "error PF04 changes/a.sql:4: changeset a:1 changes the schema (CREATE TABLE, line 3) and rows (INSERT, line 4): make two changesets of it\n");
}

static void test_transaction_control(void **state)
{
	(void)state;
	assert_told(HEAD "--changeset a:1 dbms:postgresql\nDO $$ BEGIN NULL; END $$;\n" BACK, NULL, "");
	assert_told(
	    HEAD "--changeset a:1 dbms:postgresql\nBEGIN;\nDROP TABLE t;\nCOMMIT;\n" BACK, NULL,
	    "error PF05 changes/a.sql:3: changeset a:1 holds BEGIN: remove it: each step runs in a transaction by itself, unless runInTransaction:false\n"
	    "error read changes/a.sql:5: COMMIT ends or opens a transaction, which is Rollcall's own: remove it: each step runs in a transaction by "
	    "itself, unless "
	    "runInTransaction:false\n");
	assert_told(HEAD "--changeset a:1 dbms:sqlite\nDROP TABLE t;\n--rollback COMMIT;\n", NULL,
	            "error PF05 changes/a.sql:4: changeset a:1 holds COMMIT: remove it: each step runs in a transaction by itself, unless "
	            "runInTransaction:false\n");
}

static void test_class_x(void **state)
{
	(void)state;
	assert_told(HEAD "--changeset a:1 dbms:mariadb\nCREATE TABLE t (a int);\n" BACK, NULL, "");
	AUTO(build_done) struct build b = build_text(HEAD "--changeset a:1 dbms:mariadb\nCALL p();\n" BACK, NULL, NULL);
	assert_int_equal(b.findings.n, 1);
	assert_string_equal(b.findings.list[0].rule, "CX01");
	assert_int_equal(b.findings.list[0].line, 3);
	assert_non_null(strstr(b.findings.list[0].what, "CALL on mariadb: "));
}

static void test_duplicate_id(void **state)
{
	(void)state;
	assert_told(HEAD "--changeset a:1\nSELECT 1;\n" BACK "--changeset b:1\nSELECT 1;\n" BACK, NULL, "");
	assert_told(HEAD "--changeset a:1\nSELECT 1;\n" BACK "--changeset a:1\nSELECT 2;\n" BACK, NULL,
	            "error HY16-duplicate changes/a.sql:5: changeset a:1 is also in changes/a.sql, line 2: give each changeset its own id\n");
}

#define FIRST "--changeset a:1\nCREATE TABLE t (a int);\n" BACK "--changeset a:2\nCREATE TABLE u (a int);\n" BACK

static void test_changed_content(void **state)
{
	(void)state;
	AUTO(build_done) struct build before = build_text(HEAD FIRST, NULL, NULL);
	char hex[DIGEST_HEX_SIZE], expected[1024], text[1024];
	bytes_to_hex(bytes_of(before.release.changesets[0].digest, DIGEST_SIZE), hex);
	static const char todo[] = "restore its text and write a new changeset; if both texts do the same, add --validCheckSum: with the old digest";
	assert_told(HEAD "-- a remark\n" FIRST, &before.release, "");
	snprintf(expected, sizeof expected,
	         "error HY16-changed changes/a.sql:2: changeset a:1 is not what release 2 holds (only the layout changed; its digest there is %s): %s\n",
	         hex, todo);
	assert_told(HEAD "--changeset a:1\nCREATE  TABLE t (a int);\n" BACK "--changeset a:2\nCREATE TABLE u (a int);\n" BACK, &before.release, expected);
	snprintf(expected, sizeof expected,
	         "error HY16-changed changes/a.sql:2: changeset a:1 is not what release 2 holds (its statements or checks changed; its digest there is "
	         "%s): %s\n",
	         hex, todo);
	assert_told(HEAD "--changeset a:1\nCREATE TABLE t (b int);\n" BACK "--changeset a:2\nCREATE TABLE u (a int);\n" BACK, &before.release, expected);
	snprintf(text, sizeof text,
	         HEAD "--changeset a:1\n--validCheckSum: %s\nCREATE TABLE t (b int);\n" BACK "--changeset a:2\nCREATE TABLE u (a int);\n" BACK, hex);
	assert_told(text, &before.release, "");
	assert_told(HEAD "--changeset a:1 runOnChange:true\nCREATE TABLE t (b int);\n" BACK "--changeset a:2\nCREATE TABLE u (a int);\n" BACK,
	            &before.release, "");
}

static void test_order(void **state)
{
	(void)state;
	AUTO(build_done) struct build before = build_text(HEAD FIRST, NULL, NULL);
	assert_told(HEAD FIRST "--changeset a:3\nSELECT 1;\n" BACK, &before.release, "");
	assert_told(HEAD "--changeset a:3\nSELECT 1;\n" BACK FIRST, &before.release,
	            "error HY16-order changes/a.sql:2: changeset a:3 is new, but stands before a:2, which release 2 holds: move it behind the last "
	            "released changeset\n");
	assert_told(
	    HEAD "--changeset a:2\nCREATE TABLE u (a int);\n" BACK "--changeset a:1\nCREATE TABLE t (a int);\n" BACK, &before.release,
	    "error HY16-order changes/a.sql:5: changeset a:1 stands behind a:2, in release 2 before it: move it behind the last released changeset\n");
}

static void test_removed(void **state)
{
	(void)state;
	AUTO(build_done) struct build before = build_text(HEAD FIRST, NULL, NULL);
	assert_told(HEAD "--changeset a:1\nCREATE TABLE t (a int);\n" BACK, &before.release,
	            "warn HY16-removed changes/a.sql:5: changeset a:2 of release 2 is not here any more: put it back\n");
}

static void test_suppressions_and_levels(void **state)
{
	(void)state;
	static const char text[] = HEAD "--changeset a:1\n--lint-ignore PF23 reason:\"seeds stay\"\nSELECT 1;\n--changeset a:2\nSELECT 1;\n";
	struct err e = ERR_INIT;
	AUTO(build_done) struct build b = build_text(text, NULL, NULL);
	assert_int_equal(findings_count(&b.findings, GATE_ERROR), 1);
	assert_int_equal(build_check(&b, &e), -1);
	assert_int_equal(e.code, ERR_POLICY);
	assert_string_equal(
	    e.msg,
	    "changes/a.sql:5: changeset a:2 has no rollback: add --rollback lines, or say --rollback empty if there is nothing to take back (PF23)");
	project_folder_write(&folder, "rollcall.yaml",
	                     YAML "gates:\n  - {rule: PF23, level: \"off\"}\n  - {rule: PF23, level: warn, environment: production}\n");
	AUTO(build_done) struct build strict = build_text(text, NULL, NULL), staging = build_text(text, NULL, "staging");
	assert_int_equal(build_check(&strict, &e), 0);
	assert_int_equal(findings_count(&strict.findings, GATE_WARN), 1);
	assert_int_equal(staging.findings.n, 0);
	project_folder_write(&folder, "rollcall.yaml", YAML);
}

/* Every gate, its level where it differs, and what was found; the digest is of this text. */
static void test_the_report(void **state)
{
	(void)state;
	static const char text[] = HEAD "--changeset a:1\n--lint-ignore PF23 reason:\"seeds stay\"\nSELECT 1;\n--changeset a:2\nSELECT 1;\n";
	static const char gates_ran[] = "gates 10 ran over 2 changesets, 0 errors, 1 warning, 1 ignored\n"
	                                "gate PF23 (level warn, off in staging): rollback missing\n"
	                                "gate PF04 (level error): DDL and DML in one changeset\n"
	                                "gate PF05 (level error): transaction control inside a script\n"
	                                "gate CX01 (level off): a statement that is neither transactional nor atomic\n";
	static const char found[] = "gate HY16-removed (level warn): a released changeset is missing\n"
	                            "ignored PF23 changes/a.sql:2 a:1: changeset a:1 has no rollback (seeds stay)\n"
	                            "warn PF23 changes/a.sql:5 a:2: changeset a:2 has no rollback\n";
	uint8_t digest[DIGEST_SIZE];
	project_folder_write(&folder, "rollcall.yaml",
	                     YAML "gates:\n  - {rule: PF23, level: \"off\"}\n  - {rule: PF23, level: warn, environment: production}\n"
	                          "  - {rule: CX01, level: \"off\"}\n");
	AUTO(build_done) struct build b = build_text(text, NULL, NULL);
	const char *report = b.release.gate_report;
	assert_memory_equal(report, gates_ran, strlen(gates_ran));
	assert_string_equal(report + strlen(report) - strlen(found), found);
	digest_sha256(bytes_of_str(report), digest);
	assert_memory_equal(digest, b.release.gate_report_digest, DIGEST_SIZE);
	assert_string_equal(release_gates_line(&b.release, b.arena), "10 ran over 2 changesets, 0 errors, 1 warning, 1 ignored");
	project_folder_write(&folder, "rollcall.yaml", YAML);
}

/* A clean one is not empty. */
static void test_the_report_of_a_clean_release(void **state)
{
	(void)state;
	AUTO(build_done) struct build b = build_text(HEAD "--changeset a:1\nSELECT 1;\n" BACK, NULL, NULL);
	assert_string_equal(release_gates_line(&b.release, b.arena), "11 ran over 1 changeset, 0 errors, 0 warnings, 0 ignored");
	b.release.gate_report = NULL;
	assert_true(str_starts(release_gates_line(&b.release, b.arena), "the release does not say which ran, only its report's digest "));
}

/* What is too much for a release is counted, and the rest holds its place on a line by itself. */
static void test_the_report_has_a_cap(void **state)
{
	(void)state;
	AUTO(build_done) struct build b = build_text(HEAD "--changeset a:1\nSELECT 1;\n" BACK, NULL, NULL);
	AUTO(buf_done) struct buf report = BUF_INIT;
	struct gate_input in = {.project = &b.project, .parsed = &b.parsed, .packed = &b.release};
	for (int i = 0; i < 20000; i++)
		finding_add(&b.findings, (struct finding){.rule = "PF23", .level = GATE_WARN, .file = "a.sql", .what = "one\nerror PF23 two", .todo = ""});
	gate_report(&in, &b.findings, &report);
	assert_true(report.n <= LIMIT_GATE_REPORT && report.n > LIMIT_GATE_REPORT - 256);
	assert_non_null(strstr(buf_str(&report), "\nwarn PF23 a.sql -: one error PF23 two\n"));
	assert_null(strstr(buf_str(&report), "\nerror PF23 two"));
	assert_non_null(strstr(buf_str(&report), "\nand 1"));
	assert_true(str_ends(buf_str(&report), " more findings: rollcall lint --all shows them\n"));
}

static void test_read_problems_are_findings(void **state)
{
	(void)state;
	AUTO(build_done) struct build b = build_text(HEAD "--changeset a:1\n--comments x\nSELECT 1;\n" BACK "-rollback x\n", NULL, NULL);
	struct err e = ERR_INIT;
	assert_string_equal(told(&b), "error read changes/a.sql:3: --comments is not a Liquibase line, and Liquibase stops at it: write --comment\n"
	                              "error read changes/a.sql:6: a directive with one dash: write --rollback SQL\n");
	assert_int_equal(build_check(&b, &e), -1);
	assert_string_equal(e.msg, "changes/a.sql:3: --comments is not a Liquibase line, and Liquibase stops at it: write --comment (read; and 1 more: "
	                           "rollcall lint shows them all)");
}

static void test_a_suppression_must_name_a_gate(void **state)
{
	(void)state;
	assert_told(HEAD "--changeset a:1\n--lint-ignore PF33 reason:\"x\"\nSELECT 1;\n" BACK, NULL,
	            "error read changes/a.sql:3: --lint-ignore names 'PF33', which is no gate: did you mean PF23?\n");
}

static void test_batch_predicate(void **state)
{
	(void)state;
	assert_told(HEAD "--changeset a:1 batch:10\nUPDATE t SET a = 1 WHERE a IS NULL;\nDELETE FROM t WHERE b > 1;\n" BACK
	                 "--changeset a:2 batch:10\nINSERT INTO u (a) SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.a = t.a);\n" BACK
	                 "--changeset a:3\nUPDATE t SET a = 2;\n--rollback UPDATE t SET a = 1;\n",
	            NULL, "");
	assert_told(
	    HEAD "--changeset a:1 batch:10 rollbackBatch:10\nUPDATE t SET a = a + 1 WHERE b = 1;\n--rollback INSERT INTO u SELECT a FROM t;\n", NULL,
	    "warn BT01 changes/a.sql:3: the batched UPDATE of t has no condition on a column that it sets: name the unfinished state (WHERE new_column "
	    "IS NULL), and let a default or a trigger take care of new rows\n"
	    "warn BT01 changes/a.sql:4: the batched INSERT into u does not leave out the rows that are there: name the unfinished state (WHERE "
	    "new_column IS NULL), and let a default or a trigger take care of new rows\n");
	assert_told(
	    HEAD "--changeset a:1 batch:10\nTRUNCATE t;\n" BACK, NULL,
	    "error read changes/a.sql:3: TRUNCATE cannot be batched: it walks no table: only UPDATE, DELETE and INSERT ... SELECT ... FROM can be "
	    "batched; write one of them, or take batch: out of the changeset's line\n");
}

#define TO01_TODO ": take it out: lock_timeout and statement_timeout of agent.yaml say how long, and a long data change goes in batches (batch:N)\n"

static void test_a_changeset_that_lifts_its_timeout(void **state)
{
	(void)state;
	assert_told(
	    HEAD "--changeset a:1 dbms:postgresql\nSET lock_timeout = '5s';\nSET LOCAL statement_timeout TO '30min';\nSET lock_timeout TO DEFAULT;\n" BACK
	         "--changeset a:2 dbms:mariadb\nSET lock_wait_timeout = 5;\nSET SESSION innodb_lock_wait_timeout = 0;\n" BACK
	         "--changeset a:3\nUPDATE jobs SET lock_timeout = 0, busy_timeout = 90000, max_statement_time = 0;\n" BACK,
	    NULL, "");
	assert_told(
	    HEAD
	    "--changeset a:1 dbms:postgresql\nSET search_path = x;\nSET lock_timeout = 0;\nSELECT set_config('statement_timeout', '0', false);\n" BACK,
	    NULL,
	    "warn TO01 changes/a.sql:4: changeset a:1 sets lock_timeout to 0, which is no time-out at all" TO01_TODO
	    "warn TO01 changes/a.sql:5: changeset a:1 sets statement_timeout to 0, which is no time-out at all" TO01_TODO);
	assert_told(
	    HEAD "--changeset a:1 dbms:postgresql\nSET LOCAL lock_timeout = '1min';\nSET statement_timeout = current_setting('x');\n"
	         "--rollback SET statement_timeout TO '2h';\n",
	    NULL,
	    "warn TO01 changes/a.sql:3: changeset a:1 sets lock_timeout to 60 s, and agents give it 5 s unless their agent.yaml says otherwise" TO01_TODO
	    "warn TO01 changes/a.sql:4: changeset a:1 sets statement_timeout to what cannot be told from the text" TO01_TODO
	    "warn TO01 changes/a.sql:5: changeset a:1 sets statement_timeout to 7200 s, and agents give it 1800 s unless their agent.yaml says "
	    "otherwise" TO01_TODO);
	assert_told(HEAD
	            "--changeset a:1 dbms:mariadb\nSET lock_wait_timeout = 86400;\n" BACK
	            "--changeset a:2 dbms:mariadb\nSET STATEMENT max_statement_time=0 FOR ALTER TABLE t ADD COLUMN a int, LOCK=NONE;\n--rollback ALTER "
	            "TABLE t DROP COLUMN a, LOCK=NONE;\n"
	            "--changeset a:3 dbms:sqlite\nPRAGMA busy_timeout = 60000;\n" BACK,
	            NULL,
	            "warn TO01 changes/a.sql:3: changeset a:1 sets lock_wait_timeout to 86400 s, and agents give it 5 s unless their agent.yaml says "
	            "otherwise" TO01_TODO "warn TO01 changes/a.sql:6: changeset a:2 sets max_statement_time to 0, which is no time-out at all" TO01_TODO
	            "error CX01 changes/a.sql:9: PRAGMA on sqlite: changes how SQLite keeps or guards the file, outside of the transaction: have the "
	            "site set it, "
	            "not a changeset\n"
	            "warn TO01 changes/a.sql:9: changeset a:3 sets busy_timeout to 60 s, and agents give it 5 s unless their agent.yaml says "
	            "otherwise" TO01_TODO);
	assert_told(HEAD "--changeset a:1 dbms:postgresql\n--lint-ignore TO01 reason:\"at night, nobody is there\"\nSET lock_timeout = 0;\n" BACK, NULL,
	            "suppressed TO01 changes/a.sql:4: changeset a:1 sets lock_timeout to 0, which is no time-out at all" TO01_TODO);
}

static void test_the_table_is_whole(void **state)
{
	(void)state;
	for (const struct gate *g = gates; g->id; g++) {
		assert_true(g->check && *g->title && *g->why && *g->todo && g->level != GATE_OFF);
		assert_ptr_equal(gate_find(g->id), g);
	}
	assert_null(gate_find("PF99"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rollback_missing),
	    cmocka_unit_test(test_rollback_missing_on_some_engines),
	    cmocka_unit_test(test_ddl_and_dml),
	    cmocka_unit_test(test_transaction_control),
	    cmocka_unit_test(test_class_x),
	    cmocka_unit_test(test_duplicate_id),
	    cmocka_unit_test(test_changed_content),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_removed),
	    cmocka_unit_test(test_suppressions_and_levels),
	    cmocka_unit_test(test_the_report),
	    cmocka_unit_test(test_the_report_of_a_clean_release),
	    cmocka_unit_test(test_the_report_has_a_cap),
	    cmocka_unit_test(test_read_problems_are_findings),
	    cmocka_unit_test(test_a_suppression_must_name_a_gate),
	    cmocka_unit_test(test_batch_predicate),
	    cmocka_unit_test(test_a_changeset_that_lifts_its_timeout),
	    cmocka_unit_test(test_the_table_is_whole),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
