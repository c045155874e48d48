/* What is true in the database now, in words, from the ledger: "changesets 1 to 4 of 6 are applied; of alice:add-x steps 1 and 2 of 3 are applied; nothing else changed". */
#ifndef AGENT_REPORT_WORDS_H
#define AGENT_REPORT_WORDS_H

#include "agent/ledger/ledger.h"
#include "common/base/buf.h"
#include "common/model/release.h"

/* `l`: what the release's own project sees of it. */
void words_state(struct buf *to, const struct release *r, const char *engine, const struct project_ledger *l);

#endif
