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

int store_gate_passes(struct store *s, const char *rollout, struct arena *a, struct store_gate_pass **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct store_gate_pass *list = NULL;
	size_t n = 0, cap = 0;
	bool row = false;
	if (lite_prepare(s->db, sql_gate_passes, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, rollout);
	for (;;) {
		if (lite_step(q, &row, e) < 0)
			return -1;
		if (!row)
			break;
		arena_vec_grow(a, list, n, cap);
		struct store_gate_pass *p = &list[n++];
		*p = (struct store_gate_pass){
		    .wave = (uint32_t)lite_int(q, 0), .signer = column_text(q, 2, a), .expires_at_us = lite_int(q, 3), .envelope = column_bytes(q, 4, a)};
		if (column_exact(q, 1, p->public_key, SIGN_PUBLIC_SIZE, "gate_pass.public_key", e) < 0)
			return -1;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}
