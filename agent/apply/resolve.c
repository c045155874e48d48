/* Settling an open intent: the catalog is asked, the ledger is told; an intent is never simply run again.
 *
 *   open intent --> of class B: stays open, the step goes on from its cursor
 *               --> its backend still runs: wait for its end
 *               --> half-made object (INVALID index): cleaned up, then
 *                   as before, where the effect would show             --> not applied: `failed` row via probe; the plan runs the step again
 *                   the definition shows what the statement says       --> applied: `done` row via probe
 *                   anything else: also what somebody else has changed --> a person must look; the intent stays open
 *   judge.c says which.
 */
#include <string.h>

#include "agent/apply/delivery.h"
#include "agent/apply/judge.h"
#include "agent/apply/kept.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"

static bool is_absent(const uint8_t state[DIGEST_SIZE])
{
	static const uint8_t zero[DIGEST_SIZE];
	return memcmp(state, zero, DIGEST_SIZE) == 0;
}

/* ---- the open intent ---- */

static enum ended attention(struct delivery *d, const struct ledger_row *intent, const char *verb, const char *why)
{
	err_set(&d->error, ERR_UNKNOWN,
	        "%s, step %u (%s) was interrupted (ledger row %llu, attempt %u, backend %s), and it cannot be told whether it took effect: %s",
	        intent->changeset, intent->step + 1, verb, (unsigned long long)intent->seq, intent->attempt, intent->backend ? intent->backend : "?",
	        why);
	d->advice = arena_printf(d->arena,
	                         "look at the database; at the site type one of: rollcall-agent resolve %s --applied --reason '...' (its effect "
	                         "is there, whole), or the same with --not-applied (nothing of it is there, or you have undone it: it runs again)",
	                         d->task->target);
	return ENDED_ATTENTION;
}

/* "table orders was 1f2e3d4c5b6a before and is absent now": what the question to the catalog said. */
static const char *evidence(struct delivery *d, const struct sql_class *s, const struct seen *before, const struct seen *now)
{
	char hex[2][DIGEST_HEX_SIZE];
	const char *states[2];
	for (int i = 0; i < 2; i++) {
		const uint8_t *state = (i ? now : before)->state;
		bytes_to_hex(bytes_of(state, DIGEST_SIZE), hex[i]);
		states[i] = is_absent(state) ? "absent" : arena_printf(d->arena, "in state %.12s", hex[i]);
	}
	return arena_printf(d->arena, "%s %s was %s before and is %s now%s", s->object_kind[0] ? s->object_kind : "the",
	                    s->object[0] ? s->object : "schema", states[0], states[1],
	                    before->text && now->text ? kept_difference(d->arena, before->text, now->text) : "");
}

/* One database has one writer at a time: no project's work begins in the middle of another's, and only its own release knows the statement. */
static void stop_for_other(struct delivery *d, const struct ledger_row *intent)
{
	err_set(&d->error, ERR_STATE,
	        "%s, step %u of release %s of project %s is not ended on this target (ledger row %llu): nothing of project %s begins in its middle",
	        intent->changeset, intent->step + 1, intent->release_version, intent->project, (unsigned long long)intent->seq,
	        d->verified->release.project);
	d->advice = arena_printf(d->arena,
	                         "let the rollout of %s %s end on this target (rollcall show %s names it), or have the site settle the step: "
	                         "rollcall-agent resolve %s",
	                         intent->project, intent->release_version, d->task->target, d->task->target);
}

/* The statement in hand must be the one that was begun. NULL with d->error set otherwise. */
static const struct step *step_of(struct delivery *d, const struct ledger_row *intent, struct plan_item *it)
{
	const struct release *r = &d->verified->release;
	bool ours = str_empty(intent->project) || str_eq(intent->project, r->project);
	const struct changeset *c = ours ? release_changeset(r, intent->changeset) : NULL;
	const struct body *b = c ? changeset_body(c, d->engine->name) : NULL;
	if (b && intent->step < plan_steps(b, intent->direction)) {
		const struct step *s = plan_step(b, intent->direction, intent->step);
		*it = (struct plan_item){.changeset = c, .body = b, .run = intent->run};
		if (s->n_statements == 1 && memcmp(s->digest, intent->digest, DIGEST_SIZE) == 0)
			return s;
	}
	if (!ours)
		return stop_for_other(d, intent), NULL;
	attention(d, intent, "unknown here",
	          arena_printf(d->arena, "it came from release %s, and this release holds another statement there: deliver release %s again",
	                       intent->release_version, intent->release_version));
	return NULL;
}

/* How the server shows what CREATE INDEX makes, where its own text says more than the statement's. */
static int ask_wanted(struct delivery *d, struct bytes statement, const struct sql_class *s, struct seen *now, struct buf *wanted, struct err *e)
{
	if (is_absent(now->state) || !d->engine->index_wanted || !str_starts(s->verb, "CREATE INDEX"))
		return 0;
	if (d->engine->index_wanted(d->conn, statement, s, wanted, e) != 0)
		return -1;
	now->wanted = buf_str(wanted);
	return 0;
}

static enum ended settle(struct delivery *d, const struct plan_item *it, const struct ledger_row *intent, const struct sql_class *s, const char *text,
                         struct ledger_row *row)
{
	const char *why = "";
	struct bytes statement = plan_step(it->body, intent->direction, intent->step)->statements[0].sql;
	struct seen before = {.text = ""}, now = {.text = text};
	AUTO(buf_done) struct buf wanted = BUF_INIT;
	memcpy(before.state, intent->state_before, DIGEST_SIZE);
	memcpy(now.state, row->state_before, DIGEST_SIZE);
	if (!is_absent(before.state) && kept_read(d, before.state, &before.text, &d->error) != 0)
		return ENDED_FAILED;
	if (ask_wanted(d, statement, s, &now, &wanted, &d->error) != 0)
		return ENDED_LOST;
	switch (judge(d->engine->dialect, statement, &before, &now, &why)) {
	case VERDICT_NOT_APPLIED:
		row->state = STEP_FAILED;
		break;
	case VERDICT_APPLIED:
		row->state = STEP_DONE;
		break;
	case VERDICT_UNSURE:
		delivery_place(d, it, intent->direction, intent->step + 1, 1, plan_step(it->body, intent->direction, intent->step)->statements[0].line);
		return attention(d, intent, s->verb, arena_printf(d->arena, "%s; %s", why, evidence(d, s, &before, &now)));
	}
	row->started_at_us = intent->started_at_us;
	delivery_say(d, "applying", it->changeset->id, arena_printf(d->arena, "step %u was interrupted: %s", intent->step + 1, why));
	if (step_write_row(d, row, &d->error) != 0)
		return ENDED_LOST;
	FAILPOINT("outcome-written");
	if (row->state == STEP_DONE)
		step_report(d, row);
	return ENDED_OK;
}

enum ended resolve_open_intent(struct delivery *d)
{
	/* Nothing is appended while an intent is open, so only the last row can be one. */
	if (d->ledger.n_rows == 0 || d->ledger.rows[d->ledger.n_rows - 1].state != STEP_INTENT)
		return ENDED_OK;
	const struct ledger_row intent = d->ledger.rows[d->ledger.n_rows - 1];
	struct plan_item it;
	struct sql_class s;
	bool cleaned = false;
	const struct step *step = step_of(d, &intent, &it);
	if (!step)
		return ENDED_ATTENTION;
	if (step->class == STEP_B)
		return ENDED_OK; /* its cursor says how far it is; the session lock says that none of its batches still runs */
	enum ended end = lock_wait_for(d, intent.backend, "the interrupted statement");
	if (end != ENDED_OK)
		return end;
	sql_classify(d->engine->dialect, step->statements[0].sql, &s);
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct ledger_row row = step_row(d, &it, intent.direction, intent.step, STEP_FAILED, VIA_PROBE);
	if (d->engine->cleanup(d->conn, &s, &cleaned, &d->error) != 0 || d->engine->object_state(d->conn, &s, row.state_before, &text, &d->error) != 0) {
		err_wrap(&d->error, "look at what %s, step %u left", it.changeset->id, intent.step + 1);
		return ENDED_LOST;
	}
	return settle(d, &it, &intent, &s, buf_str(&text), &row);
}
