/* controller/view: what the fleet's screen and the list of targets say, as operators ask for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "tests/support/brain_fixture.h"

#define MINUTE (60 * INT64_C(1000000))

static const char plan_text[] = "name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all, max_failures: 0}\n";
static const char allows_one[] = "name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all, max_failures: 1}\n";
static const char *const targets[] = {"eu/pg1/a", "eu/pg1/b", "eu/pg1/c", "eu/pg1/d", "eu/pg1/e"};

static const struct msg_reply *status(struct brain_fixture *f)
{
	return brain_fixture_command(f, "viewer", VERB_FLEET_STATUS, NONE, NULL);
}

static const char *fleet(const struct brain_fixture *f, const char *column)
{
	return brain_fixture_cell_of(f, "fleet", f->trust.trust.fleet, column);
}

static const char *eye(const struct brain_fixture *f, const char *name, const char *column)
{
	return brain_fixture_cell_of(f, "needs-eyes", name, column);
}

static const char *start(struct brain_fixture *f, uint8_t digest[DIGEST_SIZE], bool approve)
{
	(void)brain_fixture_start(f, plan_text);
	return approve ? brain_fixture_approve_last(f, digest) : arena_strdup(f->arena, brain_fixture_cell(f, "rollout"));
}

static void settle(struct brain_fixture *f, const uint8_t digest[DIGEST_SIZE], const char *failing)
{
	struct msg_offer o[8];
	size_t n = brain_fixture_offers(f, o, ARRAY_LEN(o));
	for (size_t i = 0; i < n; i++)
		brain_fixture_outcome(f, &o[i], digest, failing && str_glob(failing, o[i].target) ? OUTCOME_FAILED : OUTCOME_APPLIED);
}

static void test_a_quiet_fleet_needs_no_eyes(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, targets, 3);
	const struct msg_reply *r = status(&f);
	assert_int_equal(r->exit_code, EXIT_DONE);
	assert_string_equal(r->message, "nothing needs eyes");
	assert_string_equal(fleet(&f, "agents-online"), "1");
	assert_string_equal(fleet(&f, "targets"), "3");
	assert_string_equal(fleet(&f, "online"), "3");
	assert_string_equal(fleet(&f, "behind"), "0");
	assert_string_equal(brain_fixture_cell_of(&f, "version", "0.1.0", "agents"), "1");
	brain_fixture_done(&f);
}

static void test_a_rollout_waits_then_halts_then_is_over(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(&f, targets, 3);
	const char *id = start(&f, digest, false);
	const struct msg_reply *r = status(&f);
	assert_int_equal(r->exit_code, EXIT_WAITING);
	assert_string_equal(eye(&f, id, "state"), "awaiting-approval");
	assert_string_equal(eye(&f, id, "detail"), "0 of 2 approvals; may sign: carol, dave");
	char until[CLOCK_TEXT_SIZE];
	assert_string_equal(eye(&f, id, "until"), clock_text(f.now_us + 24 * 3600 * INT64_C(1000000), until)); /* its order's end */
	assert_string_equal(eye(&f, id, "next"), arena_printf(f.arena, "an approver runs: rollcall rollout approve %.8s --key KEY", id));
	(void)brain_fixture_command(&f, NULL, VERB_ROLLOUT_ABORT, NONE, "rollout", id, "reason", "another one", NULL);
	id = start(&f, digest, true);
	f.now_us += 10 * INT64_C(1000000);
	settle(&f, digest, "eu/pg1/?");
	r = status(&f);
	assert_int_equal(r->exit_code, EXIT_TARGETS);
	assert_string_equal(eye(&f, id, "state"), "halted");
	assert_string_equal(eye(&f, id, "detail"), "wave all: 3 of 3 failed, 0 allowed; nothing new starts");
	assert_string_equal(brain_fixture_cell_of(&f, "rollout", id, "failed"), "3");
	assert_string_equal(eye(&f, "eu/pg1/a", "state"), "failed");
	assert_string_equal(eye(&f, "eu/pg1/a", "targets"), "3"); /* the same at three: said once */
	assert_string_equal(eye(&f, "eu/pg1/b", "state"), "");
	assert_string_equal(eye(&f, "eu/pg1/a", "detail"), "alice:a: duplicate key. In the database: unchanged.");
	assert_string_equal(eye(&f, "eu/pg1/a", "next"), arena_printf(f.arena, "repair the cause, then: rollcall rollout retry %.8s", id));
	r = brain_fixture_command(&f, NULL, VERB_FLEET_STATUS, NONE, "limit", "1", NULL);
	assert_string_equal(r->message, "2 things need eyes, of which the first 1 are listed");
	assert_int_equal(r->n_rows, 1);
	(void)brain_fixture_command(&f, NULL, VERB_ROLLOUT_RETRY, NONE, "rollout", id, NULL);
	settle(&f, digest, NULL);
	r = status(&f);
	assert_int_equal(r->exit_code, EXIT_DONE);
	assert_string_equal(r->message, "nothing needs eyes");
	assert_string_equal(brain_fixture_cell_of(&f, "rollout", id, "state"), ""); /* over: not listed */
	brain_fixture_done(&f);
}

static void test_a_failure_that_the_plan_allows_still_needs_eyes(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(&f, targets, 3);
	const char *id = brain_fixture_run(&f, allows_one, digest);
	settle(&f, digest, "eu/pg1/b");
	const struct msg_reply *r = status(&f);
	assert_int_equal(r->exit_code, EXIT_TARGETS);
	assert_string_equal(eye(&f, "eu/pg1/b", "state"), "failed");
	assert_string_equal(eye(&f, "eu/pg1/b", "next"), arena_printf(f.arena, "repair the cause, then: rollcall rollout retry %.8s eu/pg1/b", id));
	assert_string_equal(eye(&f, id, "state"), ""); /* the rollout itself has succeeded */
	r = brain_fixture_command(&f, "viewer", VERB_ROLLOUT_STATUS, NONE, "rollout", id, NULL);
	assert_string_equal(r->message,
	                    arena_printf(f.arena,
	                                 "succeeded: every wave passed, with 1 failure that the plan allows; repair the cause, then: rollcall "
	                                 "rollout retry %.8s",
	                                 id));
	(void)brain_fixture_command(&f, NULL, VERB_ROLLOUT_SKIP, NONE, "rollout", id, "target", "eu/pg1/b", "reason", "it is closing", NULL);
	r = status(&f);
	assert_int_equal(r->exit_code, EXIT_DONE);
	assert_string_equal(eye(&f, "eu/pg1/b", "state"), "behind");
	brain_fixture_done(&f);
}

static void test_what_a_rollback_takes_back_is_said_and_not_missed(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(&f, targets, 3);
	const char *id = start(&f, digest, true);
	settle(&f, digest, NULL);
	(void)brain_fixture_command(&f, NULL, VERB_ROLLOUT_ROLLBACK, NONE, "rollout", id, "reason", "broken", NULL);
	const char *back = brain_fixture_approve_last(&f, digest);
	struct msg_offer sent[8];
	assert_int_equal(brain_fixture_offers(&f, sent, ARRAY_LEN(sent)), 3);
	brain_fixture_outcome(&f, &sent[0], digest, OUTCOME_ROLLED_BACK);
	(void)status(&f);
	assert_string_equal(fleet(&f, "behind"), "0"); /* what is being taken back is not what the environment has */
	const struct msg_reply *r = brain_fixture_command(&f, "viewer", VERB_ROLLOUT_STATUS, NONE, "rollout", id, NULL);
	assert_string_equal(r->message, arena_printf(f.arena, "succeeded: every wave passed; taken back since at 1 target by rollout %.8s", back));
	brain_fixture_done(&f);
}

static const char *row_of(struct brain_fixture *f, const char *only, const char *target, const char *column)
{
	(void)brain_fixture_command(f, "viewer", VERB_TARGET_LIST, NONE, only ? "only" : NULL, only, NULL);
	return brain_fixture_cell_of(f, "target", target, column);
}

static void test_newcomers_are_behind(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(&f, targets, 3);
	assert_string_equal(row_of(&f, NULL, "eu/pg1/a", "lacks"), ""); /* no release is present yet */
	(void)start(&f, digest, true);
	settle(&f, digest, NULL);
	brain_fixture_connect(&f, targets, 5);
	assert_string_equal(row_of(&f, "behind", "eu/pg1/d", "lacks"), "shop 1.2.0");
	assert_string_equal(row_of(&f, "behind", "eu/pg1/d", "release"), "");
	assert_string_equal(row_of(&f, "behind", "eu/pg1/a", "state"), ""); /* has it: not listed */
	assert_string_equal(row_of(&f, NULL, "eu/pg1/a", "release"), "1.2.0");
	const struct msg_reply *r = brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, "only", "behind", "limit", "1", NULL);
	assert_string_equal(r->message, "1 of 2 targets; the next ones: --after, with the last id");
	r = brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, "only", "behind", "after", "eu/pg1/d", NULL);
	assert_string_equal(r->message, "1 target");
	assert_string_equal(brain_fixture_cell(&f, "target"), "eu/pg1/e");
	(void)status(&f);
	assert_string_equal(fleet(&f, "behind"), "2");
	assert_string_equal(eye(&f, "eu/pg1/d", "targets"), "2");
	assert_string_equal(eye(&f, "eu/pg1/d", "detail"), "lacks shop 1.2.0, which production has");
	r = brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, "only", "late", NULL);
	assert_string_equal(r->message, "only: late: there are behind, drifted, held, quarantined, offline and trouble");
	brain_fixture_done(&f);
}

static void test_frozen_quarantined_drifted_and_offline_targets(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	char until[CLOCK_TEXT_SIZE];
	brain_fixture_begin(&f, targets, 3);
	clock_text(f.now_us + 60 * MINUTE, until);
	(void)brain_fixture_command(&f, NULL, VERB_TARGET_QUARANTINE, NONE, "target", "eu/pg1/c", "reason", "restore under way", NULL);
	(void)brain_fixture_command(&f, NULL, VERB_FREEZE_ADD, NONE, "selector", "id=eu/pg1/b", "until", until, "reason", "closing", NULL);
	(void)start(&f, digest, true);
	f.agent.left = 7;
	settle(&f, digest, NULL);
	assert_string_equal(row_of(&f, "held", "eu/pg1/b", "state"), "held");
	assert_string_equal(row_of(&f, "held", "eu/pg1/b", "until"), until);
	assert_string_equal(row_of(&f, "quarantined", "eu/pg1/c", "detail"), "restore under way (operator olga)");
	assert_string_equal(row_of(&f, "quarantined", "eu/pg1/b", "state"), "");
	(void)status(&f);
	assert_string_equal(fleet(&f, "held"), "1");
	assert_string_equal(fleet(&f, "quarantined"), "1");
	assert_string_equal(eye(&f, "eu/pg1/b", "state"), "frozen");
	assert_string_equal(eye(&f, "eu/pg1/b", "until"), until);
	assert_string_equal(eye(&f, "1", "kind"), "freeze");
	assert_string_equal(eye(&f, "1", "targets"), "1");
	assert_string_equal(eye(&f, "eu/pg1/c", "next"), "rollcall targets unquarantine eu/pg1/c");
	brain_fixture_gone(&f);
	(void)status(&f);
	assert_string_equal(fleet(&f, "offline"), "3");
	assert_string_equal(eye(&f, "eu-agent", "state"), "offline");
	assert_string_equal(eye(&f, "eu-agent", "targets"), "3");
	assert_string_equal(row_of(&f, "offline", "eu/pg1/a", "state"), "offline");
	brain_fixture_done(&f);
}

static void test_show_of_a_target_whose_agent_is_away(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(&f, targets, 3);
	const char *id = start(&f, digest, true);
	settle(&f, digest, "eu/pg1/b");
	const struct msg_reply *r = brain_fixture_command(&f, "viewer", VERB_TARGET_SHOW, NONE, "target", "eu/pg9/x", NULL);
	assert_string_equal(r->message, "no agent has announced target eu/pg9/x: `rollcall targets` shows them");
	r = brain_fixture_command(&f, "viewer", VERB_TARGET_SHOW, NONE, "target", "eu", NULL);
	assert_string_equal(r->error_code, "usage");
	assert_null(brain_fixture_command(&f, "viewer", VERB_TARGET_SHOW, NONE, "target", "eu/pg1/b", NULL)); /* its agent is asked first */
	brain_fixture_gone(&f);
	r = brain_fixture_command(&f, "viewer", VERB_TARGET_SHOW, NONE, "target", "eu/pg1/b", NULL);
	assert_string_equal(r->message, "its ledger could not be asked: agent eu-agent is not connected");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/b", "state"), "offline");
	assert_string_equal(brain_fixture_cell_of(&f, "rollout", id, "state"), "failed");
	assert_string_equal(brain_fixture_cell_of(&f, "rollout", id, "next"),
	                    arena_printf(f.arena, "repair the cause, then: rollcall rollout retry %.8s eu/pg1/b", id));
	assert_string_equal(brain_fixture_cell_of(&f, "outcome", "failed", "release"), "1.2.0");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_quiet_fleet_needs_no_eyes),
	    cmocka_unit_test(test_a_rollout_waits_then_halts_then_is_over),
	    cmocka_unit_test(test_a_failure_that_the_plan_allows_still_needs_eyes),
	    cmocka_unit_test(test_what_a_rollback_takes_back_is_said_and_not_missed),
	    cmocka_unit_test(test_newcomers_are_behind),
	    cmocka_unit_test(test_frozen_quarantined_drifted_and_offline_targets),
	    cmocka_unit_test(test_show_of_a_target_whose_agent_is_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
