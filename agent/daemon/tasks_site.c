/* Holding back: what the site's people do not want now is not accepted, or ends between two steps; when they have nothing against it any more, the controller is told. */
#include <string.h>

#include "agent/daemon/tasks_impl.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"

#define HELD_ARENA   ((size_t)64 * 1024 * 1024) /* all deliveries that wait for the site */
#define SITE_TICK_MS 1000 /* how soon a hold, an opening or a yes is seen */
#define ENDED_KEPT   8 /* of one target, which several projects may share */

void tasks_hold_back(struct tasks *t, const struct task *k, const struct policy_verdict *v)
{
	struct held h = {.task = *k, .code = policy_answer_code(v->answer), .reason = v->reason, .until_us = v->until_us, .at_us = clock_wall_us()};
	struct msg m = {.type = MSG_REFUSE, .task = {.attempt = k->attempt, .code = h.code, .message = v->reason, .until_us = v->until_us}};
	struct err e = ERR_INIT;
	memcpy(m.task.task, k->id, TASK_SIZE);
	if (journal_held_put(t->journal, &h, &e) != 0)
		log_error("journal: %s: %s is held, but 'rollcall-agent status' will not show it", e.msg, k->target);
	t->some_held = true;
	log_info("%s: %s", k->target, v->reason);
	if (!uplink_send(t->uplink, &m))
		log_debug("REFUSE not sent: the controller is away, and asks again");
	if (v->answer == POLICY_CONSENT) { /* so that the site sees what it is to say yes to */
		if (!blobs_has(t->blob_dir, k->release_hash, NULL))
			fetch_want(t->fetch, k->release_hash, k->release_size);
		if (!blobs_has(t->blob_dir, k->dossier_hash, NULL))
			fetch_want(t->fetch, k->dossier_hash, k->dossier_size);
	}
}

static void change_held(struct tasks *t, struct held *h, const char *code, const char *reason, int64_t until_us)
{
	struct err e = ERR_INIT;
	h->code = code;
	h->reason = reason;
	h->until_us = until_us;
	if (journal_held_put(t->journal, h, &e) != 0)
		log_error("journal: %s", e.msg);
}

/* The same answer in other words (a later end, another reason) is kept for those who look. */
static void keep_held(struct tasks *t, struct held *h, const struct policy_verdict *v)
{
	if (!str_eq(h->reason, v->reason))
		change_held(t, h, policy_answer_code(v->answer), v->reason, v->until_us);
}

static void drop_held(struct tasks *t, const struct held *h)
{
	struct err e = ERR_INIT;
	if (journal_held_drop(t->journal, h->task.id, &e) != 0)
		log_error("journal: %s", e.msg);
}

/* Under an order that goes on a lost word costs time only: it is offered again. Of one that has ended nothing more comes by itself, so the controller is told in each session until
 * it answers (RECALL). */
static void let_go(struct tasks *t, struct held *h, bool ended, bool new_session)
{
	struct msg m = {.type = MSG_UNHELD, .task = {.attempt = h->task.attempt}};
	bool told = str_eq(h->code, HELD_LET_GO);
	memcpy(m.task.task, h->task.id, TASK_SIZE);
	if ((told && !new_session) || !uplink_send(t->uplink, &m))
		return; /* told when the controller is there */
	if (!told)
		log_info("%s: no longer held: the controller may offer it again", h->task.target);
	if (!ended)
		drop_held(t, h);
	else if (!told)
		change_held(t, h, HELD_LET_GO, "no longer held: the controller is told again in each session until it answers", 0);
}

void tasks_up(struct tasks *t)
{
	t->new_session = true;
}

static bool has_ended(const struct held *h, int64_t now_us)
{
	return h->task.deadline_us && now_us > h->task.deadline_us;
}

/* Of those whose order has ended, which are not offered any more. A yes would be for that order alone, so such a one goes. Of the others a target's last ones stay until the site
 * lets it go: then the controller is told, which can give it a new order. */
static bool is_of_the_past(const struct held *list, size_t n, size_t i)
{
	size_t later = 0;
	for (size_t j = i + 1; j < n; j++)
		later += str_eq(list[j].task.target, list[i].task.target);
	return later >= ENDED_KEPT || list[i].task.direction != DIRECTION_APPLY || str_eq(list[i].code, policy_answer_code(POLICY_CONSENT));
}

static void review_held(struct tasks *t)
{
	AUTO(arena_destroy) struct arena *a = arena_new(HELD_ARENA);
	struct held *list = NULL;
	size_t n = 0;
	struct err e = ERR_INIT;
	int64_t now_us = clock_wall_us();
	bool new_session = t->new_session;
	t->new_session = false;
	if (journal_helds(t->journal, a, &list, &n, &e) != 0) {
		log_error("%s: what is held stays so", e.msg);
		return;
	}
	t->some_held = n > 0;
	for (size_t i = 0; i < n; i++) {
		struct policy_verdict v;
		site_ask(t->site, &list[i].task, &v);
		bool ended = has_ended(&list[i], now_us);
		if (ended && is_of_the_past(list, n, i))
			drop_held(t, &list[i]);
		else if (v.answer == POLICY_YES || (ended && v.answer == POLICY_CONSENT)) /* the new order will ask for that */
			let_go(t, &list[i], ended, new_session);
		else
			keep_held(t, &list[i], &v);
	}
}

/* A hold ends what runs between two steps; it goes on from there when it is offered again. */
static void hold_running(struct tasks *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct job *j = t->jobs[i];
		struct policy_verdict v;
		if (j->state != JOB_RUNNING || j->held || !site_holds(t->site, j->run.task.target, &v))
			continue;
		j->held = true;
		zstr_send(j->actor, "HOLD");
		struct held h = {
		    .task = j->run.task, .code = policy_answer_code(v.answer), .reason = v.reason, .until_us = v.until_us, .at_us = clock_wall_us()};
		struct err e = ERR_INIT;
		t->some_held = true;
		log_info("%s: %s: it ends after its present step", j->run.task.target, v.reason);
		if (journal_held_put(t->journal, &h, &e) != 0)
			log_error("journal: %s", e.msg);
	}
}

bool tasks_is_kept_back(struct tasks *t, struct job *j)
{
	struct policy_verdict v;
	struct err e = ERR_INIT;
	if (j->run.task.state != TASK_ACCEPTED)
		return site_holds(t->site, j->run.task.target, &v);
	site_ask(t->site, &j->run.task, &v);
	if (v.answer == POLICY_YES)
		return false;
	if (journal_unaccept(t->journal, j->run.task.id, j->run.task.attempt, &e) != 0) {
		log_error("journal: %s: %s waits here", e.msg, j->run.task.target);
		return true;
	}
	tasks_hold_back(t, &j->run.task, &v);
	tasks_remove_job(t, j);
	return true;
}

static int on_site_tick(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	struct tasks *t = arg;
	site_refresh(t->site);
	hold_running(t);
	if (t->some_held)
		review_held(t);
	tasks_start_ready(t);
	return 0;
}

void tasks_watch_site(struct tasks *t)
{
	zloop_timer(t->loop, SITE_TICK_MS, 0, on_site_tick, t);
}
