/* What becomes of a client socket's one connection attempt, told by libzmq's socket monitor over an inproc pair: no thread, no waiting. */
#ifndef COMMON_LINK_MONITOR_H
#define COMMON_LINK_MONITOR_H

#include <czmq.h>

#include "common/base/err.h"

enum monitor_event {
	MONITOR_NONE, /* nothing new */
	MONITOR_READY, /* the CURVE handshake is done: both keys are proven */
	MONITOR_REFUSED, /* the other end refused our key (ZAP) */
	MONITOR_BROKEN, /* connected, but the handshake failed: another key than the pinned one, or no Rollcall at all */
	MONITOR_CLOSED /* not reachable, or the connection ended */
};

/* Watches `socket`; make it before zsock_connect. The caller owns the pair and polls it; destroy it after the watched socket. */
int monitor_new(zsock_t *socket, zsock_t **ret_pair, struct err *e) MUST_CHECK;
/* One event; MONITOR_NONE when there is none. */
enum monitor_event monitor_read(zsock_t *pair);

#endif
