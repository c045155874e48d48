/* One connection attempt to the controller: a new CURVE socket and its monitor in a zloop. A socket serves one attempt; the next one gets a new socket. */
#ifndef AGENT_LINK_DIAL_H
#define AGENT_LINK_DIAL_H

#include <czmq.h>

#include "common/base/err.h"
#include "common/link/frame.h"
#include "common/link/heard.h"
#include "common/link/monitor.h"
#include "common/link/options.h"

struct dial_handler {
	/* Frames point into the message and are gone after the call; r is FRAME_OK or FRAME_BAD (then why says what): also when a message comes that does not end, which libzmq would
	 * gather in memory. Closing the dial inside is fine. */
	void (*frame)(void *arg, enum frame_result r, const struct frame *f, const char *why);
	void (*event)(void *arg, enum monitor_event event);
	void *arg;
};

struct dial { /* embedded; all NULL: closed */
	zloop_t *loop;
	zsock_t *socket, *monitor;
	int fd; /* of the connection, for link_heard; -1: none yet */
	int timer;
	uint64_t received; /* octets of the connection when its last whole message was read */
	struct dial_handler handler;
};

int dial_open(struct dial *d, zloop_t *loop, enum link_socket_kind kind, const struct curve_key *own, const char *server_key, const char *endpoint,
              const struct dial_handler *handler, struct err *e) MUST_CHECK;
void dial_close(struct dial *d);
enum frame_sent dial_send(struct dial *d, struct link_header header, const struct msg *m);
/* Milliseconds, uniform in [low, high]. */
uint32_t dial_random_ms(uint32_t low, uint32_t high);

#endif
