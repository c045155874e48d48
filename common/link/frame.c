/* Frames on a socket. */
#include "common/link/frame.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

static bool has_raw(enum msg_type t)
{
	return t == MSG_CHUNK || t == MSG_PUT;
}

static struct bytes part_bytes(zmq_msg_t *m)
{
	return bytes_of(zmq_msg_data(m), zmq_msg_size(m));
}

void frame_done(struct frame *f)
{
	for (size_t i = 0; i < f->n_parts; i++)
		zmq_msg_close(&f->parts[i]);
	f->n_parts = 0;
}

/* libzmq hands over whole messages only, so that after the first part the others are there: reading them does not wait. *ret_total counts the dropped ones too. */
static bool read_parts(void *socket, struct frame *f, size_t *ret_total)
{
	size_t total = 0;
	for (bool more = true; more; total++) {
		zmq_msg_t m;
		zmq_msg_init(&m);
		if (zmq_msg_recv(&m, socket, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(&m);
			if (total == 0)
				return false;
			break;
		}
		more = zmq_msg_more(&m);
		if (f->n_parts < FRAME_PARTS)
			f->parts[f->n_parts++] = m;
		else
			zmq_msg_close(&m);
	}
	*ret_total = total;
	return true;
}

static void read_peer(struct frame *f)
{
	zmq_msg_t *m = &f->parts[f->n_parts > 1 ? 1 : 0];
	const char *user = zmq_msg_gets(m, "User-Id"), *identity = zmq_msg_gets(m, "Identity");
	str_copy(f->user, sizeof f->user, user ? user : "");
	f->named = identity && identity[0];
	f->routing = part_bytes(&f->parts[0]);
}

enum frame_result frame_recv(void *socket, bool routed, struct frame *ret, struct err *e)
{
	*ret = (struct frame){0};
	size_t total = 0, first = routed ? 1 : 0;
	if (!read_parts(socket, ret, &total))
		return FRAME_NONE;
	if (routed)
		read_peer(ret);
	if (total < first + 2 || total > first + 3)
		return err_set(e, ERR_PARSE, "%zu frames, must be 2 or 3", total - first), FRAME_BAD;
	if (link_header_decode(part_bytes(&ret->parts[first]), &ret->header, e) != 0)
		return FRAME_BAD;
	ret->body = part_bytes(&ret->parts[first + 1]);
	bool raw = total == first + 3;
	if (raw)
		ret->raw = part_bytes(&ret->parts[first + 2]);
	const char *name = msg_type_name((enum msg_type)ret->header.type);
	if (raw != has_raw((enum msg_type)ret->header.type))
		return err_set(e, ERR_PARSE, "%s: %zu frames, must be %d", name, total - first, raw ? 2 : 3), FRAME_BAD;
	if (ret->body.n != ret->header.body_len)
		return err_set(e, ERR_PARSE, "%s: body of %zu bytes where the header says %u", name, ret->body.n, ret->header.body_len), FRAME_BAD;
	if (raw && (ret->raw.n == 0 || ret->raw.n > LIMIT_CHUNK))
		return err_set(e, ERR_LIMIT, "%s: %zu raw bytes is outside 1 to %zu", name, ret->raw.n, LIMIT_CHUNK), FRAME_BAD;
	return FRAME_OK;
}

static enum frame_sent why_not(void)
{
	return zmq_errno() == EAGAIN ? FRAME_FULL : FRAME_GONE;
}

static enum frame_sent send_parts(void *socket, struct bytes routing, struct link_header header, struct bytes body, bool more)
{
	uint8_t head[LINK_HEADER_SIZE];
	header.proto = LINK_PROTO;
	header.body_len = (uint32_t)body.n;
	link_header_encode(&header, head);
	struct bytes parts[] = {routing, bytes_of(head, sizeof head), body};
	for (size_t i = routing.n ? 0 : 1; i < ARRAY_LEN(parts); i++) {
		int flags = ZMQ_DONTWAIT | (more || i + 1 < ARRAY_LEN(parts) ? ZMQ_SNDMORE : 0);
		if (zmq_send(socket, parts[i].n ? (const void *)parts[i].p : "", parts[i].n, flags) < 0)
			return why_not();
	}
	return FRAME_SENT;
}

static bool is_too_large(struct bytes body, struct bytes raw)
{
	return body.n > LIMIT_FRAME_BODY || raw.n > LIMIT_CHUNK;
}

enum frame_sent frame_send(void *socket, struct bytes routing, struct link_header header, struct bytes body, struct bytes raw)
{
	bool more = has_raw((enum msg_type)header.type);
	if (is_too_large(body, raw))
		return FRAME_TOO_LARGE;
	enum frame_sent sent = send_parts(socket, routing, header, body, more);
	if (sent == FRAME_SENT && more && zmq_send(socket, raw.n ? (const void *)raw.p : "", raw.n, ZMQ_DONTWAIT) < 0)
		return why_not();
	return sent;
}

enum frame_sent frame_send_shared(void *socket, struct bytes routing, struct link_header header, struct bytes body, struct bytes raw,
                                  void (*release)(void *unused, void *memory), void *memory)
{
	zmq_msg_t m;
	zmq_msg_init_data(&m, (void *)(uintptr_t)raw.p, raw.n, release, memory); /* closing it releases, too */
	enum frame_sent sent = is_too_large(body, raw) ? FRAME_TOO_LARGE : send_parts(socket, routing, header, body, true);
	if (sent == FRAME_SENT && zmq_msg_send(&m, socket, ZMQ_DONTWAIT) < 0)
		sent = why_not();
	if (sent != FRAME_SENT)
		zmq_msg_close(&m);
	return sent;
}

int frame_endpoint(void *socket, char *out, size_t size, struct err *e)
{
	if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, out, &size) != 0)
		return err_set(e, ERR_LINK, "last endpoint: %s", zmq_strerror(zmq_errno()));
	return 0;
}
