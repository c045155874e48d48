/* The end of a delivery in words: what happened, what is true in the database, what Rollcall does by itself, what to type next. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/apply/delivery.h"
#include "agent/report/words.h"
#include "common/base/str.h"

void delivery_check(struct delivery *d, enum check_code c, const char *advice)
{
	d->place.check = c;
	d->advice = advice;
}

enum ended delivery_refuse(struct delivery *d, enum check_code c, const char *advice)
{
	assert(c != CHECK_NONE);
	delivery_check(d, c, advice);
	return ENDED_REFUSED;
}

/* A statement that was begun and whose end the ledger does not know, in whatever run: not one in batches, which go on from their cursor. */
static bool is_open(const struct delivery *d)
{
	const struct ledger_row *last = d->ledger_read && d->ledger.n_rows ? &d->ledger.rows[d->ledger.n_rows - 1] : NULL;
	return last && last->state == STEP_INTENT && last->class != STEP_B;
}

static enum outcome outcome_of(const struct delivery *d, enum ended end)
{
	switch (end) {
	case ENDED_OK:
		return d->task->direction == DIRECTION_APPLY ? OUTCOME_APPLIED : OUTCOME_ROLLED_BACK;
	case ENDED_REFUSED:
		return OUTCOME_REFUSED;
	case ENDED_ATTENTION:
		return OUTCOME_NEEDS_ATTENTION;
	case ENDED_ASK:
		return OUTCOME_HELD;
	case ENDED_STOPPED:
		if (watch_wish(d->watch) <= WISH_HOLD && !d->in_doubt)
			return OUTCOME_HELD;
		break;
	case ENDED_FAILED:
	case ENDED_LOST:
		break;
	}
	return d->in_doubt || is_open(d) ? OUTCOME_NEEDS_ATTENTION : OUTCOME_FAILED;
}

static const char *what_rollcall_does(const struct delivery *d, enum outcome outcome)
{
	const struct order *o = &d->verified->order;
	if (outcome != OUTCOME_FAILED || d->task->direction == DIRECTION_ROLLBACK)
		return "Rollcall does nothing more on this target by itself.";
	if (d->wave < o->n_waves && o->waves[d->wave].on_failure != ON_FAILURE_HALT)
		return arena_printf(d->arena, "The wave's rule is on_failure %s: the controller acts on it now.",
		                    on_failure_name(o->waves[d->wave].on_failure));
	return "Rollcall leaves this target as it is; the wave halts when it has more failures than its plan allows.";
}

/* unseen: the database could not be asked. */
static const char *what_to_do(const struct delivery *d, enum outcome outcome, bool unseen)
{
	if (d->advice)
		return arena_printf(d->arena, "Next: %s; then type", d->advice);
	if (outcome == OUTCOME_REFUSED)
		return "Next: remove the cause, then type";
	if (outcome == OUTCOME_NEEDS_ATTENTION && !unseen)
		return arena_printf(
		    d->arena, "Next: look at the database; at the site 'rollcall-agent resolve %s' shows the open step and takes your word on it; then type",
		    d->task->target);
	if (outcome == OUTCOME_NEEDS_ATTENTION)
		return "Next: when the database can be reached again, let the ledger settle it: type";
	return "Next: remove the cause, then type";
}

static const char *then_text(const struct delivery *d, enum outcome outcome, enum ended end)
{
	if (outcome == OUTCOME_HELD && d->advice)
		return d->advice;
	if (outcome == OUTCOME_HELD && watch_wish(d->watch) == WISH_PAUSE)
		return "The rollout is paused; the delivery goes on from here by itself when it is resumed.";
	if (outcome == OUTCOME_HELD)
		return "The site holds this target; the delivery goes on from here by itself when the site lifts the hold.";
	return arena_printf(d->arena, "%s %s: rollcall rollout retry %s %s", what_rollcall_does(d, outcome),
	                    what_to_do(d, outcome, d->in_doubt || end == ENDED_LOST), d->verified->order.id, d->task->target);
}

static const char *state_text(const struct delivery *d, enum ended end)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	if (d->ledger_read && !d->identified && d->rows_reported == 0)
		return end == ENDED_REFUSED ? "nothing was changed: no statement was run" : "this run changed nothing";
	if (!d->ledger_read)
		return end == ENDED_REFUSED ? "nothing was changed: no statement was run" : "this run changed nothing; the ledger could not be read";
	if (end == ENDED_LOST)
		buf_adds(&text, "when the database was last seen: ");
	const struct project_ledger ours = delivery_ledger(d);
	words_state(&text, &d->verified->release, d->engine->name, &ours);
	if (d->in_doubt)
		buf_addf(&text, "; whether %s took effect is not known, because the connection was lost in its middle", d->in_doubt);
	return arena_strdup(d->arena, buf_str(&text));
}

static void say_more(struct err *e, const char *sentence)
{
	size_t n = strlen(e->msg);
	snprintf(e->msg + n, sizeof e->msg - n, ". %s", sentence);
}

/* Somebody should give the code its class: `rollcall-agent status` shows how many there were. */
static void note_unclassified(struct delivery *d)
{
	uint64_t ignored;
	struct err second;
	if (!d->engine || d->engine->retry_class(&d->error) != RETRY_UNCLASSIFIED)
		return;
	say_more(&d->error, "Rollcall does not know this error code, so it tried nothing again.");
	if (journal_next(d->journal, "unclassified_errors", &ignored, &second) != 0)
		return; /* a counter that cannot be written changes nothing of what happened */
}

static const char loss_text[] = "It is done, and would be lost only with this server, before a standby has it: look at pg_stat_replication.";

/* The ledger's row is there, so the step is done; what is missing is said, whatever else there is to say. */
static void tell_unconfirmed(struct delivery *d, enum ended end)
{
	struct failure *f = &d->report->report.failure;
	struct err e = ERR_INIT;
	err_set(&e, ERR_STATE, "%s is committed here and not confirmed by the synchronous standby: the wait for it was cancelled", d->unconfirmed);
	str_copy(e.sqlstate, sizeof e.sqlstate, "01000");
	if (!f->code)
		collect_failure(d->report, &e, &d->unconfirmed_place, loss_text, state_text(d, end));
	else
		f->next = collect_text(d->arena, arena_printf(d->arena, "%s Beside that, %s. %s", f->next ? f->next : "", e.msg, loss_text), REPORT_TEXT_MAX);
}

void conclude(struct delivery *d, enum ended end)
{
	struct report *r = &d->report->report;
	r->outcome = outcome_of(d, end);
	if (r->reverted && r->outcome != OUTCOME_APPLIED)
		say_more(&d->error, "The changeset was rolled back at once.");
	if (r->outcome == OUTCOME_FAILED && d->ledger_read && !d->schema_taken && release_needs(&d->verified->release, FEATURE_RELEASE_TRANSACTION))
		say_more(&d->error, "The release is one transaction: nothing of this delivery was kept.");
	if (end == ENDED_FAILED)
		note_unclassified(d);
	if (d->in_doubt && !d->place.changeset) { /* further connections were tried in vain */
		enum check_code check = d->place.check;
		d->place = d->doubt_place;
		d->place.check = check;
	}
	if (end != ENDED_OK)
		collect_failure(d->report, &d->error, &d->place, then_text(d, r->outcome, end), state_text(d, end));
	if (d->unconfirmed)
		tell_unconfirmed(d, end);
	if (d->ledger_read && d->identified) {
		r->ledger_uuid = arena_strdup(d->arena, d->ledger.uuid);
		memcpy(r->ledger_head, d->ledger.head, DIGEST_SIZE);
		r->ledger_rows = d->ledger.n_rows;
	}
}
