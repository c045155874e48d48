/* `rollcall-agent consent`: where the site's policy asks for it, nothing begins on a target until somebody at the site has said yes to exactly this order and release. Shows it
 * first: what was verified, who approved, which statements would run. */
#include <stdio.h>

#include "agent/apply/deliver.h"
#include "agent/cli/commands.h"
#include "agent/cli/desk.h"
#include "agent/daemon/discover.h"
#include "agent/journal/holds.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/cli/table.h"

#define TARGETS_MAX 2000

struct waiting { /* deliveries that the command is about, verified */
	const struct held *list[TARGETS_MAX];
	struct verified papers[TARGETS_MAX];
	size_t n;
};

static int look(struct desk *d, const struct held *h, struct verified *ret, struct err *e)
{
	const char *check = NULL;
	uint32_t wave = 0;
	const struct agent_target *t = discover_id(&d->config, h->task.target);
	if (!t)
		return err_set(e, ERR_NOT_FOUND, "%s is not in agent.yaml any more", h->task.target);
	const struct deliver_job job = {.config = &d->config, .target = t, .task = &h->task};
	if (deliver_preview(&job, d->journal, d->arena, ret, &wave, &check, e) == 0)
		return 0;
	return err_wrap(e, "%s%s%s", h->task.target, check ? ": " : "", check ? check : "");
}

/* A target's id names one; anything else is the beginning of a rollout's id; NULL means all. */
static bool is_meant(const struct held *h, const struct verified *v, const char *what)
{
	return !what || str_eq(h->task.target, what) || (!strchr(what, '/') && str_starts(v->order.id, what));
}

static int gather(struct desk *d, const char *what, struct waiting *w, struct err *e)
{
	struct held *list = NULL;
	size_t n = 0;
	struct err last = ERR_INIT;
	if (journal_helds(d->journal, d->arena, &list, &n, e) != 0)
		return -1;
	for (size_t i = 0; i < n && w->n < TARGETS_MAX; i++) {
		bool other = what && strchr(what, '/') && !str_eq(list[i].task.target, what);
		if (!str_eq(list[i].code, "consent") || other)
			continue;
		if (look(d, &list[i], &w->papers[w->n], &last) != 0)
			continue;
		if (is_meant(&list[i], &w->papers[w->n], what))
			w->list[w->n++] = &list[i];
	}
	if (w->n)
		return 0;
	if (last.code != ERR_NONE) {
		*e = last;
		return -1;
	}
	if (!what)
		return 0;
	return err_set(e, ERR_NOT_FOUND, "nothing of %s waits for a yes here: 'rollcall-agent status' lists what does", what);
}

/* ---- showing ---- */

static const char *names(struct arena *a, const char *const *list, size_t n)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", list[i]);
	return n ? arena_strdup(a, buf_str(&b)) : "nobody: the environment asks for no approval";
}

static void add_order(struct table *t, struct arena *a, const struct held *h, const struct verified *v)
{
	char at[CLOCK_TEXT_SIZE];
	table_rowf(t, "%s\t%s\t%s %s\t%s\t%s\t%s\t%s\t%s\t%s", h->task.target, v->order.id, v->release.project, v->release.version, v->order.environment,
	           direction_name(h->task.direction), names(a, v->approvers, v->n_approvers), clock_text(v->order.not_after_us, at),
	           v->release.author ? v->release.author : "", arena_printf(a, "gates %s", release_gates_line(&v->release, a)));
}

static bool shown_before(const struct desk *d, const struct waiting *w, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (memcmp(w->list[k]->task.release_hash, w->list[i]->task.release_hash, DIGEST_SIZE) == 0 &&
		    w->list[k]->task.direction == w->list[i]->task.direction &&
		    str_eq(agent_config_target(&d->config, w->list[k]->task.target)->target.engine,
		           agent_config_target(&d->config, w->list[i]->task.target)->target.engine))
			return true;
	return false;
}

static void add_statements(struct table *t, const struct changeset *c, const struct body *b, const char *engine, enum direction dir)
{
	bool back = dir == DIRECTION_ROLLBACK;
	const struct step *steps = back ? b->rollback : b->steps;
	for (size_t i = 0; i < (back ? b->n_rollback : b->n_steps); i++)
		for (size_t k = 0; k < steps[i].n_statements; k++) {
			AUTO(buf_done) struct buf sql = BUF_INIT;
			buf_add(&sql, steps[i].statements[k].sql.p, steps[i].statements[k].sql.n);
			char step[16];
			snprintf(step, sizeof step, "%zu", i + 1);
			table_row(t, (const char *const[]){c->id, engine, step, step_class_name(steps[i].class), buf_str(&sql)});
		}
}

static void show(const struct cmd_args *a, struct desk *d, const struct waiting *w)
{
	AUTO(table_destroy) struct table *orders = table_new("target,rollout,release,environment,direction,approved-by,until,+author,~gates");
	AUTO(table_destroy) struct table *statements = table_new("changeset,engine,#step,class,~statement");
	for (size_t i = 0; i < w->n; i++) {
		const char *engine = agent_config_target(&d->config, w->list[i]->task.target)->target.engine;
		add_order(orders, d->arena, w->list[i], &w->papers[i]);
		if (shown_before(d, w, i))
			continue;
		const struct release *r = &w->papers[i].release;
		for (size_t k = 0; k < r->n_changesets; k++) {
			const struct body *b = changeset_body(&r->changesets[k], engine);
			if (b)
				add_statements(statements, &r->changesets[k], b, engine, w->list[i]->task.direction);
		}
	}
	const struct table *const tables[] = {orders, statements};
	static const char *const kinds[] = {"orders", "statements"};
	tables_print(tables, kinds, ARRAY_LEN(kinds), cmd_output(a), stdout);
}

static int run_consent(const struct cmd_args *a, struct err *e)
{
	AUTO(desk_done) struct desk d = {.journal = NULL};
	AUTO(mem_free_ptr) struct waiting *w = mem_alloc(sizeof *w);
	const char *what = cmd_argument(a, 0);
	if (!what && cmd_option_given(a, "yes"))
		return err_set(e, ERR_USAGE, "--yes to what? Name the TARGET or ROLLOUT: a yes is given to what was looked at");
	if (desk_open(a, &d, e) != 0 || gather(&d, what, w, e) != 0)
		return -1;
	if (w->n == 0) {
		output_say("nothing waits for this site's yes");
		return EXIT_DONE;
	}
	show(a, &d, w);
	if (!cmd_option_given(a, "yes")) {
		output_say(
		    "%zu target%s for a yes; nothing has begun. What the ledger has already is not run again. To say yes: rollcall-agent consent %s --yes%s",
		    w->n, w->n == 1 ? " waits" : "s wait", what ? what : "TARGET", desk_config_words(a, d.arena));
		return EXIT_WAITING;
	}
	for (size_t i = 0; i < w->n; i++)
		if (journal_consent_put(d.journal, &w->list[i]->task, desk_user(&d), e) != 0)
			return -1;
	output_say("yes to %zu target%s, kept in the journal: the controller offers again within seconds", w->n, w->n == 1 ? "" : "s");
	return EXIT_DONE;
}

static const struct cmd_option consent_options[] = {
    DESK_CONFIG,
    {.name = "yes", .help = "say yes to what is shown; it holds for exactly this order and release, and for their own way back"},
    {0},
};

const struct cmd consent_commands[] = {
    {
        .path = "consent",
        .arguments = "[TARGET|ROLLOUT]",
        .summary = "Show what waits for this site's yes, or say it",
        .details = "Only for targets that 'consent' in the site policy names; without an argument: all that waits. Shows what was verified here: the "
                   "order, who approved, which gates the release "
                   "passed, and every statement of the release in the direction that is ordered. Exit 3 while the yes is not said.",
        .example = "rollcall-agent consent eu/pg1/bank --config /etc/rollcall/agent.yaml\nrollcall-agent consent d26d4229 --config "
                   "/etc/rollcall/agent.yaml --yes",
        .options = consent_options,
        .run = run_consent,
        .min_arguments = 0,
        .max_arguments = 1,
    },
    {0},
};
