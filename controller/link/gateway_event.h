/* What the core believes of what a gateway says: the two messages of the line, read from their frames. The gateway is the side that parses what strangers send, so that a broken one is
 * taken for an attacker: nothing of a frame is used before it was checked here. Pure. */
#ifndef CONTROLLER_LINK_GATEWAY_EVENT_H
#define CONTROLLER_LINK_GATEWAY_EVENT_H

#include "controller/link/gateway_impl.h"

/* An event for the brain: its texts end, its sender is of a known kind, and a message is whole and one that such a sender may send somewhere. ERR_PARSE; *ret untouched then. */
int gateway_event_read(struct bytes head, struct bytes body, struct hub_head *ret, struct err *e) MUST_CHECK;
/* The first message of a gateway, of this build and with a number below n_gates; its texts end. ERR_STATE: another build; ERR_PARSE; *ret untouched then. */
int gateway_hello_read(struct bytes body, size_t n_gates, struct gateway_hello *ret, struct err *e) MUST_CHECK;

#endif
