/* A delivery from end to end on real SQLite files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/lite/lite.h"
#include "tests/support/delivery_fixture.h"

/* A table, a column with its rollback, rows. */
static void three_changesets(struct fixture *f)
{
	struct changeset *c = fixture_changeset(f, "alice:note");
	fixture_step(f, c, STEP_T, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)");
	fixture_rollback(f, c, STEP_T, "DROP TABLE note");
	c = fixture_changeset(f, "alice:price");
	fixture_step(f, c, STEP_T, "ALTER TABLE item ADD COLUMN price INTEGER");
	fixture_rollback(f, c, STEP_T, "ALTER TABLE item DROP COLUMN price");
	c = fixture_changeset(f, "bob:rows");
	fixture_step(f, c, STEP_T, "INSERT INTO note (text) VALUES ('one')");
	fixture_rollback(f, c, STEP_T, "DELETE FROM note WHERE text = 'one'");
}

static void test_applies_once(void **state)
{
	struct fixture *f = *state;
	three_changesets(f);
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_null(r->failure.message);
	assert_int_equal(r->n_steps, 3);
	assert_string_equal(r->steps[2].changeset, "bob:rows");
	assert_int_equal(r->steps[2].via, VIA_RUN);
	assert_int_equal(r->ledger_rows, 3);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM note"), "1");
	f->task.id[0]++; /* another delivery of the same release */
	r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->n_steps, 0);
	assert_int_equal(r->report_seq, 2);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM note"), "1");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger"), "3");
}

static void test_failed_step_says_where(void **state)
{
	struct fixture *f = *state;
	three_changesets(f);
	struct changeset *c = fixture_changeset(f, "bob:bad");
	fixture_step(f, c, STEP_T, "INSERT INTO note (text) VALUES ('two')");
	fixture_step(f, c, STEP_T, "INSERT INTO nowhere VALUES (1)");
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_string_equal(r->failure.changeset, "bob:bad");
	assert_string_equal(r->failure.code, "db");
	assert_int_equal(r->failure.step, 2);
	assert_int_equal(r->failure.statement, 1);
	assert_int_equal(r->failure.line, 42);
	assert_string_equal(r->failure.message, "no such table: nowhere.");
	assert_string_equal(r->failure.next,
	                    "Rollcall leaves this target as it is; the wave halts when it has more failures than its plan "
	                    "allows. Next: remove the cause, then type: rollcall rollout retry 0123456789abcdef0123456789abcdef eu/db1/shop");
	assert_string_equal(r->failure.database_state, "changesets 1 to 3 of 4 are applied; of bob:bad step 1 of 2 is applied; nothing else changed");
	assert_int_equal(r->n_steps, 5);
	assert_int_equal(r->steps[4].state, STEP_FAILED);
	fixture_sql(f, "CREATE TABLE nowhere (a)");
	f->task.attempt = 2;
	r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM note WHERE text = 'two'"), "1"); /* resumed at step 2 */
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM nowhere"), "1");
}

static void test_fail_on_error_false_goes_on(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = fixture_changeset(f, "a:bad");
	c->ignore_failure = true;
	fixture_step(f, c, STEP_T, "INSERT INTO nowhere VALUES (1)");
	c = fixture_changeset(f, "a:good");
	fixture_step(f, c, STEP_T, "INSERT INTO item (id, name) VALUES (4, 'd')");
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->steps[0].state, STEP_FAILED);
	assert_int_equal(r->steps[1].state, STEP_DONE);
	assert_string_equal(r->failure.message, "no such table: nowhere.");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger"), "1");
}

static void with_validations(struct fixture *f, const char *sql)
{
	struct changeset *c = fixture_changeset(f, "alice:clean");
	fixture_validation(f, c, VALIDATE_BEFORE, "rows", NULL, "SELECT count(*) FROM item");
	fixture_validation(f, c, VALIDATE_AFTER, "rows", NULL, "SELECT count(*) FROM item");
	fixture_validation(f, c, VALIDATE_AFTER, "no-null", "0", "SELECT count(*) FROM item WHERE name IS NULL");
	fixture_step(f, c, STEP_T, sql);
	fixture_rollback(f, c, STEP_T, "INSERT OR REPLACE INTO item VALUES (3, 'c')");
}

static void test_validations_hold(void **state)
{
	struct fixture *f = *state;
	with_validations(f, "UPDATE item SET name = 'x'");
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->n_validations, 3);
	assert_string_equal(r->validations[1].value, "3");
	assert_string_equal(r->validations[1].expected, "3");
	assert_true(r->validations[1].ok);
}

static void test_failed_validation_reverts_at_once(void **state)
{
	struct fixture *f = *state;
	with_validations(f, "DELETE FROM item WHERE id = 3");
	fixture_step(f, fixture_changeset(f, "alice:later"), STEP_T, "CREATE TABLE later (a)");
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_true(r->reverted);
	assert_non_null(strstr(r->failure.message,
	                       "validation rows after alice:clean failed: found '2', expected '3' as before. The changeset was rolled back at once."));
	assert_string_equal(r->failure.database_state, "none of the release's 2 changesets is applied; alice:clean is rolled back; nothing else changed");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "3");
	assert_int_equal(r->n_steps, 2);
	assert_int_equal(r->steps[1].direction, DIRECTION_ROLLBACK);
	const struct validation_outcome *again = &r->validations[r->n_validations - 2];
	assert_int_equal(again->when, VALIDATE_BEFORE);
	assert_true(again->ok);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM sqlite_schema WHERE name = 'later'"), "0");
}

/* A later changeset has failed, and its cause is repaired while the application works on: what was validated is not judged by later data, and so not taken back. */
static void test_what_was_validated_stands_at_a_retry(void **state)
{
	struct fixture *f = *state;
	with_validations(f, "UPDATE item SET name = 'x'");
	fixture_step(f, fixture_changeset(f, "alice:later"), STEP_T, "INSERT INTO later VALUES (1)");
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_string_equal(r->failure.changeset, "alice:later");
	fixture_sql(f, "CREATE TABLE later (a); INSERT INTO item VALUES (4, 'an order of today')");
	f->task.attempt = 2;
	r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->n_validations, 0);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item WHERE name = 'x'"), "3");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger WHERE direction = 'rollback'"), "0");
}

static void test_failed_validation_without_rollback_stays(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = fixture_changeset(f, "alice:gone");
	fixture_validation(f, c, VALIDATE_AFTER, "rows", NULL, "SELECT count(*) FROM item");
	fixture_step(f, c, STEP_T, "DELETE FROM item");
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_false(r->reverted);
	assert_non_null(strstr(r->failure.message, "found '0', expected '3' as before; the changeset has no rollback, so what it did stays."));
	assert_string_equal(r->failure.database_state, "changeset 1 of 1 is applied; nothing else changed");
}

static void test_revert_that_fails_needs_a_person(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = fixture_changeset(f, "alice:gone");
	fixture_validation(f, c, VALIDATE_AFTER, "rows", "3", "SELECT count(*) FROM item");
	fixture_step(f, c, STEP_T, "DELETE FROM item");
	fixture_rollback(f, c, STEP_T, "INSERT INTO nowhere VALUES (1)");
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.message, "found '0', expected '3'; its rollback fails: no such table: nowhere."));
}

static void test_preconditions(void **state)
{
	static const struct {
		enum on_fail rule;
		enum outcome outcome;
		const char *rows, *ledger;
	} cases[] = {
	    {ON_FAIL_HALT, OUTCOME_FAILED, "3", "0"},
	    {ON_FAIL_CONTINUE, OUTCOME_APPLIED, "3", "0"},
	    {ON_FAIL_MARK_RAN, OUTCOME_APPLIED, "3", "1"},
	    {ON_FAIL_WARN, OUTCOME_APPLIED, "4", "1"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		fixture_init(&f);
		struct changeset *c = fixture_changeset(&f, "a:one");
		c->on_fail = cases[i].rule;
		c->on_fail_message = "item must be empty";
		fixture_precondition(&f, c, "0", "SELECT count(*) FROM item");
		fixture_step(&f, c, STEP_T, "INSERT INTO item (id, name) VALUES (4, 'd')");
		const struct report *r = fixture_deliver(&f);
		assert_int_equal(r->outcome, cases[i].outcome);
		assert_string_equal(fixture_value(&f, "SELECT count(*) FROM item"), cases[i].rows);
		assert_string_equal(fixture_value(&f, "SELECT count(*) FROM rollcall_ledger"), cases[i].ledger);
		if (cases[i].rule == ON_FAIL_HALT)
			assert_non_null(strstr(r->failure.message, "precondition of a:one: item must be empty (the query gave '3', expected '0')."));
		if (cases[i].rule == ON_FAIL_MARK_RAN)
			assert_int_equal(r->steps[0].via, VIA_MARK_RAN);
		fixture_done(&f);
	}
}

static void test_precondition_error_follows_on_error(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = fixture_changeset(f, "a:one");
	c->on_fail = ON_FAIL_HALT;
	c->on_error = ON_FAIL_CONTINUE;
	fixture_precondition(f, c, "0", "SELECT count(*) FROM nowhere");
	fixture_step(f, c, STEP_T, "INSERT INTO item (id, name) VALUES (4, 'd')");
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "3");
	c->on_error = ON_FAIL_HALT;
	f->task.attempt = 2;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "precondition of a:one: no such table: nowhere"));
}

static void test_rollback_runs_backwards(void **state)
{
	struct fixture *f = *state;
	three_changesets(f);
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	f->task.id[0]++;
	f->task.direction = f->verified.order.direction = DIRECTION_ROLLBACK;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_ROLLED_BACK);
	assert_int_equal(r->n_steps, 3);
	assert_string_equal(r->steps[0].changeset, "bob:rows");
	assert_string_equal(r->steps[2].changeset, "alice:note");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM sqlite_schema WHERE name = 'note'"), "0");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM pragma_table_info('item')"), "2");
	f->task.id[0]++;
	f->task.direction = f->verified.order.direction = DIRECTION_APPLY; /* forward again: a second run */
	r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->steps[0].run, 2);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM note"), "1");
}

static void test_failed_rollback_names_its_file(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = fixture_changeset(f, "diesel:1_wrong");
	fixture_step(f, c, STEP_T, "INSERT INTO item (id, name) VALUES (4, 'd')");
	fixture_rollback(f, c, STEP_T, "DELETE FROM items");
	c->bodies[0].rollback_file = "changes/1_wrong/down.sql";
	c->bodies[0].rollback[0].statements[0].line = 7;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	f->task.id[0]++;
	f->task.direction = f->verified.order.direction = DIRECTION_ROLLBACK;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_string_equal(r->failure.file, "changes/1_wrong/down.sql");
	assert_int_equal(r->failure.line, 7);
	assert_string_equal(r->failure.changeset, "diesel:1_wrong");
}

static void test_rollback_missing_touches_nothing(void **state)
{
	struct fixture *f = *state;
	fixture_step(f, fixture_changeset(f, "a:no-way-back"), STEP_T, "INSERT INTO item (id, name) VALUES (4, 'd')");
	three_changesets(f);
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	f->task.id[0]++;
	f->task.direction = f->verified.order.direction = DIRECTION_ROLLBACK;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "changes/shop.sql:10: changeset a:no-way-back has no rollback: nothing was rolled back"));
	assert_int_equal(r->n_steps, 0);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM note"), "1");
	static const char *except[] = {"a:no-way-back"};
	f->verified.order.except = except;
	f->verified.order.n_except = 1;
	f->task.attempt = 2;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_ROLLED_BACK);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "4");
}

static void test_no_rollback_needed_is_recorded(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = fixture_changeset(f, "a:data");
	fixture_step(f, c, STEP_T, "INSERT INTO item (id, name) VALUES (4, 'd')");
	fixture_rollback(f, c, STEP_T, NULL);
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	f->task.id[0]++;
	f->task.direction = f->verified.order.direction = DIRECTION_ROLLBACK;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_ROLLED_BACK);
	assert_int_equal(r->n_steps, 1);
	f->task.id[0]++;
	assert_int_equal(fixture_deliver(f)->n_steps, 0); /* rolled back already */
}

/* Holds the write lock of the target until told to let go. */
static pid_t lock_holder(struct fixture *f, int *ret_release)
{
	int ready[2], release[2];
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(release), 0);
	pid_t pid = fork();
	if (pid == 0) {
		static const char *const none[] = {NULL};
		struct lite *l = NULL;
		struct err e = ERR_INIT;
		char c = 0;
		close(release[1]);
		if (lite_open(f->db, none, &l, &e) != 0 || lite_begin(l, &e) != 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		(void)!read(release[0], &c, 1);
		_exit(0);
	}
	char c;
	close(release[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	*ret_release = release[1];
	return pid;
}

static void test_locked_file_is_named_and_given_up(void **state)
{
	struct fixture *f = *state;
	int release;
	three_changesets(f);
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED); /* makes the ledger */
	fixture_step(f, fixture_changeset(f, "a:more"), STEP_T, "INSERT INTO item (id, name) VALUES (4, 'd')");
	pid_t pid = lock_holder(f, &release);
	f->task.id[0]++;
	f->budget_ms = 700;
	const struct report *r = fixture_deliver(f);
	close(release);
	waitpid(pid, NULL, 0);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "gave up after "));
	assert_non_null(strstr(r->failure.message, "another process held the write lock longer than lock_timeout (50 ms)"));
	assert_non_null(strstr(buf_str(&f->progress), "waiting-lock a:more 1/1 "));
	assert_string_equal(r->failure.database_state, "changesets 1 to 3 of 4 are applied; nothing else changed");
	f->task.attempt = 2;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
}

static void let_go(void *arg, const struct delivery_progress *p)
{
	int *release = arg;
	if (*release < 0 || !str_eq(p->state, "waiting-lock"))
		return;
	close(*release);
	*release = -1;
}

/* The very first thing in a new target is to make the ledger: it waits for another writer like any step. */
static void test_lock_at_the_ledgers_making_is_waited_for(void **state)
{
	struct fixture *f = *state;
	int release;
	three_changesets(f);
	pid_t holder = lock_holder(f, &release);
	f->progress_hook = let_go;
	f->progress_hook_arg = &release;
	f->budget_ms = 60000;
	const struct report *r = fixture_deliver(f);
	waitpid(holder, NULL, 0);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_non_null(strstr(buf_str(&f->progress), "waiting-lock "));
}

static void test_unreachable_target(void **state)
{
	struct fixture *f = *state;
	three_changesets(f);
	f->target.dsn = "sqlite:/nonexistent/shop.db";
	f->budget_ms = 100;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "target unreachable: database file /nonexistent/shop.db does not exist"));
	assert_string_equal(r->failure.database_state, "this run changed nothing; the ledger could not be read");
}

static void test_clone_is_refused(void **state)
{
	struct fixture *f = *state;
	three_changesets(f);
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	fixture_sql(f, "UPDATE rollcall_meta SET value = '1:2' WHERE name = 'database'");
	f->task.id[0]++;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_REFUSED);
	assert_string_equal(r->failure.check, "C13 database");
	assert_string_equal(r->failure.code, "policy");
}

static void test_changed_content_is_refused(void **state)
{
	struct fixture *f = *state;
	three_changesets(f);
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	f->changesets[1].bodies->n_steps = 0;
	fixture_step(f, &f->changesets[1], STEP_T, "ALTER TABLE item ADD COLUMN cost INTEGER");
	f->task.id[0]++;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_REFUSED);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM pragma_table_info('item')"), "3");
}

static void test_older_epoch_is_fenced(void **state)
{
	struct fixture *f = *state;
	three_changesets(f);
	f->task.epoch = 5;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	fixture_step(f, fixture_changeset(f, "a:more"), STEP_T, "INSERT INTO item (id, name) VALUES (4, 'd')");
	f->task.id[0]++;
	f->task.epoch = 4;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_REFUSED);
	assert_string_equal(r->failure.check, "C1 message");
	assert_non_null(strstr(r->failure.message, "a controller of epoch 5 has worked here, ours has epoch 4"));
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_applies_once, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_failed_step_says_where, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_fail_on_error_false_goes_on, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_validations_hold, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_failed_validation_reverts_at_once, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_what_was_validated_stands_at_a_retry, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_failed_validation_without_rollback_stays, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_revert_that_fails_needs_a_person, fixture_setup, fixture_teardown),
	    cmocka_unit_test(test_preconditions),
	    cmocka_unit_test_setup_teardown(test_precondition_error_follows_on_error, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_rollback_runs_backwards, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_failed_rollback_names_its_file, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_rollback_missing_touches_nothing, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_no_rollback_needed_is_recorded, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_locked_file_is_named_and_given_up, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_lock_at_the_ledgers_making_is_waited_for, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_unreachable_target, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_clone_is_refused, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_changed_content_is_refused, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_older_epoch_is_fenced, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
