/* Peers that mean harm, over real sockets: messages that do not end, tiny parts, connections that say nothing, floods; and a body for each message type. For a hub in a unit test and
 * for a whole controller alike. A flood goes on until end_us (clock_mono_us). */
#ifndef TESTS_SUPPORT_HOSTILE_PEER_H
#define TESTS_SUPPORT_HOSTILE_PEER_H

#include "common/base/buf.h"
#include "common/link/options.h"
#include "common/wire/link.h"

struct hostile {
	char endpoint[256], server_key[41], public_key[41], secret_key[41];
};

void hostile_init(struct hostile *h, const char *endpoint, const char *server_key, const struct curve_key *key);
/* Connected, its handshake over or half a second gone. stranger: with a key of its own that nobody knows. */
zsock_t *hostile_dial(const struct hostile *h, enum link_socket_kind kind, bool stranger);
/* The same with the smallest queues there are: what it does not read stays with the other end. */
zsock_t *hostile_dial_narrow(const struct hostile *h, enum link_socket_kind kind);

void hostile_endless(const struct hostile *h, bool stranger, size_t part, int64_t end_us);
/* A hundred thousand parts of one octet a message; returns how many were sent. */
uint64_t hostile_tiny_parts(const struct hostile *h, int64_t end_us);
/* Half of them never say a word, the others half a greeting. */
void hostile_mute(const struct hostile *h, int64_t end_us);
void hostile_messages(const struct hostile *h, enum link_socket_kind kind, const struct msg *m, bool stranger, int64_t end_us);

/* A body that a decoder takes, for the types that some peer may send; empty for the controller's own: the table is asked before the body is read. */
void hostile_sample(enum msg_type t, const char *agent, uint64_t session_counter, struct buf *ret);

#endif
