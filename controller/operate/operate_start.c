/* What a plan would do with a release, and the start of it. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/operate/wish.h"

/* What whoever looks at it, or starts it, may not expect. */
static int start_notes(struct request *q, const struct wish *w, const char **ret, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	const char *conflicts = NULL;
	size_t frozen = 0;
	if (wish_conflicts(q, w, &conflicts, e) < 0)
		return -1;
	for (size_t i = 0; i < w->frozen.n_placed; i++)
		frozen += freeze_of(q->b, w->frozen.placed[i].target->id) != NULL;
	if (w->frozen.n_left_out)
		buf_addf(&b, "; %zu targets of the environment are in no wave", w->frozen.n_left_out);
	if (w->partial)
		buf_addf(&b, "; it leaves targets of %s out, so the release does not count as rolled out there", w->env->name);
	if (w->n_quarantined)
		buf_addf(&b, "; %zu %s left out: in quarantine", w->n_quarantined, w->n_quarantined == 1 ? "is" : "are");
	if (frozen)
		buf_addf(&b, "; %zu are under a freeze now (rollcall freeze list)", frozen);
	if (w->frozen.n_grown)
		buf_addf(&b, "; the first wave (%s) has %zu target%s more than its size, so that it has one of each engine and major version",
		         w->frozen.waves[0].name, w->frozen.n_grown, w->frozen.n_grown == 1 ? "" : "s");
	if (w->frozen.unproved)
		buf_addf(&b, "; WARNING: no %s is in the first wave (%s), so nothing proves the release there first: let its selector take one",
		         w->frozen.unproved, w->frozen.waves[0].name);
	buf_adds(&b, conflicts);
	*ret = arena_strdup(q->a, buf_str(&b));
	return 0;
}

int operate_preview(struct request *q, struct err *e)
{
	AUTO(wish_done) struct wish w = {0};
	const char *note = NULL;
	if (wish_read(q, &w, e) < 0 || start_notes(q, &w, &note, e) < 0)
		return -1;
	size_t n = w.frozen.n_placed;
	const char **targets = arena_alloc(q->a, n * sizeof *targets), **waves = arena_alloc(q->a, n * sizeof *waves);
	for (size_t i = 0; i < n; i++) {
		targets[i] = w.frozen.placed[i].target->id;
		waves[i] = w.frozen.waves[w.frozen.placed[i].wave].name;
	}
	const struct survey_request what = {.release = &w.release,
	                                    .direction = w.direction,
	                                    .contexts = w.env->contexts,
	                                    .n_contexts = w.env->n_contexts,
	                                    .except = w.except,
	                                    .n_except = w.n_except,
	                                    .targets = targets,
	                                    .waves = waves,
	                                    .n_targets = n,
	                                    .note = note};
	survey_start(q->b, q, take_ptr(&w.arena), &what);
	return 0;
}

/* ---- start --------------------------------------------------------------------------------------------------------------------------------------------- */

int reply_started(struct request *q, struct run *u, const char *note, struct err *e)
{
	size_t have = 0;
	uint32_t need = 0;
	if (order_approvals(q->b, u, &have, &need, e) < 0)
		return -1;
	reply_columns(q, "%rollout,state,release,environment,direction,#targets");
	reply_row(q, "%s\t%s\t%s\t%s\t%s\t%zu", u->rec.id, rollout_state_name(u->r.state), u->rec.release_version, u->rec.environment,
	          direction_name(u->rec.direction), u->r.n_deliveries);
	char at[CLOCK_TEXT_SIZE];
	if (u->r.state == ROLLOUT_AWAITING_APPROVAL)
		reply_end(q, EXIT_WAITING, "rollout %.8s awaits %" PRIu32 " approval%s%s; an approver runs: rollcall rollout approve %.8s --key KEY",
		          u->rec.id, need, need == 1 ? "" : "s", note, u->rec.id);
	else if (u->r.not_before_us > q->b->now_us)
		reply_end(q, EXIT_DONE, "rollout %.8s starts at %s%s; follow it: rollcall rollout watch %.8s", u->rec.id, clock_text(u->r.not_before_us, at),
		          note, u->rec.id);
	else
		reply_end(q, EXIT_DONE, "rollout %.8s runs%s; follow it: rollcall rollout watch %.8s", u->rec.id, note, u->rec.id);
	return 0;
}

int operate_start(struct request *q, struct err *e)
{
	AUTO(wish_done) struct wish w = {0};
	struct run *u = NULL;
	const char *notes = NULL;
	if (wish_read(q, &w, e) < 0 || start_notes(q, &w, &notes, e) < 0 || wish_start(q, &w, &u, e) < 0)
		return -1;
	return reply_started(q, u, notes, e);
}
