/* Two projects on one target: each sees its own changesets and releases, and neither works in the middle of the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/delivery_fixture.h"

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	fixture_init(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_done(*state);
	free(*state);
	return 0;
}

/* From here on deliveries are of a release of this project, which holds nothing yet, under an order of its own. */
static void become(struct fixture *f, const char *project, const char *version, uint64_t sequence)
{
	struct release *r = &f->verified.release;
	*r = (struct release){.project = project, .version = version, .sequence = sequence, .changesets = f->changesets};
	memset(r->digest, project[0], DIGEST_SIZE);
	memset(f->verified.order.digest, project[0] ^ 1, DIGEST_SIZE);
	f->task.id[0]++;
	f->task.direction = f->verified.order.direction = DIRECTION_APPLY;
}

/* The changeset a:first, whose one statement makes this table. */
static void makes(struct fixture *f, enum step_class class, const char *table)
{
	struct changeset *c = fixture_changeset(f, "a:first");
	fixture_step(f, c, class, arena_printf(f->arena, "CREATE TABLE %s (id INTEGER)", table));
	fixture_rollback(f, c, class, arena_printf(f->arena, "DROP TABLE %s", table));
}

static void roll_back(struct fixture *f)
{
	f->task.id[0]++;
	f->task.direction = f->verified.order.direction = DIRECTION_ROLLBACK;
}

static const char *tables(struct fixture *f)
{
	return fixture_value(f, "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('goods', 'bills') "
	                        "ORDER BY name)");
}

static void test_the_same_changeset_of_two_projects(void **state)
{
	struct fixture *f = *state;
	become(f, "shop", "1.4.0", 5);
	makes(f, STEP_T, "goods");
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	become(f, "billing", "0.1.0", 1);
	makes(f, STEP_T, "bills");
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->n_steps, 1);
	assert_int_equal(r->ledger_rows, 2);
	assert_string_equal(tables(f), "bills goods");
	assert_string_equal(fixture_value(f, "SELECT group_concat(once, ' ') FROM (SELECT once FROM rollcall_ledger ORDER BY seq)"),
	                    "shop/a:first/apply/1/0 billing/a:first/apply/1/0");
	roll_back(f);
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_ROLLED_BACK);
	assert_string_equal(tables(f), "goods");
	become(f, "shop", "1.3.0", 4); /* the guard against older releases holds for each */
	makes(f, STEP_T, "goods");
	r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_REFUSED);
	assert_string_equal(r->failure.check, "C8 sequence");
	become(f, "billing", "0.1.0", 1);
	makes(f, STEP_T, "bills");
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_string_equal(tables(f), "bills goods");
}

/* What the journal remembers of a target is by project, too. */
static void test_the_journal_counts_for_each(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	uint64_t shop = 0, billing = 0;
	become(f, "shop", "1.4.0", 5);
	makes(f, STEP_T, "goods");
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	become(f, "billing", "0.1.0", 1);
	makes(f, STEP_T, "bills");
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_int_equal(journal_sequence(f->journal, f->task.target, "shop", &shop, &e), 0);
	assert_int_equal(journal_sequence(f->journal, f->task.target, "billing", &billing, &e), 0);
	assert_int_equal(shop, 5);
	assert_int_equal(billing, 1);
}

/* One project's step was begun and not ended: the other one's delivery writes nothing, and says whose turn it is. */
static void test_an_open_step_of_another_project_stops(void **state)
{
	struct fixture *f = *state;
	become(f, "shop", "1.4.0", 5);
	makes(f, STEP_N, "goods");
	assert_true(fixture_deliver_and_crash(f, "n-statement-run"));
	become(f, "billing", "0.1.0", 1);
	makes(f, STEP_N, "bills");
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_string_equal(r->failure.message,
	                    "a:first, step 1 of release 1.4.0 of project shop is not ended on this target (ledger row 1): nothing of project billing "
	                    "begins in its middle.");
	assert_non_null(strstr(r->failure.next, "Next: let the rollout of shop 1.4.0 end on this target"));
	assert_string_equal(r->failure.database_state, "none of the release's 1 changeset is applied; nothing else changed");
	assert_string_equal(tables(f), "goods");
	assert_string_equal(fixture_value(f, "SELECT group_concat(state, ' ') FROM rollcall_ledger"), "intent");
	become(f, "shop", "1.4.0", 5);
	makes(f, STEP_N, "goods");
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_string_equal(fixture_value(f, "SELECT group_concat(state || ' ' || via, ', ') FROM rollcall_ledger"), "intent run, done probe");
	become(f, "billing", "0.1.0", 1);
	makes(f, STEP_N, "bills");
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	assert_string_equal(tables(f), "bills goods");
}

/* Batched steps of the same name: each has its own cursor, though the finished one of the other is still in the table. */
static void test_cursors_are_apart(void **state)
{
	struct fixture *f = *state;
	static const char *const projects[] = {"shop", "billing"}, *const sql[] = {"UPDATE item SET name = name || 's'",
	                                                                           "UPDATE item SET name = name || 'b'"};
	for (size_t i = 0; i < 2; i++) {
		become(f, projects[i], "1.0", 1);
		struct changeset *c = fixture_changeset(f, "a:fill");
		c->batching.size = 2;
		fixture_step(f, c, STEP_B, sql[i]);
		assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	}
	assert_string_equal(fixture_value(f, "SELECT group_concat(name, ' ') FROM item"), "asb bsb csb");
	assert_string_equal(fixture_value(f, "SELECT group_concat(step, ' ') FROM (SELECT step FROM rollcall_batch ORDER BY step)"),
	                    "billing/a:fill/apply/1/0 shop/a:fill/apply/1/0");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_same_changeset_of_two_projects),
	    TEST(test_the_journal_counts_for_each),
	    TEST(test_an_open_step_of_another_project_stops),
	    TEST(test_cursors_are_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
