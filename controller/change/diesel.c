/* Reader of diesel folders: <version>_<name>/{up,down}.sql, down optional, metadata.toml with run_in_transaction. Order: the version, which is the folder's name up to the first
 * '_' without its dashes. id: diesel:<version>_<name>. */
#include <ctype.h>
#include <string.h>

#include "common/base/str.h"
#include "controller/change/pair.h"
#include "controller/change/readers.h"

struct folder {
	const char *dir; /* "2015-01-01-000000_name" */
	const char *version, *name;
	const char *file; /* "up.sql" */
};

/* "<dir>/<file>" with a version in dir. */
static bool parse_path(const char *path, struct arena *a, struct folder *ret)
{
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return false;
	const char *dir = slash;
	while (dir > path && dir[-1] != '/')
		dir--;
	char *version = arena_strndup(a, dir, (size_t)(slash - dir)), *out = version;
	const char *name = memchr(dir, '_', (size_t)(slash - dir));
	if (!name || name == dir || name + 1 == slash)
		return false;
	for (const char *s = dir; s < name; s++) {
		if (*s != '-' && !isdigit((unsigned char)*s))
			return false;
		if (*s != '-')
			*out++ = *s;
	}
	*out = '\0';
	*ret = (struct folder){.dir = arena_strndup(a, path, (size_t)(slash - path)),
	                       .version = version,
	                       .name = arena_strndup(a, name + 1, (size_t)(slash - name) - 1),
	                       .file = slash + 1};
	return *version != '\0';
}

static bool diesel_detects(const struct source_list *l)
{
	AUTO(arena_destroy) struct arena *a = arena_new(SOURCES_TOTAL_MAX);
	struct folder f;
	for (size_t i = 0; i < l->n; i++)
		if (parse_path(l->files[i].name, a, &f) && str_eq(f.file, "up.sql"))
			return true;
	return false;
}

/* `key = value` lines of metadata.toml; run_in_transaction is the only key that diesel knows. */
static bool read_metadata(const struct source_file *f, struct change_set *set)
{
	struct source_lines lines = {0};
	struct bytes line;
	bool result = true;
	if (!source_text(f, set->arena, &set->problems, &lines.rest))
		return true;
	while (source_line(&lines, &line)) {
		const uint8_t *hash = memchr(line.p, '#', line.n);
		char compact[128];
		size_t n = 0;
		for (size_t i = 0; i < (hash ? (size_t)(hash - line.p) : line.n) && n < sizeof compact - 1; i++)
			if (!isspace(line.p[i]))
				compact[n++] = (char)line.p[i];
		compact[n] = '\0';
		if (str_eq(compact, "run_in_transaction=false"))
			result = false;
		else if (n && !str_eq(compact, "run_in_transaction=true"))
			problem_add(&set->problems, f->path, lines.line, "write run_in_transaction = true or false", "'%.60s' is unknown in metadata.toml",
			            compact);
	}
	return result;
}

static bool in_transaction(const struct source_list *l, const char *dir, struct change_set *set)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_starts(l->files[i].name, dir) && str_eq(l->files[i].name + strlen(dir), "/metadata.toml"))
			return read_metadata(&l->files[i], set);
	return true;
}

static void diesel_read(const struct read_options *o, const struct source_list *l, struct change_set *set)
{
	struct pairs pairs = {.set = set, .engines = o->engines, .author = "diesel", .refuses_empty = true};
	for (size_t i = 0; i < l->n; i++) {
		const struct source_file *file = &l->files[i];
		struct folder f;
		if (!source_is_sql(file))
			continue;
		bool fits = parse_path(file->name, set->arena, &f) && (str_eq(f.file, "up.sql") || str_eq(f.file, "down.sql"));
		if (!fits) {
			problem_warn(&set->problems, file->path, 0,
			             "name it <version>_<name>/up.sql or down.sql, or move it out of the change folder: it is passed over",
			             "not the name of an up or down file");
			continue;
		}
		bool up = str_eq(f.file, "up.sql");
		pair_add(&pairs, &(struct pair_file){.file = file,
		                                     .order = f.version,
		                                     .name = arena_printf(set->arena, "%s_%s", f.version, f.name),
		                                     .up = up,
		                                     .run_in_transaction = up ? in_transaction(l, f.dir, set) : true});
	}
	pairs_finish(&pairs);
}

const struct change_reader diesel_reader = {
    .name = "diesel",
    .reads = "diesel folders: <version>_<name>/up.sql and down.sql",
    .detects = diesel_detects,
    .read = diesel_read,
};
