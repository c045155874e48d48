/* Waiting until a client's one connection attempt has come to something, and saying what: for the command line, which waits. */
#ifndef COMMON_LINK_KNOCK_H
#define COMMON_LINK_KNOCK_H

#include <czmq.h>

#include "common/base/err.h"

struct knock { /* borrowed */
	const char *endpoint, *server_key; /* whom we are at, and whom we expect there (Z85) */
	const char *if_refused; /* what to do when our key is not let in: "have its administrator ..." */
	uint32_t timeout_ms; /* of the whole handshake */
};

/* `monitor` of a socket that connects (monitor_new). 0: both keys are proven; *ret_fd is the connection, for link_is_endless, and may be NULL. ERR_LINK names the address and what to do; at the latest after timeout_ms, and after LINK_FIRST_WORD_MS
 * where not one byte has come. */
int knock_wait(zsock_t *monitor, const struct knock *k, int *ret_fd, struct err *e) MUST_CHECK;

#endif
