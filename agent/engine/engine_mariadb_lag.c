/* How far MariaDB's replicas are behind. A primary there does not know, so each replica that agent.yaml names (lag_from) is asked, on a connection of its own that is kept with the
 * primary's: what it says of itself (Seconds_Behind_Master, as pt-archiver and gh-ost's default read it), and whether it has this session's own last transaction. The second
 * finds what the first does not tell: a replica whose link to the primary hangs says 0 seconds for as long as it has not noticed. One that cannot be asked, or does not
 * replicate, holds the work back like one that is too far behind: which and why is told. */
#include "agent/engine/engine_mariadb.h"

#include <assert.h>
#include <mysql.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/engine/sql/mariadb_lag.sql.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#define LOOK_EVERY_US   500000 /* seconds are what is told: not before every batch of a few milliseconds */
#define REPLICA_ASK_MS  5000u
#define REPLICA_OPEN_MS 3000u

struct replica {
	struct engine_target target;
	struct conn *c; /* NULL: to be opened */
	bool lacks_mark;
};

struct maria_lag {
	struct replica *replicas;
	size_t n;
	char mark[64]; /* a transaction of this session's that was its last at mark_us; "": none yet, or the primary writes no log */
	int64_t mark_us, looked_us;
	struct engine_lag last;
};

void maria_lag_free(struct maria_lag **lp)
{
	struct maria_lag *l = *lp;
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		maria_connect_close(&l->replicas[i].c);
	free(l->replicas);
	free(l);
	*lp = NULL;
}

/* A replica's user is the target's, unless its own dsn names one. */
static struct maria_lag *lag_new(const struct conn *primary)
{
	const struct engine_target *t = primary->target;
	struct maria_lag *l = mem_alloc(sizeof *l);
	while (t->lag_from[l->n])
		l->n++;
	l->replicas = mem_alloc((l->n + 1) * sizeof *l->replicas);
	for (size_t i = 0; i < l->n; i++) {
		struct engine_target *r = &l->replicas[i].target;
		*r = *t;
		r->dsn = t->lag_from[i];
		r->user = t->user ? t->user : primary->address.user;
		if (r->connect_timeout_ms > REPLICA_OPEN_MS)
			r->connect_timeout_ms = REPLICA_OPEN_MS;
		r->statement_timeout_ms = REPLICA_ASK_MS;
	}
	return l;
}

/* ---- one replica ---- */

static int text_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	str_copy(arg, sizeof((struct maria_lag *)0)->mark, values[0] ? values[0] : "");
	return 0;
}

static const char *cell(MYSQL_RES *res, MYSQL_ROW row, const char *column)
{
	MYSQL_FIELD *fields = mysql_fetch_fields(res);
	for (unsigned i = 0; i < mysql_num_fields(res); i++)
		if (str_eq(fields[i].name, column))
			return row[i];
	return NULL;
}

static int held(struct engine_lag *ret, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int held(struct engine_lag *ret, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(ret->why, sizeof ret->why, fmt, ap);
	va_end(ap);
	return 0;
}

/* One source of it: there may be several. By the columns' names, since newer versions put some in between. */
static int read_source(MYSQL_RES *res, MYSQL_ROW row, struct engine_lag *ret, struct err *e)
{
	const char *behind = cell(res, row, "Seconds_Behind_Master"), *io = cell(res, row, "Slave_IO_Running"),
	           *sql = cell(res, row, "Slave_SQL_Running");
	uint64_t seconds = 0;
	if (!str_eq(sql, "Yes")) {
		const char *error = cell(res, row, "Last_SQL_Error");
		return held(ret, "does not replicate: its SQL thread is stopped%s%.150s: START SLAVE there, or take it out of lag_from",
		            error && *error ? ", " : "", error ? error : "");
	}
	if (!behind) {
		const char *error = cell(res, row, "Last_IO_Error");
		return held(ret, "does not replicate: its IO thread is not connected (%s)%s%.150s: START SLAVE there, or take it out of lag_from",
		            io ? io : "?", error && *error ? ", " : "", error ? error : "");
	}
	if (str_to_u64(behind, "Seconds_Behind_Master", 0, UINT32_MAX, &seconds, e) < 0)
		return -1;
	if (seconds * 1000 > ret->ms)
		ret->ms = seconds * 1000;
	return 0;
}

static int read_status(struct conn *c, struct engine_lag *ret, struct err *e)
{
	if (mysql_query(c->my, maria_sql_replica_status) != 0)
		return maria_error(c, mysql_errno(c->my), mysql_sqlstate(c->my), mysql_error(c->my), e);
	MYSQL_RES *res = mysql_store_result(c->my);
	if (!res)
		return maria_error(c, mysql_errno(c->my), mysql_sqlstate(c->my), mysql_error(c->my), e);
	int rc = mysql_num_rows(res) ? 0 : held(ret, "is no replica: correct lag_from");
	for (MYSQL_ROW row; rc == 0 && !ret->why[0] && (row = mysql_fetch_row(res));)
		rc = read_source(res, row, ret, e);
	mysql_free_result(res);
	return rc;
}

/* A mark that it has not come to was the end of our work at mark_us. */
static int read_mark(struct replica *r, const struct maria_lag *l, int64_t now_us, struct engine_lag *ret, struct err *e)
{
	char answer[sizeof l->mark] = "";
	const struct engine_param mark = {.value = bytes_of_str(l->mark)};
	uint64_t stands_ms = (uint64_t)(now_us - l->mark_us) / 1000;
	if (l->mark[0] && maria_run_prepared(r->c, bytes_of_str(maria_sql_replica_has), &mark, 1, text_row, answer, e) < 0)
		return -1;
	r->lacks_mark = str_eq(answer, "-1");
	if (r->lacks_mark && stands_ms > ret->ms)
		ret->ms = stands_ms;
	return 0;
}

static int ask(struct replica *r, const struct maria_lag *l, int64_t now_us, struct engine_lag *ret, struct err *e)
{
	r->lacks_mark = false;
	if (!r->c && maria_connect_replica(&r->target, &r->c, e) < 0)
		return -1;
	assert(r->c);
	snprintf(ret->replica, sizeof ret->replica, "replica %.100s port %u", r->c->address.host ? r->c->address.host : "localhost", r->c->address.port);
	return read_status(r->c, ret, e) == 0 && (ret->why[0] || read_mark(r, l, now_us, ret, e) == 0) ? 0 : -1;
}

/* What goes wrong there is a reason to wait, and no error of the step: it is told, and mended while the step waits. */
static struct engine_lag look_at(struct replica *r, const struct maria_lag *l, int64_t now_us)
{
	struct engine_lag lag = {0};
	struct err e = ERR_INIT;
	if (ask(r, l, now_us, &lag, &e) == 0)
		return lag;
	if (!lag.replica[0])
		snprintf(lag.replica, sizeof lag.replica, "the replica of lag_from");
	held(&lag, "cannot be asked: %.280s%s", e.msg, e.db_errno == 1227 ? ": GRANT REPLICA MONITOR to the agent's user there" : "");
	maria_connect_close(&r->c);
	return lag;
}

/* ---- all of them ---- */

/* Nobody has named them: fine as long as there is none. */
static int without_names(struct conn *c, struct engine_lag *ret, struct err *e)
{
	char connected[sizeof((struct maria_lag *)0)->mark] = "";
	*ret = (struct engine_lag){0};
	if (maria_run_text(c, maria_sql_replicas_connected, text_row, connected, e) < 0)
		return err_wrap(e, "replicas of the server");
	if (str_eq(connected, "0"))
		return 0;
	return err_set(e, ERR_DB,
	               "maxLag: %s replicas hang on this server, and a primary does not know how far they are behind: name them in agent.yaml, "
	               "'lag_from: [mariadb://HOST:PORT]' under the target, or write 'lag_from: []' to wait for none",
	               connected);
}

int maria_replica_lag(struct conn *c, struct engine_lag *ret, struct err *e)
{
	int64_t now_us = clock_mono_us();
	char end[sizeof c->lag->mark] = "";
	if (!c->target->lag_from)
		return without_names(c, ret, e);
	if (!c->lag)
		c->lag = lag_new(c);
	struct maria_lag *l = c->lag;
	if (l->looked_us && now_us - l->looked_us < LOOK_EVERY_US) {
		*ret = l->last;
		return 0;
	}
	if (maria_run_text(c, maria_sql_own_last, text_row, end, e) < 0)
		return err_wrap(e, "last transaction of this session");
	struct engine_lag worst = {0};
	bool marked = false;
	for (size_t i = 0; i < l->n && !worst.why[0]; i++) {
		struct engine_lag lag = look_at(&l->replicas[i], l, now_us);
		marked |= l->replicas[i].lacks_mark;
		if (lag.why[0] || lag.ms >= worst.ms)
			worst = lag;
	}
	if (!marked && !worst.why[0]) {
		str_copy(l->mark, sizeof l->mark, end);
		l->mark_us = now_us;
	}
	l->looked_us = now_us;
	*ret = l->last = worst;
	return 0;
}
