/* Reports as the brain takes them: each once and in order, of an agent that could not read the order, and after a journal was lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/support/brain_fixture.h"

static void test_reports_once_and_in_order(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	const char *id = brain_fixture_canary(&f, digest);
	struct msg_offer o = brain_fixture_offer(&f, "eu/pg1/a");
	struct msg_report first = brain_fixture_report(&f, &o, digest, OUTCOME_HELD), second = brain_fixture_report(&f, &o, digest, OUTCOME_APPLIED);
	brain_fixture_send_report(&f, &second); /* a gap: acknowledged only up to what is there */
	assert_int_equal(brain_fixture_acked(&f), 0);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "offered");
	brain_fixture_send_report(&f, &first);
	assert_int_equal(brain_fixture_acked(&f), 1);
	brain_fixture_send_report(&f, &first);
	assert_int_equal(brain_fixture_acked(&f), 1);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "held");
	struct msg_report forged = second;
	uint8_t *bytes = (uint8_t *)(uintptr_t)arena_bytes(f.arena, second.envelope).p;
	bytes[second.envelope.n / 2] ^= 1;
	forged.envelope.p = bytes;
	brain_fixture_send_report(&f, &forged);
	assert_int_equal(brain_fixture_acked(&f), 1);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "held");
	brain_fixture_done(&f);
}

/* An agent that could not read the order has no digest of it to report: the task says which delivery it refused. */
static void test_refusal_without_the_order(void **state)
{
	(void)state;
	static const uint8_t unknown[DIGEST_SIZE];
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	const char *id = brain_fixture_canary(&f, digest);
	struct msg_offer o = brain_fixture_offer(&f, "eu/pg1/a");
	brain_fixture_outcome(&f, &o, unknown, OUTCOME_REFUSED);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "refused");
	brain_fixture_done(&f);
}

static void test_lost_journal_begins_a_new_count(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	const char *id = brain_fixture_canary(&f, digest);
	struct msg_offer o = brain_fixture_offer(&f, "eu/pg1/a");
	brain_fixture_outcome(&f, &o, digest, OUTCOME_HELD);
	f.agent.report_seq = 0;
	memset(f.agent.prev_hash, 0, DIGEST_SIZE);
	brain_fixture_connect(&f, brain_fixture_targets, BRAIN_TARGETS);
	brain_fixture_idle(&f, 31 * INT64_C(1000000));
	struct msg_offer again = brain_fixture_offer(&f, "eu/pg1/a");
	brain_fixture_outcome(&f, &again, digest, OUTCOME_APPLIED);
	assert_int_equal(brain_fixture_acked(&f), 1);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "applied");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reports_once_and_in_order),
	    cmocka_unit_test(test_refusal_without_the_order),
	    cmocka_unit_test(test_lost_journal_begins_a_new_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
