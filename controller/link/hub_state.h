/* The inside of the hub's thread: shared by hub.c (the other side of the pipe), hub_thread.c (loop, pipe), hub_ctrl.c (conversations), hub_blob.c (blobs) and
 * hub_enrol.c (strangers). */
#ifndef CONTROLLER_LINK_HUB_STATE_H
#define CONTROLLER_LINK_HUB_STATE_H

#include <stdatomic.h>

#include "common/link/curve.h"
#include "common/link/frame.h"
#include "controller/link/chunks.h"
#include "controller/link/hub.h"
#include "controller/link/principals.h"
#include "controller/link/session.h"

#define UPLOADS_MAX         8
#define HUB_STALLED_TICK_MS 10 /* between attempts at peers that did not take their messages */
#define ENROL_SLOTS         64 /* strangers that wait for an answer */

/* brain -> hub: first frame; the body, or the table of principals, is the second. */
enum hub_op { HUB_OP_SEND, HUB_OP_PRINCIPALS };
struct hub_command {
	enum hub_op op;
	enum msg_type type;
	uint64_t session;
	uint32_t epoch, heartbeat_ms; /* heartbeat_ms: of a WELCOME */
};

/* hub -> brain: first frame; the message's body is the second. */
struct hub_head {
	enum hub_event_type type;
	enum msg_type msg_type;
	struct principal from;
	uint64_t session;
	uint8_t blob[DIGEST_SIZE];
};

struct hub_waiting { /* an event that waits for room in the pipe */
	struct hub_waiting *next;
	struct hub_head head;
	struct buf body;
};

struct bucket { /* token bucket */
	double tokens, per_s, burst;
	int64_t at_us;
};
bool bucket_take(struct bucket *b, int64_t now_us);

struct upload { /* an operator's PUT under way; hash all zero: free slot */
	uint8_t hash[DIGEST_SIZE];
	char owner[41], path[4096];
	uint32_t next, of;
	int64_t at_us;
	bool used;
};

struct enrol_slot {
	uint64_t id; /* what the brain answers to; 0: free */
	uint8_t routing[ROUTING_MAX];
	size_t routing_size;
};

struct hub {
	zsock_t *pipe, *ctrl, *blob, *enrol; /* enrol may be NULL */
	void *ctrl_raw, *blob_raw, *enrol_raw;
	zactor_t *zap, *watch;
	struct principals *known;
	struct sessions *sessions;
	const char *blob_dir;
	uint32_t index; /* of several hubs over one blob_dir */
	struct fetches *fetches; /* hub_fetch.c */
	char *incoming_dir;
	struct upload uploads[UPLOADS_MAX];
	struct bucket admission, warnings, enrol_rate;
	struct enrol_slot enrol_slots[ENROL_SLOTS];
	size_t enrol_next;
	struct curve_key key; /* a copy: sockets may have to be made again */
	const char *ctrl_endpoint, *blob_endpoint, *enrol_endpoint; /* as bound */
	uint64_t memory_limit; /* bytes: see hub_watch.h */
	int64_t over_since_us, guard_rests_until_us, enrol_open_at_us; /* enrol_open_at_us 0: it is open, or there is none */
	struct hub_waiting *first, *last; /* events for the brain */
	uint64_t *stalled; /* ids of the sessions that have messages waiting, and of some that are gone */
	size_t n_stalled, cap_stalled, pending_bytes; /* pending_bytes: of all sessions */
	int64_t flushed_us;
	int64_t now_us; /* monotonic, of this turn of the loop */
	atomic_ulong *violations;
};

/* hub_thread.c */
struct hub_start { /* handed to the actor; gone once it has signalled */
	const struct hub_config *config;
	const struct curve_key *key;
	const struct principal *principals;
	size_t n_principals;
	char (*ctrl_endpoint)[256], (*blob_endpoint)[256], (*enrol_endpoint)[256];
	atomic_ulong *violations;
	struct err *err;
	bool ok;
};
void hub_actor(zsock_t *pipe, void *start);
void hub_event(struct hub *h, const struct hub_head *head, struct bytes body);
/* Counts a broken rule and logs it, at most a few a second. `user` is a key or "". */
void hub_violation(struct hub *h, const char *user, const char *what);

/* hub_ctrl.c */
bool hub_ctrl_read(struct hub *h); /* one message; false when there is none */
void hub_ctrl_send(struct hub *h, const struct hub_command *c, struct bytes body);
void hub_ctrl_flush(struct hub *h); /* messages that waited for room */
void hub_ctrl_expire(struct hub *h);
void hub_ctrl_end_all(struct hub *h); /* the socket is about to be closed: nobody is told but the brain */
void hub_ctrl_forgive(struct hub *h, int64_t gap_us); /* we were not reading for so long: that is nobody's silence */
void hub_ctrl_recheck(struct hub *h); /* the principals changed */

/* hub_enrol.c */
void hub_enrol_init(struct hub *h);
bool hub_enrol_read(struct hub *h);
bool hub_enrol_send(struct hub *h, const struct hub_command *c, struct bytes body); /* false: not one of its own */

/* hub_guard.c: keeps the process's memory within its limit, behind hub_watch.c; once a tick. */
void hub_guard(struct hub *h);
uint64_t hub_guard_default(void);

/* hub_blob.c */
bool hub_blob_read(struct hub *h);
void hub_blob_expire(struct hub *h);
void hub_blob_nak(struct hub *h, struct bytes routing, const uint8_t hash[DIGEST_SIZE], const char *message);
int hub_blob_open(struct hub *h, struct err *e) MUST_CHECK; /* empties incoming/ */

/* hub_fetch.c */
void hub_fetch_open(struct hub *h);
void hub_fetch_close(struct hub *h);
void hub_fetch_ask(struct hub *h, struct bytes routing, const struct msg_fetch *want);
void hub_fetch_serve(struct hub *h); /* as many as there is room for */
bool hub_fetch_waits(const struct hub *h);
void hub_fetch_expire(struct hub *h);

#endif
