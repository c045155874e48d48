/* A statement delimiter that a person chose: Liquibase's endDelimiter, or a DELIMITER line of the MariaDB client. Plain text, or the few
 * forms of regular expression that people write there: "\n/", "/\s*$", "^GO$", "\nGO|\n/", "\$\$". Anything richer is refused, never guessed. */
#ifndef COMMON_SQL_DELIMITER_H
#define COMMON_SQL_DELIMITER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/bytes.h"
#include "common/base/err.h"

#define DELIMITER_MAX  64 /* bytes */
#define DELIMITER_ALTS 4

struct delimiter_alt {
	struct {
		enum { DELIMITER_BYTE, DELIMITER_SPACES } kind; /* SPACES: any run of white space, also none */
		unsigned char byte; /* lower case: compared without case, as Liquibase does */
	} part[DELIMITER_MAX];
	size_t n;
	bool line_start, line_end; /* stands directly after a line break; nothing but blanks follows on its line */
	bool whole_word; /* made of letters: never a part of a longer word */
};

struct delimiter {
	struct delimiter_alt alt[DELIMITER_ALTS];
	size_t n;
};

/* An endDelimiter. A lone "/" must stand alone on its line and a word such as GO must end its line, so that "a / b" and "SELECT go FROM t" survive. ERR_PARSE. */
int delimiter_compile(const char *text, struct delimiter *ret, struct err *e) MUST_CHECK;
/* The argument of a DELIMITER line: plain text, wherever it stands. ERR_PARSE when empty or too long. */
int delimiter_plain(struct bytes text, struct delimiter *ret, struct err *e) MUST_CHECK;
/* Length of the delimiter at in[at], 0 when there is none. */
size_t delimiter_match(const struct delimiter *d, struct bytes in, size_t at);

#endif
