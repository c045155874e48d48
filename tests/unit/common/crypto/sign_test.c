/* common/crypto/sign: RFC 8032's vectors; signatures and public keys that other implementations take and this one must not; and the openssl program as the other side, both ways. */
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium/crypto_core_ed25519.h>
#include <sodium/crypto_hash_sha512.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/crypto/sign_key.h"

static char dir[] = "/tmp/rollcall-sign-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return !mkdtemp(dir) || chdir(dir) != 0;
}

static int teardown(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	return chdir("/") != 0 || file_remove_tree(dir, &e) != 0;
}

static void unhex(const char *hex, uint8_t *out, size_t n)
{
	struct err e = ERR_INIT;
	assert_int_equal(bytes_from_hex(hex, out, n, &e), 0);
}

/* ---- RFC 8032 ------------------------------------------------------------------------------------------------------------------------------------ */

/* Section 7.1: TEST 1, 2, 3 and SHA(abc). */
static const struct {
	const char *seed, *public_key, *message, *sig;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42", "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		uint8_t seed[SIGN_SEED_SIZE], key[SIGN_PUBLIC_SIZE], want_key[SIGN_PUBLIC_SIZE], sig[SIGNATURE_SIZE], want[SIGNATURE_SIZE], message[64];
		size_t n = strlen(vectors[i].message) / 2;
		unhex(vectors[i].seed, seed, sizeof seed);
		unhex(vectors[i].public_key, want_key, sizeof want_key);
		unhex(vectors[i].message, message, n);
		unhex(vectors[i].sig, want, sizeof want);
		AUTO(sign_key_destroy) struct sign_key *k = sign_key_of_seed(seed);
		sign_key_public(k, key);
		sign_make(k, bytes_of(message, n), sig);
		assert_memory_equal(key, want_key, sizeof key);
		assert_memory_equal(sig, want, sizeof sig);
		assert_true(sign_check(key, bytes_of(message, n), sig));
		assert_false(sign_check(key, bytes_of("other", 5), sig));
		for (size_t bit = 0; bit < sizeof sig * 8; bit++) {
			sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(sign_check(key, bytes_of(message, n), sig));
			sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* ---- what must not be taken ---------------------------------------------------------------------------------------------------------------------- */

static const char said[] = "pay mallory";

static struct sign_key *new_key(void)
{
	struct sign_key *k = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(sign_key_generate(&k, &e), 0);
	return k;
}

/* The same signature with s + L, L the order of the base point: a second form of one signature (section 5.1.7 wants s < L). */
static void test_malleable_signature(void **state)
{
	uint8_t key[SIGN_PUBLIC_SIZE], sig[SIGNATURE_SIZE], order[32];
	unsigned carry = 0;
	(void)state;
	AUTO(sign_key_destroy) struct sign_key *k = new_key();
	unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order, sizeof order);
	sign_key_public(k, key);
	sign_make(k, bytes_of_str(said), sig);
	assert_true(sign_check(key, bytes_of_str(said), sig));
	for (size_t i = 0; i < sizeof order; i++) {
		carry += (unsigned)sig[32 + i] + order[i];
		sig[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_false(sign_check(key, bytes_of_str(said), sig));
}

static const char *const small_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000", "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

/* Under the identity point, R = identity and S = 0 verify for every message: anybody could sign. */
static void test_public_keys_of_small_order(void **state)
{
	uint8_t key[SIGN_PUBLIC_SIZE], sig[SIGNATURE_SIZE] = {1};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(small_order); i++) {
		unhex(small_order[i], key, sizeof key);
		assert_false(sign_public_is_sound(key));
		assert_false(sign_check(key, bytes_of_str(said), sig));
	}
	unhex(vectors[0].public_key, key, sizeof key);
	assert_true(sign_public_is_sound(key));
}

/* y from p = 2^255 - 19 to 2^255 - 1, with both signs of x: second spellings of the points with y from 0 to 18. */
static void test_public_keys_of_a_second_spelling(void **state)
{
	uint8_t key[SIGN_PUBLIC_SIZE];
	(void)state;
	for (unsigned low = 0xed; low <= 0xff; low++)
		for (unsigned sign = 0; sign < 2; sign++) {
			memset(key, 0xff, sizeof key);
			key[0] = (uint8_t)low;
			key[31] = sign ? 0xff : 0x7f;
			assert_false(sign_public_is_sound(key));
		}
	memset(key, 0xff, sizeof key);
	key[0] = 0xeb; /* p - 2: canonical, and a point's y or not, not ours to say */
	key[31] = 0x7f;
	assert_true(sign_public_is_sound(key));
}

/* Made with the private key, but R is the identity: S = k a. A check without this rule takes it (openssl does, below), and its maker can say later that it proves nothing. */
static void sign_with_identity(const struct sign_key *k, uint8_t sig[SIGNATURE_SIZE])
{
	uint8_t hash[crypto_hash_sha512_BYTES], a[crypto_core_ed25519_NONREDUCEDSCALARBYTES] = {0}, scalar[32], challenge[32];
	uint8_t hashed[32 + SIGN_PUBLIC_SIZE + sizeof said - 1] = {1};
	crypto_hash_sha512(hash, k->expanded, SIGN_SEED_SIZE);
	hash[0] &= 248;
	hash[31] = (uint8_t)((hash[31] & 127) | 64);
	memcpy(a, hash, 32);
	crypto_core_ed25519_scalar_reduce(scalar, a);
	sign_key_public(k, hashed + 32);
	memcpy(hashed + 32 + SIGN_PUBLIC_SIZE, said, sizeof said - 1);
	crypto_hash_sha512(hash, hashed, sizeof hashed);
	crypto_core_ed25519_scalar_reduce(challenge, hash);
	memset(sig, 0, SIGNATURE_SIZE);
	sig[0] = 1;
	crypto_core_ed25519_scalar_mul(sig + 32, challenge, scalar);
}

/* ---- the openssl program ------------------------------------------------------------------------------------------------------------------------- */

static int openssl(char *const argv[])
{
	posix_spawn_file_actions_t quiet;
	pid_t pid = 0;
	int status = -1;
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&quiet, STDOUT_FILENO, STDERR_FILENO);
	assert_int_equal(posix_spawnp(&pid, "openssl", &quiet, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&quiet);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool openssl_takes(const uint8_t sig[SIGNATURE_SIZE]) /* of what is said, by the key in k.pub */
{
	struct err e = ERR_INIT;
	assert_int_equal(file_write_atomic("said", bytes_of_str(said), 0644, &e), 0);
	assert_int_equal(file_write_atomic("sig", bytes_of(sig, SIGNATURE_SIZE), 0644, &e), 0);
	return openssl((char *[]){"openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "k.pub", "-rawin", "-in", "said", "-sigfile", "sig", NULL}) == 0;
}

static void save(const struct sign_key *k, const struct secret *passphrase)
{
	struct err e = ERR_INIT;
	(void)unlink("k");
	(void)unlink("k.pub");
	assert_int_equal(sign_key_save_owned(k, "k", "Ann Example", passphrase, &e), 0);
}

static void test_openssl_takes_ours(void **state)
{
	uint8_t sig[SIGNATURE_SIZE];
	(void)state;
	AUTO(sign_key_destroy) struct sign_key *k = new_key();
	save(k, NULL);
	sign_make(k, bytes_of_str(said), sig);
	assert_true(openssl_takes(sig));
	sig[40] ^= 1;
	assert_false(openssl_takes(sig));
}

static void test_signature_with_an_identity(void **state)
{
	uint8_t key[SIGN_PUBLIC_SIZE], sig[SIGNATURE_SIZE];
	(void)state;
	AUTO(sign_key_destroy) struct sign_key *k = new_key();
	save(k, NULL);
	sign_key_public(k, key);
	sign_with_identity(k, sig);
	assert_true(openssl_takes(sig)); /* so it is what it is meant to be */
	assert_false(sign_check(key, bytes_of_str(said), sig));
}

/* Keys that it made, plain and encrypted by its own defaults, are read here and their signatures taken; files of ours are read there. */
static void test_keys_and_signatures_of_openssl(void **state)
{
	AUTO(secret_destroy) struct secret *passphrase = secret_new("horse", 5);
	uint8_t key[SIGN_PUBLIC_SIZE];
	struct err e = ERR_INIT;
	(void)state;
	assert_int_equal(openssl((char *[]){"openssl", "genpkey", "-algorithm", "ed25519", "-out", "plain", NULL}), 0);
	assert_int_equal(openssl((char *[]){"openssl", "pkcs8", "-topk8", "-in", "plain", "-out", "crypted", "-passout", "pass:horse", NULL}), 0);
	assert_int_equal(openssl((char *[]){"openssl", "pkeyutl", "-sign", "-inkey", "plain", "-rawin", "-in", "said", "-out", "theirs", NULL}), 0);
	assert_int_equal(chmod("plain", 0600), 0);
	assert_int_equal(chmod("crypted", 0600), 0);
	for (int i = 0; i < 2; i++) {
		AUTO(sign_key_destroy) struct sign_key *k = NULL;
		AUTO(buf_done) struct buf sig = BUF_INIT;
		assert_int_equal(sign_key_load(i ? "crypted" : "plain", i ? passphrase : NULL, &k, &e), 0);
		assert_int_equal(file_read("theirs", SIGNATURE_SIZE, &sig, &e), 0);
		assert_int_equal(sig.n, SIGNATURE_SIZE);
		sign_key_public(k, key);
		assert_true(sign_check(key, bytes_of_str(said), (const uint8_t *)sig.p));
		save(k, passphrase);
		assert_int_equal(openssl((char *[]){"openssl", "pkey", "-in", "k", "-passin", "pass:horse", "-noout", NULL}), 0);
		save(k, NULL);
		assert_int_equal(openssl((char *[]){"openssl", "pkey", "-in", "k", "-noout", NULL}), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_malleable_signature),
	    cmocka_unit_test(test_public_keys_of_small_order),
	    cmocka_unit_test(test_public_keys_of_a_second_spelling),
	    cmocka_unit_test(test_openssl_takes_ours),
	    cmocka_unit_test(test_signature_with_an_identity),
	    cmocka_unit_test(test_keys_and_signatures_of_openssl),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
