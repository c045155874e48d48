/* What the journal keeps of a delivery for the next one, and the report: one commit at its end. */
#include <string.h>

#include "agent/apply/delivery.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"

/* ---- what was validated ---- */

static struct journal_note note_of(const struct delivery *d)
{
	struct journal_note note = validated_note(d->task->target, d->verified->release.project, &d->validated, d->arena);
	note.attempt = d->task->attempt;
	memcpy(note.task, d->task->id, TASK_SIZE);
	return note;
}

int finish_recall(struct delivery *d, struct err *e)
{
	return d->validated.changeset ? 0 : validated_read(d->journal, d->task->target, d->verified->release.project, d->arena, &d->validated, e);
}

int finish_keep_account(struct delivery *d, struct err *e)
{
	const struct release *r = &d->verified->release;
	bool validates = false;
	for (size_t i = 0; i < r->n_changesets; i++)
		validates |= plan_validates_after(&r->changesets[i]);
	if (!validates || d->validated.changeset)
		return 0;
	d->validated = (struct validated){.changeset = ""};
	struct journal_note note = note_of(d);
	return journal_notes_put(d->journal, &note, 1, e);
}

/* ---- the end ---- */

static struct journal_sequence highest_sequence(const struct delivery *d)
{
	const struct project_ledger ours = delivery_ledger(d);
	const struct ledger_row *newest = ledger_newest(&ours);
	return (struct journal_sequence){.project = ours.project, .highest = newest ? newest->release_sequence : 0};
}

int delivery_finish(struct delivery *d, journal_seal_fn *seal, void *arg, struct err *e)
{
	const struct report *all = &d->report->report;
	struct journal_step *steps = arena_alloc(d->arena, (all->n_steps + 1) * sizeof *steps);
	for (size_t i = 0; i < all->n_steps; i++) {
		const struct step_outcome *o = &all->steps[i];
		steps[i] = (struct journal_step){.target = d->task->target,
		                                 .changeset = o->changeset,
		                                 .direction = o->direction,
		                                 .run = o->run,
		                                 .step = o->step,
		                                 .attempt = d->task->attempt,
		                                 .epoch = d->task->epoch,
		                                 .state = o->state};
		memcpy(steps[i].task, d->task->id, TASK_SIZE);
		memcpy(steps[i].digest, o->digest, DIGEST_SIZE);
	}
	FAILPOINT("before-journal-done");
	struct journal_sequence sequence = highest_sequence(d);
	bool ended_well = d->ledger_read && (all->outcome == OUTCOME_APPLIED || all->outcome == OUTCOME_ROLLED_BACK);
	d->report->report.ended_at_us = clock_wall_us();
	struct report trimmed = collect_trimmed(d->report);
	bool noted = d->validated.changeset;
	struct journal_note note = {0};
	if (noted)
		note = note_of(d);
	struct journal_ending end = {.steps = steps, .n_steps = all->n_steps, .sequence = ended_well ? &sequence : NULL, .note = noted ? &note : NULL};
	if (journal_finish(d->journal, &end, &trimmed, seal, arg, e) != 0)
		return -1;
	d->report->report.report_seq = trimmed.report_seq;
	memcpy(d->report->report.prev_report_hash, trimmed.prev_report_hash, DIGEST_SIZE);
	FAILPOINT("finished");
	return 0;
}
