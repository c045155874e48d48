/* What agents say of their tasks: ACCEPT, REFUSE, PROGRESS, UNHELD, as events of the deliveries that they belong to. Reports are brain_reports.c. */
#include "common/base/str.h"
#include "controller/daemon/brain_impl.h"

static bool is_hold(const char *code)
{
	static const char *const codes[] = {"held", "hold", "window", "consent", "policy-unreadable"};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (str_eq(code, codes[i]))
			return true;
	return false;
}

static enum delivery_event event_of_refusal(const struct msg_task *m)
{
	if (is_hold(m->code))
		return DELIVERY_EV_HOLD;
	if (str_eq(m->code, "busy"))
		return DELIVERY_EV_BUSY;
	return str_eq(m->code, "recalled") ? DELIVERY_EV_RECALLED : DELIVERY_EV_REFUSE;
}

/* What only has to wait does not take the place of why it failed. */
static void note_refusal(struct run *u, const struct delivery *d, enum delivery_event ev, const struct msg_task *m)
{
	if (ev != DELIVERY_EV_REFUSE && run_keeps_reason(d))
		run_waits(u, d->index, m->code, m->message);
	else
		run_note(u, d->index, NULL, m->code, m->message);
}

static int refusal(struct brain *b, struct run *u, struct delivery *d, const struct msg_task *m, const char *who, struct err *e)
{
	enum delivery_event ev = event_of_refusal(m);
	if (!fsm_find(&delivery_fsm, (int)d->state, (int)ev, d))
		return 0; /* it answered an offer that events have overtaken */
	note_refusal(u, d, ev, m);
	if (run_delivery_event(b, u, d, ev, who, e) < 0)
		return -1;
	if (m->until_us <= b->now_us || (ev != DELIVERY_EV_HOLD && ev != DELIVERY_EV_BUSY))
		return 0;
	d->retry_at_us = m->until_us;
	d->retry_guessed = false;
	run_unsaved(u, d->index);
	return 0;
}

/* PROGRESS may be lost, so only what changes a state is written; step counters live in memory until then. */
static int progress(struct brain *b, struct run *u, struct delivery *d, const struct msg_progress *m, const char *who, struct err *e)
{
	enum delivery_event ev;
	struct delivery_note *n = &u->notes[d->index];
	bool known = delivery_event_of_progress(m->state, &ev);
	if (!known)
		ev = DELIVERY_EV_ACCEPT; /* fetching, verifying */
	const struct fsm_row *row = fsm_find(&delivery_fsm, (int)d->state, (int)ev, d);
	if (!row)
		return 0;
	const char *changeset = m->changeset;
	if (str_empty(changeset)) { /* who looks from the side does not know which step it is: it is the one that was told before */
		changeset = n->changeset ? arena_strdup(b->turn, n->changeset) : NULL;
	} else {
		n->step = m->step;
		n->of_steps = m->of_steps;
	}
	if (!run_keeps_reason(d))
		run_note(u, d->index, changeset, NULL,
		         known                  ? m->detail
		         : str_empty(m->detail) ? m->state
		                                : arena_printf(b->turn, "%s: %s", m->state, m->detail));
	if (row->to == (int)d->state && d->accepted)
		return 0;
	return run_delivery_event(b, u, d, ev, who, e);
}

/* The site has nothing against it any more: it is asked again now, not when its time would come; and should that not come to it in time, then not by its site's doing. */
static int unheld(struct brain *b, struct run *u, struct delivery *d)
{
	struct delivery_note *n = &u->notes[d->index];
	bool holds = is_hold(str_or_empty(n->code));
	if (d->state != DELIVERY_HELD && d->state != DELIVERY_DEFERRED && !(d->state == DELIVERY_SKIPPED && holds))
		return 0;
	if (holds)
		run_text(&n->code, NULL);
	run_waits(u, d->index, NULL, NULL);
	d->retry_at_us = b->now_us;
	u->touched = true;
	run_unsaved(u, d->index);
	return 0;
}

/* Of a rollout that is over: where its order's time is over too, the agent says so in each session until it hears that the controller knows it. */
static int unheld_late(struct brain *b, const struct brain_agent *g, const struct msg_task *m, struct err *e)
{
	struct msg known = {.type = MSG_RECALL, .task = {.attempt = m->attempt}};
	memcpy(known.task.task, m->task, TASK_SIZE);
	if (catch_up_let_go(b, g, m->task, e) < 0)
		return -1;
	brain_queue(b, g->session, &known);
	return 0;
}

int task_event(struct brain *b, const struct hub_event *ev, struct err *e)
{
	struct brain_agent *g = agent_by_session(b, ev->session);
	struct run *u = NULL;
	bool is_progress = ev->msg.type == MSG_PROGRESS;
	const uint8_t *task = is_progress ? ev->msg.progress.task : ev->msg.task.task;
	struct delivery *d = g ? run_by_task(b, g, task, &u) : NULL;
	if (g && ev->msg.type == MSG_UNHELD)
		return d && !rollout_is_final(u->r.state) ? unheld(b, u, d) : unheld_late(b, g, &ev->msg.task, e);
	if (d && rollout_is_final(u->r.state))
		return 0; /* what it was doing when that ended is unknown until its report comes */
	if (!d || d->attempt != (is_progress ? ev->msg.progress.attempt : ev->msg.task.attempt))
		return 0;
	const char *who = brain_agent_actor(b, g->rec.name);
	if (is_progress)
		return progress(b, u, d, &ev->msg.progress, who, e);
	if (ev->msg.type == MSG_REFUSE)
		return refusal(b, u, d, &ev->msg.task, who, e);
	if (d->accepted || !fsm_find(&delivery_fsm, (int)d->state, DELIVERY_EV_ACCEPT, d))
		return 0;
	return run_delivery_event(b, u, d, DELIVERY_EV_ACCEPT, who, e);
}
