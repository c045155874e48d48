/* An agent, an operator or nobody at all in an attacker's hands, against the real controller: it says whatever it is told to say, and prints what it is answered.
 *
 *   intruder --key CURVE-KEY --server KEY.pub --control ENDPOINT [--blobs ENDPOINT] [--enrol ENDPOINT] [--report-key FILE] [--cert FILE] [--routing NAME] [--patience SECONDS] ACTION...
 *
 *   hello NAME COUNTER        with the certificate and a signature of the report key: "WELCOME", "DENY code: message", "RETRY_AFTER" or "no answer"
 *   heartbeat                 "HEARTBEAT_ACK", "DENY ..." or "no answer"
 *   report FILE SEQ           the envelope as report SEQ: "REPORT_ACK n"
 *   enrol TOKEN REQUEST       asks for a certificate for REQUEST, signed by the report key, from this connection's own key
 *   renew FORMER REQUEST      the same without a token: new keys of a known agent, which the report key FORMER vouches for
 *   walk NAME COUNTER OPERATOR-KEY     every type of message, on every socket, in every state: "walk: N cells, N taken, N wrong"
 *   listen SECONDS            what comes unasked, or "no answer"
 *   endless, tiny, mute, messages, strangers SECONDS      floods: tests/support/hostile_peer.h
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/sign.h"
#include "common/link/frame.h"
#include "common/wire/enrol.h"
#include "common/wire/hello.h"
#include "common/wire/limits.h"
#include "tests/support/hostile_peer.h"
#include "tests/support/thief.h"

#define MORE_MS 40 /* is there another answer behind the first, where none should be? */
#define PARTS   200000

static struct intruder {
	const char *control, *blobs, *enrol, *routing;
	char server_key[41];
	struct curve_key key;
	struct sign_key *report_key;
	struct buf cert;
	uint8_t boot_id[16];
	int answer_ms; /* the patience with which an answer is waited for */
} me = {.answer_ms = 20000};

/* One connection and where its conversation is. */
struct peer {
	zsock_t *socket;
	uint64_t seq, session;
};

static void dial(struct peer *p, enum link_socket_kind kind, const struct curve_key *key, const char *endpoint)
{
	struct err e = ERR_INIT;
	*p = (struct peer){.seq = 0};
	if (link_socket_client(kind, key, me.server_key, &p->socket, &e) != 0)
		thief_die("socket", &e);
	if (me.routing)
		zsock_set_identity(p->socket, me.routing);
	if (zsock_connect(p->socket, "%s", endpoint) != 0)
		thief_die(endpoint, NULL);
	zmq_pollitem_t item = {.socket = zsock_resolve(p->socket), .events = ZMQ_POLLOUT};
	zmq_poll(&item, 1, me.answer_ms);
}

static void say_body(struct peer *p, enum msg_type t, struct bytes body)
{
	struct bytes raw = t == MSG_CHUNK || t == MSG_PUT ? bytes_of_str("x") : bytes_of(NULL, 0);
	(void)frame_send(zsock_resolve(p->socket), bytes_of(NULL, 0), (struct link_header){.type = (uint8_t)t, .session = p->session, .seq = ++p->seq},
	                 body, raw);
}

static void say(struct peer *p, const struct msg *m)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	msg_encode(m, &body);
	say_body(p, m->type, buf_bytes(&body));
}

static void say_hello(struct peer *p, const char *name, uint64_t counter)
{
	AUTO(buf_done) struct buf signed_bytes = BUF_INIT;
	uint8_t signature[SIGNATURE_SIZE] = {0};
	struct msg m = {.type = MSG_HELLO,
	                .hello = {.agent = name,
	                          .agent_version = "0",
	                          .certificate = buf_bytes(&me.cert),
	                          .boot_id = bytes_of(me.boot_id, sizeof me.boot_id),
	                          .proto_min = LINK_PROTO,
	                          .proto_max = LINK_PROTO,
	                          .session_counter = counter}};
	hello_signed_bytes(&m.hello, me.server_key, &signed_bytes);
	if (me.report_key)
		sign_make(me.report_key, buf_bytes(&signed_bytes), signature);
	m.hello.signature = bytes_of(signature, sizeof signature);
	say(p, &m);
}

/* ---- what is answered ---- */

/* Any answer within the time; MSG_INVALID: none. Its text, if any, goes into `text`. */
static enum msg_type hear(struct peer *p, int ms, char *text, size_t size)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	zmq_pollitem_t item = {.socket = zsock_resolve(p->socket), .events = ZMQ_POLLIN};
	struct frame f;
	struct msg m = {.type = MSG_INVALID};
	struct err e = ERR_INIT;
	if (zmq_poll(&item, 1, ms) <= 0 || frame_recv(zsock_resolve(p->socket), false, &f, &e) != FRAME_OK)
		return MSG_INVALID;
	if (msg_decode((enum msg_type)f.header.type, f.body, a, &m, &e) != 0)
		thief_die("what the controller sent", &e);
	p->session = f.header.session;
	snprintf(text, size, "%s", msg_type_name(m.type));
	if (m.type == MSG_DENY || m.type == MSG_ENROL_DENY)
		snprintf(text, size, "DENY %s: %s", m.deny.code, m.deny.message);
	if (m.type == MSG_REPORT_ACK)
		snprintf(text, size, "REPORT_ACK %" PRIu64, m.report_ack.seq);
	frame_done(&f);
	return m.type;
}

/* What the controller says of itself is passed over. */
static bool is_answer(enum msg_type t)
{
	return t != MSG_TRUST_UPDATE && t != MSG_SURVEY && t != MSG_OFFER;
}

static enum msg_type hear_answer(struct peer *p, int ms, char *text, size_t size)
{
	enum msg_type t;
	do
		t = hear(p, ms, text, size);
	while (!is_answer(t));
	return t;
}

static void print_answer(struct peer *p, int ms)
{
	char text[LIMIT_LINK_TEXT];
	printf("%s\n", hear_answer(p, ms, text, sizeof text) == MSG_INVALID ? "no answer" : text);
	fflush(stdout);
}

/* ---- the walk: is each cell of the table what the controller does? ---- */

static struct walk {
	const char *name;
	uint64_t counter;
	struct curve_key operator_key;
	unsigned cells, taken, wrong;
} walk;

static void say_sample(struct peer *p, enum msg_type t)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	if (t == MSG_HELLO && me.report_key) {
		say_hello(p, walk.name, ++walk.counter);
		return;
	}
	hostile_sample(t, walk.name, walk.counter, &body);
	say_body(p, t, buf_bytes(&body));
}

static void count(enum link_socket s, enum link_role role, enum link_state state, enum msg_type t, bool taken)
{
	walk.cells++;
	walk.taken += taken;
	if (taken == link_allowed(s, role, state, t))
		return;
	walk.wrong++;
	printf("socket %d, role %d, state %d: %s was %s\n", (int)s, (int)role, (int)state, msg_type_name(t), taken ? "taken" : "not taken");
}

/* A message that is not taken leaves no trace: the conversation begins behind it as if nothing had been. */
static bool is_taken_first(struct peer *p, enum msg_type t, enum msg_type first, enum msg_type answer)
{
	char text[LIMIT_LINK_TEXT];
	say_sample(p, t);
	if (t != first) {
		p->seq = 0;
		say_sample(p, first);
	}
	return (hear_answer(p, me.answer_ms, text, sizeof text) == answer) == (t == first);
}

/* A message that is not taken ends the conversation. */
static bool goes_on_after(struct peer *p, enum msg_type t, enum msg_type next, enum msg_type answer)
{
	char text[LIMIT_LINK_TEXT];
	say_sample(p, t);
	if (t == next)
		return hear_answer(p, me.answer_ms, text, sizeof text) == answer;
	if (t == MSG_BYE)
		return hear_answer(p, MORE_MS, text, sizeof text) == MSG_INVALID; /* DENY would come */
	say_sample(p, next);
	return hear_answer(p, me.answer_ms, text, sizeof text) == answer;
}

static void walk_control(enum msg_type t, bool is_agent)
{
	const struct curve_key *key = is_agent ? &me.key : &walk.operator_key;
	enum link_role role = is_agent ? LINK_AGENT : LINK_OPERATOR;
	enum msg_type first = is_agent ? MSG_HELLO : MSG_COMMAND, answer = is_agent ? MSG_WELCOME : MSG_REPLY;
	char text[LIMIT_LINK_TEXT];
	struct peer p;
	dial(&p, LINK_CTRL_DEALER, key, me.control);
	count(SOCKET_CTRL, role, LINK_NEW, t, is_taken_first(&p, t, first, answer));
	zsock_destroy(&p.socket);
	dial(&p, LINK_CTRL_DEALER, key, me.control);
	say_sample(&p, first);
	if (hear_answer(&p, me.answer_ms, text, sizeof text) != answer)
		thief_die("the walk has no session", NULL);
	count(SOCKET_CTRL, role, LINK_READY, t, goes_on_after(&p, t, is_agent ? MSG_HEARTBEAT : MSG_COMMAND, is_agent ? MSG_HEARTBEAT_ACK : MSG_REPLY));
	zsock_destroy(&p.socket);
}

/* No conversation: each question has an answer of its own, or none. */
static void walk_asking(enum msg_type t, enum link_socket_kind kind, const struct curve_key *key, const char *endpoint, enum link_socket s,
                        enum link_role role, enum link_state state, enum msg_type sure)
{
	char text[LIMIT_LINK_TEXT];
	struct peer p;
	dial(&p, kind, key, endpoint);
	say_sample(&p, t);
	if (t != sure)
		say_sample(&p, sure); /* the same question twice at once may have one answer */
	if (hear(&p, me.answer_ms, text, sizeof text) == MSG_INVALID)
		thief_die("the walk is not answered", NULL);
	int more_ms = link_allowed(s, role, state, t) ? me.answer_ms : MORE_MS;
	count(s, role, state, t, t == sure || hear(&p, more_ms, text, sizeof text) != MSG_INVALID);
	zsock_destroy(&p.socket);
}

static void do_walk(const char *name, const char *counter, const char *operator_key)
{
	struct err e = ERR_INIT;
	walk = (struct walk){.name = name, .counter = strtoull(counter, NULL, 10)};
	if (curve_key_load(operator_key, &walk.operator_key, &e) != 0)
		thief_die(operator_key, &e);
	for (enum msg_type t = MSG_HELLO; t < MSG_TYPE_COUNT; t++) {
		walk_control(t, true);
		walk_control(t, false);
		walk_asking(t, LINK_BLOB_DEALER, &me.key, me.blobs, SOCKET_BLOB, LINK_AGENT, LINK_READY, MSG_FETCH);
		walk_asking(t, LINK_BLOB_DEALER, &walk.operator_key, me.blobs, SOCKET_BLOB, LINK_OPERATOR, LINK_READY, MSG_PUT);
		walk_asking(t, LINK_ENROL_DEALER, &me.key, me.enrol, SOCKET_ENROL, LINK_STRANGER, LINK_NEW, MSG_ENROL_POLL);
	}
	printf("walk: %u cells, %u taken, %u wrong\n", walk.cells, walk.taken, walk.wrong);
	curve_key_done(&walk.operator_key);
}

/* ---- floods ---- */

static void flood(const char *what, const char *seconds)
{
	struct hostile h;
	int64_t end_us = clock_mono_us() + (int64_t)(strtod(seconds, NULL) * 1000000);
	bool strangers = str_eq(what, "strangers");
	hostile_init(&h, strangers ? me.enrol : me.control, me.server_key, &me.key);
	if (str_eq(what, "endless"))
		hostile_endless(&h, false, PARTS, end_us);
	else if (str_eq(what, "tiny"))
		printf("%" PRIu64 " frames\n", hostile_tiny_parts(&h, end_us));
	else if (str_eq(what, "mute"))
		hostile_mute(&h, end_us);
	else if (strangers)
		hostile_messages(&h, LINK_ENROL_DEALER, &(struct msg){.type = MSG_ENROL_POLL}, true, end_us);
	else
		hostile_messages(&h, LINK_CTRL_DEALER, &(struct msg){.type = MSG_HEARTBEAT}, false, end_us);
}

static bool is_flood(const char *word)
{
	static const char *const words[] = {"endless", "tiny", "mute", "messages", "strangers"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(word, words[i]))
			return true;
	return false;
}

/* ---- the start ---- */

static void send_report(struct peer *p, const char *path, const char *seq)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	if (file_read(path, LIMIT_DOCUMENT, &data, &e) != 0)
		thief_die("report", &e);
	say(p, &(struct msg){.type = MSG_REPORT, .report = {.seq = strtoull(seq, NULL, 10), .envelope = buf_bytes(&data)}});
}

/* token_path or former_path is NULL. */
static void ask_enrolment(const char *token_path, const char *former_path, const char *request_path)
{
	AUTO(buf_done) struct buf token = BUF_INIT;
	AUTO(buf_done) struct buf request = BUF_INIT;
	AUTO(buf_done) struct buf signed_bytes = BUF_INIT;
	AUTO(sign_key_destroy) struct sign_key *former = NULL;
	uint8_t signature[SIGNATURE_SIZE] = {0}, by_former[SIGNATURE_SIZE] = {0};
	struct peer p;
	struct err e = ERR_INIT;
	if ((token_path && file_read(token_path, LIMIT_ENROL, &token, &e) != 0) || file_read(request_path, LIMIT_ENROL, &request, &e) != 0 ||
	    (former_path && sign_key_load(former_path, NULL, &former, &e) != 0))
		thief_die("enrol", &e);
	enrol_signed_bytes(me.server_key, buf_bytes(&token), buf_bytes(&request), &signed_bytes);
	if (me.report_key)
		sign_make(me.report_key, buf_bytes(&signed_bytes), signature);
	struct msg m = {.type = MSG_ENROL_REQ,
	                .enrol_req = {.token = buf_bytes(&token), .request = buf_bytes(&request), .signature = bytes_of(signature, sizeof signature)}};
	if (former) {
		sign_make(former, buf_bytes(&signed_bytes), by_former);
		m.enrol_req.former_signature = bytes_of(by_former, sizeof by_former);
	}
	dial(&p, LINK_ENROL_DEALER, &me.key, me.enrol);
	say(&p, &m);
	print_answer(&p, me.answer_ms);
	zsock_destroy(&p.socket);
}

static void act(int argc, char **argv)
{
	struct peer p = {0};
	for (int i = 0; i < argc; i++) {
		if (str_eq(argv[i], "hello") && i + 2 < argc) {
			zsock_destroy(&p.socket);
			dial(&p, LINK_CTRL_DEALER, &me.key, me.control);
			say_hello(&p, argv[i + 1], strtoull(argv[i + 2], NULL, 10)), i += 2;
			print_answer(&p, me.answer_ms);
		} else if (str_eq(argv[i], "heartbeat") && p.socket) {
			say(&p, &(struct msg){.type = MSG_HEARTBEAT});
			print_answer(&p, me.answer_ms);
		} else if (str_eq(argv[i], "report") && i + 2 < argc && p.socket) {
			send_report(&p, argv[i + 1], argv[i + 2]), i += 2;
			print_answer(&p, me.answer_ms);
		} else if (str_eq(argv[i], "enrol") && i + 2 < argc) {
			ask_enrolment(argv[i + 1], NULL, argv[i + 2]), i += 2;
		} else if (str_eq(argv[i], "renew") && i + 2 < argc) {
			ask_enrolment(NULL, argv[i + 1], argv[i + 2]), i += 2;
		} else if (str_eq(argv[i], "walk") && i + 3 < argc) {
			do_walk(argv[i + 1], argv[i + 2], argv[i + 3]), i += 3;
		} else if (is_flood(argv[i]) && i + 1 < argc) {
			flood(argv[i], argv[i + 1]), i++;
		} else if (str_eq(argv[i], "listen") && i + 1 < argc && p.socket) {
			print_answer(&p, (int)(strtod(argv[++i], NULL) * 1000));
		} else {
			thief_die(argv[i], NULL);
		}
	}
	zsock_destroy(&p.socket);
}

static void set_option(const char *o, const char *v)
{
	struct err e = ERR_INIT;
	int rc = 0;
	if (str_eq(o, "key"))
		rc = curve_key_load(v, &me.key, &e);
	else if (str_eq(o, "server"))
		rc = curve_public_read(v, me.server_key, &e);
	else if (str_eq(o, "control"))
		me.control = v;
	else if (str_eq(o, "blobs"))
		me.blobs = v;
	else if (str_eq(o, "enrol"))
		me.enrol = v;
	else if (str_eq(o, "routing"))
		me.routing = v;
	else if (str_eq(o, "patience"))
		me.answer_ms = (int)(strtod(v, NULL) * 1000);
	else if (str_eq(o, "report-key"))
		rc = sign_key_load(v, NULL, &me.report_key, &e);
	else if (str_eq(o, "cert"))
		rc = file_read(v, LIMIT_DOCUMENT, &me.cert, &e);
	else
		thief_die(o, NULL);
	if (rc != 0)
		thief_die(v, &e);
}

int main(int argc, char **argv)
{
	int i = 1;
	zsys_handler_set(NULL);
	zsys_init();
	log_open("intruder", LOG_LEVEL_ERROR);
	if (crypto_random(me.boot_id, sizeof me.boot_id, NULL) != 0)
		thief_die("random", NULL);
	for (; i + 1 < argc && str_starts(argv[i], "--"); i += 2)
		set_option(argv[i] + 2, argv[i + 1]);
	act(argc - i, argv + i);
	sign_key_destroy(&me.report_key);
	curve_key_done(&me.key);
	buf_done(&me.cert);
	return 0;
}
