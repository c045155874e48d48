/* DSSE envelopes: the pre-authentication encoding puts the type inside the signature; the signed bytes are kept as they came.
 * Source: secure-systems-lab/dsse protocol.md v1.0. */
#ifndef COMMON_CRYPTO_DSSE_H
#define COMMON_CRYPTO_DSSE_H

#include "common/base/arena.h"
#include "common/crypto/sign.h"
#include "common/model/trust.h"

/* Adds a signature by `k` to the envelope (in the arena). A key that signed already is ERR_EXISTS; a 17th signature ERR_LIMIT. */
int dsse_sign(struct envelope *env, const struct sign_key *k, struct arena *a, struct err *e) MUST_CHECK;

/* Does some signature of the envelope verify under this public key and this expected type? The key id is never consulted. */
bool dsse_signed_by(const struct envelope *env, const char *expected_type, const uint8_t public_key[SIGN_PUBLIC_SIZE]);

#endif
