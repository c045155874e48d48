/* Two projects on the same databases: what their releases both work on, while the other one's rollout is not over. Their agents take one after the other on each target, so
 * nothing breaks by itself; but people who approve should know it before the second one begins. */
#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/classify.h"
#include "common/wire/limits.h"
#include "controller/operate/wish.h"

#define NAMES_SHOWN 5

struct names {
	struct map *map; /* "engine name" to struct name */
	struct arena *arena;
	struct buf both; /* of those in the other release too, as people read them */
	size_t n_both;
};

struct name {
	const char *key, *text;
	bool told;
};

typedef void name_fn(struct names *n, const char *engine, const char *text);

static struct bytes key_of(char *key, size_t size, const char *engine, const char *text)
{
	int n = snprintf(key, size, "%s %s", engine, text);
	return bytes_of(key, (size_t)n < size ? (size_t)n : size - 1);
}

static void keep(struct names *n, const char *engine, const char *text)
{
	char key[SQL_NAME_MAX + 32];
	struct bytes k = key_of(key, sizeof key, engine, text);
	if (map_get(n->map, k))
		return;
	struct name *v = arena_alloc(n->arena, sizeof *v);
	*v = (struct name){.key = arena_strdup(n->arena, key), .text = arena_strdup(n->arena, text)};
	map_put(n->map, map_text(v->key), v);
}

static void compare(struct names *n, const char *engine, const char *text)
{
	char key[SQL_NAME_MAX + 32];
	struct name *v = map_get(n->map, key_of(key, sizeof key, engine, text));
	if (!v || v->told)
		return;
	v->told = true;
	if (n->n_both++ < NAMES_SHOWN)
		buf_addf(&n->both, "%s%s (%s)", n->both.n ? ", " : "", text, engine);
}

static void each_name_of_step(const struct step *s, const char *engine, enum dialect d, struct names *n, name_fn *fn)
{
	for (size_t i = 0; i < s->n_statements; i++) {
		struct sql_class c;
		sql_classify(d, s->statements[i].sql, &c);
		if (c.kind != SQL_DDL && c.kind != SQL_DML)
			continue;
		if (c.object[0])
			fn(n, engine, c.object);
		if (c.parent[0])
			fn(n, engine, c.parent);
	}
}

static void each_name(const struct release *r, struct names *n, name_fn *fn)
{
	enum dialect d;
	for (size_t i = 0; i < r->n_changesets; i++)
		for (size_t k = 0; k < r->changesets[i].n_bodies; k++) {
			const struct body *b = &r->changesets[i].bodies[k];
			for (size_t s = 0; s < b->n_steps && dialect_parse(b->engine, &d); s++)
				each_name_of_step(&b->steps[s], b->engine, d, n, fn);
		}
}

static size_t count_shared(const struct wish *w, struct run *u)
{
	size_t n = 0;
	for (size_t i = 0; i < w->frozen.n_placed; i++)
		n += run_still_has(u, w->frozen.placed[i].target->id);
	return n;
}

static int add_conflict(struct request *q, struct run *u, size_t shared, struct names *n, struct buf *out, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(RELEASE_ARENA);
	struct release other = {0};
	if (order_release(q->b, u->rec.release_hash, a, &other, NULL, e) < 0)
		return -1;
	each_name(&other, n, compare);
	if (n->n_both)
		buf_addf(out,
		         "; WARNING: rollout %.8s (release %s %s, %s) has %zu of these targets too, and both releases work on %s%s: one waits for the "
		         "other on each target; let that one end first where their order matters",
		         u->rec.id, u->rec.project, u->rec.release_version, rollout_state_name(u->r.state), shared, buf_str(&n->both),
		         n->n_both > NAMES_SHOWN ? " and more" : "");
	return 0;
}

int wish_conflicts(struct request *q, const struct wish *w, const char **ret, struct err *e)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	for (size_t i = 0; i < q->b->n_runs; i++) {
		struct run *u = q->b->runs[i];
		size_t shared = rollout_is_final(u->r.state) || str_eq(u->rec.project, w->rec.project) ? 0 : count_shared(w, u);
		if (!shared)
			continue;
		AUTO(arena_destroy) struct arena *a = arena_new(RELEASE_ARENA);
		struct names n = {.map = map_new(), .arena = a, .both = BUF_INIT};
		each_name(&w->release, &n, keep);
		int rc = add_conflict(q, u, shared, &n, &out, e);
		map_destroy(&n.map);
		buf_done(&n.both);
		if (rc < 0)
			return -1;
	}
	*ret = arena_strdup(q->a, buf_str(&out));
	return 0;
}
