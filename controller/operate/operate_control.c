/* Pause, resume, abort, retry. */
#include "common/base/str.h"
#include "controller/operate/operate.h"

static int answer(struct request *q, struct run *u, const char *words, struct err *e)
{
	if (reply_rollout(q, &u->rec, e) < 0)
		return -1;
	reply_end(q, EXIT_DONE, "%s: `rollcall rollout watch %.8s` follows it", words, u->rec.id);
	return 0;
}

/* The table says whether it can be done; this says what to do when it cannot. */
static int step(struct request *q, struct run *u, enum rollout_event ev, const char *verb, struct err *e)
{
	if (!fsm_find(&rollout_fsm, (int)u->r.state, (int)ev, &u->r)) {
		const char *hint = rollout_is_final(u->r.state)           ? ": it is over; `rollcall rollout list` shows which run"
		                   : u->r.state != ROLLOUT_HALTED         ? ""
		                   : u->r.direction == DIRECTION_ROLLBACK ? ": repair the cause and `rollcall rollout retry` it, or abort it"
		                                                          : ": repair the cause and `rollcall rollout retry` it, abort it, or roll it back";
		return err_set(e, ERR_STATE, "rollout %.8s is %s and cannot be %s%s", u->rec.id, rollout_state_name(u->r.state), verb, hint);
	}
	return run_rollout_event(q->b, u, ev, q->actor, request_arg(q, "reason"), e);
}

int operate_pause(struct request *q, struct err *e)
{
	struct run *u = NULL;
	if (request_run(q, &u, e) < 0 || step(q, u, ROLLOUT_EV_PAUSE, "paused", e) < 0)
		return -1;
	return answer(q, u, "paused: nothing new starts; what runs, runs on, a batched step to the end of its batch", e);
}

int operate_resume(struct request *q, struct err *e)
{
	struct run *u = NULL;
	if (request_run(q, &u, e) < 0 || step(q, u, ROLLOUT_EV_RESUME, "resumed", e) < 0)
		return -1;
	return answer(q, u, "it goes on", e);
}

int operate_abort(struct request *q, struct err *e)
{
	struct run *u = NULL;
	const char *reason = NULL;
	if (request_run(q, &u, e) < 0 || request_need(q, "reason", &reason, e) < 0 || step(q, u, ROLLOUT_EV_ABORT, "aborted", e) < 0)
		return -1;
	return answer(q, u, "aborted: nothing new starts, what runs ends by itself, what was applied stays", e);
}

/* A rollout that was over may find that another one has its targets by now. */
static int check_free(struct request *q, struct run *u, const char *const *named, size_t n_named, struct err *e)
{
	size_t n = 0;
	const char **targets = arena_alloc(q->a, (u->r.n_deliveries + 1) * sizeof *targets);
	if (n_named)
		return request_check_busy(q, u->rec.project, named, n_named, u, e);
	for (size_t i = 0; i < u->r.n_deliveries; i++)
		if (fsm_find(&delivery_fsm, (int)u->r.deliveries[i].state, DELIVERY_EV_RETRY, &u->r.deliveries[i]))
			targets[n++] = u->r.deliveries[i].target;
	return request_check_busy(q, u->rec.project, targets, n, u, e);
}

int operate_retry(struct request *q, struct err *e)
{
	struct run *u = NULL;
	size_t n = 0, count = 0;
	if (request_run(q, &u, e) < 0)
		return -1;
	const char **targets = request_args(q, "target", &n);
	if (check_free(q, u, targets, n, e) < 0)
		return -1;
	if (run_retry(q->b, u, targets, n, q->actor, request_arg(q, "reason"), &count, e) < 0)
		return -1;
	if (count == 0)
		return answer(q, u, "no target is to be tried again: the failed wave's gate is looked at anew", e);
	return answer(q, u, arena_printf(q->a, count == 1 ? "%zu target is tried again" : "%zu targets are tried again", count), e);
}
