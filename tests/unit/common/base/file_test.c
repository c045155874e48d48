/* common/base/file: what is said when a file is missing, is a folder, or cannot be written where it should stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	snprintf(dir, sizeof dir, "/tmp/rollcall-file.XXXXXX");
	if (!mkdtemp(dir) || chdir(dir) != 0 || mkdir("folder", 0700) != 0)
		return -1;
	return file_write_atomic("file", bytes_of_str("text"), 0600, &e);
}

static int teardown(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	return chdir("/") != 0 || file_remove_tree(dir, &e) != 0;
}

static void test_what_cannot_be_read(void **state)
{
	(void)state;
	static const struct {
		const char *path, *message;
		enum err_code code;
	} rows[] = {
	    {"missing", "missing: there is no such file: correct the path, or make it first", ERR_NOT_FOUND},
	    {"folder", "folder: a folder: name a file", ERR_IO},
	    {"/dev/null", "/dev/null: not a regular file: name one", ERR_IO},
	    {"file/x", "file/x: what stands before its last slash is a file, not a folder: correct the path", ERR_NOT_FOUND},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT;
		struct err e = ERR_INIT;
		assert_int_equal(file_read(rows[i].path, 100, &b, &e), -1);
		assert_string_equal(e.msg, rows[i].message);
		assert_int_equal(e.code, rows[i].code);
		assert_int_equal(b.n, 0);
	}
}

static void test_what_cannot_be_written(void **state)
{
	(void)state;
	static const struct {
		const char *path, *message;
	} rows[] = {
	    {"none/x", "none/x: there is no such folder: make it first, or correct the path"},
	    {"file/x", "file/x: what stands before its last slash is a file, not a folder: correct the path"},
	    {"folder", "folder: a folder of this name is there already: correct the path"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		assert_int_equal(file_write_atomic(rows[i].path, bytes_of_str("new"), 0600, &e), -1);
		assert_string_equal(e.msg, rows[i].message);
	}
	struct err e = ERR_INIT;
	assert_int_equal(file_make_dirs("file", 0700, &e), -1);
	assert_string_equal(e.msg, "file: exists and is not a folder: choose another name");
	assert_int_equal(file_make_dirs("file/below", 0700, &e), -1);
	assert_string_equal(e.msg, "file/below: what stands before its last slash is a file, not a folder: correct the path");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_cannot_be_read),
	    cmocka_unit_test(test_what_cannot_be_written),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
