/* common/crypto/fresh: what is revoked, which document may follow which, when one is current, and who may revoke what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/crypto/fresh.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "tests/support/trust_fixture.h"

#define SERIAL "0123456789abcdef0123456789abcdef"

struct scene {
	struct trust_fixture f;
	struct freshness d; /* revokes nothing */
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof *s);
	trust_fixture_init(&s->f);
	trust_fixture_set_role(&s->f, ROLE_FRESH, 1, (const enum fixture_person[]){CI}, 1);
	trust_fixture_build(&s->f);
	s->d = (struct freshness){
	    .fleet = "test", .version = 5, .trust_version = 1, .issued_at_us = s->f.now_us, .expires_at_us = s->f.now_us + FIXTURE_HOUR};
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	trust_fixture_done(&s->f);
	free(s);
	return 0;
}

static void revoke(struct scene *s, enum revocation_kind kind, const char *subject, uint64_t sequence)
{
	const struct revocation r = {.kind = kind, .subject = subject, .sequence = sequence};
	assert_true(freshness_add(&s->d, &r, s->f.arena));
	assert_false(freshness_add(&s->d, &r, s->f.arena)); /* once is enough */
}

static void assert_refused(int rc, const struct err *e, const char *part)
{
	assert_int_equal(rc, -1);
	if (!strstr(e->msg, part))
		print_message("%s\n", e->msg);
	assert_non_null(strstr(e->msg, part));
}

/* ---- what is revoked --------------------------------------------------------------------------------------------------------------------------------- */

static void test_nothing_is_revoked_without_a_document(void **state)
{
	struct scene *s = *state;
	assert_false(freshness_revokes_agent(NULL, SERIAL));
	assert_false(freshness_revokes_release(NULL, &s->f.release));
	assert_false(freshness_revokes_agent(&s->d, SERIAL));
	assert_false(freshness_revokes_release(&s->d, &s->f.release));
}

/* Whatever the order of coming: the lists stay in order, so that bisection finds each, and the document decodes. */
static void test_each_revocation_is_found(void **state)
{
	struct scene *s = *state;
	static const enum fixture_person gone[] = {DAVE, ALICE, ROOT_1, ERIN};
	for (size_t i = 0; i < 4; i++)
		revoke(s, REVOKE_KEY, s->f.key_ids[gone[i]], 0);
	revoke(s, REVOKE_AGENT,
	       "ff"
	       "0123456789abcdef0123456789abcd",
	       0);
	revoke(s, REVOKE_AGENT, SERIAL, 0);
	char hex[DIGEST_HEX_SIZE];
	revoke(s, REVOKE_RELEASE, bytes_to_hex(bytes_of(s->f.release.digest, DIGEST_SIZE), hex), 0);
	revoke(s, REVOKE_OLDER_RELEASES, "zoo", 3);
	revoke(s, REVOKE_OLDER_RELEASES, "crm", 3);
	revoke(s, REVOKE_OLDER_RELEASES, "crm", 4);

	struct envelope env;
	struct freshness d;
	struct err e = ERR_INIT;
	assert_int_equal(envelope_decode(trust_fixture_fresh(&s->f, &s->d, CI), s->f.arena, &env, &e), 0);
	int rc = freshness_decode(env.payload, s->f.arena, &d, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
	for (size_t i = 0; i < FIXTURE_PEOPLE - 1; i++) {
		bool expected = i == DAVE || i == ALICE || i == ROOT_1 || i == ERIN;
		assert_int_equal(str_among(s->f.key_ids[i], d.revoked_keys, d.n_revoked_keys), expected);
		struct trust left = trust_without_revoked(&s->f.trust, &d, s->f.arena); /* found by bisection, wherever it stands */
		for (size_t k = 0; k < left.n_roles; k++)
			if (!str_eq(left.roles[k].name, ROLE_ROOT) && !str_eq(left.roles[k].name, ROLE_FRESH))
				assert_int_equal(trust_role_has(&left.roles[k], s->f.key_ids[i]), !expected && trust_role_has(&s->f.trust.roles[k], s->f.key_ids[i]));
	}
	assert_true(freshness_revokes_agent(&d, SERIAL));
	assert_false(freshness_revokes_agent(&d, "0123456789abcdef0123456789abcdee"));
	assert_true(freshness_revokes_release(&d, &s->f.release));
	assert_int_equal(d.n_floors, 2);
	assert_int_equal(freshness_floor(&d, "crm"), 4);
}

static void test_floor(void **state)
{
	struct scene *s = *state;
	struct release r = s->f.release;
	revoke(s, REVOKE_OLDER_RELEASES, "shop", 8);
	assert_true(freshness_revokes_release(&s->d, &r)); /* sequence 7 */
	r.sequence = 8;
	assert_false(freshness_revokes_release(&s->d, &r));
	r.sequence = 1;
	r.project = "crm";
	assert_false(freshness_revokes_release(&s->d, &r));
}

static void test_revoked_keys_leave_their_roles(void **state)
{
	struct scene *s = *state;
	static const enum fixture_person gone[] = {ALICE, ROOT_1, CI};
	struct envelope env;
	struct err e = ERR_INIT;
	for (size_t i = 0; i < 3; i++)
		revoke(s, REVOKE_KEY, s->f.key_ids[gone[i]], 0);
	struct trust left = trust_without_revoked(&s->f.trust, &s->d, s->f.arena);
	assert_int_equal(trust_role(&left, ROLE_RELEASE)->n_key_ids, 1); /* bob */
	assert_int_equal(trust_role(&left, "approver/production")->n_key_ids, 2);
	assert_int_equal(trust_role(&left, ROLE_ROOT)->n_key_ids, 3); /* not by a freshness document */
	assert_int_equal(trust_role(&left, ROLE_FRESH)->n_key_ids, 1);
	assert_int_equal(trust_role(&s->f.trust, ROLE_RELEASE)->n_key_ids, 3); /* the original is as it was */
	assert_int_equal(envelope_decode(s->f.release_bytes, s->f.arena, &env, &e), 0);
	assert_refused(trust_check_role(&left, ROLE_RELEASE, &env, TYPE_RELEASE, &e), &e, "release: 1 of 2 signatures (release): signed by bob");
}

/* ---- which may follow --------------------------------------------------------------------------------------------------------------------------------- */

static void test_only_newer_ones_follow(void **state)
{
	struct scene *s = *state;
	struct freshness next = s->d;
	struct err e = ERR_INIT;
	assert_int_equal(freshness_check_next(&s->f.trust, NULL, &next, &e), 0);
	assert_refused(freshness_check_next(&s->f.trust, &s->d, &next, &e), &e, "version 5 is not newer than version 5");
	next.version = 6;
	assert_int_equal(freshness_check_next(&s->f.trust, &s->d, &next, &e), 0);
	next.issued_at_us--;
	assert_refused(freshness_check_next(&s->f.trust, &s->d, &next, &e), &e, "is not newer");
	next.issued_at_us++;
	next.trust_version = 0;
	assert_refused(freshness_check_next(&s->f.trust, &s->d, &next, &e), &e, "is not newer");
}

/* A stolen fresh key, or a controller set back, cannot bring a revoked key back, whatever trust document it says that it is made for; nor does it matter what becomes of a key
 * that the root keys have taken out. */
static void test_nothing_is_taken_back(void **state)
{
	struct scene *s = *state;
	const struct {
		enum revocation_kind kind;
		const char *subject;
		uint64_t sequence;
	} rows[] = {
	    {REVOKE_KEY, s->f.key_ids[CAROL], 0}, {REVOKE_AGENT, SERIAL, 0}, {REVOKE_RELEASE, SERIAL SERIAL, 0}, {REVOKE_OLDER_RELEASES, "shop", 9}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct freshness bare = s->d;
		struct err e = ERR_INIT;
		bare.version = 6;
		struct scene with = *s;
		revoke(&with, rows[i].kind, rows[i].subject, rows[i].sequence);
		assert_refused(freshness_check_next(&s->f.trust, &with.d, &bare, &e), &e, "version 6 takes back a revocation");
		bare.trust_version = 2;
		assert_refused(freshness_check_next(&s->f.trust, &with.d, &bare, &e), &e, "version 6 takes back a revocation");
	}
	struct scene with = *s;
	struct freshness bare = s->d;
	struct err e = ERR_INIT;
	bare.version = 6;
	revoke(&with, REVOKE_KEY, s->f.key_ids[MALLORY], 0); /* who has no role */
	assert_int_equal(freshness_check_next(&s->f.trust, &with.d, &bare, &e), 0);
}

static void test_document_of_this_fleet_and_time(void **state)
{
	struct scene *s = *state;
	static const char *critical[] = {"moon-phase"};
	struct err e = ERR_INIT;
	int64_t now_us = s->f.now_us;
	assert_int_equal(freshness_check(&s->f.trust, &s->d, now_us, &e), 0);
	struct freshness d = s->d;
	d.fleet = "other";
	assert_refused(freshness_check(&s->f.trust, &d, now_us, &e), &e, "of fleet other, and this is fleet test");
	d = s->d;
	d.trust_version = 2;
	assert_refused(freshness_check(&s->f.trust, &d, now_us, &e), &e, "made for trust document version 2, and version 1 is in use");
	d = s->d;
	d.critical = critical, d.n_critical = 1;
	assert_refused(freshness_check(&s->f.trust, &d, now_us, &e), &e, "it needs 'moon-phase'");
	d = s->d;
	d.issued_at_us = now_us + FIXTURE_HOUR;
	assert_refused(freshness_check(&s->f.trust, &d, now_us, &e), &e, "in the future");
}

static void test_current(void **state)
{
	struct scene *s = *state;
	struct trust_fixture *f = &s->f;
	struct err e = ERR_INIT;
	int64_t minute = FIXTURE_HOUR / 60, now_us = f->now_us;
	assert_int_equal(freshness_check_current(&f->trust, &s->d, 0, now_us, &e), 0);
	assert_int_equal(freshness_check_current(&f->trust, &s->d, 0, now_us + FIXTURE_HOUR - 1, &e), 0);
	assert_refused(freshness_check_current(&f->trust, &s->d, 0, now_us + FIXTURE_HOUR, &e), &e, "expired at");
	assert_refused(freshness_check_current(&f->trust, NULL, 0, now_us, &e), &e, "no freshness document has come here");
	assert_int_equal(freshness_check_current(&f->trust, &s->d, 10 * minute, now_us + 10 * minute, &e), 0);
	assert_refused(freshness_check_current(&f->trust, &s->d, 10 * minute, now_us + 11 * minute, &e), &e, "is 11 min old, and 10 min are allowed");
	f->trust.fresh_max_age_ms = 5 * 60 * 1000; /* the stricter of the two counts, whoever says it */
	assert_refused(freshness_check_current(&f->trust, &s->d, 10 * minute, now_us + 6 * minute, &e), &e, "and 5 min are allowed");
	f->trust.fresh_max_age_ms = 20 * 60 * 1000;
	assert_refused(freshness_check_current(&f->trust, &s->d, 10 * minute, now_us + 11 * minute, &e), &e, "and 10 min are allowed");
	f->trust.n_roles--; /* without role fresh nobody could sign one */
	assert_int_equal(freshness_check_current(&f->trust, NULL, minute, now_us, &e), 0);
}

static struct trust with_fresh(struct scene *s, const enum fixture_person *who, size_t n)
{
	struct trust t = s->f.trust;
	t.roles = arena_alloc(s->f.arena, t.n_roles * sizeof *t.roles);
	trust_fixture_set_role(&s->f, ROLE_FRESH, 1, who, n);
	memcpy(t.roles, s->f.trust.roles, t.n_roles * sizeof *t.roles);
	return t;
}

static void test_what_the_next_trust_document_ends(void **state)
{
	struct scene *s = *state;
	struct trust ci = with_fresh(s, (const enum fixture_person[]){CI}, 1), erin = with_fresh(s, (const enum fixture_person[]){ERIN}, 1);
	struct trust both = with_fresh(s, (const enum fixture_person[]){ERIN, CI}, 2), none = ci;
	struct envelope env;
	struct err e = ERR_INIT;
	none.n_roles--;
	assert_int_equal(envelope_decode(trust_fixture_fresh(&s->f, &s->d, CI), s->f.arena, &env, &e), 0);
	assert_false(freshness_is_over(&ci, &env));
	assert_false(freshness_is_over(&both, &env));
	assert_true(freshness_is_over(&erin, &env));
	assert_true(freshness_is_over(&none, &env));
}

/* ---- who may revoke ----------------------------------------------------------------------------------------------------------------------------------- */

static void test_who_may_revoke_what(void **state)
{
	struct scene *s = *state;
	static const struct {
		enum revocation_kind kind;
		enum fixture_person of, by; /* `of`: whose key */
		bool may;
	} rows[] = {
	    {REVOKE_KEY, CAROL, ROOT_2, true},   {REVOKE_KEY, CAROL, CAROL, true},        {REVOKE_KEY, CAROL, ALICE, false},
	    {REVOKE_KEY, CAROL, ERIN, false},    {REVOKE_KEY, MALLORY, ROOT_1, false},    {REVOKE_AGENT, 0, ERIN, true},
	    {REVOKE_AGENT, 0, ROOT_1, true},     {REVOKE_AGENT, 0, CAROL, false},         {REVOKE_AGENT, 0, CI, false},
	    {REVOKE_RELEASE, 0, BOB, true},      {REVOKE_RELEASE, 0, ROOT_3, true},       {REVOKE_RELEASE, 0, DAVE, false},
	    {REVOKE_RELEASE, 0, MALLORY, false}, {REVOKE_OLDER_RELEASES, 0, ALICE, true}, {REVOKE_OLDER_RELEASES, 0, ERIN, false},
	    {REVOKE_AGENT, 0, MALLORY, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct envelope env;
		struct revocation r;
		struct err e = ERR_INIT;
		const char *subject = rows[i].kind == REVOKE_KEY       ? s->f.key_ids[rows[i].of]
		                      : rows[i].kind == REVOKE_AGENT   ? SERIAL
		                      : rows[i].kind == REVOKE_RELEASE ? SERIAL SERIAL
		                                                       : "shop";
		assert_int_equal(envelope_decode(trust_fixture_revocation(&s->f, rows[i].kind, subject, rows[i].by), s->f.arena, &env, &e), 0);
		assert_int_equal(revocation_decode(env.payload, s->f.arena, &r, &e), 0);
		int rc = revocation_check(&s->f.trust, &s->f.trust, &env, &r, &e);
		if ((rc == 0) != rows[i].may)
			print_message("row %zu: %s\n", i, e.msg);
		assert_int_equal(rc == 0, rows[i].may);
		r.fleet = "other";
		assert_int_equal(revocation_check(&s->f.trust, &s->f.trust, &env, &r, &e), -1);
	}
}

/* A stolen release key that was revoked cannot withdraw everybody's releases. */
static void test_a_revoked_key_revokes_nothing(void **state)
{
	struct scene *s = *state;
	struct envelope env;
	struct revocation r;
	struct err e = ERR_INIT;
	revoke(s, REVOKE_KEY, s->f.key_ids[BOB], 0);
	struct trust valid = trust_without_revoked(&s->f.trust, &s->d, s->f.arena);
	assert_int_equal(envelope_decode(trust_fixture_revocation(&s->f, REVOKE_RELEASE, SERIAL SERIAL, BOB), s->f.arena, &env, &e), 0);
	assert_int_equal(revocation_decode(env.payload, s->f.arena, &r, &e), 0);
	assert_refused(revocation_check(&s->f.trust, &valid, &env, &r, &e), &e, "no key of role release or root signed it");
	assert_int_equal(e.code, ERR_SIGNATURE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_nothing_is_revoked_without_a_document),
	    TEST(test_each_revocation_is_found),
	    TEST(test_floor),
	    TEST(test_revoked_keys_leave_their_roles),
	    TEST(test_only_newer_ones_follow),
	    TEST(test_nothing_is_taken_back),
	    TEST(test_document_of_this_fleet_and_time),
	    TEST(test_current),
	    TEST(test_what_the_next_trust_document_ends),
	    TEST(test_who_may_revoke_what),
	    TEST(test_a_revoked_key_revokes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
