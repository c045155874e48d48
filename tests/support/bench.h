/* What the conformance tests share: every engine in the table with a real database behind it (a private server, or a folder), and for each test a database of its own
 * and a connection to it. The few statements that no two engines write alike are here. */
#ifndef TESTS_SUPPORT_BENCH_H
#define TESTS_SUPPORT_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/engine/engine.h"
#include "tests/support/servers.h"

struct bench {
	enum dialect dialect;
	const char *slow; /* runs for more than ten seconds */
	const char *set, *show; /* leaves session state behind; shows it */
	const char *temporary; /* leaves a temporary table called `leftover` */
	bool row_locks; /* two writers can work at once, and so block each other in a circle */
	bool server; /* a process of its own, which can be killed */
	/* filled in */
	const struct engine *en;
	struct server *process;
	char dir[64];
	unsigned databases;
};

struct fixture {
	struct bench *b;
	const struct engine *en;
	struct engine_target target;
	struct secret *password;
	struct conn *c;
	struct arena *arena;
	char database[32], *dsn;
	struct err e;
};

/* For a `struct fixture *f`. */
#define OK(call)                                 \
	do {                                         \
		if ((call) != 0)                         \
			fail_msg("%s: %s", #call, f->e.msg); \
	} while (0)
#define FAILS(call) assert_int_equal((call), -1)

struct value {
	char text[256]; /* first column of the last row; "NULL" for SQL NULL */
	unsigned rows;
};

char *bench_dsn_of(struct bench *b, const char *database); /* heap */
struct conn *bench_another(struct fixture *f); /* a second connection, which the test closes */
void bench_with_limits(struct fixture *f, uint32_t lock_ms, uint32_t statement_ms); /* f->c anew, with these timeouts */
int bench_exec_on(struct fixture *f, struct conn *c, const char *sql);
void bench_apply(struct fixture *f, const char *sql); /* a class T step */
void bench_ddl(struct fixture *f, const char *sql); /* in a transaction where the engine can, else alone */
/* Until the server runs a statement of ours, or one that waits for a lock there, in this test's database; SQLite, which nobody can ask: for a while. From any thread. */
void bench_until_busy(struct fixture *f);
int bench_value_row(void *arg, size_t n, const char *const *values, struct err *e); /* engine_row_fn, arg: struct value */
struct value bench_ask(struct fixture *f, struct conn *c, const char *sql);

struct bench_test {
	const char *name;
	CMUnitTestFunction function; /* its state is a struct fixture */
};
#define BENCH_TEST(function) \
	{                        \
#function, function  \
	}
/* Runs every test on every engine; a pattern as argv[1] chooses some ("mariadb: test_lock*"). For main(). */
int bench_run(const struct bench_test *suite, size_t n_suite, int argc, char **argv);

#endif
