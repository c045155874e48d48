/* What a check ends while or after a delivery runs says so with the check's code, as a refusal does: C22, C23, C25. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/journal/journal_file.h"
#include "common/base/str.h"
#include "tests/support/delivery_fixture.h"

static struct changeset *one_insert(struct fixture *f)
{
	struct changeset *c = fixture_changeset(f, "a:row");
	fixture_step(f, c, STEP_T, "INSERT INTO item VALUES (4, 'd')");
	return c;
}

static void expect(struct fixture *f, enum outcome outcome, const char *check, const char *message, const char *next)
{
	const struct report *r = fixture_deliver(f);
	struct journal_refusal *list = NULL;
	struct err e = ERR_INIT;
	size_t n = 0;
	assert_string_equal(outcome_name(r->outcome), outcome_name(outcome));
	assert_string_equal(r->failure.check, check);
	if (!strstr(r->failure.message, message))
		fail_msg("'%s' does not hold '%s'", r->failure.message, message);
	if (!strstr(r->failure.next, next))
		fail_msg("'%s' does not hold '%s'", r->failure.next, next);
	assert_int_equal(journal_refusals(f->journal, 1, f->arena, &list, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].code, check); /* on the site's own screen */
}

static void test_an_intent_that_cannot_be_written(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	one_insert(f);
	assert_int_equal(lite_exec(f->journal->lite, "CREATE TRIGGER full BEFORE INSERT ON step BEGIN SELECT raise(ABORT, 'no room'); END", &e), 0);
	expect(f, OUTCOME_FAILED, "C22 intent", "no room", "look at the agent's journal");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "3");
}

static void test_a_validation_after(void **state)
{
	struct fixture *f = *state;
	struct changeset *c = one_insert(f);
	fixture_rollback(f, c, STEP_T, "DELETE FROM item WHERE id = 4");
	fixture_validation(f, c, VALIDATE_AFTER, "rows", "3", "SELECT count(*) FROM item");
	expect(f, OUTCOME_FAILED, "C23 validations", "validation rows after a:row failed: found '4', expected '3'. The changeset was rolled back at once",
	       "look at the values in the report, and correct the data or the changeset");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "3");
}

static void test_a_validation_before(void **state)
{
	struct fixture *f = *state;
	fixture_validation(f, one_insert(f), VALIDATE_BEFORE, "rows", "9", "SELECT count(*) FROM item");
	expect(f, OUTCOME_FAILED, "C23 validations", "validation rows before a:row failed: found '3', expected '9'", "look at the values in the report");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM item"), "3");
}

/* The step is done, its validation is about to be asked: somebody has a hand in the ledger just then. */
static void forge_ledger(void *arg, const struct delivery_progress *p)
{
	struct fixture *f = arg;
	if (str_eq(p->state, "validating"))
		fixture_sql(f, "UPDATE rollcall_ledger SET agent = 'nobody'");
}

static void cut_ledger(void *arg, const struct delivery_progress *p)
{
	struct fixture *f = arg;
	if (str_eq(p->state, "validating"))
		fixture_sql(f, "DELETE FROM rollcall_ledger");
}

static void test_a_ledger_that_is_changed_meanwhile(void **state)
{
	struct fixture *f = *state;
	fixture_validation(f, one_insert(f), VALIDATE_AFTER, "rows", "4", "SELECT count(*) FROM item");
	f->progress_hook = forge_ledger;
	f->progress_hook_arg = f;
	expect(f, OUTCOME_NEEDS_ATTENTION, "C25 ledger-chain", "ledger row 1 was changed: its hash is not that of its values",
	       "compare the ledger with the signed reports");
}

static void test_a_ledger_that_is_cut_meanwhile(void **state)
{
	struct fixture *f = *state;
	fixture_validation(f, one_insert(f), VALIDATE_AFTER, "rows", "4", "SELECT count(*) FROM item");
	f->progress_hook = cut_ledger;
	f->progress_hook_arg = f;
	expect(f, OUTCOME_NEEDS_ATTENTION, "C25 ledger-chain",
	       "row 1 of the ledger, this delivery's last, is gone: somebody has changed the ledger meanwhile",
	       "compare the ledger with the signed reports");
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_an_intent_that_cannot_be_written),
	    CASE(test_a_validation_after),
	    CASE(test_a_validation_before),
	    CASE(test_a_ledger_that_is_changed_meanwhile),
	    CASE(test_a_ledger_that_is_cut_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
