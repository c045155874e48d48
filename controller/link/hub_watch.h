/* Watches the memory of the hub's process from a thread of its own, by what is received and not by the clock: libzmq keeps the parts of a message that never ends, and neither
 * MAXMSGSIZE nor a high-water mark counts them. Each received byte is decrypted, so a timer on the process's CPU time goes off after a bounded number of bytes, however fast the
 * network and however busy the machine; an idle process is never woken. Above the limit the connections that bring more than an honest peer are shut down, one by one, which
 * frees what they sent; everybody else is served. What stays above the limit all the same is hub_guard.c's. */
#ifndef CONTROLLER_LINK_HUB_WATCH_H
#define CONTROLLER_LINK_HUB_WATCH_H

#include <czmq.h>

#include "common/base/err.h"

#define WATCH_ENDPOINTS 3

/* Endpoints as bound; NULL and "" are passed over. ERR_STATE when there is no thread or no timer for it. zactor_destroy ends it. */
int hub_watch_new(uint64_t memory_limit, const char *const endpoints[WATCH_ENDPOINTS], zactor_t **ret, struct err *e) MUST_CHECK;
/* Of this process, in bytes. */
uint64_t hub_resident_bytes(void);

#endif
