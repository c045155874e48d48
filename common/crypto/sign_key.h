/* Inside of a signing key, shared by sign.c (memory) and keyfile.c (files) alone. */
#ifndef COMMON_CRYPTO_SIGN_KEY_H
#define COMMON_CRYPTO_SIGN_KEY_H

#include "common/crypto/openssl.h"
#include "common/crypto/sign.h"

struct sign_key {
	EVP_PKEY *pkey;
};

struct sign_key *sign_key_wrap(EVP_PKEY *pkey); /* takes the key over */

#endif
