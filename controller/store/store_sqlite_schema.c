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

int store_schemas(struct store *s, struct arena *a, struct store_target_schema **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct store_target_schema *list = NULL;
	size_t n = 0, cap = 0;
	bool row = false;
	if (lite_prepare(s->db, sql_schemas, &q, e) < 0)
		return -1;
	for (;;) {
		if (lite_step(q, &row, e) < 0)
			return -1;
		if (!row)
			break;
		arena_vec_grow(a, list, n, cap);
		list[n] = (struct store_target_schema){.target = column_text(q, 7, a)};
		if (read_schema(q, &list[n++].schema, e) < 0)
			return -1;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}
