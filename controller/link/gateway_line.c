/* The core's end of the line to its gateways: a thread that stands where the hub's thread would, with the same pipe. It knows which sessions each gateway has told of, so that it
 * can tell the brain of each that ended with it; it keeps the table of principals for the next one; and it never waits for a gateway that is not there: what is sent meanwhile
 * goes to sessions that are gone. A session's number is random, so that no two gateways give the same. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/link/curve.h"
#include "common/link/handover.h"
#include "common/link/monitor.h"
#include "common/wire/limits.h"
#include "controller/link/descriptors.h"
#include "controller/link/gateway_event.h"

#define TICK_MS      100
#define START_US     ((int64_t)20 * 1000 * 1000) /* until the gateways serve */
#define TURN         256
#define PATH_MAX_IPC 100 /* of the 107 that a unix socket's address has room for */

struct live { /* a session that a gateway has told of */
	uint64_t id;
	struct principal who;
	size_t gate;
};

struct gate {
	struct gateway_child child;
	zframe_t *routing; /* routing id of the one that serves; NULL: none */
	struct hub_names names;
};

struct line_start { /* handed to the actor; gone once it has signalled */
	const struct gateway_config *config;
	const struct principal *principals;
	size_t n_principals;
	struct hub_names *names;
	struct err *err;
	bool ok;
};

struct line {
	zsock_t *pipe, *router, *monitor;
	bool starts; /* the gateways are our children */
	struct gate gates[GATEWAYS_MAX];
	size_t n_gates;
	struct principal *principals;
	size_t n_principals;
	struct map *live;
	int64_t now_us;
};

/* ---- to the brain -------------------------------------------------------------------------------------------------------------------------------------- */

static void tell_brain(struct line *l, const struct hub_head *head, struct bytes body)
{
	zmq_send(zsock_resolve(l->pipe), head, sizeof *head, ZMQ_SNDMORE);
	zmq_send(zsock_resolve(l->pipe), body.p ? (const void *)body.p : "", body.n, 0);
}

static void forget(struct line *l, uint64_t session)
{
	struct live *s = map_get(l->live, map_fixed(&session));
	if (!s)
		return;
	map_remove(l->live, map_fixed(&s->id));
	free(s);
}

static void remember(struct line *l, const struct hub_head *head, size_t gate)
{
	if (head->session == 0 || head->from.kind == LINK_STRANGER || map_get(l->live, map_fixed(&head->session)))
		return;
	struct live *s = mem_alloc(sizeof *s);
	*s = (struct live){.id = head->session, .who = head->from, .gate = gate};
	map_put(l->live, map_fixed(&s->id), s);
}

static void end_session(void *arg, void *value)
{
	struct line *l = arg;
	struct live *s = value;
	if (l->pipe)
		tell_brain(l, &(struct hub_head){.type = HUB_GONE, .from = s->who, .session = s->id}, bytes_of(NULL, 0));
	free(s);
}

/* Which of the sessions that are known end. */
struct ending {
	struct line *l;
	struct map *left;
	size_t gate;
	const struct live *newer; /* NULL: those of the gateway; else those of the same agent at other gateways */
	uint64_t ids[16]; /* the first of those that ended */
	size_t n;
};

static void end_or_keep(void *arg, void *value)
{
	struct ending *x = arg;
	struct live *s = value;
	bool ends = !x->newer
	                ? s->gate == x->gate
	                : s->id != x->newer->id && s->gate != x->newer->gate && s->who.kind == LINK_AGENT && str_eq(s->who.name, x->newer->who.name);
	if (!ends) {
		map_put(x->left, map_fixed(&s->id), s);
		return;
	}
	if (x->n < ARRAY_LEN(x->ids))
		x->ids[x->n] = s->id;
	x->n++;
	end_session(x->l, s);
}

static void end_some(struct line *l, struct ending *x)
{
	struct map *all = l->live;
	x->l = l;
	x->left = map_new();
	map_each(all, end_or_keep, x);
	map_destroy(&all);
	l->live = x->left;
}

/* Every session of it has ended. */
static void lose_gateway(struct line *l, size_t gate)
{
	struct ending x = {.gate = gate};
	if (!l->gates[gate].routing)
		return;
	zframe_destroy(&l->gates[gate].routing);
	end_some(l, &x);
	log_warn("gateway %zu: gone, with %zu sessions", gate, x.n);
}

/* What is not sound is dropped, not believed. */
static void pass_event(struct line *l, struct bytes head, struct bytes body, size_t gate)
{
	struct hub_head h;
	struct err e = ERR_INIT;
	if (gateway_event_read(head, body, &h, &e) != 0) {
		log_error("gateway: an event of it is dropped: %s", e.msg);
		return;
	}
	if (h.type == HUB_GONE || h.type == HUB_CLONED)
		forget(l, h.session);
	else
		remember(l, &h, gate);
	tell_brain(l, &h, body);
}

/* ---- to the gateways ----------------------------------------------------------------------------------------------------------------------------------- */

static void tell_gateway(struct line *l, size_t gate, const void *command, size_t command_size, const void *body, size_t size)
{
	void *raw = zsock_resolve(l->router);
	zframe_t *to = l->gates[gate].routing;
	if (!to || zmq_send(raw, zframe_data(to), zframe_size(to), ZMQ_SNDMORE) < 0)
		return; /* its sessions are gone with it */
	zmq_send(raw, command, command_size, ZMQ_SNDMORE);
	zmq_send(raw, body, size, 0);
}

/* To the gateway that has the session; of a stranger's nobody keeps which that is, and the others know no such number. */
static void tell_session(struct line *l, const struct hub_command *c, const void *body, size_t size)
{
	const struct live *s = map_get(l->live, map_fixed(&c->session));
	for (size_t i = 0; i < l->n_gates; i++)
		if (!s || s->gate == i)
			tell_gateway(l, i, c, sizeof *c, body, size);
}

static void send_principals(struct line *l, size_t gate)
{
	const struct hub_command c = {.op = HUB_OP_PRINCIPALS};
	tell_gateway(l, gate, &c, sizeof c, l->principals, l->n_principals * sizeof *l->principals);
}

/* One hub ends an agent's older session itself; between gateways it is done here. The agent is at the newer one: nobody hears it. */
static void end_older(struct line *l, uint64_t session)
{
	const struct live *newer = map_get(l->live, map_fixed(&session));
	if (l->n_gates < 2 || !newer || newer->who.kind != LINK_AGENT)
		return;
	AUTO(buf_done) struct buf body = BUF_INIT;
	const struct msg m = {.type = MSG_DENY, .deny = {.code = "stale", .message = "a newer session of this agent is open"}};
	struct ending x = {.newer = newer};
	end_some(l, &x);
	msg_encode(&m, &body);
	for (size_t i = 0; i < x.n && i < ARRAY_LEN(x.ids); i++)
		tell_session(l, &(struct hub_command){.op = HUB_OP_SEND, .type = MSG_DENY, .session = x.ids[i]}, body.p, body.n);
}

static void keep_principals(struct line *l, const void *table, size_t size)
{
	free(l->principals);
	l->n_principals = size / sizeof *l->principals;
	l->principals = mem_alloc(size + 1);
	memcpy(l->principals, table, l->n_principals * sizeof *l->principals);
}

/* False: "$TERM". */
static bool obey(struct line *l)
{
	AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(l->pipe);
	AUTO(zframe_destroy) zframe_t *head = m ? zmsg_pop(m) : NULL;
	AUTO(zframe_destroy) zframe_t *body = m ? zmsg_pop(m) : NULL;
	struct hub_command c;
	if (!body)
		return false;
	memcpy(&c, zframe_data(head), sizeof c);
	if (c.op == HUB_OP_PRINCIPALS) {
		keep_principals(l, zframe_data(body), zframe_size(body));
		for (size_t i = 0; i < l->n_gates; i++)
			send_principals(l, i);
		return true;
	}
	tell_session(l, &c, zframe_data(body), zframe_size(body));
	if (c.type == MSG_DENY || c.type == MSG_RETRY_AFTER)
		forget(l, c.session);
	else if (c.type == MSG_WELCOME)
		end_older(l, c.session);
	return true;
}

/* ---- the gateway's messages ---------------------------------------------------------------------------------------------------------------------------- */

static void welcome_gateway(struct line *l, zframe_t **routing, struct bytes body)
{
	struct gateway_hello hello;
	struct err e = ERR_INIT;
	if (gateway_hello_read(body, l->n_gates, &hello, &e) != 0) {
		log_error("gateway: %s", e.msg);
		return;
	}
	lose_gateway(l, hello.index);
	l->gates[hello.index].names = hello.names;
	l->gates[hello.index].routing = take_ptr(routing);
	send_principals(l, hello.index);
}

/* The gateway of this routing id; n_gates: none that serves. */
static size_t gate_of(const struct line *l, zframe_t *routing)
{
	size_t i = 0;
	while (i < l->n_gates && !(l->gates[i].routing && zframe_eq(routing, l->gates[i].routing)))
		i++;
	return i;
}

static void take_message(struct line *l)
{
	AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(l->router);
	AUTO(zframe_destroy) zframe_t *routing = m ? zmsg_pop(m) : NULL;
	AUTO(zframe_destroy) zframe_t *head = m ? zmsg_pop(m) : NULL;
	AUTO(zframe_destroy) zframe_t *body = m ? zmsg_pop(m) : NULL;
	enum hub_event_type type; /* the first of a hub_head */
	if (!body || zframe_size(head) < sizeof type)
		return;
	memcpy(&type, zframe_data(head) + offsetof(struct hub_head, type), sizeof type);
	struct bytes bytes = bytes_of(zframe_data(body), zframe_size(body));
	size_t gate = gate_of(l, routing);
	if (type == HUB_STARTED)
		welcome_gateway(l, &routing, bytes);
	else if (gate < l->n_gates)
		pass_event(l, bytes_of(zframe_data(head), zframe_size(head)), bytes, gate);
}

/* A lost connection does not say whose it was: with several, each is our child, whose end is seen. */
static void tend(struct line *l)
{
	for (enum monitor_event ev; (ev = monitor_read(l->monitor, NULL)) != MONITOR_NONE;)
		if (ev == MONITOR_LOST && l->n_gates == 1)
			lose_gateway(l, 0);
	for (size_t i = 0; l->starts && i < l->n_gates; i++)
		if (gateway_child_tend(&l->gates[i].child, l->now_us))
			lose_gateway(l, i);
}

static void run(struct line *l)
{
	for (;;) {
		zmq_pollitem_t items[] = {{.socket = zsock_resolve(l->pipe), .events = ZMQ_POLLIN},
		                          {.socket = zsock_resolve(l->router), .events = ZMQ_POLLIN},
		                          {.socket = zsock_resolve(l->monitor), .events = ZMQ_POLLIN}};
		if (zmq_poll(items, (int)ARRAY_LEN(items), TICK_MS) < 0 && zmq_errno() != EINTR)
			return;
		l->now_us = clock_mono_us();
		tend(l);
		for (int i = 0; i < TURN && (zsock_events(l->pipe) & ZMQ_POLLIN); i++)
			if (!obey(l))
				return;
		/* A brain that is busy is not written to: the messages wait with the gateway, which then reads no more from the peers. */
		for (int i = 0; i < TURN && (zsock_events(l->router) & ZMQ_POLLIN) && (zsock_events(l->pipe) & ZMQ_POLLOUT); i++)
			take_message(l);
	}
}

/* ---- start and end ------------------------------------------------------------------------------------------------------------------------------------- */

static int open_line(struct line *l, const struct line_start *start, struct err *e)
{
	const struct gateway_config *c = start->config;
	int on = 1;
	l->live = map_new();
	l->starts = c->program != NULL;
	keep_principals(l, start->principals, start->n_principals * sizeof *start->principals);
	l->n_gates = 1 + c->n_also;
	for (size_t i = 0; l->starts && i < l->n_gates; i++)
		gateway_child_init(&l->gates[i].child, c, (uint32_t)i);
	l->router = zsock_new(ZMQ_ROUTER);
	if (!l->router || monitor_new(l->router, &l->monitor, e) != 0)
		return -1;
	zsock_set_linger(l->router, 0);
	zsock_set_sndhwm(l->router, GATEWAY_QUEUE);
	zsock_set_rcvhwm(l->router, GATEWAY_QUEUE);
	zmq_setsockopt(zsock_resolve(l->router), ZMQ_ROUTER_MANDATORY, &on, sizeof on);
	unlink(c->socket_path); /* of a core that was killed; its gateway died with it */
	if (zsock_bind(l->router, "ipc://%s", c->socket_path) < 0 || chmod(c->socket_path, 0600) != 0)
		return err_set(e, ERR_LINK, "the gateway's socket %s: %s", c->socket_path, zmq_strerror(zmq_errno()));
	return 0;
}

static bool all_serve(const struct line *l)
{
	for (size_t i = 0; i < l->n_gates; i++)
		if (!l->gates[i].routing)
			return false;
	return true;
}

/* Until every gateway serves, so that whoever starts the core learns at once why it does not. */
static int wait_for_gateways(struct line *l, struct err *e)
{
	int64_t end_us = clock_mono_us() + START_US;
	while (!all_serve(l)) {
		zmq_pollitem_t items[] = {{.socket = zsock_resolve(l->router), .events = ZMQ_POLLIN}};
		zmq_poll(items, 1, TICK_MS / 10);
		l->now_us = clock_mono_us();
		if (l->now_us > end_us)
			return err_set(e, ERR_LINK, "no gateway has come: its own log says why");
		tend(l);
		if (items[0].revents)
			take_message(l);
	}
	return 0;
}

static void close_line(struct line *l)
{
	l->pipe = NULL; /* nobody reads it any more */
	for (size_t i = 0; l->starts && i < l->n_gates; i++)
		gateway_child_done(&l->gates[i].child);
	monitor_end(l->router, &l->monitor);
	zsock_destroy(&l->router);
	if (l->live)
		map_each(l->live, end_session, l);
	map_destroy(&l->live);
	for (size_t i = 0; i < l->n_gates; i++)
		zframe_destroy(&l->gates[i].routing);
	free(l->principals);
}

static void line_actor(zsock_t *pipe, void *arg)
{
	struct line_start *start = arg;
	struct line l = {.pipe = pipe};
	bool ok = open_line(&l, start, start->err) == 0 && wait_for_gateways(&l, start->err) == 0;
	*start->names = l.gates[0].names;
	start->ok = ok;
	handover_give(start);
	zsock_signal(pipe, 0); /* `start` is gone after this */
	if (ok)
		run(&l);
	close_line(&l);
}

int gateway_line_new(const struct gateway_config *c, const struct principal *principals, size_t n, zactor_t **ret, struct err *e)
{
	AUTO(curve_key_done) struct curve_key own = {0};
	struct hub_names names;
	struct gateway_config config = *c;
	struct line_start start = {.config = &config, .principals = principals, .n_principals = n, .names = &names, .err = e};
	if (strlen(c->socket_path) > PATH_MAX_IPC)
		return err_set(e, ERR_USAGE, "the gateway's socket %s: a unix socket's path has %d characters at most: choose a shorter one", c->socket_path,
		               PATH_MAX_IPC);
	if (c->n_also >= GATEWAYS_MAX)
		return err_set(e, ERR_USAGE, "%zu gateways: %d at most", c->n_also + 1, GATEWAYS_MAX);
	if (descriptors_check(descriptors_raise(), c->hub.may_lower, &config.hub.max_peers, e) != 0)
		return -1;
	if (curve_key_load(c->hub.curve_key_file, &own, e) != 0)
		return -1;
	AUTO(zactor_destroy) zactor_t *actor = zactor_new(line_actor, &start);
	handover_take(&start);
	if (!actor || !start.ok)
		return e && e->code == ERR_NONE ? err_set(e, ERR_LINK, "the gateway's line did not start") : -1;
	str_copy(names.public_key, sizeof names.public_key, own.public_text); /* from our own file, not from the gateway's word */
	if (hub_adopt(actor, &names, e) != 0)
		return -1;
	*ret = take_ptr(&actor);
	return 0;
}
