/* Gates on ids, order, and what was released before. The look-ups go through sorted ids: a project has thousands of changesets. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/gate/gates.h"

struct id_at {
	const char *id;
	size_t at;
};

static int by_id(const void *a, const void *b)
{
	const struct id_at *x = a, *y = b;
	int c = strcmp(x->id, y->id);
	return c ? c : (x->at > y->at) - (x->at < y->at);
}

static int only_id(const void *a, const void *b)
{
	return strcmp(((const struct id_at *)a)->id, ((const struct id_at *)b)->id);
}

static struct id_at *index_release(const struct release *r)
{
	struct id_at *ids = mem_alloc((r->n_changesets + 1) * sizeof *ids);
	for (size_t i = 0; i < r->n_changesets; i++)
		ids[i] = (struct id_at){r->changesets[i].id, i};
	if (r->n_changesets)
		qsort(ids, r->n_changesets, sizeof *ids, by_id);
	return ids;
}

static const struct changeset *look_up(const struct release *r, const struct id_at *ids, const char *id)
{
	const struct id_at key = {.id = id};
	const struct id_at *found = r->n_changesets ? bsearch(&key, ids, r->n_changesets, sizeof *ids, only_id) : NULL;
	return found ? &r->changesets[found->at] : NULL;
}

void gate_duplicate_id(const struct gate_input *in, struct gate_output *out)
{
	const struct change_set *s = in->parsed->set;
	AUTO(mem_free_ptr) struct id_at *ids = mem_alloc((s->n + 1) * sizeof *ids);
	for (size_t i = 0; i < s->n; i++)
		ids[i] = (struct id_at){s->changes[i].id, i};
	if (s->n)
		qsort(ids, s->n, sizeof *ids, by_id);
	for (size_t i = 1; i < s->n; i++) {
		const struct change *first = &s->changes[ids[i - 1].at], *second = &s->changes[ids[i].at];
		if (str_eq(first->id, second->id))
			gate_found(out, second, second->file, second->line, "changeset %s is also in %s, line %u", second->id, first->file, first->line);
	}
}

static bool is_accepted(const struct changeset *now, const struct changeset *before)
{
	char hex[DIGEST_HEX_SIZE];
	bytes_to_hex(bytes_of(before->digest, DIGEST_SIZE), hex);
	for (size_t i = 0; i < now->n_accepted_digests; i++)
		if (str_eq(now->accepted_digests[i], "any") || str_eq(now->accepted_digests[i], hex))
			return true;
	return false;
}

void gate_changed_content(const struct gate_input *in, struct gate_output *out)
{
	if (!in->previous || !in->packed)
		return;
	AUTO(mem_free_ptr) struct id_at *ids = index_release(in->previous);
	for (size_t i = 0; i < in->packed->n_changesets; i++) {
		const struct changeset *now = &in->packed->changesets[i], *before = look_up(in->previous, ids, now->id);
		char hex[DIGEST_HEX_SIZE];
		if (!before || memcmp(now->digest, before->digest, DIGEST_SIZE) == 0 || now->run_on_change || now->run_always || is_accepted(now, before))
			continue;
		bytes_to_hex(bytes_of(before->digest, DIGEST_SIZE), hex);
		bool layout = memcmp(now->normal_digest, before->normal_digest, DIGEST_SIZE) == 0;
		gate_found(out, change_find(in->parsed->set, now->id), now->file, now->line,
		           "changeset %s is not what release %s holds (%s; its digest there is %s)", now->id, in->previous->version,
		           layout ? "only the layout changed" : "its statements or checks changed", hex);
	}
}

void gate_out_of_order(const struct gate_input *in, struct gate_output *out)
{
	size_t last_released = 0, highest = 0;
	bool any = false;
	if (!in->previous || !in->packed)
		return;
	const struct release *now = in->packed;
	AUTO(mem_free_ptr) struct id_at *ids = index_release(in->previous);
	for (size_t i = 0; i < now->n_changesets; i++)
		if (look_up(in->previous, ids, now->changesets[i].id))
			last_released = i, any = true;
	for (size_t i = 0; any && i <= last_released; i++) {
		const struct changeset *c = &now->changesets[i], *before = look_up(in->previous, ids, c->id);
		const struct change *source = change_find(in->parsed->set, c->id);
		if (!before) {
			gate_found(out, source, c->file, c->line, "changeset %s is new, but stands before %s, which release %s holds", c->id,
			           now->changesets[last_released].id, in->previous->version);
			continue;
		}
		size_t place = (size_t)(before - in->previous->changesets);
		if (place < highest)
			gate_found(out, source, c->file, c->line, "changeset %s stands behind %s, in release %s before it", c->id,
			           in->previous->changesets[highest].id, in->previous->version);
		else
			highest = place;
	}
}

void gate_removed(const struct gate_input *in, struct gate_output *out)
{
	if (!in->previous || !in->packed)
		return;
	AUTO(mem_free_ptr) struct id_at *ids = index_release(in->packed);
	for (size_t i = 0; i < in->previous->n_changesets; i++) {
		const struct changeset *c = &in->previous->changesets[i];
		if (!look_up(in->packed, ids, c->id))
			gate_found(out, NULL, c->file, c->line, "changeset %s of release %s is not here any more", c->id, in->previous->version);
	}
}
