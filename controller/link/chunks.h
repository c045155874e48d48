/* Chunks of blobs that are being pulled, each in memory once, whoever and however many wait for it: the messages to all of them point into it, and the last one that was sent lets
 * go of it. A few that nobody waits for are kept for the next who asks, so that a fleet reads each from the disk once. One thread asks; letting go is for any thread. */
#ifndef CONTROLLER_LINK_CHUNKS_H
#define CONTROLLER_LINK_CHUNKS_H

#include <stdint.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/crypto/blobs.h"

struct chunk {
	const uint8_t *p;
	size_t n;
	struct chunk_memory *memory; /* for chunk_release */
};

struct chunks;
struct chunks *chunks_new(const char *dir); /* of blobs; borrowed */
void chunks_destroy(struct chunks **c); /* what was handed out stays until it is released */
/* Chunk `index` of a blob, LIMIT_CHUNK long but for the last one, held for the caller; what was kept of another `file` under this hash does not count. The errors of
 * blobs_read_at; ERR_IO when the blob ends before it. */
int chunks_get(struct chunks *c, const uint8_t hash[DIGEST_SIZE], const struct blob_file *file, uint32_t index, int64_t now_us, struct chunk *ret,
               struct err *e) MUST_CHECK;
/* zmq_free_fn: `memory` is the chunk's. */
void chunk_release(void *unused, void *memory);
/* Lets go of what nobody has asked for in a while. */
void chunks_expire(struct chunks *c, int64_t now_us);
uint64_t chunks_bytes(const struct chunks *c); /* that it keeps itself */

#endif
