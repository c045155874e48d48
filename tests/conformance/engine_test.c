/* Every engine: statements, transactions, session, identity, the lock of a delivery. It asks for capabilities, never for a name; what an engine alone does is in
 * <engine>_test.c beside it. */
#include "tests/support/bench.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"

/* ---- statements and transactions ---- */

static void test_commit_and_rollback(void **state)
{
	struct fixture *f = *state;
	struct conn *other = bench_another(f);
	bench_ddl(f, "CREATE TABLE t (a int)");
	uint64_t rows = 0;
	OK(f->en->begin(f->c, &f->e));
	assert_true(f->en->in_transaction(f->c));
	OK(f->en->exec(f->c, bytes_of_str("INSERT INTO t VALUES (1), (2)"), &rows, &f->e));
	assert_int_equal(rows, 2);
	OK(f->en->rollback(f->c, &f->e));
	assert_false(f->en->in_transaction(f->c));
	assert_string_equal(bench_ask(f, other, "SELECT count(*) FROM t").text, "0");
	bench_apply(f, "INSERT INTO t VALUES (3)");
	assert_string_equal(bench_ask(f, other, "SELECT a FROM t").text, "3");
	OK(f->en->rollback(f->c, &f->e)); /* fine outside */
	FAILS(f->en->commit(f->c, &f->e));
	assert_int_equal(f->e.code, ERR_STATE);
	f->en->close(&other);
}

static void test_failed_transaction_cannot_commit(void **state)
{
	struct fixture *f = *state;
	bench_ddl(f, "CREATE TABLE t (a int PRIMARY KEY)");
	OK(f->en->begin(f->c, &f->e));
	OK(bench_exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
	FAILS(bench_exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
	assert_int_equal(f->e.code, ERR_DB);
	assert_true(f->en->unique_violation(&f->e));
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
	OK(f->en->rollback(f->c, &f->e));
	assert_string_equal(bench_ask(f, f->c, "SELECT count(*) FROM t").text, "0");
	FAILS(bench_exec_on(f, f->c, "SELEC 1"));
	assert_int_equal(f->e.code, ERR_DB);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
	assert_false(f->en->unique_violation(&f->e));
}

/* What people's queries may do: nothing but read, and what follows may write again. */
static void test_reading_only(void **state)
{
	struct fixture *f = *state;
	bench_ddl(f, "CREATE TABLE t (a int)");
	OK(f->en->begin_read(f->c, &f->e));
	assert_true(f->en->in_transaction(f->c));
	assert_string_equal(bench_ask(f, f->c, "SELECT count(*) FROM t").text, "0");
	FAILS(f->en->query(f->c, bytes_of_str("INSERT INTO t VALUES (1)"), NULL, 0, NULL, NULL, &f->e));
	OK(f->en->rollback(f->c, &f->e));
	assert_false(f->en->in_transaction(f->c));
	OK(f->en->begin(f->c, &f->e));
	OK(bench_exec_on(f, f->c, "INSERT INTO t VALUES (2)"));
	OK(f->en->commit(f->c, &f->e));
	assert_string_equal(bench_ask(f, f->c, "SELECT sum(a) FROM t").text, "2");
}

static void test_ddl_in_a_transaction(void **state)
{
	struct fixture *f = *state;
	bool exists = true;
	OK(f->en->begin(f->c, &f->e));
	if (f->en->caps.transactional_ddl) {
		OK(bench_exec_on(f, f->c, "CREATE TABLE t (a int)"));
		OK(f->en->rollback(f->c, &f->e));
		OK(f->en->table_exists(f->c, NULL, "t", false, &exists, &f->e));
		assert_false(exists);
	} else {
		FAILS(bench_exec_on(f, f->c, "CREATE TABLE t (a int)"));
		assert_int_equal(f->e.code, ERR_STATE);
		assert_false(f->en->in_transaction(f->c));
	}
}

static void test_transaction_control_is_refused(void **state)
{
	struct fixture *f = *state;
	bench_ddl(f, "CREATE TABLE t (a int)");
	OK(f->en->begin(f->c, &f->e));
	FAILS(bench_exec_on(f, f->c, "COMMIT"));
	OK(f->en->rollback(f->c, &f->e));
	assert_false(f->en->in_transaction(f->c));
	FAILS(bench_exec_on(f, f->c, "BEGIN"));
	assert_int_equal(f->e.code, ERR_STATE);
	assert_false(f->en->in_transaction(f->c));
	bench_apply(f, "INSERT INTO t VALUES (1)");
}

static void test_one_statement_only(void **state)
{
	struct fixture *f = *state;
	bench_ddl(f, "CREATE TABLE t (a int)");
	FAILS(bench_exec_on(f, f->c, "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"));
	assert_string_equal(bench_ask(f, f->c, "SELECT count(*) FROM t").text, "0");
	OK(bench_exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
}

static int stop_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)values;
	++*(int *)arg;
	return err_set(e, ERR_LIMIT, "enough");
}

static void test_queries(void **state)
{
	struct fixture *f = *state;
	int rows = 0;
	bool numbered = f->b->dialect == DIALECT_POSTGRESQL;
	bench_ddl(f, "CREATE TABLE t (a varchar(100), b varchar(100))");
	struct engine_param params[] = {{.value = bytes_of_str("O'Reilly \\ \"\xc3\xa4\xf0\x9f\x98\x80\"")}, {.null = true}};
	OK(f->en->query(f->c, bytes_of_str(numbered ? "INSERT INTO t VALUES ($1, $2)" : "INSERT INTO t VALUES (?, ?)"), params, 2, NULL, NULL, &f->e));
	struct value v = {"", 0};
	OK(f->en->query(f->c, bytes_of_str(numbered ? "SELECT a FROM t WHERE a = $1" : "SELECT a FROM t WHERE a = ?"), params, 1, bench_value_row, &v,
	                &f->e));
	assert_string_equal(v.text, "O'Reilly \\ \"\xc3\xa4\xf0\x9f\x98\x80\"");
	assert_string_equal(bench_ask(f, f->c, "SELECT b FROM t").text, "NULL");
	OK(bench_exec_on(f, f->c, "INSERT INTO t VALUES ('x', 'y')"));
	FAILS(f->en->query(f->c, bytes_of_str("SELECT a FROM t"), NULL, 0, stop_row, &rows, &f->e));
	assert_int_equal(rows, 1);
	assert_string_equal(f->e.msg, "enough");
	assert_int_equal(bench_ask(f, f->c, "SELECT a FROM t").rows, 2); /* the connection is usable */
}

static void test_tables_and_views(void **state)
{
	struct fixture *f = *state;
	bool exists = false;
	bench_ddl(f, "CREATE TABLE t (a int)");
	bench_ddl(f, "CREATE VIEW v AS SELECT a FROM t");
	OK(f->en->table_exists(f->c, NULL, "t", false, &exists, &f->e));
	assert_true(exists);
	OK(f->en->table_exists(f->c, NULL, "v", true, &exists, &f->e));
	assert_true(exists);
	OK(f->en->table_exists(f->c, NULL, "v", false, &exists, &f->e));
	assert_false(exists);
	OK(f->en->table_exists(f->c, NULL, "nothing", false, &exists, &f->e));
	assert_false(exists);
}

/* ---- session ---- */

static void test_session_state_does_not_leak(void **state)
{
	struct fixture *f = *state;
	char before[256];
	str_copy(before, sizeof before, bench_ask(f, f->c, f->b->show).text);
	OK(bench_exec_on(f, f->c, f->b->set));
	assert_string_equal(bench_ask(f, f->c, f->b->show).text, before);
	OK(bench_exec_on(f, f->c, f->b->set));
	OK(f->en->begin(f->c, &f->e));
	assert_string_equal(bench_ask(f, f->c, f->b->show).text, before);
	OK(bench_exec_on(f, f->c, f->b->dialect == DIALECT_SQLITE ? "PRAGMA user_version" : f->b->set));
	OK(f->en->commit(f->c, &f->e));
	assert_string_equal(bench_ask(f, f->c, f->b->show).text, before);
	if (!f->b->temporary)
		return;
	bench_apply(f, f->b->temporary);
	OK(f->en->begin(f->c, &f->e));
	FAILS(bench_exec_on(f, f->c, "SELECT a FROM leftover"));
	OK(f->en->rollback(f->c, &f->e));
}

static void test_identity(void **state)
{
	struct fixture *f = *state;
	struct engine_identity mine, same, other;
	OK(f->en->identity(f->c, &mine, &f->e));
	assert_true(mine.primary);
	assert_true(mine.version[0] >= '0' && mine.version[0] <= '9');
	struct conn *c = bench_another(f);
	OK(f->en->identity(c, &same, &f->e));
	assert_string_equal(mine.database, same.database);
	assert_string_not_equal(f->en->backend(f->c), f->b->server ? f->en->backend(c) : "");
	f->en->close(&c);
	AUTO(mem_free_ptr) char *dsn = bench_dsn_of(f->b, "elsewhere");
	if (f->b->server)
		server_create(f->b->process, "elsewhere");
	f->target.dsn = dsn;
	c = bench_another(f);
	OK(f->en->identity(c, &other, &f->e));
	assert_string_not_equal(mine.database, other.database);
	f->en->close(&c);
}

/* ---- the lock of a delivery ---- */

#define LATER_TRIES 3000 /* 10 ms apart */

static void test_lock_is_exclusive(void **state)
{
	struct fixture *f = *state;
	struct conn *other = bench_another(f);
	bool got = false;
	char holder[256] = "";
	OK(f->en->try_lock(f->c, &got, holder, &f->e));
	assert_true(got);
	OK(f->en->try_lock(f->c, &got, holder, &f->e)); /* ours already */
	assert_true(got);
	OK(f->en->try_lock(other, &got, holder, &f->e));
	assert_false(got);
	char pid[32];
	str_copy(pid, sizeof pid, f->en->backend(f->c));
	pid[strcspn(pid, "/")] = '\0';
	assert_non_null(strstr(holder, pid));
	OK(f->en->unlock(f->c, &f->e));
	OK(f->en->try_lock(other, &got, NULL, &f->e));
	assert_true(got);
	f->en->close(&other);
	got = false;
	for (int i = 0; i < LATER_TRIES && !got; i++) { /* a server notices a little later */
		OK(f->en->try_lock(f->c, &got, NULL, &f->e));
		clock_sleep_ms(got ? 0 : 10);
	}
	assert_true(got);
}

/* A process that takes the lock and is killed: -9 must be enough to free it. */
static pid_t lock_in_a_child(struct fixture *f)
{
	int ends[2];
	char byte;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct conn *c = NULL;
		bool got = false;
		if (f->en->open(&f->target, &c, &f->e) == 0 && f->en->try_lock(c, &got, NULL, &f->e) == 0 && got && write(ends[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	return pid;
}

static void test_lock_dies_with_its_process(void **state)
{
	struct fixture *f = *state;
	bool got = true;
	pid_t pid = lock_in_a_child(f);
	OK(f->en->try_lock(f->c, &got, NULL, &f->e));
	assert_false(got);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < LATER_TRIES && !got; i++) {
		clock_sleep_ms(10);
		OK(f->en->try_lock(f->c, &got, NULL, &f->e));
	}
	assert_true(got);
}

static void test_backend_alive(void **state)
{
	struct fixture *f = *state;
	struct conn *other = bench_another(f);
	bool alive = false, got = false;
	char backend[64];
	str_copy(backend, sizeof backend, f->en->backend(other));
	OK(f->en->try_lock(other, &got, NULL, &f->e));
	OK(f->en->backend_alive(f->c, backend, &alive, &f->e));
	assert_true(alive);
	f->en->close(&other);
	for (int i = 0; i < LATER_TRIES && alive; i++) { /* a server notices a little later */
		OK(f->en->backend_alive(f->c, backend, &alive, &f->e));
		clock_sleep_ms(10);
	}
	assert_false(alive);
	FAILS(f->en->backend_alive(f->c, "nonsense", &alive, &f->e));
}

/* "a, b" of the key, "" when there is none. */
static const char *key_of(struct fixture *f, const char *table)
{
	struct engine_key k;
	const char *text = "";
	OK(f->en->begin(f->c, &f->e));
	OK(f->en->table_key(f->c, "", table, f->arena, &k, &f->e));
	OK(f->en->rollback(f->c, &f->e));
	for (size_t i = 0; i < k.n_columns; i++)
		text = arena_printf(f->arena, "%s%s%s", text, i ? ", " : "", k.columns[i].name);
	return text;
}

static void test_table_key(void **state)
{
	struct fixture *f = *state;
	bench_ddl(f, "CREATE TABLE one (a integer PRIMARY KEY, b int NOT NULL UNIQUE)");
	bench_ddl(f, "CREATE TABLE two (a int NOT NULL, b varchar(20) NOT NULL, c int, PRIMARY KEY (b, a))");
	bench_ddl(f, "CREATE TABLE uniq (a int, b int NOT NULL, c int NOT NULL UNIQUE)");
	bench_ddl(f, "CREATE TABLE nulls (a int UNIQUE, b int)");
	bench_ddl(f, "CREATE TABLE none (a int NOT NULL)");
	bench_ddl(f, "CREATE INDEX none_a ON none (a)");
	bench_ddl(f, "CREATE VIEW seen AS SELECT * FROM one");
	assert_string_equal(key_of(f, "one"), "a");
	assert_string_equal(key_of(f, "two"), "b, a");
	assert_string_equal(key_of(f, "uniq"), "c");
	assert_string_equal(key_of(f, "nulls"), "");
	assert_string_equal(key_of(f, "none"), "");
	assert_string_equal(key_of(f, "seen"), "");
	assert_string_equal(key_of(f, "absent"), "");
}

static void test_no_replica_is_behind(void **state)
{
	struct fixture *f = *state;
	struct engine_lag lag = {.ms = 1};
	if (!f->en->replica_lag)
		return;
	OK(f->en->replica_lag(f->c, &lag, &f->e));
	assert_int_equal(lag.ms, 0);
	OK(f->en->replica_lag(f->c, &lag, &f->e)); /* now against a mark */
	assert_int_equal(lag.ms, 0);
}

static const struct bench_test suite[] = {
    BENCH_TEST(test_commit_and_rollback),
    BENCH_TEST(test_failed_transaction_cannot_commit),
    BENCH_TEST(test_reading_only),
    BENCH_TEST(test_ddl_in_a_transaction),
    BENCH_TEST(test_transaction_control_is_refused),
    BENCH_TEST(test_one_statement_only),
    BENCH_TEST(test_queries),
    BENCH_TEST(test_tables_and_views),
    BENCH_TEST(test_table_key),
    BENCH_TEST(test_no_replica_is_behind),
    BENCH_TEST(test_session_state_does_not_leak),
    BENCH_TEST(test_identity),
    BENCH_TEST(test_lock_is_exclusive),
    BENCH_TEST(test_lock_dies_with_its_process),
    BENCH_TEST(test_backend_alive),
};

int main(int argc, char **argv)
{
	return bench_run(suite, ARRAY_LEN(suite), argc, argv);
}
