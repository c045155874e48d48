/* Reader of up/down pairs: golang-migrate's {version}_{title}.up.sql / .down.sql, and names with a leading V, dots, an engine word before "up" or an engine's folder
 * (V0001.Name.postgres.up.sql, mysql/V0001.Name.up.sql; "all" is for every engine without a file of its own). One version is one change.
 * Its id is migrate:{version}_{title} as the file name has them; the author in Git would make the id depend on who looks. */
#include <ctype.h>
#include <string.h>

#include "common/base/str.h"
#include "controller/change/pair.h"
#include "controller/change/properties.h"
#include "controller/change/readers.h"

struct name_parts {
	uint64_t version;
	const char *stem; /* "000001_create_users" */
	unsigned engines; /* 0: all */
	bool up;
};

/* "postgres", "mysql", ..., "all"; a database that is none of ours ("mssql") counts too: its files must not run elsewhere. */
static bool engine_word(struct arena *a, const char *s, size_t n, unsigned *ret)
{
	const char *word = arena_strndup(a, s, n), *unknown;
	enum dialect d;
	if (str_ieq(word, "all"))
		return *ret = 0, true;
	if (dialect_parse(word, &d))
		return *ret = ENGINE_BIT(d), true;
	if (n < 2 || strchr(word, ',') || *word == '!')
		return false;
	dbms_engines(word, a, &unknown);
	if (unknown && !str_ieq(word, "cockroach") && !str_ieq(word, "sqlserver"))
		return false;
	return *ret = PAIR_OTHER_ENGINE, true;
}

/* Engine named by a folder on the way to the file. */
static void engine_of_folders(struct arena *a, const char *name, unsigned *ret)
{
	for (const char *slash; (slash = strchr(name, '/')); name = slash + 1)
		engine_word(a, name, (size_t)(slash - name), ret);
}

static bool take_suffix(const char *base, size_t *n, const char *suffix)
{
	size_t m = strlen(suffix);
	if (*n <= m || strncasecmp(base + *n - m, suffix, m) != 0)
		return false;
	*n -= m;
	return true;
}

static bool parse_name(const char *name, struct arena *a, struct name_parts *ret)
{
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	struct name_parts p = {.up = true};
	struct err ignored;
	size_t n = strlen(base), digits = 0, start = *base == 'V' || *base == 'v';
	if (!take_suffix(base, &n, ".sql") || !(take_suffix(base, &n, ".up") || (take_suffix(base, &n, ".down") && !(p.up = false))))
		return false;
	while (isdigit((unsigned char)base[start + digits]))
		digits++;
	const char *version = arena_strndup(a, base + start, digits);
	if (digits == 0 || str_to_u64(version, "version", 0, UINT64_MAX, &p.version, &ignored) != 0 || !strchr("_.", base[start + digits]) ||
	    start + digits > n)
		return false;
	engine_of_folders(a, name, &p.engines);
	const char *dot = memrchr(base, '.', n);
	if (dot && dot > base + start + digits && engine_word(a, dot + 1, n - (size_t)(dot + 1 - base), &p.engines))
		n = (size_t)(dot - base);
	p.stem = arena_strndup(a, base, n);
	*ret = p;
	return true;
}

static bool updown_detects(const struct source_list *l)
{
	AUTO(arena_destroy) struct arena *a = arena_new(SOURCES_TOTAL_MAX);
	struct name_parts p;
	for (size_t i = 0; i < l->n; i++)
		if (parse_name(l->files[i].name, a, &p))
			return true;
	return false;
}

static void updown_read(const struct read_options *o, const struct source_list *l, struct change_set *set)
{
	struct pairs pairs = {.set = set, .engines = o->engines, .author = "migrate"};
	for (size_t i = 0; i < l->n; i++) {
		struct name_parts p;
		const struct source_file *f = &l->files[i];
		if (parse_name(f->name, set->arena, &p))
			pair_add(&pairs, &(struct pair_file){.file = f,
			                                     .order = arena_printf(set->arena, "%020lu", (unsigned long)p.version),
			                                     .name = p.stem,
			                                     .engines = p.engines,
			                                     .up = p.up,
			                                     .run_in_transaction = true});
		else if (source_is_sql(f))
			problem_warn(&set->problems, f->path, 0,
			             "name it {version}_{title}.up.sql or .down.sql, or move it out of the change folder: it is passed over",
			             "not the name of an up or down file");
	}
	pairs_finish(&pairs);
}

const struct change_reader updown_reader = {
    .name = "updown",
    .reads = "up/down pairs: {version}_{title}[.{engine}].up.sql and .down.sql (golang-migrate and its like)",
    .detects = updown_detects,
    .read = updown_read,
};
