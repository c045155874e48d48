/* Tokens of an SQL text, for each dialect: the one lexer under the splitter, the classifier and the gates. Copies nothing, keeps no list,
 * never recurses, and reads each byte once. What differs between dialects is a row of data in lex.c. Settings are the engines' defaults:
 * standard_conforming_strings on; neither ANSI_QUOTES nor NO_BACKSLASH_ESCAPES (runners pin them). */
#ifndef COMMON_SQL_LEX_H
#define COMMON_SQL_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bytes.h"
#include "common/sql/delimiter.h"
#include "common/sql/dialect.h"

enum token_kind {
	TOKEN_SPACE,
	TOKEN_COMMENT, /* without the line break that ends it */
	TOKEN_HINT, /* an optimizer hint, slash star plus */
	TOKEN_VERSIONED, /* the opening, or the closing, of a MariaDB versioned comment: what stands between is code and comes as tokens of its own */
	/* From here on: code. */
	TOKEN_WORD, /* keyword or unquoted identifier */
	TOKEN_QUOTED, /* "x", `x` or [x], with its quotes */
	TOKEN_STRING, /* with its quotes and an E before it; dollar quotes too */
	TOKEN_NUMBER,
	TOKEN_SYMBOL, /* one byte, or "::" */
	TOKEN_SEMICOLON,
	TOKEN_DELIMITER, /* `stop` of the lexer */
	TOKEN_BAD /* see what, snippet and fix in the lexer; the lexer is then at its end */
};

struct token {
	enum token_kind kind;
	struct bytes text; /* points into the input */
	uint32_t line; /* of its first byte */
};

struct lexer {
	struct bytes in;
	size_t at;
	uint32_t line;
	enum dialect dialect;
	unsigned versioned; /* open versioned comments around `at` */
	uint32_t versioned_line;
	const struct delimiter *stop; /* NULL: no delimiter of a person's choice; may be changed between tokens */
	const char *what, *fix; /* after TOKEN_BAD: static storage */
	struct bytes snippet; /* after TOKEN_BAD: the command or tag in question, never a literal; may be empty */
};

void lex_init(struct lexer *l, enum dialect d, struct bytes text, uint32_t first_line);
/* The next token of any kind; false at the end. */
bool lex_next(struct lexer *l, struct token *ret);
/* The next token of code: passes over white space, comments and the marks of versioned comments. */
bool lex_next_code(struct lexer *l, struct token *ret);
/* Takes the rest of the present line (without its line break) out of the input. */
struct bytes lex_take_line(struct lexer *l);

bool token_is_code(const struct token *t);
bool token_is_word(const struct token *t, const char *word); /* an unquoted word; ASCII case ignored */
bool token_is_symbol(const struct token *t, char c);
/* The name that a word, quoted identifier or string stands for, unquoted, as the dialect folds it (PostgreSQL: lower case, cut at 63 bytes). Truncates. */
void token_name(enum dialect d, const struct token *t, char *out, size_t size);

#endif
