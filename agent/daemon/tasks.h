/* The tasks of this agent from OFFER to report: what is cheap to check is checked, the journal remembers, blobs are fetched once for all that need them, and runners are
 * started under the limits. It lives in the loop's thread; what a delivery does in its database is the runner's.
 *
 *   OFFER --> accepted (journal) --> FETCHING --blobs are here--> READY --a place is free--> RUNNING --"DONE"--> the report is in the outbox
 */
#ifndef AGENT_DAEMON_TASKS_H
#define AGENT_DAEMON_TASKS_H

#include <czmq.h>

#include "agent/daemon/config.h"
#include "agent/daemon/updates.h"
#include "agent/journal/journal.h"
#include "agent/link/fetch.h"
#include "agent/link/uplink.h"

struct tasks;
/* All borrowed. `blob_dir` is where the fetcher puts what it pulled. */
struct tasks *tasks_new(zloop_t *loop, const struct agent_config *c, struct journal *j, const char *blob_dir);
void tasks_destroy(struct tasks **t); /* cancels what runs, and waits for it */
/* After these two are set, tasks_resume takes up what the journal holds. */
void tasks_connect(struct tasks *t, struct uplink *u, struct fetch *f, const struct updates *w);
int tasks_resume(struct tasks *t, struct err *e) MUST_CHECK;

void tasks_up(struct tasks *t); /* a session has begun: what the last one may have lost is said again */
void tasks_offer(struct tasks *t, const struct msg_offer *o);
void tasks_recall(struct tasks *t, const struct msg_task *m); /* drops it unless it has begun */
void tasks_stop(struct tasks *t, const struct msg_task *m); /* it ends between two steps */
void tasks_go_on(struct tasks *t); /* what waited for updates_pending */
void tasks_blob(struct tasks *t, const uint8_t hash[DIGEST_SIZE], bool ok);
void tasks_load(const struct tasks *t, struct msg_heartbeat *ret);
/* Nothing new is begun, and what runs ends between two steps. */
void tasks_drain(struct tasks *t);
size_t tasks_running(const struct tasks *t);

#endif
