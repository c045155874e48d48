/* The key of a SQLite table, for walking it in batches. */
#include "agent/engine/engine_sqlite.h"
#include "agent/engine/sql/inventory.sql.h"
#include "agent/engine/sql/sqlite_key.sql.h"
#include "common/base/str.h"

struct finding {
	struct arena *arena;
	const char *index; /* the first one: its columns alone count */
	struct engine_key key;
	bool too_wide;
};

static const char *quote_name(struct arena *a, const char *name)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	buf_addc(&b, '"');
	for (; *name; name++) {
		if (*name == '"')
			buf_addc(&b, '"');
		buf_addc(&b, *name);
	}
	buf_addc(&b, '"');
	return arena_strdup(a, buf_str(&b));
}

static int column_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct finding *f = arg;
	(void)n, (void)e;
	if (!f->index)
		f->index = arena_strdup(f->arena, values[1]);
	if (!str_eq(f->index, values[1]))
		return 0;
	f->too_wide = f->key.n_columns == ENGINE_KEY_COLUMNS;
	if (f->too_wide)
		return 0;
	const char *quoted = quote_name(f->arena, values[2]);
	f->key.columns[f->key.n_columns].name = arena_strdup(f->arena, values[2]);
	f->key.columns[f->key.n_columns].quoted = quoted;
	/* quote() ends a text at a NUL */
	f->key.columns[f->key.n_columns++].literal =
	    arena_printf(f->arena, "CASE WHEN typeof(%s) = 'text' AND instr(%s, char(0)) THEN 'CAST(X''' || hex(%s) || ''' AS TEXT)' ELSE quote(%s) END",
	                 quoted, quoted, quoted, quoted);
	return 0;
}

static int count_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n;
	return str_to_u64(values[0] ? values[0] : "0", "rows", 0, INT64_MAX, arg, e);
}

/* Without statistics: from the key's first and last value where that is one number, which costs two look-ups; else not known. */
static int estimate(struct conn *c, const char *table, struct arena *a, struct engine_key *k, struct err *e)
{
	AUTO(buf_done) struct buf sql = BUF_INIT;
	const char *column = k->columns[0].quoted;
	table = quote_name(a, table);
	buf_addf(&sql,
	         "SELECT max(0, CASE WHEN typeof(hi) = 'integer' AND typeof(lo) = 'integer' AND hi - lo < 1000000000000 THEN hi - lo + 1 ELSE 0 END) "
	         "FROM (SELECT (SELECT max(%s) FROM %s) AS hi, (SELECT min(%s) FROM %s) AS lo)",
	         column, table, column, table);
	return k->n_columns == 1 ? lite_engine_query(c, buf_bytes(&sql), NULL, 0, count_row, &k->rows, e) : 0;
}

int lite_key_of(struct conn *c, const char *schema, const char *table, struct arena *a, struct engine_key *ret, struct err *e)
{
	const struct engine_param param = {.value = bytes_of_str(table)};
	struct finding f = {.arena = a};
	if (schema[0] && !str_ieq(schema, "main"))
		return err_set(e, ERR_USAGE, "schema %s: a SQLite target has only main", schema);
	if (lite_engine_query(c, bytes_of_str(lite_sql_table_key), &param, 1, column_row, &f, e) < 0)
		return err_wrap(e, "key of table %s", table);
	if (f.too_wide)
		f.key.n_columns = 0;
	if (f.key.n_columns && estimate(c, table, a, &f.key, e) < 0)
		return err_wrap(e, "rows of table %s", table);
	*ret = f.key;
	return 0;
}

static int found_table(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)values, (void)e;
	*(bool *)arg = true;
	return 0;
}

/* The highest rowid is what a walk over the table would meet at most; a table without one is counted. */
int lite_table_size(struct conn *c, const char *schema, const char *table, uint64_t *ret_rows, uint64_t *ret_bytes, struct err *e)
{
	static const char exists[] = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?)";
	const struct engine_param param = {.value = bytes_of_str(table)};
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)64 * 1024);
	uint64_t rows = 0, bytes = 0;
	bool found = false;
	struct err ignored = ERR_INIT;
	if (schema[0] && !str_ieq(schema, "main"))
		return err_set(e, ERR_USAGE, "schema %s: a SQLite target has only main", schema);
	if (lite_engine_query(c, bytes_of_str(exists), &param, 1, found_table, &found, e) < 0)
		return err_wrap(e, "size of table %s", table);
	*ret_rows = *ret_bytes = 0;
	if (!found)
		return 0;
	const char *quoted = quote_name(a, table);
	if (lite_engine_query(c, bytes_of_str(arena_printf(a, "SELECT max(rowid, 0) FROM (SELECT max(rowid) AS rowid FROM %s)", quoted)), NULL, 0,
	                      count_row, &rows, &ignored) < 0 &&
	    lite_engine_query(c, bytes_of_str(arena_printf(a, "SELECT count(*) FROM %s", quoted)), NULL, 0, count_row, &rows, e) < 0)
		return err_wrap(e, "size of table %s", table);
	if (lite_engine_query(c, bytes_of_str(lite_sql_size), NULL, 0, count_row, &bytes, e) < 0)
		return err_wrap(e, "size of table %s", table);
	*ret_rows = rows;
	*ret_bytes = bytes;
	return 0;
}
