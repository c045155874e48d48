/* Gathers what a delivery did into its report, in an arena: steps, validations, the failure. Text that came from a database is made fit for the wire here (UTF-8, capped). */
#ifndef AGENT_REPORT_COLLECT_H
#define AGENT_REPORT_COLLECT_H

#include "agent/verify/checks.h"
#include "common/base/arena.h"
#include "common/model/report.h"

/* A report travels in one frame (LIMIT_FRAME_BODY); past this many steps only the newest are named. ledger_rows and ledger_head cover them all. */
#define REPORT_STEPS_MAX       1000
#define REPORT_VALIDATIONS_MAX 200
#define REPORT_TEXT_MAX        1500

struct collector {
	struct report report;
	struct arena *arena; /* borrowed */
	size_t cap_steps, cap_validations;
};

void collect_step(struct collector *c, const struct step_outcome *s);
/* value and expected are copied; a name that is there already (same changeset, when) is added again: both were seen. */
void collect_validation(struct collector *c, const struct validation_outcome *v);

/* Where a failure happened, and by which check, if by one; all may be empty. step and statement count from 1, 0: none. */
struct failure_place {
	enum check_code check;
	const char *changeset, *file;
	uint32_t step, statement, line;
};
/* Sets the failure (a later one replaces it). `then` is what Rollcall does by itself and what to type next. */
void collect_failure(struct collector *c, const struct err *e, const struct failure_place *at, const char *then, const char *database_state);

/* The report with at most REPORT_STEPS_MAX steps and REPORT_VALIDATIONS_MAX validations: what is sealed. */
struct report collect_trimmed(const struct collector *c);

/* A copy of at most `max` bytes; what is not UTF-8, and control characters, become '?'. NULL stays NULL. */
const char *collect_text(struct arena *a, const char *s, size_t max);

#endif
