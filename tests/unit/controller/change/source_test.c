/* controller/change/source and readers: files as they should not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "tests/support/project_folder.h"

#define GOOD "--liquibase formatted sql\n--changeset a:1\nSELECT 1;\n"

static const char *problems_of(const void *p, size_t n, struct change_set **ret)
{
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write_bytes(&f, "changes/a.sql", p, n);
	*ret = project_folder_read(&f, "liquibase-sql", ENGINES_ALL);
	project_folder_done(&f);
	return project_folder_problems(*ret);
}

static void test_bom_and_crlf_are_accepted(void **state)
{
	(void)state;
	static const char text[] = "\xef\xbb\xbf--liquibase formatted sql\r\n--changeset a:1\r\nSELECT 1,\r\n2;\r\n--rollback empty\r\n";
	AUTO(change_set_destroy) struct change_set *s = NULL;
	assert_string_equal(problems_of(text, sizeof text - 1, &s), "");
	assert_string_equal((const char *)s->changes[0].forward[0].sql.p, "SELECT 1,\n2;\n\n");
	assert_int_equal(s->changes[0].no_rollback_needed, ENGINES_ALL);
}

static void test_wrong_encodings(void **state)
{
	(void)state;
	AUTO(change_set_destroy) struct change_set *a = NULL, *b = NULL, *c = NULL, *d = NULL;
	assert_string_equal(problems_of("\xff\xfe-\0-\0", 6, &a), "changes/a.sql: UTF-16 text: save the file as UTF-8\n");
	assert_string_equal(problems_of("\xfe\xff\0-\0-", 6, &d), "changes/a.sql: UTF-16 text: save the file as UTF-8\n");
	assert_string_equal(problems_of(GOOD "a\0b\n", sizeof GOOD + 3, &b), "changes/a.sql:4: a NUL byte: remove it, and save the file as UTF-8\n");
	assert_string_equal(problems_of(GOOD "SELECT '\xe4';\n", sizeof GOOD + 11, &c), "changes/a.sql:4: not valid UTF-8: save the file as UTF-8\n");
}

static void test_fifo_and_links(void **state)
{
	(void)state;
	struct project_folder f;
	char path[128], outside[128];
	project_folder_init(&f);
	project_folder_write(&f, "changes/a.sql", GOOD);
	project_folder_write(&f, "outside.sql", GOOD);
	snprintf(path, sizeof path, "%s/changes/b.sql", f.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof path, "%s/changes/c.sql", f.path);
	snprintf(outside, sizeof outside, "%s/outside.sql", f.path);
	assert_int_equal(symlink(outside, path), 0);
	snprintf(path, sizeof path, "%s/changes/d.sql", f.path);
	assert_int_equal(symlink("nowhere", path), 0);
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, "liquibase-sql", ENGINES_ALL);
	const char *found = project_folder_problems(s);
	assert_non_null(strstr(found, "changes/b.sql: not a regular file: remove it\n"));
	assert_non_null(strstr(found, "changes/c.sql: a link out of the change folder, to nowhere or to a folder: put the file itself here\n"));
	assert_non_null(strstr(found, "changes/d.sql: a link out of the change folder, to nowhere or to a folder: put the file itself here\n"));
	assert_int_equal(s->problems.n, 3);
	assert_int_equal(s->n, 1);
	project_folder_done(&f);
}

static void test_a_link_inside_is_read(void **state)
{
	(void)state;
	struct project_folder f;
	char path[128];
	project_folder_init(&f);
	project_folder_write(&f, "changes/sub/a.txt", GOOD);
	snprintf(path, sizeof path, "%s/changes/a.sql", f.path);
	assert_int_equal(symlink("sub/a.txt", path), 0);
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, "liquibase-sql", ENGINES_ALL);
	assert_string_equal(project_folder_problems(s), "");
	assert_int_equal(s->n, 1);
	project_folder_done(&f);
}

/* They go into messages, and into the release, whose readers take UTF-8 only. */
static void test_names_that_are_no_text(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/1_ok\u00e9.up.sql", "SELECT 1;");
	project_folder_write(&f, "changes/2_\xff.up.sql", "SELECT 2;");
	project_folder_write(&f, "changes/3_a\033[31m\nb.up.sql", "SELECT 3;");
	project_folder_write(&f, "changes/sub\x7f/4_c.up.sql", "SELECT 4;");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, "updown", ENGINES_ALL);
	const char *found = project_folder_problems(s);
	assert_non_null(strstr(found, "changes: '2_?.up.sql': a file name that is not UTF-8, or holds a control character: rename it\n"));
	assert_non_null(strstr(found, "changes: '3_a?[31m?b.up.sql': a file name "));
	assert_non_null(strstr(found, "changes: 'sub?/4_c.up.sql': a file name "));
	assert_int_equal(s->problems.n, 3);
	assert_int_equal(s->n, 1);
	assert_string_equal(s->changes[0].id, "migrate:1_ok\u00e9");
	project_folder_done(&f);
}

static void test_folders(void **state)
{
	(void)state;
	struct project_folder f;
	struct err e = ERR_INIT;
	struct change_set *s = NULL;
	struct read_options o = {.folder = "changes", .engines = ENGINES_ALL};
	char expected[256];
	project_folder_init(&f);
	o.root = f.path;
	assert_int_equal(change_set_read(&o, NULL, &s, &e), -1);
	snprintf(expected, sizeof expected, "%s/changes: no such folder: make it, or name another one as `changes` in rollcall.yaml", f.path);
	assert_string_equal(e.msg, expected);
	project_folder_write(&f, "changes", "a file");
	assert_int_equal(change_set_read(&o, NULL, &s, &e), -1);
	snprintf(expected, sizeof expected, "%s/changes: not a folder: name the folder of the changes as `changes` in rollcall.yaml", f.path);
	assert_string_equal(e.msg, expected);
	project_folder_remove(&f, "changes");
	project_folder_write(&f, "changes/readme.txt", "hello");
	assert_int_equal(change_set_read(&o, NULL, &s, &e), -1);
	assert_string_equal(e.msg, "changes: no reader knows these files: name one as `reader` in rollcall.yaml (liquibase-sql, diesel, updown)");
	assert_int_equal(change_set_read(&o, "flyway7", &s, &e), -1);
	assert_string_equal(e.msg, "reader 'flyway7' is unknown: use one of liquibase-sql, diesel, updown");
	project_folder_write(&f, "changes/2015-01-01-000000_note/up.sql", "SELECT 1;");
	assert_int_equal(change_set_read(&o, "liquibase-sql", &s, &e), -1);
	assert_string_equal(
	    e.msg, "changes: no file in it is for the reader liquibase-sql; they look like diesel folders: <version>_<name>/up.sql and down.sql: "
	           "write `reader: diesel` in rollcall.yaml");
	project_folder_remove(&f, "changes/2015-01-01-000000_note/up.sql");
	project_folder_remove(&f, "changes/readme.txt");
	assert_int_equal(change_set_read(&o, NULL, &s, &e), 0);
	assert_string_equal(project_folder_problems(s),
	                    "changes: no change in this folder: write the first one, or name the right folder as `changes` in rollcall.yaml\n");
	change_set_destroy(&s);
	project_folder_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bom_and_crlf_are_accepted), cmocka_unit_test(test_wrong_encodings), cmocka_unit_test(test_fifo_and_links),
	    cmocka_unit_test(test_a_link_inside_is_read),     cmocka_unit_test(test_folders),         cmocka_unit_test(test_names_that_are_no_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
