/* common/cli/passphrase: files and their modes, and a real pseudo-terminal for what is typed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/secret.h"
#include "common/cli/cmd.h"

static char path[] = "/tmp/rollcall-passphrase-XXXXXX";

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	ssize_t n = write(fd, "correct horse\nsecond line\n", 26);
	unsetenv("ROLLCALL_PASSPHRASE_FILE");
	return close(fd) == 0 && n == 26 ? 0 : -1;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void test_from_files(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct secret *s = NULL;
	assert_int_equal(cmd_passphrase(path, "Passphrase", true, &s, &e), 0);
	assert_string_equal(secret_reveal(s), "correct horse");
	secret_destroy(&s);
	setenv("ROLLCALL_PASSPHRASE_FILE", path, 1);
	assert_int_equal(cmd_passphrase(NULL, "Passphrase", false, &s, &e), 0);
	assert_string_equal(secret_reveal(s), "correct horse");
	secret_destroy(&s);
	unsetenv("ROLLCALL_PASSPHRASE_FILE");
}

static void test_readable_file_is_refused(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct secret *s = NULL;
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(cmd_passphrase(path, "Passphrase", false, &s, &e), -1);
	assert_int_equal(e.code, ERR_KEY);
	assert_non_null(strstr(e.msg, "lets others read it: run 'chmod 600"));
	assert_null(s);
	assert_int_equal(chmod(path, 0600), 0);
}

/* Runs cmd_passphrase in a child whose terminal is a pty; types `keys`; gives back the child's verdict and what the terminal showed. */
static int on_terminal(const char *keys, bool confirm, char *shown, size_t size)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), status = 0;
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct err e = ERR_INIT;
		struct secret *s = NULL;
		setsid();
		int slave = open(ptsname(master), O_RDWR); /* becomes the controlling terminal */
		if (slave < 0 || cmd_passphrase(NULL, "Passphrase", confirm, &s, &e) != 0)
			_exit(strstr(e.msg, "differ") ? 3 : strstr(e.msg, "no passphrase") ? 4 : strstr(e.msg, "empty") ? 5 : 9);
		_exit(strcmp(secret_reveal(s), "open sesame") == 0 ? 0 : 2);
	}
	size_t n = 0;
	for (const char *k = keys; *k;) { /* one line at a time, after its prompt: the switch to raw mode drops what came before it */
		while (n + 1 < size && !(n >= 2 && memcmp(shown + n - 2, ": ", 2) == 0)) {
			ssize_t got = read(master, shown + n, 1);
			if (got <= 0)
				break;
			n += (size_t)got;
		}
		size_t line = strcspn(k, "\r\003") + 1;
		if (write(master, k, line) != (ssize_t)line)
			break;
		k += line;
		if (n + 1 < size)
			shown[n++] = '|';
	}
	for (ssize_t got; n + 1 < size && (got = read(master, shown + n, 1)) > 0;)
		n += (size_t)got;
	shown[n] = '\0';
	waitpid(pid, &status, 0);
	close(master);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_typed(void **state)
{
	(void)state;
	char shown[512];
	assert_int_equal(on_terminal("open sesame\r", false, shown, sizeof shown), 0);
	assert_null(strstr(shown, "sesame"));
	assert_int_equal(on_terminal("open sesaMe\b\177me\r", false, shown, sizeof shown), 0);
	assert_int_equal(on_terminal("nonsense\025open sesame\r", false, shown, sizeof shown), 0);
	assert_int_equal(on_terminal("open sesame\ropen sesame\r", true, shown, sizeof shown), 0);
	assert_non_null(strstr(shown, "Passphrase (again): "));
	assert_int_equal(on_terminal("open sesame\ropen Sesame\r", true, shown, sizeof shown), 3);
	assert_int_equal(on_terminal("open\003", false, shown, sizeof shown), 4);
	assert_int_equal(on_terminal("\r", true, shown, sizeof shown), 5);
}

static void test_no_terminal(void **state)
{
	(void)state;
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		struct err e = ERR_INIT;
		struct secret *s = NULL;
		setsid();
		int rc = cmd_passphrase(NULL, "Passphrase for k.pem", false, &s, &e);
		_exit(rc == -1 && e.code == ERR_KEY && strstr(e.msg, "no terminal to ask on: give --passphrase-file FILE") ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_from_files),
	    cmocka_unit_test(test_readable_file_is_refused),
	    cmocka_unit_test(test_typed),
	    cmocka_unit_test(test_no_terminal),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
