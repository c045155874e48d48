/* Executes git. */
#include "controller/change/git.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"

#define ARGS_MAX 24

/* Only what git needs to find itself and the owner's configuration; no GIT_DIR, no hooks of the caller, no prompts, no locks taken for a mere look. */
static char *const *clean_environment(struct arena *a)
{
	static const char *const kept[] = {"PATH", "HOME"};
	char **env = arena_alloc(a, 10 * sizeof *env);
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (getenv(kept[i]))
			env[n++] = arena_printf(a, "%s=%s", kept[i], getenv(kept[i]));
	env[n++] = arena_strdup(a, "LC_ALL=C.UTF-8");
	env[n++] = arena_strdup(a, "GIT_TERMINAL_PROMPT=0");
	env[n++] = arena_strdup(a, "GIT_OPTIONAL_LOCKS=0");
	env[n++] = arena_strdup(a, "GIT_PAGER=cat");
	return env;
}

static int spawn_git(const char *folder, const char *const *argv, int out, pid_t *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)1 << 20);
	/* core.fsmonitor names a program that git would start: a repository must not choose what we execute. */
	char *args[ARGS_MAX + 6] = {"git", "-c", "core.fsmonitor=false", "-C", arena_strdup(a, folder)};
	size_t n = 5;
	for (size_t i = 0; argv[i] && n < ARGS_MAX + 5; i++)
		args[n++] = arena_strdup(a, argv[i]);
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	int rc = posix_spawnp(ret, "git", &actions, NULL, args, clean_environment(a));
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* 0 at the end of the output. */
static int read_output(int fd, struct buf *out, struct err *e)
{
	int64_t deadline = clock_mono_us() + (int64_t)GIT_TIMEOUT_MS * 1000;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left_ms = (deadline - clock_mono_us()) / 1000;
		if (left_ms <= 0 || poll(&p, 1, (int)left_ms) == 0)
			return err_set(e, ERR_TIMEOUT, "git did not answer within %d s: see what holds the repository", GIT_TIMEOUT_MS / 1000);
		buf_reserve(out, 4096);
		ssize_t n = read(fd, out->p + out->n, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(e, "git");
		if (n == 0)
			return 0;
		out->n += (size_t)n;
		out->p[out->n] = '\0';
		if (out->n > GIT_OUTPUT_MAX)
			return err_set(e, ERR_LIMIT, "git's answer is larger than 1 MiB");
	}
}

int git_run(const char *folder, const char *const *argv, struct buf *ret, int *ret_status, struct err *e)
{
	int fds[2], status;
	pid_t pid;
	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_set_errno(e, "pipe");
	int rc = spawn_git(folder, argv, fds[1], &pid);
	close(fds[1]);
	if (rc != 0) {
		close(fds[0]);
		*ret_status = 127;
		return rc == ENOENT ? 0 : err_set(e, ERR_IO, "git cannot be started: %s", strerror(rc));
	}
	rc = read_output(fds[0], ret, e);
	close(fds[0]);
	if (rc != 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	return rc;
}

const char *git_remote_without_credentials(const char *url, struct arena *a)
{
	const char *host = strstr(url, "://");
	if (!host)
		return url;
	host += 3;
	const char *at = NULL;
	for (const char *s = host; *s && *s != '/'; s++)
		if (*s == '@')
			at = s;
	return at ? arena_printf(a, "%.*s%s", (int)(host - url), url, at + 1) : url;
}

/* A name or mail may hold anything; the release takes one line of plain text. */
static const char *plain_line(struct arena *a, const char *s, size_t n)
{
	char *out = arena_strndup(a, s, n > 250 ? 250 : n);
	while (*out && !bytes_is_utf8(bytes_of_str(out)))
		out[strlen(out) - 1] = '\0';
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	return *out ? out : NULL;
}

/* Fields of the log's format, one a line; what follows are reviewers. */
static void read_commit(char *text, struct arena *a, struct provenance *ret)
{
	const char **fields[] = {&ret->commit, &ret->tree, &ret->author, &ret->committer};
	size_t i = 0, cap = 0;
	for (char *line = text; line && *line; i++) {
		size_t n = strcspn(line, "\n");
		const char *value = plain_line(a, line, n);
		if (i < ARRAY_LEN(fields)) {
			*fields[i] = value;
		} else if (value && ret->n_reviewers < 100) {
			arena_vec_grow(a, ret->reviewers, ret->n_reviewers, cap);
			ret->reviewers[ret->n_reviewers++] = value;
		}
		line = line[n] ? line + n + 1 : NULL;
	}
}

static int ask(const char *folder, const char *const *argv, struct buf *out, bool *ret_ok, struct err *e)
{
	int status = 0;
	buf_clear(out);
	if (git_run(folder, argv, out, &status, e) != 0)
		return -1;
	*ret_ok = status == 0;
	return 0;
}

int git_provenance(const char *folder, struct arena *a, struct provenance *ret, struct err *e)
{
	static const char *const commit_of[] = {
	    "log",  "-1", "--no-show-signature", "--format=format:%H%n%T%n%an <%ae>%n%cn <%ce>%n%(trailers:key=Reviewed-by,valueonly,unfold)",
	    "HEAD", NULL};
	static const char *const changes_in[] = {"status", "--porcelain", "--untracked-files=all", "--", ".", ":(exclude)releases", NULL};
	static const char *const remote_of[] = {"config", "--get", "remote.origin.url", NULL};
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct provenance p = {0};
	bool ok;
	*ret = (struct provenance){0};
	if (ask(folder, commit_of, &out, &ok, e) != 0)
		return -1;
	if (!ok || out.n == 0)
		return 0;
	read_commit(out.p, a, &p);
	if (ask(folder, changes_in, &out, &ok, e) != 0)
		return -1;
	p.dirty = !ok || out.n > 0;
	if (ask(folder, remote_of, &out, &ok, e) != 0)
		return -1;
	if (ok && out.n)
		p.remote = git_remote_without_credentials(plain_line(a, out.p, strcspn(out.p, "\n")), a);
	*ret = p;
	return 0;
}
