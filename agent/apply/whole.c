/* A release with `transaction: release`: preconditions, steps, validations and ledger rows of all its pending changesets are one transaction. What fails, a validation too,
 * takes all of it back; a try after a lock time-out or a deadlock begins at the first changeset. A lost reply to COMMIT is settled from the ledger, as for one step. */
#include <string.h>

#include "agent/apply/delivery.h"
#include "agent/apply/retry.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"

struct before { /* what a try that comes to nothing goes back to */
	size_t n_rows, n_validations;
	struct validated validated;
};

static bool has_work(const struct delivery *d)
{
	for (size_t i = 0; i < d->plan.n_items; i++)
		if (d->plan.items[i].action != PLAN_SKIP)
			return true;
	return false;
}

/* Left by a delivery that was not in one transaction: what it began must end as it began. */
static bool is_foreign(const struct plan_item *it)
{
	return it->action == PLAN_REVERT || it->action == PLAN_REVERTED;
}

static enum ended check_plan(struct delivery *d)
{
	for (size_t i = 0; i < d->plan.n_items; i++) {
		const struct plan_item *it = &d->plan.items[i];
		if (!is_foreign(it))
			continue;
		err_set(&d->error, ERR_STATE,
		        "changeset %s is half-rolled back by an earlier release, which was not one transaction: deliver that release again first",
		        it->changeset->id);
		return ENDED_FAILED;
	}
	return ENDED_OK;
}

/* What this release has committed it could not commit without its validations. What another one left without them is validated first, by itself. */
static enum ended validate_earlier(struct delivery *d)
{
	const struct project_ledger ours = delivery_ledger(d);
	const struct ledger_row *newest = ledger_newest_forward(&ours);
	for (size_t i = 0; i < d->plan.n_items; i++) {
		struct plan_item *it = &d->plan.items[i];
		if (it->action != PLAN_VALIDATE)
			continue;
		if (memcmp(newest->release_digest, d->verified->release.digest, DIGEST_SIZE) == 0)
			d->validated = (struct validated){.changeset = it->changeset->id, .run = it->run};
		enum ended end = str_eq(d->validated.changeset, it->changeset->id) ? ENDED_OK : delivery_validate(d, it);
		if (end != ENDED_OK)
			return end;
		it->action = PLAN_SKIP;
	}
	return ENDED_OK;
}

static enum ended begin(struct delivery *d)
{
	watch_statement(d->watch, true); /* where beginning takes a lock, this is where it waits */
	int rc = ledger_begin(d->engine, d->conn, &d->ledger, d->task->epoch, &d->error);
	watch_statement(d->watch, false);
	FAILPOINT("begun");
	return rc == 0 ? ENDED_OK : delivery_judge(d, &d->error);
}

static enum ended commit(struct delivery *d)
{
	FAILPOINT("ledger-written");
	if (d->engine->commit(d->conn, &d->error) == 0)
		return ENDED_OK;
	if (d->error.code == ERR_UNKNOWN) {
		delivery_doubt(d, "the release's one transaction");
		if (d->ledger.n_rows > 0)
			doubt_raise(d, &d->ledger.rows[d->ledger.n_rows - 1]); /* one for all: they are of one piece */
	}
	return delivery_judge(d, &d->error);
}

static void forget(struct delivery *d, const struct before *b)
{
	step_undo(d);
	d->validated = b->validated;
	while (d->ledger.n_rows > b->n_rows)
		ledger_forget_last(&d->ledger);
}

static void report_rows(struct delivery *d, const struct before *b)
{
	for (size_t i = b->n_rows; i < d->ledger.n_rows; i++)
		step_report(d, &d->ledger.rows[i]);
}

static enum ended one_try(struct delivery *d, const struct before *b)
{
	d->error = ERR_INIT;
	d->step_number = 0;
	d->report->report.n_validations = b->n_validations;
	enum ended end = begin(d);
	d->whole = true;
	if (end == ENDED_OK)
		end = delivery_items(d);
	if (end == ENDED_OK)
		end = commit(d);
	d->whole = false;
	if (end != ENDED_OK)
		forget(d, b);
	return end;
}

enum ended whole_run(struct delivery *d)
{
	enum ended end = check_plan(d);
	if (end == ENDED_OK)
		end = validate_earlier(d);
	struct before b = {.n_rows = d->ledger.n_rows, .n_validations = d->report->report.n_validations, .validated = d->validated};
	if (end != ENDED_OK || !has_work(d))
		return end;
	for (uint32_t n = 0;; n++) {
		delivery_patience(d, n);
		end = one_try(d, &b);
		if (end != ENDED_FAILED)
			break;
		end = delivery_wait(d, &d->error, n, d->place.changeset, false);
		if (end != ENDED_OK)
			break;
	}
	if (end == ENDED_OK) {
		FAILPOINT("committed");
		report_rows(d, &b);
	}
	return end;
}
