/* What PostgreSQL alone does: refusals with their exact messages, poolers, the session, schema targets, roles, the witness. */
#include <stdio.h>
#include <string.h>

#include "agent/ledger/ledger.h"
#include "agent/schema/snapshot.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/support/solo.h"

/* ---- refusals ---- */

static void refuses(struct fixture *f, const char *dsn, const char *message)
{
	f->target.dsn = dsn;
	FAILS(f->en->open(&f->target, &f->c, &f->e));
	assert_null(f->c);
	assert_int_equal(f->e.code, ERR_DB_CONNECT);
	assert_string_equal(f->e.msg, message);
	assert_null(strstr(f->e.msg, server_password(f->server)));
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	char dsn[200], message[600];
	int port = server_port(f->server);
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
	snprintf(dsn, sizeof dsn, "postgresql://rollcall@127.0.0.1:%d/shop", server_port(f->stranger));
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
	int port = server_pooler(f->server);
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
	solo_admin(f, sql);
	snprintf(message, sizeof message,
	         "PostgreSQL at 127.0.0.1 port %d, database %s, is set read-only (default_transaction_read_only): point the target's dsn at the primary, "
	         "or list all "
	         "hosts in it",
	         server_port(f->server), f->database);
	refuses(f, f->dsn, message);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_PRIMARY);
}

/* ---- the session ---- */

static void test_timeouts_of_role_and_database_do_not_reach_us(void **state)
{
	struct fixture *f = *state;
	char sql[120];
	snprintf(sql, sizeof sql, "ALTER DATABASE %s SET statement_timeout = 1", f->database);
	solo_admin(f, sql);
	solo_connect(f);
	assert_string_equal(solo_ask(f, "SHOW statement_timeout"), "10s");
	assert_string_equal(solo_ask(f, "SHOW lock_timeout"), "1s");
	assert_string_equal(solo_ask(f, "SHOW TimeZone"), "UTC");
	assert_string_equal(solo_ask(f, "SHOW application_name"), "rollcall");
	assert_string_equal(solo_ask(f, "SHOW synchronous_commit"), "on");
	assert_string_equal(solo_ask(f, "SHOW tcp_keepalives_idle"), "60");
	assert_string_equal(solo_ask(f, "SHOW tcp_user_timeout"), "120000");
	OK(f->en->begin(f->c, &f->e));
	OK(solo_run(f, "SET statement_timeout = 0"));
	OK(solo_run(f, "SET lock_timeout = 0"));
	OK(f->en->commit(f->c, &f->e));
	OK(f->en->begin(f->c, &f->e));
	assert_string_equal(solo_ask(f, "SHOW statement_timeout"), "10s");
	assert_string_equal(solo_ask(f, "SHOW lock_timeout"), "1s");
	OK(f->en->rollback(f->c, &f->e));
}

/* How a database writes its dates is its releases' matter, and does not hide since when a session is there. */
static void test_dates_stay_the_databases_own(void **state)
{
	struct fixture *f = *state;
	char sql[120];
	bool alive = false;
	snprintf(sql, sizeof sql, "ALTER DATABASE %s SET DateStyle = 'German, DMY'", f->database);
	solo_admin(f, sql);
	solo_connect(f);
	assert_string_equal(solo_ask(f, "SHOW DateStyle"), "German, DMY");
	OK(f->en->backend_alive(f->c, f->en->backend(f->c), &alive, &f->e));
	assert_true(alive);
	assert_string_equal(
	    solo_ask(f, "SELECT (extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity WHERE pid = pg_backend_pid()"),
	    strchr(f->en->backend(f->c), '/') + 1);
}

static void test_patience_outside_transactions(void **state)
{
	struct fixture *f = *state;
	solo_connect(f);
	f->en->patience(f->c, 2500);
	OK(solo_run(f, "CREATE TABLE t AS SELECT current_setting('lock_timeout') AS patience"));
	assert_string_equal(solo_ask(f, "SELECT patience FROM t"), "2500ms");
	assert_string_equal(solo_ask(f, "SHOW lock_timeout"), "1s"); /* our own questions do not wait longer */
	OK(f->en->begin(f->c, &f->e));
	assert_string_equal(solo_ask(f, "SHOW lock_timeout"), "2500ms");
	OK(f->en->rollback(f->c, &f->e));
	f->en->patience(f->c, 1000);
	OK(f->en->begin(f->c, &f->e));
	assert_string_equal(solo_ask(f, "SHOW lock_timeout"), "1s");
	OK(f->en->rollback(f->c, &f->e));
}

static void test_role(void **state)
{
	struct fixture *f = *state;
	struct ledger l;
	AUTO(arena_destroy) struct arena *a = arena_new(16 << 20);
	solo_admin(f, "DROP ROLE IF EXISTS shop_owner");
	solo_admin(f, "CREATE ROLE shop_owner; GRANT shop_owner TO rollcall; GRANT CREATE ON SCHEMA public TO shop_owner");
	char sql[120];
	snprintf(sql, sizeof sql, "GRANT CREATE ON DATABASE %s TO shop_owner", f->database);
	solo_admin(f, sql);
	f->target.role = "shop_owner";
	solo_connect(f);
	OK(ledger_open(f->en, f->c, f->target.id, 1, a, &l, &f->e));
	OK(f->en->begin(f->c, &f->e));
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	OK(solo_run(f, "SET ROLE NONE"));
	OK(f->en->commit(f->c, &f->e));
	assert_string_equal(solo_ask(f, "SELECT tableowner FROM pg_tables WHERE tablename = 't'"), "shop_owner");
	assert_string_equal(solo_ask(f, "SELECT current_user"), "shop_owner");
	snprintf(sql, sizeof sql, "DROP OWNED BY shop_owner; DROP ROLE shop_owner");
	f->en->close(&f->c);
	solo_admin(f, sql);
}

/* The role is called rollcall, as the ledger's schema is. */
static void test_tables_do_not_land_in_the_ledgers_schema(void **state)
{
	struct fixture *f = *state;
	struct ledger l;
	AUTO(arena_destroy) struct arena *a = arena_new(16 << 20);
	solo_connect(f);
	OK(ledger_open(f->en, f->c, f->target.id, 1, a, &l, &f->e));
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	assert_string_equal(solo_ask(f, "SELECT schemaname FROM pg_tables WHERE tablename = 't'"), "public");
	OK(f->en->begin(f->c, &f->e));
	OK(solo_run(f, "CREATE TABLE u (a int)"));
	OK(f->en->commit(f->c, &f->e));
	assert_string_equal(solo_ask(f, "SELECT schemaname FROM pg_tables WHERE tablename = 'u'"), "public");
	assert_string_equal(solo_ask(f, "SELECT schemaname FROM pg_tables WHERE tablename = 'ledger'"), "rollcall");
}

static void test_schema_targets_are_apart(void **state)
{
	struct fixture *f = *state;
	struct ledger l;
	AUTO(arena_destroy) struct arena *a = arena_new(16 << 20);
	solo_connect(f);
	OK(solo_run(f, "CREATE SCHEMA \"Tenant 1\""));
	OK(solo_run(f, "CREATE SCHEMA b"));
	const char *const schemas[] = {"Tenant 1", "b"};
	for (size_t i = 0; i < 2; i++) {
		f->target.schema = schemas[i];
		f->target.id = schemas[i];
		solo_connect(f);
		OK(ledger_open(f->en, f->c, f->target.id, 1, a, &l, &f->e));
		assert_int_equal(l.n_rows, 0);
		OK(f->en->begin(f->c, &f->e));
		OK(solo_run(f, "CREATE TABLE t (a int)"));
		OK(f->en->commit(f->c, &f->e));
		bool exists = false;
		OK(f->en->table_exists(f->c, schemas[i], "t", false, &exists, &f->e));
		assert_true(exists);
	}
	assert_string_equal(solo_ask(f, "SELECT count(*) FROM pg_tables WHERE tablename IN ('t', 'rollcall_ledger', 'rollcall_meta')"), "6");
	assert_string_equal(solo_ask(f, "SELECT count(*) FROM pg_namespace WHERE nspname = 'rollcall'"), "0");
}

static void take_snapshot(struct fixture *f, const char *schema, struct snapshot *ret)
{
	f->target.schema = schema;
	solo_connect(f);
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
		solo_admin(f, sql);
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

/* Where the role is called as the ledger's schema is, "$user" would be that schema; the rest of its path is as it was, however it is written. */
static void test_the_role_of_the_ledgers_name_has_no_path_there(void **state)
{
	static const char path[] = "{\"My \\\"S\",\"x\\\";a\",user,public}";
	struct fixture *f = *state;
	char sql[600];
	snprintf(sql, sizeof sql,
	         "CREATE SCHEMA rollcall AUTHORIZATION rollcall; CREATE SCHEMA \"My \"\"S\" AUTHORIZATION rollcall; "
	         "CREATE SCHEMA \"x\"\";a\" AUTHORIZATION rollcall; CREATE SCHEMA \"user\" AUTHORIZATION rollcall; "
	         "SELECT set_config('search_path', '\"$user\", \"My \"\"S\",x\";a,User , PUBLIC,$User', false); "
	         "ALTER ROLE rollcall IN DATABASE %s SET search_path FROM CURRENT",
	         f->database);
	solo_admin(f, sql);
	solo_connect(f);
	assert_string_equal(solo_ask(f, "SELECT pg_catalog.current_schemas(false)"), path);
	OK(solo_run(f, "SET search_path = public"));
	assert_string_equal(solo_ask(f, "SELECT pg_catalog.current_schemas(false)"), path);
	OK(f->en->begin(f->c, &f->e));
	assert_string_equal(solo_ask(f, "SELECT pg_catalog.current_schemas(false)"), path);
	OK(f->en->rollback(f->c, &f->e));
	snprintf(sql, sizeof sql, "ALTER ROLE rollcall IN DATABASE %s SET search_path = '$user'", f->database);
	solo_admin(f, sql);
	solo_connect(f);
	assert_string_equal(solo_ask(f, "SELECT pg_catalog.current_schemas(false)"), "{}");
}

static void test_copy_from_the_client_is_refused(void **state)
{
	struct fixture *f = *state;
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	FAILS(solo_run(f, "COPY t FROM STDIN"));
	assert_string_equal(f->e.msg, "COPY to or from the client cannot be in a release: use INSERT, or COPY with a file of the server");
	OK(solo_run(f, "INSERT INTO t VALUES (1)"));
	FAILS(solo_run(f, "COPY t TO STDOUT"));
	assert_string_equal(solo_ask(f, "SELECT count(*) FROM t"), "1");
}

static void test_chained_commit_is_seen(void **state)
{
	struct fixture *f = *state;
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	OK(f->en->begin(f->c, &f->e));
	FAILS(solo_run(f, "COMMIT AND CHAIN"));
	assert_int_equal(f->e.code, ERR_STATE);
	OK(f->en->rollback(f->c, &f->e));
}

static void test_deferred_constraint_fails_the_commit(void **state)
{
	struct fixture *f = *state;
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE t (a int PRIMARY KEY, b int REFERENCES t DEFERRABLE INITIALLY DEFERRED)"));
	OK(f->en->begin(f->c, &f->e));
	OK(solo_run(f, "INSERT INTO t VALUES (1, 2)"));
	FAILS(f->en->commit(f->c, &f->e));
	assert_int_equal(f->e.code, ERR_DB);
	assert_string_equal(f->e.sqlstate, "23503");
	assert_string_equal(solo_ask(f, "SELECT count(*) FROM t"), "0");
}

static int keep_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < n; i++)
		buf_addf(arg, "%s|", values[i] ? values[i] : "(null)");
	return 0;
}

/* BEGIN to COMMIT is one message: parameters are literals there, whatever is in them. */
static void test_a_whole_transaction_of_our_own(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "it's $1, \\ and \"$2\"; --";
	AUTO(buf_done) struct buf rows = BUF_INIT;
	const struct engine_param params[] = {{.value = bytes_of_str(text)}, {.null = true}};
	const struct engine_own own[] = {{.sql = bytes_of_str("CREATE TABLE t (a text, b text, c text)")},
	                                 {.sql = bytes_of_str("INSERT INTO t VALUES ($1, $2, $1) RETURNING a, b, c"),
	                                  .params = params,
	                                  .n_params = ARRAY_LEN(params),
	                                  .fn = keep_row,
	                                  .arg = &rows}};
	size_t done = 0;
	solo_connect(f);
	OK(f->en->batch(f->c, true, own, ARRAY_LEN(own), true, &done, &f->e));
	assert_int_equal(done, 2);
	assert_false(f->en->in_transaction(f->c));
	assert_string_equal(buf_str(&rows), "it's $1, \\ and \"$2\"; --|(null)|it's $1, \\ and \"$2\"; --|");
	FAILS(f->en->batch(f->c, true, own, ARRAY_LEN(own), true, &done, &f->e)); /* it is there */
	assert_string_equal(f->e.sqlstate, "42P07");
	assert_int_equal(done, 0);
	assert_false(f->en->in_transaction(f->c));
	const struct engine_own wrong[] = {{.sql = bytes_of_str("INSERT INTO t VALUES ($3)"), .params = params, .n_params = ARRAY_LEN(params)}};
	FAILS(f->en->batch(f->c, true, wrong, 1, true, &done, &f->e));
	assert_int_equal(f->e.code, ERR_INTERNAL);
	OK(solo_run(f, "INSERT INTO t VALUES ('after')"));
}

/* What only COMMIT sees leaves nothing of the whole. */
static void test_a_whole_transaction_that_its_commit_refuses(void **state)
{
	struct fixture *f = *state;
	size_t done = 0;
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE d (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)"));
	const struct engine_own own[] = {{.sql = bytes_of_str("INSERT INTO d VALUES (1)")}, {.sql = bytes_of_str("INSERT INTO d VALUES (1)")}};
	FAILS(f->en->batch(f->c, true, own, ARRAY_LEN(own), true, &done, &f->e));
	assert_int_equal(f->e.code, ERR_DB);
	assert_true(f->en->unique_violation(&f->e));
	assert_false(f->en->in_transaction(f->c));
	OK(solo_run(f, "INSERT INTO d VALUES (1)"));
}

static void test_terminated_backend(void **state)
{
	struct fixture *f = *state;
	char sql[120];
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	OK(f->en->begin(f->c, &f->e));
	OK(solo_run(f, "INSERT INTO t VALUES (1)"));
	snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%ld, 60000)", strtol(f->en->backend(f->c), NULL, 10)); /* and waits until it is gone */
	solo_admin(f, sql);
	FAILS(f->en->commit(f->c, &f->e));
	assert_int_equal(f->e.code, ERR_UNKNOWN);
	assert_int_equal(f->en->retry_class(&f->e), RETRY_UNKNOWN);
	solo_connect(f);
	assert_string_equal(solo_ask(f, "SELECT count(*) FROM t"), "0");
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
	solo_connect(f);
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
	solo_connect(f);
	OK(f->en->cautions(f->c, &text, &f->e));
	assert_string_equal(buf_str(&text), "fsync is off: a power failure can lose or damage the database, ledger and all\n"
	                                    "full_page_writes is off: a power failure can damage the database\n");
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	OK(solo_run(f, "CREATE INDEX i ON t (a)"));
	solo_admin(f, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass");
	OK(f->en->cautions(f->c, &text, &f->e));
	assert_non_null(strstr(buf_str(&text), "index public.i is INVALID: a CONCURRENTLY that broke off has left it"));
	assert_true(f->en->statement_max(f->c) > 1000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_refusals),
	    TEST(test_pooler),
	    TEST(test_read_only_database),
	    TEST(test_timeouts_of_role_and_database_do_not_reach_us),
	    TEST(test_dates_stay_the_databases_own),
	    TEST(test_patience_outside_transactions),
	    TEST(test_role),
	    TEST(test_tables_do_not_land_in_the_ledgers_schema),
	    TEST(test_schema_targets_are_apart),
	    TEST(test_snapshot_of_a_schema_names_it_nowhere),
	    TEST(test_the_role_of_the_ledgers_name_has_no_path_there),
	    TEST(test_copy_from_the_client_is_refused),
	    TEST(test_chained_commit_is_seen),
	    TEST(test_deferred_constraint_fails_the_commit),
	    TEST(test_a_whole_transaction_of_our_own),
	    TEST(test_a_whole_transaction_that_its_commit_refuses),
	    TEST(test_terminated_backend),
	    TEST(test_witness),
	    TEST(test_cautions),
	};
	return cmocka_run_group_tests(tests, solo_postgresql_start, solo_stop);
}
