/* Probes on a real SQLite target: only what a signed order says, only reading, and only under an order that would be taken now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/apply/probe.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/support/papers_fixture.h"

static struct papers_fixture f;
static struct probe probes[4];

static int setup(void **state)
{
	(void)state;
	papers_fixture_init(&f);
	probes[0] = (struct probe){.name = "orders", .sql = "SELECT count(*) FROM orders", .expect = "< 5"};
	probes[1] = (struct probe){.name = "errors", .url = "http://127.0.0.1:1/", .expect = "0"};
	probes[2] = (struct probe){.name = "evil", .sql = "INSERT INTO unrelated VALUES (7)", .expect = "0"};
	probes[3] = (struct probe){.name = "two", .sql = "SELECT 1 UNION SELECT 2", .expect = "0"};
	for (size_t i = 0; i < f.agent.signed_by.order.n_waves; i++) {
		f.agent.signed_by.order.waves[i].probes = probes;
		f.agent.signed_by.order.waves[i].n_probes = ARRAY_LEN(probes);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	papers_fixture_done(&f);
	return 0;
}

static int run(uint32_t probe, const char **ret, struct err *e)
{
	struct survey_job job = {.config = &f.config, .target = &f.config.targets[0], .probe = probe};
	memcpy(job.task, f.task.id, TASK_SIZE);
	return probe_run(&job, &f.config.targets[0].connect, f.arena, ret, e);
}

static void refused(uint32_t probe, const char *message)
{
	const char *value = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(run(probe, &value, &e), -1);
	if (!strstr(e.msg, message))
		fail_msg("'%s' does not hold '%s'", e.msg, message);
}

static void begin(void)
{
	struct err e = ERR_INIT;
	enum outcome outcome = OUTCOME_COUNT;
	papers_fixture_write(&f);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	assert_int_equal(outcome, OUTCOME_APPLIED);
}

static void test_gives_the_value(void **state)
{
	(void)state;
	const char *value = NULL;
	struct err e = ERR_INIT;
	begin();
	if (run(1, &value, &e) != 0)
		fail_msg("%s", e.msg);
	assert_string_equal(value, "0");
}

static void test_only_one_query_with_one_value(void **state)
{
	(void)state;
	begin();
	refused(3, "probe evil is not one query: only a SELECT is run here");
	refused(4, "its query has to give one row with one column");
	assert_string_equal(papers_fixture_value(&f, "SELECT count(*) FROM unrelated"), "0");
}

static void test_only_what_the_order_has(void **state)
{
	(void)state;
	begin();
	refused(2, "has no probe 2 with SQL");
	refused(5, "has no probe 5 with SQL");
	f.task.id[0] ^= 1;
	refused(1, "this agent has no such task on eu/pg-1/shop_3: nothing is asked there");
}

/* A controller that makes a task of an order nobody approved gets nothing asked under it. */
static void test_an_order_that_nobody_approved(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	enum outcome outcome = OUTCOME_COUNT;
	f.agent.signed_by.n_approvals = 1;
	papers_fixture_write(&f);
	refused(1, "start a new rollout and have its order approved by as many as it needs");
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	assert_int_equal(outcome, OUTCOME_REFUSED);
	refused(1, "start a new rollout and have its order approved by as many as it needs"); /* nor when the journal has its end */
	assert_string_equal(papers_fixture_value(&f, "SELECT count(*) FROM sqlite_master"), "1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_gives_the_value, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_only_one_query_with_one_value, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_only_what_the_order_has, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_an_order_that_nobody_approved, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
