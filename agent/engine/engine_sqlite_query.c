/* Running statements on SQLite: preparing, stepping, what a release's statement may not do, and errors in words. */
#include "agent/engine/engine_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"

#define PROGRESS_OPS 20000 /* virtual machine steps between two looks at the clock: under a millisecond */

/* ---- errors ---- */

static bool is_timeout(struct conn *c, int rc)
{
	return (rc & 0xff) == SQLITE_INTERRUPT && !atomic_load(&c->cancelled);
}

/* "disk I/O error: No space left on device", where the system said more than SQLite. The text lasts until the next error of the handle. */
const char *lite_engine_message(struct conn *c, int rc, char system[LITE_MESSAGE_SIZE])
{
	const char *text = c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);
	int code = c->db && ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN) ? sqlite3_system_errno(c->db) : 0;
	if (!code)
		return text;
	snprintf(system, LITE_MESSAGE_SIZE, "%s: %s", text, strerror(code));
	return system;
}

/* Fills e from the handle's last error. */
int lite_engine_error(struct conn *c, int rc, struct err *e)
{
	char limit[32], system[LITE_MESSAGE_SIZE];
	if (is_timeout(c, rc))
		err_set(e, ERR_TIMEOUT, "the statement ran longer than statement_timeout (%s) and was stopped",
		        engine_duration(c->target->statement_timeout_ms, limit));
	else if ((rc & 0xff) == SQLITE_INTERRUPT)
		err_set(e, ERR_DB, "the statement was cancelled");
	else if ((rc & 0xff) == SQLITE_BUSY)
		err_set(e, ERR_DB, "another process held the write lock longer than lock_timeout (%s)", engine_duration(c->lock_ms, limit));
	else
		err_set(e, ERR_DB, "%s", lite_engine_message(c, rc, system));
	if (e)
		e->db_errno = rc;
	return -1;
}

/* ---- call-backs of the library ---- */

static int on_progress(void *arg)
{
	struct conn *c = arg;
	return atomic_load(&c->cancelled) || clock_mono_us() > c->deadline_us;
}

static int on_busy(void *arg, int tries)
{
	struct conn *c = arg;
	if (atomic_load(&c->cancelled) || clock_mono_us() > c->busy_deadline_us)
		return 0;
	clock_sleep_ms(tries < 10 ? 2 : 20);
	return 1;
}

static bool is_ledger_table(const char *table)
{
	return str_eq(table, "rollcall_ledger") || str_eq(table, "rollcall_meta") || str_eq(table, "rollcall_batch");
}

static int authorize_pragma(struct conn *c, const char *name, const char *value)
{
	c->dirty = true;
	bool unsafe_journal = str_ieq(name, "journal_mode") && (str_ieq(value, "off") || str_ieq(value, "memory"));
	bool unsafe_sync = str_ieq(name, "synchronous") && value && !str_ieq(value, "full") && !str_ieq(value, "extra");
	return unsafe_journal || unsafe_sync ? SQLITE_DENY : SQLITE_OK;
}

/* A release's statement may not end our transaction, leave the file, weaken its durability or touch the ledger. VACUUM attaches "" and begins by itself. */
static int on_authorize(void *arg, int action, const char *a, const char *b, const char *database, const char *trigger)
{
	struct conn *c = arg;
	(void)trigger;
	if (!c->in_script)
		return SQLITE_OK;
	switch (action) {
	case SQLITE_PRAGMA:
		return authorize_pragma(c, a, b);
	case SQLITE_CREATE_TEMP_TABLE:
	case SQLITE_CREATE_TEMP_VIEW:
	case SQLITE_CREATE_TEMP_TRIGGER:
		c->dirty = true;
		return is_ledger_table(a) || is_ledger_table(b) ? SQLITE_DENY : SQLITE_OK; /* it would stand before ours */
	case SQLITE_TRANSACTION:
		return sqlite3_get_autocommit(c->db) ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_ATTACH:
		return str_eq(a, "") ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
	case SQLITE_DROP_TABLE:
		return str_eq(database, "main") && is_ledger_table(a) ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_CREATE_TRIGGER:
	case SQLITE_ALTER_TABLE:
		return is_ledger_table(b) ? SQLITE_DENY : SQLITE_OK;
	default:
		return SQLITE_OK;
	}
}

/* The library calls back into the connection from here on. */
void lite_engine_watch(struct conn *c)
{
	sqlite3_progress_handler(c->db, PROGRESS_OPS, on_progress, c);
	sqlite3_busy_handler(c->db, on_busy, c);
	sqlite3_set_authorizer(c->db, on_authorize, c);
}

void lite_engine_arm(struct conn *c)
{
	int64_t now = clock_mono_us();
	c->deadline_us = now + (int64_t)c->target->statement_timeout_ms * 1000;
	c->busy_deadline_us = now + (int64_t)c->lock_ms * 1000;
	atomic_store(&c->cancelled, false);
}

/* ---- statements ---- */

static bool only_blank_is_left(sqlite3 *db, const char *tail, const char *end)
{
	sqlite3_stmt *next = NULL;
	int rc = tail < end ? sqlite3_prepare_v2(db, tail, (int)(end - tail), &next, NULL) : SQLITE_OK;
	bool blank = rc == SQLITE_OK && !next;
	sqlite3_finalize(next);
	return blank;
}

static int prepare(struct conn *c, struct bytes sql, sqlite3_stmt **ret, struct err *e)
{
	const char *text = (const char *)sql.p, *tail = NULL;
	if (sql.n > INT32_MAX)
		return err_set(e, ERR_LIMIT, "a statement of %zu bytes is more than SQLite takes", sql.n);
	int rc = sqlite3_prepare_v2(c->db, text, (int)sql.n, ret, &tail);
	if ((rc & 0xff) == SQLITE_AUTH) {
		err_set(
		    e, ERR_DB,
		    "not allowed in a release: it would end the transaction, attach another file, make the journal unsafe or change Rollcall's own tables");
		if (e)
			e->db_errno = rc;
		return -1;
	}
	if (rc != SQLITE_OK)
		return lite_engine_error(c, rc, e);
	if (only_blank_is_left(c->db, tail, text + sql.n))
		return 0;
	sqlite3_finalize(*ret);
	*ret = NULL;
	return err_set(e, ERR_PARSE, "more than one statement where one is expected");
}

static int step_to_end(struct conn *c, sqlite3_stmt *stmt, engine_row_fn *fn, void *arg, struct err *e)
{
	int columns = sqlite3_column_count(stmt), rc;
	const char **values = mem_alloc(sizeof *values * (size_t)(columns + 1));
	int result = 0;
	while (result == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		for (int i = 0; fn && i < columns; i++)
			values[i] = (const char *)sqlite3_column_text(stmt, i);
		result = fn ? fn(arg, (size_t)columns, values, e) : 0;
	}
	free(values);
	if (result < 0)
		return -1;
	return rc == SQLITE_DONE ? 0 : lite_engine_error(c, rc, e);
}

static void bind(sqlite3_stmt *stmt, const struct engine_param *params, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (params[i].null)
			sqlite3_bind_null(stmt, (int)i + 1);
		else
			sqlite3_bind_text64(stmt, (int)i + 1, (const char *)params[i].value.p, params[i].value.n, SQLITE_STATIC, SQLITE_UTF8);
}

int lite_engine_query(struct conn *c, struct bytes sql, const struct engine_param *params, size_t n_params, engine_row_fn *fn, void *arg,
                      struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	lite_engine_arm(c);
	if (prepare(c, sql, &stmt, e) < 0)
		return -1;
	if (!stmt)
		return 0;
	bind(stmt, params, n_params);
	int rc = step_to_end(c, stmt, fn, arg, e);
	sqlite3_finalize(stmt);
	return rc;
}

int lite_engine_script(struct conn *c, struct bytes sql, struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	lite_engine_arm(c);
	c->in_script = true;
	int rc = prepare(c, sql, &stmt, e);
	if (rc == 0 && stmt)
		rc = step_to_end(c, stmt, NULL, NULL, e);
	sqlite3_finalize(stmt);
	c->in_script = false;
	return rc;
}
