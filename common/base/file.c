/* Whole-file helpers. */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int file_explain_open(const char *path, struct err *e)
{
	if (errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "%s: there is no such file: correct the path, or make it first", path);
	if (errno == EACCES)
		return err_set(e, ERR_IO, "%s: this user may not read it: type this as its owner, or with sudo", path);
	if (errno == ENOTDIR)
		return err_set(e, ERR_NOT_FOUND, "%s: what stands before its last slash is a file, not a folder: correct the path", path);
	return err_set_errno(e, "%s", path);
}

int file_check_regular(const char *path, mode_t mode, struct err *e)
{
	if (S_ISREG(mode))
		return 0;
	return err_set(e, ERR_IO, S_ISDIR(mode) ? "%s: a folder: name a file" : "%s: not a regular file: name one", path);
}

/* The same for a file that was to be written. */
static int explain_write(const char *path, struct err *e)
{
	if (errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "%s: there is no such folder: make it first, or correct the path", path);
	if (errno == EACCES || errno == EROFS)
		return err_set(e, ERR_IO, "%s: this user may not write there: choose another place, or type this as its owner or with sudo", path);
	if (errno == ENOTDIR || errno == EISDIR)
		return err_set(e, ERR_IO, "%s: %s: correct the path", path,
		               errno == EISDIR ? "a folder of this name is there already" : "what stands before its last slash is a file, not a folder");
	return err_set_errno(e, "%s", path);
}

int file_read(const char *path, size_t max_bytes, struct buf *ret, struct err *e)
{
	/* O_NONBLOCK: a FIFO put in a file's place must not hang us before fstat sees it. */
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return file_explain_open(path, e);
	if (file_check_regular(path, st.st_mode, e) != 0)
		return -1;
	for (;;) {
		buf_reserve(&b, 64 * 1024);
		ssize_t n = read(fd, b.p + b.n, 64 * 1024);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(e, "%s", path);
		if (n == 0)
			break;
		b.n += (size_t)n;
		b.p[b.n] = '\0';
		if (b.n > max_bytes)
			return err_set(e, ERR_LIMIT, "%s: larger than the %zu bytes allowed here", path, max_bytes);
	}
	buf_done(ret);
	*ret = b;
	b = BUF_INIT;
	return 0;
}

static int write_all(int fd, struct bytes data)
{
	while (data.n) {
		ssize_t n = write(fd, data.p, data.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data.p += n;
		data.n -= (size_t)n;
	}
	return 0;
}

static int sync_parent(const char *path)
{
	AUTO(mem_free_ptr) char *copy = mem_strdup(path);
	AUTO(close_fd) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -1 : fsync(fd);
}

int file_write_atomic(const char *path, struct bytes data, mode_t mode, struct err *e)
{
	AUTO(buf_done) struct buf tmp = BUF_INIT;
	buf_addf(&tmp, "%s.XXXXXX", path);
	AUTO(close_fd) int fd = mkostemp(tmp.p, O_CLOEXEC);
	if (fd < 0)
		return explain_write(path, e);
	if (fchmod(fd, mode) != 0 || write_all(fd, data) != 0 || fsync(fd) != 0 || rename(tmp.p, path) != 0) {
		explain_write(path, e);
		unlink(tmp.p);
		return -1;
	}
	if (sync_parent(path) != 0)
		return err_set_errno(e, "%s: folder", path);
	return 0;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool file_is_dir(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int file_check_folder(const char *dir, struct err *e)
{
	struct stat st;
	if (stat(dir, &st) != 0)
		return err_set_errno(e, "%s", dir);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(e, ERR_KEY, "%s: belongs to user %u, who can put other files in it: run 'chown %u %s'", dir, (unsigned)st.st_uid,
		               (unsigned)geteuid(), dir);
	if ((st.st_mode & 022) && !(st.st_mode & S_ISVTX))
		return err_set(e, ERR_KEY, "%s: mode %04o lets others put files in it: run 'chmod go-w %s'", dir, (unsigned)(st.st_mode & 07777), dir);
	return 0;
}

int file_make_dirs(const char *path, mode_t mode, struct err *e)
{
	AUTO(mem_free_ptr) char *p = mem_strdup(path);
	for (char *s = p + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		if (mkdir(p, mode) != 0 && errno != EEXIST)
			return explain_write(p, e);
		*s = '/';
	}
	if (mkdir(p, mode) != 0 && errno != EEXIST)
		return explain_write(p, e);
	return file_is_dir(path) ? 0 : err_set(e, ERR_IO, "%s: exists and is not a folder: choose another name", path);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int file_remove_tree(const char *path, struct err *e)
{
	if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
		return err_set_errno(e, "%s", path);
	return 0;
}

char *file_join(const char *dir, const char *name)
{
	struct buf b = BUF_INIT;
	buf_addf(&b, "%s/%s", dir, name);
	return buf_take(&b);
}
