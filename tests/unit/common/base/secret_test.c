/* Secret files: only their owner may read them, and nothing that is not a plain file is opened for longer than a look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/secret.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/rollcall-secret.XXXXXX");
	return !mkdtemp(dir) || chdir(dir) != 0;
}

static int teardown(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	return chdir("/") != 0 || file_remove_tree(dir, &e) != 0;
}

static void test_first_line(void **state)
{
	(void)state;
	struct secret *s = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(file_write_atomic("good", bytes_of_str("s3cret\r\nrest\n"), 0600, &e), 0);
	assert_int_equal(secret_read_line("good", &s, &e), 0);
	assert_string_equal(secret_reveal(s), "s3cret");
	assert_int_equal(secret_size(s), 6);
	secret_destroy(&s);
}

static void test_mode(void **state)
{
	(void)state;
	struct secret *s = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(file_write_atomic("open", bytes_of_str("s3cret"), 0640, &e), 0);
	assert_int_equal(secret_read_line("open", &s, &e), -1);
	assert_string_equal(e.msg, "open: mode 0640 lets others read it: run 'chmod 600 open'");
	assert_int_equal(e.code, ERR_KEY);
	assert_null(s);
}

static void test_folder(void **state)
{
	(void)state;
	struct secret *s = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(mkdir("shared", 0700), 0);
	assert_int_equal(file_write_atomic("shared/key", bytes_of_str("s3cret"), 0600, &e), 0);
	assert_int_equal(chmod("shared", 0770), 0);
	assert_int_equal(secret_read_line("shared/key", &s, &e), -1);
	assert_string_equal(e.msg, "shared: mode 0770 lets others put files in it: run 'chmod go-w shared'");
	assert_int_equal(e.code, ERR_KEY);
	assert_int_equal(chmod("shared", 0777), 0);
	assert_int_equal(file_check_folder("shared", &e), -1);
	assert_int_equal(chmod("shared", 01777), 0); /* as /tmp is */
	assert_int_equal(secret_read_line("shared/key", &s, &e), 0);
	secret_destroy(&s);
	assert_int_equal(chmod("shared", 0755), 0);
	assert_int_equal(secret_read_line("shared/key", &s, &e), 0);
	secret_destroy(&s);
	if (geteuid() != 0)
		return; /* only root can give files away */
	assert_int_equal(chown("shared/key", 12345, 12345), 0);
	assert_int_equal(secret_read_line("shared/key", &s, &e), -1);
	assert_string_equal(e.msg, "shared/key: belongs to user 12345, who can read and change it: run 'chown 0 shared/key'");
	assert_int_equal(chown("shared/key", 0, 0), 0);
	assert_int_equal(chown("shared", 12345, 12345), 0);
	assert_int_equal(secret_read_line("shared/key", &s, &e), -1);
	assert_string_equal(e.msg, "shared: belongs to user 12345, who can put other files in it: run 'chown 0 shared'");
}

/* Opened the usual way, a FIFO without a writer holds its reader for ever. */
static void test_fifo(void **state)
{
	(void)state;
	struct secret *s = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	alarm(60);
	assert_int_equal(secret_read_line("fifo", &s, &e), -1);
	alarm(0);
	assert_string_equal(e.msg, "fifo: not a regular file: name one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_first_line),
	    cmocka_unit_test(test_mode),
	    cmocka_unit_test(test_folder),
	    cmocka_unit_test(test_fifo),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
