/* Counting and grouping over a rollout. */
#include "controller/rollout/rollout.h"

#include <stdlib.h>

#include "common/base/mem.h"

uint32_t wave_failures(const struct rollout *r, uint32_t wave)
{
	uint32_t n = 0;
	for (size_t i = 0; i < r->n_deliveries; i++)
		n += r->deliveries[i].wave == wave && r->deliveries[i].failed;
	return n;
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
