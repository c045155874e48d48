/* One session that blocks another, as people read it; the same sentence for every server:
 *   pid 4711 of shopapp (application nightly-report, database shop), its transaction open for 35 s, idle in transaction after: SELECT count(*) FROM customers
 * Literals of its query are hidden: it is somebody else's. */
#ifndef AGENT_ENGINE_BLOCKER_H
#define AGENT_ENGINE_BLOCKER_H

#include "common/base/buf.h"
#include "common/sql/dialect.h"

struct blocker {
	const char *kind, *id; /* "pid", "4711" */
	const char *user, *from; /* who; "application nightly-report, database shop" */
	const char *age_s; /* whole seconds since its transaction began; NULL: not known */
	const char *doing; /* "idle in transaction after", "runs"; NULL: hidden from this account */
	const char *query; /* may be empty */
	const char *hint; /* what lets this account see what is hidden */
};
/* Adds it, after "; " when there is one already. */
void blocker_add(struct buf *b, const struct blocker *x, enum dialect d);

#endif
