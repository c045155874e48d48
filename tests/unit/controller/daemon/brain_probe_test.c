/* Probes as the brain asks them: SQL of the order at the wave's targets, URLs elsewhere; every one has to hold, silence does not. */
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

#define MINUTE (60 * INT64_C(1000000))

static const char plan_text[] = "name: p\n"
                                "environments:\n"
                                "  - name: production\n"
                                "    waves:\n"
                                "      - name: canary\n"
                                "        selector: id notin (eu/pg1/c)\n"
                                "        probes:\n"
                                "          - {name: open, sql: \"SELECT count(*) FROM orders\", expect: \"< 3\"}\n"
                                "          - {name: errors, url: \"http://metrics/q\", json: /rate, expect: \"<= 0.01\"}\n"
                                "      - {name: rest}\n";

static const char *begin(struct brain_fixture *f)
{
	struct msg_offer o[4];
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(f, brain_fixture_targets, BRAIN_TARGETS);
	const char *id = brain_fixture_run(f, plan_text, digest);
	assert_int_equal(brain_fixture_offers(f, o, 4), 2);
	for (int i = 0; i < 2; i++)
		brain_fixture_outcome(f, &o[i], digest, OUTCOME_APPLIED);
	return id;
}

/* Surveys with a probe that the last turn sent. */
static size_t asked(const struct brain_fixture *f, struct msg_survey *ret, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n_sent && n < max; i++)
		if (f->sent[i].msg.type == MSG_SURVEY && f->sent[i].msg.survey.probe)
			ret[n++] = f->sent[i].msg.survey;
	return n;
}

static void answer(struct brain_fixture *f, const struct msg_survey *s, const char *value, const char *error)
{
	struct hub_event ev = brain_fixture_message(f, MSG_SURVEY_RESULT);
	ev.msg.survey_result = (struct msg_survey_result){
	    .id = s->id, .target = s->target, .probe_value = value, .error_code = error ? "db" : "", .error_message = error, .last = true};
	brain_fixture_event(f, &ev);
}

static const char *wave_cell(struct brain_fixture *f, const char *id, const char *column)
{
	(void)brain_fixture_command(f, "viewer", VERB_ROLLOUT_STATUS, NONE, "rollout", id, NULL);
	return brain_fixture_cell_of(f, "wave", "canary", column);
}

static void test_every_probe_has_to_hold(void **state)
{
	(void)state;
	struct brain_fixture f;
	struct msg_survey s[4];
	struct msg_offer o[4];
	const char *id = begin(&f);
	assert_int_equal(asked(&f, s, 4), 2);
	assert_string_equal(s[0].target, "eu/pg1/a");
	assert_int_equal(s[0].probe, 1);
	assert_string_equal(f.fetched_url, "http://metrics/q");
	answer(&f, &s[0], "2", NULL);
	answer(&f, &s[1], "0", NULL);
	assert_string_equal(wave_cell(&f, id, "state"), "probing");
	brain_fixture_fetched(&f, true, "{\"rate\": 0.01}\n");
	assert_int_equal(brain_fixture_offers(&f, o, 4), 1);
	assert_string_equal(o[0].target, "eu/pg1/c");
	brain_fixture_done(&f);
}

static void test_one_that_does_not_hold_halts(void **state)
{
	(void)state;
	struct brain_fixture f;
	struct msg_survey s[4];
	const char *id = begin(&f);
	assert_int_equal(asked(&f, s, 4), 2);
	answer(&f, &s[1], "3", NULL);
	assert_string_equal(wave_cell(&f, id, "state"), "failed");
	assert_string_equal(wave_cell(&f, id, "detail"), "probe open: eu/pg1/b gives '3', expected '< 3'");
	brain_fixture_restart(&f);
	assert_string_equal(wave_cell(&f, id, "detail"), "probe open: eu/pg1/b gives '3', expected '< 3'");
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_RETRY, NONE, "rollout", id, NULL);
	assert_true(str_starts(r->message, "no target is to be tried again: the failed wave's gate is looked at anew"));
	assert_int_equal(asked(&f, s, 4), 2);
	answer(&f, &s[0], NULL, "permission denied");
	assert_string_equal(wave_cell(&f, id, "detail"), "probe open: eu/pg1/a gives no value: permission denied");
	brain_fixture_done(&f);
}

static void test_silence_does_not_hold(void **state)
{
	(void)state;
	struct brain_fixture f;
	struct msg_survey s[4];
	const char *id = begin(&f);
	assert_int_equal(asked(&f, s, 4), 2);
	answer(&f, &s[0], "0", NULL);
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS); /* a new session is asked again */
	assert_int_equal(asked(&f, s, 4), 1);
	assert_string_equal(s[0].target, "eu/pg1/b");
	brain_fixture_fetched(&f, true, "{\"rate\": 0}");
	brain_fixture_idle(&f, 2 * MINUTE);
	assert_string_equal(wave_cell(&f, id, "state"), "failed");
	assert_string_equal(wave_cell(&f, id, "detail"), "probe open: eu/pg1/b was asked and did not answer in time");
	brain_fixture_done(&f);
}

static void test_a_url_that_cannot_be_read(void **state)
{
	(void)state;
	struct brain_fixture f;
	const char *id = begin(&f);
	brain_fixture_fetched(&f, false, "Connection refused");
	assert_string_equal(wave_cell(&f, id, "detail"), "probe errors: its URL gives no value: Connection refused");
	brain_fixture_done(&f);
}

static void test_sql_that_nobody_can_be_asked_proves_nothing(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	brain_fixture_gone(&f);
	const char *id = brain_fixture_run(&f, plan_text, digest);
	(void)brain_fixture_command(&f, "operator", VERB_ROLLOUT_SKIP, NONE, "rollout", id, "target", "eu/pg1/a", "target", "eu/pg1/b", "reason", "r",
	                            NULL);
	brain_fixture_idle(&f, 0);
	assert_string_equal(wave_cell(&f, id, "state"), "failed");
	assert_string_equal(wave_cell(&f, id, "detail"), "probe open: no target of the wave is applied, so there is nobody to ask and nothing is proved");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_probe_has_to_hold),
	    cmocka_unit_test(test_one_that_does_not_hold_halts),
	    cmocka_unit_test(test_silence_does_not_hold),
	    cmocka_unit_test(test_a_url_that_cannot_be_read),
	    cmocka_unit_test(test_sql_that_nobody_can_be_asked_proves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
