/* The hub in a process of its own: the peers' side, which parses what comes from outside, has a memory limit and may die, holds no store, no trust document and no key but the
 * link's; the core goes on and starts it again. The two speak over a unix socket, in the messages of the hub's pipe (hub_state.h): both are one program of one build, and the
 * gateway's first message proves it. What the core takes from it, it checks as it would check a peer: an agent's identity by its signatures. An operator's rests on the CURVE key
 * that the gateway saw, so that who breaks into the gateway can ask for what operators may ask for, and still has no release and no approval to show.
 *
 *   core (gateway_line.c)   ROUTER  <== unix socket ==>  DEALER   gateway (gateway.c) -- pipe -- hub thread == CURVE ==> peers
 *
 * There may be several, each with addresses of its own: an agent that loses one goes to the next address of its agent.yaml, and the core takes its newest session for the one that
 * counts. */
#ifndef CONTROLLER_LINK_GATEWAY_H
#define CONTROLLER_LINK_GATEWAY_H

#include "controller/link/hub.h"

#define GATEWAYS_MAX 16

struct gateway_address {
	const char *ctrl_endpoint, *blob_endpoint;
};

struct gateway_config {
	struct hub_config hub; /* of the first one; of the gateway's side: of that one */
	const struct gateway_address *also; /* the addresses of the others */
	size_t n_also;
	const char *socket_path; /* of the unix socket; its folder is the core's alone */
	const char *program; /* the core: what to execute; NULL: somebody else starts the gateway */
};

/* The core's side, in place of hub_new: starts the gateway, waits until it serves, and starts it again whenever it ends. The result is used as hub_new's. */
int gateway_line_new(const struct gateway_config *c, const struct principal *principals, size_t n, zactor_t **ret, struct err *e) MUST_CHECK;

/* The gateway's side: runs until the core is gone or stop_fd is readable. The process's memory is limited by max_peers. */
int gateway_run(const struct gateway_config *c, int stop_fd, struct err *e) MUST_CHECK;

#endif
