/* PostgreSQL: transactions, releases' statements and the seam. */
#include "agent/engine/engine_postgres.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/sql/inventory.sql.h"
#include "agent/engine/sql/postgres_ledger.sql.h"
#include "agent/ledger/ledger.h"
#include "common/base/clock.h"
#include "common/base/str.h"

/* ---- transactions ---- */

static bool postgres_in_transaction(struct conn *c)
{
	PGTransactionStatusType s = PQtransactionStatus(c->pg);
	return s == PQTRANS_INTRANS || s == PQTRANS_INERROR || s == PQTRANS_ACTIVE;
}

/* Outside transactions: what a release's SET left behind must not reach the next statement. */
static int settle(struct conn *c, struct err *e)
{
	if (!c->dirty || postgres_in_transaction(c))
		return 0;
	if (pg_run_script(c, c->reset_sql, e) < 0)
		return -1;
	c->dirty = false;
	return 0;
}

/* For when an error is under way already; should this fail too, the connection is broken and the server rolls back. */
static void undo(struct conn *c)
{
	struct err ignored;
	if (postgres_in_transaction(c) && pg_run_script(c, "ROLLBACK", &ignored) < 0)
		c->dirty = true;
}

static void postgres_patience(struct conn *c, uint32_t lock_timeout_ms)
{
	c->lock_ms = lock_timeout_ms;
}

static void begin_text(const struct conn *c, struct buf *ret)
{
	buf_adds(ret, "BEGIN");
	if (c->dirty) /* and so it stays: should the transaction be rolled back, this is too */
		buf_addf(ret, ";%s", c->reset_sql);
	buf_adds(ret, c->in_transaction_sql);
	if (c->lock_ms != c->target->lock_timeout_ms)
		buf_addf(ret, ";SET LOCAL lock_timeout=%u", c->lock_ms);
}

static int begin_with(struct conn *c, const char *more, struct err *e)
{
	AUTO(buf_done) struct buf script = BUF_INIT;
	if (postgres_in_transaction(c))
		return err_set(e, ERR_INTERNAL, "BEGIN inside a transaction");
	begin_text(c, &script);
	buf_adds(&script, more);
	if (pg_run_script(c, buf_str(&script), e) == 0)
		return 0;
	undo(c);
	return err_wrap(e, "BEGIN");
}

static int postgres_begin(struct conn *c, struct err *e)
{
	return begin_with(c, "", e);
}

static int postgres_begin_read(struct conn *c, struct err *e)
{
	return begin_with(c, ";SET TRANSACTION READ ONLY", e);
}

/* These say that the connection or the server ended; whether before or after the commit, they do not say. */
static bool leaves_unknown(const struct err *e)
{
	static const char *const states[] = {"08", "57P01", "57P02", "57P03", "57P05", "40003", NULL};
	for (size_t i = 0; states[i]; i++)
		if (str_starts(e->sqlstate, states[i]))
			return true;
	return e->code == ERR_UNKNOWN;
}

static int commit_failed(struct conn *c, struct err *why, struct err *e)
{
	if (leaves_unknown(why))
		why->code = ERR_UNKNOWN;
	else
		undo(c);
	if (e)
		*e = *why;
	return err_wrap(e, "COMMIT");
}

static int postgres_commit(struct conn *c, struct err *e)
{
	struct err why = ERR_INIT;
	PGTransactionStatusType before = PQtransactionStatus(c->pg);
	if (before == PQTRANS_IDLE || before == PQTRANS_UNKNOWN)
		return err_set(e, ERR_STATE, "there is no transaction to commit");
	if (pg_run_script(c, "COMMIT", &why) < 0)
		return commit_failed(c, &why, e);
	if (before == PQTRANS_INERROR) /* the server answers ROLLBACK to such a COMMIT, without an error */
		return err_set(e, ERR_STATE, "the transaction had failed before COMMIT: it was rolled back");
	return 0;
}

static int postgres_rollback(struct conn *c, struct err *e)
{
	return postgres_in_transaction(c) ? pg_run_script(c, "ROLLBACK", e) : 0;
}

/* ---- our own statements, few round trips ---- */

#define BATCH_MAX 15

/* A simple query takes no parameters: they stand in it as literals. */
static int add_literal(struct conn *c, const struct engine_param *p, struct buf *to, struct err *e)
{
	if (p->null) {
		buf_adds(to, "NULL");
		return 0;
	}
	char *literal = PQescapeLiteral(c->pg, (const char *)p->value.p, p->value.n);
	if (!literal)
		return err_set(e, ERR_INTERNAL, "a parameter cannot be written as a literal: %.200s", PQerrorMessage(c->pg));
	buf_adds(to, literal);
	PQfreemem(literal);
	return 0;
}

/* Our own statements have no $ but their parameters'. */
static int add_own(struct conn *c, const struct engine_own *own, struct buf *to, struct err *e)
{
	AUTO(buf_done) struct buf sql = BUF_INIT;
	buf_add(&sql, own->sql.p, own->sql.n);
	const char *at = buf_str(&sql);
	for (const char *mark; own->n_params && (mark = strchr(at, '$'));) {
		char *after = NULL;
		unsigned long number = strtoul(mark + 1, &after, 10);
		if (number < 1 || number > own->n_params)
			return err_set(e, ERR_INTERNAL, "a statement of Rollcall's own has parameter $%lu of %zu", number, own->n_params);
		buf_add(to, at, (size_t)(mark - at));
		if (add_literal(c, &own->params[number - 1], to, e) < 0)
			return -1;
		at = after;
	}
	buf_adds(to, at);
	return 0;
}

/* BEGIN, statements, and `end`: one simple query. The rows of one statement alone can be told from those of the others. */
static int run_script(struct conn *c, const struct engine_own *own, size_t n, const char *end, struct err *e)
{
	AUTO(buf_done) struct buf script = BUF_INIT;
	engine_row_fn *fn = NULL;
	void *arg = NULL;
	if (postgres_in_transaction(c))
		return err_set(e, ERR_INTERNAL, "BEGIN inside a transaction");
	begin_text(c, &script);
	for (size_t i = 0; i < n; i++) {
		buf_addc(&script, ';');
		if (add_own(c, &own[i], &script, e) < 0)
			return -1;
		fn = own[i].fn ? own[i].fn : fn;
		arg = own[i].fn ? own[i].arg : arg;
	}
	buf_adds(&script, end);
	struct err why = ERR_INIT;
	if (pg_run(c, &(struct pg_call){.sql = buf_bytes(&script), .fn = fn, .arg = arg, .script = true}, NULL, &why) == 0)
		return 0;
	if (end[0] && leaves_unknown(&why))
		why.code = ERR_UNKNOWN;
	undo(c);
	if (e)
		*e = why;
	return -1;
}

static int pipeline(struct conn *c, const struct engine_own *own, size_t n, bool commit, size_t *ret_done, struct err *e)
{
	struct pg_call calls[BATCH_MAX + 1];
	struct err why = ERR_INIT;
	for (size_t i = 0; i < n; i++)
		calls[i] = (struct pg_call){.sql = own[i].sql, .params = own[i].params, .n_params = own[i].n_params, .fn = own[i].fn, .arg = own[i].arg};
	calls[n] = (struct pg_call){.sql = bytes_of_str("COMMIT")};
	if (pg_run_pipeline(c, calls, n + commit, ret_done, &why) == 0) {
		*ret_done = n;
		return 0;
	}
	if (commit && *ret_done == n)
		return commit_failed(c, &why, e);
	if (e)
		*e = why;
	return -1;
}

static int postgres_batch(struct conn *c, bool begin, const struct engine_own *own, size_t n, bool commit, size_t *ret_done, struct err *e)
{
	size_t first = 0, rows = 0, done = 0;
	*ret_done = 0;
	if (n > BATCH_MAX)
		return err_set(e, ERR_INTERNAL, "%zu statements in one batch", n);
	while (begin && first < n && (commit || own[first].n_params == 0) && rows + (own[first].fn != NULL) < 2)
		rows += own[first++].fn != NULL;
	bool whole = begin && commit && first == n;
	if (begin && run_script(c, own, first, whole ? ";COMMIT" : "", e) < 0)
		return err_wrap(e, whole ? "BEGIN to COMMIT" : "BEGIN");
	*ret_done = first;
	if (whole || (first == n && !commit))
		return 0;
	int rc = pipeline(c, own + first, n - first, commit, &done, e);
	*ret_done = first + done;
	return rc;
}

/* ---- releases' statements ---- */

static int check_transaction(struct conn *c, bool was_inside, bool tagged, struct err *e)
{
	bool inside = postgres_in_transaction(c);
	if (inside == was_inside && !tagged)
		return 0;
	if (was_inside)
		return err_set(e, ERR_STATE, "the statement ended Rollcall's transaction: releases hold no BEGIN, COMMIT or ROLLBACK of their own");
	undo(c);
	return err_set(e, ERR_STATE, "the statement left a transaction open: it was rolled back; releases hold no BEGIN of their own");
}

/* Cancelled by the server's own timeout, or by somebody: only the clock tells, because messages may be in any language. */
static void name_timeout(struct conn *c, int64_t started_us, struct err *e)
{
	char limit[32], state[6];
	if (!e || !str_eq(e->sqlstate, "57014") || clock_mono_us() - started_us < (int64_t)c->target->statement_timeout_ms * 1000)
		return;
	str_copy(state, sizeof state, e->sqlstate);
	err_set(e, ERR_TIMEOUT, "the statement ran longer than statement_timeout (%s) and was stopped",
	        engine_duration(c->target->statement_timeout_ms, limit));
	str_copy(e->sqlstate, sizeof e->sqlstate, state);
}

static int postgres_exec(struct conn *c, struct bytes sql, uint64_t *ret_rows, struct err *e)
{
	bool inside = postgres_in_transaction(c), tagged = false;
	if (settle(c, e) < 0 || (!inside && c->lock_ms != c->target->lock_timeout_ms && pg_set_lock_timeout(c, c->lock_ms, e) < 0))
		return -1;
	int64_t started_us = clock_mono_us();
	uint64_t rows = 0;
	c->dirty = true;
	if (pg_run_tagged(c, &(struct pg_call){.sql = sql}, &rows, &tagged, e) < 0) {
		if (!inside && e && leaves_unknown(e))
			e->code = ERR_UNKNOWN;
		name_timeout(c, started_us, e);
		return -1;
	}
	if (check_transaction(c, inside, tagged, e) < 0)
		return -1;
	if (ret_rows)
		*ret_rows = rows;
	return 0;
}

static int postgres_query(struct conn *c, struct bytes sql, const struct engine_param *params, size_t n_params, engine_row_fn *fn, void *arg,
                          struct err *e)
{
	if (settle(c, e) < 0)
		return -1;
	return pg_run(c, &(struct pg_call){.sql = sql, .params = params, .n_params = n_params, .fn = fn, .arg = arg}, NULL, e);
}

/* ---- the rest of the seam ---- */

static int postgres_identity(struct conn *c, struct engine_identity *ret, struct err *e)
{
	(void)e;
	*ret = c->identity;
	return 0;
}

static uint64_t postgres_statement_max(struct conn *c)
{
	(void)c;
	return 0x3fffffff; /* MaxAllocSize: a message is read into one piece of memory */
}

static const char *postgres_ledger_prefix(struct conn *c)
{
	return c->prefix;
}

static const char *postgres_backend(struct conn *c)
{
	return c->backend;
}

static bool postgres_unconfirmed(struct conn *c)
{
	bool was = c->unconfirmed;
	c->unconfirmed = false;
	return was;
}

static void postgres_cancel(struct conn *c)
{
	char ignored[256];
	(void)PQcancel(c->cancel, ignored, sizeof ignored);
}

static int postgres_object_state(struct conn *c, const struct sql_class *s, uint8_t out[DIGEST_SIZE], struct buf *text, struct err *e)
{
	return settle(c, e) < 0 ? -1 : pg_catalog_object_state(c, s, out, text, e);
}

static int postgres_index_wanted(struct conn *c, struct bytes statement, const struct sql_class *s, struct buf *text, struct err *e)
{
	return settle(c, e) < 0 ? -1 : pg_index_wanted(c, statement, s, text, e);
}

static int postgres_cleanup(struct conn *c, const struct sql_class *s, bool *ret_cleaned, struct err *e)
{
	return settle(c, e) < 0 ? -1 : pg_catalog_cleanup(c, s, ret_cleaned, e);
}

static int postgres_table_exists(struct conn *c, const char *schema, const char *table, bool view, bool *ret_exists, struct err *e)
{
	return settle(c, e) < 0 ? -1 : pg_catalog_table_exists(c, schema, table, view, ret_exists, e);
}

static int postgres_snapshot(struct conn *c, engine_row_fn *fn, void *arg, struct err *e)
{
	return settle(c, e) < 0 ? -1 : pg_snapshot(c, fn, arg, e);
}

static const struct retry_rule retry_rules[] = {
    {"55P03", 0, RETRY_LOCK},
    {"55006", 0, RETRY_IN_USE},
    {"40000", 0, RETRY_TXN},
    {"40001", 0, RETRY_TXN},
    {"40P01", 0, RETRY_TXN},
    {"72000", 0, RETRY_TXN},
    {"40003", 0, RETRY_UNKNOWN},
    {"08007", 0, RETRY_UNKNOWN},
    {"08P01", 0, RETRY_NEVER},
    {"08", 0, RETRY_CONN},
    {"57P01", 0, RETRY_CONN},
    {"57P02", 0, RETRY_CONN},
    {"57P03", 0, RETRY_CONN},
    {"57P05", 0, RETRY_CONN},
    {"25P03", 0, RETRY_CONN},
    {"53300", 0, RETRY_CONN},
    {"25006", 0, RETRY_PRIMARY},
    {"53100", 0, RETRY_RESOURCES},
    {"53200", 0, RETRY_RESOURCES},
    {"53000", 0, RETRY_RESOURCES},
    {"53400", 0, RETRY_RESOURCES},
    {"58030", 0, RETRY_RESOURCES},
    {"57P04", 0, RETRY_HALT},
    {"58P01", 0, RETRY_HALT},
    {"XX", 0, RETRY_HALT},
    /* permanent: the statement, the data or a right is wrong, and will be next time too */
    {"0", 0, RETRY_NEVER}, /* what is not above of 01 to 0Z */
    {"20", 0, RETRY_NEVER},
    {"21", 0, RETRY_NEVER},
    {"22", 0, RETRY_NEVER},
    {"23", 0, RETRY_NEVER},
    {"24", 0, RETRY_NEVER},
    {"25", 0, RETRY_NEVER},
    {"26", 0, RETRY_NEVER},
    {"27", 0, RETRY_NEVER},
    {"28", 0, RETRY_NEVER},
    {"2B", 0, RETRY_NEVER},
    {"2D", 0, RETRY_NEVER},
    {"2F", 0, RETRY_NEVER},
    {"34", 0, RETRY_NEVER},
    {"38", 0, RETRY_NEVER},
    {"39", 0, RETRY_NEVER},
    {"3B", 0, RETRY_NEVER},
    {"3D", 0, RETRY_NEVER},
    {"3F", 0, RETRY_NEVER},
    {"40002", 0, RETRY_NEVER},
    {"42", 0, RETRY_NEVER},
    {"44", 0, RETRY_NEVER},
    {"54", 0, RETRY_NEVER},
    {"55000", 0, RETRY_NEVER},
    {"55P02", 0, RETRY_NEVER},
    {"55P04", 0, RETRY_NEVER},
    {"57000", 0, RETRY_NEVER},
    {"57014", 0, RETRY_NEVER},
    {"58P02", 0, RETRY_NEVER},
    {"F0", 0, RETRY_NEVER},
    {"HV", 0, RETRY_NEVER},
    {"P0", 0, RETRY_NEVER},
};

/* Two that change the same row of a catalog, as of a role that the databases of a server share. It has no code of its own, and its words are never translated. */
static bool is_catalog_conflict(const struct err *e)
{
	return str_eq(e->sqlstate, "XX000") && (strstr(e->msg, "tuple concurrently updated") || strstr(e->msg, "tuple concurrently deleted"));
}

static enum retry_class postgres_retry_class(const struct err *e)
{
	if (is_catalog_conflict(e))
		return RETRY_TXN;
	return engine_retry_class(e, retry_rules, ARRAY_LEN(retry_rules));
}

static bool postgres_unique_violation(const struct err *e)
{
	return str_eq(e->sqlstate, "23505") || str_eq(e->sqlstate, "42P07"); /* or the table itself */
}

static const char *const schemes[] = {"postgresql", "postgres", NULL};

static const struct ledger_sql ledger = {
    .namespace = postgres_ledger_namespace,
    .create = postgres_ledger_create,
    .exists = postgres_ledger_exists,
    .former = postgres_ledger_former,
    .read = postgres_ledger_read,
    .insert = postgres_ledger_insert,
    .meta_read = postgres_ledger_meta_read,
    .meta_write = postgres_ledger_meta_write,
    .claim = postgres_ledger_claim,
    .claim_again = postgres_ledger_claim_again,
    .epoch = postgres_ledger_epoch,
    .transaction = postgres_ledger_transaction,
    .cursor_create = postgres_ledger_cursor_create,
    .cursor_read = postgres_ledger_cursor_read,
    .cursor_write = postgres_ledger_cursor_write,
};

const struct engine engine_postgres = {
    .name = "postgresql",
    .dialect = DIALECT_POSTGRESQL,
    .schemes = schemes,
    .caps = {.transactional_ddl = true, .session_lock = true, .statement_timeout = true, .online_index = true, .schemas = true, .row_ranges = true},
    .ledger = &ledger,
    .size_sql = pg_sql_size,
    .timeouts_sql = pg_sql_timeouts,
    .table_size = pg_catalog_table_size,
    .databases_sql = pg_sql_databases,
    .schemas_sql = pg_sql_schemas,
    .open = pg_connect_open,
    .close = pg_connect_close,
    .identity = postgres_identity,
    .ledger_prefix = postgres_ledger_prefix,
    .statement_max = postgres_statement_max,
    .cautions = pg_catalog_cautions,
    .superuser = pg_catalog_superuser,
    .try_lock = pg_catalog_try_lock,
    .unlock = pg_catalog_unlock,
    .patience = postgres_patience,
    .begin = postgres_begin,
    .begin_read = postgres_begin_read,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .in_transaction = postgres_in_transaction,
    .batch = postgres_batch,
    .exec = postgres_exec,
    .query = postgres_query,
    .object_state = postgres_object_state,
    .index_wanted = postgres_index_wanted,
    .cleanup = postgres_cleanup,
    .table_exists = postgres_table_exists,
    .snapshot = postgres_snapshot,
    .table_key = pg_key_of,
    .replica_lag = pg_replica_lag,
    .backend = postgres_backend,
    .backend_alive = pg_catalog_backend_alive,
    .blockers = pg_catalog_blockers,
    .witness = pg_catalog_witness,
    .unconfirmed = postgres_unconfirmed,
    .cancel = postgres_cancel,
    .cancel_backend = pg_catalog_cancel_backend,
    .cancelled = {"57014", 0},
    .lock_timeout = {"55P03", 0},
    .retry_class = postgres_retry_class,
    .unique_violation = postgres_unique_violation,
};
