/* controller/view: how a rollout and its deliveries stand, in words, and what to type next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "tests/support/brain_fixture.h"

#define SECOND INT64_C(1000000)
#define A      "eu/pg1/a"
#define B      "eu/pg1/b"

static const char *const targets[] = {A, B};

static uint8_t digest[DIGEST_SIZE]; /* of the order that start() made last */

static const char *start(struct brain_fixture *f, const char *waves, const char *start_at)
{
	const char *plan = arena_printf(f->arena, "name: p\nenvironments:\n  - name: production\n    waves:\n%s", waves);
	(void)brain_fixture_command(f, NULL, VERB_ROLLOUT_START, bytes_of_str(plan), "release", "1.2.0", "environment", "production",
	                            start_at ? "start-at" : NULL, start_at, NULL);
	return brain_fixture_approve_last(f, digest);
}

static const char *message(struct brain_fixture *f, const char *id)
{
	return brain_fixture_command(f, "viewer", VERB_ROLLOUT_STATUS, NONE, "rollout", id, NULL)->message;
}

static const char *cell(struct brain_fixture *f, const char *id, const char *target, const char *column)
{
	(void)message(f, id);
	return brain_fixture_cell_of(f, "target", target, column);
}

static struct msg_offer offer_of(const struct brain_fixture *f, const char *target)
{
	struct msg_offer sent[8];
	size_t n = brain_fixture_offers(f, sent, ARRAY_LEN(sent));
	for (size_t i = 0; i < n; i++)
		if (str_eq(sent[i].target, target))
			return sent[i];
	fail_msg("%s was not offered", target);
	return (struct msg_offer){.attempt = 0};
}

static void say(struct brain_fixture *f, const struct msg_offer *o, enum msg_type type, const char *code, int64_t until_us)
{
	struct hub_event ev = brain_fixture_message(f, type);
	ev.msg.task = (struct msg_task){.attempt = o->attempt, .code = code, .message = "the site says so", .until_us = until_us};
	memcpy(ev.msg.task.task, o->task, TASK_SIZE);
	brain_fixture_event(f, &ev);
}

static void test_a_held_target_names_who_lets_it_go_on(void **state)
{
	(void)state;
	static const struct {
		const char *code, *next;
		bool until; /* the site says until when */
	} cases[] = {
	    {"hold", "its site lets it go on: rollcall-agent unhold " A, true},
	    {"hold", "its site lets it go on: rollcall-agent unhold " A, false},
	    {"window", "starts by itself when its site's window opens", true},
	    {"consent", "starts after its site's yes: rollcall-agent consent " A, false},
	    {"policy-unreadable", "its site repairs its policy document: rollcall-agent check", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct brain_fixture f;
		char until[CLOCK_TEXT_SIZE];
		brain_fixture_begin(&f, targets, 1);
		const char *id = start(&f, "      - {name: all, max_failures: 0}\n", NULL);
		struct msg_offer o = offer_of(&f, A);
		int64_t until_us = f.now_us + 3600 * SECOND;
		say(&f, &o, MSG_REFUSE, cases[i].code, cases[i].until ? until_us : 0);
		assert_string_equal(cell(&f, id, A, "state"), "held");
		assert_string_equal(cell(&f, id, A, "detail"), "the site says so");
		assert_string_equal(cell(&f, id, A, "next"), cases[i].next);
		assert_string_equal(cell(&f, id, A, "until"), cases[i].until ? clock_text(until_us, until) : ""); /* when it is asked again is no end */
		(void)brain_fixture_command(&f, NULL, VERB_ROLLOUT_PAUSE, NONE, "rollout", id, "reason", "lunch", NULL);
		assert_string_equal(cell(&f, id, A, "next"), arena_printf(f.arena, "goes on with the rollout: rollcall rollout resume %.8s", id));
		assert_string_equal(message(&f, id), arena_printf(f.arena, "paused: lunch; to go on: rollcall rollout resume %.8s", id));
		brain_fixture_done(&f);
	}
}

/* What the site lifts goes on at once, also when the others went on without it meanwhile. */
static void test_a_deferred_target_follows_when_its_hold_is_lifted(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, targets, 2);
	const char *id = start(&f, "      - {name: all, max_failures: 0, unreachable: defer, defer_after: 10s}\n", NULL);
	struct msg_offer o = offer_of(&f, A), other = offer_of(&f, B);
	say(&f, &o, MSG_REFUSE, "hold", f.now_us + 3600 * SECOND);
	brain_fixture_outcome(&f, &other, digest, OUTCOME_APPLIED);
	brain_fixture_idle(&f, 11 * SECOND);
	assert_string_equal(cell(&f, id, A, "state"), "deferred");
	assert_string_equal(cell(&f, id, A, "detail"), "the site says so");
	say(&f, &o, MSG_UNHELD, NULL, 0);
	assert_int_equal(offer_of(&f, A).attempt, o.attempt);
	brain_fixture_done(&f);
}

#define WHY "alice:a: duplicate key. In the database: unchanged." /* of the fixture's failed report */

/* A failed, and its way back is offered; B is applied. */
static const char *fail_first(struct brain_fixture *f, const char *waves, struct msg_offer *ret_undo)
{
	brain_fixture_begin(f, targets, 2);
	const char *id = start(f, waves, NULL);
	struct msg_offer o = offer_of(f, A), other = offer_of(f, B);
	brain_fixture_outcome(f, &other, digest, OUTCOME_APPLIED);
	brain_fixture_outcome(f, &o, digest, OUTCOME_FAILED);
	*ret_undo = offer_of(f, A);
	assert_int_equal(ret_undo->direction, DIRECTION_ROLLBACK);
	return id;
}

/* What its agent answers to the way back is told beside why it failed, not in its place. */
static void test_why_it_failed_stays_while_the_way_back_waits(void **state)
{
	(void)state;
	static const struct {
		const char *code, *state, *detail, *next; /* code NULL: it ends as held, by a report that says nothing more */
	} cases[] = {
	    {"busy", "rolling-back", "its rollback waits: the site says so; before that: " WHY, ""},
	    {"hold", "held", "its rollback waits: the site says so; before that: " WHY, "its site lets it go on: rollcall-agent unhold " A},
	    {NULL, "held", WHY, "its site is asked again by itself"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct brain_fixture f;
		char until[CLOCK_TEXT_SIZE];
		struct msg_offer undo;
		const char *id = fail_first(&f, "      - {name: all, max_failures: 1, on_failure: rollback-target}\n", &undo);
		int64_t until_us = f.now_us + 3600 * SECOND;
		if (cases[i].code)
			say(&f, &undo, MSG_REFUSE, cases[i].code, until_us);
		else
			brain_fixture_outcome(&f, &undo, digest, OUTCOME_HELD);
		bool held = str_eq(cases[i].code, "hold");
		for (int restarts = 0; restarts < 2; restarts++) {
			assert_string_equal(cell(&f, id, A, "state"), cases[i].state);
			assert_string_equal(brain_fixture_cell_of(&f, "target", A, "detail"), cases[i].detail);
			assert_string_equal(brain_fixture_cell_of(&f, "target", A, "next"), cases[i].next);
			assert_string_equal(brain_fixture_cell_of(&f, "target", A, "changeset"), "alice:a");
			if (held)
				assert_string_equal(brain_fixture_cell_of(&f, "target", A, "until"), clock_text(until_us, until));
			(void)brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, NULL);
			assert_string_equal(brain_fixture_cell_of(&f, "target", A, "detail"), str_eq(cases[i].state, "held") ? cases[i].detail : "");
			brain_fixture_restart(&f);
			brain_fixture_connect(&f, targets, 2);
		}
		if (held)
			say(&f, &undo, MSG_UNHELD, NULL, 0);
		else
			brain_fixture_idle(&f, 3601 * SECOND);
		undo = brain_fixture_offer(&f, A);
		assert_string_equal(cell(&f, id, A, "detail"), WHY); /* it is asked anew */
		brain_fixture_outcome(&f, &undo, digest, OUTCOME_ROLLED_BACK);
		assert_string_equal(cell(&f, id, A, "detail"), WHY " Since then this release was rolled back here.");
		brain_fixture_done(&f);
	}
}

static void test_why_it_failed_stays_when_the_way_back_is_given_up(void **state)
{
	(void)state;
	struct brain_fixture f;
	struct msg_offer undo;
	const char *id = fail_first(&f, "      - {name: all, max_failures: 0, on_failure: rollback-target}\n", &undo);
	(void)brain_fixture_command(&f, NULL, VERB_ROLLOUT_ABORT, NONE, "rollout", id, "reason", "no", NULL);
	say(&f, &undo, MSG_REFUSE, "recalled", 0);
	assert_string_equal(cell(&f, id, A, "state"), "failed");
	assert_string_equal(brain_fixture_cell_of(&f, "target", A, "detail"), WHY);
	brain_fixture_done(&f);
}

/* Its agent was busy with something else, and went away before it could take the way back: the others go on, and it is taken back when its agent is there. */
static void test_an_undo_that_waits_says_for_whom(void **state)
{
	(void)state;
	struct brain_fixture f;
	char seen[CLOCK_TEXT_SIZE];
	struct msg_offer undo;
	const char *id =
	    fail_first(&f, "      - {name: all, max_failures: 1, on_failure: rollback-target, unreachable: defer, defer_after: 10s}\n", &undo);
	say(&f, &undo, MSG_REFUSE, "busy", 0);
	clock_text(f.now_us, seen);
	brain_fixture_gone(&f);
	const char *detail = arena_printf(f.arena, "its rollback waits: agent eu-agent is offline, last seen %s; before that: " WHY, seen);
	const char *next =
	    arena_printf(f.arena, "is taken back by itself when its agent is back; not to wait: rollcall rollout skip %.8s " A " --reason TEXT", id);
	assert_string_equal(cell(&f, id, A, "state"), "rolling-back");
	assert_string_equal(brain_fixture_cell_of(&f, "target", A, "detail"), detail);
	assert_string_equal(brain_fixture_cell_of(&f, "target", A, "next"), next);
	brain_fixture_idle(&f, 11 * SECOND);
	assert_string_equal(cell(&f, id, A, "state"), "deferred");
	assert_string_equal(brain_fixture_cell_of(&f, "target", A, "detail"), detail);
	assert_string_equal(brain_fixture_cell_of(&f, "target", A, "next"), next);
	(void)brain_fixture_command(&f, "viewer", VERB_FLEET_STATUS, NONE, NULL);
	assert_string_equal(brain_fixture_cell_of(&f, "needs-eyes", A, "next"), next);
	assert_non_null(strstr(message(&f, id), "catching-up: every wave passed; 1 failed target may be taken back until "));
	const struct msg_reply *r = brain_fixture_start(&f, "name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all}\n");
	assert_non_null(strstr(r->message, "still has target " A ": let it end, or skip the target there"));
	brain_fixture_restart(&f);
	brain_fixture_connect(&f, targets, 2);
	undo = brain_fixture_offer(&f, A);
	assert_int_equal(undo.direction, DIRECTION_ROLLBACK);
	brain_fixture_outcome(&f, &undo, digest, OUTCOME_ROLLED_BACK);
	assert_string_equal(cell(&f, id, A, "state"), "rolled-back");
	assert_non_null(strstr(message(&f, id), "succeeded: every wave passed, with 1 failure that the plan allows"));
	brain_fixture_done(&f);
}

static void test_an_agent_that_is_away_is_named(void **state)
{
	(void)state;
	struct brain_fixture f;
	char seen[CLOCK_TEXT_SIZE];
	brain_fixture_begin(&f, targets, 1);
	const char *id = start(&f, "      - {name: all, max_failures: 0}\n", NULL);
	clock_text(f.now_us, seen);
	brain_fixture_gone(&f);
	assert_string_equal(cell(&f, id, A, "state"), "offered");
	assert_string_equal(cell(&f, id, A, "detail"), arena_printf(f.arena, "agent eu-agent is offline, last seen %s", seen));
	assert_string_equal(cell(&f, id, A, "next"), "is offered again when its agent is back");
	brain_fixture_done(&f);
}

static void test_a_scheduled_rollout_says_when(void **state)
{
	(void)state;
	struct brain_fixture f;
	char at[CLOCK_TEXT_SIZE];
	brain_fixture_begin(&f, targets, 1);
	clock_text(f.now_us + 3600 * SECOND, at);
	const char *id = start(&f, "      - {name: all, max_failures: 0}\n", at);
	assert_string_equal(message(&f, id), arena_printf(f.arena, "scheduled: nothing starts before %s, in 60 min", at));
	assert_string_equal(brain_fixture_cell(&f, "starts-at"), at);
	assert_string_equal(brain_fixture_cell(&f, "state"), "running"); /* for programs */
	assert_string_equal(brain_fixture_cell(&f, "stands"), "scheduled"); /* for people */
	(void)brain_fixture_command(&f, "viewer", VERB_ROLLOUT_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell(&f, "detail"), arena_printf(f.arena, "scheduled: nothing starts before %s, in 60 min", at));
	brain_fixture_done(&f);
}

static void test_an_aborted_rollout_says_what_stays(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, targets, 2);
	const char *id = start(&f, "      - {name: all, max_failures: 0, max_parallel: 1}\n", NULL);
	struct msg_offer o = offer_of(&f, A);
	say(&f, &o, MSG_REFUSE, "hold", 0);
	(void)brain_fixture_command(&f, NULL, VERB_ROLLOUT_ABORT, NONE, "rollout", id, "reason", "wrong release", NULL);
	brain_fixture_idle(&f, 60 * SECOND);
	assert_string_equal(message(&f, id), "aborted: wrong release; 2 of 2 targets stay as before");
	brain_fixture_done(&f);
}

/* A retry alone does not settle what a site's people have to judge. */
static void test_a_halted_rollout_names_who_has_to_act(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, targets, 2);
	const char *id = start(&f, "      - {name: all, max_failures: 0}\n", NULL);
	struct msg_offer first = offer_of(&f, A), second = offer_of(&f, B);
	struct msg_report report = brain_fixture_report(&f, &first, digest, OUTCOME_NEEDS_ATTENTION);
	brain_fixture_send_report(&f, &report);
	assert_string_equal(message(&f, id),
	                    arena_printf(f.arena,
	                                 "halted: wave all: 1 of 2 failed, 0 allowed; nothing new starts; at the site of each that needs "
	                                 "attention: rollcall-agent resolve TARGET, then: rollcall rollout retry %.8s (or abort, or rollback)",
	                                 id));
	report = brain_fixture_report(&f, &second, digest, OUTCOME_FAILED);
	brain_fixture_send_report(&f, &report);
	assert_string_equal(brain_fixture_command(&f, "viewer", VERB_ROLLOUT_STATUS, NONE, "rollout", id, NULL)->message,
	                    arena_printf(f.arena,
	                                 "halted: wave all: 2 of 2 failed, 0 allowed; nothing new starts; repair the cause, and at the site of each that "
	                                 "needs attention: rollcall-agent resolve TARGET, then: rollcall rollout retry %.8s (or abort, or rollback)",
	                                 id));
	brain_fixture_done(&f);
}

static void test_an_expired_rollout_is_not_retried(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, targets, 1);
	(void)brain_fixture_command(&f, NULL, VERB_FREEZE_ADD, NONE, "selector", "id=" A, "until", "2096-01-01T00:00:00Z", "reason", "closing", NULL);
	const char *id = start(&f, "      - {name: all, max_failures: 0}\n", NULL);
	brain_fixture_idle(&f, 25 * 3600 * SECOND);
	assert_string_equal(message(&f, id),
	                    arena_printf(f.arena,
	                                 "halted: the order's time ran out: agents would refuse what is left; nothing new starts; its order "
	                                 "has expired, so no retry: rollcall rollout abort %.8s, then start a new rollout of 1.2.0 to production",
	                                 id));
	brain_fixture_done(&f);
}

#define EXPIRED    (25 * 3600 * SECOND) /* an order is good for a day unless the plan says otherwise */
#define START_ANEW "its order has expired, so no retry: start a new rollout of 1.2.0 to production"

/* One that ran out before it was approved needs no repair, and cannot be retried: neither is said. */
static void test_an_order_that_nobody_approved_in_time(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, targets, 1);
	(void)brain_fixture_command(&f, NULL, VERB_ROLLOUT_START, bytes_of_str("name: p\nenvironments:\n  - {name: production, waves: [{name: all}]}\n"),
	                            "release", "1.2.0", "environment", "production", NULL);
	const char *id = arena_strdup(f.arena, brain_fixture_cell(&f, "rollout"));
	brain_fixture_idle(&f, EXPIRED);
	assert_string_equal(message(&f, id), "failed: the order's time ran out before it was approved; " START_ANEW);
	brain_fixture_done(&f);
}

static void test_a_failure_whose_order_has_expired(void **state)
{
	(void)state;
	static const struct {
		const char *waves, *next, *message;
		bool undone;
	} cases[] = {
	    {"      - {name: all, max_failures: 1}\n", "repair the cause, then: rollcall rollout retry %.8s " A,
	     "succeeded: every wave passed, with 1 failure that the plan allows; " START_ANEW, false},
	    {"      - {name: all, max_failures: 0, on_failure: rollback-all}\n", "to go forward again: rollcall rollout retry %.8s " A,
	     "failed: wave all: 1 of 1 failed, 0 allowed; " START_ANEW, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct brain_fixture f;
		brain_fixture_begin(&f, targets, 1);
		const char *id = start(&f, cases[i].waves, NULL);
		struct msg_offer o = offer_of(&f, A);
		struct msg_report report = brain_fixture_report(&f, &o, digest, OUTCOME_FAILED);
		brain_fixture_send_report(&f, &report);
		if (cases[i].undone) {
			o = offer_of(&f, A);
			report = brain_fixture_report(&f, &o, digest, OUTCOME_ROLLED_BACK);
			brain_fixture_send_report(&f, &report);
		}
		assert_string_equal(cell(&f, id, A, "next"), arena_printf(f.arena, cases[i].next, id));
		brain_fixture_idle(&f, EXPIRED);
		assert_string_equal(message(&f, id), cases[i].message);
		assert_string_equal(cell(&f, id, A, "next"), "repair the cause; this order has expired, so a new rollout brings it");
		brain_fixture_done(&f);
	}
}

static void test_a_pause_that_outlasted_its_order(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, targets, 1);
	const char *id = start(&f, "      - {name: all, max_failures: 0}\n", NULL);
	(void)brain_fixture_command(&f, NULL, VERB_ROLLOUT_PAUSE, NONE, "rollout", id, "reason", "lunch", NULL);
	brain_fixture_idle(&f, EXPIRED);
	assert_string_equal(message(&f, id), arena_printf(f.arena,
	                                                  "paused: lunch; its order has expired, so it cannot go on: rollcall rollout abort %.8s, "
	                                                  "then start a new rollout of 1.2.0 to production",
	                                                  id));
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_held_target_names_who_lets_it_go_on),
	    cmocka_unit_test(test_a_deferred_target_follows_when_its_hold_is_lifted),
	    cmocka_unit_test(test_an_agent_that_is_away_is_named),
	    cmocka_unit_test(test_a_scheduled_rollout_says_when),
	    cmocka_unit_test(test_an_aborted_rollout_says_what_stays),
	    cmocka_unit_test(test_an_expired_rollout_is_not_retried),
	    cmocka_unit_test(test_an_order_that_nobody_approved_in_time),
	    cmocka_unit_test(test_a_failure_whose_order_has_expired),
	    cmocka_unit_test(test_a_pause_that_outlasted_its_order),
	    cmocka_unit_test(test_a_halted_rollout_names_who_has_to_act),
	    cmocka_unit_test(test_an_undo_that_waits_says_for_whom),
	    cmocka_unit_test(test_why_it_failed_stays_while_the_way_back_waits),
	    cmocka_unit_test(test_why_it_failed_stays_when_the_way_back_is_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
