/* `rollcall history`: what was delivered where, when, and how it ended, from the agents' signed reports. */
#include "common/base/str.h"
#include "controller/cli/commands.h"
#include "controller/cli/live.h"

static int run_history(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_HISTORY};
	const char *target = cmd_option_value(a, "target"), *limit = cmd_option_value(a, "limit");
	uint64_t n = 0;
	if (target && !str_is_target_id(target))
		return err_set(e, ERR_USAGE, "--target %s: a target is site/instance/database or site/instance/database/schema", target);
	if (cmd_option_number(a, "limit", 1, 100000, &n, e) != 0)
		return -1;
	question_add(&q, "target", target);
	question_add(&q, "rollout", cmd_option_value(a, "rollout"));
	question_add(&q, "limit", limit);
	return live_run(a, &q, e);
}

static const struct cmd_option options[] = {
    {"target", 0, "TARGET", "only of this target", false, false},
    {"rollout", 0, "ROLLOUT", "only of this rollout", false, false},
    {"limit", 0, "N", "at most this many, the newest (default: 100)", false, false},
    CONTEXT_OPTIONS,
    {0},
};

const struct cmd history_commands[] = {
    {"history", NULL, "Show what was delivered where, and how it ended", NULL,
     "rollcall history --target eu/db1/acme\nrollcall history --limit 20 -o json", options, run_history, 0, 0},
    {0},
};
