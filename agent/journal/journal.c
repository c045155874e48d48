/* The journal's file, its tasks, steps, notes and numbers. The outbox is in outbox.c. One handle belongs to one thread. Writers of one process queue at a mutex: SQLite's own
 * waiting is sleeping and trying again, which costs a delivery several milliseconds; between processes it still settles. */
#include "agent/journal/journal.h"

#include <pthread.h>

#include "agent/journal/journal_file.h"
#include "agent/journal/sql/heads.sql.h"
#include "agent/journal/sql/holds.sql.h"
#include "agent/journal/sql/journal.sql.h"
#include "common/base/clock.h"

static const char *const migrations[] = {journal_migration_1, holds_migration,    journal_migration_audit,
                                         documents_migration, heads_migration,    verdicts_migration,
                                         projects_migration,  consents_migration, NULL};
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;

static int prune(struct journal *j, struct err *e)
{
	static const char *const sql[] = {journal_prune_reports, journal_prune_tasks, journal_prune_steps, heads_prune, journal_prune_refusals};
	for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
		struct lite_stmt *s = NULL;
		if (lite_prepare(j->lite, sql[i], &s, e) != 0)
			return -1;
		lite_bind_int(s, 1, clock_wall_us() - JOURNAL_KEEP_US);
		if (lite_run(s, e) != 0)
			return -1;
	}
	return 0;
}

int journal_prune(struct journal *j, struct err *e)
{
	if (journal_begin(j, e) != 0)
		return -1;
	return journal_end(j, prune(j, e), e);
}

int journal_open(const char *path, struct journal **ret, struct err *e)
{
	AUTO(journal_close) struct journal *j = mem_alloc(sizeof *j);
	if (lite_open(path, migrations, &j->lite, e) != 0)
		return err_wrap(e, "journal");
	*ret = take_ptr(&j);
	return 0;
}

void journal_close(struct journal **jp)
{
	struct journal *j = *jp;
	if (!j)
		return;
	lite_close(&j->lite);
	mem_free_ptr(jp);
}

int journal_begin(struct journal *j, struct err *e)
{
	pthread_mutex_lock(&writers);
	if (lite_begin(j->lite, e) == 0)
		return 0;
	pthread_mutex_unlock(&writers);
	return err_wrap(e, "journal");
}

int journal_end(struct journal *j, int rc, struct err *e)
{
	if (rc == 0)
		rc = lite_commit(j->lite, e);
	if (rc != 0)
		lite_rollback(j->lite);
	pthread_mutex_unlock(&writers);
	return rc == 0 ? 0 : err_wrap(e, "journal");
}

/* ---- tasks ---- */

static int task_known(struct journal *j, const struct task *t, bool *ret_known, enum task_state *ret_state, struct err *e)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	if (lite_prepare(j->lite, journal_task_known, &s, e) != 0)
		return -1;
	lite_bind_blob(s, 1, bytes_of(t->id, TASK_SIZE));
	lite_bind_int(s, 2, t->attempt);
	if (lite_step(s, &row, e) != 0)
		return -1;
	*ret_known = row;
	*ret_state = row ? (enum task_state)lite_int(s, 0) : TASK_ACCEPTED;
	lite_reset(s);
	return 0;
}

int journal_find_task(struct journal *j, const struct task *t, bool *ret_known, enum task_state *ret_state, struct err *e)
{
	return task_known(j, t, ret_known, ret_state, e) == 0 ? 0 : err_wrap(e, "journal");
}

void journal_bind_task(struct lite_stmt *s, const struct task *t)
{
	lite_bind_blob(s, 1, bytes_of(t->id, TASK_SIZE));
	lite_bind_int(s, 2, t->attempt);
	lite_bind_text(s, 3, t->target);
	lite_bind_blob(s, 4, bytes_of(t->release_hash, DIGEST_SIZE));
	lite_bind_int(s, 5, (int64_t)t->release_size);
	lite_bind_blob(s, 6, bytes_of(t->dossier_hash, DIGEST_SIZE));
	lite_bind_int(s, 7, (int64_t)t->dossier_size);
	lite_bind_blob(s, 8, t->proof.p ? t->proof : bytes_of("", 0)); /* an empty blob, never SQL NULL */
	lite_bind_int(s, 9, t->deadline_us);
	lite_bind_int(s, 10, t->direction);
}

static int task_insert(struct journal *j, const struct task *t, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_task_insert, &s, e) != 0)
		return -1;
	journal_bind_task(s, t);
	lite_bind_int(s, 11, t->epoch);
	lite_bind_int(s, 12, TASK_ACCEPTED);
	lite_bind_int(s, 13, clock_wall_us());
	return lite_run(s, e);
}

int journal_accept(struct journal *j, const struct task *t, bool *ret_known, enum task_state *ret_state, struct err *e)
{
	bool known = false;
	enum task_state state = TASK_ACCEPTED;
	if (journal_begin(j, e) != 0)
		return -1;
	int rc = task_known(j, t, &known, &state, e);
	if (rc == 0 && !known)
		rc = task_insert(j, t, e);
	if (journal_end(j, rc, e) != 0)
		return -1;
	*ret_known = known;
	*ret_state = state;
	return 0;
}

static int task_set_state(struct journal *j, const uint8_t id[TASK_SIZE], uint32_t attempt, enum task_state state, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_task_set_state, &s, e) != 0)
		return -1;
	lite_bind_blob(s, 1, bytes_of(id, TASK_SIZE));
	lite_bind_int(s, 2, attempt);
	lite_bind_int(s, 3, state);
	return lite_run(s, e);
}

int journal_task_state(struct journal *j, const uint8_t id[TASK_SIZE], uint32_t attempt, enum task_state state, struct err *e)
{
	if (journal_begin(j, e) != 0)
		return -1;
	return journal_end(j, task_set_state(j, id, attempt, state, e), e);
}

static int copy_fixed(struct lite_stmt *s, int column, uint8_t *out, size_t n, struct err *e)
{
	struct bytes b = lite_blob(s, column);
	if (b.n != n)
		return err_set(e, ERR_PARSE, "column %d holds %zu bytes instead of %zu: the file was changed from outside", column + 1, b.n, n);
	memcpy(out, b.p, n);
	return 0;
}

int journal_read_task(struct lite_stmt *s, struct arena *a, struct task *ret, struct err *e)
{
	*ret = (struct task){.attempt = (uint32_t)lite_int(s, 1),
	                     .target = arena_strdup(a, lite_text(s, 2)),
	                     .release_size = (uint64_t)lite_int(s, 4),
	                     .dossier_size = (uint64_t)lite_int(s, 6),
	                     .proof = arena_bytes(a, lite_blob(s, 7)),
	                     .deadline_us = lite_int(s, 8),
	                     .direction = (enum direction)lite_int(s, 9)};
	if (copy_fixed(s, 0, ret->id, TASK_SIZE, e) != 0 || copy_fixed(s, 3, ret->release_hash, DIGEST_SIZE, e) != 0)
		return -1;
	return copy_fixed(s, 5, ret->dossier_hash, DIGEST_SIZE, e);
}

static int task_row(struct lite_stmt *s, struct arena *a, void *ret, struct err *e)
{
	struct task *t = ret;
	if (journal_read_task(s, a, t, e) != 0)
		return -1;
	t->epoch = (uint32_t)lite_int(s, 10);
	t->state = (enum task_state)lite_int(s, 11);
	return 0;
}

int journal_get_task(struct journal *j, const uint8_t id[TASK_SIZE], struct arena *a, bool *ret_found, struct task *ret, struct err *e)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	if (lite_prepare(j->lite, journal_task_get, &s, e) != 0)
		return err_wrap(e, "journal");
	lite_bind_blob(s, 1, bytes_of(id, TASK_SIZE));
	if (lite_step(s, &row, e) != 0)
		return err_wrap(e, "journal");
	int rc = row ? task_row(s, a, ret, e) : 0;
	lite_reset(s);
	*ret_found = row;
	return rc == 0 ? 0 : err_wrap(e, "journal: table task");
}

int journal_open_tasks(struct journal *j, struct arena *a, struct task **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *s = NULL;
	struct lite_list list = {0};
	if (lite_prepare(j->lite, journal_task_open, &s, e) != 0 || lite_list(s, a, sizeof **ret, task_row, &list, e) != 0)
		return err_wrap(e, "journal: table task");
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

/* ---- steps ---- */

static int step_insert(struct journal *j, const struct journal_step *t, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_step_insert, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, t->target);
	lite_bind_text(s, 2, t->changeset);
	lite_bind_int(s, 3, t->direction);
	lite_bind_int(s, 4, t->run);
	lite_bind_int(s, 5, t->step);
	lite_bind_int(s, 6, t->attempt);
	lite_bind_int(s, 7, t->epoch);
	lite_bind_blob(s, 8, bytes_of(t->task, TASK_SIZE));
	lite_bind_blob(s, 9, bytes_of(t->digest, DIGEST_SIZE));
	lite_bind_text(s, 10, t->backend);
	lite_bind_int(s, 11, t->state);
	lite_bind_int(s, 12, clock_wall_us());
	return lite_run(s, e);
}

static int mark_running(struct journal *j, const struct journal_step *t, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_task_running, &s, e) != 0)
		return -1;
	lite_bind_blob(s, 1, bytes_of(t->task, TASK_SIZE));
	lite_bind_int(s, 2, t->attempt);
	return lite_run(s, e);
}

int journal_steps_insert(struct journal *j, const struct journal_step *steps, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (step_insert(j, &steps[i], e) != 0)
			return -1;
	return 0;
}

int journal_steps(struct journal *j, const struct journal_step *steps, size_t n, struct err *e)
{
	if (n == 0)
		return 0;
	if (journal_begin(j, e) != 0)
		return -1;
	int rc = mark_running(j, &steps[0], e);
	return journal_end(j, rc == 0 ? journal_steps_insert(j, steps, n, e) : rc, e);
}

int journal_step(struct journal *j, const struct journal_step *s, struct err *e)
{
	return journal_steps(j, s, 1, e);
}

int journal_last_step(struct journal *j, const char *target, struct arena *a, struct journal_step *ret, struct err *e)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	if (lite_prepare(j->lite, journal_step_last, &s, e) != 0)
		return err_wrap(e, "journal");
	lite_bind_text(s, 1, target);
	if (lite_step(s, &row, e) != 0)
		return err_wrap(e, "journal");
	struct journal_step found = {0};
	int rc = 0;
	if (row) {
		found = (struct journal_step){.target = arena_strdup(a, lite_text(s, 0)),
		                              .changeset = arena_strdup(a, lite_text(s, 1)),
		                              .direction = (enum direction)lite_int(s, 2),
		                              .run = (uint32_t)lite_int(s, 3),
		                              .step = (uint32_t)lite_int(s, 4),
		                              .attempt = (uint32_t)lite_int(s, 5),
		                              .epoch = (uint32_t)lite_int(s, 6),
		                              .backend = arena_strdup(a, lite_text(s, 9)),
		                              .state = (enum step_state)lite_int(s, 10)};
		if (copy_fixed(s, 7, found.task, TASK_SIZE, e) != 0 || copy_fixed(s, 8, found.digest, DIGEST_SIZE, e) != 0)
			rc = err_wrap(e, "journal: table step");
		lite_reset(s);
	}
	if (rc == 0)
		*ret = found;
	return rc;
}

/* ---- notes ---- */

static void bind_note_key(struct lite_stmt *s, const struct journal_note *n)
{
	lite_bind_text(s, 1, n->target);
	lite_bind_text(s, 2, n->project ? n->project : "");
	lite_bind_text(s, 3, n->changeset);
	lite_bind_int(s, 4, n->run);
	lite_bind_text(s, 5, n->name);
}

int journal_note_put_in(struct journal *j, const struct journal_note *n, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_note_put_sql, &s, e) != 0)
		return -1;
	bind_note_key(s, n);
	lite_bind_text(s, 6, n->value);
	lite_bind_blob(s, 7, bytes_of(n->task, TASK_SIZE));
	lite_bind_int(s, 8, n->attempt);
	lite_bind_int(s, 9, clock_wall_us());
	return lite_run(s, e);
}

int journal_notes_put(struct journal *j, const struct journal_note *notes, size_t n, struct err *e)
{
	if (n == 0)
		return 0;
	if (journal_begin(j, e) != 0)
		return -1;
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = journal_note_put_in(j, &notes[i], e);
	return journal_end(j, rc, e);
}

int journal_note_get(struct journal *j, struct journal_note *io, struct arena *a, bool *ret_found, struct err *e)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	if (lite_prepare(j->lite, journal_note_get_sql, &s, e) != 0)
		return err_wrap(e, "journal");
	bind_note_key(s, io);
	if (lite_step(s, &row, e) != 0)
		return err_wrap(e, "journal");
	struct journal_note found = *io;
	if (row) {
		found.value = arena_strdup(a, lite_text(s, 0));
		found.attempt = (uint32_t)lite_int(s, 2);
		if (copy_fixed(s, 1, found.task, TASK_SIZE, e) != 0)
			return lite_reset(s), err_wrap(e, "journal: table note");
		lite_reset(s);
	}
	*io = found;
	*ret_found = row;
	return 0;
}
