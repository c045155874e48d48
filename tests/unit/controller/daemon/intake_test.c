/* Events on their way from the hub to the brain: in order, in bounded batches, each report's signature checked before it comes out. The hub is an actor that says what it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/link/handover.h"
#include "controller/daemon/intake.h"
#include "controller/link/hub_state.h"
#include "tests/support/brain_fixture.h"

#define MANY     1500
#define BEATS    8
#define PAUSE_MS 2
#define TRIES    10 /* a busy machine adds to a pause: of so many one must be as it should */

/* What the hub says: heartbeats with pauses, so many accepts, their attempts counted from 1, and behind them a report when there is one. */
struct script {
	size_t n_beats, n_accepts;
	uint64_t session;
	const struct msg_report *report;
};

static void say(zsock_t *pipe, const struct script *s, const struct msg *m)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	const struct hub_head head = {.type = HUB_MESSAGE, .msg_type = m->type, .from = {.kind = LINK_AGENT}, .session = s->session};
	msg_encode(m, &body);
	zmq_send(zsock_resolve(pipe), &head, sizeof head, ZMQ_SNDMORE);
	zmq_send(zsock_resolve(pipe), body.p, body.n, 0);
}

static void hub(zsock_t *pipe, void *arg)
{
	const struct script *s = arg;
	zsock_signal(pipe, 0); /* what follows are events */
	for (size_t i = 0; i < s->n_beats; i++) {
		say(pipe, s, &(struct msg){.type = MSG_HEARTBEAT});
		clock_sleep_ms(PAUSE_MS);
	}
	for (size_t i = 0; i < s->n_accepts; i++)
		say(pipe, s, &(struct msg){.type = MSG_ACCEPT, .task = {.attempt = (uint32_t)i + 1}});
	if (s->report)
		say(pipe, s, &(struct msg){.type = MSG_REPORT, .report = *s->report});
	char *term = zstr_recv(pipe);
	zstr_free(&term);
	handover_give(arg);
}

struct scene {
	struct brain_fixture f;
	struct msg_report report;
	struct script script;
	zactor_t *hub;
	struct intake *in;
	const struct hub_event *events;
	size_t n;
};

static void scene_beats(struct scene *s, size_t n_beats, size_t n_accepts, size_t workers)
{
	uint8_t digest[DIGEST_SIZE];
	*s = (struct scene){0};
	brain_fixture_canary(&s->f, digest);
	const struct msg_offer o = brain_fixture_offer(&s->f, "eu/pg1/a");
	s->report = brain_fixture_report(&s->f, &o, digest, OUTCOME_APPLIED);
	s->script = (struct script){.n_beats = n_beats, .n_accepts = n_accepts, .session = s->f.agent.session, .report = &s->report};
	s->hub = zactor_new(hub, &s->script);
	s->in = intake_new(s->hub, workers);
}

static void scene_begin(struct scene *s, size_t n_accepts, size_t workers)
{
	scene_beats(s, 0, n_accepts, workers);
}

static void scene_end(struct scene *s)
{
	intake_destroy(&s->in);
	zactor_destroy(&s->hub);
	handover_take(&s->script);
	brain_fixture_done(&s->f);
}

static void next(struct scene *s, bool readable)
{
	struct err e = ERR_INIT;
	assert_int_equal(intake_next(s->in, s->f.brain, readable, &s->events, &s->n, &e), 0);
}

/* Everything, however it is cut: the accepts in order, then the report, found good. */
static void take_all(struct scene *s)
{
	size_t seen = 0;
	for (size_t calls = 0; seen < s->script.n_accepts + 1; calls++) {
		assert_true(calls < 10000);
		zmq_pollitem_t item = {.socket = zsock_resolve(s->hub), .events = ZMQ_POLLIN};
		next(s, zmq_poll(&item, 1, intake_is_ahead(s->in) ? 0 : 5000) > 0);
		assert_true(s->n <= 1024);
		for (size_t i = 0; i < s->n; i++, seen++) {
			const struct hub_event *ev = &s->events[i];
			assert_int_equal(ev->msg.type, seen < s->script.n_accepts ? MSG_ACCEPT : MSG_REPORT);
			if (ev->msg.type == MSG_ACCEPT)
				assert_int_equal(ev->msg.task.attempt, seen + 1);
			else
				assert_true(ev->checked);
		}
	}
	next(s, false);
	assert_int_equal(s->n, 0);
	assert_false(intake_is_ahead(s->in));
}

static void test_one_batch_comes_out_a_call_later(void **state)
{
	(void)state;
	struct scene s;
	scene_begin(&s, 0, 1);
	zmq_pollitem_t item = {.socket = zsock_resolve(s.hub), .events = ZMQ_POLLIN};
	assert_int_equal(zmq_poll(&item, 1, 5000), 1);
	next(&s, true);
	assert_int_equal(s.n, 0);
	assert_true(intake_is_ahead(s.in));
	next(&s, false);
	assert_int_equal(s.n, 1);
	assert_true(s.events[0].checked);
	assert_false(intake_is_ahead(s.in));
	scene_end(&s);
}

static void test_order_is_kept_over_batches(void **state)
{
	(void)state;
	for (size_t workers = 0; workers < 2; workers++) {
		struct scene s;
		scene_begin(&s, MANY, workers);
		take_all(&s);
		scene_end(&s);
	}
}

/* In one batch, with what somebody waits for: the report ends the waiting. */
static void test_heartbeats_share_a_batch(void **state)
{
	(void)state;
	size_t most = 0;
	for (int i = 0; i < TRIES && most < BEATS + 1; i++) {
		struct scene s;
		scene_beats(&s, BEATS, 0, 0);
		zmq_pollitem_t item = {.socket = zsock_resolve(s.hub), .events = ZMQ_POLLIN};
		assert_int_equal(zmq_poll(&item, 1, 5000), 1);
		next(&s, true);
		next(&s, false);
		most = s.n > most ? s.n : most;
		scene_end(&s);
	}
	assert_int_equal(most, BEATS + 1);
}

/* The process ends while signatures are being checked: nobody looks at what is gone. */
static void test_ends_with_a_batch_ahead(void **state)
{
	(void)state;
	struct scene s;
	scene_begin(&s, 200, 2);
	zmq_pollitem_t item = {.socket = zsock_resolve(s.hub), .events = ZMQ_POLLIN};
	assert_int_equal(zmq_poll(&item, 1, 5000), 1);
	next(&s, true);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_batch_comes_out_a_call_later),
	    cmocka_unit_test(test_order_is_kept_over_batches),
	    cmocka_unit_test(test_heartbeats_share_a_batch),
	    cmocka_unit_test(test_ends_with_a_batch_ahead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
