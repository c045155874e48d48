/* What a site's `row_values: hide` keeps out of a server's words before they become an error: values of rows, as "Key (email)=(ada@example.com) already exists" and "Duplicate entry 'Ada'"
 * have them. Names of tables, columns and constraints stay. By tables of codes, and what no table knows is not told: the code still is, and the server's own log has the rest. Pure. */
#ifndef AGENT_ENGINE_ROW_VALUES_H
#define AGENT_ENGINE_ROW_VALUES_H

#include <stdbool.h>

#include "common/base/buf.h"

enum pg_part { PG_PART_MESSAGE, PG_PART_DETAIL, PG_PART_HINT };
/* Appends a part of PostgreSQL's message, "..." for what may be a value. raised: the words are a function's own (RAISE), which may say anything. */
void row_values_hide_postgres(const char *sqlstate, bool raised, enum pg_part part, const char *text, struct buf *ret);
/* The same for MariaDB's. */
void row_values_hide_mariadb(unsigned code, const char *sqlstate, const char *text, struct buf *ret);

#endif
