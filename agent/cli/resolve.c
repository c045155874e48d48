/* `rollcall-agent resolve`: the way out of needs-attention. Shows an interrupted step that nobody but a person can judge, and writes down what the person says. Works without
 * the controller: the site's own people decide about their database. */
#include <stdio.h>

#include "agent/apply/validated.h"
#include "agent/cli/commands.h"
#include "agent/cli/visit.h"
#include "agent/ledger/ledger_settle.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/cli/table.h"

/* `row` NULL: none is open, which programs are told too. */
static void print_row(const struct cmd_args *a, const struct ledger_row *row)
{
	AUTO(table_destroy) struct table *t = table_new("project,changeset,#step,direction,state,via,release,#attempt,began,+backend,#row");
	char began[CLOCK_TEXT_SIZE];
	if (!row && cmd_output(a) == OUTPUT_TABLE)
		return;
	if (row)
		table_rowf(t, "%s\t%s\t%u\t%s\t%s\t%s\t%s\t%u\t%s\t%s\t%llu", row->project, row->changeset, row->step + 1, direction_name(row->direction),
		           step_state_name(row->state), step_via_name(row->via), row->release_version, row->attempt, clock_text(row->started_at_us, began),
		           row->backend, (unsigned long long)row->seq);
	table_print(t, cmd_output(a), "steps", stdout);
}

/* The row says that a person decided; who, when and why stands in the ledger's meta table under the row's number, and in the journal. */
static int keep_reason(struct visit *v, const struct ledger_row *row, const char *why, struct err *e)
{
	struct journal_note note = {.target = v->target->target.id,
	                            .project = row->project,
	                            .changeset = row->changeset,
	                            .run = row->run,
	                            .name = "settled-by-hand",
	                            .value = why,
	                            .attempt = row->attempt};
	const char *name = arena_printf(v->desk.arena, "row %llu", (unsigned long long)row->seq + 1);
	return journal_notes_put(v->desk.journal, &note, 1, e) == 0 ? ledger_note(v->en, v->conn, name, why, e) : -1;
}

static int decide(const struct cmd_args *a, struct visit *v, struct ledger *l, struct err *e)
{
	const char *target = v->target->target.id, *why = NULL;
	bool applied = cmd_option_given(a, "applied"), again = cmd_option_given(a, "retry");
	struct ledger_row row;
	if (visit_reason(a, v, &why, e) != 0)
		return -1;
	if (again)
		why = arena_printf(v->desk.arena, "may run again, whatever of it is there: %s", why);
	if (keep_reason(v, ledger_open_intent(l), why, e) != 0 ||
	    ledger_settle(v->en, v->conn, l, applied, arena_printf(v->desk.arena, "operator %s", desk_user(&v->desk)), clock_wall_us(), &row, e) != 0)
		return -1;
	print_row(a, &row);
	output_say("%s: step %u of %s is settled: %s. Next: 'rollcall rollout retry ROLLOUT %s' goes on from here", target, row.step + 1, row.changeset,
	           applied ? "it counts as applied and will not run again"
	           : again ? "it may run again, whatever of it is there"
	                   : "it counts as not applied and runs again",
	           target);
	return EXIT_DONE;
}

/* ---- a ledger that was set back ---- */

static int accept_ledger(const struct cmd_args *a, struct visit *v, const struct ledger *l, struct err *e)
{
	const char *why = NULL;
	if (visit_reason(a, v, &why, e) != 0 || (l->target_id && ledger_note(v->en, v->conn, "accepted", why, e) != 0) || visit_accept(v, l, e) != 0)
		return -1;
	output_say("%s: the ledger is accepted as it is, with %zu rows. Next: 'rollcall rollout retry ROLLOUT %s' goes on from there",
	           v->target->target.id, l->n_rows, v->target->target.id);
	return EXIT_DONE;
}

static int show_diverged(const struct cmd_args *a, const struct visit *v, const struct ledger *l, const struct journal_head *known, uint64_t common)
{
	fprintf(
	    stderr,
	    "%s: the ledger was set back: it has %zu rows, and this agent has seen row %llu there; both know row %llu. What came after that may be lost "
	    "in the database too. To go on from the ledger as it is, type\n"
	    "  rollcall-agent resolve %s%s --accept-ledger --reason '...'\n",
	    v->target->target.id, l->n_rows, (unsigned long long)known->rows, (unsigned long long)common, v->target->target.id,
	    desk_config_words(a, v->desk.arena));
	return EXIT_ATTENTION;
}

/* ---- an open step ---- */

static int show_open(const struct cmd_args *a, const struct visit *v, const struct ledger_row *intent)
{
	const char *target = v->target->target.id, *config = desk_config_words(a, v->desk.arena);
	print_row(a, intent);
	if (intent->class == STEP_B) {
		output_say("%s: this step is half-done in batches; the next try goes on from its cursor (table %sbatch), and nothing needs to be settled. If "
		           "you have finished or undone it by hand, say so with --applied or --not-applied",
		           target, v->en->ledger_prefix(v->conn));
		return EXIT_DONE;
	}
	output_say("%s: this step was begun and its end is not known. Look at the database, then type one of\n"
	           "  rollcall-agent resolve %s%s --applied --reason '...'      its effect is there, whole\n"
	           "  rollcall-agent resolve %s%s --not-applied --reason '...'  nothing of it is there, or you have undone it\n"
	           "  rollcall-agent resolve %s%s --retry --reason '...'        running it again does no harm, whatever of it is there",
	           target, target, config, target, config, target, config);
	return EXIT_ATTENTION;
}

/* ---- a changeset that stays although its validations do not hold ---- */

/* NULL: none. Two projects may have one each: one after the other. */
static int find_unvalidated(struct visit *v, const struct ledger *l, const struct ledger_row **ret, struct err *e)
{
	*ret = NULL;
	for (size_t i = 0; i < l->n_rows && !*ret; i++) {
		const struct project_ledger part = {.all = l, .project = l->rows[i].project};
		const struct ledger_row *row = ledger_unvalidated(&part);
		struct validated seen = {0};
		if (row != &l->rows[i])
			continue;
		if (validated_read(v->desk.journal, v->target->target.id, row->project, v->desk.arena, &seen, e) != 0)
			return -1;
		*ret = str_eq(seen.changeset, row->changeset) && seen.run == row->run ? NULL : row;
	}
	return 0;
}

static int settle_unvalidated(const struct cmd_args *a, struct visit *v, const struct ledger_row *row, struct err *e)
{
	const char *target = v->target->target.id, *why = NULL;
	const struct validated now = {.changeset = row->changeset, .run = row->run};
	const struct journal_note note = validated_note(target, row->project, &now, v->desk.arena);
	const char *name = arena_printf(v->desk.arena, "row %llu", (unsigned long long)row->seq);
	if (visit_reason(a, v, &why, e) != 0 || ledger_note(v->en, v->conn, name, why, e) != 0 || journal_notes_put(v->desk.journal, &note, 1, e) != 0)
		return -1;
	print_row(a, row);
	output_say("%s: %s counts as valid as it stands. Next: 'rollcall rollout retry ROLLOUT %s' goes on from here", target, row->changeset, target);
	return EXIT_DONE;
}

static int show_unvalidated(const struct cmd_args *a, const struct visit *v, const struct ledger_row *row)
{
	const char *target = v->target->target.id;
	print_row(a, row);
	output_say(
	    "%s: %s is applied and stays, but its validations after it did not hold, or could not be judged; the failed row is theirs. The next order "
	    "validates again before it goes on. If it is right as it is, type\n"
	    "  rollcall-agent resolve %s%s --validated --reason '...'",
	    target, row->changeset, target, desk_config_words(a, v->desk.arena));
	return EXIT_ATTENTION;
}

static int check_choice(const struct cmd_args *a, bool *ret_given, struct err *e)
{
	static const char *const choices[] = {"applied", "not-applied", "retry", "validated", "accept-ledger"};
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(choices); i++)
		n += cmd_option_given(a, choices[i]);
	if (n > 1)
		return err_set(e, ERR_USAGE, "--applied, --not-applied, --retry, --validated and --accept-ledger exclude each other");
	*ret_given = n;
	if (n && str_empty(cmd_option_value(a, "reason")))
		return err_set(e, ERR_USAGE, "--reason is missing: say what you saw in the database");
	return 0;
}

static int run_resolve(const struct cmd_args *a, struct err *e)
{
	AUTO(visit_end) struct visit v = {0};
	struct ledger l;
	struct journal_head *known = NULL;
	size_t n_known = 0;
	uint64_t common = 0;
	bool chosen = false, follows = true;
	const struct ledger_row *unvalidated = NULL;
	if (check_choice(a, &chosen, e) != 0 || visit_begin(a, true, &v, e) != 0 || ledger_peek(v.en, v.conn, v.desk.arena, &l, e) != 0 ||
	    visit_heads(&v, &l, &known, &n_known, &follows, &common, e) != 0)
		return -1;
	const struct ledger_row *intent = ledger_open_intent(&l);
	if (!follows)
		return cmd_option_given(a, "accept-ledger") ? accept_ledger(a, &v, &l, e) : show_diverged(a, &v, &l, known, common);
	if (!intent && !cmd_option_given(a, "accept-ledger") && find_unvalidated(&v, &l, &unvalidated, e) != 0)
		return -1;
	if (unvalidated)
		return cmd_option_given(a, "validated") ? settle_unvalidated(a, &v, unvalidated, e) : show_unvalidated(a, &v, unvalidated);
	if (!intent || cmd_option_given(a, "accept-ledger") || cmd_option_given(a, "validated")) {
		print_row(a, NULL);
		output_say("%s: %s", v.target->target.id,
		           !intent                            ? "no step is open; there is nothing to settle"
		           : cmd_option_given(a, "validated") ? "a step is open in its ledger: settle that one first"
		                                              : "the ledger was not set back; a step is open in it");
		return intent ? EXIT_FAILED : EXIT_DONE;
	}
	return chosen ? decide(a, &v, &l, e) : show_open(a, &v, intent);
}

static const struct cmd_option resolve_options[] = {
    DESK_CONFIG,
    {.name = "applied", .help = "the step's effect is in the database, whole: it will not run again"},
    {.name = "not-applied", .help = "nothing of it is there, or you have undone it: it runs again with the next try"},
    {.name = "retry", .help = "it can be repeated without harm, whatever of it is there: it runs again with the next try"},
    {.name = "validated", .help = "a changeset whose validations did not hold is right as it is: the next try goes on behind it"},
    {.name = "accept-ledger", .help = "the ledger was set back (a restored backup, a fail-over): go on from it as it is"},
    {.name = "reason", .value = "TEXT", .help = "what you saw; kept in the ledger's meta table and the agent's journal"},
    {0},
};

const struct cmd resolve_commands[] = {
    {
        .path = "resolve",
        .arguments = "TARGET",
        .summary =
            "Show what only a person can judge, an interrupted step, a validation that does not hold or a ledger that was set back, and settle it",
        .details = "Without a decision it shows what is open and changes nothing (exit 5 when there is something). A decision on a step becomes a "
                   "ledger row, via operator, and goes out with the next report.",
        .example = "rollcall-agent resolve eu/pg1/shop1 --config /etc/rollcall/agent.yaml --applied --reason 'the index is there and valid'",
        .options = resolve_options,
        .run = run_resolve,
        .min_arguments = 1,
        .max_arguments = 1,
    },
    {0},
};
