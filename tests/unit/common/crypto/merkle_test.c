/* common/crypto/merkle: every index of every size up to 70, and what must not verify. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/crypto/digest.h"
#include "common/crypto/merkle.h"

#define MOST 70

static char names[MOST][32];
static struct merkle_leaf leaves[MOST];

static int setup(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < MOST; i++) {
		snprintf(names[i], sizeof names[i], "eu/pg-1/shop_%u", (unsigned)i);
		leaves[i] = (struct merkle_leaf){.wave = i / 3, .target = names[i]};
		memset(leaves[i].salt, (int)i, TARGET_SALT_SIZE);
	}
	return 0;
}

static void test_every_index_of_every_size(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= MOST; n++) {
		uint8_t root[DIGEST_SIZE];
		AUTO(merkle_destroy) struct merkle_tree *t = merkle_new(leaves, n);
		merkle_root(t, root);
		for (uint32_t i = 0; i < n; i++) {
			struct merkle_proof p;
			merkle_prove(t, i, &p);
			assert_true(merkle_verify(&p, names[i], root, n));
			assert_int_equal(p.wave, i / 3);
			/* another name, count, wave, salt, index, path */
			assert_false(merkle_verify(&p, names[(i + 1) % MOST], root, n));
			assert_false(merkle_verify(&p, names[i], root, n + 1));
			assert_false(merkle_verify(&p, names[i], root, n - 1));
			struct merkle_proof q = p;
			q.wave++;
			assert_false(merkle_verify(&q, names[i], root, n));
			q = p, q.salt[15] ^= 1;
			assert_false(merkle_verify(&q, names[i], root, n));
			q = p, q.count = n + 1;
			assert_false(merkle_verify(&q, names[i], root, n));
			q = p, q.n_path++;
			assert_false(merkle_verify(&q, names[i], root, n));
			if (p.n_path) {
				q = p, q.n_path--;
				assert_false(merkle_verify(&q, names[i], root, n));
				q = p, q.path[0][0] ^= 1;
				assert_false(merkle_verify(&q, names[i], root, n));
			}
			q = p, q.index = n;
			assert_false(merkle_verify(&q, names[i], root, n));
		}
	}
}

/* Wrong at the same time in proof and order: a proof of a tree of 5 under a claim of 6 needs another shape. */
static void test_count_is_part_of_the_shape(void **state)
{
	(void)state;
	uint8_t root[DIGEST_SIZE];
	AUTO(merkle_destroy) struct merkle_tree *t = merkle_new(leaves, 5);
	struct merkle_proof p;
	merkle_root(t, root);
	merkle_prove(t, 4, &p);
	assert_int_equal(p.n_path, 1); /* carried up twice */
	p.count = 6;
	assert_false(merkle_verify(&p, names[4], root, 6));
	p.count = 0;
	assert_false(merkle_verify(&p, names[4], root, 0));
}

/* The formula of model/order.h by hand, for three leaves. */
static void test_formula(void **state)
{
	(void)state;
	uint8_t leaf[3][DIGEST_SIZE], both[1 + 2 * DIGEST_SIZE], left[DIGEST_SIZE], want[DIGEST_SIZE], root[DIGEST_SIZE];
	for (size_t i = 0; i < 3; i++) {
		uint8_t in[64] = {0x00};
		memcpy(in + 1, leaves[i].salt, TARGET_SALT_SIZE);
		in[17] = (uint8_t)leaves[i].wave;
		size_t n = strlen(names[i]);
		memcpy(in + 21, names[i], n);
		digest_sha256(bytes_of(in, 21 + n), leaf[i]);
	}
	both[0] = 0x01;
	memcpy(both + 1, leaf[0], DIGEST_SIZE), memcpy(both + 33, leaf[1], DIGEST_SIZE);
	digest_sha256(bytes_of(both, sizeof both), left);
	memcpy(both + 1, left, DIGEST_SIZE), memcpy(both + 33, leaf[2], DIGEST_SIZE);
	digest_sha256(bytes_of(both, sizeof both), want);
	AUTO(merkle_destroy) struct merkle_tree *t = merkle_new(leaves, 3);
	merkle_root(t, root);
	assert_memory_equal(root, want, DIGEST_SIZE);
}

/* An inner node's octets shown as a target must not pass for a leaf: the first octet tells them apart. */
static void test_inner_node_is_no_leaf(void **state)
{
	(void)state;
	uint8_t root2[DIGEST_SIZE], root1[DIGEST_SIZE];
	AUTO(merkle_destroy) struct merkle_tree *two = merkle_new(leaves, 2);
	AUTO(merkle_destroy) struct merkle_tree *one = merkle_new(leaves, 1);
	merkle_root(two, root2);
	merkle_root(one, root1);
	assert_memory_not_equal(root1, root2, DIGEST_SIZE);
	struct merkle_proof p;
	merkle_prove(two, 0, &p);
	p.n_path = 0, p.count = 1;
	assert_false(merkle_verify(&p, names[0], root2, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_index_of_every_size),
	    cmocka_unit_test(test_count_is_part_of_the_shape),
	    cmocka_unit_test(test_formula),
	    cmocka_unit_test(test_inner_node_is_no_leaf),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
