/* Definitions of objects as they were before a class N statement, in the journal: after a crash they tell its effect from somebody else's. */
#ifndef AGENT_APPLY_KEPT_H
#define AGENT_APPLY_KEPT_H

#include "agent/apply/delivery.h"

/* On disk when it returns, before the intent is written. One that is larger than LIMIT_DEFINITION is not kept. */
int kept_write(struct delivery *d, const uint8_t state[DIGEST_SIZE], const struct buf *text, struct err *e) MUST_CHECK;
/* The text that was kept with this state, in the delivery's arena; NULL when there is none. */
int kept_read(struct delivery *d, const uint8_t state[DIGEST_SIZE], const char **ret, struct err *e) MUST_CHECK;
/* For people: the lines that came and went, "" when none did. */
const char *kept_difference(struct arena *a, const char *before, const char *now);

#endif
