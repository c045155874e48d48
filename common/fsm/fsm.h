/* State machines as data: const rows of {from, event, guard, to, action, "why"}. Rows of one (from, event) are tried from the top; the first whose guard holds is taken.
 * A (state, event) without a row is an error, never silence. Pure: no clock, no store, no socket; the caller persists the new state, then acts. */
#ifndef COMMON_FSM_FSM_H
#define COMMON_FSM_FSM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define FSM_STATES_MAX 64

struct fsm_guard {
	const char *name; /* as the drawing shows it */
	bool (*holds)(const void *facts);
};

struct fsm_row {
	int from, event;
	const struct fsm_guard *guard; /* NULL: always */
	int to;
	int action; /* an enum of the machine's owner; 0: none */
	const char *why; /* one sentence */
};

struct fsm {
	const char *name; /* "delivery" */
	const char *const *states; /* names, indexed by state */
	size_t n_states;
	const char *const *events;
	size_t n_events;
	const char *const *actions; /* actions[0] is unused; NULL: the machine has none */
	const struct fsm_row *rows;
	size_t n_rows;
	int initial;
	unsigned long long final; /* bit i: state i may be the end of the story; it may still have rows (a retry) */
};

/* The row to take, NULL when there is none. `facts` goes to the guards. */
const struct fsm_row *fsm_find(const struct fsm *m, int state, int event, const void *facts);
/* The same, with ERR_STATE "delivery: no row for event accept in state applied" for none. *ret_row points into the table. */
int fsm_step(const struct fsm *m, int state, int event, const void *facts, const struct fsm_row **ret_row, struct err *e) MUST_CHECK;

/* Well-formed: every index inside its names, a reason in each row, no two rows alike, no row behind an unguarded one of the same (from, event), every state reachable from
 * the initial one, every state that is not final has a way to a final one, every event used. ERR_INTERNAL names the first fault. */
int fsm_check(const struct fsm *m, struct err *e) MUST_CHECK;

/* A Graphviz digraph of the machine. */
void fsm_dot(const struct fsm *m, struct buf *ret);

#endif
