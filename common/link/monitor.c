/* libzmq's socket monitor. */
#include "common/link/monitor.h"

#include <stdatomic.h>
#include <string.h>

#include "common/base/mem.h"

#define EVENTS                                                                                                                     \
	(ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | \
	 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED)

int monitor_new(zsock_t *socket, zsock_t **ret_pair, struct err *e)
{
	static atomic_uint counter;
	char name[64];
	snprintf(name, sizeof name, "inproc://monitor-%u", atomic_fetch_add(&counter, 1));
	if (zmq_socket_monitor(zsock_resolve(socket), name, EVENTS) != 0)
		return err_set(e, ERR_LINK, "socket monitor: %s", zmq_strerror(zmq_errno()));
	AUTO(zsock_destroy) zsock_t *pair = zsock_new(ZMQ_PAIR);
	if (!pair || zsock_connect(pair, "%s", name) != 0)
		return err_set(e, ERR_LINK, "socket monitor: %s", zmq_strerror(zmq_errno()));
	*ret_pair = take_ptr(&pair);
	return 0;
}

void monitor_end(zsock_t *socket, zsock_t **pair)
{
	if (socket)
		zmq_socket_monitor(zsock_resolve(socket), NULL, 0);
	zsock_destroy(pair);
}

static enum monitor_event translate(uint16_t event)
{
	switch (event) {
	case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
		return MONITOR_READY;
	case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
		return MONITOR_REFUSED;
	case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
	case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
	case ZMQ_EVENT_DISCONNECTED:
		return MONITOR_LOST;
	case ZMQ_EVENT_CLOSED:
		return MONITOR_UNREACHABLE;
	default:
		return MONITOR_NONE;
	}
}

/* An event is two parts: u16 event and u32 value in the machine's order, then the endpoint's text. False when there is none. */
static bool read_event(void *raw, uint16_t *ret_event, uint32_t *ret_value)
{
	uint8_t head[6];
	char endpoint[256];
	int n = zmq_recv(raw, head, sizeof head, ZMQ_DONTWAIT);
	if (n < 0)
		return false;
	zmq_recv(raw, endpoint, sizeof endpoint, ZMQ_DONTWAIT);
	*ret_event = 0;
	if (n == (int)sizeof head) {
		memcpy(ret_event, head, sizeof *ret_event);
		memcpy(ret_value, head + sizeof *ret_event, sizeof *ret_value);
	}
	return true;
}

enum monitor_event monitor_read(zsock_t *pair, int *fd)
{
	uint16_t event = 0;
	uint32_t value = 0;
	while (read_event(zsock_resolve(pair), &event, &value)) {
		if (event == ZMQ_EVENT_CONNECTED && fd)
			*fd = (int)value;
		if (translate(event) != MONITOR_NONE)
			return translate(event);
	}
	return MONITOR_NONE;
}
