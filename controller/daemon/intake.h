/* What comes from the hub, a batch at a time, so that a commit is shared. Two batches are under way: while the brain decides on one, the checkers see to the next one's
 * signatures, and neither waits for the other. Events come out in the order in which they came in. */
#ifndef CONTROLLER_DAEMON_INTAKE_H
#define CONTROLLER_DAEMON_INTAKE_H

#include <czmq.h>

#include "controller/daemon/brain.h"

struct intake;

struct intake *intake_new(zactor_t *hub, size_t workers); /* `hub` is borrowed; workers: see checkers.h */
void intake_destroy(struct intake **in);
/* Something was taken in and has not come out yet: there is nothing to wait for. */
bool intake_is_ahead(const struct intake *in);
/* Takes in what has come when the hub is `readable`, and gives what was taken in before, its signatures checked: *ret_events, valid until the next call. When nothing was, what
 * has just come may wait some milliseconds for company, if nobody waits for it. */
int intake_next(struct intake *in, struct brain *b, bool readable, const struct hub_event **ret_events, size_t *ret_n, struct err *e) MUST_CHECK;

#endif
