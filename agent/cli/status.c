/* `rollcall-agent status`: what this agent is doing, what it holds back and why, what it has refused, what it still has to tell. From its journal and its files alone; it
 * works while the agent runs, and when it does not. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/cli/commands.h"
#include "agent/cli/desk.h"
#include "agent/daemon/site.h"
#include "agent/daemon/standing.h"
#include "agent/keyset/schedule.h"
#include "common/base/clock.h"
#include "common/base/dirlock.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/wire/link.h"

#define REFUSALS_SHOWN 5

static const char *or_dash(int64_t at_us, char out[CLOCK_TEXT_SIZE])
{
	return at_us ? clock_text(at_us, out) : NULL;
}

/* ---- tasks ---- */

static const char *state_text(enum task_state s)
{
	switch (s) {
	case TASK_ACCEPTED:
		return "accepted";
	case TASK_RUNNING:
		return "running";
	case TASK_FINISHED:
		return "finished";
	}
	return "unknown";
}

static int add_tasks(struct desk *d, struct table *t, struct err *e)
{
	struct task *open = NULL;
	size_t n = 0;
	char id[TASK_SIZE * 2 + 1], deadline[CLOCK_TEXT_SIZE];
	if (journal_open_tasks(d->journal, d->arena, &open, &n, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		table_rowf(t, "%s\t%s\t%s\t%u\t%s\t%s", open[i].target, state_text(open[i].state), direction_name(open[i].direction), open[i].attempt,
		           clock_text(open[i].deadline_us, deadline), bytes_to_hex(bytes_of(open[i].id, TASK_SIZE), id));
	return 0;
}

/* ---- the site's word ---- */

static size_t add_holds(const struct site_view *v, struct table *t, int64_t now_us)
{
	size_t n = 0;
	for (size_t i = 0; i < v->n_holds; i++) {
		const struct site_hold *h = &v->holds[i];
		char until[CLOCK_TEXT_SIZE], since[CLOCK_TEXT_SIZE];
		if (!site_hold_in_force(h, now_us))
			continue;
		table_row(t, (const char *const[]){str_eq(h->target, HOLD_ALL) ? "all" : h->target, h->until_us ? clock_text(h->until_us, until) : "lifted",
		                                   h->by, clock_text(h->at_us, since), str_empty(h->reason) ? NULL : h->reason});
		n++;
	}
	return n;
}

static int add_held(struct desk *d, struct table *t, int64_t now_us, size_t *ret_n, struct err *e)
{
	struct held *list = NULL;
	size_t n = 0;
	if (journal_helds(d->journal, d->arena, &list, &n, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		char until[CLOCK_TEXT_SIZE], since[CLOCK_TEXT_SIZE];
		bool ended = list[i].task.deadline_us && list[i].task.deadline_us < now_us, told = str_eq(list[i].code, HELD_LET_GO);
		const char *reason =
		    ended && !told ? arena_printf(d->arena, "%s; the time of its order is over: the controller is told when it is let go", list[i].reason)
		                   : list[i].reason;
		table_row(t, (const char *const[]){list[i].task.target, list[i].code, direction_name(list[i].task.direction),
		                                   or_dash(list[i].until_us, until), clock_text(list[i].at_us, since), reason, check_title(C2_SITE_POLICY)});
	}
	*ret_n = n;
	return 0;
}

static void add_windows(const struct agent_config *c, const struct site_view *v, struct table *t, int64_t now_us)
{
	for (size_t i = 0; v->has_policy && i < c->n_targets; i++) {
		const char *target = c->targets[i].target.id;
		char next[CLOCK_TEXT_SIZE];
		if (!calendar_is_open(&v->policy.calendar, target, now_us, NULL))
			table_row(t, (const char *const[]){target, or_dash(calendar_next_open(&v->policy.calendar, target, now_us), next)});
	}
}

/* ---- refusals ---- */

static int add_refusals(struct desk *d, struct table *t, struct err *e)
{
	struct journal_refusal *list = NULL;
	size_t n = 0;
	char at[CLOCK_TEXT_SIZE];
	if (journal_refusals(d->journal, REFUSALS_SHOWN, d->arena, &list, &n, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		table_row(t, (const char *const[]){clock_text(list[i].at_us, at), list[i].target, list[i].code, list[i].message});
	return 0;
}

/* ---- addresses that are asked last ---- */

static int add_marks(const struct desk *d, struct table *t, int64_t now_us, struct err *e)
{
	struct standing_mark *list = NULL;
	size_t n = 0;
	char since[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];
	if (standing_marks(d->config.data_dir, d->arena, &list, &n, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (now_us < list[i].until_us)
			table_row(t,
			          (const char *const[]){list[i].address, clock_text(list[i].since_us, since), clock_text(list[i].until_us, until), list[i].why});
	return 0;
}

/* ---- the certificate ---- */

static int add_certificate(struct desk *d, struct table *t, int64_t now_us, struct err *e)
{
	const struct agent_config *c = &d->config;
	struct keyset pending;
	char until[CLOCK_TEXT_SIZE], from[CLOCK_TEXT_SIZE];
	int64_t due_us = renewal_due_us(&c->cert);
	if (keyset_pending(c->data_dir, d->arena, &pending, e) != 0)
		return -1;
	const char *state = pending.folder ? keyset_state(&pending, d->arena) : "";
	if (now_us >= c->cert.not_after_us && str_empty(state))
		state = "it has expired: type rollcall-agent renew";
	else if (!c->enrol_endpoint && str_empty(state))
		state = "not renewed by itself: agent.yaml names no controller.enrol";
	table_row(t, (const char *const[]){c->cert.serial, clock_text(c->cert.not_after_us, until), clock_text(due_us, from),
	                                   str_empty(state) ? NULL : state, c->certificate_file});
	return 0;
}

/* ---- all of it ---- */

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* Whether it runs, and how its line stands. */
struct process {
	long pid; /* 0: it does not run */
	struct standing link;
};

static int look_at_process(struct desk *d, struct process *ret, struct err *e)
{
	struct err unread = ERR_INIT;
	if (dirlock_holder(d->config.data_dir, &ret->pid, e) != 0)
		return -1;
	if (standing_read(d->config.data_dir, d->arena, &ret->link, &unread) != 0)
		output_say("%s", unread.msg);
	return 0;
}

static void add_process(const struct desk *d, const struct process *p, struct table *t)
{
	char pid[24], since[CLOCK_TEXT_SIZE], offset[24];
	const struct standing *l = &p->link;
	bool runs = p->pid != 0;
	snprintf(pid, sizeof pid, "%ld", p->pid);
	snprintf(offset, sizeof offset, "%" PRId64, l->offset_us / 1000);
	table_row(t, (const char *const[]){d->config.name, d->config.site, runs ? "running" : "stopped", p->pid > 0 ? pid : NULL,
	                                   runs && l->is_up ? "connected" : "not-connected", runs ? or_dash(l->since_us, since) : NULL,
	                                   runs ? l->address : NULL, runs && l->is_up ? offset : NULL, runs && !l->is_up ? l->why : NULL});
}

static void say_process(const struct cmd_args *a, struct desk *d, const struct process *p)
{
	char since[CLOCK_TEXT_SIZE], by[CLOCK_TEXT_SIZE];
	const struct standing *l = &p->link;
	if (p->pid == 0)
		output_say("agent %s of site %s DOES NOT RUN: nothing is delivered to its targets. Start it: rollcall-agent run%s", d->config.name,
		           d->config.site, desk_config_words(a, d->arena));
	else if (!l->is_up)
		output_say("agent %s of site %s runs (process %ld), NOT CONNECTED since %s: controller at %s: %s", d->config.name, d->config.site, p->pid,
		           clock_text(l->since_us, since), l->address, l->why);
	else
		output_say("agent %s of site %s runs (process %ld), connected to %s since %s", d->config.name, d->config.site, p->pid, l->address,
		           clock_text(l->since_us, since));
	if (p->pid && l->is_up && llabs(l->offset_us) >= LINK_CLOCK_TOLD_US)
		output_say("this machine's clock is %s %s the controller's: windows, expiry and freshness go by it: set the wrong one right",
		           clock_duration_text(llabs(l->offset_us), by), l->offset_us > 0 ? "ahead of" : "behind");
}

static void say(struct desk *d, const struct site_view *v, size_t holds, size_t held, size_t tasks)
{
	uint64_t last = journal_last_report(d->journal), unsent = last + 1 - journal_first_unacked(d->journal), epoch = 0, trust = 0, unknown = 0;
	struct err ignored = ERR_INIT;
	(void)(journal_number(d->journal, "epoch", &epoch, &ignored) == 0 && journal_number(d->journal, "trust_version", &trust, &ignored) == 0 &&
	       journal_number(d->journal, "unclassified_errors", &unknown, &ignored) == 0);
	output_say("%zu open task%s, %zu held back, %zu hold%s in force; %" PRIu64 " report%s written, %" PRIu64
	           " not acknowledged by the controller yet; trust document version %" PRIu64 ", controller epoch %" PRIu64,
	           tasks, plural(tasks), held, holds, plural(holds), last, plural((size_t)last), unsent, trust ? trust : d->config.trust.version, epoch);
	if (unknown)
		output_say("%" PRIu64 " error%s of a database had a code that Rollcall does not know, and nothing was tried again after one: please report "
		           "the codes ('rollcall-agent history' has them)",
		           unknown, plural((size_t)unknown));
	if (v->unreadable)
		output_say("NOTHING IS BEGUN: %s", v->unreadable);
	else if (v->has_policy)
		output_say("site policy version %" PRIu64 ", %s", v->policy.version, v->policy.source);
	else
		output_say("no site policy: only holds stop a delivery");
}

/* Those that say something, each under its name. */
static void print_parts(const struct table *const tables[])
{
	static const char *const titles[] = {"HOLDS IN FORCE",       "HELD BACK", "CLOSED WINDOWS", "LAST REFUSALS", "OPEN TASKS",
	                                     "ADDRESSES ASKED LAST", ""} /* the last one names itself */;
	for (size_t i = 0; i < ARRAY_LEN(titles); i++) {
		if (table_count(tables[i]) == 0)
			continue;
		if (*titles[i])
			printf("%s\n", titles[i]);
		table_print(tables[i], OUTPUT_TABLE, titles[i], stdout);
		printf("\n");
	}
	fflush(stdout);
}

static int run_status(const struct cmd_args *a, struct err *e)
{
	AUTO(desk_done) struct desk d = {.journal = NULL};
	AUTO(table_destroy) struct table *agent = table_new("agent,site,state,#process,link,since,address,#clock-offset-ms,~detail");
	AUTO(table_destroy) struct table *holds = table_new("target,until,by,since,reason");
	AUTO(table_destroy) struct table *held = table_new("target,why,direction,until,since,~detail,+check");
	AUTO(table_destroy) struct table *windows = table_new("target,next-opening");
	AUTO(table_destroy) struct table *tasks = table_new("target,state,direction,#attempt,deadline,+task");
	AUTO(table_destroy) struct table *refused = table_new("at,target,check,~detail");
	AUTO(table_destroy) struct table *marked = table_new("address,since,until,~detail");
	AUTO(table_destroy) struct table *certificate = table_new("certificate,until,renewed-from,~detail,+file");
	struct site_view v;
	struct process process;
	size_t n_held = 0;
	int64_t now_us = clock_wall_us();
	if (desk_open(a, &d, e) != 0 || look_at_process(&d, &process, e) != 0 || site_view_read(&d.config, d.journal, d.arena, &v, e) != 0)
		return -1;
	size_t n_holds = add_holds(&v, holds, now_us);
	if (add_held(&d, held, now_us, &n_held, e) != 0 || add_tasks(&d, tasks, e) != 0 || add_refusals(&d, refused, e) != 0 ||
	    add_marks(&d, marked, now_us, e) != 0 || add_certificate(&d, certificate, now_us, e) != 0)
		return -1;
	add_windows(&d.config, &v, windows, now_us);
	add_process(&d, &process, agent);
	const struct table *const tables[] = {agent, holds, held, windows, refused, tasks, marked, certificate};
	static const char *const kinds[] = {"agent", "holds", "held", "closed-windows", "refusals", "tasks", "marked-addresses", "certificate"};
	if (cmd_output(a) == OUTPUT_TABLE)
		print_parts(tables + 1); /* people are told of the process in a sentence */
	else
		tables_print(tables, kinds, ARRAY_LEN(kinds), cmd_output(a), stdout);
	say_process(a, &d, &process);
	say(&d, &v, n_holds, n_held, table_count(tasks));
	return EXIT_DONE;
}

static const struct cmd_option status_options[] = {DESK_CONFIG, {0}};

const struct cmd status_commands[] = {
    {
        .path = "status",
        .summary = "Show what this agent does, holds back and has refused, and what it still has to report",
        .details =
            "Whether it runs and is connected, or why not; holds in force; deliveries that wait for the site, and why; targets whose window is "
            "closed, and when it opens; the last refusals; open "
            "tasks; addresses for blobs that sent something else than was asked for, or nothing, and are asked last; unsent reports; until when the "
            "certificate is good, and what its renewal waits for; versions of the trust document and the site "
            "policy.",
        .example = "rollcall-agent status --config /etc/rollcall/agent.yaml",
        .options = status_options,
        .run = run_status,
    },
    {0},
};
