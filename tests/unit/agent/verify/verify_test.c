/* agent/verify: one test for each refusal, with its exact code. A delivery that is right in all else must still be refused. Approvals (C9) are approvals_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/crypto/digest.h"
#include "tests/support/verify_scene.h"

static void test_good_delivery_passes(void **state)
{
	struct scene *s = *state;
	struct verified v;
	build(s);
	assert_accepted(s, &v);
	assert_string_equal(v.release.version, "1.2.0");
	assert_int_equal(v.release.n_changesets, 2);
	assert_string_equal(v.release.changesets[1].id, "alice:orders-add-note");
	assert_int_equal(v.order.target_count, 5);
	assert_int_equal(v.direction, DIRECTION_APPLY);
	assert_int_equal(v.n_approvers, 2);
	assert_string_equal(v.approvers[0], "carol");
	assert_string_equal(v.approvers[1], "dave");
}

/* ---- C1, C3, C5 ---------------------------------------------------------------------------------------------------------------------------------- */

static void test_replaced_controller(void **state)
{
	struct scene *s = *state;
	build(s);
	s->facts.epoch = 2;
	REFUSED_POLICY(s, "C1 message", "the offer is of epoch 2, and this agent has seen epoch 3");
	s->facts.epoch = 4;
	assert_accepted(s, NULL);
}

static void test_expired_trust(void **state)
{
	struct scene *s = *state;
	s->f.trust.expires_at_us = s->f.now_us;
	build(s);
	REFUSED_SIGNATURE(s, "C3 trust", "the trust document (fleet test, version 1) expired at 2027-01-15T08:00:00Z");
}

static void test_malformed_trust(void **state)
{
	struct scene *s = *state;
	trust_fixture_role(&s->f, ROLE_RELEASE)->threshold = 0;
	build(s);
	REFUSED_SIGNATURE(s, "C3 trust", "role 'release' has threshold 0");
}

static void test_clock_behind(void **state)
{
	struct scene *s = *state;
	s->f.release.created_at_us = s->f.now_us + FIXTURE_HOUR;
	build(s);
	REFUSED_POLICY(s, "C5 clock", "this machine's clock says 2027-01-15T08:00:00Z, and the release was made at 2027-01-15T09:00:00Z");
}

/* ---- C6, C7, C18 --------------------------------------------------------------------------------------------------------------------------------- */

static void test_one_signature_short(void **state)
{
	struct scene *s = *state;
	s->f.n_release_signers = 1;
	build(s);
	REFUSED_SIGNATURE(s, "C6 release-signatures", "release: 1 of 2 signatures (release): signed by alice; have one of bob, ci sign it");
}

static void test_signed_by_unknown_key(void **state)
{
	struct scene *s = *state;
	s->f.release_signers[1] = MALLORY;
	build(s);
	REFUSED_SIGNATURE(s, "C6 release-signatures", "1 of 2 signatures");
}

static void test_signed_by_key_of_another_role(void **state)
{
	struct scene *s = *state;
	s->f.release_signers[1] = CAROL;
	build(s);
	REFUSED_SIGNATURE(s, "C6 release-signatures", "1 of 2 signatures");
}

/* The same signature twice, the second under bob's key id: ids are hints, keys are counted. */
static void test_same_key_under_two_ids(void **state)
{
	struct scene *s = *state;
	s->f.n_release_signers = 1;
	build(s);
	struct envelope env = s->f.release_envelope;
	struct signature twice[2] = {env.signatures[0], env.signatures[0]};
	struct buf b = BUF_INIT;
	twice[1].key_id = s->f.key_ids[BOB];
	env.signatures = twice;
	env.n_signatures = 2;
	envelope_encode(&env, &b);
	s->facts.release_envelope = buf_bytes(&b);
	REFUSED_SIGNATURE(s, "C6 release-signatures", "1 of 2 signatures (release): signed by alice");
	buf_done(&b);
}

static void test_other_document_as_release(void **state)
{
	struct scene *s = *state;
	build(s);
	struct envelope env = s->f.release_envelope;
	s->facts.release_envelope = trust_fixture_sign(&s->f, TYPE_APPROVAL, env.payload, ALICE);
	REFUSED_SIGNATURE(s, "C6 release-signatures", "release: this is a signed approval; a signed release is needed here");
}

/* A type that is changed after signing must not help: it is inside the signature. */
static void test_relabelled_document(void **state)
{
	struct scene *s = *state;
	build(s);
	struct arena *a = s->f.arena;
	struct envelope env;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	assert_int_equal(envelope_decode(trust_fixture_sign(&s->f, TYPE_APPROVAL, s->f.release_envelope.payload, ALICE), a, &env, &e), 0);
	env.type = TYPE_RELEASE;
	envelope_encode(&env, &b);
	s->facts.release_envelope = buf_bytes(&b);
	REFUSED_SIGNATURE(s, "C6 release-signatures", "0 of 2 signatures");
	buf_done(&b);
}

static void test_changed_bytes(void **state)
{
	struct scene *s = *state;
	build(s);
	struct bytes whole = s->f.release_bytes;
	uint8_t *copy = malloc(whole.n);
	/* Each octet of the envelope once: in the type, the payload, key ids, signatures and lengths. A changed key id alone changes nothing, as it must. */
	size_t accepted = 0;
	for (size_t i = 0; i < whole.n; i++) {
		memcpy(copy, whole.p, whole.n);
		copy[i] ^= 0x01;
		struct arena *a = arena_new((size_t)8 * 1024 * 1024);
		struct verified v;
		struct err e = ERR_INIT;
		s->facts.release_envelope = bytes_of(copy, whole.n);
		enum check_code c = verify_delivery(&s->facts, a, &v, &e);
		assert_true(c == CHECK_NONE || c == C6_RELEASE_SIGNATURES);
		accepted += c == CHECK_NONE;
		arena_destroy(&a);
	}
	free(copy);
	assert_int_equal(accepted, 2 * (KEY_ID_SIZE - 1)); /* the two key ids' characters */
}

static void test_truncated_and_trailing(void **state)
{
	struct scene *s = *state;
	build(s);
	struct bytes whole = s->f.release_bytes;
	uint8_t *longer = malloc(whole.n + 1);
	memcpy(longer, whole.p, whole.n);
	longer[whole.n] = 0;
	s->facts.release_envelope = bytes_of(longer, whole.n + 1);
	REFUSED_SIGNATURE(s, "C6 release-signatures", "release: envelope");
	s->facts.release_envelope = bytes_of(whole.p, whole.n - 1);
	REFUSED_SIGNATURE(s, "C6 release-signatures", "release: envelope");
	s->facts.release_envelope = bytes_of(NULL, 0);
	REFUSED_SIGNATURE(s, "C6 release-signatures", "release: envelope: type is missing");
	free(longer);
}

static void test_expired_release(void **state)
{
	struct scene *s = *state;
	s->f.release.expires_at_us = s->f.now_us;
	build(s);
	REFUSED_POLICY(s, "C7 release", "release shop 1.2.0 expired at 2027-01-15T08:00:00Z");
}

static void test_unknown_critical_feature(void **state)
{
	struct scene *s = *state;
	const char *features[] = {"time-travel"};
	s->f.release.critical = features;
	s->f.release.n_critical = 1;
	build(s);
	REFUSED_POLICY(s, "C7 release", "needs the feature 'time-travel', which this agent does not know");
}

static void test_agent_too_old(void **state)
{
	struct scene *s = *state;
	s->f.release.min_agent_version = "0.10";
	build(s);
	s->facts.agent_version = "0.9.3";
	REFUSED_POLICY(s, "C7 release", "needs agent version 0.10, and this is 0.9.3");
	s->facts.agent_version = "0.10.0";
	assert_accepted(s, NULL);
	s->facts.agent_version = "1";
	assert_accepted(s, NULL);
}

static void test_wrong_step_digest(void **state)
{
	struct scene *s = *state;
	build(s);
	s->f.keep_digests = true;
	s->f.release.changesets[1].bodies[1].steps[0].statements[0].sql = bytes_of_str("DROP TABLE orders");
	build(s);
	REFUSED_SIGNATURE(s, "C18 content", "changeset alice:orders-add-note: the digest of step 1 is not that of its statements");
}

static void test_wrong_changeset_digest(void **state)
{
	struct scene *s = *state;
	build(s);
	s->f.keep_digests = true;
	s->f.release.changesets[0].run_always = true;
	build(s);
	REFUSED_SIGNATURE(s, "C18 content", "changeset alice:orders-create: its digest is not that of its content");
}

/* ---- C10, C11 ------------------------------------------------------------------------------------------------------------------------------------ */

static void test_target_not_in_list(void **state)
{
	struct scene *s = *state;
	build(s);
	s->facts.target = "eu/pg-1/shop_9";
	REFUSED_POLICY(s, "C10 target", "target eu/pg-1/shop_9 is not in the frozen list of order 00112233445566778899aabbccddeeff");
}

static void test_proof_of_another_target(void **state)
{
	struct scene *s = *state;
	build(s);
	s->facts.target = s->f.targets[3].target;
	REFUSED_POLICY(s, "C10 target", "is not in the frozen list");
}

static void test_proof_of_another_wave(void **state)
{
	struct scene *s = *state;
	build(s);
	s->facts.proof.wave = 0;
	REFUSED_POLICY(s, "C10 target", "is not in the frozen list");
	s->facts.proof.wave = 2;
	REFUSED_POLICY(s, "C10 target", "names wave 3, and order 00112233445566778899aabbccddeeff has 2");
}

static void test_proof_with_another_count(void **state)
{
	struct scene *s = *state;
	build(s);
	s->facts.proof.count = 4;
	REFUSED_POLICY(s, "C10 target", "is not in the frozen list");
}

static void edit_environment_production(struct approval *p)
{
	p->environment = "production";
}

/* Approved for production by its approvers, but the order itself says dev. */
static void test_order_of_another_environment(void **state)
{
	struct scene *s = *state;
	s->f.order.environment = "dev";
	s->f.approvals[0].edit = s->f.approvals[1].edit = edit_environment_production;
	build(s);
	REFUSED_POLICY(s, "C10 target", "is for environment dev, and target eu/pg-1/shop_3 is of environment production");
}

static void test_order_of_another_release(void **state)
{
	struct scene *s = *state;
	build(s);
	s->f.keep_order_links = true;
	s->f.order.release_sequence = 6;
	build(s);
	REFUSED_POLICY(s, "C11 order", "is for release shop 1.2.0, and what came is release shop 1.2.0 of another content or sequence");
}

static void test_order_outside_the_pipeline(void **state)
{
	struct scene *s = *state;
	s->f.release.n_pipeline = 1;
	build(s);
	REFUSED_POLICY(s, "C11 order", "is for environment production, which the release's pipeline does not name");
}

static void test_order_window(void **state)
{
	struct scene *s = *state;
	build(s);
	s->facts.now_us = s->f.order.not_before_us - 1;
	REFUSED_POLICY(s, "C11 order", "holds only from 2027-01-15T07:00:00Z");
	s->f.order.not_after_us = s->f.now_us;
	build(s);
	REFUSED_POLICY(s, "C11 order", "ended at 2027-01-15T08:00:00Z");
}

static void test_order_needs_unknown_feature(void **state)
{
	struct scene *s = *state;
	const char *features[] = {"two-phase"};
	s->f.order.critical = features;
	s->f.order.n_critical = 1;
	build(s);
	REFUSED_POLICY(s, "C11 order", "needs the feature 'two-phase'");
}

static void test_rollback_only_as_the_order_says(void **state)
{
	struct scene *s = *state;
	build(s);
	s->facts.direction = DIRECTION_ROLLBACK;
	REFUSED_POLICY(s, "C11 order", "the offer says rollback, and order 00112233445566778899aabbccddeeff allows only apply for wave rest");
	s->f.order.waves[1].on_failure = ON_FAILURE_ROLLBACK_TARGET;
	build(s);
	s->facts.direction = DIRECTION_ROLLBACK;
	struct verified v;
	assert_accepted(s, &v);
	assert_int_equal(v.direction, DIRECTION_ROLLBACK);
}

static void test_apply_under_rollback_order(void **state)
{
	struct scene *s = *state;
	s->f.order.direction = DIRECTION_ROLLBACK;
	build(s);
	assert_accepted(s, NULL);
	s->facts.direction = DIRECTION_APPLY;
	REFUSED_POLICY(s, "C11 order", "the offer says apply, and order 00112233445566778899aabbccddeeff allows only rollback");
}

/* ---- C14 ----------------------------------------------------------------------------------------------------------------------------------------- */

static void test_engine_not_listed(void **state)
{
	struct scene *s = *state;
	s->f.release.n_engines = 1;
	build(s);
	s->facts.engine = "sqlite";
	REFUSED_POLICY(s, "C14 engine", "release shop 1.2.0 is not made for engine sqlite");
}

static void test_body_missing(void **state)
{
	struct scene *s = *state;
	s->f.release.changesets[1].n_bodies = 2; /* postgresql, mariadb */
	build(s);
	s->facts.engine = "sqlite";
	REFUSED_POLICY(s, "C14 engine", "changeset alice:orders-add-note has no SQL for engine sqlite");
	s->f.release.changesets[1].dbms = "postgres, mysql";
	build(s);
	s->facts.engine = "sqlite";
	assert_accepted(s, NULL);
	s->f.release.changesets[1].dbms = "!sqlite";
	build(s);
	s->facts.engine = "sqlite";
	assert_accepted(s, NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_good_delivery_passes),
	    T(test_replaced_controller),
	    T(test_expired_trust),
	    T(test_malformed_trust),
	    T(test_clock_behind),
	    T(test_one_signature_short),
	    T(test_signed_by_unknown_key),
	    T(test_signed_by_key_of_another_role),
	    T(test_same_key_under_two_ids),
	    T(test_other_document_as_release),
	    T(test_relabelled_document),
	    T(test_changed_bytes),
	    T(test_truncated_and_trailing),
	    T(test_expired_release),
	    T(test_unknown_critical_feature),
	    T(test_agent_too_old),
	    T(test_wrong_step_digest),
	    T(test_wrong_changeset_digest),
	    T(test_target_not_in_list),
	    T(test_proof_of_another_target),
	    T(test_proof_of_another_wave),
	    T(test_proof_with_another_count),
	    T(test_order_of_another_environment),
	    T(test_order_of_another_release),
	    T(test_order_outside_the_pipeline),
	    T(test_order_window),
	    T(test_order_needs_unknown_feature),
	    T(test_rollback_only_as_the_order_says),
	    T(test_apply_under_rollback_order),
	    T(test_engine_not_listed),
	    T(test_body_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
