/* agent/verify: approver roles that are limited to targets with certain labels. The labels are the site's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/crypto/trust.h"
#include "tests/support/verify_scene.h"

static struct label eu[] = {{"region", "eu"}, {"tier", "gold"}}, us[] = {{"region", "us"}};

static void scope(struct scene *s, const char *role, const char *selector)
{
	struct trust_role *r = trust_fixture_role(&s->f, role);
	const char **scopes = arena_alloc(s->f.arena, (r->n_scopes + 1) * sizeof *scopes);
	for (size_t i = 0; i < r->n_scopes; i++)
		scopes[i] = r->scopes[i];
	scopes[r->n_scopes++] = selector;
	r->scopes = scopes;
}

static void label(struct scene *s, const struct label *labels, size_t n)
{
	s->facts.labels = labels;
	s->facts.n_labels = n;
}

static void test_a_scoped_role_counts_only_for_its_targets(void **state)
{
	struct scene *s = *state;
	scope(s, "approver/production", "region=eu");
	build(s);
	label(s, eu, 2);
	assert_accepted(s, NULL);
	label(s, us, 1);
	REFUSED_SIGNATURE(s, "C9 approvals", "no approver role of environment production covers target eu/pg-1/shop_3 with the labels");
	label(s, NULL, 0);
	REFUSED_SIGNATURE(s, "C9 approvals", "no approver role of environment production covers");
	scope(s, "approver/production", "region in (us,ap)"); /* one that holds is enough */
	build(s);
	label(s, us, 1);
	assert_accepted(s, NULL);
}

/* A regulated tenant: the fleet's two approvers, and one of its own. */
static void test_every_role_that_covers_a_target_must_approve(void **state)
{
	struct scene *s = *state;
	trust_fixture_set_role(&s->f, "approver/production/gold", 1, (const enum fixture_person[]){ERIN}, 1);
	scope(s, "approver/production/gold", "tier=gold");
	build(s);
	label(s, us, 1);
	assert_accepted(s, NULL); /* carol and dave */
	label(s, eu, 2);
	REFUSED_SIGNATURE(s, "C9 approvals",
	                  "approvals: 0 of 1 signatures (approver/production/gold): signed by nobody of that role; have one of erin approve it");
	s->f.approvals[2].by = ERIN;
	s->f.n_approvals = 3;
	build(s);
	label(s, eu, 2);
	struct verified v;
	assert_accepted(s, &v);
	assert_int_equal(v.n_approvers, 3);
	s->f.approvals[1].by = ERIN; /* one of each is not two of the first */
	s->f.n_approvals = 2;
	build(s);
	label(s, eu, 2);
	REFUSED_SIGNATURE(s, "C9 approvals", "1 of 2 signatures (approver/production): signed by carol");
}

static void test_a_key_of_two_roles_counts_in_both(void **state)
{
	struct scene *s = *state;
	trust_fixture_set_role(&s->f, "approver/production/gold", 1, (const enum fixture_person[]){CAROL}, 1);
	build(s);
	struct verified v;
	assert_accepted(s, &v);
	assert_int_equal(v.n_approvers, 2);
}

static void test_another_environments_role_is_none_of_this(void **state)
{
	struct scene *s = *state;
	trust_fixture_set_role(&s->f, "approver/production-2", 1, (const enum fixture_person[]){ERIN}, 1);
	trust_fixture_set_role(&s->f, "approver/dev/gold", 1, (const enum fixture_person[]){ERIN}, 1);
	build(s);
	assert_accepted(s, NULL);
}

static void test_shape(void **state)
{
	struct scene *s = *state;
	struct err e = ERR_INIT;
	static const char *const bad[] = {"approver/", "approver/production/", "approver//x", "approver/production/gold/x", "approver/Production"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		s->f.trust.roles[2].name = bad[i];
		assert_int_equal(trust_check_shape(&s->f.trust, &e), -1);
		assert_non_null(strstr(e.msg, "is unknown"));
	}
	s->f.trust.roles[2].name = "approver/production/gold";
	assert_int_equal(trust_check_shape(&s->f.trust, &e), 0);
	scope(s, "approver/production/gold", "region=");
	scope(s, "approver/production/gold", "region in (");
	assert_int_equal(trust_check_shape(&s->f.trust, &e), -1);
	assert_non_null(strstr(e.msg, "is no selector: write it as region=eu"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_a_scoped_role_counts_only_for_its_targets),
	    T(test_every_role_that_covers_a_target_must_approve),
	    T(test_a_key_of_two_roles_counts_in_both),
	    T(test_another_environments_role_is_none_of_this),
	    T(test_shape),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
