/* Targets that appear by themselves: a target of agent.yaml whose id holds {database} or {schema} is a pattern, and each database, schema or file whose name fits `discover` is a
 * target made from it. What was found once stays in the list for as long as the agent runs: deliveries and runners hold pointers to it. The loop's thread alone adds. */
#ifndef AGENT_DAEMON_DISCOVER_H
#define AGENT_DAEMON_DISCOVER_H

#include "agent/daemon/config.h"

/* The names that fit now, in `a`. Blocks: connects to the pattern's server, or reads a folder. */
int discover_list(const struct agent_pattern *p, struct arena *a, const char ***ret, size_t *ret_n, struct err *e) MUST_CHECK;
/* Adds the target of this name; the one that is there already is found again. -1: it cannot be one (ERR_PARSE no id can be made of the name, ERR_POLICY the certificate does not cover
 * it, ERR_LIMIT too many). ret_new may be NULL. */
int discover_add(struct agent_config *c, size_t pattern, const char *name, bool *ret_new, struct err *e) MUST_CHECK;
/* The one that was added for this name; NULL: none was. */
const struct agent_target *discover_made(const struct agent_config *c, size_t pattern, const char *name);
/* The target of this id, made from a pattern that fits when it is not there yet, whether the database is or not; NULL: no target and no pattern of ours. */
const struct agent_target *discover_id(struct agent_config *c, const char *id);
/* Every pattern once, now; a server that cannot be asked is told in the log. */
void discover_all(struct agent_config *c);

#endif
