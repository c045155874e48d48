/* Freezing: each target in the first wave that takes it, counts and percentages, and what is said when a selector matches nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/rollout/order.h"

#define TARGETS 10

struct fixture {
	struct arena *arena;
	struct target targets[TARGETS + 1];
	struct label labels[TARGETS + 1][2];
	char ids[TARGETS + 1][24];
	struct plan_wave waves[3];
	struct plan_environment env;
	struct plan plan;
	const char *series[TARGETS + 1];
};

/* t0..t9 in production, ring canary for t7, t8, t9; one in dev. In no order. */
static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){.arena = arena_new((size_t)4 * 1024 * 1024)};
	for (size_t i = 0; i <= TARGETS; i++) {
		size_t n = (i * 7) % TARGETS;
		snprintf(f->ids[i], sizeof f->ids[i], "eu/pg/t%zu", i == TARGETS ? 99 : n);
		f->labels[i][0] = (struct label){"environment", i == TARGETS ? "dev" : "production"};
		f->labels[i][1] = (struct label){"ring", n >= 7 ? "canary" : "rest"};
		f->targets[i] = (struct target){.id = f->ids[i], .engine = "sqlite", .labels = f->labels[i], .n_labels = 2};
	}
	f->env = (struct plan_environment){.name = "production", .waves = f->waves};
	f->plan = (struct plan){.path = "plans/p.yaml", .name = "p", .environments = &f->env, .n_environments = 1};
}

static void add_wave(struct fixture *f, const char *name, const char *selector, uint32_t size, bool percent)
{
	struct err e = ERR_INIT;
	struct plan_wave *w = &f->waves[f->env.n_waves++];
	*w = (struct plan_wave){.name = name, .selector_text = selector, .size = {.value = size, .percent = percent}, .max_parallel = 5};
	assert_int_equal(selector_parse(selector, f->arena, &w->selector, &e), 0);
}

static int freeze(struct fixture *f, struct frozen *ret, struct err *e)
{
	return order_freeze(&f->plan, &f->env, f->targets, f->series, TARGETS + 1, false, f->arena, ret, e);
}

static void test_first_wave_that_takes_it(void **state)
{
	(void)state;
	struct fixture f;
	struct frozen z;
	struct err e = ERR_INIT;
	fixture_init(&f);
	add_wave(&f, "canary", "ring=canary", 1, false);
	add_wave(&f, "some", "", 30, true);
	add_wave(&f, "rest", "", 100, true);
	assert_int_equal(freeze(&f, &z, &e), 0);
	assert_int_equal(z.n_waves, 3);
	assert_int_equal(z.n_placed, TARGETS);
	assert_int_equal(z.n_left_out, 0);
	static const char *const expected[] = {"eu/pg/t7", "eu/pg/t0", "eu/pg/t1", "eu/pg/t2", "eu/pg/t3",
	                                       "eu/pg/t4", "eu/pg/t5", "eu/pg/t6", "eu/pg/t8", "eu/pg/t9"};
	static const uint32_t wave[] = {0, 1, 1, 1, 2, 2, 2, 2, 2, 2};
	for (size_t i = 0; i < TARGETS; i++) {
		assert_string_equal(z.placed[i].target->id, expected[i]);
		assert_int_equal(z.placed[i].wave, wave[i]);
	}
	assert_int_equal(z.waves[1].target_count, 3); /* 30 % of the 9 left, rounded up */
	arena_destroy(&f.arena);
}

static void test_empty_waves_fall_out_and_the_rest_is_told(void **state)
{
	(void)state;
	struct fixture f;
	struct frozen z;
	struct err e = ERR_INIT;
	fixture_init(&f);
	add_wave(&f, "all-canaries", "ring=canary", 100, true);
	add_wave(&f, "canaries-again", "ring=canary", 100, true);
	assert_int_equal(freeze(&f, &z, &e), 0);
	assert_int_equal(z.n_waves, 1);
	assert_string_equal(z.waves[0].name, "all-canaries");
	assert_int_equal(z.n_left_out, 7);
	arena_destroy(&f.arena);
}

static void test_nothing_matches(void **state)
{
	(void)state;
	struct fixture f;
	struct frozen z;
	struct err e = ERR_INIT;
	fixture_init(&f);
	add_wave(&f, "moon", "ring=moon", 100, true);
	assert_int_equal(freeze(&f, &z, &e), -1);
	assert_string_equal(
	    e.msg, "plans/p.yaml: environment production: wave moon: selector \"ring=moon\" matches no target: correct it, or the labels in agent.yaml");
	f.env.name = "staging";
	assert_int_equal(freeze(&f, &z, &e), -1);
	assert_string_equal(e.msg, "plans/p.yaml: no target has label environment=staging: `rollcall targets list` shows what the agents reported; "
	                           "labels are set in agent.yaml");
	arena_destroy(&f.arena);
}

static size_t placed_in(const struct frozen *z, uint32_t wave, const char *id)
{
	for (size_t i = 0; i < z->n_placed; i++)
		if (z->placed[i].wave == wave && strcmp(z->placed[i].target->id, id) == 0)
			return 1;
	return 0;
}

static void test_first_wave_has_one_of_each_series(void **state)
{
	(void)state;
	struct fixture f;
	struct frozen z;
	struct err e = ERR_INIT;
	fixture_init(&f);
	for (size_t i = 0; i < TARGETS; i++)
		f.series[i] = strcmp(f.ids[i], "eu/pg/t9") == 0 ? "postgresql 16" : strcmp(f.ids[i], "eu/pg/t5") == 0 ? "mariadb 10.11" : "postgresql 15";
	add_wave(&f, "canary", "", 3, false);
	add_wave(&f, "rest", "", 100, true);
	assert_int_equal(freeze(&f, &z, &e), 0);
	assert_int_equal(placed_in(&z, 0, "eu/pg/t0") + placed_in(&z, 0, "eu/pg/t5") + placed_in(&z, 0, "eu/pg/t9"), 3);
	assert_string_equal(z.placed[1].target->id, "eu/pg/t5"); /* in the leaf order all the same */
	assert_null(z.unproved);

	f.env.n_waves = 0;
	add_wave(&f, "canary", "ring=rest", 1, false);
	add_wave(&f, "rest", "", 100, true);
	assert_int_equal(freeze(&f, &z, &e), 0);
	assert_int_equal(z.waves[0].target_count, 2);
	assert_string_equal(z.unproved, "postgresql 16");
	arena_destroy(&f.arena);
}

/* A count, or a percentage, that has no room for one of each: proved in the first wave is what counts, not its size. */
static void test_first_wave_grows_until_it_has_one_of_each_series(void **state)
{
	(void)state;
	static const struct {
		uint32_t size;
		bool percent;
		const char *selector;
		size_t has, grown;
	} cases[] = {{1, false, "", 3, 2}, {10, true, "", 3, 2}, {3, false, "", 3, 0}, {5, false, "", 5, 0}, {1, false, "ring=canary", 2, 1}};
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		struct fixture f;
		struct frozen z;
		struct err e = ERR_INIT;
		fixture_init(&f);
		for (size_t i = 0; i < TARGETS; i++)
			f.series[i] = strcmp(f.ids[i], "eu/pg/t7") == 0 ? "postgresql 16" : strcmp(f.ids[i], "eu/pg/t5") == 0 ? "mariadb 10.11" : "postgresql 15";
		add_wave(&f, "canary", cases[c].selector, cases[c].size, cases[c].percent);
		add_wave(&f, "rest", "", 100, true);
		assert_int_equal(freeze(&f, &z, &e), 0);
		assert_int_equal(z.waves[0].target_count, cases[c].has);
		assert_int_equal(z.n_grown, cases[c].grown);
		assert_int_equal(z.waves[0].target_count + z.waves[1].target_count, TARGETS);
		if (str_empty(cases[c].selector))
			assert_null(z.unproved);
		else
			assert_string_equal(z.unproved, "mariadb 10.11");
		arena_destroy(&f.arena);
	}
}

static void test_a_probe_that_would_ask_nobody(void **state)
{
	(void)state;
	struct fixture f;
	struct frozen z;
	struct err e = ERR_INIT;
	struct probe probes[] = {{.name = "maria", .sql = "SELECT 1", .engine = "mariadb", .expect = "1"},
	                         {.name = "any", .sql = "SELECT 1", .expect = "1"}};
	fixture_init(&f);
	add_wave(&f, "all", "", 100, true);
	f.waves[0].probes = probes;
	f.waves[0].n_probes = ARRAY_LEN(probes);
	assert_int_equal(freeze(&f, &z, &e), -1);
	assert_string_equal(
	    e.msg, "plans/p.yaml: environment production: wave all: probe maria asks mariadb targets, and the wave has none: correct its engine, "
	           "or give it to a wave that has some");
	assert_int_equal(order_freeze(&f.plan, &f.env, f.targets, f.series, TARGETS + 1, true, f.arena, &z, &e), 0);
	assert_int_equal(z.waves[0].n_probes, 1);
	assert_string_equal(z.waves[0].probes[0].name, "any");
	f.targets[3].engine = "mariadb";
	assert_int_equal(freeze(&f, &z, &e), 0);
	assert_int_equal(z.waves[0].n_probes, 2);
	arena_destroy(&f.arena);
}

static void test_series(void **state)
{
	(void)state;
	char text[64];
	assert_string_equal(target_series("postgresql", "15.18 (Debian 15.18-0+deb12u1)", text), "postgresql 15");
	assert_string_equal(target_series("mariadb", "10.11.14-MariaDB-0+deb12u2", text), "mariadb 10.11");
	assert_string_equal(target_series("sqlite", "3.40.1", text), "sqlite 3");
	assert_string_equal(target_series("sqlite", "", text), "sqlite");
	assert_string_equal(target_series("mariadb", NULL, text), "mariadb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_first_wave_that_takes_it),
	    cmocka_unit_test(test_empty_waves_fall_out_and_the_rest_is_told),
	    cmocka_unit_test(test_nothing_matches),
	    cmocka_unit_test(test_first_wave_has_one_of_each_series),
	    cmocka_unit_test(test_first_wave_grows_until_it_has_one_of_each_series),
	    cmocka_unit_test(test_a_probe_that_would_ask_nobody),
	    cmocka_unit_test(test_series),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
