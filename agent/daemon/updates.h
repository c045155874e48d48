/* Trust documents and freshness documents that the controller names: fetched as opaque blobs, checked and kept by agent/verify/trusted.h, then dropped from the blob folder.
 * It lives in the loop's thread. While some are on their way nothing new is begun, so that what is about to be revoked is not begun either. */
#ifndef AGENT_DAEMON_UPDATES_H
#define AGENT_DAEMON_UPDATES_H

#include "agent/daemon/config.h"
#include "agent/journal/journal.h"
#include "agent/link/fetch.h"
#include "agent/link/uplink.h"

struct updates;
/* All borrowed. `settled` is called when nothing is on its way any more. */
struct updates *updates_new(const struct agent_config *c, struct journal *j, const char *blob_dir, void (*settled)(void *arg), void *arg);
void updates_destroy(struct updates **u);
void updates_connect(struct updates *u, struct uplink *up, struct fetch *f);

void updates_named(struct updates *u, const struct msg_trust_update *m);
void updates_blob(struct updates *u, const uint8_t hash[DIGEST_SIZE], bool ok); /* other blobs are passed over */
bool updates_pending(const struct updates *u);

#endif
