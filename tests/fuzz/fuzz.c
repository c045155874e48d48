/* Shared by all fuzz targets. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool fuzz_accepted;

void fuzz_require(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "invariant broken: %s\n", what);
		abort();
	}
}

size_t fuzz_count_lines(const uint8_t *data, size_t size)
{
	size_t n = 1;
	for (size_t i = 0; i < size; i++)
		n += data[i] == '\n';
	return n;
}

const char *fuzz_memory_file_of(size_t slot, const uint8_t *data, size_t size)
{
	static struct {
		char path[64];
		bool open;
		int fd;
	} files[FUZZ_FILES];
	fuzz_require(slot < FUZZ_FILES, "a slot that there is");
	if (!files[slot].open) {
		files[slot].fd = memfd_create("input", MFD_CLOEXEC);
		files[slot].open = true;
		fuzz_require(fchmod(files[slot].fd, 0600) == 0, "a file of ours"); /* or no key is read from it */
		snprintf(files[slot].path, sizeof files[slot].path, "/proc/self/fd/%d", files[slot].fd);
	}
	int fd = files[slot].fd;
	fuzz_require(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size, "a file in memory");
	return files[slot].path;
}

const char *fuzz_memory_file(const uint8_t *data, size_t size)
{
	return fuzz_memory_file_of(0, data, size);
}
