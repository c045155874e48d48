/* Targets: which agent has which, in memory and in the store. An agent says its whole list at each connection; what it says again as it was costs no write, so that a fleet
 * may come back at once. */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/daemon/brain_impl.h"

#define LOAD_ARENA ((size_t)512 * 1024 * 1024)

/* ---- one target in memory: a heap block with its texts behind it ---------------------------------------------------------------------------------------- */

static char *put_text(char **at, const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = memcpy(*at, text, n);
	*at += n;
	return copy;
}

static struct brain_target *target_copy(const struct target *t)
{
	size_t n = strlen(t->id) + strlen(t->engine) + 2;
	for (size_t i = 0; i < t->n_labels; i++)
		n += strlen(t->labels[i].key) + strlen(t->labels[i].value) + 2;
	struct brain_target *copy = mem_alloc(sizeof *copy + t->n_labels * sizeof(struct label) + n);
	struct label *labels = (struct label *)(copy + 1);
	char *at = (char *)(labels + t->n_labels);
	copy->target = (struct target){.id = put_text(&at, t->id), .engine = put_text(&at, t->engine), .labels = labels, .n_labels = t->n_labels};
	for (size_t i = 0; i < t->n_labels; i++) {
		labels[i].key = put_text(&at, t->labels[i].key);
		labels[i].value = put_text(&at, t->labels[i].value);
	}
	return copy;
}

/* In any order: the store gives them sorted. */
static bool same_labels(const struct target *a, const struct target *b)
{
	if (a->n_labels != b->n_labels)
		return false;
	for (size_t i = 0; i < a->n_labels; i++)
		if (!str_eq(a->labels[i].value, target_label(b, a->labels[i].key)))
			return false;
	return true;
}

static struct brain_target *add(struct brain *b, struct brain_agent *g, const struct target *t)
{
	struct brain_target *copy = target_copy(t);
	copy->owner = g;
	copy->named = true;
	copy->next = g->targets;
	g->targets = copy;
	g->n_targets++;
	map_put(b->target_by_id, map_text(copy->target.id), copy);
	b->targets_sorted = false;
	b->owners_changed = true;
	return copy;
}

/* Kept until the turn's end: what is queued may point to its texts. */
static void drop(struct brain *b, struct brain_target *t)
{
	struct brain_target **at = &t->owner->targets;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->owner->n_targets--;
	map_remove(b->target_by_id, map_text(t->target.id));
	t->next = b->dropped_targets;
	b->dropped_targets = t;
	b->targets_sorted = false;
	b->owners_changed = true;
}

static void free_list(struct brain_target **list)
{
	while (*list) {
		struct brain_target *t = *list;
		*list = t->next;
		free(t);
	}
}

/* ---- all of them ----------------------------------------------------------------------------------------------------------------------------------------- */

int targets_load(struct brain *b, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LOAD_ARENA);
	struct store_target *list = NULL;
	size_t n = 0;
	b->target_by_id = map_new();
	if (store_targets(b->store, a, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct brain_agent *g = agent_by_name(b, list[i].agent);
		if (!g)
			return err_set(e, ERR_STATE, "the store is damaged: target %s is of agent %s, which it does not have: restore it from a backup",
			               list[i].target.id, list[i].agent);
		facts_take(&add(b, g, &list[i].target)->facts, &list[i].facts);
	}
	return 0;
}

void targets_free(struct brain *b)
{
	for (size_t i = 0; i < b->n_agents; i++)
		free_list(&b->agents[i]->targets);
	free_list(&b->dropped_targets);
	map_destroy(&b->target_by_id);
	free(b->targets);
}

static int by_id(const void *a, const void *b)
{
	return strcmp((*(struct brain_target *const *)a)->target.id, (*(struct brain_target *const *)b)->target.id);
}

struct brain_target **targets_sorted(struct brain *b, size_t *ret_n)
{
	*ret_n = map_count(b->target_by_id);
	if (b->targets_sorted)
		return b->targets;
	size_t n = 0;
	b->targets = mem_realloc(b->targets, (*ret_n + 1) * sizeof(struct brain_target *));
	for (size_t i = 0; i < b->n_agents; i++)
		for (struct brain_target *t = b->agents[i]->targets; t; t = t->next)
			b->targets[n++] = t;
	if (n)
		qsort(b->targets, n, sizeof(struct brain_target *), by_id);
	b->targets_sorted = true;
	return b->targets;
}

const struct brain_target *target_by_id(const struct brain *b, const char *id)
{
	return map_get(b->target_by_id, map_text(id));
}

/* ---- what an agent says ---------------------------------------------------------------------------------------------------------------------------------- */

/* Why a target that an agent names is not taken; NULL when it is. */
static const char *objection(const struct brain *b, const struct brain_agent *g, const struct target *t)
{
	const struct brain_target *known = target_by_id(b, t->id);
	if (!agent_may_serve(g, t->id))
		return "its certificate does not cover this target";
	if (known && known->owner != g && known->owner->ready)
		return "another connected agent serves it";
	return NULL;
}

static int take(struct brain *b, struct brain_agent *g, const struct target *t, struct err *e)
{
	struct brain_target *known = map_get(b->target_by_id, map_text(t->id));
	if (known && known->owner == g && str_eq(known->target.engine, t->engine) && same_labels(&known->target, t)) {
		known->named = true;
		return 0;
	}
	if (store_target_put(b->store, g->rec.name, t, b->now_us, e) < 0)
		return -1;
	const struct brain_facts facts = known ? known->facts : (struct brain_facts){.lag_ms = -1};
	if (known)
		drop(b, known);
	add(b, g, t)->facts = facts;
	return 0;
}

/* What the whole list did not name is there no more. */
static int drop_unnamed(struct brain *b, struct brain_agent *g, struct err *e)
{
	for (struct brain_target *t = g->targets, *next; t; t = next) {
		next = t->next;
		if (t->named)
			continue;
		if (store_target_absent(b->store, t->target.id, e) < 0)
			return -1;
		drop(b, t);
	}
	return 0;
}

int targets_event(struct brain *b, struct brain_agent *g, const struct msg_targets *m, struct err *e)
{
	for (struct brain_target *t = m->first ? g->targets : NULL; t; t = t->next)
		t->named = false;
	for (size_t i = 0; i < m->n_targets; i++) {
		const char *why = objection(b, g, &m->targets[i]);
		if (!why) {
			if (take(b, g, &m->targets[i], e) < 0)
				return -1;
			continue;
		}
		log_warn("agent %s: target %s is not taken: %s", g->rec.name, m->targets[i].id, why);
		if (brain_log(b, brain_agent_actor(b, g->rec.name), NULL, m->targets[i].id, "target-refused", why, e) < 0)
			return -1;
	}
	if (!m->last)
		return 0;
	g->ready = true;
	b->session_moves++;
	runs_touch(b);
	catch_up_later(b);
	return drop_unnamed(b, g, e);
}

void targets_end_turn(struct brain *b)
{
	free_list(&b->dropped_targets);
}
