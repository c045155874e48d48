/* The lexer. Sources: PostgreSQL 15 manual 4.1 and psql's scanner; MariaDB manual "Comment Syntax", "String Literals", "Identifier Names"; SQLite tokenize.c. */
#include "common/sql/lex.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define SNIPPET_MAX 40
#define PG_NAME_MAX 63 /* NAMEDATALEN - 1 */

static const struct rules {
	bool nested_comments, hash_comments, versioned_comments;
	bool dash_needs_space; /* "--x" is two minus signs */
	bool cr_ends_line; /* a comment ends at a carriage return too: what follows it is live code */
	bool backslash_escapes; /* in every string, not only in E'' */
	bool double_quoted_strings, backticks, brackets, dollar_quotes;
} rules[DIALECT_COUNT] = {
    [DIALECT_POSTGRESQL] = {.nested_comments = true, .cr_ends_line = true, .dollar_quotes = true},
    [DIALECT_MARIADB] = {.hash_comments = true,
                         .versioned_comments = true,
                         .dash_needs_space = true,
                         .backslash_escapes = true,
                         .double_quoted_strings = true,
                         .backticks = true},
    [DIALECT_SQLITE] = {.backticks = true, .brackets = true},
};

static bool is_word_start(unsigned char c)
{
	return isalpha(c) || c == '_' || c >= 0x80;
}

static bool is_word_byte(unsigned char c)
{
	return isalnum(c) || c == '_' || c == '$' || c >= 0x80;
}

static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static unsigned char peek(const struct lexer *l, size_t ahead)
{
	return l->at + ahead < l->in.n ? l->in.p[l->at + ahead] : '\0';
}

void lex_init(struct lexer *l, enum dialect d, struct bytes text, uint32_t first_line)
{
	*l = (struct lexer){.in = text.p ? text : bytes_of_str(""), .line = first_line ? first_line : 1, .dialect = d};
}

static size_t bad(struct lexer *l, const char *what, const char *fix, size_t snippet)
{
	l->what = what;
	l->fix = fix;
	l->snippet = bytes_of(l->in.p + l->at, snippet < SNIPPET_MAX ? snippet : SNIPPET_MAX);
	return 0;
}

/* Each scan_ function returns the end of the token that starts at l->at, or 0 after bad(). */

static size_t scan_quoted(struct lexer *l, size_t open, bool backslash, const char *what, const char *fix)
{
	unsigned char quote = l->in.p[open] == '[' ? ']' : l->in.p[open];
	for (size_t i = open + 1; i < l->in.n; i++) {
		if (backslash && l->in.p[i] == '\\')
			i++;
		else if (l->in.p[i] == quote && quote != ']' && i + 1 < l->in.n && l->in.p[i + 1] == quote)
			i++;
		else if (l->in.p[i] == quote)
			return i + 1;
	}
	return bad(l, what, fix, 0);
}

static size_t scan_line_comment(struct lexer *l)
{
	bool cr = rules[l->dialect].cr_ends_line;
	size_t i = l->at;
	while (i < l->in.n && l->in.p[i] != '\n' && !(cr && l->in.p[i] == '\r'))
		i++;
	/* Of a line break in the form of CR LF neither byte belongs to the comment. */
	return i < l->in.n && i > l->at && l->in.p[i] == '\n' && l->in.p[i - 1] == '\r' ? i - 1 : i;
}

static size_t scan_block_comment(struct lexer *l)
{
	size_t depth = 1;
	for (size_t i = l->at + 2; i + 1 < l->in.n; i++) {
		if (l->in.p[i] == '*' && l->in.p[i + 1] == '/') {
			i++;
			if (--depth == 0)
				return i + 1;
		} else if (rules[l->dialect].nested_comments && l->in.p[i] == '/' && l->in.p[i + 1] == '*') {
			depth++;
			i++;
		}
	}
	return bad(l, "unterminated comment", "close it with */", 0);
}

/* Length of the opening of a versioned comment at the lexer, 0 if it is none: slash, star, perhaps M, "!", and a version of five or six digits or none. */
static size_t versioned_open(const struct lexer *l)
{
	size_t n = peek(l, 2) == 'M' ? 4 : 3, digits = 0;
	if (!rules[l->dialect].versioned_comments || peek(l, 0) != '/' || peek(l, 1) != '*' || peek(l, n - 1) != '!')
		return 0;
	while (digits < 6 && isdigit(peek(l, n + digits)))
		digits++;
	return digits >= 5 ? n + digits : n;
}

static size_t scan_slash(struct lexer *l, struct token *t)
{
	size_t open = versioned_open(l);
	if (open) {
		if (l->versioned++ == 0)
			l->versioned_line = l->line;
		t->kind = TOKEN_VERSIONED;
		return l->at + open;
	}
	if (peek(l, 1) == '*') {
		t->kind = peek(l, 2) == '+' ? TOKEN_HINT : TOKEN_COMMENT;
		return scan_block_comment(l);
	}
	return l->at + 1;
}

/* A dollar quote's "$tag$" at the lexer: its length, 0 if it is none. */
static size_t dollar_tag(const struct lexer *l)
{
	size_t i = 1;
	if (is_word_start(peek(l, i)))
		while (is_word_byte(peek(l, i)) && peek(l, i) != '$')
			i++;
	return peek(l, i) == '$' ? i + 1 : 0;
}

static size_t scan_dollar(struct lexer *l, struct token *t)
{
	size_t n = rules[l->dialect].dollar_quotes ? dollar_tag(l) : 0;
	if (!n)
		return l->at + 1;
	const uint8_t *body = l->in.p + l->at + n;
	const uint8_t *end = memmem(body, l->in.n - l->at - n, l->in.p + l->at, n);
	if (!end)
		return bad(l, "unterminated dollar quote", "close it with the same tag", n);
	t->kind = TOKEN_STRING;
	return (size_t)(end - l->in.p) + n;
}

static size_t scan_word(struct lexer *l)
{
	size_t i = l->at;
	while (i < l->in.n && is_word_byte(l->in.p[i])) {
		/* "END$$": the dollar is a letter to the server, but the delimiter comes first, as in the client. */
		if (i > l->at && l->stop && !isalnum(l->in.p[i]) && l->in.p[i] != '_' && delimiter_match(l->stop, l->in, i))
			break;
		i++;
	}
	return i;
}

static size_t scan_number(struct lexer *l)
{
	size_t i = l->at;
	while (i < l->in.n && (isalnum(l->in.p[i]) || l->in.p[i] == '_' || (l->in.p[i] == '.' && i + 1 < l->in.n && isdigit(l->in.p[i + 1]))))
		i++;
	return i;
}

static size_t scan_backslash(struct lexer *l, struct token *t)
{
	size_t n = 1;
	while (l->at + n < l->in.n && !is_space(peek(l, n)) && n < SNIPPET_MAX && peek(l, n) < 0x80)
		n++;
	switch (l->dialect) {
	case DIALECT_POSTGRESQL:
		return bad(l, "psql command", "psql does not run here, write it as SQL or take it out", n);
	case DIALECT_MARIADB:
		if (peek(l, 1) == 'N' && !is_word_byte(peek(l, 2))) { /* \N is NULL */
			t->kind = TOKEN_WORD;
			return l->at + 2;
		}
		return bad(l, "client command", "the mariadb client does not run here, end statements with ';' and take it out", n);
	case DIALECT_SQLITE:
	case DIALECT_COUNT:
		break;
	}
	return bad(l, "backslash outside a string", "take it out", 0);
}

/* ":" and its kin. psql would put a variable's value in place of :'v' and :"v"; a slice such as a[1:'2'] is left alone. */
static size_t scan_colon(struct lexer *l)
{
	size_t n = 2;
	unsigned char quote = peek(l, 1);
	if (l->dialect != DIALECT_POSTGRESQL)
		return l->at + 1;
	if (quote == ':')
		return l->at + 2;
	if (quote != '\'' && quote != '"')
		return l->at + 1;
	bool digits = true;
	for (; isalnum(peek(l, n)) || peek(l, n) == '_'; n++)
		digits = digits && isdigit(peek(l, n));
	if (peek(l, n) != quote || n == 2 || digits)
		return l->at + 1;
	return bad(l, "psql variable", "psql does not run here, write the value", n + 1);
}

static bool starts_dash_comment(const struct lexer *l)
{
	if (peek(l, 1) != '-')
		return false;
	unsigned char c = peek(l, 2);
	return !rules[l->dialect].dash_needs_space || c <= ' ' || c == 0x7F;
}

/* Tokens that begin with a letter, a digit or white space; 0 when it is something else. */
static size_t scan_plain(struct lexer *l, struct token *t)
{
	unsigned char c = peek(l, 0);
	if (is_space(c)) {
		size_t i = l->at;
		t->kind = TOKEN_SPACE;
		/* A delimiter may ask for a line's start, which is only seen when white space ends there: nothing to do, it never starts with a blank. */
		while (i < l->in.n && is_space(l->in.p[i]))
			i++;
		return i;
	}
	if (is_word_start(c)) {
		t->kind = TOKEN_WORD;
		return scan_word(l);
	}
	if (isdigit(c)) {
		t->kind = TOKEN_NUMBER;
		return scan_number(l);
	}
	return 0;
}

static size_t scan_sign(struct lexer *l, struct token *t)
{
	const struct rules *r = &rules[l->dialect];
	switch (peek(l, 0)) {
	case '\'':
		t->kind = TOKEN_STRING;
		return scan_quoted(l, l->at, r->backslash_escapes, "unterminated string", "close it with '");
	case '"':
		t->kind = r->double_quoted_strings ? TOKEN_STRING : TOKEN_QUOTED;
		return scan_quoted(l, l->at, r->backslash_escapes, r->double_quoted_strings ? "unterminated string" : "unterminated identifier",
		                   "close it with \"");
	case '`':
		if (!r->backticks)
			return l->at + 1;
		t->kind = TOKEN_QUOTED;
		return scan_quoted(l, l->at, false, "unterminated identifier", "close it with `");
	case '[':
		if (!r->brackets)
			return l->at + 1;
		t->kind = TOKEN_QUOTED;
		return scan_quoted(l, l->at, false, "unterminated identifier", "close it with ]");
	case '-':
		if (!starts_dash_comment(l))
			return l->at + 1;
		t->kind = TOKEN_COMMENT;
		return scan_line_comment(l);
	case '#':
		if (!r->hash_comments)
			return l->at + 1;
		t->kind = TOKEN_COMMENT;
		return scan_line_comment(l);
	case '*':
		if (!l->versioned || peek(l, 1) != '/')
			return l->at + 1;
		l->versioned--;
		t->kind = TOKEN_VERSIONED;
		return l->at + 2;
	case ';':
		t->kind = TOKEN_SEMICOLON;
		return l->at + 1;
	case '/':
		return scan_slash(l, t);
	case '$':
		return scan_dollar(l, t);
	case ':':
		return scan_colon(l);
	case '\\':
		return scan_backslash(l, t);
	default:
		return l->at + 1;
	}
}

static size_t scan(struct lexer *l, struct token *t)
{
	unsigned char c = peek(l, 0);
	size_t stop = l->stop ? delimiter_match(l->stop, l->in, l->at) : 0;
	t->kind = TOKEN_SYMBOL;
	if (stop) {
		t->kind = TOKEN_DELIMITER;
		return l->at + stop;
	}
	if (l->dialect == DIALECT_POSTGRESQL && (c == 'E' || c == 'e') && peek(l, 1) == '\'') {
		t->kind = TOKEN_STRING;
		return scan_quoted(l, l->at + 1, true, "unterminated string", "close it with '");
	}
	size_t end = scan_plain(l, t);
	return end ? end : scan_sign(l, t);
}

static void advance(struct lexer *l, size_t end)
{
	const uint8_t *p = l->in.p + l->at, *stop = l->in.p + end;
	while (p < stop && (p = memchr(p, '\n', (size_t)(stop - p)))) {
		l->line++;
		p++;
	}
	l->at = end;
}

bool lex_next(struct lexer *l, struct token *ret)
{
	struct token t = {.text = bytes_of(l->in.p + l->at, 0), .line = l->line};
	if (l->at >= l->in.n) {
		if (!l->versioned)
			return false;
		t.kind = TOKEN_BAD;
		t.line = l->versioned_line;
		l->versioned = 0;
		bad(l, "unterminated versioned comment", "close it with */", 0);
		*ret = t;
		return true;
	}
	size_t start = l->at, end = scan(l, &t);
	if (!end) {
		t.kind = TOKEN_BAD;
		t.text = l->snippet;
		l->versioned = 0;
		end = l->in.n;
	} else {
		t.text = bytes_of(l->in.p + start, end - start);
	}
	advance(l, end);
	*ret = t;
	return true;
}

bool lex_next_code(struct lexer *l, struct token *ret)
{
	while (lex_next(l, ret))
		if (token_is_code(ret))
			return true;
	return false;
}

struct bytes lex_take_line(struct lexer *l)
{
	const uint8_t *p = l->in.p + l->at, *end = memchr(p, '\n', l->in.n - l->at);
	size_t n = end ? (size_t)(end - p) : l->in.n - l->at;
	l->at += n;
	return bytes_of(p, n);
}

bool token_is_code(const struct token *t)
{
	return t->kind >= TOKEN_WORD;
}

bool token_is_word(const struct token *t, const char *word)
{
	return t->kind == TOKEN_WORD && strlen(word) == t->text.n && strncasecmp((const char *)t->text.p, word, t->text.n) == 0;
}

bool token_is_symbol(const struct token *t, char c)
{
	return t->kind == TOKEN_SYMBOL && t->text.n == 1 && t->text.p[0] == (unsigned char)c;
}

/* Shortens to `max` bytes, never inside a UTF-8 sequence. */
static void cut(char *s, size_t n, size_t max)
{
	if (n > max)
		while (max > 0 && ((unsigned char)s[max] & 0xC0) == 0x80)
			max--;
	s[n > max ? max : n] = '\0';
}

void token_name(enum dialect d, const struct token *t, char *out, size_t size)
{
	size_t n = 0, i = 0, end = t->text.n;
	unsigned char quote = 0;
	if (t->kind != TOKEN_WORD && end >= 2) {
		quote = t->text.p[end - 1];
		i = 1;
		end--;
	}
	for (; i < end && n < size; i++) {
		unsigned char c = t->text.p[i];
		if (quote && quote != ']' && c == quote)
			i++; /* a doubled quote */
		out[n++] = (char)(!quote && d == DIALECT_POSTGRESQL ? tolower(c) : c);
	}
	cut(out, n, d == DIALECT_POSTGRESQL && size > PG_NAME_MAX ? PG_NAME_MAX : size - 1);
}
