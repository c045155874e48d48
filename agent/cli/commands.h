/* The groups of rollcall-agent's commands: one const table a file. */
#ifndef AGENT_CLI_COMMANDS_H
#define AGENT_CLI_COMMANDS_H

#include "common/cli/cmd.h"

/* One a line: branches then join without a conflict. */
extern const struct cmd init_commands[];
extern const struct cmd enroll_commands[];
extern const struct cmd check_commands[];
extern const struct cmd run_commands[];
extern const struct cmd status_commands[];
extern const struct cmd history_commands[];
extern const struct cmd hold_commands[];
extern const struct cmd consent_commands[];
extern const struct cmd policy_commands[];
extern const struct cmd resolve_commands[];
extern const struct cmd snapshot_commands[];
extern const struct cmd adopt_commands[];
extern const struct cmd trust_commands[];

#endif
