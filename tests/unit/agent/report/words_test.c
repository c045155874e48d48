/* What is true in the database, in words: rows in, a sentence out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/report/words.h"
#include "common/base/arena.h"

#define CHANGESETS 6

static struct body bodies[CHANGESETS];
static struct changeset changesets[CHANGESETS];
static const struct release release = {.changesets = changesets, .n_changesets = CHANGESETS};

static int setup(void **state)
{
	(void)state;
	static const char *const ids[CHANGESETS] = {"a:1", "a:2", "a:3", "a:4", "a:5", "a:6"};
	for (size_t i = 0; i < CHANGESETS; i++) {
		bodies[i] = (struct body){.engine = "sqlite", .n_steps = 3, .n_rollback = 2, .has_rollback = true};
		changesets[i] = (struct changeset){.id = ids[i], .bodies = &bodies[i], .n_bodies = 1};
	}
	return 0;
}

struct shape { /* one letter a row: a changeset's number, then d(one) i(ntent) s(kipped); capital letter: rollback */
	const char *rows;
	const char *words;
};

static const char *words_of(const char *rows, struct buf *to)
{
	struct ledger_row list[32] = {0};
	struct ledger l = {.rows = list};
	uint32_t next[CHANGESETS + 1][2] = {0};
	for (const char *p = rows; *p; p += 2) {
		unsigned c = (unsigned)(*p - '0');
		bool back = p[1] >= 'A' && p[1] <= 'Z';
		enum direction d = back ? DIRECTION_ROLLBACK : DIRECTION_APPLY;
		char what = back ? (char)(p[1] - 'A' + 'a') : p[1];
		list[l.n_rows++] = (struct ledger_row){.seq = l.n_rows + 1,
		                                       .changeset = changesets[c - 1].id,
		                                       .direction = d,
		                                       .run = 1,
		                                       .step = what == 'i' ? next[c][d] : next[c][d]++,
		                                       .state = what == 'd'   ? STEP_DONE
		                                                : what == 's' ? STEP_SKIPPED
		                                                              : STEP_INTENT,
		                                       .release_version = "1"};
	}
	const struct project_ledger ours = {.all = &l, .project = "shop"};
	words_state(to, &release, "sqlite", &ours);
	return buf_str(to);
}

static void test_sentences(void **state)
{
	(void)state;
	static const struct shape cases[] = {
	    {"", "none of the release's 6 changesets is applied; nothing else changed"},
	    {"1d1d1d", "changeset 1 of 6 is applied; nothing else changed"},
	    {"1d1d1d2d2d2d3d3d3d5d5d5d", "changesets 1 to 3, 5 of 6 are applied; nothing else changed"},
	    {"1d1d1d2d", "changeset 1 of 6 is applied; of a:2 step 1 of 3 is applied; nothing else changed"},
	    {"1d1d", "none of the release's 6 changesets is applied; of a:1 steps 1 and 2 of 3 are applied; nothing else changed"},
	    {"1d1i", "none of the release's 6 changesets is applied; of a:1 step 1 of 3 is applied; of a:1 step 2 of 3 was begun, and its outcome is not "
	             "known; nothing else changed"},
	    {"1s", "changeset 1 of 6 is applied; a:1 is marked as ran and did not run; nothing else changed"},
	    {"1d1d1d1D1D", "none of the release's 6 changesets is applied; a:1 is rolled back; nothing else changed"},
	    {"1d1d1d2d2d2d2D2D1D1D", "none of the release's 6 changesets is applied; a:1, a:2 are rolled back; nothing else changed"},
	    {"1d1d1d1D", "none of the release's 6 changesets is applied; of the rollback of a:1 step 1 of 2 is done; nothing else changed"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf b = BUF_INIT;
		assert_string_equal(words_of(cases[i].rows, &b), cases[i].words);
	}
}

static void test_all(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf rows = BUF_INIT;
	AUTO(buf_done) struct buf b = BUF_INIT;
	for (unsigned i = 1; i <= CHANGESETS; i++)
		buf_addf(&rows, "%ud%ud%ud", i, i, i);
	assert_string_equal(words_of(buf_str(&rows), &b), "all 6 changesets are applied; nothing else changed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sentences),
	    cmocka_unit_test(test_all),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
