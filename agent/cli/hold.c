/* `rollcall-agent hold | unhold`: the site's people stop deliveries to their databases. Written into the journal, which only this site writes: nothing that the controller
 * sends can lift it. */
#include <stdio.h>

#include "agent/cli/commands.h"
#include "agent/cli/desk.h"
#include "agent/journal/holds.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/cli/table.h"

#define REASON_MAX 300

/* --all, or the one target. */
static int which(const struct cmd_args *a, struct desk *d, const char **ret, struct err *e)
{
	const struct agent_target *t = NULL;
	bool all = cmd_option_given(a, "all");
	if (all == (cmd_argument_count(a) == 1))
		return err_set(e, ERR_USAGE, "name one target, or give --all");
	if (!all && desk_target(d, cmd_argument(a, 0), &t, e) != 0)
		return -1;
	*ret = all ? HOLD_ALL : t->target.id;
	return 0;
}

static void print_hold(const struct cmd_args *a, const struct site_hold *h)
{
	AUTO(table_destroy) struct table *t = table_new("target,until,by,reason");
	char until[CLOCK_TEXT_SIZE];
	table_row(t, (const char *const[]){str_eq(h->target, HOLD_ALL) ? "all" : h->target, h->until_us ? clock_text(h->until_us, until) : "lifted",
	                                   h->by, str_empty(h->reason) ? NULL : h->reason});
	table_print(t, cmd_output(a), "holds", stdout);
}

static int run_hold(const struct cmd_args *a, struct err *e)
{
	AUTO(desk_done) struct desk d = {.journal = NULL};
	const char *reason = cmd_option_value(a, "reason");
	struct site_hold h = {.reason = reason ? reason : "", .at_us = clock_wall_us()};
	if (strlen(h.reason) > REASON_MAX)
		return err_set(e, ERR_USAGE, "--reason: %zu bytes; at most %d: shorten it", strlen(h.reason), REASON_MAX);
	if (desk_open(a, &d, e) != 0 || which(a, &d, &h.target, e) != 0 || desk_time_option(a, "until", h.at_us, &h.until_us, e) != 0)
		return -1;
	h.by = desk_user(&d);
	if (journal_hold_put(d.journal, &h, e) != 0)
		return -1;
	print_hold(a, &h);
	output_say("held: nothing begins there, and what runs ends after its present step. Only this site can lift it: rollcall-agent unhold %s%s",
	           str_eq(h.target, HOLD_ALL) ? "--all" : h.target, desk_config_words(a, d.arena));
	return EXIT_DONE;
}

static int run_unhold(const struct cmd_args *a, struct err *e)
{
	AUTO(desk_done) struct desk d = {.journal = NULL};
	const char *target = NULL;
	size_t n = 0;
	if (desk_open(a, &d, e) != 0 || which(a, &d, &target, e) != 0 ||
	    journal_hold_drop(d.journal, str_eq(target, HOLD_ALL) ? NULL : target, &n, e) != 0)
		return -1;
	if (cmd_output(a) != OUTPUT_TABLE) {
		AUTO(table_destroy) struct table *t = table_new("target,#lifted");
		table_rowf(t, "%s\t%zu", str_eq(target, HOLD_ALL) ? "all" : target, n);
		table_print(t, cmd_output(a), "holds", stdout);
	}
	if (n == 0)
		output_say("no such hold; 'rollcall-agent status' lists those in force");
	else
		output_say("%zu hold%s lifted: what waited is offered again within a few seconds", n, n == 1 ? "" : "s");
	return EXIT_DONE;
}

static const struct cmd_option hold_options[] = {
    DESK_CONFIG,
    {.name = "all", .help = "every target of this agent, also those that come later"},
    {.name = "reason", .value = "TEXT", .help = "shown to whoever asks why, here and at the controller"},
    {.name = "until", .value = "WHEN", .help = "a moment, or a time from now such as 2h; default: until it is lifted"},
    {0},
};
static const struct cmd_option unhold_options[] = {
    DESK_CONFIG,
    {.name = "all", .help = "lift every hold, also those of single targets"},
    {0},
};

const struct cmd hold_commands[] = {
    {
        .path = "hold",
        .arguments = "[TARGET]",
        .summary = "Stop deliveries to one target, or to all",
        .details =
            "Nothing begins on a held target, and a delivery that runs ends between two steps; it goes on from there once the hold is lifted. The "
            "controller shows it as held, with the reason, and cannot lift it. It survives restarts. The running agent sees it within a second.",
        .example = "rollcall-agent hold eu/pg1/shop1 --config /etc/rollcall/agent.yaml --reason 'year-end closing' --until 2h\n"
                   "rollcall-agent hold --all --config /etc/rollcall/agent.yaml",
        .options = hold_options,
        .run = run_hold,
        .max_arguments = 1,
    },
    {
        .path = "unhold",
        .arguments = "[TARGET]",
        .summary = "Lift a hold",
        .example = "rollcall-agent unhold eu/pg1/shop1 --config /etc/rollcall/agent.yaml",
        .options = unhold_options,
        .run = run_unhold,
        .max_arguments = 1,
    },
    {0},
};
