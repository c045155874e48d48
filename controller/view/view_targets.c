/* Targets as people see them: what each has, lacks, and is kept from. See view.h. Three reads of the store for all of them, not some for each. */
#include <stdlib.h>

#include "common/base/str.h"
#include "controller/view/view.h"

/* ---- the present release of each environment -------------------------------------------------------------------------------------------------------------- */

static bool is_listed(const struct view_present *list, size_t n, const struct store_rollout *r)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i].project, r->project) && str_eq(list[i].environment, r->environment))
			return true;
	return false;
}

int view_presents(struct brain *b, struct arena *a, const struct store_rollout *list, size_t n, struct view_present **ret, size_t *ret_n,
                  struct err *e)
{
	struct view_present *out = NULL;
	size_t n_out = 0, cap = 0;
	for (size_t i = n; i-- > 0;) {
		const struct store_rollout *r = &list[i];
		bool reached = r->state == ROLLOUT_SUCCEEDED || r->state == ROLLOUT_CATCHING_UP, done = false;
		if (!reached || r->direction != DIRECTION_APPLY || is_listed(out, n_out, r))
			continue;
		if (store_environment_done(b->store, r->release_digest, r->environment, &done, e) < 0)
			return -1;
		if (!done)
			continue;
		arena_vec_grow(a, out, n_out, cap);
		out[n_out++] = (struct view_present){r->project, r->environment, r, arena_printf(a, "%s %s", r->project, r->release_version)};
	}
	*ret = out;
	*ret_n = n_out;
	return 0;
}

/* ---- one target ------------------------------------------------------------------------------------------------------------------------------------------- */

/* All that is read once for all targets; the lists ascend by target, and so do those who ask. */
struct facts {
	struct store_current *current;
	struct store_target_schema *schemas;
	struct view_present *presents;
	size_t n_current, n_schemas, n_presents, at_current, at_schema, at_quarantine;
	struct run **holding; /* runs that have a held delivery */
	size_t n_holding;
};

static int read_facts(struct brain *b, struct arena *a, struct facts *f, struct err *e)
{
	struct store_rollout *list = NULL;
	size_t n = 0;
	if (store_rollouts(b->store, NULL, false, a, &list, &n, e) < 0 || view_presents(b, a, list, n, &f->presents, &f->n_presents, e) < 0 ||
	    store_current_releases(b->store, a, &f->current, &f->n_current, e) < 0 || store_schemas(b->store, a, &f->schemas, &f->n_schemas, e) < 0)
		return -1;
	f->holding = arena_alloc(a, (b->n_runs + 1) * sizeof(struct run *));
	for (size_t i = 0; i < b->n_runs; i++) {
		const struct rollout *r = &b->runs[i]->r;
		size_t held = 0;
		for (size_t k = 0; k < r->n_deliveries; k++)
			held += r->deliveries[k].state == DELIVERY_HELD;
		if (held)
			f->holding[f->n_holding++] = b->runs[i];
	}
	return 0;
}

static const struct store_current *current_of(const struct store_current *list, size_t n, const char *project)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i].project, project))
			return &list[i];
	return NULL;
}

/* Where several projects share an environment, one whose releases a target never had does not concern it, unless it has none at all: a newcomer lacks them all. */
static const char *lacking(struct arena *a, const struct facts *f, const struct target *t, const struct store_current *mine, size_t n)
{
	const char *text = "";
	for (size_t i = 0; i < f->n_presents; i++) {
		const struct view_present *p = &f->presents[i];
		const struct store_current *has = current_of(mine, n, p->project);
		if (!str_eq(target_label(t, "environment"), p->environment) || (has && has->sequence >= p->rollout->release_sequence) || (!has && n > 0))
			continue;
		text = *text ? arena_printf(a, "%s, %s", text, p->name) : p->name;
	}
	return text;
}

static const char *having(struct arena *a, const struct store_current *mine, size_t n)
{
	const char *text = "";
	if (n == 1)
		return mine->version;
	for (size_t i = 0; i < n; i++)
		text = arena_printf(a, "%s%s%s %s", text, *text ? ", " : "", mine[i].project, mine[i].version);
	return text;
}

static void set_current(const struct brain *b, struct arena *a, struct facts *f, struct view_target *v)
{
	size_t first;
	while (f->at_current < f->n_current && strcmp(f->current[f->at_current].target, v->target->id) < 0)
		f->at_current++;
	for (first = f->at_current; f->at_current < f->n_current && str_eq(f->current[f->at_current].target, v->target->id);)
		f->at_current++;
	const struct store_current *mine = &f->current[first];
	size_t n = f->at_current - first;
	v->release = having(a, mine, n);
	for (size_t i = 0; i < n; i++)
		v->applied_at_us = mine[i].at_us > v->applied_at_us ? mine[i].at_us : v->applied_at_us;
	v->applied_at_us = v->applied_at_us ? load_time(b, v->owner, v->applied_at_us) : 0;
	v->lacks = lacking(a, f, v->target, mine, n);
	v->marks |= *v->lacks ? VIEW_BEHIND : 0U;
}

static void set_schema(struct facts *f, struct view_target *v)
{
	while (f->at_schema < f->n_schemas && strcmp(f->schemas[f->at_schema].target, v->target->id) < 0)
		f->at_schema++;
	if (f->at_schema == f->n_schemas || !str_eq(f->schemas[f->at_schema].target, v->target->id))
		return;
	v->schema = &f->schemas[f->at_schema].schema;
	v->marks |= str_eq(schema_word(v->schema), "drift") ? VIEW_DRIFTED : 0U;
}

static void set_quarantine(const struct brain *b, struct facts *f, struct view_target *v)
{
	while (f->at_quarantine < b->n_quarantines && strcmp(b->quarantines[f->at_quarantine].target, v->target->id) < 0)
		f->at_quarantine++;
	if (f->at_quarantine == b->n_quarantines || !str_eq(b->quarantines[f->at_quarantine].target, v->target->id))
		return;
	v->quarantine = &b->quarantines[f->at_quarantine];
	v->marks |= VIEW_QUARANTINED;
}

static void set_hold(const struct facts *f, struct view_target *v)
{
	for (size_t i = 0; i < f->n_holding && !v->held_by; i++) {
		const struct delivery *d = map_get(f->holding[i]->by_target, map_text(v->target->id));
		if (!d || d->state != DELIVERY_HELD)
			continue;
		v->held_by = f->holding[i];
		v->held_index = d->index;
		v->marks |= VIEW_HELD;
	}
}

int view_targets(struct brain *b, struct arena *a, const struct selector *s, struct view_target **ret, size_t *ret_n, struct err *e)
{
	struct facts f = {0};
	size_t n = 0, n_all = 0;
	if (read_facts(b, a, &f, e) < 0)
		return -1;
	struct brain_target **all = targets_sorted(b, &n_all);
	struct view_target *list = arena_alloc(a, (n_all + 1) * sizeof *list);
	for (size_t i = 0; i < n_all; i++) {
		if (s && !selector_matches(s, &all[i]->target))
			continue;
		struct view_target *v = &list[n++];
		*v = (struct view_target){.target = &all[i]->target, .owner = all[i]->owner, .facts = &all[i]->facts};
		v->marks = !v->owner->ready ? VIEW_OFFLINE : *v->facts->trouble ? VIEW_TROUBLE : 0;
		set_current(b, a, &f, v);
		set_schema(&f, v);
		set_quarantine(b, &f, v);
		set_hold(&f, v);
	}
	*ret = list;
	*ret_n = n;
	return 0;
}
