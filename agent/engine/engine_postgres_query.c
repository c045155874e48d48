/* Running statements on PostgreSQL. Waits are ours (poll with a deadline), so that neither a dead network nor a server that ignores its own timeouts can hold a runner.
 * Releases' statements go by the extended protocol, which takes exactly one statement by itself. */
#include "agent/engine/engine_postgres.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "agent/engine/row_values.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/sql/redact.h"

#define GRACE_US (5 * (int64_t)1000000) /* after the server's own timeout should have struck, and again after our cancel */

/* ---- waiting for results ---- */

static int flush_until(struct conn *c, int64_t deadline_us)
{
	int left;
	while ((left = PQflush(c->pg)) > 0) {
		if (pg_wait(c, true, deadline_us) <= 0 || !PQconsumeInput(c->pg))
			return -1;
	}
	return left;
}

/* 1: a result (or the end, NULL) stands ready; 0: deadline; -1: connection gone. */
static int ready_until(struct conn *c, int64_t deadline_us)
{
	while (PQisBusy(c->pg)) {
		int n = pg_wait(c, false, deadline_us);
		if (n <= 0)
			return n;
		if (!PQconsumeInput(c->pg))
			return -1;
	}
	return 1;
}

static int lost(struct conn *c, const char *what, struct err *e)
{
	char message[300] = "";
	str_copy(message, sizeof message, PQerrorMessage(c->pg));
	message[strcspn(message, "\n")] = '\0';
	if (c->target->hide_row_values)
		sql_hide_quoted(message);
	return err_set(e, ERR_UNKNOWN, "%s while a statement was under way%s%s: whether it took effect is unknown until the ledger was read again", what,
	               message[0] ? ": " : "", message);
}

/* After the deadline: cancel, a last wait, then give the connection up. */
static int next_result(struct conn *c, int64_t deadline_us, PGresult **ret, struct err *e)
{
	char ignored[256];
	int n = ready_until(c, deadline_us);
	if (n == 0) {
		(void)PQcancel(c->cancel, ignored, sizeof ignored);
		n = ready_until(c, clock_mono_us() + GRACE_US);
	}
	if (n == 1) {
		*ret = PQgetResult(c->pg);
		return 0;
	}
	return lost(c, n == 0 ? "PostgreSQL did not answer" : "the connection to PostgreSQL was lost", e);
}

/* ---- results ---- */

/* Nothing when the server did not send it. */
static void add_part(const struct conn *c, const PGresult *r, enum pg_part part, struct buf *ret)
{
	static const int fields[] = {
	    [PG_PART_MESSAGE] = PG_DIAG_MESSAGE_PRIMARY, [PG_PART_DETAIL] = PG_DIAG_MESSAGE_DETAIL, [PG_PART_HINT] = PG_DIAG_MESSAGE_HINT};
	const char *text = PQresultErrorField(r, fields[part]);
	bool raised = str_eq(PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION), "exec_stmt_raise");
	if (text && c->target->hide_row_values)
		row_values_hide_postgres(PQresultErrorField(r, PG_DIAG_SQLSTATE), raised, part, text, ret);
	else if (text)
		buf_adds(ret, text);
}

static int server_error(struct conn *c, const PGresult *r, struct err *e)
{
	AUTO(buf_done) struct buf message = BUF_INIT;
	AUTO(buf_done) struct buf detail = BUF_INIT;
	AUTO(buf_done) struct buf hint = BUF_INIT;
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE), *position = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
	if (!state) /* libpq's own: the connection broke */
		return lost(c, "the connection to PostgreSQL was lost", e);
	add_part(c, r, PG_PART_MESSAGE, &message);
	add_part(c, r, PG_PART_DETAIL, &detail);
	add_part(c, r, PG_PART_HINT, &hint);
	err_set(e, ERR_DB, "%.600s (SQLSTATE %s)%s%s%s%.400s%s%.200s", message.n ? buf_str(&message) : "error without a message", state,
	        position ? " at character " : "", position ? position : "", detail.n ? "; " : "", buf_str(&detail), hint.n ? "; hint: " : "",
	        buf_str(&hint));
	if (e)
		str_copy(e->sqlstate, sizeof e->sqlstate, state);
	return -1;
}

static int give_rows(const PGresult *r, const struct pg_call *call, struct err *e)
{
	int columns = PQnfields(r), rows = PQntuples(r);
	const char **values = mem_alloc(sizeof *values * (size_t)(columns + 1));
	int result = 0;
	for (int row = 0; call->fn && row < rows && result == 0; row++) {
		for (int i = 0; i < columns; i++)
			values[i] = PQgetisnull(r, row, i) ? NULL : PQgetvalue(r, row, i);
		result = call->fn(call->arg, (size_t)columns, values, e);
	}
	free(values);
	return result;
}

/* COPY to or from the client has no place in a release: end it so that the connection stays usable. */
static int end_copy(struct conn *c, bool in, struct err *e)
{
	char *data = NULL, ignored[256];
	if (in)
		(void)PQputCopyEnd(c->pg, "Rollcall sends no COPY data");
	else
		(void)PQcancel(c->cancel, ignored, sizeof ignored);
	int64_t deadline_us = clock_mono_us() + GRACE_US;
	int n = 0;
	while (!in && (n = PQgetCopyData(c->pg, &data, 1)) >= 0) {
		PQfreemem(data);
		data = NULL;
		if (n == 0 && (pg_wait(c, false, deadline_us) <= 0 || !PQconsumeInput(c->pg)))
			break;
	}
	return err_set(e, ERR_DB, "COPY to or from the client cannot be in a release: use INSERT, or COPY with a file of the server");
}

static int take_result(struct conn *c, const PGresult *r, const struct pg_call *call, uint64_t *ret_rows, struct err *e)
{
	switch (PQresultStatus(r)) {
	case PGRES_TUPLES_OK:
	case PGRES_SINGLE_TUPLE:
		return give_rows(r, call, e);
	case PGRES_COMMAND_OK:
		if (ret_rows)
			*ret_rows = strtoull(PQcmdTuples((PGresult *)r), NULL, 10);
		return 0;
	case PGRES_EMPTY_QUERY:
		return 0;
	case PGRES_COPY_IN:
	case PGRES_COPY_BOTH:
		return end_copy(c, true, e);
	case PGRES_COPY_OUT:
		return end_copy(c, false, e);
	default:
		return server_error(c, r, e);
	}
}

/* A release that ends our transaction and opens the next (COMMIT AND CHAIN) shows only in its command tag. */
static bool is_transaction_tag(const PGresult *r)
{
	static const char *const tags[] = {"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "PREPARE TRANSACTION", NULL};
	const char *tag = PQcmdStatus((PGresult *)r);
	for (size_t i = 0; tags[i]; i++)
		if (str_eq(tag, tags[i]))
			return true;
	return false;
}

/* Takes every result of the call; the first error wins. */
static int collect(struct conn *c, const struct pg_call *call, uint64_t *ret_rows, bool *ret_transaction_tag, struct err *e)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)c->target->statement_timeout_ms * 1000 + GRACE_US;
	struct err first = ERR_INIT;
	int result = 0;
	for (;;) {
		PGresult *r = NULL;
		if (next_result(c, deadline_us, &r, e) < 0)
			return -1;
		if (!r)
			break;
		struct err why = ERR_INIT;
		if (is_transaction_tag(r))
			*ret_transaction_tag = true;
		if (take_result(c, r, call, ret_rows, &why) < 0 && result == 0) {
			result = -1;
			first = why;
		}
		PQclear(r);
	}
	if (result < 0 && e)
		*e = first;
	return result;
}

/* ---- sending ---- */

static int send_call(struct conn *c, const struct pg_call *call)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	buf_add(&text, call->sql.p, call->sql.n);
	if (call->script)
		return PQsendQuery(c->pg, buf_str(&text));
	AUTO(buf_done) struct buf values = BUF_INIT;
	const char **pointers = mem_alloc(sizeof *pointers * (call->n_params + 1));
	for (size_t i = 0; i < call->n_params; i++) {
		buf_add(&values, call->params[i].value.p, call->params[i].value.n);
		buf_addc(&values, '\0');
	}
	size_t at = 0;
	for (size_t i = 0; i < call->n_params; i++) {
		pointers[i] = call->params[i].null ? NULL : values.p + at;
		at += call->params[i].value.n + 1;
	}
	int sent = PQsendQueryParams(c->pg, buf_str(&text), (int)call->n_params, NULL, pointers, NULL, NULL, 0);
	free(pointers);
	return sent;
}

static int check_sendable(const struct pg_call *call, struct err *e)
{
	if (bytes_has_nul(call->sql))
		return err_set(e, ERR_PARSE, "the statement holds a NUL byte");
	for (size_t i = 0; i < call->n_params; i++)
		if (bytes_has_nul(call->params[i].value))
			return err_set(e, ERR_PARSE, "parameter %zu holds a NUL byte", i + 1);
	return 0;
}

int pg_run_tagged(struct conn *c, const struct pg_call *call, uint64_t *ret_rows, bool *ret_transaction_tag, struct err *e)
{
	if (check_sendable(call, e) < 0)
		return -1;
	if (!send_call(c, call)) {
		err_set(e, ERR_DB_CONNECT, "PostgreSQL: the connection was lost before the statement was sent: %.300s", PQerrorMessage(c->pg));
		if (e)
			e->msg[strcspn(e->msg, "\n")] = '\0';
		return -1;
	}
	if (flush_until(c, clock_mono_us() + GRACE_US + (int64_t)c->target->statement_timeout_ms * 1000) < 0)
		return lost(c, "the connection to PostgreSQL was lost", e);
	return collect(c, call, ret_rows, ret_transaction_tag, e);
}

/* ---- several at once ---- */

/* The results of one after the other, up to the mark at the end. */
static int collect_pipeline(struct conn *c, const struct pg_call *calls, size_t n, size_t *ret_done, struct err *e)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)c->target->statement_timeout_ms * 1000 + GRACE_US;
	struct err first = ERR_INIT;
	int result = 0;
	for (size_t i = 0;;) {
		PGresult *r = NULL;
		if (next_result(c, deadline_us, &r, e) < 0)
			return -1;
		ExecStatusType status = r ? PQresultStatus(r) : PGRES_EMPTY_QUERY;
		if (PQstatus(c->pg) == CONNECTION_BAD || (status != PGRES_PIPELINE_SYNC && i >= n)) {
			PQclear(r);
			return lost(c, "the connection to PostgreSQL was lost", e);
		}
		if (!r)
			*ret_done += result == 0, i++;
		else if (status != PGRES_PIPELINE_SYNC && status != PGRES_PIPELINE_ABORTED && result == 0)
			result = take_result(c, r, &calls[i], NULL, &first);
		PQclear(r);
		if (status == PGRES_PIPELINE_SYNC)
			break;
	}
	if (result < 0 && e)
		*e = first;
	return result;
}

static int send_pipeline(struct conn *c, const struct pg_call *calls, size_t n, struct err *e)
{
	bool sent = PQenterPipelineMode(c->pg) != 0;
	for (size_t i = 0; i < n && sent; i++)
		sent = send_call(c, &calls[i]) != 0;
	if (!sent || !PQpipelineSync(c->pg) || flush_until(c, clock_mono_us() + GRACE_US + (int64_t)c->target->statement_timeout_ms * 1000) < 0)
		return lost(c, "the connection to PostgreSQL was lost", e);
	return 0;
}

int pg_run_pipeline(struct conn *c, const struct pg_call *calls, size_t n, size_t *ret_done, struct err *e)
{
	*ret_done = 0;
	for (size_t i = 0; i < n; i++)
		if (check_sendable(&calls[i], e) < 0)
			return -1;
	if (send_pipeline(c, calls, n, e) < 0)
		return -1;
	int rc = collect_pipeline(c, calls, n, ret_done, e);
	if (!PQexitPipelineMode(c->pg) && rc == 0)
		return lost(c, "the connection to PostgreSQL is out of step", e);
	return rc;
}

int pg_run(struct conn *c, const struct pg_call *call, uint64_t *ret_rows, struct err *e)
{
	bool ignored = false;
	return pg_run_tagged(c, call, ret_rows, &ignored, e);
}

int pg_run_script(struct conn *c, const char *sql, struct err *e)
{
	return pg_run(c, &(struct pg_call){.sql = bytes_of_str(sql), .script = true}, NULL, e);
}

int pg_set_lock_timeout(struct conn *c, uint32_t ms, struct err *e)
{
	char sql[64];
	snprintf(sql, sizeof sql, "SET lock_timeout=%u", ms);
	c->dirty = true;
	return pg_run_script(c, sql, e);
}

#define TEXT_PARAMS_MAX 8

int pg_query_text(struct conn *c, const char *sql, const char *const *params, size_t n_params, engine_row_fn *fn, void *arg, struct err *e)
{
	struct engine_param p[TEXT_PARAMS_MAX] = {0};
	for (size_t i = 0; i < n_params && i < TEXT_PARAMS_MAX; i++)
		p[i] = (struct engine_param){.value = bytes_of_str(params[i]), .null = !params[i]};
	return pg_run(c, &(struct pg_call){.sql = bytes_of_str(sql), .params = p, .n_params = n_params, .fn = fn, .arg = arg}, NULL, e);
}
