/* SHA-256, and the digests of our documents' parts. */
#ifndef COMMON_CRYPTO_DIGEST_H
#define COMMON_CRYPTO_DIGEST_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/model/changeset.h"

void digest_sha256(struct bytes data, uint8_t out[DIGEST_SIZE]);

/* Incremental form. Owned by the caller; digest_final also frees. */
struct digest;
struct digest *digest_new(void);
void digest_add(struct digest *d, const void *p, size_t n);
void digest_add_sized(struct digest *d, struct bytes b); /* u64le length, then the bytes: parts cannot run together */
void digest_final(struct digest **d, uint8_t out[DIGEST_SIZE]);

void digest_step(const struct step *s, uint8_t out[DIGEST_SIZE]);
/* Over id, every body (engine, forward and rollback step digests, has_rollback), preconditions, validations and flags; not over file, line or comment.
 * Step digests must be set. `normal`: white space runs of each statement folded to one blank. */
void digest_changeset(const struct changeset *c, uint8_t out[DIGEST_SIZE]);
void digest_changeset_normal(const struct changeset *c, uint8_t out[DIGEST_SIZE]);

#endif
