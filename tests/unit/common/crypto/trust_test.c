/* common/crypto/trust, dsse: shape, thresholds over distinct keys, the chain of versions, types inside signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "tests/support/trust_fixture.h"

static int setup(void **state)
{
	struct trust_fixture *f = calloc(1, sizeof *f);
	trust_fixture_init(f);
	trust_fixture_build(f);
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

static void assert_shape_refused(struct trust_fixture *f, const char *message)
{
	struct err e = ERR_INIT;
	assert_int_equal(trust_check_shape(&f->trust, &e), -1);
	assert_string_equal(e.msg, message);
	assert_int_equal(e.code, ERR_PARSE);
}

static void test_good_document(void **state)
{
	struct trust_fixture *f = *state;
	struct err e = ERR_INIT;
	struct envelope env;
	struct trust t;
	assert_int_equal(envelope_decode(f->trust_bytes, f->arena, &env, &e), 0);
	assert_int_equal(trust_decode(env.payload, f->arena, &t, &e), 0);
	int rc = trust_check_self(&t, &env, f->now_us, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
	assert_int_equal(trust_role(&t, "approver/dev")->threshold, 0);
	assert_null(trust_role(&t, "approver/qa"));
}

static void test_expired_and_short(void **state)
{
	struct trust_fixture *f = *state;
	struct err e = ERR_INIT;
	assert_int_equal(trust_check_self(&f->trust, &f->trust_envelope, f->trust.expires_at_us, &e), -1);
	assert_string_equal(e.msg,
	                    "trust document of fleet test, version 1, expired at 2027-01-16T08:00:00Z: have the next version signed by its root keys");
	f->n_trust_signers = 1;
	trust_fixture_build(f);
	assert_int_equal(trust_check_self(&f->trust, &f->trust_envelope, f->now_us, &e), -1);
	assert_string_equal(e.msg, "trust: 1 of 2 signatures (root): signed by root-1; have one of root-2, root-3 sign it");
	assert_int_equal(e.code, ERR_SIGNATURE);
	f->trust_signers[0] = MALLORY;
	trust_fixture_build(f);
	assert_int_equal(trust_check_self(&f->trust, &f->trust_envelope, f->now_us, &e), -1);
	assert_string_equal(e.msg, "trust: 0 of 2 signatures (root): signed by nobody of that role; have 2 of root-1, root-2, root-3 sign it");
}

/* ---- shape --------------------------------------------------------------------------------------------------------------------------------------- */

static void test_zero_threshold(void **state)
{
	trust_fixture_role(*state, ROLE_ROOT)->threshold = 0;
	assert_shape_refused(*state, "trust document: role 'root' has threshold 0, so that anyone could act for it: 1 is the least");
}

static void test_unreachable_threshold(void **state)
{
	trust_fixture_role(*state, ROLE_RELEASE)->threshold = 4;
	assert_shape_refused(*state, "trust document: role 'release' wants 4 signatures and has 3 keys: lower the threshold or add keys");
}

static void test_unknown_role(void **state)
{
	trust_fixture_role(*state, "approver/dev")->name = "approver/../etc";
	assert_shape_refused(*state, "trust document: role 'approver/../etc' is unknown: use root, release, enrol, fresh, site, site/<site>, "
	                             "break-glass, gate, gate/<environment>, approver/<environment> or approver/<environment>/<name>");
}

static void test_a_gate_is_not_the_controllers_own_key(void **state)
{
	struct trust_fixture *f = *state;
	trust_fixture_set_role(f, "gate/production", 1, (const enum fixture_person[]){DAVE, ERIN}, 2);
	trust_fixture_set_role(f, ROLE_FRESH, 1, (const enum fixture_person[]){ERIN}, 1);
	assert_shape_refused(f, arena_printf(f->arena,
	                                     "trust document: key %s has role fresh and role 'gate/production', but the fresh key lies at the "
	                                     "controller, which a gate is to watch: give the gate a key of its own",
	                                     f->key_ids[ERIN]));
}

static void test_the_environments_gate(void **state)
{
	struct trust_fixture *f = *state;
	assert_null(trust_gate_role(&f->trust, "production"));
	trust_fixture_set_role(f, ROLE_GATE, 1, (const enum fixture_person[]){BOB}, 1);
	trust_fixture_set_role(f, "gate/production", 1, (const enum fixture_person[]){DAVE}, 1);
	trust_fixture_build(f);
	struct err e = ERR_INIT;
	assert_int_equal(trust_check_shape(&f->trust, &e), 0);
	assert_string_equal(trust_gate_role(&f->trust, "production")->name, "gate/production");
	assert_string_equal(trust_gate_role(&f->trust, "dev")->name, "gate");
}

static void test_scopes_are_not_ignored(void **state)
{
	const char *scopes[] = {"tier=gold"};
	struct trust_role *r = trust_fixture_role(*state, ROLE_RELEASE);
	r->scopes = scopes;
	r->n_scopes = 1;
	assert_shape_refused(*state, "trust document: role 'release' is limited by scopes, which only approver roles can be: leave them out");
}

static void test_missing_role(void **state)
{
	trust_fixture_role(*state, ROLE_RELEASE)->name = "site";
	assert_shape_refused(*state, "trust document: role 'release' is missing: name its keys and threshold");
}

/* Two entries of one public key, the second under an id of its own: the id is checked, so it cannot be listed. */
static void test_key_listed_twice(void **state)
{
	struct trust_fixture *f = *state;
	char want[256];
	f->trust.keys[BOB] = f->trust.keys[ALICE];
	snprintf(want, sizeof want, "trust document: key %s is listed twice (alice, alice): list each key once", f->key_ids[ALICE]);
	assert_shape_refused(f, want);
	f->trust.keys[BOB].id = f->key_ids[BOB];
	snprintf(want, sizeof want, "trust document: key '%s' has a public key whose id is %s: write that id", f->key_ids[BOB], f->key_ids[ALICE]);
	assert_shape_refused(f, want);
}

static void test_role_with_a_key_twice_or_unknown(void **state)
{
	struct trust_fixture *f = *state;
	struct trust_role *r = trust_fixture_role(f, ROLE_RELEASE);
	char want[256];
	r->key_ids[2] = r->key_ids[0];
	snprintf(want, sizeof want, "trust document: role 'release' names key %s twice: name each key once", r->key_ids[0]);
	assert_shape_refused(f, want);
	r->key_ids[2] = f->key_ids[MALLORY];
	snprintf(want, sizeof want, "trust document: role 'release' names key '%s', which is not in the list of keys: add it", f->key_ids[MALLORY]);
	assert_shape_refused(f, want);
}

static void test_critical(void **state)
{
	const char *features[] = {"delegation"};
	struct trust_fixture *f = *state;
	f->trust.critical = features;
	f->trust.n_critical = 1;
	assert_shape_refused(f, "trust document: it needs 'delegation', which this version does not know: install a newer Rollcall");
}

/* ---- counting ------------------------------------------------------------------------------------------------------------------------------------ */

/* Even in a document that nobody checked for its shape, one public key under two ids counts once. */
static void test_one_key_under_two_ids_counts_once(void **state)
{
	struct trust_fixture *f = *state;
	memcpy(f->trust.keys[BOB].public_key, f->trust.keys[ALICE].public_key, SIGN_PUBLIC_SIZE);
	assert_int_equal(trust_count_signers(&f->trust, ROLE_RELEASE, &f->release_envelope, TYPE_RELEASE, NULL, 0), 1);
}

static void test_key_ids_in_signatures_are_not_believed(void **state)
{
	struct trust_fixture *f = *state;
	f->release_envelope.signatures[0].key_id = f->key_ids[CI];
	f->release_envelope.signatures[1].key_id = NULL;
	assert_int_equal(trust_count_signers(&f->trust, ROLE_RELEASE, &f->release_envelope, TYPE_RELEASE, NULL, 0), 2);
}

static void test_signing_twice(void **state)
{
	struct trust_fixture *f = *state;
	struct err e = ERR_INIT;
	char want[128];
	assert_int_equal(dsse_sign(&f->release_envelope, f->keys[ALICE], f->arena, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	snprintf(want, sizeof want, "key %s has signed this already: a second signature by the same key would not count", f->key_ids[ALICE]);
	assert_string_equal(e.msg, want);
	assert_int_equal(f->release_envelope.n_signatures, 2);
}

static void test_seventeenth_signature(void **state)
{
	struct trust_fixture *f = *state;
	struct err e = ERR_INIT;
	for (size_t i = f->release_envelope.n_signatures; i < ENVELOPE_SIGNATURES_MAX; i++) {
		AUTO(sign_key_destroy) struct sign_key *k = NULL;
		assert_int_equal(sign_key_generate(&k, &e), 0);
		assert_int_equal(dsse_sign(&f->release_envelope, k, f->arena, &e), 0);
	}
	assert_int_equal(dsse_sign(&f->release_envelope, f->keys[CI], f->arena, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_true(dsse_signed_by(&f->release_envelope, TYPE_RELEASE, f->trust.keys[ALICE].public_key));
	f->release_envelope.n_signatures = ENVELOPE_SIGNATURES_MAX + 1; /* of a hand-made envelope: none is looked at */
	assert_false(dsse_signed_by(&f->release_envelope, TYPE_RELEASE, f->trust.keys[ALICE].public_key));
}

/* The exact octets under the signature, as the specification gives them: any other tool can check ours. */
static void test_pre_authentication_encoding(void **state)
{
	static const char pae[] = "DSSEv1 29 http://example.com/HelloWorld 11 hello world";
	struct trust_fixture *f = *state;
	struct err e = ERR_INIT;
	struct envelope env = {.type = "http://example.com/HelloWorld", .payload = bytes_of_str("hello world")};
	assert_int_equal(dsse_sign(&env, f->keys[ALICE], f->arena, &e), 0);
	assert_true(sign_check(f->trust.keys[ALICE].public_key, bytes_of_str(pae), env.signatures[0].sig));
}

static void test_type_confusion(void **state)
{
	struct trust_fixture *f = *state;
	struct err e = ERR_INIT;
	const uint8_t *alice = f->trust.keys[ALICE].public_key;
	assert_true(dsse_signed_by(&f->release_envelope, TYPE_RELEASE, alice));
	assert_false(dsse_signed_by(&f->release_envelope, TYPE_ORDER, alice));
	f->release_envelope.type = TYPE_ORDER;
	assert_false(dsse_signed_by(&f->release_envelope, TYPE_ORDER, alice));
	assert_int_equal(trust_check_role(&f->trust, ROLE_RELEASE, &f->release_envelope, TYPE_RELEASE, &e), -1);
	assert_string_equal(e.msg, "release: this is a signed order; a signed release is needed here");
}

static void test_role_that_is_not_there(void **state)
{
	struct trust_fixture *f = *state;
	struct err e = ERR_INIT;
	assert_int_equal(trust_check_role(&f->trust, "fresh", &f->release_envelope, TYPE_RELEASE, &e), -1);
	assert_string_equal(e.msg, "release: the trust document has no role 'fresh': have a trust document signed that names its keys and threshold");
}

/* ---- the chain ----------------------------------------------------------------------------------------------------------------------------------- */

static int check_successor(struct trust_fixture *f, const struct trust *old, bool final, struct err *e)
{
	trust_fixture_build(f);
	return trust_check_next(old, &f->trust, &f->trust_envelope, final, f->now_us, e);
}

static void test_rotation_needs_both_thresholds(void **state)
{
	struct trust_fixture *f = *state;
	struct trust old = f->trust;
	struct err e = ERR_INIT;
	old.roles = arena_alloc(f->arena, old.n_roles * sizeof *old.roles);
	memcpy(old.roles, f->trust.roles, old.n_roles * sizeof *old.roles);
	f->trust.version = 2;
	trust_fixture_set_role(f, ROLE_ROOT, 2, (const enum fixture_person[]){ROOT_3, ERIN}, 2);

	f->trust_signers[0] = ROOT_3, f->trust_signers[1] = ERIN, f->n_trust_signers = 2; /* only the new ones */
	assert_int_equal(check_successor(f, &old, true, &e), -1);
	assert_string_equal(e.msg,
	                    "by the root keys of version 1: trust: 1 of 2 signatures (root): signed by root-3; have one of root-1, root-2 sign it");
	f->trust_signers[0] = ROOT_1, f->trust_signers[1] = ROOT_2; /* only the old ones */
	assert_int_equal(check_successor(f, &old, true, &e), -1);
	assert_string_equal(
	    e.msg, "by the root keys of version 2: trust: 0 of 2 signatures (root): signed by nobody of that role; have 2 of root-3, erin sign it");
	f->trust_signers[1] = ROOT_3, f->trust_signers[2] = ERIN, f->n_trust_signers = 3;
	assert_int_equal(check_successor(f, &old, true, &e), 0);
}

static void test_versions_one_by_one(void **state)
{
	struct trust_fixture *f = *state;
	struct trust old = f->trust;
	struct err e = ERR_INIT;
	f->trust.version = 3;
	assert_int_equal(check_successor(f, &old, true, &e), -1);
	assert_string_equal(e.msg, "trust document: version 3 cannot follow version 1: versions are taken one by one, so version 2 comes next");
	f->trust.version = 1;
	assert_int_equal(check_successor(f, &old, true, &e), -1);
	f->trust.version = 2;
	f->trust.fleet = "other";
	assert_int_equal(check_successor(f, &old, true, &e), -1);
	assert_string_equal(e.msg, "trust document: of fleet other, and this site belongs to fleet test");
}

static void test_expiry_of_the_last_only(void **state)
{
	struct trust_fixture *f = *state;
	struct trust old = f->trust;
	struct err e = ERR_INIT;
	f->trust.version = 2;
	f->trust.expires_at_us = f->now_us;
	assert_int_equal(check_successor(f, &old, false, &e), 0);
	assert_int_equal(check_successor(f, &old, true, &e), -1);
	assert_non_null(strstr(e.msg, "expired at"));
}

static void test_made_in_the_future(void **state)
{
	struct trust_fixture *f = *state;
	struct trust old = f->trust;
	struct err e = ERR_INIT;
	f->trust.version = 2;
	f->trust.created_at_us = f->now_us + CLOCK_SKEW_US;
	assert_int_equal(check_successor(f, &old, true, &e), 0);
	f->trust.created_at_us++;
	assert_int_equal(trust_attests_us(&f->trust, f->now_us), 0);
	assert_int_equal(check_successor(f, &old, false, &e), 0);
	assert_int_equal(check_successor(f, &old, true, &e), -1);
	assert_non_null(strstr(e.msg, "version 2, was made at 20"));
	assert_non_null(strstr(e.msg, "which is in the future: set the clocks right"));
	assert_int_equal(trust_check_self(&f->trust, &f->trust_envelope, f->now_us, &e), -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_good_document),
	    T(test_expired_and_short),
	    T(test_zero_threshold),
	    T(test_unreachable_threshold),
	    T(test_unknown_role),
	    T(test_a_gate_is_not_the_controllers_own_key),
	    T(test_the_environments_gate),
	    T(test_scopes_are_not_ignored),
	    T(test_missing_role),
	    T(test_key_listed_twice),
	    T(test_role_with_a_key_twice_or_unknown),
	    T(test_critical),
	    T(test_one_key_under_two_ids_counts_once),
	    T(test_key_ids_in_signatures_are_not_believed),
	    T(test_signing_twice),
	    T(test_seventeenth_signature),
	    T(test_pre_authentication_encoding),
	    T(test_type_confusion),
	    T(test_role_that_is_not_there),
	    T(test_rotation_needs_both_thresholds),
	    T(test_versions_one_by_one),
	    T(test_expiry_of_the_last_only),
	    T(test_made_in_the_future),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
