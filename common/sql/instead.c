/* Rewriting by tokens: lists are taken apart, OR REPLACE becomes a swap. MariaDB alone has statements that are class X for what they say and not for what they are. */
#include "common/sql/instead.h"

#include "common/base/mem.h"
#include "common/sql/lex.h"

#define TOKENS_MAX 256

struct words { /* the code of the statement */
	struct token t[TOKENS_MAX];
	size_t n;
	const uint8_t *end;
};

static bool words_read(struct words *w, enum dialect d, struct bytes statement)
{
	struct lexer l;
	lex_init(&l, d, statement, 1);
	*w = (struct words){.end = statement.p + statement.n};
	for (struct token t; lex_next_code(&l, &t);) {
		if (t.kind == TOKEN_BAD || t.kind == TOKEN_SEMICOLON)
			return false;
		if (w->n < TOKENS_MAX)
			w->t[w->n++] = t;
	}
	return w->n > 2;
}

static bool is(const struct words *w, size_t i, const char *word)
{
	return i < w->n && token_is_word(&w->t[i], word);
}

static void add(struct buf *b, const char *before, const uint8_t *from, const uint8_t *to)
{
	buf_adds(b, before);
	buf_add(b, from, (size_t)(to - from));
}

static const uint8_t *end_of(const struct words *w, size_t i)
{
	return w->t[i].text.p + w->t[i].text.n;
}

/* ---- DROP ... a, b ---- */

static size_t drop_head(const struct words *w) /* how many words stand before the list; 0: another statement */
{
	static const char *const kinds[] = {"TABLE", "TABLES", "VIEW", "SEQUENCE", "USER", "ROLE"};
	size_t n = 2;
	for (size_t i = 0; is(w, 0, "DROP") && i < ARRAY_LEN(kinds); i++)
		if (is(w, 1, kinds[i]))
			return n + (is(w, 2, "IF") && is(w, 3, "EXISTS") ? 2 : 0);
	return 0;
}

/* Where what belongs to the whole list begins: RESTRICT, CASCADE, WAIT n, NOWAIT. */
static size_t drop_tail(const struct words *w, size_t first)
{
	for (size_t i = first + 1; i < w->n; i++)
		if (!token_is_symbol(&w->t[i - 1], ',') && !token_is_symbol(&w->t[i - 1], '.') &&
		    (is(w, i, "RESTRICT") || is(w, i, "CASCADE") || is(w, i, "WAIT") || is(w, i, "NOWAIT")))
			return i;
	return w->n;
}

static bool drop_each(const struct words *w, struct buf *ret)
{
	size_t first = drop_head(w), tail, from = first;
	if (!first || w->n == TOKENS_MAX)
		return false;
	tail = drop_tail(w, first);
	for (size_t i = first; i <= tail; i++) {
		if (i < tail && !token_is_symbol(&w->t[i], ','))
			continue;
		if (i == from)
			return false; /* nothing between two commas */
		add(ret, ret->n ? " " : "", w->t[0].text.p, end_of(w, first - 1));
		add(ret, " ", w->t[from].text.p, end_of(w, i - 1));
		if (tail < w->n)
			add(ret, " ", w->t[tail].text.p, end_of(w, w->n - 1));
		buf_addc(ret, ';');
		from = i + 1;
	}
	return true;
}

/* ---- CREATE OR REPLACE ---- */

struct name {
	struct bytes schema, name; /* schema: with its dot; either with its quotes */
	size_t words;
};

static struct name name_at(const struct words *w, size_t i)
{
	struct name n = {.words = 1, .name = w->t[i].text};
	if (i + 2 < w->n && token_is_symbol(&w->t[i + 1], '.')) {
		n.schema = bytes_of(w->t[i].text.p, (size_t)(end_of(w, i + 1) - w->t[i].text.p));
		n.name = w->t[i + 2].text;
		n.words = 3;
	}
	return n;
}

static void add_name(struct buf *b, const struct name *n, const char *prefix)
{
	bool quoted = n->name.n && n->name.p[0] == '`';
	buf_add(b, n->schema.p, n->schema.n);
	buf_adds(b, quoted ? "`" : "");
	buf_adds(b, prefix);
	buf_add(b, n->name.p + quoted, n->name.n - quoted);
}

static bool swap(const struct words *w, struct buf *ret)
{
	struct name n = name_at(w, 4);
	if (4 + n.words >= w->n)
		return false;
	buf_adds(ret, "CREATE TABLE ");
	add_name(ret, &n, "new_");
	add(ret, " ", w->t[4 + n.words].text.p, end_of(w, w->n - 1));
	buf_adds(ret, "; RENAME TABLE ");
	add_name(ret, &n, "");
	buf_adds(ret, " TO ");
	add_name(ret, &n, "old_");
	buf_adds(ret, ", ");
	add_name(ret, &n, "new_");
	buf_adds(ret, " TO ");
	add_name(ret, &n, "");
	buf_adds(ret, "; DROP TABLE ");
	add_name(ret, &n, "old_");
	buf_addc(ret, ';');
	return true;
}

static bool replace(const struct words *w, struct buf *ret)
{
	if (!is(w, 0, "CREATE") || !is(w, 1, "OR") || !is(w, 2, "REPLACE") || w->n < 6 || w->n == TOKENS_MAX)
		return false;
	if (is(w, 3, "TABLE"))
		return swap(w, ret);
	if (!is(w, 3, "SEQUENCE"))
		return false;
	struct name n = name_at(w, 4);
	buf_adds(ret, "DROP SEQUENCE ");
	add_name(ret, &n, "");
	add(ret, "; CREATE SEQUENCE ", w->t[4].text.p, end_of(w, w->n - 1));
	buf_addc(ret, ';');
	return true;
}

bool sql_instead(enum dialect d, struct bytes statement, struct buf *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct words w;
	if (d != DIALECT_MARIADB || !words_read(&w, d, statement) || !(drop_each(&w, &text) || replace(&w, &text)) || text.n > SQL_INSTEAD_MAX)
		return false;
	buf_add(ret, text.p, text.n);
	return true;
}
