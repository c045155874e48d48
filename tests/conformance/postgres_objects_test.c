/* What PostgreSQL alone leaves half-built, and how that is seen, removed or finished: indexes and partitions of statements that run outside a transaction. */
#include "tests/support/solo.h"

static void classify(const char *sql, struct sql_class *s)
{
	sql_classify(DIALECT_POSTGRESQL, bytes_of_str(sql), s);
}

static void test_invalid_index_is_seen_and_removed(void **state)
{
	struct fixture *f = *state;
	static const char sql[] = "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)";
	struct sql_class s;
	uint8_t before[DIGEST_SIZE], broken[DIGEST_SIZE], after[DIGEST_SIZE];
	bool cleaned = false;
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	OK(solo_run(f, "INSERT INTO t VALUES (1), (1)"));
	classify(sql, &s);
	OK(f->en->object_state(f->c, &s, before, NULL, &f->e));
	OK(f->en->cleanup(f->c, &s, &cleaned, &f->e));
	assert_false(cleaned);
	FAILS(solo_run(f, sql));
	assert_string_equal(f->e.sqlstate, "23505");
	OK(f->en->object_state(f->c, &s, broken, NULL, &f->e));
	assert_memory_not_equal(before, broken, DIGEST_SIZE);
	OK(f->en->cleanup(f->c, &s, &cleaned, &f->e));
	assert_true(cleaned);
	OK(f->en->object_state(f->c, &s, after, NULL, &f->e));
	assert_memory_equal(before, after, DIGEST_SIZE);
	OK(solo_run(f, "DELETE FROM t"));
	OK(solo_run(f, sql));
	OK(f->en->cleanup(f->c, &s, &cleaned, &f->e));
	assert_false(cleaned); /* a valid index is nobody's rubbish */
	assert_string_equal(solo_ask(f, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"), "t");
}

static void test_interrupted_reindex_is_removed(void **state)
{
	struct fixture *f = *state;
	struct sql_class s;
	bool cleaned = false;
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	OK(solo_run(f, "CREATE INDEX i ON t (a)"));
	OK(solo_run(f, "CREATE INDEX i_ccnew ON t (a)"));
	solo_admin(f, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i_ccnew'::regclass");
	classify("REINDEX INDEX CONCURRENTLY i", &s);
	OK(f->en->cleanup(f->c, &s, &cleaned, &f->e));
	assert_true(cleaned);
	assert_string_equal(solo_ask(f, "SELECT string_agg(relname, ',') FROM pg_class WHERE relkind = 'i' AND relname LIKE 'i%'"), "i");
}

/* A DETACH that gave up in its second half: the partition is neither in nor out until it is finalized. */
static void test_interrupted_detach_is_finalized(void **state)
{
	struct fixture *f = *state;
	static const char sql[] = "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY";
	struct sql_class s;
	struct conn *reader = NULL;
	uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
	bool cleaned = false;
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE p (a int) PARTITION BY LIST (a)"));
	OK(solo_run(f, "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)"));
	classify(sql, &s);
	assert_int_equal(s.class, STEP_N);
	OK(f->en->object_state(f->c, &s, before, NULL, &f->e));
	OK(f->en->open(&f->target, &reader, &f->e));
	OK(f->en->begin(reader, &f->e));
	OK(f->en->query(reader, bytes_of_str("SELECT * FROM p"), NULL, 0, NULL, NULL, &f->e));
	FAILS(solo_run(f, sql));
	assert_int_equal(f->en->retry_class(&f->e), RETRY_LOCK);
	assert_string_equal(solo_ask(f, "SELECT inhdetachpending FROM pg_inherits WHERE inhparent = 'p'::regclass"), "t");
	OK(f->en->rollback(reader, &f->e));
	f->en->close(&reader);
	OK(f->en->cleanup(f->c, &s, &cleaned, &f->e));
	assert_true(cleaned);
	assert_string_equal(solo_ask(f, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'p'::regclass"), "0");
	OK(f->en->object_state(f->c, &s, after, NULL, &f->e));
	assert_memory_not_equal(before, after, DIGEST_SIZE); /* so that the step counts as applied */
}

static void test_rebuilt_index_shows(void **state)
{
	struct fixture *f = *state;
	struct sql_class s;
	uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
	solo_connect(f);
	OK(solo_run(f, "CREATE TABLE t (a int)"));
	OK(solo_run(f, "CREATE INDEX i ON t (a)"));
	classify("REINDEX INDEX CONCURRENTLY i", &s);
	OK(f->en->object_state(f->c, &s, before, NULL, &f->e));
	OK(solo_run(f, "REINDEX INDEX CONCURRENTLY i"));
	OK(f->en->object_state(f->c, &s, after, NULL, &f->e));
	assert_memory_not_equal(before, after, DIGEST_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_invalid_index_is_seen_and_removed),
	    TEST(test_interrupted_reindex_is_removed),
	    TEST(test_interrupted_detach_is_finalized),
	    TEST(test_rebuilt_index_shows),
	};
	return cmocka_run_group_tests(tests, solo_postgresql_start, solo_stop);
}
