/* See the header. */
#include "common/base/dirlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"

#define LOOKED_MS 20 /* longer than anybody only looks */

/* The file keeps the number of its last holder, for people: it is the lock that counts. */
static void read_holder(int fd, char ret[24])
{
	ssize_t n = pread(fd, ret, 23, 0);
	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

static int held(int fd, const char *dir, const char *who, struct err *e)
{
	char pid[24] = "";
	read_holder(fd, pid);
	return err_set(e, ERR_STATE,
	               "%s: another %s runs on this data_dir: stop it first (process %s; one that hangs or is paused holds it too, until it is killed)",
	               dir, who, *pid ? pid : "unknown");
}

static bool try_lock(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	clock_sleep_ms(LOOKED_MS);
	return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

int dirlock_take(const char *dir, const char *who, int *ret_fd, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(dir, "lock");
	char pid[24];
	if (file_check_folder(dir, e) != 0)
		return -1;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set_errno(e, "%s", path);
	if (!try_lock(fd)) {
		(void)held(fd, dir, who, e);
		close(fd);
		return -1;
	}
	int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
		(void)err_set_errno(e, "%s", path);
		close(fd);
		return -1;
	}
	*ret_fd = fd;
	return 0;
}

int dirlock_holder(const char *dir, long *ret_pid, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(dir, "lock");
	char pid[24] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	*ret_pid = 0;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_set_errno(e, "%s", path);
	if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
		read_holder(fd, pid);
		long n = strtol(pid, NULL, 10);
		*ret_pid = n > 0 ? n : -1;
	}
	close(fd);
	return 0;
}

void dirlock_drop(int *fd)
{
	if (*fd > 0)
		close(*fd);
	*fd = -1;
}
