/* The whole fleet on one screen: counts, what runs or waits, what needs eyes. See view.h. */
#include <stdlib.h>

#include "common/base/str.h"
#include "controller/view/view.h"

static int by_agents(const void *a, const void *b)
{
	const struct view_version *x = a, *y = b;
	return x->agents != y->agents ? (x->agents < y->agents ? 1 : -1) : strcmp(y->version, x->version);
}

static void count_agents(const struct brain *b, struct arena *a, struct view_fleet *v)
{
	size_t cap = 0;
	for (size_t i = 0; i < b->n_agents; i++) {
		const struct brain_agent *g = b->agents[i];
		size_t k = 0;
		if (g->rec.revoked_at_us)
			continue;
		v->agents++;
		v->agents_online += g->ready;
		if (str_empty(g->rec.version))
			continue; /* it has never come */
		while (k < v->n_versions && !str_eq(v->versions[k].version, g->rec.version))
			k++;
		if (k == v->n_versions) {
			arena_vec_grow(a, v->versions, v->n_versions, cap);
			v->versions[v->n_versions++] = (struct view_version){.version = g->rec.version};
		}
		v->versions[k].agents++;
		v->versions[k].online += g->ready;
	}
	if (v->n_versions)
		qsort(v->versions, v->n_versions, sizeof *v->versions, by_agents);
}

static void count_targets(const struct view_target *list, size_t n, struct view_fleet *v)
{
	v->targets = n;
	for (size_t i = 0; i < n; i++) {
		v->offline += (list[i].marks & VIEW_OFFLINE) != 0;
		v->trouble += (list[i].marks & VIEW_TROUBLE) != 0;
		v->held += (list[i].marks & VIEW_HELD) != 0;
		v->quarantined += (list[i].marks & VIEW_QUARANTINED) != 0;
		v->drifted += (list[i].marks & VIEW_DRIFTED) != 0;
		v->behind += (list[i].marks & VIEW_BEHIND) != 0;
	}
	v->online = n - v->offline;
}

static int newest_first(const void *a, const void *b)
{
	const struct view_rollout *x = a, *y = b;
	if (x->rec->created_at_us != y->rec->created_at_us)
		return x->rec->created_at_us < y->rec->created_at_us ? 1 : -1;
	return strcmp(x->rec->id, y->rec->id);
}

static int add_rollouts(struct brain *b, struct arena *a, struct view_fleet *v, struct err *e)
{
	v->rollouts = arena_alloc(a, (b->n_runs + 1) * sizeof *v->rollouts);
	for (size_t i = 0; i < b->n_runs; i++) {
		if (rollout_is_final(b->runs[i]->r.state))
			continue; /* one that was looked at, and is let go of soon */
		if (view_rollout(b, a, &b->runs[i]->rec, b->runs[i], &v->rollouts[v->n_rollouts], e) < 0)
			return -1;
		v->code = view_worse(v->code, v->rollouts[v->n_rollouts++].code);
	}
	if (v->n_rollouts)
		qsort(v->rollouts, v->n_rollouts, sizeof *v->rollouts, newest_first);
	return 0;
}

int view_fleet(struct brain *b, struct arena *a, struct view_fleet *ret, struct err *e)
{
	struct view_fleet v = {.code = EXIT_DONE};
	struct view_target *targets = NULL;
	struct store_rollout *list = NULL;
	size_t n_targets = 0, n = 0;
	if (view_targets(b, a, NULL, &targets, &n_targets, e) < 0 || store_rollouts(b->store, NULL, false, a, &list, &n, e) < 0)
		return -1;
	count_agents(b, a, &v);
	count_targets(targets, n_targets, &v);
	if (add_rollouts(b, a, &v, e) < 0 || view_eyes(b, a, targets, n_targets, list, n, &v, e) < 0)
		return -1;
	for (size_t i = 0; i < v.n_eyes; i++)
		if (str_eq(v.eyes[i].state, "cloned"))
			v.code = view_worse(v.code, EXIT_ATTENTION);
	*ret = v;
	return 0;
}
