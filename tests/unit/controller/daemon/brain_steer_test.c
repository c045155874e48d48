/* The brain as operators steer it: skipping, quarantine, freezes, a start at a set time, and a retry that finds its target taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "common/wire/documents.h"
#include "tests/support/brain_fixture.h"

#define MINUTE (60 * INT64_C(1000000))

static const char plan_text[] = "name: p\n"
                                "environments:\n"
                                "  - name: production\n"
                                "    waves:\n"
                                "      - {name: canary, selector: \"id=eu/pg1/a\"}\n"
                                "      - {name: rest}\n";

static const struct msg_reply *start_at(struct brain_fixture *f, const char *at)
{
	return brain_fixture_command(f, NULL, VERB_ROLLOUT_START, bytes_of_str(plan_text), "release", "1.2.0", "environment", "production", "start-at",
	                             at, NULL);
}

static void test_skip_tells_who_why_and_what_was(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer o[4];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	const char *id = brain_fixture_run(&f, plan_text, digest);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 1);
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_FAILED);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "halted");
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_SKIP, NONE, "rollout", id, "target", "eu/pg1/a", NULL);
	assert_string_equal(r->message, "rollout-skip needs the argument reason, which is missing or empty: give it");
	r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_SKIP, NONE, "rollout", id, "target", "eu/pg1/a", "reason", "tenant leaves", NULL);
	assert_int_equal(r->exit_code, EXIT_DONE);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 2);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "skipped");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "detail"),
	                    "skipped by operator olga: tenant leaves; it was failed: alice:a: duplicate key. In the database: unchanged.");
	brain_fixture_restart(&f);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "skipped");
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 2);
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_APPLIED);
	brain_fixture_outcome(&f, &o[1], digest, OUTCOME_APPLIED);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "succeeded");
	r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_ROLLBACK, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_WAITING);
	assert_string_equal(brain_fixture_cell(&f, "targets"), "3"); /* the skipped one may have changesets before the one that failed */
	brain_fixture_done(&f);
}

static void test_quarantine_keeps_out_of_new_rollouts(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_TARGET_QUARANTINE, NONE, "target", "eu/pg9/x", "reason", "r", NULL);
	assert_string_equal(r->message, "no agent has announced target eu/pg9/x: `rollcall targets` shows them");
	r = brain_fixture_command(&f, NULL, VERB_TARGET_QUARANTINE, NONE, "target", "eu/pg1/b", "reason", "restore under way", NULL);
	assert_int_equal(r->exit_code, EXIT_DONE);
	brain_fixture_restart(&f);
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	(void)brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/b", "state"), "quarantine");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/b", "detail"), "restore under way (operator olga)");
	r = brain_fixture_start(&f, plan_text);
	assert_string_equal(brain_fixture_cell(&f, "targets"), "2");
	assert_non_null(strstr(r->message, "; 1 is left out: in quarantine"));
	r = brain_fixture_command(&f, NULL, VERB_TARGET_UNQUARANTINE, NONE, "target", "eu/pg1/b", NULL);
	assert_int_equal(r->exit_code, EXIT_DONE);
	r = brain_fixture_command(&f, NULL, VERB_TARGET_UNQUARANTINE, NONE, "target", "eu/pg1/b", NULL);
	assert_string_equal(r->message, "target eu/pg1/b is not in quarantine: `rollcall targets list -l id=eu/pg1/b` shows its state");
	brain_fixture_done(&f);
}

static void test_freeze_holds_and_says_why(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer o[4];
	char until[CLOCK_TEXT_SIZE];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	clock_text(f.now_us + 60 * MINUTE, until);
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_FREEZE_ADD, NONE, "selector", "id=eu/pg1/b", "until",
	                                                  "2001-01-01T00:00:00Z", "reason", "closing", NULL);
	assert_string_equal(r->message, "the freeze would be over before it begins: give a later --until");
	r = brain_fixture_command(&f, "operator", VERB_FREEZE_ADD, NONE, "selector", "id=eu/pg1/b", "until", until, "reason", "closing", NULL);
	assert_int_equal(r->exit_code, EXIT_DONE);
	assert_string_equal(brain_fixture_cell(&f, "targets"), "1");
	r = brain_fixture_start(&f, plan_text);
	assert_non_null(strstr(r->message, "; 1 are under a freeze now"));
	const char *id = brain_fixture_approve_last(&f, digest);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 1);
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_APPLIED);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 1);
	assert_string_equal(o[0].target, "eu/pg1/c");
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/b", "state"), "held");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/b", "detail"), arena_printf(f.arena, "freeze 1 until %s: closing", until));
	brain_fixture_restart(&f); /* it is kept, and that it was the freeze's doing too */
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/b", "state"), "held");
	r = brain_fixture_command(&f, "operator", VERB_FREEZE_REMOVE, NONE, "freeze", "1", NULL);
	assert_int_equal(r->exit_code, EXIT_DONE);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 1);
	assert_string_equal(o[0].target, "eu/pg1/b");
	brain_fixture_done(&f);
}

static void test_start_at_a_set_time(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer o[4];
	char at[CLOCK_TEXT_SIZE];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	clock_text(f.now_us + 10 * MINUTE, at);
	assert_string_equal(start_at(&f, "2001-01-01")->message, "--start-at 2001-01-01 has passed: leave it out to start at once");
	(void)start_at(&f, at);
	const char *id = brain_fixture_approve_last(&f, digest);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 0);
	const struct msg_reply *r = brain_fixture_command(&f, "viewer", VERB_ROLLOUT_STATUS, NONE, "rollout", id, NULL);
	assert_string_equal(r->message, arena_printf(f.arena, "scheduled: nothing starts before %s, in 10 min", at));
	brain_fixture_idle(&f, 9 * MINUTE);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 0);
	brain_fixture_idle(&f, 1 * MINUTE);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 1);
	brain_fixture_done(&f);
}

/* A rollout that ended with failures within its limit may be retried, but not while another one works on the target. */
static void test_retry_of_a_target_that_another_rollout_has(void **state)
{
	(void)state;
	static const char plan[] = "name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all, max_failures: 3}\n";
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer o[4];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	const char *id = brain_fixture_run(&f, plan, digest);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 3);
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_FAILED);
	brain_fixture_outcome(&f, &o[1], digest, OUTCOME_APPLIED);
	brain_fixture_outcome(&f, &o[2], digest, OUTCOME_APPLIED);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "succeeded");
	(void)brain_fixture_start(&f, plan);
	const char *second = arena_strndup(f.arena, brain_fixture_cell(&f, "rollout"), 8);
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_RETRY, NONE, "rollout", id, NULL);
	assert_string_equal(r->message, arena_printf(f.arena,
	                                             "rollout %s (release shop 1.2.0, awaiting-approval) still has target eu/pg1/a: let it end, "
	                                             "or abort it",
	                                             second));
	brain_fixture_done(&f);
}

static const char *const more[] = {"eu/pg1/a", "eu/pg1/b", "eu/pg1/c", "eu/pg1/d", "eu/pg1/e"};

/* Two rollouts at once: the server has no more room for it. */
static void test_caps_of_a_server_hold_over_all_rollouts(void **state)
{
	(void)state;
	static const char capped[] = "name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all, max_parallel_instance: 2}\n";
	struct brain_fixture f;
	uint8_t first[DIGEST_SIZE], second[DIGEST_SIZE];
	struct msg_offer o[4], two[4];
	brain_fixture_begin(&f, more, 5);
	(void)brain_fixture_command(&f, NULL, VERB_ROLLOUT_START, bytes_of_str(plan_text), "release", "1.2.0", "environment", "production", "target",
	                            more[0], NULL);
	(void)brain_fixture_approve_last(&f, first);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 1);
	(void)brain_fixture_command(&f, NULL, VERB_ROLLOUT_START, bytes_of_str(capped), "release", "1.2.0", "environment", "production", "target",
	                            more[1], "target", more[2], NULL);
	const char *id = brain_fixture_approve_last(&f, second);
	assert_int_equal(brain_fixture_offers(&f, two, 4), 1); /* with the other rollout's there are two on the server */
	assert_string_equal(brain_fixture_status(&f, id, more[2], "state"), "pending");
	brain_fixture_outcome(&f, &o[0], first, OUTCOME_APPLIED);
	o[0] = brain_fixture_offer(&f, more[2]); /* in the same turn */
	brain_fixture_outcome(&f, &two[0], second, OUTCOME_APPLIED);
	brain_fixture_outcome(&f, &o[0], second, OUTCOME_APPLIED);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "succeeded");
	brain_fixture_done(&f);
}

static void tell_facts(struct brain_fixture *f, const char *target, const char *version, const char *trouble, uint64_t size_bytes)
{
	struct target_facts facts = {
	    .target = target, .version = version, .trouble = trouble, .size_bytes = size_bytes, .lag_ms = 1500, .at_us = f->now_us};
	struct hub_event ev = brain_fixture_message(f, MSG_FACTS);
	ev.msg.facts = (struct msg_facts){&facts, 1};
	brain_fixture_event(f, &ev);
}

static const char *cell_of_target(struct brain_fixture *f, const char *target, const char *column)
{
	(void)brain_fixture_command(f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	return brain_fixture_cell_of(f, "target", target, column);
}

static void test_inventory(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	tell_facts(&f, "eu/pg1/a", "15.4", "", 12345678);
	tell_facts(&f, "us/pg1/a", "15.4", "", 1); /* not this agent's */
	assert_string_equal(cell_of_target(&f, "eu/pg1/a", "version"), "15.4");
	assert_string_equal(cell_of_target(&f, "eu/pg1/a", "size"), "12.3 MB");
	assert_string_equal(cell_of_target(&f, "eu/pg1/a", "lag"), "1500 ms");
	assert_string_equal(cell_of_target(&f, "eu/pg1/b", "version"), "");
	tell_facts(&f, "eu/pg1/a", "", "connection refused", 0);
	assert_string_equal(cell_of_target(&f, "eu/pg1/a", "state"), "trouble");
	assert_string_equal(cell_of_target(&f, "eu/pg1/a", "detail"), "connection refused");
	assert_string_equal(cell_of_target(&f, "eu/pg1/a", "version"), "15.4"); /* what was known stays */
	brain_fixture_restart(&f);
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	assert_string_equal(cell_of_target(&f, "eu/pg1/a", "version"), "15.4");
	assert_string_equal(cell_of_target(&f, "eu/pg1/a", "size"), "12.3 MB");
	brain_fixture_done(&f);
}

static void test_versions_out_of_range_are_named_at_the_start(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_init(&f);
	f.trust.release.engines[2].max_version = "14";
	brain_fixture_production_alone(&f);
	trust_fixture_build(&f.trust);
	brain_fixture_admit(&f);
	brain_fixture_release(&f);
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	tell_facts(&f, "eu/pg1/a", "14.9", "", 1);
	tell_facts(&f, "eu/pg1/b", "15.4", "", 1);
	tell_facts(&f, "eu/pg1/c", "16.1", "", 1);
	const struct msg_reply *r = brain_fixture_start(&f, plan_text);
	assert_string_equal(
	    r->message,
	    "release 1.2.0 is made for sqlite up to 14, and target eu/pg1/b (and 1 more like it) has version 15.4: leave it out of the plan, or "
	    "bring its server up to date");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_skip_tells_who_why_and_what_was),
	    cmocka_unit_test(test_quarantine_keeps_out_of_new_rollouts),
	    cmocka_unit_test(test_freeze_holds_and_says_why),
	    cmocka_unit_test(test_start_at_a_set_time),
	    cmocka_unit_test(test_retry_of_a_target_that_another_rollout_has),
	    cmocka_unit_test(test_caps_of_a_server_hold_over_all_rollouts),
	    cmocka_unit_test(test_inventory),
	    cmocka_unit_test(test_versions_out_of_range_are_named_at_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
