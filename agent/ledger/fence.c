/* Fencing, and the beginning of transactions behind it: no controller that was replaced writes here any more. */
#include <stdio.h>
#include <string.h>

#include "agent/ledger/ledger_impl.h"
#include "common/base/str.h"

#define FENCE_UNSEEN        \
	{                       \
		.epoch = UINT64_MAX \
	}

/* A number means the transaction of one run of the server only. */
static int note_witness(const struct engine *en, struct conn *c, struct ledger *l, const char *number, struct err *e)
{
	struct engine_identity id = {0};
	l->witness[0] = '\0';
	if (!number[0])
		return 0;
	if (en->identity(c, &id, e) < 0)
		return -1;
	snprintf(l->witness, sizeof l->witness, "%s%s%s", number, id.run[0] ? "/" : "", id.run);
	return 0;
}

int ledger_fence_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct fence *f = arg;
	str_copy(f->transaction, sizeof f->transaction, n > 1 && values[1] ? values[1] : "");
	return str_to_u64(values[0], "epoch", 0, UINT32_MAX, &f->epoch, e);
}

static int fenced_off(uint64_t seen, uint32_t epoch, struct err *e)
{
	return err_set(e, ERR_STATE, "a controller of epoch %llu has worked here, ours has epoch %u: it was replaced and may not order this any more",
	               (unsigned long long)seen, epoch);
}

static int check_epoch(const struct engine *en, struct conn *c, struct ledger *l, const struct fence *f, uint32_t epoch, struct err *e)
{
	uint64_t seen = f->epoch;
	if (seen == UINT64_MAX)
		return err_set(e, ERR_STATE, "the ledger has lost its epoch row: nothing runs here until a person has looked at %smeta",
		               en->ledger_prefix(c));
	if (seen > epoch)
		return fenced_off(seen, epoch, e);
	if (seen < epoch) {
		char text[24];
		snprintf(text, sizeof text, "%u", epoch);
		if (ledger_meta_write(en, c, "epoch", text, e) < 0)
			return err_wrap(e, "write the ledger's epoch");
	}
	l->raised = epoch;
	return note_witness(en, c, l, f->transaction, e);
}

int ledger_fence(const struct engine *en, struct conn *c, struct ledger *l, uint32_t epoch, struct err *e)
{
	struct fence f = FENCE_UNSEEN;
	if (ledger_run(en, c, en->ledger->epoch, NULL, 0, ledger_fence_row, &f, e) < 0)
		return err_wrap(e, "read the ledger's epoch");
	return check_epoch(en, c, l, &f, epoch, e);
}

/* BEGIN and a question, in one round trip where the engine can; NULL: none. */
static int begin_and_ask(const struct engine *en, struct conn *c, const char *sql, engine_row_fn *fn, void *arg, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	size_t ignored;
	if (!en->batch)
		return en->begin(c, e) < 0 || (sql && ledger_run(en, c, sql, NULL, 0, fn, arg, e) < 0) ? -1 : 0;
	struct engine_own ask = {.fn = fn, .arg = arg};
	if (sql)
		ask.sql = ledger_text(en, c, sql, &text);
	return en->batch(c, true, &ask, sql ? 1 : 0, false, &ignored, e);
}

int ledger_begin(const struct engine *en, struct conn *c, struct ledger *l, uint32_t epoch, struct err *e)
{
	struct fence f = FENCE_UNSEEN;
	if (!en->batch)
		return en->begin(c, e) == 0 ? ledger_fence(en, c, l, epoch, e) : -1;
	if (begin_and_ask(en, c, en->ledger->epoch, ledger_fence_row, &f, e) < 0)
		return err_wrap(e, "read the ledger's epoch");
	return check_epoch(en, c, l, &f, epoch, e);
}

static int number_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	struct fence *f = arg;
	str_copy(f->transaction, sizeof f->transaction, values[0] ? values[0] : "");
	return 0;
}

/* Whoever has raised the epoch since this ledger was read has written the row in the same transaction whose number ours would have; only behind an open intent batches go on
 * without a row. */
int ledger_begin_row(const struct engine *en, struct conn *c, struct ledger *l, uint32_t epoch, struct err *e)
{
	if (l->epoch > epoch)
		return fenced_off(l->epoch, epoch, e);
	if (l->epoch < epoch || (l->n_rows && l->rows[l->n_rows - 1].state == STEP_INTENT))
		return ledger_begin(en, c, l, epoch, e);
	struct fence f = {0};
	l->raised = epoch;
	if (begin_and_ask(en, c, en->ledger->transaction, number_row, &f, e) < 0)
		return -1;
	return note_witness(en, c, l, f.transaction, e);
}
