/* What is to be done on one target: release + ledger + order -> an ordered list. Pure: no database, no clock, no journal. */
#ifndef AGENT_APPLY_PLAN_H
#define AGENT_APPLY_PLAN_H

#include "agent/ledger/ledger.h"
#include "common/model/order.h"
#include "common/model/release.h"

enum plan_action {
	PLAN_SKIP, /* nothing to do; `why` says it */
	PLAN_RUN, /* from its first step; preconditions first */
	PLAN_RESUME, /* an earlier attempt did `first_step` steps: go on there */
	PLAN_VALIDATE, /* an earlier attempt or another delivery did all steps, and the validations after them were not seen to hold: only those */
	PLAN_REVERT, /* an earlier attempt died while it reverted the changeset: finish that from `first_step`, then run it anew */
	PLAN_REVERTED, /* this very attempt reverts or reverted it: finish that and end, the delivery has failed */
	PLAN_ROLLBACK, /* direction rollback, from `first_step` */
	PLAN_ACTION_COUNT
};

struct plan_item {
	const struct changeset *changeset;
	const struct body *body; /* NULL only for PLAN_SKIP */
	uint32_t position; /* in the release, from 1 */
	enum plan_action action;
	uint32_t run, first_step;
	const char *why; /* static storage */
};

struct plan {
	struct plan_item *items; /* in the order in which they are done */
	size_t n_items;
	uint32_t n_steps; /* that will run, so that people see "step 3 of 7" */
};

struct plan_input {
	const struct release *release;
	const struct order *order;
	enum direction direction; /* of the delivery; a rollback under an apply order undoes only what that order applied */
	const struct project_ledger *ledger; /* without open intents, of whichever project: resolve first */
	const char *engine;
	const char *task; /* hex, as in the ledger */
	uint32_t attempt;
	const char *validated; /* the newest changeset whose validations after it were seen to hold, and its run; "": none; NULL: not known */
	uint32_t validated_run;
	uint64_t statement_max; /* bytes that the server takes in one statement; 0: any number */
};

/* ERR_POLICY: the release may not go here (changed content). ERR_LIMIT: a statement is too large for the server. ERR_STATE: it cannot as things stand (no rollback, half-applied). Nothing was touched then. */
int plan_make(const struct plan_input *in, struct arena *a, struct plan *ret, struct err *e) MUST_CHECK;

/* A body without statements still has one step, so that the ledger can say that it is done. */
size_t plan_steps(const struct body *b, enum direction d);
const struct step *plan_step(const struct body *b, enum direction d, size_t i);
const char *plan_action_name(enum plan_action a);
bool plan_validates_after(const struct changeset *c);

#endif
