/* main() of the rollcall tool: the groups of commands, in the order in which help shows them. */
#include <locale.h>

#include "common/base/log.h"
#include "common/base/secret.h"
#include "controller/cli/commands.h"

static const struct cmd *const groups[] = {
    keys_commands,
    trust_commands,
    project_commands,
    release_commands,
    plan_commands,
    fsm_commands,
    approve_commands,
    release_live_commands,
    connect_commands,
    rollout_commands,
    gate_commands,
    freeze_commands,
    agents_commands,
    fleet_commands,
    revoke_commands,
    history_commands,
    audit_commands,
    demo_commands,
    NULL,
};

static const struct cmd_program program = {
    .name = "rollcall",
    .purpose = "rolls signed database releases over many tenants",
    .version = ROLLCALL_VERSION,
    .groups = groups,
};

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	secret_harden_process();
	log_open("rollcall", LOG_LEVEL_WARN);
	return cmd_main(&program, argc, argv);
}
