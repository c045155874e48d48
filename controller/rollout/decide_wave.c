/* Waves: a wave is driven until it has passed or failed; its gate is looked at after every event. A wave with deferred targets may pass without them, but not when nothing of it
 * succeeded: a wave that proved nothing is no proof for the next one. */
#include "common/base/mem.h"
#include "controller/rollout/decide_impl.h"

static bool takes_more_back(enum on_failure f)
{
	return f == ON_FAILURE_ROLLBACK_WAVE || f == ON_FAILURE_ROLLBACK_ALL;
}

/* A pass asks several times, and mostly nothing has moved in between. */
static struct wave_tally tally(struct work *w, uint32_t i)
{
	if (!w->tally_known || w->tally_of != i)
		w->tally = wave_tally(w->r, i);
	w->tally_of = i;
	w->tally_known = true;
	return w->tally;
}

static int fail_wave(struct work *w, uint32_t i, enum wave_event ev, struct err *e)
{
	bool undo = w->r->direction == DIRECTION_APPLY && takes_more_back(w->r->waves[i].on_failure);
	if (move_wave(w, i, ev, e) < 0)
		return -1;
	return move_rollout(w, undo ? ROLLOUT_EV_UNDO : ROLLOUT_EV_HALT, e);
}

static bool is_exceeded(const struct wave_run *v, const struct wave_tally *t)
{
	return t->failures > limit_of(v->max_failures, v->target_count);
}

static uint32_t wanted(const struct wave_run *v, const struct wave_tally *t)
{
	return limit_of(v->min_success, v->target_count - t->skipped);
}

static bool is_short(const struct wave_run *v, const struct wave_tally *t)
{
	return t->done + t->hopeful < wanted(v, t);
}

/* *ret_failed: the wave has failed, and the rollout has moved too. */
static int check_gate(struct work *w, uint32_t i, const struct wave_tally *t, bool *ret_failed, struct err *e)
{
	bool exceeded = is_exceeded(&w->r->waves[i], t);
	*ret_failed = exceeded || is_short(&w->r->waves[i], t);
	return *ret_failed ? fail_wave(w, i, exceeded ? WAVE_EV_EXCEEDED : WAVE_EV_SHORT, e) : 0;
}

typedef int drive_fn(struct work *w, struct delivery *d, struct err *e);

static int for_wave(struct work *w, uint32_t i, drive_fn *fn, struct err *e)
{
	for (size_t k = wave_first(w->r, i); k < w->r->n_deliveries && w->r->deliveries[k].wave == i; k++)
		if (fn(w, &w->r->deliveries[k], e) < 0)
			return -1;
	return 0;
}

static int drive_open(struct work *w, uint32_t i, struct err *e)
{
	bool failed = false;
	struct wave_tally t = tally(w, i);
	int rc = check_gate(w, i, &t, &failed, e);
	if (rc < 0 || failed)
		return rc;
	if (for_wave(w, i, drive_delivery, e) < 0)
		return -1;
	return tally(w, i).waiting ? 0 : move_wave(w, i, WAVE_EV_ALL_OFFERED, e);
}

/* Everything but the deferred targets is settled: are those of them that may still be done needed for the gate? Then they are waited for after all. */
static bool needs_deferred(const struct wave_run *v, const struct wave_tally *t)
{
	return t->hopeful > 0 && (t->done == 0 || t->done < wanted(v, t));
}

/* A wave whose targets are settled is looked at as before: what was left out may count again by a late report. *ret_moved: it has failed, or waits for deferred ones after all. */
static int look_again(struct work *w, uint32_t i, bool *ret_moved, struct err *e)
{
	struct wave_tally t = tally(w, i);
	if (check_gate(w, i, &t, ret_moved, e) < 0)
		return -1;
	if (*ret_moved || !needs_deferred(&w->r->waves[i], &t))
		return 0;
	*ret_moved = true;
	return move_wave(w, i, WAVE_EV_MORE, e);
}

static int drive_draining(struct work *w, uint32_t i, struct err *e)
{
	bool failed = false;
	struct wave_tally t = tally(w, i);
	int rc = check_gate(w, i, &t, &failed, e);
	if (rc < 0 || failed)
		return rc;
	if (t.waiting)
		return move_wave(w, i, WAVE_EV_MORE, e);
	if (for_wave(w, i, drive_delivery, e) < 0) /* an offered one whose agent went away may have to be deferred */
		return -1;
	if (t.unsettled)
		return 0;
	return needs_deferred(&w->r->waves[i], &t) ? for_wave(w, i, catch_up_delivery, e) : move_wave(w, i, WAVE_EV_ALL_SETTLED, e);
}

static int drive_soaking(struct work *w, uint32_t i, struct err *e)
{
	const struct wave_run *v = &w->r->waves[i];
	bool moved = false;
	int rc = look_again(w, i, &moved, e);
	if (rc < 0 || moved)
		return rc;
	if (v->soak_until_us <= w->now_us)
		return move_wave(w, i, WAVE_EV_SOAK_OVER, e);
	wake(w, v->soak_until_us);
	if (i + 1 == w->r->n_waves && w->r->state == ROLLOUT_RUNNING)
		return move_rollout(w, ROLLOUT_EV_LAST_SOAK, e);
	return 0;
}

static int drive_probing(struct work *w, uint32_t i, struct err *e)
{
	struct wave_run *v = &w->r->waves[i];
	bool moved = false;
	int rc = look_again(w, i, &moved, e);
	if (rc < 0 || moved)
		return rc;
	switch (v->probing) {
	case PROBING_NOT:
		v->probing = PROBING_ASKED;
		vec_grow(w->d->probes, w->d->n_probes, w->d->cap_probes);
		w->d->probes[w->d->n_probes++] = i;
		break;
	case PROBING_ASKED:
		break;
	case PROBING_HOLD:
		return move_wave(w, i, WAVE_EV_PROBES_HOLD, e);
	case PROBING_FAIL:
		return fail_wave(w, i, WAVE_EV_PROBES_FAIL, e);
	}
	return 0;
}

/* People are waited for; those of its targets that come late follow meanwhile. */
static int drive_awaiting_pass(struct work *w, uint32_t i, struct err *e)
{
	const struct wave_run *v = &w->r->waves[i];
	bool failed = false;
	struct wave_tally t = tally(w, i);
	int rc = check_gate(w, i, &t, &failed, e);
	if (rc < 0 || failed)
		return rc;
	if ((v->has_pass || !v->needs_pass) && !needs_deferred(v, &t))
		return move_wave(w, i, WAVE_EV_PASS, e);
	return t.waiting || t.deferred ? for_wave(w, i, catch_up_delivery, e) : 0;
}

static int drive_evaluating(struct work *w, uint32_t i, struct err *e)
{
	bool moved = false;
	int rc = look_again(w, i, &moved, e);
	if (rc < 0 || moved)
		return rc;
	return move_wave(w, i, WAVE_EV_WITHIN, e);
}

static bool fails_by(const struct wave_run *v, const struct wave_tally *t)
{
	switch (v->state) {
	case WAVE_BLOCKED: /* reopened by a retry or a skip that does not help enough */
	case WAVE_HELD:
	case WAVE_FAILED:
	case WAVE_OPEN:
	case WAVE_DRAINING:
	case WAVE_EVALUATING:
	case WAVE_SOAKING:
	case WAVE_AWAITING_PASS:
		return is_exceeded(v, t) || is_short(v, t);
	case WAVE_PROBING:
		return is_exceeded(v, t) || is_short(v, t) || v->probing == PROBING_FAIL;
	case WAVE_PASSED:
	case WAVE_STATE_COUNT:
		break;
	}
	return false;
}

bool wave_fails(const struct rollout *r, uint32_t i)
{
	const struct wave_tally t = wave_tally(r, i);
	return fails_by(&r->waves[i], &t);
}

bool fails(struct work *w, uint32_t i)
{
	const struct wave_tally t = tally(w, i);
	return fails_by(&w->r->waves[i], &t);
}

int drive_wave(struct work *w, uint32_t i, struct err *e)
{
	switch (w->r->waves[i].state) {
	case WAVE_BLOCKED:
		return move_wave(w, i, WAVE_EV_OPEN, e);
	case WAVE_HELD:
		return move_wave(w, i, WAVE_EV_RESUME, e);
	case WAVE_OPEN:
		return drive_open(w, i, e);
	case WAVE_DRAINING:
		return drive_draining(w, i, e);
	case WAVE_EVALUATING:
		return drive_evaluating(w, i, e);
	case WAVE_SOAKING:
		return drive_soaking(w, i, e);
	case WAVE_PROBING:
		return drive_probing(w, i, e);
	case WAVE_AWAITING_PASS:
		return drive_awaiting_pass(w, i, e);
	case WAVE_FAILED: /* a running rollout with a failed wave: its deliveries were retried elsewhere; look at it anew */
		return move_wave(w, i, WAVE_EV_REOPEN, e);
	case WAVE_PASSED:
	case WAVE_STATE_COUNT:
		break;
	}
	return 0;
}

int ask_passes(struct work *w, struct err *e)
{
	for (uint32_t i = 0; i < w->r->n_waves; i++) {
		const struct wave_run *v = &w->r->waves[i];
		if (v->state == WAVE_PASSED && v->needs_pass && !v->has_pass && move_wave(w, i, WAVE_EV_ASK_PASS, e) < 0)
			return -1;
	}
	return 0;
}

int drive_passed(struct work *w, uint32_t i, struct err *e)
{
	struct wave_tally t = tally(w, i);
	if (is_exceeded(&w->r->waves[i], &t))
		return fail_wave(w, i, WAVE_EV_EXCEEDED, e);
	return t.waiting || t.deferred ? for_wave(w, i, catch_up_delivery, e) : 0;
}
