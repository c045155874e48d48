/* agent/ledger/ledger_status: what rows say of a changeset. Rows are written as a short script: "a1.0d" = apply, run 1, step 0, done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/ledger/ledger.h"

#define ROWS_MAX 32

static enum step_state state_of(char letter)
{
	switch (letter) {
	case 'd':
		return STEP_DONE;
	case 'f':
		return STEP_FAILED;
	case 's':
		return STEP_SKIPPED;
	default:
		assert_int_equal(letter, 'i');
		return STEP_INTENT;
	}
}

/* Words of five letters: direction a|r, run, '.', step, state d|f|s|i. Rows of another changeset are mixed in. */
static struct ledger script(const char *words, struct ledger_row rows[ROWS_MAX])
{
	size_t n = 0;
	for (const char *w = words; *w; w += w[5] ? 6 : 5) {
		rows[n++] = (struct ledger_row){.changeset = "other:one", .run = 9, .state = STEP_DONE};
		rows[n] = (struct ledger_row){
		    .changeset = "alice:orders",
		    .direction = w[0] == 'a' ? DIRECTION_APPLY : DIRECTION_ROLLBACK,
		    .run = (uint32_t)(w[1] - '0'),
		    .step = (uint32_t)(w[3] - '0'),
		    .state = state_of(w[4]),
		    .release_version = "1.0",
		    .release_sequence = 100 + n,
		};
		rows[n].changeset_digest[0] = (uint8_t)n;
		n++;
		assert_true(n + 1 < ROWS_MAX);
	}
	return (struct ledger){.rows = rows, .n_rows = n};
}

static const struct {
	const char *words;
	size_t n_steps, n_rollback;
	enum changeset_state state;
	uint32_t run, steps_done;
	int open; /* index of the word that is the open intent; -1: none */
} cases[] = {
    {"", 2, 1, CHANGESET_PENDING, 0, 0, -1},
    {"a1.0f", 2, 1, CHANGESET_PENDING, 1, 0, -1},
    {"a1.0d", 2, 1, CHANGESET_PARTIAL, 1, 1, -1},
    {"a1.0d a1.1d", 2, 1, CHANGESET_APPLIED, 1, 2, -1},
    {"a1.0d", 0, 0, CHANGESET_APPLIED, 1, 1, -1},
    {"a1.0d a1.1f", 2, 1, CHANGESET_PARTIAL, 1, 1, -1},
    {"a1.0s", 3, 1, CHANGESET_SKIPPED, 1, 1, -1},
    {"a1.0d a1.1s", 2, 1, CHANGESET_APPLIED, 1, 2, -1},
    /* intents */
    {"a1.0i", 1, 1, CHANGESET_PARTIAL, 1, 0, 0},
    {"a1.0i", 0, 0, CHANGESET_PARTIAL, 1, 0, 0},
    {"a1.0i a1.0d", 1, 1, CHANGESET_APPLIED, 1, 1, -1},
    {"a1.0i a1.0f", 1, 1, CHANGESET_PENDING, 1, 0, -1},
    {"a1.0i a1.0f a1.0i", 1, 1, CHANGESET_PARTIAL, 1, 0, 2},
    {"a1.0i a1.0f a1.0i a1.0d", 1, 1, CHANGESET_APPLIED, 1, 1, -1},
    {"a1.0i a1.0d a1.1i", 2, 1, CHANGESET_PARTIAL, 1, 1, 2},
    {"a1.0i a1.0s", 1, 1, CHANGESET_SKIPPED, 1, 1, -1},
    /* rollbacks share the run */
    {"a1.0d a1.1d r1.0f", 2, 2, CHANGESET_APPLIED, 1, 2, -1},
    {"a1.0d a1.1d r1.0i", 2, 2, CHANGESET_ROLLING_BACK, 1, 0, 2},
    {"a1.0d a1.1d r1.0d", 2, 2, CHANGESET_ROLLING_BACK, 1, 1, -1},
    {"a1.0d a1.1d r1.0d r1.1d", 2, 2, CHANGESET_ROLLED_BACK, 1, 2, -1},
    {"a1.0d r1.0d", 1, 0, CHANGESET_ROLLED_BACK, 1, 1, -1},
    {"a1.0d r1.0i r1.0d r1.1i", 1, 2, CHANGESET_ROLLING_BACK, 1, 1, 3},
    {"a1.0d r1.0s", 1, 1, CHANGESET_ROLLED_BACK, 1, 1, -1},
    /* later runs */
    {"a1.0d r1.0d a2.0d", 1, 1, CHANGESET_APPLIED, 2, 1, -1},
    {"a1.0d r1.0d a2.0d", 2, 1, CHANGESET_PARTIAL, 2, 1, -1},
    {"a1.0d r1.0d a2.0f", 1, 1, CHANGESET_PENDING, 2, 0, -1},
    {"a1.0d r1.0d a2.0d r2.0d", 1, 1, CHANGESET_ROLLED_BACK, 2, 1, -1},
    {"a1.0s a2.0d", 1, 1, CHANGESET_APPLIED, 2, 1, -1},
};

static void test_every_history(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ledger_row rows[ROWS_MAX];
		struct ledger l = script(cases[i].words, rows);
		struct changeset_status st;
		const struct project_ledger shop = {.all = &l, .project = "shop"};
		ledger_status(&shop, "alice:orders", cases[i].n_steps, cases[i].n_rollback, &st);
		if (st.state != cases[i].state || st.run != cases[i].run || st.steps_done != cases[i].steps_done)
			fail_msg("'%s' of %zu: %s, run %u, %u done", cases[i].words, cases[i].n_steps, changeset_state_name(st.state), st.run, st.steps_done);
		assert_ptr_equal(st.open_intent, cases[i].open < 0 ? NULL : &rows[cases[i].open * 2 + 1]);
	}
}

static void test_digest_and_release_are_those_of_the_last_outcome(void **state)
{
	(void)state;
	struct ledger_row rows[ROWS_MAX];
	struct changeset_status st;
	struct ledger l = script("a1.0d a2.0d a2.1f r2.0d", rows);
	const struct project_ledger shop = {.all = &l, .project = "shop"};
	ledger_status(&shop, "alice:orders", 1, 2, &st);
	assert_int_equal(st.changeset_digest[0], 3);
	assert_int_equal(st.release_sequence, 103);
	l = script("a1.0f", rows);
	ledger_status(&shop, "alice:orders", 1, 1, &st);
	assert_int_equal(st.changeset_digest[0], 1);
	ledger_status(&shop, "nobody:nothing", 1, 1, &st);
	assert_null(st.release_version);
}

/* Two projects with a changeset of the same id, and rows of before rows named their project. */
static void test_each_project_sees_its_own(void **state)
{
	(void)state;
	struct ledger_row rows[] = {
	    {.project = "shop", .changeset = "a:1", .run = 1, .state = STEP_DONE, .release_version = "1.4.0", .release_sequence = 5},
	    {.project = "billing", .changeset = "a:1", .run = 1, .state = STEP_DONE, .release_version = "0.1.0", .release_sequence = 1},
	    {.project = "billing", .changeset = "a:1", .direction = DIRECTION_ROLLBACK, .run = 1, .state = STEP_DONE, .release_sequence = 1},
	    {.project = "shop", .changeset = "a:2", .run = 1, .state = STEP_INTENT, .release_version = "1.4.0", .release_sequence = 5},
	};
	struct ledger l = {.rows = rows, .n_rows = ARRAY_LEN(rows)};
	const struct project_ledger shop = {.all = &l, .project = "shop"}, billing = {.all = &l, .project = "billing"},
	                            other = {.all = &l, .project = "x"};
	struct changeset_status st;
	ledger_status(&shop, "a:1", 1, 1, &st);
	assert_int_equal(st.state, CHANGESET_APPLIED);
	assert_string_equal(st.release_version, "1.4.0");
	ledger_status(&billing, "a:1", 1, 1, &st);
	assert_int_equal(st.state, CHANGESET_ROLLED_BACK);
	ledger_status(&billing, "a:2", 1, 1, &st);
	assert_int_equal(st.state, CHANGESET_PENDING);
	ledger_status(&other, "a:1", 1, 1, &st);
	assert_int_equal(st.run, 0);
	assert_ptr_equal(ledger_newest(&shop), &rows[0]);
	assert_null(ledger_newest(&billing)); /* taken back */
	assert_ptr_equal(project_next(&billing, NULL), &rows[1]);
	assert_ptr_equal(project_next(&billing, &rows[1]), &rows[2]);
	assert_null(project_next(&billing, &rows[2]));
	assert_ptr_equal(project_previous(&shop, NULL), &rows[3]);
	assert_ptr_equal(project_previous(&shop, &rows[3]), &rows[0]);
	assert_null(project_previous(&shop, &rows[0]));
	assert_null(project_next(&other, NULL));
	rows[0].project = ""; /* made before rows named it: of any project */
	assert_ptr_equal(project_next(&other, NULL), &rows[0]);
	assert_int_equal(ledger_newest(&other)->release_sequence, 5);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(changeset_state_name(CHANGESET_PENDING), "pending");
	assert_string_equal(changeset_state_name(CHANGESET_ROLLED_BACK), "rolled-back");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_history),
	    cmocka_unit_test(test_digest_and_release_are_those_of_the_last_outcome),
	    cmocka_unit_test(test_each_project_sees_its_own),
	    cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
