/* Where a target's password comes from: a file, a systemd credential, or a command whose first line of output it is. Never logged, never in an error. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/daemon/config.h"
#include "common/base/clock.h"
#include "common/base/mem.h"

#define COMMAND_MS 10000
#define OUTPUT_MAX ((size_t)64 * 1024)
#define EXIT_MS    1000 /* for a command that closed its output to end */

extern char **environ;

static int spawn(const char *const *argv, int output, pid_t *ret, struct err *e)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	/* A process group of its own, so that the whole family can be ended; and none of our blocked signals. */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	int rc = posix_spawnp(ret, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return rc == 0 ? 0 : err_set(e, ERR_KEY, "password command %s: %s", argv[0], strerror(rc));
}

/* Until the end of its output, the cap or the deadline. */
static int read_output(int fd, const char *name, char *out, size_t *ret_n, struct err *e)
{
	int64_t end_us = clock_mono_us() + (int64_t)COMMAND_MS * 1000;
	size_t n = 0;
	for (;;) {
		int64_t left_ms = (end_us - clock_mono_us()) / 1000;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ready = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return err_set(e, ERR_TIMEOUT, "password command %s: no end of its output after %d s: it was stopped", name, COMMAND_MS / 1000);
		ssize_t got = read(fd, out + n, OUTPUT_MAX - n);
		if (got < 0)
			return err_set_errno(e, "password command %s", name);
		if (got == 0)
			break;
		n += (size_t)got;
		if (n == OUTPUT_MAX)
			return err_set(e, ERR_LIMIT, "password command %s: more than %zu bytes of output", name, OUTPUT_MAX);
	}
	*ret_n = n;
	return 0;
}

static int reap(pid_t pid, const char *name, bool stop, struct err *e)
{
	int status = 0;
	for (int waited_ms = 0; !stop && waitpid(pid, &status, WNOHANG) != pid; waited_ms += 10) {
		clock_sleep_ms(10);
		stop = waited_ms >= EXIT_MS;
	}
	if (stop) {
		kill(-pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	if (stop || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, ERR_KEY, "password command %s: ended with status %d: run it by hand as the agent's user", name,
		               WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}

static int run_command(const char *const *argv, struct secret **ret, struct err *e)
{
	int ends[2];
	pid_t pid = 0;
	size_t n = 0;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_set_errno(e, "password command %s", argv[0]);
	int rc = spawn(argv, ends[1], &pid, e);
	close(ends[1]);
	if (rc != 0) {
		close(ends[0]);
		return -1;
	}
	AUTO(mem_free_ptr) char *out = mem_alloc(OUTPUT_MAX + 1);
	rc = read_output(ends[0], argv[0], out, &n, e);
	close(ends[0]);
	int ended = reap(pid, argv[0], rc != 0, rc == 0 ? e : NULL);
	if (rc == 0 && ended == 0) {
		*ret = secret_new(out, strcspn(out, "\r\n"));
	}
	explicit_bzero(out, OUTPUT_MAX); /* also what came before a failure */
	return rc == 0 && ended == 0 ? 0 : -1;
}

static int read_credential(const char *name, struct secret **ret, struct err *e)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];
	if (!dir)
		return err_set(e, ERR_KEY, "password credential %s: $CREDENTIALS_DIRECTORY is not set: add LoadCredential=%s:PATH to the systemd unit", name,
		               name);
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return secret_read_line(path, ret, e);
}

int agent_config_password(const struct agent_target *t, struct secret **ret, struct err *e)
{
	struct secret *s = NULL;
	int rc = 0;
	if (t->password_file)
		rc = secret_read_line(t->password_file, &s, e);
	else if (t->password_command)
		rc = run_command(t->password_command, &s, e);
	else if (t->password_credential)
		rc = read_credential(t->password_credential, &s, e);
	if (rc != 0)
		return err_wrap(e, "target %s", t->target.id);
	*ret = s;
	return 0;
}
