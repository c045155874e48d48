/* Workers for signatures. */
#include "controller/daemon/checkers.h"

#include <stdatomic.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/crypto/dsse.h"
#include "common/link/handover.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

#define WORKERS_MAX 4
#define SHARE       4 /* fewer are not worth a message to a worker */

/* From a start to its finish: whoever has time takes the next few, so that nobody waits long for a thread that the kernel let rest. */
struct round {
	struct hub_event **events;
	size_t n;
	atomic_size_t next;
};

struct share { /* a worker's part in a round */
	struct round *round;
};

struct checkers {
	zactor_t *workers[WORKERS_MAX];
	struct share shares[WORKERS_MAX];
	size_t n, n_told; /* workers; those that are in the present round */
	struct round round;
};

static void check(struct hub_event *ev)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct envelope env;
	ev->checked = envelope_decode(ev->msg.report.envelope, a, &env, NULL) == 0 && dsse_signed_by(&env, TYPE_REPORT, ev->checked_key);
}

static void check_some(struct round *r)
{
	for (size_t first; (first = atomic_fetch_add(&r->next, SHARE)) < r->n;)
		for (size_t i = first; i < first + SHARE && i < r->n; i++)
			check(r->events[i]);
}

/* A message holds the address of a share; "$TERM" has another size. */
static void worker(zsock_t *pipe, void *unused)
{
	(void)unused;
	zsock_signal(pipe, 0);
	for (;;) {
		AUTO(zframe_destroy) zframe_t *message = zframe_recv(pipe);
		struct share *s = NULL;
		if (!message || zframe_size(message) != sizeof s || zframe_streq(message, "$TERM"))
			return;
		memcpy(&s, zframe_data(message), sizeof s);
		handover_take(s);
		check_some(s->round);
		handover_give(s);
		zsock_signal(pipe, 0);
	}
}

size_t checkers_wanted(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return cores < 2 ? 0 : cores - 1 > WORKERS_MAX ? WORKERS_MAX : (size_t)cores - 1;
}

struct checkers *checkers_new(size_t workers)
{
	struct checkers *c = mem_alloc(sizeof *c);
	while (c->n < workers && c->n < WORKERS_MAX && (c->workers[c->n] = zactor_new(worker, NULL)))
		c->n++;
	return c;
}

void checkers_destroy(struct checkers **c)
{
	if (!*c)
		return;
	for (size_t i = 0; i < (*c)->n; i++)
		zactor_destroy(&(*c)->workers[i]);
	free(*c);
	*c = NULL;
}

static void give(struct checkers *c, size_t worker_no, struct round *r)
{
	struct share *s = &c->shares[worker_no];
	s->round = r;
	handover_give(s);
	zframe_t *message = zframe_new(&s, sizeof s);
	if (zframe_send(&message, c->workers[worker_no], 0) != 0)
		abort();
}

void checkers_start(struct checkers *c, struct hub_event **events, size_t n)
{
	c->round.events = events;
	c->round.n = n;
	atomic_store(&c->round.next, 0);
	for (; c->n_told < c->n && n >= (c->n_told + 1) * SHARE; c->n_told++)
		give(c, c->n_told, &c->round);
}

void checkers_finish(struct checkers *c)
{
	check_some(&c->round);
	for (size_t i = 0; i < c->n_told; i++) {
		zsock_wait(c->workers[i]);
		handover_take(&c->shares[i]);
	}
	c->n_told = 0;
	c->round.n = 0;
}
