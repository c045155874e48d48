/* Batches of events. */
#include "controller/daemon/intake.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/wire/limits.h"
#include "controller/daemon/checkers.h"

#define BATCH_EVENTS 1024 /* so that a decision never waits long */
#define BATCH_BYTES  ((size_t)8 * 1024 * 1024)
#define PATIENT_MS   50 /* what nobody waits for shares a commit with what comes just behind it */

struct batch {
	struct arena *memory; /* what the events point to */
	size_t n;
	struct hub_event events[BATCH_EVENTS], *to_check[BATCH_EVENTS];
};

struct intake {
	zactor_t *hub;
	struct checkers *checkers;
	struct batch *ahead, *out; /* taken in last; given last */
};

static struct batch *batch_new(void)
{
	struct batch *t = mem_alloc(sizeof *t);
	t->memory = arena_new(LIMIT_ARENA_DOCUMENT);
	return t;
}

static void batch_clear(struct batch *t)
{
	if (t->n == 0)
		return;
	t->n = 0;
	arena_destroy(&t->memory);
	t->memory = arena_new(LIMIT_ARENA_DOCUMENT);
}

static void batch_free(struct batch *t)
{
	arena_destroy(&t->memory);
	free(t);
}

struct intake *intake_new(zactor_t *hub, size_t workers)
{
	struct intake *in = mem_alloc(sizeof *in);
	*in = (struct intake){.hub = hub, .checkers = checkers_new(workers), .ahead = batch_new(), .out = batch_new()};
	return in;
}

void intake_destroy(struct intake **ip)
{
	struct intake *in = *ip;
	if (!in)
		return;
	checkers_finish(in->checkers); /* before what they look at goes */
	checkers_destroy(&in->checkers);
	batch_free(in->ahead);
	batch_free(in->out);
	free(in);
	*ip = NULL;
}

bool intake_is_ahead(const struct intake *in)
{
	return in->ahead->n > 0;
}

/* No answer is due to these (the hub's own to a heartbeat has gone), and nothing is decided by them: a fleet that does nothing costs a commit for some of them, not for each. */
static bool is_patient(const struct hub_event *ev)
{
	return ev->type == HUB_MESSAGE && (ev->msg.type == MSG_ACCEPT || ev->msg.type == MSG_PROGRESS || ev->msg.type == MSG_HEARTBEAT);
}

static bool more_comes(const struct intake *in, int64_t end_us)
{
	zmq_pollitem_t item = {.socket = zsock_resolve(in->hub), .events = ZMQ_POLLIN};
	long left_ms = (long)((end_us - clock_mono_us()) / 1000);
	return left_ms > 0 && zmq_poll(&item, 1, left_ms) > 0;
}

static bool has_room(const struct batch *t)
{
	return t->n < BATCH_EVENTS && arena_used(t->memory) < BATCH_BYTES;
}

/* What has come, within the batch's bounds; a little more when it is nothing but patient, and there is time. */
static int collect(struct intake *in, struct batch *t, bool has_time, struct err *e)
{
	int64_t end_us = clock_mono_us() + PATIENT_MS * 1000;
	bool patient = has_time;
	do {
		for (bool some = true; has_room(t) && some;) {
			struct hub_event *ev = &t->events[t->n];
			if (hub_recv(in->hub, t->memory, ev, &some, e) < 0)
				return -1;
			t->n += some;
			patient = patient && (!some || is_patient(ev));
		}
	} while (patient && has_room(t) && more_comes(in, end_us));
	return 0;
}

int intake_next(struct intake *in, struct brain *b, bool readable, const struct hub_event **ret_events, size_t *ret_n, struct err *e)
{
	struct batch *checked = in->ahead, *next = in->out;
	checkers_finish(in->checkers);
	batch_clear(next);
	in->ahead = next;
	in->out = checked;
	if (readable && collect(in, next, checked->n == 0, e) < 0)
		return -1;
	checkers_start(in->checkers, next->to_check, brain_to_check(b, next->events, next->n, next->to_check));
	*ret_events = checked->events;
	*ret_n = checked->n;
	return 0;
}
