/* The one way back after a crash, a retry, a time-out or a lost reply, for statements that cannot share a transaction with their ledger row. */
#ifndef AGENT_APPLY_RESOLVE_H
#define AGENT_APPLY_RESOLVE_H

#include "common/sql/classify.h"

enum verdict { VERDICT_NOT_APPLIED, VERDICT_APPLIED, VERDICT_UNSURE };

/* Did the statement take effect, given the state of its object before it and now (zero: absent)? *ret_why says it in one sentence (static storage). Pure.
 * Source: crash-point rules; order of truth: the catalog. */
enum verdict resolve_judge(const struct sql_class *s, const uint8_t before[DIGEST_SIZE], const uint8_t now[DIGEST_SIZE], const char **ret_why);

#endif
