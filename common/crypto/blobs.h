/* A folder of content-addressed files named by the SHA-256 of their bytes: releases, dossiers, trust documents. Names never come from a peer. Blocks on disk. */
#ifndef COMMON_CRYPTO_BLOBS_H
#define COMMON_CRYPTO_BLOBS_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/base/bytes.h"
#include "common/base/err.h"

/* Writes atomically with fsync; storing it twice is fine. ret_hash gets the address. */
int blobs_put(const char *dir, struct bytes data, uint8_t ret_hash[DIGEST_SIZE], struct err *e) MUST_CHECK;
struct blob_file { /* which file it is just now: an altered one is another, also when it is put back */
	uint64_t size, inode;
	int64_t changed_ns;
};
/* False when there is none. */
bool blobs_look(const char *dir, const uint8_t hash[DIGEST_SIZE], struct blob_file *ret);
bool blobs_has(const char *dir, const uint8_t hash[DIGEST_SIZE], uint64_t *ret_size);
/* Reads whole and checks the hash again; ERR_NOT_FOUND, ERR_LIMIT, or ERR_SIGNATURE when the bytes no longer match. */
int blobs_get(const char *dir, const uint8_t hash[DIGEST_SIZE], size_t max_bytes, struct buf *ret, struct err *e) MUST_CHECK;
/* Reads up to `size` bytes at `offset` without checking (the receiver does): for chunk servers. ret_n 0 at the end. */
int blobs_read_at(const char *dir, const uint8_t hash[DIGEST_SIZE], uint64_t offset, void *out, size_t size, size_t *ret_n, struct err *e) MUST_CHECK;
/* Missing is fine. */
void blobs_remove(const char *dir, const uint8_t hash[DIGEST_SIZE]);

#endif
