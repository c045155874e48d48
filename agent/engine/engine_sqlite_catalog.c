/* Questions that the SQLite engine asks of a schema: definitions, foreign keys. */
#include "agent/engine/engine_sqlite.h"

#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"

struct definition {
	struct digest *d;
	struct buf *text; /* may be NULL */
	bool found;
};

static int definition_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)e;
	struct definition *def = arg;
	for (size_t i = 0; i < n; i++)
		digest_add_sized(def->d, bytes_of_str(values[i]));
	if (def->text && n == 4 && values[3]) /* the statement that made it */
		buf_addf(def->text, "%s\n", values[3]);
	def->found = true;
	return 0;
}

static struct engine_param text_param(const char *s)
{
	return (struct engine_param){.value = bytes_of_str(s), .null = !s};
}

static int object_rows(struct conn *c, const char *object, struct definition *def, struct err *e)
{
	static const char sql[] =
	    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE lower(name) = lower(?1) OR lower(tbl_name) = lower(?1) ORDER BY type, name";
	struct engine_param p = text_param(object);
	return lite_engine_query(c, bytes_of_str(sql), &p, 1, definition_row, def, e);
}

/* Everything but the ledger's own tables: they change with every step. */
static int schema_rows(struct conn *c, struct definition *def, struct err *e)
{
	static const char *const sql[] = {
	    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE tbl_name NOT LIKE 'rollcall\\_%' ESCAPE '\\' ORDER BY type, name",
	    "PRAGMA user_version",
	    "PRAGMA application_id",
	    "PRAGMA journal_mode",
	    "PRAGMA page_size",
	    "PRAGMA auto_vacuum",
	};
	for (size_t i = 0; i < ARRAY_LEN(sql); i++)
		if (lite_engine_query(c, bytes_of_str(sql[i]), NULL, 0, definition_row, def, e) < 0)
			return -1;
	return 0;
}

int lite_catalog_object_state(struct conn *c, const struct sql_class *s, uint8_t out[DIGEST_SIZE], struct buf *text, struct err *e)
{
	struct definition def = {.d = digest_new(), .text = s->object[0] ? text : NULL};
	int rc = s->object[0] ? object_rows(c, s->object, &def, e) : schema_rows(c, &def, e);
	uint8_t digest[DIGEST_SIZE];
	digest_final(&def.d, digest);
	if (rc < 0)
		return err_wrap(e, "state of %s", s->object[0] ? s->object : "the schema");
	memset(out, 0, DIGEST_SIZE);
	if (def.found)
		memcpy(out, digest, DIGEST_SIZE);
	return 0;
}

static int found_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)values, (void)e;
	*(bool *)arg = true;
	return 0;
}

int lite_catalog_table_exists(struct conn *c, const char *schema, const char *table, bool view, bool *ret_exists, struct err *e)
{
	bool found = false;
	if (schema && !str_ieq(schema, "main"))
		return err_set(e, ERR_USAGE, "schema %s: a SQLite target has only main", schema);
	struct engine_param params[] = {text_param(view ? "view" : "table"), text_param(table)};
	static const char sql[] = "SELECT 1 FROM sqlite_schema WHERE type = ? AND lower(name) = lower(?)";
	if (lite_engine_query(c, bytes_of_str(sql), params, 2, found_row, &found, e) < 0)
		return -1;
	*ret_exists = found;
	return 0;
}

/* ---- foreign keys ---- */

static int keys_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	buf_addf(arg, "%s\t%s\t%s\n", values[0] ? values[0] : "?", values[1] ? values[1] : "?", values[2]);
	return 0;
}

/* One line a pair of tables: child, parent, rows that point nowhere. A schema that cannot be checked at all is one line too, so that it does not block what leaves it so. */
static int keys_broken(struct conn *c, struct buf *ret, struct err *e)
{
	static const char sql[] =
	    "SELECT replace(replace(\"table\", char(9), '?'), char(10), '?'), replace(replace(parent, char(9), '?'), char(10), '?'), count(*) "
	    "FROM pragma_foreign_key_check GROUP BY 1, 2 ORDER BY 1, 2";
	struct err why = ERR_INIT;
	buf_clear(ret);
	if (lite_engine_query(c, bytes_of_str(sql), NULL, 0, keys_row, ret, &why) == 0)
		return 0;
	if (why.code != ERR_DB) {
		if (e)
			*e = why;
		return -1;
	}
	buf_clear(ret);
	buf_addf(ret, "!\t%s\t1\n", why.msg);
	for (char *p = ret->p + 2; *p; p++)
		if (*p == '\n' && p[1])
			*p = ' ';
	return 0;
}

static int number_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n;
	return str_to_i64(values[0], "data_version", INT64_MIN, INT64_MAX, arg, e);
}

int lite_catalog_keys_before(struct conn *c, struct err *e)
{
	int64_t version = 0; /* changes when another connection commits */
	if (lite_engine_query(c, bytes_of_str("PRAGMA data_version"), NULL, 0, number_row, &version, e) < 0)
		return -1;
	if (c->broken_keys_known && version == c->data_version)
		return 0;
	c->data_version = version;
	if (keys_broken(c, &c->broken_keys, e) < 0)
		return err_wrap(e, "check foreign keys before the step");
	c->broken_keys_known = true;
	return 0;
}

/* How many rows a line of before counts for the same pair of tables; 0 when there is none. */
static unsigned long long count_before(const char *before, const char *pair, size_t pair_size)
{
	for (const char *line = before; *line; line = strchr(line, '\n') + 1)
		if (strncmp(line, pair, pair_size) == 0)
			return strtoull(line + pair_size, NULL, 10);
	return 0;
}

static int keys_compare(const char *before, const char *after, struct err *e)
{
	for (const char *line = after; *line; line = strchr(line, '\n') + 1) {
		const char *parent = strchr(line, '\t') + 1, *count = strchr(parent, '\t') + 1;
		unsigned long long now = strtoull(count, NULL, 10), then = count_before(before, line, (size_t)(count - line));
		if (now <= then)
			continue;
		if (*line == '!')
			return err_set(e, ERR_DB, "foreign keys cannot be checked any more: %.*s", (int)(count - 1 - parent), parent);
		return err_set(e, ERR_DB,
		               "foreign keys: %llu row%s of %.*s would refer to missing rows of %.*s (%llu before): the transaction was rolled back", now,
		               now == 1 ? "" : "s", (int)(parent - 1 - line), line, (int)(count - 1 - parent), parent, then);
	}
	return 0;
}

int lite_catalog_keys_after(struct conn *c, struct err *e)
{
	AUTO(buf_done) struct buf after = BUF_INIT;
	if (keys_broken(c, &after, e) < 0)
		return err_wrap(e, "check foreign keys after the step");
	if (keys_compare(buf_str(&c->broken_keys), buf_str(&after), e) < 0) {
		if (e)
			e->db_errno = 787; /* SQLITE_CONSTRAINT_FOREIGNKEY */
		return -1;
	}
	struct buf old = c->broken_keys;
	c->broken_keys = after;
	after = old;
	return 0;
}
