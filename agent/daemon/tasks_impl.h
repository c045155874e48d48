/* Inside of the tasks, shared by tasks_offer.c (what the controller asks for), tasks.c (from the blobs to the report) and tasks_site.c (what the site's people hold back). One
 * thread. */
#ifndef AGENT_DAEMON_TASKS_IMPL_H
#define AGENT_DAEMON_TASKS_IMPL_H

#include "agent/apply/runner.h"
#include "agent/daemon/site.h"
#include "agent/daemon/tasks.h"

enum job_state { JOB_FETCHING, JOB_READY, JOB_RUNNING };

struct job {
	struct tasks *all;
	enum job_state state;
	struct runner_job run; /* task's strings are owned by this job */
	zactor_t *actor; /* RUNNING */
	bool held; /* RUNNING: it was told to end between two steps for the site */
	bool awaits_deadline; /* a timer ends the waiting for them */
	bool release_failed, dossier_failed; /* will not come: the runner says so in its report */
	int64_t not_before_us; /* monotonic */
};

struct tasks {
	zloop_t *loop;
	const struct agent_config *config;
	struct journal *journal;
	const char *blob_dir;
	struct uplink *uplink;
	struct fetch *fetch;
	const struct updates *updates;
	struct site *site;
	bool some_held; /* table held is not empty */
	bool new_session; /* since the last look at it */
	struct job **jobs; /* oldest first */
	size_t n, cap;
	const struct agent_target *crowded; /* the last one of which an offer was turned away */
	bool draining;
};

/* tasks.c */
/* The job of this attempt, or else one of the same task that has not begun: a later attempt joins it. NULL: there is none. */
struct job *tasks_find_job(const struct tasks *t, const uint8_t id[TASK_SIZE], uint32_t attempt);
struct job *tasks_add_job(struct tasks *t, const struct task *task, const struct agent_target *target); /* copies what it needs of the task */
/* Asks for the blobs that it lacks, and is ready when it has them. */
void tasks_prepare(struct tasks *t, struct job *j);
void tasks_start_ready(struct tasks *t);
void tasks_remove_job(struct tasks *t, struct job *j);

/* tasks_site.c */
/* It is not accepted, or not any more: the journal keeps what was offered, so that people at the site see it, and the controller is told when it may be offered again. */
void tasks_hold_back(struct tasks *t, const struct task *k, const struct policy_verdict *v);
/* Asked again just before it begins: the word may have changed since it was accepted. True when it must not begin; then it may be gone from the list. A delivery that an
 * earlier start has begun is only kept back by a hold, and waits here: the controller counts it as under way. */
bool tasks_is_kept_back(struct tasks *t, struct job *j);
/* Begins to look at the site's word, again and again. */
void tasks_watch_site(struct tasks *t);

#endif
