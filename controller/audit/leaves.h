/* The target list that an order froze, as a bundle's document "leaves" holds it: "index wave target salt" a line. */
#ifndef CONTROLLER_AUDIT_LEAVES_H
#define CONTROLLER_AUDIT_LEAVES_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/crypto/merkle.h"
#include "common/model/order.h"

/* False unless it is the list of o->target_count targets under the order's Merkle root. *ret is in the arena. */
bool leaves_read(struct bytes text, const struct order *o, struct arena *a, struct merkle_leaf **ret);

#endif
