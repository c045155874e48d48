/* agent/verify/verdicts: a verdict holds only for the same release under the same documents and the same engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/verify/verdicts.h"
#include "tests/support/verify_scene.h"

static void test_key_holds_all_that_the_verdict_stands_on(void **state)
{
	(void)state;
	const uint8_t release[DIGEST_SIZE] = {1}, other[DIGEST_SIZE] = {2};
	struct trusted t = {.digest = {3}}, newer = {.digest = {4}};
	uint8_t key[DIGEST_SIZE], again[DIGEST_SIZE];
	verdict_key(release, &t, "sqlite", key);
	assert_false(verdict_is_good(key));
	verdict_keep(key);
	verdict_keep(key);
	assert_true(verdict_is_good(key));
	verdict_key(release, &t, "sqlite", again);
	assert_memory_equal(key, again, DIGEST_SIZE);
	verdict_key(other, &t, "sqlite", again);
	assert_false(verdict_is_good(again));
	verdict_key(release, &newer, "sqlite", again);
	assert_false(verdict_is_good(again));
	verdict_key(release, &t, "mariadb", again);
	assert_false(verdict_is_good(again));
}

static void test_old_verdicts_give_way(void **state)
{
	(void)state;
	const uint8_t release[DIGEST_SIZE] = {9};
	uint8_t first[DIGEST_SIZE], key[DIGEST_SIZE];
	struct trusted t = {.digest = {0}};
	verdict_key(release, &t, "sqlite", first);
	verdict_keep(first);
	for (unsigned i = 1; i <= 32; i++) {
		t.digest[1] = (uint8_t)i;
		verdict_key(release, &t, "sqlite", key);
		verdict_keep(key);
		assert_true(verdict_is_good(key));
	}
	assert_false(verdict_is_good(first));
}

/* What is left of the checks for a known release: all that belongs to the order and the target. */
static void test_a_known_release_still_needs_its_approvals_and_its_proof(void **state)
{
	struct scene *s = *state;
	build(s);
	s->facts.release_checked = true;
	assert_accepted(s, NULL);
	s->facts.proof.index = 4;
	REFUSED_POLICY(s, "C10 target", "is not in the frozen list");
	s->f.n_approvals = 1;
	build(s);
	s->facts.release_checked = true;
	REFUSED_SIGNATURE(s, "C9 approvals", "1 of 2 signatures");
	s->f.n_approvals = 2;
	build(s);
	s->facts.release_checked = true;
	struct freshness d = {.version = 3, .trust_version = 1, .withdrawn = &s->f.release.digest, .n_withdrawn = 1};
	s->facts.freshness = &d;
	REFUSED_POLICY(s, "C7 release", "was withdrawn");
}

/* What is remembered is the answer for these bytes and this key, and for nothing that is only like them. */
static void test_signatures_are_remembered_exactly(void **state)
{
	struct scene *s = *state;
	struct envelope env, other;
	struct err e = ERR_INIT;
	build(s);
	const uint8_t *alice = s->f.trust.keys[ALICE].public_key, *carol = s->f.trust.keys[CAROL].public_key;
	assert_int_equal(envelope_decode(s->f.release_bytes, s->f.arena, &env, &e), 0);
	for (int again = 0; again < 2; again++) {
		assert_true(verdict_signed_by(&env, TYPE_RELEASE, alice));
		assert_false(verdict_signed_by(&env, TYPE_RELEASE, carol));
		assert_false(verdict_signed_by(&env, TYPE_APPROVAL, alice));
	}
	other = env;
	other.type = TYPE_APPROVAL;
	assert_false(verdict_signed_by(&other, TYPE_APPROVAL, alice));
	other = env;
	other.payload.n--;
	assert_false(verdict_signed_by(&other, TYPE_RELEASE, alice));
	other = env;
	other.n_signatures = 0;
	assert_false(verdict_signed_by(&other, TYPE_RELEASE, alice));
	env.signatures[0].sig[5] ^= 1;
	assert_false(verdict_signed_by(&env, TYPE_RELEASE, alice));
	env.signatures[0].sig[5] ^= 1;
	assert_true(verdict_signed_by(&env, TYPE_RELEASE, alice));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_key_holds_all_that_the_verdict_stands_on),
	    cmocka_unit_test(test_old_verdicts_give_way),
	    cmocka_unit_test_setup_teardown(test_signatures_are_remembered_exactly, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_known_release_still_needs_its_approvals_and_its_proof, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
