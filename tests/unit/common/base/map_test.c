/* The hash table against an array that remembers the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/map.h"
#include "common/base/mem.h"

#define KEYS   500
#define ROUNDS 20000

static void test_it_finds_what_was_put(void **state)
{
	(void)state;
	AUTO(map_destroy) struct map *m = map_new();
	int one = 1, two = 2;
	assert_null(map_get(m, map_text("a")));
	map_put(m, map_text("a"), &one);
	map_put(m, map_text(""), &two);
	assert_ptr_equal(map_get(m, map_text("a")), &one);
	assert_ptr_equal(map_get(m, map_text("")), &two);
	assert_null(map_get(m, map_text("ab")));
	map_put(m, map_text("a"), &two);
	assert_ptr_equal(map_get(m, map_text("a")), &two);
	assert_int_equal(map_count(m), 2);
	map_remove(m, map_text("a"));
	map_remove(m, map_text("a"));
	assert_null(map_get(m, map_text("a")));
	assert_int_equal(map_count(m), 1);
}

/* Puts and removals at random, so that runs of neighbours form, are closed up, and cross the end of the table. */
static void test_it_agrees_with_an_array(void **state)
{
	(void)state;
	AUTO(map_destroy) struct map *m = map_new();
	static uint64_t keys[KEYS];
	bool there[KEYS] = {false};
	size_t n = 0;
	srandom(7);
	for (size_t i = 0; i < KEYS; i++)
		keys[i] = i;
	for (size_t round = 0; round < ROUNDS; round++) {
		size_t i = (size_t)random() % KEYS;
		if (random() % 2) {
			map_put(m, map_fixed(&keys[i]), &keys[i]);
			n += !there[i];
			there[i] = true;
		} else {
			map_remove(m, map_fixed(&keys[i]));
			n -= there[i];
			there[i] = false;
		}
		assert_int_equal(map_count(m), n);
		if (round % 100 == 0)
			for (size_t k = 0; k < KEYS; k++)
				assert_ptr_equal(map_get(m, map_fixed(&keys[k])), there[k] ? &keys[k] : NULL);
	}
}

static void test_keys_of_any_length(void **state)
{
	(void)state;
	AUTO(map_destroy) struct map *m = map_new();
	static char text[64] = "the same beginning for all of these keys, which differ in size";
	for (size_t n = 0; n < sizeof text; n++)
		map_put(m, bytes_of(text, n), &text[n]);
	assert_int_equal(map_count(m), sizeof text);
	for (size_t n = 0; n < sizeof text; n++)
		assert_ptr_equal(map_get(m, bytes_of(text, n)), &text[n]);
}

static void count_up(void *arg, void *value)
{
	(void)arg;
	++*(int *)value;
}

static void test_each_value_comes_once(void **state)
{
	(void)state;
	AUTO(map_destroy) struct map *m = map_new();
	static int values[KEYS];
	static size_t keys[KEYS];
	for (size_t i = 0; i < KEYS; i++) {
		keys[i] = i;
		map_put(m, map_fixed(&keys[i]), &values[i]);
	}
	map_each(m, count_up, NULL);
	for (size_t i = 0; i < KEYS; i++)
		assert_int_equal(values[i], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_it_finds_what_was_put),
	    cmocka_unit_test(test_it_agrees_with_an_array),
	    cmocka_unit_test(test_keys_of_any_length),
	    cmocka_unit_test(test_each_value_comes_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
