/* The second witness of a COMMIT whose reply was lost. The ledger row decides what happened; where the server can say by itself what became of a transaction, both must say
 * the same, or rows were lost (a fail-over, a restore) or another server answers: then nothing more runs until a person has looked.
 *
 *   COMMIT unanswered --> note in the journal --> new connection, lock, ledger read --> the server is asked --> equal: the note goes, the delivery goes on
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/apply/delivery.h"
#include "common/base/str.h"

#define NOTE "witness" /* one for each target: "transaction direction run step project changeset" */

static int note(struct delivery *d, const char *value, struct err *e)
{
	struct journal_note n = {.target = d->task->target, .changeset = "", .name = NOTE, .value = value, .attempt = d->task->attempt};
	memcpy(n.task, d->task->id, TASK_SIZE);
	return journal_notes_put(d->journal, &n, 1, e);
}

void doubt_raise(struct delivery *d, const struct ledger_row *row)
{
	struct err ignored; /* what the note would add to the ledger's own word is then missing after a crash, no more */
	if (!d->engine->witness || !d->ledger.witness[0])
		return;
	d->doubt = arena_printf(d->arena, "%s %d %u %u %s %s", d->ledger.witness, (int)row->direction, row->run, row->step, row->project, row->changeset);
	if (note(d, d->doubt, &ignored) != 0)
		return;
}

struct doubted {
	char transaction[48]; /* as the engine tells it: its number, and then maybe of which server */
	int direction, changeset; /* changeset: where its name begins */
	uint32_t run, step;
	char project[64];
};

static bool doubt_read(const char *text, struct doubted *ret)
{
	return sscanf(text, "%47[0-9a-f/] %d %" SCNu32 " %" SCNu32 " %63[^ ] %n", ret->transaction, &ret->direction, &ret->run, &ret->step, ret->project,
	              &ret->changeset) == 5;
}

static bool is_done(const struct ledger *l, const struct doubted *q, const char *changeset)
{
	const struct project_ledger theirs = {.all = l, .project = q->project}; /* it may be another project's delivery that left it */
	for (const struct ledger_row *r = NULL; (r = project_previous(&theirs, r));) {
		if ((r->state == STEP_DONE || r->state == STEP_SKIPPED) && (int)r->direction == q->direction && r->run == q->run && r->step == q->step &&
		    str_eq(r->changeset, changeset))
			return true;
	}
	return false;
}

static enum ended disagree(struct delivery *d, const struct doubted *q, const char *changeset, const char *server, bool done)
{
	err_set(&d->error, ERR_STATE,
	        "the server says that transaction %.*s, whose COMMIT was not answered, %s, yet the ledger %s %s, step %u: rows were lost (a fail-over, a "
	        "restore), or "
	        "this is another server. Nothing more runs here until a person has looked",
	        (int)strcspn(q->transaction, "/"), q->transaction, server, done ? "has the row of" : "has no row of", changeset, q->step + 1);
	return ENDED_ATTENTION;
}

static enum ended compare(struct delivery *d, const struct doubted *q, const char *changeset)
{
	enum engine_witness says = ENGINE_WITNESS_SILENT;
	bool done = is_done(&d->ledger, q, changeset);
	if (d->engine->witness(d->conn, q->transaction, &says, &d->error) != 0)
		return delivery_judge(d, &d->error);
	switch (says) {
	case ENGINE_WITNESS_SILENT:
		return ENDED_OK;
	case ENGINE_WITNESS_COMMITTED:
		return done ? ENDED_OK : disagree(d, q, changeset, "was committed", done);
	case ENGINE_WITNESS_ABORTED:
		return done ? disagree(d, q, changeset, "was rolled back", done) : ENDED_OK;
	case ENGINE_WITNESS_UNKNOWN:
		return disagree(d, q, changeset, "never was", done);
	case ENGINE_WITNESS_RUNNING:
		break;
	}
	delivery_doubt(d, arena_printf(d->arena, "step %u of %s", q->step + 1, changeset));
	err_set(&d->error, ERR_UNKNOWN, "transaction %.*s of %s, step %u, has not ended in the server yet", (int)strcspn(q->transaction, "/"),
	        q->transaction, changeset, q->step + 1);
	return ENDED_LOST; /* the next connection asks again */
}

/* What an earlier process left in doubt, or this one. */
static int recall(struct delivery *d, struct err *e)
{
	struct journal_note n = {.target = d->task->target, .changeset = "", .name = NOTE};
	bool found = false;
	if (d->doubt || !d->engine->witness)
		return 0;
	if (journal_note_get(d->journal, &n, d->arena, &found, e) != 0)
		return -1;
	d->doubt = found ? n.value : NULL;
	return 0;
}

enum ended doubt_settle(struct delivery *d)
{
	struct doubted q = {0};
	if (recall(d, &d->error) != 0)
		return ENDED_FAILED;
	if (!d->doubt || !doubt_read(d->doubt, &q))
		return ENDED_OK;
	enum ended end = compare(d, &q, d->doubt + q.changeset);
	if (end != ENDED_OK)
		return end;
	d->doubt = NULL;
	return note(d, NULL, &d->error) == 0 ? ENDED_OK : ENDED_FAILED;
}
