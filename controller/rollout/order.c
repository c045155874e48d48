/* See the header. Targets are sorted by id first, so that the same plan over the same targets always makes the same waves. */
#include "controller/rollout/order.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/str.h"

static int by_id(const void *a, const void *b)
{
	return strcmp((*(const struct target *const *)a)->id, (*(const struct target *const *)b)->id);
}

/* The environment's targets, sorted. */
static const struct target **members(const struct plan_environment *env, const struct target *targets, size_t n, struct arena *a, size_t *ret_n)
{
	const struct target **m = arena_alloc(a, (n + 1) * sizeof *m);
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		if (str_eq(target_label(&targets[i], "environment"), env->name))
			m[count++] = &targets[i];
	qsort(m, count, sizeof *m, by_id);
	*ret_n = count;
	return m;
}

/* How many of the targets that are still free the wave's selector matches. */
static size_t count_free(const struct plan_wave *w, const struct target *const *m, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += m[i] && selector_matches(w->selector, m[i]);
	return count;
}

static struct wave order_wave(const struct plan_wave *w, size_t count)
{
	return (struct wave){.name = w->name,
	                     .target_count = (uint32_t)count,
	                     .max_parallel = w->max_parallel,
	                     .max_failures = w->max_failures,
	                     .min_success = w->min_success,
	                     .defer_after_ms = w->defer_after_ms,
	                     .soak_ms = w->soak_ms,
	                     .probes = w->probes,
	                     .n_probes = w->n_probes,
	                     .on_failure = w->on_failure};
}

/* Moves up to `want` matching targets from `m` (NULL there afterwards) into the list. */
static void take(const struct plan_wave *w, const struct target **m, size_t n, size_t want, struct frozen *f)
{
	for (size_t i = 0; i < n && want > 0; i++) {
		if (!m[i] || !selector_matches(w->selector, m[i]))
			continue;
		f->placed[f->n_placed++] = (struct placed){.target = m[i], .wave = (uint32_t)f->n_waves};
		m[i] = NULL;
		want--;
	}
}

static bool matches_any(const struct plan_wave *w, const struct target *const *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (selector_matches(w->selector, all[i]))
			return true;
	return false;
}

int order_freeze(const struct plan *p, const struct plan_environment *env, const struct target *targets, size_t n_targets, bool partial,
                 struct arena *a, struct frozen *ret, struct err *e)
{
	size_t n = 0;
	const struct target **all = members(env, targets, n_targets, a, &n);
	if (n == 0)
		return err_set(e, ERR_USAGE,
		               "%s: no target has label environment=%s: `rollcall targets list` shows what the agents reported; labels are set in agent.yaml",
		               p->path, env->name);
	const struct target **left = arena_alloc(a, n * sizeof *left);
	memcpy(left, all, n * sizeof *left);
	struct frozen f = {.waves = arena_alloc(a, env->n_waves * sizeof *f.waves),
	                   .plan_waves = arena_alloc(a, env->n_waves * sizeof *f.plan_waves),
	                   .placed = arena_alloc(a, n * sizeof *f.placed)};
	for (size_t i = 0; i < env->n_waves; i++) {
		const struct plan_wave *w = &env->waves[i];
		if (!partial && !matches_any(w, all, n))
			return err_set(e, ERR_USAGE, "%s: environment %s: wave %s: selector \"%s\" matches no target: correct it, or the labels in agent.yaml",
			               p->path, env->name, w->name, w->selector_text);
		size_t free_count = count_free(w, left, n), count = limit_of(w->size, (uint32_t)free_count);
		count = count < free_count ? count : free_count;
		if (count == 0)
			continue;
		take(w, left, n, count, &f);
		f.waves[f.n_waves] = order_wave(w, count);
		f.plan_waves[f.n_waves++] = w;
	}
	if (f.n_placed == 0)
		return err_set(e, ERR_USAGE, "%s: environment %s: none of the targets is in any wave: give the waves other selectors", p->path, env->name);
	f.n_left_out = n - f.n_placed;
	*ret = f;
	return 0;
}
