/* agent/engine/engine_sqlite: what SQLite alone does: files, foreign keys, statements that a release may not hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "agent/engine/engine.h"
#include "common/base/file.h"
#include "common/base/str.h"

struct fixture {
	char dir[64], path[96], dsn[160];
	struct engine_target target;
	const struct engine *en;
	struct conn *c;
	struct err e;
};

#define OK(call)                                 \
	do {                                         \
		if ((call) != 0)                         \
			fail_msg("%s: %s", #call, f->e.msg); \
	} while (0)
#define FAILS(call) assert_int_equal((call), -1)

static void reopen(struct fixture *f, const char *options)
{
	f->en->close(&f->c);
	snprintf(f->dsn, sizeof f->dsn, "sqlite:%s%s", f->path, options);
	OK(f->en->open(&f->target, &f->c, &f->e));
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	str_copy(f->dir, sizeof f->dir, "/tmp/rollcall-sqlite-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/t.db", f->dir);
	f->target =
	    (struct engine_target){.id = "eu/a/t", .dsn = f->dsn, .connect_timeout_ms = 1000, .lock_timeout_ms = 200, .statement_timeout_ms = 5000};
	f->en = engine_by_name("sqlite");
	reopen(f, "?create=1");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	f->en->close(&f->c);
	assert_int_equal(file_remove_tree(f->dir, &f->e), 0);
	free(f);
	return 0;
}

static int run(struct fixture *f, const char *sql)
{
	return f->en->exec(f->c, bytes_of_str(sql), NULL, &f->e);
}

static void refuses_dsn(struct fixture *f, const char *dsn, enum err_code code, const char *message)
{
	struct engine_target t = f->target;
	struct conn *c = NULL;
	t.dsn = dsn;
	FAILS(f->en->open(&t, &c, &f->e));
	assert_null(c);
	assert_string_equal(f->e.msg, message);
	assert_int_equal(f->e.code, code);
}

static void test_files_that_are_no_target(void **state)
{
	struct fixture *f = *state;
	char dsn[200], message[300];
	snprintf(dsn, sizeof dsn, "sqlite:%s/none.db", f->dir);
	snprintf(message, sizeof message, "database file %s/none.db does not exist: make it first, or add ?create=1 to the target's dsn", f->dir);
	refuses_dsn(f, dsn, ERR_DB_CONNECT, message);
	snprintf(dsn, sizeof dsn, "%s/text.db", f->dir);
	OK(file_write_atomic(
	    dsn, bytes_of_str("This is certainly not a database, but a long enough text to look at.........................................."), 0600,
	    &f->e));
	snprintf(dsn, sizeof dsn, "sqlite:%s/text.db", f->dir);
	snprintf(message, sizeof message, "%s/text.db is not a SQLite database (or it is encrypted): correct the target's dsn", f->dir);
	refuses_dsn(f, dsn, ERR_DB_CONNECT, message);
	refuses_dsn(f, "sqlite::memory:", ERR_USAGE, "dsn 'sqlite::memory:': a SQLite target is a file: sqlite:/path/to/file");
	refuses_dsn(f, "sqlite:", ERR_USAGE, "dsn 'sqlite:': a SQLite target is a file: sqlite:/path/to/file");
	refuses_dsn(f, "sqlite:/x?mode=rw", ERR_USAGE, "dsn option 'mode=rw': SQLite targets know create=1 and foreign_keys=on");
}

static void family(struct fixture *f)
{
	OK(run(f, "CREATE TABLE parent (id INTEGER PRIMARY KEY)"));
	OK(run(f, "CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent (id) ON DELETE CASCADE)"));
	OK(run(f, "INSERT INTO parent VALUES (1), (2)"));
	OK(run(f, "INSERT INTO child VALUES (10, 1), (20, 2)"));
}

static int count_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	*(int *)arg = (int)strtol(values[0], NULL, 10);
	return 0;
}

static int count(struct fixture *f, const char *table)
{
	char sql[100];
	int n = -1;
	snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
	OK(f->en->query(f->c, bytes_of_str(sql), NULL, 0, count_row, &n, &f->e));
	return n;
}

static void test_new_broken_keys_stop_the_commit(void **state)
{
	struct fixture *f = *state;
	family(f);
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "INSERT INTO child VALUES (30, 77)"));
	FAILS(f->en->commit(f->c, &f->e));
	assert_int_equal(f->e.code, ERR_DB);
	assert_int_equal(f->e.db_errno, 787);
	assert_string_equal(f->e.msg, "foreign keys: 1 row of child would refer to missing rows of parent (0 before): the transaction was rolled back");
	assert_false(f->en->in_transaction(f->c));
	assert_int_equal(count(f, "child"), 2);
}

static void test_old_broken_keys_do_not(void **state)
{
	struct fixture *f = *state;
	family(f);
	OK(run(f, "INSERT INTO child VALUES (30, 77)")); /* outside a transaction nobody checks */
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "INSERT INTO child VALUES (40, 2)"));
	OK(f->en->commit(f->c, &f->e));
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "INSERT INTO child VALUES (50, 88)"));
	FAILS(f->en->commit(f->c, &f->e));
	assert_string_equal(f->e.msg, "foreign keys: 2 rows of child would refer to missing rows of parent (1 before): the transaction was rolled back");
}

/* The rebuild of the manual's ALTER TABLE page: with foreign keys on, its DROP TABLE would empty the child. */
static void test_table_rebuild_keeps_the_children(void **state)
{
	struct fixture *f = *state;
	family(f);
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "CREATE TABLE new_parent (id INTEGER PRIMARY KEY, name TEXT)"));
	OK(run(f, "INSERT INTO new_parent (id) SELECT id FROM parent"));
	OK(run(f, "DROP TABLE parent"));
	OK(run(f, "ALTER TABLE new_parent RENAME TO parent"));
	OK(f->en->commit(f->c, &f->e));
	assert_int_equal(count(f, "child"), 2);
	assert_int_equal(count(f, "parent"), 2);
}

static void test_actions_fire_on_request(void **state)
{
	struct fixture *f = *state;
	family(f);
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "DELETE FROM parent WHERE id = 1"));
	FAILS(f->en->commit(f->c, &f->e)); /* loud, not silently cascaded */
	reopen(f, "?foreign_keys=on");
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "DELETE FROM parent WHERE id = 1"));
	OK(f->en->commit(f->c, &f->e));
	assert_int_equal(count(f, "child"), 1);
}

static int text_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	str_copy(arg, 16, values[0]);
	return 0;
}

/* 3 is EXTRA: also after a release's PRAGMA, which holds for its own step alone. */
static void test_commits_are_durable_with_their_folder(void **state)
{
	struct fixture *f = *state;
	char synchronous[16] = "";
	OK(run(f, "PRAGMA synchronous = FULL"));
	OK(f->en->query(f->c, bytes_of_str("PRAGMA synchronous"), NULL, 0, text_row, synchronous, &f->e));
	assert_string_equal(synchronous, "3");
}

static void test_statements_that_no_release_may_hold(void **state)
{
	struct fixture *f = *state;
	static const char *const sql[] = {
	    "ATTACH '/tmp/rollcall-never.db' AS x",
	    "PRAGMA journal_mode = OFF",
	    "PRAGMA journal_mode = MEMORY",
	    "PRAGMA synchronous = OFF",
	    "DELETE FROM rollcall_ledger",
	    "UPDATE rollcall_meta SET value = 1",
	    "DROP TABLE rollcall_ledger",
	    "ALTER TABLE rollcall_ledger ADD x",
	    "VACUUM INTO '/tmp/rollcall-never.db'",
	    "CREATE TEMP TABLE rollcall_ledger (a)",
	    "CREATE TEMP VIEW rollcall_meta AS SELECT 1 AS value",
	    "CREATE TEMP TRIGGER x BEFORE INSERT ON rollcall_ledger BEGIN SELECT raise(IGNORE); END",
	};
	OK(f->en->query(f->c, bytes_of_str("CREATE TABLE rollcall_ledger (a)"), NULL, 0, NULL, NULL, &f->e));
	OK(f->en->query(f->c, bytes_of_str("CREATE TABLE rollcall_meta (value)"), NULL, 0, NULL, NULL, &f->e));
	for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
		if (run(f, sql[i]) == 0)
			fail_msg("%s was allowed", sql[i]);
		assert_int_equal(f->e.code, ERR_DB);
	}
	assert_false(file_exists("/tmp/rollcall-never.db"));
	OK(run(f, "VACUUM"));
	OK(run(f, "PRAGMA journal_mode = WAL"));
	OK(run(f, "PRAGMA user_version = 7"));
}

static void test_replaced_file_is_not_committed_to(void **state)
{
	struct fixture *f = *state;
	char message[300];
	OK(run(f, "CREATE TABLE t (a)"));
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "INSERT INTO t VALUES (1)"));
	assert_int_equal(unlink(f->path), 0);
	OK(file_write_atomic(f->path, bytes_of_str(""), 0600, &f->e));
	FAILS(f->en->commit(f->c, &f->e));
	snprintf(message, sizeof message,
	         "database file %s was replaced or removed while it was open (a restore?): the transaction was rolled back; start the delivery again",
	         f->path);
	assert_string_equal(f->e.msg, message);
	assert_int_equal(f->e.code, ERR_STATE);
	assert_false(f->en->in_transaction(f->c));
}

static void test_second_names_are_told(void **state)
{
	struct fixture *f = *state;
	char other[120];
	AUTO(buf_done) struct buf text = BUF_INIT;
	OK(f->en->cautions(f->c, &text, &f->e));
	assert_string_equal(buf_str(&text), "");
	snprintf(other, sizeof other, "%s-also", f->path);
	assert_int_equal(link(f->path, other), 0);
	OK(f->en->cautions(f->c, &text, &f->e));
	assert_non_null(strstr(buf_str(&text), " has another name too (a hard link)"));
	assert_int_equal(unlink(other), 0);
}

static void test_links_lead_to_one_lock(void **state)
{
	struct fixture *f = *state;
	char link_path[96], dsn[160];
	bool got = false;
	snprintf(link_path, sizeof link_path, "%s/link.db", f->dir);
	assert_int_equal(symlink(f->path, link_path), 0);
	snprintf(dsn, sizeof dsn, "sqlite:%s", link_path);
	OK(run(f, "CREATE TABLE t (a)"));
	struct engine_target t = f->target;
	struct conn *other = NULL;
	t.dsn = dsn;
	OK(f->en->open(&t, &other, &f->e));
	OK(f->en->try_lock(f->c, &got, NULL, &f->e));
	assert_true(got);
	OK(f->en->try_lock(other, &got, NULL, &f->e));
	assert_false(got);
	f->en->close(&other);
}

static void test_blocking_process_is_named(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT;
	OK(run(f, "CREATE TABLE t (a)"));
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "INSERT INTO t VALUES (1)"));
	struct conn *look = NULL;
	enum engine_wait wait = ENGINE_WAIT_LOCK;
	OK(f->en->blockers(&f->target, &look, "1/1", &wait, &text, &f->e));
	assert_null(look); /* closing another handle on the file would drop this process's locks on it */
	assert_int_equal(wait, ENGINE_WAIT_NONE);
	char mine[64];
	snprintf(mine, sizeof mine, "process %ld (", (long)getpid());
	if (text.n) { /* /proc/locks is hidden in some containers */
		assert_non_null(strstr(text.p, mine));
		assert_null(strstr(strstr(text.p, mine) + 1, mine)); /* it has several locks, and is named once */
		assert_non_null(strstr(text.p, f->path));
	}
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_files_that_are_no_target, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_new_broken_keys_stop_the_commit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_old_broken_keys_do_not, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_table_rebuild_keeps_the_children, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_actions_fire_on_request, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_commits_are_durable_with_their_folder, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_statements_that_no_release_may_hold, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_replaced_file_is_not_committed_to, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_second_names_are_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_links_lead_to_one_lock, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_blocking_process_is_named, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
