/* Fuzz target for the reader of Liquibase formatted SQL and the splitting and packing behind it. The input is a change file as it stands. Whatever it holds, each problem names the file, a line of
 * it and what to do, and a file without problems gives changesets with an id and their SQL. The reader wants a regular file: one in memory serves. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/change/readers.h"
#include "controller/change/statements.h"
#include "tests/fuzz/fuzz.h"

#define ARENA     ((size_t)1024 * 1024 * 1024)
#define INPUT_MAX ((size_t)64 * 1024)

static void check_problems(const struct problems *p, size_t lines)
{
	for (size_t i = 0; i < p->n; i++) {
		fuzz_require(str_eq(p->list[i].file, "changes/a.sql") && p->list[i].line <= lines, "a problem has its place");
		fuzz_require(p->list[i].what[0] && p->list[i].todo[0], "a problem says what is wrong and what to do");
	}
}

static void check_changes(const struct change_set *set, size_t lines)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct change *c = &set->changes[i];
		fuzz_require(c->id && c->author && c->name && c->line >= 1 && c->line <= lines, "a changeset has an id and a place");
		for (size_t k = 0; k < c->n_forward; k++)
			fuzz_require(c->forward[k].line >= c->line && bytes_is_utf8(c->forward[k].sql), "its SQL is text behind its first line");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const contexts[] = {"prod"};
	if (size > INPUT_MAX)
		return 0;
	AUTO(arena_destroy) struct arena *a = arena_new(ARENA);
	struct source_file file = {.path = "changes/a.sql", .name = "a.sql", .full = fuzz_memory_file(data, size)};
	struct source_list list = {.folder = "changes", .files = &file, .n = 1, .cap = 1};
	struct read_options o = {.root = ".", .folder = "changes", .engines = ENGINES_ALL, .contexts = contexts, .n_contexts = 1};
	struct change_set set = {.arena = a, .reader = liquibase_sql_reader.name, .problems = {.arena = a}};
	struct parsed_set parsed;
	size_t lines = fuzz_count_lines(data, size);
	(void)liquibase_sql_reader.detects(&list);
	liquibase_sql_reader.read(&o, &list, &set);
	check_problems(&set.problems, lines);
	check_changes(&set, lines);
	statements_parse(&set, &parsed);
	check_problems(&set.problems, lines);
	fuzz_accepted = set.n > 0 && set.problems.n == set.problems.warnings;
	return 0;
}
