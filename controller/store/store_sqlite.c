/* The store in SQLite: opening, epoch, agents, targets. */
#include "controller/store/store_sqlite.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/store/sql/store.sql.h"

#define WAL_PAGES_MAX  16384 /* 64 MB: a fan-out rewrites the same pages many times, and moving them waits for the disk */
#define WAL_PAGES_REST 1000 /* fewer are not worth the wait */

int store_open(const char *path, struct store **ret, struct err *e)
{
	static const char *const migrations[] = {
	    store_schema_1,       store_schema_2,      store_schema_3,        store_schema_audit,   store_schema_standing, store_schema_documents,
	    store_schema_schemas, store_schema_probes, store_schema_enrol,    store_schema_renewal, store_schema_facts,    store_schema_current,
	    store_schema_gates,   store_schema_lean,   store_schema_projects, store_schema_partial, store_schema_waits,    NULL};
	AUTO(store_close) struct store *s = mem_alloc(sizeof *s);
	if (lite_open(path, migrations, &s->db, e) < 0)
		return err_wrap(e, "the controller's store");
	lite_keep_wal(s->db, WAL_PAGES_MAX);
	if (audit_load_head(s, e) < 0)
		return err_wrap(e, "the audit chain");
	*ret = take_ptr(&s);
	return 0;
}

void store_close(struct store **s)
{
	if (!*s)
		return;
	release_name_forget(*s);
	lite_close(&(*s)->db);
	free(*s);
	*s = NULL;
}

int store_begin(struct store *s, struct err *e)
{
	s->kept_head = s->head;
	return lite_begin(s->db, e);
}

int store_commit(struct store *s, struct err *e)
{
	if (lite_commit(s->db, e) < 0)
		return -1;
	s->kept_head = s->head;
	return 0;
}

bool store_wants_rest(const struct store *s)
{
	return lite_wal_pages(s->db) >= WAL_PAGES_REST;
}

int store_rest(struct store *s, struct err *e)
{
	return lite_checkpoint(s->db, e) < 0 ? err_wrap(e, "the controller's store") : 0;
}

void store_rollback(struct store *s)
{
	lite_rollback(s->db);
	release_name_forget(s);
	s->head = s->kept_head;
}

const char *column_text(struct lite_stmt *q, int column, struct arena *a)
{
	return arena_strdup(a, lite_text(q, column));
}

struct bytes column_bytes(struct lite_stmt *q, int column, struct arena *a)
{
	return arena_bytes(a, lite_blob(q, column));
}

int column_exact(struct lite_stmt *q, int column, void *out, size_t n, const char *what, struct err *e)
{
	struct bytes b = lite_blob(q, column);
	if (lite_is_null(q, column)) {
		memset(out, 0, n);
		return 0;
	}
	if (b.n != n)
		return err_set(e, ERR_STATE, "the store is damaged: %s has %zu bytes, not %zu: restore it from a backup", what, b.n, n);
	memcpy(out, b.p, n);
	return 0;
}

int store_next_epoch(struct store *s, uint32_t at_least, uint32_t *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	bool row = false;
	if (lite_prepare(s->db, sql_epoch_next, &q, e) < 0)
		return -1;
	lite_bind_int(q, 1, at_least > 0 ? at_least : 1);
	if (lite_step(q, &row, e) < 0)
		return -1;
	uint32_t epoch = row ? (uint32_t)lite_int(q, 0) : 0;
	if (row && lite_run(q, e) < 0)
		return -1;
	if (epoch == 0)
		return err_set(e, ERR_INTERNAL, "the store gave no epoch");
	*ret = epoch;
	return 0;
}

int store_check_epoch(struct store *s, uint32_t epoch, struct err *e)
{
	struct lite_stmt *q = NULL;
	bool row = false;
	if (lite_prepare(s->db, sql_epoch, &q, e) < 0 || lite_step(q, &row, e) < 0)
		return -1;
	int64_t now = row ? lite_int(q, 0) : 0;
	lite_reset(q);
	if (now == epoch)
		return 0;
	return err_set(e, ERR_STATE,
	               now > epoch
	                   ? "another controller, of epoch %lld, has taken this store over, and this one has epoch %u: it decides nothing any more"
	                   : "the store is at epoch %lld, and this controller at %u: it was set back under it; start the controller anew",
	               (long long)now, epoch);
}

/* ---- agents ----------------------------------------------------------------------------------------------------------------------------------------- */

static int put_certificate(struct store *s, const struct store_agent *a, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_certificate_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, a->name);
	lite_bind_text(q, 2, a->serial);
	lite_bind_blob(q, 3, a->certificate);
	return lite_run(q, e);
}

int store_agent_put(struct store *s, const struct store_agent *a, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_agent_put, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, a->name);
	lite_bind_text(q, 2, a->site);
	lite_bind_text(q, 3, a->serial);
	lite_bind_text(q, 4, a->curve_key);
	lite_bind_int(q, 5, a->admitted_at_us);
	lite_bind_blob(q, 6, a->former_certificate);
	lite_bind_int(q, 7, a->former_until_us);
	return lite_run(q, e) < 0 ? -1 : put_certificate(s, a, e);
}

int store_certificate(struct store *s, const char *agent, const char *serial, struct arena *a, struct bytes *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	bool row = false;
	if (lite_prepare(s->db, sql_certificate, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, agent);
	lite_bind_text(q, 2, serial);
	if (lite_step(q, &row, e) < 0)
		return -1;
	if (!row)
		return err_set(e, ERR_NOT_FOUND, "the store has no certificate %s of agent %s", serial, agent);
	*ret = column_bytes(q, 0, a);
	lite_reset(q);
	return 0;
}

int store_agent_seen(struct store *s, const struct store_agent *a, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_agent_seen, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, a->name);
	lite_bind_text(q, 2, a->version);
	lite_bind_int(q, 3, (int64_t)a->session_counter);
	lite_bind_int(q, 4, a->seen_at_us);
	lite_bind_int(q, 5, a->journal);
	lite_bind_int(q, 6, (int64_t)a->report_seq);
	lite_bind_blob(q, 7, bytes_of(a->report_hash, DIGEST_SIZE));
	return lite_run(q, e);
}

int store_agent_standing(struct store *s, const struct store_agent *a, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_agent_standing, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, a->name);
	lite_bind_int(q, 2, a->revoked_at_us);
	lite_bind_int(q, 3, a->held_at_us);
	lite_bind_text(q, 4, a->standing);
	return lite_run(q, e);
}

static int read_agent(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct store_agent *t = ret;
	*t = (struct store_agent){.name = column_text(q, 0, a),
	                          .site = column_text(q, 1, a),
	                          .certificate = column_bytes(q, 2, a),
	                          .serial = column_text(q, 3, a),
	                          .curve_key = column_text(q, 4, a),
	                          .version = column_text(q, 5, a),
	                          .session_counter = (uint64_t)lite_int(q, 6),
	                          .admitted_at_us = lite_int(q, 7),
	                          .seen_at_us = lite_int(q, 8),
	                          .journal = (uint32_t)lite_int(q, 9),
	                          .report_seq = (uint64_t)lite_int(q, 10),
	                          .revoked_at_us = lite_int(q, 12),
	                          .held_at_us = lite_int(q, 13),
	                          .standing = column_text(q, 14, a),
	                          .former_certificate = column_bytes(q, 15, a),
	                          .former_until_us = lite_int(q, 16)};
	return column_exact(q, 11, t->report_hash, DIGEST_SIZE, "agent.report_hash", e);
}

int store_agents(struct store *s, struct arena *a, struct store_agent **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_agents, &q, e) < 0 || lite_list(q, a, sizeof **ret, read_agent, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

/* ---- targets: labels are a JSON object in one column --------------------------------------------------------------------------------------------------- */

static char *labels_text(const struct target *t)
{
	json_t *o = json_object();
	for (size_t i = 0; i < t->n_labels; i++)
		json_object_set_new(o, t->labels[i].key, json_string(t->labels[i].value));
	char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(o);
	return text;
}

static void read_labels(const char *text, struct arena *a, struct target *ret)
{
	json_t *o = json_loads(text ? text : "{}", 0, NULL), *v;
	const char *k;
	ret->labels = arena_alloc(a, (json_object_size(o) + 1) * sizeof *ret->labels);
	json_object_foreach(o, k, v) ret->labels[ret->n_labels++] = (struct label){arena_strdup(a, k), arena_strdup(a, json_string_value(v))};
	json_decref(o);
}

int store_target_put(struct store *s, const char *agent, const struct target *t, int64_t now_us, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_target_put, &q, e) < 0)
		return -1;
	char *labels = labels_text(t);
	lite_bind_text(q, 1, t->id);
	lite_bind_text(q, 2, agent);
	lite_bind_text(q, 3, t->engine);
	lite_bind_text(q, 4, labels);
	lite_bind_int(q, 5, now_us);
	int rc = lite_run(q, e);
	free(labels);
	return rc;
}

int store_target_absent(struct store *s, const char *id, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_target_absent, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, id);
	return lite_run(q, e);
}

int store_target_facts(struct store *s, const struct target_facts *f, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql_target_facts, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, f->target);
	lite_bind_text(q, 2, f->version);
	lite_bind_text(q, 3, f->trouble);
	lite_bind_int(q, 4, (int64_t)f->size_bytes);
	lite_bind_int(q, 5, f->lag_ms);
	lite_bind_int(q, 6, f->at_us);
	return lite_run(q, e);
}

static int read_target(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct store_target *t = ret;
	(void)e;
	*t = (struct store_target){
	    .target = {.id = column_text(q, 0, a), .engine = column_text(q, 2, a)}, .agent = column_text(q, 1, a), .seen_at_us = lite_int(q, 4)};
	read_labels(lite_text(q, 3), a, &t->target);
	t->facts = (struct target_facts){.target = t->target.id,
	                                 .version = column_text(q, 5, a),
	                                 .trouble = column_text(q, 6, a),
	                                 .size_bytes = (uint64_t)lite_int(q, 7),
	                                 .lag_ms = lite_int(q, 8),
	                                 .at_us = lite_int(q, 9)};
	return 0;
}

int store_targets(struct store *s, struct arena *a, struct store_target **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_targets, &q, e) < 0 || lite_list(q, a, sizeof **ret, read_target, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

int store_count(struct store *s, struct store_counts *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	bool row = false;
	if (lite_prepare(s->db, sql_counts, &q, e) < 0 || lite_step(q, &row, e) < 0)
		return -1;
	*ret = (struct store_counts){.agents = (uint64_t)lite_int(q, 0), .targets = (uint64_t)lite_int(q, 1), .rollouts = (uint64_t)lite_int(q, 2)};
	lite_reset(q);
	return 0;
}
