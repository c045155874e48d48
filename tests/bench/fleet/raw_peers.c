/* The agents' side of the raw exchange: nothing is decoded, signed or kept. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/link/options.h"
#include "common/base/mem.h"
#include "tests/bench/fleet/raw.h"

#define EVENTS       256
#define WAIT_MS      20
#define SIZE_MAX_RAW 65536
#define DIAL_MS \
	5 /* between two of a process: a listener takes some thousand handshakes a second on all its processors, and who waits for 30 s does not come again */

struct raw_peer {
	zsock_t *socket;
	bool said_hi;
};

static void say(struct raw_peer *p, size_t bytes)
{
	static const char zeros[SIZE_MAX_RAW];
	zmq_send(zsock_resolve(p->socket), zeros, LINK_HEADER_SIZE, ZMQ_DONTWAIT | ZMQ_SNDMORE);
	zmq_send(zsock_resolve(p->socket), zeros, bytes - LINK_HEADER_SIZE, ZMQ_DONTWAIT);
}

/* The first send finds room when the handshake is done: the sockets queue nothing for a peer that is not there. */
static void say_hi(struct raw_peer *p)
{
	if (!p->said_hi && zmq_send(zsock_resolve(p->socket), "hi", 2, ZMQ_DONTWAIT) >= 0)
		p->said_hi = true;
}

static void serve(const struct raw_shared *s, struct raw_peer *p)
{
	char data[SIZE_MAX_RAW];
	void *raw = zsock_resolve(p->socket);
	say_hi(p);
	for (int n; (n = zmq_recv(raw, data, sizeof data, ZMQ_DONTWAIT)) >= 0;) {
		bool is_offer = data[0] == 'O';
		while (zsock_rcvmore(p->socket))
			zmq_recv(raw, data, sizeof data, ZMQ_DONTWAIT);
		if (is_offer) {
			say(p, s->accept_bytes);
			say(p, s->report_bytes);
		}
	}
}

static struct raw_peer *dial(const struct raw_shared *s, const struct identity *id, int epoll_fd)
{
	struct raw_peer *p = mem_alloc(sizeof *p);
	struct err e = ERR_INIT;
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = p};
	if (link_socket_client(LINK_CTRL_DEALER, &id->key, id->controller_key, &p->socket, &e) != 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, (int)zsock_fd(p->socket), &ev) != 0 || zmq_connect(zsock_resolve(p->socket), s->endpoint) != 0)
		abort();
	return p;
}

void raw_peers(struct raw_shared *s, const struct identity *ids, size_t first, size_t n)
{
	struct epoll_event events[EVENTS];
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct raw_peer **peers = mem_alloc(n * sizeof *peers);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	zsys_handler_set(NULL);
	zsys_set_max_sockets(0);
	while (!atomic_load(&s->listening))
		zclock_sleep(2);
	for (size_t i = 0; i < n; i++) {
		peers[i] = dial(s, &ids[first + i], epoll_fd);
		zclock_sleep(DIAL_MS);
	}
	while (!atomic_load(&s->done)) {
		int ready = epoll_wait(epoll_fd, events, EVENTS, WAIT_MS);
		for (int i = 0; i < ready; i++)
			serve(s, events[i].data.ptr);
	}
	for (size_t i = 0; i < n; i++) {
		zsock_destroy(&peers[i]->socket);
		free(peers[i]);
	}
	free(peers);
	close(epoll_fd);
}
