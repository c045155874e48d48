/* `rollcall targets`: what has answered the roll call. */
#include "controller/cli/commands.h"
#include "controller/cli/live.h"

static int run_targets_list(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new((size_t)64 * 1024);
	struct question q = {.verb = VERB_TARGET_LIST};
	struct selector *s = NULL;
	const char *text = cmd_option_value(a, "selector");
	if (text && selector_parse(text, arena, &s, e) != 0)
		return err_wrap(e, "--selector");
	question_add(&q, "selector", text);
	return live_run(a, &q, e);
}

static int run_quarantine(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_TARGET_QUARANTINE};
	question_add(&q, "target", cmd_argument(a, 0));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return live_run(a, &q, e);
}

static int run_unquarantine(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_TARGET_UNQUARANTINE};
	question_add(&q, "target", cmd_argument(a, 0));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return live_run(a, &q, e);
}

static const struct cmd_option targets_options[] = {
    {"selector", 'l', "SELECTOR", "only targets with these labels, such as 'environment=production,ring in (canary,early)'", false, false},
    CONTEXT_OPTIONS,
    {0},
};

static const struct cmd_option quarantine_options[] = {{"reason", 0, "TEXT", "why, for whoever misses it", false, true}, CONTEXT_OPTIONS, {0}};
static const struct cmd_option unquarantine_options[] = {{"reason", 0, "TEXT", "why, for the audit", false, false}, CONTEXT_OPTIONS, {0}};

const struct cmd fleet_commands[] = {
    {"targets list", NULL, "List the targets that the agents have announced",
     "-o wide also tells whether a target's schema is as its last delivery left it (as-left, drift), the beginning of its fingerprint and how many "
     "rows its "
     "ledger has. Fingerprints come with reports and previews of sites whose agent.yaml says 'fingerprint: changed' or 'always'.",
     "rollcall targets list\nrollcall targets list -l environment=production -o name", targets_options, run_targets_list, 0, 0},
    {"targets quarantine", "TARGET", "Keep a target out of every new rollout",
     "A rollout that has it already goes on; 'rollcall rollout skip' takes it out there.",
     "rollcall targets quarantine eu/db1/acme --reason 'restore from backup under way'", quarantine_options, run_quarantine, 1, 1},
    {"targets unquarantine", "TARGET", "Let new rollouts take a target again", "What it missed meanwhile is not made up by itself.",
     "rollcall targets unquarantine eu/db1/acme", unquarantine_options, run_unquarantine, 1, 1},
    {0},
};
