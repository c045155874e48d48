/* controller/cli/rollout_tree: what `rollcall rollout watch` draws in windows of different sizes. The answers are as the controller gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/cli/rollout_tree.h"

#define ROLLOUT "3f2a91bc00112233445566778899aabb"
#define BLOCKER                                                                                                        \
	"blocked by pid 4711 of shopapp (application nightly-report, database shop), its transaction open for 35 s, idle " \
	"in transaction after: SELECT count(*) FROM customers"
#define BAR8 "\xe2\x96\x91"

static const char *rollout_columns[] = {"%rollout", "state",  "release",  "environment",  "direction",      "#targets", "#applied",
                                        "#failed",  "detail", "+#moving", "+#per-minute", "+#seconds-left", "+next",    "+starts-at"};
static const char *wave_columns[] = {"wave", "state", "#targets", "#applied", "#failed", "max-failures", "detail", "+#moving", "+#soak-seconds"};
static const char *target_columns[] = {"target", "wave", "state", "step", "~detail", "~next", "+changeset", "+#state-seconds"};

enum { N_ROLLOUT = ARRAY_LEN(rollout_columns), N_WAVE = ARRAY_LEN(wave_columns), N_TARGET = ARRAY_LEN(target_columns), ROWS_MAX = 8 };

struct screen {
	const char *rollout[N_ROLLOUT], *waves[ROWS_MAX][N_WAVE], *targets[ROWS_MAX][N_TARGET];
};

static size_t fill(struct link_row *rows, const char **cells, size_t columns, size_t max)
{
	size_t n = 0;
	for (; n < max && cells[n * columns]; n++)
		rows[n] = (struct link_row){.cells = &cells[n * columns], .n_cells = columns};
	return n;
}

/* The lines that stand on the screen, without the sequences that put them there. */
static char *draw(struct screen *s, const char *notice, unsigned rows, unsigned columns)
{
	struct link_row r[1], w[ROWS_MAX], t[ROWS_MAX];
	struct answer a = {.n_tables = 3};
	a.tables[0] = (struct answer_table){.columns = rollout_columns, .n_columns = N_ROLLOUT, .rows = r, .n_rows = fill(r, s->rollout, N_ROLLOUT, 1)};
	a.tables[1] =
	    (struct answer_table){.columns = wave_columns, .n_columns = N_WAVE, .rows = w, .n_rows = fill(w, &s->waves[0][0], N_WAVE, ROWS_MAX)};
	a.tables[2] =
	    (struct answer_table){.columns = target_columns, .n_columns = N_TARGET, .rows = t, .n_rows = fill(t, &s->targets[0][0], N_TARGET, ROWS_MAX)};
	struct tree tree = {.colour = false};
	tree_frame(&tree, &a, notice, rows, columns);
	AUTO(buf_done) struct buf out = BUF_INIT;
	for (const char *p = tree.frame.p; *p; p++) {
		if (*p == '\033') {
			p += 1 + strcspn(p + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
			if (*p == 'H' && out.n)
				buf_addc(&out, '\n'); /* the bottom has its own place */
		} else if (*p != '\r') {
			buf_addc(&out, *p);
		}
	}
	buf_done(&tree.frame);
	return mem_strdup(buf_str(&out));
}

static void has(const char *screen, const char *text)
{
	if (!strstr(screen, text))
		fail_msg("not on the screen: %s\n%s", text, screen);
}

static void fits(const char *screen, unsigned rows, unsigned columns)
{
	AUTO(mem_free_ptr) char *copy = mem_strdup(screen);
	size_t n = 0;
	for (char *rest = copy, *line; (line = strsep(&rest, "\n")) != NULL;) {
		n += *line != '\0';
		if (output_width(line) > columns)
			fail_msg("wider than %u: %s", columns, line);
	}
	assert_true(n <= rows);
}

static struct screen waiting_for_a_lock(void)
{
	return (struct screen){.rollout = {ROLLOUT, "running", "1.1.0", "dev", "apply", "2", "0", "0", "wave canary, 1 to look at", "0"},
	                       .waves = {{"canary", "draining", "1", "0", "0", "0"}, {"rest", "blocked", "1", "0", "0", "0"}},
	                       .targets = {{"eu/pg1/acme", "canary", "waiting-lock", "2/3", BLOCKER, "goes on by itself", "carol:phone", "95"},
	                                   {"eu/pg1/birch", "rest", "pending", NULL, NULL, NULL, NULL, "3"}}};
}

static void test_who_blocks_stands_whole_under_its_target(void **state)
{
	(void)state;
	struct screen s = waiting_for_a_lock();
	AUTO(mem_free_ptr) char *narrow = draw(&s, "", 24, 80);
	fits(narrow, 24, 80);
	has(narrow, "eu/pg1/acme   waiting-lock  for 1 min 35 s  step 2 of 3  carol:phone\n");
	has(narrow, "        blocked by pid 4711 of shopapp (application nightly-report, database\n");
	has(narrow, "        -> goes on by itself\n");
	has(narrow, "eu/pg1/birch  pending\n");
	AUTO(mem_free_ptr) char *wide = draw(&s, "", 24, 200);
	has(wide, BLOCKER);
	fits(wide, 24, 200);
	AUTO(mem_free_ptr) char *small = draw(&s, "", 8, 40); /* no room for why: the line itself says that it was cut */
	fits(small, 8, 40);
	has(small, "\xe2\x80\xa6\n");
}

static void test_what_does_not_fit_behind_a_target_stands_under_it(void **state)
{
	(void)state;
	struct screen s = {
	    .rollout = {ROLLOUT, "running", "1.2.0", "dev", "apply", "1", "0", "0", "wave canary", "1"},
	    .waves = {{"canary", "draining", "1", "0", "0", "0", NULL, "1"}},
	    .targets = {{"eu/pg1/acme", "canary", "applying", "1/1", "72,000 of about 400,000 rows, about 17 s left", NULL, "carol:orders-cents", "12"}}};
	AUTO(mem_free_ptr) char *narrow = draw(&s, "", 24, 80);
	has(narrow, "applying  for 12 s  carol:orders-cents\n");
	has(narrow, "  72,000 of about 400,000 rows, about 17 s left\n");
	AUTO(mem_free_ptr) char *wide = draw(&s, "", 24, 200);
	has(wide, "applying  for 12 s  carol:orders-cents  72,000 of about 400,000 rows, about 17 s left\n");
}

/* Bars give way to words, all of them alike. */
static void test_bars_are_as_short_as_the_words_need(void **state)
{
	(void)state;
	struct screen s = {
	    .rollout = {ROLLOUT, "running", "1.3.0", "dev", "apply", "9", "1", "0", "wave canary", "0"},
	    .waves = {{"canary", "soaking", "1", "1", "0", "0", "until 2026-11-26T08:23:45Z", "0", "1037"}, {"rest", "blocked", "8", "0", "0", "0"}}};
	AUTO(mem_free_ptr) char *screen = draw(&s, "", 24, 80);
	fits(screen, 24, 80);
	has(screen, "1 of 1 applied, soaks for 17 min 17 s more\n");
	has(screen, "blocked     " BAR8 BAR8 BAR8 BAR8 BAR8 BAR8);
}

static void test_a_scheduled_rollout_does_not_seem_to_run(void **state)
{
	(void)state;
	struct screen s = {.rollout = {ROLLOUT, "running", "1.3.0", "dev", "apply", "1", "0", "0", "nothing starts before 2026-11-26T09:30:00Z", "0",
	                               NULL, NULL, NULL, "2026-11-26T09:30:00Z"},
	                   .waves = {{"all", "blocked", "1", "0", "0", "0"}}};
	AUTO(mem_free_ptr) char *screen = draw(&s, "", 24, 80);
	has(screen, "rollout 3f2a91bc  1.3.0 to dev  scheduled\n");
	s.rollout[1] = "halted"; /* any other state says why, too */
	s.rollout[8] = "wave all: 1 of 1 failed, 0 allowed; nothing new starts";
	s.rollout[13] = NULL;
	s.rollout[12] = "repair the cause, then: rollcall rollout retry 3f2a91bc; or, where a changeset's rollback is wrong itself, leave that changeset "
	                "applied: rollcall rollout abort 3f2a91bc";
	AUTO(mem_free_ptr) char *halted = draw(&s, "", 24, 80);
	fits(halted, 24, 80);
	has(halted, "\nwave all: 1 of 1 failed, 0 allowed; nothing new starts\n");
	has(halted, "rollcall rollout abort 3f2a91bc"); /* what to type is never cut off */
	AUTO(mem_free_ptr) char *silent = draw(&s, "the controller does not answer: trying again", 24, 80);
	has(silent, "the controller does not answer: trying again");
}

static void test_what_has_no_line_is_counted_by_its_state(void **state)
{
	(void)state;
	struct screen s = {.rollout = {ROLLOUT, "halted", "1.3.0", "dev", "apply", "4", "2", "1", "wave all: 1 of 4 failed, 0 allowed", "0"},
	                   .waves = {{"all", "failed", "4", "2", "1", "0", "1 of 4 failed, 0 allowed"}},
	                   .targets = {{"eu/a/a", "all", "applied"},
	                               {"eu/a/b", "all", "failed", NULL, "duplicate key", "repair the cause"},
	                               {"eu/a/c", "all", "applied"},
	                               {"eu/a/d", "all", "pending"}}};
	AUTO(mem_free_ptr) char *screen = draw(&s, "", 9, 80);
	fits(screen, 9, 80);
	has(screen, "3 more: 2 applied, 1 pending\n");
	s.targets[3][2] = "applied";
	AUTO(mem_free_ptr) char *alike = draw(&s, "", 9, 80);
	has(alike, "3 more applied\n");
}

/* Not all of its targets came: what the wave's own row counts is told. */
static void test_what_did_not_come_is_counted_by_its_wave(void **state)
{
	(void)state;
	struct screen s = {.rollout = {ROLLOUT, "running", "1.3.0", "dev", "apply", "300", "65", "1", "wave all, 1 to look at", "60"},
	                   .waves = {{"all", "open", "300", "65", "1", "10%", NULL, "60"}},
	                   .targets = {{"eu/a/b", "all", "failed", NULL, "duplicate key", "repair the cause"}}};
	AUTO(mem_free_ptr) char *screen = draw(&s, "", 24, 80);
	has(screen, "299 more: 65 applied, 60 under way, 174 not begun\n");
}

static void test_a_name_that_is_too_long_does_not_push_its_state_off(void **state)
{
	(void)state;
	struct screen s = {.rollout = {ROLLOUT, "running", "1.3.0", "dev", "apply", "1", "0", "0", "wave all, 1 to look at", "0"},
	                   .waves = {{"all", "open", "1", "0", "0", "0"}},
	                   .targets = {{"eu/pg1/a-name-that-somebody-generated-from-a-customer-and-a-number/schema-4711", "all", "held"}}};
	AUTO(mem_free_ptr) char *narrow = draw(&s, "", 24, 60);
	fits(narrow, 24, 60);
	has(narrow, "eu/pg1/a-name-that-some\xe2\x80\xa6"
	            "and-a-number/schema-4711  held");
	AUTO(mem_free_ptr) char *wide = draw(&s, "", 24, 120);
	has(wide, "a-name-that-somebody-generated-from-a-customer-and-a-number/schema-4711  held");
}

/* One reason for all is told once, whole, however many have it and however few lines there are. */
static void test_the_same_reason_is_told_once(void **state)
{
	(void)state;
	struct screen s = {.rollout = {ROLLOUT, "halted", "1.3.0", "dev", "apply", "5", "0", "5", "wave all: 5 of 5 failed, 0 allowed", "0"},
	                   .waves = {{"all", "failed", "5", "0", "5", "0"}},
	                   .targets = {{"eu/a/a", "all", "failed", NULL, BLOCKER, "repair a"},
	                               {"eu/a/b", "all", "failed", NULL, "something else", "repair b"},
	                               {"eu/a/c", "all", "failed", NULL, BLOCKER, "repair c"},
	                               {"eu/a/d", "all", "failed", NULL, BLOCKER, "repair d"},
	                               {"eu/a/e", "all", "failed", NULL, BLOCKER, "repair e"}}};
	AUTO(mem_free_ptr) char *screen = draw(&s, "", 24, 80);
	has(screen, "something else\n");
	has(screen, "eu/a/c  failed  as eu/a/a\n");
	has(screen, "eu/a/e  failed  as eu/a/a\n");
	assert_null(strstr(strstr(screen, "pid 4711") + 1, "pid 4711"));
	AUTO(mem_free_ptr) char *small = draw(&s, "", 14, 80);
	fits(small, 14, 80);
	has(small, "its transaction open for 35 s");
	has(small, "-> repair a\n");
	AUTO(mem_free_ptr) char *tiny = draw(&s, "", 10, 80);
	has(tiny, " more to look at: rollcall rollout status 3f2a91bc\n");
}

int main(void)
{
	setenv("LC_ALL", "C.UTF-8", 1);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who_blocks_stands_whole_under_its_target),
	    cmocka_unit_test(test_what_does_not_fit_behind_a_target_stands_under_it),
	    cmocka_unit_test(test_bars_are_as_short_as_the_words_need),
	    cmocka_unit_test(test_a_scheduled_rollout_does_not_seem_to_run),
	    cmocka_unit_test(test_what_has_no_line_is_counted_by_its_state),
	    cmocka_unit_test(test_what_did_not_come_is_counted_by_its_wave),
	    cmocka_unit_test(test_a_name_that_is_too_long_does_not_push_its_state_off),
	    cmocka_unit_test(test_the_same_reason_is_told_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
