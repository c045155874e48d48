/* Fuzz target for the readers of up/down pairs and of diesel folders, and the splitting and packing behind them. The first byte is the reader (odd: updown, even: diesel); then come the files
 * of a folder, each with its name behind "=== " on a line of its own. Whatever they hold, each problem names a file of the folder, a line of it and what to do; changes come in order, with an id
 * of their own and no engine twice; and where no error was told, no file of the folder was passed over in silence. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/change/readers.h"
#include "controller/change/statements.h"
#include "tests/fuzz/fuzz.h"

#define ARENA        ((size_t)1024 * 1024 * 1024)
#define INPUT_MAX    ((size_t)64 * 1024)
#define MARK         "=== "
#define NAME_LEN_MAX 200

struct folder {
	struct source_file files[FUZZ_FILES];
	size_t lines[FUZZ_FILES];
	struct source_list list;
};

/* What source_list lets through. */
static bool is_file_name(struct bytes name)
{
	if (name.n == 0 || name.n > NAME_LEN_MAX || name.p[0] == '/' || name.p[name.n - 1] == '/' || !bytes_is_utf8(name))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		bool begins = i == 0 || name.p[i - 1] == '/';
		if (name.p[i] < ' ' || name.p[i] == 0x7f || (begins && (name.p[i] == '.' || name.p[i] == '/')))
			return false;
	}
	return true;
}

static bool is_new(const struct folder *f, const char *name)
{
	for (size_t i = 0; i < f->list.n; i++)
		if (str_eq(f->files[i].name, name))
			return false;
	return true;
}

static void add_file(struct folder *f, struct arena *a, struct bytes name, struct bytes text)
{
	if (f->list.n == FUZZ_FILES || !is_file_name(name))
		return;
	const char *copy = arena_strndup(a, (const char *)name.p, name.n);
	if (!is_new(f, copy))
		return;
	f->lines[f->list.n] = fuzz_count_lines(text.p, text.n);
	f->files[f->list.n] =
	    (struct source_file){.path = arena_printf(a, "changes/%s", copy), .name = copy, .full = fuzz_memory_file_of(f->list.n, text.p, text.n)};
	f->list.n++;
}

static bool is_mark(struct bytes line)
{
	return line.n > strlen(MARK) && memcmp(line.p, MARK, strlen(MARK)) == 0;
}

static void read_folder(struct folder *f, struct arena *a, struct bytes input)
{
	struct source_lines lines = {.rest = input};
	struct bytes line, name = {0};
	const uint8_t *begin = NULL;
	while (source_line(&lines, &line)) {
		if (!is_mark(line))
			continue;
		if (begin)
			add_file(f, a, name, bytes_of(begin, (size_t)(line.p - begin)));
		name = bytes_of(line.p + strlen(MARK), line.n - strlen(MARK));
		begin = lines.rest.p;
	}
	if (begin)
		add_file(f, a, name, bytes_of(begin, (size_t)(input.p + input.n - begin)));
}

static size_t place_of(const struct folder *f, const char *path)
{
	size_t i = 0;
	while (i < f->list.n && !str_eq(f->files[i].path, path))
		i++;
	return i;
}

static void check_problems(const struct folder *f, const struct problems *p)
{
	for (size_t i = 0; i < p->n; i++) {
		size_t at = place_of(f, p->list[i].file);
		fuzz_require(at < f->list.n && p->list[i].line <= f->lines[at], "a problem has its place");
		fuzz_require(p->list[i].what[0] && p->list[i].todo[0], "a problem says what is wrong and what to do");
	}
}

static void check_scripts(const struct folder *f, const struct script *list, size_t n)
{
	unsigned taken = 0;
	for (size_t i = 0; i < n; i++) {
		fuzz_require(list[i].engines && !(list[i].engines & taken) && !(list[i].engines & ~ENGINES_ALL), "no engine twice");
		fuzz_require(place_of(f, list[i].file) < f->list.n && bytes_is_utf8(list[i].sql), "its SQL is text of a file");
		taken |= list[i].engines;
	}
}

static void check_changes(const struct folder *f, const struct change_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct change *c = &set->changes[i];
		fuzz_require(c->id && c->author && c->name && c->n_forward > 0, "a change has an id and a way forward");
		fuzz_require(change_find(set, c->id) == c, "an id of its own");
		check_scripts(f, c->forward, c->n_forward);
		check_scripts(f, c->rollback, c->n_rollback);
	}
}

static bool is_used(const struct change_set *set, const char *path)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct change *c = &set->changes[i];
		for (size_t k = 0; k < c->n_forward; k++)
			if (str_eq(c->forward[k].file, path))
				return true;
		for (size_t k = 0; k < c->n_rollback; k++)
			if (str_eq(c->rollback[k].file, path))
				return true;
	}
	for (size_t i = 0; i < set->problems.n; i++)
		if (str_eq(set->problems.list[i].file, path))
			return true;
	return false;
}

/* Words for engines, in names or folders, may leave a file without an engine; diesel has none. */
static bool may_name_engine(const char *name)
{
	const char *dot = strchr(name, '.');
	return strchr(name, '/') || (dot && strchr(dot + 1, '.') != strrchr(name, '.'));
}

static void check_complete(const struct folder *f, const struct change_set *set, bool diesel)
{
	for (size_t i = 0; i < f->list.n && !diesel; i++)
		if (may_name_engine(f->files[i].name))
			return;
	for (size_t i = 0; i < f->list.n; i++) {
		const char *name = f->files[i].name;
		size_t n = strlen(name);
		if (n > 4 && str_ieq(name + n - 4, ".sql"))
			fuzz_require(is_used(set, f->files[i].path), "no file is passed over in silence");
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct source_file *)a)->name, ((const struct source_file *)b)->name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > INPUT_MAX)
		return 0;
	AUTO(arena_destroy) struct arena *a = arena_new(ARENA);
	bool diesel = !(data[0] & 1);
	const struct change_reader *reader = diesel ? &diesel_reader : &updown_reader;
	struct folder f = {.list = {.folder = "changes", .files = f.files, .cap = FUZZ_FILES}};
	struct read_options o = {.root = ".", .folder = "changes", .engines = ENGINES_ALL};
	struct change_set set = {.arena = a, .reader = reader->name, .problems = {.arena = a}};
	struct parsed_set parsed;
	read_folder(&f, a, bytes_of(data + 1, size - 1));
	struct folder sorted = f;
	sorted.list.files = sorted.files;
	qsort(sorted.files, sorted.list.n, sizeof *sorted.files, by_name);
	(void)reader->detects(&sorted.list);
	reader->read(&o, &sorted.list, &set);
	check_problems(&f, &set.problems);
	check_changes(&f, &set);
	if (set.problems.n == set.problems.warnings)
		check_complete(&f, &set, diesel);
	statements_parse(&set, &parsed);
	check_problems(&f, &set.problems);
	fuzz_accepted = set.n > 0 && set.problems.n == set.problems.warnings;
	return 0;
}
