/* The command tables of the rollcall tool: one for each group, each in its own file of controller/cli, each ending with a row of path NULL. */
#ifndef CONTROLLER_CLI_COMMANDS_H
#define CONTROLLER_CLI_COMMANDS_H

#include "common/cli/cmd.h"

/* offline */
extern const struct cmd keys_commands[];
extern const struct cmd trust_commands[];
extern const struct cmd project_commands[]; /* init, lint */
extern const struct cmd release_commands[]; /* build, sign, show, verify */
extern const struct cmd plan_commands[];
extern const struct cmd approve_commands[];
extern const struct cmd fsm_commands[];
/* live */
extern const struct cmd revoke_commands[]; /* keys revoke, release withdraw: offline with --out */
extern const struct cmd connect_commands[]; /* connect, ping */
extern const struct cmd release_live_commands[]; /* push, list */
extern const struct cmd rollout_commands[];
extern const struct cmd gate_commands[]; /* gate check, gate pass: also offline, on a bundle */
extern const struct cmd freeze_commands[];
extern const struct cmd agents_commands[];
extern const struct cmd fleet_commands[]; /* targets */
extern const struct cmd history_commands[];
extern const struct cmd audit_commands[]; /* export, verify, prove; verify and prove also offline, on a bundle */
extern const struct cmd demo_commands[];

#endif
