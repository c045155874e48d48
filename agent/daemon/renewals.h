/* Renews this agent's certificate and keys by itself, from two thirds of the certificate's life on, and sooner when the controller takes it no more. It lives in the loop's
 * thread and never waits: one question at a time, a pause that grows between them. New keys are on disk before anybody is asked (agent/keyset/keyset.h), so that it goes on
 * after a crash, and so does the answer of a person that takes days. What the command `rollcall-agent renew` has made is taken as well.
 *
 *   RESTING --due, refused--> keys and request on disk --> ASKING --certificate--> on disk --> renewed() --> RESTING
 *      ^                                                     |  ^
 *      |                                                     |  | pause
 *      +------- another certificate was put in place         +--+  pending, denied, busy, no answer
 */
#ifndef AGENT_DAEMON_RENEWALS_H
#define AGENT_DAEMON_RENEWALS_H

#include <czmq.h>

#include "agent/daemon/config.h"
#include "agent/keyset/keyset.h"
#include "agent/keyset/keys.h"
#include "agent/journal/journal.h"

/* The keys are handed over; `i` is gone after the call. From here on config->cert is expected to be the new one. */
typedef void renewed_fn(void *arg, const struct keyset *i, struct agent_keys *keys);

struct renewals;
struct renewals *renewals_new(zloop_t *loop, const struct agent_config *c, struct journal *j, renewed_fn *renewed, void *arg); /* all borrowed */
void renewals_destroy(struct renewals **r);
/* WELCOME, with the controller's clock: what is good is judged by that one. */
void renewals_welcome(struct renewals *r, int64_t controller_now_us);
/* DENY's code, or "key" when not even the handshake was let through. */
void renewals_refused(struct renewals *r, const char *code);

#endif
