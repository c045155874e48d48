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
