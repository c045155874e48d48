/* For walking a PostgreSQL table in batches: its key, and how far the replicas are behind. */
#include "agent/engine/engine_postgres.h"
#include "agent/engine/sql/postgres_key.sql.h"
#include "agent/engine/sql/postgres_lag.sql.h"
#include "common/base/clock.h"
#include "common/base/str.h"

struct finding {
	struct arena *arena;
	struct engine_key key;
	bool too_wide;
};

static int column_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct finding *f = arg;
	(void)n;
	f->too_wide = f->key.n_columns == ENGINE_KEY_COLUMNS;
	if (f->too_wide)
		return 0;
	f->key.columns[f->key.n_columns].name = arena_strdup(f->arena, values[0]);
	f->key.columns[f->key.n_columns].quoted = arena_strdup(f->arena, values[1]);
	/* JSON has one way to write a time, which every session reads alike: the cursor may be read by a later one. */
	const char *literal =
	    str_eq(values[3], "t") ? "pg_catalog.quote_literal(pg_catalog.to_json(%s) #>> '{}')" : "pg_catalog.quote_literal(%s::pg_catalog.text)";
	if (values[4])
		f->key.unfit = arena_printf(f->arena, "column %s is of type %s", values[0], values[4]);
	f->key.columns[f->key.n_columns++].literal = arena_printf(f->arena, literal, values[1]);
	return str_to_u64(values[2], "rows", 0, INT64_MAX, &f->key.rows, e);
}

int pg_key_of(struct conn *c, const char *schema, const char *table, struct arena *a, struct engine_key *ret, struct err *e)
{
	AUTO(buf_done) struct buf name = BUF_INIT;
	AUTO(mem_free_ptr) char *s = pg_quote_name(schema), *t = pg_quote_name(table);
	struct finding f = {.arena = a};
	if (schema[0])
		buf_addf(&name, "%s.", s);
	buf_adds(&name, t);
	const char *param = buf_str(&name);
	if (pg_query_text(c, pg_sql_table_key, &param, 1, column_row, &f, e) < 0)
		return err_wrap(e, "key of table %s", table);
	if (f.too_wide)
		f.key.n_columns = 0;
	*ret = f.key;
	return 0;
}

/* ---- replicas ---- */

struct lag {
	uint64_t ms, hidden, behind;
	char end[32];
};

static int lag_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct lag *l = arg;
	(void)n;
	str_copy(l->end, sizeof l->end, values[3]);
	return str_to_u64(values[0], "lag", 0, INT64_MAX, &l->ms, e) == 0 && str_to_u64(values[1], "replicas", 0, INT64_MAX, &l->hidden, e) == 0
	           ? str_to_u64(values[2], "replicas", 0, INT64_MAX, &l->behind, e)
	           : -1;
}

/* A replica that stands still tells no lag: it has not come to where the log ended when we last saw all of them there. */
int pg_replica_lag(struct conn *c, struct engine_lag *ret, struct err *e)
{
	const char *mark = c->lag_mark[0] ? c->lag_mark : NULL;
	int64_t now_us = clock_mono_us();
	struct lag l = {0};
	if (pg_query_text(c, pg_sql_replica_lag, &mark, 1, lag_row, &l, e) < 0)
		return err_wrap(e, "lag of the replicas");
	if (l.hidden)
		return err_set(e, ERR_DB,
		               "this role may not see how far the replicas are behind: GRANT pg_read_all_stats (or pg_monitor) to it, or take maxLag out");
	if (!mark || l.behind == 0) {
		str_copy(c->lag_mark, sizeof c->lag_mark, l.end);
		c->lag_mark_us = now_us;
	}
	uint64_t stands_ms = (uint64_t)(now_us - c->lag_mark_us) / 1000;
	*ret = (struct engine_lag){.ms = l.ms > stands_ms ? l.ms : stands_ms};
	return 0;
}
