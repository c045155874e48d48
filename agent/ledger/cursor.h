/* How far a class B step is: one row a step in the table `batch` beside the ledger, changed in each batch's own transaction, so that cursor and rows are of one piece. The
 * ledger itself grows by two rows however many batches there are. The row of a finished step stays, for people. */
#ifndef AGENT_LEDGER_CURSOR_H
#define AGENT_LEDGER_CURSOR_H

#include "agent/ledger/ledger.h"

struct cursor {
	bool exists;
	const char *key; /* the key's columns, as text */
	const char *bound; /* the key of the last row when the step began: later rows are the authors' own care; NULL: the table was empty */
	const char *at; /* the key up to which all rows are done; NULL: none yet */
	uint64_t batches;
	uint64_t passed; /* rows that the batches went over */
	uint64_t changed; /* rows that the statement changed */
	uint64_t total; /* about how many there were at the beginning; 0: not known */
};

/* Makes the table when it is missing. Not inside a transaction. */
int cursor_make(const struct engine *en, struct conn *c, struct err *e) MUST_CHECK;
/* Strings in `a`. Inside the batch's transaction, behind the fence. */
int cursor_read(const struct engine *en, struct conn *c, const struct ledger_row *step, struct arena *a, struct cursor *ret,
                struct err *e) MUST_CHECK;
int cursor_write(const struct engine *en, struct conn *c, const struct ledger_row *step, const struct cursor *cur, struct err *e) MUST_CHECK;

#endif
