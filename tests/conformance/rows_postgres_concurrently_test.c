/* The rows PG-20 to PG-28 of the list of crash points, on a real server: statements that PostgreSQL runs alone, in several transactions of its own (CONCURRENTLY). Wherever one breaks off, what it
 * leaves behind (an INVALID index, a copy, a pending detach) is seen and cleared, and the delivery ends as it should. */
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "tests/support/row_postgres.h"

#define INDEX   "CREATE INDEX CONCURRENTLY item_name ON item (name)"
#define VALID   "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('item_name') AND indisvalid"
#define INVALID "SELECT count(*) FROM pg_index WHERE NOT indisvalid"

/* Ends an outsider's BEGIN; ... before its time. A busy machine needs some time to come to what waits for it, so it holds for long. */
static void release(struct row_bench *b, pid_t outsider)
{
	row_sql(b, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active' AND query LIKE 'BEGIN; %'");
	row_end(outsider);
}

/* A delivery in whose CREATE INDEX CONCURRENTLY somebody breaks in while it waits for the outsider. */
static pid_t start_index(struct row_bench *b)
{
	row_step(b, "a:index", STEP_N, INDEX);
	pid_t agent = fixture_start(&b->f, NULL);
	row_becomes(b, BUSY("CREATE INDEX CONCURRENTLY"), "1");
	return agent;
}

static void killed_in_index(struct row_bench *b)
{
	pid_t other = hold_item(b, "60"), agent = start_index(b);
	row_kill_agent(b, agent);
	row_is(b, LOCKED, "1");
	release(b, other);
	row_applied(b, 1); /* waits for the server to finish what the dead agent began */
	row_is(b, VALID, "1");
	row_is(b, VIA, "probe");
}

static void backend_ended_in_index(struct row_bench *b)
{
	pid_t other = hold_item(b, "60"), agent = start_index(b);
	row_sql(b, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%'");
	row_is(b, "SELECT count(*) FROM pg_index WHERE NOT indisvalid", "1");
	release(b, other);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
	row_is(b, VALID, "1");
	row_applied(b, 1);
}

/* A dead agent's intent, and the INVALID index that its statement has left. */
static void leave_invalid(struct row_bench *b)
{
	row_step(b, "a:index", STEP_N, INDEX);
	assert_true(fixture_deliver_and_crash(&b->f, "intent-written"));
	row_sql(b, "SET ROLE rollcall; CREATE INDEX item_name ON item (name)");
	row_sql(b, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'item_name'::regclass");
}

#define HOLD_LIKE_A_BUILDER(seconds) "BEGIN; LOCK TABLE item IN SHARE UPDATE EXCLUSIVE MODE; SELECT pg_sleep(" seconds "); COMMIT"
#define HELD                         "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE 'BEGIN; LOCK TABLE item%'"

/* Whoever holds the builders' lock may be building that index, or may not: it is waited for, and an INVALID index is nobody's effect. */
static void invalid_and_table_held(struct row_bench *b)
{
	leave_invalid(b);
	pid_t other = row_outsider(b, HOLD_LIKE_A_BUILDER("5"));
	row_becomes(b, HELD, "1");
	row_applied(b, 1);
	row_end(other);
	row_is(b, VALID, "1");
	row_is(b, VIA, "run");
	assert_non_null(strstr(buf_str(&b->f.progress), "index public.item_name is INVALID, and process "));
}

/* A copy of a database has the same numbers for its tables: who works there is in nobody's way here. */
static void invalid_and_copy_held(struct row_bench *b)
{
	leave_invalid(b);
	const char *copy = arena_printf(b->f.arena, "%s_copy", b->database);
	free(server_sql(b->server, "postgres", arena_printf(b->f.arena, "CREATE DATABASE %s TEMPLATE %s", copy, b->database)));
	pid_t other = server_session(b->server, copy, HOLD_LIKE_A_BUILDER("60"));
	row_becomes(b, HELD, "1");
	row_applied(b, 1);
	row_is(b, HELD, "1");
	row_is(b, VALID, "1");
	release(b, other);
}

/* An index lies in its table's schema, and that need not be where the session looks. */
static void index_outside_the_path(struct row_bench *b)
{
	row_sql(
	    b,
	    "CREATE SCHEMA app AUTHORIZATION rollcall; SET ROLE rollcall; CREATE TABLE app.part (name text); INSERT INTO app.part VALUES ('a'), ('a')");
	row_step(b, "a:index", STEP_N, "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS part_name ON app.part (name)");
	assert_int_equal(fixture_deliver(&b->f)->outcome, OUTCOME_FAILED);
	row_is(b, INVALID, "0");
	row_sql(b, "DELETE FROM app.part");
	b->f.task.attempt++;
	assert_true(fixture_deliver_and_crash(&b->f, "n-statement-run"));
	row_applied(b, 1);
	row_is(b, VIA, "probe");
	row_is(b, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'app.part_name'::regclass", "t");
}

/* Which INVALID index of the table is the one that it left, nobody can tell: but that it left one is told. */
static void unnamed_index_fails(struct row_bench *b)
{
	row_sql(b, "UPDATE item SET name = 'same'");
	row_step(b, "a:index", STEP_N, "CREATE UNIQUE INDEX CONCURRENTLY ON item (name)");
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.message, "CREATE INDEX CONCURRENTLY failed, yet table item is not as it was before: could not create unique"));
	row_is(b, INVALID, "1");
}

static void server_dies_in_index(struct row_bench *b)
{
	pid_t other = hold_item(b, "60"), agent = start_index(b);
	server_kill(b->server);
	row_end(other);
	server_restart(b->server);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
	row_is(b, VALID, "1");
	row_applied(b, 1);
	row_is(b, "SELECT count(*) FROM pg_index WHERE NOT indisvalid", "0");
}

/* IF NOT EXISTS would call an index that is INVALID, and was before we came, a success. */
static void invalid_before(struct row_bench *b)
{
	row_sql(b, "SET ROLE rollcall; CREATE INDEX item_name ON item (name)");
	row_sql(b, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'item_name'::regclass");
	row_step(b, "a:index", STEP_N, "CREATE INDEX CONCURRENTLY IF NOT EXISTS item_name ON item (name)");
	row_applied(b, 1);
	row_is(b, VALID, "1");
}

/* The same, and the agent dies at each instant of it. */
static void invalid_before_and_killed(struct row_bench *b)
{
	static const char *const points[] = {"before-intent", "intent-written", "n-statement-run", "outcome-written"};
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		const char *name = arena_printf(b->f.arena, "item_name_%zu", i);
		row_sql(b, arena_printf(b->f.arena, "SET ROLE rollcall; CREATE INDEX %s ON item (name)", name));
		row_sql(b, arena_printf(b->f.arena, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '%s'::regclass", name));
		row_step(b, arena_printf(b->f.arena, "a:index-%zu", i), STEP_N,
		         arena_printf(b->f.arena, "CREATE INDEX CONCURRENTLY IF NOT EXISTS %s ON item (name)", name));
		b->f.task.id[0]++;
		assert_true(fixture_deliver_and_crash(&b->f, points[i]));
		row_applied(b, i + 1);
		row_is(b, arena_printf(b->f.arena, "SELECT indisvalid FROM pg_index WHERE indexrelid = '%s'::regclass", name), "t");
	}
}

/* One session a target, and no transaction of ours is open while CONCURRENTLY waits for old ones. */
static void alone_meanwhile(struct row_bench *b)
{
	pid_t other = hold_item(b, "60"), agent = start_index(b);
	row_is(b, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rollcall' AND xact_start IS NOT NULL AND query NOT LIKE 'CREATE INDEX%'", "0");
	release(b, other);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
}

static void second_agent_polls(struct row_bench *b)
{
	pid_t other = hold_item(b, "5"), agent = start_index(b);
	struct err e = ERR_INIT;
	snprintf(b->f.journal_path, sizeof b->f.journal_path, "%s/second.db", b->f.dir);
	assert_int_equal(journal_open(b->f.journal_path, &b->f.journal, &e), 0);
	row_applied(b, 1); /* found done, after it had the lock */
	assert_non_null(strstr(buf_str(&b->f.progress), " locked by pid "));
	row_is(b, VALID, "1");
	row_is(b, "SELECT count(*) FROM rollcall.ledger", "2"); /* one intent, one outcome */
	row_end(other);
	journal_close(&b->f.journal);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
}

/* Copies of the table's indexes are left, whichever form broke off; its TOAST table's only a superuser may drop. */
static void reindex_ended(struct row_bench *b)
{
	static const char *const forms[] = {"INDEX CONCURRENTLY item_name", "TABLE CONCURRENTLY item", "(CONCURRENTLY) TABLE item",
	                                    "SCHEMA CONCURRENTLY alone"};
	row_sql(b, "CREATE SCHEMA alone AUTHORIZATION rollcall; SET ROLE rollcall; CREATE INDEX item_name ON item (name); CREATE TABLE alone.only (id "
	           "int PRIMARY KEY)");
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		pid_t other = hold_item(b, "60");
		row_step(b, arena_printf(b->f.arena, "a:reindex-%zu", i), STEP_N, arena_printf(b->f.arena, "REINDEX %s", forms[i]));
		b->f.task.id[0]++;
		pid_t agent = fixture_start(&b->f, NULL);
		row_becomes(b, BUSY("REINDEX"), "1");
		row_becomes(b, "SELECT count(*) > 0 FROM pg_class WHERE relname ~ '^(item|only).*_ccnew'", "t");
		row_sql(b, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rollcall' AND query LIKE 'REINDEX%'");
		release(b, other);
		assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
		row_is(b, "SELECT count(*) FROM pg_class WHERE relname ~ '_cc(new|old)' AND relnamespace <> 'pg_toast'::regnamespace", "0");
		row_is(b, VALID, "1");
	}
}

/* What is left lies beside the partitions' indexes. */
static void reindex_of_partitions_ended(struct row_bench *b)
{
	row_sql(b, "SET ROLE rollcall; CREATE TABLE part (id int PRIMARY KEY, name text) PARTITION BY RANGE (id); CREATE TABLE part_1 PARTITION OF part "
	           "FOR VALUES FROM "
	           "(1) TO (10); INSERT INTO part VALUES (1, 'one'); CREATE INDEX part_name ON part (name)");
	pid_t other = hold_item(b, "60"); /* its snapshot: a lock on the table would be waited for before anything is made */
	row_step(b, "a:reindex", STEP_N, "REINDEX TABLE CONCURRENTLY part");
	pid_t agent = fixture_start(&b->f, NULL);
	row_becomes(b, "SELECT count(*) > 0 FROM pg_class WHERE relname ~ '^part_1.*_ccnew'", "t");
	row_sql(b, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rollcall' AND query LIKE 'REINDEX%'");
	release(b, other);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
	row_is(b, "SELECT count(*) FROM pg_class WHERE relname ~ '^part.*_cc(new|old)'", "0");
}

static void detach_ended(struct row_bench *b)
{
	row_sql(b, "SET ROLE rollcall; CREATE TABLE big (id int) PARTITION BY RANGE (id); CREATE TABLE big_1 PARTITION OF big FOR VALUES FROM (1) TO "
	           "(10); INSERT INTO big VALUES (1)");
	pid_t other = row_outsider(b, "BEGIN; SELECT * FROM big; SELECT pg_sleep(60); COMMIT");
	row_becomes(
	    b, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'postgres' AND wait_event = 'PgSleep' AND query LIKE 'BEGIN; SELECT * FROM big%'",
	    "1");
	row_step(b, "a:detach", STEP_N, "ALTER TABLE big DETACH PARTITION big_1 CONCURRENTLY");
	pid_t agent = fixture_start(&b->f, NULL);
	row_becomes(b, "SELECT count(*) FROM pg_inherits WHERE inhdetachpending", "1");
	row_sql(b, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE big%'");
	release(b, other);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
	row_is(b, "SELECT count(*) FROM pg_inherits", "0");
}

/* Another one's DETACH is under way on that table, so ours is refused: theirs is not ours to end. */
static void anothers_detach(struct row_bench *b)
{
	row_sql(b, "SET ROLE rollcall; CREATE TABLE big (id int) PARTITION BY RANGE (id); CREATE TABLE big_1 PARTITION OF big FOR VALUES FROM (1) TO "
	           "(10); CREATE TABLE big_2 PARTITION OF big FOR VALUES FROM (10) TO (20)");
	row_sql(b, "UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'big_2'::regclass");
	row_step(b, "a:detach", STEP_N, "ALTER TABLE big DETACH PARTITION big_1 CONCURRENTLY");
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "already pending detach"));
	row_is(b, "SELECT string_agg(inhrelid::regclass || ' ' || inhdetachpending, ', ' ORDER BY 1) FROM pg_inherits", "big_1 false, big_2 true");
}

static void drop_ended(struct row_bench *b)
{
	row_sql(b, "SET ROLE rollcall; CREATE INDEX item_name ON item (name)");
	pid_t other = hold_item(b, "60");
	row_step(b, "a:drop", STEP_N, "DROP INDEX CONCURRENTLY item_name");
	pid_t agent = fixture_start(&b->f, NULL);
	row_becomes(b, BUSY("DROP INDEX"), "1");
	row_sql(b, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DROP INDEX%'");
	release(b, other);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
	row_is(b, "SELECT count(*) FROM pg_class WHERE relname LIKE 'item_name%'", "0");
}

int main(int argc, char **argv)
{
	static const struct row_test rows[] = {
	    {"PG-20 the agent dies during CREATE INDEX CONCURRENTLY", killed_in_index},
	    {"PG-21 the backend is ended during CREATE INDEX CONCURRENTLY", backend_ended_in_index},
	    {"PG-21 an INVALID index is left, and somebody works on its table", invalid_and_table_held},
	    {"PG-21 an INVALID index is left, and somebody works on a copy of its table", invalid_and_copy_held},
	    {"PG-21 an index outside of the search path", index_outside_the_path},
	    {"PG-21 an index without a name", unnamed_index_fails},
	    {"PG-22 the server dies during CREATE INDEX CONCURRENTLY", server_dies_in_index},
	    {"PG-23 IF NOT EXISTS over an INVALID index", invalid_before},
	    {"PG-23 IF NOT EXISTS over an INVALID index, and the agent dies", invalid_before_and_killed},
	    {"PG-24 no open transaction of ours while CONCURRENTLY runs", alone_meanwhile},
	    {"PG-25 a second agent polls while CONCURRENTLY runs", second_agent_polls},
	    {"PG-26 REINDEX CONCURRENTLY is interrupted", reindex_ended},
	    {"PG-26 REINDEX CONCURRENTLY of a partitioned table is interrupted", reindex_of_partitions_ended},
	    {"PG-27 DETACH PARTITION CONCURRENTLY is interrupted", detach_ended},
	    {"PG-27 another one's DETACH PARTITION CONCURRENTLY is pending", anothers_detach},
	    {"PG-28 DROP INDEX CONCURRENTLY is interrupted", drop_ended},
	};
	return rows_run(DIALECT_POSTGRESQL, PREPARE, rows, ARRAY_LEN(rows), argc, argv);
}
