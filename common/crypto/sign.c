/* Ed25519 in memory: make, sign, verify. Files are keyfile.c's. Signatures are libsodium's, which needs half the time of OpenSSL 3.0 for either and is stricter: a fan-out spends most
 * of its processor time here (make bench-verify). */
#include "common/crypto/sign.h"

#include <pthread.h>
#include <sodium/core.h>
#include <sodium/crypto_sign_ed25519.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/crypto/digest.h"
#include "common/crypto/openssl.h"
#include "common/crypto/sign_key.h"

_Static_assert(SIGN_SEED_SIZE == crypto_sign_ed25519_SEEDBYTES && SIGN_EXPANDED_SIZE == crypto_sign_ed25519_SECRETKEYBYTES &&
                   SIGN_PUBLIC_SIZE == crypto_sign_ed25519_PUBLICKEYBYTES && SIGNATURE_SIZE == crypto_sign_ed25519_BYTES,
               "libsodium's sizes");

/* With a key that was made or loaded here these calls fail only when the libraries themselves are broken. */
static void must(bool ok)
{
	if (!ok)
		abort();
}

static void begin_sodium(void)
{
	must(sodium_init() >= 0);
}

static void need_sodium(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, begin_sodium);
}

struct sign_key *sign_key_of_seed(const uint8_t seed[SIGN_SEED_SIZE])
{
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	struct sign_key *k = mem_alloc(sizeof *k);
	need_sodium();
	must(crypto_sign_ed25519_seed_keypair(public_key, k->expanded, seed) == 0);
	return k;
}

int sign_key_generate(struct sign_key **ret, struct err *e)
{
	uint8_t seed[SIGN_SEED_SIZE];
	if (crypto_random(seed, sizeof seed, e) != 0)
		return err_wrap(e, "cannot make an Ed25519 key");
	*ret = sign_key_of_seed(seed);
	explicit_bzero(seed, sizeof seed);
	return 0;
}

void sign_key_destroy(struct sign_key **k)
{
	if (!*k)
		return;
	explicit_bzero((*k)->expanded, sizeof(*k)->expanded);
	free(*k);
	*k = NULL;
}

void sign_key_public(const struct sign_key *k, uint8_t out[SIGN_PUBLIC_SIZE])
{
	memcpy(out, k->expanded + SIGN_SEED_SIZE, SIGN_PUBLIC_SIZE);
}

void sign_key_id(const uint8_t public_key[SIGN_PUBLIC_SIZE], char out[KEY_ID_SIZE])
{
	uint8_t hash[DIGEST_SIZE];
	digest_sha256(bytes_of(public_key, SIGN_PUBLIC_SIZE), hash);
	bytes_to_hex(bytes_of(hash, (KEY_ID_SIZE - 1) / 2), out);
}

void sign_make(const struct sign_key *k, struct bytes message, uint8_t out[SIGNATURE_SIZE])
{
	must(crypto_sign_ed25519_detached(out, NULL, message.p, message.n, k->expanded) == 0);
}

bool sign_check(const uint8_t public_key[SIGN_PUBLIC_SIZE], struct bytes message, const uint8_t sig[SIGNATURE_SIZE])
{
	need_sodium();
	return sign_public_is_sound(public_key) && crypto_sign_ed25519_verify_detached(sig, message.p, message.n, public_key) == 0;
}

/* Points of order 1, 2, 4 and 8, and encodings with y >= p: OpenSSL takes them in key files, and under them a signature can be made without any private key, or one key can be
 * written in two ways and count twice. Source: RFC 8032 section 5.1.3; libsodium's ge25519_has_small_order. */
bool sign_public_is_sound(const uint8_t public_key[SIGN_PUBLIC_SIZE])
{
	static const uint8_t order_8[2][SIGN_PUBLIC_SIZE] = {
	    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
	     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
	     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
	};
	uint8_t y[SIGN_PUBLIC_SIZE];
	memcpy(y, public_key, sizeof y);
	y[31] &= 0x7f; /* the sign of x */

	bool high = y[31] == 0x7f, low = y[31] == 0x00;
	for (size_t i = 1; i < 31; i++) {
		high = high && y[i] == 0xff;
		low = low && y[i] == 0x00;
	}
	if (high && y[0] >= 0xec) /* p - 1 (order 2), and all from p = 2^255 - 19 upwards */
		return false;
	if (low && y[0] <= 1) /* 0 (order 4), 1 (order 1) */
		return false;
	return memcmp(y, order_8[0], sizeof y) != 0 && memcmp(y, order_8[1], sizeof y) != 0;
}

int crypto_random(void *out, size_t n, struct err *e)
{
	if (RAND_bytes(out, (int)n) == 1)
		return 0;
	ERR_clear_error();
	return err_set(e, ERR_IO, "no randomness: libcrypto cannot seed itself");
}
