/* Which of its session's own time-outs a statement sets, and to what: by lexing alone, no database. The agent refuses what is over its site's caps (C21), the gates warn before that. */
#ifndef COMMON_SQL_TIMEOUTS_H
#define COMMON_SQL_TIMEOUTS_H

#include <stdbool.h>

#include "common/base/bytes.h"
#include "common/sql/dialect.h"
#include "common/sql/lex.h"

/* What an agent gives a session unless its agent.yaml says otherwise: for a wait for a lock, and for a statement. */
#define SQL_LOCK_TIMEOUT_MS      5000
#define SQL_STATEMENT_TIMEOUT_MS (30 * 60 * 1000)

struct sql_timeout {
	const char *name; /* static storage, such as "lock_timeout" */
	bool locks; /* it ends a wait for a lock; otherwise a statement */
	bool none; /* it is set to no time-out at all */
	double ms; /* negative: what it is set to cannot be told from the text */
};

/* A walk over one statement, which must outlive it. */
struct sql_timeouts {
	enum dialect dialect;
	struct lexer lexer;
	bool over;
};
void sql_timeouts_begin(struct sql_timeouts *t, enum dialect d, struct bytes statement);
/* The next time-out that it sets; false when there is none. Not told: what sets one back to the value that the connection began with (PostgreSQL's DEFAULT). */
bool sql_timeouts_next(struct sql_timeouts *t, struct sql_timeout *ret);

#endif
