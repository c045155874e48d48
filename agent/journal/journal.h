/* The agent's durable memory: one SQLite file (WAL, synchronous=FULL) with tasks, step intents and outcomes, the outbox of signed reports, and small counters. It is
 * never the truth about a target (the ledger is); it says what this agent was doing and what it still has to tell. Each thread opens its own handle. Every call that
 * returns 0 is on disk, except journal_acked. */
#ifndef AGENT_JOURNAL_JOURNAL_H
#define AGENT_JOURNAL_JOURNAL_H

#include "agent/verify/checks.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/model/report.h"

struct journal;

int journal_open(const char *path, struct journal **ret, struct err *e) MUST_CHECK; /* makes and migrates the file, mode 0600 */
void journal_close(struct journal **j);
/* The same for a runner: a handle kept open from an earlier delivery where there is one. Give it back in the thread that used it; for AUTO(journal_return). */
int journal_borrow(const char *path, struct journal **ret, struct err *e) MUST_CHECK;
void journal_return(struct journal **j); /* NULL-safe */
void journal_pool_done(void); /* closes what is kept: when no runner is left */
int journal_prune(struct journal *j, struct err *e) MUST_CHECK; /* deletes what was kept for 30 days; reads whole tables */

/* A task as it was offered and accepted; enough to start again after a crash. */
enum task_state { TASK_ACCEPTED, TASK_RUNNING, TASK_FINISHED };
struct task {
	uint8_t id[TASK_SIZE];
	uint32_t attempt, epoch;
	const char *target;
	uint8_t release_hash[DIGEST_SIZE], dossier_hash[DIGEST_SIZE];
	uint64_t release_size, dossier_size;
	struct bytes proof;
	int64_t deadline_us;
	enum direction direction; /* of the offer; part of what makes the id */
	enum task_state state;
	uint64_t report_seq; /* of its final report; 0 while unfinished */
};
/* ret_known: this (id, attempt) or a later attempt was here before; *ret_state then tells how far it is. Idempotent. */
int journal_accept(struct journal *j, const struct task *t, bool *ret_known, enum task_state *ret_state, struct err *e) MUST_CHECK;
/* The newest attempt of a task, in whatever state. */
int journal_get_task(struct journal *j, const uint8_t id[TASK_SIZE], struct arena *a, bool *ret_found, struct task *ret, struct err *e) MUST_CHECK;
/* The same without accepting anything. */
int journal_find_task(struct journal *j, const struct task *t, bool *ret_known, enum task_state *ret_state, struct err *e) MUST_CHECK;
int journal_task_state(struct journal *j, const uint8_t id[TASK_SIZE], uint32_t attempt, enum task_state s, struct err *e) MUST_CHECK;
/* Unfinished tasks, oldest first: what to resume at start. */
int journal_open_tasks(struct journal *j, struct arena *a, struct task **ret, size_t *ret_n, struct err *e) MUST_CHECK;

/* Before a step starts and after it ended. backend: engine->backend. */
struct journal_step {
	const char *target, *changeset;
	enum direction direction;
	uint32_t run, step, attempt, epoch;
	uint8_t task[TASK_SIZE], digest[DIGEST_SIZE];
	const char *backend;
	enum step_state state; /* STEP_INTENT first, then DONE, FAILED or SKIPPED */
};
int journal_step(struct journal *j, const struct journal_step *s, struct err *e) MUST_CHECK;
/* Many of them in one commit; a task's first rows also mark it running. */
int journal_steps(struct journal *j, const struct journal_step *s, size_t n, struct err *e) MUST_CHECK;
/* The newest step row of a target, NULL target in *ret when there is none: tells a dead run's backend. */
int journal_last_step(struct journal *j, const char *target, struct arena *a, struct journal_step *ret, struct err *e) MUST_CHECK;

/* What a changeset's run must still know after a crash in its middle: values that its validations read before the first step, and the decision to revert it. */
struct journal_note {
	const char *target, *project, *changeset; /* project NULL: of none, the target's own */
	uint32_t run;
	const char *name, *value; /* value NULL: the query gave SQL NULL */
	uint8_t task[TASK_SIZE];
	uint32_t attempt;
};
int journal_notes_put(struct journal *j, const struct journal_note *notes, size_t n, struct err *e) MUST_CHECK; /* one commit; replaces */
/* Looks for the note of io->target, project, changeset, run and name, and fills the rest. */
int journal_note_get(struct journal *j, struct journal_note *io, struct arena *a, bool *ret_found, struct err *e) MUST_CHECK;

/* Ends a task and queues its report, with what is to be kept of it, in one transaction: assigns report_seq and prev_report_hash (in *r), calls `seal` to encode and sign, stores the envelope, marks the
 * task and its earlier attempts finished. seal returns the envelope's bytes in `ret`. prev_report_hash is SHA-256 of the previous report's envelope bytes, zero for the
 * first. */
struct journal_sequence { /* the highest release sequence of a project in effect on a target */
	const char *project;
	uint64_t highest;
};
struct journal_ending { /* what is kept */
	const struct journal_step *steps; /* their outcomes */
	size_t n_steps;
	const struct journal_sequence *sequence; /* of the report's target now; NULL: as it was */
	const struct journal_note *note; /* NULL: none */
};
/* A report that names a check is also kept as a refusal, and so is one that `seal` could not seal (C26). */
typedef int journal_seal_fn(void *arg, const struct report *r, struct buf *ret, struct err *e);
int journal_finish(struct journal *j, const struct journal_ending *end, struct report *r, journal_seal_fn *seal, void *arg, struct err *e) MUST_CHECK;
int journal_sequence(struct journal *j, const char *target, const char *project, uint64_t *ret, struct err *e) MUST_CHECK; /* 0: none known */

/* What was refused here, and what a check has ended, kept for 30 days. */
struct journal_refusal {
	int64_t at_us;
	const char *target, *code, *message; /* code: the check's title; target "-": none */
};
/* Now, by this check. target NULL: none. For what makes no report. */
int journal_refuse(struct journal *j, enum check_code check, const char *target, const char *message, struct err *e) MUST_CHECK;
/* The newest `max`, newest first. */
int journal_refusals(struct journal *j, size_t max, struct arena *a, struct journal_refusal **ret, size_t *ret_n, struct err *e) MUST_CHECK;
/* Reports from `from_seq` on, in order, at most `max`. Acked ones are kept 30 days, because a restored controller may ask again. */
struct outbox_entry {
	uint64_t seq;
	struct bytes envelope;
};
int journal_outbox(struct journal *j, uint64_t from_seq, size_t max, struct arena *a, struct outbox_entry **ret, size_t *ret_n,
                   struct err *e) MUST_CHECK;
/* May be forgotten by a power failure: the report is then sent, and acknowledged, again. `audit` as for journal_audit. */
int journal_acked(struct journal *j, uint64_t up_to_seq, const struct audit_head *audit, struct err *e) MUST_CHECK;
/* Keeps the end of the controller's audit chain: journal_finish puts it into each report. ERR_STATE, and the one we know stays, when the chain told now is shorter, or another
 * one of the same length: the controller's log was set back or written anew. */
int journal_audit(struct journal *j, const struct audit_head *told, struct err *e) MUST_CHECK;
uint64_t journal_last_report(struct journal *j); /* highest report_seq ever written; 0 if none */
uint64_t journal_first_unacked(struct journal *j); /* last + 1 when all are acked */

/* Signed documents that this agent believes, each the newest of its kind; their envelopes' bytes. */
#define JOURNAL_TRUST "trust"
#define JOURNAL_FRESH "fresh"
int journal_document(struct journal *j, const char *kind, struct arena *a, struct bytes *ret, struct err *e) MUST_CHECK; /* n 0: none */
struct journal_belief {
	struct bytes trust, fresh; /* n 0: as it was */
	bool drops_fresh; /* the old one, before `fresh` is put */
	uint64_t trust_version; /* raised with `trust` */
	int64_t attested_us; /* raised */
};
/* All of it in one commit. What it means is checked before: agent/verify/trusted.h. */
int journal_believe(struct journal *j, const struct journal_belief *b, struct err *e) MUST_CHECK;

/* How far this agent has seen a target's ledger. journal_finish notes it with the report. */
struct journal_head {
	uint64_t rows;
	uint8_t head[DIGEST_SIZE]; /* hash of the last of them */
	const char *uuid; /* of the ledger */
};
/* Newest first, the newest hundred; none for a target that was never delivered to. */
int journal_heads(struct journal *j, const char *target, struct arena *a, struct journal_head **ret, size_t *ret_n, struct err *e) MUST_CHECK;
/* A person's decision: from now on the ledger is as it is (no rows: nothing is known of it). */
int journal_head_reset(struct journal *j, const char *target, const struct journal_head *h, struct err *e) MUST_CHECK;

/* Small facts: "epoch", "session_counter", "trust_version", ... Missing reads as 0. journal_raise never lowers. */
int journal_number(struct journal *j, const char *name, uint64_t *ret, struct err *e) MUST_CHECK;
int journal_raise(struct journal *j, const char *name, uint64_t value, struct err *e) MUST_CHECK;
int journal_next(struct journal *j, const char *name, uint64_t *ret, struct err *e) MUST_CHECK; /* +1, on disk, returned */

#endif
