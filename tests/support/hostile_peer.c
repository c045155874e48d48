/* See the header. */
#include "tests/support/hostile_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/link/frame.h"

#define MESSAGE_BYTES ((size_t)600 * 1024 * 1024)
#define MUTE          300

void hostile_init(struct hostile *h, const char *endpoint, const char *server_key, const struct curve_key *key)
{
	str_copy(h->endpoint, sizeof h->endpoint, endpoint);
	str_copy(h->server_key, sizeof h->server_key, server_key);
	str_copy(h->public_key, sizeof h->public_key, key->public_text);
	str_copy(h->secret_key, sizeof h->secret_key, secret_reveal(key->secret_text));
}

static zsock_t *dial(const struct hostile *h, enum link_socket_kind kind, bool stranger, bool narrow)
{
	struct curve_key key = {0};
	struct err e = ERR_INIT;
	zsock_t *s = NULL;
	char fresh_secret[41];
	str_copy(key.public_text, sizeof key.public_text, h->public_key);
	str_copy(fresh_secret, sizeof fresh_secret, h->secret_key);
	if (stranger)
		zmq_curve_keypair(key.public_text, fresh_secret);
	key.secret_text = secret_new(fresh_secret, 40);
	if (link_socket_client(kind, &key, h->server_key, &s, &e) != 0)
		_exit(3);
	if (narrow) {
		zsock_set_rcvhwm(s, 1);
		zsock_set_rcvbuf(s, 4096);
	}
	if (zsock_connect(s, "%s", h->endpoint) != 0)
		_exit(3);
	curve_key_done(&key);
	zsock_set_sndtimeo(s, 200);
	zmq_pollitem_t item = {.socket = zsock_resolve(s), .events = ZMQ_POLLOUT};
	zmq_poll(&item, 1, 500); /* the handshake */
	return s;
}

zsock_t *hostile_dial(const struct hostile *h, enum link_socket_kind kind, bool stranger)
{
	return dial(h, kind, stranger, false);
}

zsock_t *hostile_dial_narrow(const struct hostile *h, enum link_socket_kind kind)
{
	return dial(h, kind, false, true);
}

/* libzmq hands a message to its I/O thread when it is whole, so "never" is a very long message here; its parts share one buffer, so that it costs the attacker nothing. */
void hostile_endless(const struct hostile *h, bool stranger, size_t part, int64_t end_us)
{
	static char block[200000];
	while (clock_mono_us() < end_us) {
		zsock_t *s = hostile_dial(h, stranger ? LINK_ENROL_DEALER : LINK_CTRL_DEALER, stranger);
		for (size_t sent = 0; sent < MESSAGE_BYTES; sent += part) {
			zmq_msg_t m;
			zmq_msg_init_data(&m, block, part, NULL, NULL);
			if (zmq_msg_send(&m, zsock_resolve(s), sent + part < MESSAGE_BYTES ? ZMQ_SNDMORE : 0) < 0)
				break;
		}
		for (int i = 0; i < 1000 && clock_mono_us() < end_us; i++) /* its I/O thread sends meanwhile, slowly on a busy machine */
			usleep(20000);
		zsock_destroy(&s);
	}
}

uint64_t hostile_tiny_parts(const struct hostile *h, int64_t end_us)
{
	zsock_t *s = hostile_dial(h, LINK_CTRL_DEALER, false);
	uint64_t n = 0;
	while (clock_mono_us() < end_us)
		for (int i = 0; i <= 100000 && clock_mono_us() < end_us; i++, n++)
			if (zmq_send(zsock_resolve(s), "x", 1, i < 100000 ? ZMQ_SNDMORE : 0) < 0)
				break;
	zsock_destroy(&s);
	return n;
}

void hostile_mute(const struct hostile *h, int64_t end_us)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(strrchr(h->endpoint, ':') + 1, NULL, 10))};
	int fds[MUTE];
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fds[i], (struct sockaddr *)&to, sizeof to) == 0 && i % 2 &&
		    write(fds[i], "\xff\0\0\0\0\0\0\0\1\x7f", 10) < 0) /* half a greeting */
			continue;
	}
	while (clock_mono_us() < end_us)
		usleep(20000);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

void hostile_messages(const struct hostile *h, enum link_socket_kind kind, const struct msg *m, bool stranger, int64_t end_us)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	msg_encode(m, &body);
	zsock_t *open[16] = {NULL};
	for (size_t i = 0; clock_mono_us() < end_us; i = (i + 1) % ARRAY_LEN(open)) {
		zsock_destroy(&open[i]);
		open[i] = hostile_dial(h, kind, stranger);
		for (uint64_t seq = 1; seq <= 20; seq++)
			frame_send(zsock_resolve(open[i]), bytes_of(NULL, 0), (struct link_header){.type = (uint8_t)m->type, .seq = seq}, buf_bytes(&body),
			           bytes_of(NULL, 0));
	}
	for (size_t i = 0; i < ARRAY_LEN(open); i++)
		zsock_destroy(&open[i]);
}

void hostile_sample(enum msg_type t, const char *agent, uint64_t session_counter, struct buf *ret)
{
	static const uint8_t signature[64];
	struct msg m = {.type = t};
	switch (t) {
	case MSG_HELLO:
		m.hello = (struct msg_hello){
		    .agent = agent, .proto_min = 1, .proto_max = 1, .session_counter = session_counter, .signature = bytes_of(signature, sizeof signature)};
		break;
	case MSG_TARGETS:
		m.targets = (struct msg_targets){.first = true, .last = true};
		break;
	case MSG_SURVEY_RESULT:
		m.survey_result = (struct msg_survey_result){.target = "eu/pg1/shop1", .last = true};
		break;
	case MSG_COMMAND:
		m.command = (struct msg_command){.id = 1, .verb = VERB_PING};
		break;
	case MSG_FETCH:
		m.fetch.count = 1;
		break;
	case MSG_PUT:
		m.chunk.of = 1;
		break;
	case MSG_ENROL_REQ:
		m.enrol_req =
		    (struct msg_enrol_req){.token = bytes_of_str("t"), .request = bytes_of_str("r"), .signature = bytes_of(signature, sizeof signature)};
		break;
	case MSG_REPORT:
		m.report = (struct msg_report){.seq = 1, .envelope = bytes_of_str("e")};
		break;
	case MSG_HEARTBEAT:
	case MSG_ACCEPT:
	case MSG_REFUSE:
	case MSG_UNHELD:
	case MSG_PROGRESS:
	case MSG_BYE:
	case MSG_ENROL_POLL:
		break;
	default: /* nobody but the controller sends these */
		return;
	}
	msg_encode(&m, ret);
}
