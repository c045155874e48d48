/* What PostgreSQL alone does: refusals with their exact messages, poolers, schema targets, roles, half-built indexes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/engine.h"
#include "agent/ledger/ledger.h"
#include "agent/schema/snapshot.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/support/servers.h"

static struct server *server, *stranger; /* the stranger is a MariaDB */

struct fixture {
	const struct engine *en;
	struct engine_target target;
	struct secret *password;
	char *dsn, database[32];
	struct conn *c;
	struct err e;
};

#define OK(call)                                 \
	do {                                         \
		if ((call) != 0)                         \
			fail_msg("%s: %s", #call, f->e.msg); \
	} while (0)
#define FAILS(call) assert_int_equal((call), -1)

static int start(void **state)
{
	(void)state;
	struct err e;
	assert_int_equal(engines_init(&e), 0);
	server = server_start(DIALECT_POSTGRESQL, true);
	stranger = server_start(DIALECT_MARIADB, false);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	server_stop(&server);
	server_stop(&stranger);
	engines_done();
	return 0;
}

static int setup(void **state)
{
	static unsigned n;
	struct fixture *f = mem_alloc(sizeof *f);
	f->en = engine_by_name("postgresql");
	snprintf(f->database, sizeof f->database, "shop%u", n++);
	server_create(server, f->database);
	f->dsn = server_dsn(server, f->database);
	f->password = secret_new(server_password(server), strlen(server_password(server)));
	f->target = (struct engine_target){.id = "eu/pg/shop",
	                                   .dsn = f->dsn,
	                                   .password = f->password,
	                                   .connect_timeout_ms = 3000,
	                                   .lock_timeout_ms = 1000,
	                                   .statement_timeout_ms = 10000};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	f->en->close(&f->c);
	secret_destroy(&f->password);
	free(f->dsn);
	free(f);
	return 0;
}

static void connect_to(struct fixture *f)
{
	f->en->close(&f->c);
	OK(f->en->open(&f->target, &f->c, &f->e));
}

static int run(struct fixture *f, const char *sql)
{
	return f->en->exec(f->c, bytes_of_str(sql), NULL, &f->e);
}

static void admin(struct fixture *f, const char *sql)
{
	free(server_sql(server, f->database, sql));
}

static int text_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	str_copy(arg, 256, values[0] ? values[0] : "NULL");
	return 0;
}

static const char *ask(struct fixture *f, const char *sql)
{
	static char text[256];
	text[0] = '\0';
	OK(f->en->query(f->c, bytes_of_str(sql), NULL, 0, text_row, text, &f->e));
	return text;
}

/* ---- refusals ---- */

static void refuses(struct fixture *f, const char *dsn, const char *message)
{
	f->target.dsn = dsn;
	FAILS(f->en->open(&f->target, &f->c, &f->e));
	assert_null(f->c);
	assert_int_equal(f->e.code, ERR_DB_CONNECT);
	assert_string_equal(f->e.msg, message);
	assert_null(strstr(f->e.msg, server_password(server)));
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	char dsn[200], message[600];
	int port = server_port(server);
	snprintf(dsn, sizeof dsn, "postgresql://rollcall@127.0.0.1:%d/none", port);
	snprintf(message, sizeof message,
	         "PostgreSQL: connection to server at \"127.0.0.1\", port %d failed: FATAL:  database \"none\" does not exist: make the database first, "
	         "or correct "
	         "the target's dsn",
	         port);
	refuses(f, dsn, message);
	assert_string_equal(f->e.sqlstate, "3D000");
	refuses(f, "postgresql://rollcall@127.0.0.1:1/shop", "PostgreSQL: connection to server at \"127.0.0.1\", port 1 failed: Connection refused");
	assert_int_equal(f->en->retry_class(&f->e), RETRY_CONN);
	snprintf(dsn, sizeof dsn, "postgresql://rollcall@127.0.0.1:%d/shop", server_port(stranger));
	f->target.dsn = dsn;
	FAILS(f->en->open(&f->target, &f->c, &f->e)); /* the greeting's first byte, which libpq shows, is a length that varies */
	assert_non_null(strstr(f->e.msg, "failed: received invalid response to SSL negotiation: "));
	assert_true(str_ends(f->e.msg, ": another kind of server listens on this port: correct the target's engine or dsn"));
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
	AUTO(secret_destroy) struct secret *wrong = secret_new("no-such-password", 16);
	f->target.password = wrong;
	snprintf(message, sizeof message,
	         "PostgreSQL: connection to server at \"127.0.0.1\", port %d failed: FATAL:  password authentication failed for user \"rollcall\": "
	         "correct the "
	         "target's user, or its password (file, command, credential or option_file) in agent.yaml",
	         port);
	refuses(f, f->dsn, message);
	assert_null(strstr(f->e.msg, "no-such"));
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
}

static void test_pooler(void **state)
{
	struct fixture *f = *state;
	char dsn[200], message[400];
	int port = server_pooler(server);
	snprintf(dsn, sizeof dsn, "postgresql://rollcall@127.0.0.1:%d/%s", port, f->database);
	snprintf(message, sizeof message,
	         "127.0.0.1 port %d is a connection pooler (pgbouncer), which would share Rollcall's locks and settings with others: point the target's "
	         "dsn at the "
	         "PostgreSQL server itself",
	         port);
	refuses(f, dsn, message);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_NEVER);
}

static void test_read_only_database(void **state)
{
	struct fixture *f = *state;
	char sql[120], message[400];
	snprintf(sql, sizeof sql, "ALTER DATABASE %s SET default_transaction_read_only = on", f->database);
	admin(f, sql);
	snprintf(message, sizeof message,
	         "PostgreSQL at 127.0.0.1 port %d, database %s, is set read-only (default_transaction_read_only): point the target's dsn at the primary, "
	         "or list all "
	         "hosts in it",
	         server_port(server), f->database);
	refuses(f, f->dsn, message);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_PRIMARY);
}

/* ---- the session ---- */

static void test_timeouts_of_role_and_database_do_not_reach_us(void **state)
{
	struct fixture *f = *state;
	char sql[120];
	snprintf(sql, sizeof sql, "ALTER DATABASE %s SET statement_timeout = 1", f->database);
	admin(f, sql);
	connect_to(f);
	assert_string_equal(ask(f, "SHOW statement_timeout"), "10s");
	assert_string_equal(ask(f, "SHOW lock_timeout"), "1s");
	assert_string_equal(ask(f, "SHOW TimeZone"), "UTC");
	assert_string_equal(ask(f, "SHOW application_name"), "rollcall");
	assert_string_equal(ask(f, "SHOW synchronous_commit"), "on");
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "SET statement_timeout = 0"));
	OK(run(f, "SET lock_timeout = 0"));
	OK(f->en->commit(f->c, &f->e));
	OK(f->en->begin(f->c, &f->e));
	assert_string_equal(ask(f, "SHOW statement_timeout"), "10s");
	assert_string_equal(ask(f, "SHOW lock_timeout"), "1s");
	OK(f->en->rollback(f->c, &f->e));
}

static void test_patience_outside_transactions(void **state)
{
	struct fixture *f = *state;
	connect_to(f);
	f->en->patience(f->c, 2500);
	OK(run(f, "CREATE TABLE t AS SELECT current_setting('lock_timeout') AS patience"));
	assert_string_equal(ask(f, "SELECT patience FROM t"), "2500ms");
	assert_string_equal(ask(f, "SHOW lock_timeout"), "1s"); /* our own questions do not wait longer */
	OK(f->en->begin(f->c, &f->e));
	assert_string_equal(ask(f, "SHOW lock_timeout"), "2500ms");
	OK(f->en->rollback(f->c, &f->e));
	f->en->patience(f->c, 1000);
	OK(f->en->begin(f->c, &f->e));
	assert_string_equal(ask(f, "SHOW lock_timeout"), "1s");
	OK(f->en->rollback(f->c, &f->e));
}

static void test_role(void **state)
{
	struct fixture *f = *state;
	struct ledger l;
	AUTO(arena_destroy) struct arena *a = arena_new(16 << 20);
	admin(f, "DROP ROLE IF EXISTS shop_owner");
	admin(f, "CREATE ROLE shop_owner; GRANT shop_owner TO rollcall; GRANT CREATE ON SCHEMA public TO shop_owner");
	char sql[120];
	snprintf(sql, sizeof sql, "GRANT CREATE ON DATABASE %s TO shop_owner", f->database);
	admin(f, sql);
	f->target.role = "shop_owner";
	connect_to(f);
	OK(ledger_open(f->en, f->c, f->target.id, 1, a, &l, &f->e));
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "CREATE TABLE t (a int)"));
	OK(run(f, "SET ROLE NONE"));
	OK(f->en->commit(f->c, &f->e));
	assert_string_equal(ask(f, "SELECT tableowner FROM pg_tables WHERE tablename = 't'"), "shop_owner");
	assert_string_equal(ask(f, "SELECT current_user"), "shop_owner");
	snprintf(sql, sizeof sql, "DROP OWNED BY shop_owner; DROP ROLE shop_owner");
	f->en->close(&f->c);
	admin(f, sql);
}

/* The role is called rollcall, as the ledger's schema is. */
static void test_tables_do_not_land_in_the_ledgers_schema(void **state)
{
	struct fixture *f = *state;
	struct ledger l;
	AUTO(arena_destroy) struct arena *a = arena_new(16 << 20);
	connect_to(f);
	OK(ledger_open(f->en, f->c, f->target.id, 1, a, &l, &f->e));
	OK(run(f, "CREATE TABLE t (a int)"));
	assert_string_equal(ask(f, "SELECT schemaname FROM pg_tables WHERE tablename = 't'"), "public");
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "CREATE TABLE u (a int)"));
	OK(f->en->commit(f->c, &f->e));
	assert_string_equal(ask(f, "SELECT schemaname FROM pg_tables WHERE tablename = 'u'"), "public");
	assert_string_equal(ask(f, "SELECT schemaname FROM pg_tables WHERE tablename = 'ledger'"), "rollcall");
}

static void test_schema_targets_are_apart(void **state)
{
	struct fixture *f = *state;
	struct ledger l;
	AUTO(arena_destroy) struct arena *a = arena_new(16 << 20);
	connect_to(f);
	OK(run(f, "CREATE SCHEMA \"Tenant 1\""));
	OK(run(f, "CREATE SCHEMA b"));
	const char *const schemas[] = {"Tenant 1", "b"};
	for (size_t i = 0; i < 2; i++) {
		f->target.schema = schemas[i];
		f->target.id = schemas[i];
		connect_to(f);
		OK(ledger_open(f->en, f->c, f->target.id, 1, a, &l, &f->e));
		assert_int_equal(l.n_rows, 0);
		OK(f->en->begin(f->c, &f->e));
		OK(run(f, "CREATE TABLE t (a int)"));
		OK(f->en->commit(f->c, &f->e));
		bool exists = false;
		OK(f->en->table_exists(f->c, schemas[i], "t", false, &exists, &f->e));
		assert_true(exists);
	}
	assert_string_equal(ask(f, "SELECT count(*) FROM pg_tables WHERE tablename IN ('t', 'rollcall_ledger', 'rollcall_meta')"), "6");
	assert_string_equal(ask(f, "SELECT count(*) FROM pg_namespace WHERE nspname = 'rollcall'"), "0");
}

static void take_snapshot(struct fixture *f, const char *schema, struct snapshot *ret)
{
	f->target.schema = schema;
	connect_to(f);
	OK(snapshot_take(f->en, f->c, ret, &f->e));
}

/* The same tables in two tenants' schemas have one fingerprint; neither sees the other, nor the ledgers. */
static void test_snapshot_of_a_schema_names_it_nowhere(void **state)
{
	struct fixture *f = *state;
	static const char *const schemas[] = {"Tenant 1", "b"};
	struct snapshot of[2];
	struct ledger l;
	AUTO(arena_destroy) struct arena *a = arena_new(16 << 20);
	for (size_t i = 0; i < 2; i++) {
		char sql[1000];
		snprintf(sql, sizeof sql,
		         "CREATE SCHEMA \"%s\" AUTHORIZATION rollcall; SET search_path = \"%s\"; SET ROLE rollcall; CREATE TYPE mood AS ENUM ('a'); "
		         "CREATE TABLE t (id serial PRIMARY KEY, m mood DEFAULT 'a', up int REFERENCES t); CREATE INDEX ON t (m); CREATE VIEW v AS SELECT id "
		         "FROM t; "
		         "CREATE FUNCTION f(t) RETURNS int LANGUAGE sql AS 'SELECT 1'",
		         schemas[i], schemas[i]);
		admin(f, sql);
		take_snapshot(f, schemas[i], &of[i]);
		OK(ledger_open(f->en, f->c, f->target.id, 1, a, &l, &f->e));
	}
	assert_string_equal(of[0].text.p, of[1].text.p);
	assert_null(strstr(of[0].text.p, "Tenant"));
	snapshot_done(&of[1]);
	take_snapshot(f, "b", &of[1]);
	assert_memory_equal(of[0].fingerprint, of[1].fingerprint, DIGEST_SIZE);
	snapshot_done(&of[0]);
	snapshot_done(&of[1]);
}

static void test_copy_from_the_client_is_refused(void **state)
{
	struct fixture *f = *state;
	connect_to(f);
	OK(run(f, "CREATE TABLE t (a int)"));
	FAILS(run(f, "COPY t FROM STDIN"));
	assert_string_equal(f->e.msg, "COPY to or from the client cannot be in a release: use INSERT, or COPY with a file of the server");
	OK(run(f, "INSERT INTO t VALUES (1)"));
	FAILS(run(f, "COPY t TO STDOUT"));
	assert_string_equal(ask(f, "SELECT count(*) FROM t"), "1");
}

static void test_chained_commit_is_seen(void **state)
{
	struct fixture *f = *state;
	connect_to(f);
	OK(run(f, "CREATE TABLE t (a int)"));
	OK(f->en->begin(f->c, &f->e));
	FAILS(run(f, "COMMIT AND CHAIN"));
	assert_int_equal(f->e.code, ERR_STATE);
	OK(f->en->rollback(f->c, &f->e));
}

static void test_deferred_constraint_fails_the_commit(void **state)
{
	struct fixture *f = *state;
	connect_to(f);
	OK(run(f, "CREATE TABLE t (a int PRIMARY KEY, b int REFERENCES t DEFERRABLE INITIALLY DEFERRED)"));
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "INSERT INTO t VALUES (1, 2)"));
	FAILS(f->en->commit(f->c, &f->e));
	assert_int_equal(f->e.code, ERR_DB);
	assert_string_equal(f->e.sqlstate, "23503");
	assert_string_equal(ask(f, "SELECT count(*) FROM t"), "0");
}

static void test_terminated_backend(void **state)
{
	struct fixture *f = *state;
	char sql[120];
	connect_to(f);
	OK(run(f, "CREATE TABLE t (a int)"));
	OK(f->en->begin(f->c, &f->e));
	OK(run(f, "INSERT INTO t VALUES (1)"));
	snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%ld)", strtol(f->en->backend(f->c), NULL, 10));
	admin(f, sql);
	clock_sleep_ms(100);
	FAILS(f->en->commit(f->c, &f->e));
	assert_int_equal(f->e.code, ERR_UNKNOWN);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_UNKNOWN);
	connect_to(f);
	assert_string_equal(ask(f, "SELECT count(*) FROM t"), "0");
}

static enum engine_witness says(struct fixture *f, const char *transaction)
{
	enum engine_witness w = ENGINE_WITNESS_SILENT;
	OK(f->en->witness(f->c, transaction, &w, &f->e));
	return w;
}

static void test_witness(void **state)
{
	struct fixture *f = *state;
	struct ledger l;
	struct conn *other = NULL;
	AUTO(arena_destroy) struct arena *a = arena_new(16 << 20);
	connect_to(f);
	OK(ledger_open(f->en, f->c, f->target.id, 1, a, &l, &f->e));
	OK(f->en->open(&f->target, &other, &f->e));
	OK(ledger_begin(f->en, other, &l, 1, &f->e));
	assert_int_equal(says(f, l.witness), ENGINE_WITNESS_RUNNING);
	OK(f->en->commit(other, &f->e));
	assert_int_equal(says(f, l.witness), ENGINE_WITNESS_COMMITTED);
	OK(ledger_begin(f->en, other, &l, 1, &f->e));
	OK(f->en->rollback(other, &f->e));
	assert_int_equal(says(f, l.witness), ENGINE_WITNESS_ABORTED);
	const char *start = strchr(l.witness, '/');
	assert_int_equal(says(f, arena_printf(a, "900000000000%s", start)), ENGINE_WITNESS_UNKNOWN); /* of a server that was further */
	assert_int_equal(says(f, "900000000000/1"), ENGINE_WITNESS_SILENT); /* of one that was started anew since */
	f->en->close(&other);
}

static void test_cautions(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf text = BUF_INIT;
	connect_to(f);
	OK(f->en->cautions(f->c, &text, &f->e));
	assert_string_equal(buf_str(&text), "fsync is off: a power failure can lose or damage the database, ledger and all\n"
	                                    "full_page_writes is off: a power failure can damage the database\n");
	assert_true(f->en->statement_max(f->c) > 1000000000);
}

/* ---- class N ---- */

static void classify(const char *sql, struct sql_class *s)
{
	sql_classify(DIALECT_POSTGRESQL, bytes_of_str(sql), s);
}

static void test_invalid_index_is_seen_and_removed(void **state)
{
	struct fixture *f = *state;
	static const char sql[] = "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)";
	struct sql_class s;
	uint8_t before[DIGEST_SIZE], broken[DIGEST_SIZE], after[DIGEST_SIZE];
	bool cleaned = false;
	connect_to(f);
	OK(run(f, "CREATE TABLE t (a int)"));
	OK(run(f, "INSERT INTO t VALUES (1), (1)"));
	classify(sql, &s);
	OK(f->en->object_state(f->c, &s, before, NULL, &f->e));
	OK(f->en->cleanup(f->c, &s, &cleaned, &f->e));
	assert_false(cleaned);
	FAILS(run(f, sql));
	assert_string_equal(f->e.sqlstate, "23505");
	OK(f->en->object_state(f->c, &s, broken, NULL, &f->e));
	assert_memory_not_equal(before, broken, DIGEST_SIZE);
	OK(f->en->cleanup(f->c, &s, &cleaned, &f->e));
	assert_true(cleaned);
	OK(f->en->object_state(f->c, &s, after, NULL, &f->e));
	assert_memory_equal(before, after, DIGEST_SIZE);
	OK(run(f, "DELETE FROM t"));
	OK(run(f, sql));
	OK(f->en->cleanup(f->c, &s, &cleaned, &f->e));
	assert_false(cleaned); /* a valid index is nobody's rubbish */
	assert_string_equal(ask(f, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"), "t");
}

static void test_interrupted_reindex_is_removed(void **state)
{
	struct fixture *f = *state;
	struct sql_class s;
	bool cleaned = false;
	connect_to(f);
	OK(run(f, "CREATE TABLE t (a int)"));
	OK(run(f, "CREATE INDEX i ON t (a)"));
	OK(run(f, "CREATE INDEX i_ccnew ON t (a)"));
	admin(f, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i_ccnew'::regclass");
	classify("REINDEX INDEX CONCURRENTLY i", &s);
	OK(f->en->cleanup(f->c, &s, &cleaned, &f->e));
	assert_true(cleaned);
	assert_string_equal(ask(f, "SELECT string_agg(relname, ',') FROM pg_class WHERE relkind = 'i' AND relname LIKE 'i%'"), "i");
}

/* A DETACH that gave up in its second half: the partition is neither in nor out until it is finalized. */
static void test_interrupted_detach_is_finalized(void **state)
{
	struct fixture *f = *state;
	static const char sql[] = "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY";
	struct sql_class s;
	struct conn *reader = NULL;
	uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
	bool cleaned = false;
	connect_to(f);
	OK(run(f, "CREATE TABLE p (a int) PARTITION BY LIST (a)"));
	OK(run(f, "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)"));
	classify(sql, &s);
	assert_int_equal(s.class, STEP_N);
	OK(f->en->object_state(f->c, &s, before, NULL, &f->e));
	OK(f->en->open(&f->target, &reader, &f->e));
	OK(f->en->begin(reader, &f->e));
	OK(f->en->query(reader, bytes_of_str("SELECT * FROM p"), NULL, 0, NULL, NULL, &f->e));
	FAILS(run(f, sql));
	assert_int_equal(f->en->retry_class(&f->e), RETRY_LOCK);
	assert_string_equal(ask(f, "SELECT inhdetachpending FROM pg_inherits WHERE inhparent = 'p'::regclass"), "t");
	OK(f->en->rollback(reader, &f->e));
	f->en->close(&reader);
	OK(f->en->cleanup(f->c, &s, &cleaned, &f->e));
	assert_true(cleaned);
	assert_string_equal(ask(f, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'p'::regclass"), "0");
	OK(f->en->object_state(f->c, &s, after, NULL, &f->e));
	assert_memory_not_equal(before, after, DIGEST_SIZE); /* so that the step counts as applied */
}

static void test_rebuilt_index_shows(void **state)
{
	struct fixture *f = *state;
	struct sql_class s;
	uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
	connect_to(f);
	OK(run(f, "CREATE TABLE t (a int)"));
	OK(run(f, "CREATE INDEX i ON t (a)"));
	classify("REINDEX INDEX CONCURRENTLY i", &s);
	OK(f->en->object_state(f->c, &s, before, NULL, &f->e));
	OK(run(f, "REINDEX INDEX CONCURRENTLY i"));
	OK(f->en->object_state(f->c, &s, after, NULL, &f->e));
	assert_memory_not_equal(before, after, DIGEST_SIZE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_refusals),
	    TEST(test_pooler),
	    TEST(test_read_only_database),
	    TEST(test_timeouts_of_role_and_database_do_not_reach_us),
	    TEST(test_patience_outside_transactions),
	    TEST(test_role),
	    TEST(test_tables_do_not_land_in_the_ledgers_schema),
	    TEST(test_schema_targets_are_apart),
	    TEST(test_snapshot_of_a_schema_names_it_nowhere),
	    TEST(test_copy_from_the_client_is_refused),
	    TEST(test_chained_commit_is_seen),
	    TEST(test_deferred_constraint_fails_the_commit),
	    TEST(test_terminated_backend),
	    TEST(test_witness),
	    TEST(test_cautions),
	    TEST(test_invalid_index_is_seen_and_removed),
	    TEST(test_interrupted_reindex_is_removed),
	    TEST(test_interrupted_detach_is_finalized),
	    TEST(test_rebuilt_index_shows),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
