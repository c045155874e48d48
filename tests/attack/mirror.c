/* A place to fetch blobs from that is in an attacker's hands: it has the controller's CURVE key, so that agents take it for one of the controller's addresses, and answers each FETCH as
 * it likes. Prints a line for each: "FETCH hash first count".
 *
 *   mirror --key CURVE-KEY --listen ENDPOINT --dir FOLDER MODE
 *
 *   honest      the blobs of the folder, as they are
 *   other       bytes of the right number, but others
 *   more        says that there is one chunk more than there is
 *   long        the last chunk has more bytes than are left
 *   infinite    the chunks that were asked for, and after the last one others without an end
 *   octets      one octet a chunk
 *   parts       a message of 3 GB in parts of 256 kB, to whatever it is told: also in the place of a controller, to HELLO
 *   silent      nothing
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/link/curve.h"
#include "common/link/frame.h"
#include "common/wire/limits.h"
#include "tests/support/thief.h"

#define FLOOD_US      INT64_C(10000000)
#define MESSAGE_BYTES ((size_t)3 * 1024 * 1024 * 1024)

struct mirror {
	const char *dir;
	void *socket;
	const struct frame *asked;
	struct msg_fetch fetch;
	struct buf data; /* the blob, as it is */
};

static enum frame_sent send_chunk(struct mirror *m, uint32_t index, uint32_t of, struct bytes raw)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	struct msg c = {.type = MSG_CHUNK, .chunk = {.index = index, .of = of}};
	memcpy(c.chunk.hash, m->fetch.hash, DIGEST_SIZE);
	msg_encode(&c, &body);
	return frame_send(m->socket, m->asked->routing, (struct link_header){.type = MSG_CHUNK}, buf_bytes(&body), raw);
}

static uint32_t chunks_of(const struct mirror *m)
{
	return (uint32_t)((m->data.n + LIMIT_CHUNK - 1) / LIMIT_CHUNK);
}

static struct bytes chunk(const struct mirror *m, uint32_t index)
{
	size_t from = (size_t)index * LIMIT_CHUNK, left = m->data.n - from;
	return bytes_of(m->data.p + from, left < LIMIT_CHUNK ? left : LIMIT_CHUNK);
}

static void send_asked(struct mirror *m, uint32_t of)
{
	for (uint32_t i = m->fetch.first; i < chunks_of(m) && i < m->fetch.first + m->fetch.count; i++)
		(void)send_chunk(m, i, of, chunk(m, i));
}

static void honest(struct mirror *m)
{
	send_asked(m, chunks_of(m));
}

static void other(struct mirror *m)
{
	for (size_t i = 0; i < m->data.n; i++)
		m->data.p[i] ^= 1;
	send_asked(m, chunks_of(m));
}

static void more(struct mirror *m)
{
	send_asked(m, chunks_of(m) + 1);
}

static void long_one(struct mirror *m)
{
	buf_adds(&m->data, "more");
	send_asked(m, (uint32_t)((m->data.n - 4 + LIMIT_CHUNK - 1) / LIMIT_CHUNK));
}

/* Until the peer has gone. */
static void infinite(struct mirror *m)
{
	int64_t end_us = clock_mono_us() + FLOOD_US;
	enum frame_sent sent = FRAME_SENT;
	honest(m);
	for (uint32_t i = chunks_of(m); sent != FRAME_GONE && clock_mono_us() < end_us; i++)
		if ((sent = send_chunk(m, i, i + 2, chunk(m, 0))) == FRAME_FULL)
			clock_sleep_ms(1);
}

static void octets(struct mirror *m)
{
	for (uint32_t i = 0; i < m->data.n && i < 100; i++) {
		(void)send_chunk(m, i, (uint32_t)m->data.n, bytes_of(m->data.p + i, 1));
		clock_sleep_ms(10);
	}
}

/* libzmq hands a message to its I/O thread when it is whole, so "no end" is a very long message here; its parts share one buffer. */
static void parts(struct mirror *m)
{
	const struct bytes *to = &m->asked->routing;
	static char part[LIMIT_CHUNK];
	if (zmq_send(m->socket, to->p, to->n, ZMQ_SNDMORE) < 0)
		return;
	for (size_t sent = 0; sent < MESSAGE_BYTES; sent += sizeof part) {
		zmq_msg_t part_of;
		zmq_msg_init_data(&part_of, part, sizeof part, NULL, NULL);
		if (zmq_msg_send(&part_of, m->socket, sent + sizeof part < MESSAGE_BYTES ? ZMQ_SNDMORE : 0) < 0)
			return;
	}
}

static void silent(struct mirror *m)
{
	(void)m;
}

static const struct {
	const char *name;
	void (*answer)(struct mirror *m);
} modes[] = {{"honest", honest},     {"other", other},   {"more", more},   {"long", long_one},
             {"infinite", infinite}, {"octets", octets}, {"parts", parts}, {"silent", silent}};

static void serve(struct mirror *m, void (*answer)(struct mirror *m))
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct frame f;
	struct msg asked;
	struct err e = ERR_INIT;
	char hex[DIGEST_HEX_SIZE];
	enum frame_result r = frame_recv(m->socket, true, &f, &e);
	if (r == FRAME_NONE)
		return;
	if (r == FRAME_OK && f.header.type == MSG_FETCH && msg_decode(MSG_FETCH, f.body, a, &asked, &e) == 0) {
		m->asked = &f;
		m->fetch = asked.fetch;
		buf_clear(&m->data);
		printf("FETCH %s %" PRIu32 " %" PRIu32 "\n", bytes_to_hex(bytes_of(asked.fetch.hash, DIGEST_SIZE), hex), asked.fetch.first,
		       asked.fetch.count);
		fflush(stdout);
		if (blobs_get(m->dir, asked.fetch.hash, LIMIT_ENVELOPE, &m->data, &e) == 0)
			answer(m);
	}
	if (r == FRAME_OK && f.header.type != MSG_FETCH && answer == parts) {
		m->asked = &f;
		parts(m);
	}
	m->asked = NULL;
	frame_done(&f);
}

static void *open_socket(const char *key_file, const char *endpoint)
{
	static struct curve_key key;
	struct err e = ERR_INIT;
	int yes = 1, none = 0;
	int64_t most = (int64_t)LIMIT_CHUNK + 1024;
	void *s = zmq_socket(zmq_ctx_new(), ZMQ_ROUTER);
	if (curve_key_load(key_file, &key, &e) != 0)
		thief_die(key_file, &e);
	if (zmq_setsockopt(s, ZMQ_CURVE_SERVER, &yes, sizeof yes) != 0 ||
	    zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, secret_reveal(key.secret_text), 41) != 0 || zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof none) != 0 ||
	    zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &most, sizeof most) != 0 || zmq_bind(s, endpoint) != 0)
		thief_die(endpoint, NULL);
	return s;
}

int main(int argc, char **argv)
{
	struct mirror m = {.data = BUF_INIT};
	const char *key = NULL, *endpoint = NULL;
	int i = 1;
	log_open("mirror", LOG_LEVEL_ERROR);
	for (; i + 1 < argc && str_starts(argv[i], "--"); i += 2) {
		if (str_eq(argv[i], "--key"))
			key = argv[i + 1];
		else if (str_eq(argv[i], "--listen"))
			endpoint = argv[i + 1];
		else if (str_eq(argv[i], "--dir"))
			m.dir = argv[i + 1];
		else
			thief_die(argv[i], NULL);
	}
	for (size_t k = 0; i < argc && k < ARRAY_LEN(modes); k++) {
		if (!str_eq(argv[i], modes[k].name))
			continue;
		m.socket = open_socket(key, endpoint);
		for (;;) {
			zmq_pollitem_t item = {.socket = m.socket, .events = ZMQ_POLLIN};
			zmq_poll(&item, 1, 1000);
			serve(&m, modes[k].answer);
		}
	}
	thief_die("no such mode", NULL);
}
