/* Class B on every engine: 100,000 rows in batches, killed at each crash point and at several batches, over one key and over several columns, forward and back. Every row
 * counts how often it was changed: nothing keeps a second time out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "tests/support/delivery_fixture.h"
#include "tests/support/servers.h"

#define ROWS 100000

struct bench { /* one server for all tests, a database for each */
	enum dialect dialect;
	struct server *server; /* NULL for SQLite */
	char database[32];
	unsigned n;
	char *dsn;
	struct fixture f;
};

static struct bench benches[] = {{.dialect = DIALECT_SQLITE}, {.dialect = DIALECT_POSTGRESQL}, {.dialect = DIALECT_MARIADB}};

static void fresh(struct bench *b)
{
	free(b->dsn);
	b->dsn = NULL;
	if (!b->server) {
		fixture_init(&b->f);
		b->f.target.lock_timeout_ms = 1000;
		return;
	}
	snprintf(b->database, sizeof b->database, "batch_%u", ++b->n);
	server_create(b->server, b->database);
	b->dsn = server_dsn(b->server, b->database);
	fixture_init_on(&b->f, dialect_name(b->dialect), b->dsn);
}

static const char *value(struct bench *b, const char *sql)
{
	if (!b->server)
		return fixture_value(&b->f, sql);
	char *text = server_sql(b->server, b->database, sql);
	text[strcspn(text, "\n")] = '\0';
	const char *kept = arena_strdup(b->f.arena, text);
	free(text);
	return kept;
}

static void run(struct bench *b, const char *sql)
{
	if (b->server)
		free(server_sql(b->server, b->database, sql));
	else
		fixture_sql(&b->f, sql);
}

/* The numbers 1 .. ROWS as column i of a derived table x. */
static const char *numbers(const struct bench *b)
{
	switch (b->dialect) {
	case DIALECT_POSTGRESQL:
		return "generate_series(1, 100000) AS x (i)";
	case DIALECT_MARIADB:
		return "(SELECT seq AS i FROM seq_1_to_100000) x";
	case DIALECT_SQLITE:
	case DIALECT_COUNT:
		break;
	}
	return "(WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 100000) SELECT i FROM k) x";
}

static void give(struct bench *b, const char *table)
{
	if (b->dialect == DIALECT_POSTGRESQL)
		run(b, arena_printf(b->f.arena, "ALTER TABLE %s OWNER TO rollcall", table));
}

static void fill(struct bench *b, const char *columns, const char *values)
{
	run(b, arena_printf(b->f.arena, "CREATE TABLE big (n int NOT NULL DEFAULT 0, note varchar(20), %s)", columns));
	give(b, "big");
	run(b, arena_printf(b->f.arena, "INSERT INTO big SELECT 0, NULL, %s FROM %s", values, numbers(b)));
}

static const char *counts(struct bench *b)
{
	return value(b, b->dialect == DIALECT_MARIADB ? "SELECT CONCAT(COUNT(*), ' ', MIN(n), ' ', MAX(n)) FROM big"
	                                              : "SELECT count(*) || ' ' || min(n) || ' ' || max(n) FROM big");
}

static const char *ledger(const struct bench *b, const char *table)
{
	return arena_printf(b->f.arena, "%s%s", b->dialect == DIALECT_POSTGRESQL ? "rollcall." : "rollcall_", table);
}

static void applied(struct bench *b, enum outcome wanted, const char *where)
{
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != wanted)
		fail_msg("%s: %s: %s", where, outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
}

/* Kills upon kills on the same rows: each time the next run goes on from the cursor. */
static void killed_and_done(struct bench *b)
{
	static const char *const where[] = {"batch-begun",   "batch-statement-run:1", "batch-committed:1", "batch-statement-run:4", "batch-committed:3",
	                                    "batch-begun:1", "batch-statement-run:2", "batch-committed:6", "batch-statement-run:1", "ledger-written:1"};
	for (size_t i = 0; i < ARRAY_LEN(where); i++)
		if (!fixture_deliver_and_crash(&b->f, where[i])) {
			applied(b, OUTCOME_APPLIED, where[i]);
			fail_msg("%s was not passed", where[i]);
		}
	applied(b, OUTCOME_APPLIED, "after ten kills");
	assert_string_equal(value(b, arena_printf(b->f.arena, "SELECT count(*) FROM %s", ledger(b, "ledger"))), "2");
	assert_string_equal(value(b, arena_printf(b->f.arena, "SELECT changed FROM %s", ledger(b, "batch"))), "100000");
}

static void add_counting(struct bench *b, uint32_t size)
{
	struct changeset *c = fixture_changeset(&b->f, "a:count");
	c->batching = (struct batching){.size = size, .rollback_size = size};
	fixture_step(&b->f, c, STEP_B, "UPDATE big SET n = n + 1, note = 'done' WHERE note IS NULL OR note <> 'done'");
	fixture_rollback(&b->f, c, STEP_B, "UPDATE big AS t SET n = n - 1, note = NULL");
}

static void test_one_column(void **state)
{
	struct bench *b = *state;
	fresh(b);
	fill(b, "id integer PRIMARY KEY", "x.i * 3");
	add_counting(b, 5000);
	killed_and_done(b);
	assert_string_equal(counts(b), "100000 1 1");
	b->f.task.id[0]++;
	b->f.task.direction = b->f.verified.order.direction = DIRECTION_ROLLBACK;
	assert_true(fixture_deliver_and_crash(&b->f, "batch-statement-run:7"));
	assert_true(fixture_deliver_and_crash(&b->f, "batch-committed:7"));
	applied(b, OUTCOME_ROLLED_BACK, "back");
	assert_string_equal(counts(b), "100000 0 0");
	fixture_done(&b->f);
}

static void test_several_columns(void **state)
{
	struct bench *b = *state;
	fresh(b);
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
	struct bench *b = *state;
	fresh(b);
	fill(b, arena_printf(b->f.arena, "id %s NOT NULL UNIQUE", types[b->dialect]), values[b->dialect]);
	add_counting(b, 5000);
	killed_and_done(b);
	assert_string_equal(counts(b), "100000 1 1");
	fixture_done(&b->f);
}

/* Rows that come while it runs, behind its end, are not its own; INSERT ... SELECT copies each row once. */
static void test_copy(void **state)
{
	struct bench *b = *state;
	fresh(b);
	fill(b, "id integer PRIMARY KEY", "x.i");
	run(b, "CREATE TABLE copy (id bigint)");
	give(b, "copy");
	struct changeset *c = fixture_changeset(&b->f, "a:copy");
	c->batching = (struct batching){.size = 5000, .rollback_size = 50000};
	fixture_step(&b->f, c, STEP_B, "INSERT INTO copy (id) SELECT b.id FROM big b WHERE b.id % 2 = 0");
	fixture_rollback(&b->f, c, STEP_T, "DELETE FROM copy");
	assert_true(fixture_deliver_and_crash(&b->f, "batch-committed:5"));
	run(b, "INSERT INTO big (id) VALUES (100002)");
	applied(b, OUTCOME_APPLIED, "the second run");
	assert_string_equal(value(b, "SELECT count(*) FROM copy"), "50000");
	assert_string_equal(value(b, "SELECT count(DISTINCT id) FROM copy"), "50000");
	fixture_done(&b->f);
}

static int start(void **state)
{
	struct bench *b = *state;
	if (!b->server && b->dialect != DIALECT_SQLITE)
		b->server = server_start(b->dialect, false);
	return 0;
}

int main(void)
{
	static const struct {
		const char *name;
		CMUnitTestFunction function;
	} suite[] = {
	    {"a key of one column", test_one_column},
	    {"a key of several columns", test_several_columns},
	    {"a key of octets", test_octets},
	    {"INSERT ... SELECT", test_copy},
	};
	static char names[ARRAY_LEN(benches) * ARRAY_LEN(suite)][96];
	static struct CMUnitTest tests[ARRAY_LEN(names)];
	struct err e = ERR_INIT;
	size_t n = 0;
	if (engines_init(&e) != 0)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(benches); i++)
		for (size_t k = 0; k < ARRAY_LEN(suite); k++, n++) {
			snprintf(names[n], sizeof names[n], "%s: %s", dialect_name(benches[i].dialect), suite[k].name);
			tests[n] = (struct CMUnitTest){names[n], suite[k].function, start, NULL, &benches[i]};
		}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(benches); i++) {
		server_stop(&benches[i].server);
		free(benches[i].dsn);
	}
	engines_done();
	return failed;
}
