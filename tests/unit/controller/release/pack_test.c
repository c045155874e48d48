/* controller/release/pack: steps for each engine, rollbacks, digests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "controller/release/pack.h"
#include "tests/support/project_folder.h"

#define HEAD "--liquibase formatted sql\n"

static struct project_folder folder;
static const struct project project = {.name = "shop", .engines = ENGINES_ALL, .valid_ms = 1000};

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

static struct change_set *pack(const char *text, struct release *ret)
{
	struct parsed_set parsed;
	const struct pack_options o = {.version = "1", .sequence = 3, .now_us = 5000000};
	project_folder_write(&folder, "changes/a.sql", text);
	struct change_set *s = project_folder_read(&folder, "liquibase-sql", ENGINES_ALL);
	statements_parse(s, &parsed);
	release_pack(&project, &parsed, s, &o, ret);
	return s;
}

/* "T2 N1": class and number of statements of each step. */
static const char *shape(const struct step *steps, size_t n, struct arena *a)
{
	const char *s = "";
	for (size_t i = 0; i < n; i++)
		s = arena_printf(a, "%s%s%s%zu", s, i ? " " : "", step_class_name(steps[i].class), steps[i].n_statements);
	return s;
}

static void assert_shapes(const char *text, const char *postgresql, const char *mariadb, const char *sqlite)
{
	struct release r;
	AUTO(change_set_destroy) struct change_set *s = pack(text, &r);
	const char *const expected[] = {postgresql, mariadb, sqlite};
	assert_string_equal(project_folder_problems(s), "");
	for (enum dialect d = 0; d < DIALECT_COUNT; d++) {
		const struct body *b = changeset_body(&r.changesets[0], dialect_name(d));
		assert_int_equal(b != NULL, expected[d] != NULL);
		if (b)
			assert_string_equal(shape(b->steps, b->n_steps, s->arena), expected[d]);
	}
}

static void test_steps_for_each_engine(void **state)
{
	(void)state;
	assert_shapes(HEAD "--changeset a:1\nCREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\nCREATE INDEX i ON t (a);\n",
	              "T4", "N1 T2 N1", "T4");
	assert_shapes(HEAD "--changeset a:1 runInTransaction:false\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\n", "T1 T1", "T1 T1", "T1 T1");
	assert_shapes(HEAD "--changeset a:1 dbms:postgresql runInTransaction:false\nCREATE TABLE t (a int);\nCREATE INDEX CONCURRENTLY i ON t (a);\n",
	              "T1 N1", NULL, NULL);
	assert_shapes(HEAD
	              "--changeset a:1 dbms:postgresql\nCREATE TABLE t (a int);\nCREATE INDEX CONCURRENTLY i ON t (a);\nDROP TABLE u;\nDROP TABLE v;\n",
	              "T1 N1 T2", NULL, NULL);
	assert_shapes(HEAD "--changeset a:1 dbms:mariadb,sqlite\n-- nothing but a comment\n", NULL, "", "");
}

static void test_statements_keep_their_bytes_and_lines(void **state)
{
	(void)state;
	struct release r;
	AUTO(change_set_destroy)
	struct change_set *s = pack(HEAD "--changeset a:1 stripComments:false\n\nCREATE TABLE t (\n  a int -- why\n);\nDROP TABLE u;\n", &r);
	const struct step *step = &changeset_body(&r.changesets[0], "postgresql")->steps[0];
	uint8_t digest[DIGEST_SIZE];
	assert_int_equal(step->n_statements, 2);
	assert_string_equal((const char *)step->statements[0].sql.p, "CREATE TABLE t (\n  a int -- why\n)");
	assert_int_equal(step->statements[0].line, 4);
	assert_int_equal(step->statements[1].line, 7);
	digest_step(step, digest);
	assert_memory_equal(step->digest, digest, DIGEST_SIZE);
	digest_changeset(&r.changesets[0], digest);
	assert_memory_equal(r.changesets[0].digest, digest, DIGEST_SIZE);
	assert_int_equal(r.sequence, 3);
	assert_int_equal(r.expires_at_us, 6000000);
	assert_string_equal(r.project, "shop");
}

static void test_layout_changes_only_the_exact_digest(void **state)
{
	(void)state;
	struct release a, b;
	AUTO(change_set_destroy) struct change_set *s = pack(HEAD "--changeset a:1\nCREATE TABLE t (a int);\n", &a);
	AUTO(change_set_destroy) struct change_set *t = pack(HEAD "\n--changeset a:1\n--comment other\nCREATE TABLE  t\n(a int);\n", &b);
	assert_memory_not_equal(a.changesets[0].digest, b.changesets[0].digest, DIGEST_SIZE);
	assert_memory_equal(a.changesets[0].normal_digest, b.changesets[0].normal_digest, DIGEST_SIZE);
}

static void test_places_do_not_change_the_digest(void **state)
{
	(void)state;
	struct release a, b;
	AUTO(change_set_destroy) struct change_set *s = pack(HEAD "--changeset a:1\nCREATE TABLE t (a int);\n", &a);
	AUTO(change_set_destroy) struct change_set *t = pack(HEAD "\r\n\r\n--changeset a:1\r\nCREATE TABLE t (a int);\r\n", &b);
	assert_memory_equal(a.changesets[0].digest, b.changesets[0].digest, DIGEST_SIZE);
}

static void test_rollbacks(void **state)
{
	(void)state;
	struct release r;
	AUTO(change_set_destroy)
	struct change_set *s = pack(HEAD "--changeset a:1\nDROP TABLE t;\n--rollback CREATE TABLE t (a int);\n--rollback INSERT INTO t VALUES (1);\n"
	                                 "--changeset a:2\nSELECT 1;\n--rollback empty\n--changeset a:3\nCREATE TABLE t (b int);\n--rollback "
	                                 "changeSetId:1 changeSetAuthor:a\n--changeset a:4\nSELECT 1;\n",
	                            &r);
	const struct body *b = changeset_body(&r.changesets[0], "mariadb");
	assert_string_equal(shape(b->rollback, b->n_rollback, s->arena), "N1 T1");
	b = changeset_body(&r.changesets[1], "mariadb");
	assert_true(b->has_rollback);
	assert_int_equal(b->n_rollback, 0);
	b = changeset_body(&r.changesets[2], "mariadb");
	assert_true(b->has_rollback);
	assert_int_equal(b->n_rollback, 1);
	assert_string_equal((const char *)b->rollback[0].statements[0].sql.p, "DROP TABLE t");
	assert_false(changeset_body(&r.changesets[3], "mariadb")->has_rollback);
}

static void test_files_of_pairs(void **state)
{
	(void)state;
	struct release r;
	struct parsed_set parsed;
	struct project_folder pairs;
	const struct pack_options o = {.version = "1", .sequence = 3, .now_us = 5000000};
	project_folder_init(&pairs);
	project_folder_write(&pairs, "changes/1_note.up.sql", "SELECT 1;");
	project_folder_write(&pairs, "changes/1_note.mysql.up.sql", "SELECT 2;");
	project_folder_write(&pairs, "changes/1_note.down.sql", "SELECT 3;");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&pairs, "updown", ENGINES_ALL);
	statements_parse(s, &parsed);
	release_pack(&project, &parsed, s, &o, &r);
	const struct changeset *c = &r.changesets[0];
	assert_string_equal(changeset_file(c, changeset_body(c, "mariadb"), false), "changes/1_note.mysql.up.sql");
	assert_string_equal(changeset_file(c, changeset_body(c, "sqlite"), false), "changes/1_note.up.sql");
	assert_string_equal(changeset_file(c, changeset_body(c, "sqlite"), true), "changes/1_note.down.sql");
	project_folder_done(&pairs);
}

static void test_what_cannot_be_packed(void **state)
{
	(void)state;
	struct release r;
	AUTO(change_set_destroy)
	struct change_set *s = pack(HEAD "--changeset a:1 dbms:sqlite\nSELECT 1;\nCOMMIT;\n--changeset a:2\nSELECT 1;\n--rollback changeSetId:9 "
	                                 "changeSetAuthor:a\n--changeset a:3 dbms:mariadb,sqlite\nSELECT 1;\n"
	                                 "--rollback changeSetId:1 changeSetAuthor:a\n",
	                            &r);
	assert_string_equal(project_folder_problems(s),
	                    "changes/a.sql:4: COMMIT ends or opens a transaction, which is Rollcall's own: remove it: each step runs in a transaction by "
	                    "itself, unless runInTransaction:false\n"
	                    "changes/a.sql:7: the rollback names changeset a:9, which is not in the project: correct the id, or write the SQL\n"
	                    "changes/a.sql:10: the rollback's changeset a:1 has nothing for mariadb: write the SQL\n");
}

static void test_batches(void **state)
{
	(void)state;
	struct release r;
	AUTO(change_set_destroy)
	struct change_set *s =
	    pack(HEAD "--changeset a:1 batch:5000 pause:100ms maxLag:10s dbms:postgresql\n--throttle-query limit:50 SELECT count(*) FROM q;\n"
	              "UPDATE t SET a = 1 WHERE a IS NULL;\nDELETE FROM t WHERE b;\n--rollback UPDATE t SET a = NULL;\n"
	              "--changeset a:2 rollbackBatch:10\nINSERT INTO t VALUES (1);\nSELECT 1;\n--rollback DELETE FROM t;\n"
	              "--changeset a:3\nSELECT 1;\n--rollback changeSetId:1 changeSetAuthor:a\n",
	         &r);
	const struct changeset *c = r.changesets;
	assert_string_equal(project_folder_problems(s), "changes/a.sql:13: the rollback's changeset a:1 has nothing for mariadb: write the SQL\n"
	                                                "changes/a.sql:13: the rollback's changeset a:1 has nothing for sqlite: write the SQL\n");
	assert_string_equal(shape(c[0].bodies[0].steps, c[0].bodies[0].n_steps, s->arena), "B1 B1");
	assert_string_equal(shape(c[0].bodies[0].rollback, c[0].bodies[0].n_rollback, s->arena), "T1");
	assert_string_equal(shape(c[1].bodies[0].steps, c[1].bodies[0].n_steps, s->arena), "T2");
	assert_string_equal(shape(c[1].bodies[0].rollback, c[1].bodies[0].n_rollback, s->arena), "B1");
	assert_int_equal(c[0].batching.size, 5000);
	assert_int_equal(c[0].batching.pause_ms, 100);
	assert_int_equal(c[0].batching.max_lag_ms, 10000);
	assert_int_equal(c[0].batching.limit, 50);
	assert_true(bytes_equal(c[0].batching.query, bytes_of_str("SELECT count(*) FROM q")));
	assert_int_equal(c[2].batching.rollback_size, 5000);
	uint8_t other[DIGEST_SIZE];
	r.changesets[0].batching.size = 7; /* how fast is not what */
	digest_changeset(&c[0], other);
	assert_memory_equal(other, c[0].digest, DIGEST_SIZE);
}

static void test_what_cannot_be_batched(void **state)
{
	(void)state;
	struct release r;
	AUTO(change_set_destroy)
	struct change_set *s = pack(HEAD "--changeset a:1 batch:10 dbms:postgresql\nCREATE TABLE t (a int);\nUPDATE t SET a = 1 LIMIT 5;\nVACUUM t;\n"
	                                 "--throttle-query limit:1 DELETE FROM t\n"
	                                 "--changeset a:2 batch:10 maxLag:1s dbms:mariadb\nDELETE FROM t;\n",
	                            &r);
	assert_string_equal(
	    project_folder_problems(s),
	    "changes/a.sql:6: the throttle is not one query: write one SELECT that returns one value\n"
	    "changes/a.sql:3: CREATE TABLE cannot be batched: it walks no table: only UPDATE, DELETE and INSERT ... SELECT ... FROM can be "
	    "batched; write one of them, or take batch: out of the changeset's line\n"
	    "changes/a.sql:4: UPDATE cannot be batched: it has a LIMIT, which would count in each batch anew: take it out, batch: sets the size\n"
	    "changes/a.sql:5: VACUUM cannot be batched: it walks no table: only UPDATE, DELETE and INSERT ... SELECT ... FROM can be "
	    "batched; write one of them, or take batch: out of the changeset's line\n");
}

static void test_one_transaction(void **state)
{
	(void)state;
	struct release r;
	struct parsed_set parsed;
	struct project p = project;
	const struct pack_options o = {.version = "1"};
	p.one_transaction = true;
	project_folder_write(&folder, "changes/a.sql",
	                     HEAD
	                     "--changeset a:1\nCREATE TABLE t (a int);\n--rollback DROP TABLE t;\n"
	                     "--changeset a:2 dbms:postgresql failOnError:false\nSELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (a);\nSET search_path = x;\n"
	                     "--changeset a:3 dbms:sqlite batch:5\nUPDATE t SET a = 1 WHERE a IS NULL;\n--rollback VACUUM;\n");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&folder, "liquibase-sql", ENGINES_ALL);
	statements_parse(s, &parsed);
	release_pack(&p, &parsed, s, &o, &r);
	assert_true(release_needs(&r, FEATURE_RELEASE_TRANSACTION));
#define ADVICE ": take transaction: release out of rollcall.yaml, or make two projects of it\n"
	assert_string_equal(
	    project_folder_problems(s),
	    "changes/a.sql:3: transaction: release, and on mariadb step 1 of a:1 is of class N: it cannot be in one transaction with others" ADVICE
	    "changes/a.sql:4: transaction: release, and on mariadb rollback step 1 of a:1 is of class N: it cannot be in one transaction with "
	    "others" ADVICE "changes/a.sql:5: changeset a:2 says failOnError:false, and transaction: release fails as a whole: take one of the two out\n"
	    "changes/a.sql:7: transaction: release, and on postgresql step 2 of a:2 is of class N: it cannot be in one transaction with others" ADVICE
	    "changes/a.sql:8: transaction: release, and on postgresql step 3 of a:2 holds SET, which would hold for the changesets behind it too" ADVICE
	    "changes/a.sql:10: transaction: release, and on sqlite step 1 of a:3 is of class B: it cannot be in one transaction with others" ADVICE
	    "changes/a.sql:11: transaction: release, and on sqlite rollback step 1 of a:3 is of class N: it cannot be in one transaction with "
	    "others" ADVICE);
	release_pack(&project, &parsed, s, &o, &r);
	assert_int_equal(r.n_critical, 0);
}

static void test_ignored_changesets_are_left_out(void **state)
{
	(void)state;
	struct release r;
	AUTO(change_set_destroy) struct change_set *s = pack(HEAD "--changeset a:1 ignore:true\nSELECT 'never closed;\n--changeset a:2\nSELECT 1;\n", &r);
	assert_string_equal(project_folder_problems(s), "");
	assert_int_equal(r.n_changesets, 1);
	assert_string_equal(r.changesets[0].id, "a:2");
}

static void test_versions(void **state)
{
	(void)state;
	assert_true(release_version_is_valid("1.2.0-rc1+7"));
	assert_false(release_version_is_valid(""));
	assert_false(release_version_is_valid("-1"));
	assert_false(release_version_is_valid("1/2"));
	assert_false(release_version_is_valid("12345678901234567890123456789012345678901234567890123456789012345"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_steps_for_each_engine),
	    cmocka_unit_test(test_statements_keep_their_bytes_and_lines),
	    cmocka_unit_test(test_layout_changes_only_the_exact_digest),
	    cmocka_unit_test(test_places_do_not_change_the_digest),
	    cmocka_unit_test(test_rollbacks),
	    cmocka_unit_test(test_files_of_pairs),
	    cmocka_unit_test(test_what_cannot_be_packed),
	    cmocka_unit_test(test_batches),
	    cmocka_unit_test(test_what_cannot_be_batched),
	    cmocka_unit_test(test_one_transaction),
	    cmocka_unit_test(test_ignored_changesets_are_left_out),
	    cmocka_unit_test(test_versions),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
