/* The groups of rollcall-agent's commands: one const table a file. */
#ifndef AGENT_CLI_COMMANDS_H
#define AGENT_CLI_COMMANDS_H

#include "common/cli/cmd.h"

extern const struct cmd init_commands[], run_commands[], check_commands[], resolve_commands[], snapshot_commands[], adopt_commands[], hold_commands[],
    policy_commands[], trust_commands[];

#endif
