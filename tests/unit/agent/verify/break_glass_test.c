/* agent/verify/break_glass: an emergency needs two keys of the safe and one of the site, over exactly these targets, for a few hours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/verify_scene.h"

static const char *all[FIXTURE_TARGETS] = {"eu/pg-1/shop_1", "eu/pg-1/shop_2", "eu/pg-1/shop_3", "eu/pg-1/shop_4", "eu/pg-1/shop_5"};

static void emergency(struct approval *p)
{
	p->break_glass = all, p->n_break_glass = FIXTURE_TARGETS;
	p->expires_at_us = p->created_at_us + BREAK_GLASS_US_MAX;
}

static void approve(struct scene *s, enum fixture_person a, enum fixture_person b, enum fixture_person c, size_t n)
{
	const enum fixture_person by[] = {a, b, c};
	s->f.n_approvals = n;
	for (size_t i = 0; i < n; i++)
		s->f.approvals[i] = (struct fixture_approval){by[i], emergency};
	build(s);
}

/* The safe: root-1, root-2, root-3, two of them. The site eu: erin. */
static int begin(void **state)
{
	int rc = setup(state);
	struct scene *s = *state;
	trust_fixture_set_role(&s->f, ROLE_BREAK_GLASS, 2, (const enum fixture_person[]){ROOT_1, ROOT_2, ROOT_3}, 3);
	trust_fixture_set_role(&s->f, "site/eu", 1, (const enum fixture_person[]){ERIN}, 1);
	trust_fixture_set_role(&s->f, "site/us", 1, (const enum fixture_person[]){DAVE}, 1);
	return rc;
}

static void test_two_of_the_safe_and_the_site(void **state)
{
	struct scene *s = *state;
	struct verified v;
	approve(s, ROOT_1, ROOT_3, ERIN, 3);
	assert_accepted(s, &v);
	assert_non_null(v.break_glass);
	assert_int_equal(v.n_approvers, 3);
	s->f.n_approvals = 2;
	s->f.approvals[0] = (struct fixture_approval){CAROL, NULL};
	s->f.approvals[1] = (struct fixture_approval){DAVE, NULL};
	build(s);
	assert_accepted(s, &v);
	assert_null(v.break_glass);
}

static void test_who_is_not_enough(void **state)
{
	struct scene *s = *state;
	static const struct {
		enum fixture_person by[3];
		size_t n;
	} rows[] = {{{ROOT_1, ROOT_2}, 2},         {{ROOT_1, ERIN}, 2}, {{ROOT_1, ROOT_1, ERIN}, 3}, {{ROOT_1, ROOT_2, DAVE}, 3},
	            {{ROOT_1, ROOT_2, ROOT_3}, 3}, {{ERIN}, 1},         {{CAROL, DAVE}, 2}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		approve(s, rows[i].by[0], rows[i].by[1], rows[i].by[2], rows[i].n);
		REFUSED_SIGNATURE(s, "C9 approvals", "of 2 signatures (approver/production)");
	}
	/* A key of the safe that is also the site's is one key. */
	trust_fixture_set_role(&s->f, "site/eu", 1, (const enum fixture_person[]){ROOT_2}, 1);
	approve(s, ROOT_1, ROOT_2, ROOT_2, 2);
	REFUSED_SIGNATURE(s, "C9 approvals", "of 2 signatures (approver/production)");
	approve(s, ROOT_1, ROOT_2, ROOT_3, 3);
	assert_accepted(s, NULL);
}

static const char *some[] = {"eu/pg-1/shop_1", "eu/pg-1/shop_2"};

static void over_others(struct approval *p)
{
	emergency(p);
	p->break_glass = some, p->n_break_glass = p->target_count = 2;
}

static void over_ones_own(struct approval *p)
{
	static const char *own[] = {"eu/pg-1/shop_3"};
	emergency(p);
	p->break_glass = own, p->n_break_glass = p->target_count = 1;
}

static void of_another_order(struct approval *p)
{
	emergency(p);
	p->order_digest[0] ^= 1;
}

static void of_yesterday(struct approval *p)
{
	emergency(p);
	p->created_at_us -= BREAK_GLASS_US_MAX;
	p->expires_at_us -= BREAK_GLASS_US_MAX;
}

static void of_tomorrow(struct approval *p)
{
	emergency(p);
	p->created_at_us += 2 * FIXTURE_HOUR;
}

static void without_targets(struct approval *p)
{
	p->expires_at_us = p->created_at_us + BREAK_GLASS_US_MAX;
}

static void test_what_is_not_enough(void **state)
{
	struct scene *s = *state;
	void (*const edits[])(struct approval * p) = {over_others, of_another_order, of_yesterday, of_tomorrow, without_targets};
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		approve(s, ROOT_1, ROOT_2, ERIN, 3);
		s->f.approvals[1].edit = edits[i];
		build(s);
		REFUSED_SIGNATURE(s, "C9 approvals", "of 2 signatures (approver/production)");
	}
	approve(s, ROOT_1, ROOT_2, ERIN, 3); /* this target is named, but the order has more */
	for (size_t i = 0; i < 3; i++)
		s->f.approvals[i].edit = over_ones_own;
	build(s);
	REFUSED_SIGNATURE(s, "C9 approvals", "the emergency was declared over another number of targets than the order has");
}

/* The release must still be signed by those who sign releases, and nothing else is waived. */
static void test_only_the_approvers_are_stood_in_for(void **state)
{
	struct scene *s = *state;
	s->f.n_release_signers = 1;
	approve(s, ROOT_1, ROOT_2, ERIN, 3);
	REFUSED_SIGNATURE(s, "C6 release-signatures", "1 of 2 signatures");
	s->f.n_release_signers = 2;
	approve(s, ROOT_1, ROOT_2, ERIN, 3);
	s->facts.proof.index = 4;
	REFUSED_POLICY(s, "C10 target", "is not in the frozen list");
}

static void test_without_the_roles_there_is_no_emergency(void **state)
{
	struct scene *s = *state;
	s->f.trust.n_roles -= 3;
	approve(s, ROOT_1, ROOT_2, ERIN, 3);
	REFUSED_SIGNATURE(s, "C9 approvals", "of 2 signatures (approver/production)");
}

/* What could not be an emergency's approval is refused by whoever reads it. */
static void test_four_hours_and_every_target(void **state)
{
	struct scene *s = *state;
	struct approval p = {.environment = "production", .approver = "erin", .target_count = FIXTURE_TARGETS, .created_at_us = 1}, back;
	struct err e = ERR_INIT;
	emergency(&p);
	for (int i = 0; i < 3; i++) {
		struct buf b = BUF_INIT;
		p.expires_at_us += i == 1;
		p.target_count = i == 2 ? FIXTURE_TARGETS + 1 : FIXTURE_TARGETS;
		approval_encode(&p, &b);
		assert_int_equal(approval_decode(buf_bytes(&b), s->f.arena, &back, &e), i ? -1 : 0);
		buf_done(&b);
	}
}

/* What the trust document allows, the site may narrow; what it does not, the site cannot allow. */
static void test_the_site_counts_fewer(void **state)
{
	struct scene *s = *state;
	struct verified v;
	const char *root_1 = s->f.key_ids[ROOT_1];
	const char *named[] = {root_1, "root-3"}, *two[] = {"root-2", "root-3"}, *other[] = {"dave"}, *strangers[] = {"mallory", "carol"};
	const struct {
		struct break_glass_rule rule;
		bool holds;
	} rows[] = {
	    {{0}, true},
	    {{.nobody = true}, false},
	    {{.keys = named, .n_keys = 2}, true},
	    {{.keys = named, .n_keys = 2, .minimum = 2}, true},
	    {{.keys = two, .n_keys = 2}, false},
	    {{.keys = strangers, .n_keys = 2}, false},
	    {{.minimum = 2}, true},
	    {{.minimum = 3}, false},
	    {{.site_keys = other, .n_site_keys = 1}, false},
	};
	approve(s, ROOT_1, ROOT_3, ERIN, 3);
	assert_accepted(s, &v);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (break_glass_holds(v.break_glass, &rows[i].rule) != rows[i].holds)
			fail_msg("row %zu", i);
	assert_int_equal(break_glass_least(v.break_glass, &(struct break_glass_rule){.minimum = 1}),
	                 2); /* never fewer than the trust document asks for */
	const struct break_glass *everybody = break_glass_all(&s->f.trust, "eu", s->f.arena);
	assert_int_equal(everybody->n_votes, 4);
	assert_true(break_glass_holds(everybody, &rows[4].rule));
	assert_false(break_glass_holds(everybody, &rows[8].rule));
}

/* Of two keys that the site names one is its own too: it is not counted twice. */
static void test_one_key_is_never_two(void **state)
{
	struct scene *s = *state;
	struct verified v;
	const char *two[] = {"root-1", "root-2"};
	trust_fixture_set_role(&s->f, "site/eu", 1, (const enum fixture_person[]){ROOT_2}, 1);
	approve(s, ROOT_1, ROOT_2, ROOT_3, 3);
	assert_accepted(s, &v);
	assert_false(break_glass_holds(v.break_glass, &(struct break_glass_rule){.keys = two, .n_keys = 2}));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_two_of_the_safe_and_the_site),
	    T(test_who_is_not_enough),
	    T(test_what_is_not_enough),
	    T(test_the_site_counts_fewer),
	    T(test_one_key_is_never_two),
	    T(test_only_the_approvers_are_stood_in_for),
	    T(test_without_the_roles_there_is_no_emergency),
	    T(test_four_hours_and_every_target),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
