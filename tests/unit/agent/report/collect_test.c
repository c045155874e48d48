/* The report under construction: foreign text made fit for the wire, and what is cut when there is too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/report/collect.h"

static struct arena *a;

static int setup(void **state)
{
	(void)state;
	a = arena_new((size_t)16 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&a);
	return 0;
}

static void test_text(void **state)
{
	(void)state;
	static const struct {
		const char *from;
		size_t max;
		const char *to;
	} cases[] = {
	    {"plain", 100, "plain"},
	    {"plain", 3, "pla"},
	    {"", 10, ""},
	    {"two\nlines\tand a tab", 100, "two\nlines\tand a tab"},
	    {"bell\a esc\x1b[31m", 100, "bell? esc?[31m"},
	    {"latin \xe9t\xe9", 100, "latin ?t?"},
	    {"caf\xc3\xa9", 100, "caf\xc3\xa9"},
	    {"caf\xc3\xa9", 4, "caf"}, /* not half a character */
	    {"\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80"},
	    {"\xf0\x9f\x98", 100, "???"},
	    {"\xed\xa0\x80", 100, "???"}, /* a surrogate */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(collect_text(a, cases[i].from, cases[i].max), cases[i].to);
	assert_null(collect_text(a, NULL, 10));
}

static void test_failure(void **state)
{
	(void)state;
	struct collector c = {.arena = a};
	struct err e = ERR_INIT;
	struct failure_place at = {.changeset = "alice:a", .file = "a.sql", .step = 2, .statement = 1, .line = 7};
	err_set(&e, ERR_DB, "no such table");
	e.db_errno = 1;
	memcpy(e.sqlstate, "42P01", 6);
	collect_failure(&c, &e, &at, "Do this.", "nothing changed");
	const struct failure *f = &c.report.failure;
	assert_string_equal(f->code, "db");
	assert_string_equal(f->message, "no such table.");
	assert_string_equal(f->next, "Do this.");
	assert_string_equal(f->sqlstate, "42P01");
	assert_int_equal(f->db_errno, 1);
	assert_string_equal(f->database_state, "nothing changed");
	assert_int_equal(f->line, 7);
	err_set(&e, ERR_TIMEOUT, "why?");
	e.sqlstate[0] = '\0';
	collect_failure(&c, &e, &at, NULL, NULL); /* a later one replaces it */
	assert_string_equal(f->code, "timeout");
	assert_string_equal(f->message, "why?");
	assert_null(f->sqlstate);
	assert_null(f->next);
	assert_null(f->database_state);
}

static void test_only_the_newest_steps_travel(void **state)
{
	(void)state;
	struct collector c = {.arena = a};
	for (uint32_t i = 0; i < REPORT_STEPS_MAX + 5; i++)
		collect_step(&c, &(struct step_outcome){.changeset = "alice:a", .step = i});
	for (uint32_t i = 0; i < REPORT_VALIDATIONS_MAX + 2; i++)
		collect_validation(&c, &(struct validation_outcome){.name = "v", .ok = i % 2, .value = "1"});
	struct report r = collect_trimmed(&c);
	assert_int_equal(r.n_steps, REPORT_STEPS_MAX);
	assert_int_equal(r.steps[0].step, 5);
	assert_int_equal(r.steps[r.n_steps - 1].step, REPORT_STEPS_MAX + 4);
	assert_int_equal(r.n_validations, REPORT_VALIDATIONS_MAX);
	assert_int_equal(c.report.n_steps, REPORT_STEPS_MAX + 5); /* the collector keeps all */
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_text),
	    CASE(test_failure),
	    CASE(test_only_the_newest_steps_travel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
