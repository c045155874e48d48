/* Findings: kept, sorted, told. */
#include "controller/gate/finding.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"

static const char *const level_names[GATE_LEVEL_COUNT] = {"off", "warn", "error"};

const char *gate_level_name(enum gate_level l)
{
	return level_names[l];
}

bool gate_level_parse(const char *s, enum gate_level *ret)
{
	for (size_t i = 0; i < GATE_LEVEL_COUNT; i++)
		if (str_eq(s, level_names[i]))
			return *ret = (enum gate_level)i, true;
	return false;
}

void finding_add(struct findings *f, struct finding v)
{
	arena_vec_grow(f->arena, f->list, f->n, f->cap);
	f->list[f->n++] = v;
}

const char *finding_text(const struct finding *v, struct arena *a)
{
	if (v->line)
		return arena_printf(a, "%s:%u: %s: %s", v->file, v->line, v->what, v->todo);
	return arena_printf(a, "%s: %s: %s", v->file, v->what, v->todo);
}

size_t findings_count(const struct findings *f, enum gate_level level)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++)
		n += f->list[i].level == level && !f->list[i].suppressed;
	return n;
}

static int by_place(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	int c = strcmp(x->file, y->file);
	if (c == 0)
		c = (x->line > y->line) - (x->line < y->line);
	if (c == 0)
		c = strcmp(x->rule, y->rule);
	return c ? c : strcmp(x->what, y->what);
}

void findings_sort(struct findings *f)
{
	if (f->n)
		qsort(f->list, f->n, sizeof *f->list, by_place);
}
