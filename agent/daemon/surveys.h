/* Surveys: read-only questions about what a target's ledger says. A few at a time, each in a thread of its own; answers that meet no controller are dropped. */
#ifndef AGENT_DAEMON_SURVEYS_H
#define AGENT_DAEMON_SURVEYS_H

#include <czmq.h>

#include "agent/daemon/config.h"
#include "agent/link/uplink.h"

struct surveys;
struct surveys *surveys_new(zloop_t *loop, const struct agent_config *c);
void surveys_connect(struct surveys *s, struct uplink *u);
void surveys_ask(struct surveys *s, const struct msg_survey *m);
void surveys_destroy(struct surveys **s); /* waits for those under way */

#endif
