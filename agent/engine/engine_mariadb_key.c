/* The key of a MariaDB table, for walking it in batches. */
#include "agent/engine/engine_mariadb.h"
#include "agent/engine/sql/mariadb_key.sql.h"
#include "common/base/str.h"

struct finding {
	struct arena *arena;
	const char *index; /* the first one: its columns alone count */
	struct engine_key key;
	bool too_wide;
};

/* A number against a string literal would be compared as floating point: it loses digits past 2^53. */
static const char *literal_of(struct arena *a, const char *type, const char *quoted)
{
	if (str_eq(type, "number"))
		return arena_printf(a, "CAST(%s AS CHAR)", quoted);
	return arena_printf(a, str_eq(type, "bytes") ? "CONCAT('0x', HEX(%s))" : "QUOTE(%s)", quoted);
}

static int column_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct finding *f = arg;
	(void)n;
	if (!f->index)
		f->index = arena_strdup(f->arena, values[0]);
	if (!str_eq(f->index, values[0]))
		return 0;
	f->too_wide = f->key.n_columns == ENGINE_KEY_COLUMNS;
	if (f->too_wide)
		return 0;
	AUTO(mem_free_ptr) char *quoted = maria_quote_name(values[1]);
	f->key.columns[f->key.n_columns].name = arena_strdup(f->arena, values[1]);
	f->key.columns[f->key.n_columns].quoted = arena_strdup(f->arena, quoted);
	f->key.columns[f->key.n_columns++].literal = literal_of(f->arena, values[2], quoted);
	return str_to_u64(values[3], "rows", 0, INT64_MAX, &f->key.rows, e);
}

int maria_key_of(struct conn *c, const char *schema, const char *table, struct arena *a, struct engine_key *ret, struct err *e)
{
	const struct engine_param params[] = {{.value = bytes_of_str(schema), .null = !schema[0]}, {.value = bytes_of_str(table)}};
	struct finding f = {.arena = a};
	if (maria_run_prepared(c, bytes_of_str(maria_sql_table_key), params, ARRAY_LEN(params), column_row, &f, e) < 0)
		return err_wrap(e, "key of table %s", table);
	if (f.too_wide)
		f.key.n_columns = 0;
	*ret = f.key;
	return 0;
}
