/* For what one engine alone does: a server of its kind, and a stranger of another kind to be mistaken for it; for each test a database of its own. What is asked of all engines alike is
 * bench.h's. */
#ifndef TESTS_SUPPORT_SOLO_H
#define TESTS_SUPPORT_SOLO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/engine/engine.h"
#include "tests/support/servers.h"

struct fixture {
	struct server *server, *stranger;
	const struct engine *en;
	struct engine_target target; /* changed by a test before it connects */
	struct secret *password;
	char *dsn, database[32];
	struct conn *c; /* NULL before the first solo_connect */
	struct err e;
};

/* For a `struct fixture *f`. */
#define OK(call)                                 \
	do {                                         \
		if ((call) != 0)                         \
			fail_msg("%s: %s", #call, f->e.msg); \
	} while (0)
#define FAILS(call) assert_int_equal((call), -1)

void solo_connect(struct fixture *f); /* f->target, anew */
int solo_run(struct fixture *f, const char *sql);
const char *solo_ask(struct fixture *f, const char *sql); /* the first cell; good until the next one */
void solo_admin(struct fixture *f, const char *sql); /* as the administrator, in the test's database */

/* Of a group: cmocka_run_group_tests(tests, solo_postgresql_start, solo_stop). */
int solo_postgresql_start(void **state);
int solo_mariadb_start(void **state);
int solo_stop(void **state);
/* Of a test, whose *state is its fixture. */
int solo_setup(void **state);
int solo_teardown(void **state);
#define TEST(function) cmocka_unit_test_setup_teardown(function, solo_setup, solo_teardown)

#endif
