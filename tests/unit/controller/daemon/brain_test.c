/* The brain with a stand-in hub: start, approval, offers, restart, retry, rollback; and what it refuses, with the exact words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "common/crypto/blobs.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/store/store.h"
#include "tests/support/brain_fixture.h"

static void test_whole_way(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	const char *id = brain_fixture_canary(&f, digest);
	struct msg_offer canary = brain_fixture_offer(&f, "eu/pg1/a");
	assert_int_equal(canary.attempt, 1);
	AUTO(buf_done) struct buf dossier = BUF_INIT;
	struct err e = ERR_INIT;
	struct dossier d;
	assert_int_equal(blobs_get(f.config.blob_dir, canary.dossier_hash, LIMIT_DOSSIER, &dossier, &e), 0);
	assert_int_equal(dossier_decode(buf_bytes(&dossier), f.arena, &d, &e), 0);
	assert_int_equal(d.n_approvals, 2);
	struct merkle_proof proof;
	struct order o;
	assert_int_equal(merkle_proof_decode(canary.proof, &proof, &e), 0);
	assert_int_equal(order_decode(d.order, f.arena, &o, &e), 0);
	assert_true(merkle_verify(&proof, "eu/pg1/a", o.targets_root, o.target_count));
	assert_false(merkle_verify(&proof, "eu/pg1/b", o.targets_root, o.target_count));

	brain_fixture_outcome(&f, &canary, digest, OUTCOME_APPLIED);
	assert_int_equal(brain_fixture_acked(&f), 1);
	struct msg_offer two[4];
	assert_int_equal(brain_fixture_offers(&f, two, 4), 2);
	brain_fixture_outcome(&f, &two[0], digest, OUTCOME_APPLIED);
	brain_fixture_outcome(&f, &two[1], digest, OUTCOME_APPLIED);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "succeeded");
	(void)brain_fixture_command(&f, "viewer", VERB_HISTORY, NONE, "target", "eu/pg1/b", NULL);
	assert_string_equal(brain_fixture_cell(&f, "outcome"), "applied");
	(void)brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/c", "release"), "1.2.0");
	brain_fixture_done(&f);
}

static void test_failure_goes_back_halts_and_is_retried(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	const char *id = brain_fixture_canary(&f, digest);
	struct msg_offer o = brain_fixture_offer(&f, "eu/pg1/a");
	brain_fixture_outcome(&f, &o, digest, OUTCOME_FAILED);
	struct msg_offer undo = brain_fixture_offer(&f, "eu/pg1/a");
	assert_int_equal(undo.direction, DIRECTION_ROLLBACK);
	assert_memory_not_equal(undo.task, o.task, TASK_SIZE);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "halted");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "detail"), "alice:a: duplicate key. In the database: unchanged.");
	brain_fixture_outcome(&f, &undo, digest, OUTCOME_ROLLED_BACK);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "rolled-back");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "detail"),
	                    "alice:a: duplicate key. In the database: unchanged. Since then this release was rolled back here.");
	(void)brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "release"), "");
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/b", "state"), "pending");
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_RESUME, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_FAILED);
	r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_RETRY, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_DONE);
	struct msg_offer again = brain_fixture_offer(&f, "eu/pg1/a");
	assert_int_equal(again.attempt, 2);
	assert_int_equal(again.direction, DIRECTION_APPLY);
	assert_memory_equal(again.task, o.task, TASK_SIZE);
	brain_fixture_outcome(&f, &again, digest, OUTCOME_APPLIED);
	struct msg_offer two[4];
	assert_int_equal(brain_fixture_offers(&f, two, 4), 2);
	brain_fixture_done(&f);
}

static void test_restart_goes_on_from_the_store(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	const char *id = brain_fixture_canary(&f, digest);
	struct msg_offer o = brain_fixture_offer(&f, "eu/pg1/a");
	uint32_t epoch = brain_epoch(f.brain);
	brain_fixture_restart(&f);
	assert_int_equal(brain_epoch(f.brain), epoch + 1);
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	struct msg_offer same = brain_fixture_offer(&f, "eu/pg1/a");
	assert_memory_equal(same.task, o.task, TASK_SIZE);
	assert_memory_equal(same.dossier_hash, o.dossier_hash, DIGEST_SIZE);
	assert_int_equal(same.attempt, 1);
	assert_int_equal(same.epoch, epoch + 1);
	struct msg_report r = brain_fixture_report(&f, &o, digest, OUTCOME_APPLIED);
	brain_fixture_send_report(&f, &r);
	brain_fixture_restart(&f);
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	brain_fixture_send_report(&f, &r); /* the ack was lost */
	assert_int_equal(brain_fixture_acked(&f), 1);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "applied");
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/b", "state"), "offered");
	brain_fixture_done(&f);
}

static void test_the_store_has_one_controller(void **state)
{
	(void)state;
	struct brain_fixture f;
	struct brain *second = NULL;
	AUTO(store_close) struct store *s = NULL;
	struct err e = ERR_INIT;
	uint32_t taken = 0;
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	assert_int_equal(brain_new(&f.config, &second, &e), -1);
	assert_non_null(strstr(e.msg, "another controller runs on this data_dir: stop it first (process "));
	assert_int_equal(store_open(f.config.store_path, &s, &e), 0); /* as if the lock were not seen */
	assert_int_equal(store_next_epoch(s, 1, &taken, &e), 0);
	assert_int_equal(brain_begin(f.brain, f.now_us, &e), -1);
	assert_non_null(strstr(e.msg, "has taken this store over"));
	brain_fixture_done(&f);
}

static void test_rollback_is_a_rollout_of_its_own(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	const char *id = brain_fixture_canary(&f, digest);
	struct msg_offer o = brain_fixture_offer(&f, "eu/pg1/a");
	brain_fixture_outcome(&f, &o, digest, OUTCOME_APPLIED);
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_ROLLBACK, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_FAILED); /* two targets are under way */
	(void)brain_fixture_command(&f, "operator", VERB_ROLLOUT_ABORT, NONE, "rollout", id, "reason", "no", NULL);
	brain_fixture_idle(&f, 40 * INT64_C(1000000));
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "aborted");
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/b", "state"), "skipped");
	r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_ROLLBACK, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_WAITING);
	assert_string_equal(brain_fixture_cell(&f, "direction"), "rollback");
	assert_string_equal(brain_fixture_cell(&f, "targets"), "1");
	brain_fixture_done(&f);
}

/* What a hold or a pause ended between two steps has the steps before it: the delivery is not done, and there is something to take back all the same. */
static void test_what_was_begun_and_held_is_rolled_back_too(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	const char *id = brain_fixture_canary(&f, digest);
	struct msg_offer o = brain_fixture_offer(&f, "eu/pg1/a");
	brain_fixture_outcome(&f, &o, digest, OUTCOME_HELD);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "held");
	(void)brain_fixture_command(&f, "operator", VERB_ROLLOUT_PAUSE, NONE, "rollout", id, NULL);
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_ROLLBACK, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_WAITING);
	assert_string_equal(brain_fixture_cell(&f, "targets"), "1");
	brain_fixture_done(&f);
}

/* What people approve is the list as it was: labels that change, and targets that come, change nothing of it. */
static void test_the_list_is_frozen_when_it_is_made(void **state)
{
	(void)state;
	static const char *const later[] = {"eu/pg1/c", "eu/pg1/b", "eu/pg1/a", "eu/pg1/d"}; /* the first one has the canary's label now */
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	(void)brain_fixture_start(&f, brain_fixture_plan);
	const char *id = arena_strdup(f.arena, brain_fixture_cell(&f, "rollout"));
	brain_fixture_connect(&f, later, ARRAY_LEN(later));
	(void)brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/c", "labels"), "environment=production,ring=canary");
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "awaiting-approval");
	(void)brain_fixture_approve_last(&f, digest);
	struct msg_offer o[4];
	o[0] = brain_fixture_offer(&f, "eu/pg1/a");
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_APPLIED);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 2); /* b and c, not d */
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_APPLIED);
	brain_fixture_outcome(&f, &o[1], digest, OUTCOME_APPLIED);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "succeeded");
	brain_fixture_done(&f);
}

/* The last wave goes back first, the next one when it has, and not when one of it failed. */
static void test_a_rollback_goes_against_the_waves_and_stops_at_a_failure(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer o[4];
	const char *id = brain_fixture_canary(&f, digest);
	o[0] = brain_fixture_offer(&f, "eu/pg1/a");
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_APPLIED);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 2);
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_APPLIED);
	brain_fixture_outcome(&f, &o[1], digest, OUTCOME_APPLIED);
	(void)brain_fixture_command(&f, "operator", VERB_ROLLOUT_ROLLBACK, NONE, "rollout", id, NULL);
	id = brain_fixture_approve_last(&f, digest);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 2);
	assert_string_equal(o[0].target, "eu/pg1/b");
	assert_string_equal(o[1].target, "eu/pg1/c");
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_ROLLED_BACK);
	brain_fixture_outcome(&f, &o[1], digest, OUTCOME_FAILED);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "halted");
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "pending");
	(void)brain_fixture_command(&f, "operator", VERB_ROLLOUT_RETRY, NONE, "rollout", id, NULL);
	o[0] = brain_fixture_offer(&f, "eu/pg1/c");
	brain_fixture_outcome(&f, &o[0], digest, OUTCOME_ROLLED_BACK);
	o[0] = brain_fixture_offer(&f, "eu/pg1/a");
	assert_int_equal(o[0].direction, DIRECTION_ROLLBACK);
	brain_fixture_done(&f);
}

/* Whose agent died at work may never say how that ended: an abort waits for it, the rollout's other targets do not. */
static void test_an_abort_that_waits_for_one_agent_frees_the_others(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	const char *id = brain_fixture_canary(&f, digest);
	brain_fixture_gone(&f);
	(void)brain_fixture_command(&f, "operator", VERB_ROLLOUT_ABORT, NONE, "rollout", id, "reason", "no", NULL);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "aborting");
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/b", "state"), "skipped");
	const struct msg_reply *r = brain_fixture_start(&f, brain_fixture_plan);
	assert_true(str_ends(r->message, " (release shop 1.2.0, aborting) still has target eu/pg1/a: let it end, or leave the target out: "
	                                 "rollcall targets quarantine eu/pg1/a --reason '...'"));
	(void)brain_fixture_command(&f, NULL, VERB_TARGET_QUARANTINE, NONE, "target", "eu/pg1/a", "reason", "its host died", NULL);
	r = brain_fixture_start(&f, "name: p\nenvironments:\n  - name: production\n    waves: [{name: all}]\n");
	assert_int_equal(r->exit_code, EXIT_WAITING);
	assert_string_equal(brain_fixture_cell(&f, "targets"), "2");
	brain_fixture_done(&f);
}

/* Going back has the same room as going forward had. */
static void test_a_rollback_keeps_the_caps_of_site_and_server(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer o[4];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	const char *id =
	    brain_fixture_run(&f, "name: p\nenvironments:\n  - name: production\n    waves: [{name: all, max_parallel_instance: 1}]\n", digest);
	for (int i = 0; i < BRAIN_TARGETS; i++) {
		assert_int_equal(brain_fixture_offers(&f, o, 4), 1);
		brain_fixture_outcome(&f, &o[0], digest, OUTCOME_APPLIED);
	}
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_ROLLBACK, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_WAITING);
	(void)brain_fixture_approve_last(&f, digest);
	assert_int_equal(brain_fixture_offers(&f, o, 4), 1);
	assert_int_equal(o[0].direction, DIRECTION_ROLLBACK);
	brain_fixture_done(&f);
}

static void expect_refusal(const struct msg_reply *r, enum exit_code code, const char *message)
{
	assert_non_null(r);
	assert_string_equal(r->message, message);
	assert_int_equal(r->exit_code, code);
}

static void test_refusals(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	expect_refusal(brain_fixture_command(&f, "viewer", VERB_ROLLOUT_START, bytes_of_str(brain_fixture_plan), "release", "1.2.0", "environment",
	                                     "production", NULL),
	               EXIT_REFUSED, "rollout-start needs role operator, olga has viewer: ask an admin to change controller.yaml");
	expect_refusal(
	    brain_fixture_command(&f, NULL, VERB_ROLLOUT_START, bytes_of_str(brain_fixture_plan), "release", "9.9", "environment", "production", NULL),
	    EXIT_FAILED, "release 9.9 is not at the controller: `rollcall release push` it first");
	expect_refusal(
	    brain_fixture_command(&f, NULL, VERB_ROLLOUT_START, bytes_of_str("name: p\nenvironments:\n  - name: moon\n    waves:\n      - {name: all}\n"),
	                          "release", "1.2.0", "environment", "moon", "plan", "plans/p.yaml", NULL),
	    EXIT_USAGE, "plans/p.yaml:3: environment moon is not in the project's pipeline (production): correct the name, or add it to rollcall.yaml");
	expect_refusal(
	    brain_fixture_command(&f, NULL, VERB_ROLLOUT_START,
	                          bytes_of_str("name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all, selector: ring=none}\n"),
	                          "release", "1.2.0", "environment", "production", "plan", "plans/p.yaml", NULL),
	    EXIT_USAGE,
	    "plans/p.yaml: environment production: wave all: selector \"ring=none\" matches no target: correct it, or the labels in agent.yaml");
	const char *id = brain_fixture_run(&f, brain_fixture_plan, digest);
	const struct msg_reply *r = brain_fixture_start(&f, brain_fixture_plan);
	assert_true(str_starts(r->message, "rollout "));
	assert_true(str_ends(r->message, " (release shop 1.2.0, running) still has target eu/pg1/a (and 2 more): let it end, or abort it"));
	(void)id;
	static const enum verb with_plan[] = {VERB_ROLLOUT_START, VERB_ROLLOUT_PREVIEW, VERB_ROLLOUT_CATCH_UP};
	for (size_t k = 0; k < ARRAY_LEN(with_plan); k++) { /* an empty file is no plan */
		r = brain_fixture_command(&f, NULL, with_plan[k], NONE, "plan", "p.yaml", "environment", "production", "release",
		                          with_plan[k] == VERB_ROLLOUT_CATCH_UP ? NULL : "1.2.0", NULL);
		assert_string_equal(r->message, "p.yaml:1: the file is empty: write its keys");
	}
	brain_fixture_done(&f);
}

static void test_which_approvals_count(void **state)
{
	(void)state;
	struct brain_fixture f;
	brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
	assert_int_equal(brain_fixture_start(&f, brain_fixture_plan)->exit_code, EXIT_WAITING);
	const char *id = arena_strdup(f.arena, brain_fixture_cell(&f, "rollout"));
	struct bytes mallory = brain_fixture_approval(&f, id, MALLORY), alice = brain_fixture_approval(&f, id, ALICE),
	             carol = brain_fixture_approval(&f, id, CAROL), dave = brain_fixture_approval(&f, id, DAVE);
	expect_refusal(brain_fixture_command(&f, NULL, VERB_ROLLOUT_APPROVE, mallory, "rollout", id, NULL), EXIT_REFUSED,
	               "no key of role approver/production signed this approval: the trust document lists who may");
	expect_refusal(brain_fixture_command(&f, NULL, VERB_ROLLOUT_APPROVE, alice, "rollout", id, NULL), EXIT_REFUSED,
	               "alice signed release 1.2.0 and cannot approve it too: another approver has to");
	for (int i = 0; i < 2; i++) { /* one person is one approval, however often */
		const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_ROLLOUT_APPROVE, carol, "rollout", id, NULL);
		assert_int_equal(r->exit_code, EXIT_WAITING);
	}
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "awaiting-approval");
	/* whoever brings it */
	assert_int_equal(brain_fixture_command(&f, "viewer", VERB_ROLLOUT_APPROVE, dave, "rollout", id, NULL)->exit_code, EXIT_DONE);
	assert_string_equal(brain_fixture_status(&f, id, NULL, "state"), "running");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole_way),
	    cmocka_unit_test(test_failure_goes_back_halts_and_is_retried),
	    cmocka_unit_test(test_restart_goes_on_from_the_store),
	    cmocka_unit_test(test_the_store_has_one_controller),
	    cmocka_unit_test(test_rollback_is_a_rollout_of_its_own),
	    cmocka_unit_test(test_what_was_begun_and_held_is_rolled_back_too),
	    cmocka_unit_test(test_the_list_is_frozen_when_it_is_made),
	    cmocka_unit_test(test_a_rollback_goes_against_the_waves_and_stops_at_a_failure),
	    cmocka_unit_test(test_an_abort_that_waits_for_one_agent_frees_the_others),
	    cmocka_unit_test(test_a_rollback_keeps_the_caps_of_site_and_server),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_which_approvals_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
