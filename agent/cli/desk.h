/* What the commands about a running agent start from: agent.yaml and the journal beside it. They work while the agent runs, without asking it and without the controller. */
#ifndef AGENT_CLI_DESK_H
#define AGENT_CLI_DESK_H

#include "agent/daemon/config.h"
#include "agent/journal/journal.h"
#include "common/cli/cmd.h"

#define DESK_CONFIG_DEFAULT "/etc/rollcall/agent.yaml"

struct desk {
	struct agent_config config;
	struct journal *journal;
	struct arena *arena;
};

/* agent.yaml: by --config, $ROLLCALL_AGENT_CONFIG, or where it is by default. ERR_USAGE when nothing names it and there is none. */
int desk_config(const struct cmd_args *a, struct agent_config *ret, struct err *e) MUST_CHECK;
/* " --config FILE" when that was typed, or "": for the commands that a message says to type next. In the arena. */
const char *desk_config_words(const struct cmd_args *a, struct arena *arena);
/* desk_config; makes the journal when there is none yet. */
int desk_open(const struct cmd_args *a, struct desk *ret, struct err *e) MUST_CHECK;
void desk_done(struct desk *d); /* for AUTO */
/* ERR_NOT_FOUND with what to do. */
int desk_target(struct desk *d, const char *id, const struct agent_target **ret, struct err *e) MUST_CHECK;
/* Who types: the user that sudo was called by, or the process's own. */
const char *desk_user(struct desk *d);
/* --until and the like: a moment, or a time from now. *ret_us stays as it is when the option is not given. */
int desk_time_option(const struct cmd_args *a, const char *name, int64_t now_us, int64_t *ret_us, struct err *e) MUST_CHECK;

#define DESK_CONFIG                                                                                         \
	{                                                                                                       \
		.name = "config", .letter = 'c', .value = "FILE",                                                   \
		.help = "the agent's configuration (default: $ROLLCALL_AGENT_CONFIG, then " DESK_CONFIG_DEFAULT ")" \
	}

#endif
