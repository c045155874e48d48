/* Does a changeset run under the order's contexts and label filter? As Liquibase: a changeset without context or labels always runs, and so does every one when the order
 * names none. Pure. */
#ifndef AGENT_APPLY_FILTER_H
#define AGENT_APPLY_FILTER_H

#include "common/base/arena.h"
#include "common/model/changeset.h"
#include "common/model/order.h"

/* ERR_PARSE names the changeset when an expression is malformed. */
int filter_selects(const struct changeset *c, const struct order *o, struct arena *a, bool *ret, struct err *e) MUST_CHECK;

#endif
