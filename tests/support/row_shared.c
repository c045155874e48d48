/* Rows of the list of crash points that are the same on every engine: BF-.., a data change in batches of 100 over 1,000 rows, which counts how often each row was changed; VA-.., a
 * changeset whose validation after it does not hold; and, on servers, two agents with one database. */
#include <signal.h>

#include <string.h>

#include "common/base/str.h"
#include "tests/support/row_fixture.h"

#define ONCE  "SELECT count(*) FROM big WHERE n = 1"
#define TWICE "SELECT count(*) FROM big WHERE n > 1"
#define TICKS "SELECT count(*) FROM tick"

void row_batched(struct row_bench *b)
{
	row_sql(b, b->dialect == DIALECT_POSTGRESQL ? "SET ROLE rollcall; CREATE TABLE big (id int NOT NULL PRIMARY KEY, n int NOT NULL)"
	                                            : "CREATE TABLE big (id int NOT NULL PRIMARY KEY, n int NOT NULL)");
	row_sql(b, b->dialect == DIALECT_POSTGRESQL ? "INSERT INTO big SELECT i, 0 FROM generate_series(1, 1000) AS i"
	           : b->dialect == DIALECT_MARIADB
	               ? "INSERT INTO big SELECT seq, 0 FROM seq_1_to_1000"
	               : "INSERT INTO big WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 1000) SELECT i, 0 FROM s");
	struct changeset *c = fixture_changeset(&b->f, "a:batched");
	c->batching = (struct batching){.size = 100, .rollback_size = 100};
	fixture_step(&b->f, c, STEP_B, "UPDATE big SET n = n + 1");
}

void row_batch_killed_inside(struct row_bench *b)
{
	row_batched(b);
	assert_true(fixture_deliver_and_crash(&b->f, "batch-statement-run:4"));
	row_becomes(b, ONCE, "300");
	row_applied(b, 1);
	row_is(b, ONCE, "1000");
}

void row_batch_killed_after_commit(struct row_bench *b)
{
	row_batched(b);
	assert_true(fixture_deliver_and_crash(&b->f, "batch-committed:4"));
	row_is(b, ONCE, "400");
	row_applied(b, 1);
	row_is(b, ONCE, "1000");
}

/* Rows that come behind the cursor are new: no batch changes them, and none is changed twice for their sake. */
void row_batch_rows_behind(struct row_bench *b)
{
	row_batched(b);
	pid_t agent = fixture_start(&b->f, "batch-committed:4=stop");
	fixture_wait_stopped(agent);
	row_sql(b, "INSERT INTO big VALUES (-1, 0), (0, 0)");
	kill(agent, SIGCONT);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
	row_applied(b, 1);
	row_is(b, "SELECT count(*) FROM big WHERE id > 0 AND n = 1", "1000");
	row_is(b, "SELECT count(*) FROM big WHERE id <= 0 AND n = 0", "2");
	row_is(b, TWICE, "0");
}

/* ---- what is not seen to be valid ---- */

/* From here on the fixture is another agent: it has a journal of its own, and knows nothing of the first one. */
static void become_another(struct row_bench *b)
{
	struct err e = ERR_INIT;
	snprintf(b->f.journal_path, sizeof b->f.journal_path, "%s/other.db", b->f.dir);
	if (journal_open(b->f.journal_path, &b->f.journal, &e) != 0)
		fail_msg("%s", e.msg);
}

/* a:checked puts a row in, has no rollback, and its validation wants a row more; a:next comes behind it. */
static void unchecked(struct row_bench *b)
{
	struct changeset *c = fixture_changeset(&b->f, "a:checked");
	fixture_validation(&b->f, c, VALIDATE_AFTER, "two", "2", TICKS);
	fixture_step(&b->f, c, STEP_T, "INSERT INTO tick VALUES ('one')");
	row_step(b, "a:next", STEP_T, "INSERT INTO tick VALUES ('next')");
}

/* The order that comes does not go on behind a:checked. */
static const struct report *kept_back(struct row_bench *b)
{
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_FAILED)
		fail_msg("%s: %s", outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
	assert_non_null(strstr(r->failure.message, "validation two after a:checked failed: found '1', expected '2'"));
	assert_string_equal(r->failure.check, "C23 validations");
	row_is(b, TICKS, "1");
	return r;
}

static void repaired(struct row_bench *b)
{
	b->f.task.id[0]++;
	row_sql(b, "INSERT INTO tick VALUES ('by hand')");
	row_applied(b, 2);
	row_is(b, "SELECT count(*) FROM tick WHERE what = 'one'", "1");
	row_is(b, TICKS, "3");
	b->f.task.id[0]++; /* what was seen to hold is not asked again: the application has gone on */
	row_applied(b, 2);
	assert_int_equal(b->f.report.report.n_validations, 0);
}

void row_validation_failed(struct row_bench *b)
{
	unchecked(b);
	kept_back(b);
	b->f.task.id[0]++; /* another order of the same release */
	kept_back(b);
	b->f.task.id[0]++;
	kept_back(b);
	repaired(b);
}

/* Its order never comes again: it was aborted, or has expired. What that one applied the next one does not take back. */
void row_validation_not_reached(struct row_bench *b)
{
	unchecked(b);
	fixture_rollback(&b->f, &b->f.changesets[0], STEP_T, "DELETE FROM tick");
	assert_true(fixture_deliver_and_crash(&b->f, "before-validate"));
	b->f.task.id[0]++;
	kept_back(b);
	repaired(b);
}

/* The ledger itself knows it, whoever comes. */
void row_validation_failed_journal_lost(struct row_bench *b)
{
	unchecked(b);
	kept_back(b);
	journal_close(&b->f.journal);
	become_another(b);
	b->f.task.id[0]++;
	kept_back(b);
	repaired(b);
}

/* The rollback that should take it back cannot. */
void row_validation_failed_revert_fails(struct row_bench *b)
{
	unchecked(b);
	fixture_rollback(&b->f, &b->f.changesets[0], STEP_T, "DELETE FROM nowhere");
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.message, "; its rollback fails: "));
	row_is(b, TICKS, "1");
	b->f.task.id[0]++;
	assert_non_null(strstr(kept_back(b)->failure.message, "; another order has applied the changeset, so what it did stays"));
	repaired(b);
}

/* ---- on servers ---- */

void row_server_dies(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	pid_t agent = fixture_start(&b->f, "statement-run=stop");
	fixture_wait_stopped(agent);
	server_kill(b->server);
	server_restart(b->server);
	row_is(b, "SELECT count(*) FROM tick", "0");
	kill(agent, SIGCONT);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
	row_is(b, "SELECT count(*) FROM tick", "1");
	row_applied(b, 1);
}

static void become_first(struct row_bench *b)
{
	journal_close(&b->f.journal);
	snprintf(b->f.journal_path, sizeof b->f.journal_path, "%s/journal.db", b->f.dir);
}

/* While the first one stands still it holds the lock, so nobody else runs; then it goes on as if nothing had been. */
void row_agent_suspended(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	pid_t agent = fixture_start(&b->f, "statement-run=stop");
	fixture_wait_stopped(agent);
	become_another(b);
	b->f.budget_ms = 1500;
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "the target is locked by"));
	become_first(b);
	kill(agent, SIGCONT);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
	row_is(b, "SELECT count(*) FROM tick", "1");
}

/* The second one serves the same database under another name: its ledger says whose it is. */
void row_two_agents(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	row_applied(b, 1);
	journal_close(&b->f.journal);
	become_another(b);
	b->f.target.id = b->f.task.target = "us/db1/shop";
	b->f.task.id[0]++;
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_REFUSED);
	assert_non_null(strstr(r->failure.message, "eu/db1/shop"));
	row_is(b, "SELECT count(*) FROM tick", "1");
}
