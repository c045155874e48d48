/* The list of problems. */
#include "controller/change/problem.h"

#include <stdarg.h>
#include <stdio.h>

#define PROBLEM_TEXT_MAX 1024

static void add(struct problems *p, struct problem v, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);
static void add(struct problems *p, struct problem v, const char *fmt, va_list ap)
{
	char what[PROBLEM_TEXT_MAX];
	if (p->n == PROBLEMS_MAX) {
		p->dropped++;
		return;
	}
	vsnprintf(what, sizeof what, fmt, ap);
	v.what = arena_strdup(p->arena, what);
	p->warnings += v.warning;
	arena_vec_grow(p->arena, p->list, p->n, p->cap);
	p->list[p->n++] = v;
}

void problem_add(struct problems *p, const char *file, uint32_t line, const char *todo, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(p, (struct problem){.file = file, .line = line, .todo = todo}, fmt, ap);
	va_end(ap);
}

void problem_warn(struct problems *p, const char *file, uint32_t line, const char *todo, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(p, (struct problem){.file = file, .line = line, .todo = todo, .warning = true}, fmt, ap);
	va_end(ap);
}

const char *problem_text(const struct problem *p, struct arena *a)
{
	if (p->line)
		return arena_printf(a, "%s:%u: %s: %s", p->file, p->line, p->what, p->todo);
	return arena_printf(a, "%s: %s: %s", p->file, p->what, p->todo);
}

int problems_check(const struct problems *p, struct err *e)
{
	size_t errors = p->n - p->warnings + p->dropped, i = 0;
	if (errors == 0)
		return 0;
	while (i < p->n && p->list[i].warning)
		i++;
	const char *text = i < p->n ? problem_text(&p->list[i], p->arena) : "too many errors";
	return errors > 1 ? err_set(e, ERR_PARSE, "%s (and %zu more: rollcall lint shows them all)", text, errors - 1)
	                  : err_set(e, ERR_PARSE, "%s", text);
}
