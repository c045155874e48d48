/* Every engine: timeouts, cancel, locks in the way, deadlocks, servers that die; and the retry class that each of them gets. */
#include "tests/support/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"

/* ---- timeouts, cancel, retry classes ---- */

#define ENDED_US 10000000 /* before the slow statement ends by itself, and with room for what else the machine does */

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
	assert_true(clock_mono_us() - start < ENDED_US);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
	assert_string_equal(bench_ask(f, f->c, "SELECT 1").text, "1");
}

struct cancel_job {
	struct fixture *f;
	struct conn *c;
	atomic_bool over;
};

static void *cancel_soon(void *arg)
{
	struct cancel_job *j = arg;
	bench_until_busy(j->f);
	while (!atomic_load(&j->over)) { /* SQLite's statement may not have begun yet */
		j->f->en->cancel(j->c);
		clock_sleep_ms(1000);
	}
	engines_thread_end();
	return NULL;
}

static void test_cancel_from_another_thread(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	struct cancel_job job = {.f = f, .c = f->c};
	OK(f->en->begin(f->c, &f->e));
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &job), 0);
	int64_t start = clock_mono_us();
	FAILS(bench_exec_on(f, f->c, f->b->slow));
	atomic_store(&job.over, true);
	pthread_join(thread, NULL);
	assert_int_equal(f->e.code, ERR_DB);
	assert_true(clock_mono_us() - start < ENDED_US);
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
	bench_until_busy(j->f);
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
	struct cancel_job job = {.f = f, .c = f->c};
	OK(f->en->cancel_backend(f->c, "1/1", &f->e));
	if (!f->b->server) /* there a dead agent leaves nothing that runs */
		return;
	assert_int_equal(pthread_create(&thread, NULL, cancel_by_backend, &job), 0);
	int64_t start = clock_mono_us();
	FAILS(bench_exec_on(f, f->c, f->b->slow));
	pthread_join(thread, NULL);
	assert_true(clock_mono_us() - start < ENDED_US);
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
	int64_t waited_us = clock_mono_us() - start;
	assert_true(waited_us > 800000 && waited_us < ENDED_US); /* a server's own patience may be 50 s */
	struct err e;
	assert_int_equal(f->en->rollback(other, &e), 0);
	OK(f->en->commit(f->c, &f->e));
	OK(f->en->begin(other, &f->e));
	OK(bench_exec_on(f, other, "UPDATE t SET b = 2 WHERE a = 1"));
	OK(f->en->commit(other, &f->e));
	f->en->close(&other);
}

/* How long `other` waits for what the fixture's connection has locked. */
static int64_t wait_in_vain(struct fixture *f, struct conn *other, uint32_t patience_ms)
{
	struct err e;
	f->en->patience(other, patience_ms);
	int64_t start = clock_mono_us();
	int rc = f->en->begin(other, &f->e);
	if (rc == 0)
		rc = bench_exec_on(f, other, "UPDATE t SET b = 2 WHERE a = 1");
	int64_t us = clock_mono_us() - start;
	assert_int_equal(rc, -1);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_LOCK);
	assert_int_equal(f->en->rollback(other, &e), 0);
	return us;
}

/* Patience is of the next transaction; it is not the session's to keep. A busy machine adds to a wait and takes nothing from it: the shortest of some counts. */
static void test_patience(void **state)
{
	struct fixture *f = *state;
	struct conn *other = bench_another(f);
	bench_ddl(f, "CREATE TABLE t (a int PRIMARY KEY, b int)");
	bench_apply(f, "INSERT INTO t VALUES (1, 0)");
	OK(f->en->begin(f->c, &f->e));
	OK(bench_exec_on(f, f->c, "UPDATE t SET b = 1 WHERE a = 1"));
	assert_true(wait_in_vain(f, other, 3000) > 2400000);
	int64_t us = wait_in_vain(f, other, 1000);
	for (int i = 0; i < 5 && us > 2400000; i++)
		us = wait_in_vain(f, other, 1000);
	assert_in_range(us, 800000, 2400000);
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
	bench_with_limits(f, 60000, 120000);
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
	bench_with_limits(f, 60000, 120000);
	struct conn *other = bench_another(f);
	bench_ddl(f, "CREATE TABLE t (a int PRIMARY KEY, b int)");
	bench_apply(f, "INSERT INTO t VALUES (1, 0)");
	OK(f->en->begin(f->c, &f->e));
	OK(bench_exec_on(f, f->c, "UPDATE t SET b = 1 WHERE a = 1"));
	OK(f->en->begin(other, &f->e));
	struct update_job job = {.f = f, .c = other, .sql = "UPDATE t SET b = 2 WHERE a = 1"};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, update_thread, &job), 0);
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct conn *look = NULL;
	enum engine_wait wait = ENGINE_WAIT_NONE;
	char pid[32];
	snprintf(pid, sizeof pid, "%ld ", strtol(f->en->backend(f->c), NULL, 10));
	for (int i = 0; i < 1000 && !strstr(buf_str(&text), pid); i++) { /* once it waits */
		clock_sleep_ms(20);
		buf_clear(&text);
		OK(f->en->blockers(&f->target, &look, f->en->backend(other), &wait, &text, &f->e));
	}
	f->en->close(&look);
	if (!strstr(buf_str(&text), pid))
		fail_msg("'%s' does not name %s", buf_str(&text), pid);
	OK(f->en->rollback(f->c, &f->e));
	pthread_join(thread, NULL);
	assert_int_equal(job.rc, 0);
	f->en->close(&other);
}

/* ---- a server that dies ---- */

static void *kill_when_busy(void *arg)
{
	struct fixture *f = arg;
	bench_until_busy(f);
	server_kill(f->b->process);
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
	assert_int_equal(pthread_create(&thread, NULL, kill_when_busy, f), 0);
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
