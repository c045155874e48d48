/* The chain's hash against a vector that was made by another program (perl -MDigest::SHA), and that each field counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "controller/audit/chain.h"

static uint8_t evidence[DIGEST_SIZE], before[DIGEST_SIZE];

static struct store_event sample(void)
{
	memset(evidence, 0xab, sizeof evidence);
	memset(before, 0x01, sizeof before);
	return (struct store_event){.at_us = 1790000000000000,
	                            .actor = "agent eu-1",
	                            .rollout = "0badcafe",
	                            .object = "eu/pg/shop",
	                            .event = "report",
	                            .detail = "applied",
	                            .ref = "eu-1/1/7",
	                            .evidence = evidence};
}

static void test_vector(void **state)
{
	(void)state;
	struct store_event ev = sample();
	uint8_t hash[DIGEST_SIZE];
	char hex[DIGEST_SIZE * 2 + 1];
	audit_hash(7, &ev, before, hash);
	assert_string_equal(bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex), "deb0dc30e1cf1c52dfabe8fb8697065d07f907bf11cc27d74315430ca1e91722");
}

static void test_every_field_counts(void **state)
{
	(void)state;
	struct store_event original = sample(), changed[11];
	uint8_t hash[DIGEST_SIZE], other[DIGEST_SIZE], zero[DIGEST_SIZE] = {0};
	audit_hash(7, &original, before, hash);
	for (size_t i = 0; i < ARRAY_LEN(changed); i++)
		changed[i] = original;
	changed[0].at_us++;
	changed[1].actor = "agent eu-";
	changed[2].rollout = NULL;
	changed[3].object = "eu/pg/shoq";
	changed[4].event = "repor";
	changed[5].from = "";
	changed[6].to = "applied"; /* moved from one field to the next */
	changed[6].detail = NULL;
	changed[7].detail = "applie";
	changed[8].ref = "eu-1/1/8";
	changed[9].evidence = zero;
	changed[10].evidence = NULL;
	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		audit_hash(7, &changed[i], before, other);
		assert_memory_not_equal(other, hash, DIGEST_SIZE);
	}
	audit_hash(8, &original, before, other);
	assert_memory_not_equal(other, hash, DIGEST_SIZE);
	audit_hash(7, &original, zero, other);
	assert_memory_not_equal(other, hash, DIGEST_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_vector), cmocka_unit_test(test_every_field_counts)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
