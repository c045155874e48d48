/* What is tried again and for how long: errors that pass, locks, orphans of an earlier run, a server that is away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_engine.h"

/* Each try waits a little longer, up to the site's limit; the next step begins small again. */
static void test_patience_grows_with_the_tries(void **state)
{
	struct fixture *f = *state;
	fake_one_insert(f);
	fixture_step(f, fixture_changeset(f, "a:more"), STEP_T, "DELETE FROM item");
	f->target.lock_timeout_max_ms = 120;
	fake.exec_match = "INSERT INTO item";
	fake.exec_fail_first = 3;
	fake.exec_error = (struct err){.code = ERR_DB, .db_errno = 17, .msg = "database schema has changed"};
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_string_equal(buf_str(&fake.patience), "50 50 100 120 120 50 "); /* the first is the ledger's */
}

static void test_unclassified_error_is_counted(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	uint64_t n = 0;
	fake_one_insert(f);
	fake.exec_match = "INSERT INTO item";
	fake.exec_fail_first = 1;
	fake.exec_error = (struct err){.code = ERR_DB, .db_errno = 99, .msg = "something new"};
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_string_equal(r->failure.message, "something new. Rollcall does not know this error code, so it tried nothing again.");
	assert_int_equal(journal_number(f->journal, "unclassified_errors", &n, &e), 0);
	assert_int_equal(n, 1);
	fake.exec_fail_first = 1;
	fake.exec_error.db_errno = 19; /* known, and permanent */
	f->task.attempt = 2;
	assert_string_equal(fixture_deliver(f)->failure.message, "something new.");
	assert_int_equal(journal_number(f->journal, "unclassified_errors", &n, &e), 0);
	assert_int_equal(n, 1);
}

static void test_deadlock_is_tried_again(void **state)
{
	struct fixture *f = *state;
	fake_one_insert(f);
	fake.exec_match = "INSERT INTO item";
	fake.exec_fail_first = 3;
	fake.exec_error = (struct err){.code = ERR_DB, .db_errno = 17, .msg = "database schema has changed"};
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "4");
	assert_non_null(strstr(buf_str(&f->progress), "applying a:row 1/1 database schema has changed; next try in "));
}

static void test_deadlock_ends_after_ten(void **state)
{
	struct fixture *f = *state;
	fake_one_insert(f);
	f->budget_ms = 60000;
	fake.exec_match = "INSERT INTO item";
	fake.exec_fail_first = 100;
	fake.exec_error = (struct err){.code = ERR_DB, .db_errno = 17, .msg = "database schema has changed"};
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "gave up after 10 tries: database schema has changed."));
}

static void test_session_lock_is_polled(void **state)
{
	struct fixture *f = *state;
	fake_one_insert(f);
	fake.lock_busy = 2;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_non_null(strstr(buf_str(&f->progress), "waiting-lock - 0/0 locked by pid 4711 shop 12 s"));
	f->task.attempt = 2;
	fake.lock_busy = 1000;
	f->budget_ms = 100;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_string_equal(r->failure.check, "C15 lock");
	assert_non_null(strstr(r->failure.message, "the target is locked by pid 4711 shop 12 s."));
	assert_non_null(strstr(r->failure.next, "wait: another session is at work on this target"));
}

static void test_own_orphan_is_waited_for(void **state)
{
	struct fixture *f = *state;
	fake_one_insert(f);
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	f->task.attempt = 2;
	journal_close(&f->journal);
	struct err e = ERR_INIT;
	assert_int_equal(journal_open(f->journal_path, &f->journal, &e), 0);
	struct journal_step orphan = {.target = f->task.target, .changeset = "a:row", .run = 1, .attempt = 1, .backend = "4711/1", .state = STEP_INTENT};
	assert_int_equal(journal_step(f->journal, &orphan, &e), 0);
	fake.lock_busy = 2;
	fake.backend_alive = 4;
	f->budget_ms = 0; /* a stranger would not be waited for */
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_non_null(strstr(buf_str(&f->progress), "a statement of an earlier run still works in the server: pid 4711 shop 12 s"));
}

static void test_own_orphan_is_cancelled_when_the_site_says_so(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	struct journal_step orphan = {.target = f->task.target, .changeset = "a:row", .run = 1, .attempt = 1, .backend = "4711/1", .state = STEP_INTENT};
	fake_one_insert(f);
	assert_int_equal(journal_step(f->journal, &orphan, &e), 0);
	fake.lock_busy = 1000;
	fake.backend_alive = 1000;
	f->budget_ms = 0;
	f->orphan_cancel_ms = 1;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_int_equal(fake.cancels, 2);
	assert_non_null(strstr(buf_str(&f->progress), "4711 shop 12 s; it is being cancelled, as the site's rule for orphans says"));
}

static void test_unreachable_for_a_while(void **state)
{
	struct fixture *f = *state;
	fake_one_insert(f);
	fake.opens_fail = 1;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_int_equal(fake.opens, 2);
	assert_non_null(strstr(buf_str(&f->progress), "unreachable - 0/0 target unreachable: connection refused; next try in "));
}

static void test_locked_at_the_first_question(void **state)
{
	struct fixture *f = *state;
	fake_one_insert(f);
	fake.opens_fail = 2;
	fake.open_code = 5; /* SQLITE_BUSY */
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_int_equal(fake.opens, 3);
	assert_non_null(strstr(buf_str(&f->progress), "waiting-lock - 0/0 target unreachable: database is locked; next try in "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FAKE_TEST(test_patience_grows_with_the_tries),
	    FAKE_TEST(test_unclassified_error_is_counted),
	    FAKE_TEST(test_deadlock_is_tried_again),
	    FAKE_TEST(test_deadlock_ends_after_ten),
	    FAKE_TEST(test_session_lock_is_polled),
	    FAKE_TEST(test_own_orphan_is_waited_for),
	    FAKE_TEST(test_own_orphan_is_cancelled_when_the_site_says_so),
	    FAKE_TEST(test_unreachable_for_a_while),
	    FAKE_TEST(test_locked_at_the_first_question),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
