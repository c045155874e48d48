/* common/crypto: once a private key or a passphrase is let go, no byte of it is left in this process: its own memory is searched, for the octets as they are and as base64. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium/utils.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/crypto/sign_key.h"
#include "common/link/curve.h"

#define MASK      0x5a /* what is looked for must not stand here itself */
#define PART      12 /* a part of so much is a find */
#define CHUNK     ((size_t)1024 * 1024)
#define REGION    ((size_t)256 * 1024 * 1024) /* a sanitizer's shadow is larger, and holds no data */
#define TEXT_SIZE 41 /* 30 octets in base64, and a NUL */

static char dir[] = "/tmp/rollcall-wiped-XXXXXX";
static uint8_t chunk[CHUNK];
static struct needle {
	uint8_t masked[TEXT_SIZE - 1];
	size_t n;
} needles[2];

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

static void look_for(size_t i, const void *p, size_t n)
{
	needles[i].n = n;
	for (size_t k = 0; k < n; k++)
		needles[i].masked[k] = ((const uint8_t *)p)[k] ^ MASK;
}

/* In its PKCS#8 form 16 octets stand before the seed, so the base64 of its octets 2 to 31 stands alone there. */
static void look_for_key(const struct sign_key *k)
{
	char text[TEXT_SIZE];
	sodium_bin2base64(text, sizeof text, k->expanded + 2, 30, sodium_base64_VARIANT_ORIGINAL);
	look_for(0, k->expanded, SIGN_SEED_SIZE);
	look_for(1, text, sizeof text - 1);
	explicit_bzero(text, sizeof text);
}

/* In the open only between two readings of memory. */
static unsigned finds_here(const uint8_t *p, size_t n, const struct needle *of)
{
	uint8_t part[PART];
	unsigned found = 0;
	for (size_t at = 0; at + PART <= of->n; at += PART) {
		for (size_t i = 0; i < PART; i++)
			part[i] = of->masked[at + i] ^ MASK;
		found += memmem(p, n, part, PART) != NULL;
	}
	explicit_bzero(part, sizeof part);
	return found;
}

static unsigned finds_in(int memory, unsigned long from, unsigned long to)
{
	unsigned n = 0;
	for (unsigned long at = from; at < to; at += CHUNK - PART) {
		ssize_t got = pread(memory, chunk, to - at < CHUNK ? to - at : CHUNK, (off_t)at);
		for (size_t i = 0; got > 0 && i < ARRAY_LEN(needles); i++)
			n += finds_here(chunk, (size_t)got, &needles[i]);
		explicit_bzero(chunk, sizeof chunk);
	}
	return n;
}

/* How often it stands in what this process can write to. */
static unsigned finds(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char line[512], mode[5];
	unsigned long from, to;
	unsigned n = 0;
	assert_non_null(maps);
	assert_true(memory >= 0);
	while (fgets(line, sizeof line, maps))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3 && mode[1] == 'w' && to - from <= REGION)
			n += finds_in(memory, from, to);
	close(memory);
	fclose(maps);
	return n;
}

static struct sign_key *load(const struct secret *passphrase)
{
	struct sign_key *k = NULL;
	struct err e = ERR_INIT;
	int rc = sign_key_load("k", passphrase, &k, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
	return k;
}

static void use(struct sign_key *k)
{
	uint8_t sig[SIGNATURE_SIZE];
	sign_make(k, bytes_of_str("hello"), sig);
}

static void live_through(const struct secret *passphrase)
{
	struct sign_key *k = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(sign_key_generate(&k, &e), 0);
	look_for_key(k);
	assert_true(finds() > 0); /* the search finds it */
	(void)unlink("k");
	(void)unlink("k.pub");
	assert_int_equal(sign_key_save(k, "k", passphrase, &e), 0);
	use(k);
	sign_key_destroy(&k);
	assert_int_equal(finds(), 0);
	k = load(passphrase);
	use(k);
	assert_true(finds() > 0);
	sign_key_destroy(&k);
	assert_int_equal(finds(), 0);
}

static void test_plain_key(void **state)
{
	(void)state;
	live_through(NULL);
}

static void test_encrypted_key(void **state)
{
	(void)state;
	AUTO(secret_destroy) struct secret *passphrase = secret_new("correct horse", 13);
	live_through(passphrase);
}

static void test_passphrase(void **state)
{
	(void)state;
	uint8_t random[32];
	struct err e = ERR_INIT;
	assert_int_equal(crypto_random(random, sizeof random, &e), 0);
	struct secret *passphrase = secret_new(random, sizeof random);
	look_for(0, random, sizeof random);
	needles[1].n = 0;
	explicit_bzero(random, sizeof random);
	{
		AUTO(sign_key_destroy) struct sign_key *made = NULL;
		assert_int_equal(sign_key_generate(&made, &e), 0);
		assert_int_equal(sign_key_save(made, "p", passphrase, &e), 0);
		AUTO(sign_key_destroy) struct sign_key *loaded = NULL;
		assert_int_equal(sign_key_load("p", passphrase, &loaded, &e), 0);
	}
	assert_true(finds() > 0);
	secret_destroy(&passphrase);
	assert_int_equal(finds(), 0);
}

static void test_curve_key(void **state)
{
	(void)state;
	struct curve_key k = {0};
	struct err e = ERR_INIT;
	assert_int_equal(curve_key_generate("c", &e), 0);
	assert_int_equal(curve_key_load("c", &k, &e), 0);
	look_for(0, secret_reveal(k.secret_text), 40);
	needles[1].n = 0;
	assert_true(finds() > 0);
	curve_key_done(&k);
	assert_int_equal(finds(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain_key),
	    cmocka_unit_test(test_encrypted_key),
	    cmocka_unit_test(test_passphrase),
	    cmocka_unit_test(test_curve_key),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
