/* FETCH: chunks to whoever pulls. A fleet that is offered a large release asks for it all at once; what libzmq holds for those who ask is bounded here, whatever their number, and the
 * rest wait their turn in a queue of wishes, one a connection. What was handed to libzmq counts until it has been encrypted, or for two windows of a second: who does not read does not
 * stop the others for longer. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/link/handover.h"
#include "common/wire/limits.h"
#include "controller/link/hub_state.h"

#define WINDOW_US  ((int64_t)1000 * 1000)
#define BUDGET_MAX ((uint64_t)64 * 1024 * 1024)
#define BUDGET_MIN ((uint64_t)4 * 1024 * 1024)
#define SHARE      8 /* of what the process may hold */

struct window {
	atomic_uint holders; /* the hub, and each message */
	atomic_size_t out; /* bytes that libzmq still holds */
};

struct sent { /* a chunk in libzmq's hands */
	struct chunk chunk;
	struct window *window;
};

struct wish {
	struct wish *next;
	uint8_t routing[ROUTING_MAX];
	size_t routing_size;
	struct msg_fetch fetch;
};

struct fetches {
	struct chunks *chunks;
	struct window *present, *former;
	int64_t window_us; /* when the present one began */
	uint64_t budget;
	struct wish *first, *last; /* in the order in which they came */
	struct map *by_routing;
};

/* ---- what is out ---- */

static struct window *window_new(void)
{
	struct window *w = mem_alloc(sizeof *w);
	atomic_init(&w->holders, 1);
	atomic_init(&w->out, 0);
	return w;
}

static void window_release(struct window *w)
{
	if (atomic_fetch_sub(&w->holders, 1) == 1)
		free(w);
}

/* In any thread. */
static void sent_release(void *unused, void *memory)
{
	struct sent *s = memory;
	handover_take(s);
	chunk_release(unused, s->chunk.memory);
	atomic_fetch_sub(&s->window->out, s->chunk.n);
	window_release(s->window);
	free(s);
}

static void turn_window(struct fetches *x, int64_t now_us)
{
	if (now_us - x->window_us < WINDOW_US)
		return;
	window_release(x->former);
	x->former = x->present;
	x->present = window_new();
	x->window_us = now_us;
}

static bool has_room(const struct fetches *x)
{
	return atomic_load(&x->present->out) + atomic_load(&x->former->out) < x->budget;
}

/* A full queue drops the chunk: the peer asks again for what it misses. */
static void send_chunk(struct hub *h, const struct wish *w, uint32_t index, uint32_t of, const struct chunk *chunk)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	struct msg m = {.type = MSG_CHUNK, .chunk = {.index = index, .of = of}};
	struct sent *s = mem_alloc(sizeof *s);
	*s = (struct sent){.chunk = *chunk, .window = h->fetches->present};
	atomic_fetch_add(&s->window->holders, 1);
	atomic_fetch_add(&s->window->out, chunk->n);
	memcpy(m.chunk.hash, w->fetch.hash, DIGEST_SIZE);
	msg_encode(&m, &body);
	handover_give(s);
	frame_send_shared(h->blob_raw, bytes_of(w->routing, w->routing_size), (struct link_header){.type = MSG_CHUNK}, buf_bytes(&body),
	                  bytes_of(chunk->p, chunk->n), sent_release, s);
}

static void serve(struct hub *h, const struct wish *w)
{
	const struct msg_fetch *want = &w->fetch;
	struct bytes to = bytes_of(w->routing, w->routing_size);
	struct blob_file file;
	if (!blobs_look(h->blob_dir, want->hash, &file) || file.size == 0 || file.size > LIMIT_ENVELOPE) {
		hub_blob_nak(h, to, want->hash, "no such blob here");
		return;
	}
	uint32_t of = (uint32_t)((file.size + LIMIT_CHUNK - 1) / LIMIT_CHUNK);
	for (uint32_t i = want->first; i < want->first + want->count && i < of; i++) {
		struct chunk chunk;
		struct err e = ERR_INIT;
		if (chunks_get(h->fetches->chunks, want->hash, &file, i, h->now_us, &chunk, &e) != 0) {
			log_error("link: blob cannot be served: %s", e.msg);
			hub_blob_nak(h, to, want->hash, "the blob cannot be read here");
			return;
		}
		send_chunk(h, w, i, of, &chunk);
	}
	if (want->first >= of)
		hub_blob_nak(h, to, want->hash, "the blob ends before that chunk");
}

/* ---- whose turn it is ---- */

static struct wish *take_first(struct fetches *x)
{
	struct wish *w = x->first;
	x->first = w->next;
	if (!x->first)
		x->last = NULL;
	map_remove(x->by_routing, bytes_of(w->routing, w->routing_size));
	return w;
}

void hub_fetch_ask(struct hub *h, struct bytes routing, const struct msg_fetch *want)
{
	struct fetches *x = h->fetches;
	struct wish *w = routing.n <= ROUTING_MAX ? map_get(x->by_routing, routing) : NULL;
	if (w) { /* it has not waited for the answer: the newest wish is what it gets */
		w->fetch = *want;
		return;
	}
	if (routing.n > ROUTING_MAX)
		return;
	w = mem_alloc(sizeof *w);
	*w = (struct wish){.routing_size = routing.n, .fetch = *want};
	memcpy(w->routing, routing.p, routing.n);
	map_put(x->by_routing, bytes_of(w->routing, w->routing_size), w);
	*(x->last ? &x->last->next : &x->first) = w;
	x->last = w;
}

void hub_fetch_serve(struct hub *h)
{
	struct fetches *x = h->fetches;
	turn_window(x, h->now_us);
	while (h->blob_raw && x->first && has_room(x)) {
		struct wish *w = take_first(x);
		serve(h, w);
		free(w);
	}
}

bool hub_fetch_waits(const struct hub *h)
{
	return h->fetches->first != NULL;
}

void hub_fetch_expire(struct hub *h)
{
	chunks_expire(h->fetches->chunks, h->now_us);
}

void hub_fetch_open(struct hub *h)
{
	uint64_t budget = h->memory_limit / SHARE;
	struct fetches *x = mem_alloc(sizeof *x);
	*x = (struct fetches){.chunks = chunks_new(h->blob_dir),
	                      .present = window_new(),
	                      .former = window_new(),
	                      .window_us = h->now_us,
	                      .budget = budget > BUDGET_MAX   ? BUDGET_MAX
	                                : budget < BUDGET_MIN ? BUDGET_MIN
	                                                      : budget,
	                      .by_routing = map_new()};
	h->fetches = x;
}

void hub_fetch_close(struct hub *h)
{
	struct fetches *x = h->fetches;
	if (!x)
		return;
	while (x->first)
		free(take_first(x));
	map_destroy(&x->by_routing);
	chunks_destroy(&x->chunks);
	window_release(x->present);
	window_release(x->former);
	free(x);
	h->fetches = NULL;
}
