/* MariaDB: transactions and the seam. DDL is atomic but commits by itself (class N); DML shares a transaction with its ledger row. */
#include "agent/engine/engine_mariadb.h"

#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "agent/engine/sql/inventory.sql.h"
#include "agent/engine/sql/mariadb_catalog.sql.h"
#include "agent/engine/sql/mariadb_ledger.sql.h"
#include "agent/ledger/ledger.h"
#include "common/base/str.h"

#define PACKET_RESERVE \
	1024 /* of max_allowed_packet: what the protocol puts around a statement. One that is too large costs the connection (2006), with no word why */
#define STATUS_STATE_CHANGED 0x4000 /* SERVER_SESSION_STATE_CHANGED, by session_track_state_change */

int engine_mariadb_library_init(struct err *e)
{
	return mysql_library_init(0, NULL, NULL) == 0 ? 0 : err_set(e, ERR_INTERNAL, "the MariaDB client library does not start");
}

void engine_mariadb_thread_end(void)
{
	mysql_thread_end();
}

void engine_mariadb_library_end(void)
{
	mysql_library_end();
}

/* ---- transactions ---- */

static bool mariadb_in_transaction(struct conn *c)
{
	return c->in_tx;
}

static void mariadb_patience(struct conn *c, uint32_t lock_timeout_ms)
{
	c->lock_ms = lock_timeout_ms;
}

static int settle(struct conn *c, struct err *e)
{
	return c->dirty && !c->in_tx ? maria_pin(c, e) : 0;
}

static int settle_patience(struct conn *c, struct err *e)
{
	if (settle(c, e) < 0)
		return -1;
	return c->lock_ms != c->session_lock_ms && !c->in_tx ? maria_set_lock_timeout(c, e) : 0;
}

static int begin_with(struct conn *c, const char *sql, struct err *e)
{
	if (c->in_tx)
		return err_set(e, ERR_INTERNAL, "START TRANSACTION inside a transaction");
	if (settle_patience(c, e) < 0 || maria_run_text(c, sql, NULL, NULL, e) < 0)
		return err_wrap(e, "START TRANSACTION");
	c->in_tx = true;
	return 0;
}

static int mariadb_begin(struct conn *c, struct err *e)
{
	return begin_with(c, "START TRANSACTION", e);
}

static int mariadb_begin_read(struct conn *c, struct err *e)
{
	return begin_with(c, "START TRANSACTION READ ONLY", e);
}

static int mariadb_rollback(struct conn *c, struct err *e)
{
	if (!c->in_tx)
		return 0;
	c->in_tx = false;
	return maria_run_text(c, "ROLLBACK", NULL, NULL, e);
}

static void undo(struct conn *c)
{
	struct err ignored;
	c->in_tx = false;
	if (maria_run_text(c, "ROLLBACK", NULL, NULL, &ignored) < 0)
		c->dirty = true; /* the connection is gone, and the transaction with it */
}

/* These end a COMMIT or a DDL statement without telling on which side of its end. */
static bool leaves_unknown(const struct err *e)
{
	static const int codes[] = {2006, 2013, 2055, 1053, 1180, 1317, 1927, 1184, 1158, 1159, 1160, 1161};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (e->db_errno == codes[i])
			return true;
	return e->code == ERR_UNKNOWN;
}

static int mariadb_commit(struct conn *c, struct err *e)
{
	struct err why = ERR_INIT;
	if (!c->in_tx)
		return err_set(e, ERR_STATE, "there is no transaction to commit");
	if (maria_run_text(c, "COMMIT", NULL, NULL, &why) == 0) {
		c->in_tx = false;
		return 0;
	}
	if (leaves_unknown(&why))
		why.code = ERR_UNKNOWN;
	else
		undo(c);
	c->in_tx = false;
	if (e)
		*e = why;
	return err_wrap(e, "COMMIT");
}

/* ---- releases' statements ---- */

static int check_transaction(struct conn *c, unsigned status, struct err *e)
{
	bool inside = status & SERVER_STATUS_IN_TRANS;
	if (inside == c->in_tx)
		return 0;
	if (c->in_tx) {
		c->in_tx = false;
		return err_set(e, ERR_STATE,
		               "the statement committed or ended Rollcall's transaction: DDL and COMMIT cannot share a step with other statements");
	}
	undo(c);
	return err_set(e, ERR_STATE, "the statement left a transaction open: it was rolled back; releases hold no START TRANSACTION of their own");
}

static int mariadb_exec(struct conn *c, struct bytes sql, uint64_t *ret_rows, struct err *e)
{
	uint64_t rows = 0;
	if (settle_patience(c, e) < 0)
		return -1;
	if (maria_run(c, sql, NULL, NULL, &rows, e) < 0) {
		if (!c->in_tx && e && e->db_errno != 2006 && leaves_unknown(e))
			e->code = ERR_UNKNOWN;
		return -1;
	}
	unsigned status = maria_server_status(c);
	if (status & STATUS_STATE_CHANGED)
		c->dirty = true;
	if (check_transaction(c, status, e) < 0)
		return -1;
	if (ret_rows)
		*ret_rows = rows;
	return 0;
}

static int mariadb_query(struct conn *c, struct bytes sql, const struct engine_param *params, size_t n_params, engine_row_fn *fn, void *arg,
                         struct err *e)
{
	if (settle(c, e) < 0)
		return -1;
	return n_params ? maria_run_prepared(c, sql, params, n_params, fn, arg, e) : maria_run(c, sql, fn, arg, NULL, e);
}

/* ---- the rest of the seam ---- */

static int mariadb_identity(struct conn *c, struct engine_identity *ret, struct err *e)
{
	(void)e;
	*ret = c->identity;
	return 0;
}

static uint64_t mariadb_statement_max(struct conn *c)
{
	return c->packet_max > PACKET_RESERVE ? c->packet_max - PACKET_RESERVE : 0;
}

static int superuser_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	*(bool *)arg = str_eq(values[0], "1");
	return 0;
}

static int mariadb_superuser(struct conn *c, bool *ret, struct err *e)
{
	bool found = false;
	if (settle(c, e) < 0 || maria_run_text(c, maria_sql_superuser, superuser_row, &found, e) < 0)
		return err_wrap(e, "look at the account's privileges");
	*ret = found;
	return 0;
}

static int mariadb_cautions(struct conn *c, struct buf *ret, struct err *e)
{
	return settle(c, e) < 0 ? -1 : maria_run_text(c, maria_sql_cautions, engine_caution_row, ret, e);
}

static const char *mariadb_ledger_prefix(struct conn *c)
{
	return c->prefix;
}

static const char *mariadb_backend(struct conn *c)
{
	return c->backend;
}

/* On a connection of its own: ours is busy with the statement. */
static void mariadb_kill(struct conn *c)
{
	AUTO(maria_connect_close) struct conn *own = NULL;
	struct err ignored;
	char sql[64];
	snprintf(sql, sizeof sql, "KILL QUERY %lu", strtoul(c->backend, NULL, 10));
	if (maria_connect_open(c->target, &own, &ignored) < 0 || maria_run_text(own, sql, NULL, NULL, &ignored) < 0)
		return; /* the statement's own timeouts still end it */
}

static int mariadb_object_state(struct conn *c, const struct sql_class *s, uint8_t out[DIGEST_SIZE], struct buf *text, struct err *e)
{
	return settle(c, e) < 0 ? -1 : maria_catalog_object_state(c, s, out, text, e);
}

static int mariadb_table_exists(struct conn *c, const char *schema, const char *table, bool view, bool *ret_exists, struct err *e)
{
	return settle(c, e) < 0 ? -1 : maria_catalog_table_exists(c, schema, table, view, ret_exists, e);
}

static int mariadb_snapshot(struct conn *c, engine_row_fn *fn, void *arg, struct err *e)
{
	return settle(c, e) < 0 ? -1 : maria_snapshot(c, fn, arg, e);
}

static int mariadb_untransacted(struct conn *c, struct bytes sql, const struct sql_class *s, char *ret, size_t size, struct err *e)
{
	return settle(c, e) < 0 ? -1 : maria_untransacted(c, sql, s, ret, size, e);
}

static int mariadb_cleanup(struct conn *c, const struct sql_class *s, bool *ret_cleaned, struct err *e)
{
	(void)c, (void)s, (void)e;
	*ret_cleaned = false; /* the server's DDL log leaves nothing half-made */
	return 0;
}

static const struct retry_rule retry_rules[] = {
    {NULL, 1205, RETRY_LOCK},
    {NULL, 1689, RETRY_LOCK},
    {NULL, 1213, RETRY_TXN},
    {NULL, 1020, RETRY_TXN},
    {NULL, 1412, RETRY_TXN},
    {NULL, 1615, RETRY_TXN},
    {NULL, 1613, RETRY_TXN},
    {NULL, 1614, RETRY_TXN},
    {NULL, 2002, RETRY_CONN},
    {NULL, 2003, RETRY_CONN},
    {NULL, 2006, RETRY_CONN},
    {NULL, 1040, RETRY_CONN},
    {NULL, 1203, RETRY_CONN},
    {NULL, 1053, RETRY_CONN},
    {NULL, 1927, RETRY_CONN},
    {NULL, 1184, RETRY_CONN},
    {NULL, 1158, RETRY_CONN},
    {NULL, 1159, RETRY_CONN},
    {NULL, 1160, RETRY_CONN},
    {NULL, 1161, RETRY_CONN},
    {NULL, 2013, RETRY_UNKNOWN},
    {NULL, 2055, RETRY_UNKNOWN},
    {NULL, 1180, RETRY_UNKNOWN},
    {NULL, 1290, RETRY_PRIMARY},
    {NULL, 1792, RETRY_PRIMARY},
    {NULL, 1836, RETRY_PRIMARY},
    {NULL, 1874, RETRY_PRIMARY},
    {NULL, 1021, RETRY_RESOURCES},
    {NULL, 1114, RETRY_RESOURCES},
    {NULL, 1030, RETRY_RESOURCES},
    {NULL, 1037, RETRY_RESOURCES},
    {NULL, 1041, RETRY_RESOURCES},
    {NULL, 1206, RETRY_RESOURCES},
    {NULL, 1799, RETRY_RESOURCES},
    {NULL, 1034, RETRY_HALT},
    {NULL, 1194, RETRY_HALT},
    {NULL, 1712, RETRY_HALT},
    /* permanent: the statement, the data or a right is wrong, and will be next time too */
    {NULL, 1005, RETRY_NEVER},
    {NULL, 1007, RETRY_NEVER},
    {NULL, 1008, RETRY_NEVER},
    {NULL, 1025, RETRY_NEVER},
    {NULL, 1130, RETRY_NEVER},
    {NULL, 1265, RETRY_NEVER},
    {NULL, 1317, RETRY_NEVER},
    {NULL, 1347, RETRY_NEVER},
    {NULL, 1101, RETRY_NEVER},
    {NULL, 1118, RETRY_NEVER},
    {NULL, 1153, RETRY_NEVER},
    {NULL, 1267, RETRY_NEVER},
    {NULL, 1366, RETRY_NEVER},
    {NULL, 1369, RETRY_NEVER},
    {NULL, 1418, RETRY_NEVER},
    {NULL, 1419, RETRY_NEVER},
    {NULL, 1364, RETRY_NEVER},
    {NULL, 1665, RETRY_NEVER},
    {NULL, 1697, RETRY_NEVER},
    {NULL, 1698, RETRY_NEVER},
    {NULL, 1845, RETRY_NEVER},
    {NULL, 1846, RETRY_NEVER},
    {NULL, 1901, RETRY_NEVER},
    {NULL, 1969, RETRY_NEVER},
    {NULL, 2005, RETRY_NEVER},
    {NULL, 2012, RETRY_NEVER},
    {NULL, 2026, RETRY_NEVER},
    {NULL, 2027, RETRY_NEVER},
    {NULL, 4025, RETRY_NEVER},
    {NULL, 4161, RETRY_NEVER},
    {"0A", 0, RETRY_NEVER},
    {"21", 0, RETRY_NEVER},
    {"22", 0, RETRY_NEVER},
    {"23", 0, RETRY_NEVER},
    {"28", 0, RETRY_NEVER},
    {"3D", 0, RETRY_NEVER},
    {"42", 0, RETRY_NEVER},
    {"44", 0, RETRY_NEVER},
    {"45", 0, RETRY_NEVER},
};

static enum retry_class mariadb_retry_class(const struct err *e)
{
	if (e->code == ERR_DB_CONNECT && e->db_errno == 2013) /* while connecting: nothing was sent */
		return RETRY_CONN;
	return engine_retry_class(e, retry_rules, ARRAY_LEN(retry_rules));
}

static bool mariadb_unique_violation(const struct err *e)
{
	return e->db_errno == 1062;
}

static const char *const schemes[] = {"mariadb", "mysql", NULL};

static const struct ledger_sql ledger = {
    .create = mariadb_ledger_create,
    .exists = mariadb_ledger_exists,
    .former = mariadb_ledger_former,
    .read = mariadb_ledger_read,
    .insert = mariadb_ledger_insert,
    .meta_read = mariadb_ledger_meta_read,
    .meta_write = mariadb_ledger_meta_write,
    .epoch = mariadb_ledger_epoch,
    .cursor_create = mariadb_ledger_cursor_create,
    .cursor_read = mariadb_ledger_cursor_read,
    .cursor_write = mariadb_ledger_cursor_write,
};

const struct engine engine_mariadb = {
    .name = "mariadb",
    .dialect = DIALECT_MARIADB,
    .schemes = schemes,
    .caps = {.transactional_ddl = false, .session_lock = true, .statement_timeout = true, .online_index = true},
    .ledger = &ledger,
    .size_sql = maria_sql_size,
    .timeouts_sql = maria_sql_timeouts,
    .table_size = maria_catalog_table_size,
    .databases_sql = maria_sql_databases,
    .open = maria_connect_open,
    .close = maria_connect_close,
    .identity = mariadb_identity,
    .ledger_prefix = mariadb_ledger_prefix,
    .statement_max = mariadb_statement_max,
    .cautions = mariadb_cautions,
    .superuser = mariadb_superuser,
    .try_lock = maria_catalog_try_lock,
    .unlock = maria_catalog_unlock,
    .patience = mariadb_patience,
    .begin = mariadb_begin,
    .begin_read = mariadb_begin_read,
    .commit = mariadb_commit,
    .rollback = mariadb_rollback,
    .in_transaction = mariadb_in_transaction,
    .exec = mariadb_exec,
    .query = mariadb_query,
    .object_state = mariadb_object_state,
    .cleanup = mariadb_cleanup,
    .untransacted = mariadb_untransacted,
    .table_exists = mariadb_table_exists,
    .snapshot = mariadb_snapshot,
    .table_key = maria_key_of,
    .replica_lag = maria_replica_lag,
    .lag_from = true,
    .backend = mariadb_backend,
    .backend_alive = maria_catalog_backend_alive,
    .blockers = maria_catalog_blockers,
    .cancel = mariadb_kill,
    .cancel_backend = maria_catalog_cancel_backend,
    .cancelled = {NULL, 1317},
    .lock_timeout = {NULL, 1205},
    .retry_class = mariadb_retry_class,
    .unique_violation = mariadb_unique_violation,
};
