/* Inside of the journal, for its own files only: the handle, and how a time and a transaction are taken. */
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
/* Inside a write transaction. */
int journal_steps_insert(struct journal *j, const struct journal_step *steps, size_t n, struct err *e) MUST_CHECK;
int journal_head_insert(struct journal *j, const char *target, const struct journal_head *h, struct err *e) MUST_CHECK;
int journal_number_raise_in(struct journal *j, const char *name, uint64_t value, struct err *e) MUST_CHECK;
int journal_sequence_put_in(struct journal *j, const char *target, const struct journal_sequence *q, struct err *e) MUST_CHECK;
int journal_refuse_in(struct journal *j, const struct journal_refusal *r, struct err *e) MUST_CHECK;

#endif
