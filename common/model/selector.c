/* Labels and selectors, as kubectl reads them: comma-joined terms that must all hold. See target.h. */
#include "common/base/str.h"
#include "common/model/target.h"

enum op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_MISSING };

struct term {
	const char *key;
	enum op op;
	const char **values;
	size_t n_values, cap_values;
};

struct selector {
	struct term *terms;
	size_t n_terms, cap_terms;
};

const char *target_label(const struct target *t, const char *key)
{
	for (size_t i = 0; i < t->n_labels; i++)
		if (str_eq(t->labels[i].key, key))
			return t->labels[i].value;
	return NULL;
}

/* ---- parsing ---------------------------------------------------------------------------------------------------------------------------------------- */

struct parser {
	const char *text, *p;
	struct arena *arena;
};

static int fail(const struct parser *x, const char *what, struct err *e)
{
	return err_set(e, ERR_PARSE, "selector \"%s\", character %zu: %s", x->text, (size_t)(x->p - x->text) + 1, what);
}

static void skip_blanks(struct parser *x)
{
	x->p += strspn(x->p, " \t");
}

static bool take(struct parser *x, const char *token)
{
	skip_blanks(x);
	if (!str_starts(x->p, token))
		return false;
	x->p += strlen(token);
	return true;
}

/* A key or value: letters, digits and what ids and glob patterns need. NULL when there is none. */
static const char *word(struct parser *x)
{
	skip_blanks(x);
	size_t n = strspn(x->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/*?");
	if (n == 0)
		return NULL;
	const char *w = arena_strndup(x->arena, x->p, n);
	x->p += n;
	return w;
}

static void add_value(struct parser *x, struct term *t, const char *v)
{
	arena_vec_grow(x->arena, t->values, t->n_values, t->cap_values);
	t->values[t->n_values++] = v;
}

static int parse_set(struct parser *x, struct term *t, struct err *e)
{
	if (!take(x, "("))
		return fail(x, "after in or notin comes a list: key in (a,b)", e);
	do {
		const char *v = word(x);
		if (!v)
			return fail(x, "a value is missing: key in (a,b)", e);
		add_value(x, t, v);
	} while (take(x, ","));
	return take(x, ")") ? 0 : fail(x, "the list has no closing )", e);
}

static int parse_value(struct parser *x, struct term *t, struct err *e)
{
	const char *v = word(x);
	if (!v)
		return fail(x, "a value is missing: key=value", e);
	add_value(x, t, v);
	return 0;
}

static bool take_word(struct parser *x, const char *w)
{
	skip_blanks(x);
	size_t n = strlen(w);
	if (!str_starts(x->p, w) || (x->p[n] != ' ' && x->p[n] != '\t' && x->p[n] != '('))
		return false;
	x->p += n;
	return true;
}

static int parse_term(struct parser *x, struct term *t, struct err *e)
{
	bool missing = take(x, "!");
	t->key = word(x);
	if (!t->key)
		return fail(x, "a label's name is missing: key=value", e);
	t->op = missing ? OP_MISSING : OP_EXISTS;
	if (missing)
		return 0;
	if (take(x, "!=")) {
		t->op = OP_NOT_IN;
		return parse_value(x, t, e);
	}
	if (take(x, "==") || take(x, "=")) {
		t->op = OP_IN;
		return parse_value(x, t, e);
	}
	if (take_word(x, "notin")) {
		t->op = OP_NOT_IN;
		return parse_set(x, t, e);
	}
	if (take_word(x, "in")) {
		t->op = OP_IN;
		return parse_set(x, t, e);
	}
	return 0;
}

int selector_parse(const char *text, struct arena *a, struct selector **ret, struct err *e)
{
	struct parser x = {.text = text ? text : "", .p = text ? text : "", .arena = a};
	struct selector *s = arena_alloc(a, sizeof *s);
	skip_blanks(&x);
	if (*x.p) {
		do {
			arena_vec_grow(a, s->terms, s->n_terms, s->cap_terms);
			struct term *t = &s->terms[s->n_terms++];
			*t = (struct term){0};
			if (parse_term(&x, t, e) < 0)
				return -1;
		} while (take(&x, ","));
		skip_blanks(&x);
	}
	if (*x.p)
		return fail(&x, "terms are joined by commas: key=value,key in (a,b),!key", e);
	*ret = s;
	return 0;
}

/* ---- matching --------------------------------------------------------------------------------------------------------------------------------------- */

/* The value of a key, written into `room` where it is a part of the id. */
static const char *value_of(const struct target *t, const char *key, char *room, size_t size)
{
	if (str_eq(key, "id"))
		return t->id;
	if (str_eq(key, "engine"))
		return t->engine;
	int parts = str_eq(key, "site") ? 1 : str_eq(key, "instance") ? 2 : 0;
	if (!parts)
		return target_label(t, key);
	const char *p = t->id;
	if (parts == 2)
		p += strcspn(p, "/") + (strchr(p, '/') != NULL);
	size_t n = strcspn(p, "/");
	n = n < size ? n : size - 1;
	memcpy(room, p, n);
	room[n] = '\0';
	return room;
}

static bool is_listed(const struct term *term, const char *value)
{
	bool glob = str_eq(term->key, "id");
	for (size_t i = 0; value && i < term->n_values; i++)
		if (glob ? str_glob(term->values[i], value) : str_eq(term->values[i], value))
			return true;
	return false;
}

static bool term_holds(const struct term *term, const struct target *t)
{
	char room[256];
	const char *value = value_of(t, term->key, room, sizeof room);
	switch (term->op) {
	case OP_IN:
		return is_listed(term, value);
	case OP_NOT_IN:
		return !is_listed(term, value);
	case OP_EXISTS:
		return value != NULL;
	case OP_MISSING:
		return value == NULL;
	}
	return false;
}

bool selector_matches(const struct selector *s, const struct target *t)
{
	for (size_t i = 0; i < s->n_terms; i++)
		if (!term_holds(&s->terms[i], t))
			return false;
	return true;
}
