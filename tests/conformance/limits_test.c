/* The site's caps on every engine, as the database tells them: a session's own time-outs (C21), and the sizes of the tables that a delivery works on (C2). */
#include <stdio.h>
#include <string.h>

#include "agent/policy/policy.h"
#include "common/base/str.h"
#include "tests/support/delivery_bench.h"

static struct policy caps(uint32_t lock_ms, uint32_t statement_ms)
{
	return (struct policy){.longest_lock_ms = lock_ms, .longest_statement_ms = statement_ms};
}

static void refused(struct delivery_bench *b, const char *check, const char *part)
{
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_REFUSED || !str_eq(r->failure.check, check) || !strstr(r->failure.message, part))
		fail_msg("%s: %s: %s", outcome_name(r->outcome), r->failure.check ? r->failure.check : "-", r->failure.message ? r->failure.message : "-");
	assert_int_equal(r->n_steps, 0);
	b->f.task.attempt++;
}

static void add(struct delivery_bench *b, const char *id, enum step_class class, const char *sql, const char *back)
{
	struct changeset *c = fixture_changeset(&b->f, id);
	fixture_step(&b->f, c, class, sql);
	fixture_rollback(&b->f, c, class, back);
}

static enum step_class ddl(const struct delivery_bench *b)
{
	return b->dialect == DIALECT_MARIADB ? STEP_N : STEP_T;
}

/* The session is opened with what agent.yaml says, which the site's policy has capped; here it is not: as if a pooler, or the role, had set it. */
static void test_the_sessions_own_timeouts(void **state)
{
	struct delivery_bench *b = *state;
	struct policy p = caps(60000, 3600000);
	delivery_bench_fresh(b);
	b->f.policy = &p;
	add(b, "a:one", ddl(b), "CREATE TABLE one (id int PRIMARY KEY)", "DROP TABLE one");
	if (b->f.engine.timeouts_sql) {
		b->f.target.lock_timeout_ms = 5000;
		p = caps(2000, 3600000);
		refused(b, "C21 timeouts",
		        "a statement of this session may wait for a lock 5000 ms, says the server, and this site allows 2000 ms (longest_lock)");
		b->f.target.lock_timeout_ms = 1000;
		p = caps(2000, 1000);
		b->f.target.statement_timeout_ms = 4000;
		refused(b, "C21 timeouts", "may run 4000 ms, says the server, and this site allows 1000 ms (longest_statement)");
		p = caps(2000, 0);
		b->f.target.statement_timeout_ms = 0;
	}
	if (b->dialect == DIALECT_POSTGRESQL) {
		b->f.target.lock_timeout_ms = 0;
		refused(b, "C21 timeouts", "may wait for a lock for ever, says the server");
		b->f.target.lock_timeout_ms = 500;
		p = caps(500, 0);
	} else if (b->dialect == DIALECT_MARIADB) {
		b->f.target.lock_timeout_ms = 500; /* it knows whole seconds only */
		p = caps(500, 0);
		refused(b, "C21 timeouts", "may wait for a lock 1000 ms, says the server, and this site allows 500 ms");
		p = caps(1000, 0);
	}
	b->f.target.statement_timeout_ms = 60000;
	delivery_bench_deliver(b, OUTCOME_APPLIED, "within the caps");
	fixture_done(&b->f);
}

static void fill(struct delivery_bench *b, const char *table, unsigned n)
{
	delivery_bench_run(b, arena_printf(b->f.arena, "CREATE TABLE %s (id int NOT NULL PRIMARY KEY, note varchar(200))", table));
	delivery_bench_own(b, table);
	delivery_bench_run(b, arena_printf(b->f.arena, "INSERT INTO %s SELECT i, 'a note that is a little longer than nothing' FROM %s", table,
	                                   delivery_bench_numbers(b, n)));
	if (b->dialect != DIALECT_SQLITE)
		delivery_bench_run(b, arena_printf(b->f.arena, "ANALYZE %s %s", b->dialect == DIALECT_MARIADB ? "TABLE" : "", table));
}

static void test_the_largest_table(void **state)
{
	struct delivery_bench *b = *state;
	struct policy p = {.largest_table = {.rows = 1000}};
	delivery_bench_fresh(b);
	b->f.policy = &p;
	fill(b, "small", 50);
	fill(b, "large", 20000);
	add(b, "a:small", ddl(b), "ALTER TABLE small ADD COLUMN more int", "ALTER TABLE small DROP COLUMN more");
	add(b, "a:new", ddl(b), "CREATE TABLE fresh (id int PRIMARY KEY)", "DROP TABLE fresh");
	add(b, "a:rows", STEP_T, "INSERT INTO large VALUES (1000000, 'one more')", "DELETE FROM small WHERE id = 1000000");
	delivery_bench_deliver(b, OUTCOME_APPLIED, "what is small, what is new, and rows that are added");
	b->f.task.id[0]++;
	add(b, "a:large", ddl(b), "ALTER TABLE large ADD COLUMN more int", "ALTER TABLE large DROP COLUMN more");
	refused(b, "C2 site-policy", "changeset a:large: ALTER TABLE works on table large as a whole, which has about ");
	assert_non_null(strstr(b->f.report.report.failure.message, " rows, and this site lets that be done up to 1000 rows (largest_table)"));
	assert_non_null(strstr(b->f.report.report.failure.next, "batches"));
	p.largest_table = (struct table_limit){.bytes = 100000};
	refused(b, "C2 site-policy", "works on table large as a whole, which has ");
	p.largest_table = (struct table_limit){.bytes = 1000000000, .rows = 1000000};
	delivery_bench_deliver(b, OUTCOME_APPLIED, "raised");
	p.largest_table = (struct table_limit){.rows = 1000};
	b->f.task.id[0]++; /* back: the same is asked of what a rollback does */
	b->f.task.direction = b->f.verified.order.direction = DIRECTION_ROLLBACK;
	refused(b, "C2 site-policy", "changeset a:large: ALTER TABLE works on table large");
	fixture_done(&b->f);
}

static void test_what_cannot_be_told_is_not_let_through(void **state)
{
	struct delivery_bench *b = *state;
	struct policy p = {.largest_table = {.rows = 1000}};
	if (b->dialect == DIALECT_SQLITE)
		return; /* there is no such statement */
	delivery_bench_fresh(b);
	b->f.policy = &p;
	fill(b, "a", 5);
	fill(b, "c", 5);
	add(b, "a:both", ddl(b), "DROP TABLE a, c", "CREATE TABLE a (id int)");
	refused(b, "C2 site-policy", "changeset a:both: which table DROP TABLE works on cannot be told");
	fixture_done(&b->f);
}

static void test_batches_may_work_on_a_large_table(void **state)
{
	struct delivery_bench *b = *state;
	struct policy p = {.largest_table = {.rows = 1000}};
	delivery_bench_fresh(b);
	b->f.policy = &p;
	fill(b, "large", 5000);
	struct changeset *c = fixture_changeset(&b->f, "a:batched");
	c->batching.size = 1000;
	fixture_step(&b->f, c, STEP_B, "UPDATE large SET note = 'x' WHERE note <> 'x'");
	fixture_rollback(&b->f, c, STEP_T, NULL);
	delivery_bench_deliver(b, OUTCOME_APPLIED, "in batches");
	assert_string_equal(delivery_bench_value(b, "SELECT count(*) FROM large WHERE note = 'x'"), "5000");
	fixture_done(&b->f);
}

int main(int argc, char **argv)
{
	static const struct delivery_bench_test suite[] = {
	    {"the session's own time-outs", test_the_sessions_own_timeouts},
	    {"the largest table", test_the_largest_table},
	    {"what cannot be told is not let through", test_what_cannot_be_told_is_not_let_through},
	    {"batches may work on a large table", test_batches_may_work_on_a_large_table},
	};
	return delivery_bench_main(suite, ARRAY_LEN(suite), argc, argv);
}
