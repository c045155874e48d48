/* controller/release/trust_draft, approve: documents made by the tool hold under the rules of those who read them, and hopeless ones are not signed at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "controller/release/approve.h"
#include "controller/release/trust_draft.h"
#include "tests/support/trust_fixture.h"

struct scene {
	struct trust_fixture f;
	char dir[64], pub[FIXTURE_PEOPLE][96];
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof *s);
	struct err e = ERR_INIT;
	trust_fixture_init(&s->f);
	trust_fixture_build(&s->f);
	snprintf(s->dir, sizeof s->dir, "/tmp/rollcall-trust-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	for (size_t i = 0; i < 4; i++) {
		char path[96];
		snprintf(path, sizeof path, "%s/k%zu", s->dir, i);
		snprintf(s->pub[i], sizeof s->pub[i], "%s/k%zu.pub", s->dir, i);
		if (sign_key_save_owned(s->f.keys[i], path, i ? "someone" : "ann", NULL, &e) != 0)
			return -1;
	}
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	struct err e = ERR_INIT;
	int rc = file_remove_tree(s->dir, &e);
	trust_fixture_done(&s->f);
	free(s);
	return rc;
}

/* ---- trust --------------------------------------------------------------------------------------------------------------------------------------- */

static void test_draft_signed_and_read(void **state)
{
	struct scene *s = *state;
	struct arena *a = s->f.arena;
	struct err e = ERR_INIT;
	struct envelope env, read_env;
	struct trust read;
	AUTO(buf_done) struct buf next = BUF_INIT;
	char path[96];
	struct trust t = {.fleet = "shops", .version = 1, .created_at_us = 1, .expires_at_us = s->f.now_us + 1};
	assert_int_equal(trust_draft_add(&t, ROLE_ROOT, s->pub[0], a, &e), 0);
	assert_int_equal(trust_draft_add(&t, ROLE_ROOT, s->pub[1], a, &e), 0);
	assert_int_equal(trust_draft_add(&t, ROLE_RELEASE, s->pub[0], a, &e), 0);
	assert_int_equal(t.n_keys, 2); /* one entry for a key of two roles */
	trust_draft_threshold(&t, ROLE_ROOT, 2, a);
	trust_draft_threshold(&t, "approver/dev", 0, a);
	assert_int_equal(trust_draft_close(&t, a, &env, &e), 0);
	trust_draft_next(&t, &env, &next);
	assert_string_equal(buf_str(&next), "0 of 2 signatures (root): signed by nobody of that role; have 2 of ann, someone");
	assert_int_equal(dsse_sign(&env, s->f.keys[0], a, &e), 0);
	buf_clear(&next);
	trust_draft_next(&t, &env, &next);
	assert_string_equal(buf_str(&next), "1 of 2 signatures (root): signed by ann; have one of someone");
	assert_int_equal(dsse_sign(&env, s->f.keys[1], a, &e), 0);
	buf_clear(&next);
	trust_draft_next(&t, &env, &next);
	assert_int_equal(next.n, 0);
	snprintf(path, sizeof path, "%s/trust.env", s->dir);
	assert_int_equal(envelope_save(path, &env, &e), 0);
	assert_int_equal(trust_file_load(path, a, &read_env, &read, &e), 0);
	assert_int_equal(trust_check_self(&read, &read_env, s->f.now_us, &e), 0);
	assert_int_equal(trust_role(&read, "approver/dev")->threshold, 0);
}

static void test_same_key_in_a_role_twice(void **state)
{
	struct scene *s = *state;
	struct err e = ERR_INIT;
	struct trust t = {.fleet = "shops", .version = 1, .expires_at_us = 2};
	char want[256], id[KEY_ID_SIZE];
	sign_key_id(s->f.trust.keys[0].public_key, id);
	assert_int_equal(trust_draft_add(&t, ROLE_ROOT, s->pub[0], s->f.arena, &e), 0);
	assert_int_equal(trust_draft_add(&t, ROLE_ROOT, s->pub[0], s->f.arena, &e), -1);
	snprintf(want, sizeof want, "%s: key %s of ann is in role root already", s->pub[0], id);
	assert_string_equal(e.msg, want);
	assert_int_equal(e.code, ERR_EXISTS);
}

static void test_unreachable_draft_is_not_closed(void **state)
{
	struct scene *s = *state;
	struct err e = ERR_INIT;
	struct envelope env = {.type = "untouched"};
	struct trust t = {.fleet = "shops", .version = 1, .expires_at_us = 2};
	assert_int_equal(trust_draft_add(&t, ROLE_ROOT, s->pub[0], s->f.arena, &e), 0);
	assert_int_equal(trust_draft_close(&t, s->f.arena, &env, &e), -1);
	assert_string_equal(e.msg, "trust document: role 'release' is missing: name its keys and threshold");
	trust_draft_threshold(&t, ROLE_ROOT, 2, s->f.arena);
	assert_int_equal(trust_draft_close(&t, s->f.arena, &env, &e), -1);
	assert_string_equal(e.msg, "trust document: role 'root' wants 2 signatures and has 1 keys: lower the threshold or add keys");
	assert_string_equal(env.type, "untouched");
}

static void test_other_document_as_trust(void **state)
{
	struct scene *s = *state;
	struct err e = ERR_INIT;
	struct envelope env;
	struct trust t;
	char path[96], want[256];
	snprintf(path, sizeof path, "%s/x", s->dir);
	assert_int_equal(envelope_save(path, &s->f.release_envelope, &e), 0);
	assert_int_equal(trust_file_load(path, s->f.arena, &env, &t, &e), -1);
	snprintf(want, sizeof want, "%s: this is a release, not a trust document", path);
	assert_string_equal(e.msg, want);
}

/* ---- certificates -------------------------------------------------------------------------------------------------------------------------------- */

static void test_certificate(void **state)
{
	struct scene *s = *state;
	struct trust_fixture *f = &s->f;
	const char *targets[] = {"eu/*"};
	struct agent_request r = {
	    .agent = "eu-1", .site = "eu", .curve_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", .targets = targets, .n_targets = 1};
	struct err e = ERR_INIT;
	struct envelope env;
	struct certificate c;
	memcpy(r.report_key, f->trust.keys[CI].public_key, SIGN_PUBLIC_SIZE);
	assert_int_equal(certificate_make(&r, &f->trust, f->keys[ERIN], f->now_us, f->now_us + 1, f->arena, &env, &e), 0);
	assert_int_equal(trust_check_role(&f->trust, ROLE_ENROL, &env, TYPE_CERTIFICATE, &e), 0);
	assert_int_equal(certificate_decode(env.payload, f->arena, &c, &e), 0);
	assert_string_equal(c.agent, "eu-1");
	assert_int_equal(strlen(c.serial), 32);
	assert_memory_equal(c.report_key, r.report_key, SIGN_PUBLIC_SIZE);

	assert_int_equal(certificate_make(&r, &f->trust, f->keys[ALICE], f->now_us, f->now_us + 1, f->arena, &env, &e), -1);
	assert_int_equal(e.code, ERR_POLICY);
	assert_non_null(strstr(e.msg, "is not in role 'enrol' of the trust document"));
	memset(r.report_key, 0, sizeof r.report_key);
	assert_int_equal(certificate_make(&r, &f->trust, f->keys[ERIN], f->now_us, f->now_us + 1, f->arena, &env, &e), -1);
	assert_non_null(strstr(e.msg, "weak Ed25519 key"));
}

/* ---- keys out and in place of others --------------------------------------------------------------------------------------------------------------- */

static const struct trust_role *role_of(struct trust_fixture *f, const char *name)
{
	return trust_fixture_role(f, name);
}

static void test_remove(void **state)
{
	struct trust_fixture *f = &((struct scene *)*state)->f;
	struct err e = ERR_INIT;
	size_t n_keys = f->trust.n_keys;
	assert_int_equal(trust_draft_remove(&f->trust, "approver/production", f->key_ids[ALICE], &e), 0);
	assert_int_equal(role_of(f, "approver/production")->n_key_ids, 2);
	assert_int_equal(role_of(f, ROLE_RELEASE)->n_key_ids, 3);
	assert_int_equal(f->trust.n_keys, n_keys); /* still of use in role release */
	assert_int_equal(trust_draft_remove(&f->trust, "approver/production", f->key_ids[ALICE], &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(trust_draft_remove(&f->trust, NULL, f->key_ids[ALICE], &e), 0);
	assert_int_equal(f->trust.n_keys, n_keys - 1);
	assert_null(trust_key(&f->trust, f->key_ids[ALICE]));
	assert_int_equal(trust_draft_remove(&f->trust, NULL, f->key_ids[MALLORY], &e), -1);
	assert_int_equal(trust_check_shape(&f->trust, &e), 0);
}

static void test_replace(void **state)
{
	struct scene *s = *state;
	struct trust_fixture *f = &s->f;
	struct err e = ERR_INIT;
	char id[KEY_ID_SIZE], path[256];
	snprintf(path, sizeof path, "%s/new", s->dir);
	assert_int_equal(sign_key_save_owned(f->keys[MALLORY], path, "alice-2", NULL, &e), 0);
	snprintf(path, sizeof path, "%s/new.pub", s->dir);
	assert_int_equal(trust_draft_find(&f->trust, "alice", id, &e), 0);
	assert_string_equal(id, f->key_ids[ALICE]);
	assert_int_equal(trust_draft_replace(&f->trust, id, path, f->arena, &e), 0);
	assert_null(trust_key(&f->trust, f->key_ids[ALICE]));
	assert_string_equal(trust_key(&f->trust, f->key_ids[MALLORY])->owner, "alice-2");
	assert_int_equal(role_of(f, ROLE_RELEASE)->n_key_ids, 3);
	assert_int_equal(role_of(f, "approver/production")->n_key_ids, 3);
	assert_int_equal(trust_check_shape(&f->trust, &e), 0);
	assert_int_equal(trust_draft_replace(&f->trust, f->key_ids[ALICE], path, f->arena, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(trust_draft_replace(&f->trust, f->key_ids[BOB], path, f->arena, &e), -1); /* it is in role release already */
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(trust_draft_find(&f->trust, path, id, &e), 0);
	assert_string_equal(id, f->key_ids[MALLORY]);
	assert_int_equal(trust_draft_find(&f->trust, "nobody", id, &e), -1);
	f->trust.keys[1].owner = f->trust.keys[0].owner;
	assert_int_equal(trust_draft_find(&f->trust, f->trust.keys[0].owner, id, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
}

/* ---- approvals ----------------------------------------------------------------------------------------------------------------------------------- */

static struct approval_terms terms(struct trust_fixture *f)
{
	return (struct approval_terms){
	    .order = &f->order, .release = &f->release_envelope, .targets = 5, .approver = "carol", .reason = "reviewed", .now_us = f->now_us};
}

static void assert_not_approved(struct trust_fixture *f, const struct approval_terms *t, enum fixture_person by, const char *message)
{
	struct err e = ERR_INIT;
	struct envelope env = {.type = "untouched"};
	assert_int_equal(approval_make(t, f->keys[by], f->arena, &env, &e), -1);
	assert_string_equal(e.msg, message);
	assert_int_equal(e.code, ERR_POLICY);
	assert_string_equal(env.type, "untouched");
}

static void test_approval(void **state)
{
	struct trust_fixture *f = &((struct scene *)*state)->f;
	struct approval_terms t = terms(f);
	struct err e = ERR_INIT;
	struct envelope env;
	struct approval p;
	assert_int_equal(approval_make(&t, f->keys[CAROL], f->arena, &env, &e), 0);
	assert_true(dsse_signed_by(&env, TYPE_APPROVAL, f->trust.keys[CAROL].public_key));
	assert_int_equal(approval_decode(env.payload, f->arena, &p, &e), 0);
	assert_memory_equal(p.order_digest, f->order.digest, DIGEST_SIZE);
	assert_memory_equal(p.release_digest, f->release.digest, DIGEST_SIZE);
	assert_string_equal(p.environment, "production");
	assert_int_equal(p.target_count, 5);
	assert_int_equal(p.expires_at_us, f->order.not_after_us);
	assert_int_equal(approvals_needed(&f->trust, "production"), 2);
	assert_int_equal(approvals_needed(&f->trust, "dev"), 0);
	assert_int_equal(approvals_needed(&f->trust, "qa"), -1);
}

static void test_approvals_that_are_refused(void **state)
{
	struct trust_fixture *f = &((struct scene *)*state)->f;
	struct approval_terms t = terms(f);
	t.targets = 4;
	assert_not_approved(f, &t, CAROL,
	                    "you count 4 targets, order 00112233445566778899aabbccddeeff has 5: nothing was signed; look at what the plan selects");
	t = terms(f);
	assert_not_approved(f, &t, ALICE, "this key signed the release itself, so its approval would not count: have somebody else approve");
	t.now_us = f->order.not_after_us;
	assert_not_approved(f, &t, CAROL,
	                    "order 00112233445566778899aabbccddeeff ended at 2027-01-16T08:00:00Z: nothing was signed; start a new rollout");
	t = terms(f);
	t.release = &f->trust_envelope;
	assert_not_approved(f, &t, CAROL, "what was given as the release is another document: nothing was signed");
	t = terms(f);
	f->order.release_digest[0] ^= 1;
	assert_not_approved(
	    f, &t, CAROL,
	    "order 00112233445566778899aabbccddeeff is for another release (shop 1.2.0): nothing was signed; ask for the order of this release");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_draft_signed_and_read),
	    T(test_same_key_in_a_role_twice),
	    T(test_unreachable_draft_is_not_closed),
	    T(test_other_document_as_trust),
	    T(test_certificate),
	    T(test_remove),
	    T(test_replace),
	    T(test_approval),
	    T(test_approvals_that_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
