/* The store's part of what the fan-out is compared with: the rows that a rollout leaves for each target, written by bare prepared statements of SQLite into tables of the same
 * form with the same guarantees, in as many transactions as the controller needed. Nothing is hashed, checked or decided. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "controller/store/store.h"
#include "tests/bench/fleet/farm.h"

#define ROLLOUT "00112233445566778899aabbccddeeff"

/* ?1 agent, ?2 target, ?3 its number, ?4 a digest, ?5 an envelope, ?6 a sentence */
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
    "received_at_us, envelope) VALUES (?1, 1, "
    "1, ?2, '" ROLLOUT "', ?4, 'apply', 'applied', 1, ?3, ?3, ?3, ?5)",
    "INSERT INTO step (target, project, changeset, direction, run, step, state, via, class, digest, row_hash, task, attempt, agent, report_seq, "
    "started_at_us, ended_at_us, reported_at_us) "
    "VALUES (?2, 'bench', 'bench:one', 'apply', 1, 0, 'done', 'run', 'T', ?4, ?4, ?4, 1, ?1, 1, ?3, ?3, ?3)",
    "INSERT INTO current_release (target, project, sequence, version, at_us) VALUES (?2, 'bench', 1, '1.1', ?3)",
    "INSERT INTO event (at_us, actor, rollout, object, event, detail, ref, evidence, hash) VALUES (?3, ?1, '" ROLLOUT
    "', ?2, 'report', 'applied', ?1, ?4, ?4)",
    "INSERT INTO schema_state (target, form, ledger_rows, left_at_us, seen_at_us) VALUES (?2, 0, 0, 0, 0)",
    "UPDATE delivery SET state = 'applied', accepted = 1, touched = 1, since_us = ?3 WHERE rollout = '" ROLLOUT "' AND no = ?3",
    "INSERT INTO event (at_us, actor, rollout, object, event, from_state, to_state, detail, hash) VALUES (?3, ?1, '" ROLLOUT
    "', ?2, 'applied', 'offered', 'applied', ?6, ?4)",
    "UPDATE agent SET session_counter = 1, seen_at_us = ?3, report_seq = 1, report_hash = ?4 WHERE name = ?1",
};

struct bare {
	sqlite3 *db;
	sqlite3_stmt *offer[ARRAY_LEN(offer_rows)], *report[ARRAY_LEN(report_rows)];
	const struct rollout *r;
	uint8_t digest[DIGEST_SIZE], *envelope;
	size_t envelope_size;
};

static int lite(struct bare *w, int rc, struct err *e)
{
	return rc == SQLITE_OK || rc == SQLITE_DONE ? 0 : err_set(e, ERR_DB, "raw store: %s", sqlite3_errmsg(w->db));
}

static int prepare(struct bare *w, const char *const *sql, size_t n, sqlite3_stmt **to, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (lite(w, sqlite3_prepare_v3(w->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &to[i], NULL), e) != 0)
			return -1;
	return 0;
}

static int write_rows(struct bare *w, sqlite3_stmt *const *rows, size_t n, size_t target, struct err *e)
{
	char agent[32];
	snprintf(agent, sizeof agent, "a%05zu", target);
	for (size_t i = 0; i < n; i++) { /* one that asks for fewer leaves the rest alone */
		sqlite3_bind_text(rows[i], 1, agent, -1, SQLITE_STATIC);
		sqlite3_bind_text(rows[i], 2, w->r->deliveries[target].target, -1, SQLITE_STATIC);
		sqlite3_bind_int64(rows[i], 3, (int64_t)target);
		sqlite3_bind_blob(rows[i], 4, w->digest, DIGEST_SIZE, SQLITE_STATIC);
		sqlite3_bind_blob(rows[i], 5, w->envelope, (int)w->envelope_size, SQLITE_STATIC);
		sqlite3_bind_text(rows[i], 6, "a sentence that says why it moved", -1, SQLITE_STATIC);
		int rc = sqlite3_step(rows[i]);
		sqlite3_reset(rows[i]);
		if (lite(w, rc, e) != 0)
			return -1;
	}
	return 0;
}

static int write_range(struct bare *w, bool offers, size_t first, size_t end, struct err *e)
{
	if (lite(w, sqlite3_exec(w->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), e) != 0)
		return -1;
	for (size_t i = first; i < end; i++)
		if ((offers ? write_rows(w, w->offer, ARRAY_LEN(offer_rows), i, e) : write_rows(w, w->report, ARRAY_LEN(report_rows), i, e)) != 0)
			return -1;
	return lite(w, sqlite3_exec(w->db, "COMMIT", NULL, NULL, NULL), e);
}

/* Half of the transactions offer, the other half take what was reported. */
static int write_all(struct bare *w, size_t n, size_t commits, struct err *e)
{
	size_t rounds = commits / 2 ? commits / 2 : 1;
	for (size_t i = 0; i < rounds; i++)
		for (int offers = 1; offers >= 0; offers--)
			if (write_range(w, offers, n * i / rounds, n * (i + 1) / rounds, e) != 0)
				return -1;
	return 0;
}

/* By the store's own code: not measured. */
static int prepare_store(const char *path, struct rollout *r, struct arena *a, struct err *e)
{
	AUTO(store_close) struct store *s = NULL;
	const struct store_release release = {.project = "bench", .version = "1.1", .sequence = 1, .signed_by = "raw", .added_by = "raw"};
	const struct store_rollout rec = {.id = ROLLOUT, .project = "bench", .environment = "dev", .created_by = "raw"};
	struct delivery_note *notes = arena_alloc(a, (r->n_deliveries + 1) * sizeof *notes);
	if (store_open(path, &s, e) != 0 || store_begin(s, e) != 0 || store_release_put(s, &release, e) != 0 ||
	    store_rollout_put(s, &rec, r, notes, e) != 0)
		return -1;
	for (size_t i = 0; i < r->n_deliveries; i++) {
		const char *name = arena_printf(a, "a%05zu", i);
		const struct store_agent rec_of = {.name = name, .site = "raw", .serial = "1", .curve_key = name, .certificate = bytes_of_str("raw")};
		if (store_agent_put(s, &rec_of, e) != 0)
			return -1;
	}
	return store_commit(s, e);
}

static int open_bare(struct bare *w, const char *path, struct err *e)
{
	if (lite(w, sqlite3_open_v2(path, &w->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL), e) != 0 ||
	    lite(w, sqlite3_exec(w->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", NULL, NULL, NULL), e) != 0)
		return -1;
	return prepare(w, offer_rows, ARRAY_LEN(offer_rows), w->offer, e) != 0 || prepare(w, report_rows, ARRAY_LEN(report_rows), w->report, e) != 0 ? -1
	                                                                                                                                             : 0;
}

static void close_bare(struct bare *w)
{
	for (size_t i = 0; i < ARRAY_LEN(offer_rows); i++)
		sqlite3_finalize(w->offer[i]);
	for (size_t i = 0; i < ARRAY_LEN(report_rows); i++)
		sqlite3_finalize(w->report[i]);
	sqlite3_close(w->db);
}

int raw_store(const struct farm_config *c, size_t n, size_t commits, const struct farm_shared *sizes, struct raw_cost *ret, struct err *e)
{
	static struct wave_run wave = {.name = "all"};
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)1 << 30);
	AUTO(mem_free_ptr) char *path = file_join(c->dir, "raw.db");
	struct rollout r = {.waves = &wave, .n_waves = 1, .n_deliveries = n, .deliveries = arena_alloc(a, (n + 1) * sizeof *r.deliveries)};
	struct bare w = {.r = &r, .envelope_size = sizes->report_bytes, .envelope = arena_alloc(a, sizes->report_bytes + 1)};
	for (size_t i = 0; i < n; i++)
		r.deliveries[i] = (struct delivery){.index = (uint32_t)i, .target = arena_printf(a, "s%03zu/a%05zu/t0", i / FARM_PER_SITE, i)};
	int rc = prepare_store(path, &r, a, e) != 0 || open_bare(&w, path, e) != 0 ? -1 : 0;
	int64_t start_us = clock_mono_us();
	double cpu_s = cpu_now_s();
	if (rc == 0)
		rc = write_all(&w, n, commits, e);
	*ret = (struct raw_cost){.s = (double)(clock_mono_us() - start_us) / 1e6, .cpu_s = cpu_now_s() - cpu_s};
	close_bare(&w);
	remove(path);
	return rc;
}
