/* Is the database that answers the one that this agent knows, and does its ledger go on from where the agent has seen it? */
#ifndef AGENT_APPLY_IDENTITY_H
#define AGENT_APPLY_IDENTITY_H

#include "agent/journal/journal.h"
#include "agent/ledger/ledger.h"

/* Does the ledger hold the newest of the heads (they come newest first)? *ret_common: rows up to which both agree, as far as heads are known. Pure. */
bool identity_follows(const struct ledger *l, const struct journal_head *heads, size_t n, uint64_t *ret_common);

#endif
