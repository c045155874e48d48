/* Counting and grouping over a rollout. */
#include "controller/rollout/rollout.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/str.h"

struct delivery *rollout_delivery(struct rollout *r, const char *target)
{
	for (size_t i = 0; i < r->n_deliveries; i++)
		if (str_eq(r->deliveries[i].target, target))
			return &r->deliveries[i];
	return NULL;
}

bool delivery_undo_is_due(const struct rollout *r, const struct delivery *d)
{
	return d->state == DELIVERY_FAILED && d->direction == DIRECTION_APPLY && r->direction == DIRECTION_APPLY &&
	       r->waves[d->wave].on_failure == ON_FAILURE_ROLLBACK_TARGET;
}

size_t wave_first(const struct rollout *r, uint32_t wave)
{
	size_t low = 0, high = r->n_deliveries;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (r->deliveries[middle].wave < wave)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct wave_tally wave_tally(const struct rollout *r, uint32_t wave)
{
	struct wave_tally t = {0};
	bool may_go_on = r->waves[wave].defer_after_ms > 0; /* without what its agents went away with */
	for (size_t i = wave_first(r, wave); i < r->n_deliveries && r->deliveries[i].wave == wave; i++) {
		const struct delivery *d = &r->deliveries[i];
		bool open = !delivery_settled(d);
		t.failures += d->failed;
		t.done += delivery_done(d);
		t.open += open;
		t.hopeful += open && !delivery_is_undo(d);
		t.skipped += d->state == DELIVERY_SKIPPED;
		bool waits = open && (d->state == DELIVERY_DEFERRED || (d->state == DELIVERY_UNKNOWN && may_go_on));
		t.deferred += waits;
		t.waiting |= d->state == DELIVERY_PENDING || d->state == DELIVERY_UNREACHABLE || d->state == DELIVERY_HELD;
		t.unsettled |= (open && !waits) || delivery_undo_is_due(r, d);
	}
	return t;
}

/* Length of the first `parts` parts of a target id. */
static size_t prefix_length(const char *target, int parts)
{
	const char *p = target;
	for (;; p++) {
		p += strcspn(p, "/");
		if (!*p || --parts == 0)
			return (size_t)(p - target);
	}
}

static int by_target(const void *a, const void *b)
{
	return strcmp((*(struct delivery *const *)a)->target, (*(struct delivery *const *)b)->target);
}

static bool same_prefix(const char *a, const char *b, int parts)
{
	size_t n = prefix_length(a, parts);
	return n == prefix_length(b, parts) && memcmp(a, b, n) == 0;
}

void rollout_group(struct delivery *deliveries, size_t n)
{
	if (n == 0)
		return;
	AUTO(mem_free_ptr) struct delivery **sorted = mem_alloc(n * sizeof *sorted);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &deliveries[i];
	qsort(sorted, n, sizeof *sorted, by_target);
	sorted[0]->site_group = sorted[0]->instance_group = 0;
	for (size_t i = 1; i < n; i++) {
		const struct delivery *before = sorted[i - 1];
		sorted[i]->site_group = before->site_group + !same_prefix(before->target, sorted[i]->target, 1);
		sorted[i]->instance_group = before->instance_group + !same_prefix(before->target, sorted[i]->target, 2);
	}
}
