/* Class B: can a statement be cut into batches by ranges of one table's key, and where does the range go? By lexing alone, no database: gates, packing and the agent share it.
 * What is taken: UPDATE and DELETE of one table, INSERT ... SELECT whose rows each come from one row of the first table in FROM. */
#ifndef COMMON_SQL_BATCH_H
#define COMMON_SQL_BATCH_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/sql/classify.h"

enum sql_batch_kind { SQL_BATCH_UPDATE, SQL_BATCH_DELETE, SQL_BATCH_INSERT };

struct sql_batch {
	enum dialect dialect;
	enum sql_batch_kind kind;
	struct bytes text; /* the statement; borrowed, as are the next two */
	struct bytes table; /* whose keys are walked, as written, with ONLY */
	struct bytes columns_of; /* how the statement names its columns: the alias, or the table as written */
	char name[SQL_NAME_MAX], schema[SQL_NAME_MAX]; /* of that table, unquoted as the engine folds them; schema "" when not written */
	char into[SQL_NAME_MAX]; /* INSERT: the table that gets the rows */
	size_t set; /* UPDATE: offset behind SET */
	size_t where, condition, end; /* offsets: the word WHERE (or where it belongs), the condition's first byte, and where it ends */
	bool skips_present; /* INSERT: IGNORE, OR IGNORE, ON CONFLICT or ON DUPLICATE KEY */
};

/* NULL when it can be batched. Otherwise why not, as "what: what to do"; static storage. */
const char *sql_batch_read(enum dialect d, struct bytes statement, struct sql_batch *ret);
/* Does an UPDATE set this column? */
bool sql_batch_assigns(const struct sql_batch *b, const char *column);
/* Does the condition name the unfinished state, so that a row that is done no longer meets it? An UPDATE's names a column that it sets, an INSERT's the table that gets
 * the rows (or the INSERT passes over rows that are there); a DELETE's rows are gone. */
bool sql_batch_names_unfinished(const struct sql_batch *b);
/* The statement with `range`, a condition, added to its own. */
void sql_batch_render(const struct sql_batch *b, const char *range, struct buf *ret);

#endif
