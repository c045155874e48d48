/* The Merkle tree over an order's frozen target list: one signature for the list, a proof for each target. See struct merkle_proof. */
#ifndef COMMON_CRYPTO_MERKLE_H
#define COMMON_CRYPTO_MERKLE_H

#include "common/base/err.h"
#include "common/model/order.h"

struct merkle_leaf {
	uint8_t salt[TARGET_SALT_SIZE];
	uint32_t wave;
	const char *target;
};

struct merkle_tree;
/* Levels in memory: 2n digests. `leaves` is borrowed only for the call. n >= 1. */
struct merkle_tree *merkle_new(const struct merkle_leaf *leaves, size_t n);
void merkle_destroy(struct merkle_tree **t);
void merkle_root(const struct merkle_tree *t, uint8_t out[DIGEST_SIZE]);
/* salt and wave are copied from the leaf. */
void merkle_prove(const struct merkle_tree *t, uint32_t index, struct merkle_proof *ret);
/* True when the target with this proof is in the tree of `root` with exactly `count` leaves. */
bool merkle_verify(const struct merkle_proof *p, const char *target, const uint8_t root[DIGEST_SIZE], uint32_t count);

#endif
