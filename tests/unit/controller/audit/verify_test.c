/* A log of 1,000 rows whose end an agent countersigned: a byte flipped in, a row taken out of, two rows exchanged in, or everything cut off after each of its rows: 4,000
 * forgeries, of which every one must be found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "controller/audit/chain.h"
#include "controller/audit/verify.h"
#include "tests/support/trust_fixture.h"

#define ROWS 1000

static struct {
	struct trust_fixture trust;
	struct bundle b;
	struct audit_row rows[ROWS], work[ROWS];
	uint8_t certificate_hash[DIGEST_SIZE];
} g;

static void fill_rows(const uint8_t report_hash[DIGEST_SIZE])
{
	uint8_t before[DIGEST_SIZE] = {0};
	for (size_t i = 0; i < ROWS; i++) {
		bool report = i == ROWS - 1; /* the newest tells of the report that countersigned the one before */
		g.rows[i] = (struct audit_row){.seq = i + 1,
		                               .ev = {.at_us = (int64_t)i,
		                                      .actor = report ? "agent eu-1" : arena_printf(g.b.arena, "operator %zu", i % 7),
		                                      .object = "eu/pg/shop",
		                                      .event = report ? "report" : "note",
		                                      .ref = report ? "eu-1/1/1" : NULL,
		                                      .evidence = report   ? report_hash
		                                                  : i == 0 ? g.certificate_hash
		                                                           : NULL,
		                                      .detail = arena_printf(g.b.arena, "what happened, %zu", i)}};
		audit_hash(g.rows[i].seq, &g.rows[i].ev, before, g.rows[i].hash);
		memcpy(before, g.rows[i].hash, DIGEST_SIZE);
	}
}

static struct bytes encoded(void (*encode)(const void *, struct buf *), const void *what)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	encode(what, &out);
	return arena_bytes(g.b.arena, buf_bytes(&out));
}

static void put_certificate(const void *c, struct buf *ret)
{
	certificate_encode(c, ret);
}

static void put_report(const void *r, struct buf *ret)
{
	report_encode(r, ret);
}

static void add_certificate(void)
{
	static const char *targets[] = {"eu/*"};
	struct certificate c = {.agent = "eu-1",
	                        .site = "eu",
	                        .serial = "1",
	                        .curve_key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	                        .targets = targets,
	                        .n_targets = 1,
	                        .not_before_us = 1,
	                        .not_after_us = INT64_MAX};
	sign_key_public(g.trust.keys[MALLORY], c.report_key); /* the agent's own */
	struct bytes envelope = trust_fixture_sign(&g.trust, TYPE_CERTIFICATE, encoded(put_certificate, &c), CI);
	bundle_add_document(&g.b, "certificate", "eu-1/1", envelope);
	digest_sha256(envelope, g.certificate_hash); /* the first row tells of it */
}

/* Signed by the agent, over the head of the first ROWS - 1 rows. */
static struct bytes report_over(const struct audit_head *head)
{
	struct report r = {.agent = "eu-1", .target = "eu/pg/shop", .attempt = 1, .outcome = OUTCOME_REFUSED, .report_seq = 1, .audit = *head};
	return trust_fixture_sign(&g.trust, TYPE_REPORT, encoded(put_report, &r), MALLORY);
}

static int set_up(void **state)
{
	(void)state;
	static uint8_t report_hash[DIGEST_SIZE];
	struct audit_head head = {.seq = ROWS - 1};
	trust_fixture_init(&g.trust);
	trust_fixture_set_role(&g.trust, ROLE_ENROL, 1, (enum fixture_person[]){CI}, 1);
	trust_fixture_build(&g.trust);
	bundle_init(&g.b);
	add_certificate();
	fill_rows(report_hash); /* the head does not depend on the last row */
	memcpy(head.hash, g.rows[ROWS - 2].hash, DIGEST_SIZE);
	struct bytes report = report_over(&head);
	digest_sha256(report, report_hash);
	fill_rows(report_hash);
	bundle_add_document(&g.b, "report", "eu-1/1/1", report);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bundle_done(&g.b);
	trust_fixture_done(&g.trust);
	return 0;
}

static size_t wrong_with(size_t n)
{
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)64 * 1024 * 1024);
	struct audit_result r;
	size_t wrong = 0;
	g.b.rows = g.work;
	g.b.n_rows = n;
	audit_verify(&g.b, &g.trust.trust, a, &r);
	for (size_t i = 0; i < AUDIT_CHECKS; i++)
		wrong += r.checks[i].wrong;
	if (n == ROWS && wrong && memcmp(g.work, g.rows, sizeof g.rows) == 0)
		print_message("%s: %s: %s\n", r.findings[0].check, r.findings[0].place, r.findings[0].text);
	return wrong;
}

static void renew(void)
{
	memcpy(g.work, g.rows, sizeof g.work);
}

static void test_whole(void **state)
{
	(void)state;
	renew();
	assert_int_equal(wrong_with(ROWS), 0);
}

static void test_flipped(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		char text[64];
		renew();
		str_copy(text, sizeof text, g.work[i].ev.detail);
		text[i % strlen(text)] ^= 1;
		g.work[i].ev.detail = text;
		if (wrong_with(ROWS) == 0)
			fail_msg("a byte of row %zu was flipped, and nothing was found", i + 1);
	}
}

static void test_taken_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		renew();
		memmove(&g.work[i], &g.work[i + 1], (ROWS - i - 1) * sizeof g.work[0]);
		if (wrong_with(ROWS - 1) == 0)
			fail_msg("row %zu was taken out, and nothing was found", i + 1);
	}
}

static void test_exchanged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		size_t k = (i + 1) % ROWS;
		renew();
		struct store_event ev = g.work[i].ev;
		g.work[i].ev = g.work[k].ev;
		g.work[k].ev = ev;
		if (wrong_with(ROWS) == 0)
			fail_msg("rows %zu and %zu were exchanged, and nothing was found", i + 1, k + 1);
	}
}

static void test_cut_off(void **state)
{
	(void)state;
	renew();
	for (size_t n = 0; n < ROWS; n++)
		if (wrong_with(n) == 0)
			fail_msg("everything after row %zu was cut off, and nothing was found", n);
}

/* Who can rewrite everything makes a log that is whole in itself. The agent's signature is over another one. */
static void test_written_anew(void **state)
{
	(void)state;
	uint8_t before[DIGEST_SIZE] = {0};
	renew();
	g.work[500].ev.detail = "nothing happened";
	for (size_t i = 0; i < ROWS; i++) {
		audit_hash(g.work[i].seq, &g.work[i].ev, before, g.work[i].hash);
		memcpy(before, g.work[i].hash, DIGEST_SIZE);
	}
	assert_int_equal(wrong_with(ROWS), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole),     cmocka_unit_test(test_flipped), cmocka_unit_test(test_taken_out),
	                                   cmocka_unit_test(test_exchanged), cmocka_unit_test(test_cut_off), cmocka_unit_test(test_written_anew)};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
