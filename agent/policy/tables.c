/* The largest table that a site lets be worked on as a whole: how it is written, and which statements it is about. What is done in batches, or CONCURRENTLY, holds nobody up: that is the way
 * to change a large table. Rows that are added are none of its business. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/policy/policy.h"
#include "common/base/mem.h"
#include "common/base/str.h"

static const struct {
	const char *verb; /* begins so */
	bool by_parent; /* the table of an index or a trigger */
	bool quick; /* without a name that can be told it is let go: it holds its table for a moment */
} works[] = {
    {"ALTER TABLE", false, false},
    {"DROP TABLE", false, false},
    {"TRUNCATE", false, false},
    {"UPDATE", false, false},
    {"DELETE", false, false},
    {"MERGE", false, false},
    {"REPLACE", false, false},
    {"CREATE INDEX", true, false},
    {"CREATE UNIQUE INDEX", true, false},
    {"CREATE FULLTEXT", true, false},
    {"CREATE SPATIAL", true, false},
    {"CREATE TRIGGER", true, true},
    {"DROP INDEX", true, true},
    {"REINDEX", false, false},
    {"CLUSTER", false, false},
    {"RENAME TABLE", false, false},
    {"OPTIMIZE", false, false},
    {"LOCK TABLE", false, false},
    {"REFRESH MATERIALIZED", false, true},
};

enum policy_table policy_table_of(const struct sql_class *c, const char **ret_schema, const char **ret_table)
{
	for (size_t i = 0; i < ARRAY_LEN(works); i++) {
		if (!str_starts(c->verb, works[i].verb) || strstr(c->verb, "CONCURRENTLY"))
			continue;
		bool index = str_eq(c->object_kind, "index");
		bool by_parent = works[i].by_parent || index;
		const char *table = by_parent ? c->parent : c->object;
		if (!*table)
			return works[i].quick || index ? POLICY_TABLE_NONE : POLICY_TABLE_UNKNOWN;
		*ret_schema = by_parent ? c->parent_schema : c->object_schema;
		*ret_table = table;
		return POLICY_TABLE_NAMED;
	}
	return POLICY_TABLE_NONE;
}

/* ---- as text ---- */

static int parse_part(const char *part, struct table_limit *ret, struct err *e)
{
	static const struct {
		const char *unit;
		double bytes;
	} units[] = {{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};
	char *end = NULL;
	double v = strtod(part, &end);
	end += strspn(end, " ");
	if (end == part || !(v >= 1) || v > 1e15)
		return err_set(e, ERR_PARSE, "largest_table '%s': write a size such as 20GB, a number such as '5000000 rows', or both with a comma", part);
	if (str_eq(end, "rows"))
		return ret->rows = (uint64_t)v, 0;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (str_eq(end, units[i].unit))
			return ret->bytes = (uint64_t)(v * units[i].bytes), 0;
	return err_set(e, ERR_PARSE, "largest_table '%s': its unit is none of B, kB, MB, GB, TB, KiB, MiB, GiB, rows", part);
}

int table_limit_parse(const char *text, struct table_limit *ret, struct err *e)
{
	AUTO(mem_free_ptr) char *copy = mem_strdup(text);
	struct table_limit l = {0};
	char *save = NULL;
	for (char *part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
		part += strspn(part, " ");
		part[strlen(part) - (strlen(part) && part[strlen(part) - 1] == ' ')] = '\0';
		if (parse_part(part, &l, e) != 0)
			return -1;
	}
	*ret = l;
	return 0;
}

const char *table_bytes_text(uint64_t bytes, struct arena *a)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double v = (double)bytes;
	size_t i = 0;
	for (; v >= 1000 && i + 1 < ARRAY_LEN(units); i++)
		v /= 1000;
	return arena_printf(a, "%.*f %s", i ? 1 : 0, v, units[i]);
}

const char *table_limit_text(const struct table_limit *l, struct arena *a)
{
	const char *rows = l->rows ? arena_printf(a, "%" PRIu64 " rows", l->rows) : NULL;
	if (!l->bytes)
		return rows ? rows : "none";
	return arena_printf(a, "%s%s%s", table_bytes_text(l->bytes, a), rows ? ", " : "", rows ? rows : "");
}
