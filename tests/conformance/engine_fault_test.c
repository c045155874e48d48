/* Every engine: timeouts, cancel, locks in the way, deadlocks, servers that die; and the retry class that each of them gets. */
#include "tests/support/bench.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"

/* ---- timeouts, cancel, retry classes ---- */

static void test_statement_timeout(void **state)
{
	struct fixture *f = *state;
	if (!f->en->caps.statement_timeout)
		return;
	bench_with_limits(f, 1000, 300);
	int64_t start = clock_mono_us();
	FAILS(bench_exec_on(f, f->c, f->b->slow));
	assert_int_equal(f->e.code, ERR_TIMEOUT);
	assert_string_equal(f->e.msg, "the statement ran longer than statement_timeout (300 ms) and was stopped");
	assert_true(clock_mono_us() - start < 3000000);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
	assert_string_equal(bench_ask(f, f->c, "SELECT 1").text, "1");
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
	FAILS(bench_exec_on(f, f->c, f->b->slow));
	pthread_join(thread, NULL);
	assert_int_equal(f->e.code, ERR_DB);
	assert_true(clock_mono_us() - start < 5000000);
	OK(f->en->rollback(f->c, &f->e));
	assert_string_equal(bench_ask(f, f->c, "SELECT 1").text, "1");
}

static void *cancel_by_backend(void *arg)
{
	struct cancel_job *j = arg;
	struct err e = ERR_INIT;
	struct conn *own = NULL;
	char backend[64];
	str_copy(backend, sizeof backend, j->f->en->backend(j->c));
	clock_sleep_ms(300);
	if (j->f->en->open(&j->f->target, &own, &e) != 0 || j->f->en->cancel_backend(own, backend, &e) != 0)
		fprintf(stderr, "cancel_backend: %s\n", e.msg);
	j->f->en->close(&own);
	engines_thread_end();
	return NULL;
}

/* What a later agent does to a dead one's statement: by the id that was recorded, on a connection of its own. Another backend's id ends nothing. */
static void test_cancel_by_recorded_backend(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	struct cancel_job job = {f, f->c};
	OK(f->en->cancel_backend(f->c, "1/1", &f->e));
	if (!f->b->server) /* there a dead agent leaves nothing that runs */
		return;
	assert_int_equal(pthread_create(&thread, NULL, cancel_by_backend, &job), 0);
	int64_t start = clock_mono_us();
	FAILS(bench_exec_on(f, f->c, f->b->slow));
	pthread_join(thread, NULL);
	assert_true(clock_mono_us() - start < 5000000);
	assert_string_equal(bench_ask(f, f->c, "SELECT 1").text, "1");
}

/* A writer that stays in its transaction: the next one gives up after lock_timeout and may try again. */
static void test_lock_timeout(void **state)
{
	struct fixture *f = *state;
	struct conn *other = bench_another(f);
	bench_ddl(f, "CREATE TABLE t (a int PRIMARY KEY, b int)");
	bench_apply(f, "INSERT INTO t VALUES (1, 0)");
	OK(f->en->begin(f->c, &f->e));
	OK(bench_exec_on(f, f->c, "UPDATE t SET b = 1 WHERE a = 1"));
	int64_t start = clock_mono_us();
	int rc = f->en->begin(other, &f->e);
	if (rc == 0)
		rc = bench_exec_on(f, other, "UPDATE t SET b = 2 WHERE a = 1");
	assert_int_equal(rc, -1);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_LOCK);
	assert_in_range(clock_mono_us() - start, 800000, 4000000);
	struct err e;
	assert_int_equal(f->en->rollback(other, &e), 0);
	OK(f->en->commit(f->c, &f->e));
	OK(f->en->begin(other, &f->e));
	OK(bench_exec_on(f, other, "UPDATE t SET b = 2 WHERE a = 1"));
	OK(f->en->commit(other, &f->e));
	f->en->close(&other);
}

/* Patience is of the next transaction; it is not the session's to keep. */
static void test_patience(void **state)
{
	struct fixture *f = *state;
	struct conn *other = bench_another(f);
	const uint32_t patience_ms[] = {3000, 1000};
	bench_ddl(f, "CREATE TABLE t (a int PRIMARY KEY, b int)");
	bench_apply(f, "INSERT INTO t VALUES (1, 0)");
	OK(f->en->begin(f->c, &f->e));
	OK(bench_exec_on(f, f->c, "UPDATE t SET b = 1 WHERE a = 1"));
	for (size_t i = 0; i < ARRAY_LEN(patience_ms); i++) {
		struct err e;
		f->en->patience(other, patience_ms[i]);
		int64_t start = clock_mono_us();
		int rc = f->en->begin(other, &f->e);
		if (rc == 0)
			rc = bench_exec_on(f, other, "UPDATE t SET b = 2 WHERE a = 1");
		assert_int_equal(rc, -1);
		assert_int_equal(f->en->retry_class(&f->e), RETRY_LOCK);
		assert_in_range(clock_mono_us() - start, (int64_t)patience_ms[i] * 800, (int64_t)patience_ms[i] * 1000 + 1500000);
		assert_int_equal(f->en->rollback(other, &e), 0);
	}
	OK(f->en->rollback(f->c, &f->e));
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
	bench_with_limits(f, 8000, 20000);
	struct conn *other = bench_another(f);
	bench_ddl(f, "CREATE TABLE t (a int PRIMARY KEY, b int)");
	bench_apply(f, "INSERT INTO t VALUES (1, 0), (2, 0)");
	OK(f->en->begin(f->c, &f->e));
	OK(f->en->begin(other, &f->e));
	OK(bench_exec_on(f, f->c, "UPDATE t SET b = 1 WHERE a = 1"));
	OK(bench_exec_on(f, other, "UPDATE t SET b = 1 WHERE a = 2"));
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
	bench_with_limits(f, 5000, 20000);
	struct conn *other = bench_another(f);
	bench_ddl(f, "CREATE TABLE t (a int PRIMARY KEY, b int)");
	bench_apply(f, "INSERT INTO t VALUES (1, 0)");
	OK(f->en->begin(f->c, &f->e));
	OK(bench_exec_on(f, f->c, "UPDATE t SET b = 1 WHERE a = 1"));
	OK(f->en->begin(other, &f->e));
	struct update_job job = {.f = f, .c = other, .sql = "UPDATE t SET b = 2 WHERE a = 1"};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, update_thread, &job), 0);
	clock_sleep_ms(400);
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct conn *look = NULL;
	enum engine_wait wait = ENGINE_WAIT_NONE;
	OK(f->en->blockers(&f->target, &look, f->en->backend(other), &wait, &text, &f->e));
	f->en->close(&look);
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
	bench_ddl(f, "CREATE TABLE t (a int)");
	OK(f->en->begin(f->c, &f->e));
	OK(bench_exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
	pthread_t thread;
	struct kill_job job = {f->b, 300};
	assert_int_equal(pthread_create(&thread, NULL, kill_soon, &job), 0);
	FAILS(bench_exec_on(f, f->c, f->b->slow)); /* in flight */
	pthread_join(thread, NULL);
	assert_int_equal(f->e.code, ERR_UNKNOWN);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_UNKNOWN);
	FAILS(bench_exec_on(f, f->c, "SELECT 1")); /* nothing was sent */
	assert_true(f->en->retry_class(&f->e) == RETRY_CONN || f->en->retry_class(&f->e) == RETRY_UNKNOWN);
	struct conn *c = NULL;
	FAILS(f->en->open(&f->target, &c, &f->e));
	assert_int_equal(f->e.code, ERR_DB_CONNECT);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_CONN);
	server_restart(f->b->process);
	c = bench_another(f);
	assert_string_equal(bench_ask(f, c, "SELECT count(*) FROM t").text, "0");
	f->en->close(&c);
}

static void test_commit_reply_lost(void **state)
{
	struct fixture *f = *state;
	if (!f->b->server)
		return;
	bench_ddl(f, "CREATE TABLE t (a int)");
	OK(f->en->begin(f->c, &f->e));
	OK(bench_exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
	server_kill(f->b->process);
	FAILS(f->en->commit(f->c, &f->e));
	assert_int_equal(f->e.code, ERR_UNKNOWN);
	server_restart(f->b->process);
}

/* C14 rests on it. */
static void test_superuser_is_known(void **state)
{
	struct fixture *f = *state;
	bool superuser = true;
	OK(f->en->superuser(f->c, &superuser, &f->e));
	assert_false(superuser);
	if (!f->b->server)
		return;
	bool pg = f->b->dialect == DIALECT_POSTGRESQL;
	free(server_sql(f->b->process, pg ? "postgres" : "mysql", pg ? "ALTER ROLE rollcall SUPERUSER" : "GRANT SUPER ON *.* TO rollcall@'%'"));
	struct conn *other = bench_another(f);
	OK(f->en->superuser(other, &superuser, &f->e));
	f->en->close(&other);
	free(server_sql(f->b->process, pg ? "postgres" : "mysql", pg ? "ALTER ROLE rollcall NOSUPERUSER" : "REVOKE SUPER ON *.* FROM rollcall@'%'"));
	assert_true(superuser);
}

static const struct bench_test suite[] = {
    BENCH_TEST(test_superuser_is_known),
    BENCH_TEST(test_statement_timeout),
    BENCH_TEST(test_cancel_from_another_thread),
    BENCH_TEST(test_cancel_by_recorded_backend),
    BENCH_TEST(test_lock_timeout),
    BENCH_TEST(test_patience),
    BENCH_TEST(test_deadlock),
    BENCH_TEST(test_blockers_are_named),
    BENCH_TEST(test_server_killed),
    BENCH_TEST(test_commit_reply_lost),
};

int main(int argc, char **argv)
{
	return bench_run(suite, ARRAY_LEN(suite), argc, argv);
}
