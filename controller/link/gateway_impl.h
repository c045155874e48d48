/* What the two ends of a gateway's line share. */
#ifndef CONTROLLER_LINK_GATEWAY_IMPL_H
#define CONTROLLER_LINK_GATEWAY_IMPL_H

#include "controller/link/gateway.h"
#include "controller/link/hub_state.h"

#define GATEWAY_QUEUE 10000 /* messages waiting on the line, each way */

/* The gateway's first message: the body of a HUB_STARTED. The sizes tell two builds apart. */
struct gateway_hello {
	char version[32];
	uint32_t head_size, command_size, principal_size;
	struct hub_names names; /* from here on it is this gateway's own */
	uint32_t index;
};

static inline struct gateway_hello gateway_hello_make(void)
{
	return (struct gateway_hello){.version = ROLLCALL_VERSION,
	                              .head_size = sizeof(struct hub_head),
	                              .command_size = sizeof(struct hub_command),
	                              .principal_size = sizeof(struct principal)};
}

/* gateway_child.c: one child process, started again when it ends. */
struct gateway_child {
	pid_t pid; /* 0: not running */
	int64_t started_us, due_us; /* monotonic */
	char *argv[32];
	size_t n_argv;
};
void gateway_child_init(struct gateway_child *k, const struct gateway_config *c, uint32_t index);
void gateway_child_done(struct gateway_child *k); /* ends it */
/* Starts it when it is due, reaps it when it has ended: true then. */
bool gateway_child_tend(struct gateway_child *k, int64_t now_us);

#endif
