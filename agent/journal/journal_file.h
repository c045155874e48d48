/* Inside of the journal, for its own files only: the handle, how a transaction is taken, and the columns that tables share. */
#ifndef AGENT_JOURNAL_JOURNAL_FILE_H
#define AGENT_JOURNAL_JOURNAL_FILE_H

#include "agent/journal/journal.h"
#include "common/lite/lite.h"

#define JOURNAL_KEEP_US ((int64_t)30 * 24 * 3600 * 1000000)

struct journal {
	struct lite *lite;
	uint64_t last_report; /* as last seen; grows only */
};

/* A write transaction; other threads' writers wait until journal_end. */
int journal_begin(struct journal *j, struct err *e) MUST_CHECK;
/* Commits when `rc` is 0, otherwise rolls back; returns how it ended. */
int journal_end(struct journal *j, int rc, struct err *e) MUST_CHECK;
/* What every table of deliveries begins with, in this order: id, attempt, target, the release's hash and size, the dossier's, proof, deadline_us, direction. Bound from ?1 to
 * ?10; read from the first ten columns. */
void journal_bind_task(struct lite_stmt *s, const struct task *t);
int journal_read_task(struct lite_stmt *s, struct arena *a, struct task *ret, struct err *e) MUST_CHECK;
/* Inside a write transaction. */
int journal_steps_insert(struct journal *j, const struct journal_step *steps, size_t n, struct err *e) MUST_CHECK;
int journal_note_put_in(struct journal *j, const struct journal_note *n, struct err *e) MUST_CHECK;
int journal_head_insert(struct journal *j, const char *target, const struct journal_head *h, struct err *e) MUST_CHECK;
int journal_number_raise_in(struct journal *j, const char *name, uint64_t value, struct err *e) MUST_CHECK;
int journal_sequence_put_in(struct journal *j, const char *target, const struct journal_sequence *q, struct err *e) MUST_CHECK;
int journal_refuse_in(struct journal *j, const struct journal_refusal *r, struct err *e) MUST_CHECK;

#endif
