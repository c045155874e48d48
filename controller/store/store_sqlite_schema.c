/* The store in SQLite: what is known of the targets' schemas. */
#include "controller/store/sql/store.sql.h"
#include "controller/store/store_sqlite.h"

int store_schema_put(struct store *s, const char *target, const struct store_schema *c, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_schema_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, target);
	lite_bind_int(q, 2, c->form);
	lite_bind_blob(q, 3, bytes_of(c->left, DIGEST_SIZE));
	lite_bind_blob(q, 4, bytes_of(c->seen, DIGEST_SIZE));
	lite_bind_blob(q, 5, bytes_of(c->ledger_head, DIGEST_SIZE));
	lite_bind_int(q, 6, (int64_t)c->ledger_rows);
	lite_bind_int(q, 7, c->left_at_us);
	lite_bind_int(q, 8, c->seen_at_us);
	return lite_run(q, e);
}

static int read_schema(struct lite_stmt *q, struct store_schema *ret, struct err *e)
{
	ret->form = (uint32_t)lite_int(q, 0);
	ret->ledger_rows = (uint64_t)lite_int(q, 4);
	ret->left_at_us = lite_int(q, 5);
	ret->seen_at_us = lite_int(q, 6);
	if (column_exact(q, 1, ret->left, DIGEST_SIZE, "fingerprint", e) < 0 || column_exact(q, 2, ret->seen, DIGEST_SIZE, "fingerprint", e) < 0)
		return -1;
	return column_exact(q, 3, ret->ledger_head, DIGEST_SIZE, "ledger head", e);
}

int store_schema(struct store *s, const char *target, struct store_schema *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	bool row = false;
	*ret = (struct store_schema){0};
	if (lite_prepare(s->db, sql_schema, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, target);
	if (lite_step(q, &row, e) < 0)
		return -1;
	int rc = row ? read_schema(q, ret, e) : 0;
	if (row)
		lite_reset(q);
	return rc;
}

static int read_target_schema(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct store_target_schema *t = ret;
	t->target = column_text(q, 7, a);
	return read_schema(q, &t->schema, e);
}

int store_schemas(struct store *s, struct arena *a, struct store_target_schema **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_schemas, &q, e) < 0 || lite_list(q, a, sizeof **ret, read_target_schema, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}
