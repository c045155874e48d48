/* One round of looks at the targets, as an actor: each is connected to, and asked for its version, its size and its replicas' lag, one after the other, so that a server with many
 * targets sees one more session and not many. Reads only. */
#ifndef AGENT_DAEMON_LOOK_H
#define AGENT_DAEMON_LOOK_H

#include <czmq.h>

#include "agent/daemon/config.h"

struct look_job { /* borrowed until the actor ended */
	const struct agent_target *const *targets;
	size_t n_targets;
	const struct agent_pattern *patterns;
	size_t n_patterns;
};

struct look { /* of one target; goes over the pipe as it is, to a thread of the same process */
	size_t index; /* into look_job.targets */
	char version[64], trouble[256];
	uint64_t size_bytes;
	int64_t lag_ms, at_us;
};

/* Messages from the actor: for each pattern that could be asked "FOUND" with its number and the names that fit, one a frame; "LOOK" and a struct look for each target; then "DONE". After each "LOOK"
 * but the last it waits for "NEXT": whoever reads sets the pace. "$TERM" ends it after the target it is at. */
void look_actor(zsock_t *pipe, void *job /* struct look_job * */);

#endif
