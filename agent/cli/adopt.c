/* `rollcall-agent adopt`: the site's word that a copied, moved or renamed database is this target's now. */
#include <stdio.h>

#include "agent/cli/commands.h"
#include "agent/cli/visit.h"
#include "common/base/str.h"
#include "common/cli/table.h"

/* Is the ledger this target's, in this database, and the one that the agent knows? */
static bool is_known(const struct visit *v, const struct ledger *l, const struct engine_identity *id, const struct journal_head *heads, size_t n)
{
	return str_eq(l->target_id, v->target->target.id) && engine_is_database(id, l->database_identity) && (!n || str_eq(l->uuid, heads[0].uuid));
}

static int check_set_back(const struct cmd_args *a, const struct ledger *l, const struct journal_head *known, bool follows, uint64_t common,
                          struct err *e)
{
	if (follows || cmd_option_given(a, "accept-ledger"))
		return 0;
	return err_set(
	    e, ERR_STATE,
	    "this ledger has %zu rows, and the agent has seen row %llu of its target's; both know row %llu: if that is meant, add --accept-ledger",
	    l->n_rows, (unsigned long long)known->rows, (unsigned long long)common);
}

/* For programs; `was_target` NULL and no rows: nothing was to be adopted. People are told in a sentence. */
static void print_adopted(const struct cmd_args *a, size_t rows, const char *was_target, const char *was_in)
{
	AUTO(table_destroy) struct table *t = table_new("target,#rows,was-target,was-in");
	if (cmd_output(a) == OUTPUT_TABLE)
		return;
	if (rows)
		table_rowf(t, "%s\t%zu\t%s\t%s", cmd_argument(a, 0), rows, was_target ? was_target : "", was_in ? was_in : "");
	table_print(t, cmd_output(a), "adopted", stdout);
}

static int adopt(const struct cmd_args *a, struct visit *v, struct ledger *l, struct err *e)
{
	const char *target = v->target->target.id, *was_target = l->target_id, *was_in = l->database_identity, *why = NULL;
	if (visit_reason(a, v, &why, e) != 0 || ledger_adopt(v->en, v->conn, l, target, why, e) != 0 || visit_accept(v, l, e) != 0)
		return -1;
	print_adopted(a, l->n_rows, was_target, was_in);
	output_say(
	    "%s: adopted: its ledger of %zu rows was of target %s in database %s, and is of this one now. Next: 'rollcall rollout retry ROLLOUT %s'",
	    target, l->n_rows, was_target ? was_target : "(none)", was_in ? was_in : "(none)", target);
	return EXIT_DONE;
}

static int run_adopt(const struct cmd_args *a, struct err *e)
{
	AUTO(visit_end) struct visit v = {0};
	struct ledger l;
	struct engine_identity id;
	struct journal_head *heads = NULL;
	size_t n = 0;
	uint64_t common = 0;
	bool follows = true;
	if (visit_begin(a, true, &v, e) != 0 || v.en->identity(v.conn, &id, e) != 0 || ledger_peek(v.en, v.conn, v.desk.arena, &l, e) != 0 ||
	    visit_heads(&v, &l, &heads, &n, &follows, &common, e) != 0)
		return -1;
	if (!l.target_id && l.n_rows == 0)
		return err_set(e, ERR_STATE, "%s: there is no ledger in this database; a delivery makes one%s", v.target->target.id,
		               n ? ", once 'rollcall-agent resolve --accept-ledger' has said that it is meant" : "");
	if (is_known(&v, &l, &id, heads, n)) {
		print_adopted(a, 0, NULL, NULL);
		output_say("%s: this is the database that its ledger names; there is nothing to adopt", v.target->target.id);
		return EXIT_DONE;
	}
	return check_set_back(a, &l, heads, follows, common, e) == 0 ? adopt(a, &v, &l, e) : -1;
}

static const struct cmd_option adopt_options[] = {
    DESK_CONFIG,
    {.name = "reason", .value = "TEXT", .help = "why; kept in the ledger's meta table", .required = true},
    {.name = "accept-ledger", .help = "the copy is older than what this agent has seen of its target, and that is meant"},
    {0},
};

const struct cmd adopt_commands[] = {
    {
        .path = "adopt",
        .arguments = "TARGET",
        .summary = "Say that a copied, moved, restored or renamed database is this target's",
        .details =
            "Without it nothing runs on a database whose ledger names another target or another database. The ledger gets a new uuid, so that the "
            "database it was copied from is not mistaken for it.",
        .example = "rollcall-agent adopt eu/pg1/shop1 --config /etc/rollcall/agent.yaml --reason 'moved to pg1 on Monday'",
        .options = adopt_options,
        .run = run_adopt,
        .min_arguments = 1,
        .max_arguments = 1,
    },
    {0},
};
