/* Connecting to MariaDB: the dsn, the session's pins, who answers. One statement at a time (no multi-statements), no silent reconnect: a second session would have
 * neither our lock nor our transaction. */
#include "agent/engine/engine_mariadb.h"

#include <assert.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "agent/engine/sql/mariadb_catalog.sql.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"

/* ---- the dsn: mariadb://[user@]host[:port]/database[?socket=/path&ssl=1&ssl_ca=/file] ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A part with its %XX undone; NULL when empty. Heap. */
static char *part(const char *p, size_t n)
{
	struct buf b = BUF_INIT;
	for (size_t i = 0; i < n; i++)
		if (p[i] == '%' && i + 2 < n && hex_value(p[i + 1]) >= 0 && hex_value(p[i + 2]) >= 0) {
			buf_addc(&b, (char)(hex_value(p[i + 1]) * 16 + hex_value(p[i + 2])));
			i += 2;
		} else {
			buf_addc(&b, p[i]);
		}
	return n ? buf_take(&b) : NULL;
}

static int parse_host(struct maria_address *a, const char *p, size_t n, struct err *e)
{
	const char *port = memrchr(p, ':', n);
	uint64_t number = 3306;
	if (p[0] == '[') { /* [::1]:3306 */
		const char *end = memchr(p, ']', n);
		if (!end)
			return err_set(e, ERR_USAGE, "dsn: the IPv6 address lacks its ']'");
		port = end + 1 < p + n ? end + 1 : NULL;
		a->host = part(p + 1, (size_t)(end - p - 1));
	} else {
		a->host = part(p, port ? (size_t)(port - p) : n);
	}
	if (port) {
		AUTO(mem_free_ptr) char *text = part(port + 1, (size_t)(p + n - port - 1));
		if (str_to_u64(text ? text : "", "dsn: port", 1, 65535, &number, e) < 0)
			return err_set(e, ERR_USAGE, "dsn: port '%s' is not a number from 1 to 65535", text ? text : "");
	}
	a->port = (uint32_t)number;
	return 0;
}

static int parse_option(struct maria_address *a, char *option, struct err *e)
{
	char *value = strchr(option, '=');
	if (value)
		*value++ = '\0';
	if (value && str_eq(option, "socket"))
		a->socket = part(value, strlen(value));
	else if (value && str_eq(option, "ssl_ca"))
		a->ssl_ca = part(value, strlen(value));
	else if (str_eq(value, "1") && str_eq(option, "ssl"))
		a->ssl = true;
	else
		return err_set(e, ERR_USAGE, "dsn option '%s': MariaDB targets know socket=PATH, ssl=1 and ssl_ca=FILE", option);
	return 0;
}

static int parse_authority(struct maria_address *a, const char *p, size_t n, struct err *e)
{
	const char *at = memrchr(p, '@', n);
	if (at) {
		if (memchr(p, ':', (size_t)(at - p)))
			return err_set(e, ERR_USAGE, "the dsn holds a password: write password: {file: ...} beside it, or command, credential or option_file");
		a->user = part(p, (size_t)(at - p));
		n -= (size_t)(at + 1 - p);
		p = at + 1;
	}
	return n ? parse_host(a, p, n, e) : (a->port = 3306, 0);
}

static int parse_dsn(const char *dsn, bool needs_database, struct maria_address *a, struct err *e)
{
	const char *p = strstr(dsn, "://");
	if (!p || !(str_starts(dsn, "mariadb:") || str_starts(dsn, "mysql:")))
		return err_set(e, ERR_USAGE, "a MariaDB dsn is written mariadb://host:port/database");
	p += 3;
	size_t authority = strcspn(p, "/?");
	if (parse_authority(a, p, authority, e) < 0)
		return -1;
	p += authority;
	size_t path = strcspn(p, "?");
	a->database = path > 1 ? part(p + 1, path - 1) : NULL;
	if (!a->database && needs_database)
		return err_set(e, ERR_USAGE, "the dsn names no database: mariadb://host:port/database");
	AUTO(mem_free_ptr) char *options = mem_strdup(p + path + (p[path] == '?'));
	char *save = NULL;
	for (char *o = strtok_r(options, "&", &save); o; o = strtok_r(NULL, "&", &save))
		if (parse_option(a, o, e) < 0)
			return -1;
	return 0;
}

/* ---- pins ---- */

char *maria_quote_name(const char *name)
{
	struct buf b = BUF_INIT;
	assert(name);
	buf_addc(&b, '`');
	for (const char *p = name; *p; p++) {
		if (*p == '`')
			buf_addc(&b, '`');
		buf_addc(&b, *p);
	}
	buf_addc(&b, '`');
	return buf_take(&b);
}

static unsigned seconds(uint32_t ms)
{
	return ms <= 1000 ? 1 : (ms + 999) / 1000; /* 0 would mean "never wait" or "no limit" */
}

static char *make_pins(const struct engine_target *t)
{
	struct buf b = BUF_INIT;
	buf_addf(&b,
	         "SET SESSION sql_mode='STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION', time_zone='+00:00', "
	         "lock_wait_timeout=%u, innodb_lock_wait_timeout=%u, max_statement_time=%u.%03u, autocommit=1, foreign_key_checks=1, unique_checks=1, "
	         "session_track_state_change=1, wait_timeout=28800, timestamp=DEFAULT",
	         seconds(t->lock_timeout_ms), seconds(t->lock_timeout_ms), t->statement_timeout_ms / 1000, t->statement_timeout_ms % 1000);
	return buf_take(&b);
}

static int differing_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	struct buf *b = arg;
	buf_addf(b, "%s%s=DEFAULT", b->n ? ", " : "SET SESSION ", values[0]);
	return 0;
}

/* Not mysql_reset_connection: it would drop the lock of the delivery. */
int maria_pin(struct conn *c, struct err *e)
{
	AUTO(buf_done) struct buf reset = BUF_INIT;
	if (mysql_select_db(c->my, c->address.database) != 0)
		return maria_error(c, mysql_errno(c->my), mysql_sqlstate(c->my), mysql_error(c->my), e);
	if (maria_run_text(c, maria_sql_differing_variables, differing_row, &reset, e) < 0 ||
	    (reset.n && maria_run_text(c, buf_str(&reset), NULL, NULL, e) < 0) || maria_run_text(c, "SET NAMES utf8mb4", NULL, NULL, e) < 0 ||
	    maria_run_text(c, c->pins, NULL, NULL, e) < 0)
		return err_wrap(e, "reset the session");
	c->dirty = false;
	c->session_lock_ms = c->target->lock_timeout_ms;
	return 0;
}

int maria_set_lock_timeout(struct conn *c, struct err *e)
{
	char sql[128];
	snprintf(sql, sizeof sql, "SET SESSION lock_wait_timeout=%u, innodb_lock_wait_timeout=%u", seconds(c->lock_ms), seconds(c->lock_ms));
	if (maria_run_text(c, sql, NULL, NULL, e) < 0)
		return -1;
	c->session_lock_ms = c->lock_ms;
	return 0;
}

/* ---- connecting ---- */

static void set_options(MYSQL *my, const struct engine_target *t, const struct maria_address *a)
{
	unsigned connect_s = seconds(t->connect_timeout_ms), read_s = seconds(t->statement_timeout_ms) + 10;
	my_bool off = 0, on = 1;
	mysql_options(my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	mysql_options(my, MYSQL_OPT_READ_TIMEOUT, &read_s);
	mysql_options(my, MYSQL_OPT_WRITE_TIMEOUT, &read_s);
	mysql_options(my, MYSQL_OPT_RECONNECT, &off);
	mysql_options(my, MYSQL_OPT_LOCAL_INFILE, &(unsigned){0});
	mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_optionsv(my, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "rollcall");
	if (t->option_file)
		mysql_options(my, MYSQL_READ_DEFAULT_FILE, t->option_file);
	mysql_options(my, MYSQL_READ_DEFAULT_GROUP, "rollcall");
	if (a->ssl || a->ssl_ca)
		mysql_optionsv(my, MYSQL_OPT_SSL_ENFORCE, &on);
	if (a->ssl_ca) {
		mysql_optionsv(my, MYSQL_OPT_SSL_CA, a->ssl_ca);
		mysql_optionsv(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
	}
}

static const struct refusal {
	unsigned code;
	const char *advice;
} refusals[] = {
    {1045, "correct the target's user, or its password (file, command, credential or option_file) in agent.yaml"},
    {1698, "correct the target's user, or its password (file, command, credential or option_file) in agent.yaml"},
    {1130, "let the agent's host in: CREATE USER 'name'@'host'"},
    {1049, "make the database first, or correct the target's dsn"},
    {1044, "grant the agent's user its rights on this database"},
    {2002, "is the server running, is the address right?"},
    {2003, "is the server running, is the address right?"},
    {2005, "is the host name right?"},
    {2012, "is another kind of server on this port? Correct the target's engine or dsn"},
    {2013, "no greeting came within connect_timeout: is another kind of server on this port, or a firewall in the way?"},
    {2027, "is another kind of server on this port? Correct the target's engine or dsn"},
};

static int refused(struct conn *c, struct err *e)
{
	unsigned code = mysql_errno(c->my);
	char where[300];
	const char *advice = NULL;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].code == code)
			advice = refusals[i].advice;
	if (c->address.socket)
		snprintf(where, sizeof where, "%s", c->address.socket);
	else
		snprintf(where, sizeof where, "%s port %u", c->address.host ? c->address.host : "localhost", c->address.port);
	err_set(e, ERR_DB_CONNECT, "MariaDB at %s: %s (error %u)%s%s", where, mysql_error(c->my), code, advice ? ": " : "", advice ? advice : "");
	if (e) {
		e->db_errno = (int)code;
		str_copy(e->sqlstate, sizeof e->sqlstate, mysql_sqlstate(c->my));
	}
	return -1;
}

/* ---- who answers ---- */

static int answer_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n, (void)e;
	struct conn *c = arg;
	str_copy(c->backend, sizeof c->backend, v[0] ? v[0] : "");
	c->packet_max = strtoull(v[5] ? v[5] : "0", NULL, 10);
	c->identity.primary = str_eq(v[2], "0");
	snprintf(c->identity.database, sizeof c->identity.database, "%.80s:%s/%.40s", v[3] ? v[3] : "?", v[4] ? v[4] : "?", c->address.database);
	return 0;
}

static int identify(struct conn *c, struct err *e)
{
	const char *version = mysql_get_server_info(c->my);
	str_copy(c->identity.version, sizeof c->identity.version, version);
	if (!strstr(version, "MariaDB")) {
		err_set(e, ERR_DB_CONNECT, "%s port %u is MySQL %s, not MariaDB: its DDL behaves differently after a crash, so Rollcall does not work on it",
		        c->address.host ? c->address.host : "localhost", c->address.port, version);
		if (e)
			str_copy(e->sqlstate, sizeof e->sqlstate, "0A000");
		return -1;
	}
	if (maria_run_text(c, maria_sql_identity, answer_row, c, e) < 0)
		return err_wrap(e, "ask MariaDB who it is");
	if (c->identity.primary)
		return 0;
	err_set(e, ERR_DB_CONNECT, "MariaDB at %s port %u is read-only (@@read_only; a replica?): point the target's dsn at the primary",
	        c->address.host ? c->address.host : "localhost", c->address.port);
	if (e)
		e->db_errno = 1290;
	return -1;
}

/* ---- open and close ---- */

void maria_connect_close(struct conn **cp)
{
	struct conn *c = *cp;
	if (!c)
		return;
	for (size_t i = 0; i < c->n_prepared; i++) {
		mysql_stmt_close(c->prepared[i].stmt);
		free(c->prepared[i].sql);
	}
	if (c->my)
		mysql_close(c->my);
	maria_lag_free(&c->lag);
	free(c->address.host);
	free(c->address.user);
	free(c->address.database);
	free(c->address.socket);
	free(c->address.ssl_ca);
	free(c->prefix);
	free(c->pins);
	free(c);
	*cp = NULL;
}

static void make_names(struct conn *c)
{
	AUTO(mem_free_ptr) char *database = maria_quote_name(c->address.database);
	struct buf b = BUF_INIT;
	buf_addf(&b, "%s.rollcall_", database);
	c->prefix = buf_take(&b);
	c->pins = make_pins(c->target);
	uint8_t hash[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];
	digest_sha256(bytes_of_str(c->target->id), hash);
	snprintf(c->lock_name, sizeof c->lock_name, "rollcall/%.32s", bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex));
}

static int set_role(struct conn *c, struct err *e)
{
	if (!c->target->role)
		return 0;
	AUTO(mem_free_ptr) char *role = maria_quote_name(c->target->role);
	AUTO(buf_done) struct buf sql = BUF_INIT;
	buf_addf(&sql, "SET ROLE %s", role);
	return maria_run_text(c, buf_str(&sql), NULL, NULL, e);
}

static int dial(struct conn *c, const char *user, struct err *e)
{
	const struct engine_target *t = c->target;
	const struct maria_address *a = &c->address;
	c->my = mysql_init(NULL);
	if (!c->my)
		return err_set(e, ERR_INTERNAL, "the MariaDB client library has no memory");
	set_options(c->my, t, a);
	if (!mysql_real_connect(c->my, a->host, user, t->password ? secret_reveal(t->password) : NULL, a->database, a->port, a->socket,
	                        CLIENT_MULTI_RESULTS))
		return refused(c, e);
	return 0;
}

int maria_connect_replica(const struct engine_target *t, struct conn **ret, struct err *e)
{
	AUTO(maria_connect_close) struct conn *c = mem_alloc(sizeof *c);
	c->target = t;
	if (parse_dsn(t->dsn, false, &c->address, e) < 0 || dial(c, c->address.user ? c->address.user : t->user, e) < 0)
		return -1;
	*ret = take_ptr(&c);
	return 0;
}

int maria_connect_open(const struct engine_target *t, struct conn **ret, struct err *e)
{
	AUTO(maria_connect_close) struct conn *c = mem_alloc(sizeof *c);
	c->target = t;
	c->lock_ms = c->session_lock_ms = t->lock_timeout_ms;
	if (parse_dsn(t->dsn, true, &c->address, e) < 0 || dial(c, t->user ? t->user : c->address.user, e) < 0)
		return -1;
	make_names(c);
	if (maria_run_text(c, c->pins, NULL, NULL, e) < 0 || set_role(c, e) < 0 || identify(c, e) < 0) {
		if (e)
			e->code = ERR_DB_CONNECT;
		return -1;
	}
	*ret = take_ptr(&c);
	return 0;
}
