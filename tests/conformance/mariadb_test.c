/* What MariaDB alone does: refusals with their exact messages, pins, implicit commits, metadata locks, kills. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include "agent/ledger/ledger.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/support/solo.h"

static void refuses(struct fixture *f, const char *dsn, enum err_code code, const char *message)
{
	f->target.dsn = dsn;
	FAILS(f->en->open(&f->target, &f->c, &f->e));
	assert_null(f->c);
	assert_string_equal(f->e.msg, message);
	assert_int_equal(f->e.code, code);
	assert_null(strstr(f->e.msg, server_password(f->server)));
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	char dsn[200], message[600];
	int port = server_port(f->server);
	snprintf(dsn, sizeof dsn, "mariadb://rollcall@127.0.0.1:%d/none", port);
	snprintf(message, sizeof message,
	         "MariaDB at 127.0.0.1 port %d: Unknown database 'none' (error 1049): make the database first, or correct the target's dsn", port);
	refuses(f, dsn, ERR_DB_CONNECT, message);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
	FAILS((f->target.dsn = "mariadb://rollcall@127.0.0.1:1/shop", f->en->open(&f->target, &f->c, &f->e)));
	assert_int_equal(f->e.db_errno, 2002);
	assert_true(str_starts(f->e.msg, "MariaDB at 127.0.0.1 port 1: "));
	assert_true(str_ends(f->e.msg, ": is the server running, is the address right?"));
	assert_int_equal(f->en->retry_class(&f->e), RETRY_CONN);
	snprintf(dsn, sizeof dsn, "mariadb://rollcall@127.0.0.1:%d/shop", server_port(f->stranger));
	FAILS((f->target.dsn = dsn, f->en->open(&f->target, &f->c, &f->e)));
	assert_int_equal(f->e.code, ERR_DB_CONNECT);
	assert_true(str_ends(f->e.msg, "no greeting came within connect_timeout: is another kind of server on this port, or a firewall in the way?"));
	AUTO(secret_destroy) struct secret *wrong = secret_new("no-such-password", 16);
	f->target.password = wrong;
	snprintf(message, sizeof message,
	         "MariaDB at 127.0.0.1 port %d: Access denied for user 'rollcall'@'127.0.0.1' (using password: YES) (error 1045): "
	         "correct the target's user, or its password (file, command, credential or option_file) in agent.yaml",
	         port);
	refuses(f, f->dsn, ERR_DB_CONNECT, message);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
}

static void test_dsns(void **state)
{
	struct fixture *f = *state;
	refuses(f, "mariadb://rollcall:geheim@127.0.0.1/shop", ERR_USAGE,
	        "the dsn holds a password: write password: {file: ...} beside it, or command, credential or option_file");
	refuses(f, "mariadb://127.0.0.1", ERR_USAGE, "the dsn names no database: mariadb://host:port/database");
	refuses(f, "mariadb://127.0.0.1:99999/x", ERR_USAGE, "dsn: port '99999' is not a number from 1 to 65535");
	refuses(f, "mariadb://127.0.0.1/x?compress=1", ERR_USAGE, "dsn option 'compress': MariaDB targets know socket=PATH, ssl=1 and ssl_ca=FILE");
	refuses(f, "host=x", ERR_USAGE, "a MariaDB dsn is written mariadb://host:port/database");
}

static void test_read_only_server(void **state)
{
	struct fixture *f = *state;
	char message[300];
	solo_admin(f, "SET GLOBAL read_only = 1");
	int rc = f->en->open(&f->target, &f->c, &f->e);
	solo_admin(f, "SET GLOBAL read_only = 0");
	assert_int_equal(rc, -1);
	snprintf(message, sizeof message, "MariaDB at 127.0.0.1 port %d is read-only (@@read_only; a replica?): point the target's dsn at the primary",
	         server_port(f->server));
	assert_string_equal(f->e.msg, message);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_PRIMARY);
}

static void test_pins(void **state)
{
	struct fixture *f = *state;
	bool got = false;
	solo_connect(f);
	OK(f->en->try_lock(f->c, &got, NULL, &f->e));
	const char *const sets[] = {
	    "SET sql_mode = ''", "SET foreign_key_checks = 0", "SET NAMES latin1",        "SET lock_wait_timeout = 86400", "SET group_concat_max_len = 9",
	    "USE mysql",         "SET autocommit = 0",         "SET time_zone = '+05:00'"};
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		OK(solo_run(f, sets[i]));
	assert_string_equal(solo_ask(f, "SELECT @@sql_mode"),
	                    "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION");
	assert_string_equal(solo_ask(f, "SELECT CONCAT(@@foreign_key_checks, @@autocommit, @@lock_wait_timeout, @@innodb_lock_wait_timeout)"), "ONON11");
	assert_string_equal(solo_ask(f, "SELECT CONCAT(@@character_set_client, @@time_zone)"), "utf8mb4+00:00");
	assert_string_equal(solo_ask(f, "SELECT @@group_concat_max_len = @@GLOBAL.group_concat_max_len"), "1");
	assert_string_equal(solo_ask(f, "SELECT DATABASE()"), f->database);
	assert_string_equal(solo_ask(f, "SELECT @@max_statement_time"), "10.000000");
	struct conn *other = NULL;
	OK(f->en->open(&f->target, &other, &f->e));
	OK(f->en->try_lock(other, &got, NULL, &f->e));
	assert_false(got); /* the reset did not cost us the lock */
	f->en->close(&other);
}

static void test_ledger_of_another_storage_engine_is_refused(void **state)
{
	struct fixture *f = *state;
	struct ledger l;
	AUTO(arena_destroy) struct arena *a = arena_new(1 << 20);
	char message[300];
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE rollcall_ledger (seq int) ENGINE=MyISAM"));
	FAILS(ledger_open(f->en, f->c, f->target.id, 1, a, &l, &f->e));
	snprintf(message, sizeof message,
	         "the ledger table `%s`.rollcall_ledger cannot be used: its storage engine is MyISAM: only InnoDB keeps it honest after a crash",
	         f->database);
	assert_string_equal(f->e.msg, message);
}

/* MA-05: a ledger row and a DDL statement in one transaction would leave the row alone behind. */
static void test_implicit_commit_is_seen(void **state)
{
	struct fixture *f = *state;
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	OK(f->en->begin(f->c, &f->e));
	OK(solo_run(f, "INSERT INTO t VALUES (1)"));
	FAILS(solo_run(f, "ALTER TABLE t ADD COLUMN b int"));
	assert_string_equal(f->e.msg,
	                    "the statement committed or ended Rollcall's transaction: DDL and COMMIT cannot share a step with other statements");
	assert_false(f->en->in_transaction(f->c));
	FAILS(solo_run(f, "SET autocommit = 0") == 0 && solo_run(f, "INSERT INTO t VALUES (2, 2)") == 0 && solo_run(f, "START TRANSACTION") == 0 ? 0
	                                                                                                                                         : -1);
	assert_int_equal(f->e.code, ERR_STATE);
}

static void state_of(struct fixture *f, const char *sql, uint8_t out[DIGEST_SIZE])
{
	struct sql_class s;
	sql_classify(DIALECT_MARIADB, bytes_of_str(sql), &s);
	OK(f->en->object_state(f->c, &s, out, NULL, &f->e));
}

static void test_states_of_all_kinds(void **state)
{
	struct fixture *f = *state;
	static const char *const sql[] = {
	    "CREATE TABLE t (a int AUTO_INCREMENT PRIMARY KEY)",
	    "CREATE SEQUENCE s",
	    "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1",
	    "CREATE PROCEDURE p() SELECT 1",
	    "CREATE FUNCTION fn() RETURNS int DETERMINISTIC RETURN 1",
	    "CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DO SELECT 1",
	    "ALTER TABLE t COMMENT 'x'",
	    "DROP EVENT ev",
	    "DROP TRIGGER tr",
	    "DROP PROCEDURE p",
	    "DROP FUNCTION fn",
	    "DROP SEQUENCE s",
	    "RENAME TABLE t TO u",
	};
	uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
	solo_connect(f);
	for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
		state_of(f, sql[i], before);
		OK(solo_run(f, sql[i]));
		state_of(f, sql[i], after);
		if (memcmp(before, after, DIGEST_SIZE) == 0)
			fail_msg("%s: the state did not change", sql[i]);
	}
	OK(solo_run(f, "INSERT INTO u VALUES (5)"));
	state_of(f, "TRUNCATE TABLE u", before);
	OK(solo_run(f, "TRUNCATE TABLE u"));
	state_of(f, "TRUNCATE TABLE u", after);
	assert_memory_not_equal(before, after, DIGEST_SIZE);
}

static void test_cautions(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf text = BUF_INIT;
	solo_connect(f);
	solo_admin(f, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
	OK(f->en->cautions(f->c, &text, &f->e));
	assert_string_equal(buf_str(&text), "");
	solo_admin(f, "SET GLOBAL innodb_flush_log_at_trx_commit = 2; GRANT READ_ONLY ADMIN ON *.* TO rollcall@'%'");
	OK(f->en->cautions(f->c, &text, &f->e));
	solo_admin(f, "REVOKE READ_ONLY ADMIN ON *.* FROM rollcall@'%'");
	assert_string_equal(buf_str(&text), "innodb_flush_log_at_trx_commit is not 1: after a power failure the ledger may lack what was committed last\n"
	                                    "rollcall@% has READ_ONLY ADMIN: read_only does not stop it, Rollcall alone looks at it\n");
}

static int do_length(struct fixture *f, size_t size)
{
	AUTO(buf_done) struct buf sql = BUF_INIT;
	buf_adds(&sql, "DO LENGTH('");
	while (sql.n < size - 2)
		buf_addc(&sql, 'x');
	buf_adds(&sql, "')");
	assert_int_equal(sql.n, size);
	return f->en->exec(f->c, buf_bytes(&sql), NULL, &f->e);
}

/* What the limit allows goes through; what is larger than the packet costs the connection. */
static void test_statement_max(void **state)
{
	struct fixture *f = *state;
	solo_admin(f, "SET GLOBAL max_allowed_packet = 65536");
	solo_connect(f);
	solo_admin(f, "SET GLOBAL max_allowed_packet = DEFAULT");
	assert_int_equal(f->en->statement_max(f->c), 65536 - 1024);
	OK(do_length(f, f->en->statement_max(f->c)));
	FAILS(do_length(f, 65536 + 1));
}

/* ---- locks and kills ---- */

struct job {
	struct fixture *f;
	struct conn *c;
	const char *sql;
	struct err e;
	int rc;
};

static void *run_thread(void *arg)
{
	struct job *j = arg;
	j->rc = j->f->en->exec(j->c, bytes_of_str(j->sql), NULL, &j->e);
	engines_thread_end();
	return NULL;
}

static void until_alter_waits(struct fixture *f)
{
	static const char waiting[] =
	    "SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = 'rollcall' AND INFO LIKE 'ALTER TABLE%' AND STATE LIKE "
	    "'Waiting for table metadata lock'";
	for (int i = 0; i < 3000; i++) {
		AUTO(mem_free_ptr) char *n = server_sql(f->server, NULL, waiting);
		if (strtol(n, NULL, 10) > 0)
			return;
		clock_sleep_ms(20);
	}
	fail_msg("no ALTER TABLE waits");
}

static void test_metadata_lock_times_out_and_names_the_blocker(void **state)
{
	struct fixture *f = *state;
	struct conn *other = NULL;
	struct buf text = BUF_INIT;
	pthread_t thread;
	f->target.lock_timeout_ms = 5000;
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	OK(f->en->open(&f->target, &other, &f->e));
	OK(f->en->begin(f->c, &f->e));
	OK(solo_run(f, "SELECT * FROM t"));
	struct job job = {.f = f, .c = other, .sql = "ALTER TABLE t ADD COLUMN b int"};
	assert_int_equal(pthread_create(&thread, NULL, run_thread, &job), 0);
	until_alter_waits(f);
	struct conn *look = NULL;
	enum engine_wait wait = ENGINE_WAIT_NONE;
	OK(f->en->blockers(&f->target, &look, f->en->backend(other), &wait, &text, &f->e));
	f->en->close(&look);
	pthread_join(thread, NULL);
	assert_int_equal(job.rc, -1);
	assert_int_equal(job.e.db_errno, 1205);
	assert_int_equal(f->en->retry_class(&job.e), RETRY_LOCK);
	char mine[64];
	snprintf(mine, sizeof mine, "connection %ld of rollcall@127.0.0.1 (database %s), its transaction open for ",
	         strtol(f->en->backend(f->c), NULL, 10), f->database);
	if (!strstr(buf_str(&text), mine))
		fail_msg("'%s' lacks '%s'", buf_str(&text), mine);
	buf_done(&text);
	f->en->close(&other);
}

static void kill_while(struct fixture *f, const char *kill, struct job *job)
{
	pthread_t thread;
	char sql[64];
	assert_int_equal(pthread_create(&thread, NULL, run_thread, job), 0);
	until_alter_waits(f);
	snprintf(sql, sizeof sql, "%s %ld", kill, strtol(f->en->backend(job->c), NULL, 10));
	solo_admin(f, sql);
	pthread_join(thread, NULL);
	assert_int_equal(job->rc, -1);
}

/* DDL that was killed has an outcome that only the database knows. */
static void test_killed_ddl_is_unknown(void **state)
{
	struct fixture *f = *state;
	struct conn *blocker = NULL;
	const char *const kills[] = {"KILL QUERY", "KILL"};
	f->target.lock_timeout_ms = 60000;
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	OK(f->en->open(&f->target, &blocker, &f->e));
	OK(f->en->begin(blocker, &f->e));
	OK(f->en->exec(blocker, bytes_of_str("SELECT * FROM t"), NULL, &f->e));
	for (size_t i = 0; i < ARRAY_LEN(kills); i++) {
		struct job job = {.f = f, .c = f->c, .sql = "ALTER TABLE t ADD COLUMN b int"};
		kill_while(f, kills[i], &job);
		assert_int_equal(job.e.code, ERR_UNKNOWN);
		assert_int_equal(f->en->retry_class(&job.e), RETRY_UNKNOWN);
	}
	f->en->close(&blocker);
	solo_connect(f);
	OK(solo_run(f, "ALTER TABLE t ADD COLUMN b int"));
}

/* A server that started again within a second counts its connections from the start: a session of the dead one must not be seen in whoever got its number. */
static void test_backend_of_a_dead_server_is_gone(void **state)
{
	struct fixture *f = *state;
	struct conn *others[40] = {0};
	char dead[64];
	bool alive = true;
	size_t n = 0;
	for (int starts = 0; starts < 2; starts++) {
		server_kill(f->server);
		server_restart(f->server);
		str_copy(dead, sizeof dead, f->c ? f->en->backend(f->c) : "");
		solo_connect(f);
	}
	while (strtol(f->en->backend(f->c), NULL, 10) < strtol(dead, NULL, 10) && n < ARRAY_LEN(others)) {
		others[n++] = take_ptr(&f->c);
		solo_connect(f);
	}
	assert_int_equal(strtol(f->en->backend(f->c), NULL, 10), strtol(dead, NULL, 10));
	OK(f->en->backend_alive(f->c, dead, &alive, &f->e));
	assert_false(alive);
	OK(f->en->backend_alive(f->c, f->en->backend(f->c), &alive, &f->e));
	assert_true(alive);
	while (n)
		f->en->close(&others[--n]);
}

static int grant_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	if (str_eq(values[0], "grant") && str_starts(values[1], "procedure "))
		buf_addf(arg, "%s: %s\n", values[1], values[2]);
	return 0;
}

/* Who may not read them is told nothing of them; what the server gives the maker of a routine by itself is never told. */
static void test_privileges_on_routines(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf told = BUF_INIT;
	AUTO(buf_done) struct buf sql = BUF_INIT;
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)1 << 16);
	char dsn[100];
	buf_addf(&sql, "CREATE USER few@'%%', app@localhost; GRANT CREATE ROUTINE, EXECUTE, SELECT ON %s.* TO few@'%%'", f->database);
	solo_admin(f, buf_str(&sql));
	snprintf(dsn, sizeof dsn, "mariadb://few@127.0.0.1:%d/%s", server_port(f->server), f->database);
	f->target.dsn = dsn;
	f->target.password = NULL;
	solo_connect(f);
	OK(solo_run(f, "CREATE PROCEDURE own() SELECT 1"));
	solo_admin(f, "GRANT EXECUTE ON PROCEDURE own TO app@localhost");
	assert_string_equal(server_value(f->server, f->database, "SELECT COUNT(*) FROM mysql.procs_priv WHERE Db = DATABASE()", a), "2");
	OK(f->en->snapshot(f->c, grant_row, &told, &f->e));
	assert_string_equal(buf_str(&told), "");
	solo_admin(f, "GRANT SELECT ON mysql.procs_priv TO few@'%'");
	OK(f->en->snapshot(f->c, grant_row, &told, &f->e));
	assert_string_equal(buf_str(&told), "procedure own 'app'@'localhost': EXECUTE\n");
	solo_admin(f, "DROP USER few@'%', app@localhost");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_refusals),
	    TEST(test_dsns),
	    TEST(test_read_only_server),
	    TEST(test_pins),
	    TEST(test_ledger_of_another_storage_engine_is_refused),
	    TEST(test_implicit_commit_is_seen),
	    TEST(test_states_of_all_kinds),
	    TEST(test_cautions),
	    TEST(test_statement_max),
	    TEST(test_metadata_lock_times_out_and_names_the_blocker),
	    TEST(test_killed_ddl_is_unknown),
	    TEST(test_backend_of_a_dead_server_is_gone),
	    TEST(test_privileges_on_routines),
	};
	return cmocka_run_group_tests(tests, solo_mariadb_start, solo_stop);
}
