/* A real hub and a real agent's link over loopback: who gets in, what is dropped, what survives a lost connection. The brain is played by the test. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/link/fetch.h"
#include "agent/link/uplink.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/crypto/digest.h"
#include "common/link/frame.h"
#include "common/link/monitor.h"
#include "common/link/options.h"
#include "common/wire/hello.h"
#include "common/wire/limits.h"
#include "controller/link/hub.h"
#include "controller/link/operator.h"

#define WAIT_MS  8000
#define ROWS_MAX 64

struct world {
	char dir[64], path[256];
	zloop_t *loop;
	zactor_t *hub;
	struct principal principals[3];
	struct curve_key agent_key, other_key, operator_key;
	struct sign_key *report_key;
	struct journal *journal;
	struct uplink *uplink;
	struct fetch *fetch;
	const char *controller_keys[2];
	struct target target;
	const struct target *targets[1];
	/* what the brain saw */
	unsigned hellos, targets_seen, heartbeats, gones, stored, commands;
	uint64_t session, gone_session;
	bool signature_ok, silent; /* silent: no WELCOME */
	uint64_t reports[ROWS_MAX];
	size_t n_reports;
	bool hold_acks;
	uint64_t resume_from;
	/* what the agent saw */
	unsigned ups, downs, offers, fetched, fetch_failed;
	char why[256];
	bool (*until)(struct world *w);
	int64_t end_us;
};

static const char *in(struct world *w, const char *name)
{
	snprintf(w->path, sizeof w->path, "%s/%s", w->dir, name);
	return w->path;
}

/* ---- the brain ---- */

static void tell(struct world *w, uint64_t session, const struct msg *m)
{
	struct err e = ERR_INIT;
	assert_int_equal(hub_send(w->hub, session, 7, m, &e), 0);
}

static void on_hello(struct world *w, const struct hub_event *ev)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	sign_key_public(w->report_key, public_key);
	hello_signed_bytes(&ev->msg.hello, hub_public_key(w->hub), &b);
	w->signature_ok = sign_check(public_key, buf_bytes(&b), ev->msg.hello.signature.p);
	w->hellos++;
	if (w->silent)
		return;
	w->session = ev->session;
	tell(w, ev->session,
	     &(struct msg){
	         .type = MSG_WELCOME,
	         .welcome = {.proto = 1, .epoch = 7, .heartbeat_ms = 200, .resume_from = w->resume_from, .spread_ms = 1, .now_us = clock_wall_us()}});
}

static void on_report(struct world *w, const struct hub_event *ev)
{
	if (w->n_reports < ROWS_MAX)
		w->reports[w->n_reports++] = ev->msg.report.seq;
	if (!w->hold_acks)
		tell(w, ev->session, &(struct msg){.type = MSG_REPORT_ACK, .report_ack = {.seq = ev->msg.report.seq}});
}

static void on_command(struct world *w, const struct hub_event *ev)
{
	const char *columns[] = {"key", "value"}, *cells[] = {"agents", "1"};
	struct link_row row = {.cells = cells, .n_cells = 2};
	w->commands++;
	tell(w, ev->session,
	     &(struct msg){.type = MSG_REPLY, .reply = {.id = ev->msg.command.id, .columns = columns, .n_columns = 2, .rows = &row, .n_rows = 1}});
	tell(w, ev->session, &(struct msg){.type = MSG_REPLY, .reply = {.id = ev->msg.command.id, .last = true, .message = "pong"}});
}

static void on_hub_message(struct world *w, const struct hub_event *ev)
{
	switch (ev->msg.type) {
	case MSG_HELLO:
		on_hello(w, ev);
		break;
	case MSG_TARGETS:
		w->targets_seen += (unsigned)ev->msg.targets.n_targets;
		break;
	case MSG_HEARTBEAT:
		w->heartbeats++;
		break;
	case MSG_REPORT:
		on_report(w, ev);
		break;
	case MSG_COMMAND:
		on_command(w, ev);
		break;
	default:
		break;
	}
}

static int on_hub(zloop_t *loop, zsock_t *s, void *arg)
{
	(void)loop, (void)s;
	struct world *w = arg;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct hub_event ev;
	struct err e = ERR_INIT;
	assert_int_equal(hub_recv(w->hub, a, &ev, &e), 0);
	switch (ev.type) {
	case HUB_MESSAGE:
		on_hub_message(w, &ev);
		break;
	case HUB_GONE:
		w->gones++;
		w->gone_session = ev.session;
		break;
	case HUB_STORED:
		w->stored++;
		break;
	}
	return 0;
}

/* ---- the agent ---- */

static void on_up(void *arg, const struct msg_welcome *m)
{
	(void)m;
	((struct world *)arg)->ups++;
}

static void on_down(void *arg, const char *why)
{
	struct world *w = arg;
	w->downs++;
	str_copy(w->why, sizeof w->why, why);
}

static void on_message(void *arg, const struct msg *m)
{
	((struct world *)arg)->offers += m->type == MSG_OFFER;
}

static void on_load(void *arg, struct msg_heartbeat *ret)
{
	(void)arg;
	ret->running = 1;
}

static void on_fetched(void *arg, const uint8_t hash[DIGEST_SIZE], bool ok, const char *why)
{
	(void)hash;
	struct world *w = arg;
	w->fetched += ok;
	w->fetch_failed += !ok;
	str_copy(w->why, sizeof w->why, why);
}

/* ---- set-up ---- */

static void make_key(struct world *w, const char *name, struct curve_key *ret)
{
	struct err e = ERR_INIT;
	assert_int_equal(curve_key_generate(in(w, name), &e), 0);
	assert_int_equal(curve_key_load(in(w, name), ret, &e), 0);
}

static void start_hub(struct world *w, const char *ctrl, const char *blob)
{
	struct err e = ERR_INIT;
	char key[256], blobs[256];
	snprintf(key, sizeof key, "%s/controller.key", w->dir);
	snprintf(blobs, sizeof blobs, "%s/served", w->dir);
	struct hub_config c = {.ctrl_endpoint = ctrl, .blob_endpoint = blob, .curve_key_file = key, .blob_dir = blobs, .max_peers = 100};
	if (hub_new(&c, w->principals, 2, &w->hub, &e) != 0)
		fail_msg("%s", e.msg);
	zloop_reader(w->loop, zactor_sock(w->hub), on_hub, w);
}

static void stop_hub(struct world *w)
{
	if (w->hub)
		zloop_reader_end(w->loop, zactor_sock(w->hub));
	hub_destroy(&w->hub);
}

static int setup(void **state)
{
	struct world *w = mem_alloc(sizeof *w);
	struct err e = ERR_INIT;
	struct curve_key controller = {0};
	str_copy(w->dir, sizeof w->dir, "/tmp/rollcall-link.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->loop = zloop_new();
	zloop_set_verbose(w->loop, false);
	make_key(w, "controller.key", &controller);
	make_key(w, "agent.key", &w->agent_key);
	make_key(w, "other.key", &w->other_key);
	make_key(w, "operator.key", &w->operator_key);
	curve_key_done(&controller);
	w->principals[0] = (struct principal){.kind = LINK_AGENT, .name = "eu-1"};
	w->principals[1] = (struct principal){.kind = LINK_OPERATOR, .name = "olga", .role = "operator"};
	w->principals[2] = (struct principal){.kind = LINK_AGENT, .name = "us-1"};
	str_copy(w->principals[0].curve_key, 41, w->agent_key.public_text);
	str_copy(w->principals[1].curve_key, 41, w->operator_key.public_text);
	str_copy(w->principals[2].curve_key, 41, w->other_key.public_text);
	assert_int_equal(sign_key_generate(&w->report_key, &e), 0);
	assert_int_equal(journal_open(in(w, "journal.db"), &w->journal, &e), 0);
	assert_int_equal(file_make_dirs(in(w, "served"), 0700, &e), 0);
	assert_int_equal(file_make_dirs(in(w, "kept"), 0700, &e), 0);
	w->target = (struct target){.id = "eu/pg1/shop1", .engine = "postgresql"};
	w->targets[0] = &w->target;
	start_hub(w, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
	w->controller_keys[0] = hub_public_key(w->hub);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	uplink_destroy(&w->uplink);
	fetch_destroy(&w->fetch);
	stop_hub(w);
	zloop_destroy(&w->loop);
	journal_close(&w->journal);
	sign_key_destroy(&w->report_key);
	curve_key_done(&w->agent_key);
	curve_key_done(&w->other_key);
	curve_key_done(&w->operator_key);
	assert_int_equal(file_remove_tree(w->dir, &e), 0);
	free(w);
	return 0;
}

static void start_agent(struct world *w, const struct curve_key *key)
{
	static char endpoint[256];
	struct err e = ERR_INIT;
	str_copy(endpoint, sizeof endpoint, hub_ctrl_endpoint(w->hub));
	struct uplink_settings s = {
	    .agent = "eu-1",
	    .agent_version = "0.1.0",
	    .endpoint = endpoint,
	    .controller_keys = w->controller_keys,
	    .n_controller_keys = 1,
	    .key = key,
	    .report_key = w->report_key,
	    .certificate = bytes_of_str("certificate"),
	    .targets = w->targets,
	    .n_targets = 1,
	    .retry_min_ms = 50,
	    .retry_max_ms = 200,
	};
	struct uplink_handler h = {.up = on_up, .down = on_down, .message = on_message, .load = on_load, .arg = w};
	assert_int_equal(uplink_new(w->loop, w->journal, &s, &h, &w->uplink, &e), 0);
}

static int check_until(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	struct world *w = arg;
	return w->until(w) || clock_mono_us() > w->end_us ? -1 : 0;
}

/* Turns the loop until the condition holds; the test fails when it does not in time. */
static bool run_for(struct world *w, bool (*until)(struct world *w), uint32_t ms)
{
	w->until = until;
	w->end_us = clock_mono_us() + (int64_t)ms * 1000;
	int timer = zloop_timer(w->loop, 5, 0, check_until, w);
	zloop_start(w->loop);
	zloop_timer_end(w->loop, timer);
	return until(w);
}
#define run(w, until) assert_true(run_for((w), (until), WAIT_MS))

static bool never(struct world *w)
{
	(void)w;
	return false;
}
static bool is_connected(struct world *w)
{
	return w->ups >= 1 && w->targets_seen >= 1 && w->heartbeats >= 3;
}
static bool is_down(struct world *w)
{
	return w->downs >= 1;
}
static bool is_up_again(struct world *w)
{
	return w->ups >= 2;
}

static void test_agent_connects(void **state)
{
	struct world *w = *state;
	start_agent(w, &w->agent_key);
	run(w, is_connected);
	assert_int_equal(w->hellos, 1);
	assert_true(w->signature_ok);
	assert_int_equal(uplink_max_epoch(w->uplink), 7);
	assert_int_equal(hub_violations(), 0);
}

static void test_unknown_key_is_refused(void **state)
{
	struct world *w = *state;
	start_agent(w, &w->other_key);
	assert_false(run_for(w, is_connected, 700));
	assert_int_equal(w->hellos, 0);
	struct err e = ERR_INIT;
	assert_int_equal(hub_set_principals(w->hub, w->principals, 3, &e), 0);
	assert_false(run_for(w, is_connected, 700)); /* admitted now, but not under the name of another agent */
	assert_int_equal(w->hellos, 0);
	assert_true(hub_violations() > 0);
}

static void test_revoked_key_is_cut_off(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	start_agent(w, &w->agent_key);
	run(w, is_connected);
	assert_int_equal(hub_set_principals(w->hub, w->principals + 1, 1, &e), 0);
	run(w, is_down);
	assert_string_equal(w->why, "it refused this agent: revoked: this key is not admitted any more");
	assert_int_equal(w->gones, 1);
	assert_false(run_for(w, is_up_again, 500));
}

/* ---- a hostile peer with a known key ---- */

static zsock_t *hostile(struct world *w, const struct curve_key *key, const char *routing_id)
{
	struct err e = ERR_INIT;
	zsock_t *s = NULL;
	assert_int_equal(link_socket_client(LINK_CTRL_DEALER, key, hub_public_key(w->hub), &s, &e), 0);
	if (routing_id)
		zmq_setsockopt(zsock_resolve(s), ZMQ_ROUTING_ID, routing_id, strlen(routing_id));
	assert_int_equal(zsock_connect(s, "%s", hub_ctrl_endpoint(w->hub)), 0);
	zsock_set_sndtimeo(s, 3000);
	return s;
}

static void send_parts(zsock_t *s, const struct bytes *parts, size_t n)
{
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

static unsigned long expected_violations;
static bool has_violations(struct world *w)
{
	(void)w;
	return hub_violations() >= expected_violations;
}

static void test_routing_id_of_another_does_nothing(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf hello = BUF_INIT;
	uint8_t head[LINK_HEADER_SIZE];
	start_agent(w, &w->agent_key);
	run(w, is_connected);
	assert_int_equal(hub_set_principals(w->hub, w->principals, 3, &e), 0);
	AUTO(zsock_destroy) zsock_t *thief = hostile(w, &w->other_key, "eu-1");
	hello_body("us-1", 1, &hello);
	send_parts(thief, (struct bytes[]){header_bytes(head, MSG_HELLO, 0, 1, hello.n), buf_bytes(&hello)}, 2);
	expected_violations = 1;
	run(w, has_violations);
	assert_int_equal(w->hellos, 1);
	assert_int_equal(w->downs, 0);
	assert_true(uplink_is_up(w->uplink));
}

static void test_broken_frames_are_dropped_and_counted(void **state)
{
	struct world *w = *state;
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
		run(w, has_violations);
	}
	assert_int_equal(hub_violations(), ARRAY_LEN(cases));
	assert_int_equal(w->hellos, 0);
}

static void test_garbage_body_ends_the_session(void **state)
{
	struct world *w = *state;
	uint8_t head[LINK_HEADER_SIZE];
	AUTO(zsock_destroy) zsock_t *peer = hostile(w, &w->agent_key, NULL);
	for (unsigned i = 0; i < 200; i++) {
		uint8_t body[64];
		for (size_t k = 0; k < sizeof body; k++)
			body[k] = (uint8_t)(i * 31 + k * 17 + (i ^ k));
		send_parts(peer, (struct bytes[]){header_bytes(head, MSG_HELLO, 0, 1, sizeof body), bytes_of(body, sizeof body)}, 2);
	}
	expected_violations = 200;
	run(w, has_violations);
	assert_int_equal(w->hellos, 0);
	start_agent(w, &w->agent_key); /* an honest one still gets in */
	run(w, is_connected);
}

static bool has_two_hellos(struct world *w)
{
	return w->hellos >= 2;
}
static bool is_gone(struct world *w)
{
	return w->gones >= 1;
}

static void test_newer_session_replaces_the_older(void **state)
{
	struct world *w = *state;
	AUTO(buf_done) struct buf hello = BUF_INIT;
	uint8_t head[LINK_HEADER_SIZE];
	start_agent(w, &w->agent_key);
	run(w, is_connected);
	uint64_t first = w->session;
	hello_body("eu-1", 1000, &hello);
	AUTO(zsock_destroy) zsock_t *newer = hostile(w, &w->agent_key, NULL);
	send_parts(newer, (struct bytes[]){header_bytes(head, MSG_HELLO, 0, 1, hello.n), buf_bytes(&hello)}, 2);
	run(w, has_two_hellos);
	run(w, is_down);
	assert_string_equal(w->why, "it refused this agent: replaced: a newer session of this agent took over");
	run(w, is_gone);
	assert_int_equal(w->gone_session, first);
}

static void test_same_counter_twice_holds_both(void **state)
{
	struct world *w = *state;
	AUTO(buf_done) struct buf hello = BUF_INIT;
	uint8_t head[LINK_HEADER_SIZE];
	start_agent(w, &w->agent_key);
	run(w, is_connected);
	hello_body("eu-1", 1, &hello); /* the agent's own first counter */
	AUTO(zsock_destroy) zsock_t *clone = hostile(w, &w->agent_key, NULL);
	send_parts(clone, (struct bytes[]){header_bytes(head, MSG_HELLO, 0, 1, hello.n), buf_bytes(&hello)}, 2);
	run(w, is_down);
	assert_string_equal(w->why, "it refused this agent: cloned: another agent runs with this one's keys and journal");
	assert_int_equal(w->hellos, 1);
}

static void test_reconnects_after_the_hub_restarts(void **state)
{
	struct world *w = *state;
	char ctrl[256], blob[256];
	start_agent(w, &w->agent_key);
	run(w, is_connected);
	str_copy(ctrl, sizeof ctrl, hub_ctrl_endpoint(w->hub));
	str_copy(blob, sizeof blob, hub_blob_endpoint(w->hub));
	stop_hub(w);
	run(w, is_down);
	assert_false(run_for(w, never, 300));
	start_hub(w, ctrl, blob);
	run(w, is_up_again);
	assert_int_equal(w->hellos, 2);
}

/* ---- reports ---- */

static int seal(void *arg, const struct report *r, struct buf *ret, struct err *e)
{
	(void)arg, (void)e;
	buf_addf(ret, "report %llu", (unsigned long long)r->report_seq);
	return 0;
}

static void add_reports(struct world *w, unsigned n)
{
	struct err e = ERR_INIT;
	for (unsigned i = 0; i < n; i++) {
		struct report r = {.agent = "eu-1", .target = "eu/pg1/shop1", .attempt = 1};
		if (journal_finish(w->journal, &r, seal, NULL, &e) != 0)
			fail_msg("%s", e.msg);
	}
}

static bool has_40_reports(struct world *w)
{
	return w->n_reports >= 40;
}
static bool has_32_reports(struct world *w)
{
	return w->n_reports >= 32;
}
static bool all_acked(struct world *w)
{
	return journal_first_unacked(w->journal) == 41;
}

static void test_reports_are_resent_until_acked(void **state)
{
	struct world *w = *state;
	add_reports(w, 40);
	w->hold_acks = true;
	start_agent(w, &w->agent_key);
	run(w, has_32_reports);
	assert_false(run_for(w, never, 300));
	assert_int_equal(w->n_reports, 32); /* the window is full */
	assert_int_equal(journal_first_unacked(w->journal), 1);
	char ctrl[256], blob[256];
	str_copy(ctrl, sizeof ctrl, hub_ctrl_endpoint(w->hub));
	str_copy(blob, sizeof blob, hub_blob_endpoint(w->hub));
	stop_hub(w);
	w->n_reports = 0;
	w->hold_acks = false;
	start_hub(w, ctrl, blob);
	run(w, has_40_reports);
	run(w, all_acked);
	assert_false(run_for(w, never, 200));
	assert_int_equal(w->n_reports, 40);
	for (size_t i = 0; i < w->n_reports; i++)
		assert_int_equal(w->reports[i], i + 1);
}

static bool has_5_reports(struct world *w)
{
	return w->n_reports >= 5;
}

static void test_resume_from_is_obeyed(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	add_reports(w, 15);
	assert_int_equal(journal_acked(w->journal, 15, &e), 0);
	w->resume_from = 10; /* a restored controller asks again for what was acknowledged */
	start_agent(w, &w->agent_key);
	run(w, has_5_reports);
	assert_int_equal(w->reports[0], 11);
	assert_int_equal(w->reports[4], 15);
}

/* ---- blobs ---- */

static void start_fetch(struct world *w)
{
	static char dir[256], endpoint[256];
	str_copy(dir, sizeof dir, in(w, "kept"));
	str_copy(endpoint, sizeof endpoint, hub_blob_endpoint(w->hub));
	struct fetch_settings s = {.endpoint = endpoint,
	                           .controller_keys = w->controller_keys,
	                           .n_controller_keys = 1,
	                           .key = &w->agent_key,
	                           .dir = dir,
	                           .retry_min_ms = 20,
	                           .retry_max_ms = 100};
	w->fetch = fetch_new(w->loop, &s, on_fetched, w);
}

static void make_blob(size_t n, struct buf *ret)
{
	for (size_t i = 0; i < n; i++)
		buf_addc(ret, (char)(i * 7 + i / 251));
}

static bool has_fetched(struct world *w)
{
	return w->fetched >= 1;
}
static bool has_failed(struct world *w)
{
	return w->fetch_failed >= 1;
}

static void test_blob_is_pulled_in_chunks(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf data = BUF_INIT;
	uint8_t hash[DIGEST_SIZE];
	make_blob(7 * LIMIT_CHUNK + 12345, &data);
	assert_int_equal(blobs_put(in(w, "served"), buf_bytes(&data), hash, &e), 0);
	start_fetch(w);
	fetch_want(w->fetch, hash, data.n);
	run(w, has_fetched);
	assert_true(blobs_has(in(w, "kept"), hash, NULL));
}

static void test_altered_blob_is_refused(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf data = BUF_INIT;
	uint8_t hash[DIGEST_SIZE], wrong[DIGEST_SIZE];
	char name[512], hex[DIGEST_HEX_SIZE];
	make_blob(1000, &data);
	digest_sha256(buf_bytes(&data), hash);
	data.p[500] ^= 1;
	assert_int_equal(blobs_put(in(w, "served"), buf_bytes(&data), wrong, &e), 0);
	char from[512], wrong_hex[DIGEST_HEX_SIZE];
	snprintf(from, sizeof from, "%s/served/%s", w->dir, bytes_to_hex(bytes_of(wrong, DIGEST_SIZE), wrong_hex));
	snprintf(name, sizeof name, "%s/served/%s", w->dir, bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex));
	assert_int_equal(rename(from, name), 0);
	start_fetch(w);
	fetch_want(w->fetch, hash, data.n);
	run(w, has_failed);
	assert_string_equal(w->why, "the bytes do not have the hash that was asked for");
	assert_false(blobs_has(in(w, "kept"), hash, NULL));
}

static void test_blob_of_another_size_is_refused(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf data = BUF_INIT;
	uint8_t hash[DIGEST_SIZE];
	make_blob(3 * LIMIT_CHUNK, &data);
	assert_int_equal(blobs_put(in(w, "served"), buf_bytes(&data), hash, &e), 0);
	start_fetch(w);
	fetch_want(w->fetch, hash, 1000); /* the offer said less: nothing beyond is taken */
	run(w, has_failed);
	assert_string_equal(w->why, "the blob has another size than the offer said");
}

static void test_missing_blob_fails(void **state)
{
	struct world *w = *state;
	static const uint8_t hash[DIGEST_SIZE] = {1};
	start_fetch(w);
	fetch_want(w->fetch, hash, 1000);
	run(w, has_failed);
	assert_string_equal(w->why, "no such blob here");
}

/* ---- operators ---- */

struct operator_run {
	struct operator_config config;
	char ctrl[256], blob[256], key[256];
	struct bytes upload;
	struct err e;
	int rc;
	unsigned replies;
	char message[64];
	atomic_bool done;
};

static int on_reply(void *arg, const struct msg_reply *r, struct err *e)
{
	(void)e;
	struct operator_run *o = arg;
	o->replies++;
	str_copy(o->message, sizeof o->message, r->message);
	return 0;
}

static int operate(struct operator_run *o)
{
	AUTO(operator_close) struct operator_link *l = NULL;
	uint8_t hash[DIGEST_SIZE];
	if (operator_connect(&o->config, &l, &o->e) != 0)
		return -1;
	if (o->upload.n && operator_put(l, o->upload, hash, &o->e) != 0)
		return -1;
	struct msg_command ping = {.verb = VERB_PING};
	for (int i = 0; i < 2; i++)
		if (operator_ask(l, &ping, on_reply, o, &o->e) != 0)
			return -1;
	return 0;
}

static void *operator_thread(void *arg)
{
	struct operator_run *o = arg;
	o->rc = operate(o);
	atomic_store(&o->done, true);
	return NULL;
}

static struct operator_run *the_operator;
static bool operator_done(struct world *w)
{
	(void)w;
	return atomic_load(&the_operator->done);
}

static void run_operator(struct world *w, struct operator_run *o, const char *key_name)
{
	pthread_t t;
	str_copy(o->ctrl, sizeof o->ctrl, hub_ctrl_endpoint(w->hub));
	str_copy(o->blob, sizeof o->blob, hub_blob_endpoint(w->hub));
	str_copy(o->key, sizeof o->key, in(w, key_name));
	o->config.ctrl_endpoint = o->ctrl;
	o->config.blob_endpoint = o->blob;
	if (!o->config.controller_key)
		o->config.controller_key = hub_public_key(w->hub);
	o->config.curve_key_file = o->key;
	o->config.timeout_ms = 3000;
	the_operator = o;
	assert_int_equal(pthread_create(&t, NULL, operator_thread, o), 0);
	run(w, operator_done);
	pthread_join(t, NULL);
}

static void test_operator_asks_and_uploads(void **state)
{
	struct world *w = *state;
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct operator_run o = {0};
	uint8_t hash[DIGEST_SIZE];
	make_blob(6 * LIMIT_CHUNK + 5, &data);
	o.upload = buf_bytes(&data);
	run_operator(w, &o, "operator.key");
	if (o.rc != 0)
		fail_msg("%s", o.e.msg);
	assert_int_equal(o.replies, 4);
	assert_string_equal(o.message, "pong");
	assert_int_equal(w->stored, 1);
	digest_sha256(o.upload, hash);
	assert_true(blobs_has(in(w, "served"), hash, NULL));
	assert_int_equal(hub_violations(), 0);
}

static void test_viewer_may_not_upload(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct operator_run o = {.upload = bytes_of_str("blob")};
	str_copy(w->principals[1].role, sizeof w->principals[1].role, "viewer");
	assert_int_equal(hub_set_principals(w->hub, w->principals, 2, &e), 0);
	run_operator(w, &o, "operator.key");
	assert_int_equal(o.rc, -1);
	assert_non_null(strstr(o.e.msg, "refused the upload: uploads need the role operator or admin"));
	assert_int_equal(o.e.code, ERR_POLICY);
}

static void test_operator_errors_say_what_to_do(void **state)
{
	struct world *w = *state;
	struct operator_run unknown = {0}, impostor = {.config = {.controller_key = w->other_key.public_text}}, nobody = {0};
	char expected[512];
	run_operator(w, &unknown, "other.key");
	snprintf(expected, sizeof expected, "controller at %s refused our key: have its administrator list %s as an operator", hub_ctrl_endpoint(w->hub),
	         w->other_key.public_text);
	assert_string_equal(unknown.e.msg, expected);
	assert_int_equal(unknown.e.code, ERR_LINK);
	run_operator(w, &impostor, "operator.key");
	snprintf(expected, sizeof expected, "what answers at %s is not the controller with the key %s: check the address and the controller's key",
	         hub_ctrl_endpoint(w->hub), w->other_key.public_text);
	assert_string_equal(impostor.e.msg, expected);
	nobody.config = (struct operator_config){.ctrl_endpoint = "tcp://127.0.0.1:1",
	                                         .blob_endpoint = "tcp://127.0.0.1:1",
	                                         .controller_key = hub_public_key(w->hub),
	                                         .curve_key_file = in(w, "operator.key"),
	                                         .timeout_ms = 2000};
	assert_int_equal(operate(&nobody), -1);
	assert_string_equal(nobody.e.msg,
	                    "controller at tcp://127.0.0.1:1 cannot be reached: check the address, and that rollcall-controller runs there");
}

int main(void)
{
	zsys_handler_set(NULL);
	zsys_init();
	log_open("link_test", getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_agent_connects),
	    CASE(test_unknown_key_is_refused),
	    CASE(test_revoked_key_is_cut_off),
	    CASE(test_routing_id_of_another_does_nothing),
	    CASE(test_broken_frames_are_dropped_and_counted),
	    CASE(test_garbage_body_ends_the_session),
	    CASE(test_newer_session_replaces_the_older),
	    CASE(test_same_counter_twice_holds_both),
	    CASE(test_reconnects_after_the_hub_restarts),
	    CASE(test_reports_are_resent_until_acked),
	    CASE(test_resume_from_is_obeyed),
	    CASE(test_blob_is_pulled_in_chunks),
	    CASE(test_altered_blob_is_refused),
	    CASE(test_blob_of_another_size_is_refused),
	    CASE(test_missing_blob_fails),
	    CASE(test_operator_asks_and_uploads),
	    CASE(test_viewer_may_not_upload),
	    CASE(test_operator_errors_say_what_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
