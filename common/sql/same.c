/* See the header. */
#include "common/sql/same.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/lex.h"

#define PART_SIZE 256
#define PARTS_MAX 3

/* A word as it is compared: a name with what qualifies it, anything else as one part. */
struct word {
	enum token_kind kind; /* TOKEN_SPACE: the end */
	char part[PARTS_MAX][PART_SIZE];
	size_t n;
	size_t depth; /* of parentheses around it */
	bool as; /* AS stands before it */
};

struct words {
	struct lexer l;
	struct token t, ahead; /* in hand, and the one behind it; kind TOKEN_SPACE at the end */
	size_t depth;
};

static struct token take(struct lexer *l)
{
	struct token t;
	return lex_next_code(l, &t) && t.kind != TOKEN_BAD && t.kind != TOKEN_SEMICOLON ? t : (struct token){.kind = TOKEN_SPACE};
}

static void advance(struct words *w)
{
	w->t = w->ahead;
	w->ahead = w->t.kind == TOKEN_SPACE ? w->t : take(&w->l);
}

static void words_begin(struct words *w, struct bytes text)
{
	w->depth = 0;
	lex_init(&w->l, DIALECT_MARIADB, text, 1);
	w->ahead = take(&w->l);
	advance(w);
}

/* What the one may have and the other not: parentheses, words that change nothing, the character set that the server writes before a string. */
static bool is_idle(struct words *w)
{
	static const char *const idle[] = {"INNER", "OUTER", "ASC", "CASCADED"};
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		if (token_is_word(&w->t, idle[i]))
			return true;
	bool opens = token_is_symbol(&w->t, '('), closes = token_is_symbol(&w->t, ')');
	w->depth += opens;
	w->depth -= closes && w->depth;
	return opens || closes || (w->t.kind == TOKEN_WORD && w->t.text.p[0] == '_' && w->ahead.kind == TOKEN_STRING);
}

static bool is_name(enum token_kind k)
{
	return k == TOKEN_WORD || k == TOKEN_QUOTED;
}

static void put(struct word *ret, const struct token *t)
{
	char *part = ret->part[ret->n++];
	if (t->text.n >= PART_SIZE)
		ret->kind = TOKEN_BAD; /* too long to be compared */
	if (is_name(t->kind) || t->kind == TOKEN_STRING)
		token_name(DIALECT_MARIADB, t, part, PART_SIZE);
	else
		snprintf(part, PART_SIZE, "%.*s", (int)t->text.n, (const char *)t->text.p);
}

/* The server has one word for several. */
static void put_alike(struct word *w, const struct words *at)
{
	static const struct {
		enum token_kind kind, becomes;
		const char *said, *kept;
	} alike[] = {
	    {TOKEN_WORD, TOKEN_WORD, "now", "current_timestamp"},
	    {TOKEN_WORD, TOKEN_WORD, "localtime", "current_timestamp"},
	    {TOKEN_WORD, TOKEN_WORD, "localtimestamp", "current_timestamp"},
	    {TOKEN_WORD, TOKEN_NUMBER, "true", "1"},
	    {TOKEN_WORD, TOKEN_NUMBER, "false", "0"},
	};
	for (size_t i = 0; i < ARRAY_LEN(alike); i++)
		if (w->n == 1 && w->kind == alike[i].kind && str_ieq(w->part[0], alike[i].said)) {
			w->kind = alike[i].becomes;
			str_copy(w->part[0], PART_SIZE, alike[i].kept);
		}
	if (str_eq(w->part[0], "*") && token_is_symbol(&at->ahead, ')')) { /* count(*) is count(0) */
		w->kind = TOKEN_NUMBER;
		str_copy(w->part[0], PART_SIZE, "0");
	}
}

static void next_word(struct words *w, struct word *ret)
{
	*ret = (struct word){.n = 0};
	for (; token_is_word(&w->t, "AS") || is_idle(w); advance(w))
		ret->as |= token_is_word(&w->t, "AS");
	if (token_is_symbol(&w->t, '!') && token_is_symbol(&w->ahead, '=')) {
		w->t.text = bytes_of_str("<");
		w->ahead.text = bytes_of_str(">");
	}
	ret->kind = w->t.kind;
	ret->depth = w->depth;
	put(ret, &w->t);
	put_alike(ret, w);
	while (is_name(w->t.kind) && token_is_symbol(&w->ahead, '.') && ret->n < PARTS_MAX) {
		advance(w);
		advance(w);
		put(ret, &w->t);
	}
	advance(w);
}

/* ---- two of them ---- */

static bool is_literal(const struct word *w)
{
	return w->kind == TOKEN_STRING || w->kind == TOKEN_NUMBER;
}

static bool literals_equal(const struct word *a, const struct word *b)
{
	char *end[2];
	double values[] = {strtod(a->part[0], &end[0]), strtod(b->part[0], &end[1])};
	bool strings = a->kind == TOKEN_STRING && b->kind == TOKEN_STRING;
	return str_eq(a->part[0], b->part[0]) || (!strings && *a->part[0] && *b->part[0] && !*end[0] && !*end[1] && values[0] == values[1]);
}

/* Names by the parts that both have. */
static bool names_equal(const struct word *a, const struct word *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	for (size_t i = 1; i <= n; i++)
		if (!str_ieq(a->part[a->n - i], b->part[b->n - i]))
			return false;
	return true;
}

static bool equal(const struct word *a, const struct word *b)
{
	if (is_name(a->kind) && is_name(b->kind))
		return names_equal(a, b);
	if (is_literal(a) && is_literal(b))
		return literals_equal(a, b);
	return a->kind == b->kind && a->kind != TOKEN_BAD && str_eq(a->part[0], b->part[0]);
}

/* The name that the server gives a column of a view by itself: the column's own, or the expression as it was written. */
static bool is_given(const struct word *name, const struct word *before, struct bytes said)
{
	const char *text = name->part[0];
	return (is_name(before->kind) && str_ieq(before->part[before->n - 1], text)) || memmem(said.p, said.n, text, strlen(text)) ||
	       str_starts(text, "Name_exp_");
}

/* ---- operators, whose order parentheses decide ---- */

static bool is_any(const struct word *w, const char *const *words)
{
	if (w->kind != TOKEN_WORD && w->kind != TOKEN_SYMBOL)
		return false;
	while (*words && !str_ieq(w->part[0], *words))
		words++;
	return *words;
}

static const char *const operators[] = {"AND", "OR", "XOR", "NOT", "+", "-", "*", "/", "%", "|", "&", "^", NULL};
static const char *const borders[] = {",",      "SELECT", "FROM",  "ON",    "WHERE",
                                      "HAVING", "GROUP",  "ORDER", "UNION", NULL}; /* what operators join ends there */

/* Parentheses are passed over, and where several operators are mixed they matter: each must stand as much deeper, or less deep, than the one before it. */
struct shape {
	char last[PART_SIZE]; /* "": none yet */
	size_t said, shown; /* how deep it was */
	bool mixed, same;
};

static void shape_add(struct shape *s, const struct word *said, const struct word *shown)
{
	if (is_any(said, borders))
		s->last[0] = '\0';
	if (!is_any(said, operators))
		return;
	bool first = !*s->last;
	s->mixed |= !first && !str_ieq(s->last, said->part[0]);
	s->same &= first || (said->depth > s->said) == (shown->depth > s->shown);
	s->same &= first || (said->depth < s->said) == (shown->depth < s->shown);
	str_copy(s->last, sizeof s->last, said->part[0]);
	s->said = said->depth;
	s->shown = shown->depth;
}

bool sql_same_query(struct bytes said, struct bytes columns, struct bytes shown)
{
	struct words a, b, list;
	struct word wanted, has, before = {.n = 1}, column = {.n = 0};
	struct shape shape = {.same = true};
	bool listed = columns.n > 0;
	words_begin(&a, said);
	words_begin(&b, shown);
	words_begin(&list, columns);
	for (next_word(&a, &wanted);; before = has) {
		next_word(&b, &has);
		listed = listed && !(has.depth == 0 && has.kind == TOKEN_WORD && str_ieq(has.part[0], "FROM"));
		if (has.as && listed && has.depth == 0) {
			next_word(&list, &column);
			if (!equal(&column, &has))
				return false;
			next_word(&list, &column); /* the comma */
			continue;
		}
		if (equal(&wanted, &has)) {
			if (has.kind == TOKEN_SPACE)
				return list.t.kind == TOKEN_SPACE && (shape.same || !shape.mixed);
			shape_add(&shape, &wanted, &has);
			next_word(&a, &wanted);
		} else if (!has.as || !is_name(has.kind) || !is_given(&has, &before, said)) {
			return false;
		}
	}
}

bool sql_same(struct bytes said, struct bytes shown)
{
	return sql_same_query(said, bytes_of(NULL, 0), shown);
}
