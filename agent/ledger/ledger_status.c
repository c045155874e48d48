/* What the ledger's rows say of one changeset. Pure: rows in, a verdict out.
 *
 *   rows of the last run                                       state
 *   none, or failed ones only                                  pending (rolled-back runs before it do not count)
 *   an apply outcome, steps or an intent missing               partial
 *   every step done                                            applied
 *   skipped ones only                                          skipped
 *   a rollback outcome or intent, steps missing                rolling-back
 *   every rollback step done                                   rolled-back
 */
#include "agent/ledger/ledger.h"

#include <assert.h>
#include <string.h>

#include "common/base/str.h"

static const char *const state_names[] = {"pending", "partial", "applied", "skipped", "rolling-back", "rolled-back"};

const char *changeset_state_name(enum changeset_state s)
{
	return state_names[s];
}

/* ---- the rows of one project ---- */

static bool is_of(const struct project_ledger *p, const struct ledger_row *r)
{
	return str_empty(r->project) || str_eq(r->project, p->project);
}

const struct ledger_row *project_next(const struct project_ledger *p, const struct ledger_row *after)
{
	for (size_t i = after ? (size_t)(after - p->all->rows) + 1 : 0; i < p->all->n_rows; i++)
		if (is_of(p, &p->all->rows[i]))
			return &p->all->rows[i];
	return NULL;
}

const struct ledger_row *project_previous(const struct project_ledger *p, const struct ledger_row *before)
{
	for (size_t i = before ? (size_t)(before - p->all->rows) : p->all->n_rows; i-- > 0;)
		if (is_of(p, &p->all->rows[i]))
			return &p->all->rows[i];
	return NULL;
}

/* ---- one changeset ---- */

static bool is_outcome(const struct ledger_row *r)
{
	return r->state == STEP_DONE || r->state == STEP_SKIPPED;
}

/* What one direction of the last run shows. */
struct tally {
	uint32_t done, skipped;
	const struct ledger_row *last_outcome, *open_intent;
};

static void tally_add(struct tally *t, const struct ledger_row *r)
{
	bool closes = t->open_intent && t->open_intent->step == r->step;
	if (r->state == STEP_INTENT)
		t->open_intent = r;
	else if (closes)
		t->open_intent = NULL;
	if (!is_outcome(r))
		return;
	t->done += r->state == STEP_DONE;
	t->skipped += r->state == STEP_SKIPPED;
	t->last_outcome = r;
}

static const struct ledger_row *tally_rows(const struct project_ledger *l, const char *changeset, uint32_t run, struct tally tallies[2])
{
	const struct ledger_row *last = NULL;
	for (const struct ledger_row *r = NULL; (r = project_next(l, r));) {
		if (r->run != run || !str_eq(r->changeset, changeset))
			continue;
		tally_add(&tallies[r->direction], r);
		last = r;
	}
	return last;
}

static uint32_t last_run(const struct project_ledger *l, const char *changeset)
{
	uint32_t run = 0;
	for (const struct ledger_row *r = NULL; (r = project_next(l, r));)
		if (r->run > run && str_eq(r->changeset, changeset))
			run = r->run;
	return run;
}

static enum changeset_state forward_state(const struct tally *t, size_t n_steps)
{
	uint32_t outcomes = t->done + t->skipped;
	if (t->open_intent)
		return CHANGESET_PARTIAL;
	if (outcomes == 0)
		return CHANGESET_PENDING;
	if (t->done == 0)
		return CHANGESET_SKIPPED; /* one row stands for the whole changeset */
	return outcomes >= n_steps ? CHANGESET_APPLIED : CHANGESET_PARTIAL;
}

static enum changeset_state back_state(const struct tally *t, size_t n_rollback)
{
	return !t->open_intent && t->done + t->skipped >= n_rollback ? CHANGESET_ROLLED_BACK : CHANGESET_ROLLING_BACK;
}

void ledger_status(const struct project_ledger *l, const char *changeset, size_t n_steps, size_t n_rollback, struct changeset_status *ret)
{
	*ret = (struct changeset_status){.run = last_run(l, changeset)};
	if (!ret->run)
		return;
	struct tally tallies[2] = {0};
	const struct ledger_row *last = tally_rows(l, changeset, ret->run, tallies);
	const struct tally *forward = &tallies[DIRECTION_APPLY], *back = &tallies[DIRECTION_ROLLBACK];
	bool going_back = back->last_outcome || back->open_intent;
	const struct tally *now = going_back ? back : forward;
	ret->state = going_back ? back_state(back, n_rollback) : forward_state(forward, n_steps);
	ret->steps_done = now->done + now->skipped;
	ret->open_intent = back->open_intent ? back->open_intent : forward->open_intent;
	assert(last); /* a run is known from its rows */
	const struct ledger_row *from = forward->last_outcome ? forward->last_outcome : last;
	memcpy(ret->changeset_digest, from->changeset_digest, DIGEST_SIZE);
	ret->release_version = from->release_version;
	ret->release_sequence = from->release_sequence;
}

/* ---- which one is the newest ---- */

const struct ledger_row *ledger_newest_forward(const struct project_ledger *l)
{
	const struct ledger_row *r = project_previous(l, NULL);
	while (r && r->direction != DIRECTION_APPLY)
		r = project_previous(l, r);
	return r;
}

static bool is_same_step(const struct ledger_row *a, const struct ledger_row *b)
{
	return a->direction == b->direction && a->run == b->run && a->step == b->step && str_eq(a->changeset, b->changeset);
}

const struct ledger_row *ledger_unvalidated(const struct project_ledger *l)
{
	const struct ledger_row *newest = ledger_newest_forward(l);
	struct changeset_status st;
	if (!newest || newest->state != STEP_FAILED)
		return NULL;
	ledger_status(l, newest->changeset, 0, 0, &st);
	if (st.state != CHANGESET_APPLIED)
		return NULL;
	for (const struct ledger_row *r = newest; (r = project_previous(l, r));)
		if (r->state == STEP_DONE && is_same_step(r, newest))
			return newest;
	return NULL;
}

static bool is_in_effect(const struct changeset_status *s)
{
	return s->state == CHANGESET_APPLIED || s->state == CHANGESET_PARTIAL || s->state == CHANGESET_ROLLING_BACK;
}

const struct ledger_row *ledger_newest(const struct project_ledger *l)
{
	const struct ledger_row *newest = NULL;
	for (const struct ledger_row *row = NULL; (row = project_next(l, row));) {
		struct changeset_status s;
		if (row->direction != DIRECTION_APPLY || row->state != STEP_DONE || (newest && row->release_sequence <= newest->release_sequence))
			continue;
		ledger_status(l, row->changeset, 0, 0, &s);
		if (is_in_effect(&s) && s.release_sequence >= row->release_sequence)
			newest = row;
	}
	return newest;
}
