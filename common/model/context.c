/* Context expressions: two small stacks, values and operators, no recursion. */
#include "common/model/context.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/str.h"

#define STACK_MAX 64

enum op { OP_OPEN, OP_OR, OP_AND, OP_NOT }; /* in the order in which they bind */

struct evaluation {
	const char *text, *p;
	const char *const *contexts;
	size_t n_contexts;
	enum op ops[STACK_MAX];
	size_t n_ops;
	bool values[STACK_MAX];
	size_t n_values;
	bool want_value; /* a name, "not" or "(" comes next */
	bool at; /* an '@' in this part */
	bool any; /* an earlier part, before a comma, holds */
};

static int fail(const struct evaluation *v, const char *what, struct err *e)
{
	return err_set(e, ERR_PARSE, "context expression '%s': %s: write names joined by and, or, not, commas and parentheses", v->text, what);
}

static bool in_force(const struct evaluation *v, const char *name, size_t n)
{
	for (size_t i = 0; i < v->n_contexts; i++)
		if (strlen(v->contexts[i]) == n && strncasecmp(v->contexts[i], name, n) == 0)
			return true;
	return false;
}

static int push_op(struct evaluation *v, enum op op, struct err *e)
{
	if (v->n_ops == STACK_MAX)
		return fail(v, "nested too deeply", e);
	v->ops[v->n_ops++] = op;
	return 0;
}

static int push_value(struct evaluation *v, bool value, struct err *e)
{
	if (v->n_values == STACK_MAX)
		return fail(v, "too long", e);
	v->values[v->n_values++] = value;
	return 0;
}

/* Works out every waiting operator that binds at least as `down_to` does, up to the nearest parenthesis. */
static void reduce(struct evaluation *v, enum op down_to)
{
	while (v->n_ops && v->ops[v->n_ops - 1] >= down_to && v->ops[v->n_ops - 1] != OP_OPEN) {
		enum op op = v->ops[--v->n_ops];
		bool *top = &v->values[v->n_values - 1];
		if (op == OP_NOT) {
			*top = !*top;
			continue;
		}
		top[-1] = op == OP_AND ? top[-1] && *top : top[-1] || *top;
		v->n_values--;
	}
}

static int take_binary(struct evaluation *v, enum op op, struct err *e)
{
	if (v->want_value)
		return fail(v, "a name is missing", e);
	reduce(v, op);
	v->want_value = true;
	return push_op(v, op, e);
}

static int take_open(struct evaluation *v, struct err *e)
{
	return v->want_value ? push_op(v, OP_OPEN, e) : fail(v, "'(' behind a name", e);
}

static int take_close(struct evaluation *v, struct err *e)
{
	if (v->want_value)
		return fail(v, "a name is missing", e);
	reduce(v, OP_OR);
	if (!v->n_ops)
		return fail(v, "')' without '('", e);
	v->n_ops--;
	return 0;
}

/* A part ends: at a comma outside parentheses, and at the end of the text. */
static int end_part(struct evaluation *v, struct err *e)
{
	if (v->want_value)
		return fail(v, "a name is missing", e);
	reduce(v, OP_OR);
	if (v->n_ops)
		return fail(v, "'(' without ')'", e);
	v->any = v->any || v->values[0] || (v->n_contexts == 0 && !v->at);
	v->n_values = 0;
	v->at = false;
	v->want_value = true;
	return 0;
}

static bool inside_parens(const struct evaluation *v)
{
	for (size_t i = 0; i < v->n_ops; i++)
		if (v->ops[i] == OP_OPEN)
			return true;
	return false;
}

static bool word_is(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(p, word, n) == 0;
}

static int take_word(struct evaluation *v, const char *p, size_t n, struct err *e)
{
	if (word_is(p, n, "and"))
		return take_binary(v, OP_AND, e);
	if (word_is(p, n, "or"))
		return take_binary(v, OP_OR, e);
	if (!v->want_value)
		return fail(v, "two names without 'and' or 'or' between them", e);
	if (word_is(p, n, "not"))
		return push_op(v, OP_NOT, e);
	if (*p == '@') {
		v->at = true;
		p++;
		n--;
	}
	if (n == 0)
		return fail(v, "'@' without a name", e);
	v->want_value = false;
	return push_value(v, in_force(v, p, n), e);
}

static int take_sign(struct evaluation *v, struct err *e)
{
	switch (*v->p++) {
	case '(':
		return take_open(v, e);
	case ')':
		return take_close(v, e);
	case '!':
		return v->want_value ? push_op(v, OP_NOT, e) : fail(v, "'!' behind a name", e);
	default:
		return inside_parens(v) ? take_binary(v, OP_OR, e) : end_part(v, e);
	}
}

static int take_next(struct evaluation *v, struct err *e)
{
	static const char signs[] = "()!,";
	if (strchr(signs, *v->p))
		return take_sign(v, e);
	const char *from = v->p;
	while (*v->p && !isspace((unsigned char)*v->p) && !strchr(signs, *v->p))
		v->p++;
	return take_word(v, from, (size_t)(v->p - from), e);
}

int context_matches(const char *expression, const char *const *contexts, size_t n, bool *ret, struct err *e)
{
	struct evaluation v = {.text = expression, .p = expression, .contexts = contexts, .n_contexts = n, .want_value = true};
	bool empty = true;
	for (; v.p && *v.p;) {
		if (isspace((unsigned char)*v.p)) {
			v.p++;
			continue;
		}
		empty = false;
		if (take_next(&v, e))
			return -1;
	}
	if (!empty && end_part(&v, e))
		return -1;
	*ret = empty || v.any;
	return 0;
}
