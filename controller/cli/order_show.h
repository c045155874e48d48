/* Inside controller/cli only: an order, as those read it who are to approve it; the same at the controller and away from the network. */
#ifndef CONTROLLER_CLI_ORDER_SHOW_H
#define CONTROLLER_CLI_ORDER_SHOW_H

#include <stdio.h>

#include "common/model/release.h"
#include "controller/release/target_list.h"

/* The list has been checked against the order. `all`: every target of it, not only the first 40 of each wave. */
void order_show(FILE *out, const struct order *o, const struct target_list *l, bool all);
/* Which gates it passed, and its changesets. `a`: for the time of the call. */
void release_show(FILE *out, const struct release *r, struct arena *a);

#endif
