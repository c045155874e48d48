/* One ledger row as text and back, and its hash. Every value is text in the database's terms, so that a few lines of any language can check the chain:
 * row_hash = SHA-256 over the columns seq .. prev_hash, each as u64le length and text; an empty project is left out. */
#ifndef AGENT_LEDGER_ROW_H
#define AGENT_LEDGER_ROW_H

#include "agent/ledger/ledger.h"

#define LEDGER_COLUMNS 25 /* of struct ledger_row; `once` comes after them */

struct row_text {
	char cells[LEDGER_COLUMNS][DIGEST_HEX_SIZE]; /* numbers, digests */
	const char *values[LEDGER_COLUMNS]; /* each into cells, static storage or the row's own strings */
};

void row_to_text(const struct ledger_row *row, struct row_text *ret);
/* Strings are copied into `a`. ERR_STATE when a value is not one that we write: somebody changed it. */
int row_from_text(const char *const *values, struct arena *a, struct ledger_row *ret, struct err *e) MUST_CHECK;
/* Over all fields but row_hash itself. */
void row_hash(const struct ledger_row *row, uint8_t out[DIGEST_SIZE]);
/* "shop/alice:orders/apply/1/0", without the project when the row names none: the step among all that ever run on the target. */
void row_step_name(const struct ledger_row *row, struct buf *ret);

#endif
