/* From release, ledger and order to the list of what to do. */
#include "agent/apply/plan.h"

#include <string.h>

#include "agent/apply/filter.h"
#include "common/base/str.h"

static const char *const action_names[PLAN_ACTION_COUNT] = {"skip", "run", "resume", "validate", "revert", "reverted", "rollback"};

const char *plan_action_name(enum plan_action a)
{
	return action_names[a];
}

/* SHA-256 over "T": what digest_step gives for a class T step without statements. */
static const struct step empty_step = {.class = STEP_T,
                                       .digest = {0xe6, 0x32, 0xb7, 0x09, 0x5b, 0x0b, 0xf3, 0x2c, 0x26, 0x0f, 0xa4, 0xc5, 0x39, 0xe9, 0xfd, 0x7b,
                                                  0x85, 0x2d, 0x0d, 0xe4, 0x54, 0xe9, 0xbe, 0x26, 0xf2, 0x4d, 0x0d, 0x6f, 0x91, 0xd0, 0x69, 0xd3}};

size_t plan_steps(const struct body *b, enum direction d)
{
	size_t n = d == DIRECTION_APPLY ? b->n_steps : b->n_rollback;
	return n ? n : 1;
}

const struct step *plan_step(const struct body *b, enum direction d, size_t i)
{
	const struct step *steps = d == DIRECTION_APPLY ? b->steps : b->rollback;
	return (d == DIRECTION_APPLY ? b->n_steps : b->n_rollback) ? &steps[i] : &empty_step;
}

/* ---- what the ledger says of one changeset ---- */

static const struct ledger_row *last_forward(const struct project_ledger *l, const char *changeset)
{
	for (const struct ledger_row *r = NULL; (r = project_previous(l, r));)
		if (r->direction == DIRECTION_APPLY && str_eq(r->changeset, changeset))
			return r;
	return NULL;
}

static bool by_this_attempt(const struct plan_input *in, const struct ledger_row *r)
{
	return r && r->attempt == in->attempt && str_eq(r->task, in->task);
}

bool plan_validates_after(const struct changeset *c)
{
	for (size_t i = 0; i < c->n_validations; i++)
		if (c->validations[i].when == VALIDATE_AFTER)
			return true;
	return false;
}

/* Whose a way back is shows in its first row: others settle what an interrupted one left, and finish it. */
static bool goes_back_by_this_attempt(const struct plan_input *in, const char *changeset, uint32_t run)
{
	const struct ledger_row *r = NULL;
	while ((r = project_next(in->ledger, r)))
		if (r->direction == DIRECTION_ROLLBACK && r->run == run && str_eq(r->changeset, changeset))
			break;
	return by_this_attempt(in, r);
}

static bool is_seen_valid(const struct plan_input *in, const char *changeset, uint32_t run)
{
	return str_eq(in->validated, changeset) && in->validated_run == run;
}

/* Only the newest changeset can be applied without its validations: each is validated before the next one starts, whichever order that is of. Later data is no judge of one that was validated. */
static bool is_unvalidated(const struct plan_input *in, const struct changeset *c, const struct changeset_status *st)
{
	const struct ledger_row *newest = ledger_newest_forward(in->ledger);
	if (st->state != CHANGESET_APPLIED || !str_eq(newest->changeset, c->id) || !plan_validates_after(c) || is_seen_valid(in, c->id, st->run))
		return false;
	bool ours = str_eq(newest->task, in->task);
	return ours || (!c->run_always && (in->validated || ledger_unvalidated(in->ledger)));
}

/* What does not hold is nowhere left behind, not by a release that no longer has it either. */
static int check_left_behind(const struct plan_input *in, struct err *e)
{
	const struct ledger_row *r = ledger_unvalidated(in->ledger);
	if (!r || is_seen_valid(in, r->changeset, r->run) || release_changeset(in->release, r->changeset))
		return 0;
	return err_set(
	    e, ERR_STATE,
	    "the validations after changeset %s, of release %s, do not hold, and this release does not hold the changeset: deliver one that does, "
	    "or have the site's people settle it with 'rollcall-agent resolve TARGET --validated'",
	    r->changeset, r->release_version);
}

static bool content_is(const struct changeset *c, const uint8_t applied[DIGEST_SIZE], bool *ret_accepted)
{
	char hex[DIGEST_HEX_SIZE];
	bytes_to_hex(bytes_of(applied, DIGEST_SIZE), hex);
	*ret_accepted = false;
	if (memcmp(c->digest, applied, DIGEST_SIZE) == 0)
		return true;
	for (size_t i = 0; i < c->n_accepted_digests; i++)
		if (str_ieq(c->accepted_digests[i], "any") || str_ieq(c->accepted_digests[i], hex))
			*ret_accepted = true;
	return false;
}

static int refuse_changed(const struct changeset *c, const struct changeset_status *st, struct err *e)
{
	char was[DIGEST_HEX_SIZE], is[DIGEST_HEX_SIZE];
	bytes_to_hex(bytes_of(st->changeset_digest, DIGEST_SIZE), was);
	bytes_to_hex(bytes_of(c->digest, DIGEST_SIZE), is);
	return err_set(
	    e, ERR_POLICY,
	    "%s:%u: changeset %s was applied with other content by release %s (%.12s there, %.12s here): put the old text back and write the change as a "
	    "new changeset, or mark it runOnChange or validCheckSum",
	    c->file ? c->file : "-", c->line, c->id, st->release_version ? st->release_version : "?", was, is);
}

/* The steps that are done must be the ones in hand, or "go on at step 3" would mean something else. */
static int check_done_steps(const struct plan_input *in, const struct changeset *c, const struct body *b, const struct changeset_status *st,
                            enum direction d, struct err *e)
{
	for (const struct ledger_row *r = NULL; (r = project_next(in->ledger, r));) {
		if (r->state != STEP_DONE || r->direction != d || r->run != st->run || !str_eq(r->changeset, c->id))
			continue;
		if (r->step >= plan_steps(b, d) || memcmp(r->digest, plan_step(b, d, r->step)->digest, DIGEST_SIZE) != 0)
			return err_set(e, ERR_POLICY,
			               "%s:%u: changeset %s is half-%s by release %s, and its step %u has other content here: deliver release %s again, or keep "
			               "the finished steps as they were",
			               c->file ? c->file : "-", c->line, c->id, d == DIRECTION_APPLY ? "applied" : "rolled back",
			               st->release_version ? st->release_version : "?", r->step + 1, st->release_version ? st->release_version : "?");
	}
	return 0;
}

/* ---- apply ---- */

static void item_set(struct plan_item *it, enum plan_action action, uint32_t run, uint32_t first_step, const char *why)
{
	it->action = action;
	it->run = run;
	it->first_step = first_step;
	it->why = why;
}

static void set_validate(struct plan_item *it, const struct changeset_status *st)
{
	item_set(it, PLAN_VALIDATE, st->run, (uint32_t)plan_steps(it->body, DIRECTION_APPLY), "applied earlier, not yet validated");
}

static int plan_applied(const struct plan_input *in, const struct changeset_status *st, struct plan_item *it, struct err *e)
{
	const struct changeset *c = it->changeset;
	bool accepted = false, same = content_is(c, st->changeset_digest, &accepted);
	if (is_unvalidated(in, c, st) && (same || accepted))
		set_validate(it, st);
	else if (by_this_attempt(in, last_forward(in->ledger, c->id)))
		item_set(it, PLAN_SKIP, st->run, 0, "applied by this delivery before it was interrupted");
	else if (c->run_always)
		item_set(it, PLAN_RUN, st->run + 1, 0, "runAlways");
	else if (!same && c->run_on_change)
		item_set(it, PLAN_RUN, st->run + 1, 0, "runOnChange: the content changed");
	else if (same || accepted)
		item_set(it, PLAN_SKIP, st->run, 0, st->state == CHANGESET_SKIPPED ? "marked as ran" : "applied already");
	else
		return refuse_changed(c, st, e);
	return 0;
}

static int plan_rolling_back(const struct plan_input *in, const struct changeset_status *st, struct plan_item *it, struct err *e)
{
	bool ours = goes_back_by_this_attempt(in, it->changeset->id, st->run);
	if (!it->body->has_rollback)
		return err_set(e, ERR_STATE, "changeset %s is half-rolled back, and this release holds no rollback for it: deliver the release that began it",
		               it->changeset->id);
	item_set(it, ours ? PLAN_REVERTED : PLAN_REVERT, st->run, st->steps_done, "its rollback was interrupted");
	return check_done_steps(in, it->changeset, it->body, st, DIRECTION_ROLLBACK, e);
}

static int plan_one(const struct plan_input *in, struct plan_item *it, struct err *e)
{
	struct changeset_status st;
	ledger_status(in->ledger, it->changeset->id, it->body->n_steps, it->body->n_rollback, &st);
	switch (st.state) {
	case CHANGESET_PENDING:
		item_set(it, PLAN_RUN, st.run ? st.run : 1, 0, "pending");
		return 0;
	case CHANGESET_PARTIAL: /* an intent that is still open here is of class B: it goes on from its cursor */
		item_set(it, st.steps_done || st.open_intent ? PLAN_RESUME : PLAN_RUN, st.run ? st.run : 1, st.steps_done, "half-applied");
		return check_done_steps(in, it->changeset, it->body, &st, DIRECTION_APPLY, e);
	case CHANGESET_APPLIED:
	case CHANGESET_SKIPPED:
		return plan_applied(in, &st, it, e);
	case CHANGESET_ROLLING_BACK:
		return plan_rolling_back(in, &st, it, e);
	case CHANGESET_ROLLED_BACK:
		if (goes_back_by_this_attempt(in, it->changeset->id, st.run))
			item_set(it, PLAN_REVERTED, st.run, (uint32_t)plan_steps(it->body, DIRECTION_ROLLBACK), "reverted by this attempt");
		else
			item_set(it, PLAN_RUN, st.run + 1, 0, "rolled back earlier");
		return 0;
	}
	return err_set(e, ERR_INTERNAL, "changeset state %d", (int)st.state);
}

static int check_classes(const struct changeset *c, const struct body *b, enum direction d, struct err *e)
{
	uint32_t batch = d == DIRECTION_APPLY ? c->batching.size : c->batching.rollback_size;
	for (size_t i = 0; i < plan_steps(b, d); i++) {
		const struct step *s = plan_step(b, d, i);
		if (s->class == STEP_T || (s->n_statements == 1 && (s->class != STEP_B || batch)))
			continue;
		return err_set(e, ERR_POLICY, "%s:%u: changeset %s, step %zu: class %s cannot be run exactly once: split it into statements that can",
		               c->file ? c->file : "-", c->line, c->id, i + 1, step_class_name(s->class));
	}
	return 0;
}

/* Contexts and labels choose what is run; what stands here is validated in any case. */
static bool is_left_unvalidated(const struct plan_input *in, struct plan_item *it)
{
	struct changeset_status st;
	ledger_status(in->ledger, it->changeset->id, it->body->n_steps, it->body->n_rollback, &st);
	if (!is_unvalidated(in, it->changeset, &st))
		return false;
	set_validate(it, &st);
	return true;
}

static int plan_apply(const struct plan_input *in, struct arena *a, struct plan *p, struct err *e)
{
	if (check_left_behind(in, e) != 0)
		return -1;
	for (size_t i = 0; i < in->release->n_changesets; i++) {
		const struct changeset *c = &in->release->changesets[i];
		struct plan_item *it = &p->items[p->n_items++];
		bool selected = true;
		*it = (struct plan_item){.changeset = c, .body = changeset_body(c, in->engine), .position = (uint32_t)i + 1};
		if (filter_selects(c, in->order, a, &selected, e) != 0)
			return -1;
		if (!it->body)
			item_set(it, PLAN_SKIP, 0, 0, "not for this engine");
		else if (!selected && is_left_unvalidated(in, it))
			continue;
		else if (!selected)
			item_set(it, PLAN_SKIP, 0, 0, "left out by contexts or labels");
		else if (check_classes(c, it->body, DIRECTION_APPLY, e) != 0 || plan_one(in, it, e) != 0)
			return -1;
	}
	return 0;
}

/* ---- rollback ---- */

static bool is_excepted(const struct order *o, const char *id)
{
	for (size_t i = 0; i < o->n_except; i++)
		if (str_eq(o->except[i], id))
			return true;
	return false;
}

/* Is the changeset's present run this delivery's to undo? Under a rollback order: what this release applied. Under an apply order (its own on_failure at work): only
 * what that very order applied (proto/order.proto). */
static bool is_ours_to_undo(const struct plan_input *in, const char *id, const struct changeset_status *st)
{
	if (in->order->direction == DIRECTION_ROLLBACK)
		return st->release_sequence == in->release->sequence;
	const struct ledger_row *r = last_forward(in->ledger, id);
	return r && memcmp(r->order_digest, in->order->digest, DIGEST_SIZE) == 0;
}

static int plan_undo(const struct plan_input *in, const struct changeset_status *st, struct plan_item *it, struct err *e)
{
	const struct changeset *c = it->changeset;
	if (st->state == CHANGESET_PARTIAL && (st->steps_done || st->open_intent))
		return err_set(e, ERR_STATE,
		               "changeset %s is half-applied (%u of %zu steps), and its rollback is written for the whole: finish it with a retry, or "
		               "undo it by hand and leave it out with --except %s",
		               c->id, st->steps_done, plan_steps(it->body, DIRECTION_APPLY), c->id);
	if (st->state != CHANGESET_APPLIED && st->state != CHANGESET_ROLLING_BACK) {
		item_set(it, PLAN_SKIP, st->run, 0, st->state == CHANGESET_ROLLED_BACK ? "rolled back already" : "not applied");
		return 0;
	}
	if (!it->body->has_rollback)
		return err_set(e, ERR_STATE,
		               "%s:%u: changeset %s has no rollback: nothing was rolled back; write one in a new release, or leave it out with --except %s",
		               c->file ? c->file : "-", c->line, c->id, c->id);
	item_set(it, PLAN_ROLLBACK, st->run, st->state == CHANGESET_ROLLING_BACK ? st->steps_done : 0, "applied by this release");
	if (check_classes(c, it->body, DIRECTION_ROLLBACK, e) != 0)
		return -1;
	return st->state == CHANGESET_ROLLING_BACK ? check_done_steps(in, c, it->body, st, DIRECTION_ROLLBACK, e) : 0;
}

static int plan_rollback(const struct plan_input *in, struct plan *p, struct err *e)
{
	for (size_t i = in->release->n_changesets; i-- > 0;) {
		const struct changeset *c = &in->release->changesets[i];
		struct plan_item *it = &p->items[p->n_items++];
		struct changeset_status st;
		*it = (struct plan_item){.changeset = c, .body = changeset_body(c, in->engine), .position = (uint32_t)i + 1};
		if (!it->body) {
			item_set(it, PLAN_SKIP, 0, 0, "not for this engine");
			continue;
		}
		ledger_status(in->ledger, c->id, it->body->n_steps, it->body->n_rollback, &st);
		if (is_excepted(in->order, c->id))
			item_set(it, PLAN_SKIP, st.run, 0, "excepted by the order");
		else if (st.state != CHANGESET_PENDING && !is_ours_to_undo(in, c->id, &st))
			item_set(it, PLAN_SKIP, st.run, 0, "applied by another release or rollout");
		else if (plan_undo(in, &st, it, e) != 0)
			return -1;
	}
	return 0;
}

static uint32_t steps_to_run(const struct plan_item *it)
{
	switch (it->action) {
	case PLAN_SKIP:
	case PLAN_VALIDATE:
		return 0;
	case PLAN_RUN:
	case PLAN_RESUME:
		return (uint32_t)plan_steps(it->body, DIRECTION_APPLY) - it->first_step;
	case PLAN_REVERT:
		return (uint32_t)(plan_steps(it->body, DIRECTION_ROLLBACK) - it->first_step + plan_steps(it->body, DIRECTION_APPLY));
	case PLAN_REVERTED:
	case PLAN_ROLLBACK:
		return (uint32_t)plan_steps(it->body, DIRECTION_ROLLBACK) - it->first_step;
	case PLAN_ACTION_COUNT:
		break;
	}
	return 0;
}

/* Nothing may come between an open intent (class B) and its outcome, or the ledger's last row would no longer show it. */
static int check_open(const struct plan_input *in, const struct plan *p, struct err *e)
{
	const struct ledger_row *last = project_previous(in->ledger, NULL); /* another project's open intent is stopped at before (resolve.c) */
	size_t i = 0;
	while (i < p->n_items && p->items[i].action == PLAN_SKIP)
		i++;
	if (!last || last->state != STEP_INTENT || i == p->n_items || str_eq(p->items[i].changeset->id, last->changeset))
		return 0;
	return err_set(e, ERR_STATE,
	               "step %u of %s is half-done in batches (release %s), and %s would come before its end: deliver that release again first",
	               last->step + 1, last->changeset, last->release_version, p->items[i].changeset->id);
}

static int check_sizes(const struct plan_input *in, const struct plan_item *it, enum direction dir, struct err *e)
{
	for (size_t k = 0; k < plan_steps(it->body, dir); k++) {
		const struct step *s = plan_step(it->body, dir, k);
		for (size_t i = 0; i < s->n_statements; i++)
			if (s->statements[i].sql.n > in->statement_max)
				return err_set(e, ERR_LIMIT,
				               "%s, %sstep %zu (line %u): a statement of %zu bytes, and this server takes %llu at most (MariaDB: "
				               "max_allowed_packet): cut it into "
				               "smaller ones, or have the limit raised; nothing was begun",
				               it->changeset->id, dir == DIRECTION_ROLLBACK ? "rollback " : "", k + 1, s->statements[i].line, s->statements[i].sql.n,
				               (unsigned long long)in->statement_max);
	}
	return 0;
}

/* Before anything begins: what would be refused in the middle of the release is refused here. */
static int check_plan_sizes(const struct plan_input *in, const struct plan *p, struct err *e)
{
	for (size_t i = 0; i < p->n_items && in->statement_max; i++) {
		const struct plan_item *it = &p->items[i];
		bool forth = it->action == PLAN_RUN || it->action == PLAN_RESUME || it->action == PLAN_REVERT;
		bool back = it->action == PLAN_REVERT || it->action == PLAN_REVERTED || it->action == PLAN_ROLLBACK;
		if ((forth && check_sizes(in, it, DIRECTION_APPLY, e) != 0) || (back && check_sizes(in, it, DIRECTION_ROLLBACK, e) != 0))
			return -1;
	}
	return 0;
}

int plan_make(const struct plan_input *in, struct arena *a, struct plan *ret, struct err *e)
{
	struct plan p = {.items = arena_alloc(a, (in->release->n_changesets + 1) * sizeof *p.items)};
	if ((in->direction == DIRECTION_APPLY ? plan_apply(in, a, &p, e) : plan_rollback(in, &p, e)) != 0)
		return -1;
	for (size_t i = 0; i < p.n_items; i++)
		p.n_steps += steps_to_run(&p.items[i]);
	if (check_open(in, &p, e) != 0 || check_plan_sizes(in, &p, e) != 0)
		return -1;
	*ret = p;
	return 0;
}
