/* The inventory: rounds of looks at the targets, one soon after the start and then every few minutes, and what they found told to the controller: facts, and new tenants. It lives in the loop's thread. */
#ifndef AGENT_DAEMON_LOOKS_H
#define AGENT_DAEMON_LOOKS_H

#include <czmq.h>

#include "agent/daemon/config.h"
#include "agent/link/uplink.h"

struct looks;
typedef bool looks_busy_fn(const void *arg); /* does a delivery run? */
struct looks *looks_new(zloop_t *loop, struct agent_config *c); /* borrowed; found targets are added to it */
/* Those of agent.yaml and the found ones that are still there; good until the next round has ended. */
const struct target **looks_targets(struct looks *l, size_t *ret_n);
void looks_connect(struct looks *l, struct uplink *u, looks_busy_fn *busy, const void *busy_arg);
/* How long a round waits after a look: while deliveries run, so long that looks take a hundredth of one connection's time and no more. */
size_t looks_pause_ms(int64_t look_took_us, bool busy);
void looks_tell(struct looks *l); /* all that is known, again: after WELCOME */
void looks_destroy(struct looks **l); /* waits for the look under way */

#endif
