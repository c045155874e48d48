/* The runner as an actor, against a real SQLite file: to the report, stopped while it waits for a lock, and told to end. Under TSan too: its two threads share the watch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/apply/runner.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/link/handover.h"
#include "common/lite/lite.h"
#include "tests/support/papers_fixture.h"

#define WAIT_MS         60000
#define LOCK_TIMEOUT_MS 8000

static struct {
	struct papers_fixture f;
	struct runner_job job;
	struct lite *holder; /* keeps the target locked */
	zactor_t *actor;
	unsigned progress;
} w;

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof w);
	papers_fixture_init(&w.f);
	papers_fixture_write(&w.f);
	w.f.config.targets[0].connect.lock_timeout_ms = LOCK_TIMEOUT_MS;
	w.job = (struct runner_job){.config = &w.f.config, .target = &w.f.config.targets[0], .report_key = w.f.config.report_key, .task = w.f.task};
	return 0;
}

static void start(void)
{
	w.actor = zactor_new(runner_actor, &w.job);
	assert_non_null(w.actor);
	zsock_set_rcvtimeo(w.actor, WAIT_MS);
}

static void end(void)
{
	zactor_destroy(&w.actor);
	handover_take(&w.job);
}

static int teardown(void **state)
{
	(void)state;
	end();
	lite_close(&w.holder);
	papers_fixture_done(&w.f);
	return 0;
}

/* Keeps every writer out of the target. */
static void hold(void)
{
	static const char *const none[] = {NULL};
	struct err e = ERR_INIT;
	if (lite_open(w.f.db, none, &w.holder, &e) != 0 || lite_begin(w.holder, &e) != 0)
		fail_msg("%s", e.msg);
}

/* It tries again and again, and comes to see what it was told while the lock is not free: nobody need guess when it may be. */
static void be_quick(void)
{
	w.f.config.targets[0].connect.lock_timeout_ms = 300;
	w.f.config.retry_budget_ms = WAIT_MS;
}

static void await_done(void)
{
	for (bool done = false; !done;) {
		AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(w.actor);
		assert_non_null(m);
		w.progress += zframe_streq(zmsg_first(m), "PROGRESS");
		done = zframe_streq(zmsg_first(m), "DONE");
	}
}

static void test_to_the_report(void **state)
{
	(void)state;
	struct report r;
	start();
	await_done();
	end();
	papers_fixture_report(&w.f, &r);
	assert_int_equal(r.outcome, OUTCOME_APPLIED);
	assert_int_equal(papers_fixture_open_tasks(&w.f), 0);
	assert_true(w.progress > 0);
}

static void test_stopped_while_it_waits(void **state)
{
	(void)state;
	struct report r;
	be_quick();
	hold();
	start();
	clock_sleep_ms(700); /* long enough for some looks */
	zstr_send(w.actor, "STOP");
	await_done();
	end();
	papers_fixture_report(&w.f, &r);
	assert_int_equal(r.outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r.failure.message, "asked to end while it waited for its next try"));
	assert_int_equal(papers_fixture_open_tasks(&w.f), 0);
}

/* The agent goes down in good order: that is nobody's failure, and the next start goes on. */
static void test_parked_while_it_waits(void **state)
{
	(void)state;
	struct report r;
	be_quick();
	hold();
	start();
	clock_sleep_ms(400);
	zstr_send(w.actor, "PARK");
	await_done();
	end();
	lite_close(&w.holder);
	assert_int_equal(papers_fixture_open_tasks(&w.f), 1);
	assert_int_equal(journal_last_report(w.f.journal), 0);
	start();
	await_done();
	end();
	papers_fixture_report(&w.f, &r);
	assert_int_equal(r.outcome, OUTCOME_APPLIED);
}

static void test_told_to_end_while_it_waits(void **state)
{
	(void)state;
	struct report r;
	hold();
	start();
	clock_sleep_ms(400);
	int64_t begun_us = clock_mono_us();
	end();
	assert_true(clock_mono_us() - begun_us < (int64_t)LOCK_TIMEOUT_MS / 2 * 1000); /* cancelled, not waited for */
	assert_int_equal(papers_fixture_open_tasks(&w.f), 1); /* resumed at the next start */
	assert_int_equal(journal_last_report(w.f.journal), 0);

	lite_close(&w.holder);
	start();
	await_done();
	end();
	papers_fixture_report(&w.f, &r);
	assert_int_equal(r.outcome, OUTCOME_APPLIED);
}

int main(void)
{
	struct err e = ERR_INIT;
	zsys_handler_set(NULL);
	zsys_init();
	log_open("runner_test", getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	if (engines_init(&e) != 0)
		return 1;
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_to_the_report),
	    CASE(test_stopped_while_it_waits),
	    CASE(test_parked_while_it_waits),
	    CASE(test_told_to_end_while_it_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
