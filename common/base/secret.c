/* Secrets: kept apart from strings, wiped on release. */
#include "common/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"

#define SECRET_MAX ((size_t)64 * 1024)

struct secret {
	size_t n;
	char data[];
};

struct secret *secret_new(const void *p, size_t n)
{
	struct secret *s = mem_alloc(sizeof *s + n + 1);
	s->n = n;
	if (n)
		memcpy(s->data, p, n);
	return s;
}

void secret_destroy(struct secret **sp)
{
	if (!*sp)
		return;
	explicit_bzero((*sp)->data, (*sp)->n);
	free(*sp);
	*sp = NULL;
}

void secret_harden_process(void)
{
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

size_t secret_size(const struct secret *s)
{
	return s->n;
}

const char *secret_reveal(const struct secret *s)
{
	return s ? s->data : NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int check_folder_of(const char *path, struct err *e)
{
	AUTO(mem_free_ptr) char *dir = mem_strdup(path);
	char *slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	return file_check_folder(slash ? dir : ".", e);
}

static int no_key(struct err *e)
{
	if (e)
		e->code = ERR_KEY;
	return -1;
}

int secret_read_file(const char *path, struct secret **ret, struct err *e)
{
	/* O_NONBLOCK: a FIFO put in a file's place must not hang us before fstat sees it. */
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0) {
		file_explain_open(path, e);
		return no_key(e);
	}
	if (file_check_regular(path, st.st_mode, e) != 0)
		return no_key(e);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(e, ERR_KEY, "%s: belongs to user %u, who can read and change it: run 'chown %u %s'", path, (unsigned)st.st_uid,
		               (unsigned)geteuid(), path);
	if (st.st_mode & 077)
		return err_set(e, ERR_KEY, "%s: mode %04o lets others read it: run 'chmod 600 %s'", path, (unsigned)(st.st_mode & 07777), path);
	if (check_folder_of(path, e) != 0)
		return -1;
	if ((size_t)st.st_size > SECRET_MAX)
		return err_set(e, ERR_LIMIT, "%s: %lld bytes; a secret has at most %zu", path, (long long)st.st_size, SECRET_MAX);
	struct secret *s = mem_alloc(sizeof *s + (size_t)st.st_size + 1);
	ssize_t n = read(fd, s->data, (size_t)st.st_size);
	if (n < 0) {
		free(s);
		return err_set_errno(e, "%s", path);
	}
	s->n = (size_t)n;
	*ret = s;
	return 0;
}

int secret_read_line(const char *path, struct secret **ret, struct err *e)
{
	struct secret *s = NULL;
	if (secret_read_file(path, &s, e) != 0)
		return -1;
	size_t n = strcspn(s->data, "\r\n");
	explicit_bzero(s->data + n, s->n - n);
	s->n = n;
	*ret = s;
	return 0;
}
