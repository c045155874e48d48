/* One running delivery: verify, connect, resolve what an earlier run left, apply or roll back step by step, validate, report. Its worker thread owns the database
 * connection, a second thread listens to the loop meanwhile and names who blocks. Its last act is journal_finish. Safe to kill at any instant: the next run resolves. */
#ifndef AGENT_APPLY_RUNNER_H
#define AGENT_APPLY_RUNNER_H

#include <czmq.h>

#include "agent/daemon/config.h"
#include "agent/journal/journal.h"

struct runner_job { /* all borrowed until the runner ended */
	const struct agent_config *config;
	const struct agent_target *target;
	const struct sign_key *report_key; /* that signs its report: of the moment when it began */
	struct task task;
};

/* Messages from the runner (zmsg on the actor's pipe, first frame a string):
 *   "PROGRESS" state changeset step of_steps detail    lossy, for people
 *   "DONE"                                              the report is in the journal's outbox; the actor may be destroyed. When the journal cannot be
 *                                                       written, that is logged and the task stays open: the outbox then has no report of it
 * To the runner: "STOP" and "HOLD" (it ends between steps; the report says stopped, or held by the site). "PARK" (it ends
 * between steps without a report: the task stays open). "PAUSE" (a batched step ends between two batches, held). "$TERM" cancels the running statement, then ends. */
void runner_actor(zsock_t *pipe, void *job /* struct runner_job * */);

/* Survey: what the ledger says, or what a probe of an order finds, read-only. Same pipe form: "SURVEY" then an encoded MSG_SURVEY_RESULT body for each part, then "DONE". */
struct survey_job {
	const struct agent_config *config;
	const struct agent_target *target;
	uint64_t id;
	uint8_t task[TASK_SIZE]; /* with probe: under whose order */
	uint32_t probe; /* 0: the ledger; else the number, from 1, of the probe of the target's wave */
};
void survey_actor(zsock_t *pipe, void *job /* struct survey_job * */);

#endif
