/* controller/change/updown, diesel, pair: names of files, engines, order, transactions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/support/project_folder.h"

static const char *text_of(const struct script *s)
{
	return s ? (const char *)s->sql.p : NULL;
}

static void test_pairs(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/10_later.up.sql", "SELECT 10;");
	project_folder_write(&f, "changes/9_first.down.sql", "-- nothing to do\n");
	project_folder_write(&f, "changes/9_first.up.sql", "SELECT 9;");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, NULL, ENGINES_ALL);
	assert_string_equal(project_folder_problems(s), "");
	assert_string_equal(s->reader, "updown");
	assert_int_equal(s->n, 2);
	assert_string_equal(s->changes[0].id, "migrate:9_first");
	assert_string_equal(s->changes[1].id, "migrate:10_later");
	assert_string_equal(s->changes[0].file, "changes/9_first.up.sql");
	assert_true(change_has_rollback(&s->changes[0], DIALECT_MARIADB));
	assert_false(change_has_rollback(&s->changes[1], DIALECT_MARIADB));
	project_folder_done(&f);
}

static void test_engine_words_in_names_and_folders(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/V0001.Initial_Schema.postgres.up.sql", "pg");
	project_folder_write(&f, "changes/V0001.Initial_Schema.mysql.up.sql", "my");
	project_folder_write(&f, "changes/V0001.Initial_Schema.all.up.sql", "other");
	project_folder_write(&f, "changes/V0001.Initial_Schema.all.down.sql", "down");
	project_folder_write(&f, "changes/sqlite/V0002.Only.up.sql", "lite");
	project_folder_write(&f, "changes/mssql/V0002.Only.up.sql", "for no engine of ours");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, NULL, ENGINES_ALL);
	assert_int_equal(s->n, 2);
	const struct change *c = &s->changes[0];
	assert_string_equal(c->id, "migrate:V0001.Initial_Schema");
	assert_string_equal(text_of(change_forward(c, DIALECT_POSTGRESQL)), "pg");
	assert_string_equal(text_of(change_forward(c, DIALECT_MARIADB)), "my");
	assert_string_equal(text_of(change_forward(c, DIALECT_SQLITE)), "other");
	for (enum dialect d = 0; d < DIALECT_COUNT; d++)
		assert_string_equal(text_of(change_rollback(c, d)), "down");
	assert_int_equal(s->changes[1].engines, ENGINE_BIT(DIALECT_SQLITE));
	project_folder_done(&f);
}

static void test_pair_mistakes(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/1_a.up.sql", "x");
	project_folder_write(&f, "changes/001_b.up.sql", "x");
	project_folder_write(&f, "changes/2_c.down.sql", "x");
	project_folder_write(&f, "changes/3_d.pg.up.sql", "x");
	project_folder_write(&f, "changes/3_d.postgres.up.sql", "x");
	project_folder_write(&f, "changes/seed.sql", "x");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, NULL, ENGINES_ALL);
	assert_string_equal(project_folder_problems(s), "changes/seed.sql: not the name of an up or down file: name it {version}_{title}.up.sql or "
	                                                ".down.sql, or move it out of the change folder: it is passed over\n"
	                                                "changes/1_a.up.sql: version 1 is also that of changes/001_b.up.sql: give each its own version\n"
	                                                "changes/2_c.down.sql: a down file without its up file: add the up file, or remove this one\n"
	                                                "changes/3_d.postgres.up.sql: a second up file of 3_d for the same engine: keep one of them\n");
	assert_true(s->problems.list[0].warning);
	assert_int_equal(s->problems.warnings, 1);
	project_folder_done(&f);
}

static void test_two_files_for_every_engine(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/a/1_t.up.sql", "CREATE TABLE a (i integer);");
	project_folder_write(&f, "changes/b/1_t.up.sql", "CREATE TABLE b (i integer);");
	project_folder_write(&f, "changes/b/1_t.down.sql", "x");
	project_folder_write(&f, "changes/b/1_t.all.down.sql", "y");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, NULL, ENGINES_ALL);
	assert_string_equal(
	    project_folder_problems(s),
	    "changes/b/1_t.up.sql: a second up file of 1_t, beside changes/a/1_t.up.sql: keep one of them, or give it a version of its own\n"
	    "changes/b/1_t.down.sql: a second down file of 1_t, beside changes/b/1_t.all.down.sql: keep one of them, or give it a version of "
	    "its own\n");
	project_folder_done(&f);
}

static void test_two_folders_of_one_version(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/2015-01-01_t/up.sql", "CREATE TABLE a (i integer);");
	project_folder_write(&f, "changes/20150101_t/up.sql", "CREATE TABLE b (i integer);");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, "diesel", ENGINES_ALL);
	assert_string_equal(project_folder_problems(s),
	                    "changes/20150101_t/up.sql: a second up file of 20150101_t, beside changes/2015-01-01_t/up.sql: keep one "
	                    "of them, or give it a version of its own\n");
	project_folder_done(&f);
}

static void test_upper_case_is_told(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/1_a.up.sql", "x");
	project_folder_write(&f, "changes/seed.SQL", "x");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, NULL, ENGINES_ALL);
	assert_int_equal(s->problems.warnings, 1);
	assert_string_equal(s->problems.list[0].file, "changes/seed.SQL");
	project_folder_write(&f, "changes/1_a/up.sql", "x");
	project_folder_write(&f, "changes/1_a/Down.SQL", "x");
	AUTO(change_set_destroy) struct change_set *x = project_folder_read(&f, "diesel", ENGINES_ALL);
	assert_int_equal(x->problems.warnings, 3);
	project_folder_done(&f);
}

static void test_suppression_in_a_pair(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/1_a.up.sql", "SELECT 1;\n--lint-ignore PF23 reason:\"as published\"\n");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, NULL, ENGINES_ALL);
	assert_string_equal(change_suppressed(&s->changes[0], "PF23"), "as published");
	project_folder_done(&f);
}

static void test_diesel(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/2015-02-03-010203_second/up.sql", "SELECT 2;");
	project_folder_write(&f, "changes/20141224000000_first_one/up.sql", "SELECT 1;");
	project_folder_write(&f, "changes/20141224000000_first_one/down.sql", "");
	project_folder_write(&f, "changes/2015-02-03-010203_second/metadata.toml", "# why\nrun_in_transaction = false # concurrently\n");
	project_folder_write(&f, "changes/notes.sql", "x");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, NULL, ENGINE_BIT(DIALECT_POSTGRESQL));
	assert_string_equal(s->reader, "diesel");
	assert_string_equal(project_folder_problems(s), "changes/notes.sql: not the name of an up or down file: name it <version>_<name>/up.sql or "
	                                                "down.sql, or move it out of the change folder: it is passed over\n");
	assert_int_equal(s->n, 2);
	assert_string_equal(s->changes[0].id, "diesel:20141224000000_first_one");
	assert_string_equal(s->changes[1].id, "diesel:20150203010203_second");
	assert_true(s->changes[0].run_in_transaction);
	assert_false(s->changes[1].run_in_transaction);
	assert_true(change_has_rollback(&s->changes[0], DIALECT_POSTGRESQL));
	assert_int_equal(s->changes[0].engines, ENGINE_BIT(DIALECT_POSTGRESQL));
	project_folder_done(&f);
}

/* diesel itself stops there; a pair's reader takes it for a change without statements. */
static void test_an_empty_up_file(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/1_a/up.sql", " \n\n");
	project_folder_write(&f, "changes/2_b/up.sql", "-- nothing to do here\n");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, "diesel", ENGINES_ALL);
	assert_string_equal(
	    project_folder_problems(s),
	    "changes/1_a/up.sql: an empty file, at which diesel stops: write its statements, or a comment that says why there are none\n");
	project_folder_done(&f);
	project_folder_init(&f);
	project_folder_write(&f, "changes/1_a.up.sql", "");
	AUTO(change_set_destroy) struct change_set *t = project_folder_read(&f, "updown", ENGINES_ALL);
	assert_string_equal(project_folder_problems(t), "");
	assert_int_equal(t->n, 1);
	project_folder_done(&f);
}

static void test_diesel_metadata_is_strict(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/1_a/up.sql", "SELECT 1;");
	project_folder_write(&f, "changes/1_a/metadata.toml", "run_in_transaction = true\nin_transaction = false\n");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, NULL, ENGINES_ALL);
	assert_string_equal(
	    project_folder_problems(s),
	    "changes/1_a/metadata.toml:2: 'in_transaction=false' is unknown in metadata.toml: write run_in_transaction = true or false\n");
	project_folder_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pairs),
	    cmocka_unit_test(test_engine_words_in_names_and_folders),
	    cmocka_unit_test(test_pair_mistakes),
	    cmocka_unit_test(test_suppression_in_a_pair),
	    cmocka_unit_test(test_diesel),
	    cmocka_unit_test(test_an_empty_up_file),
	    cmocka_unit_test(test_diesel_metadata_is_strict),
	    cmocka_unit_test(test_two_files_for_every_engine),
	    cmocka_unit_test(test_two_folders_of_one_version),
	    cmocka_unit_test(test_upper_case_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
