/* `rollcall-agent run`. */
#include <malloc.h>

#include "agent/cli/commands.h"
#include "agent/cli/desk.h"
#include "agent/daemon/loop.h"
#include "common/base/log.h"

static int run_run(const struct cmd_args *a, struct err *e)
{
	AUTO(agent_config_done) struct agent_config c = {0};
	enum log_level level = LOG_LEVEL_INFO;
	if (cmd_option_given(a, "log-level") && log_level_parse(cmd_option_value(a, "log-level"), &level, e) != 0)
		return -1;
	log_open("rollcall-agent", level);
	if (desk_config(a, &c, e) != 0)
		return -1;
	struct err ended = ERR_INIT;
	if (agent_config_check_dates(&c, &ended) != 0) {
		if (!c.enrol_endpoint)
			return err_set(e, ERR_POLICY, "%s", ended.msg);
		log_error("%s; until then the controller lets this agent in for nothing else", ended.msg);
	}
	malloc_trim(0); /* the file's trees are gone */
	return agent_run(&c, e) == 0 ? EXIT_DONE : -1;
}

static const struct cmd_option run_options[] = {
    DESK_CONFIG,
    {.name = "log-level", .value = "LEVEL", .help = "error, warn, info or debug (default info)"},
    {0},
};
const struct cmd run_commands[] = {
    {
        .path = "run",
        .summary = "Serve the targets of agent.yaml until SIGTERM",
        .details =
            "On SIGTERM or SIGINT nothing new is begun and running deliveries end between two steps. A second signal cancels the running statements.",
        .example = "rollcall-agent run --config /etc/rollcall/agent.yaml",
        .options = run_options,
        .run = run_run,
    },
    {0},
};
