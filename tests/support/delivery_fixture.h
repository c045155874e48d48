/* A delivery without controller, link and signatures: a release built by hand, a real SQLite database, a real journal. For tests of agent/apply. */
#ifndef TESTS_SUPPORT_DELIVERY_FIXTURE_H
#define TESTS_SUPPORT_DELIVERY_FIXTURE_H

#include "agent/apply/delivery.h"

#define FIXTURE_CHANGESETS 256

struct fixture {
	char dir[64], db[96], journal_path[96], dsn[128];
	struct arena *arena;
	struct engine engine; /* a copy of the real one: tests replace its functions */
	struct engine_target target;
	struct verified verified;
	struct changeset changesets[FIXTURE_CHANGESETS];
	struct task task;
	struct watch watch;
	struct journal *journal;
	struct collector report; /* of the last fixture_deliver */
	struct buf progress; /* one line for each: "state changeset step/of detail" */
	void (*progress_hook)(void *arg, const struct delivery_progress *p); /* NULL: none; called after the line was added */
	void *progress_hook_arg;
	struct agent_limits limits;
	uint32_t budget_ms, orphan_cancel_ms;
	bool refuse_superuser;
	const struct policy *policy; /* NULL: none */
	bool refuse_drift; /* schemas are kept in dir */
	enum ended ended; /* of the last fixture_deliver */
};

void fixture_init(struct fixture *f); /* engine sqlite, a database file with table item(id, name) of 3 rows */
/* Another engine's empty database; fixture_value and fixture_sql serve SQLite alone. dsn is borrowed. */
void fixture_init_on(struct fixture *f, const char *engine, const char *dsn);
void fixture_done(struct fixture *f);
/* Of a test, whose *state is its fixture: fixture_init and fixture_done. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Adds a changeset with one body for the fixture's engine. */
struct changeset *fixture_changeset(struct fixture *f, const char *id);
void fixture_step(struct fixture *f, struct changeset *c, enum step_class class, const char *sql); /* one statement a step */
void fixture_rollback(struct fixture *f, struct changeset *c, enum step_class class, const char *sql); /* NULL: none needed */
/* expected NULL: RECORD before, SAME_AS_BEFORE after. */
void fixture_validation(struct fixture *f, struct changeset *c, enum validation_when when, const char *name, const char *expected, const char *sql);
void fixture_precondition(struct fixture *f, struct changeset *c, const char *expected, const char *sql);

/* transaction: release */
void fixture_whole(struct fixture *f);
/* Sets the digests and runs the delivery to its report. */
const struct report *fixture_deliver(struct fixture *f);
/* The same in a child process with ROLLCALL_CRASH_AT=crash_at (NULL: none), whose journal it is until fixture_wait. */
pid_t fixture_start(struct fixture *f, const char *crash_at);
void fixture_wait_stopped(pid_t child); /* until it stands at a failpoint "NAME=stop"; kill(child, SIGCONT) goes on */
int fixture_wait(struct fixture *f, pid_t child); /* its outcome (enum outcome); -1 when it was killed */
/* In a child process with ROLLCALL_CRASH_AT=where; true when the child was killed there. */
bool fixture_deliver_and_crash(struct fixture *f, const char *where);
/* The single value of a query on the target, as text in the fixture's arena; "NULL" for NULL. */
const char *fixture_value(struct fixture *f, const char *sql);
/* Runs SQL on the target from outside. */
void fixture_sql(struct fixture *f, const char *sql);
/* Seals nothing: the report's outcome and number as text. A journal_seal_fn. */
int fixture_seal(void *arg, const struct report *r, struct buf *ret, struct err *e);

#endif
