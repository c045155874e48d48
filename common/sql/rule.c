/* Patterns against the first tokens of a statement. */
#include "common/sql/rule.h"

#include <string.h>
#include <strings.h>

#include "common/base/str.h"

#define ELEMENT_MAX 128

struct match {
	const struct window *w;
	size_t at;
	struct sql_class *ret;
	bool if_exists;
	struct token object, schema, parent, parent_schema; /* kind TOKEN_SPACE: none */
};

void window_read(struct window *w, enum dialect d, struct bytes statement)
{
	struct lexer l;
	lex_init(&l, d, statement, 1);
	w->dialect = d;
	w->n = 0;
	while (w->n < WINDOW_TOKENS && lex_next_code(&l, &w->t[w->n]) && w->t[w->n].kind != TOKEN_BAD)
		w->n++;
}

bool window_is(const struct window *w, size_t i, const char *word)
{
	return i < w->n && token_is_word(&w->t[i], word);
}

static bool symbol_at(const struct match *m, size_t i, char c)
{
	return i < m->w->n && token_is_symbol(&m->w->t[i], c);
}

void class_set(struct sql_class *c, enum step_class class, const char *why)
{
	c->class = class;
	c->why = why;
}

/* Does the word at `at` stand among the alternatives "A|B|C" of n bytes? */
static bool alternative(const struct match *m, const char *words, size_t n)
{
	if (m->at >= m->w->n || m->w->t[m->at].kind != TOKEN_WORD)
		return false;
	struct bytes have = m->w->t[m->at].text;
	for (const char *p = words, *end = words + n; p < end;) {
		const char *bar = memchr(p, '|', (size_t)(end - p));
		size_t len = (size_t)((bar ? bar : end) - p);
		if (len == have.n && strncasecmp(p, (const char *)have.p, len) == 0)
			return true;
		p += len + 1;
	}
	return false;
}

static bool skip_pair(struct match *m, const char *a, const char *b)
{
	if (!window_is(m->w, m->at, a) || !window_is(m->w, m->at + 1, b))
		return false;
	m->at += 2;
	return true;
}

static void skip_if_exists(struct match *m)
{
	if (!window_is(m->w, m->at, "IF"))
		return;
	if (window_is(m->w, m->at + 1, "NOT") && window_is(m->w, m->at + 2, "EXISTS"))
		m->at += 3;
	else if (window_is(m->w, m->at + 1, "EXISTS"))
		m->at += 2;
	else
		return;
	m->if_exists = true;
}

static void skip_group(struct match *m)
{
	size_t depth = 0;
	if (!symbol_at(m, m->at, '('))
		return;
	for (; m->at < m->w->n; m->at++) {
		if (symbol_at(m, m->at, '('))
			depth++;
		else if (symbol_at(m, m->at, ')') && --depth == 0) {
			m->at++;
			return;
		}
	}
}

/* user, user@host, CURRENT_USER, CURRENT_USER() */
static void skip_user(struct match *m)
{
	m->at++;
	if (symbol_at(m, m->at, '@'))
		m->at += 2;
	skip_group(m);
}

static void skip_clauses(struct match *m)
{
	for (;;) {
		bool assigned = symbol_at(m, m->at + 1, '=');
		if (window_is(m->w, m->at, "DEFINER") && assigned) {
			m->at += 2;
			skip_user(m);
		} else if (window_is(m->w, m->at, "ALGORITHM") && assigned) {
			m->at += 3;
		} else if (window_is(m->w, m->at, "SQL") && window_is(m->w, m->at + 1, "SECURITY")) {
			m->at += 3;
		} else if (window_is(m->w, m->at, "AGGREGATE")) {
			m->at++;
		} else {
			return;
		}
	}
}

static bool is_name(const struct match *m, size_t i)
{
	if (i >= m->w->n)
		return false;
	enum token_kind k = m->w->t[i].kind;
	return k == TOKEN_WORD || k == TOKEN_QUOTED || (k == TOKEN_STRING && m->w->dialect == DIALECT_SQLITE);
}

/* a, s.a, or database.s.a: the last two parts count. */
static bool take_name(struct match *m, struct token *ret_name, struct token *ret_schema)
{
	if (!is_name(m, m->at))
		return false;
	*ret_name = m->w->t[m->at++];
	while (symbol_at(m, m->at, '.') && is_name(m, m->at + 1)) {
		if (ret_schema)
			*ret_schema = *ret_name;
		*ret_name = m->w->t[m->at + 1];
		m->at += 2;
	}
	return true;
}

static bool go_to(struct match *m, const char *words, size_t n)
{
	for (size_t depth = 0; m->at < m->w->n; m->at++) {
		if (symbol_at(m, m->at, '('))
			depth++;
		else if (symbol_at(m, m->at, ')') && depth)
			depth--;
		else if (depth == 0 && alternative(m, words, n))
			return true;
	}
	return false;
}

/* One element of the pattern. */
static bool match_element(struct match *m, const char *p, size_t n, bool *skip)
{
	struct token *schema = &m->schema;
	switch (*p) {
	case '!':
		if (skip_pair(m, "OR", "REPLACE"))
			m->if_exists = true;
		return true;
	case '?':
		skip_if_exists(m);
		return true;
	case '~':
		skip_clauses(m);
		return true;
	case '(':
		skip_group(m);
		return true;
	case '@':
		return take_name(m, &m->object, schema);
	case '^':
		return take_name(m, &m->parent, &m->parent_schema);
	case '.':
		*skip = true;
		return true;
	case '[':
		m->at += alternative(m, p + 1, n - 2);
		return true;
	default:
		if (*skip ? !go_to(m, p, n) : !alternative(m, p, n))
			return false;
		*skip = false;
		m->at++;
		return true;
	}
}

static bool match_pattern(struct match *m, const char *pattern)
{
	bool skip = false;
	for (const char *p = pattern; *p;) {
		size_t n = strcspn(p, " ");
		if (!match_element(m, p, n, &skip))
			return false;
		p += n;
		p += *p == ' ';
	}
	return true;
}

static void fill(const struct rule *r, const struct match *m, struct sql_class *ret)
{
	enum dialect d = m->w->dialect;
	ret->kind = r->kind;
	class_set(ret, r->class, r->why);
	str_copy(ret->verb, sizeof ret->verb, r->verb);
	str_copy(ret->object_kind, sizeof ret->object_kind, r->object_kind);
	ret->if_exists = m->if_exists;
	if (r->why_many && symbol_at(m, m->at, ',')) {
		class_set(ret, STEP_X, r->why_many);
		return;
	}
	if (m->object.kind != TOKEN_SPACE && !(symbol_at(m, m->at, ',') && m->parent.kind == TOKEN_SPACE))
		token_name(d, &m->object, ret->object, sizeof ret->object);
	if (m->schema.kind != TOKEN_SPACE && ret->object[0])
		token_name(d, &m->schema, ret->object_schema, sizeof ret->object_schema);
	if (m->parent.kind != TOKEN_SPACE)
		token_name(d, &m->parent, ret->parent, sizeof ret->parent);
	if (m->parent_schema.kind != TOKEN_SPACE && ret->parent[0])
		token_name(d, &m->parent_schema, ret->parent_schema, sizeof ret->parent_schema);
}

bool rules_apply(const struct rule *rules, size_t n, const struct window *w, struct sql_class *ret)
{
	for (size_t i = 0; i < n; i++) {
		struct match m = {
		    .w = w, .object.kind = TOKEN_SPACE, .schema.kind = TOKEN_SPACE, .parent.kind = TOKEN_SPACE, .parent_schema.kind = TOKEN_SPACE};
		if (!match_pattern(&m, rules[i].pattern))
			continue;
		fill(&rules[i], &m, ret);
		return true;
	}
	return false;
}

static bool mark_fits(const struct mark *k, const struct token *before, const struct token *t)
{
	return token_is_word(t, k->word) && (!k->after || token_is_word(before, k->after));
}

const struct mark *marks_find(const struct mark *marks, size_t n, enum dialect d, struct bytes statement)
{
	struct lexer l;
	struct token t, before = {.kind = TOKEN_SPACE};
	const struct mark *call = NULL; /* fits, if a parenthesis follows */
	lex_init(&l, d, statement, 1);
	while (lex_next_code(&l, &t)) {
		if (call && token_is_symbol(&t, '('))
			return call;
		call = NULL;
		for (size_t i = 0; t.kind == TOKEN_WORD && i < n; i++) {
			if (!mark_fits(&marks[i], &before, &t))
				continue;
			if (!marks[i].call)
				return &marks[i];
			call = &marks[i];
			break;
		}
		before = t;
	}
	return NULL;
}
