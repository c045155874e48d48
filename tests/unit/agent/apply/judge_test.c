/* Pure judgements: did an interrupted statement take effect, and how long to wait before the next try. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/apply/resolve.h"
#include "agent/apply/retry.h"
#include "common/base/str.h"

static void test_interrupted_statements(void **state)
{
	(void)state;
	static const struct {
		const char *sql;
		int before, now; /* 0: absent, else the state's first byte */
		enum verdict verdict;
	} cases[] = {
	    {"CREATE TABLE t (a int)", 0, 1, VERDICT_APPLIED},
	    {"CREATE TABLE t (a int)", 0, 0, VERDICT_NOT_APPLIED},
	    {"CREATE TABLE t (a int)", 1, 2, VERDICT_UNSURE},
	    {"CREATE TABLE IF NOT EXISTS t (a int)", 1, 1, VERDICT_NOT_APPLIED},
	    {"DROP TABLE t", 1, 0, VERDICT_APPLIED},
	    {"DROP TABLE t", 1, 1, VERDICT_NOT_APPLIED},
	    {"DROP TABLE t", 1, 2, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN b int", 1, 2, VERDICT_APPLIED},
	    {"ALTER TABLE t ADD COLUMN b int", 1, 1, VERDICT_NOT_APPLIED},
	    {"ALTER TABLE t ADD COLUMN b int", 1, 0, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN b int", 0, 1, VERDICT_UNSURE},
	    {"RENAME TABLE t TO u", 1, 0, VERDICT_APPLIED},
	    {"RENAME TABLE t TO u", 1, 1, VERDICT_NOT_APPLIED},
	    {"CREATE OR REPLACE VIEW v AS SELECT 1", 1, 2, VERDICT_APPLIED},
	    {"TRUNCATE TABLE t", 1, 1, VERDICT_UNSURE}, /* rows may have come since */
	    {"INSERT INTO t VALUES (1)", 1, 1, VERDICT_UNSURE},
	    {"CREATE INDEX i ON t (a)", 1, 2, VERDICT_APPLIED}, /* seen through the table */
	    {"CREATE INDEX i ON t (a)", 1, 1, VERDICT_NOT_APPLIED},
	    {"DROP INDEX i ON t", 1, 2, VERDICT_APPLIED},
	    {"ANALYZE TABLE t", 1, 1, VERDICT_NOT_APPLIED},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sql_class s;
		uint8_t before[DIGEST_SIZE] = {(uint8_t)cases[i].before}, now[DIGEST_SIZE] = {(uint8_t)cases[i].now};
		const char *why = NULL;
		sql_classify(DIALECT_MARIADB, bytes_of_str(cases[i].sql), &s);
		enum verdict v = resolve_judge(&s, before, now, &why);
		if (v != cases[i].verdict)
			fail_msg("%s, %d -> %d: verdict %d (%s), wanted %d; verb '%s' object '%s' parent '%s'", cases[i].sql, cases[i].before, cases[i].now,
			         (int)v, why, (int)cases[i].verdict, s.verb, s.object, s.parent);
		assert_non_null(why);
	}
}

static void test_half_dropped_index_is_not_dropped(void **state)
{
	(void)state;
	struct sql_class s;
	uint8_t before[DIGEST_SIZE] = {1}, now[DIGEST_SIZE] = {2};
	const char *why = NULL;
	sql_classify(DIALECT_POSTGRESQL, bytes_of_str("DROP INDEX CONCURRENTLY i"), &s);
	assert_int_equal(resolve_judge(&s, before, now, &why), VERDICT_UNSURE);
}

static void test_nothing_named_is_not_guessed(void **state)
{
	(void)state;
	struct sql_class s = {.class = STEP_N, .kind = SQL_DDL, .verb = "CREATE FUNCTION"};
	uint8_t before[DIGEST_SIZE] = {1}, now[DIGEST_SIZE] = {2};
	const char *why = NULL;
	assert_int_equal(resolve_judge(&s, before, now, &why), VERDICT_UNSURE);
	assert_string_equal(why, "the statement names no single object, and the schema has changed since");
}

static void test_retry_classes(void **state)
{
	(void)state;
	assert_int_equal(retry_how(RETRY_NEVER), RETRY_HOW_NOT);
	assert_int_equal(retry_how(RETRY_LOCK), RETRY_HOW_AGAIN);
	assert_int_equal(retry_how(RETRY_CONN), RETRY_HOW_RECONNECT);
	assert_int_equal(retry_how(RETRY_UNKNOWN), RETRY_HOW_RECONNECT);
	assert_int_equal(retry_how(RETRY_HALT), RETRY_HOW_PERSON);
	assert_int_equal(retry_how(RETRY_UNCLASSIFIED), RETRY_HOW_NOT);
	assert_false(retry_may(RETRY_NEVER, 0));
	assert_false(retry_may(RETRY_UNCLASSIFIED, 0));
	assert_false(retry_may(RETRY_HALT, 0));
	assert_true(retry_may(RETRY_LOCK, 1000)); /* the budget ends it */
	assert_true(retry_may(RETRY_TXN, 8));
	assert_false(retry_may(RETRY_TXN, 9));
}

static void test_back_off(void **state)
{
	(void)state;
	assert_int_equal(retry_delay_ms(RETRY_LOCK, 0, 0), 0); /* full jitter starts at nothing */
	assert_int_equal(retry_delay_ms(RETRY_LOCK, 0, UINT32_MAX), 500);
	assert_int_equal(retry_delay_ms(RETRY_LOCK, 1, UINT32_MAX), 800);
	assert_int_equal(retry_delay_ms(RETRY_LOCK, 2, UINT32_MAX), 1280);
	assert_in_range(retry_delay_ms(RETRY_LOCK, 2, UINT32_MAX / 2), 638, 641);
	assert_int_equal(retry_delay_ms(RETRY_LOCK, 11, UINT32_MAX), 60000);
	assert_int_equal(retry_delay_ms(RETRY_LOCK, UINT32_MAX, UINT32_MAX), 60000);
}

static void test_lock_timeout_grows_to_its_limit(void **state)
{
	(void)state;
	assert_int_equal(retry_lock_timeout_ms(0, 1000, 5000), 1000);
	assert_int_equal(retry_lock_timeout_ms(1, 1000, 5000), 2000);
	assert_int_equal(retry_lock_timeout_ms(4, 1000, 5000), 5000);
	assert_int_equal(retry_lock_timeout_ms(UINT32_MAX, 1000, 5000), 5000); /* the last try has one too */
	assert_int_equal(retry_lock_timeout_ms(7, 250, 250), 250);
	assert_int_equal(retry_lock_timeout_ms(7, 250, 0), 250);
}

static void test_losses_of_one_outage_do_not_burden_the_next(void **state)
{
	(void)state;
	struct retry_losses l = {0};
	for (uint32_t outage = 0; outage < 3; outage++) {
		for (uint32_t i = 0; i < 8; i++)
			assert_int_equal(retry_count_loss(&l, false, outage), i);
		assert_int_equal(retry_count_loss(&l, true, outage + 1), 0); /* the server died again, a step later */
	}
}

static void test_statement_that_kills_the_server_waits_longer_each_time(void **state)
{
	(void)state;
	struct retry_losses l = {0};
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(retry_count_loss(&l, true, 5), i);
		assert_int_equal(retry_count_loss(&l, false, 5), 0);
		assert_int_equal(retry_count_loss(&l, false, 5), 1);
	}
	assert_int_equal(retry_count_loss(&l, true, 6), 0); /* it is through */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_interrupted_statements),
	    cmocka_unit_test(test_half_dropped_index_is_not_dropped),
	    cmocka_unit_test(test_nothing_named_is_not_guessed),
	    cmocka_unit_test(test_retry_classes),
	    cmocka_unit_test(test_back_off),
	    cmocka_unit_test(test_lock_timeout_grows_to_its_limit),
	    cmocka_unit_test(test_losses_of_one_outage_do_not_burden_the_next),
	    cmocka_unit_test(test_statement_that_kills_the_server_waits_longer_each_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
