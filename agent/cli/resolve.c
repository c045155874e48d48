/* `rollcall-agent resolve`: the way out of needs-attention. Shows an interrupted step that nobody but a person can judge, and writes down what the person says. Works without
 * the controller: the site's own people decide about their database. */
#include <stdio.h>

#include "agent/cli/commands.h"
#include "agent/cli/visit.h"
#include "agent/journal/journal.h"
#include "agent/ledger/ledger_settle.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/cli/table.h"

#define ARENA_BYTES ((size_t)256 * 1024 * 1024) /* a whole ledger */

static void print_row(const struct cmd_args *a, const struct ledger_row *row)
{
	AUTO(table_destroy) struct table *t = table_new("changeset,#step,direction,state,via,release,#attempt,began,+backend,#row");
	char began[CLOCK_TEXT_SIZE];
	table_rowf(t, "%s\t%u\t%s\t%s\t%s\t%s\t%u\t%s\t%s\t%llu", row->changeset, row->step + 1, direction_name(row->direction),
	           step_state_name(row->state), step_via_name(row->via), row->release_version, row->attempt, clock_text(row->started_at_us, began),
	           row->backend, (unsigned long long)row->seq);
	table_print(t, cmd_output(a), "steps", stdout);
}

/* The reason is kept beside the agent's other notes: the ledger row says that a person decided, the journal why. */
static int keep_reason(const struct agent_config *c, const char *target, const struct ledger_row *row, const char *reason, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(c->data_dir, "journal.db");
	AUTO(journal_close) struct journal *j = NULL;
	struct journal_note note = {
	    .target = target, .changeset = row->changeset, .run = row->run, .name = "settled-by-hand", .value = reason, .attempt = row->attempt};
	if (journal_open(path, &j, e) != 0)
		return -1;
	return journal_notes_put(j, &note, 1, e);
}

static int decide(const struct cmd_args *a, struct visit *v, struct ledger *l, struct err *e)
{
	const char *target = v->target->target.id;
	bool applied = cmd_option_given(a, "applied");
	struct ledger_row row;
	if (keep_reason(&v->config, target, ledger_open_intent(l), cmd_option_value(a, "reason"), e) != 0 ||
	    ledger_settle(v->en, v->conn, l, applied, clock_wall_us(), &row, e) != 0)
		return -1;
	print_row(a, &row);
	fprintf(stderr, "%s: step %u of %s is settled: %s. Next: 'rollcall rollout retry ROLLOUT %s' goes on from here\n", target, row.step + 1,
	        row.changeset, applied ? "it counts as applied and will not run again" : "it counts as not applied and runs again", target);
	return EXIT_DONE;
}

static int run_resolve(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new(ARENA_BYTES);
	AUTO(visit_end) struct visit v = {0};
	struct ledger l;
	bool yes = cmd_option_given(a, "applied"), no = cmd_option_given(a, "not-applied");
	if (yes && no)
		return err_set(e, ERR_USAGE, "--applied and --not-applied exclude each other");
	if ((yes || no) && str_empty(cmd_option_value(a, "reason")))
		return err_set(e, ERR_USAGE, "--reason is missing: say what you saw in the database");
	if (visit_begin(a, true, &v, e) != 0 || ledger_peek(v.en, v.conn, arena, &l, e) != 0)
		return -1;
	const struct ledger_row *intent = ledger_open_intent(&l);
	if (!intent) {
		fprintf(stderr, "%s: no step is open; there is nothing to settle\n", v.target->target.id);
		return EXIT_DONE;
	}
	if (yes || no)
		return decide(a, &v, &l, e);
	print_row(a, intent);
	if (intent->class == STEP_B) {
		fprintf(
		    stderr,
		    "%s: this step is half-done in batches; the next try goes on from its cursor (table %sbatch), and nothing needs to be settled. If you "
		    "have finished or undone it by hand, say so with --applied or --not-applied\n",
		    v.target->target.id, v.en->ledger_prefix(v.conn));
		return EXIT_DONE;
	}
	fprintf(stderr,
	        "%s: this step was begun and its end is not known. Look at the database, then type one of\n"
	        "  rollcall-agent resolve %s --applied --reason '...'      its effect is there, whole\n"
	        "  rollcall-agent resolve %s --not-applied --reason '...'  nothing of it is there, or you have undone it\n",
	        v.target->target.id, v.target->target.id, v.target->target.id);
	return EXIT_ATTENTION;
}

static const struct cmd_option resolve_options[] = {
    {.name = "config", .letter = 'c', .value = "FILE", .help = "agent.yaml", .required = true},
    {.name = "applied", .help = "the step's effect is in the database, whole: it will not run again"},
    {.name = "not-applied", .help = "nothing of it is there, or you have undone it: it runs again with the next try"},
    {.name = "reason", .value = "TEXT", .help = "what you saw; kept in the agent's journal"},
    {0},
};

const struct cmd resolve_commands[] = {
    {
        .path = "resolve",
        .arguments = "TARGET",
        .summary = "Show an interrupted step that only a person can judge, or settle it",
        .details = "Without --applied or --not-applied it shows the step and changes nothing (exit 5 when there is one). The decision becomes a "
                   "ledger row, via operator.",
        .example = "rollcall-agent resolve eu/pg1/shop1 --config /etc/rollcall/agent.yaml --applied --reason 'the index is there and valid'",
        .options = resolve_options,
        .run = run_resolve,
        .min_arguments = 1,
        .max_arguments = 1,
    },
    {0},
};
