/* What the crash-point rows share: one private server for a program, a database and a delivery (delivery_fixture.h) for each row, outsiders who are in the way, questions put to
 * the database by its own client. Rows are named as in the list of crash points: "PG-04 the server dies in mid-transaction". */
#ifndef TESTS_SUPPORT_ROW_FIXTURE_H
#define TESTS_SUPPORT_ROW_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/delivery_fixture.h"
#include "tests/support/servers.h"

struct row_test;

struct row_bench {
	enum dialect dialect;
	struct server *server;
	char database[32], *dsn;
	unsigned n;
	pid_t proxy; /* 0: none */
	const struct row_test *row; /* the present one */
	struct fixture f;
};

struct row_test {
	const char *name;
	void (*run)(struct row_bench *b);
};

/* BF-..: the same on every engine. */
void row_batch_killed_inside(struct row_bench *b);
void row_batch_killed_after_commit(struct row_bench *b);
void row_batch_rows_behind(struct row_bench *b);
#define ROW_BATCHES                                                                     \
	{"BF-01 the agent dies inside a batch", row_batch_killed_inside},                   \
	    {"BF-02 the agent dies after a batch's COMMIT", row_batch_killed_after_commit}, \
	{                                                                                   \
		"BF-03 rows are inserted behind the cursor", row_batch_rows_behind              \
	}
void row_batched(struct row_bench *b); /* table big (id, n) of 1,000 rows, and a changeset that adds 1 to each n in batches of 100 */
/* Two orders, the same on every engine. */
void row_batch_paused(struct row_bench *b);
void row_batch_rollback_killed(struct row_bench *b);
void row_rollback_killed_then_apply(struct row_bench *b);
void row_rollback_killed_and_resumed(struct row_bench *b);
void row_rollback_killed_then_another(struct row_bench *b);
#define ROW_ORDERS                                                                                                                  \
	{"BF-04 a batched step is paused, and another order goes on", row_batch_paused},                                                \
	    {"BF-05 the agent dies in the batches of a rollback, and an order to go forward comes", row_batch_rollback_killed},         \
	    {"RB-01 the agent dies in a rollback, and an order to go forward comes", row_rollback_killed_then_apply},                   \
	    {"RB-02 the agent dies in a rollback, goes on with it, and an order to go forward comes", row_rollback_killed_and_resumed}, \
	{                                                                                                                               \
		"RB-03 the agent dies in a rollback, and another order to go back comes", row_rollback_killed_then_another                  \
	}
/* VA-..: the same on every engine, with a table tick (what). */
void row_validation_failed(struct row_bench *b);
void row_validation_not_reached(struct row_bench *b);
void row_validation_failed_journal_lost(struct row_bench *b);
void row_validation_failed_revert_fails(struct row_bench *b);
#define ROW_VALIDATIONS                                                                                                        \
	{"VA-01 a validation after fails without a rollback, and another order comes", row_validation_failed},                     \
	    {"VA-02 the agent dies before the validation after, and another order comes", row_validation_not_reached},             \
	    {"VA-03 a validation after has failed, and the journal is lost", row_validation_failed_journal_lost},                  \
	{                                                                                                                          \
		"VA-04 a validation after fails and so does the rollback, and another order comes", row_validation_failed_revert_fails \
	}
void row_server_dies(struct row_bench *b); /* PG-04 and MA-24 */
/* AG-09 and AG-07, for a table of a server's rows: the same on each. */
void row_agent_suspended(struct row_bench *b);
void row_two_agents(struct row_bench *b);
#define ROW_AGENTS                                                                               \
	{"AG-07 two agents for one database", row_two_agents},                                       \
	{                                                                                            \
		"AG-09 the agent is suspended in mid-transaction and goes on later", row_agent_suspended \
	}

/* For main(): these rows, each on a fresh database, its fixture made before and done with after. `prepare` is run as the user who owns the database; T=word in argv[1] filters. */
int rows_run(enum dialect d, const char *prepare, const struct row_test *rows, size_t n, int argc, char **argv);

void row_sql(struct row_bench *b, const char *sql); /* as the administrator */
const char *row_value(struct row_bench *b, const char *sql); /* one value, in the fixture's arena */
void row_is(struct row_bench *b, const char *sql, const char *wanted);
void row_becomes(struct row_bench *b, const char *sql, const char *wanted); /* within ten seconds */
void row_applied(struct row_bench *b, size_t done); /* delivers; then the ledger has so many `done` rows */
void row_refused(struct row_bench *b, const char *check, const char *message); /* by agent/verify/statements.c, before anything runs */
/* Another session in a process of its own; row_end waits until it has ended. */
pid_t row_outsider(struct row_bench *b, const char *sql);
void row_end(pid_t outsider);
/* From here on the delivery reaches the server over tests/fault/proxy.c, which loses the server's answer to `word` so many times. */
void row_lose(struct row_bench *b, const char *word, unsigned times);
void row_kill_agent(struct row_bench *b, pid_t agent); /* kill -9 of what fixture_start started */
/* One changeset with one step. */
void row_step(struct row_bench *b, const char *id, enum step_class class, const char *sql);

#endif
