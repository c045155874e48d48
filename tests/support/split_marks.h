/* What mutants of a script are made of: the quotes, brackets, comment marks, delimiters and block words whose loss moves the ends of statements. */
#ifndef TESTS_SUPPORT_SPLIT_MARKS_H
#define TESTS_SUPPORT_SPLIT_MARKS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/bytes.h"
#include "common/sql/dialect.h"

struct split_mark {
	size_t at, n;
};

#define SPLIT_MARKS_MAX 4096

/* blocks: of MariaDB's block words all, and DELIMITER lines. */
size_t split_marks_find(enum dialect d, struct bytes script, bool blocks, struct split_mark marks[SPLIT_MARKS_MAX]);
/* The script without that mark, or with it twice. */
struct buf split_mutant(struct bytes script, const struct split_mark *m, bool twice);

#endif
