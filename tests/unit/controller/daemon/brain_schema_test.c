/* Drift: what the last delivery left, beside what a later look finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/support/brain_fixture.h"

static void survey_a(struct brain_fixture *f, uint8_t fingerprint, uint32_t form)
{
	(void)brain_fixture_preview(f, brain_fixture_plan);
	struct hub_event ev = brain_fixture_message(f, MSG_SURVEY_RESULT);
	for (size_t i = 0; i < f->n_sent; i++)
		if (f->sent[i].msg.type == MSG_SURVEY && strcmp(f->sent[i].msg.survey.target, "eu/pg1/a") == 0)
			ev.msg.survey_result.id = f->sent[i].msg.survey.id;
	ev.msg.survey_result.target = "eu/pg1/a";
	ev.msg.survey_result.last = true;
	ev.msg.survey_result.fingerprint[0] = fingerprint;
	ev.msg.survey_result.fingerprint_form = form;
	brain_fixture_event(f, &ev);
	brain_fixture_idle(f, 21 * INT64_C(1000000));
}

static void expect_schema(struct brain_fixture *f, const char *word, const char *fingerprint)
{
	(void)brain_fixture_command(f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell_of(f, "target", "eu/pg1/a", "schema"), word);
	assert_string_equal(brain_fixture_cell_of(f, "target", "eu/pg1/a", "fingerprint"), fingerprint);
}

static void test_drift(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	(void)brain_fixture_canary(&f, digest);
	struct msg_offer canary = brain_fixture_offer(&f, "eu/pg1/a");
	expect_schema(&f, "", "");
	survey_a(&f, 0x11, 1); /* nothing was delivered yet: nothing to differ from */
	expect_schema(&f, "", "");
	f.agent.found = 0x11;
	f.agent.left = 0x22;
	brain_fixture_outcome(&f, &canary, digest, OUTCOME_APPLIED);
	expect_schema(&f, "as-left", "220000000000");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "ledger-rows"), "1");
	survey_a(&f, 0x22, 1);
	expect_schema(&f, "as-left", "220000000000");
	survey_a(&f, 0x33, 1);
	expect_schema(&f, "drift", "330000000000");
	brain_fixture_restart(&f);
	expect_schema(&f, "drift", "330000000000");
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	survey_a(&f, 0x22, 1); /* somebody took it back */
	expect_schema(&f, "as-left", "220000000000");
	survey_a(&f, 0x44, 2); /* a newer agent writes the text in another form: that is no drift */
	expect_schema(&f, "", "");
	brain_fixture_done(&f);
}

/* A delivery that ran steps and did not look afterwards leaves nothing to compare with. */
static void test_drift_is_not_guessed(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	(void)brain_fixture_canary(&f, digest);
	struct msg_offer canary = brain_fixture_offer(&f, "eu/pg1/a");
	f.agent.left = 0x22;
	brain_fixture_outcome(&f, &canary, digest, OUTCOME_FAILED);
	expect_schema(&f, "as-left", "220000000000");
	struct msg_offer again = canary;
	again.attempt = 2;
	f.agent.left = 0;
	brain_fixture_outcome(&f, &again, digest, OUTCOME_APPLIED);
	expect_schema(&f, "", "");
	survey_a(&f, 0x33, 1);
	expect_schema(&f, "", "");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_drift),
	    cmocka_unit_test(test_drift_is_not_guessed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
