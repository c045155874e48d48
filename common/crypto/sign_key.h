/* Inside of a signing key, shared by sign.c (memory) and keyfile.c (files) alone. */
#ifndef COMMON_CRYPTO_SIGN_KEY_H
#define COMMON_CRYPTO_SIGN_KEY_H

#include "common/crypto/sign.h"

#define SIGN_SEED_SIZE     32
#define SIGN_EXPANDED_SIZE (SIGN_SEED_SIZE + SIGN_PUBLIC_SIZE)

struct sign_key {
	uint8_t expanded[SIGN_EXPANDED_SIZE]; /* as libsodium takes it: the seed (RFC 8032), then the public key */
};

struct sign_key *sign_key_of_seed(const uint8_t seed[SIGN_SEED_SIZE]); /* the caller wipes its seed */

#endif
