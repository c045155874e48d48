/* Covers servers.bash: one process a call, its standard output is the answer. */
#include "tests/support/servers.h"

#include <setjmp.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/buf.h"

#define SCRIPT    "tests/support/servers.bash"
#define ARGUMENTS 8

struct server {
	char *dir, *password;
	enum dialect kind;
	int port;
};

static void child(int out, const char *const *arguments)
{
	const char *argv[ARGUMENTS + 3] = {"bash", SCRIPT};
	for (size_t i = 0; arguments[i] && i < ARGUMENTS; i++)
		argv[i + 2] = arguments[i];
	dup2(out, STDOUT_FILENO);
	execvp("bash", (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Runs the script; its output without the last newline, heap; NULL when it fails. */
static char *try_script(const char *const *arguments)
{
	int ends[2], status = 0;
	char chunk[4096], owner[32];
	struct buf out = BUF_INIT;
	ssize_t n;
	snprintf(owner, sizeof owner, "%ld", (long)getpid());
	setenv("SERVER_OWNER", owner, 1);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0); /* or a server that the script starts would hold the end that we read to */
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		child(ends[1], arguments);
	}
	close(ends[1]);
	while ((n = read(ends[0], chunk, sizeof chunk)) > 0)
		buf_add(&out, chunk, (size_t)n);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	while (out.n && out.p[out.n - 1] == '\n')
		out.p[--out.n] = '\0';
	if (status == 0)
		return buf_take(&out);
	buf_done(&out);
	return NULL;
}

static char *script(const char *const *arguments)
{
	char *out = try_script(arguments);
	if (!out)
		fail_msg(SCRIPT " %s failed (its messages are on standard error)", arguments[0]);
	return out;
}

#define RUN(...) script((const char *const[]){__VA_ARGS__, NULL})
#define TRY(...) try_script((const char *const[]){__VA_ARGS__, NULL})

static int number(char *text)
{
	int v = (int)strtol(text, NULL, 10);
	free(text);
	return v;
}

struct server *server_start(enum dialect kind, bool password)
{
	struct server *s = mem_alloc(sizeof *s);
	s->kind = kind;
	s->dir = RUN("start", dialect_name(kind), password ? "password" : "trust");
	s->port = number(RUN("get", s->dir, "port"));
	s->password = password ? RUN("get", s->dir, "password") : mem_strdup("");
	return s;
}

struct server *server_replica(struct server *primary)
{
	struct server *s = mem_alloc(sizeof *s);
	s->kind = primary->kind;
	s->dir = RUN("replica", primary->dir);
	s->port = number(RUN("get", s->dir, "port"));
	s->password = mem_strdup("");
	return s;
}

void server_stop(struct server **sp)
{
	struct server *s = *sp;
	if (!s)
		return;
	free(RUN("stop", s->dir));
	free(s->dir);
	free(s->password);
	free(s);
	*sp = NULL;
}

void server_kill(struct server *s)
{
	free(RUN("kill", s->dir));
}

void server_restart(struct server *s)
{
	free(RUN("restart", s->dir));
}

const char *server_password(const struct server *s)
{
	return s->password;
}

int server_port(const struct server *s)
{
	return s->port;
}

int server_pooler(struct server *s)
{
	return number(RUN("pooler", s->dir));
}

void server_create(struct server *s, const char *database)
{
	free(RUN("create", s->dir, database));
}

char *server_dsn(const struct server *s, const char *database)
{
	return RUN("dsn", s->dir, database);
}

char *server_sql(const struct server *s, const char *database, const char *sql)
{
	return RUN("sql", s->dir, database ? database : "", sql);
}

const char *server_value(const struct server *s, const char *database, const char *sql, struct arena *a)
{
	char *text = server_sql(s, database, sql);
	text[strcspn(text, "\n")] = '\0';
	const char *kept = arena_strdup(a, text);
	free(text);
	return kept;
}

void server_load(struct server *s, const char *database, const char *file)
{
	free(RUN("load", s->dir, database, file));
}

void server_copy(struct server *s, const char *database, const char *copy)
{
	free(RUN("copy", s->dir, database, copy));
}

void sqlite_load(const char *file, const char *sql)
{
	free(RUN("load_sqlite", file, sql));
}

void sqlite_copy(const char *file, const char *copy)
{
	free(RUN("copy_sqlite", file, copy));
}

char *server_feed(struct server *s, const char *database, const char *file, const char *query)
{
	return TRY("feed", s->dir, database, file, query);
}

char *server_effect(struct server *s, const char *database)
{
	return RUN("effect", s->dir, database);
}

void server_empty(struct server *s, const char *database)
{
	free(RUN("empty", s->dir, database));
}

char *sqlite_feed(const char *file, const char *sql)
{
	return TRY("feed_sqlite", file, sql);
}

char *sqlite_effect(const char *file)
{
	return RUN("effect_sqlite", file);
}

pid_t server_session(const struct server *s, const char *database, const char *sql)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(nowhere, STDERR_FILENO);
		child(nowhere, (const char *const[]){"sql", s->dir, database, sql, NULL});
	}
	return pid;
}
