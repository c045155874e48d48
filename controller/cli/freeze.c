/* `rollcall freeze`: times in which nothing new starts. */
#include "common/base/str.h"
#include "controller/cli/commands.h"
#include "controller/cli/key_option.h"
#include "controller/cli/live.h"

static int run_add(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new((size_t)64 * 1024);
	struct question q = {.verb = VERB_FREEZE_ADD};
	struct selector *s = NULL;
	const char *selector = cmd_option_value(a, "selector"), *from = NULL, *until = NULL;
	if (selector && selector_parse(selector, arena, &s, e) != 0)
		return err_wrap(e, "--selector");
	if (time_option_text(a, "from", true, arena, &from, e) != 0 || time_option_text(a, "until", false, arena, &until, e) != 0)
		return -1;
	question_add(&q, "selector", selector);
	question_add(&q, "from", from);
	question_add(&q, "until", until);
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return live_run(a, &q, e);
}

static int run_list(const struct cmd_args *a, struct err *e)
{
	const struct question q = {.verb = VERB_FREEZE_LIST};
	return live_run(a, &q, e);
}

static int run_remove(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_FREEZE_REMOVE};
	question_add(&q, "freeze", cmd_argument(a, 0));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return live_run(a, &q, e);
}

static const struct cmd_option add_options[] = {
    {"selector", 'l', "SELECTOR", "only these targets, such as 'region=eu,tier!=gold' (default: all)", false, false},
    {"from", 0, "TIME", "when it begins: 2026-12-20T18:00:00Z, or a time from now such as 2h (default: now)", false, false},
    {"until", 0, "TIME", "when it ends: a moment, or a time from now", false, true},
    {"reason", 0, "TEXT", "why, for whoever waits", false, true},
    CONTEXT_OPTIONS,
    {0},
};
static const struct cmd_option list_options[] = {CONTEXT_OPTIONS, {0}};
static const struct cmd_option remove_options[] = {{"reason", 0, "TEXT", "why, for the audit", false, false}, CONTEXT_OPTIONS, {0}};

const struct cmd freeze_commands[] = {
    {"freeze add", NULL, "Let nothing new start on these targets for a time",
     "Deliveries whose turn comes meanwhile are held, with the reason, and start when the freeze is over. What runs, runs on; what is being rolled "
     "back goes on being rolled back.",
     "rollcall freeze add -l 'region=eu' --until 2027-01-02T06:00:00Z --reason 'year-end closing'", add_options, run_add, 0, 0},
    {"freeze list", NULL, "List the freezes that are in force or to come", NULL, "rollcall freeze list", list_options, run_list, 0, 0},
    {"freeze remove", "FREEZE", "End a freeze now", "What it held starts at once.", "rollcall freeze remove 3", remove_options, run_remove, 1, 1},
    {0},
};
