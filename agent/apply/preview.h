/* What a delivery would do on its target, asked of the ledger that is there now. For people, before they say yes. */
#ifndef AGENT_APPLY_PREVIEW_H
#define AGENT_APPLY_PREVIEW_H

#include "agent/apply/plan.h"

struct preview { /* in the delivery's arena */
	bool reached; /* the target's ledger was read */
	const char *why_not; /* it was not; NULL: nobody wanted it to be */
	const char *refusal; /* why the delivery would end before its first statement, with the check; NULL: nothing is known that would end it */
	struct plan plan; /* as plan_make gave it; no items: it was not made */
	const char *open_step; /* that an earlier run left open: the database is asked how it ended before anything else runs. NULL: none */
	uint64_t rows; /* of the ledger, and its head: what a yes is given to */
	uint8_t head[DIGEST_SIZE];
};

#endif
