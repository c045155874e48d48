/* Hub, agent's link and a played brain. */
#include "tests/support/link_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/wire/hello.h"
#include "common/wire/limits.h"

const char *link_file(struct link_world *w, const char *name)
{
	snprintf(w->path, sizeof w->path, "%s/%s", w->dir, name);
	return w->path;
}

/* ---- the brain ---- */

static void tell(struct link_world *w, uint64_t session, const struct msg *m)
{
	struct err e = ERR_INIT;
	assert_int_equal(hub_send(w->hub, session, 7, m, &e), 0);
}

static void on_hello(struct link_world *w, const struct hub_event *ev)
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
	clock_sleep_ms(w->welcome_after_ms);
	tell(w, ev->session,
	     &(struct msg){.type = MSG_WELCOME,
	                   .welcome = {.proto = w->proto ? w->proto : LINK_PROTO,
	                               .epoch = 7,
	                               .heartbeat_ms = w->heartbeat_ms ? w->heartbeat_ms : 200,
	                               .resume_from = w->resume_from,
	                               .spread_ms = 1,
	                               .now_us = clock_wall_us()}});
}

static void on_report(struct link_world *w, const struct hub_event *ev)
{
	if (w->n_reports < LINK_REPORTS_MAX)
		w->reports[w->n_reports++] = ev->msg.report.seq;
	if (!w->hold_acks)
		tell(w, ev->session, &(struct msg){.type = MSG_REPORT_ACK, .report_ack = {.seq = ev->msg.report.seq}});
}

static void on_command(struct link_world *w, const struct hub_event *ev)
{
	const char *columns[] = {"key", "value"}, *cells[] = {"agents", "1"};
	struct link_row row = {.cells = cells, .n_cells = 2};
	w->commands++;
	tell(w, ev->session,
	     &(struct msg){.type = MSG_REPLY, .reply = {.id = ev->msg.command.id, .columns = columns, .n_columns = 2, .rows = &row, .n_rows = 1}});
	tell(w, ev->session, &(struct msg){.type = MSG_REPLY, .reply = {.id = ev->msg.command.id, .last = true, .message = "pong"}});
}

static void on_hub_message(struct link_world *w, const struct hub_event *ev)
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
		w->told_us = ev->msg.heartbeat.wall_us;
		break;
	case MSG_REPORT:
		on_report(w, ev);
		break;
	case MSG_COMMAND:
		on_command(w, ev);
		break;
	case MSG_ENROL_REQ:
	case MSG_ENROL_POLL:
		w->strangers++;
		tell(w, ev->session, &(struct msg){.type = MSG_ENROL_DENY, .deny = {.code = "policy", .message = "not here"}});
		break;
	default:
		break;
	}
}

static int on_hub(zloop_t *loop, zsock_t *s, void *arg)
{
	(void)loop, (void)s;
	struct link_world *w = arg;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct hub_event ev;
	struct err e = ERR_INIT;
	bool some = false;
	assert_int_equal(hub_recv(w->hub, a, &ev, &some, &e), 0);
	assert_true(some);
	switch (ev.type) {
	case HUB_MESSAGE:
		on_hub_message(w, &ev);
		break;
	case HUB_GONE:
		w->gones++;
		w->gone_session = ev.session;
		break;
	case HUB_CLONED:
		w->clones++;
		break;
	case HUB_STARTED: /* of gateways only */
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
	((struct link_world *)arg)->ups++;
}

static void on_down(void *arg, const char *at, const char *why, bool was_up)
{
	struct link_world *w = arg;
	(void)at;
	if (!was_up)
		return;
	w->downs++;
	str_copy(w->why, sizeof w->why, why);
}

static void on_refused(void *arg, const char *code)
{
	str_copy(((struct link_world *)arg)->code, sizeof((struct link_world *)arg)->code, code);
}

static void on_message(void *arg, const struct msg *m)
{
	((struct link_world *)arg)->offers += m->type == MSG_OFFER;
}

static void on_load(void *arg, struct msg_heartbeat *ret)
{
	(void)arg;
	ret->running = 1;
}

static void on_fetched(void *arg, const uint8_t hash[DIGEST_SIZE], bool ok, const char *why)
{
	(void)hash;
	struct link_world *w = arg;
	w->fetched += ok;
	w->fetch_failed += !ok;
	str_copy(w->why, sizeof w->why, why);
}

static void on_marked(void *arg, const struct fetch_mark *m, bool alone)
{
	(void)alone;
	struct link_world *w = arg;
	w->marked++;
	str_copy(w->marked_address, sizeof w->marked_address, m->address);
	str_copy(w->why, sizeof w->why, m->why);
}

void link_start_fetch(struct link_world *w, const char *first)
{
	static char dir[256], hub[256]; /* borrowed by the fetch */
	static const char *also[] = {hub};
	str_copy(dir, sizeof dir, link_file(w, "kept"));
	str_copy(hub, sizeof hub, hub_blob_endpoint(w->hub));
	const struct fetch_settings set = {.endpoint = first ? first : hub,
	                                   .also = also,
	                                   .n_also = first ? 1 : 0,
	                                   .controller_keys = w->controller_keys,
	                                   .n_controller_keys = 1,
	                                   .key = &w->agent_key,
	                                   .dir = dir,
	                                   .retry_min_ms = 20,
	                                   .retry_max_ms = 100};
	w->fetch = fetch_new(w->loop, &set, on_fetched, on_marked, w);
}

bool link_has_fetched(struct link_world *w)
{
	return w->fetched >= 1;
}

/* ---- set-up ---- */

static void make_key(struct link_world *w, const char *name, struct curve_key *ret)
{
	struct err e = ERR_INIT;
	assert_int_equal(curve_key_generate(link_file(w, name), &e), 0);
	assert_int_equal(curve_key_load(link_file(w, name), ret, &e), 0);
}

void link_start_hub(struct link_world *w, const char *ctrl, const char *blob)
{
	struct err e = ERR_INIT;
	char key[256], blobs[256];
	snprintf(key, sizeof key, "%s/controller.key", w->dir);
	snprintf(blobs, sizeof blobs, "%s/served", w->dir);
	struct hub_config c = {.ctrl_endpoint = ctrl,
	                       .blob_endpoint = blob,
	                       .curve_key_file = key,
	                       .blob_dir = blobs,
	                       .max_peers = 100,
	                       .enrol_endpoint = w->no_enrolment ? NULL : "tcp://127.0.0.1:*",
	                       .memory_limit = w->memory_limit};
	int64_t end_us = clock_mono_us() + LINK_WAIT_MS * 1000;
	while (hub_new(&c, w->principals, 2, &w->hub, &e) !=
	       0) { /* libzmq closes a listener some time after its socket: the next one waits for the port */
		if (!strstr(e.msg, "in use") || clock_mono_us() > end_us)
			fail_msg("%s", e.msg);
		clock_sleep_ms(20);
		e = (struct err)ERR_INIT;
	}
	zloop_reader(w->loop, zactor_sock(w->hub), on_hub, w);
}

void link_stop_hub(struct link_world *w)
{
	if (w->hub)
		zloop_reader_end(w->loop, zactor_sock(w->hub));
	hub_destroy(&w->hub);
}

int link_setup(void **state)
{
	struct link_world *w = mem_alloc(sizeof *w);
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
	assert_int_equal(journal_open(link_file(w, "journal.db"), &w->journal, &e), 0);
	assert_int_equal(file_make_dirs(link_file(w, "served"), 0700, &e), 0);
	assert_int_equal(file_make_dirs(link_file(w, "kept"), 0700, &e), 0);
	w->target = (struct target){.id = "eu/pg1/shop1", .engine = "postgresql"};
	w->targets[0] = &w->target;
	link_start_hub(w, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
	w->controller_keys[0] = hub_public_key(w->hub);
	*state = w;
	return 0;
}

int link_teardown(void **state)
{
	struct link_world *w = *state;
	struct err e = ERR_INIT;
	uplink_destroy(&w->uplink);
	fetch_destroy(&w->fetch);
	link_stop_hub(w);
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

void link_start_agent(struct link_world *w, const struct curve_key *key)
{
	static char endpoint[256];
	struct err e = ERR_INIT;
	str_copy(endpoint, sizeof endpoint, w->first ? w->first : hub_ctrl_endpoint(w->hub));
	struct uplink_settings s = {
	    .agent = "eu-1",
	    .agent_version = "0.1.0",
	    .endpoint = endpoint,
	    .also = w->also,
	    .n_also = w->n_also,
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
	struct uplink_handler h = {.up = on_up, .down = on_down, .message = on_message, .refused = on_refused, .load = on_load, .arg = w};
	assert_int_equal(uplink_new(w->loop, w->journal, &s, &h, &w->uplink, &e), 0);
}

static int check_until(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	struct link_world *w = arg;
	return w->until(w) || clock_mono_us() > w->end_us ? -1 : 0;
}

bool link_run_for(struct link_world *w, bool (*until)(struct link_world *w), uint32_t ms)
{
	w->until = until;
	w->end_us = clock_mono_us() + (int64_t)ms * 1000;
	int timer = zloop_timer(w->loop, 5, 0, check_until, w);
	zloop_start(w->loop);
	zloop_timer_end(w->loop, timer);
	return until(w);
}

bool link_never(struct link_world *w)
{
	(void)w;
	return false;
}
