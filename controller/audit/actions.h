/* What people did beside signing: a rollout started, paused, resumed, aborted or tried again, targets skipped or put in quarantine, freezes, agents revoked, each with its reason, where one was given, as its detail. Told from the audit log's rows, which the
 * chain holds and agents countersign; a row is the controller's word and nobody's signature. */
#ifndef CONTROLLER_AUDIT_ACTIONS_H
#define CONTROLLER_AUDIT_ACTIONS_H

#include "common/cli/table.h"
#include "controller/audit/bundle.h"

struct action {
	const struct audit_row *row;
	const char *what; /* the row's event, as the commands name it: "abort", "freeze add" */
};

/* Of the bundle's time and target, in the log's order: of a target alone what was done to it, to the rollouts that reached it, and freezes. In `a`. */
size_t audit_actions(const struct bundle *b, struct arena *a, struct action **ret);
/* Was it done to this rollout as a whole, to a wave of it, or to this target in it? */
bool action_touches(const struct action *x, const char *rollout, const char *target);
struct table *actions_table(const struct action *list, size_t n);

#endif
