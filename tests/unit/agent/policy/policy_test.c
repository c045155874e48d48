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

#include "agent/apply/retry.h"
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
	                  "break_glass: {keys: [ann, 0123456789abcdef], site_keys: [dave], minimum: 3}\n"
	                  "minimum_approvals: 2\nwave_gate: signed\ndrift: refuse\nlargest_table: 2GB\nlongest_lock: 3s\nlongest_statement: 10m\n");
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
	assert_false(p.break_glass.nobody);
	assert_int_equal(p.break_glass.n_keys, 2);
	assert_string_equal(p.break_glass.keys[1], "0123456789abcdef");
	assert_string_equal(p.break_glass.site_keys[0], "dave");
	assert_int_equal(p.break_glass.minimum, 3);
	assert_true(p.refuse_drift);
	assert_int_equal(p.largest_table.bytes, 2000000000);
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
	    {"site: eu\nversion: 1\nbreak_glass: {keys: [none, ann]}\n", "p.yaml:3: break_glass: none means that nobody"},
	    {"site: eu\nversion: 1\nbreak_glass: {keys: [none], minimum: 2}\n", "p.yaml:3: break_glass: none means that nobody"},
	    {"site: eu\nversion: 1\nbreak_glass: {site_keys: [none]}\n", "p.yaml:3: break_glass: none means that nobody"},
	    {"site: eu\nversion: 1\nbreak_glass: {minimum: 1}\n", "p.yaml:3: break_glass: minimum 1: in an emergency no one acts alone"},
	    {"site: eu\nversion: 1\nbreak_glass: {keys: []}\n", "p.yaml:3: "},
	    {"site: eu\nversion: 1\nbreak_glass: {kyes: [ann]}\n", "p.yaml:3: "},
	    {"site: eu\nversion: 1\nwave_gate: yes\n", "p.yaml:3: wave_gate 'yes': write signed"},
	    {"site: eu\nversion: 1\nlargest_table: big\n", "p.yaml:3: largest_table 'big': write a size"},
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
	struct err e = ERR_INIT;
	enum check_code got = policy_check_statements(&p, &v, "postgresql", &e);
	if (!got)
		got = policy_check_order(&p, &v, &e);
	if ((got == CHECK_NONE) != !message || (message && !strstr(e.msg, message)))
		fail_msg("%s: %s", rules, e.msg);
	if (message) {
		assert_string_equal(check_title(got), strstr(rules, "longest") ? "C21 timeouts" : "C2 site-policy");
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

static void check_declared(struct world *w, const char *rules, const char *message)
{
	struct break_glass_vote votes[] = {{.key_id = "a1", .owner = "one", .of_safe = true},
	                                   {.key_id = "a2", .owner = "two", .of_safe = true},
	                                   {.key_id = "b1", .owner = "dave", .of_site = true}};
	const struct break_glass g = {.votes = votes, .n_votes = 3, .safe_least = 2, .site_least = 1};
	struct policy p = parse(w, rules);
	struct verified v = {.release = w->f.release, .order = w->f.order, .n_approvers = 3, .break_glass = &g};
	struct err e = ERR_INIT;
	enum check_code got = policy_check_order(&p, &v, &e);
	if ((got == CHECK_NONE) != !message || (message && !strstr(e.msg, message)))
		fail_msg("%s: %s", rules, e.msg);
	if (!message)
		return;
	assert_string_equal(check_title(got), "C2 break-glass");
	assert_int_equal(e.code, ERR_POLICY);
	assert_non_null(
	    strstr(e.msg, ": start a new rollout, and have keys that this site counts declare it, or the environment's approvers approve it"));
}

static void test_who_may_break_glass(void **state)
{
	struct world *w = *state;
	check_declared(w, HEAD, NULL);
	check_declared(w, HEAD "break_glass: {keys: [one, two, three], site_keys: [dave], minimum: 2}\n", NULL);
	check_declared(
	    w, HEAD "break_glass: {keys: [none]}\n",
	    "is an emergency, declared by one (not counted here), two (not counted here), dave (not counted here), and this site lets nobody break "
	    "glass (break_glass: none)");
	check_declared(w, HEAD "break_glass: {keys: [one, three]}\n",
	               "declared by one, two (not counted here), dave, and this site asks for 2 keys of role break-glass and 1 of its own (break_glass)");
	check_declared(w, HEAD "break_glass: {minimum: 3}\n", "declared by one, two, dave, and this site asks for 3 keys");
	check_declared(w, HEAD "break_glass: {site_keys: [erin]}\n", "declared by one, two, dave (not counted here), and");
	check(w, HEAD "break_glass: {keys: [none]}\n", DIRECTION_APPLY, NULL); /* what the environment's approvers allowed is no emergency */
}

/* What a statement sets, under longest_lock 3s and longest_statement 10m; NULL: nothing against it. */
static void test_settings_that_lift_a_timeout(void **state)
{
	struct world *w = *state;
	static const struct {
		enum dialect d;
		const char *sql, *part;
	} rows[] = {
	    {DIALECT_POSTGRESQL, "SET lock_timeout = '3s'", NULL},
	    {DIALECT_POSTGRESQL, "SET LOCAL lock_timeout TO 3000", NULL},
	    {DIALECT_POSTGRESQL, "SET lock_timeout TO DEFAULT", NULL},
	    {DIALECT_POSTGRESQL, "RESET lock_timeout", NULL},
	    {DIALECT_POSTGRESQL, "SET statement_timeout = '10min'", NULL},
	    {DIALECT_POSTGRESQL, "SET lock_timeout = 3001", "it sets lock_timeout to 3001 ms, and this site allows 3000 ms (longest_lock)"},
	    {DIALECT_POSTGRESQL, "SET SESSION lock_timeout = '4s'", "to 4000 ms"},
	    {DIALECT_POSTGRESQL, "set \"lock_timeout\" to '1h'", "to 3600000 ms"},
	    {DIALECT_POSTGRESQL, "SET /* = 1 */ lock_timeout -- TO\n = 0", "which is no time-out at all"},
	    {DIALECT_POSTGRESQL, "SET LOCAL statement_timeout = 0",
	     "it sets statement_timeout to 0, which is no time-out at all, and this site allows 600000 ms"},
	    {DIALECT_POSTGRESQL, "SET statement_timeout = '11min'", "to 660000 ms"},
	    {DIALECT_POSTGRESQL, "SET lock_timeout = '3 parsecs'", "to what cannot be told from the text"},
	    {DIALECT_POSTGRESQL, "SELECT set_config('lock_timeout', '0', false)", "no time-out at all"},
	    {DIALECT_POSTGRESQL, "SELECT set_config('lock_timeout', current_setting('x'), true)", "to what cannot be told"},
	    {DIALECT_POSTGRESQL, "SELECT set_config('search_path', 'x', true)", NULL},
	    {DIALECT_POSTGRESQL, "UPDATE jobs SET lock_timeout = 0", NULL}, /* a column */
	    {DIALECT_POSTGRESQL, "CREATE TABLE jobs (lock_timeout int DEFAULT 0)", NULL},
	    {DIALECT_MARIADB, "SET lock_wait_timeout = 3", NULL},
	    {DIALECT_MARIADB, "SET SESSION innodb_lock_wait_timeout = 0", NULL}, /* no waiting */
	    {DIALECT_MARIADB, "SET lock_wait_timeout = 4", "it sets lock_wait_timeout to 4000 ms"},
	    {DIALECT_MARIADB, "SET @@session.max_statement_time = 0", "it sets max_statement_time to 0, which is no time-out at all"},
	    {DIALECT_MARIADB, "SET autocommit = 1, `innodb_lock_wait_timeout` = 50", "to 50000 ms"},
	    {DIALECT_MARIADB, "SET max_statement_time = 1 + 5000", "to what cannot be told"},
	    {DIALECT_MARIADB, "SET max_statement_time = DEFAULT", "to what cannot be told"},
	    {DIALECT_MARIADB, "SET STATEMENT max_statement_time=0 FOR ALTER TABLE t ADD COLUMN a int", "no time-out at all"},
	    {DIALECT_MARIADB, "SET STATEMENT max_statement_time=600 FOR ALTER TABLE t ADD COLUMN a int", NULL},
	    {DIALECT_SQLITE, "PRAGMA busy_timeout = 4000", "it sets busy_timeout to 4000 ms"},
	    {DIALECT_SQLITE, "PRAGMA busy_timeout(3000)", NULL},
	};
	const struct policy p = {.longest_lock_ms = 3000, .longest_statement_ms = 600000}, none = {.longest_lock_ms = 0};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bytes sql = bytes_of_str(rows[i].sql);
		const char *why = policy_lifts_timeout(&p, rows[i].d, sql, w->f.arena);
		if (!why != !rows[i].part || (why && !strstr(why, rows[i].part)))
			fail_msg("%s: %s", rows[i].sql, why ? why : "nothing against it");
		assert_null(policy_lifts_timeout(&none, rows[i].d, sql, w->f.arena));
	}
}

/* Later tries wait longer, up to lock_timeout of agent.yaml: the cap is theirs, too. */
static void test_the_cap_holds_for_every_try(void **state)
{
	(void)state;
	const struct policy p = {.longest_lock_ms = 2000, .longest_statement_ms = 60000}, none = {.longest_lock_ms = 0};
	uint32_t first = 1000, last = 5000, statement = 1800000;
	policy_cap_timeouts(&none, &first, &last, &statement);
	assert_int_equal(last, 5000);
	policy_cap_timeouts(&p, &first, &last, &statement);
	assert_int_equal(first, 1000);
	assert_int_equal(last, 2000);
	assert_int_equal(statement, 60000);
	assert_int_equal(retry_lock_timeout_ms(9, first, last), 2000);
}

static void test_a_release_that_lifts_a_timeout(void **state)
{
	struct world *w = *state;
	struct body *b = &w->f.release.changesets[0].bodies[0];
	b->steps[0] = trust_fixture_step(&w->f, STEP_T, "SET LOCAL lock_timeout = '1min'", NULL);
	b->n_steps = 1;
	check(w, HEAD, DIRECTION_APPLY, NULL);
	check(w, HEAD "longest_lock: 1m\n", DIRECTION_APPLY, NULL);
	check(w, HEAD "longest_lock: 30s\n", DIRECTION_APPLY,
	      "changeset alice:orders-create: it sets lock_timeout to 60000 ms, and this site allows 30000 ms");
	check(w, HEAD "longest_lock: 30s\n", DIRECTION_ROLLBACK, NULL);
}

/* Where the policy says nothing, or there is none, agent.yaml does. */
static void test_the_caps_that_hold_without_a_policy(void **state)
{
	struct world *w = *state;
	struct bytes lock = bytes_of_str("SET lock_timeout = '6s'"), statement = bytes_of_str("SET statement_timeout = 0");
	struct policy none = {.version = 0}, some = {.longest_lock_ms = 10000};
	uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
	policy_digest(&none, before);
	policy_default_caps(&none, 5000, 1800000);
	policy_default_caps(&some, 5000, 1800000);
	policy_digest(&none, after);
	assert_memory_not_equal(before, after, DIGEST_SIZE); /* a verdict without caps is none with them */
	assert_string_equal(policy_lifts_timeout(&none, DIALECT_POSTGRESQL, lock, w->f.arena),
	                    "it sets lock_timeout to 6000 ms, and this site allows 5000 ms (lock_timeout of agent.yaml)");
	assert_null(policy_lifts_timeout(&some, DIALECT_POSTGRESQL, lock, w->f.arena));
	for (int i = 0; i < 2; i++)
		assert_string_equal(
		    policy_lifts_timeout(i ? &some : &none, DIALECT_POSTGRESQL, statement, w->f.arena),
		    "it sets statement_timeout to 0, which is no time-out at all, and this site allows 1800000 ms (statement_timeout of agent.yaml)");
}

static void test_which_statements_work_on_a_whole_table(void **state)
{
	(void)state;
	static const struct {
		enum dialect d;
		const char *sql, *table; /* "": none; "?": it cannot be told */
	} rows[] = {
	    {DIALECT_POSTGRESQL, "ALTER TABLE shop.orders ADD COLUMN a int", "shop.orders"},
	    {DIALECT_POSTGRESQL, "UPDATE orders SET a = 1", "orders"},
	    {DIALECT_POSTGRESQL, "DELETE FROM ONLY orders", "orders"},
	    {DIALECT_POSTGRESQL, "CREATE INDEX i ON orders (a)", "orders"},
	    {DIALECT_POSTGRESQL, "CREATE UNIQUE INDEX i ON shop.orders (a)", "shop.orders"},
	    {DIALECT_POSTGRESQL, "CREATE INDEX CONCURRENTLY i ON orders (a)", ""},
	    {DIALECT_POSTGRESQL, "TRUNCATE orders", "orders"},
	    {DIALECT_POSTGRESQL, "CLUSTER orders USING i", "orders"},
	    {DIALECT_POSTGRESQL, "INSERT INTO orders VALUES (1)", ""},
	    {DIALECT_POSTGRESQL, "CREATE TABLE orders (a int)", ""},
	    {DIALECT_POSTGRESQL, "SELECT 1", ""},
	    {DIALECT_POSTGRESQL, "DROP INDEX i", ""},
	    {DIALECT_POSTGRESQL, "DROP TABLE a, b", "?"},
	    {DIALECT_MARIADB, "ALTER TABLE `orders` ENGINE=InnoDB", "orders"},
	    {DIALECT_MARIADB, "DELETE a FROM a JOIN b ON a.id = b.id", "?"},
	    {DIALECT_MARIADB, "OPTIMIZE TABLE orders", "?"},
	    {DIALECT_MARIADB, "CREATE INDEX i ON orders (a)", "orders"},
	    {DIALECT_SQLITE, "ALTER TABLE orders RENAME TO o", "orders"},
	    {DIALECT_SQLITE, "UPDATE OR IGNORE orders SET a = 1", "orders"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sql_class c;
		const char *schema = "", *table = "";
		char got[600];
		sql_classify(rows[i].d, bytes_of_str(rows[i].sql), &c);
		enum policy_table t = policy_table_of(&c, &schema, &table);
		snprintf(got, sizeof got, "%s%s%s", schema, *schema ? "." : "", t == POLICY_TABLE_UNKNOWN ? "?" : table);
		if (strcmp(got, rows[i].table) != 0)
			fail_msg("%s: %s", rows[i].sql, got);
	}
}

static void test_how_large_a_table_may_be(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *text, *shown, *mistake;
	} rows[] = {
	    {"20GB", "20.0 GB", NULL},
	    {"1.5 MB", "1.5 MB", NULL},
	    {"5000000 rows", "5000000 rows", NULL},
	    {"20GB, 5000000 rows", "20.0 GB, 5000000 rows", NULL},
	    {"1KiB", "1.0 kB", NULL},
	    {"20", NULL, "its unit is none of"},
	    {"many rows", NULL, "write a size such as 20GB"},
	    {"0GB", NULL, "write a size such as 20GB"},
	    {"20 gigs", NULL, "its unit is none of"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct table_limit l = {0};
		struct err e = ERR_INIT;
		int rc = table_limit_parse(rows[i].text, &l, &e);
		assert_int_equal(rc, rows[i].mistake ? -1 : 0);
		if (rows[i].mistake)
			assert_non_null(strstr(e.msg, rows[i].mistake));
		else
			assert_string_equal(table_limit_text(&l, w->f.arena), rows[i].shown);
	}
	assert_string_equal(table_limit_text(&(struct table_limit){0}, w->f.arena), "none");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_document),
	    CASE(test_document_mistakes),
	    CASE(test_who_vouches),
	    CASE(test_holds),
	    CASE(test_order_of_reasons),
	    CASE(test_blackout_says_why),
	    CASE(test_release),
	    CASE(test_who_may_break_glass),
	    CASE(test_settings_that_lift_a_timeout),
	    CASE(test_the_cap_holds_for_every_try),
	    CASE(test_a_release_that_lifts_a_timeout),
	    CASE(test_the_caps_that_hold_without_a_policy),
	    CASE(test_which_statements_work_on_a_whole_table),
	    CASE(test_how_large_a_table_may_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
