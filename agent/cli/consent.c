/* `rollcall-agent consent`: where the site's policy asks for it, nothing begins on a target until somebody at the site has said yes to exactly this order and release. Shows it
 * first: what was verified, who approved, what the target's ledger leaves to be done, and its statements. The yes names what was shown: it is none to anything else. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/apply/deliver.h"
#include "agent/cli/commands.h"
#include "agent/cli/desk.h"
#include "agent/daemon/discover.h"
#include "agent/journal/holds.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/crypto/digest.h"

#define TARGETS_MAX  2000
#define PREVIEW_SIZE 9 /* eight hex digits, and a NUL: enough to tell what was shown from what would be */

struct waiting { /* a delivery that the command is about, verified */
	const struct held *held;
	const struct agent_target *target;
	struct verified papers;
	struct preview now;
};

struct all_waiting {
	struct waiting list[TARGETS_MAX];
	size_t n;
};

/* A target's id names one; anything else is the beginning of a rollout's id; NULL means all. */
static bool is_meant(const struct waiting *w, const char *what)
{
	return !what || str_eq(w->held->task.target, what) || (!strchr(what, '/') && str_starts(w->papers.order.id, what));
}

/* The papers first: a target is asked only when the command is about it. */
static int look(struct desk *d, const struct held *h, const char *what, bool offline, bool *ret_meant, struct waiting *ret, struct err *e)
{
	struct waiting w = {.held = h, .target = discover_id(&d->config, h->task.target)};
	if (!w.target)
		return err_set(e, ERR_NOT_FOUND, "%s is not in agent.yaml any more", h->task.target);
	const struct deliver_job job = {.config = &d->config, .target = w.target, .task = &h->task};
	enum check_code refusing = deliver_look(&job, d->journal, d->arena, false, &w.papers, &w.now, e);
	*ret_meant = !refusing && is_meant(&w, what);
	if (*ret_meant && !offline)
		refusing = deliver_look(&job, d->journal, d->arena, true, &w.papers, &w.now, e);
	*ret = w;
	return refusing ? err_wrap(e, "%s: %s", h->task.target, check_title(refusing)) : 0;
}

static int gather(struct desk *d, const char *what, bool offline, struct all_waiting *w, struct err *e)
{
	struct held *list = NULL;
	size_t n = 0;
	struct err last = ERR_INIT;
	if (journal_helds(d->journal, d->arena, &list, &n, e) != 0)
		return -1;
	for (size_t i = 0; i < n && w->n < TARGETS_MAX; i++) {
		bool meant = false, other = what && strchr(what, '/') && !str_eq(list[i].task.target, what);
		if (!str_eq(list[i].code, "consent") || other)
			continue;
		if (look(d, &list[i], what, offline, &meant, &w->list[w->n], &last) == 0 && meant)
			w->n++;
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

/* ---- what is shown, in eight digits ---- */

static void add_plan(struct digest *d, const struct preview *p)
{
	for (size_t i = 0; i < p->plan.n_items; i++) {
		const struct plan_item *it = &p->plan.items[i];
		digest_add_sized(d, bytes_of_str(it->changeset->id));
		digest_add_sized(d, bytes_of_str(plan_action_name(it->action)));
		digest_add(d, &it->first_step, sizeof it->first_step);
	}
}

/* Of everything that is waiting, as it is shown now. */
static const char *preview_id(const struct all_waiting *w, char out[PREVIEW_SIZE])
{
	uint8_t digest[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];
	struct digest *d = digest_new();
	for (size_t i = 0; i < w->n; i++) {
		const struct task *t = &w->list[i].held->task;
		const struct preview *p = &w->list[i].now;
		digest_add_sized(d, bytes_of_str(t->target));
		digest_add(d, t->release_hash, DIGEST_SIZE);
		digest_add(d, t->dossier_hash, DIGEST_SIZE);
		digest_add_sized(d, bytes_of_str(direction_name(t->direction)));
		digest_add_sized(d, bytes_of_str(!p->reached ? "the whole release" : p->plan.n_items ? "by its ledger" : "no plan"));
		add_plan(d, p);
	}
	digest_final(&d, digest);
	snprintf(out, PREVIEW_SIZE, "%.8s", bytes_to_hex(bytes_of(digest, DIGEST_SIZE), hex));
	return out;
}

/* ---- showing ---- */

static const char *names(struct arena *a, const char *const *list, size_t n)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", list[i]);
	return n ? arena_strdup(a, buf_str(&b)) : "nobody: the environment asks for no approval";
}

static const char *engine_of(const struct waiting *w)
{
	return w->target->target.engine;
}

/* The first one of which the same is shown: its own, or that of a target before it. */
static const struct waiting *shown_at(const struct all_waiting *all, size_t i)
{
	const struct waiting *w = &all->list[i];
	for (size_t k = 0; k < i; k++) {
		const struct waiting *o = &all->list[k];
		bool same = memcmp(o->held->task.release_hash, w->held->task.release_hash, DIGEST_SIZE) == 0 &&
		            o->held->task.direction == w->held->task.direction && str_eq(engine_of(o), engine_of(w)) && o->now.reached == w->now.reached &&
		            o->now.plan.n_items == w->now.plan.n_items;
		for (size_t n = 0; same && n < w->now.plan.n_items; n++)
			same = o->now.plan.items[n].action == w->now.plan.items[n].action && o->now.plan.items[n].first_step == w->now.plan.items[n].first_step;
		if (same)
			return o;
	}
	return w;
}

static const char *plan_sentence(const struct waiting *w, struct arena *a)
{
	const struct plan *p = &w->now.plan;
	size_t idle = 0;
	for (size_t i = 0; i < p->n_items; i++)
		idle += p->items[i].action == PLAN_SKIP;
	return arena_printf(a, "%zu of %zu changesets run here, %" PRIu32 " step%s", p->n_items - idle, p->n_items, p->n_steps,
	                    p->n_steps == 1 ? "" : "s");
}

static const char *what_runs(const struct waiting *w, struct arena *a)
{
	const struct preview *p = &w->now;
	if (!p->reached)
		return arena_printf(a, "%s: shown is the whole release, and a yes is to all of it",
		                    p->why_not ? arena_printf(a, "its ledger could not be asked (%s)", p->why_not) : "its ledger was not asked (--offline)");
	const char *opens = p->open_step ? arena_printf(a, "; %s was interrupted: the database is asked first how it ended", p->open_step) : "";
	return p->plan.n_items ? arena_printf(a, "%s%s", plan_sentence(w, a), opens) : "nothing would run";
}

static const char *here(const struct waiting *w, struct arena *a)
{
	const char *no = w->now.refusal;
	return arena_printf(a, "%s%s%s", what_runs(w, a), no ? "; it would be refused: " : "", no ? no : "");
}

static void add_order(struct table *t, struct arena *a, const struct waiting *w, const struct waiting *shown, const char *preview)
{
	char at[CLOCK_TEXT_SIZE];
	const struct verified *v = &w->papers;
	const char *see = shown == w ? "" : arena_printf(a, "; as shown for %s", shown->held->task.target);
	table_rowf(t, "%s\t%s\t%s %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", w->held->task.target, v->order.id, v->release.project, v->release.version,
	           v->order.environment, direction_name(w->held->task.direction), names(a, v->approvers, v->n_approvers),
	           clock_text(v->order.not_after_us, at), v->release.author ? v->release.author : "", preview, shown->held->task.target,
	           arena_printf(a, "gates %s", release_gates_line(&v->release, a)), arena_printf(a, "%s%s", here(w, a), see));
}

static void add_steps(struct table *t, const struct waiting *w, const struct changeset *c, const struct body *b, enum direction dir, size_t from)
{
	for (size_t i = from; i < plan_steps(b, dir); i++) {
		const struct step *s = plan_step(b, dir, i);
		for (size_t k = 0; k < s->n_statements; k++) {
			AUTO(buf_done) struct buf sql = BUF_INIT;
			buf_add(&sql, s->statements[k].sql.p, s->statements[k].sql.n);
			char step[24];
			snprintf(step, sizeof step, "%zu", i + 1);
			table_row(t, (const char *const[]){c->id, w->held->task.target, engine_of(w), direction_name(dir), step, step_class_name(s->class),
			                                   buf_str(&sql)});
		}
	}
}

static void add_item(struct table *t, const struct waiting *w, const struct plan_item *it)
{
	switch (it->action) {
	case PLAN_RUN:
	case PLAN_RESUME:
		add_steps(t, w, it->changeset, it->body, DIRECTION_APPLY, it->first_step);
		return;
	case PLAN_REVERT:
		add_steps(t, w, it->changeset, it->body, DIRECTION_ROLLBACK, it->first_step);
		add_steps(t, w, it->changeset, it->body, DIRECTION_APPLY, 0);
		return;
	case PLAN_REVERTED:
	case PLAN_ROLLBACK:
		add_steps(t, w, it->changeset, it->body, DIRECTION_ROLLBACK, it->first_step);
		return;
	case PLAN_SKIP:
	case PLAN_VALIDATE:
	case PLAN_ACTION_COUNT:
		return;
	}
}

static void add_whole(struct table *t, const struct waiting *w)
{
	const struct release *r = &w->papers.release;
	enum direction dir = w->held->task.direction;
	for (size_t i = 0; i < r->n_changesets; i++) {
		const struct changeset *c = &r->changesets[dir == DIRECTION_APPLY ? i : r->n_changesets - 1 - i];
		const struct body *b = changeset_body(c, engine_of(w));
		if (b)
			add_steps(t, w, c, b, dir, 0);
	}
}

static void add_plan_row(struct table *t, struct arena *a, const struct waiting *w, const struct plan_item *it)
{
	const char *asked = it->action == PLAN_RUN && it->changeset->n_preconditions ? "; its preconditions are asked first" : "";
	char step[24] = "";
	if (it->action != PLAN_SKIP && it->action != PLAN_VALIDATE)
		snprintf(step, sizeof step, "%u", it->first_step + 1);
	table_row(t, (const char *const[]){w->held->task.target, it->changeset->id, plan_action_name(it->action), *step ? step : NULL,
	                                   arena_printf(a, "%s%s", it->why, asked)});
}

/* What the gates found, warnings and what was ignored with the reason; for programs also which gates ran, at which level. The first line stands with the order. */
static void add_gates(struct table *t, struct arena *a, const struct all_waiting *all, size_t i, bool people)
{
	const struct waiting *w = &all->list[i];
	const struct release *r = &w->papers.release;
	for (size_t k = 0; k < i; k++)
		if (memcmp(all->list[k].held->task.release_hash, w->held->task.release_hash, DIGEST_SIZE) == 0)
			return;
	const char *line = r->gate_report ? strchr(r->gate_report, '\n') : NULL;
	while (line && line[1]) {
		const char *end = line + 1 + strcspn(line + 1, "\n");
		if (!people || !str_starts(line + 1, "gate "))
			table_row(t,
			          (const char *const[]){arena_printf(a, "%s %s", r->project, r->version), arena_strndup(a, line + 1, (size_t)(end - line - 1))});
		line = *end ? end : NULL;
	}
}

/* People see those that say something. */
static void print_parts(const struct table *const tables[], enum output_format f)
{
	static const char *const kinds[] = {"orders", "gates", "plan", "statements"};
	const struct table *some[ARRAY_LEN(kinds)];
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (table_count(tables[i]))
			some[n++] = tables[i];
	if (f == OUTPUT_TABLE || f == OUTPUT_WIDE)
		tables_print(some, kinds, n, f, stdout);
	else
		tables_print(tables, kinds, ARRAY_LEN(kinds), f, stdout);
}

static void show(const struct cmd_args *a, struct desk *d, const struct all_waiting *all, const char *preview)
{
	AUTO(table_destroy)
	struct table *orders = table_new("target,rollout,release,environment,direction,approved-by,until,+author,+preview,+plan-of,~gates,~here");
	AUTO(table_destroy) struct table *gates = table_new("release,~found");
	AUTO(table_destroy) struct table *plans = table_new("target,changeset,action,#from-step,detail");
	AUTO(table_destroy) struct table *statements = table_new("changeset,target,engine,direction,#step,class,~statement");
	for (size_t i = 0; i < all->n; i++) {
		const struct waiting *w = &all->list[i], *shown = shown_at(all, i);
		add_order(orders, d->arena, w, shown, preview);
		add_gates(gates, d->arena, all, i, cmd_output(a) == OUTPUT_TABLE || cmd_output(a) == OUTPUT_WIDE);
		if (shown != w)
			continue;
		for (size_t k = 0; k < w->now.plan.n_items; k++) {
			add_plan_row(plans, d->arena, w, &w->now.plan.items[k]);
			add_item(statements, w, &w->now.plan.items[k]);
		}
		if (!w->now.reached)
			add_whole(statements, w);
	}
	const struct table *const tables[] = {orders, gates, plans, statements};
	print_parts(tables, cmd_output(a));
}

/* ---- yes ---- */

static int say_yes(struct desk *d, const struct all_waiting *all, struct err *e)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct waiting *w = &all->list[i];
		struct consent c = {
		    .by = desk_user(d), .at_us = clock_wall_us(), .direction = w->held->task.direction, .to_ledger = w->now.reached, .rows = w->now.rows};
		memcpy(c.head, w->now.head, DIGEST_SIZE);
		if (journal_consent_put(d->journal, &w->held->task, &c, e) != 0)
			return -1;
	}
	output_say("yes to %zu target%s, kept in the journal: the controller offers again within seconds", all->n, all->n == 1 ? "" : "s");
	return EXIT_DONE;
}

static int run_consent(const struct cmd_args *a, struct err *e)
{
	AUTO(desk_done) struct desk d = {.journal = NULL};
	AUTO(mem_free_ptr) struct all_waiting *w = mem_alloc(sizeof *w);
	const char *what = cmd_argument(a, 0), *yes = cmd_option_value(a, "yes");
	char now[PREVIEW_SIZE];
	if (!what && yes)
		return err_set(e, ERR_USAGE, "--yes to what? Name the TARGET or ROLLOUT: a yes is given to what was looked at");
	if (desk_open(a, &d, e) != 0 || gather(&d, what, cmd_option_given(a, "offline"), w, e) != 0)
		return -1;
	if (w->n == 0) {
		if (cmd_output(a) != OUTPUT_TABLE)
			show(a, &d, w, "");
		output_say("nothing waits for this site's yes");
		return EXIT_DONE;
	}
	preview_id(w, now);
	if (yes && str_eq(yes, now))
		return say_yes(&d, w, e);
	show(a, &d, w, what ? now : "");
	if (yes)
		output_say("This is not what preview %.20s has shown, so that no yes was said: look at it again.", yes);
	output_say("%zu target%s for a yes; nothing has begun. %s%s%s%s%s", w->n, w->n == 1 ? " waits" : "s wait",
	           what ? "To say yes to exactly this: rollcall-agent consent " : "To say yes look at a TARGET or a ROLLOUT by itself", what ? what : "",
	           what ? " --yes " : "", what ? now : "", what ? desk_config_words(a, d.arena) : "");
	return EXIT_WAITING;
}

static const struct cmd_option consent_options[] = {
    DESK_CONFIG,
    {.name = "yes",
     .value = "PREVIEW",
     .help =
         "say yes to what was shown under this name, if that is still what would run; for exactly this order and release, and their own way back"},
    {.name = "offline", .help = "do not ask the targets: show the whole release, and say yes to all of it"},
    {0},
};

const struct cmd consent_commands[] = {
    {
        .path = "consent",
        .arguments = "[TARGET|ROLLOUT]",
        .summary = "Show what waits for this site's yes, or say it",
        .details =
            "Only for targets that 'consent' in the site policy names; without an argument: all that waits. Shows what was verified here: the "
            "order, who approved, what the gates found that the release passed; then, by the target's ledger as it is now, which changesets would be "
            "passed over "
            "and which would run, with their statements. When another order changes the ledger before the delivery begins, the site is asked again. "
            "Exit 3 while the yes is not said.",
        .example = "rollcall-agent consent eu/pg1/bank --config /etc/rollcall/agent.yaml\nrollcall-agent consent d26d4229 --config "
                   "/etc/rollcall/agent.yaml --yes 5f3a9c01",
        .options = consent_options,
        .run = run_consent,
        .min_arguments = 0,
        .max_arguments = 1,
    },
    {0},
};
