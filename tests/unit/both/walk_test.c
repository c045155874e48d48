/* The closed table against a real hub: every message type, on every socket, from every role, in every state. What the table leaves open is taken; everything else breaks a rule,
 * is counted, and reaches nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/link/frame.h"
#include "common/link/options.h"
#include "common/wire/limits.h"
#include "tests/support/hostile_peer.h"
#include "tests/support/link_fixture.h"

struct peer {
	zsock_t *socket;
	uint64_t seq, session;
};

static uint64_t counter; /* of the agent's sessions: each new one is the newest */
static unsigned long expected;

static void dial(struct link_world *w, struct peer *p, enum link_socket_kind kind, const struct curve_key *key, const char *endpoint)
{
	struct err e = ERR_INIT;
	*p = (struct peer){.seq = 0};
	if (link_socket_client(kind, key, hub_public_key(w->hub), &p->socket, &e) != 0 || zsock_connect(p->socket, "%s", endpoint) != 0)
		fail_msg("%s", e.msg);
	zsock_set_sndtimeo(p->socket, 3000);
	zsock_set_rcvtimeo(p->socket, 3000);
}

static void send_part(struct peer *p, const void *data, size_t n, bool more)
{
	assert_true(zmq_send(zsock_resolve(p->socket), n ? data : "", n, more ? ZMQ_SNDMORE : 0) >= 0);
}

static void say(struct peer *p, enum msg_type t)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	uint8_t head[LINK_HEADER_SIZE];
	bool raw = t == MSG_CHUNK || t == MSG_PUT;
	hostile_sample(t, "eu-1", t == MSG_HELLO ? ++counter : 0, &body);
	link_header_encode(&(struct link_header){.proto = 1, .type = (uint8_t)t, .session = p->session, .seq = ++p->seq, .body_len = (uint32_t)body.n},
	                   head);
	send_part(p, head, sizeof head, true);
	send_part(p, body.p, body.n, raw);
	if (raw)
		send_part(p, "x", 1, false);
}

/* The hub counts a peer's messages in their order: once this one is counted, everything before it was judged. */
static void end_with_nonsense(struct peer *p)
{
	send_part(p, "nonsense", 8, false);
}

static bool is_counted(struct link_world *w)
{
	(void)w;
	return hub_violations() >= expected;
}

static void judge(struct link_world *w, struct peer *p, enum msg_type t, enum link_socket socket, enum link_role role, enum link_state state)
{
	bool open = link_allowed(socket, role, state, t);
	unsigned long before = hub_violations();
	say(p, t);
	end_with_nonsense(p);
	expected = before + (open ? 1 : 2);
	bool counted = link_run_for(w, is_counted, 3000);
	link_run_for(w, link_never, 10); /* or more than that? */
	if (!counted || hub_violations() != expected)
		fail_msg("%s, socket %d, role %d, state %d: %lu rules broken where %lu were expected", msg_type_name(t), (int)socket, (int)role, (int)state,
		         hub_violations() - before, expected - before);
	zsock_destroy(&p->socket);
}

/* Reads up to the header of the next message that the hub sends. */
static struct link_header hear(struct peer *p)
{
	struct link_header h = {.type = 0};
	struct err e = ERR_INIT;
	AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(p->socket);
	assert_non_null(m);
	zframe_t *head = zmsg_first(m);
	if (link_header_decode(bytes_of(zframe_data(head), zframe_size(head)), &h, &e) != 0)
		fail_msg("%s", e.msg);
	return h;
}

static unsigned hellos;
static bool has_said_hello(struct link_world *w)
{
	return w->hellos >= hellos;
}

static void make_agent_ready(struct link_world *w, struct peer *p)
{
	dial(w, p, LINK_CTRL_DEALER, &w->agent_key, hub_ctrl_endpoint(w->hub));
	hellos = w->hellos + 1;
	say(p, MSG_HELLO);
	link_run(w, has_said_hello);
	struct link_header h = hear(p);
	assert_int_equal(h.type, MSG_WELCOME);
	p->session = h.session;
}

static unsigned commands;
static bool has_commanded(struct link_world *w)
{
	return w->commands >= commands;
}

static void make_operator_ready(struct link_world *w, struct peer *p)
{
	dial(w, p, LINK_CTRL_DEALER, &w->operator_key, hub_ctrl_endpoint(w->hub));
	commands = w->commands + 1;
	say(p, MSG_COMMAND);
	link_run(w, has_commanded);
	assert_int_equal(hear(p).type, MSG_REPLY);
}

#define EACH_TYPE(t) (enum msg_type t = MSG_HELLO; t < MSG_TYPE_COUNT; t++)

static void test_ctrl_of_a_new_agent(void **state)
{
	struct link_world *w = *state;
	for
		EACH_TYPE(t)
		{
			struct peer p;
			dial(w, &p, LINK_CTRL_DEALER, &w->agent_key, hub_ctrl_endpoint(w->hub));
			judge(w, &p, t, SOCKET_CTRL, LINK_AGENT, LINK_NEW);
		}
}

static void test_ctrl_of_a_ready_agent(void **state)
{
	struct link_world *w = *state;
	for
		EACH_TYPE(t)
		{
			struct peer p;
			make_agent_ready(w, &p);
			judge(w, &p, t, SOCKET_CTRL, LINK_AGENT, LINK_READY);
		}
}

static void test_ctrl_of_a_new_operator(void **state)
{
	struct link_world *w = *state;
	for
		EACH_TYPE(t)
		{
			struct peer p;
			dial(w, &p, LINK_CTRL_DEALER, &w->operator_key, hub_ctrl_endpoint(w->hub));
			judge(w, &p, t, SOCKET_CTRL, LINK_OPERATOR, LINK_NEW);
		}
}

static void test_ctrl_of_a_ready_operator(void **state)
{
	struct link_world *w = *state;
	for
		EACH_TYPE(t)
		{
			struct peer p;
			make_operator_ready(w, &p);
			judge(w, &p, t, SOCKET_CTRL, LINK_OPERATOR, LINK_READY);
		}
}

static void test_blob_of_both(void **state)
{
	struct link_world *w = *state;
	for
		EACH_TYPE(t)
		{
			struct peer p;
			dial(w, &p, LINK_BLOB_DEALER, &w->agent_key, hub_blob_endpoint(w->hub));
			judge(w, &p, t, SOCKET_BLOB, LINK_AGENT, LINK_READY);
			dial(w, &p, LINK_BLOB_DEALER, &w->operator_key, hub_blob_endpoint(w->hub));
			judge(w, &p, t, SOCKET_BLOB, LINK_OPERATOR, LINK_READY);
		}
}

/* Strangers, and also those who are known: on this socket they are strangers, too. */
static void test_enrolment_of_anybody(void **state)
{
	struct link_world *w = *state;
	const struct curve_key *keys[] = {&w->other_key, &w->agent_key, &w->operator_key};
	for
		EACH_TYPE(t)
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct peer p;
		dial(w, &p, LINK_ENROL_DEALER, keys[i], hub_enrol_endpoint(w->hub));
		judge(w, &p, t, SOCKET_ENROL, LINK_STRANGER, LINK_NEW);
	}
}

int main(void)
{
	zsys_handler_set(NULL);
	zsys_init();
	log_open("walk_test", getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
#define CASE(f) cmocka_unit_test_setup_teardown(f, link_setup, link_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_ctrl_of_a_new_agent),      CASE(test_ctrl_of_a_ready_agent), CASE(test_ctrl_of_a_new_operator),
	    CASE(test_ctrl_of_a_ready_operator), CASE(test_blob_of_both),          CASE(test_enrolment_of_anybody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
