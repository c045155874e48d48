/* How a delivery begins: what is refused before any statement, with nothing changed, by papers, deadline, beliefs and the agent's own limits; and what is begun, or gone on with, though it is late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "tests/support/deliver_scene.h"

/* What every report of a refusal says, whatever was refused. */
static void assert_refused(const struct report *r, const char *check, const char *message)
{
	assert_string_equal(outcome_name(r->outcome), "refused");
	assert_string_equal(r->failure.check, check);
	if (!strstr(r->failure.message, message))
		fail_msg("'%s' does not hold '%s'", r->failure.message, message);
	assert_string_equal(r->failure.database_state, "nothing was changed: no statement was run");
	assert_int_equal(r->n_steps, 0);
	assert_string_equal(papers_fixture_value(&f, "SELECT group_concat(name) FROM sqlite_master"), "unrelated"); /* no ledger either */
}

static void test_missing_blob_is_refused(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct err e = ERR_INIT;
	struct report r;
	enum outcome outcome = OUTCOME_COUNT;
	assert_int_equal(remove(papers_fixture_blob(&f, f.task.dossier_hash)), 0);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_refused(&r, "C18 content", "the order could not be fetched from the controller, or what came was not what was asked for");
	assert_string_equal(r.failure.code, "not-found");
}

static void test_damaged_blob_is_refused(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct err e = ERR_INIT;
	struct report r;
	enum outcome outcome = OUTCOME_COUNT;
	assert_int_equal(file_write_atomic(papers_fixture_blob(&f, f.task.release_hash), bytes_of_str("other bytes"), 0600, &e), 0);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_refused(&r, "C18 content", "the bytes no longer match the name");
	assert_string_equal(r.failure.code, "signature");
}

static void test_one_approval_is_not_two(void **state)
{
	(void)state;
	f.agent.signed_by.n_approvals = 1;
	struct report r = deliver_all();
	assert_refused(&r, "C9 approvals", "start a new rollout and have its order approved by as many as it needs");
	assert_memory_equal(r.order_digest, f.agent.signed_by.order.digest, DIGEST_SIZE); /* which order it refused */
}

static void test_unsigned_release(void **state)
{
	(void)state;
	f.agent.signed_by.release_signers[1] = MALLORY;
	struct report r = deliver_all();
	assert_refused(&r, "C6 release-signatures", "sign with 'rollcall release sign'");
}

static void test_a_late_task_is_not_begun(void **state)
{
	(void)state;
	f.task.deadline_us = f.agent.signed_by.now_us - 1000000;
	struct report r = deliver_all();
	assert_refused(&r, "C11 order", "the delivery had to begin before ");
}

static void test_a_begun_task_is_finished_late(void **state)
{
	(void)state;
	f.task.deadline_us = f.agent.signed_by.now_us - 1000000;
	f.task.state = TASK_RUNNING;
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

/* The controller was restarted between the offer and the first statement. */
static void test_an_accepted_task_outlives_its_epoch(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct report r = {0};
	enum outcome outcome = OUTCOME_COUNT;
	papers_fixture_write(&f);
	assert_int_equal(journal_raise(f.journal, "epoch", f.task.epoch + 1, &e), 0);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_string_equal(outcome_name(r.outcome), "applied");
}

/* It had begun, and may have run some statements: nobody may read that nothing was changed. */
static void test_a_begun_task_whose_order_ended(void **state)
{
	(void)state;
	f.agent.signed_by.order.not_after_us = f.agent.signed_by.now_us - 1000000;
	f.task.state = TASK_RUNNING;
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "needs-attention");
	assert_string_equal(r.failure.check, "C11 order");
	assert_string_equal(r.failure.database_state,
	                    "this run changed nothing; an earlier run of this delivery had begun, and what it did stands in the target's ledger");
}

/* ---- what the agent believes ------------------------------------------------------------------------------------------------------------------------- */

static void test_frozen_until_a_fresh_document_comes(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct trust_fixture *t = &f.agent.signed_by;
	const struct freshness d = {.version = 1, .issued_at_us = clock_wall_us(), .expires_at_us = clock_wall_us() + FIXTURE_HOUR};
	bool is_new = false;
	trust_fixture_set_role(t, ROLE_FRESH, 1, (const enum fixture_person[]){CI}, 1);
	struct report r = deliver_all();
	assert_refused(&r, "C4 freshness", "no freshness document has come here");
	assert_int_equal(trusted_take(f.journal, f.config.trust_pin, trust_fixture_fresh(t, &d, CI), clock_wall_us(), &is_new, &e), 0);
	r = deliver_once_more();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

static void test_a_refusal_is_on_the_sites_own_screen(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct journal_refusal *list = NULL;
	size_t n = 0;
	f.agent.signed_by.n_approvals = 1;
	(void)deliver_all();
	assert_int_equal(journal_refusals(f.journal, 10, f.arena, &list, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].code, "C9 approvals");
	assert_string_equal(list[0].target, f.task.target);
	assert_non_null(strstr(list[0].message, "1 of 2 signatures"));
}

/* ATK-37, ATK-38: the database is an empty one again, and its people say that this is right; what was in effect there is known all the same, and an older release does not
 * take its place. */
static void test_a_database_that_was_set_back(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	uint64_t sequence = 0;
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "applied");
	assert_int_equal(journal_sequence(f.journal, f.task.target, "shop", &sequence, &e), 0);
	assert_int_equal(sequence, 7);
	assert_int_equal(unlink(f.db), 0);
	papers_fixture_sql(&f, "CREATE TABLE unrelated (id integer)");
	assert_int_equal(journal_head_reset(f.journal, f.task.target, &(struct journal_head){0}, &e),
	                 0); /* the site's people have said that this is the database */
	f.agent.signed_by.release.sequence = 6;
	trust_fixture_build(&f.agent.signed_by);
	memset(f.task.id, 8, TASK_SIZE);
	r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "refused");
	assert_string_equal(r.failure.check, "C8 sequence");
	assert_non_null(strstr(r.failure.message, "the database was set back"));
	assert_string_equal(papers_fixture_value(&f, "SELECT count(*) FROM sqlite_master WHERE name = 'orders'"), "0");
	f.agent.signed_by.release.sequence = 7; /* the release that was there may come again */
	trust_fixture_build(&f.agent.signed_by);
	memset(f.task.id, 9, TASK_SIZE);
	r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

/* C21 without any policy: what agent.yaml gives a session is the longest that a release may give itself. */
static void test_a_setting_over_the_agents_own_timeout(void **state)
{
	(void)state;
	struct trust_fixture *t = &f.agent.signed_by;
	struct changeset *c = &t->release.changesets[0];
	struct step *steps = arena_alloc(t->arena, 2 * sizeof *steps);
	steps[0] = trust_fixture_step(t, STEP_X, "PRAGMA busy_timeout = 5001", NULL);
	for (size_t i = 0; i < c->n_bodies; i++)
		if (str_eq(c->bodies[i].engine, "sqlite")) {
			steps[1] = c->bodies[i].steps[0];
			c->bodies[i].steps = steps;
			c->bodies[i].n_steps = 2;
		}
	papers_fixture_write(&f);
	f.config.allow_class_x = true;
	struct preview p = look();
	assert_int_equal(p.plan.n_steps, 3); /* who looks at it first sees what would run, and that it would not */
	assert_int_equal(strncmp(p.refusal, "C21 timeouts: changes/orders.sql:", 33), 0);
	struct report r = deliver_now();
	assert_refused(
	    &r, "C21 timeouts",
	    "changeset alice:orders-create: it sets busy_timeout to 5001 ms, and this site allows 5000 ms (lock_timeout of agent.yaml): take the "
	    "setting out of the changeset, or have the site's people allow it: longest_lock and longest_statement in the site's policy say how "
	    "much, or else lock_timeout and statement_timeout in agent.yaml");
	r = deliver_once_more();
	assert_refused(&r, "C21 timeouts", "it sets busy_timeout to 5001 ms");
	f.config.targets[0].connect.lock_timeout_max_ms = 6000; /* lock_timeout: 6s under limits */
	r = deliver_once_more();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    DELIVER_CASE(test_missing_blob_is_refused),
	    DELIVER_CASE(test_damaged_blob_is_refused),
	    DELIVER_CASE(test_one_approval_is_not_two),
	    DELIVER_CASE(test_unsigned_release),
	    DELIVER_CASE(test_a_late_task_is_not_begun),
	    DELIVER_CASE(test_a_begun_task_is_finished_late),
	    DELIVER_CASE(test_an_accepted_task_outlives_its_epoch),
	    DELIVER_CASE(test_a_begun_task_whose_order_ended),
	    DELIVER_CASE(test_frozen_until_a_fresh_document_comes),
	    DELIVER_CASE(test_a_refusal_is_on_the_sites_own_screen),
	    DELIVER_CASE(test_a_database_that_was_set_back),
	    DELIVER_CASE(test_a_setting_over_the_agents_own_timeout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
