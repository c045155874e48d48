/* The agent's conversation with the controller: connect, HELLO, WELCOME, targets, heartbeats, reports from the outbox, and again from the start when it breaks. It never
 * gives up and never unlearns whom it trusts. It lives in the loop's thread and calls back from there.
 *
 *   WAITING --due--> CONNECTING --handshake--> GREETING --WELCOME--> UP
 *      ^                 |                      |  |  ^               |
 *      |                 |          RETRY_AFTER |  |  | due           |
 *      |                 |                      |  +- DELAYED         |
 *      +-----------------+---- failure, DENY, silence ----------------+
 */
#ifndef AGENT_LINK_UPLINK_H
#define AGENT_LINK_UPLINK_H

#include <czmq.h>

#include "agent/journal/journal.h"
#include "common/crypto/sign.h"
#include "common/link/curve.h"
#include "common/wire/link.h"

struct uplink_settings { /* all borrowed for the uplink's life */
	const char *agent, *agent_version;
	const char *endpoint;
	const char **also; /* further addresses of the same controller, tried in their order when the present one does not answer */
	size_t n_also;
	const char **controller_keys; /* Z85; at each address tried in their order */
	size_t n_controller_keys;
	const struct curve_key *key;
	const struct sign_key *report_key;
	struct bytes certificate;
	uint64_t trust_version;
	const struct target **targets;
	size_t n_targets;
	uint32_t retry_min_ms, retry_max_ms; /* bounds of the pause between attempts */
};

struct uplink_handler {
	void (*up)(void *arg, const struct msg_welcome *w);
	void (*down)(void *arg, const char *at, const char *why, bool was_up); /* each failed attempt too; was_up: a session has ended */
	void (*message)(void *arg, const struct msg *m); /* OFFER, RECALL, STOP, SURVEY, TRUST_UPDATE; gone after the call */
	void (*refused)(void *arg,
	                const char *code); /* DENY's code; "key" when the handshake was refused. Before `down`; may call nothing of the uplink */
	void (*load)(void *arg, struct msg_heartbeat *ret); /* fills running and queued */
	void *arg;
};

struct uplink;
int uplink_new(zloop_t *loop, struct journal *j, const struct uplink_settings *s, const struct uplink_handler *h, struct uplink **ret,
               struct err *e) MUST_CHECK;
void uplink_destroy(struct uplink **u); /* says BYE when it is up */
bool uplink_is_up(const struct uplink *u);
const char *uplink_endpoint(const struct uplink *u); /* that of the present address */
size_t uplink_address(const struct uplink *u); /* the present one: 0 is `endpoint`, i + 1 is also[i] */
/* False when it could not be sent now: the caller's state decides what happens on the next `up`. */
bool uplink_send(struct uplink *u, const struct msg *m);
/* Other keys and another certificate from now on, borrowed like those of the settings, whose CURVE key's content has changed: says BYE, and comes back with them. */
void uplink_keyset(struct uplink *u, const struct sign_key *report_key, struct bytes certificate);
/* The outbox has more. */
void uplink_kick(struct uplink *u);
/* Sends again what was not acknowledged yet. */
void uplink_resend(struct uplink *u);
/* The list is another one from now on; it is said at once when the link is up. */
void uplink_targets(struct uplink *u, const struct target **targets, size_t n);
void uplink_trust_version(struct uplink *u, uint64_t version); /* what the next HELLO says */
uint32_t uplink_max_epoch(const struct uplink *u);

#endif
