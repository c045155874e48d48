/* See the header. */
#include "agent/link/enrol.h"

#include <czmq.h>

#include "common/base/clock.h"
#include "common/link/frame.h"
#include "common/link/heard.h"
#include "common/link/monitor.h"
#include "common/link/options.h"

struct line { /* one connection */
	const struct enrol_settings *set;
	zsock_t *socket, *monitor;
	int64_t end_us;
};

static void line_close(struct line *l)
{
	monitor_end(l->socket, &l->monitor);
	zsock_destroy(&l->socket);
}

/* True when `what` is readable before the end. */
static bool wait_for(const struct line *l, zsock_t *what)
{
	zmq_pollitem_t item = {.socket = zsock_resolve(what), .events = ZMQ_POLLIN};
	int64_t left_ms = (l->end_us - clock_mono_us()) / 1000;
	return left_ms > 0 && zmq_poll(&item, 1, (long)left_ms) > 0;
}

static int wait_ready(struct line *l, struct err *e)
{
	enum monitor_event event = MONITOR_NONE;
	int fd = -1;
	while (event == MONITOR_NONE && wait_for(l, l->monitor))
		event = monitor_read(l->monitor, &fd);
	switch (event) {
	case MONITOR_READY:
		return 0;
	case MONITOR_LOST:
	case MONITOR_REFUSED:
		return err_set(e, ERR_LINK, "what answers at %s is not the controller with the key that is known here, or no enrolment is served there",
		               l->set->endpoint);
	case MONITOR_NONE:
		if (!link_heard(fd))
			return err_set(e, ERR_LINK, "controller at %s: %s", l->set->endpoint, link_unheard(fd));
		return err_set(e, ERR_LINK, "controller at %s did not end the handshake within %u ms: it is too busy", l->set->endpoint, l->set->timeout_ms);
	case MONITOR_UNREACHABLE:
		break;
	}
	return err_set(e, ERR_LINK, "controller at %s cannot be reached: check the address, and that enrolment is served there", l->set->endpoint);
}

static int line_open(struct line *l, struct err *e)
{
	if (link_socket_client(LINK_ENROL_DEALER, l->set->key, l->set->controller_key, &l->socket, e) != 0 || monitor_new(l->socket, &l->monitor, e) != 0)
		return -1;
	if (zmq_connect(zsock_resolve(l->socket), l->set->endpoint) != 0)
		return err_set(e, ERR_USAGE, "controller address '%s': %s: write tcp://HOST:PORT", l->set->endpoint, zmq_strerror(zmq_errno()));
	return wait_ready(l, e);
}

static int line_send(struct line *l, const struct msg *m, struct err *e)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	msg_encode(m, &body);
	if (frame_send(zsock_resolve(l->socket), bytes_of(NULL, 0), (struct link_header){.type = (uint8_t)m->type, .seq = 1}, buf_bytes(&body),
	               bytes_of(NULL, 0)) != FRAME_SENT)
		return err_set(e, ERR_LINK, "%s could not be sent to %s", msg_type_name(m->type), l->set->endpoint);
	return 0;
}

static int read_frame(const struct frame *f, struct arena *a, struct msg *ret, struct err *e)
{
	enum msg_type type = (enum msg_type)f->header.type;
	if (!link_allowed(SOCKET_ENROL, LINK_CONTROLLER, LINK_NEW, type))
		return err_set(e, ERR_LINK, "it sent %s, which has no place in an enrolment", msg_type_name(type));
	return msg_decode(type, arena_bytes(a, f->body), a, ret, e);
}

static int line_receive(struct line *l, struct arena *a, struct msg *ret, struct err *e)
{
	struct frame f;
	if (!wait_for(l, l->socket))
		return err_set(e, ERR_LINK, "controller at %s did not answer within %u ms", l->set->endpoint, l->set->timeout_ms);
	enum frame_result r = frame_recv(zsock_resolve(l->socket), false, &f, e);
	if (r == FRAME_NONE)
		return err_set(e, ERR_LINK, "controller at %s: no answer", l->set->endpoint);
	int rc = r == FRAME_OK ? read_frame(&f, a, ret, e) : -1;
	frame_done(&f);
	return rc == 0 ? 0 : err_wrap(e, "controller at %s", l->set->endpoint);
}

int enrol_ask(const struct enrol_settings *s, const struct msg *question, struct arena *a, struct msg *ret, struct err *e)
{
	AUTO(line_close) struct line l = {.set = s, .end_us = clock_mono_us() + (int64_t)s->timeout_ms * 1000};
	if (line_open(&l, e) != 0 || line_send(&l, question, e) != 0)
		return -1;
	return line_receive(&l, a, ret, e);
}
