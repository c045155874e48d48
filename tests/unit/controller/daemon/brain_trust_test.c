/* The brain and what it hands on: freshness documents that it makes, trust documents, revocations and freshness documents that people push, and what its agents are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/crypto/blobs.h"
#include "common/base/str.h"
#include "common/crypto/fresh.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "tests/support/brain_fixture.h"

#define MINUTE (INT64_C(60) * 1000000)

static const char *const targets[] = {"eu/pg1/a"};

/* Role fresh belongs to ci, whose key this controller has, unless `key` says other. */
static void begin(struct brain_fixture *f, enum fixture_person key)
{
	struct trust_fixture *t = &f->trust;
	brain_fixture_init(f);
	trust_fixture_set_role(t, ROLE_FRESH, 1, (const enum fixture_person[]){CI}, 1);
	t->trust.version = 2;
	trust_fixture_build(t);
	f->config.trust = t->trust;
	f->config.trust_envelope = t->trust_bytes;
	f->config.fresh_key = t->keys[key];
	f->config.fresh_interval_us = 10 * MINUTE;
	f->config.fresh_lifetime_us = 60 * MINUTE;
	f->agent.trust_version = 2;
	brain_fixture_restart(f);
	brain_fixture_admit(f);
	brain_fixture_connect(f, targets, 1);
}

/* The last TRUST_UPDATE that was sent; NULL: none. */
static const struct msg_trust_update *told(const struct brain_fixture *f)
{
	for (size_t i = f->n_sent; i-- > 0;)
		if (f->sent[i].msg.type == MSG_TRUST_UPDATE)
			return &f->sent[i].msg.trust_update;
	return NULL;
}

/* The freshness document that was named, from its blob, signed as it should be. */
static struct freshness named(struct brain_fixture *f)
{
	const struct msg_trust_update *m = told(f);
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct envelope env;
	struct freshness d;
	struct err e = ERR_INIT;
	assert_non_null(m);
	int rc = blobs_get(f->config.blob_dir, m->fresh.hash, LIMIT_DOCUMENT, &data, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
	assert_int_equal(data.n, m->fresh.size);
	assert_int_equal(envelope_decode(arena_bytes(f->arena, buf_bytes(&data)), f->arena, &env, &e), 0);
	assert_true(dsse_signed_by(&env, TYPE_FRESHNESS, f->trust.trust.keys[CI].public_key));
	assert_int_equal(freshness_decode(env.payload, f->arena, &d, &e), 0);
	assert_int_equal(d.version, m->fresh.version);
	return d;
}

static void push(struct brain_fixture *f, struct bytes document, const char *error_part)
{
	const struct msg_reply *r = brain_fixture_command(f, NULL, VERB_TRUST_PUSH, document, NULL);
	if (!strstr(r->message, error_part))
		print_message("%s\n", r->message);
	assert_non_null(strstr(r->message, error_part));
}

#define TAKEN "agents that are connected are told at once"

static struct bytes next_trust(struct brain_fixture *f)
{
	f->trust.trust.version++;
	trust_fixture_build(&f->trust);
	return f->trust.trust_bytes;
}

static void test_a_fresh_one_every_interval(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, CI);
	brain_fixture_connect(&f, targets, 1); /* says HELLO again: told with WELCOME */
	brain_fixture_idle(&f, 10 * MINUTE);
	struct freshness first = named(&f);
	assert_int_equal(first.issued_at_us, f.now_us);
	assert_int_equal(first.expires_at_us, f.now_us + 60 * MINUTE);
	assert_int_equal(first.trust_version, 2);
	brain_fixture_idle(&f, 9 * MINUTE);
	assert_null(told(&f));
	brain_fixture_idle(&f, MINUTE);
	struct freshness second = named(&f);
	struct err e = ERR_INIT;
	assert_int_equal(freshness_check_next(&f.trust.trust, &first, &second, &e), 0);
	brain_fixture_restart(&f); /* what was made is known afterwards, so the next one is newer */
	brain_fixture_connect(&f, targets, 1);
	brain_fixture_idle(&f, 10 * MINUTE);
	struct freshness third = named(&f);
	assert_int_equal(freshness_check_next(&f.trust.trust, &second, &third, &e), 0);
	brain_fixture_done(&f);
}

static void test_another_key_makes_none(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, MALLORY);
	brain_fixture_idle(&f, 10 * MINUTE);
	assert_null(told(&f));
	assert_string_equal(brain_fixture_command(&f, NULL, VERB_PING, NONE, NULL)->message, "the controller answers");
	assert_string_equal(brain_fixture_cell_of(&f, "key", "fresh", "value"), "0");
	brain_fixture_done(&f);
}

static void test_a_revoked_certificate_shuts_its_agent_out(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, CI);
	assert_int_equal(f.principals, 1);
	push(&f, trust_fixture_revocation(&f.trust, REVOKE_AGENT, "ffeeddccbbaa99887766554433221100", ERIN), TAKEN); /* somebody else's */
	assert_int_equal(f.principals, 1);
	push(&f, trust_fixture_revocation(&f.trust, REVOKE_AGENT, BRAIN_AGENT_SERIAL, ERIN), TAKEN);
	assert_int_equal(f.principals, 0);
	(void)brain_fixture_command(&f, "viewer", VERB_AGENT_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell(&f, "state"), "revoked");
	brain_fixture_connect(&f, targets, 1); /* were the hub wrong */
	assert_int_equal(f.sent[0].msg.type, MSG_DENY);
	assert_string_equal(f.sent[0].msg.deny.code, "revoked");
	brain_fixture_done(&f);
}

static void test_a_revocation_is_told_at_once(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, CI);
	push(&f, trust_fixture_revocation(&f.trust, REVOKE_KEY, f.trust.key_ids[BOB], MALLORY), "no key of role root signed it");
	push(&f, trust_fixture_revocation(&f.trust, REVOKE_KEY, f.trust.key_ids[BOB], ROOT_1), TAKEN);
	struct freshness d = named(&f);
	assert_true(str_among(f.trust.key_ids[BOB], d.revoked_keys, d.n_revoked_keys));
	assert_false(str_among(f.trust.key_ids[ALICE], d.revoked_keys, d.n_revoked_keys));
	brain_fixture_idle(&f, 10 * MINUTE); /* and in each one from then on */
	d = named(&f);
	assert_true(str_among(f.trust.key_ids[BOB], d.revoked_keys, d.n_revoked_keys));
	/* The controller goes by it too: a release that alice and bob signed has one good signature of two. */
	brain_fixture_production_alone(&f);
	trust_fixture_build(&f.trust);
	uint8_t hash[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];
	struct err e = ERR_INIT;
	assert_int_equal(blobs_put(f.config.blob_dir, f.trust.release_bytes, hash, &e), 0);
	const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_RELEASE_ADD, NONE, "hash", bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex), NULL);
	assert_non_null(strstr(r->message, "release: 1 of 2 signatures (release): signed by alice"));
	brain_fixture_done(&f);
}

static void test_a_controller_without_a_fresh_key_cannot_tell(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, MALLORY);
	push(&f, trust_fixture_revocation(&f.trust, REVOKE_KEY, f.trust.key_ids[BOB], ROOT_1), "this controller holds no key of role fresh");
	const char *keys[] = {f.trust.key_ids[BOB]};
	const struct freshness d = {.version = 5, .revoked_keys = keys, .n_revoked_keys = 1, .issued_at_us = f.now_us},
	                       older = {.version = 4, .issued_at_us = f.now_us}, bare = {.version = 6, .issued_at_us = f.now_us + 1},
	                       ahead = {.version = 7, .trust_version = 9};
	push(&f, trust_fixture_fresh(&f.trust, &d, MALLORY), "freshness: 0 of 1 signatures (fresh)");
	push(&f, trust_fixture_fresh(&f.trust, &d, CI), TAKEN);
	struct freshness back = named(&f);
	assert_int_equal(back.version, 5);
	assert_true(str_among(f.trust.key_ids[BOB], back.revoked_keys, back.n_revoked_keys));
	push(&f, trust_fixture_fresh(&f.trust, &older, CI), "version 4 is not newer than version 5");
	push(&f, trust_fixture_fresh(&f.trust, &bare, CI), "takes back a revocation");
	push(&f, trust_fixture_fresh(&f.trust, &ahead, CI),
	     "made for trust document version 9, and version 2 is in use: that trust document comes first");
	brain_fixture_done(&f);
}

static void test_the_next_trust_document(void **state)
{
	(void)state;
	struct brain_fixture f;
	struct bytes third;
	begin(&f, CI);
	push(&f, f.trust.trust_bytes, "version 2 is not newer than version 2, which is in use");
	f.trust.n_trust_signers = 1;
	push(&f, next_trust(&f), "by the root keys of version 2: trust: 1 of 2 signatures (root)");
	f.trust.n_trust_signers = 2;
	trust_fixture_build(&f.trust);
	third = f.trust.trust_bytes;
	push(&f, next_trust(&f), "version 4 cannot follow version 2");
	push(&f, third, TAKEN);
	assert_int_equal(told(&f)->n_trust, 1);
	assert_int_equal(told(&f)->trust[0].version, 3);
	assert_true(blobs_has(f.config.blob_dir, told(&f)->trust[0].hash, NULL));
	assert_int_equal(named(&f).trust_version, 3);
	/* It is in use after a restart too, whatever the configuration's file says; an agent that was away is given all that it lacks. */
	brain_fixture_restart(&f);
	f.agent.trust_version = 1;
	brain_fixture_connect(&f, targets, 1);
	(void)brain_fixture_command(&f, NULL, VERB_PING, NONE, NULL);
	assert_string_equal(brain_fixture_cell_of(&f, "key", "trust", "value"), "3");
	push(&f, f.trust.trust_bytes, TAKEN);
	assert_int_equal(told(&f)->n_trust, 3);
	assert_int_equal(told(&f)->trust[0].version, 2);
	assert_int_equal(told(&f)->trust[2].version, 4);
	brain_fixture_done(&f);
}

/* ---- whom a trust document would shut out ---- */

/* Refused with these words before anything is stored; taken when it is forced. */
static void shuts_out(struct brain_fixture *f, struct bytes document, const char *part)
{
	push(f, document, part);
	push(f, document, "Nothing was stored; to take it all the same: --force");
	brain_fixture_restart(f);
	(void)brain_fixture_command(f, NULL, VERB_PING, NONE, NULL);
	assert_string_equal(brain_fixture_cell_of(f, "key", "trust", "value"), "2");
	brain_fixture_connect(f, targets, 1);
	const struct msg_reply *r = brain_fixture_command(f, NULL, VERB_TRUST_PUSH, document, "force", "yes", NULL);
	assert_non_null(strstr(r->message, TAKEN));
	assert_int_equal(told(f)->trust[0].version, 3);
}

static void test_agents_whose_certificates_would_count_no_more(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, CI);
	trust_fixture_set_role(&f.trust, ROLE_ENROL, 1, (const enum fixture_person[]){DAVE}, 1);
	shuts_out(&f, next_trust(&f), "the certificates of eu-agent are signed by no key that is left in its role enrol");
	brain_fixture_done(&f);
	begin(&f, CI);
	trust_fixture_set_role(&f.trust, ROLE_ENROL, 1, (const enum fixture_person[]){DAVE, ERIN}, 2);
	push(&f, next_trust(&f), TAKEN); /* beside the old one */
	brain_fixture_done(&f);
	begin(&f, CI);
	push(&f, trust_fixture_revocation(&f.trust, REVOKE_AGENT, BRAIN_AGENT_SERIAL, ERIN), TAKEN);
	trust_fixture_set_role(&f.trust, ROLE_ENROL, 1, (const enum fixture_person[]){DAVE}, 1);
	push(&f, next_trust(&f), TAKEN); /* who is revoked is out already */
	brain_fixture_done(&f);
}

static void test_an_agent_that_cannot_step_to_it(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, CI);
	f.trust.trust.version = 4; /* put in the controller's folder by hand: version 3 never came here */
	trust_fixture_build(&f.trust);
	f.config.trust = f.trust.trust;
	f.config.trust_envelope = f.trust.trust_bytes;
	brain_fixture_restart(&f);
	brain_fixture_connect(&f, targets, 1);
	struct bytes fifth = next_trust(&f);
	push(&f, fifth, "eu-agent (version 2) cannot step to it: the versions before 4 are not kept here");
	f.agent.trust_version = 3; /* installed at the site */
	brain_fixture_connect(&f, targets, 1);
	push(&f, fifth, TAKEN);
	brain_fixture_done(&f);
}

static void test_thresholds_out_of_reach(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, CI);
	push(&f, trust_fixture_revocation(&f.trust, REVOKE_KEY, f.trust.key_ids[CAROL], ROOT_1), TAKEN);
	trust_fixture_set_role(&f.trust, "approver/production", 2, (const enum fixture_person[]){CAROL, DAVE}, 2);
	shuts_out(&f, next_trust(&f), "role approver/production asks for 2 keys, and has 1 that are not revoked");
	brain_fixture_done(&f);
}

static void test_a_revoked_key_comes_into_no_role(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, CI);
	push(&f, trust_fixture_revocation(&f.trust, REVOKE_KEY, f.trust.key_ids[CAROL], ROOT_1), TAKEN);
	trust_fixture_set_role(&f.trust, "approver/production", 2, (const enum fixture_person[]){DAVE, ALICE}, 2);
	push(&f, next_trust(&f), TAKEN);
	trust_fixture_set_role(&f.trust, "approver/production", 2, (const enum fixture_person[]){CAROL, DAVE, ALICE}, 3);
	push(&f, next_trust(&f), "of carol comes into role approver/production, and is revoked: no site would count it");
	brain_fixture_done(&f);
}

static void test_an_environment_without_approvers(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, CI);
	trust_fixture_role(&f.trust, "approver/production")->name = "approver/elsewhere";
	shuts_out(&f, next_trust(&f), "it has no role approver/production any more");
	brain_fixture_done(&f);
}

static void test_nobody_here_could_make_freshness_documents(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, CI);
	trust_fixture_set_role(&f.trust, ROLE_FRESH, 1, (const enum fixture_person[]){ERIN}, 1);
	shuts_out(&f, next_trust(&f), "no key of its role fresh is here, so that no site would begin anything");
	brain_fixture_done(&f);
}

/* ATK-11 at the controller: a document with the last version there is; the rotation of the fresh key drops it. */
static void test_out_of_a_fast_forward(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, MALLORY);
	const struct freshness last = {.version = INT64_MAX, .issued_at_us = f.now_us}, d = {.version = 5, .issued_at_us = f.now_us};
	push(&f, trust_fixture_fresh(&f.trust, &last, CI), TAKEN);
	trust_fixture_set_role(&f.trust, ROLE_FRESH, 1, (const enum fixture_person[]){ERIN}, 1);
	push(&f, next_trust(&f), TAKEN);
	assert_int_equal(told(&f)->fresh.size, 0);
	push(&f, trust_fixture_fresh(&f.trust, &d, ERIN), TAKEN);
	assert_int_equal(told(&f)->fresh.version, 5);
	brain_fixture_done(&f);
}

/* The canary ring asks for an approver of its own: the rollout begins when each role that one of its targets needs has approved, and one person is not two. */
static void test_roles_with_scopes(void **state)
{
	(void)state;
	static const char plan[] = "name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all, max_parallel: 2}\n";
	static const char *scope[] = {"ring=canary"}, *nowhere[] = {"ring=moon"};
	struct brain_fixture f;
	begin(&f, CI);
	trust_fixture_set_role(&f.trust, "approver/production/canary", 1, (const enum fixture_person[]){ERIN}, 1);
	struct trust_role *r = trust_fixture_role(&f.trust, "approver/production/canary");
	r->scopes = scope, r->n_scopes = 1;
	trust_fixture_set_role(&f.trust, "approver/production/moon", 1, (const enum fixture_person[]){ROOT_1}, 1);
	r = trust_fixture_role(&f.trust, "approver/production/moon");
	r->scopes = nowhere, r->n_scopes = 1;
	brain_fixture_production_alone(&f);
	push(&f, next_trust(&f), TAKEN);
	brain_fixture_release(&f);
	(void)brain_fixture_start(&f, plan);
	const char *id = arena_strdup(f.arena, brain_fixture_cell(&f, "rollout"));
	static const struct {
		enum fixture_person by;
		const char *part;
	} rows[] = {{CAROL, "1 of 3 approvals"}, {ROOT_1, "no key of role approver/production signed"}, {DAVE, "2 of 3 approvals"}, {ERIN, ""}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bytes approval = brain_fixture_approval(&f, id, rows[i].by);
		const struct msg_reply *reply = brain_fixture_command(&f, NULL, VERB_ROLLOUT_APPROVE, approval, "rollout", id, NULL);
		if (!strstr(reply->message, rows[i].part))
			print_message("%zu: %s\n", i, reply->message);
		assert_non_null(strstr(reply->message, rows[i].part));
	}
	assert_string_equal(brain_fixture_cell(&f, "state"), "running");
	brain_fixture_done(&f);
}

static void test_other_documents(void **state)
{
	(void)state;
	struct brain_fixture f;
	begin(&f, CI);
	push(&f, f.trust.release_bytes, "this is a release: push a trust document, a freshness document or a revocation");
	push(&f, bytes_of_str("x"), "envelope");
	const struct msg_reply *r = brain_fixture_command(&f, "viewer", VERB_TRUST_PUSH, f.trust.trust_bytes, NULL);
	assert_non_null(strstr(r->message, "trust-push needs role operator"));
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_fresh_one_every_interval),
	    cmocka_unit_test(test_another_key_makes_none),
	    cmocka_unit_test(test_a_revocation_is_told_at_once),
	    cmocka_unit_test(test_a_revoked_certificate_shuts_its_agent_out),
	    cmocka_unit_test(test_a_controller_without_a_fresh_key_cannot_tell),
	    cmocka_unit_test(test_the_next_trust_document),
	    cmocka_unit_test(test_out_of_a_fast_forward),
	    cmocka_unit_test(test_agents_whose_certificates_would_count_no_more),
	    cmocka_unit_test(test_an_agent_that_cannot_step_to_it),
	    cmocka_unit_test(test_thresholds_out_of_reach),
	    cmocka_unit_test(test_a_revoked_key_comes_into_no_role),
	    cmocka_unit_test(test_an_environment_without_approvers),
	    cmocka_unit_test(test_nobody_here_could_make_freshness_documents),
	    cmocka_unit_test(test_roles_with_scopes),
	    cmocka_unit_test(test_other_documents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
