/* What `rollcall agents list` and `rollcall status` say of what an agent's heartbeats tell: its load and its clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "controller/daemon/brain_impl.h"
#include "tests/support/brain_fixture.h"

#define SECOND INT64_C(1000000)

static const char *const targets[] = {"eu/pg1/a"};
static const char plan[] = "name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all}\n";

static void beat(struct brain_fixture *f, int64_t later_us, struct msg_heartbeat h)
{
	struct hub_event ev = brain_fixture_message(f, MSG_HEARTBEAT);
	ev.msg.heartbeat = h;
	f->now_us += later_us;
	brain_fixture_event(f, &ev);
}

/* "running queued unsent|detail" */
static const char *told(struct brain_fixture *f)
{
	(void)brain_fixture_command(f, "viewer", VERB_AGENT_LIST, NONE, NULL);
	return arena_printf(f->arena, "%s %s %s|%s", brain_fixture_cell(f, "running"), brain_fixture_cell(f, "queued"),
	                    brain_fixture_cell(f, "unsent-reports"), brain_fixture_cell(f, "detail"));
}

static void test_as_its_last_heartbeat_said(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, targets, 1);
	assert_string_equal(told(&f), "  |"); /* none has come yet */
	beat(&f, 0, (struct msg_heartbeat){.running = 2, .queued = 7});
	assert_string_equal(told(&f), "2 7 0|");
	beat(&f, SECOND, (struct msg_heartbeat){.running = 1, .queued = 4});
	assert_string_equal(told(&f), "1 4 0|");
	brain_fixture_gone(&f);
	assert_string_equal(told(&f), "  |");
	brain_fixture_connect(&f, targets, 1);
	assert_string_equal(told(&f), "  |"); /* a new session tells anew */
	brain_fixture_done(&f);
}

static void test_reports_that_do_not_come(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(&f, targets, 1);
	(void)brain_fixture_run(&f, plan, digest);
	struct msg_offer offer = brain_fixture_offer(&f, "eu/pg1/a");
	struct msg_report report = brain_fixture_report(&f, &offer, digest, OUTCOME_APPLIED);
	beat(&f, SECOND, (struct msg_heartbeat){.report_seq = 3});
	assert_string_equal(told(&f), "0 0 3|");
	beat(&f, 59 * SECOND, (struct msg_heartbeat){.report_seq = 3});
	assert_string_equal(told(&f), "0 0 3|"); /* it may be a moment */
	beat(&f, SECOND, (struct msg_heartbeat){.report_seq = 3});
	assert_true(str_starts(told(&f), "0 0 3|it has reports that do not come here since "));
	assert_true(str_ends(told(&f), ", 3 now: its log at its site says why, rollcall-agent status how many"));
	brain_fixture_send_report(&f, &report);
	assert_true(str_ends(told(&f), ", 2 now: its log at its site says why, rollcall-agent status how many"));
	beat(&f, SECOND, (struct msg_heartbeat){.report_seq = 1});
	assert_string_equal(told(&f), "0 0 0|");
	beat(&f, SECOND, (struct msg_heartbeat){.report_seq = 2});
	assert_string_equal(told(&f), "0 0 1|"); /* counted from now again */
	brain_fixture_done(&f);
}

static void test_tasks_that_wait_while_nothing_runs(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, targets, 1);
	beat(&f, 0, (struct msg_heartbeat){.queued = 2});
	beat(&f, 45 * SECOND, (struct msg_heartbeat){.running = 1, .queued = 1});
	beat(&f, 15 * SECOND, (struct msg_heartbeat){.queued = 1});
	assert_string_equal(told(&f), "0 1 0|"); /* one ran in between */
	beat(&f, 60 * SECOND, (struct msg_heartbeat){.queued = 1});
	assert_true(str_starts(told(&f), "0 1 0|1 task waits there and nothing runs since "));
	assert_true(str_ends(told(&f), ": at its site, rollcall-agent status shows them"));
	beat(&f, SECOND, (struct msg_heartbeat){0});
	assert_string_equal(told(&f), "0 0 0|");
	brain_fixture_done(&f);
}

/* ---- the clock ---- */

static void beat_clock(struct brain_fixture *f, int64_t ahead_us)
{
	beat(f, 15 * SECOND, (struct msg_heartbeat){.wall_us = f->now_us + 15 * SECOND + ahead_us});
}

/* "offset|detail|name of what needs eyes first, its state, detail" */
static const char *clock_told(struct brain_fixture *f)
{
	(void)brain_fixture_command(f, "viewer", VERB_AGENT_LIST, NONE, NULL);
	const char *list = arena_printf(f->arena, "%s|%s", brain_fixture_cell(f, "clock-offset-ms"), brain_fixture_cell(f, "detail"));
	(void)brain_fixture_command(f, "viewer", VERB_FLEET_STATUS, NONE, NULL);
	const char *name = brain_fixture_cell(f, "needs-eyes");
	return str_empty(name) ? list
	                       : arena_printf(f->arena, "%s|%s %s: %s", list, name, brain_fixture_cell(f, "state"), brain_fixture_cell(f, "detail"));
}

static void test_a_clock_that_is_wrong(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, targets, 1);
	assert_string_equal(clock_told(&f), "|"); /* nothing is known yet */
	beat(&f, 0, (struct msg_heartbeat){.running = 1});
	assert_string_equal(clock_told(&f), "|"); /* an older agent does not say it */
	beat_clock(&f, -SECOND);
	assert_string_equal(clock_told(&f), "-1000|");
	beat_clock(&f, -5 * SECOND); /* that one was on its way for long */
	assert_string_equal(clock_told(&f), "-1000|");
	for (int i = 0; i < LOAD_OFFSETS; i++)
		beat_clock(&f, -5 * SECOND);
	assert_string_equal(clock_told(&f), "-5000|its clock is 5.0 s behind the controller's");
	for (int i = 0; i < LOAD_OFFSETS; i++)
		beat_clock(&f, 3600 * SECOND);
	assert_string_equal(clock_told(&f),
	                    "3600000|its clock is 60 min ahead of the controller's: windows, expiry and freshness go by it: set the wrong one right|"
	                    "eu-agent clock-off: its clock is 60 min ahead of the controller's: windows, expiry and freshness go by it");
	brain_fixture_connect(&f, targets, 1);
	assert_string_equal(clock_told(&f), "|"); /* a new session tells anew */
	brain_fixture_done(&f);
}

static const char *looked(struct brain_fixture *f, int64_t said_us)
{
	struct target_facts facts = {.target = targets[0], .version = "15.4", .at_us = said_us};
	struct hub_event ev = brain_fixture_message(f, MSG_FACTS);
	ev.msg.facts = (struct msg_facts){&facts, 1};
	brain_fixture_event(f, &ev);
	(void)brain_fixture_command(f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	return brain_fixture_cell(f, "looked");
}

/* Who reads when an agent looked reads it by one clock. */
static void test_a_look_is_never_to_come(void **state)
{
	(void)state;
	struct brain_fixture f;
	char now[CLOCK_TEXT_SIZE], before[CLOCK_TEXT_SIZE];
	brain_fixture_begin(&f, targets, 1);
	assert_string_equal(looked(&f, f.now_us - 5 * SECOND), clock_text(f.now_us - 5 * SECOND, before));
	assert_string_equal(looked(&f, f.now_us + 3600 * SECOND), clock_text(f.now_us, now)); /* nothing is known of its clock yet */
	beat_clock(&f, 3600 * SECOND);
	assert_string_equal(looked(&f, f.now_us + 3590 * SECOND), clock_text(f.now_us - 10 * SECOND, before));
	brain_fixture_connect(&f, targets, 1);
	beat_clock(&f, -3600 * SECOND);
	assert_string_equal(looked(&f, f.now_us - 3600 * SECOND), clock_text(f.now_us, now));
	brain_fixture_done(&f);
}

/* An agent of protocol 1 is welcomed in it, one of a later one in the highest that both speak. */
static void test_the_protocol_is_agreed_on(void **state)
{
	(void)state;
	static const uint32_t offered[][2] = {{LINK_PROTO, LINK_PROTO}, {LINK_PROTO_MAX, LINK_PROTO_MAX}, {LINK_PROTO_MAX + 5, LINK_PROTO_MAX}};
	for (size_t i = 0; i < ARRAY_LEN(offered); i++) {
		struct brain_fixture f;
		brain_fixture_begin(&f, targets, 1);
		f.agent.proto_max = offered[i][0];
		brain_fixture_connect(&f, targets, 1);
		assert_int_equal(f.agent.proto, offered[i][1]);
		brain_fixture_done(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_as_its_last_heartbeat_said),         cmocka_unit_test(test_reports_that_do_not_come),
	    cmocka_unit_test(test_tasks_that_wait_while_nothing_runs), cmocka_unit_test(test_a_clock_that_is_wrong),
	    cmocka_unit_test(test_the_protocol_is_agreed_on),          cmocka_unit_test(test_a_look_is_never_to_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
