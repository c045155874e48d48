/* Up/down files to changes. */
#include "controller/change/pair.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"

void pair_add(struct pairs *p, const struct pair_file *f)
{
	arena_vec_grow(p->set->arena, p->files, p->n, p->cap);
	p->files[p->n++] = *f;
}

/* Version, name, up before down, files of one engine before those for all. */
static int by_version(const void *a, const void *b)
{
	const struct pair_file *x = a, *y = b;
	int c = strcmp(x->order, y->order);
	if (c == 0)
		c = strcmp(x->name, y->name);
	if (c == 0)
		c = (int)y->up - (int)x->up;
	if (c == 0)
		c = (x->engines == 0) - (y->engines == 0);
	return c ? c : strcmp(x->file->name, y->file->name);
}

/* `--lint-ignore RULE reason:"..."` anywhere in the file. */
static void read_suppressions(struct change *c, struct bytes text, struct arena *a)
{
	static const char word[] = "--lint-ignore ";
	struct source_lines lines = {.rest = text};
	struct bytes line;
	while (source_line(&lines, &line)) {
		if (line.n < sizeof word || memcmp(line.p, word, sizeof word - 1) != 0)
			continue;
		char *rule = arena_strndup(a, (const char *)line.p + sizeof word - 1, line.n - (sizeof word - 1));
		char *reason = strstr(rule, "reason:\"");
		char *end = reason ? strchr(reason + 8, '"') : NULL;
		if (!end || end == reason + 8)
			continue;
		*end = '\0';
		rule[strcspn(rule, " ")] = '\0';
		arena_vec_grow(a, c->suppressions, c->n_suppressions, c->cap_suppressions);
		c->suppressions[c->n_suppressions++] = (struct suppression){.rule = rule, .reason = reason + 8, .line = lines.line};
	}
}

static void add_script(struct pairs *p, struct change *c, const struct pair_file *f, struct bytes text, unsigned engines)
{
	struct script s = {.engines = engines, .sql = text, .file = f->file->path, .line = 1, .split = true};
	struct arena *a = p->set->arena;
	if (f->up) {
		arena_vec_grow(a, c->forward, c->n_forward, c->cap_forward);
		c->forward[c->n_forward++] = s;
		c->engines |= engines;
		c->run_in_transaction &= f->run_in_transaction;
	} else {
		arena_vec_grow(a, c->rollback, c->n_rollback, c->cap_rollback);
		c->rollback[c->n_rollback++] = s;
		c->rollback_line = 1;
	}
	read_suppressions(c, text, a);
}

static unsigned taken_engines(const struct script *list, size_t n)
{
	unsigned taken = 0;
	for (size_t i = 0; i < n; i++)
		taken |= list[i].engines;
	return taken;
}

static bool is_blank(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!isspace(text.p[i]))
			return false;
	return true;
}

static void take_file(struct pairs *p, struct change *c, const struct pair_file *f)
{
	unsigned taken = f->up ? taken_engines(c->forward, c->n_forward) : taken_engines(c->rollback, c->n_rollback);
	unsigned engines = (f->engines ? f->engines : ~taken) & p->engines;
	struct bytes text;
	if (f->engines ? (taken & f->engines) != 0 : false) {
		problem_add(&p->set->problems, f->file->path, 0, "keep one of them", "a second %s file of %s for the same engine", f->up ? "up" : "down",
		            c->name);
		return;
	}
	if (!f->up)
		engines &= c->engines;
	if (!engines || !source_text(f->file, p->set->arena, &p->set->problems, &text))
		return;
	if (f->up && p->refuses_empty && is_blank(text))
		problem_add(&p->set->problems, f->file->path, 0, "write its statements, or a comment that says why there are none",
		            "an empty file, at which %s stops", p->author);
	add_script(p, c, f, text, engines);
}

/* Of files for every engine that has none of its own there can be one; they stand beside each other. */
static bool is_second(const struct pairs *p, size_t first, size_t i)
{
	const struct pair_file *x = i > first ? &p->files[i - 1] : NULL, *y = &p->files[i];
	if (!x || x->up != y->up || x->engines || y->engines)
		return false;
	problem_add(&p->set->problems, y->file->path, 0, "keep one of them, or give it a version of its own", "a second %s file of %s, beside %s",
	            y->up ? "up" : "down", y->name, x->file->path);
	return true;
}

static void take_change(struct pairs *p, size_t first, size_t end)
{
	struct change_set *s = p->set;
	const struct pair_file *f = &p->files[first];
	struct change c = {.file = f->file->path, .line = 1, .author = p->author, .name = f->name, .run_in_transaction = true};
	c.id = arena_printf(s->arena, "%s:%s", c.author, c.name);
	if (!f->up) {
		problem_add(&s->problems, f->file->path, 0, "add the up file, or remove this one", "a down file without its up file");
		return;
	}
	for (size_t i = first; i < end; i++)
		if (!is_second(p, first, i))
			take_file(p, &c, &p->files[i]);
	if (c.n_forward == 0)
		return; /* only for engines that this project does not have */
	arena_vec_grow(s->arena, s->changes, s->n, s->cap);
	s->changes[s->n++] = c;
}

/* Two titles under one version are fine for different engines; for the same one, nobody could say which comes first. */
static void check_versions(struct pairs *p)
{
	const struct pair_file *x = NULL;
	for (size_t i = 0; i < p->n; i++) {
		const struct pair_file *y = &p->files[i];
		if (!y->up)
			continue;
		unsigned ex = x && x->engines ? x->engines : ENGINES_ALL, ey = y->engines ? y->engines : ENGINES_ALL;
		if (x && str_eq(x->order, y->order) && !str_eq(x->name, y->name) && (ex & ey))
			problem_add(&p->set->problems, y->file->path, 0, "give each its own version", "version %s is also that of %s",
			            y->order + strspn(y->order, "0"), x->file->path);
		x = y;
	}
}

void pairs_finish(struct pairs *p)
{
	if (p->n)
		qsort(p->files, p->n, sizeof *p->files, by_version);
	check_versions(p);
	for (size_t i = 0, end; i < p->n; i = end) {
		for (end = i + 1; end < p->n && str_eq(p->files[end].order, p->files[i].order) && str_eq(p->files[end].name, p->files[i].name); end++)
			;
		take_change(p, i, end);
	}
}
