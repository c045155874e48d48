/* A copied, replaced, renamed or restored database is noticed before anything is written; what the site's people say then counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/apply/identity.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "tests/support/delivery_fixture.h"

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	fixture_init(f);
	fixture_step(f, fixture_changeset(f, "alice:note"), STEP_T, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)");
	*state = f;
	return 0;
}

static void read_db(struct fixture *f, struct buf *ret)
{
	struct err e;
	buf_clear(ret);
	assert_int_equal(file_read(f->db, 1 << 20, ret, &e), 0);
}

/* The same file, other bytes: a backup that was copied over it. */
static void write_db(const char *path, const struct buf *bytes)
{
	FILE *out = fopen(path, "we");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes->p, 1, bytes->n, out), bytes->n);
	assert_int_equal(fclose(out), 0);
}

static const struct report *deliver_again(struct fixture *f)
{
	f->task.id[0]++;
	return fixture_deliver(f);
}

static void expect(const struct report *r, enum outcome outcome, const char *check, const char *message, const char *next)
{
	assert_string_equal(outcome_name(r->outcome), outcome_name(outcome));
	assert_string_equal(r->failure.check, check);
	if (!strstr(r->failure.message, message))
		fail_msg("'%s' does not hold '%s'", r->failure.message, message);
	if (!strstr(r->failure.next, next))
		fail_msg("'%s' does not hold '%s'", r->failure.next, next);
	assert_int_equal(r->ledger_rows, 0); /* it is not this target's */
	assert_int_equal(r->n_steps, 0);
}

static void three_deliveries(struct fixture *f, struct buf *ret_after_first)
{
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	read_db(f, ret_after_first);
	fixture_step(f, fixture_changeset(f, "alice:more"), STEP_T, "CREATE TABLE more (id INTEGER)");
	assert_int_equal(deliver_again(f)->outcome, OUTCOME_APPLIED);
	fixture_step(f, fixture_changeset(f, "alice:last"), STEP_T, "CREATE TABLE last (id INTEGER)");
	const struct report *r = deliver_again(f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_int_equal(r->ledger_rows, 3);
	assert_int_equal(strlen(r->ledger_uuid), 32);
}

static void accept_ledger(struct fixture *f)
{
	struct err e;
	struct journal_head none = {.rows = 0};
	assert_int_equal(journal_head_reset(f->journal, f->task.target, &none, &e), 0);
}

static void test_restored_backup_stops_until_it_is_accepted(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf backup = BUF_INIT;
	three_deliveries(f, &backup);
	write_db(f->db, &backup);
	for (int i = 0; i < 2; i++) /* the report of the first try does not make it right */
		expect(deliver_again(f), OUTCOME_NEEDS_ATTENTION, "C16 ledger",
		       "diverged: the ledger ends at row 1, and this agent has seen row 3 there; both know row 1.", "--accept-ledger");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM sqlite_schema WHERE name IN ('more', 'last')"), "0");
	accept_ledger(f);
	const struct report *r = deliver_again(f);
	assert_string_equal(outcome_name(r->outcome), "applied");
	assert_int_equal(r->n_steps, 2);
	assert_int_equal(r->ledger_rows, 3);
}

static void test_another_history_is_told_from_a_shorter_one(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf backup = BUF_INIT;
	three_deliveries(f, &backup);
	write_db(f->db, &backup);
	accept_ledger(f);
	struct journal_head head = {.rows = 3, .head = {1, 2, 3}, .uuid = ""};
	struct err e;
	assert_int_equal(deliver_again(f)->outcome, OUTCOME_APPLIED);
	assert_int_equal(journal_head_reset(f->journal, f->task.target, &head, &e), 0);
	expect(deliver_again(f), OUTCOME_NEEDS_ATTENTION, "C16 ledger",
	       "diverged: row 3 of the ledger is another one than this agent has seen there; both know row 0.", "--accept-ledger");
}

static void test_database_made_anew_gets_no_ledger_by_itself(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf backup = BUF_INIT;
	three_deliveries(f, &backup);
	fixture_sql(f, "DROP TABLE rollcall_ledger");
	fixture_sql(f, "DROP TABLE rollcall_meta");
	expect(deliver_again(f), OUTCOME_NEEDS_ATTENTION, "C16 ledger",
	       "diverged: the ledger ends at row 0, and this agent has seen row 3 there; both know row 0.", "--accept-ledger");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'rollcall%'"), "0");
}

static void test_changed_row_stops_with_its_number(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf backup = BUF_INIT;
	three_deliveries(f, &backup);
	fixture_sql(f, "UPDATE rollcall_ledger SET changeset = 'mallory:x' WHERE seq = 2");
	expect(deliver_again(f), OUTCOME_NEEDS_ATTENTION, "C25 ledger-chain", "ledger row 2 was changed: its hash is not that of its values",
	       "rollcall history --target");
}

static void test_copied_file_is_refused(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf backup = BUF_INIT;
	char copy[128], dsn[160];
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	read_db(f, &backup);
	snprintf(copy, sizeof copy, "%s/copy.db", f->dir);
	snprintf(dsn, sizeof dsn, "sqlite:%s", copy);
	write_db(copy, &backup);
	f->target.dsn = dsn;
	expect(deliver_again(f), OUTCOME_REFUSED, "C13 database", "a copy, a restored dump, a move, or a wrong address in agent.yaml; nothing was run",
	       "rollcall-agent adopt");
	f->target.dsn = f->dsn;
	assert_int_equal(deliver_again(f)->outcome, OUTCOME_APPLIED);
}

static void test_ledger_of_another_target_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	f->task.target = f->target.id = "eu/files/renamed";
	expect(deliver_again(f), OUTCOME_REFUSED, "C13 database", "this ledger belongs to target ", "rollcall-agent adopt eu/files/renamed");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM rollcall_ledger"), "1");
}

/* Same file, same target, but not the ledger that was there: somebody wrote another database over it. */
static void test_replaced_ledger_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	fixture_sql(f, "UPDATE rollcall_meta SET value = '00112233445566778899aabbccddeeff' WHERE name = 'uuid'");
	expect(deliver_again(f), OUTCOME_REFUSED, "C13 database", "another ledger stands here than the one that this agent has worked with",
	       "rollcall-agent adopt");
}

/* A head that only this run has seen: the connection breaks after the first step, and what comes back has lost it. */
static struct {
	struct fixture *f;
	int (*commit)(struct conn *c, struct err *e);
	int calls;
} lossy;

static int commit_then_lose(struct conn *c, struct err *e)
{
	if (++lossy.calls == 2)
		return err_set(e, ERR_UNKNOWN, "the connection was lost");
	if (lossy.commit(c, e) != 0)
		return -1;
	fixture_sql(lossy.f, "DROP TABLE more");
	fixture_sql(lossy.f, "DELETE FROM rollcall_ledger WHERE seq = 2");
	return 0;
}

static void test_commit_lost_in_mid_delivery(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	fixture_step(f, fixture_changeset(f, "alice:more"), STEP_T, "CREATE TABLE more (id INTEGER)");
	fixture_step(f, fixture_changeset(f, "alice:last"), STEP_T, "CREATE TABLE last (id INTEGER)");
	lossy.f = f;
	lossy.commit = f->engine.commit;
	f->engine.commit = commit_then_lose;
	const struct report *r = deliver_again(f);
	assert_string_equal(outcome_name(r->outcome), "needs-attention");
	assert_string_equal(r->failure.check, "C16 ledger");
	assert_non_null(strstr(r->failure.message, "the ledger ends at row 1, and this agent has seen row 2 there; both know row 1."));
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM sqlite_schema WHERE name IN ('more', 'last')"), "0");
}

static void test_follows(void **state)
{
	(void)state;
	struct ledger_row rows[3] = {{.row_hash = {1}}, {.row_hash = {2}}, {.row_hash = {3}}};
	struct ledger l = {.rows = rows, .n_rows = 3};
	struct journal_head heads[] = {{.rows = 3, .head = {3}}, {.rows = 2, .head = {2}}};
	uint64_t common = 9;
	assert_true(identity_follows(&l, heads, 0, &common));
	assert_int_equal(common, 0);
	assert_true(identity_follows(&l, heads, 2, &common));
	assert_int_equal(common, 3);
	l.n_rows = 2;
	assert_false(identity_follows(&l, heads, 2, &common));
	assert_int_equal(common, 2);
	rows[1].row_hash[0] = 7;
	assert_false(identity_follows(&l, heads, 2, &common));
	assert_int_equal(common, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_follows),
	    cmocka_unit_test_setup_teardown(test_restored_backup_stops_until_it_is_accepted, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_another_history_is_told_from_a_shorter_one, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_database_made_anew_gets_no_ledger_by_itself, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_changed_row_stops_with_its_number, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_copied_file_is_refused, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_ledger_of_another_target_is_refused, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_replaced_ledger_is_refused, set_up, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_commit_lost_in_mid_delivery, set_up, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
