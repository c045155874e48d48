/* What may stand in the place of a statement that cannot be run exactly once: the same work as statements that each can. For messages: people copy it. */
#ifndef COMMON_SQL_INSTEAD_H
#define COMMON_SQL_INSTEAD_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/base/bytes.h"
#include "common/sql/dialect.h"

#define SQL_INSTEAD_MAX 600 /* bytes; longer than that is no message any more */

/* Appends "DROP TABLE a; DROP TABLE b;" and the like to `ret`. False, with nothing appended, when the statement is not of a form that can be rewritten, or the text would be
 * too long. */
bool sql_instead(enum dialect d, struct bytes statement, struct buf *ret);

#endif
