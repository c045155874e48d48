/* One stay of a command in a target's database: configuration, password, connection, and the session lock where something will be written. */
#ifndef AGENT_CLI_VISIT_H
#define AGENT_CLI_VISIT_H

#include "agent/daemon/config.h"
#include "common/cli/cmd.h"

struct visit {
	struct agent_config config;
	const struct agent_target *target; /* in config */
	const struct engine *en;
	struct conn *conn;
	struct secret *password;
	struct engine_target connect;
};

/* The target is the command's first argument, agent.yaml its option --config. With `lock`, ERR_STATE names who works on the target. */
int visit_begin(const struct cmd_args *a, bool lock, struct visit *ret, struct err *e) MUST_CHECK;
void visit_end(struct visit *v); /* for AUTO(visit_end) */

#endif
