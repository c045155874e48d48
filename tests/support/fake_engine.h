/* The real SQLite engine, under a delivery of delivery_fixture.h, with single functions replaced: replies that are lost, errors, locks, servers that are away. One at a time, because an
 * engine's functions are given nothing of ours. */
#ifndef TESTS_SUPPORT_FAKE_ENGINE_H
#define TESTS_SUPPORT_FAKE_ENGINE_H

#include "tests/support/delivery_fixture.h"

struct fake_engine { /* what the replaced functions do, and on which call */
	const struct engine *real;
	struct fixture *f;
	unsigned commits, lose_commit_before, lose_commit_after; /* number of the COMMIT whose reply is lost, from 1 */
	const char *exec_match; /* statements that begin so ... */
	unsigned exec_lost, exec_fail_first; /* ... lose their reply after having run; fail that often with exec_error before they run */
	struct err exec_error;
	bool exec_fail_after, exec_lost_before; /* fails, or is lost, though it ran, or before it ran */
	enum wish exec_asks;
	unsigned lock_busy, opens_fail, opens, opens_fail_from; /* from that number on: all; 0: none */
	int open_code; /* 0: connection refused */
	unsigned backend_alive, cancels;
	enum engine_witness witness;
	struct ledger_sql ledger; /* with a transaction number */
	struct buf patience; /* what each try may wait */
};
extern struct fake_engine fake;

/* For cmocka: *state is the struct fixture, whose engine is the fake one, which does what the real one does until it is told otherwise. */
int fake_set_up(void **state);
int fake_tear_down(void **state);
/* From here on the ledger tells a transaction number, 4711, and the server says this of it. */
void fake_witness_says(struct fixture *f, enum engine_witness says);

/* A changeset a:row of one statement on rows; a:alone of three that cannot be in a transaction: CREATE TABLE one, two, three. */
void fake_one_insert(struct fixture *f);
void fake_three_alone(struct fixture *f);

#define FAKE_TEST(t) cmocka_unit_test_setup_teardown(t, fake_set_up, fake_tear_down)

#endif
