/* A small operator-precedence evaluator with its own bounded stacks: no recursion on what people write. */
#include "common/model/context.h"

#include <ctype.h>
#include <string.h>

#include "common/base/str.h"

enum token { END, NAME, NOT, AND, OR, OPEN, CLOSE, BAD };

struct evaluation {
	const char *p;
	const char *const *contexts;
	size_t n_contexts;
	bool values[CONTEXT_DEPTH_MAX];
	enum token operators[CONTEXT_DEPTH_MAX];
	size_t n_values, n_operators;
};

static bool name_char(char c)
{
	return c && !isspace((unsigned char)c) && !strchr(",()!", c);
}

static bool in_force(const struct evaluation *v, const char *name, size_t n)
{
	for (size_t i = 0; i < v->n_contexts; i++)
		if (strlen(v->contexts[i]) == n && strncasecmp(v->contexts[i], name, n) == 0)
			return true;
	return false;
}

static enum token next(struct evaluation *v, bool *value)
{
	while (isspace((unsigned char)*v->p))
		v->p++;
	switch (*v->p) {
	case '\0':
		return END;
	case '!':
		return v->p++, NOT;
	case '(':
		return v->p++, OPEN;
	case ')':
		return v->p++, CLOSE;
	case ',':
		return v->p++, OR;
	}
	const char *name = v->p;
	while (name_char(*v->p))
		v->p++;
	size_t n = (size_t)(v->p - name);
	if (n == 3 && strncasecmp(name, "and", n) == 0)
		return AND;
	if (n == 2 && strncasecmp(name, "or", n) == 0)
		return OR;
	if (n == 3 && strncasecmp(name, "not", n) == 0)
		return NOT;
	*value = in_force(v, name, n);
	return NAME;
}

static bool reduce(struct evaluation *v)
{
	enum token op = v->operators[--v->n_operators];
	if (v->n_values < (op == NOT ? 1u : 2u))
		return false;
	bool right = v->values[v->n_values - 1];
	if (op == NOT) {
		v->values[v->n_values - 1] = !right;
		return true;
	}
	bool left = v->values[--v->n_values - 1];
	v->values[v->n_values - 1] = op == AND ? left && right : left || right;
	return true;
}

/* Higher binds tighter. */
static int strength(enum token op)
{
	return op == NOT ? 3 : op == AND ? 2 : op == OR ? 1 : 0;
}

static bool push_operator(struct evaluation *v, enum token op)
{
	while (op != NOT && op != OPEN && v->n_operators && strength(v->operators[v->n_operators - 1]) >= strength(op))
		if (!reduce(v))
			return false;
	if (v->n_operators == CONTEXT_DEPTH_MAX)
		return false;
	v->operators[v->n_operators++] = op;
	return true;
}

static bool close_group(struct evaluation *v)
{
	while (v->n_operators && v->operators[v->n_operators - 1] != OPEN)
		if (!reduce(v))
			return false;
	return v->n_operators && v->n_operators--;
}

static bool evaluate(struct evaluation *v, bool *ret)
{
	bool value = false, want_operand = true;
	for (enum token t; (t = next(v, &value)) != END;) {
		bool operand = t == NAME || t == NOT || t == OPEN;
		if (operand != want_operand)
			return false;
		if (t == NAME) {
			if (v->n_values == CONTEXT_DEPTH_MAX)
				return false;
			v->values[v->n_values++] = value;
		} else if (t == CLOSE ? !close_group(v) : !push_operator(v, t)) {
			return false;
		}
		want_operand = t == NOT || t == AND || t == OR || t == OPEN;
	}
	while (v->n_operators)
		if (v->operators[v->n_operators - 1] == OPEN || !reduce(v))
			return false;
	*ret = v->n_values == 1 && v->values[0];
	return v->n_values == 1 && !want_operand;
}

int context_matches(const char *expression, const char *const *contexts, size_t n, bool *ret, struct err *e)
{
	struct evaluation v = {.p = expression, .contexts = contexts, .n_contexts = n};
	bool result = true;
	if (!str_empty(expression) && !evaluate(&v, &result))
		return err_set(e, ERR_PARSE, "context '%s' is malformed: write names joined by and, or, !, commas and parentheses", expression);
	*ret = n == 0 || result;
	return 0;
}
