/* The process is killed at each crash point, at each time that it passes there; the next run must end as if nothing had happened: one effect, one `done` row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/failpoint.h"
#include "common/base/str.h"
#include "tests/support/delivery_fixture.h"

#define PASSES_MAX 12 /* a crash point is passed at most so often in a scenario below */

static bool reached[64]; /* by failpoint_names index, over all scenarios */

/* Two class T steps, a class N step, a changeset that is marked as ran, validations. `tick` counts effects: no key keeps a second one out. */
static void good_release(struct fixture *f)
{
	fixture_sql(f, "CREATE TABLE tick (what TEXT)");
	struct changeset *c = fixture_changeset(f, "a:two-steps");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('one')");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('two')");
	c = fixture_changeset(f, "a:alone");
	fixture_step(f, c, STEP_N, "CREATE TABLE alone (a)");
	c = fixture_changeset(f, "a:marked");
	c->on_fail = ON_FAIL_MARK_RAN;
	fixture_precondition(f, c, "0", "SELECT count(*) FROM item");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('never')");
	c = fixture_changeset(f, "a:checked");
	fixture_validation(f, c, VALIDATE_BEFORE, "ticks", NULL, "SELECT count(*) FROM tick WHERE what = 'one'");
	fixture_validation(f, c, VALIDATE_AFTER, "ticks", NULL, "SELECT count(*) FROM tick WHERE what = 'one'");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('three')");
}

static void check_good(struct fixture *f, const struct report *r, const char *where)
{
	if (r->outcome != OUTCOME_APPLIED)
		fail_msg("%s: %s: %s", where, outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
	assert_string_equal(fixture_value(f, "SELECT group_concat(what) FROM tick"), "one,two,three");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger WHERE state = 'done'"), "4");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM (SELECT 1 FROM rollcall_ledger WHERE state = 'done' GROUP BY changeset, step)"), "4");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger WHERE state = 'skipped'"), "1");
}

/* A changeset whose validation fails is reverted. */
static void bad_release(struct fixture *f)
{
	fixture_sql(f, "CREATE TABLE tick (what TEXT)");
	struct changeset *c = fixture_changeset(f, "a:first");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('first')");
	c = fixture_changeset(f, "a:bad");
	fixture_validation(f, c, VALIDATE_AFTER, "rows", NULL, "SELECT count(*) FROM item");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('bad')");
	fixture_step(f, c, STEP_T, "DELETE FROM item WHERE id = 3");
	fixture_rollback(f, c, STEP_T, "INSERT INTO item VALUES (3, 'c')");
	fixture_rollback(f, c, STEP_T, "INSERT INTO tick VALUES ('back')");
	fixture_step(f, fixture_changeset(f, "a:after"), STEP_T, "INSERT INTO tick VALUES ('never')");
}

static void check_bad(struct fixture *f, const struct report *r, const char *where)
{
	if (r->outcome != OUTCOME_FAILED || !r->reverted)
		fail_msg("%s: %s, reverted %d: %s", where, outcome_name(r->outcome), r->reverted, r->failure.message ? r->failure.message : "");
	assert_non_null(strstr(r->failure.message, "validation rows after a:bad failed: found '2', expected '3' as before"));
	assert_string_equal(fixture_value(f, "SELECT group_concat(what) FROM tick"), "first,bad,back");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "3");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger"), "5");
}

/* A changeset whose validation fails stays. */
static void kept_release(struct fixture *f)
{
	bad_release(f);
	f->changesets[1].bodies[0].has_rollback = false;
}

static void check_kept(struct fixture *f, const struct report *r, const char *where)
{
	if (r->outcome != OUTCOME_FAILED || r->reverted)
		fail_msg("%s: %s, reverted %d: %s", where, outcome_name(r->outcome), r->reverted, r->failure.message ? r->failure.message : "");
	assert_non_null(strstr(r->failure.message, "; the changeset has no rollback, so what it did stays"));
	assert_string_equal(fixture_value(f, "SELECT group_concat(what) FROM tick"), "first,bad");
	assert_string_equal(fixture_value(f, "SELECT group_concat(state, ' ') FROM rollcall_ledger"), "done done done failed");
}

/* Five batches, of which each row must be in one: `n` counts. The second changeset shows that a revert may be batched too. */
static void batched_release(struct fixture *f)
{
	fixture_sql(f, "CREATE TABLE big (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0); "
	               "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 9) INSERT INTO big (id) SELECT i * 3 FROM k");
	struct changeset *c = fixture_changeset(f, "a:batched");
	c->batching = (struct batching){.size = 2, .rollback_size = 4};
	fixture_validation(f, c, VALIDATE_AFTER, "sum", NULL, "SELECT count(*) FROM big");
	fixture_step(f, c, STEP_B, "UPDATE big SET n = n + 1");
	fixture_rollback(f, c, STEP_B, "UPDATE big SET n = n - 1");
	c = fixture_changeset(f, "a:bad");
	c->batching = (struct batching){.size = 4, .rollback_size = 4};
	fixture_validation(f, c, VALIDATE_AFTER, "none", "0", "SELECT count(*) FROM big WHERE n = 11");
	fixture_step(f, c, STEP_B, "UPDATE big SET n = n + 10");
	fixture_rollback(f, c, STEP_B, "UPDATE big SET n = n - 10");
}

static void check_batched(struct fixture *f, const struct report *r, const char *where)
{
	if (r->outcome != OUTCOME_FAILED || !r->reverted)
		fail_msg("%s: %s, reverted %d: %s", where, outcome_name(r->outcome), r->reverted, r->failure.message ? r->failure.message : "");
	assert_non_null(strstr(r->failure.message, "validation none after a:bad failed: found '9', expected '0'"));
	assert_string_equal(fixture_value(f, "SELECT count(*) || ' ' || min(n) || ' ' || max(n) FROM big"), "9 1 1");
	assert_string_equal(fixture_value(f, "SELECT group_concat(state, ' ') FROM rollcall_ledger"), "intent done intent done intent done");
	assert_string_equal(fixture_value(f, "SELECT group_concat(batches || '/' || changed, ' ') FROM rollcall_batch"), "3/9 3/9 5/9");
}

/* All in one transaction: each kill leaves everything or nothing, and everything in the end. */
static void whole_release(struct fixture *f)
{
	fixture_whole(f);
	fixture_sql(f, "CREATE TABLE tick (what TEXT)");
	struct changeset *c = fixture_changeset(f, "a:two-steps");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('one')");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('two')");
	c = fixture_changeset(f, "a:marked");
	c->on_fail = ON_FAIL_MARK_RAN;
	fixture_precondition(f, c, "0", "SELECT count(*) FROM tick");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('never')");
	c = fixture_changeset(f, "a:checked");
	fixture_validation(f, c, VALIDATE_BEFORE, "ticks", NULL, "SELECT count(*) FROM item");
	fixture_validation(f, c, VALIDATE_AFTER, "ticks", NULL, "SELECT count(*) FROM item");
	fixture_step(f, c, STEP_T, "INSERT INTO tick VALUES ('three')");
}

static void check_whole(struct fixture *f, const struct report *r, const char *where)
{
	if (r->outcome != OUTCOME_APPLIED)
		fail_msg("%s: %s: %s", where, outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
	assert_string_equal(fixture_value(f, "SELECT group_concat(what) FROM tick"), "one,two,three");
	assert_string_equal(fixture_value(f, "SELECT group_concat(state, ' ') FROM rollcall_ledger"), "done done skipped done");
}

struct scenario {
	void (*build)(struct fixture *f);
	void (*check)(struct fixture *f, const struct report *r, const char *where);
};

/* Exactly one report of the task: the one that the dead process wrote, or ours. */
static void check_one_report(struct fixture *f, bool after_finish)
{
	struct outbox_entry *out = NULL;
	size_t n = 0;
	struct err e = ERR_INIT;
	assert_int_equal(journal_outbox(f->journal, 1, 10, f->arena, &out, &n, &e), 0);
	assert_int_equal(n, after_finish ? 2 : 1); /* fixture_deliver runs a finished task again, the daemon would not */
}

static bool crash_once(const struct scenario *s, const char *name, unsigned pass)
{
	struct fixture f;
	char where[64];
	fixture_init(&f);
	s->build(&f);
	snprintf(where, sizeof where, "%s:%u", name, pass);
	bool killed = fixture_deliver_and_crash(&f, where);
	if (killed) {
		bool after_finish = journal_last_report(f.journal) == 1;
		assert_int_equal(after_finish, str_eq(name, "finished"));
		s->check(&f, fixture_deliver(&f), where);
		check_one_report(&f, after_finish);
		f.task.attempt = 2;
	}
	fixture_done(&f);
	return killed;
}

static void crash_everywhere(const struct scenario *s)
{
	for (size_t i = 0; failpoint_names[i]; i++) {
		unsigned pass = 1;
		while (pass <= PASSES_MAX && crash_once(s, failpoint_names[i], pass))
			pass++;
		assert_true(pass <= PASSES_MAX);
		reached[i] = reached[i] || pass > 1;
	}
}

static void test_apply(void **state)
{
	(void)state;
	crash_everywhere(&(struct scenario){good_release, check_good});
}

static void test_revert(void **state)
{
	(void)state;
	crash_everywhere(&(struct scenario){bad_release, check_bad});
}

static void test_validation_without_rollback(void **state)
{
	(void)state;
	crash_everywhere(&(struct scenario){kept_release, check_kept});
}

static void test_batches(void **state)
{
	(void)state;
	crash_everywhere(&(struct scenario){batched_release, check_batched});
}

static void test_release_in_one_transaction(void **state)
{
	(void)state;
	crash_everywhere(&(struct scenario){whole_release, check_whole});
}

static void test_every_point_was_reached(void **state)
{
	(void)state;
	for (size_t i = 0; failpoint_names[i]; i++)
		if (!reached[i])
			fail_msg("no scenario passes crash point %s", failpoint_names[i]);
}

static void test_crash_upon_crash(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f);
	good_release(&f);
	assert_true(fixture_deliver_and_crash(&f, "n-statement-run"));
	assert_true(fixture_deliver_and_crash(&f, "outcome-written"));
	assert_true(fixture_deliver_and_crash(&f, "ledger-written"));
	assert_true(fixture_deliver_and_crash(&f, "before-validate"));
	check_good(&f, fixture_deliver(&f), "the fifth run");
	fixture_done(&f);
	for (size_t i = 0; failpoint_names[i]; i++) {
		fixture_init(&f);
		good_release(&f);
		assert_true(fixture_deliver_and_crash(&f, "n-statement-run"));
		if (fixture_deliver_and_crash(&f, failpoint_names[i]))
			(void)fixture_deliver_and_crash(&f, failpoint_names[i]);
		check_good(&f, fixture_deliver(&f), failpoint_names[i]);
		fixture_done(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_apply),
	    cmocka_unit_test(test_revert),
	    cmocka_unit_test(test_validation_without_rollback),
	    cmocka_unit_test(test_batches),
	    cmocka_unit_test(test_release_in_one_transaction),
	    cmocka_unit_test(test_every_point_was_reached),
	    cmocka_unit_test(test_crash_upon_crash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
