/* One step: class T in a transaction with its ledger row; class N between an intent row and an outcome row; class B is batch.c's. Retries by class. */
#include "agent/apply/delivery.h"
#include "agent/apply/judge.h"
#include "agent/apply/kept.h"
#include "agent/apply/retry.h"
#include "common/base/clock.h"
#include "common/sql/redact.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"

#define TABLE_TROUBLE_SIZE 512

struct run { /* one step being tried */
	const struct plan_item *item;
	enum direction direction;
	uint32_t index;
	const struct step *step;
	int64_t started_at_us;
};

struct ledger_row step_row(const struct delivery *d, const struct plan_item *it, enum direction dir, uint32_t index, enum step_state state,
                           enum step_via via)
{
	const struct release *r = &d->verified->release;
	const struct step *s = plan_step(it->body, dir, index);
	struct ledger_row row = {.project = r->project,
	                         .changeset = it->changeset->id,
	                         .direction = dir,
	                         .run = it->run,
	                         .step = index,
	                         .state = state,
	                         .via = via,
	                         .class = s->class,
	                         .release_version = r->version,
	                         .release_sequence = r->sequence,
	                         .task = d->task_hex,
	                         .attempt = d->task->attempt,
	                         .epoch = d->task->epoch,
	                         .agent = d->agent,
	                         .backend = d->engine->backend(d->conn),
	                         .started_at_us = clock_wall_us(),
	                         .ended_at_us = clock_wall_us()};
	memcpy(row.digest, s->digest, DIGEST_SIZE);
	memcpy(row.changeset_digest, it->changeset->digest, DIGEST_SIZE);
	memcpy(row.release_digest, r->digest, DIGEST_SIZE);
	memcpy(row.order_digest, d->verified->order.digest, DIGEST_SIZE);
	return row;
}

static void note_unconfirmed(struct delivery *d, const struct ledger_row *row)
{
	if (row->state != STEP_DONE || !d->engine->unconfirmed || !d->engine->unconfirmed(d->conn) || d->unconfirmed)
		return;
	d->unconfirmed =
	    arena_printf(d->arena, "step %u of %s%s", row->step + 1, row->direction == DIRECTION_ROLLBACK ? "the rollback of " : "", row->changeset);
	d->unconfirmed_place = d->place;
}

void step_report(struct delivery *d, const struct ledger_row *row)
{
	note_unconfirmed(d, row);
	struct step_outcome o = {.changeset = arena_strdup(d->arena, row->changeset),
	                         .direction = row->direction,
	                         .run = row->run,
	                         .step = row->step,
	                         .class = row->class,
	                         .state = row->state,
	                         .via = row->via,
	                         .started_at_us = row->started_at_us,
	                         .ended_at_us = row->ended_at_us};
	memcpy(o.digest, row->digest, DIGEST_SIZE);
	memcpy(o.row_hash, row->row_hash, DIGEST_SIZE);
	collect_step(d->report, &o);
	if (row->seq > d->rows_reported)
		d->rows_reported = row->seq;
}

void step_undo(struct delivery *d)
{
	struct err ignored; /* the first error is the one that matters */
	if (d->engine->in_transaction(d->conn))
		(void)d->engine->rollback(d->conn, &ignored);
}

/* Some errors end the transaction by themselves; what a precondition's rule passes over must not go on outside of it. */
static int check_whole(struct delivery *d, struct err *e)
{
	return d->engine->in_transaction(d->conn) ? 0 : err_set(e, ERR_STATE, "the database has ended the release's transaction: nothing of it was kept");
}

int step_write_row(struct delivery *d, struct ledger_row *row, struct err *e)
{
	if (d->whole)
		return check_whole(d, e) == 0 ? ledger_append(d->engine, d->conn, &d->ledger, row, e) : -1;
	return ledger_write_row(d->engine, d->conn, &d->ledger, d->task->epoch, row, e);
}

static int exec_statement(struct delivery *d, const struct run *r, size_t i, struct err *e)
{
	const struct statement *s = &r->step->statements[i];
	delivery_place(d, r->item, r->direction, r->index + 1, (uint32_t)i + 1, s->line);
	int rc = delivery_exec(d, s->sql, NULL, e);
	if (rc != 0 && e && sql_holds_secret(d->engine->dialect, s->sql)) { /* servers repeat what they did not understand, passwords too */
		sql_hide_own(d->engine->dialect, s->sql, e->msg);
		sql_hide_quoted(e->msg);
	}
	return rc;
}

/* ---- class T ---- */

static const char *step_words(const struct delivery *d, const struct run *r)
{
	return arena_printf(d->arena, "step %u of %s%s", r->index + 1, r->direction == DIRECTION_ROLLBACK ? "the rollback of " : "",
	                    r->item->changeset->id);
}

/* All that happens after BEGIN. */
static enum ended inside(struct delivery *d, const struct run *r, struct ledger_row *row, struct err *e)
{
	FAILPOINT("begun");
	for (size_t i = 0; i < r->step->n_statements; i++)
		if (exec_statement(d, r, i, e) != 0)
			return e->code == ERR_STATE ? ENDED_ATTENTION : delivery_judge(d, e); /* it ended our transaction: what came before it may be committed */
	FAILPOINT("statement-run");
	if (!d->engine->in_transaction(d->conn)) {
		err_set(e, ERR_STATE, "a statement ended Rollcall's transaction: what came before it may be committed without its ledger row");
		return ENDED_ATTENTION;
	}
	row->started_at_us = r->started_at_us;
	row->ended_at_us = clock_wall_us();
	if (d->whole)
		return ledger_append(d->engine, d->conn, &d->ledger, row, e) == 0 ? ENDED_OK : delivery_judge(d, e);
	if (ledger_append_commit(d->engine, d->conn, &d->ledger, row, e) != 0) {
		if (e->code == ERR_UNKNOWN) {
			delivery_doubt(d, step_words(d, r));
			doubt_raise(d, row);
		}
		return delivery_judge(d, e);
	}
	return ENDED_OK;
}

static int begin(struct delivery *d, struct err *e)
{
	watch_statement(d->watch, true); /* where beginning takes a lock, this is where it waits */
	int rc = ledger_begin_row(d->engine, d->conn, &d->ledger, d->task->epoch, e);
	watch_statement(d->watch, false);
	return rc;
}

/* Nothing undoes what a statement did in a table without transactions, and no ledger row can be written in one with it: after a crash nobody could tell whether it ran. */
static enum ended check_tables(struct delivery *d, const struct run *r, struct err *e)
{
	for (size_t i = 0; d->engine->untransacted && i < r->step->n_statements; i++) {
		struct bytes sql = r->step->statements[i].sql;
		struct sql_class s;
		char found[TABLE_TROUBLE_SIZE];
		sql_classify(d->engine->dialect, sql, &s);
		delivery_place(d, r->item, r->direction, r->index + 1, (uint32_t)i + 1, r->step->statements[i].line);
		if (d->engine->untransacted(d->conn, sql, &s, found, sizeof found, e) != 0)
			return delivery_judge(d, e);
		if (found[0]) {
			err_set(e, ERR_STATE, "%s", found);
			return ENDED_FAILED;
		}
	}
	return ENDED_OK;
}

static enum ended attempt_t(struct delivery *d, const struct run *r, struct err *e)
{
	enum ended tables = check_tables(d, r, e);
	if (tables != ENDED_OK)
		return tables;
	struct ledger_row row = step_row(d, r->item, r->direction, r->index, STEP_DONE, VIA_RUN);
	enum ended end = begin(d, e) == 0 ? inside(d, r, &row, e) : delivery_judge(d, e);
	if (end != ENDED_OK) {
		step_undo(d);
		return end;
	}
	FAILPOINT("committed");
	step_report(d, &row);
	return ENDED_OK;
}

/* Inside the release's transaction: what begins, commits, tries again and reports is the whole. */
static enum ended part_of_whole(struct delivery *d, struct run *r)
{
	struct ledger_row row = step_row(d, r->item, r->direction, r->index, STEP_DONE, VIA_RUN);
	struct err e = ERR_INIT;
	r->started_at_us = clock_wall_us();
	enum ended end = check_tables(d, r, &e);
	if (end == ENDED_OK)
		end = check_whole(d, &e) == 0 ? inside(d, r, &row, &e) : ENDED_FAILED;
	if (end != ENDED_OK)
		d->error = e;
	return end;
}

/* ---- class N ---- */

static const uint8_t absent[DIGEST_SIZE];

static bool made_before(const struct sql_class *s, const uint8_t before[DIGEST_SIZE])
{
	return str_starts(s->verb, "CREATE") && memcmp(before, absent, DIGEST_SIZE) != 0;
}

static enum ended n_write(struct delivery *d, struct ledger_row *row, enum ended end, struct err *e)
{
	struct err second = ERR_INIT;
	if (step_write_row(d, row, &second) != 0) {
		*e = second;
		return ENDED_LOST;
	}
	d->in_doubt = NULL;
	if (row->state == STEP_DONE)
		step_report(d, row);
	return end;
}

/* The server answered with an error. It says "not applied"; an object that it names is looked at all the same (an INVALID index is left behind, MariaDB 1317). */
static enum ended n_refused(struct delivery *d, const struct run *r, const struct sql_class *s, const struct seen *was, struct err *e)
{
	const uint8_t *before = was->state;
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct ledger_row row = step_row(d, r->item, r->direction, r->index, STEP_FAILED, VIA_RUN);
	struct err second = ERR_INIT;
	const char *why = "";
	bool cleaned = false;
	if (d->engine->cleanup(d->conn, s, &cleaned, &second) != 0 || d->engine->object_state(d->conn, s, row.state_before, &text, &second) != 0) {
		*e = second;
		return ENDED_LOST; /* the intent stays open: a new connection looks again */
	}
	bool removed = made_before(s, before) && memcmp(row.state_before, absent, DIGEST_SIZE) == 0; /* half made by somebody, and so cleaned up */
	row.started_at_us = r->started_at_us;
	struct seen is = {.text = buf_str(&text)};
	memcpy(is.state, row.state_before, DIGEST_SIZE);
	/* What stopped half-way may have no way back: then cleaning up has ended it (DETACH ... CONCURRENTLY, DROP INDEX CONCURRENTLY). */
	if (cleaned && !removed && judge(d->engine->dialect, r->step->statements[0].sql, was, &is, &why) == VERDICT_APPLIED) {
		row.state = STEP_DONE;
		row.via = VIA_PROBE;
		return n_write(d, &row, ENDED_OK, e);
	}
	if (!removed && memcmp(row.state_before, before, DIGEST_SIZE) != 0 && watch_stopped(d->watch)) /* it may have been through when the cancel came */
		return ENDED_LOST; /* the intent stays open, as above */
	bool unnamed = str_starts(s->verb, "CREATE INDEX") && !s->object[0]; /* what it left has a name of the server's choice */
	const char *name = unnamed ? s->parent : s->object, *kind = unnamed ? "table" : s->object_kind;
	if (name[0] && !removed && memcmp(row.state_before, before, DIGEST_SIZE) != 0) {
		err_wrap(e, "%s failed, yet %s %s is not as it was before", s->verb, kind[0] ? kind : "object", name);
		return ENDED_ATTENTION;
	}
	return n_write(d, &row, ENDED_FAILED, e);
}

/* A half-made object of that name, an INVALID index, makes IF NOT EXISTS a lie and anything else an error: it goes before the intent is written. */
static int n_make_way(struct delivery *d, const struct sql_class *s, uint8_t before[DIGEST_SIZE], struct buf *text, struct err *e)
{
	bool cleaned = false;
	if (d->engine->object_state(d->conn, s, before, text, e) != 0)
		return -1;
	if (!made_before(s, before))
		return 0;
	if (d->engine->cleanup(d->conn, s, &cleaned, e) != 0)
		return -1;
	if (!cleaned)
		return 0;
	buf_clear(text);
	return d->engine->object_state(d->conn, s, before, text, e);
}

static enum ended n_outcome(struct delivery *d, const struct run *r, const struct sql_class *s, struct err *e)
{
	struct ledger_row row = step_row(d, r->item, r->direction, r->index, STEP_DONE, VIA_RUN);
	row.started_at_us = r->started_at_us;
	if (d->engine->object_state(d->conn, s, row.state_before, NULL, e) != 0 || step_write_row(d, &row, e) != 0)
		return watch_wish(d->watch) == WISH_TERMINATE ? ENDED_STOPPED : ENDED_LOST;
	FAILPOINT("outcome-written");
	d->in_doubt = NULL;
	step_report(d, &row);
	return ENDED_OK;
}

/* IF NOT EXISTS may have found a half-made one: somebody else's try ended while ours waited for it. */
static enum ended n_found_made(struct delivery *d, const struct run *r, const struct sql_class *s, const struct seen *before, struct err *e)
{
	bool cleaned = false;
	if (d->engine->cleanup(d->conn, s, &cleaned, e) != 0)
		return ENDED_LOST; /* the intent stays open: a new connection looks again */
	if (!cleaned)
		return n_outcome(d, r, s, e);
	err_set(e, ERR_DB, "%s found a half-made %s %s of somebody else's, and so made nothing: that one is removed, try again", s->verb, s->object_kind,
	        s->object);
	return n_refused(d, r, s, before, e);
}

static enum ended attempt_n(struct delivery *d, const struct run *r, struct err *e)
{
	struct ledger_row intent = step_row(d, r->item, r->direction, r->index, STEP_INTENT, VIA_RUN);
	struct sql_class s;
	AUTO(buf_done) struct buf text = BUF_INIT;
	sql_classify(d->engine->dialect, r->step->statements[0].sql, &s);
	FAILPOINT("before-intent");
	if (n_make_way(d, &s, intent.state_before, &text, e) != 0 || kept_write(d, intent.state_before, &text, e) != 0 ||
	    step_write_row(d, &intent, e) != 0)
		return e->code == ERR_UNKNOWN ? ENDED_LOST : delivery_judge(d, e);
	FAILPOINT("intent-written");
	struct seen before = {.text = buf_str(&text)};
	memcpy(before.state, intent.state_before, DIGEST_SIZE);
	delivery_doubt(d, step_words(d, r));
	int rc = exec_statement(d, r, 0, e);
	FAILPOINT("n-statement-run");
	if (rc == 0)
		return s.if_exists && str_starts(s.verb, "CREATE") ? n_found_made(d, r, &s, &before, e) : n_outcome(d, r, &s, e);
	enum ended end = delivery_judge(d, e);
	if (end == ENDED_FAILED && r->step->class == STEP_X) {
		err_wrap(e, "%s is of class X, and an error does not say how much of it was done", s.verb);
		return ENDED_ATTENTION;
	}
	return end == ENDED_FAILED ? n_refused(d, r, &s, &before, e) : end;
}

/* ---- either ---- */

/* What is built CONCURRENTLY waits for old transactions while nobody queues behind it, and begins from nothing when it gives up: it has the whole statement's time. */
static void set_patience(struct delivery *d, const struct run *r, uint32_t n)
{
	struct sql_class s;
	delivery_patience(d, n);
	if (r->step->class == STEP_T)
		return;
	sql_classify(d->engine->dialect, r->step->statements[0].sql, &s);
	if (strstr(s.verb, "CONCURRENTLY"))
		d->engine->patience(d->conn, d->target->statement_timeout_ms);
}

void step_report_failed(struct delivery *d, const struct plan_item *it, enum direction dir, uint32_t index, int64_t started_at_us)
{
	struct ledger_row row = step_row(d, it, dir, index, STEP_FAILED, VIA_RUN);
	row.started_at_us = started_at_us;
	step_report(d, &row); /* seq and row_hash stay zero: a class T failure leaves no row */
}

static enum ended run_batches(struct delivery *d, const struct run *r)
{
	struct err e = ERR_INIT;
	enum ended end = check_tables(d, r, &e);
	if (end == ENDED_OK)
		return batch_run(d, r->item, r->direction, r->index);
	if (end == ENDED_FAILED)
		step_report_failed(d, r->item, r->direction, r->index, clock_wall_us());
	d->error = e;
	return end;
}

enum ended step_run(struct delivery *d, const struct plan_item *it, enum direction dir, uint32_t index)
{
	struct run r = {.item = it, .direction = dir, .index = index, .step = plan_step(it->body, dir, index)};
	uint32_t line = r.step->n_statements ? r.step->statements[0].line : it->changeset->line; /* a rollback may be "nothing to do" */
	d->step_number++;
	delivery_say(d, dir == DIRECTION_APPLY ? "applying" : "rolling-back", it->changeset->id, NULL);
	if (d->whole) {
		delivery_place(d, it, dir, index + 1, 0, line);
		return part_of_whole(d, &r);
	}
	if (r.step->class == STEP_B)
		return run_batches(d, &r);
	for (uint32_t n = 0;; n++) {
		struct err e = ERR_INIT;
		delivery_place(d, it, dir, index + 1, 0, line);
		r.started_at_us = clock_wall_us();
		set_patience(d, &r, n);
		enum ended end = r.step->class == STEP_T ? attempt_t(d, &r, &e) : attempt_n(d, &r, &e);
		bool failed = end == ENDED_FAILED;
		if (failed)
			end = delivery_wait(d, &e, n, it->changeset->id, false);
		if (failed && end == ENDED_OK)
			continue;
		if (end == ENDED_FAILED)
			step_report_failed(d, it, dir, index, r.started_at_us);
		if (end != ENDED_OK)
			d->error = e;
		return end;
	}
}
