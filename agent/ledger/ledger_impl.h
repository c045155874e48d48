/* What the files of agent/ledger share. Not for anyone else. */
#ifndef AGENT_LEDGER_LEDGER_IMPL_H
#define AGENT_LEDGER_LEDGER_IMPL_H

#include "agent/ledger/ledger.h"

/* A ledger statement with the engine's prefix put in for each %s, in `to`. */
struct bytes ledger_text(const struct engine *en, struct conn *c, const char *sql, struct buf *to);
/* A row of meta: inserts or replaces. */
int ledger_meta_write(const struct engine *en, struct conn *c, const char *name, const char *value, struct err *e) MUST_CHECK;

struct fence {
	uint64_t epoch;
	char transaction[24]; /* its number; "": the engine gives none */
};

/* A row of `epoch` or `claim_again`; arg: struct fence. An engine_row_fn. */
int ledger_fence_row(void *arg, size_t n, const char *const *values, struct err *e);

#endif
