/* The target list that an order froze, and its text: a line for each target, "INDEX WAVE TARGET SALT" (index and wave from 0, the salt in hex), in the order of the leaves.
 * An order holds only the list's Merkle root; whoever is to say yes to it reads the list and has the root computed anew. */
#ifndef CONTROLLER_RELEASE_TARGET_LIST_H
#define CONTROLLER_RELEASE_TARGET_LIST_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/crypto/merkle.h"
#include "common/model/order.h"

struct target_list {
	struct merkle_leaf *leaves; /* by index */
	size_t n;
};

/* Where it lies beside its order's file: ORDER.targets. In the arena. */
const char *target_list_path(const char *order_path, struct arena *a);
void target_list_write(const struct target_list *l, struct buf *ret);
/* ERR_PARSE "NAME:LINE: what is wrong". In the arena. */
int target_list_read(const char *name, struct bytes text, struct arena *a, struct target_list *ret, struct err *e) MUST_CHECK;
/* ERR_SIGNATURE unless it is the order's list: so many targets, so many in each wave, the same root. */
int target_list_check(const struct target_list *l, const struct order *o, struct err *e) MUST_CHECK;

#endif
