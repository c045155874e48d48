/* `rollcall-agent history TARGET`: what this agent has reported about a target, and what the ledger in the target itself says. Where the two differ, the ledger is right. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/cli/commands.h"
#include "agent/cli/desk.h"
#include "agent/cli/reports.h"
#include "agent/cli/visit.h"
#include "agent/ledger/ledger.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/cli/table.h"

#define REPORTS_MAX 100000

struct listing {
	const char *target;
	struct table *t;
	struct arena *arena;
	uint64_t first_unacked;
};

static void add_report(void *arg, const struct report *r)
{
	struct listing *x = arg;
	char at[CLOCK_TEXT_SIZE], release[DIGEST_SIZE * 2 + 1], order[DIGEST_SIZE * 2 + 1];
	if (!str_eq(r->target, x->target))
		return;
	bytes_to_hex(bytes_of(r->release_digest, DIGEST_SIZE), release);
	bytes_to_hex(bytes_of(r->order_digest, DIGEST_SIZE), order);
	table_row(x->t, (const char *const[]){clock_text(r->ended_at_us, at), outcome_name(r->outcome), direction_name(r->direction),
	                                      arena_printf(x->arena, "%u", (unsigned)r->attempt), arena_printf(x->arena, "%" PRIu64, r->report_seq),
	                                      r->report_seq < x->first_unacked ? "yes" : "no", reports_detail(x->arena, r), release, order});
}

static void add_row(struct table *t, const struct ledger_row *row)
{
	char at[CLOCK_TEXT_SIZE];
	table_rowf(t, "%s\t%s\t%s\t%s\t%u\t%s\t%s\t%s\t%u\t%s\t%" PRIu64, clock_text(row->ended_at_us ? row->ended_at_us : row->started_at_us, at),
	           row->project, row->changeset, direction_name(row->direction), (unsigned)row->step + 1, step_state_name(row->state),
	           step_via_name(row->via), row->release_version, (unsigned)row->run, row->agent, row->seq);
}

static int read_ledger(const struct cmd_args *args, struct arena *a, struct table *t, struct err *e)
{
	AUTO(visit_end) struct visit v = {.en = NULL};
	struct ledger l;
	if (visit_begin(args, false, &v, e) != 0 || ledger_peek(v.en, v.conn, a, &l, e) != 0)
		return -1;
	for (size_t i = 0; i < l.n_rows; i++)
		add_row(t, &l.rows[i]);
	return 0;
}

static int run_history(const struct cmd_args *a, struct err *e)
{
	AUTO(desk_done) struct desk d = {.journal = NULL};
	AUTO(table_destroy) struct table *reports = table_new("at,outcome,direction,#attempt,#report,acknowledged,~detail,+release,+order");
	AUTO(table_destroy) struct table *ledger = table_new("at,project,changeset,direction,#step,state,via,release,#run,+agent,+#row");
	const struct agent_target *target = NULL;
	struct err why = ERR_INIT;
	if (desk_open(a, &d, e) != 0 || desk_target(&d, cmd_argument(a, 0), &target, e) != 0)
		return -1;
	struct listing x = {.target = target->target.id, .t = reports, .arena = d.arena, .first_unacked = journal_first_unacked(d.journal)};
	if (reports_walk(d.journal, REPORTS_MAX, d.arena, add_report, &x, e) != 0)
		return -1;
	int rc = cmd_option_given(a, "offline") ? 0 : read_ledger(a, d.arena, ledger, &why);
	const struct table *const tables[] = {reports, ledger};
	static const char *const kinds[] = {"reports", "ledger"};
	tables_print(tables, kinds, ARRAY_LEN(kinds), cmd_output(a), stdout);
	if (rc != 0) {
		*e = why;
		return err_wrap(e, "the ledger in %s could not be read (--offline leaves it out)", target->target.id);
	}
	output_say("%s: %zu reports of the last 30 days, %zu ledger rows", target->target.id, table_count(reports), table_count(ledger));
	return EXIT_DONE;
}

static const struct cmd_option history_options[] = {
    DESK_CONFIG,
    {.name = "offline", .help = "only what the journal holds; the database is not asked"},
    {0},
};

const struct cmd history_commands[] = {
    {
        .path = "history",
        .arguments = "TARGET",
        .summary = "Show what was done on a target: this agent's reports, and the target's own ledger",
        .example = "rollcall-agent history eu/pg1/shop1 --config /etc/rollcall/agent.yaml",
        .options = history_options,
        .run = run_history,
        .min_arguments = 1,
        .max_arguments = 1,
    },
    {0},
};
