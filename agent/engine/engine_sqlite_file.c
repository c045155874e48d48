/* The SQLite engine's file: where it is, whether it is still the same one, who works on it.
 *
 * The lock of a delivery is an open-file-description lock on "<database>.rollcall-lock". The kernel drops it with the process, also after kill -9, and no thread of
 * ours can lose it by closing some other descriptor. It is not taken on the database itself, because closing any descriptor of that file would drop the locks that
 * SQLite holds there for this process. The file stays behind, empty of meaning: removing it would race with the next holder. */
#include "agent/engine/engine_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/base/str.h"

static int option_parse(struct conn *c, const char *option, struct err *e)
{
	if (str_eq(option, "create=1"))
		c->create = true;
	else if (str_eq(option, "foreign_keys=on"))
		c->foreign_keys = true;
	else if (!str_eq(option, "create=0") && !str_eq(option, "foreign_keys=off"))
		return err_set(e, ERR_USAGE, "dsn option '%s': SQLite targets know create=1 and foreign_keys=on", option);
	return 0;
}

int lite_file_parse(struct conn *c, const char *dsn, struct err *e)
{
	if (!str_starts(dsn, "sqlite:"))
		return err_set(e, ERR_USAGE, "dsn '%s': a SQLite target is written sqlite:/path/to/file", dsn);
	const char *path = dsn + strlen("sqlite:");
	if (str_starts(path, "//"))
		path += 2;
	c->path = mem_strdup(path);
	char *options = strchr(c->path, '?'), *save = NULL;
	if (options)
		*options++ = '\0';
	if (!c->path[0] || str_eq(c->path, ":memory:"))
		return err_set(e, ERR_USAGE, "dsn '%s': a SQLite target is a file: sqlite:/path/to/file", dsn);
	for (char *o = options ? strtok_r(options, "&", &save) : NULL; o; o = strtok_r(NULL, "&", &save))
		if (option_parse(c, o, e) < 0)
			return -1;
	return 0;
}

/* Does the open file no longer have the name by which it was opened? */
static bool is_moved(struct conn *c)
{
	int moved = 0;
	return c->db && sqlite3_file_control(c->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

int lite_file_remember(struct conn *c, struct err *e)
{
	struct stat st;
	char *real = realpath(c->path, NULL);
	if (!real)
		return err_set_errno(e, "database file %s", c->path);
	mem_free_ptr(&c->path);
	c->path = real;
	if (stat(c->path, &st) < 0)
		return err_set_errno(e, "database file %s", c->path);
	c->device = st.st_dev;
	c->inode = st.st_ino;
	if (is_moved(c)) /* what is looked at by its name is another file than the one that is open */
		return err_set(e, ERR_DB_CONNECT, "database file %s was replaced while it was being opened (a restore?)", c->path);
	return 0;
}

/* The inode and when it was made: a reboot, or another order of mounting, gives the device another number. A copy is made at another instant. Where the file system keeps no such time the device has
 * to do. */
void lite_file_identity(struct conn *c, struct engine_identity *ret)
{
	struct statx st;
	unsigned long long inode = c->inode;
	snprintf(ret->formerly, sizeof ret->formerly, "%llu:%llu", (unsigned long long)c->device, inode);
	if (statx(AT_FDCWD, c->path, 0, STATX_BTIME, &st) == 0 && st.stx_mask & STATX_BTIME)
		snprintf(ret->database, sizeof ret->database, "inode %llu made %lld.%09u", inode, (long long)st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
	else
		str_copy(ret->database, sizeof ret->database, ret->formerly);
}

int lite_file_same(struct conn *c, struct err *e)
{
	struct stat st;
	if (stat(c->path, &st) == 0 && st.st_dev == c->device && st.st_ino == c->inode && !is_moved(c))
		return 0;
	return err_set(
	    e, ERR_STATE,
	    "database file %s was replaced or removed while it was open (a restore?): the transaction was rolled back; start the delivery again",
	    c->path);
}

unsigned long lite_file_links(struct conn *c)
{
	struct stat st;
	return stat(c->path, &st) == 0 ? (unsigned long)st.st_nlink : 0;
}

/* ---- the lock ---- */

static int lock_open(struct conn *c, struct err *e)
{
	if (c->lock_fd >= 0)
		return 0;
	AUTO(buf_done) struct buf name = BUF_INIT;
	buf_addf(&name, "%s.rollcall-lock", c->path);
	c->lock_fd = open(name.p, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->lock_fd >= 0)
		return 0;
	bool full = errno == ENOSPC || errno == EDQUOT;
	err_set_errno(e, "lock file %s", name.p);
	if (e && full)
		e->db_errno = SQLITE_FULL; /* waited for like any full disk */
	return -1;
}

static void lock_tell_holder(struct conn *c, char *holder)
{
	char text[128] = "";
	ssize_t n = pread(c->lock_fd, text, sizeof text - 1, 0);
	text[strcspn(text, "\n")] = '\0';
	snprintf(holder, 256, "%s holds %.180s.rollcall-lock", n > 0 ? text : "another process", c->path);
}

/* On a full disk the lock is ours all the same, and who waits for it is not told whose it is. */
static void lock_sign(struct conn *c)
{
	char text[128];
	int n = snprintf(text, sizeof text, "process %s\n", c->backend);
	bool signed_by_us = ftruncate(c->lock_fd, 0) == 0 && pwrite(c->lock_fd, text, (size_t)n, 0) == n;
	(void)signed_by_us;
}

int lite_file_try_lock(struct conn *c, bool *ret_got, char *holder, struct err *e)
{
	if (lock_open(c, e) < 0)
		return -1;
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(c->lock_fd, F_OFD_SETLK, &whole) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return err_set_errno(e, "lock %s.rollcall-lock", c->path);
		if (holder)
			lock_tell_holder(c, holder);
		*ret_got = false;
		return 0;
	}
	lock_sign(c);
	*ret_got = c->lock_held = true;
	return 0;
}

int lite_file_unlock(struct conn *c, struct err *e)
{
	struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	if (c->lock_held && fcntl(c->lock_fd, F_OFD_SETLK, &whole) < 0)
		return err_set_errno(e, "unlock %s.rollcall-lock", c->path);
	c->lock_held = false;
	return 0;
}

/* ---- backends: SQLite works inside our process, so a backend is a process: "pid/start time in ticks since boot" ---- */

static bool process_start(long pid, uint64_t *ret)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	char *p = strrchr(text, ')'); /* the name before it may hold anything */
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p && sscanf(p, "%" SCNu64, ret) == 1;
}

void lite_file_backend(char out[64])
{
	uint64_t start = 0;
	(void)process_start(getpid(), &start);
	snprintf(out, 64, "%ld/%" PRIu64, (long)getpid(), start);
}

/* Within our own process an earlier connection is alive only as long as it holds the lock that we do not. */
static int lock_taken(struct conn *c, bool *ret, struct err *e)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (lock_open(c, e) < 0)
		return -1;
	if (fcntl(c->lock_fd, F_OFD_GETLK, &whole) < 0)
		return err_set_errno(e, "look at %s.rollcall-lock", c->path);
	*ret = whole.l_type != F_UNLCK;
	return 0;
}

int lite_file_backend_alive(struct conn *c, const char *backend, bool *ret_alive, struct err *e)
{
	long pid;
	uint64_t recorded, start;
	if (str_eq(backend, c->backend))
		return lock_taken(c, ret_alive, e);
	if (sscanf(backend, "%ld/%" SCNu64, &pid, &recorded) != 2)
		return err_set(e, ERR_STATE, "'%s' is not a backend that Rollcall records for SQLite", backend);
	*ret_alive = process_start(pid, &start) && start == recorded;
	return 0;
}

/* What the process calls itself; "?" when it is gone or another one's secret. */
static void process_name(long pid, char out[32])
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%ld/comm", pid);
	FILE *f = fopen(path, "re");
	if (!f || !fgets(out, 32, f))
		str_copy(out, 32, "?");
	out[strcspn(out, "\n")] = '\0';
	if (f)
		fclose(f);
}

/* /proc/locks names the processes that hold record locks on the file: "1: POSIX  ADVISORY  WRITE 4711 08:01:1234 1073741825 1073742335". There is one lock, and nobody queues for it. */
int lite_file_blockers(const struct engine_target *t, struct conn **look, const char *backend, enum engine_wait *ret_wait, struct buf *ret,
                       struct err *e)
{
	(void)e, (void)look;
	if (ret_wait)
		*ret_wait = ENGINE_WAIT_NONE;
	AUTO(mem_free_ptr) char *path = mem_strdup(t->dsn + (str_starts(t->dsn, "sqlite://") ? 9 : 7));
	path[strcspn(path, "?")] = '\0';
	struct stat st;
	FILE *f = stat(path, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
	if (!f)
		return 0;
	char line[256], kind[16], mode[16];
	long pid;
	unsigned major_no, minor_no;
	unsigned long inode;
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%*s %15s %*s %15s %ld %x:%x:%lu", kind, mode, &pid, &major_no, &minor_no, &inode) != 6 || inode != st.st_ino ||
		    major_no != major(st.st_dev) || minor_no != minor(st.st_dev) || !str_eq(kind, "POSIX"))
			continue;
		char self[32], known[48], name[32];
		snprintf(self, sizeof self, "%ld/", pid);
		snprintf(known, sizeof known, "process %ld (", pid);
		if (str_starts(backend, self) || strstr(buf_str(ret), known)) /* it has several locks: once is enough */
			continue;
		process_name(pid, name);
		buf_addf(ret, "%s%s%s) with a %s lock on %s", ret->n ? "; " : "", known, name, str_eq(mode, "WRITE") ? "write" : "read", path);
	}
	fclose(f);
	return 0;
}
