/* SQLite: connection, transactions, statements. The database works inside our process, so killing the agent kills the statement, and the file's journal undoes it.
 * Foreign keys are off while a step runs and checked before its COMMIT: with them on, the table rebuild that SQLite's own manual prescribes for ALTER would fire
 * ON DELETE CASCADE on the children. A dsn with foreign_keys=on has the actions fire; the check is made all the same. */
#include "agent/engine/engine_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/sql/inventory.sql.h"
#include "agent/engine/sql/sqlite_ledger.sql.h"
#include "agent/ledger/ledger.h"
#include "common/base/mount.h"
#include "common/base/str.h"

/* ---- opening ---- */

static int run_plain(struct conn *c, const char *sql, struct err *e)
{
	lite_engine_arm(c);
	int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : lite_engine_error(c, rc, e);
}

static void handle_close(struct conn *c)
{
	pthread_mutex_lock(&c->db_mutex);
	sqlite3_close(c->db);
	c->db = NULL;
	pthread_mutex_unlock(&c->db_mutex);
}

static int open_error(struct conn *c, int rc, struct err *e)
{
	char system[LITE_MESSAGE_SIZE];
	const char *why = lite_engine_message(c, rc, system);
	if ((rc & 0xff) == SQLITE_NOTADB)
		err_set(e, ERR_DB_CONNECT, "%s is not a SQLite database (or it is encrypted): correct the target's dsn", c->path);
	else if ((rc & 0xff) == SQLITE_CANTOPEN && access(c->path, F_OK) < 0)
		err_set(e, ERR_DB_CONNECT, "database file %s does not exist: make it first, or add ?create=1 to the target's dsn", c->path);
	else
		err_set(e, ERR_DB_CONNECT, "database file %s cannot be opened: %s", c->path, why);
	if (e)
		e->db_errno = rc;
	return -1;
}

static int handle_open(struct conn *c, struct err *e)
{
	sqlite3 *db = NULL;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE | (c->create ? SQLITE_OPEN_CREATE : 0);
	int rc = sqlite3_open_v2(c->path, &db, flags, NULL);
	pthread_mutex_lock(&c->db_mutex);
	c->db = db;
	pthread_mutex_unlock(&c->db_mutex);
	if (rc != SQLITE_OK)
		return open_error(c, rc, e);
	lite_engine_arm(c);
	lite_engine_watch(c);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* EXTRA: without a write-ahead log the folder is synced too, or a power failure after COMMIT could bring the journal back, which undoes it. */
	rc = sqlite3_exec(db,
	                  c->foreign_keys ? "PRAGMA foreign_keys = ON; PRAGMA synchronous = EXTRA; PRAGMA schema_version"
	                                  : "PRAGMA foreign_keys = OFF; PRAGMA synchronous = EXTRA; PRAGMA schema_version",
	                  NULL, NULL, NULL);
	c->dirty = false;
	return rc == SQLITE_OK ? 0 : open_error(c, rc, e);
}

static void sqlite_close_conn(struct conn **cp)
{
	struct conn *c = *cp;
	if (!c)
		return;
	handle_close(c);
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	buf_done(&c->broken_keys);
	mem_free_ptr(&c->path);
	pthread_mutex_destroy(&c->db_mutex);
	free(c);
	*cp = NULL;
}

static int sqlite_open_conn(const struct engine_target *t, struct conn **ret, struct err *e)
{
	AUTO(sqlite_close_conn) struct conn *c = mem_alloc(sizeof *c);
	c->target = t;
	c->lock_fd = -1;
	c->lock_ms = t->lock_timeout_ms;
	pthread_mutex_init(&c->db_mutex, NULL);
	lite_file_backend(c->backend);
	if (lite_file_parse(c, t->dsn, e) < 0 || handle_open(c, e) < 0 || lite_file_remember(c, e) < 0)
		return -1;
	if (sqlite3_db_readonly(c->db, "main") == 1)
		return err_set(e, ERR_DB_CONNECT,
		               "database file %s is read-only for this user: give the agent's user write access to the file and its folder", c->path);
	*ret = take_ptr(&c);
	return 0;
}

/* A fresh handle knows nothing of what a release's PRAGMA or temporary table left behind. */
static int settle(struct conn *c, struct err *e)
{
	if (!c->dirty || !sqlite3_get_autocommit(c->db))
		return 0;
	handle_close(c);
	c->broken_keys_known = false; /* data_version counts for each handle anew */
	return lite_file_same(c, e) < 0 ? -1 : handle_open(c, e);
}

static int sqlite_identity(struct conn *c, struct engine_identity *ret, struct err *e)
{
	(void)e;
	*ret = (struct engine_identity){.primary = true};
	lite_file_identity(c, ret);
	str_copy(ret->version, sizeof ret->version, sqlite3_libversion());
	return 0;
}

static uint64_t sqlite_statement_max(struct conn *c)
{
	return (uint64_t)sqlite3_limit(c->db, SQLITE_LIMIT_SQL_LENGTH, -1);
}

static int sqlite_superuser(struct conn *c, bool *ret, struct err *e) /* who may write the file may do all */
{
	(void)c, (void)e;
	*ret = false;
	return 0;
}

static int sqlite_cautions(struct conn *c, struct buf *ret, struct err *e)
{
	char kind[MOUNT_KIND_SIZE];
	if (mount_network_kind(MOUNT_TABLE, c->path, kind, e) != 0)
		return -1;
	if (kind[0])
		buf_addf(ret, "%s lies on %s, a file system of the network: locks may not keep writers on other machines apart\n", c->path, kind);
	if (lite_file_links(c) > 1)
		buf_addf(ret,
		         "%s has another name too (a hard link): SQLite keeps its journal by the name, and who opens the file by the other one does not see "
		         "it; make "
		         "the other one a copy (VACUUM INTO) or a symbolic link\n",
		         c->path);
	return 0;
}

static const char *sqlite_ledger_prefix(struct conn *c)
{
	(void)c;
	return "rollcall_";
}

/* ---- statements ---- */

static int sqlite_query(struct conn *c, struct bytes sql, const struct engine_param *params, size_t n_params, engine_row_fn *fn, void *arg,
                        struct err *e)
{
	return settle(c, e) < 0 ? -1 : lite_engine_query(c, sql, params, n_params, fn, arg, e);
}

/* Some errors (disk full, interrupt, out of memory) roll the transaction back by themselves; a savepoint or BEGIN of the statement's own may be left. */
static int check_transaction(struct conn *c, bool was_inside, int rc, struct err *e)
{
	bool inside = !sqlite3_get_autocommit(c->db);
	if (was_inside == inside)
		return rc;
	if (rc < 0)
		return err_wrap(e, "SQLite rolled the transaction back");
	if (inside) {
		(void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
		return err_set(e, ERR_STATE, "the statement left a transaction open: it was rolled back; releases hold no BEGIN or SAVEPOINT of their own");
	}
	return err_set(e, ERR_STATE, "the statement ended Rollcall's transaction: releases hold no COMMIT or ROLLBACK of their own");
}

static int sqlite_exec_one(struct conn *c, struct bytes sql, uint64_t *ret_rows, struct err *e)
{
	if (settle(c, e) < 0)
		return -1;
	bool inside = !sqlite3_get_autocommit(c->db);
	int64_t before = sqlite3_total_changes64(c->db);
	c->touched = true;
	if (check_transaction(c, inside, lite_engine_script(c, sql, e), e) < 0)
		return -1;
	if (ret_rows)
		*ret_rows = sqlite3_total_changes64(c->db) > before ? (uint64_t)sqlite3_changes64(c->db) : 0;
	return 0;
}

/* ---- transactions ---- */

static bool sqlite_in_transaction(struct conn *c)
{
	return c->db && !sqlite3_get_autocommit(c->db);
}

static int sqlite_rollback(struct conn *c, struct err *e)
{
	c->broken_keys_known = c->touched = false;
	if (sqlite_in_transaction(c) && run_plain(c, "ROLLBACK", e) < 0)
		return -1;
	bool was_reading = c->reading;
	c->reading = false;
	return was_reading ? run_plain(c, "PRAGMA query_only = OFF", e) : 0;
}

static void sqlite_patience(struct conn *c, uint32_t lock_timeout_ms)
{
	c->lock_ms = lock_timeout_ms;
}

static int sqlite_begin(struct conn *c, struct err *e)
{
	if (settle(c, e) < 0 || run_plain(c, "BEGIN IMMEDIATE", e) < 0)
		return -1;
	c->touched = false;
	if (lite_catalog_keys_before(c, e) < 0) {
		struct err ignored;
		(void)sqlite_rollback(c, &ignored);
		return -1;
	}
	return 0;
}

static int sqlite_begin_read(struct conn *c, struct err *e)
{
	if (settle(c, e) < 0 || run_plain(c, "PRAGMA query_only = ON", e) < 0)
		return -1;
	c->reading = true;
	return run_plain(c, "BEGIN", e);
}

static int commit_checks(struct conn *c, struct err *e)
{
	if (!sqlite_in_transaction(c))
		return err_set(e, ERR_STATE, "there is no transaction to commit");
	if (c->touched && lite_catalog_keys_after(c, e) < 0)
		return -1;
	return lite_file_same(c, e);
}

/* An I/O error while committing leaves open whether the journal was removed: the ledger tells, on a fresh handle. */
static int commit_failed(struct conn *c, int rc, struct err *e)
{
	char limit[32];
	struct err ignored;
	lite_engine_error(c, rc, e);
	if ((rc & 0xff) == SQLITE_BUSY) { /* the write lock was ours */
		err_set(e, ERR_DB, "another process read the file longer than lock_timeout (%s)", engine_duration(c->lock_ms, limit));
		if (e)
			e->db_errno = rc;
	}
	(void)sqlite_rollback(c, &ignored);
	if ((rc & 0xff) != SQLITE_IOERR)
		return err_wrap(e, "COMMIT");
	c->dirty = true;
	if (e)
		e->code = ERR_UNKNOWN;
	return err_wrap(e, "the outcome of COMMIT is unknown");
}

static int sqlite_commit(struct conn *c, struct err *e)
{
	struct err ignored;
	if (commit_checks(c, e) < 0) {
		(void)sqlite_rollback(c, &ignored);
		return -1;
	}
	lite_engine_arm(c);
	int rc = sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return commit_failed(c, rc, e);
	c->touched = false;
	return 0;
}

/* ---- the rest of the seam ---- */

static int sqlite_cleanup(struct conn *c, const struct sql_class *s, bool *ret_cleaned, struct err *e)
{
	(void)c, (void)s, (void)e;
	*ret_cleaned = false; /* nothing half-made survives here */
	return 0;
}

static int sqlite_object_state(struct conn *c, const struct sql_class *s, uint8_t out[DIGEST_SIZE], struct buf *text, struct err *e)
{
	return settle(c, e) < 0 ? -1 : lite_catalog_object_state(c, s, out, text, e);
}

static int sqlite_table_exists(struct conn *c, const char *schema, const char *table, bool view, bool *ret_exists, struct err *e)
{
	return settle(c, e) < 0 ? -1 : lite_catalog_table_exists(c, schema, table, view, ret_exists, e);
}

static int sqlite_snapshot(struct conn *c, engine_row_fn *fn, void *arg, struct err *e)
{
	return settle(c, e) < 0 ? -1 : lite_snapshot(c, fn, arg, e);
}

static const char *sqlite_backend(struct conn *c)
{
	return c->backend;
}

static void sqlite_cancel(struct conn *c)
{
	pthread_mutex_lock(&c->db_mutex);
	atomic_store(&c->cancelled, true);
	if (c->db)
		sqlite3_interrupt(c->db);
	pthread_mutex_unlock(&c->db_mutex);
}

/* A backend is a process here: its statement ends with it, and a live one is not ours to disturb. */
static int sqlite_cancel_backend(struct conn *c, const char *backend, struct err *e)
{
	(void)c, (void)backend, (void)e;
	return 0;
}

static const struct retry_rule retry_rules[] = {
    {NULL, SQLITE_BUSY, RETRY_LOCK},      {NULL, SQLITE_LOCKED, RETRY_LOCK},     {NULL, SQLITE_SCHEMA, RETRY_TXN},
    {NULL, SQLITE_CANTOPEN, RETRY_CONN},  {NULL, SQLITE_PROTOCOL, RETRY_LOCK},   {NULL, SQLITE_READONLY, RETRY_PRIMARY},
    {NULL, SQLITE_FULL, RETRY_RESOURCES}, {NULL, SQLITE_NOMEM, RETRY_RESOURCES}, {NULL, SQLITE_IOERR, RETRY_RESOURCES},
    {NULL, SQLITE_CORRUPT, RETRY_HALT},   {NULL, SQLITE_NOTADB, RETRY_HALT},     {NULL, SQLITE_CONSTRAINT, RETRY_NEVER},
    {NULL, SQLITE_ERROR, RETRY_NEVER},    {NULL, SQLITE_MISMATCH, RETRY_NEVER},  {NULL, SQLITE_PERM, RETRY_NEVER},
    {NULL, SQLITE_ABORT, RETRY_NEVER},    {NULL, SQLITE_INTERRUPT, RETRY_NEVER}, {NULL, SQLITE_TOOBIG, RETRY_NEVER},
    {NULL, SQLITE_AUTH, RETRY_NEVER},     {NULL, SQLITE_RANGE, RETRY_NEVER},     {NULL, SQLITE_NOLFS, RETRY_NEVER},
};

static enum retry_class sqlite_retry_class(const struct err *e)
{
	struct err primary = *e;
	primary.db_errno &= 0xff; /* extended codes are classed as the code that they refine */
	return engine_retry_class(&primary, retry_rules, ARRAY_LEN(retry_rules));
}

static bool sqlite_unique_violation(const struct err *e)
{
	return e->db_errno == SQLITE_CONSTRAINT_UNIQUE || e->db_errno == SQLITE_CONSTRAINT_PRIMARYKEY;
}

static const char *const schemes[] = {"sqlite", NULL};

static const struct ledger_sql ledger = {
    .create = sqlite_ledger_create,
    .exists = sqlite_ledger_exists,
    .former = sqlite_ledger_former,
    .read = sqlite_ledger_read,
    .insert = sqlite_ledger_insert,
    .meta_read = sqlite_ledger_meta_read,
    .meta_write = sqlite_ledger_meta_write,
    .epoch = sqlite_ledger_epoch,
    .cursor_create = sqlite_ledger_cursor_create,
    .cursor_read = sqlite_ledger_cursor_read,
    .cursor_write = sqlite_ledger_cursor_write,
};

const struct engine engine_sqlite = {
    .name = "sqlite",
    .dialect = DIALECT_SQLITE,
    .schemes = schemes,
    .caps = {.transactional_ddl = true, .session_lock = true, .statement_timeout = true, .row_ranges = true},
    .ledger = &ledger,
    .size_sql = lite_sql_size,
    .open = sqlite_open_conn,
    .close = sqlite_close_conn,
    .identity = sqlite_identity,
    .ledger_prefix = sqlite_ledger_prefix,
    .statement_max = sqlite_statement_max,
    .cautions = sqlite_cautions,
    .superuser = sqlite_superuser,
    .try_lock = lite_file_try_lock,
    .unlock = lite_file_unlock,
    .patience = sqlite_patience,
    .begin = sqlite_begin,
    .begin_read = sqlite_begin_read,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .in_transaction = sqlite_in_transaction,
    .exec = sqlite_exec_one,
    .query = sqlite_query,
    .object_state = sqlite_object_state,
    .cleanup = sqlite_cleanup,
    .table_exists = sqlite_table_exists,
    .snapshot = sqlite_snapshot,
    .table_key = lite_key_of,
    .table_size = lite_table_size,
    .backend = sqlite_backend,
    .backend_alive = lite_file_backend_alive,
    .blockers = lite_file_blockers,
    .cancel = sqlite_cancel,
    .cancel_backend = sqlite_cancel_backend,
    .cancelled = {NULL, SQLITE_INTERRUPT},
    .lock_timeout = {NULL, SQLITE_BUSY},
    .retry_class = sqlite_retry_class,
    .unique_violation = sqlite_unique_violation,
};
