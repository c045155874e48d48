/* Splits a script into statements, per dialect, as the engine's own client would. One lexer serves gates, packing and the agent.
 * Bounded memory: pieces point into the input; no recursion. */
#ifndef COMMON_SQL_SPLIT_H
#define COMMON_SQL_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/sql/dialect.h"

#define SQL_SPLITTER_VERSION 1u /* recorded in the release; grows when a split result may change */

struct split_options {
	bool split; /* splitStatements; false: the whole text is one piece */
	bool strip_comments; /* stripComments: plain comments are removed, hints and versioned comments never */
	const char *delimiter; /* endDelimiter; NULL: the dialect's own rules (";", DELIMITER lines on MariaDB, a lone GO line is not one) */
	uint32_t first_line; /* line of the text's first byte in its file, for messages */
};

struct piece {
	struct bytes sql; /* trimmed, without delimiter; points into the input, or into the splitter's buffer when comments were stripped */
	uint32_t line;
};

/* Called for each piece, in order; a return of -1 (with *e set) ends the split with that error. Pieces of comments and white space alone are not handed over. */
typedef int split_fn(void *arg, const struct piece *p, struct err *e);

/* ERR_PARSE, as "line N: what: what to do", for an unterminated string, comment, dollar quote, compound statement or DELIMITER without an argument, for NUL bytes,
 * invalid UTF-8, psql backslash commands and COPY FROM stdin data. Runs in O(n). */
int sql_split(enum dialect d, struct bytes script, const struct split_options *o, split_fn *fn, void *arg, struct err *e) MUST_CHECK;

#endif
