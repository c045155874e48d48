/* The actor around a delivery. Two threads, because a thread that waits in a database call cannot listen:
 *
 *   loop <--pipe--> runner_actor: listens, cancels, looks who blocks <--pipe--> worker: owns the connection and the journal handle, does the delivery
 *
 * They share only the watch, and the progress that is held back. */
#include "agent/apply/runner.h"

#include "agent/apply/deliver.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/link/handover.h"

#define LOOK_EVERY_MS 250
#define BLOCKED_MS    300 /* a statement that runs shorter than this is nobody's worry */
#define SAY_EVERY_US  (LOOK_EVERY_MS * (int64_t)1000)

/* A message a step costs more than a small step does: while the state stays, only the newest step is told, when the listening thread looks up. */
struct held {
	pthread_mutex_t mutex;
	bool waits; /* the fields below were not told yet */
	char state[32], changeset[512];
	uint32_t step, of_steps;
	int64_t said_at_us; /* the worker's own */
};

struct worker_job {
	const struct runner_job *job;
	struct watch *watch;
	struct held held;
	zsock_t *pipe; /* the worker's end */
};

static void send_progress(zsock_t *to, const struct delivery_progress *p)
{
	char step[16], of[16];
	snprintf(step, sizeof step, "%u", p->step);
	snprintf(of, sizeof of, "%u", p->of_steps);
	(void)zstr_sendx(to, "PROGRESS", p->state, p->changeset ? p->changeset : "", step, of, p->detail ? p->detail : "", NULL); /* lossy */
}

/* What has a detail is for a person to read: it is told at once. */
static bool hold(struct held *h, const struct delivery_progress *p)
{
	int64_t now_us = clock_mono_us();
	pthread_mutex_lock(&h->mutex);
	bool holds = !p->detail && str_eq(h->state, p->state) && now_us - h->said_at_us < SAY_EVERY_US;
	str_copy(h->state, sizeof h->state, p->state);
	str_copy(h->changeset, sizeof h->changeset, p->changeset ? p->changeset : "");
	h->step = p->step;
	h->of_steps = p->of_steps;
	h->waits = holds;
	pthread_mutex_unlock(&h->mutex);
	if (!holds)
		h->said_at_us = now_us;
	return holds;
}

static void on_progress(void *arg, const struct delivery_progress *p)
{
	struct worker_job *w = arg;
	if (!hold(&w->held, p))
		send_progress(w->pipe, p);
}

static void tell_held(struct held *h, zsock_t *to)
{
	pthread_mutex_lock(&h->mutex);
	if (h->waits)
		send_progress(to, &(struct delivery_progress){.state = h->state, .changeset = h->changeset, .step = h->step, .of_steps = h->of_steps});
	h->waits = false;
	pthread_mutex_unlock(&h->mutex);
}

static void log_end(const struct runner_job *job, enum outcome outcome, const struct err *why)
{
	if (outcome == OUTCOME_APPLIED || outcome == OUTCOME_ROLLED_BACK)
		log_info("%s: %s", job->task.target, outcome_name(outcome));
	else
		log_warn("%s: %s: %s", job->task.target, outcome_name(outcome), why->msg);
}

static void worker(zsock_t *pipe, void *arg)
{
	struct worker_job *w = arg;
	struct err e = ERR_INIT;
	enum outcome outcome = OUTCOME_FAILED;
	w->pipe = pipe;
	zsock_signal(pipe, 0);
	struct deliver_job job = {.config = w->job->config,
	                          .target = w->job->target,
	                          .report_key = w->job->report_key,
	                          .task = &w->job->task,
	                          .watch = w->watch,
	                          .progress = on_progress,
	                          .progress_arg = w};
	if (deliver(&job, &outcome, &e) == 0)
		log_end(w->job, outcome, &e);
	else if (watch_wish(w->watch) >= WISH_PARK)
		log_info("%s: %s", w->job->task.target, e.msg);
	else
		log_error("%s: %s; the task stays open and is resumed at the next start", w->job->task.target, e.msg);
	engines_thread_end();
	handover_give(w);
	zstr_send(pipe, "DONE");
}

static void hear_loop(zsock_t *pipe, struct watch *watch, bool *terminating)
{
	char *word = zstr_recv(pipe);
	if (!word || str_eq(word, "$TERM"))
		*terminating = true;
	else if (str_eq(word, "STOP"))
		watch_ask(watch, WISH_STOP);
	else if (str_eq(word, "PARK"))
		watch_ask(watch, WISH_PARK);
	else if (str_eq(word, "HOLD"))
		watch_ask(watch, WISH_HOLD);
	else if (str_eq(word, "PAUSE"))
		watch_ask(watch, WISH_PAUSE);
	zstr_free(&word);
}

/* True when the worker has ended. */
static bool hear_worker(zactor_t *from, zsock_t *to)
{
	zmsg_t *m = zmsg_recv(from);
	if (!m)
		return true;
	bool done = zframe_streq(zmsg_first(m), "DONE");
	if (!done)
		zmsg_send(&m, to);
	zmsg_destroy(&m);
	return done;
}

static void look(struct watch *watch, zsock_t *to)
{
	char blocker[512] = "";
	char detail[sizeof "blocked by " + sizeof blocker];
	if (!watch_look(watch, BLOCKED_MS, blocker))
		return;
	snprintf(detail, sizeof detail, "blocked by %s", blocker);
	send_progress(to, &(struct delivery_progress){.state = "waiting-lock", .detail = detail});
}

static void wait_for_term(zsock_t *pipe)
{
	for (;;) {
		char *word = zstr_recv(pipe);
		bool end = !word || str_eq(word, "$TERM");
		zstr_free(&word);
		if (end)
			return;
	}
}

void runner_actor(zsock_t *pipe, void *arg)
{
	struct watch watch;
	watch_init(&watch);
	struct worker_job w = {.job = arg, .watch = &watch, .held = {.mutex = PTHREAD_MUTEX_INITIALIZER}};
	zactor_t *actor = zactor_new(worker, &w);
	zsock_signal(pipe, 0);
	zpoller_t *poller = zpoller_new(pipe, actor, NULL);
	zpoller_set_nonstop(poller, true);
	bool done = false, terminating = false;
	while (!done) {
		void *from = zpoller_wait(poller, (int)watch_pause_ms(&watch, LOOK_EVERY_MS));
		if (from == pipe) {
			hear_loop(pipe, &watch, &terminating);
		} else if (from) {
			done = hear_worker(actor, pipe);
		} else if (zpoller_terminated(poller)) {
			terminating = true;
		} else if (!terminating) {
			tell_held(&w.held, pipe);
			look(&watch, pipe);
		}
		if (terminating)
			watch_ask(&watch, WISH_TERMINATE); /* again each time: a statement may have begun just after the last one */
	}
	zpoller_destroy(&poller);
	zactor_destroy(&actor);
	handover_take(&w);
	pthread_mutex_destroy(&w.held.mutex);
	watch_done(&watch);
	engines_thread_end();
	handover_give(arg);
	if (terminating)
		return;
	zstr_send(pipe, "DONE");
	wait_for_term(pipe);
}
