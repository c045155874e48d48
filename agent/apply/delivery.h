/* One running delivery, shared by the files of apply/; owned by its worker thread. apply.c drives it, each other file does one thing to it:
 *
 *   connect -> lock (lock.c) -> ledger -> resolve what an earlier run left (resolve.c) -> plan (plan.c) -> journal intents
 *     -> for each changeset: preconditions and values before (checks.c) -> steps (step.c, batch.c) -> validations after -> revert if they fail (rollback.c)
 *   connection lost or outcome unknown anywhere: close, wait (retry.c), from the top.
 */
#ifndef AGENT_APPLY_DELIVERY_H
#define AGENT_APPLY_DELIVERY_H

#include "agent/apply/plan.h"
#include "agent/apply/preview.h"
#include "agent/apply/validated.h"
#include "agent/apply/watch.h"
#include "agent/daemon/config.h"
#include "agent/journal/journal.h"
#include "agent/report/collect.h"
#include "agent/verify/verify.h"

struct policy;

/* How a part of the work ended. Everything but ENDED_OK leaves its reason in delivery.error and .place. */
enum ended {
	ENDED_OK,
	ENDED_FAILED, /* what failed had no effect */
	ENDED_LOST, /* the connection is gone or an outcome is unknown: connect again and resolve */
	ENDED_ATTENTION, /* a person must look */
	ENDED_REFUSED, /* not allowed here; only delivery_refuse says so */
	ENDED_STOPPED, /* asked to end */
	ENDED_ASK /* nothing was begun: the site's people are asked again */
};

struct delivery_progress { /* lossy, for people */
	const char *state; /* a delivery state of DESIGN.md section 7 */
	const char *changeset;
	uint32_t step, of_steps;
	const char *detail;
};

struct kept_value { /* what a validation read before the changeset's first step */
	const char *name, *value; /* value NULL: SQL NULL */
};

struct delivery {
	/* given; borrowed */
	const struct engine *engine;
	const struct engine_target *target;
	const struct task *task;
	const struct verified *verified;
	struct sequence_known known; /* C8 */
	/* C22: all that was asked at the beginning, asked once more just before the first intent: it may have waited long. ENDED_OK, ENDED_REFUSED, or ENDED_ASK: held. NULL: nothing
	 * to ask. */
	enum ended (*may_begin)(void *arg, struct delivery *d);
	void *may_begin_arg;
	struct journal *journal;
	const char *agent;
	uint32_t wave; /* of the target in the order */
	const struct agent_limits *limits; /* of the site; NULL: none */
	uint32_t orphan_cancel_ms; /* how long an earlier run's statement may go on in the server; 0: as long as its time-out lets it */
	/* Taken before, or after, a delivery that runs something; also after one that does not. */
	bool refuse_superuser;
	bool fingerprint_before, fingerprint_after, fingerprint_idle;
	const struct policy *policy; /* of the site; NULL: it has none. For what only the database can tell: C21, and the sizes of tables */
	bool refuse_drift; /* C17, beside what the release itself expects */
	const char *data_dir; /* where what deliveries leave of schemas is kept (agent/schema/baseline.h); NULL: nowhere */
	int64_t budget_end_us; /* monotonic: no retry starts after it */
	struct watch *watch;
	void (*progress)(void *arg, const struct delivery_progress *p); /* may be NULL; called on the worker's thread */
	void *progress_arg;

	/* made here; in `arena`, which is the caller's and outlives the report */
	struct arena *arena;
	struct collector *report;
	char task_hex[TASK_SIZE * 2 + 1];
	struct conn *conn;
	struct arena *ledger_arena; /* of the present connection's ledger */
	struct ledger ledger;
	struct journal_head *heads; /* of this target's ledger, newest first: what was seen of it */
	size_t n_heads;
	bool identified; /* `ledger` is this target's, and goes on from the heads */
	const char *advice; /* what people do about `error`, when it is not the usual; NULL: it is */
	bool ledger_read; /* `ledger` holds what some connection saw */
	bool reached; /* the present connection has read it */
	uint64_t batches_done; /* of class B steps: progress too */
	uint64_t rows_reported; /* ledger rows up to this seq are in the report, as far as they are ours */
	struct plan plan;
	uint32_t step_number; /* of the plan's steps, for people */
	struct kept_value *kept; /* of the present changeset */
	size_t n_kept, cap_kept;
	bool whole; /* inside the one transaction of a release that asks for it (whole.c): nothing begins, commits or is tried again for itself */
	bool reverting; /* a revert, once begun, is finished: only the agent's own end ends it */
	bool begun; /* the intents of this run are in the journal */
	struct validated validated; /* whose validations after it this agent has seen to hold */
	bool schema_taken; /* everything is done, and C24 has taken the schema that is left */
	const char *in_doubt; /* what was in flight when a connection was lost, in words; NULL: nothing, or the ledger was read since */
	struct failure_place doubt_place; /* of that */
	const char *doubt; /* the COMMIT that was not answered, as doubt.c notes it; NULL: none */
	uint32_t random_state;

	const char *unconfirmed; /* the first step that was committed without the synchronous standby's word, in words; NULL: none */
	struct failure_place unconfirmed_place;

	struct err error;
	struct failure_place place;
};

/* Runs to its end and fills the report's outcome. ENDED_STOPPED with WISH_TERMINATE: nothing to report, the task stays open. */
enum ended delivery_run(struct delivery *d);
/* finish.c: journal outcomes and the sealed report, on disk. */
int delivery_finish(struct delivery *d, journal_seal_fn *seal, void *arg, struct err *e) MUST_CHECK;

void delivery_done(struct delivery *d); /* frees what it made outside `arena` */

/* ---- between the files ---- */

/* What the release's project sees of the ledger. */
struct project_ledger delivery_ledger(const struct delivery *d);

void delivery_say(struct delivery *d, const char *state, const char *changeset, const char *detail);
/* d->error is a check's word: notes which one's, and what to do about it (NULL: what the error itself says), for delivery_check; delivery_refuse returns ENDED_REFUSED. */
void delivery_check(struct delivery *d, enum check_code c, const char *advice);
enum ended delivery_refuse(struct delivery *d, enum check_code c, const char *advice);
/* What an error means for the delivery: lost, stopped, a person's, or just failed. */
enum ended delivery_judge(struct delivery *d, const struct err *e);
/* After try `n` (from 0) failed with `e`: waits as the error's class says and returns ENDED_OK (try again), or says that it is over. `lost`: it is the connection that
 * is tried again. Names who blocks. */
enum ended delivery_wait(struct delivery *d, struct err *e, uint32_t n, const char *changeset, bool lost);
/* patience.c. The next try, number `n` from 0, waits for a lock, and for all of its locks together, for the lock timeout that is this number's. */
void delivery_patience(struct delivery *d, uint32_t n);
/* A release's statement, as engine->exec runs it, which ends as by the lock timeout when the watch stops it. */
int delivery_exec(struct delivery *d, struct bytes sql, uint64_t *ret_rows, struct err *e) MUST_CHECK;
/* The same around what is run otherwise: between watch_statement(true) and it, and after watch_statement(false), with how it ended. */
void delivery_stoppable(struct delivery *d);
int delivery_stopped(struct delivery *d, int rc, struct err *e) MUST_CHECK;
/* Sleeps unless asked to end; true when the time passed undisturbed. */
bool delivery_sleep(struct delivery *d, uint32_t ms);
/* It was in flight, and no answer came: "step 3 of a:x". */
void delivery_doubt(struct delivery *d, const char *what);
/* For a failure of the item itself. Step and statement from 1, 0: none; a line without a step is one of the changeset's own file. */
void delivery_place(struct delivery *d, const struct plan_item *it, enum direction dir, uint32_t step, uint32_t statement, uint32_t line);

/* apply.c: what the plan says, one changeset after the other. */
enum ended delivery_items(struct delivery *d);
/* The validations after a changeset that an earlier attempt or delivery has applied. */
enum ended delivery_validate(struct delivery *d, const struct plan_item *it);
/* The ledger that was read is this target's (C13, C16) and lets the release come (C8); and what is left to be done. */
enum ended delivery_verify(struct delivery *d);
enum ended delivery_make_plan(struct delivery *d);
/* No run of this task, earlier or present, has begun anything. */
bool delivery_is_fresh(const struct delivery *d);

/* whole.c: the same in one transaction. */
enum ended whole_run(struct delivery *d);

/* finish.c: which changeset an earlier attempt, or this one, has seen to be valid. What was validated is not validated again: the application goes on working with it. */
int finish_recall(struct delivery *d, struct err *e) MUST_CHECK;
/* Before anything begins: from here on this journal knows whether what it finds applied was validated. */
int finish_keep_account(struct delivery *d, struct err *e) MUST_CHECK;

/* lock.c: the session lock, polled. */
enum ended lock_take(struct delivery *d);
/* Waits until the backend of an earlier run no longer runs. */
enum ended lock_wait_for(struct delivery *d, const char *backend, const char *what);

/* identity.c: is it the database that this agent knows, and is it still at the end? */
int identity_recall(struct delivery *d, struct err *e) MUST_CHECK; /* the journal's heads; before the first connection */
void identity_note(struct delivery *d); /* what this connection saw of the ledger, before it is read again */
enum ended identity_check(struct delivery *d); /* once the ledger is read */
enum ended identity_epoch(struct delivery *d); /* C1, once there is a plan: no controller of a later epoch has worked here */
enum ended identity_chain(struct delivery *d); /* C25, when all is done: what is in the ledger now is what was read and written */
enum ended identity_broken(struct delivery *d); /* ENDED_ATTENTION: the ledger cannot be read as ours, for the reason in d->error */
enum ended identity_refuse(struct delivery *d); /* ENDED_REFUSED for the reason in d->error, with what to type */

/* doubt.c: a COMMIT of `row` was not answered; and, when the ledger was read again, what the server itself says of that transaction. */
void doubt_raise(struct delivery *d, const struct ledger_row *row);
enum ended doubt_settle(struct delivery *d);

/* resolve.c: settles the intent that an earlier run left open. */
enum ended resolve_open_intent(struct delivery *d);

/* batch.c: a step of class B, on from its cursor. step_run comes here with it. */
enum ended batch_run(struct delivery *d, const struct plan_item *it, enum direction dir, uint32_t index);

/* step.c */
enum ended step_run(struct delivery *d, const struct plan_item *it, enum direction dir, uint32_t index);
/* A ledger row in a transaction of its own: intents, outcomes, marks. */
int step_write_row(struct delivery *d, struct ledger_row *row, struct err *e) MUST_CHECK;
struct ledger_row step_row(const struct delivery *d, const struct plan_item *it, enum direction dir, uint32_t index, enum step_state state,
                           enum step_via via);
/* The step failed and has no effect. */
void step_report_failed(struct delivery *d, const struct plan_item *it, enum direction dir, uint32_t index, int64_t started_at_us);
/* Rolls back when a transaction is open. */
void step_undo(struct delivery *d);
/* Puts a row that is in the ledger into the report. */
void step_report(struct delivery *d, const struct ledger_row *row);

/* checks.c */
/* The single value of a query, in `a`; NULL: SQL NULL. ENDED_FAILED: the query itself fails; e says why. */
enum ended checks_value(struct delivery *d, const char *changeset, struct bytes sql, struct arena *a, const char **ret, struct err *e);
enum precondition_verdict { PRECONDITION_MET, PRECONDITION_SKIP, PRECONDITION_MARK_RAN };
enum ended checks_preconditions(struct delivery *d, const struct plan_item *it, enum precondition_verdict *ret);
enum ended checks_before(struct delivery *d, const struct plan_item *it); /* reads, compares, keeps (and notes in the journal) the values before */
enum ended checks_recall(struct delivery *d, const struct plan_item *it); /* the kept values of an earlier attempt */
enum ended checks_after(struct delivery *d, const struct plan_item *it, bool *ret_ok); /* all of them; the first failed one is in d->error */
enum ended checks_restored(struct delivery *d, const struct plan_item *it, bool *ret_ok); /* those of the earlier state once more, after a revert */

/* rollback.c */
enum ended rollback_item(struct delivery *d, const struct plan_item *it, uint32_t first_step);
/* A validation after has failed (d->error): undoes the changeset at once. Never ENDED_OK. */
enum ended rollback_revert(struct delivery *d, const struct plan_item *it, uint32_t first_step);

/* The changeset stays although its validations after it do not hold, or cannot be judged (d->error): the ledger is told (ledger_unvalidated), so that no order goes on behind it. Returns `end`, or
 * what kept the row from being written. */
enum ended rollback_not(struct delivery *d, const struct plan_item *it, enum ended end);

/* fingerprint.c: the schema's, into the report, as the site wants it, where what fails leaves it out; and compared, where somebody asks for that. */
enum ended fingerprint_before(struct delivery *d); /* C17; just before the first intent */
enum ended fingerprint_forget(struct delivery *d); /* from here on the last delivery is no longer the last */
enum ended fingerprint_expected(struct delivery *d); /* C24; when all is done */
void fingerprint_after(struct delivery *d, enum ended end);

/* server.c: C14, against what the server says; on each connection. */
enum ended server_role(struct delivery *d);
enum ended server_version(struct delivery *d);

/* limits.c: the site's caps, against what the database says. */
enum ended limits_timeouts(struct delivery *d); /* C21, on each connection */
enum ended limits_tables(struct delivery *d); /* before the first statement of a delivery */

/* consent.c: what the site's people said yes to, where they are asked, is still what would run. */
enum ended consent_check(struct delivery *d);

/* preview.c: in place of delivery_run; reads, and nothing else. The connection stays open until delivery_done. */
void delivery_look(struct delivery *d, struct preview *ret);

/* conclude.c: the report's outcome, failure text, what to type next. */
void conclude(struct delivery *d, enum ended end);

#endif
