/* A delivery from the journal's task to the sealed report: really signed papers, a real SQLite database, no socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/apply/deliver.h"
#include "agent/journal/holds.h"
#include "agent/policy/policy.h"
#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/dsse.h"
#include "common/wire/documents.h"
#include "tests/support/papers_fixture.h"

static struct papers_fixture f;

static int setup(void **state)
{
	(void)state;
	papers_fixture_init(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	papers_fixture_done(&f);
	return 0;
}

static struct report deliver_now(void)
{
	struct err e = ERR_INIT;
	struct report r = {0};
	enum outcome outcome = OUTCOME_COUNT;
	if (papers_fixture_deliver(&f, &outcome, &e) != 0)
		fail_msg("%s", e.msg);
	papers_fixture_report(&f, &r);
	assert_int_equal(r.outcome, outcome);
	return r;
}

/* What the target's ledger leaves of the fixture's task to be done. */
static struct preview look(void)
{
	struct deliver_job job = {.config = &f.config, .target = &f.config.targets[0], .task = &f.task};
	struct verified v;
	struct preview p;
	struct err e = ERR_INIT;
	if (deliver_look(&job, f.journal, f.arena, true, &v, &p, &e) != CHECK_NONE)
		fail_msg("%s", e.msg);
	return p;
}

static struct report deliver_all(void)
{
	papers_fixture_write(&f);
	return deliver_now();
}

/* What every report of a refusal says, whatever was refused. */
static void assert_refused(const struct report *r, const char *check, const char *message)
{
	assert_string_equal(outcome_name(r->outcome), "refused");
	assert_string_equal(r->failure.check, check);
	if (!strstr(r->failure.message, message))
		fail_msg("'%s' does not hold '%s'", r->failure.message, message);
	assert_string_equal(r->failure.database_state, "nothing was changed: no statement was run");
	assert_int_equal(r->n_steps, 0);
	assert_string_equal(papers_fixture_value(&f, "SELECT group_concat(name) FROM sqlite_master"), "unrelated"); /* no ledger either */
}

static void test_applies_and_reports(void **state)
{
	(void)state;
	static const uint8_t none[DIGEST_SIZE];
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "applied");
	assert_string_equal(papers_fixture_value(&f, "SELECT group_concat(name) FROM pragma_table_info('orders')"), "id,note");
	assert_string_equal(r.agent, "eu-1");
	assert_string_equal(r.target, f.task.target);
	assert_memory_equal(r.task, f.task.id, TASK_SIZE);
	assert_memory_equal(r.order_digest, f.agent.signed_by.order.digest, DIGEST_SIZE);
	assert_memory_equal(r.release_digest, f.agent.signed_by.release.digest, DIGEST_SIZE);
	assert_int_equal(r.epoch, 3);
	assert_int_equal(r.n_steps, 2);
	assert_string_equal(r.steps[1].changeset, "alice:orders-add-note");
	assert_int_equal(r.n_validations, 1);
	assert_true(r.validations[0].ok);
	assert_int_equal(r.ledger_rows, 2);
	assert_memory_equal(r.ledger_head, r.steps[1].row_hash, DIGEST_SIZE);
	assert_memory_not_equal(r.ledger_head, none, DIGEST_SIZE);
	assert_null(r.failure.message);
	assert_int_equal(papers_fixture_open_tasks(&f), 0);
}

static void test_again_changes_nothing(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct report first = deliver_all(), r;
	enum outcome outcome = OUTCOME_COUNT;
	f.task.attempt = 2;
	papers_fixture_accept(&f);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_string_equal(outcome_name(r.outcome), "applied");
	assert_int_equal(r.report_seq, first.report_seq + 1);
	assert_int_equal(r.ledger_rows, 2);
	assert_memory_equal(r.ledger_head, first.ledger_head, DIGEST_SIZE);
}

static bool is_taken(const uint8_t fingerprint[DIGEST_SIZE])
{
	static const uint8_t none[DIGEST_SIZE];
	return memcmp(fingerprint, none, DIGEST_SIZE) != 0;
}

/* The second delivery has nothing to run. */
static void test_fingerprints_as_the_site_wants_them(void **state)
{
	(void)state;
	static const struct {
		enum fingerprint_when when;
		bool before, after, idle;
	} cases[] = {{FINGERPRINT_OFF, false, false, false}, {FINGERPRINT_CHANGED, false, true, false}, {FINGERPRINT_ALWAYS, true, true, true}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (i) {
			papers_fixture_done(&f);
			papers_fixture_init(&f);
		}
		papers_fixture_write(&f);
		f.config.fingerprint = cases[i].when;
		struct err e = ERR_INIT;
		struct report first, second;
		enum outcome outcome;
		assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
		papers_fixture_report(&f, &first);
		assert_int_equal(is_taken(first.fingerprint_before), cases[i].before);
		assert_int_equal(is_taken(first.fingerprint), cases[i].after);
		assert_true(!cases[i].before || memcmp(first.fingerprint_before, first.fingerprint, DIGEST_SIZE) != 0);
		f.task.id[0]++; /* another order of the same release */
		papers_fixture_accept(&f);
		assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
		papers_fixture_report(&f, &second);
		assert_false(is_taken(second.fingerprint_before));
		assert_int_equal(is_taken(second.fingerprint), cases[i].idle);
		assert_true(!cases[i].idle || memcmp(first.fingerprint, second.fingerprint, DIGEST_SIZE) == 0);
	}
}

static void test_missing_blob_is_refused(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct err e = ERR_INIT;
	struct report r;
	enum outcome outcome = OUTCOME_COUNT;
	assert_int_equal(remove(papers_fixture_blob(&f, f.task.dossier_hash)), 0);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_refused(&r, "C18 content", "the order could not be fetched from the controller, or what came was not what was asked for");
	assert_string_equal(r.failure.code, "not-found");
}

static void test_damaged_blob_is_refused(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct err e = ERR_INIT;
	struct report r;
	enum outcome outcome = OUTCOME_COUNT;
	assert_int_equal(file_write_atomic(papers_fixture_blob(&f, f.task.release_hash), bytes_of_str("other bytes"), 0600, &e), 0);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_refused(&r, "C18 content", "the bytes no longer match the name");
	assert_string_equal(r.failure.code, "signature");
}

static void test_one_approval_is_not_two(void **state)
{
	(void)state;
	f.agent.signed_by.n_approvals = 1;
	struct report r = deliver_all();
	assert_refused(&r, "C9 approvals", "start a new rollout and have its order approved by as many as it needs");
	assert_memory_equal(r.order_digest, f.agent.signed_by.order.digest, DIGEST_SIZE); /* which order it refused */
}

static void test_unsigned_release(void **state)
{
	(void)state;
	f.agent.signed_by.release_signers[1] = MALLORY;
	struct report r = deliver_all();
	assert_refused(&r, "C6 release-signatures", "sign with 'rollcall release sign'");
}

static void test_a_late_task_is_not_begun(void **state)
{
	(void)state;
	f.task.deadline_us = f.agent.signed_by.now_us - 1000000;
	struct report r = deliver_all();
	assert_refused(&r, "C11 order", "the delivery had to begin before ");
}

static void test_a_begun_task_is_finished_late(void **state)
{
	(void)state;
	f.task.deadline_us = f.agent.signed_by.now_us - 1000000;
	f.task.state = TASK_RUNNING;
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

/* The controller was restarted between the offer and the first statement. */
static void test_an_accepted_task_outlives_its_epoch(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct report r = {0};
	enum outcome outcome = OUTCOME_COUNT;
	papers_fixture_write(&f);
	assert_int_equal(journal_raise(f.journal, "epoch", f.task.epoch + 1, &e), 0);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_string_equal(outcome_name(r.outcome), "applied");
}

/* It had begun, and may have run some statements: nobody may read that nothing was changed. */
static void test_a_begun_task_whose_order_ended(void **state)
{
	(void)state;
	f.agent.signed_by.order.not_after_us = f.agent.signed_by.now_us - 1000000;
	f.task.state = TASK_RUNNING;
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "needs-attention");
	assert_string_equal(r.failure.check, "C11 order");
	assert_string_equal(r.failure.database_state,
	                    "this run changed nothing; an earlier run of this delivery had begun, and what it did stands in the target's ledger");
}

/* ---- what the agent believes ------------------------------------------------------------------------------------------------------------------------- */

/* The next attempt of the same task. */
static struct report deliver_once_more(void)
{
	f.task.attempt++;
	papers_fixture_accept(&f);
	return deliver_now();
}

static void test_frozen_until_a_fresh_document_comes(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct trust_fixture *t = &f.agent.signed_by;
	const struct freshness d = {.version = 1, .issued_at_us = clock_wall_us(), .expires_at_us = clock_wall_us() + FIXTURE_HOUR};
	bool is_new = false;
	trust_fixture_set_role(t, ROLE_FRESH, 1, (const enum fixture_person[]){CI}, 1);
	struct report r = deliver_all();
	assert_refused(&r, "C4 freshness", "no freshness document has come here");
	assert_int_equal(trusted_take(f.journal, f.config.trust_pin, trust_fixture_fresh(t, &d, CI), clock_wall_us(), &is_new, &e), 0);
	r = deliver_once_more();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

static void test_a_refusal_is_on_the_sites_own_screen(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct journal_refusal *list = NULL;
	size_t n = 0;
	f.agent.signed_by.n_approvals = 1;
	(void)deliver_all();
	assert_int_equal(journal_refusals(f.journal, 10, f.arena, &list, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].code, "C9 approvals");
	assert_string_equal(list[0].target, f.task.target);
	assert_non_null(strstr(list[0].message, "1 of 2 signatures"));
}

/* ATK-37, ATK-38: the database is an empty one again, and its people say that this is right; what was in effect there is known all the same, and an older release does not
 * take its place. */
static void test_a_database_that_was_set_back(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	uint64_t sequence = 0;
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "applied");
	assert_int_equal(journal_sequence(f.journal, f.task.target, "shop", &sequence, &e), 0);
	assert_int_equal(sequence, 7);
	assert_int_equal(unlink(f.db), 0);
	papers_fixture_sql(&f, "CREATE TABLE unrelated (id integer)");
	assert_int_equal(journal_head_reset(f.journal, f.task.target, &(struct journal_head){0}, &e),
	                 0); /* the site's people have said that this is the database */
	f.agent.signed_by.release.sequence = 6;
	trust_fixture_build(&f.agent.signed_by);
	memset(f.task.id, 8, TASK_SIZE);
	r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "refused");
	assert_string_equal(r.failure.check, "C8 sequence");
	assert_non_null(strstr(r.failure.message, "the database was set back"));
	assert_string_equal(papers_fixture_value(&f, "SELECT count(*) FROM sqlite_master WHERE name = 'orders'"), "0");
	f.agent.signed_by.release.sequence = 7; /* the release that was there may come again */
	trust_fixture_build(&f.agent.signed_by);
	memset(f.task.id, 9, TASK_SIZE);
	r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

/* C21 without any policy: what agent.yaml gives a session is the longest that a release may give itself. */
static void test_a_setting_over_the_agents_own_timeout(void **state)
{
	(void)state;
	struct trust_fixture *t = &f.agent.signed_by;
	struct changeset *c = &t->release.changesets[0];
	struct step *steps = arena_alloc(t->arena, 2 * sizeof *steps);
	steps[0] = trust_fixture_step(t, STEP_X, "PRAGMA busy_timeout = 5001", NULL);
	for (size_t i = 0; i < c->n_bodies; i++)
		if (str_eq(c->bodies[i].engine, "sqlite")) {
			steps[1] = c->bodies[i].steps[0];
			c->bodies[i].steps = steps;
			c->bodies[i].n_steps = 2;
		}
	papers_fixture_write(&f);
	f.config.allow_class_x = true;
	struct preview p = look();
	assert_int_equal(p.plan.n_steps, 3); /* who looks at it first sees what would run, and that it would not */
	assert_int_equal(strncmp(p.refusal, "C21 timeouts: changes/orders.sql:", 33), 0);
	struct report r = deliver_now();
	assert_refused(
	    &r, "C21 timeouts",
	    "changeset alice:orders-create: it sets busy_timeout to 5001 ms, and this site allows 5000 ms (lock_timeout of agent.yaml): take the "
	    "setting out of the changeset, or have the site's people allow it: longest_lock and longest_statement in the site's policy say how "
	    "much, or else lock_timeout and statement_timeout in agent.yaml");
	r = deliver_once_more();
	assert_refused(&r, "C21 timeouts", "it sets busy_timeout to 5001 ms");
	f.config.targets[0].connect.lock_timeout_max_ms = 6000; /* lock_timeout: 6s under limits */
	r = deliver_once_more();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

/* ---- the site's yes ---------------------------------------------------------------------------------------------------------------------------------- */

/* Before the papers are written. */
static void give_the_site_a_key(void)
{
	trust_fixture_set_role(&f.agent.signed_by, ROLE_SITE, 1, (const enum fixture_person[]){DAVE}, 1);
}

/* The site asks to be asked: its policy, signed by dave. */
static void ask_the_site(void)
{
	struct trust_fixture *t = &f.agent.signed_by;
	struct err e = ERR_INIT;
	static const char text[] = "site: eu\nversion: 1\nconsent: [\"*\"]\n";
	const char *path = arena_printf(f.arena, "%s/policy.env", f.agent.dir);
	assert_int_equal(file_write_atomic(path, trust_fixture_sign(t, TYPE_SITE_POLICY, bytes_of_str(text), DAVE), 0644, &e), 0);
	f.config.policy_file = path;
}

static void say_yes(const struct preview *p)
{
	struct err e = ERR_INIT;
	struct consent c = {.by = "ann", .at_us = clock_wall_us(), .direction = f.task.direction, .to_ledger = p, .rows = p ? p->rows : 0};
	if (p)
		memcpy(c.head, p->head, DIGEST_SIZE);
	assert_int_equal(journal_consent_put(f.journal, &f.task, &c, &e), 0);
}

/* Another order over the same release, with papers of its own, to which the site says yes, too. */
static struct report deliver_another_order(uint8_t id, enum direction d)
{
	struct trust_fixture *t = &f.agent.signed_by;
	t->order.id = arena_printf(t->arena, "%032x", id);
	t->order.direction = f.task.direction = d;
	f.task.attempt = 1;
	memset(f.task.id, id, TASK_SIZE);
	papers_fixture_write(&f);
	ask_the_site();
	say_yes(NULL);
	return deliver_now();
}

static void test_a_preview_is_what_would_run(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct preview p = look();
	assert_true(p.reached);
	assert_null(p.why_not);
	assert_null(p.refusal);
	assert_int_equal(p.rows, 0);
	assert_int_equal(p.plan.n_items, 2);
	assert_int_equal(p.plan.n_steps, 2);
	assert_int_equal(p.plan.items[1].action, PLAN_RUN);
	assert_string_equal(papers_fixture_value(&f, "SELECT group_concat(name) FROM sqlite_master"), "unrelated"); /* nothing was made */
	struct report r = deliver_now();
	assert_string_equal(outcome_name(r.outcome), "applied");
	f.task.id[0]++;
	p = look();
	assert_int_equal(p.rows, 2);
	assert_memory_equal(p.head, r.ledger_head, DIGEST_SIZE);
	assert_int_equal(p.plan.n_steps, 0);
	assert_int_equal(p.plan.items[0].action, PLAN_SKIP);
	papers_fixture_sql(&f, "UPDATE rollcall_ledger SET changeset = 'alice:another' WHERE seq = 1");
	p = look();
	assert_non_null(strstr(p.refusal, "C25 ledger-chain: read the ledger rollcall_ledger: ledger row 1 was changed"));
	assert_int_equal(p.plan.n_items, 0);
	assert_int_equal(unlink(f.db), 0);
	p = look();
	assert_false(p.reached);
	assert_non_null(strstr(p.why_not, "does not exist"));
	assert_int_equal(access(f.db, F_OK), -1);
}

static void test_a_yes_to_what_was_shown(void **state)
{
	(void)state;
	give_the_site_a_key();
	papers_fixture_write(&f);
	ask_the_site();
	struct preview p = look();
	say_yes(&p);
	struct report r = deliver_now();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

/* Shown was that everything is there and nothing would run; then another order takes it all back, and now all of it would run. */
static void test_a_yes_is_not_to_what_another_order_left(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct held *list = NULL;
	size_t n = 0;
	bool yes = true;
	give_the_site_a_key();
	assert_string_equal(outcome_name(deliver_another_order(1, DIRECTION_APPLY).outcome), "applied");
	f.agent.signed_by.order.id = "22222222222222222222222222222222";
	memset(f.task.id, 2, TASK_SIZE);
	papers_fixture_write(&f);
	ask_the_site();
	struct preview p = look();
	assert_int_equal(p.plan.n_steps, 0);
	say_yes(&p);
	const struct task waiting = f.task;
	assert_string_equal(outcome_name(deliver_another_order(3, DIRECTION_ROLLBACK).outcome), "rolled-back");
	f.task = waiting;
	struct report r = deliver_now();
	assert_string_equal(outcome_name(r.outcome), "held");
	assert_int_equal(r.n_steps, 0);
	assert_string_equal(r.failure.check, "C2 site-policy");
	assert_non_null(strstr(r.failure.message, "nothing was begun: since the site said yes (ann, "));
	assert_non_null(strstr(r.failure.message,
	                       ") release 1.2.0 came here under another order (ledger row 3), so that what would run now may not be what was looked "
	                       "at. The site is asked again: there, 'rollcall-agent consent eu/pg-1/shop_3' shows what would run now"));
	assert_string_equal(r.failure.next, "The delivery begins by itself once the site says yes again.");
	assert_string_equal(papers_fixture_value(&f, "SELECT count(*) FROM sqlite_master WHERE name = 'orders'"), "0");
	assert_int_equal(journal_consented(f.journal, &waiting, &yes, &e), 0);
	assert_false(yes);
	assert_int_equal(journal_helds(f.journal, f.arena, &list, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].code, "consent");
	p = look();
	assert_int_equal(p.plan.n_steps, 2);
	say_yes(&p);
	r = deliver_once_more();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

/* A yes to the whole release is to whatever of it is left; without any yes nothing begins, whoever asked before. */
static void test_a_yes_to_the_whole_release(void **state)
{
	(void)state;
	give_the_site_a_key();
	assert_string_equal(outcome_name(deliver_another_order(1, DIRECTION_APPLY).outcome), "applied");
	assert_string_equal(outcome_name(deliver_another_order(2, DIRECTION_ROLLBACK).outcome), "rolled-back");
	assert_string_equal(outcome_name(deliver_another_order(3, DIRECTION_APPLY).outcome), "applied");
	assert_string_equal(outcome_name(deliver_another_order(4, DIRECTION_ROLLBACK).outcome), "rolled-back");
	f.agent.signed_by.order.id = "55555555555555555555555555555555";
	f.agent.signed_by.order.direction = f.task.direction = DIRECTION_APPLY;
	memset(f.task.id, 5, TASK_SIZE);
	papers_fixture_write(&f);
	ask_the_site();
	struct report r = deliver_now();
	assert_string_equal(outcome_name(r.outcome), "held");
	assert_non_null(strstr(r.failure.message, "nothing was begun: its policy asks for that now. The site is asked again"));
}

static void test_failed_statement(void **state)
{
	(void)state;
	papers_fixture_sql(&f, "CREATE TABLE orders (other integer)");
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "failed");
	assert_string_equal(r.failure.code, "db");
	assert_string_equal(r.failure.changeset, "alice:orders-create");
	assert_non_null(strstr(r.failure.message, "table orders already exists"));
	assert_string_equal(r.failure.database_state, "none of the release's 2 changesets is applied; nothing else changed");
	assert_string_equal(papers_fixture_value(&f, "SELECT group_concat(name) FROM pragma_table_info('orders')"), "other");
}

/* A validation's query reads what the tenant's people wrote. */
static void test_giant_value(void **state)
{
	(void)state;
	f.agent.signed_by.release.changesets[1].validations[0].sql = bytes_of_str("SELECT hex(zeroblob(1000000))");
	struct report r = deliver_all();
	assert_string_equal(outcome_name(r.outcome), "failed");
	assert_non_null(strstr(r.failure.message, "the query gave a value of more than 65536 bytes: count or hash it in the query"));
}

static void test_unreachable_database(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct err e = ERR_INIT;
	struct report r;
	enum outcome outcome = OUTCOME_COUNT;
	f.config.targets[0].connect.dsn = "sqlite:/nowhere/shop.db";
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_string_equal(outcome_name(r.outcome), "failed");
	assert_non_null(strstr(r.failure.message, "target unreachable"));
	assert_string_equal(r.failure.database_state, "this run changed nothing; the ledger could not be read");
}

static void test_password_that_cannot_be_fetched(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct err e = ERR_INIT;
	struct report r;
	enum outcome outcome = OUTCOME_COUNT;
	f.config.targets[0].password_file = "/nowhere/password";
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_string_equal(outcome_name(r.outcome), "failed");
	assert_string_equal(r.failure.code, "key");
	assert_string_equal(papers_fixture_value(&f, "SELECT group_concat(name) FROM sqlite_master"), "unrelated"); /* no ledger either */
}

static void test_terminated_task_stays_open(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct err e = ERR_INIT;
	enum outcome outcome = OUTCOME_COUNT;
	watch_ask(&f.watch, WISH_TERMINATE);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), -1);
	assert_int_equal(e.code, ERR_STATE);
	assert_int_equal(outcome, OUTCOME_COUNT);
	assert_int_equal(papers_fixture_open_tasks(&f), 1);
	assert_int_equal(journal_last_report(f.journal), 0);
}

static void test_rollback_of_what_was_applied(void **state)
{
	(void)state;
	f.agent.signed_by.order.waves[1].on_failure = ON_FAILURE_ROLLBACK_TARGET;
	struct err e = ERR_INIT;
	struct report r = deliver_all();
	enum outcome outcome = OUTCOME_COUNT;
	assert_string_equal(outcome_name(r.outcome), "applied");
	memset(f.task.id, 9, TASK_SIZE);
	f.task.direction = DIRECTION_ROLLBACK;
	papers_fixture_accept(&f);
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_report(&f, &r);
	assert_string_equal(outcome_name(r.outcome), "rolled-back");
	assert_string_equal(papers_fixture_value(&f, "SELECT count(*) FROM sqlite_master WHERE name = 'orders'"), "0");
	assert_int_equal(r.ledger_rows, 4);
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_applies_and_reports),
	    CASE(test_again_changes_nothing),
	    CASE(test_fingerprints_as_the_site_wants_them),
	    CASE(test_missing_blob_is_refused),
	    CASE(test_damaged_blob_is_refused),
	    CASE(test_one_approval_is_not_two),
	    CASE(test_unsigned_release),
	    CASE(test_a_late_task_is_not_begun),
	    CASE(test_a_begun_task_is_finished_late),
	    CASE(test_an_accepted_task_outlives_its_epoch),
	    CASE(test_a_begun_task_whose_order_ended),
	    CASE(test_frozen_until_a_fresh_document_comes),
	    CASE(test_a_refusal_is_on_the_sites_own_screen),
	    CASE(test_a_database_that_was_set_back),
	    CASE(test_a_setting_over_the_agents_own_timeout),
	    CASE(test_a_preview_is_what_would_run),
	    CASE(test_a_yes_to_what_was_shown),
	    CASE(test_a_yes_is_not_to_what_another_order_left),
	    CASE(test_a_yes_to_the_whole_release),
	    CASE(test_failed_statement),
	    CASE(test_giant_value),
	    CASE(test_unreachable_database),
	    CASE(test_password_that_cannot_be_fetched),
	    CASE(test_terminated_task_stays_open),
	    CASE(test_rollback_of_what_was_applied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
