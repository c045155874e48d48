/* The store: what goes in comes out, also after reopening; an uncommitted batch leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "controller/store/sql/store.sql.h"
#include "controller/store/store_sqlite.h"

struct fixture {
	char dir[64], path[80];
	struct store *s;
	struct arena *a;
	struct err e;
};

#define OK(call)                                \
	do {                                        \
		if ((call) != 0)                        \
			fail_msg("%s: %s", #call, f.e.msg); \
	} while (0)

static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){.a = arena_new((size_t)16 * 1024 * 1024)};
	snprintf(f->dir, sizeof f->dir, "/tmp/rollcall-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/store.db", f->dir);
	assert_int_equal(store_open(f->path, &f->s, &f->e), 0);
}

static void fixture_done(struct fixture *f)
{
	store_close(&f->s);
	assert_int_equal(file_remove_tree(f->dir, &f->e), 0);
	arena_destroy(&f->a);
}

static void reopen(struct fixture *f)
{
	store_close(&f->s);
	assert_int_equal(store_open(f->path, &f->s, &f->e), 0);
}

static void put_release(struct fixture *f)
{
	struct store_release r = {.project = "shop",
	                          .version = "1.0",
	                          .sequence = 1,
	                          .changesets = 3,
	                          .signed_by = "alice,bob",
	                          .added_by = "operator olga",
	                          .envelope_size = 77};
	r.digest[0] = 1;
	r.envelope_hash[0] = 2;
	assert_int_equal(store_release_put(f->s, &r, &f->e), 0);
}

static void put_rollout(struct fixture *f, struct rollout *run, struct delivery_note *notes, struct store_rollout *rec)
{
	static struct wave_run wave;
	static struct delivery deliveries[2];
	wave = (struct wave_run){.max_parallel_instance = 3};
	deliveries[0] = (struct delivery){.index = 0, .target = "eu/pg/a"};
	deliveries[1] = (struct delivery){.index = 1, .target = "eu/pg/b"};
	*run = (struct rollout){.id = "r1", .waves = &wave, .n_waves = 1, .deliveries = deliveries, .n_deliveries = 2};
	notes[0] = (struct delivery_note){.salt = {7}, .since_us = 5};
	notes[1] = (struct delivery_note){.salt = {8}, .since_us = 5};
	*rec = (struct store_rollout){
	    .id = "r1", .project = "shop", .environment = "prod", .created_by = "operator olga", .order = bytes_of_str("order"), .created_at_us = 9};
	rec->release_digest[0] = 1;
	rec->order_digest[0] = 3;
	assert_int_equal(store_rollout_put(f->s, rec, run, notes, &f->e), 0);
}

static void test_epoch_grows_with_each_start(void **state)
{
	(void)state;
	struct fixture f;
	uint32_t a = 0, b = 0, c = 0;
	fixture_init(&f);
	OK(store_next_epoch(f.s, 1, &a, &f.e));
	reopen(&f);
	OK(store_next_epoch(f.s, 1, &b, &f.e));
	assert_int_equal(a, 1);
	assert_int_equal(b, 2);
	OK(store_next_epoch(f.s, 40, &c, &f.e));
	assert_int_equal(c, 40);
	OK(store_next_epoch(f.s, 1, &c, &f.e));
	assert_int_equal(c, 41);
	OK(store_check_epoch(f.s, 41, &f.e));
	assert_int_equal(store_check_epoch(f.s, 40, &f.e), -1);
	assert_string_equal(f.e.msg,
	                    "another controller, of epoch 41, has taken this store over, and this one has epoch 40: it decides nothing any more");
	assert_int_equal(store_check_epoch(f.s, 42, &f.e), -1);
	assert_string_equal(f.e.msg, "the store is at epoch 41, and this controller at 42: it was set back under it; start the controller anew");
	fixture_done(&f);
}

static void test_rollout_survives_reopening(void **state)
{
	(void)state;
	struct fixture f;
	struct rollout run;
	struct delivery_note notes[2], *back = NULL;
	struct store_rollout rec, *list = NULL;
	size_t n = 0;
	fixture_init(&f);
	put_release(&f);
	put_rollout(&f, &run, notes, &rec);
	rec.state = ROLLOUT_RUNNING;
	rec.detail = "why";
	rec.dossier_size = 12;
	rec.dossier_hash[0] = 9;
	OK(store_rollout_save(f.s, &rec, &f.e));
	struct delivery *d = &run.deliveries[1];
	*d = (struct delivery){.index = 1,
	                       .target = "eu/pg/b",
	                       .state = DELIVERY_FAILED,
	                       .direction = DIRECTION_ROLLBACK,
	                       .attempt = 3,
	                       .failed = true,
	                       .accepted = true,
	                       .offered_at_us = 11,
	                       .retry_at_us = 12};
	notes[1] = (struct delivery_note){.salt = {8},
	                                  .step = 2,
	                                  .of_steps = 5,
	                                  .changeset = "alice:a",
	                                  .code = "db",
	                                  .detail = "no",
	                                  .waits_code = "hold",
	                                  .waits = "later",
	                                  .since_us = 13};
	OK(store_delivery_save(f.s, "r1", d, &notes[1], &f.e));
	run.waves[0].state = WAVE_SOAKING;
	run.waves[0].soak_until_us = 99;
	OK(store_wave_save(f.s, "r1", 0, &run.waves[0], &f.e));
	reopen(&f);

	OK(store_rollouts(f.s, NULL, true, f.a, &list, &n, &f.e));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].state, ROLLOUT_RUNNING);
	assert_string_equal(list[0].release_version, "1.0");
	assert_int_equal(list[0].release_hash[0], 2);
	assert_int_equal(list[0].release_size, 77);
	assert_int_equal(list[0].dossier_hash[0], 9);
	assert_memory_equal(list[0].order.p, "order", 5);
	OK(store_rollout_load(f.s, "r1", f.a, &run, &back, &f.e));
	assert_int_equal(run.waves[0].state, WAVE_SOAKING);
	assert_int_equal(run.waves[0].soak_until_us, 99);
	assert_int_equal(run.waves[0].max_parallel_instance, 3);
	assert_int_equal(run.deliveries[0].state, DELIVERY_PENDING);
	d = &run.deliveries[1];
	assert_int_equal(d->state, DELIVERY_FAILED);
	assert_int_equal(d->direction, DIRECTION_ROLLBACK);
	assert_int_equal(d->attempt, 3);
	assert_true(d->failed && d->accepted);
	assert_int_equal(d->retry_at_us, 12);
	assert_string_equal(back[1].changeset, "alice:a");
	assert_string_equal(back[1].waits_code, "hold");
	assert_string_equal(back[1].waits, "later");
	assert_int_equal(back[1].of_steps, 5);
	assert_int_equal(back[1].salt[0], 8);
	struct delivery_counts c = {0};
	OK(store_delivery_counts(f.s, "r1", &c, &f.e));
	assert_int_equal(c.total, 2);
	assert_int_equal(c.failed, 1);
	assert_int_equal(c.open, 1);
	fixture_done(&f);
}

static void test_uncommitted_batch_leaves_nothing(void **state)
{
	(void)state;
	struct fixture f;
	struct store_release *list = NULL;
	size_t n = 9;
	fixture_init(&f);
	OK(store_begin(f.s, &f.e));
	put_release(&f);
	reopen(&f); /* as a crash before the commit */
	OK(store_releases(f.s, f.a, &list, &n, &f.e));
	assert_int_equal(n, 0);
	fixture_done(&f);
}

static void test_environment_is_done_until_it_is_taken_back(void **state)
{
	(void)state;
	struct fixture f;
	struct rollout run;
	struct delivery_note notes[2];
	struct store_rollout rec, undo;
	bool done = true;
	fixture_init(&f);
	put_release(&f);
	put_rollout(&f, &run, notes, &rec);
	OK(store_environment_done(f.s, rec.release_digest, "prod", &done, &f.e));
	assert_false(done);
	rec.state = ROLLOUT_SUCCEEDED;
	OK(store_rollout_save(f.s, &rec, &f.e));
	run.deliveries[0].state = run.deliveries[1].state = DELIVERY_SKIPPED;
	for (int i = 0; i < 2; i++)
		OK(store_delivery_save(f.s, "r1", &run.deliveries[i], &notes[i], &f.e));
	OK(store_environment_done(f.s, rec.release_digest, "prod", &done, &f.e));
	assert_false(done); /* it went past every target */
	run.deliveries[1].state = DELIVERY_APPLIED;
	OK(store_delivery_save(f.s, "r1", &run.deliveries[1], &notes[1], &f.e));
	OK(store_environment_done(f.s, rec.release_digest, "prod", &done, &f.e));
	assert_true(done);
	undo = rec; /* one over some of the targets of another environment */
	undo.id = "r3";
	undo.environment = "qa";
	undo.partial = true;
	OK(store_rollout_put(f.s, &undo, &run, notes, &f.e));
	OK(store_rollout_save(f.s, &undo, &f.e));
	OK(store_environment_done(f.s, rec.release_digest, "qa", &done, &f.e));
	assert_false(done);
	undo = rec;
	undo.id = "r2";
	undo.direction = DIRECTION_ROLLBACK;
	undo.undoes = "r1";
	OK(store_rollout_put(f.s, &undo, &run, notes, &f.e));
	OK(store_rollout_save(f.s, &undo, &f.e));
	OK(store_environment_done(f.s, rec.release_digest, "prod", &done, &f.e));
	assert_false(done);
	fixture_done(&f);
}

/* A read that stops at a damaged row holds no place in the write-ahead log, which would grow until the controller is started anew. */
static void expect_no_read(struct fixture *f)
{
	if (lite_exec(f->s->db, "PRAGMA wal_checkpoint(TRUNCATE)", &f->e) != 0)
		fail_msg("a read is open: %s", f->e.msg);
}

static void test_a_damaged_row_leaves_no_read_open(void **state)
{
	(void)state;
	struct fixture f;
	struct rollout run;
	struct delivery_note notes[2], *back = NULL;
	struct store_rollout rec;
	struct delivery_counts counts;
	struct lite_stmt *q = NULL;
	fixture_init(&f);
	put_release(&f);
	put_rollout(&f, &run, notes, &rec);
	OK(lite_prepare(f.s->db, "UPDATE delivery SET state = 'lost' WHERE no = 0", &q, &f.e));
	OK(lite_run(q, &f.e));
	assert_int_equal(store_rollout_load(f.s, "r1", f.a, &run, &back, &f.e), -1);
	assert_string_equal(f.e.msg, "the store is damaged: delivery.state \"lost\": restore it from a backup");
	expect_no_read(&f);
	assert_int_equal(store_delivery_counts(f.s, "r1", &counts, &f.e), -1);
	expect_no_read(&f);
	fixture_done(&f);
}

static void test_targets_are_replaced_as_a_whole(void **state)
{
	(void)state;
	struct fixture f;
	struct label labels[] = {{"ring", "a"}, {"environment", "prod"}};
	struct target two[] = {{.id = "eu/pg/a", .engine = "postgres", .labels = labels, .n_labels = 2}, {.id = "eu/pg/b", .engine = "postgres"}};
	struct store_agent g = {.name = "eu", .site = "eu", .serial = "1", .curve_key = "k", .certificate = bytes_of_str("c")};
	struct store_target *list = NULL;
	size_t n = 0;
	fixture_init(&f);
	OK(store_agent_put(f.s, &g, &f.e));
	OK(store_target_put(f.s, "eu", &two[0], 1, &f.e));
	OK(store_target_put(f.s, "eu", &two[1], 1, &f.e));
	OK(store_targets(f.s, f.a, &list, &n, &f.e));
	assert_int_equal(n, 2);
	assert_string_equal(target_label(&list[0].target, "environment"), "prod");
	OK(store_target_absent(f.s, "eu/pg/a", &f.e));
	OK(store_targets(f.s, f.a, &list, &n, &f.e));
	assert_int_equal(n, 1);
	assert_string_equal(list[0].target.id, "eu/pg/b");
	OK(store_target_put(f.s, "eu", &two[0], 2, &f.e)); /* named again */
	OK(store_targets(f.s, f.a, &list, &n, &f.e));
	assert_int_equal(n, 2);
	fixture_done(&f);
}

static void test_reports_and_history(void **state)
{
	(void)state;
	struct fixture f;
	struct step_outcome steps[] = {{.changeset = "a:x", .run = 1, .state = STEP_INTENT}, {.changeset = "a:x", .run = 1, .state = STEP_DONE}};
	struct report r = {.agent = "eu",
	                   .target = "eu/pg/a",
	                   .attempt = 1,
	                   .outcome = OUTCOME_APPLIED,
	                   .steps = steps,
	                   .n_steps = 2,
	                   .report_seq = 4,
	                   .ended_at_us = 50};
	struct history_row *rows = NULL;
	size_t n = 0;
	fixture_init(&f);
	put_release(&f);
	r.release_digest[0] = 1;
	OK(store_report_put(f.s, &r, 1, "r1", NULL, bytes_of_str("envelope"), 60, &f.e));
	assert_int_equal(store_report_put(f.s, &r, 1, "r1", NULL, bytes_of_str("envelope"), 60, &f.e), -1); /* a number is taken once */
	OK(store_report_put(f.s, &r, 2, "r1", "after a lost journal", bytes_of_str("envelope"), 61, &f.e));
	OK(store_history(f.s, "eu/pg/a", NULL, 10, f.a, &rows, &n, &f.e));
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].detail, "after a lost journal");
	assert_string_equal(rows[1].release, "1.0");
	assert_string_equal(rows[1].project, "shop");
	assert_int_equal(rows[1].seq, 4);
	assert_int_equal(rows[1].at_us, 50);
	r.ended_at_us = 7000; /* by a clock that is ahead */
	OK(store_report_put(f.s, &r, 3, "r1", NULL, bytes_of_str("envelope"), 62, &f.e));
	OK(store_history(f.s, "eu/pg/a", NULL, 10, f.a, &rows, &n, &f.e));
	assert_int_equal(rows[0].at_us, 62);
	OK(store_history(f.s, "eu/pg/z", NULL, 10, f.a, &rows, &n, &f.e));
	assert_int_equal(n, 0);
	fixture_done(&f);
}

static void put_release_number(struct fixture *f, uint8_t number, const char *project, const char *version)
{
	struct store_release r = {.project = project, .version = version, .signed_by = "x", .added_by = "x", .sequence = number};
	r.digest[0] = number;
	assert_int_equal(store_release_put(f->s, &r, &f->e), 0);
}

static const char *steps_of(struct fixture *f)
{
	struct lite_stmt *q = NULL;
	bool row = true;
	const char *text = "";
	assert_int_equal(lite_prepare(f->s->db, "SELECT project, changeset FROM step ORDER BY project", &q, &f->e), 0);
	while (lite_step(q, &row, &f->e) == 0 && row)
		text = arena_printf(f->a, "%s%s/%s ", text, lite_text(q, 0), lite_text(q, 1));
	return text;
}

/* Two projects may each have a changeset of the same id on a target; what was stored before they were told apart finds its project by its report. */
static void test_steps_are_by_project(void **state)
{
	static const char *const former[] = {store_schema_1,         store_schema_2,       store_schema_3,      store_schema_audit, store_schema_standing,
	                                     store_schema_documents, store_schema_schemas, store_schema_probes, store_schema_enrol, store_schema_renewal,
	                                     store_schema_facts,     store_schema_current, store_schema_gates,  store_schema_lean,  NULL};
	(void)state;
	struct fixture f;
	struct lite *l = NULL;
	struct step_outcome step = {.changeset = "a:x", .run = 1, .state = STEP_DONE};
	struct report r = {.agent = "eu", .target = "eu/pg/a", .attempt = 1, .outcome = OUTCOME_APPLIED, .steps = &step, .n_steps = 1, .report_seq = 9};
	fixture_init(&f);
	store_close(&f.s);
	snprintf(f.path, sizeof f.path, "%s/former.db", f.dir);
	OK(lite_open(f.path, former, &l, &f.e));
	OK(lite_exec(
	    l,
	    "INSERT INTO release (digest, envelope_hash, envelope_size, project, version, sequence, changesets, signed_by, added_by, added_at_us) "
	    "VALUES (x'05', x'00', 0, 'shop', '1.0', 1, 1, 'x', 'x', 0);"
	    "INSERT INTO report (agent, journal, seq, target, release_digest, direction, outcome, attempt, started_at_us, ended_at_us, "
	    "received_at_us, envelope) VALUES ('eu', 1, 4, 'eu/pg/a', x'05', 'apply', 'applied', 1, 0, 0, 0, x'00');"
	    "INSERT INTO step VALUES ('eu/pg/a', 'a:x', 'apply', 1, 0, 'done', 'run', 'T', x'00', x'00', x'00', 1, 'eu', 4, 0, 0, 0);"
	    "INSERT INTO step VALUES ('eu/pg/b', 'a:x', 'apply', 1, 0, 'done', 'run', 'T', x'00', x'00', x'00', 1, 'eu', 3, 0, 0, 0)",
	    &f.e));
	lite_close(&l);
	OK(store_open(f.path, &f.s, &f.e));
	assert_string_equal(steps_of(&f), "/a:x shop/a:x "); /* of one, no report and so no release is known */
	put_release_number(&f, 2, "billing", "0.1");
	r.release_digest[0] = 2;
	OK(store_report_put(f.s, &r, 1, NULL, NULL, bytes_of_str("envelope"), 10, &f.e));
	assert_string_equal(steps_of(&f), "/a:x billing/a:x shop/a:x ");
	fixture_done(&f);
}

/* A report of this release; numbers grow. */
static void put_report(struct fixture *f, const char *target, uint8_t release, enum outcome outcome)
{
	static uint64_t seq = 100;
	struct report r = {.agent = "eu", .target = target, .attempt = 1, .outcome = outcome, .report_seq = ++seq, .ended_at_us = (int64_t)seq};
	r.release_digest[0] = release;
	assert_int_equal(store_report_put(f->s, &r, 1, NULL, NULL, bytes_of_str("envelope"), (int64_t)seq, &f->e), 0);
}

/* What the store says that the targets have: "target project version ...". */
static const char *have(struct fixture *f)
{
	struct store_current *list = NULL;
	size_t n = 0;
	const char *text = "";
	assert_int_equal(store_current_releases(f->s, f->a, &list, &n, &f->e), 0);
	for (size_t i = 0; i < n; i++)
		text = arena_printf(f->a, "%s%s%s %s %s", text, i ? ", " : "", list[i].target, list[i].project, list[i].version);
	return text;
}

static void test_each_target_has_the_newest_release_that_was_not_taken_back(void **state)
{
	(void)state;
	struct fixture f;
	struct store_names names = {0};
	fixture_init(&f);
	put_release_number(&f, 2, "shop", "1.1");
	put_release_number(&f, 3, "shop", "1.2");
	put_release_number(&f, 4, "till", "7.0");
	put_report(&f, "eu/pg/a", 2, OUTCOME_APPLIED);
	put_report(&f, "eu/pg/a", 3, OUTCOME_APPLIED);
	put_report(&f, "eu/pg/a", 2, OUTCOME_APPLIED); /* again, late: the newer one stays */
	put_report(&f, "eu/pg/a", 4, OUTCOME_APPLIED);
	put_report(&f, "eu/pg/b", 2, OUTCOME_APPLIED);
	put_report(&f, "eu/pg/b", 3, OUTCOME_FAILED);
	assert_string_equal(have(&f), "eu/pg/a till 7.0, eu/pg/a shop 1.2, eu/pg/b shop 1.1");
	OK(store_targets_having(f.s, "shop", 3, f.a, &names, &f.e));
	assert_int_equal(names.n, 1);
	put_report(&f, "eu/pg/a", 3, OUTCOME_ROLLED_BACK);
	put_report(&f, "eu/pg/b", 2, OUTCOME_ROLLED_BACK);
	assert_string_equal(have(&f), "eu/pg/a till 7.0, eu/pg/a shop 1.1");
	put_report(&f, "eu/pg/a", 3, OUTCOME_APPLIED);
	assert_string_equal(have(&f), "eu/pg/a till 7.0, eu/pg/a shop 1.2");
	fixture_done(&f);
}

static void test_a_release_that_is_added_after_its_reports_counts_then(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f);
	put_report(&f, "eu/pg/a", 5, OUTCOME_APPLIED);
	put_report(&f, "eu/pg/b", 5, OUTCOME_APPLIED);
	put_report(&f, "eu/pg/b", 5, OUTCOME_ROLLED_BACK);
	assert_string_equal(have(&f), "");
	put_release_number(&f, 5, "shop", "1.5");
	assert_string_equal(have(&f), "eu/pg/a shop 1.5");
	fixture_done(&f);
}

static void test_a_release_that_was_not_committed_is_not_known(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f);
	OK(store_begin(f.s, &f.e));
	put_release_number(&f, 5, "shop", "1.5");
	put_report(&f, "eu/pg/a", 5, OUTCOME_APPLIED);
	store_rollback(f.s);
	put_report(&f, "eu/pg/a", 5, OUTCOME_APPLIED);
	assert_string_equal(have(&f), "");
	put_release_number(&f, 5, "shop", "1.6");
	put_report(&f, "eu/pg/b", 5, OUTCOME_APPLIED);
	assert_string_equal(have(&f), "eu/pg/a shop 1.6, eu/pg/b shop 1.6");
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_epoch_grows_with_each_start),
	    cmocka_unit_test(test_rollout_survives_reopening),
	    cmocka_unit_test(test_uncommitted_batch_leaves_nothing),
	    cmocka_unit_test(test_environment_is_done_until_it_is_taken_back),
	    cmocka_unit_test(test_a_damaged_row_leaves_no_read_open),
	    cmocka_unit_test(test_targets_are_replaced_as_a_whole),
	    cmocka_unit_test(test_reports_and_history),
	    cmocka_unit_test(test_steps_are_by_project),
	    cmocka_unit_test(test_each_target_has_the_newest_release_that_was_not_taken_back),
	    cmocka_unit_test(test_a_release_that_is_added_after_its_reports_counts_then),
	    cmocka_unit_test(test_a_release_that_was_not_committed_is_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
