/* Chunks of blobs: one copy each, held as long as somebody waits for it, and let go of afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/wire/limits.h"
#include "controller/link/chunks.h"

#define SECOND ((int64_t)1000000)

static char dir[64];
static struct chunks *c;
static struct err e;

static int setup(void **state)
{
	(void)state;
	str_copy(dir, sizeof dir, "/tmp/rollcall-chunks.XXXXXX");
	e = ERR_INIT;
	c = mkdtemp(dir) ? chunks_new(dir) : NULL;
	return c ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	chunks_destroy(&c);
	return file_remove_tree(dir, &e);
}

static void put(size_t n, uint8_t seed, uint8_t hash[DIGEST_SIZE])
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	for (size_t i = 0; i < n; i++)
		buf_addc(&data, (char)(i / LIMIT_CHUNK + seed));
	assert_int_equal(blobs_put(dir, buf_bytes(&data), hash, &e), 0);
}

static struct chunk get(const uint8_t hash[DIGEST_SIZE], uint32_t index, int64_t now_us)
{
	struct chunk k;
	struct blob_file file;
	assert_true(blobs_look(dir, hash, &file));
	if (chunks_get(c, hash, &file, index, now_us, &k, &e) != 0)
		fail_msg("%s", e.msg);
	return k;
}

static void test_one_copy_for_all(void **state)
{
	(void)state;
	uint8_t hash[DIGEST_SIZE], other[DIGEST_SIZE];
	put(2 * LIMIT_CHUNK + 5, 1, hash);
	put(LIMIT_CHUNK, 9, other);
	struct chunk a = get(hash, 1, 0), b = get(hash, 1, 0), last = get(hash, 2, 0), foreign = get(other, 0, 0);
	assert_ptr_equal(a.p, b.p);
	assert_int_equal(a.n, LIMIT_CHUNK);
	assert_int_equal(a.p[0], 2);
	assert_int_equal(last.n, 5);
	assert_int_equal(last.p[4], 3);
	assert_int_equal(foreign.p[LIMIT_CHUNK - 1], 9);
	assert_int_equal(chunks_bytes(c), 2 * LIMIT_CHUNK + 5);
	chunk_release(NULL, a.memory);
	assert_int_equal(b.p[LIMIT_CHUNK - 1], 2); /* the other one still waits */
	chunk_release(NULL, b.memory);
	chunk_release(NULL, last.memory);
	chunk_release(NULL, foreign.memory);
	assert_int_equal(chunks_bytes(c), 2 * LIMIT_CHUNK + 5); /* kept for the next who asks */
}

static void test_what_is_not_there(void **state)
{
	(void)state;
	uint8_t hash[DIGEST_SIZE];
	struct chunk k = {.p = NULL};
	struct blob_file file;
	put(LIMIT_CHUNK, 1, hash);
	assert_true(blobs_look(dir, hash, &file));
	assert_int_equal(chunks_get(c, hash, &file, 1, 0, &k, &e), -1);
	assert_non_null(strstr(e.msg, "ends before its chunk 1"));
	hash[0] ^= 1;
	assert_int_equal(chunks_get(c, hash, &file, 0, 0, &k, &e), -1);
	assert_null(k.p);
	assert_int_equal(chunks_bytes(c), 0);
}

/* Receivers see that the bytes are not those of the hash; what must not be is that they get them when the file has long been put back. */
static void test_an_altered_file_is_another(void **state)
{
	(void)state;
	uint8_t hash[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE], path[256];
	put(1000, 1, hash);
	snprintf(path, sizeof path, "%s/%s", dir, bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex));
	struct chunk right = get(hash, 0, 0);
	clock_sleep_ms(20); /* a file's times are as coarse as the kernel's ticks */
	FILE *f = fopen(path, "r+"); /* in place: the same inode, the same size */
	assert_non_null(f);
	assert_int_equal(fputc(7, f), 7);
	assert_int_equal(fclose(f), 0);
	struct chunk wrong = get(hash, 0, 0);
	assert_int_equal(wrong.p[0], 7);
	assert_int_equal(right.p[0], 1); /* who had it keeps it */
	put(1000, 1, hash);
	struct chunk again = get(hash, 0, 0);
	assert_int_equal(again.p[0], 1);
	chunk_release(NULL, right.memory);
	chunk_release(NULL, wrong.memory);
	chunk_release(NULL, again.memory);
}

/* 40 MB of chunks, of which one is waited for: that one stays, and the newest; the rest keeps to its bound. */
static void test_those_that_nobody_waits_for_make_room(void **state)
{
	(void)state;
	uint8_t hash[DIGEST_SIZE];
	put(160 * LIMIT_CHUNK, 0, hash);
	struct chunk waited = get(hash, 0, 0);
	for (uint32_t i = 1; i < 160; i++)
		chunk_release(NULL, get(hash, i, 0).memory);
	assert_true(chunks_bytes(c) <= (uint64_t)32 * 1024 * 1024 + LIMIT_CHUNK);
	struct chunk again = get(hash, 0, 0);
	assert_ptr_equal(again.p, waited.p);
	chunk_release(NULL, again.memory);
	chunk_release(NULL, waited.memory);
}

static void test_idle_ones_go(void **state)
{
	(void)state;
	uint8_t hash[DIGEST_SIZE];
	put(3 * LIMIT_CHUNK, 0, hash);
	struct chunk waited = get(hash, 0, 0);
	chunk_release(NULL, get(hash, 1, 5 * SECOND).memory);
	chunks_expire(c, 10 * SECOND);
	assert_int_equal(chunks_bytes(c), 2 * LIMIT_CHUNK);
	chunks_expire(c, 11 * SECOND);
	assert_int_equal(chunks_bytes(c), LIMIT_CHUNK);
	chunks_expire(c, 16 * SECOND);
	assert_int_equal(chunks_bytes(c), 0);
	assert_int_equal(waited.p[0], 0); /* who still waits has it */
	chunks_destroy(&c);
	assert_int_equal(waited.p[LIMIT_CHUNK - 1], 0); /* even then: libzmq lets go later */
	chunk_release(NULL, waited.memory);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {CASE(test_one_copy_for_all), CASE(test_what_is_not_there), CASE(test_an_altered_file_is_another),
	                                   CASE(test_those_that_nobody_waits_for_make_room), CASE(test_idle_ones_go)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
