/* The store in SQLite: who has asked to be an agent. */
#include "controller/store/sql/store.sql.h"
#include "controller/store/store_sqlite.h"

int store_enrolment_put(struct store *s, const struct store_enrolment *n, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_enrolment_put, &q, e) < 0)
		return -1;
	lite_bind_blob(q, 1, bytes_of(n->digest, DIGEST_SIZE));
	if (n->nonce.n)
		lite_bind_blob(q, 2, n->nonce);
	lite_bind_text(q, 3, n->agent);
	lite_bind_text(q, 4, n->curve_key);
	lite_bind_blob(q, 5, n->request);
	lite_bind_int(q, 6, n->asked_at_us);
	return lite_run(q, e);
}

int store_enrolment_grant(struct store *s, const uint8_t digest[DIGEST_SIZE], struct bytes certificate, const char *by, int64_t now_us, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_enrolment_grant, &q, e) < 0)
		return -1;
	lite_bind_blob(q, 1, bytes_of(digest, DIGEST_SIZE));
	lite_bind_blob(q, 2, certificate);
	lite_bind_text(q, 3, by);
	lite_bind_int(q, 4, now_us);
	return lite_run(q, e);
}

int store_enrolments_prune(struct store *s, int64_t before_us, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_enrolments_prune, &q, e) < 0)
		return -1;
	lite_bind_int(q, 1, before_us);
	return lite_run(q, e);
}

static int read_enrolment(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct store_enrolment *r = ret;
	*r = (struct store_enrolment){.nonce = column_bytes(q, 1, a),
	                              .agent = column_text(q, 2, a),
	                              .curve_key = column_text(q, 3, a),
	                              .request = column_bytes(q, 4, a),
	                              .certificate = column_bytes(q, 5, a),
	                              .asked_at_us = lite_int(q, 6)};
	return column_exact(q, 0, r->digest, DIGEST_SIZE, "enrolment.digest", e);
}

int store_enrolments(struct store *s, struct arena *a, struct store_enrolment **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_enrolments, &q, e) < 0 || lite_list(q, a, sizeof **ret, read_enrolment, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}
