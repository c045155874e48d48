/* Plans: defaults, what is read, and each mistake with its line and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/plan/plan.h"

#define ARENA ((size_t)4 * 1024 * 1024)
#define HEAD  "name: p\nenvironments:\n  - name: staging\n    waves:\n"

static void test_reads_with_defaults(void **state)
{
	(void)state;
	static const char text[] =
	    "name: production\n"
	    "environments:\n"
	    "  - name: staging\n"
	    "    waves:\n"
	    "      - {name: all, selector: \"environment=staging\", max_parallel: 4}\n"
	    "  - name: production\n"
	    "    contexts: [prod]          # optional\n"
	    "    not_after: 8h\n"
	    "    start_at: 2026-12-01T02:00:00Z\n"
	    "    waves:\n"
	    "      - {name: canary, selector: \"ring=canary\", count: 1, max_parallel: 1, max_failures: \"0\", on_failure: rollback-wave, soak: 10s}\n"
	    "      - {name: rest, percent: 100, max_parallel_instance: 2, max_failures: \"5%\", on_failure: halt, min_success: \"90%\", unreachable: "
	    "defer}\n"
	    "      - {name: late, unreachable: defer, defer_after: 0s,\n"
	    "         probes: [{name: rows, sql: \"SELECT count(*) FROM orders\", engine: postgres, expect: \"> 0\"},\n"
	    "                  {name: errors, url: \"http://m/q\", json: /data/0, expect: \"< 0.01\"}]}\n";
	AUTO(arena_destroy) struct arena *a = arena_new(ARENA);
	struct plan p;
	struct err e = ERR_INIT;
	if (plan_parse("plans/p.yaml", bytes_of_str(text), a, &p, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(p.n_environments, 2);
	const struct plan_environment *staging = plan_environment(&p, "staging"), *prod = plan_environment(&p, "production");
	assert_int_equal(staging->not_after_ms, 24 * 3600 * 1000);
	assert_int_equal(staging->n_contexts, 0);
	assert_int_equal(staging->waves[0].max_parallel, 4);
	assert_int_equal(staging->waves[0].size.value, 100);
	assert_true(staging->waves[0].size.percent);
	assert_int_equal(staging->waves[0].on_failure, ON_FAILURE_HALT);
	assert_int_equal(staging->waves[0].soak_ms, 0);
	assert_int_equal(prod->not_after_ms, 8 * 3600 * 1000);
	assert_string_equal(prod->contexts[0], "prod");
	assert_int_equal(prod->waves[0].size.value, 1);
	assert_false(prod->waves[0].size.percent);
	assert_int_equal(prod->waves[0].on_failure, ON_FAILURE_ROLLBACK_WAVE);
	assert_int_equal(prod->waves[0].soak_ms, 10000);
	assert_int_equal(prod->waves[1].max_parallel, 10);
	assert_int_equal(prod->waves[1].max_parallel_instance, 2);
	assert_true(prod->waves[1].max_failures.percent);
	assert_int_equal(prod->start_at_us, INT64_C(1796090400) * 1000000);
	assert_int_equal(prod->waves[0].min_success.value, 0);
	assert_int_equal(prod->waves[0].defer_after_ms, 0); /* waiting is the default */
	assert_int_equal(prod->waves[1].min_success.value, 90);
	assert_int_equal(prod->waves[1].defer_after_ms, 15 * 60 * 1000);
	assert_int_equal(prod->waves[2].defer_after_ms, 1); /* 0 would wait */
	assert_int_equal(prod->waves[2].n_probes, 2);
	assert_string_equal(prod->waves[2].probes[0].engine, "postgresql");
	assert_string_equal(prod->waves[2].probes[1].json, "/data/0");
	assert_null(prod->waves[2].probes[1].sql);
	assert_null(plan_environment(&p, "dev"));
}

static const struct {
	const char *text, *message;
} mistakes[] = {
    {HEAD "      - {name: all, max_paralel: 4}\n", "p.yaml:5: unknown key 'max_paralel': did you mean 'max_parallel'?"},
    {HEAD "      - {name: a, selector: \"x=\"}\n", "p.yaml:5: wave a: selector \"x=\", character 3: a value is missing: key=value"},
    {HEAD "      - {name: a, count: 1, percent: 5}\n", "p.yaml:5: wave a has both count and percent: keep one"},
    {HEAD "      - {name: a}\n      - {name: b, percent: 101}\n", "p.yaml:6: wave b: percent 101: give 1 to 100"},
    {HEAD "      - {name: a, count: 0}\n", "p.yaml:5: wave a: count 0: give 1 or more"},
    {HEAD "      - {name: a, max_parallel: 0}\n", "p.yaml:5: wave a: max_parallel 0: give 1 to 100000"},
    {HEAD "      - {name: a, max_failures: some}\n",
     "p.yaml:5: wave a: max_failures \"some\": give a count such as \"2\" or a percentage such as \"5%\""},
    {HEAD "      - {name: a, on_failure: panic}\n",
     "p.yaml:5: wave a: on_failure \"panic\": give halt, rollback-target, rollback-wave or rollback-all"},
    {HEAD "      - {name: a, min_success: most}\n",
     "p.yaml:5: wave a: min_success \"most\": give a count such as \"3\" or a percentage such as \"95%\""},
    {"name: p\nenvironments:\n  - {name: staging, catch_up: always, waves: [{name: a}]}\n",
     "p.yaml:3: staging: catch_up \"always\": give manual or automatic"},
    {"name: p\nenvironments:\n  - {name: staging, drift: never, waves: [{name: a}]}\n", "p.yaml:3: staging: drift \"never\": give report or refuse"},
    {HEAD "      - name: a\n        probes:\n          - {name: x, expect: \"0\"}\n", "p.yaml:7: probe x: give either sql or url"},
    {HEAD "      - {name: a, probes: [{name: x, sql: \"DELETE FROM t\", expect: \"0\"}]}\n",
     "p.yaml:5: probe x: sql: give one SELECT that gives one value"},
    {HEAD "      - {name: a, probes: [{name: x, sql: \"SELECT 1; SELECT 2\", expect: \"0\"}]}\n",
     "p.yaml:5: probe x: sql: give one SELECT that gives one value"},
    {HEAD "      - {name: a, probes: [{name: x, url: \"file:///etc/passwd\", expect: \"0\"}]}\n",
     "p.yaml:5: probe x: url: only http:// and https:// are asked"},
    {HEAD "      - {name: a, probes: [{name: x, url: \"https://mona:secret@m/a\", expect: \"1\"}]}\n",
     "p.yaml:5: probe x: url: leave user and password out: everybody who reads the order reads them; let the metric be asked without"},
    {HEAD "      - {name: a, probes: [{name: x, url: \"http://mona@m?q\", expect: \"1\"}]}\n",
     "p.yaml:5: probe x: url: leave user and password out: everybody who reads the order reads them; let the metric be asked without"},
    {HEAD "      - {name: a, probes: [{name: x, url: \"http://m/a@b?c=@d\", expect: \"<\"}]}\n",
     "p.yaml:5: probe x: expect: give a value, or one after =, !=, <, <=, > or >= (numbers for the last four)"},
    {HEAD "      - {name: a, probes: [{name: x, url: \"http://m\", expect: \"<\"}]}\n",
     "p.yaml:5: probe x: expect: give a value, or one after =, !=, <, <=, > or >= (numbers for the last four)"},
    {HEAD "      - {name: a, probes: [{name: x, url: \"http://m\", expect: \"0\"}]}\n      - {name: a}\n",
     "p.yaml:6: environment staging has two waves named a: rename one"},
    {HEAD "      - {name: a, unreachable: skip}\n", "p.yaml:5: wave a: unreachable \"skip\": give wait or defer"},
    {HEAD "      - {name: a, defer_after: 5m}\n", "p.yaml:5: wave a: defer_after is only for unreachable: defer: add that, or remove this"},
    {"name: p\nenvironments:\n  - name: staging\n    start_at: tomorrow\n    waves:\n      - {name: a}\n",
     "p.yaml:4: staging: start_at: 'tomorrow' is not a time: write 2026-11-22T21:00:00Z or 2026-11-22"},
    {HEAD "      - {name: a}\n      - {name: a}\n", "p.yaml:6: environment staging has two waves named a: rename one"},
    {HEAD "      - {name: A}\n", "p.yaml:5: wave \"A\": a name is 1 to 63 of a-z, 0-9, '.', '_', '-': rename it"},
    {HEAD "      - {name: a}\n  - name: staging\n    waves:\n      - {name: a}\n", "p.yaml:6: environment staging stands twice: keep one"},
};

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		AUTO(arena_destroy) struct arena *a = arena_new(ARENA);
		struct plan p;
		struct err e = ERR_INIT;
		assert_int_equal(plan_parse("p.yaml", bytes_of_str(mistakes[i].text), a, &p, &e), -1);
		assert_string_equal(e.msg, mistakes[i].message);
	}
}

static void test_soak_needs_a_unit(void **state)
{
	(void)state;
	AUTO(arena_destroy) struct arena *a = arena_new(ARENA);
	struct plan p;
	struct err e = ERR_INIT;
	assert_int_equal(plan_parse("p.yaml", bytes_of_str(HEAD "      - {name: a, soak: \"10\"}\n"), a, &p, &e), -1);
	assert_true(str_starts(e.msg, "p.yaml:5: a: soak"));
}

static void test_environment_outside_the_pipeline(void **state)
{
	(void)state;
	static const char text[] = HEAD "      - {name: a}\n  - name: moon\n    waves:\n      - {name: a}\n";
	static const char *const pipeline[] = {"dev", "staging"};
	AUTO(arena_destroy) struct arena *a = arena_new(ARENA);
	struct plan p;
	struct err e = ERR_INIT;
	assert_int_equal(plan_parse("p.yaml", bytes_of_str(text), a, &p, &e), 0);
	assert_int_equal(plan_check_pipeline(&p, bytes_of_str(text), pipeline, 2, &e), -1);
	assert_string_equal(e.msg,
	                    "p.yaml:6: environment moon is not in the project's pipeline (dev, staging): correct the name, or add it to rollcall.yaml");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reads_with_defaults),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_soak_needs_a_unit),
	    cmocka_unit_test(test_environment_outside_the_pipeline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
