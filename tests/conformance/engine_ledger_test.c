/* Every engine: states of objects before and after, and the ledger: once, chained, fenced, together with its effect. */
#include "tests/support/bench.h"

#include <stdio.h>
#include <string.h>

#include "agent/ledger/ledger.h"

/* ---- object state ---- */

static void state_of(struct fixture *f, const char *statement, uint8_t out[DIGEST_SIZE])
{
	struct sql_class s;
	sql_classify(f->b->dialect, bytes_of_str(statement), &s);
	OK(f->en->object_state(f->c, &s, out, NULL, &f->e));
}

static const uint8_t nothing[DIGEST_SIZE];

/* before -> statement -> after, and the state is the same when asked twice. */
static void changes_state(struct fixture *f, const char *statement)
{
	uint8_t before[DIGEST_SIZE], again[DIGEST_SIZE], after[DIGEST_SIZE];
	state_of(f, statement, before);
	state_of(f, statement, again);
	assert_memory_equal(before, again, DIGEST_SIZE);
	bench_ddl(f, statement);
	state_of(f, statement, after);
	if (memcmp(before, after, DIGEST_SIZE) == 0)
		fail_msg("%s: the state did not change", statement);
}

static void test_object_state(void **state)
{
	struct fixture *f = *state;
	uint8_t digest[DIGEST_SIZE], again[DIGEST_SIZE];
	state_of(f, "CREATE TABLE t (a int)", digest);
	assert_memory_equal(digest, nothing, DIGEST_SIZE);
	changes_state(f, "CREATE TABLE t (a int, b int)");
	changes_state(f, "ALTER TABLE t ADD COLUMN c int");
	changes_state(f, "CREATE INDEX i ON t (a)");
	changes_state(f, f->b->dialect == DIALECT_MARIADB ? "DROP INDEX i ON t" : "DROP INDEX i");
	changes_state(f, "CREATE VIEW v AS SELECT a FROM t");
	changes_state(f, "DROP VIEW v");
	state_of(f, "ALTER TABLE t ADD COLUMN d int", digest);
	OK(bench_exec_on(f, f->c, "INSERT INTO t (a) VALUES (1), (2)"));
	state_of(f, "ALTER TABLE t ADD COLUMN d int", again);
	assert_memory_equal(digest, again, DIGEST_SIZE);
	changes_state(f, "ALTER TABLE t RENAME TO u");
	changes_state(f, "DROP TABLE u");
	state_of(f, "DROP TABLE u", digest);
	assert_memory_equal(digest, nothing, DIGEST_SIZE);
}

static void test_state_of_the_whole_schema(void **state)
{
	struct fixture *f = *state;
	const struct sql_class unnamed = {.class = STEP_N};
	struct ledger l;
	uint8_t before[DIGEST_SIZE], with_ledger[DIGEST_SIZE], after[DIGEST_SIZE];
	OK(f->en->object_state(f->c, &unnamed, before, NULL, &f->e));
	OK(ledger_open(f->en, f->c, "eu/one/shop", 1, f->arena, &l, &f->e));
	OK(f->en->object_state(f->c, &unnamed, with_ledger, NULL, &f->e));
	assert_memory_equal(before, with_ledger, DIGEST_SIZE);
	bench_ddl(f, "CREATE TABLE t (a int)");
	OK(f->en->object_state(f->c, &unnamed, after, NULL, &f->e));
	assert_memory_not_equal(before, after, DIGEST_SIZE);
}

/* ---- ledger ---- */

static struct ledger_row sample(uint32_t step)
{
	return (struct ledger_row){
	    .project = "",
	    .changeset = "al\xc3\xad:orders",
	    .run = 1,
	    .step = step,
	    .release_version = "1.0",
	    .release_sequence = 7,
	    .task = "00ff",
	    .attempt = 1,
	    .epoch = 3,
	    .agent = "agent-eu",
	    .backend = "1/2",
	    .digest = {1, 2, 3},
	    .started_at_us = 1700000000000000,
	    .ended_at_us = -1,
	};
}

static struct ledger opened(struct fixture *f)
{
	struct ledger l;
	OK(ledger_open(f->en, f->c, "eu/one/shop", 1, f->arena, &l, &f->e));
	return l;
}

static void test_ledger_round_trip(void **state)
{
	struct fixture *f = *state;
	struct ledger l;
	OK(ledger_peek(f->en, f->c, f->arena, &l, &f->e));
	assert_int_equal(l.n_rows, 0);
	l = opened(f);
	assert_null(l.target_id);
	for (uint32_t i = 0; i < 3; i++) {
		struct ledger_row row = sample(i);
		row.state = i == 1 ? STEP_INTENT : STEP_DONE;
		OK(f->en->begin(f->c, &f->e));
		OK(ledger_fence(f->en, f->c, &l, 3, &f->e));
		OK(ledger_append(f->en, f->c, &l, &row, &f->e));
		OK(f->en->commit(f->c, &f->e));
	}
	struct ledger again = opened(f);
	assert_int_equal(again.n_rows, 3);
	assert_int_equal(again.epoch, 3);
	assert_memory_equal(again.head, l.head, DIGEST_SIZE);
	assert_string_equal(again.rows[2].changeset, "al\xc3\xad:orders");
	assert_int_equal(again.rows[2].ended_at_us, -1);
	assert_string_equal(again.target_id, "eu/one/shop");
	struct engine_identity id;
	OK(f->en->identity(f->c, &id, &f->e));
	assert_string_equal(again.database_identity, id.database);
}

/* The rows are gone, and what stands beside them is not: it still says which controllers may not order any more. */
static void test_a_ledger_made_again_keeps_its_epoch(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	OK(f->en->begin(f->c, &f->e));
	OK(ledger_fence(f->en, f->c, &l, 5, &f->e));
	OK(f->en->commit(f->c, &f->e));
	OK(ledger_run(f->en, f->c, "DROP TABLE %sledger", NULL, 0, NULL, NULL, &f->e));
	l = opened(f);
	assert_null(l.target_id); /* made anew */
	OK(f->en->begin(f->c, &f->e));
	FAILS(ledger_fence(f->en, f->c, &l, 4, &f->e));
	OK(f->en->rollback(f->c, &f->e));
	struct ledger again = opened(f);
	assert_int_equal(again.epoch, 5);
	assert_string_equal(again.target_id, "eu/one/shop");
	assert_string_equal(again.uuid, l.uuid);
}

static void test_ledger_refuses_a_second_effect(void **state)
{
	struct fixture *f = *state;
	struct ledger mine = opened(f), theirs = opened(f);
	struct conn *other = bench_another(f);
	struct ledger_row row = sample(0);
	OK(ledger_append(f->en, other, &theirs, &row, &f->e));
	row = sample(0);
	OK(f->en->begin(f->c, &f->e));
	FAILS(ledger_append(f->en, f->c, &mine, &row, &f->e));
	assert_int_equal(f->e.code, ERR_EXISTS);
	OK(f->en->rollback(f->c, &f->e));
	struct ledger now = opened(f);
	row = sample(0);
	FAILS(ledger_append(f->en, f->c, &now, &row, &f->e)); /* not by seq alone */
	assert_int_equal(f->e.code, ERR_EXISTS);
	row.state = STEP_FAILED;
	OK(ledger_append(f->en, f->c, &now, &row, &f->e));
	FAILS(ledger_fence(f->en, f->c, &now, 1, &f->e) == 0
	          ? ledger_fence(f->en, f->c, &now, 5, &f->e) || ledger_fence(f->en, f->c, &now, 4, &f->e) ? -1 : 0
	          : -2);
	assert_int_equal(f->e.code, ERR_STATE);
	f->en->close(&other);
}

static int write_row(struct fixture *f, struct conn *c, struct ledger *l, uint32_t epoch, uint32_t step, enum step_state s)
{
	struct ledger_row row = sample(step);
	row.state = s;
	row.epoch = epoch;
	return ledger_write_row(f->en, c, l, epoch, &row, &f->e);
}

/* Two who have read the same ledger: what the one of the higher epoch wrote, the other's row would have the number of. */
static void test_a_row_is_fenced_by_its_number(void **state)
{
	struct fixture *f = *state;
	struct conn *other = bench_another(f);
	struct ledger mine = opened(f);
	OK(write_row(f, f->c, &mine, 3, 0, STEP_DONE));
	struct ledger theirs = opened(f);
	OK(write_row(f, other, &theirs, 7, 1, STEP_DONE));
	FAILS(write_row(f, f->c, &mine, 3, 2, STEP_DONE));
	assert_int_equal(f->e.code, ERR_EXISTS);
	mine = opened(f);
	assert_int_equal(mine.epoch, 7);
	FAILS(write_row(f, f->c, &mine, 3, 2, STEP_DONE));
	assert_int_equal(f->e.code, ERR_STATE);
	assert_string_equal(f->e.msg, "a controller of epoch 7 has worked here, ours has epoch 3: it was replaced and may not order this any more");
	assert_int_equal(opened(f).n_rows, 2);
	f->en->close(&other);
}

/* Behind an open intent batches go on without rows: there the epoch itself is asked. */
static void test_behind_an_open_intent_the_epoch_is_asked(void **state)
{
	struct fixture *f = *state;
	struct conn *other = bench_another(f);
	struct ledger mine = opened(f);
	OK(write_row(f, f->c, &mine, 3, 0, STEP_INTENT));
	struct ledger theirs = opened(f);
	OK(ledger_begin(f->en, other, &theirs, 7, &f->e));
	OK(f->en->commit(other, &f->e));
	FAILS(write_row(f, f->c, &mine, 3, 0, STEP_DONE));
	assert_int_equal(f->e.code, ERR_STATE);
	assert_int_equal(opened(f).n_rows, 1);
	f->en->close(&other);
}

static void test_an_epoch_that_was_rolled_back_is_raised_again(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	OK(ledger_begin_row(f->en, f->c, &l, 9, &f->e));
	OK(f->en->rollback(f->c, &f->e));
	assert_int_equal(opened(f).epoch < 9, 1);
	OK(write_row(f, f->c, &l, 9, 0, STEP_DONE));
	assert_int_equal(opened(f).epoch, 9);
}

static void test_ledger_row_and_effect_roll_back_together(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	bench_ddl(f, "CREATE TABLE t (a int)");
	OK(f->en->begin(f->c, &f->e));
	OK(bench_exec_on(f, f->c, "INSERT INTO t VALUES (1)"));
	struct ledger_row row = sample(0);
	OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	OK(f->en->rollback(f->c, &f->e));
	ledger_forget_last(&l);
	assert_string_equal(bench_ask(f, f->c, "SELECT count(*) FROM t").text, "0");
	assert_int_equal(opened(f).n_rows, 0);
}

static void on_ledger(struct fixture *f, const char *before, const char *after)
{
	AUTO(buf_done) struct buf sql = BUF_INIT;
	buf_addf(&sql, "%s %sledger %s", before, f->en->ledger_prefix(f->c), after);
	OK(f->en->query(f->c, buf_bytes(&sql), NULL, 0, NULL, NULL, &f->e));
}

static void test_ledger_tampering_shows(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	for (uint32_t i = 0; i < 2; i++) {
		struct ledger_row row = sample(i);
		OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	}
	on_ledger(f, "UPDATE", "SET agent = 'mallory' WHERE seq = 2");
	FAILS(ledger_open(f->en, f->c, "eu/one/shop", 1, f->arena, &l, &f->e));
	assert_int_equal(f->e.code, ERR_STATE);
	assert_non_null(strstr(f->e.msg, "ledger row 2 was changed: "));
}

/* A table has no order: a row may lie where a dead one lay before. */
static void test_rows_are_read_in_whatever_order_they_lie(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	for (uint32_t i = 0; i < 3; i++) {
		struct ledger_row row = sample(i);
		OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	}
	on_ledger(f, "CREATE TABLE other AS SELECT * FROM", "");
	on_ledger(f, "DELETE FROM", "");
	on_ledger(f, "INSERT INTO", "SELECT * FROM other ORDER BY seq DESC");
	struct ledger again = opened(f);
	assert_int_equal(again.n_rows, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(again.rows[i].seq, i + 1);
	assert_memory_equal(again.head, l.head, DIGEST_SIZE);
	on_ledger(f, "DELETE FROM", "WHERE seq = 2");
	FAILS(ledger_open(f->en, f->c, "eu/one/shop", 1, f->arena, &l, &f->e));
	assert_non_null(strstr(f->e.msg, "ledger row 2 is missing: "));
}

/* The statement that a refusal names makes the ledger usable: what it holds is believed as it is. */
static void test_a_ledger_from_before_projects(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	struct ledger_row row = sample(0);
	AUTO(buf_done) struct buf sql = BUF_INIT;
	OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	buf_addf(&sql, "ALTER TABLE %sledger DROP COLUMN project", f->en->ledger_prefix(f->c));
	OK(f->en->query(f->c, buf_bytes(&sql), NULL, 0, NULL, NULL, &f->e));
	FAILS(ledger_open(f->en, f->c, "eu/one/shop", 1, f->arena, &l, &f->e));
	FAILS(ledger_peek(f->en, f->c, f->arena, &l, &f->e));
	assert_int_equal(f->e.code, ERR_STATE);
	assert_non_null(strstr(f->e.msg, "it was made before rows named their project; its owner types: ALTER TABLE "));
	const char *from = strstr(f->e.msg, "ALTER TABLE "), *to = strstr(from, "; its rows then count for every project");
	assert_non_null(to);
	buf_clear(&sql);
	buf_add(&sql, from, (size_t)(to - from));
	OK(f->en->query(f->c, buf_bytes(&sql), NULL, 0, NULL, NULL, &f->e));
	l = opened(f);
	assert_int_equal(l.n_rows, 1);
	assert_string_equal(l.rows[0].project, "");
	row = sample(1);
	row.project = "shop";
	OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	assert_string_equal(opened(f).rows[1].project, "shop");
}

/* A restored dump, also under the same name on another server, brings its ledger along: the ledger says where it was made. */
static void test_a_copy_is_told_from_its_original(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	struct engine_identity id;
	char copy[64];
	snprintf(copy, sizeof copy, "%s_copy", f->database);
	if (f->b->server) {
		server_create(f->b->process, copy);
		server_copy(f->b->process, f->database, copy);
	} else {
		AUTO(buf_done) struct buf from = BUF_INIT;
		AUTO(buf_done) struct buf to = BUF_INIT;
		buf_addf(&from, "%s/%s.db", f->b->dir, f->database);
		buf_addf(&to, "%s/%s.db", f->b->dir, copy);
		sqlite_copy(buf_str(&from), buf_str(&to));
	}
	AUTO(mem_free_ptr) char *dsn = bench_dsn_of(f->b, copy);
	f->target.dsn = dsn;
	struct conn *c = bench_another(f);
	if (f->b->dialect == DIALECT_POSTGRESQL) /* as the administrator restored it */
		free(server_sql(f->b->process, copy, "GRANT USAGE ON SCHEMA rollcall TO rollcall; GRANT ALL ON ALL TABLES IN SCHEMA rollcall TO rollcall"));
	OK(f->en->identity(c, &id, &f->e));
	OK(ledger_peek(f->en, c, f->arena, &l, &f->e));
	assert_string_equal(l.target_id, f->target.id);
	assert_int_equal(strlen(l.uuid), 32);
	assert_string_not_equal(l.database_identity, id.database);
	const char *uuid = l.uuid;
	OK(ledger_adopt(f->en, c, &l, "eu/one/copy", "ann: a copy", &f->e));
	OK(ledger_open(f->en, c, "eu/one/copy", 1, f->arena, &l, &f->e));
	assert_string_equal(l.database_identity, id.database);
	assert_string_not_equal(l.uuid, uuid);
	f->en->close(&c);
}

static const struct bench_test suite[] = {
    BENCH_TEST(test_object_state),
    BENCH_TEST(test_state_of_the_whole_schema),
    BENCH_TEST(test_ledger_round_trip),
    BENCH_TEST(test_a_ledger_made_again_keeps_its_epoch),
    BENCH_TEST(test_a_row_is_fenced_by_its_number),
    BENCH_TEST(test_behind_an_open_intent_the_epoch_is_asked),
    BENCH_TEST(test_an_epoch_that_was_rolled_back_is_raised_again),
    BENCH_TEST(test_ledger_refuses_a_second_effect),
    BENCH_TEST(test_ledger_row_and_effect_roll_back_together),
    BENCH_TEST(test_ledger_tampering_shows),
    BENCH_TEST(test_rows_are_read_in_whatever_order_they_lie),
    BENCH_TEST(test_a_ledger_from_before_projects),
    BENCH_TEST(test_a_copy_is_told_from_its_original),
};

int main(int argc, char **argv)
{
	return bench_run(suite, ARRAY_LEN(suite), argc, argv);
}
