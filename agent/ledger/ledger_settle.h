/* A person's word on an interrupted step: what nobody but people can decide is written into the ledger as their decision, never as a run. */
#ifndef AGENT_LEDGER_LEDGER_SETTLE_H
#define AGENT_LEDGER_LEDGER_SETTLE_H

#include "agent/ledger/ledger.h"

/* The open intent of a target's ledger, NULL when its last row is not one. */
const struct ledger_row *ledger_open_intent(const struct ledger *l);

/* Appends the outcome row of the open intent, via operator: done when `applied`, failed otherwise (the next delivery then runs the step again). The caller holds the target's
 * session lock. ERR_STATE when nothing is open. `who` stands in the row for the agent. */
int ledger_settle(const struct engine *en, struct conn *c, struct ledger *l, bool applied, const char *who, int64_t now_us, struct ledger_row *ret,
                  struct err *e) MUST_CHECK;

#endif
