/* A report as the outbox keeps it: encoded, in a DSSE envelope of type TYPE_REPORT, signed with the agent's report key. */
#ifndef AGENT_REPORT_SEAL_H
#define AGENT_REPORT_SEAL_H

#include "common/base/buf.h"
#include "common/crypto/sign.h"
#include "common/model/report.h"

/* A journal_seal_fn; arg is the const struct sign_key *. */
int report_seal(void *key, const struct report *r, struct buf *ret, struct err *e) MUST_CHECK;

#endif
