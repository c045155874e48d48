/* The one thing that two threads of a running delivery share: which connection can be cancelled, since when a statement runs, who blocks it, and whether the delivery was
 * asked to end. The worker owns the delivery and the connection; the other thread only asks, cancels and looks. Each call is short, except watch_look. */
#ifndef AGENT_APPLY_WATCH_H
#define AGENT_APPLY_WATCH_H

#include <pthread.h>

#include "agent/engine/engine.h"

enum wish {
	WISH_GO_ON,
	WISH_PAUSE, /* a batched step ends between two batches, with a report that says held; anything else goes on */
	WISH_HOLD, /* end between two steps, with a report that says held: the site wants it to wait */
	WISH_STOP, /* end between two steps, with a report */
	WISH_PARK, /* end between two steps without a report: this agent is about to end, and its next start goes on */
	WISH_TERMINATE /* cancel what runs and end without a report: the next start resumes */
};

struct watch {
	pthread_mutex_t mutex;
	pthread_cond_t looked; /* `looking` ended */
	bool looking;
	enum wish wish;
	const struct engine *engine;
	const struct engine_target *target;
	struct conn *conn; /* NULL: not connected */
	char backend[128];
	int64_t since_us; /* monotonic; when the running statement began, 0: none runs */
	char blocker[512]; /* seen while this statement, or the last one, ran */
};

void watch_init(struct watch *w);
void watch_done(struct watch *w);

/* The worker's side. conn NULL: about to be closed; waits until the other thread's look, which uses `t`, has ended. */
void watch_connection(struct watch *w, const struct engine *en, const struct engine_target *t, struct conn *conn);
void watch_statement(struct watch *w, bool running);
enum wish watch_wish(struct watch *w);
/* The blocker seen during the last statement; "" when none was. */
void watch_blocker(struct watch *w, char out[512]);

/* The other side. A wish is never taken back. WISH_TERMINATE cancels the running statement. */
void watch_ask(struct watch *w, enum wish wish);
/* When a statement has run for `min_ms`: asks the database, on a connection of its own, who blocks it. True, with the text in `out`, when somebody does. Blocks up to the
 * connect time-out. */
bool watch_look(struct watch *w, uint32_t min_ms, char out[512]);

#endif
