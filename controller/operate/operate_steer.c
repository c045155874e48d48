/* Steering beside a rollout's own verbs: skipping targets, quarantine, freezes. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "controller/operate/operate.h"

#define REASON_MAX 500

/* Why, in words that fit into one line of a table. */
static int need_reason(struct request *q, const char **ret, struct err *e)
{
	if (request_need(q, "reason", ret, e) < 0)
		return -1;
	if (strlen(*ret) > REASON_MAX)
		return err_set(e, ERR_LIMIT, "the reason has %zu characters: say it in %d", strlen(*ret), REASON_MAX);
	return 0;
}

int operate_skip(struct request *q, struct err *e)
{
	struct run *u = NULL;
	const char *reason = NULL;
	size_t n = 0;
	if (request_run(q, &u, e) < 0 || need_reason(q, &reason, e) < 0)
		return -1;
	const char **targets = request_args(q, "target", &n);
	if (n == 0)
		return err_set(e, ERR_USAGE, "name the targets to skip: `rollcall rollout status %.8s` lists them", u->rec.id);
	if (run_skip(q->b, u, targets, n, q->actor, reason, e) < 0)
		return -1;
	if (reply_rollout(q, &u->rec, e) < 0)
		return -1;
	reply_end(q, EXIT_DONE, "%zu target%s skipped: the rollout goes on without, later releases need a catch-up or a new rollout there first", n,
	          n == 1 ? " is" : "s are");
	return 0;
}

/* ---- quarantine ------------------------------------------------------------------------------------------------------------------------------------- */

static void reply_quarantine(struct request *q, const char *target)
{
	char at[CLOCK_TEXT_SIZE];
	reply_columns(q, "target,reason,by,since");
	for (size_t i = 0; i < q->b->n_quarantines; i++) {
		const struct store_quarantine *t = &q->b->quarantines[i];
		if (str_eq(t->target, target))
			reply_row(q, "%s\t%s\t%s\t%s", t->target, t->reason, t->added_by, clock_text(t->added_at_us, at));
	}
}

int operate_quarantine(struct request *q, struct err *e)
{
	struct store_quarantine t = {.added_by = q->actor, .added_at_us = q->b->now_us};
	if (request_need(q, "target", &t.target, e) < 0 || need_reason(q, &t.reason, e) < 0)
		return -1;
	if (!target_by_id(q->b, t.target))
		return request_no_target(q, t.target, e);
	if (store_quarantine_put(q->b->store, &t, e) < 0 || brain_log(q->b, q->actor, NULL, t.target, "quarantine", t.reason, e) < 0 ||
	    steer_load(q->b, e) < 0)
		return -1;
	reply_quarantine(q, t.target);
	reply_end(q, EXIT_DONE, "no new rollout takes %s; one that has it already goes on: `rollcall rollout skip` takes it out there", t.target);
	return 0;
}

int operate_unquarantine(struct request *q, struct err *e)
{
	const char *target = NULL;
	bool found = false;
	if (request_need(q, "target", &target, e) < 0 || store_quarantine_remove(q->b->store, target, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "target %s is not in quarantine: `rollcall targets list -l id=%s` shows its state", target, target);
	if (brain_log(q->b, q->actor, NULL, target, "unquarantine", request_arg(q, "reason"), e) < 0 || steer_load(q->b, e) < 0)
		return -1;
	reply_end(q, EXIT_DONE, "new rollouts take %s again; what it missed meanwhile is not made up by itself", target);
	return 0;
}

/* ---- freezes ------------------------------------------------------------------------------------------------------------------------------------------- */

#define FREEZE_COLUMNS "freeze,selector,from,until,when,state,reason,by,#targets"

static size_t count_frozen(struct request *q, const struct brain_freeze *f)
{
	size_t n = 0, n_all = 0;
	struct brain_target **all = targets_sorted(q->b, &n_all);
	for (size_t i = 0; i < n_all; i++)
		n += selector_matches(f->selector, &all[i]->target);
	return n;
}

static void freeze_row(struct request *q, const struct brain_freeze *f)
{
	char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE], in[CLOCK_TEXT_SIZE];
	bool waits = f->rec.from_us > q->b->now_us;
	clock_duration_text((waits ? f->rec.from_us : f->rec.until_us) - q->b->now_us, in);
	reply_row(q, "%" PRId64 "\t%s\t%s\t%s\t%s in %s\t%s\t%s\t%s\t%zu", f->rec.id, f->rec.selector, clock_text(f->rec.from_us, from),
	          clock_text(f->rec.until_us, until), waits ? "begins" : "ends", in, waits ? "waits" : "in-force", f->rec.reason, f->rec.added_by,
	          count_frozen(q, f));
}

static int read_freeze(struct request *q, struct store_freeze *f, struct err *e)
{
	const char *from = request_arg(q, "from"), *until = NULL, *selector = request_arg(q, "selector");
	struct selector *parsed = NULL;
	*f = (struct store_freeze){.selector = selector ? selector : "", .from_us = q->b->now_us, .added_by = q->actor, .added_at_us = q->b->now_us};
	if (need_reason(q, &f->reason, e) < 0 || request_need(q, "until", &until, e) < 0 || selector_parse(f->selector, q->a, &parsed, e) < 0)
		return -1;
	if ((from && clock_parse(from, &f->from_us, e) < 0) || clock_parse(until, &f->until_us, e) < 0)
		return -1;
	if (f->until_us <= f->from_us || f->until_us <= q->b->now_us)
		return err_set(e, ERR_USAGE, "the freeze would be over before it begins: give a later --until");
	return 0;
}

/* The log has to say what was frozen, and how long. */
static const char *freeze_text(struct request *q, const struct store_freeze *f)
{
	char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];
	return arena_printf(q->a, "%s from %s until %s: %s", str_empty(f->selector) ? "every target" : f->selector, clock_text(f->from_us, from),
	                    clock_text(f->until_us, until), f->reason);
}

int operate_freeze_add(struct request *q, struct err *e)
{
	struct store_freeze f;
	int64_t id = 0;
	if (read_freeze(q, &f, e) < 0 || store_freeze_put(q->b->store, &f, &id, e) < 0 ||
	    brain_log(q->b, q->actor, NULL, arena_printf(q->a, "freeze %" PRId64, id), "add", freeze_text(q, &f), e) < 0 || steer_load(q->b, e) < 0)
		return -1;
	const struct brain_freeze *new = NULL;
	for (size_t i = 0; i < q->b->n_freezes; i++)
		if (q->b->freezes[i].rec.id == id)
			new = &q->b->freezes[i];
	reply_columns(q, FREEZE_COLUMNS);
	if (new)
		freeze_row(q, new);
	if (new &&count_frozen(q, new) == 0)
		reply_end(q, EXIT_DONE, "WARNING: no target matches %s now; one that comes with such labels is frozen too: `rollcall targets` shows labels",
		          f.selector);
	else
		reply_end(q, EXIT_DONE, "nothing new starts there meanwhile; what runs, runs on: `rollcall freeze remove %" PRId64 "` ends it early", id);
	return 0;
}

int operate_freeze_list(struct request *q, struct err *e)
{
	if (steer_load(q->b, e) < 0) /* lets go of those that are over */
		return -1;
	reply_columns(q, FREEZE_COLUMNS);
	for (size_t i = 0; i < q->b->n_freezes; i++)
		freeze_row(q, &q->b->freezes[i]);
	reply_count(q, q->b->n_freezes, "freeze");
	return 0;
}

int operate_freeze_remove(struct request *q, struct err *e)
{
	const char *text = NULL;
	uint64_t id = 0;
	bool found = false;
	if (request_need(q, "freeze", &text, e) < 0)
		return -1;
	if (str_to_u64(text, "freeze", 1, INT64_MAX, &id, e) < 0)
		return err_set(e, ERR_USAGE, "freeze %s: give its number: `rollcall freeze list` shows them", text);
	if (store_freeze_remove(q->b->store, (int64_t)id, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "there is no freeze %s: `rollcall freeze list` shows them", text);
	if (brain_log(q->b, q->actor, NULL, arena_printf(q->a, "freeze %s", text), "remove", request_arg(q, "reason"), e) < 0 || steer_load(q->b, e) < 0)
		return -1;
	catch_up_later(q->b);
	reply_end(q, EXIT_DONE, "freeze %s is over: what it held goes on", text);
	return 0;
}
