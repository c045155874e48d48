/* Keeping literals out of what people read: other sessions' queries, and a server's words about a statement that sets a password. Statements themselves are signed text that the
 * release's readers may see; logs, reports and ledgers are read by more. */
#ifndef COMMON_SQL_REDACT_H
#define COMMON_SQL_REDACT_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/sql/dialect.h"

/* Appends `sql`, each string literal as '?', also one whose end was cut off. */
void sql_hide_literals(enum dialect d, struct bytes sql, struct buf *ret);
/* Does it set a password or the like: CREATE ROLE ... PASSWORD, IDENTIFIED BY, a key in OPTIONS? */
bool sql_holds_secret(enum dialect d, struct bytes sql);
/* What stands in quotes in `sql` and again in the message, quoted there or not, becomes "..." ("no such collation sequence: word"). In place; three characters or fewer stay. */
void sql_hide_own(enum dialect d, struct bytes sql, char *message);
/* Everything from the first quote of the message to the last becomes "...": servers quote what they did not understand. In place. */
void sql_hide_quoted(char *message);

#endif
