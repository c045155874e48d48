/* Release, ledger and order in; the list of what to do out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/apply/plan.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"

#define TASK  "07070707070707070707070707070707"
#define OTHER "08080808080808080808080808080808"

struct world {
	struct arena *a;
	struct changeset c[3];
	struct body bodies[3];
	struct step steps[3][3], back[3][2];
	struct release release;
	struct order order;
	struct ledger ledger;
	struct project_ledger ours;
	struct ledger_row rows[16];
	struct plan_input in;
};

/* a:one, a:two, a:three: three forward steps and two back each. */
static int set_up(void **state)
{
	static const char *const ids[] = {"a:one", "a:two", "a:three"};
	struct world *w = mem_alloc(sizeof *w);
	w->a = arena_new(1 << 20);
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < 3; k++)
			memset(w->steps[i][k].digest, (int)(0x10 * (i + 1) + k), DIGEST_SIZE);
		for (size_t k = 0; k < 2; k++)
			memset(w->back[i][k].digest, (int)(0x80 + 0x10 * i + k), DIGEST_SIZE);
		w->bodies[i] =
		    (struct body){.engine = "sqlite", .steps = w->steps[i], .n_steps = 3, .rollback = w->back[i], .n_rollback = 2, .has_rollback = true};
		w->c[i] = (struct changeset){.id = ids[i], .file = "changes/a.sql", .line = (uint32_t)i + 1, .bodies = &w->bodies[i], .n_bodies = 1};
		memset(w->c[i].digest, (int)i + 1, DIGEST_SIZE);
	}
	w->release = (struct release){.project = "shop", .version = "2", .sequence = 2, .changesets = w->c, .n_changesets = 3};
	memset(w->order.digest, 0x33, DIGEST_SIZE);
	w->ledger = (struct ledger){.rows = w->rows, .arena = w->a};
	w->ours = (struct project_ledger){.all = &w->ledger, .project = "shop"};
	w->in = (struct plan_input){.release = &w->release, .order = &w->order, .ledger = &w->ours, .engine = "sqlite", .task = TASK, .attempt = 1};
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	arena_destroy(&w->a);
	free(w);
	return 0;
}

static struct ledger_row *row(struct world *w, size_t c, enum direction d, uint32_t run, uint32_t step, enum step_state state, const char *task)
{
	struct ledger_row *r = &w->rows[w->ledger.n_rows++];
	*r = (struct ledger_row){.seq = w->ledger.n_rows,
	                         .project = "shop",
	                         .changeset = w->c[c].id,
	                         .direction = d,
	                         .run = run,
	                         .step = step,
	                         .state = state,
	                         .release_version = "2",
	                         .release_sequence = 2,
	                         .task = task,
	                         .attempt = 1};
	memcpy(r->changeset_digest, w->c[c].digest, DIGEST_SIZE);
	memcpy(r->digest, d == DIRECTION_APPLY ? w->steps[c][step].digest : w->back[c][step].digest, DIGEST_SIZE);
	return r;
}

static void done(struct world *w, size_t c, enum direction d, uint32_t run, uint32_t n_steps, const char *task)
{
	for (uint32_t k = 0; k < n_steps; k++)
		row(w, c, d, run, k, STEP_DONE, task);
}

/* The plan in one line: "a:one run 1/0, a:two skip 1/0". */
static const char *plan_text(struct world *w)
{
	struct plan p;
	struct err e = ERR_INIT;
	if (plan_make(&w->in, w->a, &p, &e) != 0)
		return arena_strdup(w->a, e.msg);
	const char *text = "";
	for (size_t i = 0; i < p.n_items; i++)
		text = arena_printf(w->a, "%s%s%s %s %u/%u", text, i ? ", " : "", p.items[i].changeset->id, plan_action_name(p.items[i].action),
		                    p.items[i].run, p.items[i].first_step);
	return arena_printf(w->a, "%s: %u", text, p.n_steps);
}

static void test_empty_ledger(void **state)
{
	assert_string_equal(plan_text(*state), "a:one run 1/0, a:two run 1/0, a:three run 1/0: 9");
}

static void test_goes_on_where_it_stopped(void **state)
{
	struct world *w = *state;
	done(w, 0, DIRECTION_APPLY, 1, 3, OTHER);
	done(w, 1, DIRECTION_APPLY, 1, 2, OTHER);
	assert_string_equal(plan_text(w), "a:one skip 1/0, a:two resume 1/2, a:three run 1/0: 4");
}

static void test_failed_rows_do_not_count(void **state)
{
	struct world *w = *state;
	row(w, 0, DIRECTION_APPLY, 1, 0, STEP_INTENT, OTHER);
	row(w, 0, DIRECTION_APPLY, 1, 0, STEP_FAILED, OTHER);
	assert_string_equal(plan_text(w), "a:one run 1/0, a:two run 1/0, a:three run 1/0: 9");
}

static void test_resume_needs_the_same_steps(void **state)
{
	struct world *w = *state;
	done(w, 0, DIRECTION_APPLY, 1, 2, OTHER);
	memset(w->rows[1].digest, 0xee, DIGEST_SIZE);
	assert_string_equal(
	    plan_text(w),
	    "changes/a.sql:1: changeset a:one is half-applied by release 2, and its step 2 has other content here: deliver release 2 again, or "
	    "keep the finished steps as they were");
}

static void test_changed_content(void **state)
{
	struct world *w = *state;
	static const char *accepted[] = {"0101010101010101010101010101010101010101010101010101010101010101"};
	done(w, 0, DIRECTION_APPLY, 1, 3, OTHER);
	memset(w->c[0].digest, 0x99, DIGEST_SIZE);
	assert_string_equal(plan_text(w),
	                    "changes/a.sql:1: changeset a:one was applied with other content by release 2 (010101010101 there, 999999999999 here): put "
	                    "the old text back and write the change as a new changeset, or mark it runOnChange or validCheckSum");
	w->c[0].accepted_digests = accepted;
	w->c[0].n_accepted_digests = 1;
	assert_non_null(strstr(plan_text(w), "a:one skip 1/0"));
	w->c[0].run_on_change = true;
	assert_non_null(strstr(plan_text(w), "a:one run 2/0"));
}

static void test_run_always_but_once_a_delivery(void **state)
{
	struct world *w = *state;
	w->c[0].run_always = true;
	done(w, 0, DIRECTION_APPLY, 1, 3, OTHER);
	assert_non_null(strstr(plan_text(w), "a:one run 2/0"));
	done(w, 0, DIRECTION_APPLY, 2, 3, TASK); /* this delivery did, then the agent was killed */
	assert_non_null(strstr(plan_text(w), "a:one skip 2/0"));
}

static void test_mark_ran_and_not_for_this_engine(void **state)
{
	struct world *w = *state;
	row(w, 0, DIRECTION_APPLY, 1, 0, STEP_SKIPPED, OTHER);
	w->c[1].n_bodies = 0;
	assert_string_equal(plan_text(w), "a:one skip 1/0, a:two skip 0/0, a:three run 1/0: 3");
}

static void test_contexts_and_labels(void **state)
{
	struct world *w = *state;
	static const char *contexts[] = {"prod"};
	w->c[0].context = "test";
	w->c[1].labels = "orders, billing";
	w->c[2].labels = "stock";
	assert_string_equal(plan_text(w), "a:one run 1/0, a:two run 1/0, a:three run 1/0: 9"); /* none in force */
	w->order.contexts = contexts;
	w->order.n_contexts = 1;
	w->order.label_filter = "billing and !stock";
	assert_string_equal(plan_text(w), "a:one skip 0/0, a:two run 1/0, a:three skip 0/0: 3");
}

static void test_validations_of_a_killed_run(void **state)
{
	struct world *w = *state;
	struct validation v = {.name = "x", .when = VALIDATE_AFTER};
	for (size_t i = 0; i < 2; i++) {
		w->c[i].validations = &v;
		w->c[i].n_validations = 1;
		done(w, i, DIRECTION_APPLY, 1, 3, TASK);
	}
	/* the earlier one was validated, or the later one had not begun */
	assert_string_equal(plan_text(w), "a:one skip 1/0, a:two validate 1/3, a:three run 1/0: 3");
	row(w, 2, DIRECTION_APPLY, 1, 0, STEP_DONE, TASK);
	assert_string_equal(plan_text(w), "a:one skip 1/0, a:two skip 1/0, a:three resume 1/1: 2");
}

/* Of another order: not counted as applied before its validations are seen to hold. */
static void test_validations_that_another_order_left(void **state)
{
	struct world *w = *state;
	struct validation v = {.name = "x", .when = VALIDATE_AFTER};
	w->c[1].validations = &v;
	w->c[1].n_validations = 1;
	done(w, 0, DIRECTION_APPLY, 1, 3, OTHER);
	done(w, 1, DIRECTION_APPLY, 1, 3, OTHER);
	assert_string_equal(plan_text(w), "a:one skip 1/0, a:two skip 1/0, a:three run 1/0: 3"); /* a lost journal: nobody says that it failed */
	w->in.validated = ""; /* this journal has seen it all, and not that */
	assert_string_equal(plan_text(w), "a:one skip 1/0, a:two validate 1/3, a:three run 1/0: 3");
	w->in.validated = NULL;
	row(w, 1, DIRECTION_APPLY, 1, 2, STEP_FAILED, OTHER); /* the ledger says that it failed */
	assert_string_equal(plan_text(w), "a:one skip 1/0, a:two validate 1/3, a:three run 1/0: 3");
	w->in.validated = "a:two";
	w->in.validated_run = 1;
	assert_string_equal(plan_text(w), "a:one skip 1/0, a:two skip 1/0, a:three run 1/0: 3");
	w->in.validated_run = 2; /* of another run */
	assert_string_equal(plan_text(w), "a:one skip 1/0, a:two validate 1/3, a:three run 1/0: 3");
	w->c[1].run_always = true; /* it runs, and is validated, in any case */
	assert_string_equal(plan_text(w), "a:one skip 1/0, a:two run 2/0, a:three run 1/0: 6");
}

/* Neither labels nor a release that no longer has it lead past it. */
static void test_what_does_not_hold_is_not_left_behind(void **state)
{
	struct world *w = *state;
	struct validation v = {.name = "x", .when = VALIDATE_AFTER};
	w->c[0].validations = &v;
	w->c[0].n_validations = 1;
	done(w, 0, DIRECTION_APPLY, 1, 3, OTHER);
	row(w, 0, DIRECTION_APPLY, 1, 2, STEP_FAILED, OTHER);
	w->c[1].labels = w->c[2].labels = "stock";
	w->c[0].labels = "orders";
	w->order.label_filter = "stock";
	assert_string_equal(plan_text(w), "a:one validate 1/3, a:two run 1/0, a:three run 1/0: 6");
	w->release.changesets++;
	w->release.n_changesets--;
	assert_non_null(
	    strstr(plan_text(w), "the validations after changeset a:one, of release 2, do not hold, and this release does not hold the changeset"));
	w->in.validated = "a:one";
	w->in.validated_run = 1;
	assert_string_equal(plan_text(w), "a:two run 1/0, a:three run 1/0: 6");
}

static void test_interrupted_revert(void **state)
{
	struct world *w = *state;
	done(w, 0, DIRECTION_APPLY, 1, 3, TASK);
	row(w, 0, DIRECTION_ROLLBACK, 1, 0, STEP_DONE, TASK);
	assert_non_null(strstr(plan_text(w), "a:one reverted 1/1")); /* this attempt has failed, whatever follows */
	w->in.attempt = 2;
	assert_string_equal(plan_text(w), "a:one revert 1/1, a:two run 1/0, a:three run 1/0: 10");
	row(w, 0, DIRECTION_ROLLBACK, 1, 1, STEP_DONE, TASK);
	assert_non_null(strstr(plan_text(w), "a:one run 2/0"));
	w->in.attempt = 1;
	assert_non_null(strstr(plan_text(w), "a:one reverted 1/2"));
}

/* What settles the step that another order's rollback left open is no revert of our own; nor is what finishes it. */
static void test_revert_is_whose_it_began_with(void **state)
{
	struct world *w = *state;
	done(w, 0, DIRECTION_APPLY, 1, 3, OTHER);
	row(w, 0, DIRECTION_ROLLBACK, 1, 0, STEP_INTENT, OTHER);
	row(w, 0, DIRECTION_ROLLBACK, 1, 0, STEP_DONE, TASK);
	assert_string_equal(plan_text(w), "a:one revert 1/1, a:two run 1/0, a:three run 1/0: 10");
	row(w, 0, DIRECTION_ROLLBACK, 1, 1, STEP_DONE, TASK);
	assert_string_equal(plan_text(w), "a:one run 2/0, a:two run 1/0, a:three run 1/0: 9");
}

static void test_classes(void **state)
{
	struct world *w = *state;
	w->steps[0][1].class = STEP_X;
	assert_string_equal(plan_text(w),
	                    "changes/a.sql:1: changeset a:one, step 2: class X cannot be run exactly once: split it into statements that can");
}

static void roll_back(struct world *w)
{
	w->in.direction = DIRECTION_ROLLBACK;
	w->order.direction = DIRECTION_ROLLBACK;
	for (size_t i = 0; i < 3; i++)
		done(w, i, DIRECTION_APPLY, 1, 3, OTHER);
}

static void test_rollback_is_backwards(void **state)
{
	struct world *w = *state;
	roll_back(w);
	assert_string_equal(plan_text(w), "a:three rollback 1/0, a:two rollback 1/0, a:one rollback 1/0: 6");
	row(w, 2, DIRECTION_ROLLBACK, 1, 0, STEP_DONE, TASK);
	assert_string_equal(plan_text(w), "a:three rollback 1/1, a:two rollback 1/0, a:one rollback 1/0: 5");
	row(w, 2, DIRECTION_ROLLBACK, 1, 1, STEP_DONE, TASK);
	assert_string_equal(plan_text(w), "a:three skip 1/0, a:two rollback 1/0, a:one rollback 1/0: 4");
}

static void test_rollback_leaves_what_is_not_its_own(void **state)
{
	struct world *w = *state;
	static const char *except[] = {"a:three"};
	roll_back(w);
	for (size_t i = 0; i < 3; i++)
		w->rows[i].release_sequence = 1; /* a:one came with an earlier release */
	w->order.except = except;
	w->order.n_except = 1;
	assert_string_equal(plan_text(w), "a:three skip 1/0, a:two rollback 1/0, a:one skip 1/0: 2");
}

static void test_on_failure_undoes_only_its_own_order(void **state)
{
	struct world *w = *state;
	roll_back(w);
	w->order.direction = DIRECTION_APPLY; /* the order's own on_failure at work */
	for (size_t i = 6; i < 9; i++)
		memcpy(w->rows[i].order_digest, w->order.digest, DIGEST_SIZE);
	assert_string_equal(plan_text(w), "a:three rollback 1/0, a:two skip 1/0, a:one skip 1/0: 2");
}

static void test_rollback_missing(void **state)
{
	struct world *w = *state;
	roll_back(w);
	w->bodies[1].has_rollback = false;
	assert_string_equal(plan_text(w),
	                    "changes/a.sql:2: changeset a:two has no rollback: nothing was rolled back; write one in a new release, or leave it out "
	                    "with --except a:two");
}

static void test_too_large_a_statement_begins_nothing(void **state)
{
	struct world *w = *state;
	struct plan p;
	struct err e = ERR_INIT;
	struct statement large = {.sql = bytes_of("SELECT 1234567", 14), .line = 9};
	w->steps[1][2].statements = w->back[2][0].statements = &large;
	w->steps[1][2].n_statements = 1;
	w->in.statement_max = 14;
	assert_int_equal(plan_make(&w->in, w->a, &p, &e), 0);
	w->in.statement_max = 13;
	assert_int_equal(plan_make(&w->in, w->a, &p, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_string_equal(
	    e.msg, "a:two, step 3 (line 9): a statement of 14 bytes, and this server takes 13 at most (MariaDB: max_allowed_packet): cut it into smaller "
	           "ones, or have the limit raised; nothing was begun");
	w->in.statement_max = 0;
	assert_int_equal(plan_make(&w->in, w->a, &p, &e), 0);
}

static void test_empty_bodies_have_one_step(void **state)
{
	struct world *w = *state;
	struct step empty = {.class = STEP_T};
	w->bodies[0].n_steps = 0;
	assert_non_null(strstr(plan_text(w), ": 7"));
	digest_step(&empty, empty.digest);
	assert_memory_equal(plan_step(&w->bodies[0], DIRECTION_APPLY, 0)->digest, empty.digest, DIGEST_SIZE);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_empty_ledger),
	    TEST(test_goes_on_where_it_stopped),
	    TEST(test_failed_rows_do_not_count),
	    TEST(test_resume_needs_the_same_steps),
	    TEST(test_changed_content),
	    TEST(test_run_always_but_once_a_delivery),
	    TEST(test_mark_ran_and_not_for_this_engine),
	    TEST(test_contexts_and_labels),
	    TEST(test_validations_of_a_killed_run),
	    TEST(test_validations_that_another_order_left),
	    TEST(test_what_does_not_hold_is_not_left_behind),
	    TEST(test_interrupted_revert),
	    TEST(test_revert_is_whose_it_began_with),
	    TEST(test_classes),
	    TEST(test_rollback_is_backwards),
	    TEST(test_rollback_leaves_what_is_not_its_own),
	    TEST(test_on_failure_undoes_only_its_own_order),
	    TEST(test_rollback_missing),
	    TEST(test_too_large_a_statement_begins_nothing),
	    TEST(test_empty_bodies_have_one_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
