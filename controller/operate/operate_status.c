/* What people see of rollouts: lists, and the whole truth about one. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "controller/operate/operate.h"

#define WAVE_COLUMNS     "wave,state,#targets,#applied,#failed,#open,max-failures,detail"
#define DELIVERY_COLUMNS "target,wave,state,step,#attempt,~detail,~next,+changeset,+since"

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

int reply_rollout(struct request *q, const struct store_rollout *r, struct err *e)
{
	struct delivery_counts c = {0};
	char at[CLOCK_TEXT_SIZE];
	if (store_delivery_counts(q->b->store, r->id, &c, e) < 0)
		return -1;
	uint32_t done = r->direction == DIRECTION_APPLY ? c.applied : c.rolled_back;
	reply_row(q, "%s\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%s\t%s", r->id, rollout_state_name(r->state),
	          r->release_version, r->environment, direction_name(r->direction), c.total, done, c.failed, c.open, clock_text(r->created_at_us, at),
	          or_empty(r->detail));
	return 0;
}

int operate_rollout_list(struct request *q, struct err *e)
{
	struct store_rollout *list = NULL;
	size_t n = 0;
	if (store_rollouts(q->b->store, NULL, false, q->a, &list, &n, e) < 0)
		return -1;
	reply_columns(q, ROLLOUT_COLUMNS);
	for (size_t i = n; i > 0; i--) /* the newest first */
		if (reply_rollout(q, &list[i - 1], e) < 0)
			return -1;
	reply_count(q, n, "rollout");
	return 0;
}

static const char *wave_detail(struct request *q, const struct run *u, const struct wave_run *w, const struct wave_tally *t)
{
	char until[CLOCK_TEXT_SIZE];
	if (w->state == WAVE_SOAKING && !rollout_is_final(u->r.state))
		return arena_printf(q->a, "until %s", clock_text(w->soak_until_us, until));
	if (w->detail)
		return w->detail;
	if (w->state == WAVE_PROBING)
		return "its probes are being asked";
	return t->deferred ? arena_printf(q->a, "%" PRIu32 " deferred", t->deferred) : "";
}

static void wave_row(struct request *q, const struct run *u, uint32_t i)
{
	const struct wave_run *w = &u->r.waves[i];
	const struct wave_tally t = wave_tally(&u->r, i);
	char limit[16];
	reply_row(q, "%s\t%s\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%s\t%s", w->name, wave_state_name(w->state), w->target_count, t.done,
	          t.failures, t.open, limit_text(w->max_failures, limit), wave_detail(q, u, w, &t));
}

/* What to type, or what happens by itself. */
static const char *next_of(struct request *q, const struct run *u, size_t i)
{
	const struct delivery *d = &u->r.deliveries[i];
	switch (d->state) {
	case DELIVERY_UNREACHABLE:
		return arena_printf(q->a, "starts when agent %s is back", u->agents[i] ? u->agents[i]->rec.name : "(none has it now)");
	case DELIVERY_HELD:
		return d->frozen ? "starts when the freeze is over" : "the site lifts the hold, or its window opens";
	case DELIVERY_DEFERRED:
		return arena_printf(q->a, "follows by itself; not to wait: rollcall rollout skip %.8s %s --reason TEXT", u->rec.id, d->target);
	case DELIVERY_FAILED:
	case DELIVERY_REFUSED:
		return arena_printf(q->a, "repair the cause, then: rollcall rollout retry %.8s %s", u->rec.id, d->target);
	case DELIVERY_NEEDS_ATTENTION:
		return arena_printf(q->a, "at the site: rollcall-agent resolve %s (shows what is open), then: rollcall rollout retry %.8s %s", d->target,
		                    u->rec.id, d->target);
	case DELIVERY_ROLLED_BACK:
		return d->order_direction == DIRECTION_APPLY ? arena_printf(q->a, "to go forward again: rollcall rollout retry %.8s %s", u->rec.id, d->target)
		                                             : "";
	case DELIVERY_OFFERED:
	case DELIVERY_WAITING_LOCK:
	case DELIVERY_APPLYING:
	case DELIVERY_VALIDATING:
	case DELIVERY_ROLLING_BACK:
		return d->session ? "" : "its agent is not connected; it may be working on";
	case DELIVERY_PENDING:
	case DELIVERY_APPLIED:
	case DELIVERY_SKIPPED:
	case DELIVERY_STATE_COUNT:
		break;
	}
	return "";
}

static void delivery_row(struct request *q, const struct run *u, size_t i)
{
	const struct delivery *d = &u->r.deliveries[i];
	const struct delivery_note *n = &u->notes[i];
	char since[CLOCK_TEXT_SIZE];
	const char *step = delivery_in_flight(d) && n->of_steps ? arena_printf(q->a, "%" PRIu32 "/%" PRIu32, n->step, n->of_steps) : "";
	reply_row(q, "%s\t%s\t%s\t%s\t%" PRIu32 "\t%s\t%s\t%s\t%s", d->target, u->r.waves[d->wave].name, delivery_state_name(d->state), step, d->attempt,
	          or_empty(n->detail), next_of(q, u, i), or_empty(n->changeset), clock_text(n->since_us, since));
}

static bool is_wanted(const char *target, const char *const *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_glob(wanted[i], target))
			return true;
	return n == 0;
}

static enum exit_code exit_of(const struct run *u, const struct delivery_counts *c)
{
	if (c->attention > 0)
		return EXIT_ATTENTION;
	if (u->r.state == ROLLOUT_AWAITING_APPROVAL)
		return EXIT_WAITING;
	if (u->r.state == ROLLOUT_ABORTED)
		return EXIT_FAILED;
	return c->failed > 0 || u->r.state == ROLLOUT_HALTED || u->r.state == ROLLOUT_FAILED || u->r.state == ROLLOUT_ROLLING_BACK ? EXIT_TARGETS
	                                                                                                                           : EXIT_DONE;
}

/* A rollback that fails because it was published wrong cannot be repaired in the database: its changeset is left applied and the rest goes back. */
static const char *halted_text(struct request *q, const struct run *u)
{
	if (u->r.direction == DIRECTION_APPLY)
		return arena_printf(q->a, "halted: nothing new starts; repair the cause, then: rollcall rollout retry %.8s (or abort, or rollback)",
		                    u->rec.id);
	return arena_printf(
	    q->a,
	    "halted: nothing new starts; repair the cause, then: rollcall rollout retry %.8s; or, where a changeset's rollback is wrong itself, "
	    "leave that changeset applied: rollcall rollout abort %.8s, then rollcall rollout rollback %.8s --except CHANGESET",
	    u->rec.id, u->rec.id, or_empty(u->rec.undoes));
}

static int end_status(struct request *q, const struct run *u, struct err *e)
{
	struct delivery_counts c = {0};
	size_t have = 0;
	uint32_t need = 0;
	char at[CLOCK_TEXT_SIZE];
	if (store_delivery_counts(q->b->store, u->rec.id, &c, e) < 0 || order_approvals(q->b, u, &have, &need, e) < 0)
		return -1;
	enum exit_code code = exit_of(u, &c);
	const char *state = rollout_state_name(u->r.state);
	if (u->r.state == ROLLOUT_AWAITING_APPROVAL)
		reply_end(q, code, "awaiting approval: %zu of %" PRIu32 " approvals; an approver runs: rollcall rollout approve %.8s", have, need, u->rec.id);
	else if (u->r.state == ROLLOUT_RUNNING && u->r.not_before_us > q->b->now_us)
		reply_end(q, code, "scheduled: nothing starts before %s", clock_text(u->r.not_before_us, at));
	else if (u->r.state == ROLLOUT_CATCHING_UP)
		reply_end(q, code, "catching-up: every wave passed; %" PRIu32 " deferred target%s may follow until %s", c.open, c.open == 1 ? "" : "s",
		          clock_text(u->r.not_after_us, at));
	else if (u->r.state == ROLLOUT_HALTED)
		reply_end(q, code, "%s", halted_text(q, u));
	else if (u->r.state == ROLLOUT_FAILED)
		reply_end(q, code, "failed: %s; repair the cause, then: rollcall rollout retry %.8s", or_empty(u->rec.detail), u->rec.id);
	else if (u->r.state == ROLLOUT_SUCCEEDED && c.failed > 0)
		reply_end(q, code,
		          "succeeded: every wave passed, with %" PRIu32
		          " failure%s that the plan allows; repair the cause, then: rollcall rollout retry %.8s",
		          c.failed, c.failed == 1 ? "" : "s", u->rec.id);
	else
		reply_end(q, code, "%s: %s", state, or_empty(u->rec.detail));
	return 0;
}

int operate_status(struct request *q, struct err *e)
{
	struct run *u = NULL;
	size_t n = 0;
	if (request_run(q, &u, e) < 0)
		return -1;
	const char **wanted = request_args(q, "target", &n);
	reply_columns(q, ROLLOUT_COLUMNS);
	if (reply_rollout(q, &u->rec, e) < 0)
		return -1;
	reply_columns(q, WAVE_COLUMNS);
	for (uint32_t i = 0; i < u->r.n_waves; i++)
		wave_row(q, u, i);
	reply_columns(q, DELIVERY_COLUMNS);
	for (size_t i = 0; i < u->r.n_deliveries; i++)
		if (is_wanted(u->r.deliveries[i].target, wanted, n))
			delivery_row(q, u, i);
	return end_status(q, u, e);
}
