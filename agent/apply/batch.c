/* A step of class B: one statement over one table, cut into ranges of the table's key. Each range is a transaction of its own, with the cursor moved in it.
 *
 *   intent row + cursor at the beginning (one transaction) --> range, range, ... (fence, statement, cursor) --> last range with the `done` row
 *
 *   killed inside a range        the range is rolled back with its cursor: it runs again
 *   killed behind its COMMIT     the cursor in the database is the truth: the next range runs
 *   failed or asked to stop      the intent stays open, the ranges that are done stand; a retry goes on from the cursor. Without a range done the intent is closed as failed
 *
 * The end is the last key when the step began: rows that come later are as the authors of the change say (a default, a trigger). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/apply/batch_pace.h"
#include "agent/apply/batch_range.h"
#include "agent/apply/delivery.h"
#include "agent/apply/retry.h"
#include "agent/ledger/cursor.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

#define SAY_EVERY_US  (1000 * (int64_t)1000)
#define SCRATCH_BYTES ((size_t)16 * 1024 * 1024) /* of one range */

struct batch { /* one step under way */
	const struct plan_item *item;
	enum direction direction;
	uint32_t index;
	const struct step *step;
	struct ledger_row row; /* names the step, for its cursor */
	struct sql_batch sql;
	struct engine_key key;
	struct arena *arena; /* key and first cursor of the present connection */
	bool cursor_known; /* it was read or made by this run: before that, batches of an earlier run may stand */
	struct cursor cursor; /* as committed; `at` is in at_text */
	struct buf at_text;
	uint32_t size;
	int64_t started_at_us, budget_us;
	int64_t walk_began_us, said_at_us; /* monotonic, of this run */
	uint64_t walk_from; /* cursor.passed then */
};

static void batch_done(struct batch *b)
{
	arena_destroy(&b->arena);
	buf_done(&b->at_text);
}

/* ---- for people ---- */

static void progress_text(const struct batch *b, bool goes_on, char *out, size_t size)
{
	char passed[32], total[32], left[CLOCK_TEXT_SIZE] = "";
	const struct cursor *cur = &b->cursor;
	uint64_t here = cur->passed - b->walk_from;
	range_number(cur->passed, passed);
	if (cur->total <= cur->passed) {
		snprintf(out, size, "%s rows", passed);
		return;
	}
	if (here && goes_on)
		clock_duration_text((int64_t)((double)(clock_mono_us() - b->walk_began_us) / (double)here * (double)(cur->total - cur->passed)), left);
	snprintf(out, size, "%s of about %s rows%s%s%s", passed, range_number(cur->total, total), *left ? ", about " : "", left, *left ? " left" : "");
}

static const char *state_of(const struct batch *b)
{
	return b->direction == DIRECTION_APPLY ? "applying" : "rolling-back";
}

static void say_progress(struct delivery *d, struct batch *b)
{
	char text[160];
	if (clock_mono_us() - b->said_at_us < SAY_EVERY_US)
		return;
	b->said_at_us = clock_mono_us();
	progress_text(b, true, text, sizeof text);
	delivery_say(d, state_of(b), b->item->changeset->id, text);
}

/* ---- errors ---- */

static enum ended gave_up(struct delivery *d, enum ended end)
{
	step_undo(d);
	return end;
}

/* Behind the fence, ERR_STATE means that ledger or transaction are not as we left them. */
static enum ended judge_inside(struct delivery *d, const struct err *e)
{
	return e->code == ERR_STATE ? ENDED_ATTENTION : delivery_judge(d, e);
}

/* ---- the beginning ---- */

static const char *key_text(const struct engine_key *k, struct arena *a)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	for (size_t i = 0; i < k->n_columns; i++)
		buf_addf(&text, "%s%s", i ? ", " : "", k->columns[i].name);
	return arena_strdup(a, buf_str(&text));
}

static int find_key(struct delivery *d, struct batch *b, struct err *e)
{
	if (d->engine->table_key(d->conn, b->sql.schema, b->sql.name, b->arena, &b->key, e) != 0)
		return -1;
	if (b->key.n_columns == 0)
		return err_set(
		    e, ERR_POLICY,
		    "table %s cannot be walked in batches: it has no primary or unique key whose columns are all NOT NULL (or it is a view): give it one, or "
		    "leave batch: out",
		    b->sql.name);
	if (b->key.unfit)
		return err_set(
		    e, ERR_POLICY,
		    "table %s cannot be walked in batches: of its key, %s, whose values have no text that every session reads alike: give it another "
		    "unique key whose columns are all NOT NULL, or leave batch: out",
		    b->sql.name, b->key.unfit);
	for (size_t i = 0; i < b->key.n_columns; i++)
		if (sql_batch_assigns(&b->sql, b->key.columns[i].name))
			return err_set(e, ERR_POLICY,
			               "the statement sets %s, a column of the key by which %s is walked: rows would move past the cursor; leave batch: out",
			               b->key.columns[i].name, b->sql.name);
	return 0;
}

static int first_cursor(struct delivery *d, struct batch *b, struct cursor *cur, struct err *e)
{
	AUTO(buf_done) struct buf sql = BUF_INIT;
	AUTO(buf_done) struct buf bound = BUF_INIT;
	bool found = false;
	range_last_sql(&b->sql, &b->key, &sql);
	if (range_read_key(d->engine, d->conn, buf_bytes(&sql), &b->key, &bound, &found, e) != 0)
		return err_wrap(e, "last key of %s", b->sql.name);
	*cur = (struct cursor){.key = key_text(&b->key, b->arena), .bound = found ? arena_strdup(b->arena, buf_str(&bound)) : NULL, .total = b->key.rows};
	return 0;
}

static bool is_begun(const struct delivery *d, const struct batch *b)
{
	const struct project_ledger ours = delivery_ledger(d);
	const struct ledger_row *last = project_previous(&ours, NULL);
	return last && last->state == STEP_INTENT && last->step == b->index && last->run == b->item->run && last->direction == b->direction &&
	       str_eq(last->changeset, b->item->changeset->id);
}

static int resume(struct delivery *d, struct batch *b, struct err *e)
{
	const char *now = key_text(&b->key, b->arena);
	struct err ignored;
	struct cursor cur;
	if (cursor_read(d->engine, d->conn, &b->row, b->arena, &cur, e) != 0)
		return -1;
	if (!cur.exists)
		return err_set(e, ERR_STATE, "the ledger says that %s step %u is half-done, and its cursor is gone from the table %sbatch", b->row.changeset,
		               b->index + 1, d->engine->ledger_prefix(d->conn));
	if (!str_eq(cur.key, now))
		return err_set(e, ERR_STATE, "%s step %u went by the key (%s) of %s, which is (%s) now: give the table its key back, then retry",
		               b->row.changeset, b->index + 1, cur.key, b->sql.name, now);
	b->cursor = cur;
	b->cursor_known = true;
	return d->engine->rollback(d->conn, &ignored) == 0 ? 0 : err_set(e, ERR_UNKNOWN, "%s", ignored.msg);
}

static int begin_anew(struct delivery *d, struct batch *b, struct err *e)
{
	struct ledger_row intent = step_row(d, b->item, b->direction, b->index, STEP_INTENT, VIA_RUN);
	struct cursor cur;
	if (first_cursor(d, b, &cur, e) != 0 || cursor_write(d->engine, d->conn, &b->row, &cur, e) != 0 ||
	    ledger_append_commit(d->engine, d->conn, &d->ledger, &intent, e) != 0)
		return -1;
	b->cursor = cur;
	b->cursor_known = true;
	return 0;
}

/* Inside one transaction: the key is looked for where role and search path hold. */
static enum ended prepare(struct delivery *d, struct batch *b, struct err *e)
{
	bool begun = is_begun(d, b);
	arena_destroy(&b->arena);
	b->arena = arena_new(SCRATCH_BYTES);
	if (!begun && cursor_make(d->engine, d->conn, e) != 0)
		return delivery_judge(d, e);
	if (ledger_begin(d->engine, d->conn, &d->ledger, d->task->epoch, e) != 0)
		return gave_up(d, delivery_judge(d, e));
	if (find_key(d, b, e) != 0 || (begun ? resume(d, b, e) : begin_anew(d, b, e)) != 0)
		return gave_up(d, judge_inside(d, e));
	buf_clear(&b->at_text);
	if (b->cursor.at)
		buf_adds(&b->at_text, b->cursor.at);
	b->walk_began_us = clock_mono_us();
	b->walk_from = b->cursor.passed;
	FAILPOINT("batch-begun");
	return ENDED_OK;
}

/* ---- one range ---- */

/* The key up to which the next range goes; *ret_last: it is the step's last one. */
static int next_end(struct delivery *d, struct batch *b, struct buf *to, bool *ret_last, struct err *e)
{
	AUTO(buf_done) struct buf sql = BUF_INIT;
	bool found = false;
	if (b->cursor.bound) {
		range_end_sql(&b->sql, &b->key, d->engine->caps.row_ranges, b->cursor.at ? buf_str(&b->at_text) : NULL, b->cursor.bound, b->size, &sql);
		if (range_read_key(d->engine, d->conn, buf_bytes(&sql), &b->key, to, &found, e) != 0)
			return err_wrap(e, "next range of %s", b->sql.name);
	}
	if (!found && b->cursor.bound)
		buf_adds(to, b->cursor.bound);
	*ret_last = !found;
	return 0;
}

static int run_statement(struct delivery *d, struct batch *b, const char *to, uint64_t *ret_rows, struct err *e)
{
	AUTO(buf_done) struct buf range = BUF_INIT;
	AUTO(buf_done) struct buf sql = BUF_INIT;
	if (!b->cursor.bound)
		return 0; /* the table was empty */
	range_condition(&b->sql, &b->key, d->engine->caps.row_ranges, b->cursor.at ? buf_str(&b->at_text) : NULL, to, &range);
	sql_batch_render(&b->sql, buf_str(&range), &sql);
	int rc = delivery_exec(d, buf_bytes(&sql), ret_rows, e);
	if (rc == 0 && !d->engine->in_transaction(d->conn))
		return err_set(e, ERR_STATE, "a batch ended Rollcall's transaction: it may be committed without its cursor");
	return rc;
}

/* The cursor in the database must be where we left it, or somebody else has worked here. */
static int check_cursor(struct delivery *d, struct batch *b, struct arena *scratch, struct err *e)
{
	struct cursor cur;
	if (cursor_read(d->engine, d->conn, &b->row, scratch, &cur, e) != 0)
		return -1;
	if (cur.exists && cur.batches == b->cursor.batches && str_eq(cur.at ? cur.at : "", b->cursor.at ? buf_str(&b->at_text) : ""))
		return 0;
	return err_set(e, ERR_EXISTS, "the cursor of %s step %u was moved by another session", b->row.changeset, b->index + 1);
}

static int commit_range(struct delivery *d, struct batch *b, const struct cursor *next, bool last, struct err *e)
{
	if (cursor_write(d->engine, d->conn, &b->row, next, e) != 0)
		return -1;
	if (!last)
		return d->engine->commit(d->conn, e);
	b->row.started_at_us = b->started_at_us;
	b->row.ended_at_us = clock_wall_us();
	return ledger_append_commit(d->engine, d->conn, &d->ledger, &b->row, e);
}

/* All that happens after BEGIN. */
static int inside(struct delivery *d, struct batch *b, bool *ret_last, struct err *e)
{
	AUTO(arena_destroy) struct arena *scratch = arena_new(SCRATCH_BYTES);
	AUTO(buf_done) struct buf to = BUF_INIT;
	uint64_t rows = 0;
	if (check_cursor(d, b, scratch, e) != 0 || next_end(d, b, &to, ret_last, e) != 0 || run_statement(d, b, buf_str(&to), &rows, e) != 0)
		return -1;
	FAILPOINT("batch-statement-run");
	struct cursor next = b->cursor;
	next.at = b->cursor.bound ? buf_str(&to) : NULL;
	next.batches++;
	next.passed += *ret_last ? (rows < b->size ? rows : b->size) : b->size;
	next.changed += rows;
	if (commit_range(d, b, &next, *ret_last, e) != 0) {
		if (e->code == ERR_UNKNOWN)
			delivery_doubt(d, arena_printf(d->arena, "a batch of step %u of %s", b->index + 1, b->item->changeset->id));
		return -1;
	}
	FAILPOINT("batch-committed");
	b->cursor = next;
	d->batches_done++;
	buf_clear(&b->at_text);
	buf_adds(&b->at_text, buf_str(&to));
	return 0;
}

static enum ended one_range(struct delivery *d, struct batch *b, bool *ret_last, struct err *e)
{
	watch_statement(d->watch, true); /* where beginning takes a lock, this is where it waits */
	int rc = ledger_begin(d->engine, d->conn, &d->ledger, d->task->epoch, e);
	watch_statement(d->watch, false);
	if (rc != 0)
		return gave_up(d, delivery_judge(d, e));
	return inside(d, b, ret_last, e) == 0 ? ENDED_OK : gave_up(d, judge_inside(d, e));
}

/* ---- all of them ---- */

static enum ended stopped(const struct batch *b, struct err *e)
{
	char text[160];
	progress_text(b, false, text, sizeof text);
	err_set(e, ERR_STATE, "stopped in step %u of %s, as asked, after %s; they stand, and it goes on behind them", b->index + 1,
	        b->item->changeset->id, text);
	return ENDED_STOPPED;
}

static enum ended pace(struct delivery *d, struct batch *b, bool first, struct err *e)
{
	char text[160];
	say_progress(d, b);
	if (pace_must_end(d))
		return stopped(b, e);
	progress_text(b, false, text, sizeof text);
	enum ended end = pace_wait(d, b->item, state_of(b), text, first, e);
	return end == ENDED_STOPPED && e->code == ERR_NONE ? stopped(b, e) : end;
}

static enum ended walk(struct delivery *d, struct batch *b, struct err *e)
{
	bool last = false;
	enum ended end = prepare(d, b, e);
	if (end != ENDED_OK)
		return end;
	for (bool first = true; !last; first = false) {
		if ((end = pace(d, b, first, e)) != ENDED_OK)
			return end;
		if ((end = one_range(d, b, &last, e)) != ENDED_OK)
			return end;
		d->budget_end_us = clock_mono_us() + b->budget_us; /* what moves on may go on: the budget is for standing still */
	}
	step_report(d, &b->row);
	return ENDED_OK;
}

/* Nothing of the step is done: its intent is closed, so that a release without it can follow. */
static void close_intent(struct delivery *d, const struct batch *b, struct err *e)
{
	struct ledger_row row = step_row(d, b->item, b->direction, b->index, STEP_FAILED, VIA_RUN);
	struct err second = ERR_INIT;
	row.started_at_us = b->started_at_us;
	if (step_write_row(d, &row, &second) != 0)
		err_wrap(e, "the step's intent stays open (%s)", second.msg);
}

static void fail(struct delivery *d, const struct batch *b, struct err *e)
{
	char text[160];
	progress_text(b, false, text, sizeof text);
	if (b->cursor.batches)
		err_wrap(e, "after %s, which stand (a retry goes on behind them)", text);
	else if (b->cursor_known && is_begun(d, b))
		close_intent(d, b, e);
	step_report_failed(d, b->item, b->direction, b->index, b->started_at_us);
}

static int init(const struct delivery *d, struct batch *b, struct err *e)
{
	const struct batching *o = &b->item->changeset->batching;
	const char *why = sql_batch_read(d->engine->dialect, b->step->statements[0].sql, &b->sql);
	b->size = pace_size(d, b->direction == DIRECTION_APPLY ? o->size : o->rollback_size);
	if (why || !b->size)
		return err_set(e, ERR_POLICY, "the statement cannot be batched: %s", why ? why : "the release gives no size");
	return 0;
}

enum ended batch_run(struct delivery *d, const struct plan_item *it, enum direction dir, uint32_t index)
{
	AUTO(batch_done)
	struct batch b = {.item = it,
	                  .direction = dir,
	                  .index = index,
	                  .step = plan_step(it->body, dir, index),
	                  .row = step_row(d, it, dir, index, STEP_DONE, VIA_RUN),
	                  .started_at_us = clock_wall_us(),
	                  .budget_us = d->budget_end_us - clock_mono_us()};
	delivery_place(d, it, dir, index + 1, 1, b.step->statements[0].line);
	if (init(d, &b, &d->error) != 0)
		return ENDED_FAILED;
	for (uint32_t n = 0;; n++) {
		struct err e = ERR_INIT;
		uint64_t before = b.cursor.batches;
		delivery_patience(d, n);
		enum ended end = walk(d, &b, &e);
		if (b.cursor.batches > before)
			n = 0;
		bool failed = end == ENDED_FAILED;
		if (failed)
			end = delivery_wait(d, &e, n, it->changeset->id, false);
		if (failed && end == ENDED_OK)
			continue;
		if (end == ENDED_FAILED)
			fail(d, &b, &e);
		if (end != ENDED_OK)
			d->error = e;
		return end;
	}
}
