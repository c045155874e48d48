/* Between two batches: how long to wait, and how large the next one may be at this site. */
#ifndef AGENT_APPLY_BATCH_PACE_H
#define AGENT_APPLY_BATCH_PACE_H

#include "agent/apply/delivery.h"

/* The changeset's size, or the site's when that is smaller. */
uint32_t pace_size(const struct delivery *d, uint32_t wanted);
/* Has anybody asked that the step ends between two batches? */
bool pace_must_end(const struct delivery *d);
/* Returns when the next batch may begin (`first`: without a pause before). Says what it waits for. ENDED_STOPPED, with *e as it was: asked to end. */
enum ended pace_wait(struct delivery *d, const struct plan_item *it, const char *state, const char *progress, bool first, struct err *e);

#endif
