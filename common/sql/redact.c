/* See the header. */
#include "common/sql/redact.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/sql/lex.h"

static const char *const secret_words[] = {"PASSWORD", "IDENTIFIED", "PASSPHRASE", "SECRET", "CREDENTIAL", "CREDENTIALS"};

/* What the lexer could not end begins at its first quote. */
static void add_bad(struct bytes text, struct buf *ret)
{
	size_t n = 0;
	while (n < text.n && !strchr("'\"$`", text.p[n]))
		n++;
	buf_add(ret, text.p, n);
	if (n < text.n)
		buf_adds(ret, "'?'");
}

void sql_hide_literals(enum dialect d, struct bytes sql, struct buf *ret)
{
	struct lexer l;
	struct token t;
	lex_init(&l, d, sql, 1);
	while (lex_next(&l, &t)) {
		if (t.kind == TOKEN_BAD) {
			add_bad(bytes_of(t.text.p, (size_t)(sql.p + sql.n - t.text.p)), ret);
			return;
		}
		if (t.kind == TOKEN_STRING)
			buf_adds(ret, "'?'");
		else
			buf_add(ret, t.text.p, t.text.n);
	}
}

bool sql_holds_secret(enum dialect d, struct bytes sql)
{
	struct lexer l;
	struct token t;
	lex_init(&l, d, sql, 1);
	while (lex_next_code(&l, &t))
		for (size_t i = 0; i < ARRAY_LEN(secret_words); i++)
			if (token_is_word(&t, secret_words[i]))
				return true;
	return false;
}

static bool is_quote(char c)
{
	return c == '\'' || c == '"' || c == '`';
}

void sql_hide_quoted(char *message)
{
	char *first = message;
	while (*first && !is_quote(*first))
		first++;
	char *last = message + strlen(message);
	while (last > first && !is_quote(*last))
		last--;
	if (!*first)
		return;
	if (last == first) /* one quote: what it opens was cut off */
		last = message + strlen(message) - 1;
	size_t room = (size_t)(last - first) + 1;
	size_t n = room < 3 ? room : 3;
	memset(first, '.', n);
	memmove(first + n, last + 1, strlen(last + 1) + 1);
}

/* Between the first quote of a token and its last; of "$tag$ ... $tag$" what is between those. */
static struct bytes inside_quotes(struct bytes t)
{
	size_t first = 0, last = t.n;
	while (first < t.n && !is_quote((char)t.p[first]) && t.p[first] != '$')
		first++;
	if (first < t.n && t.p[first] == '$') {
		const uint8_t *tag_end = memchr(t.p + first + 1, '$', t.n - first - 1);
		size_t tag = tag_end ? (size_t)(tag_end - t.p) - first + 1 : t.n;
		return t.n >= first + 2 * tag ? bytes_of(t.p + first + tag, t.n - first - 2 * tag) : bytes_of(t.p, 0);
	}
	while (last > first && !is_quote((char)t.p[last - 1]))
		last--;
	return last > first + 2 ? bytes_of(t.p + first + 1, last - first - 2) : bytes_of(t.p, 0);
}

static void hide_each(struct bytes word, char *message)
{
	static const char dots[] = "...";
	const size_t n = sizeof dots - 1;
	if (word.n <= n)
		return;
	for (char *at = message; (at = memmem(at, strlen(at), word.p, word.n)); at += n) {
		memcpy(at, dots, n);
		memmove(at + n, at + word.n, strlen(at + word.n) + 1);
	}
}

void sql_hide_own(enum dialect d, struct bytes sql, char *message)
{
	struct lexer l;
	struct token t;
	lex_init(&l, d, sql, 1);
	while (lex_next(&l, &t))
		if (t.kind == TOKEN_STRING || t.kind == TOKEN_QUOTED)
			hide_each(inside_quotes(t.text), message);
}
