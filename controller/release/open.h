/* Release files: an envelope around the manifest. Writing, reading, signing, checking against a trust document. */
#ifndef CONTROLLER_RELEASE_OPEN_H
#define CONTROLLER_RELEASE_OPEN_H

#include "common/base/arena.h"
#include "common/crypto/sign.h"
#include "common/model/release.h"
#include "common/model/trust.h"

/* Writes an unsigned envelope; never over an existing file unless it holds the same manifest bytes (ERR_EXISTS). Sets r->digest. */
int release_write(const char *path, struct release *r, struct err *e) MUST_CHECK;
/* Reads envelope and manifest; nothing is verified here. ERR_PARSE when the file is something else. */
int release_open(const char *path, struct arena *a, struct envelope *ret_env, struct release *ret, struct err *e) MUST_CHECK;
/* Adds a signature and writes the file anew. ERR_EXISTS when this key signed it before. */
int release_sign(const char *path, const struct sign_key *k, struct err *e) MUST_CHECK;
/* Loads the trust document, checks it against its own root at now_us, and the release's signatures against its role `release`.
 * ret_signers (may be NULL) gets the keys that signed, up to `max`; ret_n how many. ERR_SIGNATURE when the threshold is not met, ERR_POLICY when the release has expired. */
int release_verify(const char *path, const char *trust_path, int64_t now_us, struct arena *a, const struct trust_key **ret_signers, size_t max,
                   size_t *ret_n, struct err *e) MUST_CHECK;
/* The release file with the highest sequence in a folder, NULL if there is none; files that are no releases are errors. */
int release_latest(const char *folder, struct arena *a, const char **ret_path, struct release *ret, struct err *e) MUST_CHECK;

#endif
