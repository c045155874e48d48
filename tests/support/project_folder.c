/* Temporary projects. */
#include "tests/support/project_folder.h"

#include <libgen.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/str.h"

void project_folder_init(struct project_folder *f)
{
	str_copy(f->path, sizeof f->path, "/tmp/rollcall-project-XXXXXX");
	assert_non_null(mkdtemp(f->path));
}

void project_folder_done(struct project_folder *f)
{
	struct err e = ERR_INIT;
	assert_int_equal(file_remove_tree(f->path, &e), 0);
}

void project_folder_write_bytes(const struct project_folder *f, const char *name, const void *p, size_t n)
{
	struct err e = ERR_INIT;
	AUTO(mem_free_ptr) char *path = file_join(f->path, name);
	AUTO(mem_free_ptr) char *copy = mem_strdup(path);
	assert_int_equal(file_make_dirs(dirname(copy), 0700, &e), 0);
	assert_int_equal(file_write_atomic(path, bytes_of(p, n), 0600, &e), 0);
}

void project_folder_write(const struct project_folder *f, const char *name, const char *text)
{
	project_folder_write_bytes(f, name, text, strlen(text));
}

void project_folder_remove(const struct project_folder *f, const char *name)
{
	AUTO(mem_free_ptr) char *path = file_join(f->path, name);
	assert_int_equal(unlink(path), 0);
}

struct change_set *project_folder_read(const struct project_folder *f, const char *reader, unsigned engines)
{
	struct err e = ERR_INIT;
	struct change_set *s = NULL;
	struct read_options o = {.root = f->path, .folder = "changes", .engines = engines};
	if (change_set_read(&o, reader, &s, &e) != 0)
		fail_msg("%s", e.msg);
	return s;
}

const char *project_folder_problems(const struct change_set *s)
{
	const char *all = "";
	for (size_t i = 0; i < s->problems.n; i++)
		all = arena_printf(s->arena, "%s%s\n", all, problem_text(&s->problems.list[i], s->arena));
	return all;
}
