/* Replays a fuzz target's corpus as a test: each file once, one TAP line a file. Linked with one *_fuzz.c; `make fuzz T=name` links the same file with libFuzzer instead. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return alphasort(a, b);
}

int main(int argc, char **argv)
{
	struct dirent **names = NULL;
	int count = 0;
	int n = argc == 2 ? scandir(argv[1], &names, NULL, by_name) : -1;
	if (n < 0) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		AUTO(buf_done) struct buf data = BUF_INIT;
		AUTO(mem_free_ptr) char *path = file_join(argv[1], names[i]->d_name);
		if (names[i]->d_name[0] != '.' && file_read(path, 1 << 24, &data, NULL) == 0) {
			LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&data), data.n); /* a failure aborts: the runner counts it */
			printf("ok %d - %s\n", ++count, names[i]->d_name);
			fflush(stdout);
		}
		free(names[i]);
	}
	free(names);
	return count > 0 ? 0 : 1;
}
