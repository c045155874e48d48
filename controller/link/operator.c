/* The operator's client: one control socket with a monitor, and a blob socket for the length of an upload. */
#include "controller/link/operator.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/link/curve.h"
#include "common/link/frame.h"
#include "common/link/heard.h"
#include "common/link/knock.h"
#include "common/link/monitor.h"
#include "common/link/options.h"
#include "common/wire/limits.h"

struct channel { /* one socket and what becomes of it */
	zsock_t *socket, *monitor;
	int fd; /* of the connection */
	uint64_t received; /* octets of it when its last whole message was read */
	const char *endpoint; /* borrowed */
};

struct operator_link {
	char *ctrl_endpoint, *blob_endpoint, controller_key[41];
	struct curve_key key;
	uint32_t timeout_ms;
	struct channel ctrl;
	uint64_t session, seq;
};

static void channel_close(struct channel *c)
{
	monitor_end(c->socket, &c->monitor);
	zsock_destroy(&c->socket);
}

static int channel_open(const struct operator_link *l, enum link_socket_kind kind, const char *endpoint, struct channel *c, struct err *e)
{
	c->endpoint = endpoint;
	if (link_socket_client(kind, &l->key, l->controller_key, &c->socket, e) != 0 || monitor_new(c->socket, &c->monitor, e) != 0)
		return -1;
	if (zmq_connect(zsock_resolve(c->socket), endpoint) != 0)
		return err_set(e, ERR_USAGE, "controller address '%s': %s: write tcp://HOST:PORT", endpoint, zmq_strerror(zmq_errno()));
	char advice[128];
	snprintf(advice, sizeof advice, "have its administrator list %s as an operator", l->key.public_text);
	const struct knock k = {.endpoint = endpoint, .server_key = l->controller_key, .if_refused = advice, .timeout_ms = l->timeout_ms};
	return knock_wait(c->monitor, &k, &c->fd, e);
}

int operator_connect(const struct operator_config *c, struct operator_link **ret, struct err *e)
{
	AUTO(operator_close) struct operator_link *l = mem_alloc(sizeof *l);
	l->ctrl_endpoint = mem_strdup(c->ctrl_endpoint);
	l->blob_endpoint = mem_strdup(c->blob_endpoint);
	l->timeout_ms = c->timeout_ms;
	if (curve_public_read(c->controller_key, l->controller_key, e) != 0)
		return err_wrap(e, "controller's key");
	if (curve_key_load(c->curve_key_file, &l->key, e) != 0 || channel_open(l, LINK_CTRL_DEALER, l->ctrl_endpoint, &l->ctrl, e) != 0)
		return -1;
	*ret = take_ptr(&l);
	return 0;
}

static int send_frame(struct operator_link *l, struct channel *c, struct link_header header, const struct msg *m, struct bytes raw, struct err *e)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	msg_encode(m, &body);
	header.type = (uint8_t)m->type;
	switch (frame_send(zsock_resolve(c->socket), bytes_of(NULL, 0), header, buf_bytes(&body), raw)) {
	case FRAME_SENT:
		return 0;
	case FRAME_TOO_LARGE:
		return err_set(e, ERR_LIMIT, "%s: %zu bytes; a message has at most %zu", msg_type_name(m->type), body.n, LIMIT_FRAME_BODY);
	case FRAME_FULL:
	case FRAME_GONE:
		break;
	}
	return err_set(e, ERR_LINK, "the connection to the controller at %s is lost: try again", l->ctrl_endpoint);
}

void operator_close(struct operator_link **lp)
{
	struct operator_link *l = *lp;
	if (!l)
		return;
	channel_close(&l->ctrl);
	curve_key_done(&l->key);
	mem_free_ptr(&l->ctrl_endpoint);
	mem_free_ptr(&l->blob_endpoint);
	free(l);
	*lp = NULL;
}

/* Waits for one frame; ERR_TIMEOUT after timeout_ms of silence. `doing` completes "no answer to ...". */
static int wait_frame(struct operator_link *l, struct channel *c, const char *doing, struct frame *ret, struct err *e)
{
	zmq_pollitem_t items[2] = {{.socket = zsock_resolve(c->socket), .events = ZMQ_POLLIN},
	                           {.socket = zsock_resolve(c->monitor), .events = ZMQ_POLLIN}};
	int64_t end_us = clock_mono_us() + (int64_t)l->timeout_ms * 1000;
	for (;;) {
		int64_t left_ms = (end_us - clock_mono_us()) / 1000;
		int n = left_ms > 0 ? zmq_poll(items, 2, left_ms < LINK_FLOOD_MS ? (long)left_ms : LINK_FLOOD_MS) : 0;
		if (left_ms <= 0)
			return err_set(e, ERR_TIMEOUT, "no answer to %s from %s within %u ms: it may still be done; look before you ask again", doing,
			               c->endpoint, l->timeout_ms);
		if (n < 0)
			return err_set(e, ERR_LINK, "interrupted while waiting for the answer to %s: it may still be done", doing);
		enum frame_result r = n ? frame_recv(items[0].socket, false, ret, e) : FRAME_NONE;
		if (r == FRAME_OK) {
			c->received = link_received(c->fd);
			return 0;
		}
		frame_done(ret);
		if (r == FRAME_BAD)
			return err_wrap(e, "%s sent a message that cannot be read", c->endpoint);
		if (link_is_endless(c->fd, c->received))
			return err_set(
			    e, ERR_LIMIT,
			    "%s sends a message that does not end: it is not the controller that it should be, or it is damaged: look at what runs there",
			    c->endpoint);
		if ((items[1].revents & ZMQ_POLLIN) && monitor_read(c->monitor, NULL) == MONITOR_LOST)
			return err_set(e, ERR_LINK, "the connection to %s was lost before the answer to %s: it may still be done; look before you ask again",
			               c->endpoint, doing);
	}
}

static int read_msg(struct operator_link *l, struct channel *c, enum link_socket socket, const char *doing, struct arena *a, struct msg *ret,
                    struct link_header *ret_header, struct err *e)
{
	struct frame f = {0};
	if (wait_frame(l, c, doing, &f, e) != 0)
		return -1;
	enum msg_type type = (enum msg_type)f.header.type;
	*ret_header = f.header;
	int rc = link_allowed(socket, LINK_CONTROLLER, LINK_READY, type) ? msg_decode(type, f.body, a, ret, e)
	                                                                 : err_set(e, ERR_LINK, "%s is not an answer to %s", msg_type_name(type), doing);
	frame_done(&f);
	return rc == 0 ? 0 : err_wrap(e, "%s", c->endpoint);
}

/* One message while a command is under way. *ret_last: it was the command's last reply. */
static int take_reply(struct operator_link *l, const struct msg_command *c, operator_reply_fn *fn, void *arg, bool *ret_last, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct msg m = {.type = MSG_INVALID};
	struct link_header header = {0};
	if (read_msg(l, &l->ctrl, SOCKET_CTRL, verb_name(c->verb), a, &m, &header, e) != 0)
		return -1;
	l->session = header.session;
	if (m.type == MSG_DENY)
		return err_set(e, ERR_LINK, "controller at %s ended the session: %s: %s", l->ctrl_endpoint, m.deny.code, m.deny.message);
	if (m.type != MSG_REPLY)
		return err_set(e, ERR_LINK, "%s: %s is not an answer to %s", l->ctrl_endpoint, msg_type_name(m.type), verb_name(c->verb));
	if (m.reply.id != c->id)
		return 0; /* of an earlier command that we gave up on */
	*ret_last = m.reply.last;
	return fn(arg, &m.reply, e);
}

int operator_ask(struct operator_link *l, const struct msg_command *c, operator_reply_fn *fn, void *arg, struct err *e)
{
	struct msg m = {.type = MSG_COMMAND, .command = *c};
	struct link_header header = {.session = l->session, .seq = l->seq + 1};
	m.command.id = header.seq;
	if (send_frame(l, &l->ctrl, header, &m, bytes_of(NULL, 0), e) != 0)
		return -1;
	l->seq++;
	bool last = false;
	while (!last)
		if (take_reply(l, &m.command, fn, arg, &last, e) != 0)
			return -1;
	return 0;
}

static int send_chunk(struct operator_link *l, struct channel *c, struct bytes data, const uint8_t hash[DIGEST_SIZE], uint32_t index, uint32_t of,
                      struct err *e)
{
	size_t at = (size_t)index * LIMIT_CHUNK;
	struct bytes raw = bytes_of(data.p + at, data.n - at < LIMIT_CHUNK ? data.n - at : LIMIT_CHUNK);
	struct msg m = {.type = MSG_PUT, .chunk = {.index = index, .of = of}};
	memcpy(m.chunk.hash, hash, DIGEST_SIZE);
	return send_frame(l, c, (struct link_header){0}, &m, raw, e);
}

static int take_put_ack(struct operator_link *l, struct channel *c, const uint8_t hash[DIGEST_SIZE], bool *ret_complete, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct msg m = {.type = MSG_INVALID};
	struct link_header header = {0};
	if (read_msg(l, c, SOCKET_BLOB, "the upload", a, &m, &header, e) != 0)
		return -1;
	if (m.type == MSG_NAK)
		return err_set(e, ERR_POLICY, "controller at %s refused the upload: %s", c->endpoint, m.nak.message);
	if (m.type != MSG_PUT_ACK || memcmp(m.put_ack.hash, hash, DIGEST_SIZE) != 0)
		return err_set(e, ERR_LINK, "%s: %s is not an answer to the upload", c->endpoint, msg_type_name(m.type));
	*ret_complete = m.put_ack.complete;
	return 0;
}

static int upload(struct operator_link *l, struct channel *c, struct bytes data, const uint8_t hash[DIGEST_SIZE], struct err *e)
{
	uint32_t of = (uint32_t)((data.n + LIMIT_CHUNK - 1) / LIMIT_CHUNK), sent = 0, acked = 0;
	for (bool complete = false; !complete && acked < of; acked++) {
		for (; sent < of && sent < acked + LIMIT_CHUNK_CREDIT; sent++)
			if (send_chunk(l, c, data, hash, sent, of, e) != 0)
				return -1;
		if (take_put_ack(l, c, hash, &complete, e) != 0)
			return -1;
	}
	return 0;
}

int operator_put(struct operator_link *l, struct bytes data, uint8_t ret_hash[DIGEST_SIZE], struct err *e)
{
	uint8_t hash[DIGEST_SIZE];
	AUTO(channel_close) struct channel c = {0};
	if (data.n == 0 || data.n > LIMIT_ENVELOPE)
		return err_set(e, ERR_LIMIT, "upload: %zu bytes is outside 1 to %zu", data.n, LIMIT_ENVELOPE);
	digest_sha256(data, hash);
	if (channel_open(l, LINK_BLOB_DEALER, l->blob_endpoint, &c, e) != 0 || upload(l, &c, data, hash, e) != 0)
		return -1;
	memcpy(ret_hash, hash, DIGEST_SIZE);
	return 0;
}
