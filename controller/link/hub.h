/* The hub: the thread that owns the controller's sockets (a ROUTER for control, a ROUTER for blobs, a ROUTER for enrolment) and the ZAP handler. It knows keys, sessions, frames and rates; it
 * knows nothing of releases or rollouts. It speaks to the brain in messages only, so that it can move into a process of its own.
 * Identity comes only from the CURVE key (the ZAP User-Id on every message), never from a routing id or a name in a body. */
#ifndef CONTROLLER_LINK_HUB_H
#define CONTROLLER_LINK_HUB_H

#include <czmq.h>

#include "common/base/err.h"
#include "common/model/trust.h"
#include "common/wire/link.h"

struct hub_config {
	const char *ctrl_endpoint, *blob_endpoint; /* tcp://host:port; port * picks a free one: see hub_endpoints */
	const char *enrol_endpoint; /* the same; NULL: nobody can enrol over the wire */
	const char *curve_key_file; /* as `rollcall keys curve` writes it, mode 0600 */
	const char *blob_dir; /* served to agents, filled by operators' PUT into <blob_dir>/incoming first */
	uint32_t index; /* of several hubs over one blob_dir: each has an incoming folder of its own; 0 is the first, or the only one */
	uint32_t max_peers;
	bool may_lower; /* max_peers is nobody's wish: as many as there are file descriptors for, when those are fewer */
	uint64_t memory_limit; /* bytes of this process, above which sockets are opened anew; 0: half of the machine's, or of its cgroup's */
};

/* Who may come: replaces the whole table at once. `name` of an agent is the certificate's; `role` of an operator is viewer, operator or admin. */
struct principal {
	enum link_role kind; /* LINK_AGENT or LINK_OPERATOR; of an event also LINK_STRANGER, who has nothing but a curve_key */
	char name[64];
	char role[16];
	char curve_key[41]; /* Z85 */
};

/* Binds, starts the thread, and proves by a connection of its own that an unknown key is refused before it returns: ERR_LINK if option 93 does not hold or the proof fails. */
int hub_new(const struct hub_config *c, const struct principal *principals, size_t n, zactor_t **ret, struct err *e) MUST_CHECK;
int hub_set_principals(zactor_t *hub, const struct principal *principals, size_t n, struct err *e) MUST_CHECK;
void hub_destroy(zactor_t **hub);
/* The endpoints really bound, for tests and the demo. Borrowed from the hub, valid until it is destroyed. */
const char *hub_ctrl_endpoint(zactor_t *hub);
const char *hub_blob_endpoint(zactor_t *hub);
const char *hub_enrol_endpoint(zactor_t *hub); /* "" when there is none */
const char *hub_public_key(zactor_t *hub); /* Z85 */
struct hub_names {
	char ctrl_endpoint[256], blob_endpoint[256], enrol_endpoint[256], public_key[41];
};
void hub_names(zactor_t *hub, struct hub_names *ret); /* all of them */
/* An actor with a hub's pipe that is none stands for this process's hub from now on: see gateway.h. */
int hub_adopt(zactor_t *actor, const struct hub_names *names, struct err *e) MUST_CHECK;

/* What the brain receives from the actor's pipe. */
enum hub_event_type {
	HUB_MESSAGE, /* an allowed, well-formed message of a session */
	HUB_GONE, /* the session ended: BYE, replaced by a newer one, a broken rule, silent for 3 heartbeats; not after the brain's own DENY or RETRY_AFTER */
	HUB_CLONED, /* two sessions of one agent with the same counter: both are ended; `session` is the one that was READY */
	HUB_STORED, /* an operator's PUT is complete: `blob` is its hash, already in blob_dir */
	HUB_STARTED /* between a gateway and the core only (gateway.h): the brain never sees it */
};
struct hub_event {
	enum hub_event_type type;
	struct principal from;
	uint64_t session; /* changes with each connection; reply to exactly this one */
	struct msg msg; /* decoded into the arena that was passed */
	uint8_t blob[DIGEST_SIZE];
	uint8_t checked_key[SIGN_PUBLIC_SIZE]; /* the brain's own, see brain_to_check: the key of the sender of a report */
	bool checked; /* the report was found signed under it */
};
/* Reads one event from the pipe, and never waits; *ret_some false: there is none. To ask whether the pipe is readable before each one would cost two system calls. */
int hub_recv(zactor_t *hub, struct arena *a, struct hub_event *ret, bool *ret_some, struct err *e) MUST_CHECK;
/* Queues a message to a session; a session that is gone is silently dropped (state is in the store, never in queues). A WELCOME makes the session READY: its `session`
 * is filled in here, its heartbeat_ms governs how long silence is borne, and an older session of the same agent ends. DENY and RETRY_AFTER end the session. The hub
 * itself answers each HEARTBEAT with a HEARTBEAT_ACK (and still passes it on). ERR_LIMIT when the body is over LIMIT_FRAME_BODY: split the message. */
int hub_send(zactor_t *hub, uint64_t session, uint32_t epoch, const struct msg *m, struct err *e) MUST_CHECK;
/* Messages dropped because they broke a rule, since the hub was made. */
unsigned long hub_violations(void);

#endif
