/* An order's target list: written and read back, every way in which it is not the order's, and what is no list at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "controller/release/target_list.h"

static struct merkle_leaf leaves[] = {{{1}, 0, "eu/pg1/a"}, {{2}, 1, "eu/pg1/b"}, {{3}, 1, "us/pg1/c"}};
static struct wave waves[] = {{.name = "canary", .target_count = 1}, {.name = "rest", .target_count = 2}};

static struct order an_order(const struct merkle_leaf *of, size_t n)
{
	struct order o = {.waves = waves, .n_waves = ARRAY_LEN(waves), .target_count = (uint32_t)n};
	struct merkle_tree *t = merkle_new(of, n);
	merkle_root(t, o.targets_root);
	merkle_destroy(&t);
	return o;
}

static void test_there_and_back(void **state)
{
	(void)state;
	AUTO(arena_destroy) struct arena *a = arena_new(1 << 16);
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct target_list list = {leaves, ARRAY_LEN(leaves)}, back;
	struct order o = an_order(leaves, ARRAY_LEN(leaves));
	struct err e = ERR_INIT;
	target_list_write(&list, &text);
	assert_int_equal(target_list_read("x", buf_bytes(&text), a, &back, &e), 0);
	assert_int_equal(back.n, 3);
	assert_string_equal(back.leaves[2].target, "us/pg1/c");
	assert_int_equal(back.leaves[2].wave, 1);
	assert_int_equal(target_list_check(&back, &o, &e), 0);
	assert_string_equal(target_list_path("stick/o.order", a), "stick/o.order.targets");
}

static void check_fails(struct merkle_leaf *of, size_t n, const struct order *o, const char *message)
{
	struct target_list list = {of, n};
	struct err e = ERR_INIT;
	assert_int_equal(target_list_check(&list, o, &e), -1);
	assert_int_equal(e.code, ERR_SIGNATURE);
	assert_string_equal(e.msg, message);
}

static void test_another_list(void **state)
{
	(void)state;
	struct order o = an_order(leaves, ARRAY_LEN(leaves));
	struct merkle_leaf other[ARRAY_LEN(leaves)];
	check_fails(leaves, 2, &o, "the order is for 3 targets, the list has 2");
	check_fails(leaves, 0, &o, "the order is for 3 targets, the list has 0");
	memcpy(other, leaves, sizeof other);
	other[1].target = "eu/pg1/x";
	check_fails(other, 3, &o, "the target list is not the one in the order (another Merkle root)");
	memcpy(other, leaves, sizeof other);
	other[2].salt[0]++;
	check_fails(other, 3, &o, "the target list is not the one in the order (another Merkle root)");
	memcpy(other, leaves, sizeof other);
	other[1].wave = 0;
	check_fails(other, 3, &o, "wave canary: the order says 1 targets, the list has 2");
	/* a root that fits, over waves that the order does not say: what a forger of orders would write */
	struct order forged = an_order(other, ARRAY_LEN(other));
	check_fails(other, 3, &forged, "wave canary: the order says 1 targets, the list has 2");
	other[1].wave = 7;
	check_fails(other, 3, &forged, "target eu/pg1/b is in wave 7, the order has 2");
}

#define SALT " 00112233445566778899aabbccddeeff\n"
static void test_no_list(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"0 0 eu/pg1/a\n", "f:1: a line is 'INDEX WAVE TARGET SALT'"},
	    {"0 0 eu/pg1/a 00112233445566778899aabbccddeeff x\n", "f:1: a line is 'INDEX WAVE TARGET SALT', and no more"},
	    {"0 0 eu/pg1/a" SALT "2 0 eu/pg1/b" SALT, "f:2: index 2 stands where 1 is due: lines are missing, or not in their order"},
	    {"0 0 eu/../a" SALT, "f:1: 'eu/../a' is no target's id"},
	    {"0 0 eu/pg1/a 0011\n", "f:1: the salt is 32 hex digits"},
	};
	AUTO(arena_destroy) struct arena *a = arena_new(1 << 16);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct target_list list;
		struct err e = ERR_INIT;
		assert_int_equal(target_list_read("f", bytes_of_str(cases[i].text), a, &list, &e), -1);
		assert_string_equal(e.msg, cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_another_list), cmocka_unit_test(test_no_list)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
