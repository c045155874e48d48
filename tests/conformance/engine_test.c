/* One suite for every engine in the table, against real servers. It asks for capabilities and takes the few statements that no two engines write alike from
 * `benches`; what an engine alone does is in <engine>_test.c beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/engine/engine.h"
#include "agent/ledger/ledger.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "tests/support/servers.h"

struct bench {
	enum dialect dialect;
	const char *slow; /* runs for more than ten seconds */
	const char *set, *show; /* leaves session state behind; shows it */
	const char *temporary; /* leaves a temporary table called `leftover` */
	bool row_locks; /* two writers can work at once, and so block each other in a circle */
	bool server; /* a process of its own, which can be killed */
	/* filled in */
	const struct engine *en;
	struct server *process;
	char dir[64];
	unsigned databases;
};

static struct bench benches[] = {
    {
        .dialect = DIALECT_SQLITE,
        .slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT count(*) FROM n",
        .set = "PRAGMA foreign_keys = ON",
        .show = "PRAGMA foreign_keys",
        .temporary = "CREATE TEMP TABLE leftover (a int)",
    },
    {
        .dialect = DIALECT_POSTGRESQL,
        .slow = "SELECT count(*) FROM generate_series(1, 2000000000) a",
        .set = "SET search_path = pg_catalog",
        .show = "SHOW search_path",
        .temporary = "CREATE TEMPORARY TABLE leftover (a int)",
        .row_locks = true,
        .server = true,
    },
    {
        .dialect = DIALECT_MARIADB,
        .slow = "SELECT count(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.COLUMNS c",
        .set = "SET sql_mode = ''",
        .show = "SELECT @@sql_mode",
        .row_locks = true,
        .server = true,
    },
};

/* ---- one test: a database of its own and a connection to it ---- */

struct fixture {
	struct bench *b;
	const struct engine *en;
	struct engine_target target;
	struct secret *password;
	struct conn *c;
	struct arena *arena;
	char database[32], *dsn;
	struct err e;
};

#define OK(call)                                 \
	do {                                         \
		if ((call) != 0)                         \
			fail_msg("%s: %s", #call, f->e.msg); \
	} while (0)
#define FAILS(call) assert_int_equal((call), -1)

static char *dsn_of(struct bench *b, const char *database)
{
	if (b->server)
		return server_dsn(b->process, database);
	struct buf text = BUF_INIT;
	buf_addf(&text, "sqlite:%s/%s.db?create=1", b->dir, database);
	return buf_take(&text);
}

static int setup(void **state)
{
	struct bench *b = *state;
	struct fixture *f = mem_alloc(sizeof *f);
	f->b = b;
	f->en = b->en;
	snprintf(f->database, sizeof f->database, "shop%u", b->databases++);
	if (b->server) {
		server_create(b->process, f->database);
		f->password = secret_new(server_password(b->process), strlen(server_password(b->process)));
	}
	f->dsn = dsn_of(b, f->database);
	f->target = (struct engine_target){.id = "eu/one/shop",
	                                   .dsn = f->dsn,
	                                   .password = f->password,
	                                   .connect_timeout_ms = 5000,
	                                   .lock_timeout_ms = 1000,
	                                   .statement_timeout_ms = 20000};
	f->arena = arena_new(64 << 20);
	OK(f->en->open(&f->target, &f->c, &f->e));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	*state = f->b;
	f->en->close(&f->c);
	arena_destroy(&f->arena);
	secret_destroy(&f->password);
	free(f->dsn);
	free(f);
	return 0;
}

static struct conn *another(struct fixture *f)
{
	struct conn *c = NULL;
	OK(f->en->open(&f->target, &c, &f->e));
	return c;
}

static void with_limits(struct fixture *f, uint32_t lock_ms, uint32_t statement_ms)
{
	f->target.lock_timeout_ms = lock_ms;
	f->target.statement_timeout_ms = statement_ms;
	f->en->close(&f->c);
	f->c = another(f);
}

static int exec_on(struct fixture *f, struct conn *c, const char *sql)
{
	return f->en->exec(c, bytes_of_str(sql), NULL, &f->e);
}

/* A class T step. */
static void apply(struct fixture *f, const char *sql)
{
	OK(f->en->begin(f->c, &f->e));
	OK(exec_on(f, f->c, sql));
	OK(f->en->commit(f->c, &f->e));
}

/* DDL the way the engine can: in a transaction, or alone. */
static void ddl(struct fixture *f, const char *sql)
{
	if (f->en->caps.transactional_ddl)
		apply(f, sql);
	else
		OK(exec_on(f, f->c, sql));
}

struct value {
	char text[256];
	unsigned rows;
};

static int value_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)e;
	struct value *v = arg;
	assert_true(n >= 1);
	str_copy(v->text, sizeof v->text, values[0] ? values[0] : "NULL");
	v->rows++;
	return 0;
}

static struct value ask(struct fixture *f, struct conn *c, const char *sql)
{
	struct value v = {"", 0};
	OK(f->en->query(c, bytes_of_str(sql), NULL, 0, value_row, &v, &f->e));
	return v;
}

/* ---- statements and transactions ---- */

static void test_commit_and_rollback(void **state)
{
	struct fixture *f = *state;
	struct conn *other = another(f);
	ddl(f, "CREATE TABLE t (a int)");
	uint64_t rows = 0;
	OK(f->en->begin(f->c, &f->e));
	assert_true(f->en->in_transaction(f->c));
	OK(f->en->exec(f->c, bytes_of_str("INSERT INTO t VALUES (1), (2)"), &rows, &f->e));
	assert_int_equal(rows, 2);
	OK(f->en->rollback(f->c, &f->e));
	assert_false(f->en->in_transaction(f->c));
	assert_string_equal(ask(f, other, "SELECT count(*) FROM t").text, "0");
	apply(f, "INSERT INTO t VALUES (3)");
	assert_string_equal(ask(f, other, "SELECT a FROM t").text, "3");
	OK(f->en->rollback(f->c, &f->e)); /* fine outside */
	FAILS(f->en->commit(f->c, &f->e));
	assert_int_equal(f->e.code, ERR_STATE);
	f->en->close(&other);
}

static void test_failed_transaction_cannot_commit(void **state)
{
	struct fixture *f = *state;
	ddl(f, "CREATE TABLE t (a int PRIMARY KEY)");
	OK(f->en->begin(f->c, &f->e));
	OK(exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
	FAILS(exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
	assert_int_equal(f->e.code, ERR_DB);
	assert_true(f->en->unique_violation(&f->e));
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
	OK(f->en->rollback(f->c, &f->e));
	assert_string_equal(ask(f, f->c, "SELECT count(*) FROM t").text, "0");
	FAILS(exec_on(f, f->c, "SELEC 1"));
	assert_int_equal(f->e.code, ERR_DB);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
	assert_false(f->en->unique_violation(&f->e));
}

static void test_ddl_in_a_transaction(void **state)
{
	struct fixture *f = *state;
	bool exists = true;
	OK(f->en->begin(f->c, &f->e));
	if (f->en->caps.transactional_ddl) {
		OK(exec_on(f, f->c, "CREATE TABLE t (a int)"));
		OK(f->en->rollback(f->c, &f->e));
		OK(f->en->table_exists(f->c, NULL, "t", false, &exists, &f->e));
		assert_false(exists);
	} else {
		FAILS(exec_on(f, f->c, "CREATE TABLE t (a int)"));
		assert_int_equal(f->e.code, ERR_STATE);
		assert_false(f->en->in_transaction(f->c));
	}
}

static void test_transaction_control_is_refused(void **state)
{
	struct fixture *f = *state;
	ddl(f, "CREATE TABLE t (a int)");
	OK(f->en->begin(f->c, &f->e));
	FAILS(exec_on(f, f->c, "COMMIT"));
	OK(f->en->rollback(f->c, &f->e));
	assert_false(f->en->in_transaction(f->c));
	FAILS(exec_on(f, f->c, "BEGIN"));
	assert_int_equal(f->e.code, ERR_STATE);
	assert_false(f->en->in_transaction(f->c));
	apply(f, "INSERT INTO t VALUES (1)");
}

static void test_one_statement_only(void **state)
{
	struct fixture *f = *state;
	ddl(f, "CREATE TABLE t (a int)");
	FAILS(exec_on(f, f->c, "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"));
	assert_string_equal(ask(f, f->c, "SELECT count(*) FROM t").text, "0");
	OK(exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
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
	ddl(f, "CREATE TABLE t (a varchar(100), b varchar(100))");
	struct engine_param params[] = {{.value = bytes_of_str("O'Reilly \\ \"\xc3\xa4\xf0\x9f\x98\x80\"")}, {.null = true}};
	OK(f->en->query(f->c, bytes_of_str(numbered ? "INSERT INTO t VALUES ($1, $2)" : "INSERT INTO t VALUES (?, ?)"), params, 2, NULL, NULL, &f->e));
	struct value v = {"", 0};
	OK(f->en->query(f->c, bytes_of_str(numbered ? "SELECT a FROM t WHERE a = $1" : "SELECT a FROM t WHERE a = ?"), params, 1, value_row, &v, &f->e));
	assert_string_equal(v.text, "O'Reilly \\ \"\xc3\xa4\xf0\x9f\x98\x80\"");
	assert_string_equal(ask(f, f->c, "SELECT b FROM t").text, "NULL");
	OK(exec_on(f, f->c, "INSERT INTO t VALUES ('x', 'y')"));
	FAILS(f->en->query(f->c, bytes_of_str("SELECT a FROM t"), NULL, 0, stop_row, &rows, &f->e));
	assert_int_equal(rows, 1);
	assert_string_equal(f->e.msg, "enough");
	assert_int_equal(ask(f, f->c, "SELECT a FROM t").rows, 2); /* the connection is usable */
}

static void test_tables_and_views(void **state)
{
	struct fixture *f = *state;
	bool exists = false;
	ddl(f, "CREATE TABLE t (a int)");
	ddl(f, "CREATE VIEW v AS SELECT a FROM t");
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
	str_copy(before, sizeof before, ask(f, f->c, f->b->show).text);
	OK(exec_on(f, f->c, f->b->set));
	assert_string_equal(ask(f, f->c, f->b->show).text, before);
	OK(exec_on(f, f->c, f->b->set));
	OK(f->en->begin(f->c, &f->e));
	assert_string_equal(ask(f, f->c, f->b->show).text, before);
	OK(exec_on(f, f->c, f->b->dialect == DIALECT_SQLITE ? "PRAGMA user_version" : f->b->set));
	OK(f->en->commit(f->c, &f->e));
	assert_string_equal(ask(f, f->c, f->b->show).text, before);
	if (!f->b->temporary)
		return;
	apply(f, f->b->temporary);
	OK(f->en->begin(f->c, &f->e));
	FAILS(exec_on(f, f->c, "SELECT a FROM leftover"));
	OK(f->en->rollback(f->c, &f->e));
}

static void test_identity(void **state)
{
	struct fixture *f = *state;
	struct engine_identity mine, same, other;
	OK(f->en->identity(f->c, &mine, &f->e));
	assert_true(mine.primary);
	assert_true(mine.version[0] >= '0' && mine.version[0] <= '9');
	struct conn *c = another(f);
	OK(f->en->identity(c, &same, &f->e));
	assert_string_equal(mine.database, same.database);
	assert_string_not_equal(f->en->backend(f->c), f->b->server ? f->en->backend(c) : "");
	f->en->close(&c);
	AUTO(mem_free_ptr) char *dsn = dsn_of(f->b, "elsewhere");
	if (f->b->server)
		server_create(f->b->process, "elsewhere");
	f->target.dsn = dsn;
	c = another(f);
	OK(f->en->identity(c, &other, &f->e));
	assert_string_not_equal(mine.database, other.database);
	f->en->close(&c);
}

/* ---- the lock of a delivery ---- */

static void test_lock_is_exclusive(void **state)
{
	struct fixture *f = *state;
	struct conn *other = another(f);
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
	for (int i = 0; i < 100 && !got; i++) { /* a server notices a little later */
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
	for (int i = 0; i < 100 && !got; i++) {
		clock_sleep_ms(30);
		OK(f->en->try_lock(f->c, &got, NULL, &f->e));
	}
	assert_true(got);
}

static void test_backend_alive(void **state)
{
	struct fixture *f = *state;
	struct conn *other = another(f);
	bool alive = false, got = false;
	char backend[64];
	str_copy(backend, sizeof backend, f->en->backend(other));
	OK(f->en->try_lock(other, &got, NULL, &f->e));
	OK(f->en->backend_alive(f->c, backend, &alive, &f->e));
	assert_true(alive);
	f->en->close(&other);
	for (int i = 0; i < 100 && alive; i++) { /* a server notices a little later */
		OK(f->en->backend_alive(f->c, backend, &alive, &f->e));
		clock_sleep_ms(10);
	}
	assert_false(alive);
	FAILS(f->en->backend_alive(f->c, "nonsense", &alive, &f->e));
}

/* ---- timeouts, cancel, retry classes ---- */

static void test_statement_timeout(void **state)
{
	struct fixture *f = *state;
	if (!f->en->caps.statement_timeout)
		return;
	with_limits(f, 1000, 300);
	int64_t start = clock_mono_us();
	FAILS(exec_on(f, f->c, f->b->slow));
	assert_int_equal(f->e.code, ERR_TIMEOUT);
	assert_string_equal(f->e.msg, "the statement ran longer than statement_timeout (300 ms) and was stopped");
	assert_true(clock_mono_us() - start < 3000000);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
	assert_string_equal(ask(f, f->c, "SELECT 1").text, "1");
}

struct cancel_job {
	struct fixture *f;
	struct conn *c;
};

static void *cancel_soon(void *arg)
{
	struct cancel_job *j = arg;
	clock_sleep_ms(300);
	j->f->en->cancel(j->c);
	engines_thread_end();
	return NULL;
}

static void test_cancel_from_another_thread(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	struct cancel_job job = {f, f->c};
	OK(f->en->begin(f->c, &f->e));
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &job), 0);
	int64_t start = clock_mono_us();
	FAILS(exec_on(f, f->c, f->b->slow));
	pthread_join(thread, NULL);
	assert_int_equal(f->e.code, ERR_DB);
	assert_true(clock_mono_us() - start < 5000000);
	OK(f->en->rollback(f->c, &f->e));
	assert_string_equal(ask(f, f->c, "SELECT 1").text, "1");
}

/* A writer that stays in its transaction: the next one gives up after lock_timeout and may try again. */
static void test_lock_timeout(void **state)
{
	struct fixture *f = *state;
	struct conn *other = another(f);
	ddl(f, "CREATE TABLE t (a int PRIMARY KEY, b int)");
	apply(f, "INSERT INTO t VALUES (1, 0)");
	OK(f->en->begin(f->c, &f->e));
	OK(exec_on(f, f->c, "UPDATE t SET b = 1 WHERE a = 1"));
	int64_t start = clock_mono_us();
	int rc = f->en->begin(other, &f->e);
	if (rc == 0)
		rc = exec_on(f, other, "UPDATE t SET b = 2 WHERE a = 1");
	assert_int_equal(rc, -1);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_LOCK);
	assert_in_range(clock_mono_us() - start, 800000, 4000000);
	struct err e;
	assert_int_equal(f->en->rollback(other, &e), 0);
	OK(f->en->commit(f->c, &f->e));
	OK(f->en->begin(other, &f->e));
	OK(exec_on(f, other, "UPDATE t SET b = 2 WHERE a = 1"));
	OK(f->en->commit(other, &f->e));
	f->en->close(&other);
}

struct update_job {
	struct fixture *f;
	struct conn *c;
	const char *sql;
	struct err e;
	int rc;
};

static void *update_thread(void *arg)
{
	struct update_job *j = arg;
	j->rc = j->f->en->exec(j->c, bytes_of_str(j->sql), NULL, &j->e);
	engines_thread_end();
	return NULL;
}

static void test_deadlock(void **state)
{
	struct fixture *f = *state;
	if (!f->b->row_locks)
		return;
	with_limits(f, 8000, 20000);
	struct conn *other = another(f);
	ddl(f, "CREATE TABLE t (a int PRIMARY KEY, b int)");
	apply(f, "INSERT INTO t VALUES (1, 0), (2, 0)");
	OK(f->en->begin(f->c, &f->e));
	OK(f->en->begin(other, &f->e));
	OK(exec_on(f, f->c, "UPDATE t SET b = 1 WHERE a = 1"));
	OK(exec_on(f, other, "UPDATE t SET b = 1 WHERE a = 2"));
	struct update_job job = {.f = f, .c = other, .sql = "UPDATE t SET b = 2 WHERE a = 1"};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, update_thread, &job), 0);
	clock_sleep_ms(200);
	struct err mine = ERR_INIT;
	int rc = f->en->exec(f->c, bytes_of_str("UPDATE t SET b = 2 WHERE a = 2"), NULL, &mine);
	if (rc < 0) /* we are the victim: let the other one go on */
		OK(f->en->rollback(f->c, &f->e));
	pthread_join(thread, NULL);
	assert_int_equal(rc + job.rc, -1); /* exactly one of the two */
	assert_int_equal(f->en->retry_class(rc < 0 ? &mine : &job.e), RETRY_TXN);
	f->en->close(&other);
}

static void test_blockers_are_named(void **state)
{
	struct fixture *f = *state;
	if (!f->b->row_locks)
		return;
	with_limits(f, 5000, 20000);
	struct conn *other = another(f);
	ddl(f, "CREATE TABLE t (a int PRIMARY KEY, b int)");
	apply(f, "INSERT INTO t VALUES (1, 0)");
	OK(f->en->begin(f->c, &f->e));
	OK(exec_on(f, f->c, "UPDATE t SET b = 1 WHERE a = 1"));
	OK(f->en->begin(other, &f->e));
	struct update_job job = {.f = f, .c = other, .sql = "UPDATE t SET b = 2 WHERE a = 1"};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, update_thread, &job), 0);
	clock_sleep_ms(400);
	AUTO(buf_done) struct buf text = BUF_INIT;
	OK(f->en->blockers(&f->target, f->en->backend(other), &text, &f->e));
	char pid[32];
	snprintf(pid, sizeof pid, "%ld ", strtol(f->en->backend(f->c), NULL, 10));
	if (!strstr(buf_str(&text), pid))
		fail_msg("'%s' does not name %s", buf_str(&text), pid);
	OK(f->en->rollback(f->c, &f->e));
	pthread_join(thread, NULL);
	assert_int_equal(job.rc, 0);
	f->en->close(&other);
}

/* ---- a server that dies ---- */

struct kill_job {
	struct bench *b;
	uint32_t after_ms;
};

static void *kill_soon(void *arg)
{
	struct kill_job *j = arg;
	clock_sleep_ms(j->after_ms);
	server_kill(j->b->process);
	return NULL;
}

static void test_server_killed(void **state)
{
	struct fixture *f = *state;
	if (!f->b->server)
		return;
	ddl(f, "CREATE TABLE t (a int)");
	OK(f->en->begin(f->c, &f->e));
	OK(exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
	pthread_t thread;
	struct kill_job job = {f->b, 300};
	assert_int_equal(pthread_create(&thread, NULL, kill_soon, &job), 0);
	FAILS(exec_on(f, f->c, f->b->slow)); /* in flight */
	pthread_join(thread, NULL);
	assert_int_equal(f->e.code, ERR_UNKNOWN);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_UNKNOWN);
	FAILS(exec_on(f, f->c, "SELECT 1")); /* nothing was sent */
	assert_true(f->en->retry_class(&f->e) == RETRY_CONN || f->en->retry_class(&f->e) == RETRY_UNKNOWN);
	struct conn *c = NULL;
	FAILS(f->en->open(&f->target, &c, &f->e));
	assert_int_equal(f->e.code, ERR_DB_CONNECT);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_CONN);
	server_restart(f->b->process);
	c = another(f);
	assert_string_equal(ask(f, c, "SELECT count(*) FROM t").text, "0");
	f->en->close(&c);
}

static void test_commit_reply_lost(void **state)
{
	struct fixture *f = *state;
	if (!f->b->server)
		return;
	ddl(f, "CREATE TABLE t (a int)");
	OK(f->en->begin(f->c, &f->e));
	OK(exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
	server_kill(f->b->process);
	FAILS(f->en->commit(f->c, &f->e));
	assert_int_equal(f->e.code, ERR_UNKNOWN);
	server_restart(f->b->process);
}

/* ---- object state ---- */

static void state_of(struct fixture *f, const char *statement, uint8_t out[DIGEST_SIZE])
{
	struct sql_class s;
	sql_classify(f->b->dialect, bytes_of_str(statement), &s);
	OK(f->en->object_state(f->c, &s, out, &f->e));
}

static const uint8_t nothing[DIGEST_SIZE];

/* before -> statement -> after, and the state is the same when asked twice. */
static void changes_state(struct fixture *f, const char *statement)
{
	uint8_t before[DIGEST_SIZE], again[DIGEST_SIZE], after[DIGEST_SIZE];
	state_of(f, statement, before);
	state_of(f, statement, again);
	assert_memory_equal(before, again, DIGEST_SIZE);
	ddl(f, statement);
	state_of(f, statement, after);
	if (memcmp(before, after, DIGEST_SIZE) == 0)
		fail_msg("%s: the state did not change", statement);
}

static void test_object_state(void **state)
{
	struct fixture *f = *state;
	uint8_t digest[DIGEST_SIZE], again[DIGEST_SIZE];
	state_of(f, "CREATE TABLE t (a int)", digest);
	assert_memory_equal(digest, nothing, DIGEST_SIZE);
	changes_state(f, "CREATE TABLE t (a int, b int)");
	changes_state(f, "ALTER TABLE t ADD COLUMN c int");
	changes_state(f, "CREATE INDEX i ON t (a)");
	changes_state(f, f->b->dialect == DIALECT_MARIADB ? "DROP INDEX i ON t" : "DROP INDEX i");
	changes_state(f, "CREATE VIEW v AS SELECT a FROM t");
	changes_state(f, "DROP VIEW v");
	state_of(f, "ALTER TABLE t ADD COLUMN d int", digest);
	OK(exec_on(f, f->c, "INSERT INTO t (a) VALUES (1), (2)"));
	state_of(f, "ALTER TABLE t ADD COLUMN d int", again);
	assert_memory_equal(digest, again, DIGEST_SIZE);
	changes_state(f, "ALTER TABLE t RENAME TO u");
	changes_state(f, "DROP TABLE u");
	state_of(f, "DROP TABLE u", digest);
	assert_memory_equal(digest, nothing, DIGEST_SIZE);
}

static void test_state_of_the_whole_schema(void **state)
{
	struct fixture *f = *state;
	const struct sql_class unnamed = {.class = STEP_N};
	struct ledger l;
	uint8_t before[DIGEST_SIZE], with_ledger[DIGEST_SIZE], after[DIGEST_SIZE];
	OK(f->en->object_state(f->c, &unnamed, before, &f->e));
	OK(ledger_open(f->en, f->c, "eu/one/shop", f->arena, &l, &f->e));
	OK(f->en->object_state(f->c, &unnamed, with_ledger, &f->e));
	assert_memory_equal(before, with_ledger, DIGEST_SIZE);
	ddl(f, "CREATE TABLE t (a int)");
	OK(f->en->object_state(f->c, &unnamed, after, &f->e));
	assert_memory_not_equal(before, after, DIGEST_SIZE);
}

/* ---- ledger ---- */

static struct ledger_row sample(uint32_t step)
{
	return (struct ledger_row){
	    .changeset = "al\xc3\xad:orders",
	    .run = 1,
	    .step = step,
	    .release_version = "1.0",
	    .release_sequence = 7,
	    .task = "00ff",
	    .attempt = 1,
	    .epoch = 3,
	    .agent = "agent-eu",
	    .backend = "1/2",
	    .digest = {1, 2, 3},
	    .started_at_us = 1700000000000000,
	    .ended_at_us = -1,
	};
}

static struct ledger opened(struct fixture *f)
{
	struct ledger l;
	OK(ledger_open(f->en, f->c, "eu/one/shop", f->arena, &l, &f->e));
	return l;
}

static void test_ledger_round_trip(void **state)
{
	struct fixture *f = *state;
	struct ledger l;
	OK(ledger_peek(f->en, f->c, f->arena, &l, &f->e));
	assert_int_equal(l.n_rows, 0);
	l = opened(f);
	assert_null(l.target_id);
	for (uint32_t i = 0; i < 3; i++) {
		struct ledger_row row = sample(i);
		row.state = i == 1 ? STEP_INTENT : STEP_DONE;
		OK(f->en->begin(f->c, &f->e));
		OK(ledger_fence(f->en, f->c, &l, 3, &f->e));
		OK(ledger_append(f->en, f->c, &l, &row, &f->e));
		OK(f->en->commit(f->c, &f->e));
	}
	struct ledger again = opened(f);
	assert_int_equal(again.n_rows, 3);
	assert_int_equal(again.epoch, 3);
	assert_memory_equal(again.head, l.head, DIGEST_SIZE);
	assert_string_equal(again.rows[2].changeset, "al\xc3\xad:orders");
	assert_int_equal(again.rows[2].ended_at_us, -1);
	assert_string_equal(again.target_id, "eu/one/shop");
	struct engine_identity id;
	OK(f->en->identity(f->c, &id, &f->e));
	assert_string_equal(again.database_identity, id.database);
}

static void test_ledger_refuses_a_second_effect(void **state)
{
	struct fixture *f = *state;
	struct ledger mine = opened(f), theirs = opened(f);
	struct conn *other = another(f);
	struct ledger_row row = sample(0);
	OK(ledger_append(f->en, other, &theirs, &row, &f->e));
	row = sample(0);
	OK(f->en->begin(f->c, &f->e));
	FAILS(ledger_append(f->en, f->c, &mine, &row, &f->e));
	assert_int_equal(f->e.code, ERR_EXISTS);
	OK(f->en->rollback(f->c, &f->e));
	struct ledger now = opened(f);
	row = sample(0);
	FAILS(ledger_append(f->en, f->c, &now, &row, &f->e)); /* not by seq alone */
	assert_int_equal(f->e.code, ERR_EXISTS);
	row.state = STEP_FAILED;
	OK(ledger_append(f->en, f->c, &now, &row, &f->e));
	FAILS(ledger_fence(f->en, f->c, &now, 0, &f->e) == 0
	          ? ledger_fence(f->en, f->c, &now, 5, &f->e) || ledger_fence(f->en, f->c, &now, 4, &f->e) ? -1 : 0
	          : -2);
	assert_int_equal(f->e.code, ERR_STATE);
	f->en->close(&other);
}

static void test_ledger_row_and_effect_roll_back_together(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	ddl(f, "CREATE TABLE t (a int)");
	OK(f->en->begin(f->c, &f->e));
	OK(exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
	struct ledger_row row = sample(0);
	OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	OK(f->en->rollback(f->c, &f->e));
	ledger_forget_last(&l);
	assert_string_equal(ask(f, f->c, "SELECT count(*) FROM t").text, "0");
	assert_int_equal(opened(f).n_rows, 0);
}

static void test_ledger_tampering_shows(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	for (uint32_t i = 0; i < 2; i++) {
		struct ledger_row row = sample(i);
		OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	}
	AUTO(buf_done) struct buf sql = BUF_INIT;
	buf_addf(&sql, "UPDATE %sledger SET agent = 'mallory' WHERE seq = 2", f->en->ledger_prefix(f->c));
	OK(f->en->query(f->c, buf_bytes(&sql), NULL, 0, NULL, NULL, &f->e));
	FAILS(ledger_open(f->en, f->c, "eu/one/shop", f->arena, &l, &f->e));
	assert_int_equal(f->e.code, ERR_STATE);
	assert_non_null(strstr(f->e.msg, "ledger row 2 was changed: "));
}

/* ---- the same tests on every bench ---- */

#define TEST(function)      \
	{                       \
#function, function \
	}
static const struct {
	const char *name;
	CMUnitTestFunction function;
} suite[] = {
    TEST(test_commit_and_rollback),
    TEST(test_failed_transaction_cannot_commit),
    TEST(test_ddl_in_a_transaction),
    TEST(test_transaction_control_is_refused),
    TEST(test_one_statement_only),
    TEST(test_queries),
    TEST(test_tables_and_views),
    TEST(test_session_state_does_not_leak),
    TEST(test_identity),
    TEST(test_lock_is_exclusive),
    TEST(test_lock_dies_with_its_process),
    TEST(test_backend_alive),
    TEST(test_statement_timeout),
    TEST(test_cancel_from_another_thread),
    TEST(test_lock_timeout),
    TEST(test_deadlock),
    TEST(test_blockers_are_named),
    TEST(test_server_killed),
    TEST(test_commit_reply_lost),
    TEST(test_object_state),
    TEST(test_state_of_the_whole_schema),
    TEST(test_ledger_round_trip),
    TEST(test_ledger_refuses_a_second_effect),
    TEST(test_ledger_row_and_effect_roll_back_together),
    TEST(test_ledger_tampering_shows),
};

static int start_all(void **state)
{
	(void)state;
	struct err e;
	assert_int_equal(engines_init(&e), 0);
	for (size_t i = 0; i < ARRAY_LEN(benches); i++) {
		struct bench *b = &benches[i];
		b->en = engine_by_name(dialect_name(b->dialect));
		assert_non_null(b->en);
		if (b->server) {
			b->process = server_start(b->dialect, true);
		} else {
			str_copy(b->dir, sizeof b->dir, "/tmp/rollcall-engine-XXXXXX");
			assert_non_null(mkdtemp(b->dir));
		}
	}
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	struct err e;
	for (size_t i = 0; i < ARRAY_LEN(benches); i++) {
		server_stop(&benches[i].process);
		if (benches[i].dir[0])
			assert_int_equal(file_remove_tree(benches[i].dir, &e), 0);
	}
	engines_done();
	return 0;
}

static void test_every_engine_has_a_bench(void **state)
{
	(void)state;
	size_t n = 0;
	while (engines[n])
		n++;
	assert_int_equal(n, ARRAY_LEN(benches));
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[ARRAY_LEN(benches) * ARRAY_LEN(suite) + 1] = {cmocka_unit_test(test_every_engine_has_a_bench)};
	static char names[ARRAY_LEN(tests)][96];
	size_t n = 1;
	for (size_t i = 0; i < ARRAY_LEN(benches); i++)
		for (size_t k = 0; k < ARRAY_LEN(suite); k++, n++) {
			snprintf(names[n], sizeof names[n], "%s: %s", dialect_name(benches[i].dialect), suite[k].name);
			tests[n] = (struct CMUnitTest){names[n], suite[k].function, setup, teardown, &benches[i]};
		}
	if (argc > 1) /* one test of one engine, while working on it */
		cmocka_set_test_filter(argv[1]);
	return _cmocka_run_group_tests("engines", tests, n, start_all, stop_all);
}
