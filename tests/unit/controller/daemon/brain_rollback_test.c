/* Rolling back, or giving up, what agents are away with, or what needs a person at its site: the others do not wait, and nothing is claimed that nobody knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "controller/rollout/decide.h"
#include "tests/support/brain_fixture.h"

static void say(struct brain_fixture *f, const struct msg_offer *o, enum msg_type type)
{
	struct hub_event ev = brain_fixture_message(f, type);
	ev.msg.task.attempt = o->attempt;
	memcpy(ev.msg.task.task, o->task, TASK_SIZE);
	brain_fixture_event(f, &ev);
}

/* a is applied, b needs attention, so that it is halted; c was accepted, and the agent went away with it. */
static const char *begin(struct brain_fixture *f, uint8_t digest[DIGEST_SIZE], struct msg_offer *ret_lost, const char **ret_away_since)
{
	struct msg_offer o[4];
	char at[CLOCK_TEXT_SIZE];
	const char *id = brain_fixture_canary(f, digest);
	o[0] = brain_fixture_offer(f, "eu/pg1/a");
	brain_fixture_outcome(f, &o[0], digest, OUTCOME_APPLIED);
	assert_int_equal(brain_fixture_offers(f, o, 4), 2);
	*ret_lost = o[1];
	say(f, &o[1], MSG_ACCEPT);
	brain_fixture_outcome(f, &o[0], digest, OUTCOME_NEEDS_ATTENTION);
	*ret_away_since = arena_strdup(f->arena, clock_text(f->now_us, at));
	brain_fixture_gone(f);
	brain_fixture_idle(f, LOST_AFTER_US);
	return id;
}

static void test_what_is_lost_is_unknown_until_it_tells(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer lost;
	const char *since = NULL, *id = begin(&f, digest, &lost, &since);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "halted");
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/c", "state"), "unknown");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/c", "detail"),
	                    arena_printf(f.arena, "whether it is applied is not known: agent eu-agent is away since %s", since));
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_ABORT, NONE, "rollout", id, "reason", "no", NULL);
	assert_int_equal(r->exit_code, EXIT_DONE);
	r = brain_fixture_command(&f, "viewer", VERB_ROLLOUT_STATUS, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_ATTENTION);
	assert_string_equal(brain_fixture_cell(&f, "state"), "aborted"); /* that does not wait for it */
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/c", "next"), "its agent's report is taken whenever it comes");
	(void)brain_fixture_command(&f, "viewer", VERB_FLEET_STATUS, NONE, NULL);
	assert_string_equal(brain_fixture_cell_of(&f, "needs-eyes", "eu/pg1/c", "state"), "unknown");
	assert_string_equal(brain_fixture_cell_of(&f, "needs-eyes", "eu/pg1/b", "state"), ""); /* given up with the rollout */
	brain_fixture_restart(&f);
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/c", "detail"),
	                    "whether it is applied is not known: agent eu-agent is back and has not told yet");
	brain_fixture_outcome(&f, &lost, digest, OUTCOME_APPLIED);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/c", "state"), "applied");
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "aborted");
	brain_fixture_done(&f);
}

static void test_a_rollback_takes_the_others_first(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE], undo_digest[DIGEST_SIZE];
	struct msg_offer lost, o[4];
	const char *since = NULL, *id = begin(&f, digest, &lost, &since);
	brain_fixture_connect(&f, brain_fixture_targets, 2); /* another agent would have c: this one is back without it */
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_ROLLBACK, NONE, "rollout", id, NULL);
	assert_non_null(strstr(r->message,
	                       "; 1 is away and comes last (wave last), so that the others do not wait; eu/pg1/b needs attention and comes last (wave "
	                       "last): before that, at its site: rollcall-agent resolve eu/pg1/b"));
	assert_string_equal(brain_fixture_cell(&f, "targets"), "3");
	const char *undo = brain_fixture_approve_last(&f, undo_digest);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 1);
	assert_string_equal(o[0].target, "eu/pg1/a");
	brain_fixture_outcome(&f, &o[0], undo_digest, OUTCOME_ROLLED_BACK);
	o[0] = brain_fixture_offer(&f, "eu/pg1/b");
	brain_fixture_outcome(&f, &o[0], undo_digest, OUTCOME_ROLLED_BACK);
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	brain_fixture_outcome(&f, &lost, digest, OUTCOME_APPLIED); /* it was, after all */
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/c", "state"), "applied");
	assert_string_equal(brain_fixture_status(&f, undo, "eu/pg1/c", "state"), "offered"); /* and is taken back */
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_lost_is_unknown_until_it_tells),
	    cmocka_unit_test(test_a_rollback_takes_the_others_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
