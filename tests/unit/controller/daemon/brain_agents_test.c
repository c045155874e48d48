/* Who is let in by HELLO, and what an agent's epoch says about this controller and others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/support/brain_fixture.h"

static void test_agent_is_denied(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_init(&f);
	brain_fixture_admit(&f);
	assert_int_equal(f.principals, 1);
	struct sign_key *right = f.agent.report_key, *wrong = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(sign_key_generate(&wrong, &e), 0);
	f.agent.report_key = wrong;
	brain_fixture_connect(&f, brain_fixture_targets, 1);
	assert_int_equal(f.sent[0].msg.type, MSG_DENY);
	assert_string_equal(f.sent[0].msg.deny.message, "HELLO of eu-agent is not signed by the report key of its certificate");
	f.agent.report_key = right;
	f.agent.curve_key[0] ^= 1;
	brain_fixture_connect(&f, brain_fixture_targets, 1);
	assert_int_equal(f.sent[0].msg.type, MSG_DENY);
	assert_string_equal(f.sent[0].msg.deny.message,
	                    "the certificate of eu-agent names another CURVE key than the one in use: use the key it was made for");
	sign_key_destroy(&wrong);
	brain_fixture_done(&f);
}

/* Epochs are 32 bits wide and only go up: an agent may not use them up. */
static void test_epoch_that_an_agent_claims(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	brain_fixture_restart(&f);
	uint32_t epoch = brain_epoch(f.brain);
	f.agent.max_epoch = epoch + 5; /* our store was set back */
	brain_fixture_connect(&f, NULL, 0);
	assert_int_equal(brain_epoch(f.brain), epoch + 6);
	f.agent.max_epoch = UINT32_MAX - 1;
	brain_fixture_connect(&f, NULL, 0);
	assert_int_equal(f.sent[0].msg.type, MSG_DENY);
	assert_non_null(strstr(f.sent[0].msg.deny.message, "eu-agent says that it has seen epoch 4294967294, and this controller is at "));
	assert_int_equal(brain_epoch(f.brain), epoch + 6);
	brain_fixture_done(&f);
}

/* What comes after our own epoch, at an agent that had it, is another controller's: its store knows what ours does not. */
static void test_another_controller_has_taken_over(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	uint32_t epoch = brain_epoch(f.brain);
	f.agent.max_epoch = epoch; /* ours: it was here */
	brain_fixture_connect(&f, NULL, 0);
	assert_int_equal(f.sent[0].msg.type, MSG_WELCOME);
	assert_int_equal(brain_epoch(f.brain), epoch);
	f.agent.max_epoch = epoch + 1;
	brain_fixture_connect(&f, NULL, 0);
	assert_int_equal(f.sent[0].msg.type, MSG_DENY);
	assert_non_null(strstr(f.sent[0].msg.deny.message,
	                       "another one has taken over this fleet; stop this one, or, when the other is gone for good, start "
	                       "this one anew"));
	assert_int_equal(brain_epoch(f.brain), epoch);
	brain_fixture_restart(&f); /* now its epoch is the other one's: that would be no fence */
	assert_int_equal(brain_epoch(f.brain), epoch + 1);
	brain_fixture_connect(&f, NULL, 0);
	assert_int_equal(f.sent[0].msg.type, MSG_WELCOME);
	assert_int_equal(f.sent[0].msg.welcome.epoch, epoch + 2);
	brain_fixture_done(&f);
}

/* A delivery whose turn has not come follows its agent, gone and back, and what was offered goes to the new session. */
static void test_deliveries_follow_the_session(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer offer;
	brain_fixture_begin(&f, brain_fixture_targets, 2);
	const char *id =
	    brain_fixture_run(&f, "name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all, max_parallel: 1}\n", digest);
	assert_int_equal(brain_fixture_offers(&f, &offer, 1), 1);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/b", "state"), "pending");
	brain_fixture_gone(&f);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/b", "state"), "unreachable");
	brain_fixture_connect(&f, brain_fixture_targets, 2);
	assert_int_equal(brain_fixture_offers(&f, &offer, 1), 1);
	assert_string_equal(offer.target, "eu/pg1/a");
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/b", "state"), "pending");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_agent_is_denied),
	    cmocka_unit_test(test_epoch_that_an_agent_claims),
	    cmocka_unit_test(test_another_controller_has_taken_over),
	    cmocka_unit_test(test_deliveries_follow_the_session),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
