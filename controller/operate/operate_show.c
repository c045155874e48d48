/* Everything about one target: what is known here, what its ledger says now, what runs there and what ran there last. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/operate/operate.h"
#include "controller/view/view.h"

#define HISTORY_ROWS 10

static int view_one(struct request *q, const char *target, struct view_target *ret, struct err *e)
{
	struct selector *s = NULL;
	struct view_target *list = NULL;
	size_t n = 0;
	if (selector_parse(arena_printf(q->a, "id=%s", target), q->a, &s, e) < 0 || view_targets(q->b, q->a, s, &list, &n, e) < 0)
		return -1;
	if (n > 0)
		*ret = list[0];
	else
		(void)request_no_target(q, target, e);
	return n > 0 ? 0 : -1;
}

static const char *hex_cell(struct request *q, const uint8_t digest[DIGEST_SIZE])
{
	const struct bytes d = bytes_of(digest, DIGEST_SIZE);
	return bytes_all_zero(d) ? "" : arena_hex(q->a, d);
}

static const char *freeze_cell(struct request *q, const char *target)
{
	char until[CLOCK_TEXT_SIZE];
	const struct brain_freeze *f = freeze_of(q->b, target);
	return f ? arena_printf(q->a, "%" PRId64 " until %s: %s (%s)", f->rec.id, clock_text(f->rec.until_us, until), f->rec.reason, f->rec.added_by)
	         : "";
}

static void target_row(struct request *q, const struct view_target *t)
{
	static const struct store_schema unknown;
	const struct store_schema *c = t->schema ? t->schema : &unknown;
	const char *quarantine = t->quarantine ? arena_printf(q->a, "%s (%s)", t->quarantine->reason, t->quarantine->added_by) : "";
	reply_columns(q, "target,state,detail,engine,version,size,lag,looked,agent,agent-version,labels,release,last-apply,lacks,schema,%fingerprint,"
	                 "%fingerprint-left,schema-seen,#ledger-rows,%ledger-head,freeze,quarantine");
	reply_row(q, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", t->target->id, target_state(t),
	          target_detail(q, t), t->target->engine, t->facts->version, target_size(q, t), target_lag(q, t), reply_time(q, t->facts->at_us),
	          t->owner->rec.name, str_or_empty(t->owner->rec.version), target_labels(q, t), t->release, reply_time(q, t->applied_at_us), t->lacks,
	          schema_word(c), hex_cell(q, c->seen), hex_cell(q, c->left), reply_time(q, c->seen_at_us),
	          c->ledger_rows ? arena_printf(q->a, "%" PRIu64, c->ledger_rows) : "", hex_cell(q, c->ledger_head), freeze_cell(q, t->target->id),
	          quarantine);
}

static void delivery_row(struct request *q, struct run *u, const struct delivery *d)
{
	const struct delivery_note *n = &u->notes[d->index];
	reply_row(q, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%s\t%s\t%s", u->rec.id, u->rec.project, u->rec.release_version, u->rec.environment,
	          direction_name(d->direction), u->r.waves[d->wave].name, delivery_state_name(d->state),
	          n->of_steps ? arena_printf(q->a, "%" PRIu32 "/%" PRIu32, n->step, n->of_steps) : "", d->attempt, reply_time(q, n->since_us),
	          view_delivery_detail(q->a, u, d->index), view_delivery_next(q->a, u, d->index, q->b->now_us));
}

/* What works on it, and what has ended there and is not settled. */
static int delivery_rows(struct request *q, const char *target, struct err *e)
{
	struct store_rollout *list = NULL;
	struct run **unsettled = NULL;
	size_t n = 0, n_unsettled = 0;
	if (store_rollouts(q->b->store, NULL, false, q->a, &list, &n, e) < 0 || view_unsettled(q->b, q->a, list, n, &unsettled, &n_unsettled, e) < 0)
		return -1;
	reply_columns(q, "%rollout,project,release,environment,direction,wave,state,step,#attempt,since,~detail,~next");
	for (size_t i = 0; i < q->b->n_runs; i++) {
		struct run *u = q->b->runs[i];
		const struct delivery *d = run_delivery(u, target);
		if (d && !rollout_is_final(u->r.state))
			delivery_row(q, u, d);
	}
	for (size_t i = 0; i < n_unsettled; i++) {
		const struct delivery *d = run_delivery(unsettled[i], target);
		if (d && view_interest(d) == INTEREST_EYES)
			delivery_row(q, unsettled[i], d);
	}
	return 0;
}

int show_target(struct request *q, const char *target, struct err *e)
{
	struct view_target t;
	struct err gone = ERR_INIT;
	if (view_one(q, target, &t, &gone) == 0)
		target_row(q, &t);
	else if (gone.code != ERR_NOT_FOUND) /* its agent let go of it while it was asked: the rest is told all the same */
		return err_set(e, gone.code, "%s", gone.msg);
	return delivery_rows(q, target, e);
}

int show_history(struct request *q, const char *target, struct err *e)
{
	struct history_row *rows = NULL;
	size_t n = 0;
	if (store_history(q->b->store, target, NULL, HISTORY_ROWS, q->a, &rows, &n, e) < 0)
		return -1;
	reply_columns(q, "at,%rollout,project,release,direction,outcome,#attempt,~detail,+agent");
	for (size_t i = 0; i < n; i++)
		reply_row(q, "%s\t%s\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%s\t%s", reply_time(q, rows[i].at_us), str_or_empty(rows[i].rollout),
		          str_or_empty(rows[i].project), str_or_empty(rows[i].release), rows[i].direction, rows[i].outcome, rows[i].attempt,
		          str_or_empty(rows[i].detail), rows[i].agent);
	return 0;
}

/* What the target is to have: the release of a rollout that works on it, else the one that its environment has. NULL: nothing yet. */
static int rollout_for(struct request *q, const struct view_target *t, const struct store_rollout **ret, struct err *e)
{
	struct store_rollout *list = NULL;
	struct view_present *presents = NULL;
	size_t n = 0, n_presents = 0;
	const char *environment = target_label(t->target, "environment");
	*ret = NULL;
	for (size_t i = 0; i < q->b->n_runs; i++)
		if (q->b->runs[i]->r.direction == DIRECTION_APPLY && run_still_has(q->b->runs[i], t->target->id))
			*ret = &q->b->runs[i]->rec;
	if (*ret)
		return 0;
	if (store_rollouts(q->b->store, NULL, false, q->a, &list, &n, e) < 0 || view_presents(q->b, q->a, list, n, &presents, &n_presents, e) < 0)
		return -1;
	for (size_t i = 0; i < n_presents && !*ret; i++)
		if (str_eq(presents[i].environment, environment))
			*ret = presents[i].rollout;
	return 0;
}

int operate_target_show(struct request *q, struct err *e)
{
	AUTO(arena_destroy) struct arena *owned = arena_new(RELEASE_ARENA);
	const char *target = NULL, *wave = "";
	const struct store_rollout *r = NULL;
	struct release release = {.version = ""};
	struct view_target t;
	struct order o = {0};
	if (request_need(q, "target", &target, e) < 0)
		return -1;
	if (!str_is_target_id(target))
		return err_set(e, ERR_USAGE, "%s: a target is site/instance/database or site/instance/database/schema", target);
	if (view_one(q, target, &t, e) < 0 || rollout_for(q, &t, &r, e) < 0)
		return -1;
	if (r && (order_decode(r->order, owned, &o, e) < 0 || order_release(q->b, r->release_hash, owned, &release, NULL, e) < 0))
		return err_wrap(e, "what release %s has for it", r->release_version);
	const struct survey_request what = {.release = &release,
	                                    .direction = DIRECTION_APPLY,
	                                    .contexts = o.contexts,
	                                    .n_contexts = o.n_contexts,
	                                    .targets = &target,
	                                    .waves = &wave,
	                                    .n_targets = 1};
	survey_start(q->b, q, take_ptr(&owned), &what);
	return 0;
}
