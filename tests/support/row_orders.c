/* Rows of the list of crash points that are about two orders, the same on every engine: the first one stops half-way, and another one of the same release comes. */
#include <string.h>

#include "common/base/failpoint.h"
#include "common/base/str.h"
#include "tests/support/row_fixture.h"

#define CASES_MAX 4 /* passes of one failpoint */

/* ---- batches ---- */

static struct watch *paused; /* of the present delivery */
static unsigned batches, pause_at;
static const struct engine *real;

static int exec_paused(struct conn *c, struct bytes sql, uint64_t *rows, struct err *e)
{
	if (++batches == pause_at)
		watch_ask(paused, WISH_PAUSE);
	return real->exec(c, sql, rows, e);
}

void row_batch_paused(struct row_bench *b)
{
	row_batched(b);
	real = engine_by_name(b->f.engine.name);
	paused = &b->f.watch;
	batches = 0;
	pause_at = 5;
	b->f.engine.exec = exec_paused;
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_HELD)
		fail_msg("%s: %s", outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
	row_is(b, "SELECT count(*) FROM big WHERE n = 1", "500");
	b->f.task.id[0]++; /* its rollout is aborted, and another one of the release started */
	row_applied(b, 1);
	row_is(b, "SELECT count(*) FROM big WHERE n = 1", "1000");
	assert_int_equal(batches, 5 + 6); /* on behind its cursor; the last one finds no row */
	b->f.task.id[0]++;
	row_applied(b, 1);
	row_is(b, "SELECT count(*) FROM big WHERE n = 1", "1000");
}

/* The way back is interrupted, and an order to go forward comes: it is finished from its cursor, and then all is done anew. */
void row_batch_rollback_killed(struct row_bench *b)
{
	row_batched(b);
	fixture_rollback(&b->f, &b->f.changesets[0], STEP_B, "UPDATE big SET n = n - 1");
	row_applied(b, 1);
	b->f.task.id[0]++;
	b->f.task.direction = b->f.verified.order.direction = DIRECTION_ROLLBACK;
	assert_true(fixture_deliver_and_crash(&b->f, "batch-committed:4"));
	row_is(b, "SELECT count(*) FROM big WHERE n = 0", "400");
	b->f.task.id[0]++;
	b->f.task.direction = b->f.verified.order.direction = DIRECTION_APPLY;
	row_applied(b, 3);
	row_is(b, "SELECT count(*) FROM big WHERE n = 1", "1000");
}

/* ---- a rollback that is interrupted ---- */

/* Two changesets of DDL and DML, each step of which is taken back by one of its own. `n` counts: forward up, back down. */
static void reversible(struct row_bench *b)
{
	enum step_class ddl = b->dialect == DIALECT_MARIADB ? STEP_N : STEP_T;
	row_sql(b, b->dialect == DIALECT_POSTGRESQL ? "SET ROLE rollcall; CREATE TABLE counted (id int PRIMARY KEY, n int NOT NULL)"
	                                            : "CREATE TABLE counted (id int PRIMARY KEY, n int NOT NULL)");
	row_sql(b, "INSERT INTO counted VALUES (1, 0), (2, 0)");
	struct changeset *c = fixture_changeset(&b->f, "a:one");
	fixture_step(&b->f, c, STEP_T, "UPDATE counted SET n = n + 1 WHERE id = 1");
	fixture_rollback(&b->f, c, STEP_T, "UPDATE counted SET n = n - 1 WHERE id = 1");
	c = fixture_changeset(&b->f, "a:two");
	fixture_step(&b->f, c, ddl, "CREATE TABLE made (id int PRIMARY KEY)");
	fixture_step(&b->f, c, STEP_T, "UPDATE counted SET n = n + 1 WHERE id = 2");
	fixture_rollback(&b->f, c, STEP_T, "UPDATE counted SET n = n - 1 WHERE id = 2");
	fixture_rollback(&b->f, c, ddl, "DROP TABLE made");
}

static void order(struct row_bench *b, enum direction d)
{
	if (++b->f.task.id[0] == 0)
		b->f.task.id[1]++;
	b->f.task.direction = b->f.verified.order.direction = d;
}

static void stands_at(struct row_bench *b, const char *where, enum outcome wanted)
{
	const char *n = wanted == OUTCOME_APPLIED ? "11" : "0";
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != wanted)
		fail_msg("%s: %s: %s", where, outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
	const char *found = row_value(b, "SELECT 10 * min(n) + max(n) FROM counted");
	if (!str_eq(found, n))
		fail_msg("%s: counted %s instead of %s", where, found, n);
	if (wanted == OUTCOME_APPLIED)
		row_is(b, "SELECT count(*) FROM made", "0");
}

enum then {
	THEN_FORWARD,
	THEN_RESUMED,
	THEN_BACK
}; /* what comes before the order to go forward: nothing; the same task, as the daemon has it; another rollback */

/* Killed at each failpoint of the way back, at each time that it passes there. */
static void killed_on_the_way_back(struct row_bench *b, enum then then)
{
	reversible(b);
	order(b, DIRECTION_APPLY);
	stands_at(b, "forward", OUTCOME_APPLIED);
	for (size_t i = 0; failpoint_names[i]; i++) {
		bool killed = true;
		for (unsigned pass = 1; killed && pass <= CASES_MAX; pass++) {
			const char *where = arena_printf(b->f.arena, "%s:%u", failpoint_names[i], pass);
			order(b, DIRECTION_ROLLBACK);
			killed = fixture_deliver_and_crash(&b->f, where);
			if (then == THEN_BACK)
				order(b, DIRECTION_ROLLBACK);
			if (then != THEN_FORWARD)
				stands_at(b, where, OUTCOME_ROLLED_BACK);
			order(b, DIRECTION_APPLY);
			stands_at(b, where, OUTCOME_APPLIED);
		}
	}
}

void row_rollback_killed_then_apply(struct row_bench *b)
{
	killed_on_the_way_back(b, THEN_FORWARD);
}

void row_rollback_killed_and_resumed(struct row_bench *b)
{
	killed_on_the_way_back(b, THEN_RESUMED);
}

void row_rollback_killed_then_another(struct row_bench *b)
{
	killed_on_the_way_back(b, THEN_BACK);
}
