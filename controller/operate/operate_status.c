/* What people see of rollouts: lists, and the whole truth about one. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "controller/operate/operate.h"
#include "controller/view/view.h"

#define FOLD_MAX         10000
#define ROLLOUT_COLUMNS  "%rollout,state,release,environment,direction,#targets,#applied,#failed,+#open,created,detail,+project,+called"
#define STATUS_COLUMNS   ROLLOUT_COLUMNS ",+present-wave,+#moving,+#eyes,+#per-minute,+#seconds-left,+next,+starts-at,+#taken-back,+stands,+#skipped"
#define WAVE_COLUMNS     "wave,state,#targets,#applied,#failed,#open,max-failures,detail,+#moving,+#eyes,+#soak-seconds,+#skipped"
#define DELIVERY_COLUMNS "target,wave,state,step,#attempt,~detail,~next,+changeset,+since,+until,+#state-seconds,+#until-seconds"

/* Of one that has not ended: how it stands now, and not what moved it last. */
static int detail_now(struct request *q, const struct store_rollout *r, const char **ret, struct err *e)
{
	struct run *u = NULL;
	struct view_rollout v;
	*ret = str_or_empty(r->detail);
	if (rollout_is_final(r->state))
		return 0;
	if (run_find(q->b, r->id, &u, e) < 0 || view_rollout(q->b, q->a, &u->rec, u, &v, e) < 0)
		return -1;
	*ret = str_eq(v.state, rollout_state_name(r->state)) ? v.detail : arena_printf(q->a, "%s: %s", v.state, v.detail);
	return 0;
}

static void rollout_row(struct request *q, const struct store_rollout *r, struct delivery_counts c, const char *called, const char *now,
                        const char *undone_by)
{
	char at[CLOCK_TEXT_SIZE];
	uint32_t done = r->direction == DIRECTION_APPLY ? c.applied : c.rolled_back;
	const char *detail = undone_by ? arena_printf(q->a, "%s; taken back since by rollout %.8s", now, undone_by) : now;
	reply_row(q, "%s\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%s\t%s\t%s\t%s", r->id, rollout_state_name(r->state),
	          r->release_version, r->environment, direction_name(r->direction), c.total, done, c.failed, c.open, clock_text(r->created_at_us, at),
	          detail, r->project, called);
}

int reply_rollout(struct request *q, const struct store_rollout *r, struct err *e)
{
	struct delivery_counts c = {0};
	bool several = false;
	if (runs_save(q->b, e) < 0 || store_delivery_counts(q->b->store, r->id, &c, e) < 0 || store_several_projects(q->b->store, &several, e) < 0)
		return -1;
	reply_columns(q, ROLLOUT_COLUMNS);
	rollout_row(q, r, c, view_called(q->a, r, several), str_or_empty(r->detail), NULL);
	return 0;
}

int operate_rollout_list(struct request *q, struct err *e)
{
	struct store_rollout *list = NULL;
	size_t n = 0;
	bool several = false;
	if (store_rollouts(q->b->store, NULL, false, q->a, &list, &n, e) < 0 || store_several_projects(q->b->store, &several, e) < 0)
		return -1;
	AUTO(map_destroy) struct map *undone = map_new(); /* what was taken back, even in part -> the newest rollback of it */
	reply_columns(q, ROLLOUT_COLUMNS);
	for (size_t i = n; i > 0; i--) { /* the newest first, so that a rollback comes before what it takes back */
		const struct store_rollout *r = &list[i - 1];
		struct delivery_counts c = {0};
		const char *now = "";
		if (store_delivery_counts(q->b->store, r->id, &c, e) < 0 || detail_now(q, r, &now, e) < 0)
			return -1;
		const struct store_rollout *by = map_get(undone, map_text(r->id));
		rollout_row(q, r, c, view_called(q->a, r, several), now, by ? by->id : NULL);
		if (r->undoes && c.rolled_back && !map_get(undone, map_text(r->undoes)))
			map_put(undone, map_text(r->undoes), (void *)r);
	}
	reply_count(q, n, "rollout");
	return 0;
}

static const char *wave_detail(struct request *q, const struct run *u, uint32_t i, const struct wave_tally *t)
{
	const struct wave_run *w = &u->r.waves[i];
	char until[CLOCK_TEXT_SIZE];
	if (w->state == WAVE_SOAKING && !rollout_is_final(u->r.state))
		return arena_printf(q->a, "until %s", clock_text(w->soak_until_us, until));
	if (w->state == WAVE_AWAITING_PASS && !rollout_is_final(u->r.state))
		return gate_missing(q->b, q->a, u, i);
	if (w->detail)
		return w->detail;
	if (w->state == WAVE_FAILED)
		return view_wave_failed(q->a, &u->r, (uint32_t)(w - u->r.waves));
	if (w->state == WAVE_PROBING)
		return "its probes are being asked";
	const char *skipped = t->skipped ? arena_printf(q->a, "%" PRIu32 " skipped", t->skipped) : "";
	return t->deferred ? arena_printf(q->a, "%" PRIu32 " deferred%s%s", t->deferred, *skipped ? ", " : "", skipped) : skipped;
}

static void wave_row(struct request *q, const struct run *u, uint32_t i)
{
	const struct wave_run *w = &u->r.waves[i];
	const struct wave_tally t = wave_tally(&u->r, i);
	uint32_t by_interest[INTEREST_REST + 1] = {0};
	char limit[16];
	const char *soak = w->state == WAVE_SOAKING && w->soak_until_us > q->b->now_us
	                       ? arena_printf(q->a, "%" PRId64, (w->soak_until_us - q->b->now_us) / 1000000 + 1)
	                       : "";
	for (size_t k = wave_first(&u->r, i); k < u->r.n_deliveries && u->r.deliveries[k].wave == i; k++)
		by_interest[view_interest(&u->r.deliveries[k])]++;
	reply_row(q, "%s\t%s\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%s\t%s\t%" PRIu32 "\t%" PRIu32 "\t%s\t%" PRIu32, w->name,
	          wave_state_name(w->state), w->target_count, t.done, t.failures, t.open, limit_text(w->max_failures, limit), wave_detail(q, u, i, &t),
	          by_interest[INTEREST_MOVING], by_interest[INTEREST_EYES], soak, t.skipped);
}

static void delivery_row(struct request *q, const struct run *u, size_t i)
{
	const struct delivery *d = &u->r.deliveries[i];
	const struct delivery_note *n = &u->notes[i];
	char since[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE], attempt[16], lasts[24];
	int64_t until_us = view_delivery_until(d), seconds = (q->b->now_us - n->since_us) / 1000000;
	const char *step = delivery_in_flight(d) && n->of_steps ? arena_printf(q->a, "%" PRIu32 "/%" PRIu32, n->step, n->of_steps) : "";
	snprintf(attempt, sizeof attempt, "%" PRIu32, d->attempt);
	snprintf(lasts, sizeof lasts, "%" PRId64, seconds > 0 ? seconds : 0);
	const char *const cells[] = {d->target,
	                             u->r.waves[d->wave].name,
	                             delivery_state_name(d->state),
	                             step,
	                             attempt,
	                             view_delivery_detail(q->a, u, i),
	                             view_delivery_next(q->a, u, i, q->b->now_us),
	                             str_or_empty(n->changeset),
	                             clock_text(n->since_us, since),
	                             until_us ? clock_text(until_us, until) : "",
	                             lasts,
	                             reply_seconds_until(q, until_us)};
	reply_cells(q, cells, ARRAY_LEN(cells));
}

static bool is_wanted(const char *target, const char *const *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_glob(wanted[i], target))
			return true;
	return n == 0;
}

/* ---- the deliveries: all, or what needs eyes and what moves, with the rest counted ------------------------------------------------------------------------- */

struct asked {
	const char **targets; /* globs; none: all */
	size_t n_targets;
	uint64_t fold; /* at most so many rows; 0: all */
};

static bool is_asked(const struct asked *w, const struct delivery *d)
{
	return is_wanted(d->target, w->targets, w->n_targets);
}

static size_t count_asked(const struct run *u, const struct asked *w)
{
	size_t n = 0;
	for (size_t i = 0; i < u->r.n_deliveries; i++)
		n += is_asked(w, &u->r.deliveries[i]);
	return n;
}

static void all_rows(struct request *q, const struct run *u, const struct asked *w)
{
	reply_columns(q, DELIVERY_COLUMNS);
	for (size_t i = 0; i < u->r.n_deliveries; i++)
		if (is_asked(w, &u->r.deliveries[i]))
			delivery_row(q, u, i);
}

static void folded_rows(struct request *q, const struct run *u, const struct asked *w)
{
	size_t *chosen = arena_alloc(q->a, w->fold * sizeof *chosen), n = 0;
	uint32_t others[DELIVERY_STATE_COUNT] = {0};
	for (int interest = INTEREST_EYES; interest <= INTEREST_REST; interest++)
		for (size_t i = 0; i < u->r.n_deliveries; i++) {
			const struct delivery *d = &u->r.deliveries[i];
			if ((int)view_interest(d) != interest || !is_asked(w, d))
				continue;
			if (interest < INTEREST_REST && n < w->fold)
				chosen[n++] = i;
			else
				others[d->state]++;
		}
	reply_columns(q, "others,#targets");
	for (int s = 0; s < DELIVERY_STATE_COUNT; s++)
		if (others[s])
			reply_row(q, "%s\t%" PRIu32, delivery_state_name((enum delivery_state)s), others[s]);
	reply_columns(q, DELIVERY_COLUMNS);
	for (size_t i = 0; i < n; i++)
		delivery_row(q, u, chosen[i]);
}

/* ---- rollout-status ------------------------------------------------------------------------------------------------------------------------------------- */

static void status_row(struct request *q, const struct view_rollout *v)
{
	const struct store_rollout *r = v->rec;
	char at[CLOCK_TEXT_SIZE];
	reply_row(q,
	          "%s\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%s\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%" PRIu32
	          "\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%s\t%" PRIu32,
	          r->id, rollout_state_name(r->state), r->release_version, r->environment, direction_name(r->direction), v->counts.total, v->done,
	          v->counts.failed, v->counts.open, clock_text(r->created_at_us, at), v->detail, r->project, v->called, v->wave, v->moving, v->eyes,
	          view_per_minute(q->a, v), view_seconds_left(q->a, v), v->next, reply_time(q, v->starts_at_us),
	          r->direction == DIRECTION_APPLY ? v->counts.rolled_back : 0, v->state, v->counts.skipped);
}

int operate_status(struct request *q, struct err *e)
{
	struct run *u = NULL;
	struct asked w = {0};
	struct view_rollout v;
	if (request_run(q, &u, e) < 0 || request_number(q, "fold", 1, FOLD_MAX, &w.fold, e) < 0 || view_rollout(q->b, q->a, &u->rec, u, &v, e) < 0)
		return -1;
	w.targets = request_args(q, "target", &w.n_targets);
	reply_columns(q, STATUS_COLUMNS);
	status_row(q, &v);
	reply_columns(q, WAVE_COLUMNS);
	for (uint32_t i = 0; i < u->r.n_waves; i++)
		wave_row(q, u, i);
	if (w.fold && count_asked(u, &w) > w.fold)
		folded_rows(q, u, &w);
	else
		all_rows(q, u, &w);
	reply_end(q, v.code, "%s: %s%s%s", v.state, v.detail, *v.next ? "; " : "", v.next);
	return 0;
}
