/* The store in SQLite: which release each target has. A table of its own, moved with each report: to find it out from all reports anew would cost more with every release. */
#include <stdlib.h>

#include "common/base/str.h"
#include "controller/store/sql/store.sql.h"
#include "controller/store/store_sqlite.h"

/* ret_q: the statement, its first parameters bound to what the report is of. */
static int prepare_for(struct store *s, const char *sql, const struct report *r, struct lite_stmt **ret_q, struct err *e)
{
	if (lite_prepare(s->db, sql, ret_q, e) < 0)
		return -1;
	lite_bind_text(*ret_q, 1, r->target);
	lite_bind_blob(*ret_q, 2, bytes_of(r->release_digest, DIGEST_SIZE));
	return 0;
}

static int run_on(struct store *s, const char *sql, const struct report *r, struct err *e)
{
	struct lite_stmt *q = NULL;
	return prepare_for(s, sql, r, &q, e) < 0 ? -1 : lite_run(q, e);
}

static int applied(struct store *s, const struct report *r, const struct release_name *of, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (prepare_for(s, sql_current_applied, r, &q, e) < 0)
		return -1;
	lite_bind_int(q, 3, r->ended_at_us);
	lite_bind_text(q, 4, of->project);
	lite_bind_int(q, 5, (int64_t)of->sequence);
	lite_bind_text(q, 6, of->version);
	return lite_run(q, e);
}

int current_reported(struct store *s, const struct report *r, const struct release_name *of, struct err *e)
{
	if (r->outcome == OUTCOME_APPLIED)
		return of->project ? applied(s, r, of, e) : 0;
	if (r->outcome != OUTCOME_ROLLED_BACK)
		return 0;
	return run_on(s, sql_current_drop, r, e) < 0 ? -1 : run_on(s, sql_current_again, r, e);
}

int current_release_known(struct store *s, const uint8_t digest[DIGEST_SIZE], struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_current_known, &q, e) < 0)
		return -1;
	lite_bind_blob(q, 1, bytes_of(digest, DIGEST_SIZE));
	return lite_run(q, e);
}

static int read_current(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	(void)e;
	*(struct store_current *)ret = (struct store_current){.target = column_text(q, 0, a),
	                                                      .project = column_text(q, 1, a),
	                                                      .sequence = (uint64_t)lite_int(q, 2),
	                                                      .version = column_text(q, 3, a),
	                                                      .at_us = lite_int(q, 4)};
	return 0;
}

static int newest_first(const void *x, const void *y)
{
	const struct store_current *a = x, *b = y;
	return a->sequence != b->sequence ? (a->sequence < b->sequence ? 1 : -1) : strcmp(a->project, b->project);
}

/* The few of each target, here: SQLite would sort all of a fleet's rows for it. */
static void sort_each(struct store_current *list, size_t n)
{
	for (size_t first = 0, end; first < n; first = end) {
		for (end = first + 1; end < n && str_eq(list[end].target, list[first].target);)
			end++;
		if (end - first > 1)
			qsort(&list[first], end - first, sizeof *list, newest_first);
	}
}

int store_current_releases(struct store *s, struct arena *a, struct store_current **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_current_releases, &q, e) < 0 || lite_list(q, a, sizeof **ret, read_current, &list, e) < 0)
		return -1;
	sort_each(list.rows, list.n);
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}
