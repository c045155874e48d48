/* The present token, and what may be taken. */
#include "common/sql/reader.h"

void reader_begin(struct reader *r, enum dialect d, struct bytes text)
{
	lex_init(&r->l, d, text, 1);
	r->ended = false;
	reader_next(r);
}

void reader_next(struct reader *r)
{
	r->ended = r->ended || !lex_next_code(&r->l, &r->t) || r->t.kind == TOKEN_BAD || r->t.kind == TOKEN_SEMICOLON;
	if (r->ended)
		r->t = (struct token){.kind = TOKEN_SPACE, .text = bytes_of(r->l.in.p + r->l.in.n, 0)};
}

bool reader_take(struct reader *r, const char *word)
{
	if (!token_is_word(&r->t, word))
		return false;
	reader_next(r);
	return true;
}

bool reader_take_any(struct reader *r, const char *const *words)
{
	for (; *words; words++)
		if (reader_take(r, *words))
			return true;
	return false;
}

bool reader_take_symbol(struct reader *r, char c)
{
	if (!token_is_symbol(&r->t, c))
		return false;
	reader_next(r);
	return true;
}

bool reader_at_end(const struct reader *r)
{
	return r->t.kind == TOKEN_SPACE;
}

bool reader_at_name(const struct reader *r)
{
	return r->t.kind == TOKEN_WORD || r->t.kind == TOKEN_QUOTED;
}

struct token reader_take_name(struct reader *r)
{
	struct token name = {.kind = TOKEN_SPACE};
	if (reader_at_name(r)) {
		name = r->t;
		reader_next(r);
	}
	return name;
}

void reader_skip_settings(struct reader *r)
{
	while (reader_take(r, "SET"))
		while (!reader_at_end(r) && !reader_take(r, "FOR"))
			reader_next(r);
}

bool reader_take_exists(struct reader *r)
{
	if (!reader_take(r, "IF"))
		return false;
	reader_take(r, "NOT");
	reader_take(r, "EXISTS");
	return true;
}

void reader_skip_object(struct reader *r)
{
	reader_take_name(r);
	while (reader_take_symbol(r, '.'))
		reader_take_name(r);
	if (reader_take(r, "WAIT"))
		reader_next(r);
	else
		reader_take(r, "NOWAIT");
}

void reader_skip_group(struct reader *r)
{
	size_t depth = 0;
	if (!token_is_symbol(&r->t, '('))
		return;
	do {
		if (token_is_symbol(&r->t, '('))
			depth++;
		else if (token_is_symbol(&r->t, ')'))
			depth--;
		reader_next(r);
	} while (depth && !reader_at_end(r));
}

struct bytes reader_skip_clause(struct reader *r)
{
	const uint8_t *from = r->t.text.p, *to = from;
	while (!reader_at_end(r) && !token_is_symbol(&r->t, ',') && !token_is_symbol(&r->t, ')')) {
		bool group = token_is_symbol(&r->t, '(');
		to = r->t.text.p + r->t.text.n;
		if (!group) {
			reader_next(r);
			continue;
		}
		reader_skip_group(r);
		to = r->t.text.p; /* up to what follows the group: white space does no harm */
	}
	return bytes_of(from, (size_t)(to - from));
}

bool reader_rest_equal(struct reader *a, struct reader *b)
{
	for (bool more_a = true, more_b = true;;) {
		if (!bytes_equal(a->t.text, b->t.text))
			return false;
		more_a = lex_next_code(&a->l, &a->t);
		more_b = lex_next_code(&b->l, &b->t);
		if (!more_a || !more_b)
			return more_a == more_b;
	}
}
