/* `rollcall status` and `rollcall targets`: who has answered the roll call, and how they stand. */
#include "common/base/str.h"
#include "controller/cli/commands.h"
#include "controller/cli/fleet_cli.h"

static int run_targets_list(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new((size_t)64 * 1024);
	struct question q = {.verb = VERB_TARGET_LIST};
	struct selector *s = NULL;
	static const char *const only[] = {"behind", "drifted", "held", "quarantined", "offline", "trouble"};
	const char *text = cmd_option_value(a, "selector"), *limit = cmd_option_value(a, "limit");
	uint64_t n = 0;
	if (cmd_option_number(a, "limit", 1, 1000000, &n, e) != 0)
		return -1;
	if (text && selector_parse(text, arena, &s, e) != 0)
		return err_wrap(e, "--selector");
	question_add(&q, "selector", text);
	for (size_t i = 0; i < ARRAY_LEN(only); i++)
		question_add(&q, "only", cmd_option_given(a, only[i]) ? only[i] : NULL);
	question_add(&q, "limit", limit);
	question_add(&q, "after", cmd_option_value(a, "after"));
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

static const struct cmd_option status_options[] = {
    {"all", 0, NULL, "all that needs eyes, not only the first 20 entries", false, false},
    CONTEXT_OPTIONS,
    {0},
};

static const struct cmd_option targets_options[] = {
    {"selector", 'l', "SELECTOR", "only targets with these labels, such as 'environment=production,ring in (canary,early)'", false, false},
    {"behind", 0, NULL, "only those that lack their environment's present release", false, false},
    {"drifted", 0, NULL, "only those whose schema is not as their last delivery left it", false, false},
    {"held", 0, NULL, "only those that their site, its window or a freeze holds", false, false},
    {"quarantined", 0, NULL, "only those that no new rollout takes", false, false},
    {"offline", 0, NULL, "only those whose agent is not connected", false, false},
    {"trouble", 0, NULL, "only those that their agent cannot look at", false, false},
    {"limit", 0, "N", "at most this many", false, false},
    {"after", 0, "TARGET", "only those after this one, by id: the next page", false, false},
    CONTEXT_OPTIONS,
    {0},
};

static const struct cmd_option show_options[] = {CONTEXT_OPTIONS, {0}};
static const struct cmd_option quarantine_options[] = {{"reason", 0, "TEXT", "why, for whoever misses it", false, true}, CONTEXT_OPTIONS, {0}};
static const struct cmd_option unquarantine_options[] = {{"reason", 0, "TEXT", "why, for the audit", false, false}, CONTEXT_OPTIONS, {0}};

const struct cmd fleet_commands[] = {
    {"status", NULL, "Show the whole fleet on one screen: what runs, how far it is, and what needs eyes",
     "What needs eyes has what to type next below it, the worst first; what is the same at many targets is said once. In the bars: done, under way "
     "(\xe2\x96\x93), failed (\xc3\x97), to come (\xe2\x96\x91); where the locale is not UTF-8: # > x and '.'. The exit code is the worst of the "
     "rollouts that run or wait, and of each "
     "environment's last one: 0 under way or nothing "
     "to do, 3 waits for "
     "approval, 4 targets failed, 5 something needs attention or an agent was cloned.",
     "rollcall status\nrollcall status -o json", status_options, run_fleet_status, 0, 0},
    {"show", "TARGET", "Show everything about one target",
     "What its agent told of it, the release that it has and what it lacks, its schema and ledger, freeze and quarantine, what works on it now, "
     "every changeset as its ledger has it at this "
     "moment or that is still to come, and its last deliveries with the whole of what went wrong. The ledger is asked through its agent; nothing is "
     "changed.",
     "rollcall show eu/db1/acme\nrollcall show eu/db1/acme -o json", show_options, run_target_show, 1, 1},
    {"targets", NULL, "List the targets that the agents have announced, or those of them that need eyes",
     "With several of --behind, --drifted, --held, --quarantined and --offline: those that are any of it. The present release of an environment is "
     "the one of the newest rollout "
     "that succeeded there; where several projects share an environment, a target lacks only what is of a project that it has releases of, or "
     "everything when it has none at all. "
     "-o wide tells what it lacks, whether its schema is as its last delivery left it (as-left, drift), the beginning of its fingerprint and how "
     "many rows its ledger has. "
     "Fingerprints come with reports and previews of sites whose agent.yaml says 'fingerprint: changed' or 'always'.",
     "rollcall targets\nrollcall targets --behind -l environment=production -o name", targets_options, run_targets_list, 0, 0},
    {"targets list", NULL, "The same as 'targets'", NULL, "rollcall targets list -l environment=production -o name", targets_options,
     run_targets_list, 0, 0},
    {"targets quarantine", "TARGET", "Keep a target out of every new rollout",
     "A rollout that has it already goes on; 'rollcall rollout skip' takes it out there.",
     "rollcall targets quarantine eu/db1/acme --reason 'restore from backup under way'", quarantine_options, run_quarantine, 1, 1},
    {"targets unquarantine", "TARGET", "Let new rollouts take a target again", "What it missed meanwhile is not made up by itself.",
     "rollcall targets unquarantine eu/db1/acme", unquarantine_options, run_unquarantine, 1, 1},
    {0},
};
