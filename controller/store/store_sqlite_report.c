/* The store in SQLite: reports, what they say of each step, history. */
#include "controller/store/store_sqlite.h"
#include "controller/store/sql/store.sql.h"

static int put_step(struct store *s, const struct report *r, const struct step_outcome *o, const struct release_name *of, int64_t now_us,
                    struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_step_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, r->target);
	lite_bind_text(q, 2, o->changeset);
	lite_bind_text(q, 3, direction_name(o->direction));
	lite_bind_int(q, 4, o->run);
	lite_bind_int(q, 5, o->step);
	lite_bind_text(q, 6, step_state_name(o->state));
	lite_bind_text(q, 7, step_via_name(o->via));
	lite_bind_text(q, 8, step_class_name(o->class));
	lite_bind_blob(q, 9, bytes_of(o->digest, DIGEST_SIZE));
	lite_bind_blob(q, 10, bytes_of(o->row_hash, DIGEST_SIZE));
	lite_bind_blob(q, 11, bytes_of(r->task, TASK_SIZE));
	lite_bind_int(q, 12, r->attempt);
	lite_bind_text(q, 13, r->agent);
	lite_bind_int(q, 14, (int64_t)r->report_seq);
	lite_bind_int(q, 15, o->started_at_us);
	lite_bind_int(q, 16, o->ended_at_us);
	lite_bind_int(q, 17, now_us);
	lite_bind_text(q, 18, of->project ? of->project : "");
	return lite_run(q, e);
}

int store_report_put(struct store *s, const struct report *r, uint32_t journal, const char *rollout, const char *detail, struct bytes envelope,
                     int64_t now_us, struct err *e)
{
	struct lite_stmt *q = NULL;
	const struct release_name *of = NULL;
	if (release_name(s, r->release_digest, &of, e) < 0 || lite_prepare(s->db, sql_report_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, r->agent);
	lite_bind_int(q, 2, journal);
	lite_bind_int(q, 3, (int64_t)r->report_seq);
	lite_bind_text(q, 4, r->target);
	lite_bind_text(q, 5, rollout);
	lite_bind_blob(q, 6, bytes_of(r->release_digest, DIGEST_SIZE));
	lite_bind_text(q, 7, direction_name(r->direction));
	lite_bind_text(q, 8, outcome_name(r->outcome));
	lite_bind_int(q, 9, r->attempt);
	lite_bind_text(q, 10, detail);
	lite_bind_int(q, 11, r->started_at_us);
	lite_bind_int(q, 12, r->ended_at_us);
	lite_bind_int(q, 13, now_us);
	lite_bind_blob(q, 14, envelope);
	if (lite_run(q, e) < 0)
		return -1;
	for (size_t i = 0; i < r->n_steps; i++)
		if (put_step(s, r, &r->steps[i], of, now_us, e) < 0)
			return -1;
	return current_reported(s, r, of, e);
}

static int read_history(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	(void)e;
	*(struct history_row *)ret = (struct history_row){.at_us = lite_int(q, 0),
	                                                  .target = column_text(q, 1, a),
	                                                  .rollout = column_text(q, 2, a),
	                                                  .release = column_text(q, 3, a),
	                                                  .direction = column_text(q, 4, a),
	                                                  .outcome = column_text(q, 5, a),
	                                                  .attempt = (uint32_t)lite_int(q, 6),
	                                                  .detail = column_text(q, 7, a),
	                                                  .agent = column_text(q, 8, a),
	                                                  .journal = (uint32_t)lite_int(q, 9),
	                                                  .seq = (uint64_t)lite_int(q, 10),
	                                                  .project = column_text(q, 11, a)};
	return 0;
}

int store_history(struct store *s, const char *target, const char *rollout, size_t limit, struct arena *a, struct history_row **ret, size_t *ret_n,
                  struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_history, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, target);
	lite_bind_text(q, 2, rollout);
	lite_bind_int(q, 3, (int64_t)limit);
	if (lite_list(q, a, sizeof **ret, read_history, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}
