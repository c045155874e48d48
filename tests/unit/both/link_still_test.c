/* A process that stands still, as on a machine that was busy or asleep: it does not take that time for the other end's silence, and the silence that it could have heard still counts. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/support/link_fixture.h"

static bool is_connected(struct link_world *w)
{
	return w->ups >= 1 && w->targets_seen >= 1 && w->heartbeats >= 3;
}

static bool is_gone(struct link_world *w)
{
	return w->gones >= 1;
}

/* Both sides at once, as on a machine that was busy or asleep. */
static void stand_still(uint32_t ms)
{
	pid_t self = getpid(), other = fork();
	if (other == 0) {
		kill(self, SIGSTOP);
		clock_sleep_ms(ms);
		kill(self, SIGCONT);
		_exit(0);
	}
	assert_int_equal(waitpid(other, NULL, 0), other);
}

static void test_who_stood_still_was_not_silent(void **state)
{
	struct link_world *w = *state;
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	for (int i = 0; i < 3; i++) {
		stand_still(2500); /* of heartbeats that come each 200 ms */
		assert_false(link_run_for(w, link_never, 300));
	}
	assert_int_equal(w->downs, 0);
	assert_int_equal(w->gones, 0);
	assert_int_equal(w->hellos, 1);
}

/* By the heartbeats that WELCOME said, not by the longer time that a session has for its beginning. */
static void test_who_is_silent_for_three_heartbeats_is_gone(void **state)
{
	struct link_world *w = *state;
	w->welcome_after_ms = 600; /* the hub has looked at the session before */
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	clock_sleep_ms(3000); /* the hub runs, and nobody turns the agent's loop: heartbeats of 200 ms pass unsaid */
	assert_true(link_run_for(w, is_gone, 5000));
}

/* However often the hub could not read: what it did not hear while it could adds up. */
static void test_who_is_silent_is_gone_though_the_hub_stands_still(void **state)
{
	struct link_world *w = *state;
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	for (int i = 0; i < 6; i++) {
		stand_still(700);
		clock_sleep_ms(250); /* the hub runs, and nobody turns the agent's loop: three heartbeats of 200 ms pass unsaid */
	}
	link_run(w, is_gone);
}

int main(void)
{
	zsys_handler_set(NULL);
	zsys_init();
	log_open("link_still_test", getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
#define CASE(f) cmocka_unit_test_setup_teardown(f, link_setup, link_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_who_stood_still_was_not_silent),
	    CASE(test_who_is_silent_for_three_heartbeats_is_gone),
	    CASE(test_who_is_silent_is_gone_though_the_hub_stands_still),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
