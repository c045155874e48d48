/* agent/verify: what an agent believes against what it is offered: stale trust, frozen in the past, a clock set back, revoked keys, withdrawn releases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/verify_scene.h"

static void test_stale_trust(void **state)
{
	struct scene *s = *state;
	const struct freshness d = {.version = 3, .trust_version = 2, .expires_at_us = s->f.now_us + FIXTURE_HOUR};
	build(s);
	s->facts.freshness = &d;
	REFUSED_POLICY(s, "C3 trust", "there is a trust document version 2, and only version 1 has come here");
}

/* ATK-12: who can only withhold cannot have anything new begun. */
static void test_frozen(void **state)
{
	struct scene *s = *state;
	const struct freshness d = {
	    .version = 3, .trust_version = 1, .issued_at_us = s->f.now_us - FIXTURE_HOUR / 2, .expires_at_us = s->f.now_us + FIXTURE_HOUR / 2};
	trust_fixture_set_role(&s->f, ROLE_FRESH, 1, (const enum fixture_person[]){CI}, 1);
	build(s);
	REFUSED_POLICY(s, "C4 freshness", "no freshness document has come here");
	s->facts.freshness = &d;
	assert_accepted(s, NULL);
	s->facts.fresh_max_age_us = FIXTURE_HOUR / 4;
	REFUSED_POLICY(s, "C4 freshness", "is 30 min old, and 15 min are allowed");
	s->facts.fresh_max_age_us = 0;
	s->facts.now_us += FIXTURE_HOUR / 2;
	REFUSED_POLICY(s, "C4 freshness", "(version 3) expired at");
	s->facts.begun = true; /* what has begun is finished */
	assert_accepted(s, NULL);
	s->facts.begun = false;
	s->facts.now_us = s->f.now_us;
	s->facts.attested_us = d.expires_at_us; /* the clock is behind, but within the skew... */
	s->facts.now_us = s->facts.attested_us - 1000000;
	REFUSED_POLICY(s, "C4 freshness", "(version 3) expired at"); /* ... and the signed time is what counts */
}

/* ATK-22 */
static void test_clock_set_back(void **state)
{
	struct scene *s = *state;
	build(s);
	s->facts.attested_us = s->f.now_us + FIXTURE_HOUR;
	REFUSED_POLICY(s, "C5 clock", "the clock was set back");
	s->facts.attested_us = s->f.now_us + FIXTURE_HOUR / 10;
	assert_accepted(s, NULL);
}

static void test_withdrawn_release(void **state)
{
	struct scene *s = *state;
	struct release_floor floor = {"shop", 8};
	build(s);
	struct freshness d = {.version = 3, .trust_version = 1, .withdrawn = &s->f.release.digest, .n_withdrawn = 1};
	s->facts.freshness = &d;
	REFUSED_POLICY(s, "C7 release", "release shop 1.2.0 was withdrawn: freshness document version 3 says so");
	d = (struct freshness){.version = 4, .trust_version = 1, .floors = &floor, .n_floors = 1};
	REFUSED_POLICY(s, "C7 release", "release shop 1.2.0 was withdrawn");
	floor.sequence = 7;
	assert_accepted(s, NULL);
	floor.sequence = 8;
	s->f.order.direction = DIRECTION_ROLLBACK;
	build(s);
	s->facts.freshness = &d;
	assert_accepted(s, NULL); /* what it has done may be taken back */
}

/* ATK-18: one stolen key reaches no threshold; revoked, it does not even count as one of them. */
static void test_revoked_keys_do_not_count(void **state)
{
	struct scene *s = *state;
	const char *keys[1];
	struct freshness d = {.version = 3, .trust_version = 1, .revoked_keys = keys, .n_revoked_keys = 1};
	build(s);
	s->facts.freshness = &d;
	keys[0] = s->f.key_ids[ALICE];
	REFUSED_SIGNATURE(s, "C6 release-signatures", "release: 1 of 2 signatures (release): signed by bob; have one of ci sign it");
	keys[0] = s->f.key_ids[DAVE];
	REFUSED_SIGNATURE(s, "C9 approvals", "approvals: 1 of 2 signatures (approver/production): signed by carol; have one of alice approve it");
	keys[0] = s->f.key_ids[CI];
	assert_accepted(s, NULL);
}

static void test_newest_signed_time_comes_out(void **state)
{
	struct scene *s = *state;
	struct verified v;
	s->f.order.created_at_us = s->f.now_us - 5;
	build(s);
	assert_accepted(s, &v);
	assert_int_equal(v.signed_us, s->f.now_us - 5);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_stale_trust),
	    T(test_frozen),
	    T(test_clock_set_back),
	    T(test_withdrawn_release),
	    T(test_revoked_keys_do_not_count),
	    T(test_newest_signed_time_comes_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
