/* The journal's outbox: signed reports in a gapless sequence, each carrying the hash of the one before it. */
#include <assert.h>

#include "agent/journal/journal_file.h"
#include "agent/journal/sql/journal.sql.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"

/* The newest report is never deleted (journal_prune_reports), so its row is the whole memory of the chain's end. */
static int chain_end(struct journal *j, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_SIZE], struct err *e)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	if (lite_prepare(j->lite, journal_report_last, &s, e) != 0 || lite_step(s, &row, e) != 0)
		return -1;
	*ret_seq = row ? (uint64_t)lite_int(s, 0) : 0;
	memset(ret_hash, 0, DIGEST_SIZE);
	if (!row)
		return 0;
	struct bytes hash = lite_blob(s, 1);
	int rc =
	    hash.n == DIGEST_SIZE ? 0 : err_set(e, ERR_PARSE, "report %llu has no hash: the file was changed from outside", (unsigned long long)*ret_seq);
	if (rc == 0)
		memcpy(ret_hash, hash.p, DIGEST_SIZE);
	lite_reset(s);
	return rc;
}

static int report_insert(struct journal *j, uint64_t seq, struct bytes envelope, struct err *e)
{
	struct lite_stmt *s = NULL;
	uint8_t hash[DIGEST_SIZE];
	digest_sha256(envelope, hash);
	if (lite_prepare(j->lite, journal_report_insert, &s, e) != 0)
		return -1;
	lite_bind_int(s, 1, (int64_t)seq);
	lite_bind_blob(s, 2, envelope);
	lite_bind_blob(s, 3, bytes_of(hash, DIGEST_SIZE));
	lite_bind_int(s, 4, clock_wall_us());
	return lite_run(s, e);
}

static int task_finish(struct journal *j, const struct report *r, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_task_finish, &s, e) != 0)
		return -1;
	lite_bind_blob(s, 1, bytes_of(r->task, TASK_SIZE));
	lite_bind_int(s, 2, r->attempt);
	lite_bind_int(s, 3, (int64_t)r->report_seq);
	return lite_run(s, e);
}

/* ---- the controller's audit chain ---- */

static int audit_get(struct journal *j, struct audit_head *ret, struct err *e)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	*ret = (struct audit_head){0};
	if (lite_prepare(j->lite, journal_audit_get, &s, e) != 0 || lite_step(s, &row, e) != 0)
		return -1;
	if (!row)
		return 0;
	struct bytes hash = lite_blob(s, 1);
	ret->seq = (uint64_t)lite_int(s, 0);
	if (hash.n == DIGEST_SIZE)
		memcpy(ret->hash, hash.p, DIGEST_SIZE);
	lite_reset(s);
	return 0;
}

static int audit_put(struct journal *j, const struct audit_head *told, struct err *e)
{
	struct lite_stmt *s = NULL;
	struct audit_head known;
	if (audit_get(j, &known, e) != 0)
		return -1;
	if (told->seq < known.seq || (told->seq == known.seq && memcmp(told->hash, known.hash, DIGEST_SIZE) != 0))
		return err_set(e, ERR_STATE, "the controller's audit log ends at row %llu, and it was told to this agent up to row %llu%s",
		               (unsigned long long)told->seq, (unsigned long long)known.seq, told->seq == known.seq ? " with another content" : "");
	if (told->seq == known.seq)
		return 0;
	if (lite_prepare(j->lite, journal_audit_put, &s, e) != 0)
		return -1;
	lite_bind_int(s, 1, (int64_t)told->seq);
	lite_bind_blob(s, 2, bytes_of(told->hash, DIGEST_SIZE));
	return lite_run(s, e);
}

int journal_audit(struct journal *j, const struct audit_head *told, struct err *e)
{
	if (journal_begin(j, e) != 0)
		return -1;
	return journal_end(j, audit_put(j, told, e), e);
}

/* ---- finishing ---- */

static int finish(struct journal *j, struct report *r, journal_seal_fn *seal, void *arg, bool *ret_unsealed, struct err *e)
{
	AUTO(buf_done) struct buf envelope = BUF_INIT;
	uint64_t last = 0;
	if (chain_end(j, &last, r->prev_report_hash, e) != 0)
		return -1;
	r->report_seq = last + 1;
	if (audit_get(j, &r->audit, e) != 0)
		return -1;
	*ret_unsealed = seal(arg, r, &envelope, e) != 0;
	if (*ret_unsealed || report_insert(j, r->report_seq, buf_bytes(&envelope), e) != 0)
		return -1;
	struct journal_head seen = {.rows = r->ledger_rows, .uuid = r->ledger_uuid};
	memcpy(seen.head, r->ledger_head, DIGEST_SIZE);
	if (seen.rows && journal_head_insert(j, r->target, &seen, e) != 0)
		return -1;
	FAILPOINT("finish-uncommitted");
	return task_finish(j, r, e);
}

/* The site's own people see it, too, whatever the controller makes of the report. */
static int keep_refusal(struct journal *j, const struct report *r, struct err *e)
{
	const struct journal_refusal f = {
	    .at_us = clock_wall_us(), .target = r->target, .code = r->failure.check, .message = r->failure.message ? r->failure.message : ""};
	return str_empty(r->failure.check) ? 0 : journal_refuse_in(j, &f, e);
}

/* Without a signature it goes nowhere: nobody but the site's people can be told. */
static void note_unsealed(struct journal *j, const struct report *r, struct err *e)
{
	struct err told = e ? *e : ERR_INIT, second = ERR_INIT;
	if (journal_refuse(j, check_refuse(C26_REPORT, &told), r->target, told.msg, &second) != 0)
		err_wrap(e, "%s; and before that", second.msg);
	err_wrap(e, "%s", check_title(C26_REPORT));
}

int journal_finish(struct journal *j, const struct journal_ending *end, struct report *r, journal_seal_fn *seal, void *arg, struct err *e)
{
	bool unsealed = false;
	assert(r->outcome != OUTCOME_REFUSED || !str_empty(r->failure.check)); /* who refuses says by which check */
	if (journal_begin(j, e) != 0)
		return -1;
	int rc = journal_steps_insert(j, end->steps, end->n_steps, e);
	if (rc == 0 && end->sequence)
		rc = journal_sequence_put_in(j, r->target, end->sequence, e);
	if (rc == 0 && end->note)
		rc = journal_note_put_in(j, end->note, e);
	if (rc == 0)
		rc = keep_refusal(j, r, e);
	if (journal_end(j, rc == 0 ? finish(j, r, seal, arg, &unsealed, e) : rc, e) != 0) {
		if (unsealed)
			note_unsealed(j, r, e);
		return err_wrap(e, "report");
	}
	j->last_report = r->report_seq;
	return 0;
}

static int read_entry(struct lite_stmt *s, struct arena *a, void *ret, struct err *e)
{
	(void)e;
	*(struct outbox_entry *)ret = (struct outbox_entry){.seq = (uint64_t)lite_int(s, 0), .envelope = arena_bytes(a, lite_blob(s, 1))};
	return 0;
}

int journal_outbox(struct journal *j, uint64_t from_seq, size_t max, struct arena *a, struct outbox_entry **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *s = NULL;
	struct lite_list list = {0};
	if (lite_prepare(j->lite, journal_report_from, &s, e) != 0)
		return err_wrap(e, "journal");
	lite_bind_int(s, 1, (int64_t)from_seq);
	lite_bind_int(s, 2, (int64_t)max);
	if (lite_list(s, a, sizeof **ret, read_entry, &list, e) != 0)
		return err_wrap(e, "journal");
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

static int mark_acked(struct journal *j, uint64_t up_to_seq, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_report_ack, &s, e) != 0)
		return -1;
	lite_bind_int(s, 1, (int64_t)up_to_seq);
	lite_bind_int(s, 2, clock_wall_us());
	return lite_run(s, e);
}

/* Whole, but not waited for: an acknowledgement that a power failure takes away is asked for again. */
int journal_acked(struct journal *j, uint64_t up_to_seq, const struct audit_head *audit, struct err *e)
{
	struct err ignored = ERR_INIT, set_back = ERR_INIT;
	if (lite_exec(j->lite, "PRAGMA synchronous = NORMAL", e) != 0 || journal_begin(j, e) != 0)
		return -1;
	int rc = mark_acked(j, up_to_seq, e);
	int told = rc == 0 ? audit_put(j, audit, &set_back) : 0; /* the report has arrived, whatever becomes of the log */
	rc = journal_end(j, rc, e);
	if (rc == 0 && told != 0) {
		*e = set_back;
		rc = -1;
	}
	return lite_exec(j->lite, "PRAGMA synchronous = FULL", rc == 0 ? e : &ignored) == 0 ? rc : -1;
}

uint64_t journal_last_report(struct journal *j)
{
	uint64_t last = 0;
	uint8_t hash[DIGEST_SIZE];
	struct err e = ERR_INIT;
	if (chain_end(j, &last, hash, &e) == 0 && last > j->last_report)
		j->last_report = last; /* another thread's handle wrote it */
	return j->last_report;
}

uint64_t journal_first_unacked(struct journal *j)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	struct err e = ERR_INIT;
	if (lite_prepare(j->lite, journal_report_first_unacked, &s, &e) == 0 && lite_step(s, &row, &e) == 0 && row) {
		bool none = lite_is_null(s, 0);
		uint64_t first = none ? 0 : (uint64_t)lite_int(s, 0);
		lite_reset(s);
		if (!none)
			return first;
	}
	return journal_last_report(j) + 1;
}
