/* What fuzz targets share. A target is one *_fuzz.c with LLVMFuzzerTestOneInput; replay.c runs it over its corpus in `make check`, libFuzzer in `make fuzz`. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Set by the target: was the last input accepted as well-formed? The replay demands it of corpus files named good_*, so that a changed format does not leave a corpus behind
 * that only tests the first check, and that those named bad_* are refused. */
extern bool fuzz_accepted;

/* Says what is broken and aborts, which both libFuzzer and the replay count. */
void fuzz_require(bool ok, const char *what);

/* Lines of a text, one that is not ended counted too. */
size_t fuzz_count_lines(const uint8_t *data, size_t size);
/* For readers that want a regular file: one in memory with these bytes. Its path is the same each time. */
const char *fuzz_memory_file(const uint8_t *data, size_t size);
#define FUZZ_FILES 8
const char *fuzz_memory_file_of(size_t slot, const uint8_t *data, size_t size); /* one of FUZZ_FILES; the first is that of fuzz_memory_file */

#endif
