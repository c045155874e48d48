/* Deliveries on every engine: a private server each (SQLite: a file), a database for each test. For tests/conformance. */
#ifndef TESTS_SUPPORT_DELIVERY_BENCH_H
#define TESTS_SUPPORT_DELIVERY_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/delivery_fixture.h"
#include "tests/support/servers.h"

struct delivery_bench {
	enum dialect dialect;
	struct server *server; /* NULL for SQLite */
	char database[32];
	unsigned n;
	char *dsn;
	struct fixture f;
};

void delivery_bench_fresh(struct delivery_bench *b); /* a new database, and the fixture on it; the test ends with fixture_done */
/* First column of the first row, in the fixture's arena; from outside of the agent. */
const char *delivery_bench_value(struct delivery_bench *b, const char *sql);
void delivery_bench_run(struct delivery_bench *b, const char *sql);
void delivery_bench_own(struct delivery_bench *b, const char *table); /* what was made from outside becomes the agent's */
const char *delivery_bench_ledger(const struct delivery_bench *b, const char *table); /* "rollcall.ledger", "rollcall_batch" */
/* "(...) x" with the numbers 1 .. n as its column i. */
const char *delivery_bench_numbers(const struct delivery_bench *b, unsigned n);
void delivery_bench_deliver(struct delivery_bench *b, enum outcome wanted, const char *where);

struct delivery_bench_test {
	const char *name;
	CMUnitTestFunction function; /* its state is a struct delivery_bench */
};
/* Runs every test on every engine; a pattern as argv[1] chooses some ("mariadb: *"). For main(). */
int delivery_bench_main(const struct delivery_bench_test *suite, size_t n_suite, int argc, char **argv);

#endif
