/* Connection attempts. */
#include "agent/link/dial.h"

#include "common/base/buf.h"
#include "common/crypto/sign.h"

static int on_socket(zloop_t *loop, zsock_t *socket, void *arg)
{
	(void)loop;
	struct dial *d = arg;
	/* A handler may close the dial, or open the next: then this socket is no longer ours to read. */
	while (d->socket == socket) {
		struct frame f;
		struct err e = ERR_INIT;
		enum frame_result r = frame_recv(zsock_resolve(socket), false, &f, &e);
		if (r == FRAME_NONE)
			break;
		d->handler.frame(d->handler.arg, r, &f, e.msg);
		frame_done(&f);
		if (d->socket == socket)
			d->received = link_received(d->fd);
	}
	return 0;
}

static int on_flood(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	struct dial *d = arg;
	const struct frame none = {.n_parts = 0};
	if (!d->socket) /* closed in this very turn of the loop */
		return 0;
	bool unread = zsock_events(d->socket) & ZMQ_POLLIN; /* whole ones, which this loop has had no time for */
	if (!unread && link_is_endless(d->fd, d->received))
		d->handler.frame(d->handler.arg, FRAME_BAD, &none, "it sends a message that does not end");
	return 0;
}

static int on_monitor(zloop_t *loop, zsock_t *pair, void *arg)
{
	(void)loop;
	struct dial *d = arg;
	while (d->monitor == pair) {
		enum monitor_event event = monitor_read(pair, &d->fd);
		if (event == MONITOR_NONE)
			break;
		d->handler.event(d->handler.arg, event);
	}
	return 0;
}

int dial_open(struct dial *d, zloop_t *loop, enum link_socket_kind kind, const struct curve_key *own, const char *server_key, const char *endpoint,
              const struct dial_handler *handler, struct err *e)
{
	*d = (struct dial){.loop = loop, .fd = -1, .handler = *handler};
	if (link_socket_client(kind, own, server_key, &d->socket, e) != 0 || monitor_new(d->socket, &d->monitor, e) != 0) {
		dial_close(d);
		return -1;
	}
	d->timer = zloop_timer(loop, LINK_FLOOD_MS, 0, on_flood, d);
	zloop_reader(loop, d->socket, on_socket, d);
	zloop_reader(loop, d->monitor, on_monitor, d);
	if (zmq_connect(zsock_resolve(d->socket), endpoint) != 0) {
		err_set(e, ERR_LINK, "%s: %s", endpoint, zmq_strerror(zmq_errno()));
		dial_close(d);
		return -1;
	}
	return 0;
}

void dial_close(struct dial *d)
{
	if (d->timer)
		zloop_timer_end(d->loop, d->timer);
	d->timer = 0;
	if (d->socket)
		zloop_reader_end(d->loop, d->socket);
	if (d->monitor)
		zloop_reader_end(d->loop, d->monitor);
	monitor_end(d->socket, &d->monitor);
	zsock_destroy(&d->socket);
}

enum frame_sent dial_send(struct dial *d, struct link_header header, const struct msg *m)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	if (!d->socket)
		return FRAME_GONE;
	msg_encode(m, &body);
	header.type = (uint8_t)m->type;
	return frame_send(zsock_resolve(d->socket), bytes_of(NULL, 0), header, buf_bytes(&body), bytes_of(NULL, 0));
}

uint32_t dial_random_ms(uint32_t low, uint32_t high)
{
	uint32_t r = 0;
	struct err e = ERR_INIT;
	if (high <= low || crypto_random(&r, sizeof r, &e) != 0)
		return low;
	return low + r % (high - low + 1);
}
