/* What a turn writes: however often a delivery moves in it, its row is written once, with what it came to; each move is in the audit chain; and an operator who asks in the
 * middle of the turn gets the truth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "common/base/str.h"
#include "controller/rollout/decide.h"
#include "tests/support/brain_fixture.h"

static const char plan_text[] = "name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all, max_parallel: 2}\n";
static const char *const targets[] = {"eu/pg1/a", "eu/pg1/b"};

/* The first cell that it gives; "" when there is none. In the fixture's arena. */
static const char *ask(struct brain_fixture *f, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	const char *cell = "";
	assert_int_equal(sqlite3_open(f->config.store_path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(q) == SQLITE_ROW)
		cell = arena_strdup(f->arena, (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
	sqlite3_close(db);
	return cell;
}

/* From here on the store itself counts how often a delivery's row is written. */
static void count_writes(struct brain_fixture *f)
{
	ask(f, "CREATE TABLE written (target TEXT)");
	ask(f, "CREATE TRIGGER count_writes AFTER UPDATE ON delivery BEGIN INSERT INTO written VALUES (new.target); END");
}

static const char *writes_of(struct brain_fixture *f, const char *target)
{
	return ask(f, arena_printf(f->arena, "SELECT count(*) FROM written WHERE target = '%s'", target));
}

/* One turn: the agent accepts, tells progress, reports; then an operator lists the rollouts. */
static void whole_task_in_a_turn(struct brain_fixture *f, const struct msg_offer *o, const struct msg_report *r)
{
	struct err e = ERR_INIT;
	struct hub_event accept = brain_fixture_message(f, MSG_ACCEPT), progress = brain_fixture_message(f, MSG_PROGRESS),
	                 report = brain_fixture_message(f, MSG_REPORT);
	struct hub_event list = {.type = HUB_MESSAGE, .from = {.kind = LINK_OPERATOR, .name = "olga", .role = "admin"}, .session = 1};
	accept.msg.task.attempt = progress.msg.progress.attempt = o->attempt;
	memcpy(accept.msg.task.task, o->task, TASK_SIZE);
	memcpy(progress.msg.progress.task, o->task, TASK_SIZE);
	progress.msg.progress.state = "applying";
	report.msg.report = *r;
	list.msg = (struct msg){.type = MSG_COMMAND, .command = {.id = f->next_id++, .verb = VERB_ROLLOUT_LIST}};
	const struct hub_event *const events[] = {&accept, &progress, &report, &list};
	f->n_sent = 0;
	assert_int_equal(brain_begin(f->brain, f->now_us, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		if (brain_event(f->brain, events[i], &e) != 0)
			fail_msg("%s", e.msg);
	if (brain_end(f->brain, &e) != 0)
		fail_msg("%s", e.msg);
}

static void test_a_row_once_a_turn_an_event_for_each_move(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer offers[4];
	brain_fixture_begin(&f, targets, ARRAY_LEN(targets));
	count_writes(&f);
	(void)brain_fixture_run(&f, plan_text, digest);
	assert_int_equal(brain_fixture_offers(&f, offers, 4), 2);
	assert_string_equal(writes_of(&f, "eu/pg1/a"), "1");
	assert_string_equal(ask(&f, "SELECT state || attempt FROM delivery WHERE target = 'eu/pg1/a'"), "offered1");
	const struct msg_offer offer = offers[0];
	const struct msg_report r = brain_fixture_report(&f, &offer, digest, OUTCOME_APPLIED);
	whole_task_in_a_turn(&f, &offer, &r);
	assert_string_equal(brain_fixture_cell(&f, "applied"), "1"); /* in the turn, before its end */
	assert_string_equal(writes_of(&f, offer.target), "2");
	assert_string_equal(ask(&f, "SELECT state || attempt FROM delivery WHERE target = 'eu/pg1/a'"), "applied1");
	assert_string_equal(ask(&f, "SELECT group_concat(event) FROM (SELECT event FROM event WHERE object = 'eu/pg1/a' ORDER BY seq)"),
	                    "offer,accept,is-applying,report,applied");
	assert_string_equal(writes_of(&f, "eu/pg1/b"), "1");
	brain_fixture_done(&f);
}

/* A crash before the commit takes the turn back as a whole; the next start offers again, and nothing was lost or done twice. */
static void test_a_turn_that_was_not_committed(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer offers[4];
	struct err e = ERR_INIT;
	brain_fixture_begin(&f, targets, ARRAY_LEN(targets));
	(void)brain_fixture_run(&f, plan_text, digest);
	assert_int_equal(brain_fixture_offers(&f, offers, 4), 2);
	const struct msg_offer offer = offers[0];
	const struct msg_report r = brain_fixture_report(&f, &offer, digest, OUTCOME_APPLIED);
	struct hub_event report = brain_fixture_message(&f, MSG_REPORT);
	report.msg.report = r;
	f.n_sent = 0;
	assert_int_equal(brain_begin(f.brain, f.now_us, &e), 0);
	assert_int_equal(brain_event(f.brain, &report, &e), 0);
	assert_int_equal(f.n_sent, 0); /* nothing is acknowledged before the commit */
	brain_fixture_restart(&f);
	assert_string_equal(ask(&f, "SELECT state || (SELECT count(*) FROM report) FROM delivery WHERE target = 'eu/pg1/a'"), "offered0");
	f.agent.report_seq = 1; /* what its HELLO says that it has sent */
	brain_fixture_connect(&f, targets, ARRAY_LEN(targets));
	brain_fixture_send_report(&f, &r);
	assert_string_equal(ask(&f, "SELECT state || (SELECT count(*) FROM report) FROM delivery WHERE target = 'eu/pg1/a'"), "applied1");
	brain_fixture_done(&f);
}

/* As much as the WAL has after a fan-out, by somebody who does not move it himself. */
static void fatten(struct brain_fixture *f)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(f->config.store_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA wal_autocheckpoint = 0; CREATE TABLE fat AS SELECT randomblob(8000000)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static bool has_rested(const struct brain_fixture *f)
{
	struct stat st;
	assert_int_equal(stat(f->config.store_path, &st), 0);
	return st.st_size > 8000000;
}

/* The WAL goes into the database, which waits for the disk, a second after a rollout moved, and not while it moves. */
static void test_the_store_rests_when_nothing_moves(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	struct msg_offer offers[4];
	brain_fixture_begin(&f, targets, ARRAY_LEN(targets));
	(void)brain_fixture_run(&f, plan_text, digest);
	assert_int_equal(brain_fixture_offers(&f, offers, 4), 2);
	const struct msg_offer o = offers[0];
	fatten(&f);
	brain_fixture_idle(&f, 900000);
	brain_fixture_outcome(&f, &o, digest, OUTCOME_APPLIED);
	brain_fixture_idle(&f, 900000);
	assert_false(has_rested(&f));
	assert_int_equal(brain_wake_at(f.brain), f.now_us + 100000);
	brain_fixture_idle(&f, 100000);
	assert_true(has_rested(&f));
	assert_true(brain_wake_at(f.brain) > f.now_us + 1000000);
	brain_fixture_done(&f);
}

/* A rollout that was just started is in memory as it was drafted; after a restart as the store has it. Its agents must see no difference. */
static void test_what_was_drafted_is_what_the_store_has(void **state)
{
	(void)state;
	static const char one_by_one[] = "name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all, max_parallel: 1}\n";
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	brain_fixture_begin(&f, targets, ARRAY_LEN(targets));
	const char *id = brain_fixture_run(&f, one_by_one, digest);
	struct msg_offer before = brain_fixture_offer(&f, "eu/pg1/a");
	before.proof = arena_bytes(f.arena, before.proof);
	const char *pending_since = arena_strdup(f.arena, brain_fixture_status(&f, id, "eu/pg1/b", "since"));
	brain_fixture_restart(&f);
	brain_fixture_connect(&f, targets, ARRAY_LEN(targets));
	struct msg_offer after = brain_fixture_offer(&f, "eu/pg1/a");
	assert_memory_equal(after.task, before.task, TASK_SIZE);
	assert_int_equal(after.proof.n, before.proof.n);
	assert_memory_equal(after.proof.p, before.proof.p, before.proof.n);
	assert_int_equal(after.deadline_us, before.deadline_us);
	assert_memory_equal(after.dossier_hash, before.dossier_hash, DIGEST_SIZE);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/b", "since"), pending_since);
	brain_fixture_done(&f);
}

/* More than one decision offers: the next turn comes at once, though nothing happens, until all are offered. */
static void test_the_next_share_is_offered_at_once(void **state)
{
	(void)state;
	enum { ALL = OFFERS_MAX + 10 };
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	static struct msg_offer offers[ALL];
	const char *many[ALL];
	char plan[200];
	AUTO(arena_destroy) struct arena *a = arena_new(1 << 20);
	for (size_t i = 0; i < ALL; i++)
		many[i] = arena_printf(a, "eu/pg1/t%03zu", i);
	brain_fixture_begin(&f, many, ALL);
	snprintf(plan, sizeof plan, "name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all, max_parallel: %d}\n", ALL);
	(void)brain_fixture_run(&f, plan, digest);
	assert_int_equal(brain_fixture_offers(&f, offers, ALL), OFFERS_MAX);
	assert_int_equal(brain_wake_at(f.brain), 0);
	brain_fixture_idle(&f, 1);
	assert_int_equal(brain_fixture_offers(&f, offers, ALL), ALL - OFFERS_MAX);
	assert_string_equal(offers[0].target, many[OFFERS_MAX]);
	assert_true(brain_wake_at(f.brain) > f.now_us);
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_row_once_a_turn_an_event_for_each_move), cmocka_unit_test(test_a_turn_that_was_not_committed),
	    cmocka_unit_test(test_the_store_rests_when_nothing_moves),       cmocka_unit_test(test_what_was_drafted_is_what_the_store_has),
	    cmocka_unit_test(test_the_next_share_is_offered_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
