/* An audit bundle told as an auditor asks: for each changeset on each target who wrote, reviewed, signed and approved it, who applied it, when, what text, and which state of
 * the target's ledger it left. Everything is taken from signed documents, nothing from the controller's own words. */
#ifndef CONTROLLER_AUDIT_STORY_H
#define CONTROLLER_AUDIT_STORY_H

#include <stdio.h>

#include "common/cli/table.h"
#include "common/model/release.h"
#include "controller/audit/bundle.h"

/* A changeset on a target, or a delivery of which no step ran (refused, held, nothing to do): then changeset, state, via and what hangs on them are "". */
struct story_row { /* texts are "" when they are not known */
	int64_t at_us; /* the last of its steps ended */
	const char *target, *changeset, *direction, *state, *via; /* state and via of its last step */
	uint32_t steps;
	const char *release, *rollout, *environment;
	const char *wrote, *commit, *reviewed, *signed_by, *approved; /* several are joined by ", " */
	const char *approvals; /* "NAME at TIME: REASON", one a line */
	const char *agent, *agent_version, *database;
	const char *changeset_digest, *gate_report, *gates, *report, *ledger_row,
	    *ledger_head; /* hex; gates: the gate report's text; report: agent/journal/number */
	const char *schema_before, *schema_after; /* fingerprints of the target's schema when the delivery began and ended; hex */
	const char *outcome, *check, *code, *failure; /* of the delivery; check: which one refused it */
	/* Of this direction, for the target's engine; "" when the release is not in the bundle. Literals of a statement that sets a password are '?'. */
	const char *sql;
};

/* By time. The names beside the keys are those of the trust documents that follow from `own`, NULL: from the bundle's first. `changeset` not NULL: only that one, and no delivery without steps. Memory in `a`. */
size_t audit_story(const struct bundle *b, const struct trust *own, const char *changeset, struct arena *a, struct story_row **ret);

struct table *story_table(const struct story_row *rows, size_t n);
/* One page without scripts or links to elsewhere: summary, findings of the check, what operators did, and each row with its text. */
struct audit_result;
void story_html(const struct bundle *b, const struct story_row *rows, size_t n, const struct audit_result *checked, struct buf *ret);

#endif
