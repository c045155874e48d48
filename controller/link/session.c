/* Sessions: an array for walking, two hashes for finding. */
#include "controller/link/session.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/sign.h"

#define KEY_SIZE (ROUTING_MAX * 2 + 1)

struct sessions {
	struct session **list;
	size_t n, max;
	zhashx_t *by_routing, *by_id; /* hex text -> session */
};

struct sessions *sessions_new(size_t max)
{
	struct sessions *t = mem_alloc(sizeof *t);
	t->max = max;
	t->list = mem_alloc(max * sizeof *t->list);
	t->by_routing = zhashx_new();
	t->by_id = zhashx_new();
	return t;
}

void sessions_destroy(struct sessions **tp)
{
	struct sessions *t = *tp;
	if (!t)
		return;
	while (t->n)
		sessions_close(t, t->list[t->n - 1]);
	zhashx_destroy(&t->by_routing);
	zhashx_destroy(&t->by_id);
	free(t->list);
	free(t);
	*tp = NULL;
}

static const char *routing_key(struct bytes routing, char out[KEY_SIZE])
{
	return routing.n <= ROUTING_MAX ? bytes_to_hex(routing, out) : NULL;
}

static const char *id_key(uint64_t id, char out[KEY_SIZE])
{
	snprintf(out, KEY_SIZE, "%016llx", (unsigned long long)id);
	return out;
}

static bool new_id(struct sessions *t, uint64_t *ret)
{
	do {
		if (crypto_random(ret, sizeof *ret, NULL) != 0)
			return false;
	} while (*ret == 0 || sessions_by_id(t, *ret));
	return true;
}

struct session *sessions_open(struct sessions *t, struct bytes routing, const struct principal *who, int64_t now_us)
{
	char key[KEY_SIZE];
	uint64_t id = 0;
	if (t->n == t->max || routing.n == 0 || routing.n > ROUTING_MAX || !new_id(t, &id))
		return NULL;
	struct session *s = mem_alloc(sizeof *s);
	s->id = id;
	memcpy(s->routing, routing.p, routing.n);
	s->routing_size = routing.n;
	s->who = *who;
	s->opened_at_us = s->heard_at_us = now_us;
	zhashx_update(t->by_routing, routing_key(routing, key), s);
	zhashx_update(t->by_id, id_key(id, key), s);
	s->index = t->n;
	t->list[t->n++] = s;
	return s;
}

void sessions_close(struct sessions *t, struct session *s)
{
	char key[KEY_SIZE];
	zhashx_delete(t->by_routing, routing_key(bytes_of(s->routing, s->routing_size), key));
	zhashx_delete(t->by_id, id_key(s->id, key));
	t->list[s->index] = t->list[--t->n];
	t->list[s->index]->index = s->index;
	while (s->first)
		session_pop(s);
	free(s);
}

struct session *sessions_by_routing(struct sessions *t, struct bytes routing)
{
	char key[KEY_SIZE];
	const char *k = routing_key(routing, key);
	return k ? zhashx_lookup(t->by_routing, k) : NULL;
}

struct session *sessions_by_id(struct sessions *t, uint64_t id)
{
	char key[KEY_SIZE];
	return zhashx_lookup(t->by_id, id_key(id, key));
}

/* From the end: closing an entry moves the last one, seen already, into its place. */
struct session *sessions_next(struct sessions *t, size_t *cursor)
{
	if (*cursor > t->n)
		*cursor = t->n;
	return *cursor ? t->list[--*cursor] : NULL;
}

size_t sessions_count(const struct sessions *t)
{
	return t->n;
}

struct session *sessions_of(struct sessions *t, const struct principal *who, enum link_state state, const struct session *except, size_t *ret_n)
{
	struct session *oldest = NULL;
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++) {
		struct session *s = t->list[i];
		if (s == except || s->state != state || s->who.kind != who->kind || !str_eq(s->who.name, who->name))
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
