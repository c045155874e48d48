/* agent/policy: the document as text, who vouches for it, and C2 as a function of facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/policy/policy.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/support/agent_fixture.h"

#define TARGET "eu/pg1/shop"

struct world {
	struct trust_fixture f;
	char dir[64];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	trust_fixture_init(&w->f);
	trust_fixture_set_role(&w->f, ROLE_SITE, 1, (const enum fixture_person[]){DAVE}, 1);
	trust_fixture_build(&w->f);
	snprintf(w->dir, sizeof w->dir, "/tmp/policy_test.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char path[128];
	snprintf(path, sizeof path, "%s/p", w->dir);
	unlink(path);
	rmdir(w->dir);
	trust_fixture_done(&w->f);
	free(w);
	return 0;
}

static struct policy parse(struct world *w, const char *text)
{
	struct policy p;
	struct err e = ERR_INIT;
	if (policy_parse("p.yaml", bytes_of_str(text), w->f.arena, &p, &e) != 0)
		fail_msg("%s", e.msg);
	return p;
}

/* ---- the document ---- */

static void test_document(void **state)
{
	struct policy p =
	    parse(*state, "site: eu\nversion: 3\nzone: Europe/Berlin\n"
	                  "windows:\n  - {days: mon-fri, from: \"22:00\", to: \"04:00\"}\n  - {days: sun, from: \"00:00\", to: \"24:00\", zone: UTC, "
	                  "targets: [\"eu/pg1/*\"]}\n"
	                  "blackouts:\n  - {from: 2026-12-20, to: 2027-01-02, reason: year end}\n  - {from: 2027-03-01}\n"
	                  "consent: [\"eu/pg1/bank\"]\nstatements: {deny: [DROP TABLE], deny_classes: [X, B]}\n"
	                  "minimum_approvals: 2\nwave_gate: signed\ndrift: refuse\nlongest_lock: 3s\nlongest_statement: 10m\n");
	assert_string_equal(p.site, "eu");
	assert_int_equal(p.version, 3);
	assert_int_equal(p.calendar.n_windows, 2);
	assert_string_equal(zone_name(p.calendar.windows[0].zone), "Europe/Berlin");
	assert_string_equal(zone_name(p.calendar.windows[1].zone), "UTC");
	assert_int_equal(p.calendar.n_blackouts, 2);
	assert_int_equal(p.calendar.blackouts[1].first_day, p.calendar.blackouts[1].last_day);
	assert_true(policy_wants_consent(&p, "eu/pg1/bank"));
	assert_false(policy_wants_consent(&p, TARGET));
	assert_true(p.deny_class[STEP_X] && p.deny_class[STEP_B] && !p.deny_class[STEP_T]);
	assert_true(p.wave_gate_signed);
	assert_true(p.refuse_drift);
	assert_int_equal(p.longest_lock_ms, 3000);
	assert_int_equal(p.longest_statement_ms, 600000);
}

static void test_document_mistakes(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"version: 1\n", "site"},
	    {"site: eu\nversion: 1\nwindow: []\n", "p.yaml:3: "},
	    {"site: eu\nversion: 1\nzone: Europe/Atlantis\n", "p.yaml:3: time zone 'Europe/Atlantis'"},
	    {"site: eu\nversion: 1\nwindows:\n  - {days: mon, from: \"22:00\", to: \"04:00\"}\n  - {days: man, from: \"22:00\", to: \"04:00\"}\n",
	     "p.yaml:5: days 'man'"},
	    {"site: eu\nversion: 1\nwindows:\n  - {days: mon, from: \"22:00\", to: \"22:00\"}\n",
	     "p.yaml:4: window mon 22:00 to 22:00: it is never open"},
	    {"site: eu\nversion: 1\nblackouts:\n  - {from: 2027-01-02, to: 2027-01-01}\n", "p.yaml:3: blackout 2027-01-02 to 2027-01-01: it ends before"},
	    {"site: eu\nversion: 1\nstatements: {deny_classes: [Z]}\n", "p.yaml:3: class 'Z'"},
	    {"site: eu\nversion: 1\nwave_gate: yes\n", "p.yaml:3: wave_gate 'yes': write signed"},
	    {"site: eu\nversion: 1\ndrift: no\n", "p.yaml:3: drift 'no': write refuse or report"},
	    {"site: eu\nversion: 1\nlongest_lock: 3\n", "p.yaml:3: "},
	    {"site: eu\nversion: 1\nlongest_lock: 1ms\n", "p.yaml:3: longest_lock '1ms': outside"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy p = {.version = 77};
		struct err e = ERR_INIT;
		assert_int_equal(policy_parse("p.yaml", bytes_of_str(cases[i].text), w->f.arena, &p, &e), -1);
		if (!strstr(e.msg, cases[i].message))
			fail_msg("case %zu: %s", i, e.msg);
		assert_int_equal(p.version, 77);
	}
}

static int load(struct world *w, struct bytes data, mode_t mode, struct policy *ret, struct err *e)
{
	char path[128];
	snprintf(path, sizeof path, "%s/p", w->dir);
	unlink(path);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data.p, 1, data.n, f), data.n);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	return policy_load(path, &w->f.trust, "eu", w->f.arena, ret, e);
}

static void test_who_vouches(void **state)
{
	struct world *w = *state;
	struct bytes text = bytes_of_str("site: eu\nversion: 1\n"), other = bytes_of_str("site: us\nversion: 1\n");
	const struct {
		struct bytes data;
		const char *message; /* NULL: taken */
	} cases[] = {
	    {trust_fixture_sign(&w->f, TYPE_SITE_POLICY, text, DAVE), NULL},
	    {trust_fixture_sign(&w->f, TYPE_SITE_POLICY, text, CAROL), "1 signatures (site)"},
	    {trust_fixture_sign(&w->f, TYPE_APPROVAL, text, DAVE), "site-policy"},
	    {trust_fixture_sign(&w->f, TYPE_SITE_POLICY, other, DAVE), "it is the policy of site us"},
	    {text, "the agent's own user could change it"}, /* ours, or root's while we are root */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy p = {.version = 77};
		struct err e = ERR_INIT;
		int rc = load(w, cases[i].data, 0644, &p, &e);
		if ((rc == 0) != !cases[i].message || (rc != 0 && !strstr(e.msg, cases[i].message)))
			fail_msg("case %zu: %s", i, e.msg);
		if (rc == 0)
			assert_string_equal(p.source, "signed by dave");
	}
}

/* ---- C2 ---- */

static int64_t at(const char *text)
{
	int64_t us = 0;
	struct err e = ERR_INIT;
	assert_int_equal(clock_parse(text, &us, &e), 0);
	return us;
}

static void expect(const struct policy_facts *f, const char *code, const char *until, const char *words)
{
	struct policy_verdict v;
	char text[CLOCK_TEXT_SIZE];
	policy_decide(f, &v);
	if (!str_eq(policy_answer_code(v.answer), code) || !str_eq(clock_text(v.until_us, text), until) || !strstr(v.reason, words))
		fail_msg("%s until %s: %s", policy_answer_code(v.answer), text, v.reason);
}

static void test_holds(void **state)
{
	(void)state;
	int64_t now = at("2026-11-26T10:00:00Z"), later = at("2026-11-26T12:00:00Z");
	struct site_hold holds[] = {
	    {.target = "eu/pg1/other", .reason = "x", .by = "ann", .until_us = 0},
	    {.target = TARGET, .reason = "closing", .by = "ann", .until_us = later},
	    {.target = HOLD_ALL, .reason = "", .by = "bob", .until_us = 0},
	};
	struct policy_facts f = {.holds = holds, .target = TARGET, .now_us = now};
	expect(&f, "", "-", "");
	f.n_holds = 1; /* another target's */
	expect(&f, "", "-", "");
	f.n_holds = 2;
	expect(&f, "hold", "2026-11-26T12:00:00Z", "held by the site (ann) until 2026-11-26T12:00:00Z: closing");
	f.now_us = later; /* over by itself */
	expect(&f, "", "-", "");
	f.now_us = now;
	f.n_holds = 3; /* the one without an end is the one that counts */
	expect(&f, "hold", "-", "held by the site (bob)");
}

static void test_order_of_reasons(void **state)
{
	struct policy p = parse(*state, "site: eu\nversion: 1\nwindows:\n  - {days: sun, from: \"03:00\", to: \"04:00\"}\nconsent: [\"*\"]\n");
	struct site_hold hold = {.target = HOLD_ALL, .reason = "", .by = "ann"};
	struct policy_facts f = {.policy = &p, .target = TARGET, .now_us = at("2026-11-26T10:00:00Z")};
	expect(&f, "window", "2026-11-29T03:00:00Z", "maintenance window is closed; it opens at 2026-11-29T03:00:00Z");
	f.consented = true;
	expect(&f, "window", "2026-11-29T03:00:00Z", "");
	f.now_us = at("2026-11-29T03:30:00Z");
	expect(&f, "", "-", "");
	f.consented = false;
	expect(&f, "consent", "-", "rollcall-agent consent " TARGET);
	f.unreadable = "p.env:1: no";
	f.policy = NULL;
	expect(&f, "policy-unreadable", "-", "p.env:1: no");
	f.holds = &hold;
	f.n_holds = 1;
	expect(&f, "hold", "-", "");
}

static void test_blackout_says_why(void **state)
{
	struct policy p = parse(*state, "site: eu\nversion: 1\nblackouts:\n  - {from: 2026-12-20, to: 2027-01-02, reason: year end}\n");
	struct policy_facts f = {.policy = &p, .target = TARGET, .now_us = at("2026-12-24T10:00:00Z")};
	expect(&f, "window", "2027-01-03T00:00:00Z", "the site's blackout: year end; it opens at 2027-01-03T00:00:00Z");
}

/* ---- what a release holds ---- */

static void check(struct world *w, const char *rules, enum direction d, const char *message)
{
	struct policy p = parse(w, rules);
	struct verified v = {.release = w->f.release, .order = w->f.order, .direction = d, .n_approvers = 2};
	const char *got = NULL;
	struct err e = ERR_INIT;
	int rc = policy_check_release(&p, &v, "postgresql", &got, &e);
	if ((rc == 0) != !message || (message && !strstr(e.msg, message)))
		fail_msg("%s: %s", rules, e.msg);
	if (message) {
		assert_string_equal(got, "C2 site-policy");
		assert_int_equal(e.code, ERR_POLICY);
	}
}

static void test_release(void **state)
{
	struct world *w = *state;
	struct body *b = &w->f.release.changesets[0].bodies[0];
	b->steps[0] = trust_fixture_step(&w->f, STEP_T, "CREATE TABLE a (id int)", "DROP TABLE b", NULL);
	b->n_steps = 1;
#define HEAD "site: eu\nversion: 1\n"
	check(w, HEAD, DIRECTION_APPLY, NULL);
	check(w, HEAD "statements: {deny: [DROP TABLE]}\n", DIRECTION_APPLY, "DROP TABLE is among the statements that this site denies ('DROP TABLE')");
	check(w, HEAD "statements: {deny: [\"DROP *\"]}\n", DIRECTION_APPLY, "('DROP *')");
	check(w, HEAD "statements: {deny: [\"ALTER SYSTEM\"]}\n", DIRECTION_APPLY, NULL);
	check(w, HEAD "statements: {deny_classes: [T]}\n", DIRECTION_APPLY, "of class T, which this site denies");
	check(w, HEAD "statements: {deny_classes: [X]}\n", DIRECTION_APPLY, NULL);
	check(w, HEAD "minimum_approvals: 2\n", DIRECTION_APPLY, NULL);
	check(w, HEAD "minimum_approvals: 3\n", DIRECTION_APPLY, "has 2 approvals, and this site asks for 3");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_document),         CASE(test_document_mistakes), CASE(test_who_vouches), CASE(test_holds),
	    CASE(test_order_of_reasons), CASE(test_blackout_says_why), CASE(test_release),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
