/* Sessions: an array for walking and one of their times beside it, three hashes for finding. */
#include "controller/link/session.h"

#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/crypto/sign.h"

struct sessions {
	struct session **list;
	int64_t *look_at_us; /* of list's */
	size_t n, max;
	struct map *by_routing, *by_id, *by_key; /* by_key: the first of a chain, the newest one */
};

struct sessions *sessions_new(size_t max)
{
	struct sessions *t = mem_alloc(sizeof *t);
	t->max = max;
	t->list = mem_alloc(max * sizeof *t->list);
	t->look_at_us = mem_alloc(max * sizeof *t->look_at_us);
	t->by_routing = map_new();
	t->by_id = map_new();
	t->by_key = map_new();
	return t;
}

void sessions_destroy(struct sessions **tp)
{
	struct sessions *t = *tp;
	if (!t)
		return;
	while (t->n)
		sessions_close(t, t->list[t->n - 1]);
	map_destroy(&t->by_routing);
	map_destroy(&t->by_id);
	map_destroy(&t->by_key);
	free(t->list);
	free(t->look_at_us);
	free(t);
	*tp = NULL;
}

static struct bytes routing_of(const struct session *s)
{
	return bytes_of(s->routing, s->routing_size);
}

static bool new_id(struct sessions *t, uint64_t *ret)
{
	do {
		if (crypto_random(ret, sizeof *ret, NULL) != 0)
			return false;
	} while (*ret == 0 || sessions_by_id(t, *ret));
	return true;
}

static void chain_add(struct sessions *t, struct session *s)
{
	s->next_of_key = map_get(t->by_key, map_text(s->who.curve_key));
	map_put(t->by_key, map_text(s->who.curve_key), s);
}

static void chain_remove(struct sessions *t, struct session *s)
{
	struct session *first = map_get(t->by_key, map_text(s->who.curve_key));
	if (first == s) {
		map_remove(t->by_key, map_text(s->who.curve_key));
		if (s->next_of_key)
			map_put(t->by_key, map_text(s->next_of_key->who.curve_key), s->next_of_key);
		return;
	}
	while (first->next_of_key != s)
		first = first->next_of_key;
	first->next_of_key = s->next_of_key;
}

struct session *sessions_open(struct sessions *t, struct bytes routing, const struct principal *who, int64_t now_us)
{
	uint64_t id = 0;
	if (t->n == t->max || routing.n == 0 || routing.n > ROUTING_MAX || !new_id(t, &id))
		return NULL;
	struct session *s = mem_alloc(sizeof *s);
	s->id = id;
	memcpy(s->routing, routing.p, routing.n);
	s->routing_size = routing.n;
	s->who = *who;
	s->opened_at_us = s->heard_at_us = now_us;
	map_put(t->by_routing, routing_of(s), s);
	map_put(t->by_id, map_fixed(&s->id), s);
	chain_add(t, s);
	s->index = t->n;
	t->look_at_us[t->n] = now_us;
	t->list[t->n++] = s;
	return s;
}

void sessions_close(struct sessions *t, struct session *s)
{
	map_remove(t->by_routing, routing_of(s));
	map_remove(t->by_id, map_fixed(&s->id));
	chain_remove(t, s);
	t->list[s->index] = t->list[--t->n];
	t->look_at_us[s->index] = t->look_at_us[t->n];
	t->list[s->index]->index = s->index;
	while (s->first)
		session_pop(s);
	free(s);
}

struct session *sessions_by_routing(struct sessions *t, struct bytes routing)
{
	return routing.n <= ROUTING_MAX ? map_get(t->by_routing, routing) : NULL;
}

struct session *sessions_by_id(struct sessions *t, uint64_t id)
{
	return map_get(t->by_id, map_fixed(&id));
}

/* From the end: closing an entry moves the last one, seen already, into its place. */
struct session *sessions_next(struct sessions *t, size_t *cursor)
{
	if (*cursor > t->n)
		*cursor = t->n;
	return *cursor ? t->list[--*cursor] : NULL;
}

struct session *sessions_due(struct sessions *t, int64_t now_us, size_t *cursor)
{
	if (*cursor > t->n)
		*cursor = t->n;
	while (*cursor && t->look_at_us[*cursor - 1] > now_us)
		--*cursor;
	return sessions_next(t, cursor);
}

void sessions_look_at(struct sessions *t, const struct session *s, int64_t at_us)
{
	t->look_at_us[s->index] = at_us;
}

struct session *sessions_of(struct sessions *t, const struct principal *who, enum link_state state, const struct session *except, size_t *ret_n)
{
	struct session *oldest = NULL;
	size_t n = 0;
	for (struct session *s = map_get(t->by_key, map_text(who->curve_key)); s; s = s->next_of_key) {
		if (s == except || s->state != state)
			continue;
		n++;
		if (!oldest || s->opened_at_us < oldest->opened_at_us)
			oldest = s;
	}
	if (ret_n)
		*ret_n = n;
	return oldest;
}

void session_push(struct session *s, enum msg_type type, struct bytes body)
{
	struct pending *p = mem_alloc(sizeof *p);
	p->type = type;
	buf_add(&p->body, body.p, body.n);
	if (s->last)
		s->last->next = p;
	else
		s->first = p;
	s->last = p;
	s->n_pending++;
	s->pending_bytes += body.n;
}

void session_pop(struct session *s)
{
	struct pending *p = s->first;
	s->first = p->next;
	if (!s->first)
		s->last = NULL;
	s->n_pending--;
	s->pending_bytes -= p->body.n;
	buf_done(&p->body);
	free(p);
}
