/* Reports of this agent as they stand in its journal, for commands that show them. Kept 30 days. */
#ifndef AGENT_CLI_REPORTS_H
#define AGENT_CLI_REPORTS_H

#include "agent/journal/journal.h"
#include "common/base/arena.h"
#include "common/model/report.h"

/* Called for each, oldest first; what it wants to keep is in the arena. */
typedef void report_fn(void *arg, const struct report *r);
/* The newest `max` of them. */
int reports_walk(struct journal *j, size_t max, struct arena *a, report_fn *fn, void *arg, struct err *e) MUST_CHECK;
/* "alice:a (changes/001.sql:10): message. In the database: ..."; NULL when it did not fail. */
const char *reports_detail(struct arena *a, const struct report *r);

#endif
