/* Selectors: each operator, the pseudo-keys, and each message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/model/target.h"

static struct label labels[] = {{"environment", "production"}, {"ring", "canary"}, {"tenant", "acme-7"}};
static const struct target acme = {.id = "eu/pg1/acme", .engine = "postgres", .labels = labels, .n_labels = ARRAY_LEN(labels)};

static void test_matching(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool holds;
	} cases[] = {
	    {"", true},
	    {"  ", true},
	    {"ring=canary", true},
	    {"ring==canary", true},
	    {"ring=rest", false},
	    {"ring!=rest", true},
	    {"zone!=a", true},
	    {"environment=production,ring=canary", true},
	    {"environment=production , ring = rest", false},
	    {"ring in (a, canary)", true},
	    {"ring in(a,b)", false},
	    {"ring notin (a,b)", true},
	    {"ring notin (a,canary)", false},
	    {"zone notin (a)", true},
	    {"tenant", true},
	    {"zone", false},
	    {"!zone", true},
	    {"!tenant", false},
	    {"engine=postgres", true},
	    {"engine=mariadb", false},
	    {"site=eu", true},
	    {"site=e", false},
	    {"instance=pg1", true},
	    {"id=eu/*", true},
	    {"id!=eu/pg?/*", false},
	    {"id=us/*", false},
	    {"ring=can*", false}, /* globs only for ids */
	    {"inside", false}, /* not "in" followed by a list */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena_destroy) struct arena *a = arena_new(1 << 20);
		struct selector *s = NULL;
		struct err e = ERR_INIT;
		if (selector_parse(cases[i].text, a, &s, &e) < 0)
			fail_msg("%s: %s", cases[i].text, e.msg);
		if (selector_matches(s, &acme) != cases[i].holds)
			fail_msg("%s should %s", cases[i].text, cases[i].holds ? "match" : "not match");
	}
}

static void test_messages(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"=x", "selector \"=x\", character 1: a label's name is missing: key=value"},
	    {"ring=", "selector \"ring=\", character 6: a value is missing: key=value"},
	    {"ring in a", "selector \"ring in a\", character 9: after in or notin comes a list: key in (a,b)"},
	    {"ring in (a", "selector \"ring in (a\", character 11: the list has no closing )"},
	    {"ring in (,a)", "selector \"ring in (,a)\", character 10: a value is missing: key in (a,b)"},
	    {"a=b c=d", "selector \"a=b c=d\", character 5: terms are joined by commas: key=value,key in (a,b),!key"},
	    {"a=b,", "selector \"a=b,\", character 5: a label's name is missing: key=value"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena_destroy) struct arena *a = arena_new(1 << 20);
		struct selector *s = NULL;
		struct err e = ERR_INIT;
		assert_int_equal(selector_parse(cases[i].text, a, &s, &e), -1);
		assert_int_equal(e.code, ERR_PARSE);
		assert_string_equal(e.msg, cases[i].message);
		assert_null(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_matching), cmocka_unit_test(test_messages)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
