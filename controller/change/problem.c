/* The list of problems. */
#include "controller/change/problem.h"

#include <stdarg.h>
#include <stdio.h>

#define PROBLEM_TEXT_MAX 1024

void problem_add(struct problems *p, const char *file, uint32_t line, const char *todo, const char *fmt, ...)
{
	char what[PROBLEM_TEXT_MAX];
	va_list ap;
	if (p->n == PROBLEMS_MAX) {
		p->dropped++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	arena_vec_grow(p->arena, p->list, p->n, p->cap);
	p->list[p->n++] = (struct problem){.file = file, .line = line, .what = arena_strdup(p->arena, what), .todo = todo};
}

const char *problem_text(const struct problem *p, struct arena *a)
{
	if (p->line)
		return arena_printf(a, "%s:%u: %s: %s", p->file, p->line, p->what, p->todo);
	return arena_printf(a, "%s: %s: %s", p->file, p->what, p->todo);
}

int problems_check(const struct problems *p, struct err *e)
{
	if (p->n == 0)
		return 0;
	size_t more = p->n - 1 + p->dropped;
	err_set(e, ERR_PARSE, "%s", problem_text(&p->list[0], p->arena));
	return more ? err_set(e, ERR_PARSE, "%s (and %zu more: rollcall lint shows them all)", problem_text(&p->list[0], p->arena), more) : -1;
}
