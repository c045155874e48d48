/* Threads that check the signatures of reports before the brain looks at them: an Ed25519 check is a good part of what a report costs, and nothing of it depends on another
 * report. A worker is told in a message that there are some, says in a signal that all are taken and its own are done, and touches nothing else. What is found good is marked so;
 * anything else the brain checks again by itself. */
#ifndef CONTROLLER_DAEMON_CHECKERS_H
#define CONTROLLER_DAEMON_CHECKERS_H

#include "controller/link/hub.h"

struct checkers;

struct checkers *checkers_new(size_t workers); /* 0: the caller's thread does it all */
void checkers_destroy(struct checkers **c);
size_t checkers_wanted(void); /* workers for this machine */
/* Sets `checked` of each event whose report is signed under its checked_key, between the two calls: `events` and what they point to stay the workers' until checkers_finish, in
 * which the caller's thread takes its part of what is left. No second start before the finish; a finish without a start does nothing. */
void checkers_start(struct checkers *c, struct hub_event **events, size_t n);
void checkers_finish(struct checkers *c);

#endif
