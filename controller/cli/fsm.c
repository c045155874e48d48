/* `rollcall fsm`: the state tables, for people and for Graphviz. */
#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "controller/cli/commands.h"
#include "controller/rollout/rollout.h"

static const struct fsm *const machines[] = {&rollout_fsm, &wave_fsm, &delivery_fsm};

static void print_dot(const struct fsm *m)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	fsm_dot(m, &b);
	fputs(buf_str(&b), stdout);
}

static void add_rows(struct table *t, const struct fsm *m)
{
	for (size_t i = 0; i < m->n_rows; i++) {
		const struct fsm_row *r = &m->rows[i];
		const char *cells[] = {m->name, m->states[r->from], m->events[r->event], r->guard ? r->guard->name : NULL, m->states[r->to], r->why};
		table_row(t, cells);
	}
}

static int run_fsm(const struct cmd_args *a, struct err *e)
{
	const char *name = cmd_argument(a, 0);
	bool known = false;
	AUTO(table_destroy) struct table *t = table_new("machine,from,event,guard,to,why");
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		if (name && !str_eq(name, machines[i]->name))
			continue;
		known = true;
		if (cmd_option_given(a, "dot"))
			print_dot(machines[i]);
		else
			add_rows(t, machines[i]);
	}
	if (!known)
		return err_set(e, ERR_USAGE, "there is no machine %s: give rollout, wave or delivery", name);
	if (!cmd_option_given(a, "dot"))
		table_print(t, cmd_output(a), "rows", stdout);
	return EXIT_DONE;
}

static const struct cmd_option options[] = {
    {"dot", 0, NULL, "print Graphviz digraphs instead of rows", false, false},
    {0},
};

const struct cmd fsm_commands[] = {
    {.path = "fsm",
     .arguments = "[MACHINE]",
     .summary = "Show the state tables of rollout, wave and delivery",
     .example = "rollcall fsm delivery\nrollcall fsm --dot rollout | dot -Tsvg > rollout.svg",
     .options = options,
     .run = run_fsm,
     .max_arguments = 1},
    {0},
};
