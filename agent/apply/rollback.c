/* Going back: a whole changeset under a rollback, or at once when its validations after fail. A revert, once begun, is finished: a STOP does not end it. */
#include "agent/apply/delivery.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"

#define REVERT_NOTE "*revert" /* no validation can have this name */

enum ended rollback_item(struct delivery *d, const struct plan_item *it, uint32_t first_step)
{
	for (uint32_t k = first_step; k < plan_steps(it->body, DIRECTION_ROLLBACK); k++) {
		enum ended end = step_run(d, it, DIRECTION_ROLLBACK, k);
		if (end != ENDED_OK)
			return end;
	}
	return ENDED_OK;
}

/* Why, for the report of a run that finds the revert half-done; and the intents of its steps. */
static int note_revert(struct delivery *d, const struct plan_item *it)
{
	size_t n = plan_steps(it->body, DIRECTION_ROLLBACK);
	struct journal_note note = {.target = d->task->target,
	                            .project = d->verified->release.project,
	                            .changeset = it->changeset->id,
	                            .run = it->run,
	                            .name = REVERT_NOTE,
	                            .value = collect_text(d->arena, d->error.msg, REPORT_TEXT_MAX),
	                            .attempt = d->task->attempt};
	struct journal_step *steps = arena_alloc(d->arena, n * sizeof *steps);
	struct err e = ERR_INIT;
	memcpy(note.task, d->task->id, TASK_SIZE);
	for (size_t k = 0; k < n; k++) {
		steps[k] = (struct journal_step){.target = d->task->target,
		                                 .changeset = it->changeset->id,
		                                 .direction = DIRECTION_ROLLBACK,
		                                 .run = it->run,
		                                 .step = (uint32_t)k,
		                                 .attempt = d->task->attempt,
		                                 .epoch = d->task->epoch,
		                                 .backend = d->engine->backend(d->conn),
		                                 .state = STEP_INTENT};
		memcpy(steps[k].task, d->task->id, TASK_SIZE);
		memcpy(steps[k].digest, plan_step(it->body, DIRECTION_ROLLBACK, k)->digest, DIGEST_SIZE);
	}
	if (journal_notes_put(d->journal, &note, 1, &e) != 0 || journal_steps(d->journal, steps, n, &e) != 0) {
		d->error = e;
		return err_wrap(&d->error, "the changeset could not be reverted, the journal cannot be written");
	}
	FAILPOINT("revert-noted");
	return 0;
}

/* The reason that an earlier run of this attempt noted, when this run has none of its own. */
static void recall_reason(struct delivery *d, const struct plan_item *it)
{
	struct journal_note note = {
	    .target = d->task->target, .project = d->verified->release.project, .changeset = it->changeset->id, .run = it->run, .name = REVERT_NOTE};
	struct err ignored = ERR_INIT;
	bool found = false;
	if (journal_note_get(d->journal, &note, d->arena, &found, &ignored) == 0 && found && note.value)
		err_set(&d->error, ERR_STATE, "%s", note.value);
	else
		err_set(&d->error, ERR_STATE, "a validation after %s failed before the agent was restarted", it->changeset->id);
	delivery_place(d, it, DIRECTION_APPLY, 0, 0, it->changeset->line);
	delivery_check(d, C23_VALIDATIONS, check_what_to_do(C23_VALIDATIONS));
}

static bool is_applied(const struct delivery *d, const struct plan_item *it)
{
	const struct project_ledger ours = delivery_ledger(d);
	struct changeset_status st;
	ledger_status(&ours, it->changeset->id, it->body->n_steps, it->body->n_rollback, &st);
	return st.state == CHANGESET_APPLIED;
}

enum ended rollback_not(struct delivery *d, const struct plan_item *it, enum ended end)
{
	const struct project_ledger ours = delivery_ledger(d);
	struct ledger_row row = step_row(d, it, DIRECTION_APPLY, (uint32_t)plan_steps(it->body, DIRECTION_APPLY) - 1, STEP_FAILED, VIA_RUN);
	struct err e = ERR_INIT;
	d->advice = arena_printf(d->arena,
	                         "look at the values in the report, and correct the data: the next order validates again before it goes on. Or, if it is "
	                         "right as it is, the site's people type: rollcall-agent resolve %s --validated --reason '...'",
	                         d->task->target);
	if (ledger_unvalidated(&ours) || step_write_row(d, &row, &e) == 0)
		return end;
	d->error = e;
	return delivery_judge(d, &e) == ENDED_STOPPED ? ENDED_STOPPED : ENDED_LOST; /* the next connection validates again */
}

static enum ended reverted(struct delivery *d, const struct plan_item *it)
{
	struct err why = d->error;
	struct failure_place at = d->place;
	bool ok = false;
	FAILPOINT("reverted");
	d->report->report.reverted = true;
	delivery_say(d, "validating", it->changeset->id, "the earlier state");
	d->error = ERR_INIT;
	enum ended end = checks_restored(d, it, &ok);
	if (end != ENDED_OK)
		return end;
	if (!ok) {
		err_wrap(&d->error, "%s; it was rolled back, but the earlier state is not back", why.msg);
		d->advice = NULL;
		return ENDED_ATTENTION;
	}
	d->error = why;
	d->place = at;
	return ENDED_FAILED;
}

/* What another order has applied may have been worked with for long. NULL: it goes. */
static const char *why_it_stays(const struct delivery *d, const struct plan_item *it)
{
	const struct project_ledger ours = delivery_ledger(d);
	if (!it->body->has_rollback)
		return "the changeset has no rollback";
	return it->action == PLAN_VALIDATE && !str_eq(ledger_newest_forward(&ours)->task, d->task_hex) ? "another order has applied the changeset" : NULL;
}

enum ended rollback_revert(struct delivery *d, const struct plan_item *it, uint32_t first_step)
{
	const char *stays = why_it_stays(d, it);
	if (stays) {
		struct err why = d->error;
		err_set(&d->error, why.code, "%s; %s, so what it did stays", why.msg, stays);
		return rollback_not(d, it, ENDED_FAILED);
	}
	bool again = it->action == PLAN_REVERTED;
	if (again)
		recall_reason(d, it);
	else if (note_revert(d, it) != 0)
		return ENDED_FAILED;
	if (again && checks_recall(d, it) != ENDED_OK)
		return ENDED_FAILED;
	struct err why = d->error;
	struct failure_place at = d->place;
	d->reverting = true;
	enum ended end = rollback_item(d, it, first_step);
	d->reverting = false;
	if (end == ENDED_FAILED) {
		err_wrap(&d->error, "%s; its rollback fails", why.msg);
		d->advice = NULL;
		return is_applied(d, it) ? rollback_not(d, it, ENDED_ATTENTION) : ENDED_ATTENTION;
	}
	if (end != ENDED_OK)
		return end;
	d->error = why;
	d->place = at;
	return reverted(d, it);
}
