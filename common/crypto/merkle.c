/* Merkle tree: all levels in one run of digests, leaves first. An odd last node is carried up as it is, so a proof has no sibling on that level and its length
 * depends on index and count: merkle_verify recomputes both and takes no other length. */
#include "common/crypto/merkle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/crypto/digest.h"

typedef uint8_t node[DIGEST_SIZE];

struct merkle_tree {
	size_t count;
	struct merkle_stub {
		uint8_t salt[TARGET_SALT_SIZE];
		uint32_t wave;
	} * stubs;
	node *levels[MERKLE_PATH_MAX + 1]; /* into `nodes`; levels[0] are the leaves */
	size_t sizes[MERKLE_PATH_MAX + 1];
	size_t n_levels;
	node *nodes;
};

static void hash_leaf(const uint8_t salt[TARGET_SALT_SIZE], uint32_t wave, const char *target, node out)
{
	const uint8_t head[] = {0x00}, le[] = {(uint8_t)wave, (uint8_t)(wave >> 8), (uint8_t)(wave >> 16), (uint8_t)(wave >> 24)};
	struct digest *d = digest_new();
	digest_add(d, head, sizeof head);
	digest_add(d, salt, TARGET_SALT_SIZE);
	digest_add(d, le, sizeof le);
	digest_add(d, target, strlen(target));
	digest_final(&d, out);
}

static void hash_pair(const node left, const node right, node out)
{
	uint8_t both[1 + 2 * DIGEST_SIZE] = {0x01};
	memcpy(both + 1, left, DIGEST_SIZE);
	memcpy(both + 1 + DIGEST_SIZE, right, DIGEST_SIZE);
	digest_sha256(bytes_of(both, sizeof both), out);
}

static void build_level(struct merkle_tree *t, size_t level)
{
	const node *below = t->levels[level - 1];
	size_t n = t->sizes[level - 1];
	for (size_t i = 0; i < n / 2; i++)
		hash_pair(below[2 * i], below[2 * i + 1], t->levels[level][i]);
	if (n % 2)
		memcpy(t->levels[level][n / 2], below[n - 1], DIGEST_SIZE);
}

struct merkle_tree *merkle_new(const struct merkle_leaf *leaves, size_t n)
{
	assert(n >= 1 && n <= UINT32_MAX);
	struct merkle_tree *t = mem_alloc(sizeof *t);
	size_t total = 0;
	t->count = n;
	for (size_t size = n;; size = (size + 1) / 2) {
		t->sizes[t->n_levels++] = size;
		total += size;
		if (size == 1)
			break;
	}
	t->nodes = mem_alloc(total * sizeof *t->nodes);
	t->stubs = mem_alloc(n * sizeof *t->stubs);
	t->levels[0] = t->nodes;
	for (size_t i = 1; i < t->n_levels; i++)
		t->levels[i] = t->levels[i - 1] + t->sizes[i - 1];
	for (size_t i = 0; i < n; i++) {
		hash_leaf(leaves[i].salt, leaves[i].wave, leaves[i].target, t->levels[0][i]);
		memcpy(t->stubs[i].salt, leaves[i].salt, TARGET_SALT_SIZE);
		t->stubs[i].wave = leaves[i].wave;
	}
	for (size_t i = 1; i < t->n_levels; i++)
		build_level(t, i);
	return t;
}

void merkle_destroy(struct merkle_tree **t)
{
	if (!*t)
		return;
	free((*t)->nodes);
	free((*t)->stubs);
	free(*t);
	*t = NULL;
}

void merkle_root(const struct merkle_tree *t, uint8_t out[DIGEST_SIZE])
{
	memcpy(out, t->levels[t->n_levels - 1][0], DIGEST_SIZE);
}

void merkle_prove(const struct merkle_tree *t, uint32_t index, struct merkle_proof *ret)
{
	assert(index < t->count);
	*ret = (struct merkle_proof){.index = index, .count = (uint32_t)t->count, .wave = t->stubs[index].wave};
	memcpy(ret->salt, t->stubs[index].salt, TARGET_SALT_SIZE);
	for (size_t level = 0, at = index; level + 1 < t->n_levels; level++, at /= 2)
		if ((at ^ 1) < t->sizes[level])
			memcpy(ret->path[ret->n_path++], t->levels[level][at ^ 1], DIGEST_SIZE);
}

bool merkle_verify(const struct merkle_proof *p, const char *target, const uint8_t root[DIGEST_SIZE], uint32_t count)
{
	if (count == 0 || p->count != count || p->index >= count || p->n_path > MERKLE_PATH_MAX)
		return false;
	node at;
	size_t used = 0, index = p->index;
	hash_leaf(p->salt, p->wave, target, at);
	for (size_t size = count; size > 1; size = (size + 1) / 2, index /= 2) {
		if ((index ^ 1) >= size)
			continue;
		if (used == p->n_path)
			return false;
		if (index % 2)
			hash_pair(p->path[used++], at, at);
		else
			hash_pair(at, p->path[used++], at);
	}
	return used == p->n_path && memcmp(at, root, DIGEST_SIZE) == 0;
}
