/* Running statements on MariaDB, and what its errors mean for the outcome. Parameters go by prepared statements, kept by their text. */
#include "agent/engine/engine_mariadb.h"

#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "agent/engine/row_values.h"
#include "common/base/str.h"

#define COLUMNS_MAX 64 /* of results that prepared statements return: ours alone */

unsigned maria_server_status(struct conn *c)
{
	unsigned status = 0;
	(void)mariadb_get_infov(c->my, MARIADB_CONNECTION_SERVER_STATUS, &status);
	return status;
}

/* ---- errors ---- */

/* The statement had left; whether the server finished it, nobody here knows. */
static bool reply_lost(unsigned code)
{
	return code == 2013 || code == 2055 || code == 2026 || code == 2027;
}

/* Between statements: nothing was sent. */
static bool never_sent(unsigned code)
{
	return code == 2006 || code == 2002 || code == 2003;
}

static int lost(unsigned code, const char *message, struct err *e)
{
	err_set(e, ERR_UNKNOWN,
	        "the connection to MariaDB was lost while a statement was under way (error %u: %s): whether it took effect is unknown until the "
	        "database was asked again",
	        code, message);
	return -1;
}

/* Of ALGORITHM and LOCK (common/sql/online.h). */
static const char may_do_more[] =
    ". The server began nothing: the statement's ALGORITHM or LOCK does not let it do as much to the table. Where it may, say so: algorithm:copy "
    "lock:shared on the changeset's line (writers wait while the table is copied), or both in the statement itself";

static void server_error(const struct conn *c, unsigned code, const char *sqlstate, const char *message, struct err *e)
{
	AUTO(buf_done) struct buf told = BUF_INIT;
	if (c->target->hide_row_values)
		row_values_hide_mariadb(code, sqlstate, message, &told);
	err_set(e, ERR_DB, "%.1000s (error %u, SQLSTATE %s)%s", c->target->hide_row_values ? buf_str(&told) : message, code, sqlstate,
	        code == 1845 || code == 1846 ? may_do_more : "");
}

int maria_error(struct conn *c, unsigned code, const char *sqlstate, const char *message, struct err *e)
{
	char limit[32];
	if (reply_lost(code))
		lost(code, message, e);
	else if (never_sent(code))
		err_set(e, ERR_DB_CONNECT, "MariaDB: the connection was lost before the statement was sent (error %u: %s)", code, message);
	else if (code == 1969)
		err_set(e, ERR_TIMEOUT, "the statement ran longer than statement_timeout (%s) and was stopped",
		        engine_duration(c->target->statement_timeout_ms, limit));
	else
		server_error(c, code, sqlstate, message, e);
	if (e) {
		e->db_errno = (int)code;
		str_copy(e->sqlstate, sizeof e->sqlstate, sqlstate);
	}
	return -1;
}

static int last_error(struct conn *c, struct err *e)
{
	return maria_error(c, mysql_errno(c->my), mysql_sqlstate(c->my), mysql_error(c->my), e);
}

/* ---- text protocol ---- */

static int give_rows(struct conn *c, MYSQL_RES *r, engine_row_fn *fn, void *arg, struct err *e)
{
	unsigned n = mysql_num_fields(r);
	MYSQL_ROW row;
	int result = 0;
	while (result == 0 && (row = mysql_fetch_row(r)))
		result = fn ? fn(arg, n, (const char *const *)row, e) : 0;
	(void)c;
	return result;
}

/* CALL answers with several results: all are taken, rows of the first go to fn. */
static int take_results(struct conn *c, engine_row_fn *fn, void *arg, uint64_t *ret_rows, struct err *e)
{
	int result = 0, more = 0;
	while (more == 0) {
		MYSQL_RES *r = mysql_store_result(c->my);
		if (!r && mysql_errno(c->my))
			return last_error(c, e);
		if (r && result == 0)
			result = give_rows(c, r, fn, arg, e);
		else if (!r && ret_rows)
			*ret_rows = mysql_affected_rows(c->my);
		if (r)
			mysql_free_result(r);
		fn = NULL;
		more = mysql_next_result(c->my);
	}
	if (more > 0)
		return last_error(c, e);
	return result;
}

int maria_run(struct conn *c, struct bytes sql, engine_row_fn *fn, void *arg, uint64_t *ret_rows, struct err *e)
{
	if (mysql_real_query(c->my, (const char *)sql.p, sql.n) != 0)
		return last_error(c, e);
	return take_results(c, fn, arg, ret_rows, e);
}

int maria_run_text(struct conn *c, const char *sql, engine_row_fn *fn, void *arg, struct err *e)
{
	return maria_run(c, bytes_of_str(sql), fn, arg, NULL, e);
}

/* ---- prepared statements ---- */

static int stmt_error(struct conn *c, MYSQL_STMT *s, struct err *e)
{
	return maria_error(c, mysql_stmt_errno(s), mysql_stmt_sqlstate(s), mysql_stmt_error(s), e);
}

static void forget_oldest(struct conn *c)
{
	mysql_stmt_close(c->prepared[0].stmt);
	free(c->prepared[0].sql);
	memmove(&c->prepared[0], &c->prepared[1], (MARIADB_STATEMENTS - 1) * sizeof c->prepared[0]);
	c->n_prepared--;
}

static int prepared(struct conn *c, struct bytes sql, MYSQL_STMT **ret, struct err *e)
{
	for (size_t i = 0; i < c->n_prepared; i++)
		if (bytes_equal(bytes_of_str(c->prepared[i].sql), sql))
			return *ret = c->prepared[i].stmt, 0;
	if (c->n_prepared == MARIADB_STATEMENTS)
		forget_oldest(c);
	MYSQL_STMT *s = mysql_stmt_init(c->my);
	if (!s)
		return last_error(c, e);
	if (mysql_stmt_prepare(s, (const char *)sql.p, sql.n) != 0) {
		(void)stmt_error(c, s, e);
		mysql_stmt_close(s);
		return -1;
	}
	my_bool on = 1;
	mysql_stmt_attr_set(s, STMT_ATTR_UPDATE_MAX_LENGTH, &on);
	struct buf text = BUF_INIT;
	buf_add(&text, sql.p, sql.n);
	c->prepared[c->n_prepared++] = (struct maria_prepared){.sql = buf_take(&text), .stmt = s};
	*ret = s;
	return 0;
}

static int execute(struct conn *c, MYSQL_STMT *s, const struct engine_param *params, size_t n, struct err *e)
{
	if (mysql_stmt_param_count(s) != n)
		return err_set(e, ERR_INTERNAL, "%zu parameters for a statement with %lu", n, mysql_stmt_param_count(s));
	MYSQL_BIND *binds = mem_alloc(sizeof *binds * (n + 1));
	for (size_t i = 0; i < n; i++) {
		binds[i].buffer_type = params[i].null ? MYSQL_TYPE_NULL : MYSQL_TYPE_STRING;
		binds[i].buffer = (void *)(uintptr_t)params[i].value.p;
		binds[i].buffer_length = params[i].value.n;
	}
	int failed = n && mysql_stmt_bind_param(s, binds) ? 1 : mysql_stmt_execute(s);
	free(binds);
	return failed ? stmt_error(c, s, e) : 0;
}

struct columns {
	MYSQL_BIND binds[COLUMNS_MAX];
	unsigned long lengths[COLUMNS_MAX];
	my_bool nulls[COLUMNS_MAX];
	char *texts[COLUMNS_MAX];
	unsigned n;
};

static void columns_done(struct columns *k)
{
	for (unsigned i = 0; i < k->n; i++)
		free(k->texts[i]);
}

static int fetch_rows(struct conn *c, MYSQL_STMT *s, struct columns *k, engine_row_fn *fn, void *arg, struct err *e)
{
	const char *values[COLUMNS_MAX];
	int rc;
	if (mysql_stmt_bind_result(s, k->binds))
		return stmt_error(c, s, e);
	while ((rc = mysql_stmt_fetch(s)) == 0) {
		for (unsigned i = 0; i < k->n; i++) {
			k->texts[i][k->lengths[i]] = '\0';
			values[i] = k->nulls[i] ? NULL : k->texts[i];
		}
		if (fn && fn(arg, k->n, values, e) < 0)
			return -1;
	}
	return rc == MYSQL_NO_DATA ? 0 : rc == MYSQL_DATA_TRUNCATED ? err_set(e, ERR_INTERNAL, "a column was cut") : stmt_error(c, s, e);
}

static int take_rows(struct conn *c, MYSQL_STMT *s, engine_row_fn *fn, void *arg, struct err *e)
{
	if (mysql_stmt_store_result(s))
		return stmt_error(c, s, e);
	MYSQL_RES *meta = mysql_stmt_result_metadata(s);
	AUTO(columns_done) struct columns k = {.n = mysql_stmt_field_count(s)};
	if (!meta || k.n > COLUMNS_MAX) {
		mysql_free_result(meta);
		k.n = 0;
		return err_set(e, ERR_LIMIT, "a result of more than %d columns", COLUMNS_MAX);
	}
	for (unsigned i = 0; i < k.n; i++) {
		unsigned long size = mysql_fetch_field_direct(meta, i)->max_length + 32; /* numbers tell the length of their binary form */
		k.texts[i] = mem_alloc(size + 1);
		k.binds[i] = (MYSQL_BIND){
		    .buffer_type = MYSQL_TYPE_STRING, .buffer = k.texts[i], .buffer_length = size, .length = &k.lengths[i], .is_null = &k.nulls[i]};
	}
	mysql_free_result(meta);
	return fetch_rows(c, s, &k, fn, arg, e);
}

int maria_run_prepared(struct conn *c, struct bytes sql, const struct engine_param *params, size_t n_params, engine_row_fn *fn, void *arg,
                       struct err *e)
{
	MYSQL_STMT *s = NULL;
	if (prepared(c, sql, &s, e) < 0 || execute(c, s, params, n_params, e) < 0)
		return -1;
	if (mysql_stmt_field_count(s) == 0)
		return 0;
	int rc = take_rows(c, s, fn, arg, e);
	mysql_stmt_free_result(s);
	return rc;
}
