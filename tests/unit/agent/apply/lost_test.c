/* Lost replies, interrupted statements, requests to end: what is found out afterwards, and what is for a person. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "tests/support/fake_engine.h"

static unsigned commits_of_a_delivery(struct fixture *f)
{
	fake.commits = 0;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	return fake.commits;
}

static void test_lost_commit_that_took_effect(void **state)
{
	struct fixture *f = *state;
	f->verified.release.n_changesets = 0;
	fake.lose_commit_after = commits_of_a_delivery(f) + 1; /* those of making the ledger, then the step's */
	f->task.id[0]++;
	fake.commits = fake.lose_commit_after - 1;
	fake_one_insert(f);
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->n_steps, 1);
	assert_int_equal(r->steps[0].via, VIA_LEDGER);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "4");
}

static void test_lost_commit_without_effect(void **state)
{
	struct fixture *f = *state;
	commits_of_a_delivery(f);
	f->task.id[0]++;
	fake.lose_commit_before = fake.commits + 1;
	fake_one_insert(f);
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->n_steps, 1);
	assert_int_equal(r->steps[0].via, VIA_RUN);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "4");
}

static void test_witness_agrees(void **state)
{
	struct fixture *f = *state;
	commits_of_a_delivery(f);
	f->task.id[0]++;
	fake_witness_says(f, ENGINE_WITNESS_COMMITTED);
	fake.lose_commit_after = fake.commits + 1;
	fake_one_insert(f);
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "4");
}

/* The ledger lost the row, or another server answers: the statement must not run again on the ledger's word alone. */
static void test_witness_disagrees(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	struct journal_note n = {.target = f->task.target, .changeset = "", .name = "witness"};
	bool found = false;
	commits_of_a_delivery(f);
	f->task.id[0]++;
	fake_witness_says(f, ENGINE_WITNESS_COMMITTED);
	fake.lose_commit_before = fake.commits + 1;
	fake_one_insert(f);
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.message,
	                       "the server says that transaction 4711, whose COMMIT was not answered, was committed, yet the ledger has no row of "
	                       "a:row, step 1: rows were lost"));
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "3");
	f->task.attempt = 2; /* a new process knows it from the journal */
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_NEEDS_ATTENTION);
	fake.witness = ENGINE_WITNESS_ABORTED;
	f->task.attempt = 3;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_int_equal(journal_note_get(f->journal, &n, f->arena, &found, &e), 0);
	assert_true(!found || !n.value);
}

/* A release that is one transaction has the same second witness. */
static void test_witness_disagrees_over_a_whole_release(void **state)
{
	struct fixture *f = *state;
	commits_of_a_delivery(f);
	f->task.id[0]++;
	fake_witness_says(f, ENGINE_WITNESS_COMMITTED);
	fake.lose_commit_before = fake.commits + 1;
	fixture_whole(f);
	fake_one_insert(f);
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.message, "was committed, yet the ledger has no row of a:row, step 1: rows were lost"));
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "3");
}

static void test_witness_of_a_running_transaction_is_asked_again(void **state)
{
	struct fixture *f = *state;
	commits_of_a_delivery(f);
	f->task.id[0]++;
	fake_witness_says(f, ENGINE_WITNESS_RUNNING);
	fake.lose_commit_after = fake.commits + 1;
	fake_one_insert(f);
	f->budget_ms = 600;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.message, "transaction 4711 of a:row, step 1, has not ended in the server yet"));
}

static void test_lost_commit_and_database_gone(void **state)
{
	struct fixture *f = *state;
	commits_of_a_delivery(f);
	f->task.id[0]++;
	fake.lose_commit_after = fake.commits + 1;
	fake_one_insert(f);
	f->budget_ms = 0; /* no second connection */
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION); /* never a guess */
	assert_string_equal(r->failure.code, "unknown-outcome");
	assert_string_equal(r->failure.database_state,
	                    "when the database was last seen: none of the release's 1 changeset is applied; nothing else changed; whether step "
	                    "1 of a:row took effect is not known, because the connection was lost in its middle");
	assert_non_null(strstr(r->failure.next, "Next: when the database can be reached again, let the ledger settle it: type: rollcall rollout retry"));
	f->budget_ms = 2000;
	f->task.attempt = 2;
	r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "4");
}

/* The same, and further connections are tried in vain: the step that is in doubt is named all the same. */
static void test_lost_commit_and_database_stays_away(void **state)
{
	struct fixture *f = *state;
	commits_of_a_delivery(f);
	f->task.id[0]++;
	fake.lose_commit_after = fake.commits + 1;
	fake.opens_fail_from = fake.opens + 2;
	fake_one_insert(f);
	f->budget_ms = 1500;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_true(fake.opens > 2);
	assert_non_null(strstr(r->failure.message, "target unreachable: connection refused"));
	assert_string_equal(r->failure.database_state,
	                    "when the database was last seen: none of the release's 1 changeset is applied; nothing else changed; whether step "
	                    "1 of a:row took effect is not known, because the connection was lost in its middle");
	assert_string_equal(r->failure.changeset, "a:row");
	assert_int_equal(r->failure.line, 11);
}

static int fake_finish(struct conn *c, const struct sql_class *s, bool *ret_cleaned, struct err *e)
{
	*ret_cleaned = str_eq(s->object, "two");
	return *ret_cleaned ? fake.real->exec(c, bytes_of_str("CREATE TABLE two (a)"), NULL, e) : 0;
}

/* It gave up half-way where there is no way back (DETACH ... CONCURRENTLY): cleaning up is to end it, and then it is done. */
static void test_failed_statement_that_cleaning_up_finishes(void **state)
{
	struct fixture *f = *state;
	fake_three_alone(f);
	f->engine.cleanup = fake_finish;
	fake.exec_match = "CREATE TABLE two";
	fake.exec_fail_first = 1;
	fake.exec_error = (struct err){.code = ERR_DB, .db_errno = 1, .msg = "canceling statement"};
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->n_steps, 3);
	assert_int_equal(r->steps[1].via, VIA_PROBE);
	assert_string_equal(fixture_value(f, "SELECT group_concat(state || ' ' || via, ', ') FROM rollcall_ledger WHERE step = 1"),
	                    "intent run, done probe");
}

static void test_lost_statement_that_took_effect(void **state)
{
	struct fixture *f = *state;
	fake_three_alone(f);
	fake.exec_match = "CREATE TABLE two";
	fake.exec_lost = 1;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->n_steps, 3);
	assert_int_equal(r->steps[1].via, VIA_PROBE);
	assert_string_equal(fixture_value(f, "SELECT group_concat(state || ' ' || via, ', ') FROM rollcall_ledger WHERE step = 1"),
	                    "intent run, done probe");
}

static void test_lost_statement_without_effect(void **state)
{
	struct fixture *f = *state;
	fake_three_alone(f);
	fake.exec_match = "CREATE TABLE two";
	fake.exec_lost = 1;
	fake.exec_lost_before = true;
	fake.backend_alive = 2; /* the old backend needs a while to end */
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_string_equal(fixture_value(f, "SELECT group_concat(state || ' ' || via, ', ') FROM rollcall_ledger WHERE step = 1"),
	                    "intent run, failed probe, intent run, done run");
	assert_non_null(strstr(buf_str(&f->progress), "/3 the interrupted statement still runs in the server"));
}

static int fake_unable(struct conn *c, const struct sql_class *s, bool *ret_cleaned, struct err *e)
{
	(void)c, (void)s, (void)ret_cleaned;
	return err_set(e, ERR_UNKNOWN, "the connection was lost again");
}

/* The ledger could be read again, the catalog could not be asked: nothing says that the statement has failed. */
static void test_lost_statement_that_cannot_be_settled(void **state)
{
	struct fixture *f = *state;
	fake_three_alone(f);
	f->budget_ms = 1000;
	f->engine.cleanup = fake_unable;
	fake.exec_match = "CREATE TABLE two";
	fake.exec_lost = 1;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.database_state, "of a:alone step 2 of 3 was begun, and its outcome is not known"));
	assert_non_null(strstr(r->failure.next, "let the ledger settle it"));
	f->engine.cleanup = fake.real->cleanup;
	f->task.attempt = 2;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
}

static void test_partial_class_n_is_told(void **state)
{
	struct fixture *f = *state;
	fake_three_alone(f);
	fake.exec_match = "CREATE TABLE three";
	fake.exec_fail_first = 1;
	fake.exec_error = (struct err){.code = ERR_DB, .db_errno = 1, .msg = "no room for three"};
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_int_equal(r->failure.step, 3);
	assert_string_equal(r->failure.database_state,
	                    "none of the release's 1 changeset is applied; of a:alone steps 1 and 2 of 3 are applied; nothing else changed");
	assert_string_equal(fixture_value(f, "SELECT group_concat(state) FROM rollcall_ledger WHERE step = 2"), "intent,failed");
	f->task.attempt = 2;
	r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->n_steps, 3); /* steps 1 and 2 by what the ledger says */
	assert_int_equal(r->steps[0].via, VIA_LEDGER);
	assert_int_equal(r->steps[2].via, VIA_RUN);
}

static void test_half_applied_is_not_rolled_back(void **state)
{
	struct fixture *f = *state;
	fake_three_alone(f);
	fixture_rollback(f, &f->changesets[0], STEP_N, "DROP TABLE one");
	fake.exec_match = "CREATE TABLE three";
	fake.exec_fail_first = 1;
	fake.exec_error = (struct err){.code = ERR_DB, .db_errno = 1, .msg = "no room for three"};
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_FAILED);
	f->task.id[0]++;
	f->task.direction = f->verified.order.direction = DIRECTION_ROLLBACK;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "changeset a:alone is half-applied (2 of 3 steps), and its rollback is written for the whole"));
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM sqlite_schema WHERE name IN ('one', 'two')"), "2");
}

static void test_error_though_applied_needs_a_person(void **state)
{
	struct fixture *f = *state;
	fake_three_alone(f);
	fake.exec_match = "CREATE TABLE two";
	fake.exec_fail_after = true;
	fake.exec_error = (struct err){.code = ERR_DB, .db_errno = 1, .msg = "killed"};
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.message, "CREATE TABLE failed, yet table two is not as it was before: killed"));
	assert_non_null(strstr(r->failure.database_state, "of a:alone step 2 of 3 was begun, and its outcome is not known"));
}

/* Rows do not show in the catalog: an interrupted statement on rows is nobody's to guess. */
static void test_unsettled_intent_stays_unsettled(void **state)
{
	struct fixture *f = *state;
	fixture_step(f, fixture_changeset(f, "a:rows"), STEP_N, "INSERT INTO item VALUES (4, 'd')");
	fake.exec_match = "INSERT";
	fake.exec_lost = 1;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.message, "a:rows, step 1 (INSERT) was interrupted (ledger row 1, attempt 1, backend "));
	assert_non_null(strstr(r->failure.message,
	                       "and it cannot be told whether it took effect: its effect does not show in the catalog; table item was in state "));
	assert_non_null(strstr(r->failure.next, "--not-applied (nothing of it is there, or you have undone it: it runs again)"));
	f->task.attempt = 2;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "4");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger"), "1");
}

static void test_foreign_intent_is_not_touched(void **state)
{
	struct fixture *f = *state;
	fake_three_alone(f);
	fake.exec_match = "CREATE TABLE two";
	fake.exec_lost = 1;
	f->budget_ms = 0;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_NEEDS_ATTENTION);
	f->budget_ms = 2000;
	f->task.id[0]++;
	f->verified.release.n_changesets = 0; /* another release, which does not know a:alone */
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(
	    strstr(r->failure.message, "it came from release 1.0, and this release holds another statement there: deliver release 1.0 again"));
}

static void test_stop_ends_between_steps(void **state)
{
	struct fixture *f = *state;
	fake_three_alone(f);
	fake.exec_match = "CREATE TABLE two";
	fake.exec_asks = WISH_STOP;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(f->ended, ENDED_STOPPED);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "stopped before step 3 of a:alone, as asked."));
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger WHERE state = 'done'"), "2");
}

static void test_terminate_leaves_the_intent(void **state)
{
	struct fixture *f = *state;
	fake_three_alone(f);
	fake.exec_match = "CREATE TABLE two";
	fake.exec_asks = WISH_TERMINATE;
	fake.exec_fail_first = 1;
	fake.exec_error = (struct err){.code = ERR_DB, .db_errno = 9, .msg = "interrupted"};
	fixture_deliver(f);
	assert_int_equal(f->ended, ENDED_STOPPED);
	assert_string_equal(fixture_value(f, "SELECT state FROM rollcall_ledger ORDER BY seq DESC LIMIT 1"), "intent");
	fake.exec_asks = WISH_GO_ON;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FAKE_TEST(test_lost_commit_that_took_effect),
	    FAKE_TEST(test_lost_commit_without_effect),
	    FAKE_TEST(test_witness_agrees),
	    FAKE_TEST(test_witness_disagrees),
	    FAKE_TEST(test_witness_disagrees_over_a_whole_release),
	    FAKE_TEST(test_witness_of_a_running_transaction_is_asked_again),
	    FAKE_TEST(test_lost_commit_and_database_gone),
	    FAKE_TEST(test_lost_commit_and_database_stays_away),
	    FAKE_TEST(test_failed_statement_that_cleaning_up_finishes),
	    FAKE_TEST(test_lost_statement_that_took_effect),
	    FAKE_TEST(test_lost_statement_without_effect),
	    FAKE_TEST(test_lost_statement_that_cannot_be_settled),
	    FAKE_TEST(test_partial_class_n_is_told),
	    FAKE_TEST(test_half_applied_is_not_rolled_back),
	    FAKE_TEST(test_error_though_applied_needs_a_person),
	    FAKE_TEST(test_unsettled_intent_stays_unsettled),
	    FAKE_TEST(test_foreign_intent_is_not_touched),
	    FAKE_TEST(test_stop_ends_between_steps),
	    FAKE_TEST(test_terminate_leaves_the_intent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
