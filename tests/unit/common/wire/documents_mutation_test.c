/* Every document codec under a few thousand deterministic mutations: no crash, no leak of the arena past its cap, and what is still accepted can be written and
 * read again. SEED=n in the environment chooses another run; the seed is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/wire/documents.h"
#include "tests/support/trust_fixture.h"

#define ROUNDS 4000

static struct trust_fixture f;
static uint64_t seed = 20261122;

static uint32_t next_random(void) /* xorshift64*: the same everywhere */
{
	seed ^= seed >> 12, seed ^= seed << 25, seed ^= seed >> 27;
	return (uint32_t)((seed * UINT64_C(2685821657736338717)) >> 32);
}

/* Decodes; when that works encodes again into `again`. */
typedef int codec(struct bytes data, struct arena *a, struct buf *again, struct err *e);

#define CODEC(name, type)                                                                     \
	static int name##_codec(struct bytes data, struct arena *a, struct buf *b, struct err *e) \
	{                                                                                         \
		struct type v;                                                                        \
		if (name##_decode(data, a, &v, e) != 0)                                               \
			return -1;                                                                        \
		name##_encode(&v, b);                                                                 \
		return 0;                                                                             \
	}
CODEC(envelope, envelope)
CODEC(trust, trust)
CODEC(certificate, certificate)
CODEC(freshness, freshness)
CODEC(revocation, revocation)
CODEC(release, release)
CODEC(order, order)
CODEC(approval, approval)
CODEC(gate_pass, gate_pass)
CODEC(report, report)
CODEC(dossier, dossier)

static int proof_codec(struct bytes data, struct arena *a, struct buf *b, struct err *e)
{
	struct merkle_proof p;
	(void)a;
	if (merkle_proof_decode(data, &p, e) != 0)
		return -1;
	merkle_proof_encode(&p, b);
	return 0;
}

/* One of: flip a bit, set an octet, cut the end, remove a run, double a run, put in an octet. `out` has room for twice the size. */
static size_t mutate(struct bytes in, uint8_t *out)
{
	size_t n = in.n, at = next_random() % n, run = 1 + next_random() % 8;
	memcpy(out, in.p, n);
	if (at + run > n)
		run = n - at;
	switch (next_random() % 6) {
	case 0:
		out[at] ^= (uint8_t)(1u << next_random() % 8);
		return n;
	case 1:
		out[at] = (uint8_t)next_random();
		return n;
	case 2:
		return at;
	case 3:
		memmove(out + at, in.p + at + run, n - at - run);
		return n - run;
	case 4:
		memcpy(out + at + run, in.p + at, n - at);
		return n + run;
	}
	memcpy(out + at + 1, in.p + at, n - at);
	out[at] = (uint8_t)next_random();
	return n + 1;
}

static void fuzz(const char *name, struct bytes base, codec *run)
{
	AUTO(mem_free_ptr) uint8_t *out = malloc(base.n * 2 + 16);
	size_t accepted = 0;
	uint64_t started = seed;
	for (int i = 0; i < ROUNDS; i++) {
		AUTO(arena_destroy) struct arena *a = arena_new((size_t)2 * 1024 * 1024);
		AUTO(buf_done) struct buf once = BUF_INIT;
		AUTO(buf_done) struct buf twice = BUF_INIT;
		struct err e = ERR_INIT;
		/* An exact heap copy, so that the address sanitizer sees a read past the end. */
		size_t n = mutate(base, out);
		AUTO(mem_free_ptr) uint8_t *exact = malloc(n ? n : 1);
		memcpy(exact, out, n);
		if (run(bytes_of(exact, n), a, &once, &e) != 0) {
			assert_true(e.code == ERR_PARSE || e.code == ERR_LIMIT);
			assert_true(e.msg[0] != '\0');
			continue;
		}
		accepted++;
		assert_int_equal(run(buf_bytes(&once), a, &twice, &e), 0);
		assert_true(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
	}
	print_message("%s: %zu of %d mutations accepted, seed %llu\n", name, accepted, ROUNDS, (unsigned long long)started);
	assert_true(accepted < ROUNDS);

	AUTO(arena_destroy) struct arena *a = arena_new((size_t)2 * 1024 * 1024);
	AUTO(buf_done) struct buf same = BUF_INIT;
	struct err e = ERR_INIT;
	assert_int_equal(run(base, a, &same, &e), 0); /* the unchanged one is fine, so what was refused was refused for its mutation */
	assert_true(bytes_equal(buf_bytes(&same), base));
}

static void test_envelope(void **state)
{
	(void)state;
	fuzz("envelope", f.release_bytes, envelope_codec);
}

static void test_trust(void **state)
{
	(void)state;
	fuzz("trust", f.trust_envelope.payload, trust_codec);
}

static void test_release(void **state)
{
	(void)state;
	fuzz("release", f.release_envelope.payload, release_codec);
}

static void test_order(void **state)
{
	(void)state;
	fuzz("order", f.order_bytes, order_codec);
	fuzz("dossier", f.dossier_bytes, dossier_codec);
}

static void test_approval(void **state)
{
	struct dossier d;
	struct envelope env;
	struct err e = ERR_INIT;
	(void)state;
	assert_int_equal(dossier_decode(f.dossier_bytes, f.arena, &d, &e), 0);
	assert_int_equal(envelope_decode(d.approvals[0], f.arena, &env, &e), 0);
	fuzz("approval", env.payload, approval_codec);
	assert_int_equal(envelope_decode(d.gate_passes[0], f.arena, &env, &e), 0);
	fuzz("gate pass", env.payload, gate_pass_codec);
}

static void test_certificate(void **state)
{
	const char *targets[] = {"eu/*", "us/pg-1/*"};
	const struct certificate c = {.agent = "eu-1",
	                              .site = "eu",
	                              .serial = "01",
	                              .curve_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
	                              .targets = targets,
	                              .n_targets = 2,
	                              .not_after_us = 1};
	AUTO(buf_done) struct buf b = BUF_INIT;
	(void)state;
	certificate_encode(&c, &b);
	fuzz("certificate", buf_bytes(&b), certificate_codec);
}

static void test_freshness(void **state)
{
	const char *keys[] = {"0123456789abcdef", "1123456789abcdef"}, *serials[] = {"0123456789abcdef0123456789abcdef"};
	uint8_t withdrawn[2][DIGEST_SIZE] = {{1}, {2}};
	struct release_floor floors[] = {{"crm", 4}, {"shop", 7}};
	const struct freshness d = {.version = 9,
	                            .revoked_keys = keys,
	                            .n_revoked_keys = 2,
	                            .revoked_agents = serials,
	                            .n_revoked_agents = 1,
	                            .withdrawn = withdrawn,
	                            .n_withdrawn = 2,
	                            .floors = floors,
	                            .n_floors = 2};
	struct envelope env;
	struct err e = ERR_INIT;
	(void)state;
	assert_int_equal(envelope_decode(trust_fixture_fresh(&f, &d, ERIN), f.arena, &env, &e), 0);
	fuzz("freshness", env.payload, freshness_codec);
	assert_int_equal(envelope_decode(trust_fixture_revocation(&f, REVOKE_AGENT, serials[0], ERIN), f.arena, &env, &e), 0);
	fuzz("revocation", env.payload, revocation_codec);
}

static void test_report(void **state)
{
	struct step_outcome steps[] = {{.changeset = "a:b", .run = 1}, {.changeset = "a:c", .run = 1, .class = STEP_N, .via = VIA_PROBE}};
	struct validation_outcome v = {.changeset = "a:b", .name = "rows", .value = "1", .expected = "1", .ok = true};
	const struct report r = {.agent = "eu-1",
	                         .target = "eu/pg-1/shop",
	                         .agent_version = "0.1.0",
	                         .steps = steps,
	                         .n_steps = 2,
	                         .validations = &v,
	                         .n_validations = 1,
	                         .failure = {.code = "db", .message = "no", .db_errno = 1064},
	                         .report_seq = 300};
	AUTO(buf_done) struct buf b = BUF_INIT;
	(void)state;
	report_encode(&r, &b);
	fuzz("report", buf_bytes(&b), report_codec);
}

static void test_proof(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	(void)state;
	merkle_proof_encode(&f.proof, &b);
	fuzz("proof", buf_bytes(&b), proof_codec);
}

static int setup(void **state)
{
	const char *wish = getenv("SEED");
	(void)state;
	if (wish)
		seed = strtoull(wish, NULL, 10) | 1;
	trust_fixture_init(&f);
	static const char *critical[] = {FEATURE_SCHEMA_EXPECTED};
	static struct schema_expected schemas[] = {{.engine = "sqlite", .form = 1, .before = {1}, .has_before = true},
	                                           {.engine = "mariadb", .form = 1, .after = {2}, .has_after = true}};
	f.release.critical = critical, f.release.n_critical = 1;
	f.release.schemas = schemas, f.release.n_schemas = 2;
	f.n_gate_passes = 1;
	trust_fixture_build(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	trust_fixture_done(&f);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_envelope),  cmocka_unit_test(test_trust),    cmocka_unit_test(test_release),
	    cmocka_unit_test(test_order),     cmocka_unit_test(test_approval), cmocka_unit_test(test_certificate),
	    cmocka_unit_test(test_freshness), cmocka_unit_test(test_report),   cmocka_unit_test(test_proof),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
