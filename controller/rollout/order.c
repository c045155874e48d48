/* See the header. Targets are sorted by id first, so that the same plan over the same targets always makes the same waves. */
#include "controller/rollout/order.h"

#include <stdlib.h>

#include "common/base/buf.h"
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

static bool has_engine(const struct frozen *f, size_t begin, const char *engine)
{
	for (size_t i = begin; i < f->n_placed; i++)
		if (str_eq(f->placed[i].target->engine, engine))
			return true;
	return false;
}

/* SQL for an engine that no target of the wave has would ask nobody. Where only some of the environment's targets are wanted, it is left out of the order. */
static int keep_probes(const struct plan *p, const struct plan_environment *env, const struct frozen *f, size_t begin, bool partial, struct arena *a,
                       struct wave *w, struct err *e)
{
	struct probe *kept = arena_alloc(a, (w->n_probes + 1) * sizeof *kept);
	size_t n = 0;
	for (size_t i = 0; i < w->n_probes; i++) {
		const struct probe *k = &w->probes[i];
		if (!k->engine || has_engine(f, begin, k->engine))
			kept[n++] = *k;
		else if (!partial)
			return err_set(
			    e, ERR_USAGE,
			    "%s: environment %s: wave %s: probe %s asks %s targets, and the wave has none: correct its engine, or give it to a wave that has "
			    "some",
			    p->path, env->name, w->name, k->name, k->engine);
	}
	w->probes = kept;
	w->n_probes = n;
	return 0;
}

/* ---- the first wave: one of each series --------------------------------------------------------------------------------------------------------------- */

struct all { /* what order_freeze was given */
	const struct target *targets;
	const char *const *series;
};

static const char *series_of(const struct all *all, const struct target *t)
{
	const char *s = all->series ? all->series[t - all->targets] : NULL;
	return s ? s : t->engine;
}

static bool has_series(const struct frozen *f, const struct all *all, size_t n_placed, const char *series)
{
	for (size_t i = 0; i < n_placed; i++)
		if (str_eq(series_of(all, f->placed[i].target), series))
			return true;
	return false;
}

static void place(struct frozen *f, const struct target **t)
{
	f->placed[f->n_placed++] = (struct placed){.target = *t, .wave = (uint32_t)f->n_waves};
	*t = NULL;
}

/* How many it took. */
static size_t take_series(const struct plan_wave *w, const struct all *all, const struct target **m, size_t n, size_t want, struct frozen *f)
{
	size_t before = f->n_placed;
	for (size_t i = 0; i < n && f->n_placed - before < want; i++)
		if (m[i] && selector_matches(w->selector, m[i]) && !has_series(f, all, f->n_placed, series_of(all, m[i])))
			place(f, &m[i]);
	return f->n_placed - before;
}

/* How many series the wave can have: of the targets that are free. */
static size_t count_series(const struct plan_wave *w, const struct all *all, const struct target *const *m, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		bool is_new = m[i] && selector_matches(w->selector, m[i]);
		for (size_t k = 0; k < i && is_new; k++)
			is_new = !m[k] || !selector_matches(w->selector, m[k]) || !str_eq(series_of(all, m[k]), series_of(all, m[i]));
		count += is_new;
	}
	return count;
}

static int by_target(const void *a, const void *b)
{
	return strcmp(((const struct placed *)a)->target->id, ((const struct placed *)b)->target->id);
}

static const char *unproved(const struct frozen *f, const struct all *all, struct arena *a)
{
	struct buf list = BUF_INIT;
	size_t first = 0;
	while (first < f->n_placed && f->placed[first].wave == 0)
		first++;
	for (size_t i = first; i < f->n_placed; i++) {
		const char *series = series_of(all, f->placed[i].target);
		if (!has_series(f, all, i, series)) /* of the first wave, or named already */
			buf_addf(&list, "%s%s", list.n ? ", " : "", series);
	}
	const char *text = list.n ? arena_strdup(a, buf_str(&list)) : NULL;
	buf_done(&list);
	return text;
}

/* ---- all waves ---------------------------------------------------------------------------------------------------------------------------------------- */

/* Moves up to `want` matching targets from `m` (NULL there afterwards) into the list. */
static void take(const struct plan_wave *w, const struct target **m, size_t n, size_t want, struct frozen *f)
{
	for (size_t i = 0; i < n && want > 0; i++) {
		if (!m[i] || !selector_matches(w->selector, m[i]))
			continue;
		place(f, &m[i]);
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

int order_freeze(const struct plan *p, const struct plan_environment *env, const struct target *targets, const char *const *series, size_t n_targets,
                 bool partial, struct arena *a, struct frozen *ret, struct err *e)
{
	size_t n = 0;
	const struct all given = {.targets = targets, .series = series};
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
		if (f.n_waves == 0) {
			size_t n_series = count_series(w, &given, left, n);
			f.n_grown = n_series > count ? n_series - count : 0;
			count += f.n_grown;
		}
		size_t begin = f.n_placed, taken = f.n_waves == 0 ? take_series(w, &given, left, n, count, &f) : 0;
		take(w, left, n, count - taken, &f);
		qsort(f.placed + begin, count, sizeof *f.placed, by_target);
		f.waves[f.n_waves] = order_wave(w, count);
		if (keep_probes(p, env, &f, begin, partial, a, &f.waves[f.n_waves], e) < 0)
			return -1;
		f.plan_waves[f.n_waves++] = w;
	}
	if (f.n_placed == 0)
		return err_set(e, ERR_USAGE, "%s: environment %s: none of the targets is in any wave: give the waves other selectors", p->path, env->name);
	f.n_left_out = n - f.n_placed;
	f.unproved = unproved(&f, &given, a);
	*ret = f;
	return 0;
}
