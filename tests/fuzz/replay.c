/* Replays a fuzz target's corpus as a test: each file once, one TAP line a file. Linked with one *_fuzz.c; `make fuzz T=name` links the same file with libFuzzer instead. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/fuzz/fuzz.h"

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return alphasort(a, b);
}

/* On an exact copy, so that the address sanitizer sees a read past the end. A failure aborts: the runner counts it. */
static bool replay(const char *path, const char *name)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	if (file_read(path, 1 << 24, &data, &e) != 0) {
		printf("# %s\n", e.msg);
		return false;
	}
	AUTO(mem_free_ptr) uint8_t *exact = malloc(data.n ? data.n : 1);
	memcpy(exact, buf_str(&data), data.n);
	fuzz_accepted = false;
	LLVMFuzzerTestOneInput(exact, data.n);
	return fuzz_accepted ? !str_starts(name, "bad_") : !str_starts(name, "good_");
}

int main(int argc, char **argv)
{
	struct dirent **names = NULL;
	int count = 0, bad = 0;
	int n = argc == 2 ? scandir(argv[1], &names, NULL, by_name) : -1;
	if (n < 0) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		AUTO(mem_free_ptr) char *path = file_join(argv[1], names[i]->d_name);
		if (names[i]->d_name[0] != '.') {
			bool ok = replay(path, names[i]->d_name);
			bad += !ok;
			printf("%s %d - %s\n", ok ? "ok" : "not ok", ++count, names[i]->d_name);
			fflush(stdout);
		}
		free(names[i]);
	}
	free(names);
	return count > 0 && bad == 0 ? 0 : 1;
}
