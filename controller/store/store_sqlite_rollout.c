/* The store in SQLite: rollouts, waves, deliveries, tasks, approvals. */
#include "common/base/str.h"
#include "controller/store/store_sqlite.h"
#include "controller/store/sql/store.sql.h"

static int put_delivery(struct store *s, const char *rollout, const struct delivery *d, const struct delivery_note *n, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_delivery_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, rollout);
	lite_bind_int(q, 2, d->index);
	lite_bind_int(q, 3, d->wave);
	lite_bind_text(q, 4, d->target);
	lite_bind_blob(q, 5, bytes_of(n->salt, TARGET_SALT_SIZE));
	lite_bind_text(q, 6, delivery_state_name(d->state));
	lite_bind_text(q, 7, direction_name(d->direction));
	lite_bind_int(q, 8, n->since_us);
	return lite_run(q, e);
}

int store_rollout_put(struct store *s, const struct store_rollout *r, const struct rollout *run, const struct delivery_note *notes, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_rollout_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, r->id);
	lite_bind_text(q, 2, r->project);
	lite_bind_blob(q, 3, bytes_of(r->release_digest, DIGEST_SIZE));
	lite_bind_text(q, 4, r->environment);
	lite_bind_text(q, 5, direction_name(r->direction));
	lite_bind_text(q, 6, rollout_state_name(r->state));
	lite_bind_text(q, 7, r->detail);
	lite_bind_text(q, 8, r->undoes);
	lite_bind_blob(q, 9, r->order);
	lite_bind_blob(q, 10, bytes_of(r->order_digest, DIGEST_SIZE));
	lite_bind_text(q, 11, r->created_by);
	lite_bind_int(q, 12, r->created_at_us);
	if (r->plan_text.n)
		lite_bind_blob(q, 13, r->plan_text);
	else
		lite_bind_null(q, 13);
	lite_bind_int(q, 14, r->partial);
	if (lite_run(q, e) < 0)
		return -1;
	for (uint32_t i = 0; i < run->n_waves; i++)
		if (store_wave_save(s, r->id, i, &run->waves[i], e) < 0)
			return -1;
	for (size_t i = 0; i < run->n_deliveries; i++)
		if (put_delivery(s, r->id, &run->deliveries[i], &notes[i], e) < 0)
			return -1;
	return 0;
}

int store_rollout_save(struct store *s, const struct store_rollout *r, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_rollout_state, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, r->id);
	lite_bind_text(q, 2, rollout_state_name(r->state));
	lite_bind_int(q, 3, rollout_is_final(r->state));
	lite_bind_text(q, 4, r->detail);
	lite_bind_int(q, 5, r->changed_at_us);
	if (r->dossier_size)
		lite_bind_blob(q, 6, bytes_of(r->dossier_hash, DIGEST_SIZE));
	else
		lite_bind_null(q, 6);
	lite_bind_int(q, 7, (int64_t)r->dossier_size);
	return lite_run(q, e);
}

int store_wave_save(struct store *s, const char *rollout, uint32_t no, const struct wave_run *w, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_wave_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, rollout);
	lite_bind_int(q, 2, no);
	lite_bind_text(q, 3, wave_state_name(w->state));
	lite_bind_int(q, 4, w->max_parallel_site);
	lite_bind_int(q, 5, w->max_parallel_instance);
	lite_bind_int(q, 6, w->soak_until_us);
	lite_bind_text(q, 7, w->detail);
	return lite_run(q, e);
}

int store_delivery_save(struct store *s, const char *rollout, const struct delivery *d, const struct delivery_note *n, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_delivery_save, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, rollout);
	lite_bind_int(q, 2, d->index);
	lite_bind_text(q, 3, delivery_state_name(d->state));
	lite_bind_text(q, 4, direction_name(d->direction));
	lite_bind_int(q, 5, d->attempt);
	lite_bind_int(q, 6, d->failed);
	lite_bind_int(q, 7, d->accepted);
	lite_bind_int(q, 8, d->offered_at_us);
	lite_bind_int(q, 9, d->retry_at_us);
	lite_bind_int(q, 10, n->since_us);
	lite_bind_int(q, 11, n->step);
	lite_bind_int(q, 12, n->of_steps);
	lite_bind_text(q, 13, n->changeset);
	lite_bind_text(q, 14, n->code);
	lite_bind_text(q, 15, n->detail);
	lite_bind_int(q, 16, d->touched);
	lite_bind_int(q, 17, d->frozen);
	lite_bind_int(q, 18, d->stalled_since_us);
	lite_bind_text(q, 19, n->waits_code);
	lite_bind_text(q, 20, n->waits);
	return lite_run(q, e);
}

static int damaged(const char *what, const char *value, struct err *e)
{
	return err_set(e, ERR_STATE, "the store is damaged: %s \"%s\": restore it from a backup", what, value ? value : "");
}

static int read_rollout(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct store_rollout *r = ret;
	*r = (struct store_rollout){.id = column_text(q, 0, a),
	                            .project = column_text(q, 1, a),
	                            .environment = column_text(q, 3, a),
	                            .detail = column_text(q, 6, a),
	                            .undoes = column_text(q, 7, a),
	                            .order = column_bytes(q, 8, a),
	                            .dossier_size = (uint64_t)lite_int(q, 11),
	                            .created_by = column_text(q, 12, a),
	                            .created_at_us = lite_int(q, 13),
	                            .changed_at_us = lite_int(q, 14),
	                            .release_version = column_text(q, 15, a),
	                            .release_sequence = (uint64_t)lite_int(q, 16),
	                            .release_size = (uint64_t)lite_int(q, 18)};
	if (!direction_parse(lite_text(q, 4), &r->direction))
		return damaged("rollout.direction", lite_text(q, 4), e);
	if (!rollout_state_parse(lite_text(q, 5), &r->state))
		return damaged("rollout.state", lite_text(q, 5), e);
	if (column_exact(q, 2, r->release_digest, DIGEST_SIZE, "rollout.release_digest", e) < 0 ||
	    column_exact(q, 9, r->order_digest, DIGEST_SIZE, "rollout.order_digest", e) < 0 ||
	    column_exact(q, 10, r->dossier_hash, DIGEST_SIZE, "rollout.dossier_hash", e) < 0)
		return -1;
	return column_exact(q, 17, r->release_hash, DIGEST_SIZE, "release.envelope_hash", e);
}

int store_rollouts(struct store *s, const char *id, bool only_active, struct arena *a, struct store_rollout **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_rollouts, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, id);
	lite_bind_int(q, 2, only_active);
	if (lite_list(q, a, sizeof **ret, read_rollout, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

static int read_wave(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct wave_run *w = ret;
	*w = (struct wave_run){.max_parallel_site = (uint32_t)lite_int(q, 2),
	                       .max_parallel_instance = (uint32_t)lite_int(q, 3),
	                       .soak_until_us = lite_int(q, 4),
	                       .detail = column_text(q, 5, a)};
	return wave_state_parse(lite_text(q, 1), &w->state) ? 0 : damaged("wave.state", lite_text(q, 1), e);
}

static int load_waves(struct store *s, const char *id, struct arena *a, struct rollout *run, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_waves, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, id);
	if (lite_list(q, a, sizeof *run->waves, read_wave, &list, e) < 0)
		return -1;
	run->waves = list.rows;
	run->n_waves = list.n;
	return 0;
}

static int read_delivery(struct lite_stmt *q, struct arena *a, struct delivery *d, struct delivery_note *n, struct err *e)
{
	*d = (struct delivery){.index = (uint32_t)lite_int(q, 0),
	                       .wave = (uint32_t)lite_int(q, 1),
	                       .target = column_text(q, 2, a),
	                       .attempt = (uint32_t)lite_int(q, 6),
	                       .failed = lite_int(q, 7),
	                       .accepted = lite_int(q, 8),
	                       .offered_at_us = lite_int(q, 9),
	                       .retry_at_us = lite_int(q, 10),
	                       .touched = lite_int(q, 17),
	                       .frozen = lite_int(q, 18),
	                       .stalled_since_us = lite_int(q, 19)};
	*n = (struct delivery_note){.since_us = lite_int(q, 11),
	                            .step = (uint32_t)lite_int(q, 12),
	                            .of_steps = (uint32_t)lite_int(q, 13),
	                            .changeset = column_text(q, 14, a),
	                            .code = column_text(q, 15, a),
	                            .detail = column_text(q, 16, a),
	                            .waits_code = column_text(q, 20, a),
	                            .waits = column_text(q, 21, a)};
	if (!delivery_state_parse(lite_text(q, 4), &d->state))
		return damaged("delivery.state", lite_text(q, 4), e);
	if (!direction_parse(lite_text(q, 5), &d->direction))
		return damaged("delivery.direction", lite_text(q, 5), e);
	return column_exact(q, 3, n->salt, TARGET_SALT_SIZE, "delivery.salt", e);
}

static int read_deliveries(struct lite_stmt *q, struct arena *a, struct rollout *run, struct delivery_note **notes, struct err *e)
{
	size_t cap = 0, cap_notes = 0;
	bool row = false;
	for (size_t n = 0;; run->n_deliveries = ++n) {
		if (lite_step(q, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		arena_vec_grow(a, run->deliveries, n, cap);
		arena_vec_grow(a, *notes, n, cap_notes);
		if (read_delivery(q, a, &run->deliveries[n], &(*notes)[n], e) < 0)
			return -1;
		if (run->deliveries[n].index != n || run->deliveries[n].wave >= run->n_waves)
			return damaged("delivery of rollout", run->id, e);
	}
}

int store_rollout_load(struct store *s, const char *id, struct arena *a, struct rollout *ret, struct delivery_note **ret_notes, struct err *e)
{
	struct rollout run = {.id = arena_strdup(a, id)};
	struct delivery_note *notes = NULL;
	struct lite_stmt *q = NULL;
	if (load_waves(s, id, a, &run, e) < 0 || lite_prepare(s->db, sql_deliveries, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, id);
	int rc = read_deliveries(q, a, &run, &notes, e);
	lite_reset(q); /* one that stopped halfway would be a read that stays open */
	if (rc < 0)
		return -1;
	*ret = run;
	*ret_notes = notes;
	return 0;
}

static int read_counts(struct lite_stmt *q, struct delivery_counts *c, struct err *e)
{
	for (bool row = false;;) {
		struct delivery d = {0};
		if (lite_step(q, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		if (!delivery_state_parse(lite_text(q, 0), &d.state))
			return damaged("delivery.state", lite_text(q, 0), e);
		uint32_t n = (uint32_t)lite_int(q, 2);
		c->total += n;
		c->applied += d.state == DELIVERY_APPLIED ? n : 0;
		c->rolled_back += d.state == DELIVERY_ROLLED_BACK ? n : 0;
		c->attention += d.state == DELIVERY_NEEDS_ATTENTION ? n : 0;
		c->skipped += d.state == DELIVERY_SKIPPED ? n : 0;
		c->unknown += d.state == DELIVERY_UNKNOWN ? n : 0;
		c->failed += lite_int(q, 1) ? n : 0;
		d.failed = lite_int(q, 1);
		c->open += delivery_settled(&d) ? 0 : n;
	}
}

int store_delivery_counts(struct store *s, const char *rollout, struct delivery_counts *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct delivery_counts c = {0};
	if (lite_prepare(s->db, sql_delivery_counts, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, rollout);
	int rc = read_counts(q, &c, e);
	lite_reset(q);
	if (rc < 0)
		return -1;
	*ret = c;
	return 0;
}

int store_environment_done(struct store *s, const uint8_t release_digest[DIGEST_SIZE], const char *environment, bool *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	bool row = false;
	if (lite_prepare(s->db, sql_environment_done, &q, e) < 0)
		return -1;
	lite_bind_blob(q, 1, bytes_of(release_digest, DIGEST_SIZE));
	lite_bind_text(q, 2, environment);
	if (lite_step(q, &row, e) < 0)
		return -1;
	*ret = lite_int(q, 0) > 0;
	lite_reset(q);
	return 0;
}

/* ---- approvals ---------------------------------------------------------------------------------------------------------------------------- */

int store_approval_put(struct store *s, const char *rollout, const struct store_approval *p, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_approval_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, rollout);
	lite_bind_blob(q, 2, bytes_of(p->public_key, SIGN_PUBLIC_SIZE));
	lite_bind_text(q, 3, p->approver);
	lite_bind_blob(q, 4, p->envelope);
	lite_bind_int(q, 5, p->at_us);
	return lite_run(q, e);
}

static int read_approval(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct store_approval *p = ret;
	*p = (struct store_approval){.approver = column_text(q, 1, a), .envelope = column_bytes(q, 2, a), .at_us = lite_int(q, 3)};
	return column_exact(q, 0, p->public_key, SIGN_PUBLIC_SIZE, "approval.public_key", e);
}

int store_approvals(struct store *s, const char *rollout, struct arena *a, struct store_approval **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_approvals, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, rollout);
	if (lite_list(q, a, sizeof **ret, read_approval, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}
