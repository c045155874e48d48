/* A delivery from the journal's task to the sealed report: how it ends, and what the report says then. Really signed papers, a real SQLite database, no socket. Which deliveries are not begun is
 * deliver_refused_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/policy/policy.h"
#include "common/base/str.h"
#include "tests/support/deliver_scene.h"

static void test_applies_and_reports(void **state)
{
	(void)state;
	static const uint8_t none[DIGEST_SIZE];
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "applied");
	assert_string_equal(papers_fixture_value(&f, "SELECT group_concat(name) FROM pragma_table_info('orders')"), "id,note");
	assert_string_equal(r.agent, "eu-1");
	assert_string_equal(r.target, f.task.target);
	assert_memory_equal(r.task, f.task.id, TASK_SIZE);
	assert_memory_equal(r.order_digest, f.agent.signed_by.order.digest, DIGEST_SIZE);
	assert_memory_equal(r.release_digest, f.agent.signed_by.release.digest, DIGEST_SIZE);
	assert_int_equal(r.epoch, 3);
	assert_int_equal(r.n_steps, 2);
	assert_string_equal(r.steps[1].changeset, "alice:orders-add-note");
	assert_int_equal(r.n_validations, 1);
	assert_true(r.validations[0].ok);
	assert_int_equal(r.ledger_rows, 2);
	assert_memory_equal(r.ledger_head, r.steps[1].row_hash, DIGEST_SIZE);
	assert_memory_not_equal(r.ledger_head, none, DIGEST_SIZE);
	assert_null(r.failure.message);
	assert_int_equal(papers_fixture_open_tasks(&f), 0);
}

static void test_again_changes_nothing(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct report first = deliver_all(), r;
	enum outcome outcome = OUTCOME_COUNT;
	f.task.attempt = 2;
	papers_fixture_accept(&f);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_string_equal(outcome_name(r.outcome), "applied");
	assert_int_equal(r.report_seq, first.report_seq + 1);
	assert_int_equal(r.ledger_rows, 2);
	assert_memory_equal(r.ledger_head, first.ledger_head, DIGEST_SIZE);
}

static bool is_taken(const uint8_t fingerprint[DIGEST_SIZE])
{
	static const uint8_t none[DIGEST_SIZE];
	return memcmp(fingerprint, none, DIGEST_SIZE) != 0;
}

/* The second delivery has nothing to run. */
static void test_fingerprints_as_the_site_wants_them(void **state)
{
	(void)state;
	static const struct {
		enum fingerprint_when when;
		bool before, after, idle;
	} cases[] = {{FINGERPRINT_OFF, false, false, false}, {FINGERPRINT_CHANGED, false, true, false}, {FINGERPRINT_ALWAYS, true, true, true}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (i) {
			papers_fixture_done(&f);
			papers_fixture_init(&f);
		}
		papers_fixture_write(&f);
		f.config.fingerprint = cases[i].when;
		struct err e = ERR_INIT;
		struct report first, second;
		enum outcome outcome;
		assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
		papers_fixture_report(&f, &first);
		assert_int_equal(is_taken(first.fingerprint_before), cases[i].before);
		assert_int_equal(is_taken(first.fingerprint), cases[i].after);
		assert_true(!cases[i].before || memcmp(first.fingerprint_before, first.fingerprint, DIGEST_SIZE) != 0);
		f.task.id[0]++; /* another order of the same release */
		papers_fixture_accept(&f);
		assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
		papers_fixture_report(&f, &second);
		assert_false(is_taken(second.fingerprint_before));
		assert_int_equal(is_taken(second.fingerprint), cases[i].idle);
		assert_true(!cases[i].idle || memcmp(first.fingerprint, second.fingerprint, DIGEST_SIZE) == 0);
	}
}

static void test_failed_statement(void **state)
{
	(void)state;
	papers_fixture_sql(&f, "CREATE TABLE orders (other integer)");
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "failed");
	assert_string_equal(r.failure.code, "db");
	assert_string_equal(r.failure.changeset, "alice:orders-create");
	assert_non_null(strstr(r.failure.message, "table orders already exists"));
	assert_string_equal(r.failure.database_state, "none of the release's 2 changesets is applied; nothing else changed");
	assert_string_equal(papers_fixture_value(&f, "SELECT group_concat(name) FROM pragma_table_info('orders')"), "other");
}

/* A validation's query reads what the tenant's people wrote. */
static void test_giant_value(void **state)
{
	(void)state;
	f.agent.signed_by.release.changesets[1].validations[0].sql = bytes_of_str("SELECT hex(zeroblob(1000000))");
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "failed");
	assert_non_null(strstr(r.failure.message, "the query gave a value of more than 65536 bytes: count or hash it in the query"));
}

static void test_unreachable_database(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct err e = ERR_INIT;
	struct report r;
	enum outcome outcome = OUTCOME_COUNT;
	f.config.targets[0].connect.dsn = "sqlite:/nowhere/shop.db";
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_string_equal(outcome_name(r.outcome), "failed");
	assert_non_null(strstr(r.failure.message, "target unreachable"));
	assert_string_equal(r.failure.database_state, "this run changed nothing; the ledger could not be read");
}

static void test_password_that_cannot_be_fetched(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct err e = ERR_INIT;
	struct report r;
	enum outcome outcome = OUTCOME_COUNT;
	f.config.targets[0].password_file = "/nowhere/password";
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_string_equal(outcome_name(r.outcome), "failed");
	assert_string_equal(r.failure.code, "key");
	assert_string_equal(papers_fixture_value(&f, "SELECT group_concat(name) FROM sqlite_master"), "unrelated"); /* no ledger either */
}

static void test_terminated_task_stays_open(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct err e = ERR_INIT;
	enum outcome outcome = OUTCOME_COUNT;
	watch_ask(&f.watch, WISH_TERMINATE);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), -1);
	assert_int_equal(e.code, ERR_STATE);
	assert_int_equal(outcome, OUTCOME_COUNT);
	assert_int_equal(papers_fixture_open_tasks(&f), 1);
	assert_int_equal(journal_last_report(f.journal), 0);
}

static void test_rollback_of_what_was_applied(void **state)
{
	(void)state;
	f.agent.signed_by.order.waves[1].on_failure = ON_FAILURE_ROLLBACK_TARGET;
	struct err e = ERR_INIT;
	struct report r = deliver_all();
	enum outcome outcome = OUTCOME_COUNT;
	assert_string_equal(outcome_name(r.outcome), "applied");
	memset(f.task.id, 9, TASK_SIZE);
	f.task.direction = DIRECTION_ROLLBACK;
	papers_fixture_accept(&f);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_string_equal(outcome_name(r.outcome), "rolled-back");
	assert_string_equal(papers_fixture_value(&f, "SELECT count(*) FROM sqlite_master WHERE name = 'orders'"), "0");
	assert_int_equal(r.ledger_rows, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    DELIVER_CASE(test_applies_and_reports),
	    DELIVER_CASE(test_again_changes_nothing),
	    DELIVER_CASE(test_fingerprints_as_the_site_wants_them),
	    DELIVER_CASE(test_failed_statement),
	    DELIVER_CASE(test_giant_value),
	    DELIVER_CASE(test_unreachable_database),
	    DELIVER_CASE(test_password_that_cannot_be_fetched),
	    DELIVER_CASE(test_terminated_task_stays_open),
	    DELIVER_CASE(test_rollback_of_what_was_applied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
