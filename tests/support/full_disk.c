/* Writes that fail, under SQLite's own name for what it calls of the system. */
#include "tests/support/full_disk.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"

static const char *file; /* NULL: no disk is watched */
static unsigned long full_at, writes;

static bool is_full(int fd)
{
	char link[64], path[512];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	if (!file || !strstr(path, file))
		return false;
	bool full = ++writes >= full_at && full_at;
	if (full)
		errno = ENOSPC;
	return full;
}

static ssize_t disk_write(int fd, const void *p, size_t n)
{
	return is_full(fd) ? -1 : write(fd, p, n);
}

static ssize_t disk_pwrite(int fd, const void *p, size_t n, off_t at)
{
	return is_full(fd) ? -1 : pwrite(fd, p, n, at);
}

void full_disk_begin(const char *name, unsigned long n)
{
	static const struct {
		const char *call;
		sqlite3_syscall_ptr instead;
	} calls[] = {
	    {"write", (sqlite3_syscall_ptr)disk_write}, {"pwrite", (sqlite3_syscall_ptr)disk_pwrite}, {"pwrite64", (sqlite3_syscall_ptr)disk_pwrite}};
	sqlite3_vfs *system = sqlite3_vfs_find(NULL);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		(void)system->xSetSystemCall(system, calls[i].call, calls[i].instead); /* one that this build does not call is not found */
	file = name;
	full_at = n;
	writes = 0;
}

unsigned long full_disk_end(void)
{
	sqlite3_vfs *system = sqlite3_vfs_find(NULL);
	(void)system->xSetSystemCall(system, NULL, NULL); /* all as they were */
	file = NULL;
	return writes;
}
