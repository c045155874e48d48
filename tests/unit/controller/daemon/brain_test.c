/* The brain with a stand-in hub: admission, start, approval, offers, reports, restart, retry, rollback; and what it refuses, with the exact words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/store/store.h"
#include "common/cli/cmd.h"
#include "tests/support/brain_fixture.h"

#define NONE bytes_of(NULL, 0)

static const char plan_text[] = "name: p\n"
                                "environments:\n"
                                "  - name: production\n"
                                "    waves:\n"
                                "      - {name: canary, selector: \"ring=canary\", max_parallel: 1, on_failure: rollback-target}\n"
                                "      - {name: rest, max_parallel: 2}\n";

static const char *const targets[] = {"eu/pg1/a", "eu/pg1/b", "eu/pg1/c"};

/* The fixture's people: carol and dave approve production. The pipeline is cut to production alone. */
static void begin(struct brain_fixture *f)
{
	brain_fixture_init(f);
	static const char *pipeline[] = {"production"};
	f->trust.release.pipeline = pipeline;
	f->trust.release.n_pipeline = 1;
	trust_fixture_build(&f->trust);
	brain_fixture_admit(f);
	brain_fixture_release(f);
	brain_fixture_connect(f, targets, ARRAY_LEN(targets));
}

static const struct msg_reply *start(struct brain_fixture *f)
{
	return brain_fixture_command(f, NULL, VERB_ROLLOUT_START, bytes_of_str(plan_text), "release", "1.2.0", "environment", "production", NULL);
}

static void order_digest_of(struct brain_fixture *f, const char *rollout, uint8_t out[DIGEST_SIZE])
{
	struct order o;
	struct err e = ERR_INIT;
	(void)brain_fixture_command(f, NULL, VERB_ROLLOUT_ORDER, NONE, "rollout", rollout, NULL);
	assert_int_equal(order_decode(f->sent[0].msg.reply.document, f->arena, &o, &e), 0);
	memcpy(out, o.digest, DIGEST_SIZE);
}

/* Starts and approves; the canary's offer is then in f->sent. */
static const char *run_rollout(struct brain_fixture *f, uint8_t digest[DIGEST_SIZE])
{
	const struct msg_reply *r = start(f);
	assert_string_equal(r->error_code ? r->error_code : "", "");
	assert_int_equal(r->exit_code, EXIT_WAITING);
	const char *id = arena_strdup(f->arena, brain_fixture_cell(f, "rollout"));
	order_digest_of(f, id, digest);
	struct bytes carol = brain_fixture_approval(f, id, CAROL), dave = brain_fixture_approval(f, id, DAVE);
	r = brain_fixture_command(f, NULL, VERB_ROLLOUT_APPROVE, carol, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_WAITING);
	r = brain_fixture_command(f, "viewer", VERB_ROLLOUT_APPROVE, dave, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_DONE);
	return id;
}

static struct msg_offer only_offer(const struct brain_fixture *f, const char *target)
{
	const struct msg_offer *o[4];
	assert_int_equal(brain_fixture_offers(f, o, 4), 1);
	assert_string_equal(o[0]->target, target);
	return *o[0];
}

static const char *state_of(struct brain_fixture *f, const char *id, const char *target)
{
	(void)brain_fixture_command(f, "viewer", VERB_ROLLOUT_STATUS, NONE, "rollout", id, NULL);
	return target ? brain_fixture_cell_of(f, "target", target, "state") : brain_fixture_cell_of(f, "rollout", id, "state");
}

static void report(struct brain_fixture *f, const struct msg_offer *o, const uint8_t digest[DIGEST_SIZE], enum outcome outcome)
{
	struct msg_report r = brain_fixture_report(f, o, digest, outcome);
	brain_fixture_send_report(f, &r);
}

static uint64_t acked(const struct brain_fixture *f)
{
	for (size_t i = 0; i < f->n_sent; i++)
		if (f->sent[i].msg.type == MSG_REPORT_ACK)
			return f->sent[i].msg.report_ack.seq;
	return UINT64_MAX;
}

static void test_whole_way(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	begin(&f);
	const char *id = run_rollout(&f, digest);
	struct msg_offer canary = only_offer(&f, "eu/pg1/a");
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

	report(&f, &canary, digest, OUTCOME_APPLIED);
	assert_int_equal(acked(&f), 1);
	const struct msg_offer *two[4];
	assert_int_equal(brain_fixture_offers(&f, two, 4), 2);
	struct msg_offer b = *two[0], c = *two[1];
	report(&f, &b, digest, OUTCOME_APPLIED);
	report(&f, &c, digest, OUTCOME_APPLIED);
	assert_string_equal(state_of(&f, id, NULL), "succeeded");
	(void)brain_fixture_command(&f, "viewer", VERB_HISTORY, NONE, "target", "eu/pg1/b", NULL);
	assert_string_equal(brain_fixture_cell(&f, "outcome"), "applied");
	(void)brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/c", "release"), "1.2.0");
	brain_fixture_done(&f);
}

static void test_reports_once_and_in_order(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	begin(&f);
	const char *id = run_rollout(&f, digest);
	struct msg_offer o = only_offer(&f, "eu/pg1/a");
	struct msg_report first = brain_fixture_report(&f, &o, digest, OUTCOME_HELD), second = brain_fixture_report(&f, &o, digest, OUTCOME_APPLIED);
	brain_fixture_send_report(&f, &second); /* a gap: acknowledged only up to what is there */
	assert_int_equal(acked(&f), 0);
	assert_string_equal(state_of(&f, id, "eu/pg1/a"), "offered");
	brain_fixture_send_report(&f, &first);
	assert_int_equal(acked(&f), 1);
	brain_fixture_send_report(&f, &first);
	assert_int_equal(acked(&f), 1);
	assert_string_equal(state_of(&f, id, "eu/pg1/a"), "held");
	struct msg_report forged = second;
	uint8_t *bytes = (uint8_t *)(uintptr_t)arena_bytes(f.arena, second.envelope).p;
	bytes[second.envelope.n / 2] ^= 1;
	forged.envelope.p = bytes;
	brain_fixture_send_report(&f, &forged);
	assert_int_equal(acked(&f), 1);
	assert_string_equal(state_of(&f, id, "eu/pg1/a"), "held");
	brain_fixture_done(&f);
}

static void test_failure_goes_back_halts_and_is_retried(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	begin(&f);
	const char *id = run_rollout(&f, digest);
	struct msg_offer o = only_offer(&f, "eu/pg1/a");
	report(&f, &o, digest, OUTCOME_FAILED);
	struct msg_offer undo = only_offer(&f, "eu/pg1/a");
	assert_int_equal(undo.direction, DIRECTION_ROLLBACK);
	assert_memory_not_equal(undo.task, o.task, TASK_SIZE);
	assert_string_equal(state_of(&f, id, NULL), "halted");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "detail"), "alice:a: duplicate key. In the database: unchanged.");
	report(&f, &undo, digest, OUTCOME_ROLLED_BACK);
	assert_string_equal(state_of(&f, id, "eu/pg1/a"), "rolled-back");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "detail"),
	                    "alice:a: duplicate key. In the database: unchanged. Since then this release was rolled back here.");
	(void)brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "release"), "");
	assert_string_equal(state_of(&f, id, "eu/pg1/b"), "pending");
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_RESUME, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_FAILED);
	r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_RETRY, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_DONE);
	struct msg_offer again = only_offer(&f, "eu/pg1/a");
	assert_int_equal(again.attempt, 2);
	assert_int_equal(again.direction, DIRECTION_APPLY);
	assert_memory_equal(again.task, o.task, TASK_SIZE);
	report(&f, &again, digest, OUTCOME_APPLIED);
	const struct msg_offer *two[4];
	assert_int_equal(brain_fixture_offers(&f, two, 4), 2);
	brain_fixture_done(&f);
}

static void test_restart_goes_on_from_the_store(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	begin(&f);
	const char *id = run_rollout(&f, digest);
	struct msg_offer o = only_offer(&f, "eu/pg1/a");
	uint32_t epoch = brain_epoch(f.brain);
	brain_fixture_restart(&f);
	assert_int_equal(brain_epoch(f.brain), epoch + 1);
	brain_fixture_connect(&f, targets, ARRAY_LEN(targets));
	struct msg_offer same = only_offer(&f, "eu/pg1/a");
	assert_memory_equal(same.task, o.task, TASK_SIZE);
	assert_memory_equal(same.dossier_hash, o.dossier_hash, DIGEST_SIZE);
	assert_int_equal(same.attempt, 1);
	assert_int_equal(same.epoch, epoch + 1);
	struct msg_report r = brain_fixture_report(&f, &o, digest, OUTCOME_APPLIED);
	brain_fixture_send_report(&f, &r);
	brain_fixture_restart(&f);
	brain_fixture_connect(&f, targets, ARRAY_LEN(targets));
	brain_fixture_send_report(&f, &r); /* the ack was lost */
	assert_int_equal(acked(&f), 1);
	assert_string_equal(state_of(&f, id, "eu/pg1/a"), "applied");
	assert_string_equal(state_of(&f, id, "eu/pg1/b"), "offered");
	brain_fixture_done(&f);
}

/* An agent that could not read the order has no digest of it to report: the task says which delivery it refused. */
static void test_refusal_without_the_order(void **state)
{
	(void)state;
	static const uint8_t unknown[DIGEST_SIZE];
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	begin(&f);
	const char *id = run_rollout(&f, digest);
	struct msg_offer o = only_offer(&f, "eu/pg1/a");
	report(&f, &o, unknown, OUTCOME_REFUSED);
	assert_string_equal(state_of(&f, id, "eu/pg1/a"), "refused");
	brain_fixture_done(&f);
}

/* Text from a database may hold tabs: they are not the ends of cells. */
static void test_tabs_in_a_detail(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	begin(&f);
	const char *id = run_rollout(&f, digest);
	struct msg_offer o = only_offer(&f, "eu/pg1/a");
	struct hub_event ev = {.type = HUB_MESSAGE, .session = f.agent.session, .msg = {.type = MSG_PROGRESS}};
	ev.msg.progress = (struct msg_progress){.attempt = o.attempt, .state = "waiting-lock", .changeset = "alice:a", .detail = "blocked by\tx\ty"};
	memcpy(ev.msg.progress.task, o.task, TASK_SIZE);
	brain_fixture_event(&f, &ev);
	assert_string_equal(state_of(&f, id, "eu/pg1/a"), "waiting-lock");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "detail"), "blocked by\tx\ty");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "changeset"), "alice:a");
	ev.msg.progress.changeset = ""; /* whoever looks from the side does not know it: what was told before stays */
	ev.msg.progress.detail = "blocked by z";
	brain_fixture_event(&f, &ev);
	assert_string_equal(state_of(&f, id, "eu/pg1/a"), "waiting-lock");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "detail"), "blocked by z");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "changeset"), "alice:a");
	brain_fixture_done(&f);
}

/* Epochs are 32 bits wide and only go up: an agent may not use them up. */
static void test_epoch_that_an_agent_claims(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f);
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
	begin(&f);
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

static void test_the_store_has_one_controller(void **state)
{
	(void)state;
	struct brain_fixture f;
	struct brain *second = NULL;
	AUTO(store_close) struct store *s = NULL;
	struct err e = ERR_INIT;
	uint32_t taken = 0;
	begin(&f);
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
	begin(&f);
	const char *id = run_rollout(&f, digest);
	struct msg_offer o = only_offer(&f, "eu/pg1/a");
	report(&f, &o, digest, OUTCOME_APPLIED);
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_ROLLBACK, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_FAILED); /* two targets are under way */
	(void)brain_fixture_command(&f, "operator", VERB_ROLLOUT_ABORT, NONE, "rollout", id, "reason", "no", NULL);
	brain_fixture_idle(&f, 40 * INT64_C(1000000));
	assert_string_equal(state_of(&f, id, NULL), "aborted");
	assert_string_equal(state_of(&f, id, "eu/pg1/b"), "skipped");
	r = brain_fixture_command(&f, "operator", VERB_ROLLOUT_ROLLBACK, NONE, "rollout", id, NULL);
	assert_int_equal(r->exit_code, EXIT_WAITING);
	assert_string_equal(brain_fixture_cell(&f, "direction"), "rollback");
	assert_string_equal(brain_fixture_cell(&f, "targets"), "1");
	brain_fixture_done(&f);
}

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
	brain_fixture_connect(&f, targets, 1);
	assert_int_equal(f.sent[0].msg.type, MSG_DENY);
	assert_string_equal(f.sent[0].msg.deny.message, "HELLO of eu-agent is not signed by the report key of its certificate");
	f.agent.report_key = right;
	f.agent.curve_key[0] ^= 1;
	brain_fixture_connect(&f, targets, 1);
	assert_int_equal(f.sent[0].msg.type, MSG_DENY);
	assert_string_equal(f.sent[0].msg.deny.message,
	                    "the certificate of eu-agent names another CURVE key than the one in use: use the key it was made for");
	sign_key_destroy(&wrong);
	brain_fixture_done(&f);
}

static void test_targets_outside_the_certificate_are_not_taken(void **state)
{
	(void)state;
	struct brain_fixture f;
	static const char *const mixed[] = {"eu/pg1/a", "us/pg1/a"};
	brain_fixture_init(&f);
	brain_fixture_admit(&f);
	brain_fixture_connect(&f, mixed, 2);
	(void)brain_fixture_command(&f, "viewer", VERB_TARGET_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell(&f, "target"), "eu/pg1/a");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "us/pg1/a", "target"), "");
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
	begin(&f);
	expect_refusal(
	    brain_fixture_command(&f, "viewer", VERB_ROLLOUT_START, bytes_of_str(plan_text), "release", "1.2.0", "environment", "production", NULL),
	    EXIT_REFUSED, "rollout-start needs role operator, olga has viewer: ask an admin to change controller.yaml");
	expect_refusal(brain_fixture_command(&f, NULL, VERB_ROLLOUT_START, bytes_of_str(plan_text), "release", "9.9", "environment", "production", NULL),
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
	const char *id = run_rollout(&f, digest);
	const struct msg_reply *r = start(&f);
	assert_true(str_starts(r->message, "rollout "));
	assert_true(str_ends(r->message, " (release shop 1.2.0, running) still has target eu/pg1/a (and 2 more): let it end, or abort it"));
	(void)id;
	brain_fixture_done(&f);
}

static void test_approvals_that_do_not_count(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f);
	(void)start(&f);
	const char *id = arena_strdup(f.arena, brain_fixture_cell(&f, "rollout"));
	struct bytes mallory = brain_fixture_approval(&f, id, MALLORY), alice = brain_fixture_approval(&f, id, ALICE),
	             carol = brain_fixture_approval(&f, id, CAROL);
	expect_refusal(brain_fixture_command(&f, NULL, VERB_ROLLOUT_APPROVE, mallory, "rollout", id, NULL), EXIT_REFUSED,
	               "no key of role approver/production signed this approval: the trust document lists who may");
	expect_refusal(brain_fixture_command(&f, NULL, VERB_ROLLOUT_APPROVE, alice, "rollout", id, NULL), EXIT_REFUSED,
	               "alice signed release 1.2.0 and cannot approve it too: another approver has to");
	for (int i = 0; i < 2; i++) { /* one person is one approval, however often */
		const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_ROLLOUT_APPROVE, carol, "rollout", id, NULL);
		assert_int_equal(r->exit_code, EXIT_WAITING);
	}
	assert_string_equal(state_of(&f, id, NULL), "awaiting-approval");
	brain_fixture_done(&f);
}

static void test_preview_asks_the_sites(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f);
	const struct msg_reply *r =
	    brain_fixture_command(&f, "viewer", VERB_ROLLOUT_PREVIEW, bytes_of_str(plan_text), "release", "1.2.0", "environment", "production", NULL);
	assert_null(r);
	assert_int_equal(f.n_sent, 3);
	assert_int_equal(f.sent[0].msg.type, MSG_SURVEY);
	uint64_t id = f.sent[0].msg.survey.id;
	struct survey_entry applied[] = {
	    {.project = "shop", .changeset = f.trust.release.changesets[0].id, .state = "applied", .release_version = "1.1.0", .steps_done = 1},
	    {.project = "billing", .changeset = f.trust.release.changesets[1].id, .state = "applied", .steps_done = 1}};
	memcpy(applied[0].digest, f.trust.release.changesets[0].digest, DIGEST_SIZE);
	memcpy(applied[1].digest, f.trust.release.changesets[1].digest, DIGEST_SIZE); /* of the same id and content, and yet of another project */
	struct hub_event ev = {.type = HUB_MESSAGE, .session = f.agent.session, .msg = {.type = MSG_SURVEY_RESULT}};
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
		begin(&f);
		brain_fixture_command(&f, "viewer", VERB_ROLLOUT_PREVIEW, bytes_of_str(plan_text), "release", "1.2.0", "environment", "production", NULL);
		struct survey_entry half = {
		    .changeset = f.trust.release.changesets[0].id, .state = cases[i].state, .release_version = "1.1.0", .steps_done = cases[i].done};
		struct hub_event ev = {.type = HUB_MESSAGE, .session = f.agent.session, .msg = {.type = MSG_SURVEY_RESULT}};
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

/* REFUSE: busy and held come again, the rest is a refusal; an answer to an older attempt is none. */
static void test_refuse_messages(void **state)
{
	(void)state;
	static const struct {
		const char *code, *after;
		uint32_t attempt_off;
	} cases[] = {{"busy", "pending", 0}, {"held", "held", 0}, {"window", "held", 0}, {"policy", "refused", 0}, {"policy", "offered", 1}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct brain_fixture f;
		uint8_t digest[DIGEST_SIZE];
		begin(&f);
		const char *id = run_rollout(&f, digest);
		struct msg_offer o = only_offer(&f, "eu/pg1/a");
		struct hub_event ev = {.type = HUB_MESSAGE, .session = f.agent.session, .msg = {.type = MSG_REFUSE}};
		ev.msg.task = (struct msg_task){
		    .attempt = o.attempt + cases[i].attempt_off, .code = cases[i].code, .message = "said so", .until_us = f.now_us + 60 * INT64_C(1000000)};
		memcpy(ev.msg.task.task, o.task, TASK_SIZE);
		brain_fixture_event(&f, &ev);
		assert_string_equal(state_of(&f, id, "eu/pg1/a"), cases[i].after);
		bool again = str_eq(cases[i].after, "pending") || str_eq(cases[i].after, "held");
		brain_fixture_idle(&f, 59 * INT64_C(1000000));
		const struct msg_offer *none[2];
		if (again)
			assert_int_equal(brain_fixture_offers(&f, none, 2), 0);
		brain_fixture_idle(&f, 2 * INT64_C(1000000));
		if (again)
			assert_int_equal(only_offer(&f, "eu/pg1/a").attempt, 1);
		brain_fixture_done(&f);
	}
}

static void test_unheld_is_offered_at_once(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	begin(&f);
	const char *id = run_rollout(&f, digest);
	struct msg_offer o = only_offer(&f, "eu/pg1/a");
	struct hub_event ev = {.type = HUB_MESSAGE, .session = f.agent.session, .msg = {.type = MSG_REFUSE}};
	ev.msg.task = (struct msg_task){.attempt = o.attempt, .code = "hold", .message = "closing", .until_us = f.now_us + 3600 * INT64_C(1000000)};
	memcpy(ev.msg.task.task, o.task, TASK_SIZE);
	brain_fixture_event(&f, &ev);
	assert_string_equal(state_of(&f, id, "eu/pg1/a"), "held");
	ev.msg = (struct msg){.type = MSG_UNHELD, .task = {.attempt = o.attempt}};
	memcpy(ev.msg.task.task, o.task, TASK_SIZE);
	brain_fixture_event(&f, &ev);
	assert_int_equal(only_offer(&f, "eu/pg1/a").attempt, o.attempt);
	brain_fixture_event(&f, &ev); /* of a task that is not held: nothing */
	assert_string_equal(state_of(&f, id, "eu/pg1/a"), "offered");
	brain_fixture_done(&f);
}

static void test_lost_journal_begins_a_new_count(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	begin(&f);
	const char *id = run_rollout(&f, digest);
	struct msg_offer o = only_offer(&f, "eu/pg1/a");
	report(&f, &o, digest, OUTCOME_HELD);
	f.agent.report_seq = 0;
	memset(f.agent.prev_hash, 0, DIGEST_SIZE);
	brain_fixture_connect(&f, targets, ARRAY_LEN(targets));
	brain_fixture_idle(&f, 31 * INT64_C(1000000));
	struct msg_offer again = only_offer(&f, "eu/pg1/a");
	report(&f, &again, digest, OUTCOME_APPLIED);
	assert_int_equal(acked(&f), 1);
	assert_string_equal(state_of(&f, id, "eu/pg1/a"), "applied");
	brain_fixture_done(&f);
}

static void survey_a(struct brain_fixture *f, uint8_t fingerprint, uint32_t form)
{
	(void)brain_fixture_command(f, "viewer", VERB_ROLLOUT_PREVIEW, bytes_of_str(plan_text), "release", "1.2.0", "environment", "production", NULL);
	struct hub_event ev = {.type = HUB_MESSAGE, .session = f->agent.session, .msg = {.type = MSG_SURVEY_RESULT}};
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
	begin(&f);
	(void)run_rollout(&f, digest);
	struct msg_offer canary = only_offer(&f, "eu/pg1/a");
	expect_schema(&f, "", "");
	survey_a(&f, 0x11, 1); /* nothing was delivered yet: nothing to differ from */
	expect_schema(&f, "", "");
	f.agent.found = 0x11;
	f.agent.left = 0x22;
	report(&f, &canary, digest, OUTCOME_APPLIED);
	expect_schema(&f, "as-left", "220000000000");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "ledger-rows"), "1");
	survey_a(&f, 0x22, 1);
	expect_schema(&f, "as-left", "220000000000");
	survey_a(&f, 0x33, 1);
	expect_schema(&f, "drift", "330000000000");
	brain_fixture_restart(&f);
	expect_schema(&f, "drift", "330000000000");
	brain_fixture_connect(&f, (const char *const[]){"eu/pg1/a", "eu/pg1/b", "eu/pg1/c"}, 3);
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
	begin(&f);
	(void)run_rollout(&f, digest);
	struct msg_offer canary = only_offer(&f, "eu/pg1/a");
	f.agent.left = 0x22;
	report(&f, &canary, digest, OUTCOME_FAILED);
	expect_schema(&f, "as-left", "220000000000");
	struct msg_offer again = canary;
	again.attempt = 2;
	f.agent.left = 0;
	report(&f, &again, digest, OUTCOME_APPLIED);
	expect_schema(&f, "", "");
	survey_a(&f, 0x33, 1);
	expect_schema(&f, "", "");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole_way),
	    cmocka_unit_test(test_reports_once_and_in_order),
	    cmocka_unit_test(test_failure_goes_back_halts_and_is_retried),
	    cmocka_unit_test(test_restart_goes_on_from_the_store),
	    cmocka_unit_test(test_refusal_without_the_order),
	    cmocka_unit_test(test_tabs_in_a_detail),
	    cmocka_unit_test(test_epoch_that_an_agent_claims),
	    cmocka_unit_test(test_another_controller_has_taken_over),
	    cmocka_unit_test(test_the_store_has_one_controller),
	    cmocka_unit_test(test_rollback_is_a_rollout_of_its_own),
	    cmocka_unit_test(test_agent_is_denied),
	    cmocka_unit_test(test_targets_outside_the_certificate_are_not_taken),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_approvals_that_do_not_count),
	    cmocka_unit_test(test_preview_asks_the_sites),
	    cmocka_unit_test(test_preview_of_what_is_half_done),
	    cmocka_unit_test(test_refuse_messages),
	    cmocka_unit_test(test_unheld_is_offered_at_once),
	    cmocka_unit_test(test_lost_journal_begins_a_new_count),
	    cmocka_unit_test(test_drift),
	    cmocka_unit_test(test_drift_is_not_guessed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
