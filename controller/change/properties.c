/* Substitution and the dbms lists. */
#include "controller/change/properties.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/base/nearest.h"
#include "common/base/str.h"
#include "common/wire/limits.h"
#include "controller/change/change.h"

/* Short names as Liquibase and its extensions use them; a name outside this list would match no database, silently. */
static const char *const dbms_names[] = {
    "postgresql", "mariadb",   "mysql",        "sqlite",   "asany",    "bigquery", "cassandra", "clickhouse", "cockroachdb",
    "databricks", "db2",       "db2z",         "derby",    "duckdb",   "dynamodb", "edb",       "exasol",     "firebird",
    "h2",         "hana",      "hsqldb",       "informix", "ingres",   "maxdb",    "mongodb",   "mssql",      "oracle",
    "redshift",   "snowflake", "cloudspanner", "sybase",   "teradata", "trino",    "vertica",   "yugabytedb",
};

bool properties_add(struct properties *p, struct property v)
{
	if (p->n == PROPERTIES_MAX)
		return false;
	arena_vec_grow(p->arena, p->list, p->n, p->cap);
	p->list[p->n++] = v;
	return true;
}

static const struct property *look_up(const struct properties *p, struct bytes name, const char *file, enum dialect d, bool local)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct property *v = &p->list[i];
		if (v->local == local && (v->engines & ENGINE_BIT(d)) && bytes_equal(bytes_of_str(v->name), name) && (!local || str_eq(v->file, file)))
			return v;
	}
	return NULL;
}

/* One "${name}" at `at`; its whole length, 0 when it is not closed on the line. */
static size_t reference_length(struct bytes text, size_t at)
{
	for (size_t i = at + 2; i < text.n && text.p[i] != '\n'; i++)
		if (text.p[i] == '}')
			return i + 1 - at;
	return 0;
}

static void add_reference(const struct properties *p, struct bytes ref, const char *file, enum dialect d, struct buf *out)
{
	struct bytes name = bytes_of(ref.p + 2, ref.n - 3);
	if (name.n && name.p[0] == ':') {
		buf_addf(out, "${%.*s}", (int)name.n - 1, (const char *)name.p + 1);
		return;
	}
	const struct property *v = look_up(p, name, file, d, true);
	if (!v)
		v = look_up(p, name, file, d, false);
	if (v)
		buf_adds(out, v->value);
	else
		buf_add(out, ref.p, ref.n);
}

enum expand_result properties_expand(const struct properties *p, struct bytes text, const char *file, enum dialect d, struct bytes *ret)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	if (text.n < 3 || !memmem(text.p, text.n, "${", 2)) {
		*ret = text;
		return EXPAND_DONE;
	}
	for (size_t i = 0, n; i < text.n; i += n) {
		n = text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '{' ? reference_length(text, i) : 0;
		if (n)
			add_reference(p, bytes_of(text.p + i, n), file, d, &out);
		else
			buf_add(&out, text.p + i, n = 1);
		if (out.n > LIMIT_CHANGE_FILE || arena_used(p->arena) + out.n > ((size_t)2 << 30))
			return EXPAND_TOO_LARGE;
	}
	*ret = arena_bytes(p->arena, buf_bytes(&out));
	return EXPAND_DONE;
}

enum expand_result properties_expand_same(const struct properties *p, struct bytes text, const char *file, unsigned engines, struct bytes *ret)
{
	struct bytes first = text;
	bool have = false;
	for (enum dialect d = 0; d < DIALECT_COUNT; d++) {
		struct bytes one;
		if (!(engines & ENGINE_BIT(d)))
			continue;
		if (properties_expand(p, text, file, d, &one) != EXPAND_DONE)
			return EXPAND_TOO_LARGE;
		if (have && !bytes_equal(first, one))
			return EXPAND_DIFFERS;
		first = one;
		have = true;
	}
	*ret = first;
	return EXPAND_DONE;
}

static bool is_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(dbms_names); i++)
		if (str_ieq(name, dbms_names[i]))
			return true;
	return false;
}

const char *dbms_nearest(const char *unknown)
{
	return nearest_word(unknown, dbms_names, ARRAY_LEN(dbms_names));
}

unsigned dbms_engines(const char *dbms, struct arena *a, const char **ret_unknown)
{
	unsigned named = 0, refused = 0;
	bool any_positive = false;
	*ret_unknown = NULL;
	for (const char *p = dbms; p && *p;) {
		size_t n = strcspn(p, ",");
		const char *end = p + n;
		while (n && *p == ' ')
			p++, n--;
		while (n && p[n - 1] == ' ')
			n--;
		bool negative = n && *p == '!';
		const char *word = arena_strndup(a, p + negative, n - negative);
		enum dialect d;
		p = *end ? end + 1 : end;
		if (str_ieq(word, "all") && !negative)
			return ENGINES_ALL;
		if (*word == '\0')
			continue;
		any_positive |= !negative;
		if (str_ieq(word, "none"))
			continue;
		if (!is_known(word))
			*ret_unknown = word;
		else if (dialect_parse(word, &d))
			*(negative ? &refused : &named) |= ENGINE_BIT(d);
	}
	return (any_positive ? named : ENGINES_ALL) & ~refused;
}
