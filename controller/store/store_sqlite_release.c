/* The store in SQLite: releases. */
#include <string.h>

#include "common/base/mem.h"
#include "controller/store/sql/store.sql.h"
#include "controller/store/store_sqlite.h"

int store_release_put(struct store *s, const struct store_release *r, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_release_put, &q, e) < 0)
		return -1;
	lite_bind_blob(q, 1, bytes_of(r->digest, DIGEST_SIZE));
	lite_bind_blob(q, 2, bytes_of(r->envelope_hash, DIGEST_SIZE));
	lite_bind_int(q, 3, (int64_t)r->envelope_size);
	lite_bind_text(q, 4, r->project);
	lite_bind_text(q, 5, r->version);
	lite_bind_int(q, 6, (int64_t)r->sequence);
	lite_bind_int(q, 7, r->changesets);
	lite_bind_text(q, 8, r->signed_by);
	lite_bind_text(q, 9, r->added_by);
	lite_bind_int(q, 10, r->added_at_us);
	release_name_forget(s);
	return lite_run(q, e) < 0 ? -1 : current_release_known(s, r->digest, e);
}

static int read_release(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct store_release *r = ret;
	*r = (struct store_release){.envelope_size = (uint64_t)lite_int(q, 2),
	                            .project = column_text(q, 3, a),
	                            .version = column_text(q, 4, a),
	                            .sequence = (uint64_t)lite_int(q, 5),
	                            .changesets = (uint32_t)lite_int(q, 6),
	                            .signed_by = column_text(q, 7, a),
	                            .added_by = column_text(q, 8, a),
	                            .added_at_us = lite_int(q, 9)};
	if (column_exact(q, 0, r->digest, DIGEST_SIZE, "release.digest", e) < 0)
		return -1;
	return column_exact(q, 1, r->envelope_hash, DIGEST_SIZE, "release.envelope_hash", e);
}

int store_several_projects(struct store *s, bool *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	bool row = false;
	if (lite_prepare(s->db, sql_several_projects, &q, e) < 0 || lite_step(q, &row, e) < 0)
		return -1;
	*ret = lite_int(q, 0) != 0;
	lite_reset(q);
	return 0;
}

int store_releases(struct store *s, struct arena *a, struct store_release **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_releases, &q, e) < 0 || lite_list(q, a, sizeof **ret, read_release, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

void release_name_forget(struct store *s)
{
	mem_free_ptr(&s->asked.project);
	mem_free_ptr(&s->asked.version);
	s->asked = (struct release_name){0};
}

static int find_name(struct store *s, const uint8_t digest[DIGEST_SIZE], struct err *e)
{
	struct lite_stmt *q = NULL;
	bool row = false;
	if (lite_prepare(s->db, sql_release_name, &q, e) < 0)
		return -1;
	lite_bind_blob(q, 1, bytes_of(digest, DIGEST_SIZE));
	if (lite_step(q, &row, e) < 0)
		return -1;
	if (!row)
		return 0;
	s->asked =
	    (struct release_name){.sequence = (uint64_t)lite_int(q, 0), .project = mem_strdup(lite_text(q, 1)), .version = mem_strdup(lite_text(q, 2))};
	memcpy(s->asked.digest, digest, DIGEST_SIZE);
	lite_reset(q);
	return 0;
}

int release_name(struct store *s, const uint8_t digest[DIGEST_SIZE], const struct release_name **ret, struct err *e)
{
	*ret = &s->asked;
	if (s->asked.project && memcmp(s->asked.digest, digest, DIGEST_SIZE) == 0)
		return 0;
	release_name_forget(s);
	return find_name(s, digest, e);
}
