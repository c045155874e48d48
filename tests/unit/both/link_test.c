/* A real hub and a real agent's link over loopback: who gets in, what is dropped, what survives a lost connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/link/frame.h"
#include "common/link/options.h"
#include "common/wire/limits.h"
#include "tests/support/link_fixture.h"

static bool is_connected(struct link_world *w)
{
	return w->ups >= 1 && w->targets_seen >= 1 && w->heartbeats >= 3;
}
static bool is_down(struct link_world *w)
{
	return w->downs >= 1;
}
static bool is_gone(struct link_world *w)
{
	return w->gones >= 1;
}
static bool is_cloned(struct link_world *w)
{
	return w->clones >= 1;
}
static bool is_up_again(struct link_world *w)
{
	return w->ups >= 2;
}

static unsigned long expected_violations;
static bool has_violations(struct link_world *w)
{
	(void)w;
	return hub_violations() >= expected_violations;
}

static void test_agent_connects(void **state)
{
	struct link_world *w = *state;
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	assert_int_equal(w->hellos, 1);
	assert_true(w->signature_ok);
	assert_int_equal(uplink_max_epoch(w->uplink), 7);
	assert_int_equal(hub_violations(), 0);
}

/* A controller that does not know the field would end the session for it. */
static void test_the_clock_is_told_to_who_asks_for_it(void **state)
{
	struct link_world *w = *state;
	w->proto = LINK_PROTO_CLOCK - 1;
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	assert_int_equal(w->told_us, 0);
	uplink_destroy(&w->uplink);
	w->ups = w->targets_seen = w->heartbeats = 0;
	w->proto = LINK_PROTO_CLOCK;
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	int64_t now_us = clock_wall_us();
	assert_in_range(w->told_us, now_us - (int64_t)LINK_WAIT_MS * 1000, now_us);
	assert_int_equal(hub_violations(), 0);
}

static void test_unknown_key_is_refused(void **state)
{
	struct link_world *w = *state;
	link_start_agent(w, &w->other_key);
	assert_false(link_run_for(w, is_connected, 700));
	assert_int_equal(w->hellos, 0);
	struct err e = ERR_INIT;
	assert_int_equal(hub_set_principals(w->hub, w->principals, 3, &e), 0);
	expected_violations = 1;
	link_run(w, has_violations); /* admitted now, but not under the name of another agent */
	assert_false(link_run_for(w, is_connected, 300));
	assert_int_equal(w->hellos, 0);
}

static void test_revoked_key_is_cut_off(void **state)
{
	struct link_world *w = *state;
	struct err e = ERR_INIT;
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	assert_int_equal(hub_set_principals(w->hub, w->principals + 1, 1, &e), 0);
	link_run(w, is_down);
	assert_string_equal(w->why, "it refused this agent: revoked: this key is not admitted any more");
	link_run(w, is_gone); /* the agent and the brain are told by two ways */
	assert_int_equal(w->gones, 1);
	assert_false(link_run_for(w, is_up_again, 500));
}

/* ---- a hostile peer with a known key ---- */

static zsock_t *knocking;
static bool is_let_in(struct link_world *w)
{
	(void)w;
	zmq_pollitem_t item = {.socket = zsock_resolve(knocking), .events = ZMQ_POLLOUT};
	return zmq_poll(&item, 1, 0) == 1;
}

/* NULL: it was not let in within a second. The agent goes on meanwhile. */
static zsock_t *try_hostile(struct link_world *w, const struct curve_key *key, const char *routing_id)
{
	struct err e = ERR_INIT;
	AUTO(zsock_destroy) zsock_t *s = NULL;
	assert_int_equal(link_socket_client(LINK_CTRL_DEALER, key, hub_public_key(w->hub), &s, &e), 0);
	if (routing_id)
		zmq_setsockopt(zsock_resolve(s), ZMQ_ROUTING_ID, routing_id, strlen(routing_id));
	assert_int_equal(zsock_connect(s, "%s", hub_ctrl_endpoint(w->hub)), 0);
	knocking = s;
	return link_run_for(w, is_let_in, 1000) ? take_ptr(&s) : NULL;
}

/* Whoever knocks before the hub's threads have a new list is refused, and does not try again by itself. */
static zsock_t *hostile(struct link_world *w, const struct curve_key *key, const char *routing_id)
{
	zsock_t *s = NULL;
	for (int i = 0; !s && i < LINK_WAIT_MS / 1000; i++)
		s = try_hostile(w, key, routing_id);
	assert_non_null(s);
	return s;
}

static void send_parts(zsock_t *s, const struct bytes *parts, size_t n)
{
	zsock_set_sndtimeo(s, LINK_WAIT_MS);
	for (size_t i = 0; i < n; i++)
		assert_true(zmq_send(zsock_resolve(s), parts[i].p, parts[i].n, i + 1 < n ? ZMQ_SNDMORE : 0) >= 0);
}

static struct bytes header_bytes(uint8_t out[LINK_HEADER_SIZE], enum msg_type t, uint64_t session, uint64_t seq, size_t body)
{
	link_header_encode(&(struct link_header){.proto = 1, .type = (uint8_t)t, .session = session, .seq = seq, .body_len = (uint32_t)body}, out);
	return bytes_of(out, LINK_HEADER_SIZE);
}

static void hello_body(const char *agent, uint64_t counter, struct buf *ret)
{
	static const uint8_t signature[64];
	msg_encode(
	    &(struct msg){.type = MSG_HELLO,
	                  .hello = {.agent = agent, .proto_min = 1, .proto_max = 1, .session_counter = counter, .signature = bytes_of(signature, 64)}},
	    ret);
}

static void test_routing_id_of_another_does_nothing(void **state)
{
	struct link_world *w = *state;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf hello = BUF_INIT;
	uint8_t head[LINK_HEADER_SIZE];
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	assert_int_equal(hub_set_principals(w->hub, w->principals, 3, &e), 0);
	AUTO(zsock_destroy) zsock_t *thief = hostile(w, &w->other_key, "eu-1");
	hello_body("us-1", 1, &hello);
	send_parts(thief, (struct bytes[]){header_bytes(head, MSG_HELLO, 0, 1, hello.n), buf_bytes(&hello)}, 2);
	expected_violations = 1;
	link_run(w, has_violations);
	assert_int_equal(w->hellos, 1);
	assert_int_equal(w->downs, 0);
	assert_true(uplink_is_up(w->uplink));
}

static void test_broken_frames_are_dropped_and_counted(void **state)
{
	struct link_world *w = *state;
	AUTO(buf_done) struct buf hello = BUF_INIT;
	uint8_t head[LINK_HEADER_SIZE], large[LINK_HEADER_SIZE], later[LINK_HEADER_SIZE], early[LINK_HEADER_SIZE], short_head[LINK_HEADER_SIZE];
	hello_body("eu-1", 1, &hello);
	struct bytes h = header_bytes(head, MSG_HELLO, 0, 1, hello.n), body = buf_bytes(&hello), x = bytes_of_str("x");
	const struct {
		struct bytes parts[5];
		size_t n;
	} cases[] = {
	    {{x}, 1},
	    {{h}, 1},
	    {{h, body, x}, 3},
	    {{h, body, x, x, x}, 5},
	    {{bytes_of_str("RCP1"), body}, 2},
	    {{header_bytes(large, MSG_HELLO, 0, 1, 0xffffffff), body}, 2},
	    {{header_bytes(short_head, MSG_HELLO, 0, 1, hello.n - 1), body}, 2},
	    {{header_bytes(later, MSG_HELLO, 0, 2, hello.n), body}, 2},
	    {{header_bytes(early, MSG_HEARTBEAT, 0, 1, 0), bytes_of("", 0)}, 2},
	};
	AUTO(zsock_destroy) zsock_t *peer = hostile(w, &w->agent_key, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		send_parts(peer, cases[i].parts, cases[i].n);
		expected_violations = i + 1;
		link_run(w, has_violations);
	}
	assert_int_equal(hub_violations(), ARRAY_LEN(cases));
	assert_int_equal(w->hellos, 0);
}

static void test_garbage_body_ends_the_session(void **state)
{
	struct link_world *w = *state;
	uint8_t head[LINK_HEADER_SIZE];
	AUTO(zsock_destroy) zsock_t *peer = hostile(w, &w->agent_key, NULL);
	for (unsigned i = 0; i < 200; i++) {
		uint8_t body[64];
		for (size_t k = 0; k < sizeof body; k++)
			body[k] = (uint8_t)(i * 31 + k * 17 + (i ^ k));
		send_parts(peer, (struct bytes[]){header_bytes(head, MSG_HELLO, 0, 1, sizeof body), bytes_of(body, sizeof body)}, 2);
	}
	expected_violations = 200;
	link_run(w, has_violations);
	assert_int_equal(w->hellos, 0);
	link_start_agent(w, &w->agent_key); /* an honest one still gets in */
	link_run(w, is_connected);
}

static bool has_targets(struct link_world *w)
{
	return w->targets_seen >= w->hellos;
}

/* Heartbeats from seq on, and behind them one target, by which one sees that they were read. */
static void beat(struct link_world *w, zsock_t *peer, uint64_t seq, unsigned n)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	uint8_t head[LINK_HEADER_SIZE];
	struct target target = {.id = "eu/pg1/shop1", .engine = "postgresql"};
	struct msg m = {.type = MSG_HEARTBEAT};
	msg_encode(&m, &body);
	for (; n; n--)
		send_parts(peer, (struct bytes[]){header_bytes(head, MSG_HEARTBEAT, w->session, seq++, body.n), buf_bytes(&body)}, 2);
	m = (struct msg){.type = MSG_TARGETS, .targets = {.targets = &target, .n_targets = 1, .first = true, .last = true}};
	buf_clear(&body);
	msg_encode(&m, &body);
	send_parts(peer, (struct bytes[]){header_bytes(head, MSG_TARGETS, w->session, seq, body.n), buf_bytes(&body)}, 2);
	w->targets_seen = 0;
	link_run(w, has_targets);
}

static bool has_hello(struct link_world *w)
{
	return w->hellos >= 1;
}

static void test_heartbeats_that_come_too_soon_go_no_further(void **state)
{
	struct link_world *w = *state;
	AUTO(buf_done) struct buf hello = BUF_INIT;
	uint8_t head[LINK_HEADER_SIZE];
	w->heartbeat_ms = 2000;
	hello_body("eu-1", 1, &hello);
	AUTO(zsock_destroy) zsock_t *peer = hostile(w, &w->agent_key, NULL);
	send_parts(peer, (struct bytes[]){header_bytes(head, MSG_HELLO, 0, 1, hello.n), buf_bytes(&hello)}, 2);
	link_run(w, has_hello);
	beat(w, peer, 2, 40);
	assert_in_range(w->heartbeats, 1, 2); /* two, should the machine be busy for half a second in the middle of it */
	unsigned before = w->heartbeats;
	assert_false(link_run_for(w, link_never, 600));
	beat(w, peer, 43, 1);
	assert_int_equal(w->heartbeats, before + 1);
	assert_int_equal(w->gones, 0);
	assert_int_equal(hub_violations(), 0);
}

static bool has_two_hellos(struct link_world *w)
{
	return w->hellos >= 2;
}

static void test_newer_session_replaces_the_older(void **state)
{
	struct link_world *w = *state;
	AUTO(buf_done) struct buf hello = BUF_INIT;
	uint8_t head[LINK_HEADER_SIZE];
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	uint64_t first = w->session;
	hello_body("eu-1", 1000, &hello);
	AUTO(zsock_destroy) zsock_t *newer = hostile(w, &w->agent_key, NULL);
	send_parts(newer, (struct bytes[]){header_bytes(head, MSG_HELLO, 0, 1, hello.n), buf_bytes(&hello)}, 2);
	link_run(w, has_two_hellos);
	link_run(w, is_down);
	assert_string_equal(w->why, "it refused this agent: replaced: a newer session of this agent took over");
	link_run(w, is_gone);
	assert_int_equal(w->gone_session, first);
}

static void test_same_counter_twice_holds_both(void **state)
{
	struct link_world *w = *state;
	AUTO(buf_done) struct buf hello = BUF_INIT;
	uint8_t head[LINK_HEADER_SIZE];
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	hello_body("eu-1", 1, &hello); /* the agent's own first counter */
	AUTO(zsock_destroy) zsock_t *clone = hostile(w, &w->agent_key, NULL);
	send_parts(clone, (struct bytes[]){header_bytes(head, MSG_HELLO, 0, 1, hello.n), buf_bytes(&hello)}, 2);
	link_run(w, is_down);
	assert_string_equal(w->why, "it refused this agent: cloned: another agent runs with this one's keys and journal");
	link_run(w, is_cloned);
	assert_int_equal(w->clones, 1);
	assert_int_equal(w->hellos, 1);
}

static void test_reconnects_after_the_hub_restarts(void **state)
{
	struct link_world *w = *state;
	char ctrl[256], blob[256];
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	str_copy(ctrl, sizeof ctrl, hub_ctrl_endpoint(w->hub));
	str_copy(blob, sizeof blob, hub_blob_endpoint(w->hub));
	link_stop_hub(w);
	link_run(w, is_down);
	assert_false(link_run_for(w, link_never, 300));
	link_start_hub(w, ctrl, blob);
	link_run(w, is_up_again);
	assert_int_equal(w->hellos, 2);
}

static bool is_up_thrice(struct link_world *w)
{
	return w->ups >= 3;
}

/* The controller answers at the agent's second address, then at its first one again. */
static void test_the_next_address_is_tried(void **state)
{
	struct link_world *w = *state;
	char first[256], second[256], blob[256];
	str_copy(second, sizeof second, hub_ctrl_endpoint(w->hub));
	link_stop_hub(w);
	link_start_hub(w, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
	str_copy(first, sizeof first, hub_ctrl_endpoint(w->hub));
	str_copy(blob, sizeof blob, hub_blob_endpoint(w->hub));
	w->also[0] = "tcp://127.0.0.1:1"; /* nobody ever listens there */
	w->also[1] = second;
	w->n_also = 2;
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
	assert_int_equal(uplink_address(w->uplink), 0);
	link_stop_hub(w);
	link_start_hub(w, second, blob);
	link_run(w, is_up_again);
	assert_int_equal(uplink_address(w->uplink), 2);
	link_stop_hub(w);
	link_start_hub(w, first, blob);
	link_run(w, is_up_thrice);
	assert_int_equal(uplink_address(w->uplink), 0);
}

/* ---- reports ---- */

static int seal(void *arg, const struct report *r, struct buf *ret, struct err *e)
{
	(void)arg, (void)e;
	buf_addf(ret, "report %llu", (unsigned long long)r->report_seq);
	return 0;
}

static void add_reports(struct link_world *w, unsigned n)
{
	struct err e = ERR_INIT;
	for (unsigned i = 0; i < n; i++) {
		struct report r = {.agent = "eu-1", .target = "eu/pg1/shop1", .attempt = 1};
		if (journal_finish(w->journal, &(struct journal_ending){0}, &r, seal, NULL, &e) != 0)
			fail_msg("%s", e.msg);
	}
}

static bool has_40_reports(struct link_world *w)
{
	return w->n_reports >= 40;
}
static bool has_32_reports(struct link_world *w)
{
	return w->n_reports >= 32;
}
static bool all_acked(struct link_world *w)
{
	return journal_first_unacked(w->journal) == 41;
}

static void test_reports_are_resent_until_acked(void **state)
{
	struct link_world *w = *state;
	add_reports(w, 40);
	w->hold_acks = true;
	link_start_agent(w, &w->agent_key);
	link_run(w, has_32_reports);
	assert_false(link_run_for(w, link_never, 300));
	assert_int_equal(w->n_reports, 32); /* the window is full */
	assert_int_equal(journal_first_unacked(w->journal), 1);
	char ctrl[256], blob[256];
	str_copy(ctrl, sizeof ctrl, hub_ctrl_endpoint(w->hub));
	str_copy(blob, sizeof blob, hub_blob_endpoint(w->hub));
	link_stop_hub(w);
	w->n_reports = 0;
	w->hold_acks = false;
	link_start_hub(w, ctrl, blob);
	link_run(w, has_40_reports);
	link_run(w, all_acked);
	assert_false(link_run_for(w, link_never, 200));
	assert_int_equal(w->n_reports, 40);
	for (size_t i = 0; i < w->n_reports; i++)
		assert_int_equal(w->reports[i], i + 1);
}

static bool has_5_reports(struct link_world *w)
{
	return w->n_reports >= 5;
}

static void test_resume_from_is_obeyed(void **state)
{
	struct link_world *w = *state;
	struct err e = ERR_INIT;
	add_reports(w, 15);
	assert_int_equal(journal_acked(w->journal, 15, &(struct audit_head){0}, &e), 0);
	w->resume_from = 10; /* a restored controller asks again for what was acknowledged */
	link_start_agent(w, &w->agent_key);
	link_run(w, has_5_reports);
	assert_int_equal(w->reports[0], 11);
	assert_int_equal(w->reports[4], 15);
}

int main(void)
{
	zsys_handler_set(NULL);
	zsys_init();
	log_open("link_test", getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
#define CASE(f) cmocka_unit_test_setup_teardown(f, link_setup, link_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_agent_connects),
	    CASE(test_the_clock_is_told_to_who_asks_for_it),
	    CASE(test_unknown_key_is_refused),
	    CASE(test_revoked_key_is_cut_off),
	    CASE(test_routing_id_of_another_does_nothing),
	    CASE(test_broken_frames_are_dropped_and_counted),
	    CASE(test_garbage_body_ends_the_session),
	    CASE(test_heartbeats_that_come_too_soon_go_no_further),
	    CASE(test_newer_session_replaces_the_older),
	    CASE(test_same_counter_twice_holds_both),
	    CASE(test_the_next_address_is_tried),
	    CASE(test_reconnects_after_the_hub_restarts),
	    CASE(test_reports_are_resent_until_acked),
	    CASE(test_resume_from_is_obeyed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
