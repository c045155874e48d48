/* The gateway's process: a hub, and the line to the core. Nothing is decided and nothing is kept here. */
#include "controller/link/gateway.h"

#include <sys/resource.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/link/monitor.h"
#include "controller/link/gateway_impl.h"

#define MEMORY_BASE ((rlim_t)1024 * 1024 * 1024) /* address space: stacks and pools of threads are most of it, and hardly touched */
#define MEMORY_PEER ((rlim_t)128 * 1024)
#define GUARD_BASE  ((uint64_t)256 * 1024 * 1024) /* what is really used, above which the hub opens its sockets anew: it comes first */
#define GUARD_PEER  ((uint64_t)64 * 1024)
#define TURN        64 /* messages of one side before the other has its turn */

struct gateway {
	zactor_t *hub;
	zsock_t *line, *monitor;
	int stop_fd;
};

/* An endless message of many parts fills memory before anybody sees it, and no option of libzmq prevents it: then this process ends, and not the core. */
static void limit_memory(uint32_t max_peers)
{
	rlim_t bytes = MEMORY_BASE + MEMORY_PEER * max_peers;
	const struct rlimit r = {bytes, bytes};
	if (setrlimit(RLIMIT_AS, &r) != 0)
		log_warn("gateway: its memory cannot be limited: set MemoryMax= in its systemd unit");
}

static int open_line(struct gateway *g, const char *path, struct err *e)
{
	g->line = zsock_new(ZMQ_DEALER);
	if (!g->line || monitor_new(g->line, &g->monitor, e) != 0)
		return -1;
	zsock_set_linger(g->line, 0);
	zsock_set_sndhwm(g->line, GATEWAY_QUEUE);
	zsock_set_rcvhwm(g->line, GATEWAY_QUEUE);
	if (zsock_connect(g->line, "ipc://%s", path) != 0)
		return err_set(e, ERR_LINK, "the core's socket %s: %s", path, zmq_strerror(zmq_errno()));
	return 0;
}

static int say_hello(struct gateway *g, uint32_t index)
{
	struct gateway_hello hello = gateway_hello_make();
	const struct hub_head head = {.type = HUB_STARTED};
	hello.index = index;
	hub_names(g->hub, &hello.names);
	return zmq_send(zsock_resolve(g->line), &head, sizeof head, ZMQ_SNDMORE) < 0 || zmq_send(zsock_resolve(g->line), &hello, sizeof hello, 0) < 0;
}

/* Whole messages from one side to the other, as long as there are some and the other has room. False: a side is gone. */
static bool forward(void *from, void *to)
{
	for (int i = 0; i < TURN && (zsock_events(from) & ZMQ_POLLIN) && (zsock_events(to) & ZMQ_POLLOUT); i++) {
		zmsg_t *m = zmsg_recv(from);
		if (!m || zmsg_send(&m, to) != 0)
			return false;
	}
	return true;
}

static bool core_is_gone(struct gateway *g)
{
	for (enum monitor_event ev; (ev = monitor_read(g->monitor, NULL)) != MONITOR_NONE;)
		if (ev != MONITOR_READY)
			return true;
	return false;
}

static int run(struct gateway *g, struct err *e)
{
	for (;;) {
		bool up = zsock_events(g->line) & ZMQ_POLLOUT, down = zsock_events(zactor_sock(g->hub)) & ZMQ_POLLOUT;
		zmq_pollitem_t items[] = {{.socket = zsock_resolve(g->hub), .events = (short)(up ? ZMQ_POLLIN : 0)},
		                          {.socket = zsock_resolve(g->line), .events = (short)(down ? ZMQ_POLLIN : 0)},
		                          {.socket = zsock_resolve(g->monitor), .events = ZMQ_POLLIN},
		                          {.fd = g->stop_fd, .events = ZMQ_POLLIN}};
		if (zmq_poll(items, (int)ARRAY_LEN(items), up && down ? 1000 : 5) < 0)
			return err_set(e, ERR_LINK, "gateway: %s", zmq_strerror(zmq_errno()));
		if (items[3].revents)
			return 0;
		if (core_is_gone(g))
			return err_set(e, ERR_LINK, "the core at the other end of the socket is gone: this gateway ends; a new core starts a new one");
		if (!forward(zactor_sock(g->hub), g->line) || !forward(g->line, zactor_sock(g->hub)))
			return err_set(e, ERR_LINK, "gateway: the hub's thread is gone");
	}
}

static void gateway_close(struct gateway *g)
{
	hub_destroy(&g->hub);
	monitor_end(g->line, &g->monitor);
	zsock_destroy(&g->line);
}

int gateway_run(const struct gateway_config *c, int stop_fd, struct err *e)
{
	AUTO(gateway_close) struct gateway g = {.stop_fd = stop_fd};
	struct hub_config hub = c->hub;
	hub.memory_limit = GUARD_BASE + GUARD_PEER * hub.max_peers;
	limit_memory(hub.max_peers);
	if (hub_new(&hub, NULL, 0, &g.hub, e) != 0 || open_line(&g, c->socket_path, e) != 0)
		return -1;
	if (say_hello(&g, hub.index) != 0)
		return err_set(e, ERR_LINK, "the core's socket %s takes nothing", c->socket_path);
	log_info("gateway: control %s, blobs %s, core at %s", hub_ctrl_endpoint(g.hub), hub_blob_endpoint(g.hub), c->socket_path);
	return run(&g, e);
}
