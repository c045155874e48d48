/* The interpreter takes the first row whose guard holds, and the checker finds each kind of fault in a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/str.h"
#include "common/fsm/fsm.h"

enum { RED, GREEN, OFF, N_STATES };
enum { GO, STOP, CUT, N_EVENTS };
static const char *const states[] = {"red", "green", "off"};
static const char *const events[] = {"go", "stop", "cut"};
static const char *const actions[] = {NULL, "ring"};

static bool is_set(const void *facts)
{
	return *(const bool *)facts;
}
static const struct fsm_guard guard_set = {"set", is_set};

static const struct fsm_row good_rows[] = {
    {RED, GO, &guard_set, GREEN, 1, "may go"},
    {RED, GO, NULL, RED, 0, "may not go yet"},
    {GREEN, STOP, NULL, RED, 0, "stop"},
    {RED, CUT, NULL, OFF, 0, "no power"},
};

static struct fsm machine(const struct fsm_row *rows, size_t n)
{
	return (struct fsm){.name = "light",
	                    .states = states,
	                    .n_states = N_STATES,
	                    .events = events,
	                    .n_events = N_EVENTS,
	                    .actions = actions,
	                    .rows = rows,
	                    .n_rows = n,
	                    .initial = RED,
	                    .final = 1ULL << OFF};
}

static void test_step_takes_first_row_that_holds(void **state)
{
	(void)state;
	struct fsm m = machine(good_rows, ARRAY_LEN(good_rows));
	struct err e = ERR_INIT;
	const struct fsm_row *r = NULL;
	assert_int_equal(fsm_check(&m, &e), 0);
	assert_int_equal(fsm_step(&m, RED, GO, &(bool){true}, &r, &e), 0);
	assert_ptr_equal(r, &good_rows[0]);
	assert_int_equal(fsm_step(&m, RED, GO, &(bool){false}, &r, &e), 0);
	assert_ptr_equal(r, &good_rows[1]);
}

static void test_unknown_event_is_an_error(void **state)
{
	(void)state;
	struct fsm m = machine(good_rows, ARRAY_LEN(good_rows));
	struct err e = ERR_INIT;
	const struct fsm_row *r = NULL;
	assert_int_equal(fsm_step(&m, OFF, GO, &(bool){true}, &r, &e), -1);
	assert_int_equal(e.code, ERR_STATE);
	assert_string_equal(e.msg, "light: no row for event go in state off");
	assert_null(r);
}

static void expect_fault(const struct fsm_row *rows, size_t n, const char *message)
{
	struct fsm m = machine(rows, n);
	struct err e = ERR_INIT;
	assert_int_equal(fsm_check(&m, &e), -1);
	assert_string_equal(e.msg, message);
}

static void test_check_finds_faults(void **state)
{
	(void)state;
	static const struct fsm_row twice[] = {{RED, GO, NULL, GREEN, 0, "a"}, {RED, GO, &guard_set, OFF, 0, "b"}};
	static const struct fsm_row unreachable[] = {{RED, GO, NULL, OFF, 0, "a"}, {RED, STOP, NULL, OFF, 0, "b"}, {RED, CUT, NULL, OFF, 0, "c"}};
	static const struct fsm_row trap[] = {{RED, GO, NULL, OFF, 0, "a"}, {RED, STOP, NULL, GREEN, 0, "b"}, {RED, CUT, NULL, OFF, 0, "c"}};
	static const struct fsm_row silent[] = {{RED, GO, NULL, OFF, 0, ""}};
	static const struct fsm_row unused[] = {{RED, GO, NULL, GREEN, 0, "a"}, {GREEN, CUT, NULL, OFF, 0, "b"}};
	static const struct fsm_row outside[] = {{RED, GO, NULL, 7, 0, "a"}};
	expect_fault(twice, ARRAY_LEN(twice), "light: row 1 (red, go) can never be taken: row 0 comes first");
	expect_fault(unreachable, ARRAY_LEN(unreachable), "light: state green cannot be reached from red");
	expect_fault(trap, ARRAY_LEN(trap), "light: state green has no way to a final state");
	expect_fault(silent, ARRAY_LEN(silent), "light: row 0 (red, go) gives no reason");
	expect_fault(unused, ARRAY_LEN(unused), "light: event stop is used by no row");
	expect_fault(outside, ARRAY_LEN(outside), "light: row 0 names a state or event that has no name");
}

static void test_dot_shows_guard_and_action(void **state)
{
	(void)state;
	struct fsm m = machine(good_rows, ARRAY_LEN(good_rows));
	AUTO(buf_done) struct buf b = BUF_INIT;
	fsm_dot(&m, &b);
	assert_non_null(strstr(buf_str(&b), "\"red\" -> \"green\" [label=\"go [set] / ring\", tooltip=\"may go\"];"));
	assert_non_null(strstr(buf_str(&b), "\"off\" [peripheries=2];"));
	assert_true(str_starts(buf_str(&b), "digraph \"light\" {"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_step_takes_first_row_that_holds),
	    cmocka_unit_test(test_unknown_event_is_an_error),
	    cmocka_unit_test(test_check_finds_faults),
	    cmocka_unit_test(test_dot_shows_guard_and_action),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
