/* One rollout in numbers, as people see it; its words are view_say.c. See view.h. */
#include <inttypes.h>

#include "common/base/str.h"
#include "controller/view/view.h"

enum view_interest view_interest(const struct delivery *d)
{
	switch (d->state) {
	case DELIVERY_UNREACHABLE:
	case DELIVERY_HELD:
	case DELIVERY_DEFERRED:
	case DELIVERY_WAITING_LOCK:
	case DELIVERY_FAILED:
	case DELIVERY_NEEDS_ATTENTION:
	case DELIVERY_REFUSED:
	case DELIVERY_UNKNOWN:
		return INTEREST_EYES;
	case DELIVERY_ROLLED_BACK:
		return d->order_direction == DIRECTION_APPLY ? INTEREST_EYES : INTEREST_REST;
	case DELIVERY_OFFERED:
	case DELIVERY_APPLYING:
	case DELIVERY_VALIDATING:
		return INTEREST_MOVING;
	case DELIVERY_ROLLING_BACK:
		return delivery_undo_waits(d) && !d->session ? INTEREST_EYES : INTEREST_MOVING;
	case DELIVERY_PENDING:
	case DELIVERY_APPLIED:
	case DELIVERY_SKIPPED:
	case DELIVERY_STATE_COUNT:
		break;
	}
	return INTEREST_REST;
}

const char *view_per_minute(struct arena *a, const struct view_rollout *v)
{
	return v->speed.per_minute > 0 ? arena_printf(a, "%.*f", v->speed.per_minute < 10 ? 1 : 0, v->speed.per_minute) : "";
}

const char *view_seconds_left(struct arena *a, const struct view_rollout *v)
{
	return v->speed.left_us >= 0 ? arena_printf(a, "%" PRId64, (v->speed.left_us + 999999) / 1000000) : "";
}

/* The worst that it has come to. `waits`: a wave of it, for a gate's signature. */
static enum exit_code code_of(enum rollout_state s, const struct delivery_counts *c, bool waits)
{
	if (c->attention > 0 || (c->unknown > 0 && s != ROLLOUT_CATCHING_UP && s != ROLLOUT_RUNNING))
		return EXIT_ATTENTION;
	if (s == ROLLOUT_AWAITING_APPROVAL || (waits && s == ROLLOUT_RUNNING))
		return EXIT_WAITING;
	if (s == ROLLOUT_ABORTED)
		return EXIT_FAILED;
	return c->failed > 0 || s == ROLLOUT_HALTED || s == ROLLOUT_FAILED || s == ROLLOUT_ROLLING_BACK ? EXIT_TARGETS : EXIT_DONE;
}

static const char *wave_under_way(const struct rollout *r)
{
	for (size_t i = 0; i < r->n_waves; i++)
		if (r->waves[i].state != WAVE_PASSED && r->waves[i].state != WAVE_BLOCKED)
			return r->waves[i].name;
	return "";
}

/* In memory, so that someone who watches costs the store nothing. */
static struct delivery_counts counts_of(const struct rollout *r)
{
	struct delivery_counts c = {.total = (uint32_t)r->n_deliveries};
	for (size_t i = 0; i < r->n_deliveries; i++) {
		const struct delivery *d = &r->deliveries[i];
		c.applied += d->state == DELIVERY_APPLIED;
		c.rolled_back += d->state == DELIVERY_ROLLED_BACK;
		c.attention += d->state == DELIVERY_NEEDS_ATTENTION;
		c.skipped += d->state == DELIVERY_SKIPPED;
		c.unknown += d->state == DELIVERY_UNKNOWN;
		c.failed += d->failed;
		c.open += !delivery_settled(d);
	}
	return c;
}

const char *view_called(struct arena *a, const struct store_rollout *rec, bool several)
{
	return several ? arena_printf(a, "%s %s", rec->project, rec->release_version) : rec->release_version;
}

int view_rollout(struct brain *b, struct arena *a, const struct store_rollout *rec, const struct run *u, struct view_rollout *ret, struct err *e)
{
	struct view_rollout v = {.rec = rec, .run = u, .speed = {.left_us = -1}, .wave = ""};
	if (u)
		v.counts = counts_of(&u->r);
	else if (store_delivery_counts(b->store, rec->id, &v.counts, e) < 0)
		return -1;
	v.done = rec->direction == DIRECTION_APPLY ? v.counts.applied : v.counts.rolled_back;
	uint32_t wave = 0;
	v.awaits_pass = u && gate_awaited(u, &wave);
	v.code = code_of(rec->state, &v.counts, v.awaits_pass);
	if (u) {
		v.speed = view_speed(&u->r, u->notes, u->rec.changed_at_us, b->now_us);
		v.wave = wave_under_way(&u->r);
	}
	for (size_t i = 0; u && i < u->r.n_deliveries; i++) {
		v.moving += view_interest(&u->r.deliveries[i]) == INTEREST_MOVING;
		v.eyes += view_interest(&u->r.deliveries[i]) == INTEREST_EYES;
	}
	bool several = false;
	if (store_several_projects(b->store, &several, e) < 0)
		return -1;
	v.called = view_called(a, rec, several);
	if (view_say(b, a, &v, e) < 0)
		return -1;
	*ret = v;
	return 0;
}

/* ---- what has ended, and is not settled ------------------------------------------------------------------------------------------------------------------- */

static bool has_come_over(const struct store_rollout *r)
{
	return r->state != ROLLOUT_PENDING && r->state != ROLLOUT_AWAITING_APPROVAL && r->state != ROLLOUT_ABORTED;
}

static bool is_newest(const struct store_rollout *list, size_t n, size_t i)
{
	for (size_t k = i + 1; k < n; k++)
		if (str_eq(list[k].project, list[i].project) && str_eq(list[k].environment, list[i].environment) && has_come_over(&list[k]))
			return false;
	return true;
}

int view_unsettled(struct brain *b, struct arena *a, const struct store_rollout *list, size_t n, struct run ***ret, size_t *ret_n, struct err *e)
{
	struct run **out = NULL;
	size_t n_out = 0, cap = 0;
	for (size_t i = 0; i < n; i++) {
		struct delivery_counts c = {0};
		bool ended = rollout_is_final(list[i].state);
		if (!ended || !is_newest(list, n, i))
			continue;
		if (store_delivery_counts(b->store, list[i].id, &c, e) < 0)
			return -1;
		if ((list[i].state == ROLLOUT_SUCCEEDED && c.failed == 0) || (list[i].state == ROLLOUT_ABORTED && c.unknown == 0))
			continue;
		arena_vec_grow(a, out, n_out, cap);
		if (run_open(b, list[i].id, &out[n_out], e) < 0)
			return -1;
		n_out += out[n_out] != NULL;
	}
	*ret = out;
	*ret_n = n_out;
	return 0;
}

/* Attention before failures before a missing approval. */
enum exit_code view_worse(enum exit_code x, enum exit_code y)
{
	static const enum exit_code order[] = {EXIT_ATTENTION, EXIT_TARGETS, EXIT_FAILED, EXIT_WAITING};
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (x == order[i] || y == order[i])
			return order[i];
	return EXIT_DONE;
}
