/* What becomes of a client socket's one connection attempt, told by libzmq's socket monitor over an inproc pair: no thread, no waiting. */
#ifndef COMMON_LINK_MONITOR_H
#define COMMON_LINK_MONITOR_H

#include <czmq.h>

#include "common/base/err.h"

enum monitor_event {
	MONITOR_NONE, /* nothing new */
	MONITOR_READY, /* the CURVE handshake is done: both keys are proven */
	MONITOR_REFUSED, /* the other end refused our key (ZAP) */
	MONITOR_UNREACHABLE, /* nobody listens there, or the name is unknown */
	MONITOR_LOST /* the connection ended; before MONITOR_READY: the other end has another key than the pinned one, or is no Rollcall at all */
};

/* Watches `socket`; make it before zsock_connect. The caller polls the pair. */
int monitor_new(zsock_t *socket, zsock_t **ret_pair, struct err *e) MUST_CHECK;
/* Ends the watch and destroys the pair; call it before the watched socket is destroyed. libzmq's I/O thread waits for room when it tells an event: a pair that is gone while
 * the watch goes on would stop that thread, and with it every socket of the process. NULL-safe. */
void monitor_end(zsock_t *socket, zsock_t **pair);
/* One event; MONITOR_NONE when there is none. *fd, unless `fd` is NULL, is set when the TCP connection has come about: for link_heard alone. */
enum monitor_event monitor_read(zsock_t *pair, int *fd);

#endif
