/* transaction: release on every engine: all or nothing, killed at its crash points, and no slower than changeset by changeset. With WHOLE_CHANGESETS=n in the environment it prints
 * both times for n changesets (make bench-batches). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/support/delivery_bench.h"

/* MariaDB's DDL commits by itself: there the tables stand already. */
static void add_changesets(struct delivery_bench *b, unsigned n)
{
	struct fixture *f = &b->f;
	bool ddl = b->dialect != DIALECT_MARIADB;
	delivery_bench_run(b, "CREATE TABLE tick (i int)");
	delivery_bench_own(b, "tick");
	for (unsigned i = 0; i < n; i++) {
		struct changeset *c = fixture_changeset(f, arena_printf(f->arena, "a:%u", i));
		fixture_validation(f, c, VALIDATE_AFTER, "some", arena_printf(f->arena, "%u", i + 1), "SELECT count(*) FROM tick");
		if (ddl)
			fixture_step(f, c, STEP_T, arena_printf(f->arena, "CREATE TABLE made_%u (id int PRIMARY KEY, name varchar(20))", i));
		fixture_step(f, c, STEP_T, arena_printf(f->arena, "INSERT INTO tick VALUES (%u)", i));
		fixture_rollback(f, c, STEP_T, arena_printf(f->arena, "DELETE FROM tick WHERE i = %u", i));
		if (ddl)
			fixture_rollback(f, c, STEP_T, arena_printf(f->arena, "DROP TABLE made_%u", i));
	}
}

static const char *ticks(struct delivery_bench *b)
{
	return delivery_bench_value(b, "SELECT count(*) FROM tick");
}

static const char *rows(struct delivery_bench *b)
{
	return delivery_bench_value(b, arena_printf(b->f.arena, "SELECT count(*) FROM %s", delivery_bench_ledger(b, "ledger")));
}

static void test_all_or_nothing(void **state)
{
	static const char *const where[] = {"begun", "statement-run:3", "ledger-written"};
	struct delivery_bench *b = *state;
	delivery_bench_fresh(b);
	fixture_whole(&b->f);
	add_changesets(b, 3);
	for (size_t i = 0; i < ARRAY_LEN(where); i++) {
		assert_true(fixture_deliver_and_crash(&b->f, where[i]));
		assert_string_equal(ticks(b), "0");
		assert_string_equal(rows(b), "0");
	}
	assert_true(fixture_deliver_and_crash(&b->f, "committed"));
	assert_string_equal(ticks(b), "3");
	delivery_bench_deliver(b, OUTCOME_APPLIED, "after four kills");
	assert_string_equal(ticks(b), "3");
	b->f.task.id[0]++;
	b->f.task.direction = b->f.verified.order.direction = DIRECTION_ROLLBACK;
	delivery_bench_deliver(b, OUTCOME_ROLLED_BACK, "back");
	assert_string_equal(ticks(b), "0");
	fixture_done(&b->f);
}

static void test_a_failure_takes_all_back(void **state)
{
	struct delivery_bench *b = *state;
	delivery_bench_fresh(b);
	fixture_whole(&b->f);
	add_changesets(b, 3);
	struct changeset *c = fixture_changeset(&b->f, "a:asks");
	c->on_error = ON_FAIL_WARN; /* a question that fails does not break the transaction */
	fixture_precondition(&b->f, c, "1", "SELECT count(*) FROM absent");
	fixture_step(&b->f, c, STEP_T, "INSERT INTO tick VALUES (100)");
	c = fixture_changeset(&b->f, "a:bad");
	fixture_validation(&b->f, c, VALIDATE_AFTER, "five", "77", "SELECT count(*) FROM tick");
	fixture_step(&b->f, c, STEP_T, "INSERT INTO tick VALUES (101)");
	delivery_bench_deliver(b, OUTCOME_FAILED, "a validation fails");
	assert_non_null(
	    strstr(b->f.report.report.failure.message, "validation five after a:bad failed: found '5', expected '77'. The release is one transaction"));
	assert_string_equal(ticks(b), "0");
	assert_string_equal(rows(b), "0");
	fixture_done(&b->f);
}

static int64_t timed(struct delivery_bench *b, unsigned n, bool whole)
{
	delivery_bench_fresh(b);
	if (whole)
		fixture_whole(&b->f);
	add_changesets(b, n);
	int64_t from_us = clock_mono_us();
	delivery_bench_deliver(b, OUTCOME_APPLIED, whole ? "one transaction" : "a transaction each");
	int64_t took_us = clock_mono_us() - from_us;
	fixture_done(&b->f);
	return took_us;
}

static void test_speed(void **state)
{
	struct delivery_bench *b = *state;
	const char *asked = getenv("WHOLE_CHANGESETS");
	unsigned n = asked ? (unsigned)strtoul(asked, NULL, 10) : 6;
	int64_t each_us = timed(b, n, false), whole_us = timed(b, n, true);
	if (asked)
		fprintf(stderr, "%-10s %u changesets, each with a validation: %.1f ms one after the other, %.1f ms as one transaction: %.1f times\n",
		        dialect_name(b->dialect), n, (double)each_us / 1000, (double)whole_us / 1000, (double)each_us / (double)whole_us);
	assert_true(whole_us < each_us * 3 + 100000); /* beside others' work it may come out slower, but not by much */
}

int main(int argc, char **argv)
{
	static const struct delivery_bench_test suite[] = {
	    {"all or nothing", test_all_or_nothing},
	    {"a failure takes all back", test_a_failure_takes_all_back},
	    {"speed", test_speed},
	};
	return delivery_bench_main(suite, ARRAY_LEN(suite), argc, argv);
}
