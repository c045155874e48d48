/* common/lite: migrations, mode, transactions, cached statements. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/lite/lite.h"

static const char *const one[] = {"CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)", NULL};
static const char *const two[] = {"CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)", "ALTER TABLE t ADD COLUMN w BLOB", NULL};
#define OPENERS 4

static char dir[] = "/tmp/lite_test.XXXXXX", path[64];
static const char insert_sql[] = "INSERT INTO t (k, v) VALUES (?, ?)", count_sql[] = "SELECT count(*), max(v) FROM t";

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/x.db", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return file_remove_tree(dir, NULL);
}

static void count(struct lite *l, int64_t expected, const char *max)
{
	struct lite_stmt *s = NULL;
	struct err e = ERR_INIT;
	bool row = false;
	assert_int_equal(lite_prepare(l, count_sql, &s, &e), 0);
	assert_int_equal(lite_step(s, &row, &e), 0);
	assert_true(row);
	assert_int_equal(lite_int(s, 0), expected);
	if (max)
		assert_string_equal(lite_text(s, 1), max);
	lite_reset(s);
}

static void insert(struct lite *l, int k, const char *v, int expected)
{
	struct lite_stmt *s = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(lite_prepare(l, insert_sql, &s, &e), 0);
	lite_bind_int(s, 1, k);
	lite_bind_text(s, 2, v);
	assert_int_equal(lite_run(s, &e), expected);
	if (expected != 0)
		assert_int_equal(e.db_errno, 1555); /* SQLITE_CONSTRAINT_PRIMARYKEY */
}

static void test_migrates_and_keeps(void **state)
{
	(void)state;
	AUTO(lite_close) struct lite *l = NULL;
	struct err e = ERR_INIT;
	struct stat st;
	assert_int_equal(lite_open(path, one, &l, &e), 0);
	insert(l, 1, "a", 0);
	insert(l, 1, "a", -1);
	lite_close(&l);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(lite_open(path, two, &l, &e), 0);
	count(l, 1, "a");
	assert_int_equal(lite_begin(l, &e), 0);
	insert(l, 2, "b", 0);
	count(l, 2, "b");
	lite_rollback(l);
	count(l, 1, "a");
	lite_close(&l);
	assert_int_equal(lite_open(path, one, &l, &e), -1);
	assert_int_equal(e.code, ERR_STATE);
	assert_non_null(strstr(e.msg, "version 2 was written by a newer Rollcall (this one knows 1)"));
}

/* A second handle of this process must not take the first one's locks away: the next program that reads the file would delete the WAL under both. */
static void test_second_handle_keeps_the_locks(void **state)
{
	(void)state;
	AUTO(lite_close) struct lite *first = NULL, *second = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(lite_open(path, two, &first, &e), 0);
	count(first, 1, NULL);
	assert_int_equal(lite_open(path, two, &second, &e), 0);
	count(second, 1, NULL);
	int fd = open(path, O_RDWR | O_CLOEXEC); /* stays open: to close it is the mistake */
	assert_true(fd >= 0);
	struct flock other = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	assert_int_equal(fcntl(fd, F_OFD_GETLK, &other), 0);
	assert_int_equal(other.l_type, F_RDLCK);
}

/* Opens the file when the pipe is closed, as the others do: 0, or why not, on stderr. */
static void open_with_the_others(const char *file, int start_fd)
{
	struct lite *l = NULL;
	struct err e = ERR_INIT;
	char byte;
	while (read(start_fd, &byte, 1) > 0)
		;
	int rc = lite_open(file, two, &l, &e);
	if (rc != 0)
		print_message("%s\n", e.msg);
	_exit(rc == 0 ? 0 : 1);
}

/* Several processes open a new file at once: each finds it as it should be. */
static void test_migrates_once_for_several_processes(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) {
		char file[96];
		int start[2];
		snprintf(file, sizeof file, "%s/%d.db", dir, round);
		assert_int_equal(pipe2(start, O_CLOEXEC), 0);
		for (int i = 0; i < OPENERS; i++)
			if (fork() == 0) {
				close(start[1]);
				open_with_the_others(file, start[0]);
			}
		close(start[0]);
		close(start[1]);
		for (int i = 0; i < OPENERS; i++) {
			int status = -1;
			assert_true(wait(&status) > 0);
			assert_int_equal(status, 0);
		}
	}
}

static int read_key(struct lite_stmt *s, struct arena *a, void *ret, struct err *e)
{
	(void)a;
	*(int64_t *)ret = lite_int(s, 0);
	return lite_int(s, 0) == 13 ? err_set(e, ERR_PARSE, "13 cannot be read") : 0;
}

static const char keys_sql[] = "SELECT k FROM t WHERE k <= ? ORDER BY k";

static int keys(struct lite *l, int64_t up_to, struct arena *a, struct lite_list *ret, struct err *e)
{
	struct lite_stmt *s = NULL;
	assert_int_equal(lite_prepare(l, keys_sql, &s, e), 0);
	lite_bind_int(s, 1, up_to);
	return lite_list(s, a, sizeof(int64_t), read_key, ret, e);
}

/* None, more than the first allocation holds, and a row that cannot be read: then the caller's list is untouched and no read stays open. */
static void test_lists(void **state)
{
	(void)state;
	AUTO(lite_close) struct lite *l = NULL;
	AUTO(arena_destroy) struct arena *a = arena_new(1 << 16);
	struct lite_list list = {0};
	struct err e = ERR_INIT;
	assert_int_equal(lite_open(path, two, &l, &e), 0);
	assert_int_equal(keys(l, -1, a, &list, &e), 0);
	assert_int_equal(list.n, 0);
	assert_null(list.rows);
	for (int k = 2; k < 40; k++)
		insert(l, k, "v", 0);
	assert_int_equal(keys(l, 12, a, &list, &e), 0);
	assert_int_equal(list.n, 12);
	for (size_t i = 0; i < list.n; i++)
		assert_int_equal(((int64_t *)list.rows)[i], i + 1);
	assert_int_equal(keys(l, 40, a, &list, &e), -1);
	assert_string_equal(e.msg, "13 cannot be read");
	assert_int_equal(list.n, 12);
	assert_int_equal(lite_exec(l, "DROP TABLE t", &e), 0); /* SQLITE_LOCKED while a read is open */
}

static void put_megabyte(struct lite *l)
{
	struct err e = ERR_INIT;
	assert_int_equal(lite_exec(l, "INSERT INTO t (w) VALUES (randomblob(1000000))", &e), 0);
}

static int64_t database_size(void)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* In a moment of the caller's choice, as far as no reader needs what was before; by itself only once it has so many pages. */
static void test_keeps_the_wal(void **state)
{
	(void)state;
	AUTO(lite_close) struct lite *l = NULL;
	AUTO(lite_close) struct lite *reader = NULL;
	struct err e = ERR_INIT;
	bool row = false;
	struct lite_stmt *reading = NULL;
	unlink(path);
	assert_int_equal(lite_open(path, two, &l, &e), 0);
	lite_keep_wal(l, 4000);
	for (int i = 0; i < 5; i++)
		put_megabyte(l); /* more pages than SQLite keeps by itself */
	assert_true(lite_wal_pages(l) > 1200);
	assert_true(database_size() < 100000);
	assert_int_equal(lite_checkpoint(l, &e), 0);
	assert_int_equal(lite_wal_pages(l), 0);
	assert_true(database_size() > 5000000);

	assert_int_equal(lite_open_readonly(path, &reader, &e), 0);
	assert_int_equal(lite_prepare(reader, keys_sql, &reading, &e), 0);
	lite_bind_int(reading, 1, 1000);
	assert_int_equal(lite_step(reading, &row, &e), 0);
	assert_true(row);
	put_megabyte(l);
	int kept = lite_wal_pages(l);
	assert_true(kept > 200);
	assert_int_equal(lite_checkpoint(l, &e), 0);
	assert_int_equal(lite_wal_pages(l), kept);
	lite_reset(reading);
	assert_int_equal(lite_checkpoint(l, &e), 0);
	assert_int_equal(lite_wal_pages(l), 0);

	lite_keep_wal(l, 200);
	put_megabyte(l);
	assert_int_equal(lite_wal_pages(l), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_migrates_and_keeps), cmocka_unit_test(test_second_handle_keeps_the_locks),
	                                   cmocka_unit_test(test_lists), cmocka_unit_test(test_keeps_the_wal),
	                                   cmocka_unit_test(test_migrates_once_for_several_processes)};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
