/* How long a try may wait for locks, and what becomes of a statement that was cancelled because it waited longer (watch.h). */
#include <string.h>

#include "agent/apply/delivery.h"
#include "agent/apply/retry.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/sql/timeouts.h"

void delivery_patience(struct delivery *d, uint32_t n)
{
	uint32_t ms = retry_lock_timeout_ms(n, d->target->lock_timeout_ms, d->target->lock_timeout_max_ms);
	d->engine->patience(d->conn, ms);
	watch_try(d->watch, ms);
}

/* What the statement sets for itself, its site has allowed (C21). */
static void allow_own(struct delivery *d, struct bytes sql)
{
	struct sql_timeouts walk;
	struct sql_timeout t;
	if (bytes_ifind(sql, 0, "_timeout") == SIZE_MAX)
		return;
	sql_timeouts_begin(&walk, d->engine->dialect, sql);
	while (sql_timeouts_next(&walk, &t))
		if (t.locks)
			watch_allow(d->watch, t.none || t.ms < 0 || t.ms > UINT32_MAX ? UINT32_MAX : (uint32_t)t.ms);
}

static bool is_code(const struct err *e, const struct engine_code *c)
{
	return c->sqlstate ? str_eq(e->sqlstate, c->sqlstate) : e->db_errno == c->db_errno;
}

/* As the server's own lock timeout, for all that follows. */
static int waited_too_long(struct delivery *d, int64_t waited_us, bool inside, struct err *e)
{
	char text[CLOCK_TEXT_SIZE];
	const struct engine_code *c = &d->engine->lock_timeout;
	err_set(
	    e, ERR_DB,
	    "the statement was stopped: %s waited %s for locks, one after the other, with readers and writers of other tables queued behind it, which "
	    "is longer than lock_timeout",
	    inside ? "its transaction" : "it", clock_duration_text(waited_us, text));
	if (e) {
		e->db_errno = c->db_errno;
		str_copy(e->sqlstate, sizeof e->sqlstate, c->sqlstate ? c->sqlstate : "");
	}
	return -1;
}

void delivery_stoppable(struct delivery *d)
{
	bool inside = d->engine->in_transaction(d->conn);
	if (!inside || d->engine->caps.transactional_ddl) /* otherwise what a transaction holds are locks of rows, for which no reader waits */
		watch_stoppable(d->watch, inside);
}

int delivery_stopped(struct delivery *d, int rc, struct err *e)
{
	int64_t waited_us = watch_stopped(d->watch);
	struct err spare = ERR_INIT;
	if (!waited_us)
		return rc;
	bool inside = d->engine->in_transaction(d->conn);
	/* It may have come too late for the statement. PostgreSQL, and MariaDB 10.11, let go a cancel of a session that runs nothing; where one is kept for the next statement, this is it, and
	 * not the ledger row or the COMMIT. */
	int spare_rc = d->engine->query(d->conn, bytes_of_str("SELECT 1"), NULL, 0, NULL, NULL, &spare);
	if (rc == 0 && (spare_rc == 0 || !inside))
		return 0;
	if (rc == 0 && e)
		*e = spare;
	return e && is_code(e, &d->engine->cancelled) ? waited_too_long(d, waited_us, inside, e) : -1;
}

int delivery_exec(struct delivery *d, struct bytes sql, uint64_t *ret_rows, struct err *e)
{
	allow_own(d, sql);
	watch_statement(d->watch, true);
	delivery_stoppable(d);
	int rc = d->engine->exec(d->conn, sql, ret_rows, e);
	watch_statement(d->watch, false);
	return delivery_stopped(d, rc, e);
}
