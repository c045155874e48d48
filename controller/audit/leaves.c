/* See the header. */
#include "controller/audit/leaves.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LEAVES_MAX 1000000

static size_t read_lines(struct bytes data, struct arena *a, struct merkle_leaf **ret)
{
	char *text = arena_strndup(a, (const char *)data.p, data.n), *save = NULL;
	size_t n = 0, cap = 0;
	for (char *line = strtok_r(text, "\n", &save); line && n < LEAVES_MAX; line = strtok_r(NULL, "\n", &save)) {
		char target[256], salt[TARGET_SALT_SIZE * 2 + 1];
		uint32_t index, wave;
		struct merkle_leaf leaf;
		if (sscanf(line, "%" SCNu32 " %" SCNu32 " %255s %32s", &index, &wave, target, salt) != 4 || index != n ||
		    bytes_from_hex(salt, leaf.salt, TARGET_SALT_SIZE, NULL) != 0)
			return 0;
		leaf.wave = wave;
		leaf.target = arena_strdup(a, target);
		arena_vec_grow(a, *ret, n, cap);
		(*ret)[n++] = leaf;
	}
	return n;
}

bool leaves_read(struct bytes text, const struct order *o, struct arena *a, struct merkle_leaf **ret)
{
	struct merkle_leaf *leaves = NULL;
	uint8_t root[DIGEST_SIZE];
	size_t n = read_lines(text, a, &leaves);
	if (n == 0 || n != o->target_count)
		return false;
	struct merkle_tree *t = merkle_new(leaves, n);
	merkle_root(t, root);
	merkle_destroy(&t);
	if (memcmp(root, o->targets_root, DIGEST_SIZE) != 0)
		return false;
	*ret = leaves;
	return true;
}
