/* The one thing that two threads of a running delivery share: which connection can be cancelled, since when a statement runs, who blocks it, and whether the delivery was
 * asked to end. The worker owns the delivery and the connection; the other thread only asks, cancels and looks. Each call is short, except watch_look.
 *
 * A server's lock timeout is for one lock. What takes several ones, one after the other, may wait so long for each, and those who need the first queue for all of it. So the other thread
 * adds up what it sees a try (a transaction, or a statement outside one) wait while others can queue behind it, and cancels the statement in which that comes to more than the lock
 * timeout. It sees the waits that last from one look to the next; each look costs a query, and there is none in the first moments of a try. */
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
	const struct engine
	    *look_engine; /* these two are the other thread's own: the connection that it looks from, NULL: none is open, and its engine */
	struct conn *look;
	bool stoppable, inside; /* the running statement may be cancelled for its waits; it is one of a transaction */
	int64_t try_since_us, lock_us; /* of the present try: when it began, and how long it may wait for locks */
	int64_t waited_us; /* as far as seen, what this try has waited while others could queue behind it */
	int64_t looked_us; /* the last look of this try; 0: there was none */
	bool waiting; /* as it stood then */
	bool blind; /* the last look saw nothing: no connection, or no answer */
	int64_t stopped_us; /* what that had come to when this statement, or the last one, was cancelled for it; 0: it was not */
};

void watch_init(struct watch *w);
void watch_done(struct watch *w);

/* The worker's side. conn NULL: about to be closed; waits until the other thread's look, which uses `t`, has ended. */
void watch_connection(struct watch *w, const struct engine *en, const struct engine_target *t, struct conn *conn);
/* A try begins, whose waits for locks may add up to this: what came before it holds no locks any more. */
void watch_try(struct watch *w, uint32_t lock_timeout_ms);
/* A release's own statement raises that, as its site lets it. */
void watch_allow(struct watch *w, uint32_t lock_timeout_ms);
/* Once it returns from false, no cancel for that statement's waits is under way. */
void watch_statement(struct watch *w, bool running);
/* The statement that has just begun may be cancelled when its try has waited too long. inside: it is not the last one of its transaction. */
void watch_stoppable(struct watch *w, bool inside);
/* Microseconds that its try had waited when the last statement was cancelled for that; 0: it was not. */
int64_t watch_stopped(struct watch *w);
enum wish watch_wish(struct watch *w);
/* The blocker seen during the last statement; "" when none was. */
void watch_blocker(struct watch *w, char out[512]);

/* The other side. A wish is never taken back. WISH_TERMINATE cancels the running statement. */
void watch_ask(struct watch *w, enum wish wish);
/* When a statement has run for `min_ms`: asks the database, on a connection of its own, how it stands and who blocks it. True, with the text in `out`, when somebody does. Blocks up to the
 * connect time-out. */
bool watch_look(struct watch *w, uint32_t min_ms, char out[512]);
/* How long until the next look: at most this, less when what may be waited ends before; never 0. */
uint32_t watch_pause_ms(struct watch *w, uint32_t most_ms);

#endif
