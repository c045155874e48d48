/* agent/verify/statements: what a signed release must still not do: C19 and C20, by the agent's own lexer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/verify/verify.h"
#include "tests/support/trust_fixture.h"

static int setup(void **state)
{
	struct trust_fixture *f = calloc(1, sizeof *f);
	trust_fixture_init(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct trust_fixture *f = *state;
	trust_fixture_done(f);
	free(f);
	return 0;
}

static void assert_refused(struct trust_fixture *f, const char *engine, const char *check, const char *message)
{
	struct err e = ERR_INIT;
	const char *got = check_title(verify_statements(&f->release, engine, false, &e));
	if (strcmp(got, check) != 0 || !strstr(e.msg, message))
		print_message("refused by %s: %s\n", got, e.msg);
	assert_string_equal(got, check);
	assert_non_null(strstr(e.msg, message));
	assert_int_equal(e.code, ERR_POLICY);
}

static void assert_accepted(struct trust_fixture *f, const char *engine)
{
	struct err e = ERR_INIT;
	enum check_code c = verify_statements(&f->release, engine, false, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(c, CHECK_NONE);
}

/* Body 0 is PostgreSQL's, 1 MariaDB's, 2 SQLite's. */
static void set(struct trust_fixture *f, size_t body, enum step_class class, const char *sql)
{
	f->release.changesets[0].bodies[body].steps[0] = trust_fixture_step(f, class, sql, NULL);
}

static void test_good_release(void **state)
{
	assert_accepted(*state, "postgresql");
	assert_accepted(*state, "mariadb");
	assert_accepted(*state, "sqlite");
}

static void test_two_statements_in_one(void **state)
{
	set(*state, 0, STEP_T, "CREATE TABLE a (i int); DROP TABLE b");
	assert_refused(*state, "postgresql", "C19 statement",
	               "changes/orders.sql:4: changeset alice:orders-create, step 1: the text is not exactly one statement");
	set(*state, 1, STEP_N, "CREATE TABLE a (i int); DROP TABLE b");
	assert_refused(*state, "mariadb", "C19 statement", "the text is not exactly one statement");
	set(*state, 2, STEP_T, "-- nothing");
	assert_refused(*state, "sqlite", "C19 statement", "the text is not exactly one statement");
}

static void test_transaction_control(void **state)
{
	static const char *const texts[] = {"COMMIT", "commit", "/* x */ ROLLBACK", "BEGIN", "SAVEPOINT a", "START TRANSACTION"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		set(*state, 0, STEP_T, texts[i]);
		assert_refused(*state, "postgresql", "C19 statement", "would end or open a transaction, which is Rollcall's own");
	}
}

static void test_class_is_derived_again(void **state)
{
	set(*state, 0, STEP_T, "CREATE INDEX CONCURRENTLY i ON orders (id)");
	assert_refused(*state, "postgresql", "C20 class", "the release says class T, and CREATE INDEX CONCURRENTLY is of class N");
	set(*state, 0, STEP_N, "CREATE TABLE a (i int)");
	assert_refused(*state, "postgresql", "C20 class", "the release says class N, and CREATE TABLE is of class T");
	set(*state, 1, STEP_T, "CREATE TABLE a (i int)");
	assert_refused(*state, "mariadb", "C20 class", "the release says class T");
	set(*state, 2, STEP_T, "ATTACH 'x.db' AS x"); /* class X, whatever the release says, is the site's to allow */
	assert_refused(*state, "sqlite", "C19 statement", "ATTACH: ");
}

static void test_rollback_is_read_too(void **state)
{
	struct trust_fixture *f = *state;
	f->release.changesets[1].bodies[0].rollback[0] = trust_fixture_step(f, STEP_T, "SELECT 1", "COMMIT", NULL);
	assert_refused(f, "postgresql", "C19 statement", "changes/orders.sql:5: changeset alice:orders-add-note, rollback step 1: COMMIT");
}

static void test_validation_must_ask(void **state)
{
	struct trust_fixture *f = *state;
	struct validation *v = f->release.changesets[1].validations;
	v->sql = bytes_of_str("DELETE FROM orders");
	assert_refused(
	    f, "postgresql", "C19 statement",
	    "changes/orders.sql:6: changeset alice:orders-add-note, validation: only a statement that reads may stand here, and DELETE is not one");
	v->sql = bytes_of_str("SELECT setval('orders_id', 7)");
	assert_refused(f, "postgresql", "C19 statement", "SELECT of this kind has effects that nothing undoes");
	v->sql = bytes_of_str("SELECT id FROM orders INTO OUTFILE '/tmp/orders'");
	assert_refused(f, "mariadb", "C19 statement", "SELECT of this kind has effects that nothing undoes");
	v->sql = bytes_of_str("FROBNICATE orders");
	assert_refused(f, "postgresql", "C19 statement", "only a statement that reads may stand here, and FROBNICATE is not one");
	v->sql = bytes_of_str("SELECT 1; DROP TABLE orders");
	assert_refused(f, "postgresql", "C19 statement", "validation: the text is not exactly one statement");
}

static void test_precondition_must_ask(void **state)
{
	struct trust_fixture *f = *state;
	struct check pre = {.kind = CHECK_SQL, .expected = "0", .sql = bytes_of_str("UPDATE orders SET id = 1"), .line = 3};
	f->release.changesets[0].preconditions = &pre;
	f->release.changesets[0].n_preconditions = 1;
	assert_refused(
	    f, "postgresql", "C19 statement",
	    "changes/orders.sql:3: changeset alice:orders-create, precondition: only a statement that reads may stand here, and UPDATE is not one");
}

static void test_batch_is_read_again(void **state)
{
	struct trust_fixture *f = *state;
	set(f, 0, STEP_B, "UPDATE orders SET id = 1 WHERE id = 2");
	assert_refused(f, "postgresql", "C20 class", "the release says class B, and UPDATE cannot be batched: the release gives no size");
	f->release.changesets[0].batching.size = 10;
	assert_accepted(f, "postgresql");
	f->release.changesets[0].batching.query = bytes_of_str("DELETE FROM orders");
	assert_refused(f, "postgresql", "C19 statement", "throttle query: only a statement that reads may stand here");
	f->release.changesets[0].batching.query = bytes_of_str("SELECT 1");
	set(f, 0, STEP_B, "UPDATE orders SET id = 1 FROM t");
	assert_refused(f, "postgresql", "C20 class", "UPDATE cannot be batched: it names several tables");
	set(f, 0, STEP_B, "VACUUM orders");
	assert_refused(f, "postgresql", "C20 class", "VACUUM cannot be batched: it does not run in a transaction");
}

static void test_one_transaction(void **state)
{
	struct trust_fixture *f = *state;
	const char *critical[] = {FEATURE_RELEASE_TRANSACTION};
	f->release.critical = critical, f->release.n_critical = 1;
	assert_accepted(f, "postgresql");
	assert_refused(f, "mariadb", "C20 class", "the release asks for one transaction, and this step cannot be in one with others");
	set(f, 0, STEP_T, "SET search_path = x");
	assert_refused(f, "postgresql", "C20 class", "the release asks for one transaction, and a setting would hold for the changesets behind it too");
	set(f, 0, STEP_T, "SELECT 1");
	f->release.changesets[0].ignore_failure = true;
	assert_refused(f, "postgresql", "C20 class", "says failOnError:false, and the release asks for one transaction");
}

static void test_unknown_engine(void **state)
{
	assert_refused(*state, "oracle", "C14 engine", "engine oracle is unknown");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_good_release),         T(test_two_statements_in_one), T(test_transaction_control),   T(test_class_is_derived_again),
	    T(test_rollback_is_read_too), T(test_validation_must_ask),   T(test_precondition_must_ask), T(test_unknown_engine),
	    T(test_batch_is_read_again),  T(test_one_transaction),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
