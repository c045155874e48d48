/* agent/ledger on a real SQLite file: made, read again, chained, fenced, tamper-evident. The conformance suite runs the same on every engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/ledger/ledger.h"
#include "agent/ledger/ledger_settle.h"
#include "common/base/file.h"

struct fixture {
	char dir[64], dsn[128];
	struct engine_target target;
	const struct engine *en;
	struct conn *c;
	struct arena *arena;
	struct err e;
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	snprintf(f->dir, sizeof f->dir, "/tmp/rollcall-ledger-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->dsn, sizeof f->dsn, "sqlite:%s/t.db?create=1", f->dir);
	f->target =
	    (struct engine_target){.id = "eu/a/t", .dsn = f->dsn, .connect_timeout_ms = 1000, .lock_timeout_ms = 200, .statement_timeout_ms = 5000};
	f->en = engine_by_dsn(f->dsn);
	f->arena = arena_new(16 << 20);
	assert_int_equal(f->en->open(&f->target, &f->c, &f->e), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	f->en->close(&f->c);
	arena_destroy(&f->arena);
	assert_int_equal(file_remove_tree(f->dir, &f->e), 0);
	free(f);
	return 0;
}

#define OK(call)                                 \
	do {                                         \
		if ((call) != 0)                         \
			fail_msg("%s: %s", #call, f->e.msg); \
	} while (0)

static struct ledger_row sample(uint32_t step)
{
	return (struct ledger_row){
	    .changeset = "alice:orders",
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
	};
}

static struct ledger opened(struct fixture *f)
{
	struct ledger l;
	OK(ledger_open(f->en, f->c, "eu/a/t", 1, f->arena, &l, &f->e));
	return l;
}

static void append_two(struct fixture *f, struct ledger *l)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct ledger_row row = sample(i);
		OK(ledger_append(f->en, f->c, l, &row, &f->e));
	}
}

static void run_sql(struct fixture *f, const char *sql)
{
	OK(f->en->query(f->c, bytes_of_str(sql), NULL, 0, NULL, NULL, &f->e));
}

static void test_new_ledger_knows_its_target_the_next_time(void **state)
{
	struct fixture *f = *state;
	struct ledger l;
	OK(ledger_peek(f->en, f->c, f->arena, &l, &f->e));
	assert_int_equal(l.n_rows, 0);
	assert_null(opened(f).target_id);
	l = opened(f);
	assert_string_equal(l.target_id, "eu/a/t");
	assert_true(strstr(l.database_identity, "inode ") || strchr(l.database_identity, ':'));
	assert_int_equal(ledger_open(f->en, f->c, "eu/a/other", 1, f->arena, &l, &f->e), -1);
	assert_int_equal(f->e.code, ERR_POLICY);
	assert_string_equal(f->e.msg,
	                    "this ledger belongs to target eu/a/t, not to eu/a/other: the database is a copy, was renamed, or agent.yaml names the wrong "
	                    "one; nothing was changed");
	const char *uuid = l.uuid;
	assert_int_equal(strlen(uuid), 32);
	OK(ledger_adopt(f->en, f->c, &l, "eu/a/other", "moved", &f->e));
	OK(ledger_open(f->en, f->c, "eu/a/other", 1, f->arena, &l, &f->e));
	assert_string_not_equal(l.uuid, uuid);
}

static void test_rows_come_back_as_written(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	append_two(f, &l);
	struct ledger again = opened(f);
	assert_int_equal(again.n_rows, 2);
	assert_memory_equal(again.head, l.head, DIGEST_SIZE);
	const struct ledger_row *row = &again.rows[1];
	assert_int_equal(row->seq, 2);
	assert_string_equal(row->changeset, "alice:orders");
	assert_int_equal(row->step, 1);
	assert_int_equal(row->release_sequence, 7);
	assert_int_equal(row->digest[2], 3);
	assert_int_equal(row->started_at_us, 1700000000000000);
	assert_memory_equal(row->prev_hash, again.rows[0].row_hash, DIGEST_SIZE);
}

static void test_second_effect_is_refused(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	append_two(f, &l);
	struct ledger_row row = sample(1);
	assert_int_equal(ledger_append(f->en, f->c, &l, &row, &f->e), -1);
	assert_int_equal(f->e.code, ERR_EXISTS);
	assert_int_equal(l.n_rows, 2);
	row.state = STEP_FAILED; /* failures may repeat */
	OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	row.state = STEP_FAILED;
	OK(ledger_append(f->en, f->c, &l, &row, &f->e));
}

static void test_rolled_back_row_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	struct ledger_row row = sample(0);
	OK(f->en->begin(f->c, &f->e));
	OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	OK(f->en->rollback(f->c, &f->e));
	ledger_forget_last(&l);
	assert_int_equal(l.n_rows, 0);
	append_two(f, &l);
	assert_int_equal(opened(f).n_rows, 2);
}

/* The database's owner may write what he likes: it must not use up the agent's memory. */
static void test_a_giant_text_is_not_read(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	append_two(f, &l);
	run_sql(f, "UPDATE rollcall_ledger SET agent = hex(zeroblob(100000)) WHERE seq = 2");
	assert_int_equal(ledger_peek(f->en, f->c, f->arena, &l, &f->e), -1);
	assert_int_equal(f->e.code, ERR_STATE);
	assert_string_equal(f->e.msg,
	                    "read the ledger rollcall_ledger: ledger row 2 was changed: column agent: longer than the 16384 bytes that Rollcall "
	                    "writes there");
}

static void test_fence(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	OK(ledger_fence(f->en, f->c, &l, 4, &f->e));
	OK(ledger_fence(f->en, f->c, &l, 4, &f->e));
	assert_int_equal(opened(f).epoch, 4);
	assert_int_equal(ledger_fence(f->en, f->c, &l, 3, &f->e), -1);
	assert_int_equal(f->e.code, ERR_STATE);
	assert_string_equal(f->e.msg, "a controller of epoch 4 has worked here, ours has epoch 3: it was replaced and may not order this any more");
	run_sql(f, "DELETE FROM rollcall_meta WHERE name = 'epoch'");
	assert_int_equal(ledger_fence(f->en, f->c, &l, 9, &f->e), -1);
	assert_string_equal(f->e.msg, "the ledger has lost its epoch row: nothing runs here until a person has looked at rollcall_meta");
}

static void refuses(struct fixture *f, const char *damage, const char *message)
{
	struct ledger l;
	run_sql(f, damage);
	assert_int_equal(ledger_open(f->en, f->c, "eu/a/t", 1, f->arena, &l, &f->e), -1);
	assert_int_equal(f->e.code, ERR_STATE);
	assert_string_equal(f->e.msg, message);
}

static void test_changed_row(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	append_two(f, &l);
	refuses(
	    f, "UPDATE rollcall_ledger SET agent = 'mallory' WHERE seq = 2",
	    "read the ledger rollcall_ledger: ledger row 2 was changed: its hash is not that of its values; nothing runs here until a person has looked");
	refuses(f, "UPDATE rollcall_ledger SET state = 'perhaps' WHERE seq = 2",
	        "read the ledger rollcall_ledger: ledger row 2 was changed: column state: 'perhaps' is not a word that Rollcall writes there");
}

/* The same step of the same changeset, of two projects: two effects. */
static void test_projects_have_their_own_steps(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	struct ledger_row row = sample(0);
	row.project = "shop";
	OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	row.project = "billing";
	OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	assert_int_equal(ledger_append(f->en, f->c, &l, &row, &f->e), -1);
	assert_int_equal(f->e.code, ERR_EXISTS);
	struct ledger again = opened(f);
	assert_int_equal(again.n_rows, 2);
	assert_string_equal(again.rows[1].project, "billing");
	refuses(f, "UPDATE rollcall_ledger SET project = '' WHERE seq = 2",
	        "read the ledger rollcall_ledger: ledger row 2 was changed: its hash is not that of its values; nothing runs here until a person has "
	        "looked");
}

static void test_missing_row(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	append_two(f, &l);
	refuses(f, "DELETE FROM rollcall_ledger WHERE seq = 1",
	        "read the ledger rollcall_ledger: ledger row 1 is missing: nothing runs here until a person has compared the ledger with the reports");
}

static void test_row_of_another_chain(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	append_two(f, &l);
	run_sql(f, "DELETE FROM rollcall_ledger WHERE seq = 2");
	struct ledger_row row = sample(5);
	l.n_rows = 1;
	memset(l.head, 9, DIGEST_SIZE);
	OK(ledger_append(f->en, f->c, &l, &row, &f->e));
	refuses(f, "SELECT 1",
	        "read the ledger rollcall_ledger: ledger row 2 was changed: it does not follow row 1; nothing runs here until a person has looked");
}

static void test_claim_lost_in_a_crash_is_made_again(void **state)
{
	struct fixture *f = *state;
	(void)opened(f);
	run_sql(f, "DELETE FROM rollcall_meta WHERE name IN ('target', 'database')");
	assert_null(opened(f).target_id);
	assert_string_equal(opened(f).target_id, "eu/a/t");
}

/* What a person says of an open intent becomes an outcome row of theirs; without one there is nothing to say. */
static void test_an_open_intent_is_settled_by_hand(void **state)
{
	struct fixture *f = *state;
	struct ledger l = opened(f);
	struct ledger_row intent = sample(0), row;
	intent.state = STEP_INTENT;
	intent.class = STEP_N;
	assert_int_equal(ledger_settle(f->en, f->c, &l, true, "operator ann", 1, &row, &f->e), -1);
	assert_string_equal(f->e.msg, "no step is open in this ledger: there is nothing to settle");
	OK(ledger_append(f->en, f->c, &l, &intent, &f->e));
	assert_non_null(ledger_open_intent(&l));
	OK(ledger_settle(f->en, f->c, &l, false, "operator ann", 1700000000500000, &row, &f->e));
	l = opened(f);
	assert_null(ledger_open_intent(&l));
	assert_int_equal(l.n_rows, 2);
	assert_int_equal(l.rows[1].state, STEP_FAILED);
	assert_int_equal(l.rows[1].via, VIA_OPERATOR);
	OK(ledger_append(f->en, f->c, &l, &intent, &f->e));
	OK(ledger_settle(f->en, f->c, &l, true, "operator ann", 1700000000900000, &row, &f->e));
	l = opened(f);
	assert_int_equal(l.n_rows, 4);
	assert_int_equal(l.rows[3].state, STEP_DONE);
	assert_int_equal(l.rows[3].run, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_an_open_intent_is_settled_by_hand, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_new_ledger_knows_its_target_the_next_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rows_come_back_as_written, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_second_effect_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_projects_have_their_own_steps, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rolled_back_row_is_forgotten, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_giant_text_is_not_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_fence, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_changed_row, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_missing_row, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_row_of_another_chain, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_claim_lost_in_a_crash_is_made_again, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
