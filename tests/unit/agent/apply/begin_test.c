/* C22: an accepted delivery waits for its database, and meanwhile the agent comes to believe something else: what its first statement is asked by then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/journal/holds.h"
#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/lite/lite.h"
#include "tests/support/papers_fixture.h"

static struct papers_fixture f;
static struct lite *blocker;
static void (*meanwhile)(void);

static int setup(void **state)
{
	(void)state;
	papers_fixture_init(&f);
	trust_fixture_set_role(&f.agent.signed_by, ROLE_FRESH, 1, (const enum fixture_person[]){CI}, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	papers_fixture_done(&f);
	return 0;
}

static void believe(const struct freshness *d)
{
	struct err e = ERR_INIT;
	bool is_new = false;
	assert_int_equal(trusted_take(f.journal, f.config.trust_pin, trust_fixture_fresh(&f.agent.signed_by, d, CI), clock_wall_us(), &is_new, &e),
	                 CHECK_NONE);
	assert_true(is_new);
}

static void believe_revoked(enum fixture_person who)
{
	believe(&(struct freshness){.version = 2, .issued_at_us = clock_wall_us(), .revoked_keys = &f.agent.signed_by.key_ids[who], .n_revoked_keys = 1});
}

static void on_progress(void *arg, const struct delivery_progress *p)
{
	(void)arg;
	if (!blocker || !str_eq(p->state, "waiting-lock"))
		return;
	meanwhile();
	papers_fixture_unblock(&blocker);
}

/* Accepted and verified; then it waits, and this happens. */
static struct report deliver_while(void (*happens)(void), int64_t fresh_for_us)
{
	struct err e = ERR_INIT;
	struct report r = {0};
	enum outcome outcome = OUTCOME_COUNT;
	int64_t now_us = clock_wall_us();
	papers_fixture_write(&f);
	f.config.retry_budget_ms = 30000;
	f.config.targets[0].connect.lock_timeout_ms = 50;
	believe(&(struct freshness){.version = 1, .issued_at_us = now_us, .expires_at_us = now_us + fresh_for_us});
	meanwhile = happens;
	f.progress = on_progress;
	blocker = papers_fixture_block(&f);
	if (papers_fixture_deliver(&f, &outcome, &e) != 0)
		fail_msg("%s", e.msg);
	assert_null(blocker); /* it did wait */
	papers_fixture_report(&f, &r);
	assert_int_equal(r.outcome, outcome);
	return r;
}

static void assert_nothing_ran(const struct report *r, enum outcome outcome, const char *check, const char *part)
{
	struct err e = ERR_INIT;
	struct journal_refusal *list = NULL;
	size_t n = 0;
	assert_string_equal(outcome_name(r->outcome), outcome_name(outcome));
	assert_string_equal(r->failure.check, check);
	if (!strstr(r->failure.message, part))
		fail_msg("'%s' does not hold '%s'", r->failure.message, part);
	assert_int_equal(r->n_steps, 0);
	assert_string_equal(papers_fixture_value(&f, "SELECT count(*) FROM sqlite_master WHERE name = 'orders'"), "0");
	assert_string_equal(papers_fixture_value(&f, "SELECT count(*) FROM rollcall_ledger"), "0");
	assert_int_equal(journal_refusals(f.journal, 10, f.arena, &list, &n, &e), 0); /* on the site's own screen */
	assert_int_equal(n, 1);
	assert_string_equal(list[0].code, check);
}

static void nothing(void)
{
}

static void approver_is_revoked(void)
{
	believe_revoked(CAROL);
}

static void signer_is_revoked(void)
{
	believe_revoked(ALICE);
}

static void release_is_withdrawn(void)
{
	uint8_t digest[1][DIGEST_SIZE];
	memcpy(digest[0], f.agent.signed_by.release.digest, DIGEST_SIZE);
	believe(&(struct freshness){.version = 2, .issued_at_us = clock_wall_us(), .withdrawn = digest, .n_withdrawn = 1});
}

static void time_goes_by(void)
{
	clock_sleep_ms(600);
}

static void site_holds(void)
{
	struct err e = ERR_INIT;
	const struct site_hold h = {.target = f.task.target, .reason = "month end", .by = "olga", .at_us = clock_wall_us()};
	assert_int_equal(journal_hold_put(f.journal, &h, &e), 0);
}

/* The tests below can fail. */
static void test_waiting_alone_changes_nothing(void **state)
{
	(void)state;
	struct report r = deliver_while(nothing, FIXTURE_HOUR);
	assert_string_equal(outcome_name(r.outcome), "applied");
}

static void test_an_approver_is_revoked(void **state)
{
	(void)state;
	struct report r = deliver_while(approver_is_revoked, FIXTURE_HOUR);
	assert_nothing_ran(&r, OUTCOME_REFUSED, "C9 approvals", "1 of 2 signatures (approver/production): signed by dave");
}

static void test_a_release_signer_is_revoked(void **state)
{
	(void)state;
	struct report r = deliver_while(signer_is_revoked, FIXTURE_HOUR);
	assert_nothing_ran(&r, OUTCOME_REFUSED, "C6 release-signatures", "1 of 2 signatures (release): signed by bob");
}

static void test_the_release_is_withdrawn(void **state)
{
	(void)state;
	struct report r = deliver_while(release_is_withdrawn, FIXTURE_HOUR);
	assert_nothing_ran(&r, OUTCOME_REFUSED, "C7 release", "release shop 1.2.0 was withdrawn");
}

static void test_the_freshness_document_runs_out(void **state)
{
	(void)state;
	struct report r = deliver_while(time_goes_by, 500000);
	assert_nothing_ran(&r, OUTCOME_REFUSED, "C4 freshness", "(version 1) expired at");
}

/* Not an end: it is offered again when the site has nothing against it any more, and asked everything anew. */
static void test_the_site_holds_it(void **state)
{
	(void)state;
	struct report r = deliver_while(site_holds, FIXTURE_HOUR);
	assert_nothing_ran(&r, OUTCOME_HELD, "C2 site-policy", "held by the site (olga): month end");
	assert_int_equal(papers_fixture_open_tasks(&f), 0);
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_waiting_alone_changes_nothing), CASE(test_an_approver_is_revoked),          CASE(test_a_release_signer_is_revoked),
	    CASE(test_the_release_is_withdrawn),      CASE(test_the_freshness_document_runs_out), CASE(test_the_site_holds_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
