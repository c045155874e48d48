/* agent/verify/gate (C12): where the trust document has a role gate, a later wave begins only with that role's signatures over the wave before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/policy/policy.h"
#include "tests/support/verify_scene.h"

/* Target 2 is in wave "rest"; before it stands "canary". */
static void pass(struct scene *s, enum fixture_person a, enum fixture_person b, size_t n, void (*edit)(struct gate_pass *p))
{
	s->f.gate_passes[0] = (struct fixture_gate_pass){a, edit};
	s->f.gate_passes[1] = (struct fixture_gate_pass){b, NULL};
	s->f.n_gate_passes = n;
	build(s);
}

static int begin(void **state)
{
	int rc = setup(state);
	struct scene *s = *state;
	trust_fixture_set_role(&s->f, ROLE_GATE, 1, (const enum fixture_person[]){BOB, ERIN}, 2);
	return rc;
}

static void test_without_the_role_nothing_is_asked(void **state)
{
	struct scene *s = *state;
	struct verified v;
	s->f.trust.n_roles--;
	build(s);
	assert_accepted(s, &v);
	assert_string_equal(v.wave_before, "canary");
	assert_int_equal(v.n_gate_signers, 0);
}

static void test_the_first_wave_waits_for_nobody(void **state)
{
	struct scene *s = *state;
	struct verified v;
	s->f.target_index = 0;
	build(s);
	assert_accepted(s, &v);
	assert_null(v.wave_before);
}

static void test_a_later_wave_waits_for_its_pass(void **state)
{
	struct scene *s = *state;
	struct verified v;
	build(s);
	REFUSED_POLICY(s, "C12 wave-gate",
	               "wave rest of order 00112233445566778899aabbccddeeff begins only when a gate's keys say that wave canary has passed: 0 of 1 "
	               "signatures (gate): signed by nobody of that role; have one of bob, erin sign that");
	pass(s, ERIN, ERIN, 1, NULL);
	assert_accepted(s, &v);
	assert_int_equal(v.n_gate_signers, 1);
	assert_string_equal(v.gate_signers[0], "erin");
}

static void test_thresholds_count_keys(void **state)
{
	struct scene *s = *state;
	trust_fixture_set_role(&s->f, ROLE_GATE, 2, (const enum fixture_person[]){BOB, ERIN}, 2);
	pass(s, ERIN, ERIN, 2, NULL);
	REFUSED_POLICY(s, "C12 wave-gate", "1 of 2 signatures (gate): signed by erin; have one of bob");
	pass(s, ERIN, BOB, 2, NULL);
	assert_accepted(s, NULL);
}

static void test_the_environments_own_role_counts_first(void **state)
{
	struct scene *s = *state;
	trust_fixture_set_role(&s->f, "gate/production", 1, (const enum fixture_person[]){DAVE}, 1);
	pass(s, ERIN, BOB, 2, NULL);
	REFUSED_POLICY(s, "C12 wave-gate", "0 of 1 signatures (gate/production)");
	pass(s, DAVE, DAVE, 1, NULL);
	assert_accepted(s, NULL);
}

static void by_strangers_and_others(struct scene *s, enum fixture_person who)
{
	pass(s, who, who, 1, NULL);
	REFUSED_POLICY(s, "C12 wave-gate", "signed by nobody of that role");
}

static void test_other_roles_do_not_count(void **state)
{
	struct scene *s = *state;
	static const enum fixture_person others[] = {MALLORY, ROOT_1, ALICE, CAROL};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		by_strangers_and_others(s, others[i]);
}

static void other_order(struct gate_pass *p)
{
	p->order_digest[0] ^= 1;
}
static void other_release(struct gate_pass *p)
{
	p->release_digest[0] ^= 1;
}
static void other_wave_of_that_number(struct gate_pass *p)
{
	p->wave_name = "rest";
}
static void own_wave(struct gate_pass *p)
{
	p->wave = 1, p->wave_name = "rest", p->target_count = p->done = 4;
}
static void other_count(struct gate_pass *p)
{
	p->target_count = p->done = 2;
}
static void ended(struct gate_pass *p)
{
	p->expires_at_us = p->created_at_us + 1;
}
static void soaks(struct gate_pass *p)
{
	p->soak_until_us = p->created_at_us = p->created_at_us + FIXTURE_HOUR;
}
static void of_tomorrow(struct gate_pass *p)
{
	p->created_at_us += 2 * FIXTURE_HOUR;
}

static void test_passes_that_do_not_fit(void **state)
{
	struct scene *s = *state;
	static const struct {
		void (*edit)(struct gate_pass *p);
		const char *part;
	} rows[] = {
	    {other_order, "not counted: bob's (is of another order)"},
	    {other_release, "not counted: bob's (is of another release)"},
	    {other_wave_of_that_number, "not counted: bob's (is of another wave)"},
	    {own_wave, "have one of bob, erin sign that: "},
	    {other_count, "not counted: bob's (counts another number of targets than the wave has)"},
	    {ended, "not counted: bob's (expired)"},
	    {soaks, "not counted: bob's (the wave's soak is not over)"},
	    {of_tomorrow, "not counted: bob's (was made in the future)"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		pass(s, BOB, BOB, 1, rows[i].edit);
		REFUSED_POLICY(s, "C12 wave-gate", rows[i].part);
	}
}

static void test_what_has_begun_is_finished(void **state)
{
	struct scene *s = *state;
	pass(s, BOB, BOB, 1, ended);
	s->facts.begun = true;
	assert_accepted(s, NULL);
	pass(s, BOB, BOB, 1, other_order);
	s->facts.begun = true;
	REFUSED_POLICY(s, "C12 wave-gate", "is of another order");
}

static void test_a_revoked_key_does_not_count(void **state)
{
	struct scene *s = *state;
	const char *gone[] = {s->f.key_ids[BOB]};
	struct freshness fresh = {.fleet = "test", .version = 1, .trust_version = 1, .revoked_keys = gone, .n_revoked_keys = 1};
	fresh.issued_at_us = s->f.now_us;
	fresh.expires_at_us = s->f.now_us + FIXTURE_HOUR;
	s->f.release_signers[1] = CI;
	pass(s, BOB, BOB, 1, NULL);
	assert_accepted(s, NULL);
	s->facts.freshness = &fresh;
	REFUSED_POLICY(s, "C12 wave-gate", "have one of erin");
}

/* on_failure takes back what this order did; nobody is asked for that. */
static void test_the_orders_own_rollback_waits_for_nobody(void **state)
{
	struct scene *s = *state;
	s->f.order.waves[1].on_failure = ON_FAILURE_ROLLBACK_TARGET;
	build(s);
	s->facts.direction = DIRECTION_ROLLBACK;
	assert_accepted(s, NULL);
	s->f.order.direction = DIRECTION_ROLLBACK; /* an order to roll back has gates like any other */
	build(s);
	REFUSED_POLICY(s, "C12 wave-gate", "0 of 1 signatures");
}

static void test_waves_without_targets_have_no_gate(void **state)
{
	struct scene *s = *state;
	struct order o = {.waves = (struct wave[]){{.target_count = 0}, {.target_count = 2}, {.target_count = 0}, {.target_count = 1}}, .n_waves = 4};
	uint32_t before = 99;
	(void)s;
	assert_false(order_wave_before(&o, 0, &before));
	assert_false(order_wave_before(&o, 1, &before));
	assert_false(order_wave_before(&o, 4, &before));
	assert_true(order_wave_before(&o, 3, &before));
	assert_int_equal(before, 1);
}

static void test_a_site_may_insist(void **state)
{
	struct scene *s = *state;
	struct policy p = {.wave_gate_signed = true};
	struct verified v;
	struct err e = ERR_INIT;
	pass(s, BOB, BOB, 1, NULL);
	assert_accepted(s, &v);
	assert_int_equal(policy_check_order(&p, &v, &e), CHECK_NONE);
	s->f.trust.n_roles--;
	build(s);
	assert_accepted(s, &v);
	assert_int_equal(policy_check_order(&p, &v, &e), C12_WAVE_GATE);
	assert_non_null(strstr(e.msg, "this site asks for a gate's signature that wave canary"));
	p.wave_gate_signed = false;
	assert_int_equal(policy_check_order(&p, &v, &e), CHECK_NONE);
	p.wave_gate_signed = true;
	s->f.target_index = 0;
	build(s);
	assert_accepted(s, &v);
	assert_int_equal(policy_check_order(&p, &v, &e), CHECK_NONE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_without_the_role_nothing_is_asked),
	    T(test_the_first_wave_waits_for_nobody),
	    T(test_a_later_wave_waits_for_its_pass),
	    T(test_thresholds_count_keys),
	    T(test_the_environments_own_role_counts_first),
	    T(test_other_roles_do_not_count),
	    T(test_passes_that_do_not_fit),
	    T(test_what_has_begun_is_finished),
	    T(test_a_revoked_key_does_not_count),
	    T(test_the_orders_own_rollback_waits_for_nobody),
	    T(test_waves_without_targets_have_no_gate),
	    T(test_a_site_may_insist),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
