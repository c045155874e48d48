/* See the header. */
#include "tests/support/split_marks.h"

#include <string.h>
#include <strings.h>

static bool is_word_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* An open comment is left as it is for MariaDB: its client forgets where one ends when the mark of a versioned comment stands inside; the server does not. */
static size_t mark_at(enum dialect dialect, struct bytes s, bool blocks_too, size_t i)
{
	static const char *const words[] = {"BEGIN", "END", "THEN", "CASE", "ATOMIC", "$$", "//", "--", "/*", "*/", NULL};
	static const char *const blocks[] = {"IF",      "ELSE", "ELSEIF", "LOOP",   "WHILE", "REPEAT", "UNTIL",     "FOR", "DO",
	                                     "DECLARE", "NOT",  "WHEN",   "RETURN", "SET",   "ROW",    "DELIMITER", NULL};
	if (dialect == DIALECT_MARIADB && i + 1 < s.n && (memcmp(s.p + i, "/*", 2) == 0 || memcmp(s.p + i, "*/", 2) == 0))
		return 0;
	for (int list = 0; list < (blocks_too ? 2 : 1); list++)
		for (const char *const *w = list ? blocks : words; *w; w++) {
			size_t n = strlen(*w);
			bool word = is_word_byte((uint8_t) * *w), inside = word && ((i && is_word_byte(s.p[i - 1])) || (i + n < s.n && is_word_byte(s.p[i + n])));
			if (i + n <= s.n && !inside && strncasecmp((const char *)s.p + i, *w, n) == 0)
				return n;
		}
	return strchr("'\"`;$()#", s.p[i]) ? 1 : 0;
}

size_t split_marks_find(enum dialect d, struct bytes s, bool blocks, struct split_mark marks[SPLIT_MARKS_MAX])
{
	size_t found = 0;
	for (size_t i = 0; i < s.n && found < SPLIT_MARKS_MAX;) {
		size_t n = mark_at(d, s, blocks, i);
		if (n)
			marks[found++] = (struct split_mark){i, n};
		i += n ? n : 1;
	}
	return found;
}

struct buf split_mutant(struct bytes s, const struct split_mark *m, bool twice)
{
	struct buf b = BUF_INIT;
	buf_add(&b, s.p, twice ? m->at + m->n : m->at);
	if (twice)
		buf_addc(&b, ' ');
	buf_add(&b, s.p + (twice ? m->at : m->at + m->n), s.n - (twice ? m->at : m->at + m->n));
	return b;
}
