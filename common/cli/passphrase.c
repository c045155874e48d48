/* Passphrases: from a file that only its owner may read, or typed on the controlling terminal without echo. Never from argv or the environment itself.
 * The terminal is read key by key with its signals off, so that Ctrl-C gives the echo back before we go. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"

#define PASSPHRASE_MAX 1024

enum { KEY_INTERRUPT = 3, KEY_END = 4, KEY_BACKSPACE = 8, KEY_KILL_LINE = 21, KEY_DELETE = 127 };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void say(int tty, const char *s)
{
	ssize_t ignored = write(tty, s, strlen(s));
	(void)ignored;
}

/* Fills `line` up to Enter; -1 when interrupted or when it is too long. */
static int read_keys(int tty, char line[PASSPHRASE_MAX], size_t *ret_n, struct err *e)
{
	size_t n = 0;
	for (;;) {
		unsigned char c;
		ssize_t got = read(tty, &c, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || c == KEY_INTERRUPT || (c == KEY_END && n == 0))
			return err_set(e, ERR_KEY, "no passphrase was given");
		if (c == '\n' || c == '\r') {
			*ret_n = n;
			return 0;
		}
		if (c == KEY_BACKSPACE || c == KEY_DELETE)
			n -= n > 0;
		else if (c == KEY_KILL_LINE)
			n = 0;
		else if (n + 1 < PASSPHRASE_MAX)
			line[n++] = (char)c;
		else
			return err_set(e, ERR_KEY, "the passphrase is longer than %d characters", PASSPHRASE_MAX - 1);
	}
}

static int ask(int tty, const char *prompt, const char *suffix, struct secret **ret, struct err *e)
{
	char line[PASSPHRASE_MAX];
	struct termios old, raw;
	size_t n = 0;
	if (tcgetattr(tty, &old) != 0)
		return err_set_errno(e, "terminal");
	raw = old;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(tty, TCSAFLUSH, &raw);
	say(tty, prompt);
	say(tty, suffix);
	int rc = read_keys(tty, line, &n, e);
	tcsetattr(tty, TCSAFLUSH, &old);
	say(tty, "\n");
	if (rc == 0)
		*ret = secret_new(line, n);
	explicit_bzero(line, sizeof line);
	return rc;
}

static bool same(const struct secret *a, const struct secret *b)
{
	return secret_size(a) == secret_size(b) && memcmp(secret_reveal(a), secret_reveal(b), secret_size(a)) == 0;
}

static int ask_on_terminal(const char *prompt, bool confirm, struct secret **ret, struct err *e)
{
	AUTO(close_fd) int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	AUTO(secret_destroy) struct secret *first = NULL;
	AUTO(secret_destroy) struct secret *second = NULL;
	if (tty < 0)
		return err_set(e, ERR_KEY, "%s: no terminal to ask on: give --passphrase-file FILE or set ROLLCALL_PASSPHRASE_FILE", prompt);
	if (ask(tty, prompt, ": ", &first, e) != 0)
		return -1;
	if (confirm && secret_size(first) == 0)
		return err_set(e, ERR_KEY, "the passphrase is empty: a key without one can be used by anyone who copies the file");
	if (confirm && ask(tty, prompt, " (again): ", &second, e) != 0)
		return -1;
	if (confirm && !same(first, second))
		return err_set(e, ERR_KEY, "the two passphrases differ: nothing was changed");
	*ret = take_ptr(&first);
	return 0;
}

int cmd_passphrase(const char *file, const char *prompt, bool confirm, struct secret **ret, struct err *e)
{
	AUTO(secret_destroy) struct secret *s = NULL;
	if (!file)
		file = getenv("ROLLCALL_PASSPHRASE_FILE");
	if (str_empty(file))
		return ask_on_terminal(prompt, confirm, ret, e);
	if (secret_read_line(file, &s, e) != 0)
		return err_wrap(e, "passphrase");
	if (secret_size(s) == 0)
		return err_set(e, ERR_KEY, "passphrase: the first line of %s is empty", file);
	*ret = take_ptr(&s);
	return 0;
}
