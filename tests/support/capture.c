/* Standard output and error into anonymous files, and back. */
#include "tests/support/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/mem.h"

void capture_begin(struct capture *c)
{
	fflush(stdout);
	fflush(stderr);
	for (int i = 0; i < 2; i++) {
		c->saved[i] = dup(i + 1);
		c->files[i] = memfd_create("capture", MFD_CLOEXEC);
		if (c->saved[i] < 0 || c->files[i] < 0 || dup2(c->files[i], i + 1) < 0)
			abort();
	}
}

static char *read_back(int fd)
{
	off_t n = lseek(fd, 0, SEEK_END);
	char *s = mem_alloc((size_t)n + 1);
	if (pread(fd, s, (size_t)n, 0) != (ssize_t)n)
		abort();
	close(fd);
	return s;
}

void capture_end(struct capture *c)
{
	fflush(stdout);
	fflush(stderr);
	for (int i = 0; i < 2; i++) {
		if (dup2(c->saved[i], i + 1) < 0)
			abort();
		close(c->saved[i]);
	}
	c->out = read_back(c->files[0]);
	c->err = read_back(c->files[1]);
}

void capture_done(struct capture *c)
{
	free(c->out);
	free(c->err);
	c->out = c->err = NULL;
}
