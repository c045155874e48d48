/* Tasks from their blobs to their report. */
#include "agent/daemon/tasks_impl.h"

#include <malloc.h>
#include <string.h>

#include "agent/apply/runner.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/link/handover.h"

#define OPEN_ARENA ((size_t)256 * 1024 * 1024) /* all open tasks of the journal */
#define OVERDUE_MS 100 /* behind a deadline, until those who missed it are looked for */
#define AGAIN_MS   30000 /* a task whose report could not be written runs again after this */

static const char *task_text(const uint8_t id[TASK_SIZE], char out[TASK_SIZE * 2 + 1])
{
	return bytes_to_hex(bytes_of(id, TASK_SIZE), out);
}

/* ---- jobs ---- */

struct job *tasks_find_job(const struct tasks *t, const uint8_t id[TASK_SIZE], uint32_t attempt)
{
	struct job *waiting = NULL;
	for (size_t i = 0; i < t->n; i++) {
		struct job *j = t->jobs[i];
		if (memcmp(j->run.task.id, id, TASK_SIZE) != 0)
			continue;
		if (j->run.task.attempt == attempt)
			return j;
		if (j->state != JOB_RUNNING)
			waiting = j;
	}
	return waiting;
}

struct job *tasks_add_job(struct tasks *t, const struct task *task, const struct agent_target *target)
{
	struct job *j = mem_alloc(sizeof *j);
	j->all = t;
	j->run = (struct runner_job){.config = t->config, .target = target, .task = *task};
	j->run.task.target = target->target.id;
	uint8_t *proof = mem_alloc(task->proof.n);
	if (task->proof.n)
		memcpy(proof, task->proof.p, task->proof.n);
	j->run.task.proof = bytes_of(proof, task->proof.n);
	vec_grow(t->jobs, t->n, t->cap);
	t->jobs[t->n++] = j;
	return j;
}

static void free_job(struct job *j)
{
	if (j->actor) {
		zloop_reader_end(j->all->loop, zactor_sock(j->actor));
		zactor_destroy(&j->actor);
		handover_take(&j->run);
	}
	free((void *)(uintptr_t)j->run.task.proof.p);
	free(j);
}

void tasks_remove_job(struct tasks *t, struct job *j)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->jobs[i] != j)
			continue;
		memmove(&t->jobs[i], &t->jobs[i + 1], (t->n - i - 1) * sizeof *t->jobs);
		t->n--;
		break;
	}
	free_job(j);
}

/* ---- runners ---- */

/* "site/instance": databases on one server share its locks and its disk. */
static bool same_instance(const char *a, const char *b)
{
	const char *end = strchr(strchr(a, '/') + 1, '/');
	size_t n = (size_t)(end - a) + 1;
	return strncmp(a, b, n) == 0;
}

/* After a restart: what has begun on the target ends before anything else begins there, in whatever order they were accepted. */
static bool is_behind_one_that_began(const struct tasks *t, const struct job *j)
{
	for (size_t i = 0; i < t->n && j->run.task.state == TASK_ACCEPTED; i++)
		if (t->jobs[i] != j && t->jobs[i]->run.target == j->run.target && t->jobs[i]->run.task.state == TASK_RUNNING)
			return true;
	return false;
}

static bool has_place(const struct tasks *t, const struct job *j)
{
	size_t running = 0, there = 0;
	if (is_behind_one_that_began(t, j))
		return false;
	for (size_t i = 0; i < t->n; i++) {
		if (t->jobs[i]->state != JOB_RUNNING)
			continue;
		running++;
		there += same_instance(t->jobs[i]->run.task.target, j->run.task.target);
		if (t->jobs[i]->run.target == j->run.target)
			return false; /* one delivery at a time on a target */
	}
	return running < t->config->max_parallel && there < t->config->max_parallel_per_instance;
}

static void forward_progress(struct tasks *t, const struct job *j, zmsg_t *m)
{
	AUTO(zstr_free) char *state = zmsg_popstr(m);
	AUTO(zstr_free) char *changeset = zmsg_popstr(m);
	AUTO(zstr_free) char *step = zmsg_popstr(m);
	AUTO(zstr_free) char *of = zmsg_popstr(m);
	AUTO(zstr_free) char *detail = zmsg_popstr(m);
	struct msg p = {.type = MSG_PROGRESS,
	                .progress = {.attempt = j->run.task.attempt,
	                             .step = (uint32_t)strtoul(step ? step : "0", NULL, 10),
	                             .of_steps = (uint32_t)strtoul(of ? of : "0", NULL, 10),
	                             .state = state,
	                             .changeset = changeset,
	                             .detail = detail}};
	memcpy(p.progress.task, j->run.task.id, TASK_SIZE);
	if (!uplink_send(t->uplink, &p))
		log_debug("progress of %s not sent: the controller is away", j->run.task.target);
}

/* Also brings how far it is up to date. */
static bool is_open(struct tasks *t, struct task *task)
{
	AUTO(arena_destroy) struct arena *a = arena_new(OPEN_ARENA);
	struct task *open = NULL;
	size_t n = 0;
	struct err e = ERR_INIT;
	if (journal_open_tasks(t->journal, a, &open, &n, &e) != 0) {
		log_error("journal: %s", e.msg);
		return true;
	}
	for (size_t i = 0; i < n; i++)
		if (memcmp(open[i].id, task->id, TASK_SIZE) == 0 && open[i].attempt == task->attempt) {
			task->state = open[i].state;
			return true;
		}
	return false;
}

static int on_again(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	tasks_start_ready(arg);
	return 0;
}

static void try_later(struct tasks *t, struct job *j)
{
	j->not_before_us = clock_mono_us() + (int64_t)AGAIN_MS * 1000;
	zloop_timer(t->loop, AGAIN_MS + 100, 1, on_again, t);
}

static void end_job(struct tasks *t, struct job *j)
{
	zloop_reader_end(t->loop, zactor_sock(j->actor));
	zactor_destroy(&j->actor);
	handover_take(&j->run);
	uplink_kick(t->uplink);
	if (is_open(t, &j->run.task) && !t->draining) {
		log_error("%s: the delivery ended without a report in the journal: it is resolved again in %d s", j->run.task.target, AGAIN_MS / 1000);
		j->state = JOB_READY;
		try_later(t, j);
		return;
	}
	tasks_remove_job(t, j);
	t->some_held = true; /* it may have found that the site has to be asked again; the next look tells */
	tasks_start_ready(t);
	if (tasks_running(t) == 0)
		malloc_trim(0); /* releases were decoded in there; the agent idles for most of its life */
}

static int on_runner(zloop_t *loop, zsock_t *pipe, void *arg)
{
	(void)loop;
	struct job *j = arg;
	AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(pipe);
	if (!m)
		return 0;
	AUTO(zstr_free) char *what = zmsg_popstr(m);
	if (str_eq(what, "PROGRESS"))
		forward_progress(j->all, j, m);
	else if (str_eq(what, "DONE"))
		end_job(j->all, j);
	return 0;
}

static void start_job(struct tasks *t, struct job *j)
{
	char id[TASK_SIZE * 2 + 1];
	j->run.report_key = t->config->report_key;
	j->actor = zactor_new(runner_actor, &j->run);
	if (!j->actor) {
		log_error("%s: no thread for its delivery: tried again in %d s", j->run.task.target, AGAIN_MS / 1000);
		try_later(t, j);
		return;
	}
	j->state = JOB_RUNNING;
	zloop_reader(t->loop, zactor_sock(j->actor), on_runner, j);
	log_info("%s: task %s attempt %u begins", j->run.task.target, task_text(j->run.task.id, id), j->run.task.attempt);
}

void tasks_start_ready(struct tasks *t)
{
	int64_t now_us = clock_mono_us();
	if (updates_pending(t->updates))
		return;
	for (size_t i = 0; !t->draining && i < t->n;) {
		struct job *j = t->jobs[i];
		size_t before = t->n;
		if (j->state == JOB_READY && j->not_before_us <= now_us && has_place(t, j) && !tasks_is_kept_back(t, j))
			start_job(t, j);
		i += t->n == before; /* what is held is not in the list any more */
	}
}

void tasks_go_on(struct tasks *t)
{
	tasks_start_ready(t);
}

/* ---- blobs ---- */

static bool want_blob(struct tasks *t, const uint8_t hash[DIGEST_SIZE], uint64_t size, bool failed)
{
	if (failed || blobs_has(t->blob_dir, hash, NULL))
		return false;
	fetch_want(t->fetch, hash, size);
	return true;
}

static int on_overdue(zloop_t *loop, int id, void *arg);

static void await_deadline(struct tasks *t, const struct job *j)
{
	int64_t left_us = j->run.task.deadline_us - clock_wall_us();
	if (j->run.task.deadline_us)
		zloop_timer(t->loop, left_us > 0 ? (size_t)(left_us / 1000) + OVERDUE_MS : OVERDUE_MS, 1, on_overdue, t);
}

void tasks_prepare(struct tasks *t, struct job *j)
{
	const struct task *k = &j->run.task;
	bool release = want_blob(t, k->release_hash, k->release_size, j->release_failed);
	bool dossier = want_blob(t, k->dossier_hash, k->dossier_size, j->dossier_failed);
	if (!release && !dossier)
		j->state = JOB_READY;
	else if (!j->awaits_deadline)
		await_deadline(t, j);
	j->awaits_deadline = true;
}

/* What has not come by now is not waited for: whoever keeps it back, or lets it drip, does not keep the task open for ever. */
static int on_overdue(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	struct tasks *t = arg;
	for (size_t i = 0; i < t->n; i++) {
		struct job *j = t->jobs[i];
		const struct task *k = &j->run.task;
		if (j->state != JOB_FETCHING || !k->deadline_us || clock_wall_us() <= k->deadline_us)
			continue;
		fetch_forget(t->fetch, k->release_hash);
		fetch_forget(t->fetch, k->dossier_hash);
		j->release_failed = j->dossier_failed = true;
	}
	for (size_t i = 0; i < t->n; i++) /* whoever has more time, and waits for the same, asks again */
		if (t->jobs[i]->state == JOB_FETCHING)
			tasks_prepare(t, t->jobs[i]);
	tasks_start_ready(t);
	return 0;
}

void tasks_blob(struct tasks *t, const uint8_t hash[DIGEST_SIZE], bool ok)
{
	for (size_t i = 0; i < t->n; i++) {
		struct job *j = t->jobs[i];
		if (j->state != JOB_FETCHING)
			continue;
		if (!ok && memcmp(hash, j->run.task.release_hash, DIGEST_SIZE) == 0)
			j->release_failed = true;
		if (!ok && memcmp(hash, j->run.task.dossier_hash, DIGEST_SIZE) == 0)
			j->dossier_failed = true;
		tasks_prepare(t, j);
	}
	tasks_start_ready(t);
}

/* ---- the rest ---- */

struct tasks *tasks_new(zloop_t *loop, const struct agent_config *c, struct journal *j, const char *blob_dir)
{
	struct tasks *t = mem_alloc(sizeof *t);
	t->loop = loop;
	t->config = c;
	t->journal = j;
	t->blob_dir = blob_dir;
	t->site = site_new(c, j);
	t->some_held = true; /* the first look tells */
	return t;
}

void tasks_connect(struct tasks *t, struct uplink *u, struct fetch *f, const struct updates *w)
{
	t->updates = w;
	t->uplink = u;
	t->fetch = f;
	tasks_watch_site(t);
}

int tasks_resume(struct tasks *t, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(OPEN_ARENA);
	struct task *open = NULL;
	size_t n = 0;
	if (journal_open_tasks(t->journal, a, &open, &n, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct agent_target *target = agent_config_target(t->config, open[i].target);
		if (target)
			tasks_prepare(t, tasks_add_job(t, &open[i], target));
		else
			log_error("%s: a task of it is open in the journal, but the target is not in %s any more: put it back, so that the task can end",
			          open[i].target, t->config->path);
	}
	if (t->n)
		log_info("%zu open tasks are taken up again", t->n);
	tasks_start_ready(t);
	return 0;
}

void tasks_destroy(struct tasks **tp)
{
	struct tasks *t = *tp;
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free_job(t->jobs[i]);
	free(t->jobs);
	site_destroy(&t->site);
	free(t);
	*tp = NULL;
}

size_t tasks_running(const struct tasks *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++)
		n += t->jobs[i]->state == JOB_RUNNING;
	return n;
}

void tasks_load(const struct tasks *t, struct msg_heartbeat *ret)
{
	ret->running = (uint32_t)tasks_running(t);
	ret->queued = (uint32_t)t->n - ret->running;
}

void tasks_drain(struct tasks *t)
{
	t->draining = true;
	for (size_t i = 0; i < t->n; i++)
		if (t->jobs[i]->state == JOB_RUNNING)
			zstr_send(t->jobs[i]->actor, "PARK");
}
