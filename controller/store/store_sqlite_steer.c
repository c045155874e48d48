/* The store in SQLite: what operators say about targets beside rollouts: freezes and quarantine; and who is behind. */
#include "controller/store/store_sqlite.h"
#include "controller/store/sql/store.sql.h"

int store_freeze_put(struct store *s, const struct store_freeze *f, int64_t *ret_id, struct err *e)
{
	struct lite_stmt *q = NULL;
	bool row = false;
	if (lite_prepare(s->db, sql_freeze_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, f->selector);
	lite_bind_int(q, 2, f->from_us);
	lite_bind_int(q, 3, f->until_us);
	lite_bind_text(q, 4, f->reason);
	lite_bind_text(q, 5, f->added_by);
	lite_bind_int(q, 6, f->added_at_us);
	if (lite_step(q, &row, e) < 0)
		return -1;
	*ret_id = lite_int(q, 0);
	return lite_run(q, e);
}

int store_freeze_remove(struct store *s, int64_t id, bool *ret_found, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_freeze_remove, &q, e) < 0)
		return -1;
	lite_bind_int(q, 1, id);
	if (lite_run(q, e) < 0)
		return -1;
	*ret_found = lite_changes(s->db) > 0;
	return 0;
}

static int read_freeze(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	(void)e;
	*(struct store_freeze *)ret = (struct store_freeze){.id = lite_int(q, 0),
	                                                    .selector = column_text(q, 1, a),
	                                                    .from_us = lite_int(q, 2),
	                                                    .until_us = lite_int(q, 3),
	                                                    .reason = column_text(q, 4, a),
	                                                    .added_by = column_text(q, 5, a),
	                                                    .added_at_us = lite_int(q, 6)};
	return 0;
}

int store_freezes(struct store *s, int64_t now_us, struct arena *a, struct store_freeze **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_freezes, &q, e) < 0)
		return -1;
	lite_bind_int(q, 1, now_us);
	if (lite_list(q, a, sizeof **ret, read_freeze, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

int store_quarantine_put(struct store *s, const struct store_quarantine *t, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_quarantine_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, t->target);
	lite_bind_text(q, 2, t->reason);
	lite_bind_text(q, 3, t->added_by);
	lite_bind_int(q, 4, t->added_at_us);
	return lite_run(q, e);
}

int store_quarantine_remove(struct store *s, const char *target, bool *ret_found, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_quarantine_remove, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, target);
	if (lite_run(q, e) < 0)
		return -1;
	*ret_found = lite_changes(s->db) > 0;
	return 0;
}

static int read_quarantine(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	(void)e;
	*(struct store_quarantine *)ret = (struct store_quarantine){
	    .target = column_text(q, 0, a), .reason = column_text(q, 1, a), .added_by = column_text(q, 2, a), .added_at_us = lite_int(q, 3)};
	return 0;
}

int store_quarantines(struct store *s, struct arena *a, struct store_quarantine **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_quarantines, &q, e) < 0 || lite_list(q, a, sizeof **ret, read_quarantine, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

/* ---- who is behind ----------------------------------------------------------------------------------------------------------------------------------- */

static int read_name(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	(void)e;
	*(const char **)ret = column_text(q, 0, a);
	return 0;
}

static int read_names(struct lite_stmt *q, struct arena *a, struct store_names *ret, struct err *e)
{
	struct lite_list list = {0};
	if (lite_list(q, a, sizeof *ret->names, read_name, &list, e) < 0)
		return -1;
	*ret = (struct store_names){.names = list.rows, .n = list.n};
	return 0;
}

int store_targets_having(struct store *s, const char *project, uint64_t sequence, struct arena *a, struct store_names *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_targets_having, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, project);
	lite_bind_int(q, 2, (int64_t)sequence);
	return read_names(q, a, ret, e);
}

int store_targets_tried(struct store *s, const uint8_t release_digest[DIGEST_SIZE], struct arena *a, struct store_names *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_targets_tried, &q, e) < 0)
		return -1;
	lite_bind_blob(q, 1, bytes_of(release_digest, DIGEST_SIZE));
	return read_names(q, a, ret, e);
}

static int read_held(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct store_held *h = ret;
	*h = (struct store_held){.rollout = column_text(q, 0, a), .no = (uint32_t)lite_int(q, 1), .target = column_text(q, 2, a)};
	return column_exact(q, 3, h->order_digest, DIGEST_SIZE, "rollout.order_digest", e);
}

int store_targets_held(struct store *s, const uint8_t release_digest[DIGEST_SIZE], struct arena *a, struct store_held **ret, size_t *ret_n,
                       struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_targets_held, &q, e) < 0)
		return -1;
	lite_bind_blob(q, 1, bytes_of(release_digest, DIGEST_SIZE));
	if (lite_list(q, a, sizeof **ret, read_held, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

int store_target_let_go(struct store *s, const struct store_held *h, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_target_let_go, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, h->rollout);
	lite_bind_int(q, 2, h->no);
	return lite_run(q, e);
}

static int read_catch_up(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct store_rollout *r = ret;
	*r = (struct store_rollout){.id = column_text(q, 0, a),
	                            .project = column_text(q, 1, a),
	                            .environment = column_text(q, 2, a),
	                            .plan_text = column_bytes(q, 4, a),
	                            .release_version = column_text(q, 5, a)};
	return column_exact(q, 3, r->release_digest, DIGEST_SIZE, "rollout.release_digest", e);
}

int store_catch_ups(struct store *s, struct arena *a, struct store_rollout **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_catch_ups, &q, e) < 0 || lite_list(q, a, sizeof **ret, read_catch_up, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}
