/* An audit bundle from a live controller: the chain's rows, then each document that it points to. */
#ifndef CONTROLLER_CLI_AUDIT_FETCH_H
#define CONTROLLER_CLI_AUDIT_FETCH_H

#include "controller/audit/bundle.h"
#include "controller/cli/live.h"

/* ret->from_us, ->to_us and ->target say what is wanted; target may be NULL. Blocks until everything is here. */
int audit_fetch(struct live *l, struct bundle *ret, struct err *e) MUST_CHECK;

/* Of one order only what tells of its waves: the order and its target list, certificates, and the reports since it was made. No rows. */
int audit_fetch_order(struct live *l, const char *rollout, struct bundle *ret, struct err *e) MUST_CHECK;

#endif
