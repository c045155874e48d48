/* A disk that gets full, for a process of the fault tests: LD_PRELOAD=full_disk.so ROLLCALL_DISK_FULL=NAME:N. From the N-th write on (from 1) every write to a file whose path holds
 * NAME fails with ENOSPC, as on a real disk until somebody makes room. The first failure adds an octet to the file ROLLCALL_DISK_FULL_TOLD, if there is one. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *name; /* NULL: this disk does not get full */
static unsigned long full_at;
static atomic_ulong writes;

__attribute__((constructor)) static void full_disk_read_environment(void)
{
	static char copy[256];
	const char *text = getenv("ROLLCALL_DISK_FULL");
	snprintf(copy, sizeof copy, "%s", text ? text : "");
	char *colon = strrchr(copy, ':');
	if (!colon)
		return;
	*colon = '\0';
	full_at = strtoul(colon + 1, NULL, 10);
	name = copy;
}

static void tell(void)
{
	const char *path = getenv("ROLLCALL_DISK_FULL_TOLD");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	(void)!((ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write"))(fd, ".", 1);
	close(fd);
}

/* True: this write fails; errno is set. */
static bool is_full(int fd)
{
	char link[64], path[512];
	if (!name)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	if (!strstr(path, name))
		return false;
	unsigned long this_write = atomic_fetch_add(&writes, 1) + 1;
	if (this_write == full_at)
		tell();
	if (this_write >= full_at)
		errno = ENOSPC;
	return this_write >= full_at;
}

#define REAL(type, symbol) ((type)dlsym(RTLD_NEXT, symbol))

ssize_t write(int fd, const void *p, size_t n)
{
	return is_full(fd) ? -1 : REAL(ssize_t(*)(int, const void *, size_t), "write")(fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return is_full(fd) ? -1 : REAL(ssize_t(*)(int, const void *, size_t, off_t), "pwrite")(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return is_full(fd) ? -1 : REAL(ssize_t(*)(int, const void *, size_t, off64_t), "pwrite64")(fd, p, n, at);
}
