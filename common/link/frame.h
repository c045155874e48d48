/* Frames on a socket: two parts, or three for CHUNK and PUT, after the routing id that a ROUTER adds. Never blocks. Shared by both ends. */
#ifndef COMMON_LINK_FRAME_H
#define COMMON_LINK_FRAME_H

#include <zmq.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/wire/link.h"

#define FRAME_PARTS 4

struct frame {
	struct link_header header;
	struct bytes routing; /* ROUTER only */
	struct bytes body, raw;
	char user[41]; /* the ZAP User-Id: the peer's CURVE key; "" on a client socket */
	bool named; /* the peer set a routing id of its own, which no honest one does */
	zmq_msg_t parts[FRAME_PARTS]; /* what the members above point into */
	size_t n_parts;
};

enum frame_result {
	FRAME_OK,
	FRAME_NONE, /* nothing to read */
	FRAME_BAD /* a protocol error: routing, user and named are set, *e says what */
};
/* Reads one whole message; parts beyond the limit are read and dropped. After FRAME_OK and FRAME_BAD call frame_done. */
enum frame_result frame_recv(void *socket, bool routed, struct frame *ret, struct err *e);
void frame_done(struct frame *f);

enum frame_sent {
	FRAME_SENT,
	FRAME_FULL, /* the peer's queue is full, or nobody is connected: nothing was sent */
	FRAME_GONE, /* a ROUTER has no such peer */
	FRAME_TOO_LARGE
};
/* routing.n 0: not a ROUTER. body_len is filled in here. */
enum frame_sent frame_send(void *socket, struct bytes routing, struct link_header header, struct bytes body, struct bytes raw);
/* The same with raw bytes that are not copied: release(NULL, memory) is called once, from any thread, when they are not needed any more, whatever is returned. */
enum frame_sent frame_send_shared(void *socket, struct bytes routing, struct link_header header, struct bytes body, struct bytes raw,
                                  void (*release)(void *unused, void *memory), void *memory);
/* The text of an endpoint bound or connected last ("tcp://127.0.0.1:7101"). */
int frame_endpoint(void *socket, char *out, size_t size, struct err *e) MUST_CHECK;

#endif
