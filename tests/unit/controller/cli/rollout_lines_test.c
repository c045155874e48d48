/* controller/cli/rollout_lines: what `rollcall rollout watch` tells of a change, for people and for programs. The answers are as the controller gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/cli/rollout_cli.h"

#define ROLLOUT "3f2a91bc00112233445566778899aabb"

static const char *rollout_columns[] = {"%rollout", "state", "detail", "+next"};
static const char *wave_columns[] = {"wave", "state", "#targets", "#applied", "#failed", "max-failures"};
static const char *target_columns[] = {"target", "wave", "state", "~detail", "~next"};
enum { N_ROLLOUT = ARRAY_LEN(rollout_columns), N_WAVE = ARRAY_LEN(wave_columns), N_TARGET = ARRAY_LEN(target_columns), TARGETS = 2 };

struct status {
	const char *rollout[N_ROLLOUT], *wave[N_WAVE], *targets[TARGETS][N_TARGET];
	struct link_row rows[2 + TARGETS];
};

static struct answer answer_of(struct status *s)
{
	s->rows[0] = (struct link_row){.cells = s->rollout, .n_cells = N_ROLLOUT};
	s->rows[1] = (struct link_row){.cells = s->wave, .n_cells = N_WAVE};
	for (size_t i = 0; i < TARGETS; i++)
		s->rows[2 + i] = (struct link_row){.cells = s->targets[i], .n_cells = N_TARGET};
	return (struct answer){.arena = arena_new(4096),
	                       .n_tables = 3,
	                       .tables = {{.columns = rollout_columns, .n_columns = N_ROLLOUT, .rows = s->rows, .n_rows = 1},
	                                  {.columns = wave_columns, .n_columns = N_WAVE, .rows = s->rows + 1, .n_rows = 1},
	                                  {.columns = target_columns, .n_columns = N_TARGET, .rows = s->rows + 2, .n_rows = TARGETS}}};
}

static struct status running(void)
{
	return (struct status){.rollout = {ROLLOUT, "running", "wave all", NULL},
	                       .wave = {"all", "draining", "2", "0", "0", "0"},
	                       .targets = {{"eu/pg1/acme", "all", "applying", NULL, NULL}, {"eu/pg1/birch", "all", "pending", NULL, NULL}}};
}

static struct status halted(void)
{
	return (struct status){
	    .rollout = {ROLLOUT, "halted", "wave all: 1 of 2 failed", "repair the cause"},
	    .wave = {"all", "failed", "2", "0", "1", "0"},
	    .targets = {{"eu/pg1/acme", "all", "failed", "a \"quoted\" name\nis missing", "retry it"}, {"eu/pg1/birch", "all", "pending", NULL, NULL}}};
}

/* What is printed for a first answer, a second one and the end. */
static char *told(bool objects)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	assert_non_null(out);
	const struct follow how = {.rollout = ROLLOUT, .objects = objects, .lines = out};
	struct status first = running(), second = halted();
	struct answer none = {0}, a = answer_of(&first), b = answer_of(&second);
	rollout_lines_changed(&how, &a, &none);
	rollout_lines_changed(&how, &b, &a);
	rollout_lines_changed(&how, &b, &b); /* nothing new: no line */
	rollout_lines_end(&how, &b);
	answer_done(&a);
	answer_done(&b);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_lines_for_people(void **state)
{
	(void)state;
	static const char *const expected[] = {"eu/pg1/acme  applying",
	                                       "wave all  draining  0 of 2 applied",
	                                       "rollout 3f2a91bc  running  wave all",
	                                       "eu/pg1/acme  failed  a \"quoted\" name is missing",
	                                       "wave all  failed  0 of 2 applied, 1 failed",
	                                       "rollout 3f2a91bc  running -> halted  wave all: 1 of 2 failed"};
	AUTO(mem_free_ptr) char *text = told(false);
	char *rest = text;
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		const char *line = strsep(&rest, "\n");
		assert_true(strlen(line) > 11 && line[8] == 'Z');
		assert_string_equal(line + 11, expected[i]);
	}
	assert_string_equal(rest, "");
}

static const char *text_of(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);
	assert_non_null(v); /* every line has every key */
	return json_is_null(v) ? "-" : json_string_value(v);
}

static void test_an_object_a_line_for_programs(void **state)
{
	(void)state;
	static const char *const expected[] = {
	    "target|eu/pg1/acme|all|-|applying|-|-",
	    "wave|all|-|-|draining|0 of 2 applied|-",
	    "rollout|" ROLLOUT "|-|-|running|wave all|-",
	    "target|eu/pg1/acme|all|applying|failed|a \"quoted\" name\nis missing|retry it",
	    "wave|all|-|draining|failed|0 of 2 applied, 1 failed|-",
	    "rollout|" ROLLOUT "|-|running|halted|wave all: 1 of 2 failed|repair the cause",
	    "end|" ROLLOUT "|-|-|halted|wave all: 1 of 2 failed|repair the cause",
	};
	AUTO(mem_free_ptr) char *text = told(true);
	char *rest = text, got[512];
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		json_t *o = json_loads(strsep(&rest, "\n"), 0, NULL);
		assert_non_null(o);
		snprintf(got, sizeof got, "%s|%s|%s|%s|%s|%s|%s", text_of(o, "kind"), text_of(o, "name"), text_of(o, "wave"), text_of(o, "from"),
		         text_of(o, "to"), text_of(o, "detail"), text_of(o, "next"));
		assert_string_equal(got, expected[i]);
		assert_int_equal(strlen(text_of(o, "at")), strlen("2026-12-01T02:00:00Z"));
		assert_int_equal(json_object_size(o), 8);
		json_decref(o);
	}
	assert_string_equal(rest, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines_for_people),
	    cmocka_unit_test(test_an_object_a_line_for_programs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
