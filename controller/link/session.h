/* The table of sessions: a session is one connection's conversation, bound to the key that its first message came with. The hub's thread alone uses it. */
#ifndef CONTROLLER_LINK_SESSION_H
#define CONTROLLER_LINK_SESSION_H

#include "common/base/buf.h"
#include "controller/link/hub.h"

#define ROUTING_MAX 32

struct pending { /* a message that waits for room in the peer's queue */
	struct pending *next;
	enum msg_type type;
	struct buf body;
};

struct session {
	uint64_t id; /* random, never 0 */
	uint8_t routing[ROUTING_MAX];
	size_t routing_size;
	struct principal who; /* as of its first message; its key is checked on each */
	enum link_state state;
	uint64_t counter; /* HELLO's session_counter */
	uint64_t seq_in, seq_out;
	uint32_t heartbeat_ms, epoch;
	int64_t opened_at_us, heard_at_us, beat_at_us; /* monotonic; beat_at_us: its last heartbeat that was passed on */
	struct pending *first, *last; /* in order */
	size_t n_pending, pending_bytes;
	int64_t stalled_at_us; /* since when it takes nothing; 0: it does */
	/* the table's own */
	size_t index;
	struct session *next_of_key;
};

struct sessions;
struct sessions *sessions_new(size_t max);
void sessions_destroy(struct sessions **t);
/* NULL when the table is full. The new session is NEW. */
struct session *sessions_open(struct sessions *t, struct bytes routing, const struct principal *who, int64_t now_us);
void sessions_close(struct sessions *t, struct session *s); /* frees it */
struct session *sessions_by_routing(struct sessions *t, struct bytes routing); /* NULL if there is none */
struct session *sessions_by_id(struct sessions *t, uint64_t id);
/* Walks all sessions; closing the returned one is fine. Start with SESSIONS_WALK; NULL at the end. */
#define SESSIONS_WALK SIZE_MAX
struct session *sessions_next(struct sessions *t, size_t *cursor);
/* The same walk over those whose time has come, without touching the others: ten thousand sessions are not in the cache, ten thousand times are. A new session's has. */
struct session *sessions_due(struct sessions *t, int64_t now_us, size_t *cursor);
void sessions_look_at(struct sessions *t, const struct session *s, int64_t at_us); /* sessions_due leaves it out before then */
/* The session of this principal's key in this state other than `except`: the one opened first; ret_n (may be NULL) gets their number. */
struct session *sessions_of(struct sessions *t, const struct principal *who, enum link_state state, const struct session *except, size_t *ret_n);

void session_push(struct session *s, enum msg_type type, struct bytes body);
void session_pop(struct session *s);

#endif
