/* The rows PG-.. of the list of crash points, on a real server: each instant at which agent, server or an operator can break in, and how the delivery ends all the same. What runs CONCURRENTLY is in
 * rows_postgres_concurrently_test.c. */
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "tests/support/row_postgres.h"

#define TICKS "SELECT count(*) FROM tick"

/* ---- class T ---- */

static void before_begin(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	assert_true(fixture_deliver_and_crash(&b->f, "connected"));
	row_is(b, TICKS, "0");
	row_applied(b, 1);
	row_is(b, TICKS, "1");
}

static void in_transaction(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "INSERT INTO tick SELECT 'one' FROM pg_sleep(6)");
	pid_t agent = fixture_start(&b->f, NULL);
	row_becomes(b, BUSY("INSERT"), "1");
	row_kill_agent(b, agent);
	row_is(b, BUSY("INSERT"), "1"); /* the dead agent's statement runs on, and holds the lock */
	row_is(b, LOCKED, "1");
	row_applied(b, 1);
	assert_non_null(strstr(buf_str(&b->f.progress), "a statement of an earlier run still works in the server"));
	row_is(b, TICKS, "1");
}

static void reply_lost(struct row_bench *b)
{
	struct changeset *c = fixture_changeset(&b->f, "a:two");
	fixture_step(&b->f, c, STEP_T, "INSERT INTO tick VALUES ('one')");
	fixture_step(&b->f, c, STEP_T, "INSERT INTO tick VALUES ('two')");
	row_lose(b, "COMMIT", 3); /* of the new ledger, and of both steps */
	row_applied(b, 2);
	row_is(b, "SELECT string_agg(what, ',') FROM tick", "one,two");
	assert_non_null(strstr(buf_str(&b->f.progress), "unreachable"));
}

static void commit_is_durable(struct row_bench *b)
{
	row_sql(b, "ALTER ROLE rollcall SET synchronous_commit = off");
	row_step(b, "a:one", STEP_T, "INSERT INTO tick SELECT current_setting('synchronous_commit')");
	row_applied(b, 1);
	row_is(b, "SELECT what FROM tick", "on");
	row_sql(b, "ALTER ROLE rollcall RESET synchronous_commit");
}

/* A restore takes schema and ledger back together. The agent has seen more than the ledger now knows: a person says whether that is meant. */
static void set_back(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	row_applied(b, 1);
	const char *kept = arena_printf(b->f.arena, "%s_kept", b->database);
	free(server_sql(b->server, "postgres", arena_printf(b->f.arena, "CREATE DATABASE %s TEMPLATE %s OWNER rollcall", kept, b->database)));
	row_step(b, "a:two", STEP_T, "INSERT INTO tick VALUES ('two')");
	b->f.task.id[0]++;
	row_applied(b, 2);
	free(server_sql(b->server, "postgres", arena_printf(b->f.arena, "DROP DATABASE %s", b->database)));
	free(server_sql(b->server, "postgres", arena_printf(b->f.arena, "ALTER DATABASE %s RENAME TO %s", kept, b->database)));
	b->f.task.id[0]++;
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_REFUSED);
	assert_non_null(strstr(r->failure.message, "the ledger was made in database"));
	row_is(b, "SELECT string_agg(what, ',') FROM tick", "one");
}

/* A fail-over to a replica that lagged takes the last commits away, and the database is the same one. */
static void last_commit_lost(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	row_step(b, "a:two", STEP_T, "INSERT INTO tick VALUES ('two')");
	row_applied(b, 2);
	row_sql(b, "DELETE FROM rollcall.ledger WHERE seq = 2; DELETE FROM tick WHERE what = 'two'");
	b->f.task.id[0]++;
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.message, "diverged: the ledger ends at row 1, and this agent has seen row 2 there"));
	row_is(b, "SELECT string_agg(what, ',') FROM tick", "one");
}

/* The other one comes first, and wants our row while we sleep. */
static void deadlock(struct row_bench *b)
{
	struct changeset *c = fixture_changeset(&b->f, "a:one");
	row_sql(b, "ALTER ROLE rollcall SET deadlock_timeout = '50ms'");
	fixture_step(&b->f, c, STEP_T,
	             "DO $$BEGIN INSERT INTO tick VALUES ('one'); UPDATE item SET name = '1' WHERE id = 1; PERFORM pg_sleep(2.5); UPDATE item SET name = "
	             "'2' WHERE id = 2; END$$");
	pid_t other = row_outsider(b, "BEGIN; SET LOCAL deadlock_timeout = '10s'; UPDATE item SET name = 'b' WHERE id = 2; SELECT pg_sleep(2); UPDATE "
	                              "item SET name = 'a' WHERE id = 1; COMMIT");
	row_becomes(b, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'postgres' AND wait_event = 'PgSleep' AND query LIKE 'BEGIN; SET LOCAL%'",
	            "1");
	row_applied(b, 1);
	row_end(other);
	row_sql(b, "ALTER ROLE rollcall RESET deadlock_timeout");
	row_is(b, TICKS, "1");
	row_is(b, "SELECT string_agg(name, ',' ORDER BY id) FROM item WHERE id < 3", "1,2");
}

/* Two change the same row of a catalog; the loser's error has no code of its own. */
static void catalog_conflict(struct row_bench *b)
{
	row_step(b, "a:grant", STEP_T, "GRANT SELECT ON item TO PUBLIC");
	b->f.target.lock_timeout_ms = 30000; /* it waits until the other one is through */
	pid_t other = row_outsider(b, "BEGIN; GRANT INSERT ON item TO PUBLIC; SELECT pg_sleep(4); COMMIT");
	row_becomes(b, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE 'BEGIN; GRANT%'", "1");
	row_applied(b, 1);
	row_end(other);
	row_is(b, "SELECT has_table_privilege('public', 'item', 'SELECT')", "t");
	assert_non_null(strstr(buf_str(&b->f.progress), "tuple concurrently updated"));
}

static void lock_time_out(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "ALTER TABLE item ADD COLUMN note text");
	b->f.target.lock_timeout_ms = 300;
	pid_t other = hold_item(b, "4");
	row_applied(b, 1);
	row_end(other);
	assert_non_null(strstr(buf_str(&b->f.progress), "waiting-lock a:one 1/1"));
}

static void commit_inside(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "COMMIT");
	row_refused(b, "C19 statement", "would end or open a transaction");
}

static void outside_effects(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "SELECT setval('item_seq', 7)");
	row_refused(b, "C19 statement", "SELECT");
}

static void prepared(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "PREPARE TRANSACTION 'x'");
	row_refused(b, "C19 statement", "would end or open a transaction");
}

static void between_steps(struct row_bench *b)
{
	struct changeset *c = fixture_changeset(&b->f, "a:three");
	fixture_step(&b->f, c, STEP_T, "INSERT INTO tick VALUES ('one')");
	fixture_step(&b->f, c, STEP_T, "INSERT INTO tick VALUES ('two')");
	fixture_step(&b->f, c, STEP_T, "INSERT INTO tick VALUES ('three')");
	assert_true(fixture_deliver_and_crash(&b->f, "committed:2"));
	row_is(b, "SELECT string_agg(what, ',') FROM tick", "one,two");
	row_applied(b, 3);
	row_is(b, "SELECT string_agg(what, ',') FROM tick", "one,two,three");
	row_is(b, VIA, "run,run,run");
}

static void not_valid_then_validate(struct row_bench *b)
{
	struct changeset *c = fixture_changeset(&b->f, "a:check");
	fixture_step(&b->f, c, STEP_T, "ALTER TABLE item ADD CONSTRAINT item_named CHECK (name <> '') NOT VALID");
	fixture_step(&b->f, c, STEP_T, "ALTER TABLE item VALIDATE CONSTRAINT item_named");
	assert_true(fixture_deliver_and_crash(&b->f, "committed:1"));
	row_is(b, "SELECT convalidated FROM pg_constraint WHERE conname = 'item_named'", "f");
	row_applied(b, 2);
	row_is(b, "SELECT convalidated FROM pg_constraint WHERE conname = 'item_named'", "t");
}

/* ---- class B ---- */

/* Keys whose text is read another way by the session that goes on, or is no exact one: each row once all the same. */
static void walked_with(struct row_bench *b, const char *key, const char *first, const char *later)
{
	row_sql(b, arena_printf(b->f.arena, "SET ROLE rollcall; CREATE TABLE big (id %s NOT NULL PRIMARY KEY, n int NOT NULL DEFAULT 0)", key));
	row_sql(b, str_starts(key, "float")
	               ? "INSERT INTO big SELECT 0.1 + i * 1e-16 FROM generate_series(1, 1000, 3) AS i"
	               : "INSERT INTO big SELECT timestamptz '2024-01-01 12:00:00.000001+00' + i * interval '1 day' FROM generate_series(1, 1000) AS i");
	const char *rows = row_value(b, "SELECT count(*) FROM big");
	row_sql(b, arena_printf(b->f.arena, "ALTER DATABASE %s SET %s", b->database, first));
	struct changeset *c = fixture_changeset(&b->f, "a:batched");
	c->batching = (struct batching){.size = 7, .rollback_size = 7};
	fixture_step(&b->f, c, STEP_B, "UPDATE big SET n = n + 1");
	assert_true(fixture_deliver_and_crash(&b->f, "batch-committed:10"));
	row_sql(b, arena_printf(b->f.arena, "ALTER DATABASE %s SET %s", b->database, later));
	row_applied(b, 1);
	row_is(b, "SELECT count(*) FROM big WHERE n = 1", rows);
}

static void dates_as_keys(struct row_bench *b)
{
	walked_with(b, "timestamptz", "DateStyle = 'SQL, DMY'", "DateStyle = 'SQL, MDY'");
}

static void floats_as_keys(struct row_bench *b)
{
	walked_with(b, "float8", "extra_float_digits = 0", "extra_float_digits = -3");
}

/* What has no text that is read alike everywhere is refused by name, and passed over where the table has another key. */
static void unfit_keys(struct row_bench *b)
{
	static const struct {
		const char *type, *values, *named;
	} keys[] = {{"interval", "i * interval '26 hours'", "interval"},
	            {"tstzrange", "tstzrange(now(), now() + i * interval '1 day')", "tstzrange"},
	            {"int4multirange", "int4multirange(int4range(i, i + 1))", "int4multirange"},
	            {"money", "i::money", "money"},
	            {"date[]", "ARRAY[current_date + i]", "date[]"},
	            {"span", "i * interval '26 hours'", "interval"}};
	row_sql(b, "SET ROLE rollcall; CREATE DOMAIN span AS interval CHECK (VALUE >= '0')");
	struct changeset *c = fixture_changeset(&b->f, "a:batched");
	c->batching = (struct batching){.size = 7, .rollback_size = 7};
	fixture_step(&b->f, c, STEP_B, "UPDATE big SET n = n + 1");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		row_sql(b, arena_printf(b->f.arena,
		                        "SET ROLE rollcall; DROP TABLE IF EXISTS public.big; CREATE TABLE public.big (id %s NOT NULL PRIMARY KEY, n int NOT "
		                        "NULL DEFAULT 0, other int); "
		                        "INSERT INTO public.big SELECT %s, 0, i FROM generate_series(1, 30) AS i",
		                        keys[i].type, keys[i].values));
		b->f.task.id[0]++;
		const struct report *r = fixture_deliver(&b->f);
		assert_int_equal(r->outcome, OUTCOME_FAILED);
		if (!strstr(r->failure.message,
		            arena_printf(b->f.arena, "table big cannot be walked in batches: of its key, column id is of type %s,", keys[i].named)))
			fail_msg("%s: %s", keys[i].type, r->failure.message);
		row_is(b, "SELECT count(*) FROM big WHERE n = 0", "30");
	}
	row_sql(b, "SET ROLE rollcall; ALTER TABLE public.big ALTER COLUMN other SET NOT NULL, ADD UNIQUE (other)");
	b->f.task.id[0]++;
	row_applied(b, 1);
	row_is(b, "SELECT count(*) FROM big WHERE n = 1", "30");
}

/* A key that is computed from what the statement sets would move its rows past the cursor. */
static void generated_key(struct row_bench *b)
{
	row_sql(b, "SET ROLE rollcall; CREATE TABLE big (n int NOT NULL, id int GENERATED ALWAYS AS (n + 1000) STORED PRIMARY KEY); "
	           "INSERT INTO big SELECT i * 1000 FROM generate_series(1, 100) AS i");
	struct changeset *c = fixture_changeset(&b->f, "a:batched");
	c->batching = (struct batching){.size = 7, .rollback_size = 7};
	fixture_step(&b->f, c, STEP_B, "UPDATE big SET n = n + 10001");
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "table big cannot be walked in batches"));
	row_is(b, "SELECT max(n) FROM big", "100000");
}

/* Each under its own name, and so under its own lock: one of them makes the ledger, the other one is told whose it is. */
static void two_agents_at_once(struct row_bench *b)
{
	static const char *const names[] = {"eu/db1/shop", "us/db1/shop"};
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	for (int i = 0; i < 6; i++) {
		pid_t agents[ARRAY_LEN(names)];
		char journals[ARRAY_LEN(names)][sizeof b->f.journal_path];
		row_sql(b, "DROP SCHEMA IF EXISTS rollcall CASCADE; TRUNCATE tick");
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			snprintf(journals[k], sizeof journals[k], "%.60s/%zu-%d.db", b->f.dir, k, i);
			memcpy(b->f.journal_path, journals[k], sizeof journals[k]);
			b->f.target.id = b->f.task.target = names[k];
			agents[k] = fixture_start(&b->f, NULL);
		}
		int first = fixture_wait(&b->f, agents[0]);
		journal_close(&b->f.journal);
		int second = fixture_wait(&b->f, agents[1]);
		assert_int_equal(first, first == OUTCOME_APPLIED ? OUTCOME_APPLIED : OUTCOME_REFUSED);
		assert_int_equal(second, first == OUTCOME_APPLIED ? OUTCOME_REFUSED : OUTCOME_APPLIED);
		row_is(b, TICKS, "1");
	}
}

int main(int argc, char **argv)
{
	static const struct row_test rows[] = {
	    {"PG-01 the agent dies before BEGIN", before_begin},
	    {"PG-02 the agent dies in mid-transaction", in_transaction},
	    {"PG-03 the reply to COMMIT is lost", reply_lost},
	    {"PG-04 the server dies in mid-transaction", row_server_dies},
	    {"PG-05 synchronous_commit is forced on", commit_is_durable},
	    {"PG-06 the database is set back to an earlier time", set_back},
	    {"PG-06 the last commits are lost in a fail-over", last_commit_lost},
	    {"PG-07 a deadlock rolls the transaction back", deadlock},
	    {"PG-07 another one changes the same catalog row", catalog_conflict},
	    {"PG-07 a lock time-out rolls the transaction back", lock_time_out},
	    {"PG-08 COMMIT inside a step", commit_inside},
	    {"PG-09 setval has an effect that outlives a rollback", outside_effects},
	    {"PG-10 PREPARE TRANSACTION", prepared},
	    {"PG-11 the agent dies between two steps of a changeset", between_steps},
	    {"PG-29 the agent dies between NOT VALID and VALIDATE", not_valid_then_validate},
	    {"BF-02 the agent dies after a batch's COMMIT, and its key of times is written another way", dates_as_keys},
	    {"BF-02 the agent dies after a batch's COMMIT, over a key of floating point numbers", floats_as_keys},
	    {"BF-02 keys of types without a sure text", unfit_keys},
	    {"BF-03 a generated key would move rows", generated_key},
	    {"AG-07 two agents for one database come at once", two_agents_at_once},
	    ROW_AGENTS,
	    ROW_BATCHES,
	    ROW_ORDERS,
	    ROW_VALIDATIONS,
	};
	return rows_run(DIALECT_POSTGRESQL, PREPARE, rows, ARRAY_LEN(rows), argc, argv);
}
