/* What the controller asks for: OFFER, RECALL, STOP, and what it is answered. */
#include <string.h>

#include "agent/daemon/tasks_impl.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/wire/limits.h"

static void answer(struct tasks *t, enum msg_type type, const uint8_t id[TASK_SIZE], uint32_t attempt, const char *code, const char *message)
{
	struct msg m = {.type = type, .task = {.attempt = attempt, .code = code, .message = message}};
	memcpy(m.task.task, id, TASK_SIZE);
	if (!uplink_send(t->uplink, &m))
		log_debug("%s not sent: the controller is away, and asks again", msg_type_name(type));
}

static struct task task_of(const struct msg_offer *o)
{
	struct task k = {
	    .attempt = o->attempt,
	    .epoch = o->epoch,
	    .target = o->target,
	    .release_size = o->release_size,
	    .dossier_size = o->dossier_size,
	    .proof = o->proof,
	    .deadline_us = o->deadline_us,
	    .direction = o->direction,
	    .state = TASK_ACCEPTED,
	};
	memcpy(k.id, o->task, TASK_SIZE);
	memcpy(k.release_hash, o->release_hash, DIGEST_SIZE);
	memcpy(k.dossier_hash, o->dossier_hash, DIGEST_SIZE);
	return k;
}

/* Each project that shares the target has one under way, and another while it is taken back: more is no honest controller's. */
static bool is_crowded(const struct tasks *t, const struct agent_target *target)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++)
		n += t->jobs[i]->run.target == target;
	return n >= LIMIT_OPEN_TASKS;
}

/* Not answered: an honest one offers again, when there is room. The site's people are told once for each target in a row. */
static void turn_away(struct tasks *t, const struct agent_target *target)
{
	char message[256];
	struct err e = ERR_INIT;
	if (t->crowded == target)
		return;
	t->crowded = target;
	snprintf(message, sizeof message, "%d tasks of this target are open here, and no more are taken until one of them has ended", LIMIT_OPEN_TASKS);
	log_warn("%s: %s", target->target.id, message);
	if (journal_refuse(t->journal, C1_MESSAGE, target->target.id, message, &e) != 0)
		log_error("journal: %s", e.msg);
}

static void take(struct tasks *t, const struct msg_offer *o, const struct agent_target *target)
{
	struct task k = task_of(o);
	bool known = false;
	enum task_state state = TASK_ACCEPTED;
	struct policy_verdict v = {.answer = POLICY_YES};
	struct err e = ERR_INIT;
	FAILPOINT("offer-received");
	if (journal_find_task(t->journal, &k, &known, &state, &e) == 0 && !known) {
		if (!tasks_find_job(t, o->task, o->attempt) && is_crowded(t, target)) {
			turn_away(t, target);
			return;
		}
		site_ask(t->site, &k, &v);
	}
	if (v.answer != POLICY_YES) {
		tasks_hold_back(t, &k, &v);
		return;
	}
	if (t->some_held && journal_held_drop(t->journal, k.id, &e) != 0)
		log_error("journal: %s", e.msg);
	if (journal_accept(t->journal, &k, &known, &state, &e) != 0) {
		log_error("journal: %s: the offer for %s is not taken", e.msg, o->target);
		return; /* offered again later */
	}
	FAILPOINT("offer-journaled");
	if (known && state == TASK_FINISHED) {
		uplink_resend(t->uplink);
		return;
	}
	k.state = state;
	struct job *j = tasks_find_job(t, o->task, o->attempt);
	bool runs = j && j->state == JOB_RUNNING;
	answer(t, MSG_ACCEPT, o->task, o->attempt, known ? (runs ? "running" : "accepted") : "", "");
	FAILPOINT("accept-sent");
	if (j && j->run.task.attempt < o->attempt)
		j->run.task.attempt = o->attempt; /* journal_finish ends the earlier ones with it */
	if (!j)
		tasks_prepare(t, tasks_add_job(t, &k, target));
	tasks_start_ready(t);
}

/* No delivery comes of it, so no report either: the site's people see it all the same. */
static void refuse(struct tasks *t, const struct msg_offer *o, enum check_code check, const char *message)
{
	struct err e = ERR_INIT;
	log_warn("%s: refused: %s: %s", o->target, check_title(check), message);
	if (journal_refuse(t->journal, check, o->target, message, &e) != 0)
		log_error("journal: %s", e.msg);
	answer(t, MSG_REFUSE, o->task, o->attempt, check_title(check), message);
}

void tasks_offer(struct tasks *t, const struct msg_offer *o)
{
	char message[512];
	const struct agent_target *target = agent_config_target(t->config, o->target);
	if (t->draining)
		return; /* offered again when this agent is back */
	if (!target) {
		snprintf(message, sizeof message, "target %s is not served by agent %s: correct its agent.yaml, or leave the target out", o->target,
		         t->config->name);
		refuse(t, o, C11_ORDER, message);
	} else if (o->epoch < uplink_max_epoch(t->uplink)) {
		snprintf(message, sizeof message, "epoch %u is lower than %u, which this agent has seen: an old controller offered it", o->epoch,
		         uplink_max_epoch(t->uplink));
		refuse(t, o, C1_MESSAGE, message);
	} else {
		take(t, o, target);
	}
}

static void drop(struct tasks *t, const struct msg_task *m, struct job *j)
{
	struct err e = ERR_INIT;
	if (j) {
		if (journal_task_state(t->journal, j->run.task.id, j->run.task.attempt, TASK_FINISHED, &e) != 0) {
			log_error("journal: %s: the task is not dropped", e.msg);
			return;
		}
		tasks_remove_job(t, j);
	} else if (t->some_held && journal_held_drop(t->journal, m->task, &e) != 0) {
		log_error("journal: %s", e.msg);
	}
	answer(t, MSG_REFUSE, m->task, m->attempt, "recalled", "dropped before it began");
}

void tasks_recall(struct tasks *t, const struct msg_task *m)
{
	struct job *j = tasks_find_job(t, m->task, m->attempt);
	if (j && (j->state == JOB_RUNNING || j->run.task.state != TASK_ACCEPTED)) /* or it began under an earlier start, and waits to go on */
		answer(t, MSG_ACCEPT, m->task, m->attempt, "running", "it has begun: its report will follow");
	else
		drop(t, m, j);
}

void tasks_stop(struct tasks *t, const struct msg_task *m)
{
	struct job *j = tasks_find_job(t, m->task, m->attempt);
	if (j && j->state == JOB_RUNNING)
		zstr_send(j->actor, "PAUSE");
}
