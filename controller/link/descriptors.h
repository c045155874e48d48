/* File descriptors for peers. With none left libzmq's listener spins and accepts nobody (pyzmq issue 1642), so that is seen to before anybody listens. */
#ifndef CONTROLLER_LINK_DESCRIPTORS_H
#define CONTROLLER_LINK_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

/* Raises this process's limit as far as it may. */
uint64_t descriptors_raise(void);
/* A connection for each peer, a fifth more for those that come and go, and our own files. When `limit` is less: lowers *max_peers to what it allows, or ERR_STATE with what
 * to do when may_lower is false or nothing is left. */
int descriptors_check(uint64_t limit, bool may_lower, uint32_t *max_peers, struct err *e) MUST_CHECK;

#endif
