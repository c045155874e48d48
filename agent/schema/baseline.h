/* What the last delivery left of a target's schema, as the text of a snapshot, on the agent's own disk: DATA_DIR/schemas, a file a target. Drift is told from it, with what differs. It is
 * forgotten when a delivery begins to change something and kept anew when that has ended, so that a crash leaves nothing wrong behind: where nothing is known, nothing is called drift. */
#ifndef AGENT_SCHEMA_BASELINE_H
#define AGENT_SCHEMA_BASELINE_H

#include "common/base/buf.h"
#include "common/base/bytes.h"
#include "common/base/err.h"

/* ret stays empty where nothing is known. */
int baseline_load(const char *data_dir, const char *target, struct buf *ret, struct err *e) MUST_CHECK;
int baseline_keep(const char *data_dir, const char *target, struct bytes text, struct err *e) MUST_CHECK;
int baseline_forget(const char *data_dir, const char *target, struct err *e) MUST_CHECK;

#endif
