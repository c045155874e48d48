/* The pace of a round of looks: the actor goes on only when it is asked to, ends when it is told to, and beside deliveries it is asked seldom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "agent/daemon/look.h"
#include "agent/daemon/looks.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define N 3

static char dir[64], dsn[N][128];
static struct agent_target targets[N];
static const struct agent_target *list[N];
static struct look_job job = {.targets = list, .n_targets = N};

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/rollcall-looks-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < N; i++) {
		char path[96];
		snprintf(path, sizeof path, "%s/%zu.db", dir, i);
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fclose(f);
		snprintf(dsn[i], sizeof dsn[i], "sqlite:%s", path);
		targets[i] = (struct agent_target){
		    .target = {.id = "eu/lite/x", .engine = "sqlite"},
		    .connect = {.id = "eu/lite/x", .dsn = dsn[i], .connect_timeout_ms = 5000, .lock_timeout_ms = 1000, .statement_timeout_ms = 5000}};
		list[i] = &targets[i];
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	return file_remove_tree(dir, &e);
}

static void expect_look(zactor_t *actor, size_t index)
{
	AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(actor);
	AUTO(zstr_free) char *what = zmsg_popstr(m);
	AUTO(zframe_destroy) zframe_t *f = zmsg_pop(m);
	struct look k;
	assert_string_equal(what, "LOOK");
	assert_int_equal(zframe_size(f), sizeof k);
	memcpy(&k, zframe_data(f), sizeof k);
	assert_int_equal(k.index, index);
	assert_string_equal(k.trouble, "");
}

static void expect_silence(zactor_t *actor)
{
	clock_sleep_ms(200); /* a look at an empty file takes one */
	assert_false(zsock_events(zactor_sock(actor)) & ZMQ_POLLIN);
}

static void test_goes_on_when_asked(void **state)
{
	(void)state;
	zactor_t *actor = zactor_new(look_actor, &job);
	for (size_t i = 0; i < N; i++) {
		expect_look(actor, i);
		if (i + 1 < N) {
			expect_silence(actor);
			zstr_send(actor, "NEXT");
		}
	}
	AUTO(zstr_free) char *end = zstr_recv(actor);
	assert_string_equal(end, "DONE");
	zactor_destroy(&actor);
}

static void test_ends_while_it_waits(void **state)
{
	(void)state;
	zactor_t *actor = zactor_new(look_actor, &job);
	expect_look(actor, 0);
	int64_t start_us = clock_mono_us();
	zactor_destroy(&actor);
	assert_true(clock_mono_us() - start_us < 5000000);
	assert_null(actor);
}

static void test_pauses_beside_deliveries(void **state)
{
	(void)state;
	assert_int_equal(looks_pause_ms(10000, false), 0);
	assert_int_equal(looks_pause_ms(10000, true), 990);
	assert_int_equal(looks_pause_ms(5000000, true), 1000); /* a target that does not answer holds the round up, not for ever */
}

int main(void)
{
	zsys_handler_set(NULL);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_goes_on_when_asked),
	    cmocka_unit_test(test_ends_while_it_waits),
	    cmocka_unit_test(test_pauses_beside_deliveries),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
