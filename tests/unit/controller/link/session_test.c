/* The table of sessions: which are to be looked at, whatever was closed in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "controller/link/session.h"

#define SESSIONS 100
#define OPENED   ((int64_t)1000)

static struct sessions *t;
static struct session *all[SESSIONS];

static int setup(void **state)
{
	(void)state;
	t = sessions_new(SESSIONS);
	for (size_t i = 0; i < SESSIONS; i++) {
		struct principal who = {.kind = LINK_AGENT};
		uint8_t routing[] = {0, 1, 2, (uint8_t)(i / 256), (uint8_t)(i % 256)};
		snprintf(who.name, sizeof who.name, "a%zu", i);
		snprintf(who.curve_key, sizeof who.curve_key, "key %zu", i);
		all[i] = sessions_open(t, bytes_of(routing, sizeof routing), &who, OPENED);
		if (!all[i])
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sessions_destroy(&t);
	return 0;
}

static size_t count_due(int64_t now_us)
{
	size_t n = 0, cursor = SESSIONS_WALK;
	while (sessions_due(t, now_us, &cursor))
		n++;
	return n;
}

static void new_ones_are_due(void **state)
{
	(void)state;
	assert_int_equal(count_due(OPENED), SESSIONS);
	assert_int_equal(count_due(OPENED - 1), 0);
}

static void each_is_due_at_its_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < SESSIONS; i++)
		sessions_look_at(t, all[i], OPENED + (int64_t)(i * 7 % SESSIONS)); /* each another time */
	for (int64_t after = 0; after < SESSIONS; after++)
		assert_int_equal(count_due(OPENED + after), after + 1);
	size_t cursor = SESSIONS_WALK;
	assert_ptr_equal(sessions_due(t, OPENED, &cursor), all[0]);
	assert_null(sessions_due(t, OPENED, &cursor));
	sessions_look_at(t, all[0], OPENED + SESSIONS);
	assert_int_equal(count_due(OPENED), 0);
}

static void who_is_closed_takes_its_time_along(void **state)
{
	(void)state;
	for (size_t i = 0; i < SESSIONS; i++)
		sessions_look_at(t, all[i], i % 2 ? INT64_MAX : OPENED);
	size_t cursor = SESSIONS_WALK, closed = 0;
	for (struct session *s; (s = sessions_due(t, OPENED, &cursor)); closed++)
		sessions_close(t, s); /* the last one moves into its place */
	assert_int_equal(closed, SESSIONS / 2);
	assert_int_equal(count_due(INT64_MAX - 1), 0);
	assert_int_equal(count_due(INT64_MAX), SESSIONS / 2);
	for (size_t i = 1; i < SESSIONS; i += 2)
		assert_ptr_equal(sessions_by_id(t, all[i]->id), all[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(new_ones_are_due, setup, teardown),
	    cmocka_unit_test_setup_teardown(each_is_due_at_its_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_is_closed_takes_its_time_along, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
