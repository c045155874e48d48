/* Checks C17 and C24 on every engine: a schema that was changed from outside, and one that is not what the release was signed to find or to leave. */
#include <stdio.h>
#include <string.h>

#include "agent/schema/baseline.h"
#include "agent/schema/snapshot.h"
#include "common/base/str.h"
#include "tests/support/delivery_bench.h"

static void add_table(struct delivery_bench *b, const char *id, const char *table)
{
	struct fixture *f = &b->f;
	enum step_class class = b->dialect == DIALECT_MARIADB ? STEP_N : STEP_T;
	struct changeset *c = fixture_changeset(f, id);
	fixture_step(f, c, class, arena_printf(f->arena, "CREATE TABLE %s (id integer NOT NULL PRIMARY KEY, note varchar(20))", table));
	fixture_rollback(f, c, class, arena_printf(f->arena, "DROP TABLE %s", table));
}

/* The same release with one changeset more, as a task of its own. */
static void next(struct delivery_bench *b, const char *id, const char *table)
{
	if (id)
		add_table(b, id, table);
	b->f.task.id[0]++;
	b->f.task.state = TASK_ACCEPTED;
	b->f.verified.release.sequence++;
}

/* The same, and it is applied. */
static void apply_next(struct delivery_bench *b, const char *id, const char *table, const char *what)
{
	next(b, id, table);
	delivery_bench_deliver(b, OUTCOME_APPLIED, what);
}

static void try_again(struct delivery_bench *b, enum outcome wanted, const char *what)
{
	b->f.task.attempt++;
	delivery_bench_deliver(b, wanted, what);
}

static void intrude(struct delivery_bench *b)
{
	delivery_bench_run(b, "CREATE TABLE intruder (id int PRIMARY KEY)");
}

static void begin(struct delivery_bench *b)
{
	delivery_bench_fresh(b);
	b->f.refuse_drift = true;
	add_table(b, "a:one", "one");
	delivery_bench_deliver(b, OUTCOME_APPLIED, "the first delivery: nothing is known of the schema yet");
}

static void refused(struct delivery_bench *b, const char *part)
{
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_REFUSED || !str_eq(r->failure.check, "C17 schema-before") || !strstr(r->failure.message, part))
		fail_msg("%s: %s: %s", outcome_name(r->outcome), r->failure.check ? r->failure.check : "-", r->failure.message ? r->failure.message : "-");
	assert_int_equal(r->n_steps, 0);
}

static bool has_table(struct delivery_bench *b, const char *table)
{
	static const char *const sql[] = {
	    [DIALECT_SQLITE] = "SELECT count(*) FROM sqlite_master WHERE name = '%s'",
	    [DIALECT_POSTGRESQL] = "SELECT count(*) FROM pg_tables WHERE tablename = '%s'",
	    [DIALECT_MARIADB] = "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '%s'",
	};
	return !str_eq(delivery_bench_value(b, arena_printf(b->f.arena, sql[b->dialect], table)), "0");
}

static void take(struct delivery_bench *b, struct snapshot *ret)
{
	struct conn *c = NULL;
	struct err e = ERR_INIT;
	if (b->f.engine.open(&b->f.target, &c, &e) != 0 || snapshot_take(&b->f.engine, c, ret, &e) != 0)
		fail_msg("%s", e.msg);
	b->f.engine.close(&c);
}

/* Nothing was delivered: the schema as it is before that. */
static void begin_before(struct delivery_bench *b, struct snapshot *ret)
{
	delivery_bench_fresh(b);
	take(b, ret);
}

static void test_a_change_from_outside_is_refused_and_named(void **state)
{
	struct delivery_bench *b = *state;
	AUTO(snapshot_done) struct snapshot now = {0};
	struct err e = ERR_INIT;
	begin(b);
	apply_next(b, "a:two", "two", "as the last one left it");
	intrude(b);
	next(b, "a:three", "three");
	refused(b, "drift: the schema was changed from outside since the last delivery ('-' is gone, '+' is new): + ");
	assert_non_null(strstr(b->f.report.report.failure.message, "intruder"));
	assert_non_null(strstr(b->f.report.report.failure.next, "snapshot"));
	assert_string_equal(b->f.report.report.failure.database_state, "changesets 1 to 2 of 3 are applied; nothing else changed");
	assert_false(has_table(b, "three"));
	b->f.task.attempt++;
	refused(b, "intruder"); /* again: it is not forgotten by being told */
	take(b, &now);
	assert_int_equal(baseline_keep(b->f.dir, b->f.task.target, buf_bytes(&now.text), &e), 0); /* snapshot --accept */
	try_again(b, OUTCOME_APPLIED, "accepted");
	assert_true(has_table(b, "three"));
	fixture_done(&b->f);
}

static void test_taken_back_it_is_no_drift(void **state)
{
	struct delivery_bench *b = *state;
	begin(b);
	delivery_bench_run(b, "CREATE INDEX from_outside ON one (note)");
	next(b, "a:two", "two");
	refused(b, "from_outside");
	delivery_bench_run(b, b->dialect == DIALECT_MARIADB ? "DROP INDEX from_outside ON one" : "DROP INDEX from_outside");
	try_again(b, OUTCOME_APPLIED, "taken back");
	fixture_done(&b->f);
}

static void test_unless_asked_drift_is_only_told(void **state)
{
	struct delivery_bench *b = *state;
	begin(b);
	intrude(b);
	b->f.refuse_drift = false;
	apply_next(b, "a:two", "two", "report is the default");
	/* It ran, and nobody has looked at what it left: then nothing is known, and nothing is called drift. */
	b->f.refuse_drift = true;
	apply_next(b, "a:three", "three", "nothing is known");
	fixture_done(&b->f);
}

static void test_a_crash_is_no_drift(void **state)
{
	struct delivery_bench *b = *state;
	begin(b);
	next(b, "a:two", "two");
	add_table(b, "a:three", "three");
	assert_true(fixture_deliver_and_crash(&b->f, "ledger-written:2"));
	b->f.task.state = TASK_RUNNING; /* what the journal says of it */
	delivery_bench_deliver(b, OUTCOME_APPLIED, "resumed");
	apply_next(b, "a:four", "four", "and what it left is known");
	intrude(b);
	next(b, "a:five", "five");
	refused(b, "intruder");
	fixture_done(&b->f);
}

static void expect(struct delivery_bench *b, struct schema_expected *x, const struct snapshot *before, const struct snapshot *after)
{
	*x = (struct schema_expected){.engine = b->f.engine.name, .form = SNAPSHOT_FORM, .has_before = before != NULL, .has_after = after != NULL};
	if (before)
		memcpy(x->before, before->fingerprint, DIGEST_SIZE);
	if (after)
		memcpy(x->after, after->fingerprint, DIGEST_SIZE);
	b->f.verified.release.schemas = x;
	b->f.verified.release.n_schemas = 1;
}

/* A release that was signed with the schemas of a scratch database. */
static void test_a_release_that_says_what_it_finds_and_leaves(void **state)
{
	struct delivery_bench *b = *state;
	AUTO(snapshot_done) struct snapshot before = {0};
	AUTO(snapshot_done) struct snapshot after = {0};
	struct schema_expected x;
	begin_before(b, &before);
	add_table(b, "a:one", "one");
	delivery_bench_deliver(b, OUTCOME_APPLIED, "on the scratch database");
	take(b, &after);
	fixture_done(&b->f);

	delivery_bench_fresh(b);
	expect(b, &x, &before, &after);
	add_table(b, "a:one", "one");
	delivery_bench_run(b, "CREATE TABLE other (id int PRIMARY KEY)");
	refused(b, "the schema is not the one that release shop 1.0 was signed to find: its fingerprint is ");
	assert_false(has_table(b, "one"));
	delivery_bench_run(b, "DROP TABLE other");
	try_again(b, OUTCOME_APPLIED, "as expected");
	assert_memory_equal(b->f.report.report.fingerprint, after.fingerprint, DIGEST_SIZE);

	expect(b, &x, NULL, &after);
	next(b, "a:two", "two"); /* more than was proved */
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_string_equal(r->failure.check, "C24 schema-after");
	assert_non_null(strstr(r->failure.message, "the schema is not the one that release shop 1.0 was signed to leave: its fingerprint is "));
	assert_string_equal(r->failure.database_state, "all 2 changesets are applied; nothing else changed");
	try_again(b, OUTCOME_FAILED, "tried again"); /* that does not make it right, */
	b->f.task.id[0]++; /* but what was expected is no reason to keep it from being taken back */
	b->f.task.direction = b->f.verified.order.direction = DIRECTION_ROLLBACK;
	delivery_bench_deliver(b, OUTCOME_ROLLED_BACK, "back");
	fixture_done(&b->f);
}

/* Half of it is there after a failure: what is tried again does not find what the first try found. */
static void test_the_second_try_is_not_held_to_what_the_first_one_found(void **state)
{
	struct delivery_bench *b = *state;
	AUTO(snapshot_done) struct snapshot before = {0};
	struct schema_expected x;
	begin_before(b, &before);
	expect(b, &x, &before, NULL);
	add_table(b, "a:one", "one");
	struct changeset *c = fixture_changeset(&b->f, "a:bad");
	fixture_step(&b->f, c, STEP_T, "INSERT INTO one (id) VALUES (1)");
	fixture_validation(&b->f, c, VALIDATE_BEFORE, "none", "7", "SELECT count(*) FROM one");
	fixture_rollback(&b->f, c, STEP_T, "DELETE FROM one WHERE id = 1");
	delivery_bench_deliver(b, OUTCOME_FAILED, "the second changeset");
	c->validations[0].expected = "0";
	try_again(b, OUTCOME_APPLIED, "tried again");
	fixture_done(&b->f);
}

/* What batches keep in the database is the ledger's, no part of the schema: a target that had one has the same fingerprint as one that had none. */
static void test_batches_leave_the_schema_as_it_was(void **state)
{
	struct delivery_bench *b = *state;
	AUTO(snapshot_done) struct snapshot before = {0}, after = {0};
	delivery_bench_fresh(b);
	add_table(b, "a:one", "one");
	delivery_bench_deliver(b, OUTCOME_APPLIED, "a table");
	delivery_bench_run(b, "INSERT INTO one (id) VALUES (1), (2), (3)");
	take(b, &before);
	next(b, NULL, NULL);
	struct changeset *c = fixture_changeset(&b->f, "a:batched");
	c->batching = (struct batching){.size = 2, .rollback_size = 2};
	fixture_step(&b->f, c, STEP_B, "UPDATE one SET note = 'x' WHERE note IS NULL");
	delivery_bench_deliver(b, OUTCOME_APPLIED, "in batches");
	assert_string_equal(delivery_bench_value(b, "SELECT count(*) FROM one WHERE note = 'x'"), "3");
	assert_true(has_table(b, b->dialect == DIALECT_POSTGRESQL ? "batch" : "rollcall_batch"));
	take(b, &after);
	assert_memory_equal(before.fingerprint, after.fingerprint, DIGEST_SIZE);
	fixture_done(&b->f);
}

static void test_another_form_of_the_text_is_not_compared(void **state)
{
	struct delivery_bench *b = *state;
	AUTO(snapshot_done) struct snapshot before = {0};
	struct schema_expected x;
	begin_before(b, &before);
	expect(b, &x, &before, NULL);
	x.form = SNAPSHOT_FORM + 1;
	add_table(b, "a:one", "one");
	refused(b, "expects a schema whose text is of form 3, and this agent writes form 2");
	fixture_done(&b->f);
}

int main(int argc, char **argv)
{
	static const struct delivery_bench_test suite[] = {
	    {"a change from outside is refused and named", test_a_change_from_outside_is_refused_and_named},
	    {"taken back it is no drift", test_taken_back_it_is_no_drift},
	    {"unless asked drift is only told", test_unless_asked_drift_is_only_told},
	    {"a crash is no drift", test_a_crash_is_no_drift},
	    {"a release that says what it finds and leaves", test_a_release_that_says_what_it_finds_and_leaves},
	    {"the second try is not held to what the first one found", test_the_second_try_is_not_held_to_what_the_first_one_found},
	    {"batches leave the schema as it was", test_batches_leave_the_schema_as_it_was},
	    {"another form of the text is not compared", test_another_form_of_the_text_is_not_compared},
	};
	return delivery_bench_main(suite, ARRAY_LEN(suite), argc, argv);
}
