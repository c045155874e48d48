/* Class B on every engine: 100,000 rows in batches, killed at each crash point and at several batches, over one key and over several columns, forward and back. Every row
 * counts how often it was changed: nothing keeps a second time out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/support/delivery_bench.h"

#define ROWS 100000

static void fill(struct delivery_bench *b, const char *columns, const char *values)
{
	delivery_bench_run(b, arena_printf(b->f.arena, "CREATE TABLE big (n int NOT NULL DEFAULT 0, note varchar(20), %s)", columns));
	delivery_bench_own(b, "big");
	delivery_bench_run(b, arena_printf(b->f.arena, "INSERT INTO big SELECT 0, NULL, %s FROM %s", values, delivery_bench_numbers(b, ROWS)));
}

static const char *counts(struct delivery_bench *b)
{
	return delivery_bench_value(b, b->dialect == DIALECT_MARIADB ? "SELECT CONCAT(COUNT(*), ' ', MIN(n), ' ', MAX(n)) FROM big"
	                                                             : "SELECT count(*) || ' ' || min(n) || ' ' || max(n) FROM big");
}

/* Kills upon kills on the same rows: each time the next run goes on from the cursor. */
static void killed_and_done(struct delivery_bench *b)
{
	static const char *const where[] = {"batch-begun",   "batch-statement-run:1", "batch-committed:1", "batch-statement-run:4", "batch-committed:3",
	                                    "batch-begun:1", "batch-statement-run:2", "batch-committed:6", "batch-statement-run:1", "ledger-written:1"};
	for (size_t i = 0; i < ARRAY_LEN(where); i++)
		if (!fixture_deliver_and_crash(&b->f, where[i])) {
			delivery_bench_deliver(b, OUTCOME_APPLIED, where[i]);
			fail_msg("%s was not passed", where[i]);
		}
	delivery_bench_deliver(b, OUTCOME_APPLIED, "after ten kills");
	assert_string_equal(delivery_bench_value(b, arena_printf(b->f.arena, "SELECT count(*) FROM %s", delivery_bench_ledger(b, "ledger"))), "2");
	assert_string_equal(delivery_bench_value(b, arena_printf(b->f.arena, "SELECT changed FROM %s", delivery_bench_ledger(b, "batch"))), "100000");
}

static void add_counting(struct delivery_bench *b, uint32_t size)
{
	struct changeset *c = fixture_changeset(&b->f, "a:count");
	c->batching = (struct batching){.size = size, .rollback_size = size};
	fixture_step(&b->f, c, STEP_B, "UPDATE big SET n = n + 1, note = 'done' WHERE note IS NULL OR note <> 'done'");
	fixture_rollback(&b->f, c, STEP_B, "UPDATE big AS t SET n = n - 1, note = NULL");
}

static void test_one_column(void **state)
{
	struct delivery_bench *b = *state;
	delivery_bench_fresh(b);
	fill(b, "id integer PRIMARY KEY", "x.i * 3");
	add_counting(b, 5000);
	killed_and_done(b);
	assert_string_equal(counts(b), "100000 1 1");
	b->f.task.id[0]++;
	b->f.task.direction = b->f.verified.order.direction = DIRECTION_ROLLBACK;
	assert_true(fixture_deliver_and_crash(&b->f, "batch-statement-run:7"));
	assert_true(fixture_deliver_and_crash(&b->f, "batch-committed:7"));
	delivery_bench_deliver(b, OUTCOME_ROLLED_BACK, "back");
	assert_string_equal(counts(b), "100000 0 0");
	fixture_done(&b->f);
}

static void test_several_columns(void **state)
{
	struct delivery_bench *b = *state;
	delivery_bench_fresh(b);
	fill(b, "tenant varchar(20) NOT NULL, no int NOT NULL, PRIMARY KEY (tenant, no)",
	     "CASE WHEN x.i % 3 = 0 THEN 'it''s' WHEN x.i % 3 = 1 THEN 'B,2:' ELSE 'a' END, x.i");
	add_counting(b, 4321);
	killed_and_done(b);
	assert_string_equal(counts(b), "100000 1 1");
	fixture_done(&b->f);
}

/* Keys whose text is not their value: hex for octets, quotes for the rest. */
static void test_octets(void **state)
{
	static const char *const types[] = {[DIALECT_POSTGRESQL] = "bytea", [DIALECT_MARIADB] = "varbinary(16)", [DIALECT_SQLITE] = "blob"};
	static const char *const values[] = {[DIALECT_POSTGRESQL] = "pg_catalog.decode(pg_catalog.md5(x.i::text), 'hex')",
	                                     [DIALECT_MARIADB] = "UNHEX(MD5(x.i))",
	                                     [DIALECT_SQLITE] = "CAST(x.i * 7919 % 100003 || 'k' AS blob)"};
	struct delivery_bench *b = *state;
	delivery_bench_fresh(b);
	fill(b, arena_printf(b->f.arena, "id %s NOT NULL UNIQUE", types[b->dialect]), values[b->dialect]);
	add_counting(b, 5000);
	killed_and_done(b);
	assert_string_equal(counts(b), "100000 1 1");
	fixture_done(&b->f);
}

/* Rows that come while it runs, behind its end, are not its own; INSERT ... SELECT copies each row once. */
static void test_copy(void **state)
{
	struct delivery_bench *b = *state;
	delivery_bench_fresh(b);
	fill(b, "id integer PRIMARY KEY", "x.i");
	delivery_bench_run(b, "CREATE TABLE copy (id bigint)");
	delivery_bench_own(b, "copy");
	struct changeset *c = fixture_changeset(&b->f, "a:copy");
	c->batching = (struct batching){.size = 5000, .rollback_size = 50000};
	fixture_step(&b->f, c, STEP_B, "INSERT INTO copy (id) SELECT b.id FROM big b WHERE b.id % 2 = 0");
	fixture_rollback(&b->f, c, STEP_T, "DELETE FROM copy");
	assert_true(fixture_deliver_and_crash(&b->f, "batch-committed:5"));
	delivery_bench_run(b, "INSERT INTO big (id) VALUES (100002)");
	delivery_bench_deliver(b, OUTCOME_APPLIED, "the second run");
	assert_string_equal(delivery_bench_value(b, "SELECT count(*) FROM copy"), "50000");
	assert_string_equal(delivery_bench_value(b, "SELECT count(DISTINCT id) FROM copy"), "50000");
	fixture_done(&b->f);
}

/* The same work by a plain client loop: key ranges of as many rows, a transaction each, nothing written down but the rows. */
static void raw_loop(struct delivery_bench *b, unsigned rows, unsigned size)
{
	const struct engine *en = &b->f.engine;
	struct conn *c = NULL;
	struct err e = ERR_INIT;
	bool ok = en->open(&b->f.target, &c, &e) == 0;
	for (unsigned at = 0; ok && at < rows; at += size) {
		const char *sql = arena_printf(b->f.arena, "UPDATE big SET n = n + 1, note = 'raw' WHERE id > %u AND id <= %u", at, at + size);
		ok = en->begin(c, &e) == 0 && en->exec(c, bytes_of_str(sql), NULL, &e) == 0 && en->commit(c, &e) == 0;
	}
	en->close(&c);
	if (!ok)
		fail_msg("%s", e.msg);
}

static int64_t timed(struct delivery_bench *b, unsigned rows, unsigned size, bool raw)
{
	delivery_bench_fresh(b);
	b->f.target.statement_timeout_ms = 600000;
	delivery_bench_run(b, "CREATE TABLE big (id integer PRIMARY KEY, n int NOT NULL DEFAULT 0, note varchar(20))");
	delivery_bench_own(b, "big");
	delivery_bench_run(b, arena_printf(b->f.arena, "INSERT INTO big SELECT x.i, 0, NULL FROM %s", delivery_bench_numbers(b, rows)));
	add_counting(b, size);
	int64_t from_us = clock_mono_us();
	if (raw)
		raw_loop(b, rows, size);
	else
		delivery_bench_deliver(b, OUTCOME_APPLIED, "batches");
	int64_t took_us = clock_mono_us() - from_us;
	assert_string_equal(delivery_bench_value(b, "SELECT min(n) FROM big"), "1");
	fixture_done(&b->f);
	return took_us;
}

/* BATCH_ROWS=n in the environment: prints both rates for n rows (make bench-batches). */
static void test_throughput(void **state)
{
	struct delivery_bench *b = *state;
	const char *asked = getenv("BATCH_ROWS");
	unsigned rows = asked ? (unsigned)strtoul(asked, NULL, 10) : 20000, size = 5000;
	int64_t raw_us = timed(b, rows, size, true), ours_us = timed(b, rows, size, false);
	if (asked)
		fprintf(stderr, "%-10s %u rows by %u: plain loop %.0f rows/s, batched step %.0f rows/s: ratio %.2f\n", dialect_name(b->dialect), rows, size,
		        rows * 1e6 / (double)raw_us, rows * 1e6 / (double)ours_us, (double)ours_us / (double)raw_us);
}

int main(int argc, char **argv)
{
	static const struct delivery_bench_test suite[] = {
	    {"a key of one column", test_one_column}, {"a key of several columns", test_several_columns},
	    {"a key of octets", test_octets},         {"INSERT ... SELECT", test_copy},
	    {"throughput", test_throughput},
	};
	return delivery_bench_main(suite, ARRAY_LEN(suite), argc, argv);
}
