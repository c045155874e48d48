/* What an agent's name is worth: revoked for ever, its name never another key's; held when two machines run with its keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "common/wire/documents.h"
#include "tests/support/brain_fixture.h"

static const char *const targets[] = {"eu/pg1/a"};

static void begin(struct brain_fixture *f)
{
	brain_fixture_init(f);
	brain_fixture_admit(f);
	brain_fixture_connect(f, targets, 1);
}

static const char *state_of(struct brain_fixture *f)
{
	(void)brain_fixture_command(f, "viewer", VERB_AGENT_LIST, NONE, NULL);
	return brain_fixture_cell(f, "state");
}

static void expect_denied(struct brain_fixture *f, const char *code)
{
	brain_fixture_connect(f, targets, 1);
	assert_true(f->n_sent > 0);
	assert_int_equal(f->sent[f->n_sent - 1].msg.type, MSG_DENY);
	assert_string_equal(f->sent[f->n_sent - 1].msg.deny.code, code);
}

static void test_revoked_is_out_for_ever(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f);
	assert_string_equal(state_of(&f), "online");
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_AGENT_REVOKE, NONE, "agent", "eu-agent", "reason", "stolen", NULL);
	assert_int_equal(r->exit_code, EXIT_REFUSED); /* an admin's business */
	assert_int_equal(f.principals, 1);
	r = brain_fixture_command(&f, NULL, VERB_AGENT_REVOKE, NONE, "agent", "eu-agent", "reason", "stolen", NULL);
	assert_int_equal(r->exit_code, EXIT_DONE);
	assert_int_equal(f.principals, 0); /* the hub is told: no message of its key counts any more */
	assert_string_equal(state_of(&f), "revoked");
	assert_non_null(strstr(brain_fixture_cell(&f, "detail"), "operator olga: stolen"));
	brain_fixture_restart(&f);
	assert_string_equal(state_of(&f), "revoked");
	expect_denied(&f, "revoked"); /* were the hub wrong, the brain would not be */
	r = brain_fixture_command(&f, NULL, VERB_AGENT_ADMIT, f.agent.certificate, NULL);
	assert_int_equal(r->exit_code, EXIT_REFUSED);
	assert_non_null(strstr(r->message, "its name stays used up"));
	r = brain_fixture_command(&f, NULL, VERB_AGENT_APPROVE, NONE, "agent", "eu-agent", NULL);
	assert_int_equal(r->exit_code, EXIT_REFUSED);
	r = brain_fixture_command(&f, NULL, VERB_AGENT_REVOKE, NONE, "agent", "eu-agent", "reason", "again", NULL);
	assert_string_equal(r->error_code, "state");
	brain_fixture_done(&f);
}

static void test_revoked_name_is_not_given_to_another_key(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f);
	(void)brain_fixture_command(&f, NULL, VERB_AGENT_REVOKE, NONE, "agent", "eu-agent", "reason", "stolen", NULL);
	struct envelope env;
	struct certificate c;
	struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	assert_int_equal(envelope_decode(f.agent.certificate, f.arena, &env, &e), 0);
	assert_int_equal(certificate_decode(env.payload, f.arena, &c, &e), 0);
	c.serial = "2";
	c.curve_key = "0123456789abcdefghijklmnopqrstuvwxyzABCD";
	certificate_encode(&c, &data);
	struct bytes fresh = trust_fixture_sign(&f.trust, TYPE_CERTIFICATE, arena_bytes(f.arena, buf_bytes(&data)), ERIN);
	buf_done(&data);
	const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_AGENT_ADMIT, fresh, NULL);
	assert_int_equal(r->exit_code, EXIT_REFUSED);
	assert_int_equal(f.principals, 0);
	brain_fixture_done(&f);
}

static void test_what_a_revoked_agent_still_says_is_not_taken(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f);
	(void)brain_fixture_command(&f, NULL, VERB_AGENT_REVOKE, NONE, "agent", "eu-agent", "reason", "stolen", NULL);
	struct hub_event ev = {.type = HUB_MESSAGE, .session = f.agent.session, .from = {.kind = LINK_AGENT, .name = "eu-agent"}};
	struct target other = {.id = "eu/pg1/b", .engine = "sqlite"}; /* it was on its way when the revocation came */
	ev.msg = (struct msg){.type = MSG_TARGETS, .targets = {.targets = &other, .n_targets = 1, .first = true, .last = true}};
	brain_fixture_event(&f, &ev);
	(void)brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell(&f, "target"), "eu/pg1/a");
	brain_fixture_done(&f);
}

static void test_a_process_that_comes_back_is_a_clone(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f);
	f.agent.boot = "second"; /* a restart */
	brain_fixture_connect(&f, targets, 1);
	assert_string_equal(state_of(&f), "online");
	brain_fixture_connect(&f, targets, 1); /* the same process, after a lost connection */
	assert_string_equal(state_of(&f), "online");
	f.agent.boot = "third"; /* another restart */
	brain_fixture_connect(&f, targets, 1);
	assert_string_equal(state_of(&f), "online");
	f.agent.boot = "second"; /* which the third had replaced: both live */
	expect_denied(&f, "cloned");
	assert_string_equal(state_of(&f), "held");
	assert_non_null(strstr(brain_fixture_cell(&f, "detail"), "two machines run with its keys"));
	f.agent.boot = "third";
	expect_denied(&f, "cloned"); /* neither is believed */
	brain_fixture_restart(&f);
	expect_denied(&f, "cloned");
	const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_AGENT_APPROVE, NONE, "agent", "eu-agent", NULL);
	assert_int_equal(r->exit_code, EXIT_DONE);
	brain_fixture_connect(&f, targets, 1);
	assert_string_equal(state_of(&f), "online");
	r = brain_fixture_command(&f, NULL, VERB_AGENT_APPROVE, NONE, "agent", "eu-agent", NULL);
	assert_string_equal(r->error_code, "state");
	brain_fixture_done(&f);
}

static void test_the_hubs_alarm_holds_it(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f);
	struct hub_event ev = {.type = HUB_CLONED, .session = f.agent.session, .from = {.kind = LINK_AGENT, .name = "eu-agent"}};
	brain_fixture_event(&f, &ev);
	assert_string_equal(state_of(&f), "held");
	expect_denied(&f, "cloned");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_revoked_is_out_for_ever),
	    cmocka_unit_test(test_revoked_name_is_not_given_to_another_key),
	    cmocka_unit_test(test_what_a_revoked_agent_still_says_is_not_taken),
	    cmocka_unit_test(test_a_process_that_comes_back_is_a_clone),
	    cmocka_unit_test(test_the_hubs_alarm_holds_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
