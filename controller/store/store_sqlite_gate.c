/* The store in SQLite: gate passes. */
#include "controller/store/store_sqlite.h"
#include "controller/store/sql/store.sql.h"

int store_gate_pass_put(struct store *s, const char *rollout, const struct store_gate_pass *p, int64_t now_us, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_gate_pass_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, rollout);
	lite_bind_int(q, 2, p->wave);
	lite_bind_blob(q, 3, bytes_of(p->public_key, SIGN_PUBLIC_SIZE));
	lite_bind_text(q, 4, p->signer);
	lite_bind_int(q, 5, p->expires_at_us);
	lite_bind_blob(q, 6, p->envelope);
	lite_bind_int(q, 7, now_us);
	return lite_run(q, e);
}

static int read_gate_pass(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct store_gate_pass *p = ret;
	*p = (struct store_gate_pass){
	    .wave = (uint32_t)lite_int(q, 0), .signer = column_text(q, 2, a), .expires_at_us = lite_int(q, 3), .envelope = column_bytes(q, 4, a)};
	return column_exact(q, 1, p->public_key, SIGN_PUBLIC_SIZE, "gate_pass.public_key", e);
}

int store_gate_passes(struct store *s, const char *rollout, struct arena *a, struct store_gate_pass **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_gate_passes, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, rollout);
	if (lite_list(q, a, sizeof **ret, read_gate_pass, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}
