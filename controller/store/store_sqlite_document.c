/* The store in SQLite: the signed documents that the controller keeps for itself. */
#include "controller/store/store_sqlite.h"

#include "controller/store/sql/store.sql.h"

int store_document_put(struct store *s, const char *kind, uint64_t version, struct bytes envelope, int64_t now_us, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_document_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, kind);
	lite_bind_int(q, 2, (int64_t)version);
	lite_bind_blob(q, 3, envelope);
	lite_bind_int(q, 4, now_us);
	return lite_run(q, e);
}

static int read_version(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	(void)e;
	*(struct store_document *)ret = (struct store_document){.version = (uint64_t)lite_int(q, 0), .envelope = column_bytes(q, 1, a)};
	return 0;
}

int store_documents(struct store *s, const char *kind, uint64_t from_version, struct arena *a, struct store_document **ret, size_t *ret_n,
                    struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_documents, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, kind);
	lite_bind_int(q, 2, (int64_t)from_version);
	if (lite_list(q, a, sizeof **ret, read_version, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

int store_documents_drop(struct store *s, const char *kind, uint64_t below_version, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_documents_drop, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, kind);
	lite_bind_int(q, 2, (int64_t)below_version);
	return lite_run(q, e);
}
