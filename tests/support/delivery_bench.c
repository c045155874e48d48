/* A bench for each engine. */
#include "tests/support/delivery_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"

static struct delivery_bench benches[] = {{.dialect = DIALECT_SQLITE}, {.dialect = DIALECT_POSTGRESQL}, {.dialect = DIALECT_MARIADB}};

void delivery_bench_fresh(struct delivery_bench *b)
{
	free(b->dsn);
	b->dsn = NULL;
	if (!b->server) {
		fixture_init(&b->f);
		b->f.target.lock_timeout_ms = 1000;
		return;
	}
	snprintf(b->database, sizeof b->database, "bench_%u", ++b->n);
	server_create(b->server, b->database);
	b->dsn = server_dsn(b->server, b->database);
	fixture_init_on(&b->f, dialect_name(b->dialect), b->dsn);
}

const char *delivery_bench_value(struct delivery_bench *b, const char *sql)
{
	return b->server ? server_value(b->server, b->database, sql, b->f.arena) : fixture_value(&b->f, sql);
}

void delivery_bench_run(struct delivery_bench *b, const char *sql)
{
	if (b->server)
		free(server_sql(b->server, b->database, sql));
	else
		fixture_sql(&b->f, sql);
}

void delivery_bench_own(struct delivery_bench *b, const char *table)
{
	if (b->dialect == DIALECT_POSTGRESQL)
		delivery_bench_run(b, arena_printf(b->f.arena, "ALTER TABLE %s OWNER TO rollcall", table));
}

const char *delivery_bench_ledger(const struct delivery_bench *b, const char *table)
{
	return arena_printf(b->f.arena, "%s%s", b->dialect == DIALECT_POSTGRESQL ? "rollcall." : "rollcall_", table);
}

const char *delivery_bench_numbers(const struct delivery_bench *b, unsigned n)
{
	static const char *const forms[] = {
	    [DIALECT_POSTGRESQL] = "generate_series(1, %u) AS x (i)",
	    [DIALECT_MARIADB] = "(SELECT seq AS i FROM seq_1_to_%u) x",
	    [DIALECT_SQLITE] = "(WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < %u) SELECT i FROM k) x",
	};
	return arena_printf(b->f.arena, forms[b->dialect], n);
}

void delivery_bench_deliver(struct delivery_bench *b, enum outcome wanted, const char *where)
{
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != wanted)
		fail_msg("%s: %s: %s", where, outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
}

static int start(void **state)
{
	struct delivery_bench *b = *state;
	if (!b->server && b->dialect != DIALECT_SQLITE)
		b->server = server_start(b->dialect, false);
	return 0;
}

int delivery_bench_main(const struct delivery_bench_test *suite, size_t n_suite, int argc, char **argv)
{
	size_t n = 0, all = ARRAY_LEN(benches) * n_suite;
	AUTO(mem_free_ptr) struct CMUnitTest *tests = mem_alloc(all * sizeof *tests);
	AUTO(mem_free_ptr) char(*names)[96] = mem_alloc(all * sizeof *names);
	struct err e = ERR_INIT;
	if (engines_init(&e) != 0)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(benches); i++)
		for (size_t k = 0; k < n_suite; k++, n++) {
			snprintf(names[n], sizeof names[n], "%s: %s", dialect_name(benches[i].dialect), suite[k].name);
			tests[n] = (struct CMUnitTest){names[n], suite[k].function, start, NULL, &benches[i]};
		}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	int failed = _cmocka_run_group_tests("tests", tests, all, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(benches); i++) {
		server_stop(&benches[i].server);
		free(benches[i].dsn);
	}
	engines_done();
	return failed;
}
