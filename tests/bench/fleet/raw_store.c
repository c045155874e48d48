/* The store's part of what the fan-out is compared with: the rows of the last rollout once more, as a rollout of their own, by bare prepared statements of SQLite in a copy of the
 * controller's store, in the order in which its reports came, with the same guarantees and in as many transactions as the controller needed. Nothing is hashed, checked or decided. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/crypto/digest.h"
#include "tests/bench/fleet/farm.h"

#define NAME_SIZE 64
#define ROLLOUT   "00112233445566778899aabbccddeeff"
#define LAST      "(SELECT id FROM rollout ORDER BY created_at_us DESC LIMIT 1)"

static const char last_rows[] =
    "SELECT r.agent, r.target, d.no FROM report r JOIN delivery d ON d.rollout = r.rollout AND d.target = r.target WHERE r.rollout = " LAST
    " ORDER BY r.rowid";
static const char new_rollout[] =
    "INSERT INTO rollout (id, project, release_digest, environment, direction, state, final, order_bytes, order_digest, created_by, created_at_us, "
    "changed_at_us) "
    "SELECT '" ROLLOUT
    "', project, release_digest, environment, direction, state, 0, order_bytes, order_digest, created_by, 0, 0 FROM rollout WHERE id = " LAST;

/* ?1 agent, ?2 target, ?3 its number, ?4 a digest, ?5 an envelope, ?6 a sentence */
static const char *const begin_rows[] = {
    "INSERT INTO delivery (rollout, no, wave, target, salt, state, direction, attempt, failed, accepted, offered_at_us, retry_at_us, since_us, step, "
    "of_steps) "
    "VALUES ('" ROLLOUT "', ?3, 0, ?2, ?4, 'pending', 'apply', 0, 0, 0, 0, 0, ?3, 0, 0)",
};
static const char *const offer_rows[] = {
    "UPDATE delivery SET state = 'offered', attempt = 1, offered_at_us = ?3, since_us = ?3 WHERE rollout = '" ROLLOUT "' AND no = ?3",
    "INSERT INTO event (at_us, actor, rollout, object, event, from_state, to_state, detail, ref, hash) VALUES (?3, 'controller', '" ROLLOUT
    "', ?2, 'offer', 'pending', "
    "'offered', ?6, '00112233445566778899aabbccddeeff/1', ?4)",
};
static const char *const report_rows[] = {
    "INSERT INTO event (at_us, actor, rollout, object, event, from_state, to_state, detail, hash) VALUES (?3, ?1, '" ROLLOUT
    "', ?2, 'accept', 'offered', 'offered', ?6, ?4)",
    "INSERT INTO report (agent, journal, seq, target, rollout, release_digest, direction, outcome, attempt, started_at_us, ended_at_us, "
    "received_at_us, envelope) VALUES (?1, 2, "
    "1, ?2, '" ROLLOUT "', ?4, 'apply', 'applied', 1, ?3, ?3, ?3, ?5)",
    "INSERT INTO step (target, project, changeset, direction, run, step, state, via, class, digest, row_hash, task, attempt, agent, report_seq, "
    "started_at_us, ended_at_us, reported_at_us) "
    "VALUES (?2, 'bench', 'bench:raw', 'apply', 1, 0, 'done', 'run', 'T', ?4, ?4, ?4, 1, ?1, 1, ?3, ?3, ?3)",
    "UPDATE current_release SET sequence = sequence + 1, version = 'raw', at_us = ?3 WHERE target = ?2 AND project = 'bench'",
    "INSERT INTO event (at_us, actor, rollout, object, event, detail, ref, evidence, hash) VALUES (?3, ?1, '" ROLLOUT
    "', ?2, 'report', 'applied', ?1, ?4, ?4)",
    "UPDATE schema_state SET left_at_us = ?3, seen_at_us = ?3 WHERE target = ?2",
    "UPDATE delivery SET state = 'applied', accepted = 1, touched = 1, since_us = ?3 WHERE rollout = '" ROLLOUT "' AND no = ?3",
    "INSERT INTO event (at_us, actor, rollout, object, event, from_state, to_state, detail, hash) VALUES (?3, ?1, '" ROLLOUT
    "', ?2, 'applied', 'offered', 'applied', ?6, ?4)",
    "UPDATE agent SET session_counter = session_counter + 1, seen_at_us = ?3, report_seq = 1, report_hash = ?4 WHERE name = ?1",
};

enum part { PART_BEGIN, PART_OFFER, PART_REPORT, N_PARTS };

static const struct {
	const char *const *sql;
	size_t n;
} parts[N_PARTS] = {
    [PART_BEGIN] = {begin_rows, ARRAY_LEN(begin_rows)},
    [PART_OFFER] = {offer_rows, ARRAY_LEN(offer_rows)},
    [PART_REPORT] = {report_rows, ARRAY_LEN(report_rows)},
};

struct row {
	char agent[NAME_SIZE], target[NAME_SIZE];
	int64_t no;
};

struct bare {
	sqlite3 *db;
	sqlite3_stmt *prepared[N_PARTS][ARRAY_LEN(report_rows)];
	struct row *rows; /* in the order in which the reports came */
	size_t n;
	uint8_t digest[DIGEST_SIZE], *envelope;
	size_t envelope_size;
};

static int lite(const struct bare *w, int rc, struct err *e)
{
	return rc == SQLITE_OK || rc == SQLITE_DONE ? 0 : err_set(e, ERR_DB, "raw store: %s", sqlite3_errmsg(w->db));
}

static int exec(const struct bare *w, const char *sql, struct err *e)
{
	return lite(w, sqlite3_exec(w->db, sql, NULL, NULL, NULL), e);
}

/* Page by page: with what is free in the store, and what lies apart. */
static int copy_store(const struct bare *w, const char *path, struct err *e)
{
	sqlite3 *from = NULL;
	int rc = sqlite3_open_v2(path, &from, SQLITE_OPEN_READONLY, NULL);
	sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(w->db, "main", from, "main") : NULL;
	if (b) {
		sqlite3_backup_step(b, -1);
		rc = sqlite3_backup_finish(b);
	}
	sqlite3_close(from);
	return b ? lite(w, rc, e) : err_set(e, ERR_DB, "raw store: %s cannot be copied", path);
}

static int read_rows(struct bare *w, size_t n, struct err *e)
{
	sqlite3_stmt *q = NULL;
	if (lite(w, sqlite3_prepare_v2(w->db, last_rows, -1, &q, NULL), e) != 0)
		return -1;
	w->rows = mem_alloc(n * sizeof *w->rows);
	for (; sqlite3_step(q) == SQLITE_ROW && w->n < n; w->n++) {
		struct row *r = &w->rows[w->n];
		snprintf(r->agent, NAME_SIZE, "%s", (const char *)sqlite3_column_text(q, 0));
		snprintf(r->target, NAME_SIZE, "%s", (const char *)sqlite3_column_text(q, 1));
		r->no = sqlite3_column_int64(q, 2);
	}
	sqlite3_finalize(q);
	return w->n == n ? 0 : err_set(e, ERR_STATE, "raw store: the last rollout has %zu reports: it is to have %zu", w->n, n);
}

/* Like the controller's, which moves its WAL into the database in a quiet moment (lite_keep_wal). */
static int open_bare(struct bare *w, const char *store, const char *path, size_t n, struct err *e)
{
	if (lite(w, sqlite3_open_v2(path, &w->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL), e) != 0 ||
	    copy_store(w, store, e) != 0 ||
	    exec(w, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0", e) != 0 ||
	    read_rows(w, n, e) != 0 || exec(w, new_rollout, e) != 0 || exec(w, "PRAGMA wal_checkpoint", e) != 0)
		return -1;
	for (size_t p = 0; p < N_PARTS; p++)
		for (size_t i = 0; i < parts[p].n; i++)
			if (lite(w, sqlite3_prepare_v3(w->db, parts[p].sql[i], -1, SQLITE_PREPARE_PERSISTENT, &w->prepared[p][i], NULL), e) != 0)
				return -1;
	return 0;
}

static void close_bare(struct bare *w)
{
	for (size_t p = 0; p < N_PARTS; p++)
		for (size_t i = 0; i < parts[p].n; i++)
			sqlite3_finalize(w->prepared[p][i]);
	sqlite3_close(w->db);
	free(w->rows);
	free(w->envelope);
}

static int write_one(const struct bare *w, sqlite3_stmt *q, const struct row *r, struct err *e)
{
	sqlite3_bind_text(q, 1, r->agent, -1, SQLITE_STATIC); /* one that asks for fewer leaves the rest alone */
	sqlite3_bind_text(q, 2, r->target, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, r->no);
	sqlite3_bind_blob(q, 4, w->digest, DIGEST_SIZE, SQLITE_STATIC);
	sqlite3_bind_blob(q, 5, w->envelope, (int)w->envelope_size, SQLITE_STATIC);
	sqlite3_bind_text(q, 6, "a sentence that says why it moved", -1, SQLITE_STATIC);
	int rc = sqlite3_step(q);
	sqlite3_reset(q);
	return lite(w, rc, e);
}

static int write_range(const struct bare *w, enum part part, size_t first, size_t end, struct err *e)
{
	if (exec(w, "BEGIN IMMEDIATE", e) != 0)
		return -1;
	for (size_t i = first; i < end; i++)
		for (size_t k = 0; k < parts[part].n; k++)
			if (write_one(w, w->prepared[part][k], &w->rows[i], e) != 0)
				return -1;
	return exec(w, "COMMIT", e);
}

/* One transaction freezes the list; half of the others offer, the other half take what was reported. */
static int write_all(const struct bare *w, size_t commits, struct err *e)
{
	size_t rounds = commits / 2 ? commits / 2 : 1;
	if (write_range(w, PART_BEGIN, 0, w->n, e) != 0)
		return -1;
	for (size_t i = 0; i < rounds; i++)
		for (enum part p = PART_OFFER; p <= PART_REPORT; p++)
			if (write_range(w, p, w->n * i / rounds, w->n * (i + 1) / rounds, e) != 0)
				return -1;
	return 0;
}

int raw_store(const struct farm_config *c, size_t n, size_t commits, const struct farm_shared *sizes, struct raw_cost *ret, struct err *e)
{
	AUTO(mem_free_ptr) char *store = file_join(c->dir, "controller/store.db");
	AUTO(mem_free_ptr) char *path = file_join(c->dir, "raw.db");
	struct bare w = {.envelope_size = sizes->report_bytes, .envelope = mem_alloc(sizes->report_bytes + 1)};
	int rc = open_bare(&w, store, path, n, e);
	int64_t start_us = clock_mono_us();
	double cpu_s = cpu_now_s();
	if (rc == 0)
		rc = write_all(&w, commits, e);
	*ret = (struct raw_cost){.s = (double)(clock_mono_us() - start_us) / 1e6, .cpu_s = cpu_now_s() - cpu_s};
	close_bare(&w);
	remove(path);
	return rc;
}
