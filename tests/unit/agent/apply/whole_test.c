/* transaction: release on a SQLite file: all or nothing, forward and back, and what is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "tests/support/delivery_fixture.h"

static struct fixture *now; /* for the functions that stand in for the engine's */
static unsigned begins, commits, busy;

static int set_up(void **state)
{
	struct fixture *f = now = mem_alloc(sizeof *f);
	fixture_init(f);
	fixture_whole(f);
	begins = commits = busy = 0;
	*state = f;
	return 0;
}

static int begin_counted(struct conn *c, struct err *e)
{
	begins++;
	return engine_by_name("sqlite")->begin(c, e);
}

static int commit_counted(struct conn *c, struct err *e)
{
	commits++;
	return engine_by_name("sqlite")->commit(c, e);
}

static void three_changesets(struct fixture *f)
{
	struct changeset *c = fixture_changeset(f, "a:note");
	fixture_step(f, c, STEP_T, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)");
	fixture_rollback(f, c, STEP_T, "DROP TABLE note");
	c = fixture_changeset(f, "a:rows");
	fixture_validation(f, c, VALIDATE_BEFORE, "items", NULL, "SELECT count(*) FROM item");
	fixture_validation(f, c, VALIDATE_AFTER, "items", NULL, "SELECT count(*) FROM item");
	fixture_precondition(f, c, "0", "SELECT count(*) FROM note");
	fixture_step(f, c, STEP_T, "INSERT INTO note (text) VALUES ('one')");
	fixture_rollback(f, c, STEP_T, "DELETE FROM note");
	c = fixture_changeset(f, "a:price");
	fixture_step(f, c, STEP_T, "ALTER TABLE item ADD COLUMN price INTEGER");
	fixture_rollback(f, c, STEP_T, "ALTER TABLE item DROP COLUMN price");
}

static void assert_ended(struct fixture *f, enum outcome wanted, const char *message)
{
	const struct report *r = fixture_deliver(f);
	if (r->outcome != wanted || (message && !(r->failure.message && strstr(r->failure.message, message))))
		fail_msg("%s: %s", outcome_name(r->outcome), r->failure.message ? r->failure.message : "-");
}

static const char *tables(struct fixture *f)
{
	return fixture_value(f, "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name)");
}

static void test_one_transaction_each_way(void **state)
{
	struct fixture *f = *state;
	three_changesets(f);
	f->engine.begin = begin_counted;
	f->engine.commit = commit_counted;
	assert_ended(f, OUTCOME_APPLIED, NULL);
	assert_int_equal(f->report.report.n_steps, 3);
	assert_int_equal(f->report.report.n_validations, 2);
	assert_int_equal(f->report.report.ledger_rows, 3);
	assert_int_equal(begins, 2); /* the ledger's own making is the other one */
	assert_int_equal(commits, 2);
	f->task.id[0]++;
	assert_ended(f, OUTCOME_APPLIED, NULL); /* nothing to do: no transaction */
	assert_int_equal(begins, 2);
	f->task.id[0]++;
	f->task.direction = f->verified.order.direction = DIRECTION_ROLLBACK;
	assert_ended(f, OUTCOME_ROLLED_BACK, NULL);
	assert_int_equal(commits, 3);
	assert_string_equal(tables(f), "item rollcall_ledger rollcall_meta");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger"), "6");
}

static void test_a_failed_validation_takes_all_back(void **state)
{
	struct fixture *f = *state;
	three_changesets(f);
	struct changeset *c = fixture_changeset(f, "a:bad");
	fixture_validation(f, c, VALIDATE_AFTER, "three", "3", "SELECT count(*) FROM item");
	fixture_step(f, c, STEP_T, "DELETE FROM item WHERE id = 1");
	assert_ended(f, OUTCOME_FAILED,
	             "validation three after a:bad failed: found '2', expected '3'. The release is one transaction: nothing of this delivery was kept.");
	assert_string_equal(f->report.report.failure.database_state, "none of the release's 4 changesets is applied; nothing else changed");
	assert_int_equal(f->report.report.n_steps, 0);
	assert_int_equal(f->report.report.ledger_rows, 0);
	assert_false(f->report.report.reverted);
	assert_string_equal(tables(f), "item rollcall_ledger rollcall_meta");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "3");
}

/* A release that was not one transaction left it; and what this one committed is not asked again, by no release. */
static void test_what_an_earlier_release_left_is_validated_first(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = fixture_changeset(f, "a:left");
	fixture_validation(f, c, VALIDATE_AFTER, "four", "4", "SELECT count(*) FROM item");
	fixture_step(f, c, STEP_T, "UPDATE item SET name = 'x'");
	f->verified.release.n_critical = 0;
	assert_ended(f, OUTCOME_FAILED, "found '3', expected '4'; the changeset has no rollback");
	f->verified.release.n_critical = 1;
	f->verified.release.digest[0]++;
	f->task.id[0]++;
	c = fixture_changeset(f, "a:checked");
	fixture_validation(f, c, VALIDATE_AFTER, "four", "4", "SELECT count(*) FROM item");
	fixture_step(f, c, STEP_T, "UPDATE item SET name = 'y'");
	assert_ended(f, OUTCOME_FAILED, "validation four after a:left failed");
	fixture_sql(f, "INSERT INTO item (name) VALUES ('d')");
	f->task.id[0]++;
	assert_ended(f, OUTCOME_APPLIED, NULL);
	fixture_sql(f, "DELETE FROM item WHERE name = 'd'");
	f->verified.release.n_critical = 0;
	f->verified.release.digest[0]++;
	f->task.id[0]++;
	assert_ended(f, OUTCOME_APPLIED, NULL);
	assert_int_equal(f->report.report.n_validations, 0);
}

static void test_a_failed_statement_takes_all_back(void **state)
{
	struct fixture *f = *state;
	three_changesets(f);
	fixture_step(f, fixture_changeset(f, "a:bad"), STEP_T, "INSERT INTO item (id) VALUES (1)");
	assert_ended(f, OUTCOME_FAILED, "UNIQUE constraint failed");
	assert_string_equal(f->report.report.failure.changeset, "a:bad");
	assert_string_equal(tables(f), "item rollcall_ledger rollcall_meta");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger"), "0");
}

/* The second statement finds the database busy, once. */
static int exec_busy_once(struct conn *c, struct bytes sql, uint64_t *rows, struct err *e)
{
	if (memmem(sql.p, sql.n, "price", 5) && busy++ == 0) {
		err_set(e, ERR_DB, "busy");
		e->db_errno = 5;
		return -1;
	}
	return engine_by_name("sqlite")->exec(c, sql, rows, e);
}

static void test_a_try_begins_at_the_first_changeset(void **state)
{
	struct fixture *f = *state;
	three_changesets(f);
	f->engine.exec = exec_busy_once;
	assert_ended(f, OUTCOME_APPLIED, NULL);
	assert_int_equal(busy, 2);
	assert_int_equal(f->report.report.n_steps, 3);
	assert_int_equal(f->report.report.n_validations, 2); /* not those of the try that came to nothing */
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM note"), "1");
}

static void test_a_question_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = fixture_changeset(f, "a:asks");
	c->on_error = ON_FAIL_WARN;
	fixture_precondition(f, c, "1", "INSERT INTO item VALUES (9, 'i') RETURNING 1");
	fixture_step(f, c, STEP_T, "UPDATE item SET name = 'x'");
	c = fixture_changeset(f, "a:asks-in-vain");
	c->on_error = ON_FAIL_CONTINUE;
	fixture_precondition(f, c, "1", "SELECT count(*) FROM absent");
	fixture_step(f, c, STEP_T, "UPDATE item SET name = 'y'");
	assert_ended(f, OUTCOME_APPLIED, NULL);
	assert_string_equal(fixture_value(f, "SELECT group_concat(name) FROM item"), "x,x,x");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger"), "1");
}

/* A question's error that ends the transaction must not let the rest run outside of it. */
static int query_that_ends_it(struct conn *c, struct bytes sql, const struct engine_param *params, size_t n, engine_row_fn *fn, void *arg,
                              struct err *e)
{
	struct err ignored;
	if (!memmem(sql.p, sql.n, "full", 4))
		return engine_by_name("sqlite")->query(c, sql, params, n, fn, arg, e);
	(void)engine_by_name("sqlite")->rollback(c, &ignored);
	return err_set(e, ERR_DB, "disk full");
}

static void test_nothing_runs_outside(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = fixture_changeset(f, "a:asks");
	c->on_error = ON_FAIL_WARN;
	fixture_precondition(f, c, "1", "SELECT 'full'");
	fixture_step(f, c, STEP_T, "UPDATE item SET name = 'x'");
	f->engine.query = query_that_ends_it;
	assert_ended(f, OUTCOME_FAILED, "the database has ended the release's transaction");
	assert_string_equal(fixture_value(f, "SELECT group_concat(name) FROM item"), "a,b,c");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger"), "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_one_transaction_each_way, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_a_failed_validation_takes_all_back, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_what_an_earlier_release_left_is_validated_first, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_a_failed_statement_takes_all_back, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_a_try_begins_at_the_first_changeset, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_a_question_changes_nothing, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_runs_outside, set_up, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
