/* The audit over a change of the trust document: each paper is held against the version that was in force when the log tells of it, and the versions follow one from the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "controller/audit/verify.h"
#include "tests/support/audit_rows.h"
#include "tests/support/trust_fixture.h"

struct scene {
	struct trust_fixture f;
	struct trust first, second;
	struct bytes first_bytes;
	struct bundle b;
};

static void add_release(struct scene *s, const char *version, enum fixture_person one, enum fixture_person other)
{
	s->f.release.version = version;
	s->f.release_signers[0] = one, s->f.release_signers[1] = other;
	trust_fixture_build(&s->f);
	bundle_add_document(&s->b, "release", version, s->f.release_bytes);
	(void)audit_rows_add(&s->b, "release", "add", version, s->f.release_bytes);
}

/* The release role goes from alice and bob to carol and dave; the root role keeps its keys. */
static void rotate(struct scene *s, bool logged)
{
	trust_fixture_set_role(&s->f, ROLE_RELEASE, 2, (const enum fixture_person[]){CAROL, DAVE}, 2);
	s->f.trust.version = 2;
	trust_fixture_build(&s->f);
	s->second = s->f.trust;
	bundle_add_document(&s->b, "trust", "2", s->f.trust_bytes);
	if (logged)
		(void)audit_rows_add(&s->b, "trust", "push", "version 2", bytes_of(NULL, 0));
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof *s);
	trust_fixture_init(&s->f);
	trust_fixture_build(&s->f);
	bundle_init(&s->b);
	s->first = s->f.trust; /* its roles in an array of their own */
	s->first.roles = arena_alloc(s->f.arena, s->first.n_roles * sizeof *s->first.roles);
	memcpy(s->first.roles, s->f.trust.roles, s->first.n_roles * sizeof *s->first.roles);
	s->first_bytes = s->f.trust_bytes;
	bundle_add_document(&s->b, "trust", "1", s->first_bytes);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	bundle_done(&s->b);
	trust_fixture_done(&s->f);
	free(s);
	return 0;
}

/* The places where this check finds something wrong: "release 1.2.0, ". */
static const char *wrong(struct scene *s, const struct trust *pinned, const char *check)
{
	struct audit_result r;
	const char *all = "";
	audit_verify(&s->b, pinned, s->f.arena, &r);
	for (size_t i = 0; i < r.n_findings; i++)
		if (str_eq(r.findings[i].check, check))
			all = arena_printf(s->f.arena, "%s%s, ", all, r.findings[i].place);
	return all;
}

static void add_story(struct scene *s, bool logged)
{
	add_release(s, "1.0.0", ALICE, BOB);
	rotate(s, logged);
	add_release(s, "2.0.0", CAROL, DAVE);
	add_release(s, "2.1.0", ALICE, BOB); /* whose keys are out */
}

static void test_each_by_the_version_of_its_time(void **state)
{
	struct scene *s = *state;
	add_story(s, true);
	assert_string_equal(wrong(s, &s->first, "trust"), "");
	assert_string_equal(wrong(s, &s->first, "releases"), "release 2.1.0, ");
	assert_string_equal(wrong(s, NULL, "trust"), "");
	assert_string_equal(wrong(s, NULL, "releases"), "release 2.1.0, ");
	assert_string_equal(wrong(s, &s->second, "trust"),
	                    ""); /* whichever of them the auditor keeps: the root keys of the second have signed the first too */
	assert_string_equal(wrong(s, &s->second, "releases"), "release 2.1.0, ");
}

static const char *rests_on(struct scene *s, const struct trust *pinned)
{
	struct audit_result r;
	audit_verify(&s->b, pinned, s->f.arena, &r);
	return r.rests_on;
}

static void test_it_says_what_it_rests_on(void **state)
{
	struct scene *s = *state;
	add_story(s, true);
	assert_string_equal(
	    rests_on(s, &s->first),
	    "trust document version 1 of fleet test, which is yours; versions 1 to 2 are joined to it, each by the root keys' signatures");
	assert_string_equal(
	    rests_on(s, &s->second),
	    "trust document version 2 of fleet test, which is yours; versions 1 to 2 are joined to it, each by the root keys' signatures");
	assert_non_null(
	    strstr(rests_on(s, NULL), "trust document version 1 of fleet test, which came with it: only who gave you the rest vouches for it"));
}

/* The root keys of the second have not signed the first, and whose keys the first names only it says itself: somebody else's would name his. */
static void test_before_a_change_of_the_root_keys_nothing_is_proved(void **state)
{
	struct scene *s = *state;
	trust_fixture_set_role(&s->f, ROLE_ROOT, 2, (const enum fixture_person[]){ERIN, BOB}, 2);
	s->f.trust_signers[0] = ROOT_1, s->f.trust_signers[1] = ROOT_2, s->f.trust_signers[2] = ERIN, s->f.trust_signers[3] = BOB;
	s->f.n_trust_signers = 4;
	add_story(s, true);
	assert_string_equal(wrong(s, &s->first, "trust"), "");
	assert_string_equal(wrong(s, &s->first, "releases"), "release 2.1.0, ");
	assert_string_equal(wrong(s, &s->second, "releases"), "release 1.0.0, release 2.1.0, ");
	assert_non_null(strstr(rests_on(s, &s->second), "what came before version 2 counts for nothing: the root keys have changed since"));
}

/* Without the row both would be in force all the time, and a key that is out could sign whatever it likes. */
static void test_when_the_auditors_own_came_must_be_told(void **state)
{
	struct scene *s = *state;
	add_story(s, false);
	assert_string_equal(wrong(s, &s->second, "releases"), "release 1.0.0, release 2.1.0, ");
	assert_non_null(strstr(rests_on(s, &s->second), "the log does not tell when yours came"));
}

static void test_another_document_of_the_same_version(void **state)
{
	struct scene *s = *state;
	add_story(s, true);
	struct trust other = s->second;
	other.created_at_us++;
	assert_string_equal(wrong(s, &other, "trust"), "trust 2, ");
}

/* Put in the controller's folder by hand, no row says when. */
static void test_a_version_that_was_not_logged(void **state)
{
	struct scene *s = *state;
	add_story(s, false);
	assert_string_equal(wrong(s, &s->first, "releases"), "");
	add_release(s, "3.0.0", ERIN, MALLORY);
	assert_string_equal(wrong(s, &s->first, "releases"), "release 3.0.0, ");
}

/* A thief's own second version: signed by its root keys, which are his. */
static void test_a_version_that_does_not_follow(void **state)
{
	struct scene *s = *state;
	trust_fixture_set_role(&s->f, ROLE_ROOT, 1, (const enum fixture_person[]){ERIN}, 1);
	s->f.trust_signers[0] = ERIN;
	s->f.n_trust_signers = 1;
	add_story(s, true);
	assert_string_equal(wrong(s, &s->first, "trust"), "trust 2, ");
	assert_string_equal(wrong(s, &s->first, "releases"), "release 2.0.0, ");
	assert_string_equal(wrong(s, NULL, "trust"), "trust 2, ");
}

static void test_a_version_that_is_missing(void **state)
{
	struct scene *s = *state;
	const struct trust **list = NULL;
	rotate(s, true);
	s->f.trust.version = 4;
	trust_fixture_build(&s->f);
	bundle_add_document(&s->b, "trust", "4", s->f.trust_bytes);
	assert_int_equal(audit_trusts(&s->b, &s->first, s->f.arena, &list), 2); /* the auditor's own leads no further */
	assert_int_equal(list[0]->version, 2);
	assert_int_equal(list[1]->version, 1);
	assert_int_equal(audit_trusts(&s->b, NULL, s->f.arena, &list), 3);
	assert_int_equal(list[0]->version, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_each_by_the_version_of_its_time),
	    TEST(test_it_says_what_it_rests_on),
	    TEST(test_before_a_change_of_the_root_keys_nothing_is_proved),
	    TEST(test_when_the_auditors_own_came_must_be_told),
	    TEST(test_another_document_of_the_same_version),
	    TEST(test_a_version_that_was_not_logged),
	    TEST(test_a_version_that_does_not_follow),
	    TEST(test_a_version_that_is_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
