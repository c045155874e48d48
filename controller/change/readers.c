/* The list of readers, and how one is chosen. A new format is one file and one row here. */
#include "controller/change/readers.h"

#include <assert.h>

#include "common/base/str.h"

/* Only address space: the real cap is on the text that goes in (source_text) and on what substitution makes of it. */
#define ARENA_CAP ((size_t)8 << 30)

const struct change_reader *const change_readers[] = {&liquibase_sql_reader, &diesel_reader, &updown_reader, NULL};

static const struct change_reader *by_name(const char *name)
{
	for (size_t i = 0; change_readers[i]; i++)
		if (str_eq(change_readers[i]->name, name))
			return change_readers[i];
	return NULL;
}

static const char *names(struct arena *a)
{
	assert(change_readers[0]);
	const char *s = change_readers[0]->name;
	for (size_t i = 1; change_readers[i]; i++)
		s = arena_printf(a, "%s, %s", s, change_readers[i]->name);
	return s;
}

static const struct change_reader *looks_like(const struct source_list *l)
{
	for (size_t i = 0; change_readers[i]; i++)
		if (change_readers[i]->detects(l))
			return change_readers[i];
	return NULL;
}

static int choose(const char *name, const struct source_list *l, struct arena *a, const struct change_reader **ret, struct err *e)
{
	const struct change_reader *r = name ? by_name(name) : NULL;
	if (name && !r)
		return err_set(e, ERR_USAGE, "reader '%s' is unknown: use one of %s", name, names(a));
	const struct change_reader *other = r && r->detects(l) ? r : looks_like(l);
	if (r && other && other != r)
		return err_set(e, ERR_USAGE, "%s: no file in it is for the reader %s; they look like %s: write `reader: %s` in rollcall.yaml", l->folder,
		               r->name, other->reads, other->name);
	if (!r)
		r = other;
	if (!r && l->n)
		return err_set(e, ERR_USAGE, "%s: no reader knows these files: name one as `reader` in rollcall.yaml (%s)", l->folder, names(a));
	*ret = r ? r : change_readers[0];
	return 0;
}

int change_set_read(const struct read_options *o, const char *reader, struct change_set **ret, struct err *e)
{
	AUTO(change_set_destroy) struct change_set *s = mem_alloc(sizeof *s);
	struct source_list files;
	const struct change_reader *r = NULL;
	s->arena = arena_new(ARENA_CAP);
	s->problems.arena = s->arena;
	if (source_list(o->root, o->folder, s->arena, &s->problems, &files, e) != 0 || choose(reader, &files, s->arena, &r, e) != 0)
		return -1;
	s->reader = r->name;
	r->read(o, &files, s);
	if (s->n == 0 && s->problems.n == 0)
		problem_add(&s->problems, files.folder, 0, "write the first one, or name the right folder as `changes` in rollcall.yaml",
		            "no change in this folder");
	*ret = take_ptr(&s);
	return 0;
}
