/* agent/verify, C9: whose approvals count, for exactly this order, and how many are needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/support/verify_scene.h"

static void test_one_approval_short(void **state)
{
	struct scene *s = *state;
	s->f.n_approvals = 1;
	build(s);
	REFUSED_SIGNATURE(s, "C9 approvals", "approvals: 1 of 2 signatures (approver/production): signed by carol; have one of dave, alice approve it");
}

static void test_same_approver_twice(void **state)
{
	struct scene *s = *state;
	s->f.approvals[1].by = CAROL;
	build(s);
	REFUSED_SIGNATURE(s, "C9 approvals", "1 of 2 signatures");
}

static void test_author_cannot_approve(void **state)
{
	struct scene *s = *state;
	s->f.approvals[1].by = ALICE;
	build(s);
	REFUSED_SIGNATURE(s, "C9 approvals", "not counted: alice (the key signed the release itself)");
}

static void test_approval_by_unknown_key(void **state)
{
	struct scene *s = *state;
	s->f.approvals[1].by = MALLORY;
	build(s);
	REFUSED_SIGNATURE(s, "C9 approvals", "not counted: one (by no key of the role)");
}

static void edit_order(struct approval *p)
{
	p->order_digest[0] ^= 1;
}
static void edit_release(struct approval *p)
{
	p->release_digest[31] ^= 1;
}
static void edit_environment(struct approval *p)
{
	p->environment = "dev";
}
static void edit_expiry(struct approval *p)
{
	p->expires_at_us = p->created_at_us + 1;
}
static void edit_count(struct approval *p)
{
	p->target_count = 4;
}

static void test_approvals_of_something_else(void **state)
{
	static const struct {
		void (*edit)(struct approval *p);
		const char *why;
	} cases[] = {
	    {edit_order, "not counted: dave (approves another order)"},
	    {edit_release, "not counted: dave (approves another release)"},
	    {edit_environment, "not counted: dave (approves another environment)"},
	    {edit_expiry, "not counted: dave (expired)"},
	    {edit_count, "not counted: dave (approves 4 targets, the order has 5)"},
	};
	struct scene *s = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		s->f.approvals[1].edit = cases[i].edit;
		build(s);
		REFUSED_SIGNATURE(s, "C9 approvals", cases[i].why);
	}
}

/* A misfit beside enough good ones does no harm: otherwise one stray file would block a rollout. */
static void test_extra_misfit_is_ignored(void **state)
{
	struct scene *s = *state;
	s->f.approvals[2] = (struct fixture_approval){.by = MALLORY, .edit = edit_order};
	s->f.n_approvals = 3;
	build(s);
	assert_accepted(s, NULL);
}

static void test_release_shown_as_approval(void **state)
{
	struct scene *s = *state;
	build(s);
	struct bytes approvals[] = {s->f.release_bytes, s->f.release_bytes};
	const struct dossier d = {.order = s->f.order_bytes, .approvals = approvals, .n_approvals = 2};
	struct buf b = BUF_INIT;
	dossier_encode(&d, &b);
	s->facts.dossier = buf_bytes(&b);
	REFUSED_SIGNATURE(s, "C9 approvals", "not counted: one (not an approval), one (not an approval)");
	buf_done(&b);
}

static void test_environment_without_role(void **state)
{
	struct scene *s = *state;
	trust_fixture_role(&s->f, "approver/production")->name = "approver/elsewhere";
	build(s);
	REFUSED_SIGNATURE(s, "C9 approvals", "the trust document has no role 'approver/production'");
}

static void test_threshold_zero_needs_no_approval(void **state)
{
	struct scene *s = *state;
	s->f.order.environment = "dev";
	s->f.n_approvals = 0;
	build(s);
	s->facts.environment = "dev";
	struct verified v;
	assert_accepted(s, &v);
	assert_int_equal(v.n_approvers, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_one_approval_short),        T(test_same_approver_twice),         T(test_author_cannot_approve),
	    T(test_approval_by_unknown_key),   T(test_approvals_of_something_else), T(test_extra_misfit_is_ignored),
	    T(test_release_shown_as_approval), T(test_environment_without_role),    T(test_threshold_zero_needs_no_approval),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
