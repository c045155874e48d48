/* Batched steps on a SQLite file: what goes on where, what is refused, what holds a batch back, and what people read meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/support/delivery_fixture.h"

static struct fixture *now; /* for the functions that stand in for the engine's */
static unsigned batches, stop_at;

static int set_up(void **state)
{
	struct fixture *f = now = mem_alloc(sizeof *f);
	fixture_init(f);
	fixture_sql(f, "CREATE TABLE big (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0 CHECK (n < 5)); "
	               "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 1000) INSERT INTO big (id) SELECT i FROM k");
	batches = stop_at = 0;
	*state = f;
	return 0;
}

static struct changeset *counting(struct fixture *f, uint32_t size, const char *sql)
{
	struct changeset *c = fixture_changeset(f, "a:count");
	c->batching = (struct batching){.size = size, .rollback_size = size};
	fixture_step(f, c, STEP_B, sql ? sql : "UPDATE big SET n = n + 1");
	fixture_rollback(f, c, STEP_B, "UPDATE big SET n = n - 1");
	return c;
}

static const char *sums(struct fixture *f)
{
	return fixture_value(f, "SELECT sum(n) || ' ' || max(n) FROM big");
}

static const char *states(struct fixture *f)
{
	return fixture_value(f, "SELECT group_concat(state, ' ') FROM rollcall_ledger");
}

static void assert_ended(struct fixture *f, enum outcome wanted, const char *message)
{
	const struct report *r = fixture_deliver(f);
	if (r->outcome != wanted || (message && !(r->failure.message && strstr(r->failure.message, message))))
		fail_msg("%s: %s", outcome_name(r->outcome), r->failure.message ? r->failure.message : "-");
}

/* Counts batches; at the one that is asked for somebody says STOP. */
static int exec_counted(struct conn *c, struct bytes sql, uint64_t *rows, struct err *e)
{
	if (++batches == stop_at)
		watch_ask(&now->watch, WISH_STOP);
	return engine_by_name("sqlite")->exec(c, sql, rows, e);
}

static void test_stop_and_go_on(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = counting(f, 100, NULL);
	fixture_validation(f, c, VALIDATE_BEFORE, "none", "0", "SELECT max(n) FROM big");
	fixture_precondition(f, c, "0", "SELECT max(n) FROM big");
	f->engine.exec = exec_counted;
	stop_at = 3;
	assert_ended(f, OUTCOME_FAILED, "stopped in step 1 of a:count, as asked, after 300 of about 1,000 rows");
	assert_non_null(strstr(f->report.report.failure.database_state, "of a:count step 1 of 1 is half-done in batches"));
	assert_string_equal(sums(f), "300 1");
	assert_string_equal(states(f), "intent");
	f->task.attempt++;
	assert_ended(f, OUTCOME_APPLIED, NULL); /* what was asked before the first batch is not asked again */
	assert_int_equal(batches, 3 + 8); /* the last one finds no row behind the last key */
	assert_string_equal(sums(f), "1000 1");
	assert_string_equal(states(f), "intent done");
}

static int exec_paused(struct conn *c, struct bytes sql, uint64_t *rows, struct err *e)
{
	if (++batches == stop_at)
		watch_ask(&now->watch, WISH_PAUSE);
	return engine_by_name("sqlite")->exec(c, sql, rows, e);
}

static void test_a_pause_ends_batches_alone(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = fixture_changeset(f, "a:plain");
	f->engine.exec = exec_paused;
	stop_at = 1;
	fixture_step(f, c, STEP_T, "INSERT INTO item VALUES (8, 'h')");
	fixture_step(f, c, STEP_T, "INSERT INTO item VALUES (9, 'i')");
	counting(f, 100, NULL);
	assert_ended(f, OUTCOME_HELD, "stopped in step 1 of a:count, as asked, after 0 of about 1,000 rows");
	assert_string_equal(f->report.report.failure.next, "The rollout is paused; the delivery goes on from here by itself when it is resumed.");
	assert_string_equal(states(f), "done done intent");
	f->task.attempt++;
	assert_ended(f, OUTCOME_APPLIED, NULL);
	assert_string_equal(sums(f), "1000 1");
}

/* A revert goes to its end, whatever is asked meanwhile. */
static void test_a_revert_is_finished(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = counting(f, 100, NULL);
	fixture_validation(f, c, VALIDATE_AFTER, "none", "0", "SELECT max(n) FROM big");
	f->engine.exec = exec_paused;
	stop_at = 13; /* in the rollback */
	assert_ended(f, OUTCOME_FAILED, "The changeset was rolled back at once.");
	assert_string_equal(sums(f), "0 0");
}

static void test_a_failed_batch_keeps_the_others(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "UPDATE big SET n = 4 WHERE id = 250");
	counting(f, 100, NULL);
	assert_ended(f, OUTCOME_FAILED, "after 200 of about 1,000 rows");
	assert_non_null(strstr(f->report.report.failure.message, "which stand (a retry goes on behind them)"));
	assert_string_equal(fixture_value(f, "SELECT max(id) FROM big WHERE n = 1"), "200");
	f->task.id[0]++;
	f->task.direction = f->verified.order.direction = DIRECTION_ROLLBACK;
	assert_ended(f, OUTCOME_FAILED, "half-applied (0 of 1 steps)");
	f->task.direction = f->verified.order.direction = DIRECTION_APPLY;
	fixture_sql(f, "UPDATE big SET n = 0 WHERE id = 250");
	f->task.id[0]++;
	f->changesets[0].batching.size = 400; /* how large a batch is may change in the middle */
	assert_ended(f, OUTCOME_APPLIED, NULL);
	assert_string_equal(sums(f), "1000 1");
}

static void test_failed_at_once_leaves_nothing_open(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "UPDATE big SET n = 4 WHERE id = 5");
	counting(f, 100, NULL);
	assert_ended(f, OUTCOME_FAILED, "CHECK constraint failed");
	assert_string_equal(states(f), "intent failed");
	fixture_sql(f, "UPDATE big SET n = 0");
	f->task.attempt++;
	assert_ended(f, OUTCOME_APPLIED, NULL);
	assert_string_equal(sums(f), "1000 1");
}

static int no_key(struct conn *c, const char *schema, const char *table, struct arena *a, struct engine_key *ret, struct err *e)
{
	(void)c, (void)schema, (void)table, (void)a;
	*ret = (struct engine_key){0};
	return e->code == ERR_NONE ? 0 : -1;
}

/* A run that fails before it has read the cursor must not count as one that did nothing. */
static void test_a_failed_resume_keeps_the_cursor(void **state)
{
	struct fixture *f = *state;
	counting(f, 100, NULL);
	f->engine.exec = exec_counted;
	stop_at = 3;
	assert_ended(f, OUTCOME_FAILED, "after 300 of about 1,000 rows");
	f->engine.table_key = no_key;
	f->task.attempt++;
	assert_ended(f, OUTCOME_FAILED, "cannot be walked in batches");
	assert_string_equal(states(f), "intent");
	f->engine.table_key = engine_by_name("sqlite")->table_key;
	f->task.attempt++;
	assert_ended(f, OUTCOME_APPLIED, NULL);
	assert_string_equal(sums(f), "1000 1");
}

static void test_nothing_comes_between(void **state)
{
	struct fixture *f = *state;
	counting(f, 100, NULL);
	f->engine.exec = exec_counted;
	stop_at = 2;
	assert_ended(f, OUTCOME_FAILED, "stopped");
	f->changesets[0].context = "nowhere";
	f->verified.order.contexts = (const char *[]){"here"};
	f->verified.order.n_contexts = 1;
	fixture_step(f, fixture_changeset(f, "a:next"), STEP_T, "INSERT INTO item VALUES (9, 'i')");
	f->task.id[0]++;
	assert_ended(f, OUTCOME_FAILED, "step 1 of a:count is half-done in batches (release 1.0), and a:next would come before its end");
	assert_string_equal(states(f), "intent");
}

static void test_refused(void **state)
{
	static const struct {
		const char *sql, *message;
	} cases[] = {
	    {"UPDATE loose SET a = 1", "table loose cannot be walked in batches: it has no primary or unique key"},
	    {"UPDATE big SET id = id + 5000", "the statement sets id, a column of the key"},
	    {"UPDATE big SET n = 1 LIMIT 5", "cannot be batched: it has a LIMIT"},
	};
	struct fixture *f = *state;
	fixture_sql(f, "CREATE TABLE loose (a TEXT PRIMARY KEY)"); /* may hold NULLs */
	struct changeset *c = counting(f, 100, "SELECT 1");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		c->bodies->n_steps = 0;
		fixture_step(f, c, STEP_B, cases[i].sql);
		f->task.attempt++;
		assert_ended(f, OUTCOME_FAILED, cases[i].message);
	}
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger"), "0");
	c->batching.size = 0;
	f->task.attempt++;
	assert_ended(f, OUTCOME_REFUSED, "class B cannot be run exactly once");
}

static void test_an_empty_table(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "DELETE FROM big");
	counting(f, 100, NULL);
	assert_ended(f, OUTCOME_APPLIED, NULL);
	assert_string_equal(states(f), "intent done");
}

static void make_room(void *arg, const struct delivery_progress *p)
{
	if (p->detail && strstr(p->detail, "waits after"))
		fixture_sql(arg, "UPDATE allowed SET n = 100000");
}

static void test_throttled_by_a_query(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = counting(f, 100, NULL);
	fixture_sql(f, "CREATE TABLE allowed (n INTEGER); INSERT INTO allowed VALUES (299)");
	c->batching.query = bytes_of_str("SELECT (SELECT sum(n) FROM big) - n FROM allowed");
	c->batching.limit = 0;
	f->progress_hook = make_room;
	f->progress_hook_arg = f;
	assert_ended(f, OUTCOME_APPLIED, NULL);
	if (!strstr(buf_str(&f->progress), "applying a:count 1/1 waits after 300 of about 1,000 rows: the throttle query gives 1, its limit is 0"))
		fail_msg("%s", buf_str(&f->progress));
	assert_string_equal(sums(f), "1000 1");
	c = fixture_changeset(f, "a:again");
	c->batching = (struct batching){.size = 10, .query = bytes_of_str("SELECT 'much'"), .line = 7};
	fixture_step(f, c, STEP_B, "UPDATE big SET n = n + 1");
	f->task.id[0]++;
	assert_ended(f, OUTCOME_FAILED, "changes/shop.sql:7: the throttle query gave 'much' instead of a number");
}

static uint64_t lags[] = {0, 90000, 90000, 0};
static unsigned lag_looks;

static int lag_told(struct conn *c, struct engine_lag *ret, struct err *e)
{
	(void)c, (void)e;
	*ret = (struct engine_lag){.ms = lag_looks < ARRAY_LEN(lags) ? lags[lag_looks] : 0};
	lag_looks++;
	return 0;
}

static int lag_hidden(struct conn *c, struct engine_lag *ret, struct err *e)
{
	(void)c, (void)ret;
	return err_set(e, ERR_DB, "this role may not see how far the replicas are behind");
}

static void test_throttled_by_lag(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = counting(f, 400, NULL);
	c->batching.max_lag_ms = 10000;
	f->engine.replica_lag = lag_told;
	f->engine.exec = exec_counted;
	assert_ended(f, OUTCOME_APPLIED, NULL);
	assert_int_equal(batches, 3);
	assert_int_equal(lag_looks, 5); /* twice it waited */
	if (!strstr(buf_str(&f->progress), "rows: a replica is 90 s behind, maxLag is 10 s"))
		fail_msg("%s", buf_str(&f->progress));
	c = fixture_changeset(f, "a:again");
	c->batching = (struct batching){.size = 10, .max_lag_ms = 1};
	fixture_step(f, c, STEP_B, "UPDATE big SET n = n + 1");
	f->engine.replica_lag = lag_hidden;
	f->task.id[0]++;
	assert_ended(f, OUTCOME_FAILED, "this role may not see how far the replicas are behind");
}

static void progress_lets_go(void *arg, const struct delivery_progress *p)
{
	const char *flag = arg;
	if (p->detail && strstr(p->detail, flag))
		unlink(flag);
}

static void test_held_and_tightened_by_the_site(void **state)
{
	struct fixture *f = *state;
	char flag[96];
	snprintf(flag, sizeof flag, "%s/hold", f->dir);
	FILE *file = fopen(flag, "w");
	assert_non_null(file);
	fclose(file);
	counting(f, 100, NULL);
	f->engine.exec = exec_counted;
	f->limits = (struct agent_limits){.max_batch = 50, .min_pause_ms = 1, .batch_hold_file = flag};
	f->progress_hook = progress_lets_go;
	f->progress_hook_arg = flag;
	assert_ended(f, OUTCOME_APPLIED, NULL);
	assert_non_null(strstr(buf_str(&f->progress), "waits after 0 of about 1,000 rows: the site holds it: "));
	assert_int_equal(batches, 21);
	assert_string_equal(sums(f), "1000 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_stop_and_go_on, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_a_pause_ends_batches_alone, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_a_revert_is_finished, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_a_failed_batch_keeps_the_others, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_failed_at_once_leaves_nothing_open, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_a_failed_resume_keeps_the_cursor, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_comes_between, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_refused, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_an_empty_table, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_throttled_by_a_query, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_throttled_by_lag, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_held_and_tightened_by_the_site, set_up, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
