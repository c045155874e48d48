/* A delivery from the journal's task to the sealed report, without any socket: blobs, verification, password, the run itself, the outbox. Blocks; one thread. */
#ifndef AGENT_APPLY_DELIVER_H
#define AGENT_APPLY_DELIVER_H

#include "agent/apply/delivery.h"
#include "agent/daemon/config.h"

struct deliver_job {
	const struct agent_config *config;
	const struct agent_target *target;
	const struct sign_key *report_key; /* not asked for by deliver_preview */
	const struct task *task;
	struct watch *watch;
	void (*progress)(void *arg, const struct delivery_progress *p);
	void *progress_arg;
};

/* Everything that deliver checks before it connects: reads what was pulled, verifies it, asks no database. For probes, which run only under an order that would be taken now. In the arena. ret_wave: of the
 * target. CHECK_NONE, or the check that refuses it. */
enum check_code deliver_preview(const struct deliver_job *job, struct journal *j, struct arena *a, struct verified *ret, uint32_t *ret_wave,
                                struct err *e) MUST_CHECK;

/* For people who are to say yes: what was pulled, verified as above, and with `ask_target` what the target's ledger, read now and not changed, leaves of it to be done. What the site's own policy
 * has against it, and what keeps this agent from the target, is no error: *ret_preview tells. job->watch is not asked for. */
enum check_code deliver_look(const struct deliver_job *job, struct journal *j, struct arena *a, bool ask_target, struct verified *ret,
                             struct preview *ret_preview, struct err *e) MUST_CHECK;

/* 0: the report is in the outbox, *ret_outcome tells how it ended, and *e, when that is no success, the report's reason. -1 with ERR_STATE: asked to terminate. -1 otherwise: the journal cannot be read or written. After -1 the
 * task stays open: the next start resumes it. */
int deliver(const struct deliver_job *job, enum outcome *ret_outcome, struct err *e) MUST_CHECK;

#endif
