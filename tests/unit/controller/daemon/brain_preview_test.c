/* Previews: what the sites say of their ledgers, beside what the release holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/support/brain_fixture.h"

static void test_preview_asks_the_sites(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	const struct msg_reply *r = brain_fixture_preview(&f, brain_fixture_plan);
	assert_null(r);
	assert_int_equal(f.n_sent, 3);
	assert_int_equal(f.sent[0].msg.type, MSG_SURVEY);
	uint64_t id = f.sent[0].msg.survey.id;
	struct survey_entry applied[] = {
	    {.project = "shop", .changeset = f.trust.release.changesets[0].id, .state = "applied", .release_version = "1.1.0", .steps_done = 1},
	    {.project = "billing", .changeset = f.trust.release.changesets[1].id, .state = "applied", .steps_done = 1}};
	memcpy(applied[0].digest, f.trust.release.changesets[0].digest, DIGEST_SIZE);
	memcpy(applied[1].digest, f.trust.release.changesets[1].digest, DIGEST_SIZE); /* of the same id and content, and yet of another project */
	struct hub_event ev = brain_fixture_message(&f, MSG_SURVEY_RESULT);
	ev.msg.survey_result = (struct msg_survey_result){.id = id, .target = "eu/pg1/a", .entries = applied, .n_entries = 2, .last = true};
	brain_fixture_event(&f, &ev);
	ev.msg.survey_result =
	    (struct msg_survey_result){.id = id + 1, .target = "eu/pg1/b", .error_code = "db-connect", .error_message = "refused", .last = true};
	brain_fixture_event(&f, &ev);
	assert_int_equal(f.n_sent, 0);
	brain_fixture_idle(&f, 21 * INT64_C(1000000)); /* c never answers */
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "changeset"), f.trust.release.changesets[1].id);
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "action"), "apply");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "step"), "1");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/b", "action"), "unknown");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/b", "detail"), "refused");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/c", "detail"), "its agent did not answer in time");
	brain_fixture_done(&f);
}

/* How many steps there should be, the site cannot know: the controller compares with the release. */
static void test_preview_of_what_is_half_done(void **state)
{
	(void)state;
	static const struct {
		const char *state;
		uint32_t done;
		const char *action, *detail;
	} cases[] = {{"applied", 0, "resume", "0 of 1 steps are done, by release 1.1.0"},
	             {"partial", 0, "resume", "0 of 1 steps are done, by release 1.1.0"},
	             {"rolled-back", 1, "apply", "it was rolled back before"},
	             {"rolled-back", 0, "rollback", "its rollback was interrupted: that is finished first"},
	             {"rolling-back", 0, "rollback", "its rollback was interrupted: that is finished first"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct brain_fixture f;
		brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
		brain_fixture_preview(&f, brain_fixture_plan);
		struct survey_entry half = {
		    .changeset = f.trust.release.changesets[0].id, .state = cases[i].state, .release_version = "1.1.0", .steps_done = cases[i].done};
		struct hub_event ev = brain_fixture_message(&f, MSG_SURVEY_RESULT);
		ev.msg.survey_result =
		    (struct msg_survey_result){.id = f.sent[0].msg.survey.id, .target = "eu/pg1/a", .entries = &half, .n_entries = 1, .last = true};
		brain_fixture_event(&f, &ev);
		brain_fixture_idle(&f, 21 * INT64_C(1000000));
		assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "changeset"), half.changeset);
		assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "action"), cases[i].action);
		assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "detail"), cases[i].detail);
		brain_fixture_done(&f);
	}
}

/* Before anybody has started anything: what a start would say. */
static void test_preview_says_what_a_start_would(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	(void)brain_fixture_command(&f, NULL, VERB_TARGET_QUARANTINE, NONE, "target", "eu/pg1/b", "reason", "restore", NULL);
	brain_fixture_preview(&f, brain_fixture_plan);
	brain_fixture_idle(&f, 21 * INT64_C(1000000));
	assert_string_equal(f.sent[f.n_sent - 1].msg.reply.message,
	                    "2 targets, 2 of them could not be asked; nothing was changed; 1 is left out: in quarantine");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_preview_asks_the_sites),
	    cmocka_unit_test(test_preview_of_what_is_half_done),
	    cmocka_unit_test(test_preview_says_what_a_start_would),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
