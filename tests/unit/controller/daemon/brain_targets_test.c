/* Which agent has which target: lists that come again, shrink and grow, and what the store keeps of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/lite/lite.h"
#include "tests/support/brain_fixture.h"

static const char *const two[] = {"eu/pg/a", "eu/pg/b"};
static const char *const other_two[] = {"eu/pg/b", "eu/pg/c"};

/* The state of a target as operators see it; "" when no agent has it. */
static const char *state_of(struct brain_fixture *f, const char *target)
{
	assert_non_null(brain_fixture_command(f, NULL, VERB_TARGET_LIST, NONE, NULL));
	return brain_fixture_cell_of(f, "target", target, "state");
}

static int64_t written_at(struct brain_fixture *f, const char *target)
{
	AUTO(lite_close) struct lite *l = NULL;
	struct lite_stmt *q = NULL;
	struct err e = ERR_INIT;
	bool row = false;
	assert_int_equal(lite_open_readonly(f->config.store_path, &l, &e), 0);
	assert_int_equal(lite_prepare(l, "SELECT seen_at_us FROM target WHERE id = ?1 AND present = 1", &q, &e), 0);
	lite_bind_text(q, 1, target);
	assert_int_equal(lite_step(q, &row, &e), 0);
	return row ? lite_int(q, 0) : 0;
}

static void test_the_same_list_again_writes_nothing(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_init(&f);
	brain_fixture_admit(&f);
	brain_fixture_connect(&f, two, 2);
	int64_t first_us = written_at(&f, "eu/pg/a");
	assert_true(first_us > 0);
	f.now_us += FIXTURE_HOUR;
	brain_fixture_connect(&f, two, 2);
	assert_string_equal(state_of(&f, "eu/pg/a"), "online");
	assert_int_equal(written_at(&f, "eu/pg/a"), first_us);
	brain_fixture_restart(&f);
	f.now_us += FIXTURE_HOUR;
	brain_fixture_connect(&f, two, 2);
	assert_int_equal(written_at(&f, "eu/pg/b"), first_us);
	brain_fixture_done(&f);
}

static void test_what_is_not_named_again_is_gone(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_init(&f);
	brain_fixture_admit(&f);
	brain_fixture_connect(&f, two, 2);
	brain_fixture_connect(&f, other_two, 2);
	for (int again = 0; again < 2; again++) {
		assert_string_equal(state_of(&f, "eu/pg/a"), "");
		assert_string_not_equal(state_of(&f, "eu/pg/b"), "");
		assert_string_not_equal(state_of(&f, "eu/pg/c"), "");
		assert_int_equal(written_at(&f, "eu/pg/a"), 0);
		brain_fixture_restart(&f);
	}
	brain_fixture_done(&f);
}

/* The labels of a target follow its place in the list, so that here both lists name it with other ones. */
static void test_a_changed_label_is_written(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_init(&f);
	brain_fixture_admit(&f);
	brain_fixture_connect(&f, two, 2);
	(void)state_of(&f, "eu/pg/b");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg/b", "labels"), "environment=production,ring=rest");
	brain_fixture_connect(&f, other_two, 2);
	brain_fixture_restart(&f);
	(void)state_of(&f, "eu/pg/b");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg/b", "labels"), "environment=production,ring=canary");
	brain_fixture_done(&f);
}

static void test_targets_outside_the_certificate_are_not_taken(void **state)
{
	(void)state;
	struct brain_fixture f;
	static const char *const mixed[] = {"eu/pg1/a", "us/pg1/a"};
	brain_fixture_init(&f);
	brain_fixture_admit(&f);
	brain_fixture_connect(&f, mixed, 2);
	(void)brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell(&f, "target"), "eu/pg1/a");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "us/pg1/a", "target"), "");
	brain_fixture_done(&f);
}

static void say(struct brain_fixture *f, const char *id, bool last)
{
	struct target t = {.id = id, .engine = "sqlite"};
	struct hub_event ev = brain_fixture_message(f, MSG_TARGETS);
	ev.msg.targets = (struct msg_targets){.targets = &t, .n_targets = 1, .first = !last, .last = last};
	brain_fixture_event(f, &ev);
}

static void expect_agent(struct brain_fixture *f, const char *state, const char *online)
{
	assert_non_null(brain_fixture_command(f, "viewer", VERB_AGENT_LIST, NONE, NULL));
	assert_string_equal(brain_fixture_cell(f, "state"), state);
	assert_non_null(brain_fixture_command(f, "viewer", VERB_PING, NONE, NULL));
	assert_string_equal(brain_fixture_cell_of(f, "key", "agents-online", "value"), online);
}

/* Whoever waits for "online" and starts a rollout then has all of its targets in it. */
static void test_an_agent_is_online_once_its_whole_list_is_here(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_init(&f);
	brain_fixture_admit(&f);
	expect_agent(&f, "offline", "0");
	assert_true(brain_fixture_hello(&f));
	expect_agent(&f, "joining", "0");
	say(&f, "eu/pg/a", false);
	expect_agent(&f, "joining", "0");
	say(&f, "eu/pg/b", true);
	expect_agent(&f, "online", "1");
	assert_true(brain_fixture_hello(&f)); /* it was away, and what it has now is not known yet */
	expect_agent(&f, "joining", "0");
	assert_string_equal(state_of(&f, "eu/pg/a"), "offline");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_same_list_again_writes_nothing),
	    cmocka_unit_test(test_what_is_not_named_again_is_gone),
	    cmocka_unit_test(test_a_changed_label_is_written),
	    cmocka_unit_test(test_targets_outside_the_certificate_are_not_taken),
	    cmocka_unit_test(test_an_agent_is_online_once_its_whole_list_is_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
