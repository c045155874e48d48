/* Targets that lack their environment's release: by a command, and by themselves; who catches up, and who does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "tests/support/brain_fixture.h"

#define MINUTE (60 * INT64_C(1000000))

/* Who is away is not waited for; the order's time is two hours. */
static const char plan_that_defers[] = "name: p\nenvironments:\n  - name: production\n    catch_up: automatic\n    not_after: 2h\n    waves:\n"
                                       "      - {name: all, unreachable: defer, defer_after: 1m}\n";

/* Everything that is offered is applied. */
static void apply_all(struct brain_fixture *f, const uint8_t digest[DIGEST_SIZE])
{
	struct msg_offer o[8];
	for (size_t n; (n = brain_fixture_offers(f, o, ARRAY_LEN(o))) > 0;)
		for (size_t i = 0; i < n; i++)
			brain_fixture_outcome(f, &o[i], digest, OUTCOME_APPLIED);
}

static const char *const more[] = {"eu/pg1/a", "eu/pg1/b", "eu/pg1/c", "eu/pg1/d", "eu/pg1/e"};

static void test_catch_up_by_command(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	const struct msg_reply *r =
	    brain_fixture_command(&f, NULL, VERB_ROLLOUT_CATCH_UP, bytes_of_str(brain_fixture_plan), "environment", "production", NULL);
	assert_string_equal(r->message,
	                    "no rollout of plan p has succeeded in production yet: name the release with -r, or `rollcall rollout start` one");
	(void)brain_fixture_run(&f, brain_fixture_plan, digest);
	apply_all(&f, digest);
	r = brain_fixture_command(&f, NULL, VERB_ROLLOUT_CATCH_UP, bytes_of_str(brain_fixture_plan), "environment", "production", NULL);
	assert_string_equal(r->message, "every free target of production has release 1.2.0: there is nothing to catch up");
	brain_fixture_connect(&f, more, 4);
	r = brain_fixture_command(&f, NULL, VERB_ROLLOUT_CATCH_UP, bytes_of_str(brain_fixture_plan), "environment", "production", NULL);
	assert_int_equal(r->exit_code, EXIT_WAITING); /* nobody has approved it for the newcomer */
	assert_string_equal(brain_fixture_cell(&f, "targets"), "1");
	const char *id = brain_fixture_approve_last(&f, digest);
	apply_all(&f, digest);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/d", "wave"), "rest");
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "succeeded");
	brain_fixture_done(&f);
}

static size_t rollouts(struct brain_fixture *f)
{
	(void)brain_fixture_command(f, "viewer", VERB_ROLLOUT_LIST, NONE, NULL);
	size_t n = 0;
	for (size_t i = 0; i < f->n_sent; i++)
		n += f->sent[i].msg.type == MSG_REPLY ? f->sent[i].msg.reply.n_rows : 0;
	return n;
}

/* An order for those who came later is made once, and not for those who failed. */
static void test_catch_up_by_itself(void **state)
{
	(void)state;
	static const char plan[] =
	    "name: p\nenvironments:\n  - name: production\n    catch_up: automatic\n    waves:\n      - {name: all, max_failures: 3}\n";
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer o[4];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	(void)brain_fixture_run(&f, plan, digest);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 3);
	for (int i = 0; i < 3; i++)
		brain_fixture_outcome(&f, &o[i], digest, i ? OUTCOME_APPLIED : OUTCOME_FAILED);
	brain_fixture_idle(&f, 1 * MINUTE);
	assert_int_equal(rollouts(&f), 1);
	brain_fixture_connect(&f, more, 4);
	brain_fixture_idle(&f, 20 * INT64_C(1000000));
	brain_fixture_connect(&f, more, 5);
	assert_int_equal(rollouts(&f), 1);
	brain_fixture_idle(&f, 10 * INT64_C(1000000));
	assert_int_equal(rollouts(&f), 2);
	assert_string_equal(brain_fixture_cell(&f, "state"), "awaiting-approval");
	assert_string_equal(brain_fixture_cell(&f, "targets"), "2");
	brain_fixture_restart(&f);
	brain_fixture_connect(&f, more, 5);
	brain_fixture_idle(&f, 2 * MINUTE);
	assert_int_equal(rollouts(&f), 2);
	(void)brain_fixture_approve_last(&f, digest);
	apply_all(&f, digest);
	assert_int_equal(rollouts(&f), 2);
	assert_string_equal(brain_fixture_cell(&f, "state"), "succeeded");
	brain_fixture_idle(&f, 2 * MINUTE);
	assert_int_equal(rollouts(&f), 2);
	brain_fixture_done(&f);
}

/* Away until the order's time was over: nobody has tried it, and it has an order of its own once it is back. */
static void test_catch_up_of_what_could_not_be_reached(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer o[4];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	const char *id = brain_fixture_run(&f, plan_that_defers, digest);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 3);
	for (int i = 0; i < 2; i++)
		brain_fixture_outcome(&f, &o[i], digest, OUTCOME_APPLIED);
	brain_fixture_gone(&f);
	brain_fixture_idle(&f, 2 * MINUTE);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/c", "state"), "deferred");
	brain_fixture_idle(&f, 120 * MINUTE);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "succeeded");
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/c", "state"), "skipped");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/c", "next"),
	                    "the order's time was over before it could begin; it needs a new order: rollcall rollout catch-up PLAN -e production");
	brain_fixture_idle(&f, 2 * MINUTE);
	assert_int_equal(rollouts(&f), 1); /* not while it is away */
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	brain_fixture_idle(&f, 1 * MINUTE);
	assert_int_equal(rollouts(&f), 2);
	assert_string_equal(brain_fixture_cell(&f, "targets"), "1");
	brain_fixture_done(&f);
}

static void say(struct brain_fixture *f, const struct msg_offer *o, enum msg_type type)
{
	struct hub_event ev = brain_fixture_message(f, type);
	ev.msg.task = (struct msg_task){.attempt = o->attempt};
	if (type == MSG_REFUSE) {
		ev.msg.task.code = "hold";
		ev.msg.task.message = "held by the site";
		ev.msg.task.until_us = f->now_us + 600 * MINUTE;
	}
	memcpy(ev.msg.task.task, o->task, TASK_SIZE);
	brain_fixture_event(f, &ev);
}

/* Targets a and b are applied, c is held by its site; then two hours go by, which is the order's time. */
static struct msg_offer hold_until_the_end(struct brain_fixture *f, bool skip)
{
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer o[4];
	brain_fixture_begin(f, brain_fixture_targets, BRAIN_TARGETS);
	const char *id = brain_fixture_run(f, plan_that_defers, digest);
	assert_int_equal(brain_fixture_offers(f, o, 4), 3);
	say(f, &o[2], MSG_REFUSE);
	for (int i = 0; i < 2; i++)
		brain_fixture_outcome(f, &o[i], digest, OUTCOME_APPLIED);
	if (skip)
		(void)brain_fixture_command(f, "operator", VERB_ROLLOUT_SKIP, NONE, "rollout", id, "target", "eu/pg1/c", "reason", "leaves", NULL);
	brain_fixture_idle(f, 2 * MINUTE);
	assert_string_equal(brain_fixture_status(f, id, "eu/pg1/c", "state"), skip ? "skipped" : "deferred");
	brain_fixture_idle(f, 120 * MINUTE);
	assert_string_equal(brain_fixture_status(f, id, NULL, "state"), "succeeded");
	assert_string_equal(brain_fixture_status(f, id, "eu/pg1/c", "state"), "skipped");
	return o[2];
}

/* The agent is told that this is known: it need not say it again. */
static bool is_answered(const struct brain_fixture *f, const struct msg_offer *o)
{
	for (size_t i = 0; i < f->n_sent; i++)
		if (f->sent[i].msg.type == MSG_RECALL && memcmp(f->sent[i].msg.task.task, o->task, TASK_SIZE) == 0)
			return true;
	return false;
}

/* Held until the order's time was over: it has an order of its own once its site lets it, and not before. */
static void test_catch_up_of_what_its_site_held(void **state)
{
	(void)state;
	struct brain_fixture f;
	struct msg_offer held = hold_until_the_end(&f, false), other = held;
	brain_fixture_idle(&f, 2 * MINUTE);
	assert_int_equal(rollouts(&f), 1);
	brain_fixture_restart(&f);
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	other.task[0] ^= 1;
	say(&f, &other, MSG_UNHELD); /* of something else */
	assert_true(is_answered(&f, &other));
	brain_fixture_idle(&f, 2 * MINUTE);
	assert_int_equal(rollouts(&f), 1);
	say(&f, &held, MSG_UNHELD);
	assert_true(is_answered(&f, &held));
	brain_fixture_idle(&f, 1 * MINUTE);
	assert_int_equal(rollouts(&f), 2);
	assert_string_equal(brain_fixture_cell(&f, "targets"), "1");
	say(&f, &held, MSG_UNHELD); /* once */
	brain_fixture_idle(&f, 1 * MINUTE);
	assert_int_equal(rollouts(&f), 2);
	brain_fixture_done(&f);
}

/* Under a freeze until the order's time was over: it has an order of its own when the freeze is over, by its time or because it is removed, and not before. */
static void test_catch_up_of_what_a_freeze_covered(void **state)
{
	(void)state;
	for (int removed = 0; removed < 2; removed++) {
		struct brain_fixture f;
		uint8_t digest[DIGEST_SIZE];
		struct msg_offer o[4];
		char until[CLOCK_TEXT_SIZE];
		brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
		int64_t until_us = f.now_us / 1000000 * 1000000 + 240 * MINUTE;
		(void)brain_fixture_command(&f, NULL, VERB_FREEZE_ADD, NONE, "selector", "id=eu/pg1/c", "until", clock_text(until_us, until), "reason",
		                            "closing", NULL);
		const char *id = brain_fixture_run(&f, plan_that_defers, digest);
		assert_int_equal(brain_fixture_offers(&f, o, 4), 2);
		for (int i = 0; i < 2; i++)
			brain_fixture_outcome(&f, &o[i], digest, OUTCOME_APPLIED);
		brain_fixture_idle(&f, 2 * MINUTE);
		assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/c", "state"), "deferred");
		brain_fixture_idle(&f, 120 * MINUTE);
		assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "succeeded");
		assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/c", "state"), "skipped");
		brain_fixture_idle(&f, 2 * MINUTE);
		assert_int_equal(rollouts(&f), 1);
		brain_fixture_connect(&f, more, 4); /* others do not wait for it */
		brain_fixture_idle(&f, 1 * MINUTE);
		assert_int_equal(rollouts(&f), 2);
		assert_string_equal(brain_fixture_cell(&f, "targets"), "1");
		(void)brain_fixture_approve_last(&f, digest);
		apply_all(&f, digest);
		brain_fixture_idle(&f, 1 * MINUTE);
		assert_int_equal(rollouts(&f), 2);
		if (removed)
			(void)brain_fixture_command(&f, NULL, VERB_FREEZE_REMOVE, NONE, "freeze", "1", NULL);
		brain_fixture_idle(&f, removed ? 1 * MINUTE : until_us - f.now_us);
		assert_int_equal(rollouts(&f), 3);
		assert_string_equal(brain_fixture_cell(&f, "targets"), "1");
		(void)brain_fixture_approve_last(&f, digest);
		assert_string_equal(brain_fixture_offer(&f, "eu/pg1/c").target, "eu/pg1/c");
		brain_fixture_done(&f);
	}
}

/* The site had let it go in time, and its agent was away before it could be offered: then it is like any other that was away. */
static void test_catch_up_of_what_was_let_go_just_before_the_end(void **state)
{
	(void)state;
	static const char plan[] = "name: p\nenvironments:\n  - name: production\n    catch_up: automatic\n    not_after: 2h\n    waves:\n"
	                           "      - {name: all, unreachable: defer, defer_after: 1m, max_parallel: 2}\n";
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer o[4];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	const char *id = brain_fixture_run(&f, plan, digest);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 2);
	struct msg_offer held = o[1];
	say(&f, &held, MSG_REFUSE);
	struct msg_offer third = brain_fixture_offer(&f, "eu/pg1/c");
	say(&f, &held, MSG_UNHELD); /* no room for it just now */
	assert_int_equal(brain_fixture_offers(&f, o + 1, 3), 0);
	brain_fixture_outcome(&f, &third, digest, OUTCOME_APPLIED);
	brain_fixture_gone(&f);
	brain_fixture_connect(&f, brain_fixture_targets, 1);
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_APPLIED);
	brain_fixture_idle(&f, 2 * MINUTE);
	brain_fixture_idle(&f, 120 * MINUTE);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/b", "state"), "skipped");
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	brain_fixture_idle(&f, 1 * MINUTE);
	assert_int_equal(rollouts(&f), 2);
	brain_fixture_done(&f);
}

static void test_no_catch_up_of_what_a_person_skipped(void **state)
{
	(void)state;
	struct brain_fixture f;
	struct msg_offer held = hold_until_the_end(&f, true);
	say(&f, &held, MSG_UNHELD);
	brain_fixture_idle(&f, 2 * MINUTE);
	assert_int_equal(rollouts(&f), 1);
	brain_fixture_done(&f);
}

/* Some targets of an environment are not the environment: the next one is not opened by them, and nobody else is brought after them. */
static void test_a_start_for_some_targets_is_not_the_environment(void **state)
{
	(void)state;
	static const char plan[] = "name: p\nenvironments:\n  - name: production\n    catch_up: automatic\n    waves:\n      - {name: all}\n";
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer o[4];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_ROLLOUT_START, bytes_of_str(plan), "release", "1.2.0", "environment",
	                                                  "production", "target", "eu/pg1/a", NULL);
	assert_non_null(strstr(r->message, "; it leaves targets of production out, so the release does not count as rolled out there"));
	const char *id = brain_fixture_approve_last(&f, digest);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 1);
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_APPLIED);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "succeeded");
	brain_fixture_idle(&f, 2 * MINUTE);
	assert_int_equal(rollouts(&f), 1);
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_catch_up_by_command),
	    cmocka_unit_test(test_catch_up_by_itself),
	    cmocka_unit_test(test_catch_up_of_what_could_not_be_reached),
	    cmocka_unit_test(test_catch_up_of_what_its_site_held),
	    cmocka_unit_test(test_catch_up_of_what_a_freeze_covered),
	    cmocka_unit_test(test_catch_up_of_what_was_let_go_just_before_the_end),
	    cmocka_unit_test(test_no_catch_up_of_what_a_person_skipped),
	    cmocka_unit_test(test_a_start_for_some_targets_is_not_the_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
