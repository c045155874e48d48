/* Connecting to PostgreSQL. Everything that a step may rely on goes into the start-up packet, so that it costs no round trip and RESET ALL comes back to it; one query
 * then says who answers: a pooler, a standby and a database that is closed for writing are refused with what to do. */
#include "agent/engine/engine_postgres.h"

#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/context.h"

#define LEDGER_SCHEMA "rollcall"

/* ---- options ---- */

char *pg_quote_name(const char *name)
{
	struct buf b = BUF_INIT;
	buf_addc(&b, '"');
	for (const char *p = name; *p; p++) {
		if (*p == '"')
			buf_addc(&b, '"');
		buf_addc(&b, *p);
	}
	buf_addc(&b, '"');
	return buf_take(&b);
}

/* " -c name=value" for the start-up packet, where blanks and backslashes of the value are escaped. */
static void option(struct buf *b, const char *name, const char *value)
{
	buf_addf(b, " -c %s=", name);
	for (const char *p = value; *p; p++) {
		if (*p == ' ' || *p == '\\')
			buf_addc(b, '\\');
		buf_addc(b, *p);
	}
}

static void option_ms(struct buf *b, const char *name, uint32_t ms)
{
	char text[24];
	snprintf(text, sizeof text, "%u", ms);
	option(b, name, text);
}

static void startup_options(const struct engine_target *t, struct buf *b)
{
	option_ms(b, "lock_timeout", t->lock_timeout_ms);
	option_ms(b, "statement_timeout", t->statement_timeout_ms);
	option(b, "idle_in_transaction_session_timeout", "300000"); /* ours alone is idle there only when the host was suspended */
	/* A host that is gone without a word, or cut off: its session, and with it the target's lock, is not held for the two hours that systems take by themselves. */
	option(b, "tcp_keepalives_idle", "60");
	option(b, "tcp_keepalives_interval", "10");
	option(b, "tcp_keepalives_count", "6");
	option(b, "tcp_user_timeout", "120000");
	option(b, "synchronous_commit", "on");
	option(b, "extra_float_digits", "1"); /* a key that is written down must be read as itself */
	option(b, "TimeZone", "UTC");
	option(b, "standard_conforming_strings", "on"); /* what the splitter read */
	option(b, "default_transaction_isolation", "read committed");
	if (t->schema) {
		AUTO(mem_free_ptr) char *quoted = pg_quote_name(t->schema);
		option(b, "search_path", quoted);
	}
	if (t->role)
		option(b, "role", t->role);
}

struct parameters {
	const char *names[16], *values[16];
	size_t n;
};

static void add(struct parameters *p, const char *name, const char *value)
{
	if (!value)
		return;
	p->names[p->n] = name;
	p->values[p->n++] = value;
}

static PGconn *start(const struct engine_target *t, const char *options)
{
	struct parameters p = {0};
	bool several_hosts = strchr(t->dsn, ',') && !strstr(t->dsn, "target_session_attrs");
	add(&p, "dbname", t->dsn); /* expanded: the rest overrides what it says */
	add(&p, "user", t->user);
	add(&p, "password", t->password ? secret_reveal(t->password) : NULL);
	add(&p, "passfile", t->option_file);
	add(&p, "application_name", "rollcall");
	add(&p, "client_encoding", "UTF8");
	add(&p, "options", options);
	add(&p, "keepalives_idle", "60");
	add(&p, "tcp_user_timeout", "60000");
	add(&p, "target_session_attrs", several_hosts ? "primary" : NULL);
	return PQconnectStartParams(p.names, p.values, 1);
}

/* ---- connecting within the deadline ---- */

int pg_wait(struct conn *c, bool for_write, int64_t deadline_us)
{
	for (;;) {
		int64_t left_us = deadline_us - clock_mono_us();
		struct pollfd fd = {.fd = PQsocket(c->pg), .events = for_write ? POLLIN | POLLOUT : POLLIN};
		if (left_us <= 0 || fd.fd < 0)
			return fd.fd < 0 ? -1 : 0;
		int n = poll(&fd, 1, (int)(left_us / 1000) + 1);
		if (n > 0)
			return 1;
		if (n < 0 && errno != EINTR)
			return -1;
	}
}

static const char *host_of(PGconn *pg)
{
	const char *host = PQhost(pg);
	return str_empty(host) ? "(no host)" : host;
}

static bool mentions(const char *message, const char *const *words)
{
	for (; *words; words++)
		if (strstr(message, *words))
			return true;
	return false;
}

/* libpq gives no SQLSTATE for a refused connection: the advice goes by its words, and without a match the message alone is told. */
static const struct refusal {
	const char *words[4]; /* the last one NULL */
	const char *sqlstate, *advice;
} refusals[] = {
    {{"password authentication failed", "no password supplied", "authentication failed for user", NULL},
     "28P01",
     "correct the target's user, or its password (file, command, credential or option_file) in agent.yaml"},
    {{"certificate verify failed", "does not match host name", "root certificate file", NULL},
     "28000",
     "name the file of the authority that signed the server's certificate (sslrootcert in the target's dsn), and the host as the certificate has it"},
    {{"no pg_hba.conf entry", NULL}, "28000", "let the agent's host and user in by pg_hba.conf"},
    {{"permission denied for database", NULL}, "42501", "grant the agent's role CONNECT on it"},
    {{"role \"", NULL}, "28000", "make the role first, or correct the target's user"},
    {{"\" does not exist", NULL}, "3D000", "make the database first, or correct the target's dsn"},
    {{"unsupported startup parameter", NULL}, "08P01", "this is a connection pooler: point the target's dsn at the PostgreSQL server itself"},
    {{"invalid response to SSL negotiation", "expected authentication request", "invalid length of startup packet", NULL},
     "08P01",
     "another kind of server listens on this port: correct the target's engine or dsn"},
};

static int refused(PGconn *pg, struct err *e)
{
	char message[600];
	str_copy(message, sizeof message, PQerrorMessage(pg));
	message[strcspn(message, "\n")] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		if (!mentions(message, refusals[i].words))
			continue;
		err_set(e, ERR_DB_CONNECT, "PostgreSQL: %s: %s", message, refusals[i].advice);
		if (e)
			str_copy(e->sqlstate, sizeof e->sqlstate, refusals[i].sqlstate);
		return -1;
	}
	return err_set(e, ERR_DB_CONNECT, "PostgreSQL: %s", message);
}

static int connect_until(struct conn *c, int64_t deadline_us, struct err *e)
{
	char limit[32];
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	while (status != PGRES_POLLING_OK) {
		if (status == PGRES_POLLING_FAILED || PQstatus(c->pg) == CONNECTION_BAD)
			return refused(c->pg, e);
		if (pg_wait(c, status == PGRES_POLLING_WRITING, deadline_us) <= 0)
			return err_set(e, ERR_DB_CONNECT,
			               "PostgreSQL at %s port %s did not answer within connect_timeout (%s): is the address right, is a firewall in the way?",
			               host_of(c->pg), PQport(c->pg), engine_duration(c->target->connect_timeout_ms, limit));
		status = PQconnectPoll(c->pg);
	}
	return 0;
}

/* ---- who answers ---- */

struct answer {
	char pid[24], start_us[24], run[24], system[24], oid[24], database[128];
	struct buf path; /* search_path */
	bool ledgers_name, recovery, read_only;
};

/* "2026-11-22 21:52:07.123456+00", as a session says it whose dates are ISO's and whose zone is UTC, in microseconds since 1970. */
static void since_1970(const char *text, char *to, size_t size)
{
	struct tm t = {0};
	const char *rest = text ? strptime(text, "%Y-%m-%d %H:%M:%S", &t) : NULL;
	int64_t us = 0;
	if (rest && *rest == '.')
		for (int64_t unit = 100000; *++rest >= '0' && *rest <= '9'; unit /= 10)
			us += (*rest - '0') * unit;
	snprintf(to, size, "%" PRId64, rest ? (int64_t)timegm(&t) * 1000000 + us : 0);
}

static int answer_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)e;
	struct answer *a = arg;
	if (n == 1) { /* SHOW search_path */
		buf_clear(&a->path);
		buf_adds(&a->path, v[0] ? v[0] : "");
		return 0;
	}
	str_copy(a->pid, sizeof a->pid, v[0]);
	since_1970(v[1], a->start_us, sizeof a->start_us);
	since_1970(v[2], a->run, sizeof a->run);
	str_copy(a->oid, sizeof a->oid, v[3]);
	str_copy(a->database, sizeof a->database, v[4]);
	a->ledgers_name = str_eq(v[5], LEDGER_SCHEMA);
	str_copy(a->system, sizeof a->system, v[6]);
	return 0;
}

/* It is a new session's first query, which pays for each catalog row that it needs: few functions, and no table, operator or subquery. */
#define ASK_WHO(system, from)                                                                                                         \
	"SET LOCAL DateStyle='ISO';SELECT pg_catalog.pg_backend_pid(), a.backend_start, pg_catalog.pg_postmaster_start_time(), a.datid, " \
	"CURRENT_CATALOG, current_user, " system " FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a" from ";SHOW search_path"

static int run_who(struct conn *c, const char *sql, struct answer *a, struct err *e)
{
	return pg_run(c, &(struct pg_call){.sql = bytes_of_str(sql), .fn = answer_row, .arg = a, .script = true}, NULL, e);
}

static int ask_who(struct conn *c, struct answer *a, struct err *e)
{
	struct err first = ERR_INIT;
	if (run_who(c, ASK_WHO("s.system_identifier", ", pg_catalog.pg_control_system() s"), a, &first) == 0)
		return 0;
	if (!str_eq(first.sqlstate, "42501")) { /* a hardened server may keep pg_control_system for itself */
		if (e)
			*e = first;
		return -1;
	}
	return run_who(c, ASK_WHO("'unknown'", ""), a, e);
}

static int state_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n, (void)e;
	struct answer *a = arg;
	a->recovery = str_eq(v[0], "t");
	a->read_only = str_eq(v[1], "on");
	return 0;
}

/* From 14 on the server says both by itself, at the start of a session. */
static int ask_state(struct conn *c, struct answer *a, struct err *e)
{
	const char *recovery = PQparameterStatus(c->pg, "in_hot_standby"), *read_only = PQparameterStatus(c->pg, "default_transaction_read_only");
	if (!recovery || !read_only)
		return pg_query_text(c, "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only')", NULL, 0,
		                     state_row, a, e);
	a->recovery = str_eq(recovery, "on");
	a->read_only = str_eq(read_only, "on");
	return 0;
}

static int check_answer(struct conn *c, const struct answer *a, struct err *e)
{
	char pid[24];
	snprintf(pid, sizeof pid, "%d", PQbackendPID(c->pg));
	if (!str_eq(pid, a->pid)) {
		err_set(e, ERR_DB_CONNECT,
		        "%s port %s is a connection pooler (pgbouncer), which would share Rollcall's locks and settings with others: "
		        "point the target's dsn at the PostgreSQL server itself",
		        host_of(c->pg), PQport(c->pg));
		if (e)
			str_copy(e->sqlstate, sizeof e->sqlstate, "08P01");
		return -1;
	}
	if (a->recovery || a->read_only) {
		err_set(e, ERR_DB_CONNECT, "PostgreSQL at %s port %s, database %s, %s: point the target's dsn at the primary, or list all hosts in it",
		        host_of(c->pg), PQport(c->pg), a->database, a->recovery ? "is a standby" : "is set read-only (default_transaction_read_only)");
		if (e)
			str_copy(e->sqlstate, sizeof e->sqlstate, "25006");
		return -1;
	}
	return 0;
}

/* The end of one element of a search_path: quoted, or up to what stands between elements. */
static const char *element_end(const char *p)
{
	if (*p != '"')
		return p + strcspn(p, ", \t\n\r\f\v");
	for (p++; *p && (*p != '"' || p[1] == '"'); p++)
		p += *p == '"';
	return *p ? p + 1 : p;
}

/* As SQL text takes it, whatever stands there: what is not quoted may be a word of SQL, or more than one, and capitals in it mean small letters. */
static void add_element(struct buf *to, const char *p, size_t n)
{
	if (*p == '"') {
		buf_add(to, p, n);
		return;
	}
	AUTO(buf_done) struct buf name = BUF_INIT;
	for (size_t i = 0; i < n; i++)
		buf_addc(&name, p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] - 'A' + 'a') : p[i]);
	AUTO(mem_free_ptr) char *quoted = pg_quote_name(buf_str(&name));
	buf_adds(to, quoted);
}

static bool is_user(const char *p, size_t n)
{
	static const char quoted[] = "\"$user\"", bare[] = "$user";
	return (n == strlen(quoted) && strncmp(p, quoted, n) == 0) || (n == strlen(bare) && strncasecmp(p, bare, n) == 0);
}

/* What search_path is to be instead: where the role is called rollcall, "$user" in it would be the ledger's own schema, and a release's CREATE TABLE would end there: it is taken
 * out, once a connection. */
static void path_without_user(const char *path, struct buf *ret)
{
	static const char between[] = ", \t\n\r\f\v";
	buf_adds(ret, "SET search_path=");
	size_t empty = ret->n;
	for (const char *p = path + strspn(path, between), *end; *p; p = end + strspn(end, between)) {
		end = element_end(p);
		if (is_user(p, (size_t)(end - p)))
			continue;
		if (ret->n > empty)
			buf_addc(ret, ',');
		add_element(ret, p, (size_t)(end - p));
	}
	if (ret->n == empty)
		buf_adds(ret, "''");
}

static int take_user_out(struct conn *c, const char *path, struct buf *reset, struct err *e)
{
	AUTO(buf_done) struct buf set = BUF_INIT;
	path_without_user(path, &set);
	buf_addf(reset, ";%s", buf_str(&set));
	return pg_run_script(c, buf_str(&set), e);
}

/* RESET comes back to the start-up values. */
static int make_scripts(struct conn *c, const struct answer *a, struct err *e)
{
	AUTO(buf_done) struct buf reset = BUF_INIT;
	buf_adds(&reset, "RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL;DISCARD TEMP");
	if (a->ledgers_name && !c->target->schema && take_user_out(c, buf_str(&a->path), &reset, e) < 0)
		return -1;
	/* A dead agent's transaction ends soon instead of holding its locks to the end of a long statement; LOCAL, because a class N statement had better finish. */
	const char *watch = PQserverVersion(c->pg) >= 140000 ? ";SET LOCAL client_connection_check_interval='5s'" : "";
	c->reset_sql = buf_take(&reset);
	c->in_transaction_sql = watch;
	return 0;
}

static void answer_done(struct answer *a)
{
	buf_done(&a->path);
}

static int identify(struct conn *c, struct err *e)
{
	AUTO(answer_done) struct answer a = {0};
	if (ask_who(c, &a, e) < 0 || ask_state(c, &a, e) < 0) {
		if (e)
			e->code = ERR_DB_CONNECT;
		return err_wrap(e, "PostgreSQL at %s port %s", host_of(c->pg), PQport(c->pg));
	}
	if (check_answer(c, &a, e) < 0)
		return -1;
	if (make_scripts(c, &a, e) < 0)
		return -1;
	snprintf(c->backend, sizeof c->backend, "%s/%s", a.pid, a.start_us);
	snprintf(c->identity.database, sizeof c->identity.database, "%s/%s", a.system, a.oid);
	str_copy(c->identity.version, sizeof c->identity.version, PQparameterStatus(c->pg, "server_version"));
	str_copy(c->identity.run, sizeof c->identity.run, a.run);
	c->identity.primary = true;
	return 0;
}

/* ---- open and close ---- */

/* Notices are dropped, but for the warning that a COMMIT stands here and nobody else has confirmed it. Its SQLSTATE is every warning's, and its words are in any language. */
static void on_notice(void *arg, const PGresult *r)
{
	struct conn *c = arg;
	if (str_eq(PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION), "SyncRepWaitForLSN"))
		c->unconfirmed = true;
}

static char *make_prefix(const struct engine_target *t)
{
	struct buf b = BUF_INIT;
	AUTO(mem_free_ptr) char *schema = pg_quote_name(t->schema ? t->schema : LEDGER_SCHEMA);
	buf_addf(&b, "%s.%s", schema, t->schema ? "rollcall_" : "");
	return buf_take(&b);
}

void pg_connect_close(struct conn **cp)
{
	struct conn *c = *cp;
	if (!c)
		return;
	PQfreeCancel(c->cancel);
	PQfinish(c->pg);
	free(c->reset_sql);
	free(c->prefix);
	free(c);
	*cp = NULL;
}

static int log_in(struct conn *c, struct err *e)
{
	AUTO(crypto_context_return) struct crypto_context *side_by_side = crypto_context_borrow();
	AUTO(buf_done) struct buf options = BUF_INIT;
	int64_t deadline_us = clock_mono_us() + (int64_t)c->target->connect_timeout_ms * 1000;
	startup_options(c->target, &options);
	c->pg = start(c->target, buf_str(&options));
	return c->pg ? connect_until(c, deadline_us, e) : err_set(e, ERR_INTERNAL, "libpq has no memory");
}

int pg_connect_open(const struct engine_target *t, struct conn **ret, struct err *e)
{
	AUTO(pg_connect_close) struct conn *c = mem_alloc(sizeof *c);
	c->target = t;
	c->lock_ms = t->lock_timeout_ms;
	if (log_in(c, e) < 0)
		return -1;
	PQsetNoticeReceiver(c->pg, on_notice, c);
	if (PQsetnonblocking(c->pg, 1) < 0)
		return err_set(e, ERR_INTERNAL, "libpq refuses the non-blocking mode");
	c->cancel = PQgetCancel(c->pg);
	c->prefix = make_prefix(t);
	if (identify(c, e) < 0)
		return -1;
	*ret = take_ptr(&c);
	return 0;
}
