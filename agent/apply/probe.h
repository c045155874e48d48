/* A probe of an order's wave on a target of it: read-only, and only SQL that stands in an order which passes every check of a delivery here and now. The controller names
 * a task that this agent has in its journal and the probe's number; no SQL comes from it. */
#ifndef AGENT_APPLY_PROBE_H
#define AGENT_APPLY_PROBE_H

#include "agent/apply/runner.h"

/* *ret_value: the value as text, cut at PROBE_VALUE_MAX, "NULL" for SQL NULL; in `a`. Opens and closes its own connection into *conn's place, so that nothing of a
 * delivery is shared. ERR_NOT_FOUND: no such task or probe; ERR_POLICY, ERR_SIGNATURE: the order does not pass; ERR_DB...: the query failed. */
int probe_run(const struct survey_job *job, const struct engine_target *connect, struct arena *a, const char **ret_value, struct err *e) MUST_CHECK;

#endif
