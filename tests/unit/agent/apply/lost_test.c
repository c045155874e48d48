/* Lost replies, interrupted statements, locks, requests to end: the real SQLite engine with single functions replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "tests/support/delivery_fixture.h"

static struct { /* what the replaced functions do, and on which call */
	const struct engine *real;
	struct fixture *f;
	unsigned commits, lose_commit_before, lose_commit_after; /* number of the COMMIT whose reply is lost, from 1 */
	const char *exec_match; /* statements that begin so ... */
	unsigned exec_lost, exec_fail_first; /* ... lose their reply after having run; fail that often with exec_error before they run */
	struct err exec_error;
	bool exec_fail_after, exec_lost_before; /* fails, or is lost, though it ran, or before it ran */
	enum wish exec_asks;
	unsigned lock_busy, opens_fail, opens;
	int open_code; /* 0: connection refused */
	unsigned backend_alive, cancels;
	enum engine_witness witness;
	struct ledger_sql ledger; /* with a transaction number */
	struct buf patience; /* what each try may wait */
} fake;

static int fake_commit(struct conn *c, struct err *e)
{
	struct err ignored;
	fake.commits++;
	if (fake.commits == fake.lose_commit_before) {
		(void)fake.real->rollback(c, &ignored);
		return err_set(e, ERR_UNKNOWN, "the connection was lost");
	}
	if (fake.real->commit(c, e) != 0)
		return -1;
	return fake.commits == fake.lose_commit_after ? err_set(e, ERR_UNKNOWN, "the connection was lost") : 0;
}

static int fail_with(struct err *e)
{
	*e = fake.exec_error;
	return -1;
}

static int fake_exec(struct conn *c, struct bytes sql, uint64_t *rows, struct err *e)
{
	size_t n = strlen(fake.exec_match ? fake.exec_match : "");
	if (!n || sql.n < n || memcmp(sql.p, fake.exec_match, n) != 0)
		return fake.real->exec(c, sql, rows, e);
	if (fake.exec_asks)
		watch_ask(&fake.f->watch, fake.exec_asks);
	if (fake.exec_fail_first && fake.exec_fail_first--)
		return fail_with(e);
	if (fake.exec_lost && fake.exec_lost_before) {
		fake.exec_lost--;
		return err_set(e, ERR_UNKNOWN, "the connection was lost");
	}
	if (fake.real->exec(c, sql, rows, e) != 0)
		return -1;
	if (fake.exec_fail_after)
		return fail_with(e);
	return fake.exec_lost && fake.exec_lost-- ? err_set(e, ERR_UNKNOWN, "the connection was lost") : 0;
}

static int fake_try_lock(struct conn *c, bool *ret_got, char *holder, struct err *e)
{
	if (!fake.lock_busy)
		return fake.real->try_lock(c, ret_got, holder, e);
	fake.lock_busy--;
	*ret_got = false;
	str_copy(holder, 256, "pid 4711 shop 12 s");
	return 0;
}

static int fake_open(const struct engine_target *t, struct conn **ret, struct err *e)
{
	fake.opens++;
	if (!fake.opens_fail)
		return fake.real->open(t, ret, e);
	fake.opens_fail--;
	err_set(e, fake.open_code ? ERR_DB : ERR_DB_CONNECT, fake.open_code ? "database is locked" : "connection refused");
	e->db_errno = fake.open_code ? fake.open_code : 14;
	return -1;
}

static int fake_alive(struct conn *c, const char *backend, bool *ret_alive, struct err *e)
{
	(void)c, (void)backend, (void)e;
	*ret_alive = fake.backend_alive > 0;
	if (fake.backend_alive)
		fake.backend_alive--;
	return 0;
}

/* The server needs to be asked twice. */
static int fake_cancel_backend(struct conn *c, const char *backend, struct err *e)
{
	(void)c, (void)e;
	assert_string_equal(backend, "4711/1");
	if (++fake.cancels == 2)
		fake.backend_alive = fake.lock_busy = 0;
	return 0;
}

static void fake_patience(struct conn *c, uint32_t lock_timeout_ms)
{
	buf_addf(&fake.patience, "%u ", lock_timeout_ms);
	fake.real->patience(c, lock_timeout_ms);
}

static int fake_witness(struct conn *c, const char *transaction, enum engine_witness *ret, struct err *e)
{
	(void)c, (void)e;
	assert_string_equal(transaction, "4711");
	*ret = fake.witness;
	return 0;
}

static void with_witness(struct fixture *f, enum engine_witness says)
{
	fake.witness = says;
	fake.ledger = *f->engine.ledger;
	fake.ledger.epoch = "SELECT value, 4711 FROM %smeta WHERE name = 'epoch'";
	f->engine.ledger = &fake.ledger;
	f->engine.witness = fake_witness;
}

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	fixture_init(f);
	memset(&fake, 0, sizeof fake);
	fake.real = engine_by_name("sqlite");
	fake.f = f;
	f->engine.commit = fake_commit;
	f->engine.exec = fake_exec;
	f->engine.try_lock = fake_try_lock;
	f->engine.open = fake_open;
	f->engine.backend_alive = fake_alive;
	f->engine.cancel_backend = fake_cancel_backend;
	f->engine.patience = fake_patience;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	fixture_done(*state);
	buf_done(&fake.patience);
	free(*state);
	return 0;
}

static void one_insert(struct fixture *f)
{
	fixture_step(f, fixture_changeset(f, "a:row"), STEP_T, "INSERT INTO item VALUES (4, 'd')");
}

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
	one_insert(f);
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
	one_insert(f);
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
	with_witness(f, ENGINE_WITNESS_COMMITTED);
	fake.lose_commit_after = fake.commits + 1;
	one_insert(f);
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
	with_witness(f, ENGINE_WITNESS_COMMITTED);
	fake.lose_commit_before = fake.commits + 1;
	one_insert(f);
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

static void test_witness_of_a_running_transaction_is_asked_again(void **state)
{
	struct fixture *f = *state;
	commits_of_a_delivery(f);
	f->task.id[0]++;
	with_witness(f, ENGINE_WITNESS_RUNNING);
	fake.lose_commit_after = fake.commits + 1;
	one_insert(f);
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
	one_insert(f);
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

static void alone(struct fixture *f)
{
	struct changeset *c = fixture_changeset(f, "a:alone");
	fixture_step(f, c, STEP_N, "CREATE TABLE one (a)");
	fixture_step(f, c, STEP_N, "CREATE TABLE two (a)");
	fixture_step(f, c, STEP_N, "CREATE TABLE three (a)");
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
	alone(f);
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
	alone(f);
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
	alone(f);
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

static void test_partial_class_n_is_told(void **state)
{
	struct fixture *f = *state;
	alone(f);
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
	alone(f);
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
	alone(f);
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
	alone(f);
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

/* Each try waits a little longer, up to the site's limit; the next step begins small again. */
static void test_patience_grows_with_the_tries(void **state)
{
	struct fixture *f = *state;
	one_insert(f);
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
	one_insert(f);
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
	one_insert(f);
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
	one_insert(f);
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
	one_insert(f);
	fake.lock_busy = 2;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_non_null(strstr(buf_str(&f->progress), "waiting-lock - 0/0 locked by pid 4711 shop 12 s"));
	f->task.attempt = 2;
	fake.lock_busy = 1000;
	f->budget_ms = 100;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "the target is locked by pid 4711 shop 12 s."));
}

static void test_own_orphan_is_waited_for(void **state)
{
	struct fixture *f = *state;
	one_insert(f);
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
	one_insert(f);
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
	one_insert(f);
	fake.opens_fail = 1;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_int_equal(fake.opens, 2);
	assert_non_null(strstr(buf_str(&f->progress), "unreachable - 0/0 target unreachable: connection refused; next try in "));
}

static void test_locked_at_the_first_question(void **state)
{
	struct fixture *f = *state;
	one_insert(f);
	fake.opens_fail = 2;
	fake.open_code = 5; /* SQLITE_BUSY */
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_int_equal(fake.opens, 3);
	assert_non_null(strstr(buf_str(&f->progress), "waiting-lock - 0/0 target unreachable: database is locked; next try in "));
}

static void test_stop_ends_between_steps(void **state)
{
	struct fixture *f = *state;
	alone(f);
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
	alone(f);
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

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_lost_commit_that_took_effect),
	    TEST(test_lost_commit_without_effect),
	    TEST(test_witness_agrees),
	    TEST(test_failed_statement_that_cleaning_up_finishes),
	    TEST(test_lost_statement_that_took_effect),
	    TEST(test_witness_disagrees),
	    TEST(test_witness_of_a_running_transaction_is_asked_again),
	    TEST(test_lost_commit_and_database_gone),
	    TEST(test_lost_statement_without_effect),
	    TEST(test_partial_class_n_is_told),
	    TEST(test_half_applied_is_not_rolled_back),
	    TEST(test_error_though_applied_needs_a_person),
	    TEST(test_unsettled_intent_stays_unsettled),
	    TEST(test_foreign_intent_is_not_touched),
	    TEST(test_patience_grows_with_the_tries),
	    TEST(test_deadlock_ends_after_ten),
	    TEST(test_unclassified_error_is_counted),
	    TEST(test_deadlock_is_tried_again),
	    TEST(test_session_lock_is_polled),
	    TEST(test_own_orphan_is_waited_for),
	    TEST(test_own_orphan_is_cancelled_when_the_site_says_so),
	    TEST(test_unreachable_for_a_while),
	    TEST(test_locked_at_the_first_question),
	    TEST(test_stop_ends_between_steps),
	    TEST(test_terminate_leaves_the_intent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
