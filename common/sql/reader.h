/* Reading a statement clause by clause: one token of code in hand, over the lexer. What it cannot read, and a semicolon, end it. */
#ifndef COMMON_SQL_READER_H
#define COMMON_SQL_READER_H

#include "common/sql/lex.h"

struct reader {
	struct lexer l;
	struct token t; /* in hand; kind TOKEN_SPACE at the end, and its text behind all others: there it stays */
	bool ended;
};

void reader_begin(struct reader *r, enum dialect d, struct bytes text);
void reader_next(struct reader *r);
bool reader_at_end(const struct reader *r);
bool reader_at_name(const struct reader *r); /* a word or a quoted name */
/* True, and the next one is in hand, when it was this one. */
bool reader_take(struct reader *r, const char *word);
bool reader_take_any(struct reader *r, const char *const *words); /* NULL at the end */
bool reader_take_symbol(struct reader *r, char c);
struct token reader_take_name(struct reader *r); /* kind TOKEN_SPACE: none was in hand */
/* Over MariaDB's SET STATEMENT variable = value FOR, however often it stands there. */
void reader_skip_settings(struct reader *r);
bool reader_take_exists(struct reader *r); /* IF [NOT] EXISTS */
/* Over an object's name with what qualifies it, and WAIT n or NOWAIT behind it. */
void reader_skip_object(struct reader *r);
/* Over a group in parentheses, if one begins here. */
void reader_skip_group(struct reader *r);
/* The same tokens from here to the end, semicolons too: they may be parts of a body. */
bool reader_rest_equal(struct reader *a, struct reader *b);
/* To the comma, or the closing parenthesis, that ends the clause. What was passed over. */
struct bytes reader_skip_clause(struct reader *r);

#endif
