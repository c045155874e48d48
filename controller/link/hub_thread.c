/* The hub's thread: one loop over the brain's pipe, the control ROUTER, the blob ROUTER and the enrolment ROUTER. It never waits for a peer or for the brain: when the brain is slow,
 * it stops reading from the peers, whose queues are small. */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/link/curve.h"
#include "common/link/handover.h"
#include "common/link/options.h"
#include "controller/link/hub_state.h"
#include "controller/link/hub_watch.h"
#include "controller/link/zap.h"

#define TICK_MS        250
#define ENROL_BATCH    4 /* strangers come last */
#define BATCH          64 /* messages of one socket before the others have their turn */
#define HELLOS_PER_S   1000
#define WARNINGS_PER_S 5
#define GAP_US         ((int64_t)500 * 1000) /* without reading for longer: we were asleep, or the brain was; not the peers */

bool bucket_take(struct bucket *b, int64_t now_us)
{
	double earned = b->at_us ? (double)(now_us - b->at_us) / 1e6 * b->per_s : b->burst;
	b->at_us = now_us;
	b->tokens = b->tokens + earned > b->burst ? b->burst : b->tokens + earned;
	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}

void hub_violation(struct hub *h, const char *user, const char *what)
{
	atomic_fetch_add(h->violations, 1);
	if (!bucket_take(&h->warnings, h->now_us))
		return;
	const struct principal *p = principals_find(h->known, user);
	log_warn("link: message of %s dropped: %s", p ? p->name : "an unknown key", what);
}

static bool pass_event(struct hub *h, const struct hub_head *head, struct bytes body)
{
	void *pipe = zsock_resolve(h->pipe);
	if (zmq_send(pipe, head, sizeof *head, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
		return false;
	zmq_send(pipe, body.p, body.n, 0); /* the rest of a message that has begun always finds room */
	return true;
}

void hub_event(struct hub *h, const struct hub_head *head, struct bytes body)
{
	if (!h->first && pass_event(h, head, body))
		return;
	struct hub_waiting *w = mem_alloc(sizeof *w);
	w->head = *head;
	buf_add(&w->body, body.p, body.n);
	if (h->last)
		h->last->next = w;
	else
		h->first = w;
	h->last = w;
}

static void drop_first_event(struct hub *h)
{
	struct hub_waiting *w = h->first;
	h->first = w->next;
	if (!h->first)
		h->last = NULL;
	buf_done(&w->body);
	free(w);
}

/* True when the brain took everything: only then is more read from the peers. */
static bool pass_events(struct hub *h)
{
	for (; h->first; drop_first_event(h))
		if (!pass_event(h, &h->first->head, buf_bytes(&h->first->body)))
			return false;
	return true;
}

static void set_principals(struct hub *h, struct bytes table)
{
	const struct principal *list = (const struct principal *)(const void *)table.p;
	size_t n = table.n / sizeof *list;
	zap_set(h->zap, list, n);
	principals_destroy(&h->known);
	h->known = principals_new(list, n);
	hub_ctrl_recheck(h);
}

static void obey_one(struct hub *h, const struct hub_command *c, struct bytes body)
{
	switch (c->op) {
	case HUB_OP_SEND:
		hub_ctrl_send(h, c, body);
		break;
	case HUB_OP_PRINCIPALS:
		set_principals(h, body);
		break;
	}
}

/* *ret_more false: no command waits. False: "$TERM", which is one part. */
static bool obey(struct hub *h, bool *ret_more)
{
	void *pipe = zsock_resolve(h->pipe);
	struct hub_command c;
	zmq_msg_t body;
	*ret_more = zmq_recv(pipe, &c, sizeof c, ZMQ_DONTWAIT) >= 0;
	if (!*ret_more)
		return true;
	if (!zsock_rcvmore(h->pipe))
		return false;
	zmq_msg_init(&body);
	if (zmq_msg_recv(&body, pipe, 0) >= 0)
		obey_one(h, &c, bytes_of(zmq_msg_data(&body), zmq_msg_size(&body)));
	zmq_msg_close(&body);
	return true;
}

static bool wait_for_work(struct hub *h, bool read_peers, zmq_pollitem_t items[4])
{
	items[0] = (zmq_pollitem_t){.socket = zsock_resolve(h->pipe), .events = (short)(ZMQ_POLLIN | (h->first ? ZMQ_POLLOUT : 0))};
	items[1] = (zmq_pollitem_t){.socket = h->ctrl_raw, .events = ZMQ_POLLIN};
	items[2] = (zmq_pollitem_t){.socket = h->blob_raw, .events = ZMQ_POLLIN};
	items[3] = (zmq_pollitem_t){.socket = h->enrol_raw, .events = ZMQ_POLLIN};
	return zmq_poll(items,
	                !read_peers    ? 1
	                : h->enrol_raw ? 4
	                               : 3,
	                h->n_stalled || hub_fetch_waits(h) ? HUB_STALLED_TICK_MS : TICK_MS) >= 0 ||
	       zmq_errno() == EINTR;
}

static void read_peers(struct hub *h, const zmq_pollitem_t items[4])
{
	for (int i = 0; i < BATCH && (items[1].revents & ZMQ_POLLIN) && hub_ctrl_read(h); i++)
		;
	for (int i = 0; i < BATCH && (items[2].revents & ZMQ_POLLIN) && hub_blob_read(h); i++)
		;
	for (int i = 0; i < ENROL_BATCH && (items[3].revents & ZMQ_POLLIN) && hub_enrol_read(h); i++)
		;
}

static void run(struct hub *h)
{
	int64_t ticked_us = clock_mono_us(), read_us = ticked_us;
	for (;;) {
		zmq_pollitem_t items[4] = {0};
		bool reading = pass_events(h);
		if (!wait_for_work(h, reading, items))
			return;
		h->now_us = clock_mono_us();
		if (reading && h->now_us - read_us > GAP_US)
			hub_ctrl_forgive(h, h->now_us - read_us);
		read_us = reading ? h->now_us : read_us;
		bool more = items[0].revents & ZMQ_POLLIN;
		for (int i = 0; i < BATCH && more; i++)
			if (!obey(h, &more))
				return;
		if (reading)
			read_peers(h, items);
		hub_fetch_serve(h);
		hub_ctrl_flush(h);
		if (h->now_us - ticked_us >= TICK_MS * 1000) {
			ticked_us = h->now_us;
			hub_ctrl_expire(h);
			hub_blob_expire(h);
			hub_fetch_expire(h);
			hub_guard(h);
		}
	}
}

static int bind_socket(zsock_t *s, const char *endpoint, char (*ret_endpoint)[256], struct err *e)
{
	if (zmq_bind(zsock_resolve(s), endpoint) != 0)
		return err_set(e, ERR_LINK, "cannot listen on %s: %s: choose another address, or stop what uses it", endpoint, zmq_strerror(zmq_errno()));
	return frame_endpoint(zsock_resolve(s), *ret_endpoint, sizeof *ret_endpoint, e);
}

static int open_enrolment(struct hub *h, const struct hub_start *start, struct err *e)
{
	const struct hub_config *c = start->config;
	hub_enrol_init(h);
	if (!c->enrol_endpoint)
		return 0;
	if (link_socket_server(LINK_ENROL_ROUTER, start->key, &h->enrol, e) != 0)
		return -1;
	h->enrol_raw = zsock_resolve(h->enrol);
	return bind_socket(h->enrol, c->enrol_endpoint, start->enrol_endpoint, e);
}

static int open_hub(struct hub *h, const struct hub_start *start, struct err *e)
{
	const struct hub_config *c = start->config;
	h->violations = start->violations;
	h->memory_limit = c->memory_limit ? c->memory_limit : hub_guard_default();
	memcpy(h->key.public_text, start->key->public_text, sizeof h->key.public_text);
	h->key.secret_text = secret_new(secret_reveal(start->key->secret_text), secret_size(start->key->secret_text));
	h->ctrl_endpoint = *start->ctrl_endpoint;
	h->blob_endpoint = *start->blob_endpoint;
	h->enrol_endpoint = *start->enrol_endpoint;
	h->blob_dir = mem_strdup(c->blob_dir);
	h->index = c->index;
	h->admission = (struct bucket){.per_s = HELLOS_PER_S, .burst = HELLOS_PER_S};
	h->warnings = (struct bucket){.per_s = WARNINGS_PER_S, .burst = WARNINGS_PER_S};
	h->known = principals_new(start->principals, start->n_principals);
	h->sessions = sessions_new(c->max_peers);
	hub_fetch_open(h);
	if (hub_blob_open(h, e) != 0 || zap_new(start->principals, start->n_principals, &h->zap, e) != 0 ||
	    link_socket_server(LINK_CTRL_ROUTER, start->key, &h->ctrl, e) != 0 || link_socket_server(LINK_BLOB_ROUTER, start->key, &h->blob, e) != 0)
		return -1;
	h->ctrl_raw = zsock_resolve(h->ctrl);
	h->blob_raw = zsock_resolve(h->blob);
	if (bind_socket(h->ctrl, c->ctrl_endpoint, start->ctrl_endpoint, e) != 0 || bind_socket(h->blob, c->blob_endpoint, start->blob_endpoint, e) != 0)
		return -1;
	if (open_enrolment(h, start, e) != 0)
		return -1;
	const char *const endpoints[WATCH_ENDPOINTS] = {h->ctrl_endpoint, h->blob_endpoint, h->enrol_endpoint};
	return hub_watch_new(h->memory_limit, endpoints, &h->watch, e);
}

static void close_hub(struct hub *h)
{
	zactor_destroy(&h->watch); /* before the sockets, whose descriptors others may get */
	sessions_destroy(&h->sessions);
	zsock_destroy(&h->ctrl);
	zsock_destroy(&h->blob);
	zsock_destroy(&h->enrol);
	zactor_destroy(&h->zap); /* after the sockets: they may still ask it */
	principals_destroy(&h->known);
	hub_fetch_close(h);
	while (h->first)
		drop_first_event(h);
	free(h->stalled);
	curve_key_done(&h->key);
	mem_free_ptr(&h->blob_dir);
	mem_free_ptr(&h->incoming_dir);
}

void hub_actor(zsock_t *pipe, void *arg)
{
	struct hub_start *start = arg;
	struct hub h = {.pipe = pipe};
	h.now_us = clock_mono_us();
	bool ok = open_hub(&h, start, start->err) == 0;
	start->ok = ok;
	handover_give(start);
	zsock_signal(pipe, 0); /* `start` is gone after this */
	if (ok)
		run(&h);
	close_hub(&h);
}
