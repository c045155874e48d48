/* Deliveries on real PostgreSQL and MariaDB servers: forward, backward, class N, a kill at each crash point, a server that is killed, a table that somebody else holds. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"
#include "tests/support/delivery_fixture.h"
#include "tests/support/servers.h"

#define PASSES_MAX 14

struct bench { /* one server for all tests, a database for each */
	enum dialect dialect;
	struct server *server;
	char database[32];
	unsigned n;
	char *dsn;
	struct fixture f;
};

static struct bench benches[] = {{.dialect = DIALECT_POSTGRESQL}, {.dialect = DIALECT_MARIADB}};

static void fresh(struct bench *b)
{
	free(b->dsn);
	snprintf(b->database, sizeof b->database, "apply_%u", ++b->n);
	server_create(b->server, b->database);
	b->dsn = server_dsn(b->server, b->database);
	fixture_init_on(&b->f, dialect_name(b->dialect), b->dsn);
}

static const char *value(struct bench *b, const char *sql)
{
	return server_value(b->server, b->database, sql, b->f.arena);
}

static const char *ledger(const struct bench *b)
{
	return b->dialect == DIALECT_POSTGRESQL ? "rollcall.ledger" : "rollcall_ledger";
}

static const char *done_rows(struct bench *b)
{
	return value(b, arena_printf(b->f.arena, "SELECT count(*) FROM %s WHERE state = 'done'", ledger(b)));
}

/* MariaDB's information_schema shows all databases. */
static const char *here(const struct bench *b)
{
	return b->dialect == DIALECT_POSTGRESQL ? "table_catalog = current_database()" : "table_schema = DATABASE()";
}

static void build(struct bench *b)
{
	bool pg = b->dialect == DIALECT_POSTGRESQL;
	enum step_class ddl = pg ? STEP_T : STEP_N;
	struct fixture *f = &b->f;
	struct changeset *c = fixture_changeset(f, "a:tables");
	fixture_step(f, c, ddl, "CREATE TABLE tick (what varchar(20))");
	fixture_step(f, c, ddl, "CREATE TABLE item (id int PRIMARY KEY, name varchar(20))");
	fixture_rollback(f, c, ddl, "DROP TABLE item");
	fixture_rollback(f, c, ddl, "DROP TABLE tick");
	c = fixture_changeset(f, "a:rows");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('one')");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('two')");
	fixture_rollback(f, c, STEP_T, "DELETE FROM tick");
	c = fixture_changeset(f, "a:column");
	fixture_validation(f, c, VALIDATE_AFTER, "rows", NULL, "SELECT count(*) FROM tick");
	fixture_step(f, c, ddl, "ALTER TABLE item ADD COLUMN note varchar(20)");
	fixture_rollback(f, c, ddl, "ALTER TABLE item DROP COLUMN note");
	c = fixture_changeset(f, "a:index");
	fixture_step(f, c, STEP_N, pg ? "CREATE INDEX CONCURRENTLY item_name ON item (name)" : "CREATE INDEX item_name ON item (name)");
	fixture_rollback(f, c, STEP_N, pg ? "DROP INDEX CONCURRENTLY item_name" : "DROP INDEX item_name ON item");
}

static void check(struct bench *b, const struct report *r, const char *where)
{
	if (r->outcome != OUTCOME_APPLIED)
		fail_msg("%s: %s: %s", where, outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
	const char *found =
	    value(b, arena_printf(b->f.arena,
	                          "SELECT concat((SELECT count(*) FROM tick), ' ticks, ', (SELECT count(*) FROM %s WHERE state = 'done'), "
	                          "' done, ', (SELECT count(*) FROM information_schema.columns WHERE column_name = 'note' AND %s), ' notes')",
	                          ledger(b), here(b)));
	if (!str_eq(found, "2 ticks, 6 done, 1 notes"))
		fail_msg("%s: %s", where, found);
}

static void test_forward_back_forward(void **state)
{
	struct bench *b = *state;
	fresh(b);
	build(b);
	check(b, fixture_deliver(&b->f), "forward");
	b->f.task.id[0]++;
	b->f.task.direction = b->f.verified.order.direction = DIRECTION_ROLLBACK;
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_ROLLED_BACK)
		fail_msg("%s", r->failure.message);
	assert_string_equal(
	    value(b, arena_printf(b->f.arena, "SELECT count(*) FROM information_schema.tables WHERE table_name IN ('tick', 'item') AND %s", here(b))),
	    "0");
	b->f.task.id[0]++;
	b->f.task.direction = b->f.verified.order.direction = DIRECTION_APPLY;
	r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->steps[0].run, 2);
	fixture_done(&b->f);
}

/* Each crash point of a fresh delivery, at the first and at later passes. */
static void test_killed_everywhere(void **state)
{
	struct bench *b = *state;
	for (size_t i = 0; failpoint_names[i]; i++) {
		bool killed = true;
		for (unsigned pass = 1; killed && pass <= PASSES_MAX; pass++) {
			char where[64];
			fresh(b);
			build(b);
			snprintf(where, sizeof where, "%s:%u", failpoint_names[i], pass);
			killed = fixture_deliver_and_crash(&b->f, where);
			if (killed)
				check(b, fixture_deliver(&b->f), where);
			fixture_done(&b->f);
		}
		assert_false(killed);
	}
}

/* Killed in the midst of a step that the next run has to settle, and that one killed at each crash point too. */
static void test_killed_in_recovery(void **state)
{
	static const char *const first[] = {"statement-run:2", "committed:2", "intent-written", "n-statement-run"};
	struct bench *b = *state;
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		for (size_t k = 0; failpoint_names[k]; k++) {
			char where[64];
			fresh(b);
			build(b);
			snprintf(where, sizeof where, "%s, then %s", first[i], failpoint_names[k]);
			assert_true(fixture_deliver_and_crash(&b->f, first[i]));
			if (fixture_deliver_and_crash(&b->f, failpoint_names[k]))
				(void)fixture_deliver_and_crash(&b->f, failpoint_names[k]);
			check(b, fixture_deliver(&b->f), where);
			fixture_done(&b->f);
		}
}

static void test_partial_is_told(void **state)
{
	struct bench *b = *state;
	fresh(b);
	build(b);
	struct changeset *c = fixture_changeset(&b->f, "a:bad");
	fixture_step(&b->f, c, STEP_T, "INSERT INTO tick VALUES ('three')");
	fixture_step(&b->f, c, STEP_T, "INSERT INTO nowhere VALUES (1)");
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_int_equal(r->failure.step, 2);
	assert_string_equal(r->failure.sqlstate, b->dialect == DIALECT_POSTGRESQL ? "42P01" : "42S02");
	assert_string_equal(r->failure.database_state, "changesets 1 to 4 of 5 are applied; of a:bad step 1 of 2 is applied; nothing else changed");
	fixture_done(&b->f);
}

/* A unique index over equal rows fails after its work began: PostgreSQL leaves it INVALID, and it must be gone before the next try. */
static void test_failed_index_leaves_nothing(void **state)
{
	struct bench *b = *state;
	bool pg = b->dialect == DIALECT_POSTGRESQL;
	fresh(b);
	build(b);
	fixture_step(&b->f, fixture_changeset(&b->f, "a:same"), STEP_T, "INSERT INTO tick VALUES ('one')");
	struct changeset *c = fixture_changeset(&b->f, "a:unique");
	fixture_step(&b->f, c, STEP_N, pg ? "CREATE UNIQUE INDEX CONCURRENTLY tick_what ON tick (what)" : "CREATE UNIQUE INDEX tick_what ON tick (what)");
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_FAILED)
		fail_msg("%s: %s", outcome_name(r->outcome), r->failure.message);
	if (pg)
		assert_string_equal(value(b, "SELECT count(*) FROM pg_class WHERE relname = 'tick_what'"), "0");
	free(server_sql(b->server, b->database, "DELETE FROM tick WHERE what = 'one'"));
	b->f.task.attempt = 2;
	r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_APPLIED)
		fail_msg("%s: %s", outcome_name(r->outcome), r->failure.message);
	fixture_done(&b->f);
}

static atomic_bool looking;

/* What the runner's second thread does. */
static void *looker(void *arg)
{
	struct fixture *f = arg;
	char text[512];
	while (atomic_load(&looking)) {
		clock_sleep_ms(50);
		(void)watch_look(&f->watch, 200, text);
	}
	engines_thread_end();
	return NULL;
}

/* Until let_go. */
static pid_t hold_table(struct bench *b)
{
	bool pg = b->dialect == DIALECT_POSTGRESQL;
	pid_t pid = server_session(b->server, b->database,
	                           pg ? "BEGIN; LOCK TABLE item IN ACCESS SHARE MODE; SELECT pg_sleep(600)"
	                              : "START TRANSACTION; SELECT * FROM item; DO SLEEP(600)");
	while (!str_eq(value(b, pg ? "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
	                           : "SELECT count(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO SLEEP%'"),
	               "1"))
		clock_sleep_ms(20);
	return pid;
}

static void let_go(struct bench *b, pid_t pid)
{
	bool pg = b->dialect == DIALECT_POSTGRESQL;
	const char *id = value(b, pg ? "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
	                             : "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO SLEEP%'");
	free(server_sql(b->server, b->database, arena_printf(b->f.arena, pg ? "SELECT pg_terminate_backend(%s)" : "KILL %s", id)));
	waitpid(pid, NULL, 0);
}

static void test_blocker_is_named(void **state)
{
	struct bench *b = *state;
	pthread_t thread;
	fresh(b);
	build(b);
	check(b, fixture_deliver(&b->f), "forward");
	fixture_step(&b->f, fixture_changeset(&b->f, "a:more"), b->dialect == DIALECT_POSTGRESQL ? STEP_T : STEP_N,
	             "ALTER TABLE item ADD COLUMN more int");
	pid_t pid = hold_table(b);
	b->f.task.id[0]++;
	b->f.budget_ms = 2500;
	atomic_store(&looking, true);
	pthread_create(&thread, NULL, looker, &b->f);
	const struct report *r = fixture_deliver(&b->f);
	atomic_store(&looking, false);
	pthread_join(thread, NULL);
	let_go(b, pid);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	if (!strstr(r->failure.message, "blocked by ") || !strstr(buf_str(&b->f.progress), "waiting-lock a:more 1/1 blocked by "))
		fail_msg("%s\n%s", r->failure.message, buf_str(&b->f.progress));
	b->f.budget_ms = 20000;
	b->f.task.attempt = 2;
	assert_int_equal(fixture_deliver(&b->f)->outcome, OUTCOME_APPLIED);
	fixture_done(&b->f);
}

static struct bench *killing; /* the bench whose server dies under the next slow statement; NULL: none */
static unsigned kills;

static void *kill_server(void *arg)
{
	clock_sleep_ms(300);
	server_kill(((struct bench *)arg)->server);
	return NULL;
}

static int exec_and_kill(struct conn *c, struct bytes sql, uint64_t *rows, struct err *e)
{
	const struct engine *real = engine_by_name(dialect_name(killing->dialect));
	pthread_t thread;
	if (!memmem(sql.p, sql.n, "slow", 4) || kills++ > 0)
		return real->exec(c, sql, rows, e);
	pthread_create(&thread, NULL, kill_server, killing);
	int rc = real->exec(c, sql, rows, e);
	pthread_join(thread, NULL);
	server_restart(killing->server);
	return rc;
}

static void test_server_killed_in_the_middle(void **state)
{
	struct bench *b = killing = *state;
	bool pg = b->dialect == DIALECT_POSTGRESQL;
	fresh(b);
	build(b);
	kills = 0;
	b->f.engine.exec = exec_and_kill;
	fixture_step(&b->f, fixture_changeset(&b->f, "a:slow"), STEP_T,
	             pg ? "INSERT INTO tick SELECT 'slow' FROM pg_sleep(2)" : "INSERT INTO tick SELECT IF(SLEEP(2), 'slow', 'slow')");
	b->f.budget_ms = 60000;
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_APPLIED)
		fail_msg("%s: %s", outcome_name(r->outcome), r->failure.message);
	assert_int_equal(kills, 2); /* it ran, was killed, ran again */
	assert_string_equal(value(b, "SELECT count(*) FROM tick WHERE what = 'slow'"), "1");
	assert_string_equal(done_rows(b), "7");
	fixture_done(&b->f);
}

static int start(void **state)
{
	struct bench *b = *state;
	if (!b->server)
		b->server = server_start(b->dialect, false);
	return 0;
}

int main(void)
{
	static const struct {
		const char *name;
		CMUnitTestFunction function;
	} suite[] = {
	    {"forward, back, forward", test_forward_back_forward},
	    {"partly applied is told", test_partial_is_told},
	    {"a failed index leaves nothing", test_failed_index_leaves_nothing},
	    {"the blocker is named", test_blocker_is_named},
	    {"killed at each crash point", test_killed_everywhere},
	    {"killed at each crash point of the recovery", test_killed_in_recovery},
	    {"server killed in the middle", test_server_killed_in_the_middle},
	};
	static char names[ARRAY_LEN(benches) * ARRAY_LEN(suite)][96];
	static struct CMUnitTest tests[ARRAY_LEN(names)];
	struct err e = ERR_INIT;
	size_t n = 0;
	if (engines_init(&e) != 0)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(benches); i++)
		for (size_t k = 0; k < ARRAY_LEN(suite); k++, n++) {
			snprintf(names[n], sizeof names[n], "%s: %s", dialect_name(benches[i].dialect), suite[k].name);
			tests[n] = (struct CMUnitTest){names[n], suite[k].function, start, NULL, &benches[i]};
		}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(benches); i++) {
		server_stop(&benches[i].server);
		free(benches[i].dsn);
	}
	engines_done();
	return failed;
}
