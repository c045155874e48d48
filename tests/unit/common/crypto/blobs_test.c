/* common/crypto/blobs: put, get, ranges; a file that no longer matches its name is never handed out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/crypto/blobs.h"

static char dir[64], blobs[80];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/rollcall-blobs-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(blobs, sizeof blobs, "%s/blobs", dir);
	return 0;
}

static int teardown(void **state)
{
	struct err e = ERR_INIT;
	(void)state;
	return file_remove_tree(dir, &e);
}

static void put(const char *text, uint8_t hash[DIGEST_SIZE], char path[256])
{
	char hex[DIGEST_HEX_SIZE];
	struct err e = ERR_INIT;
	assert_int_equal(blobs_put(blobs, bytes_of_str(text), hash, &e), 0);
	snprintf(path, 256, "%s/%s", blobs, bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex));
}

static void test_put_twice_and_get(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	uint8_t hash[DIGEST_SIZE];
	char path[256];
	uint64_t size = 0;
	struct err e = ERR_INIT;
	(void)state;
	put("abc", hash, path);
	put("abc", hash, path);
	assert_non_null(strstr(path, "/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	assert_true(blobs_has(blobs, hash, &size));
	assert_int_equal(size, 3);
	assert_int_equal(blobs_get(blobs, hash, 3, &b, &e), 0);
	assert_string_equal(buf_str(&b), "abc");
	assert_int_equal(blobs_get(blobs, hash, 2, &b, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

static void test_missing(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	uint8_t hash[DIGEST_SIZE] = {1};
	struct err e = ERR_INIT;
	(void)state;
	assert_false(blobs_has(blobs, hash, NULL));
	assert_int_equal(blobs_get(blobs, hash, 100, &b, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void test_changed_file(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	uint8_t hash[DIGEST_SIZE];
	char path[256], want[512];
	struct err e = ERR_INIT;
	(void)state;
	put("abc", hash, path);
	assert_int_equal(file_write_atomic(path, bytes_of_str("abd"), 0600, &e), 0);
	assert_int_equal(blobs_get(blobs, hash, 100, &b, &e), -1);
	snprintf(want, sizeof want,
	         "%s: the bytes no longer match the name: the file was changed or damaged; remove it: an agent fetches it again by itself, at the "
	         "controller push the release again",
	         path);
	assert_string_equal(e.msg, want);
	assert_int_equal(e.code, ERR_SIGNATURE);
	put("abc", hash, path); /* mends it */
	assert_int_equal(blobs_get(blobs, hash, 100, &b, &e), 0);
}

static void test_ranges(void **state)
{
	uint8_t hash[DIGEST_SIZE];
	char path[256], out[8] = "";
	size_t n = 99;
	struct err e = ERR_INIT;
	(void)state;
	put("0123456789", hash, path);
	assert_int_equal(blobs_read_at(blobs, hash, 4, out, 3, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_memory_equal(out, "456", 3);
	assert_int_equal(blobs_read_at(blobs, hash, 8, out, 8, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(blobs_read_at(blobs, hash, 10, out, 8, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_int_equal(blobs_read_at(blobs, hash, UINT64_MAX, out, 8, &n, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {T(test_put_twice_and_get), T(test_missing), T(test_changed_file), T(test_ranges)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
