/* The demo's databases: SQLite files, or a private PostgreSQL or MariaDB server on a unix socket in a folder of its own. Servers refuse to run as root, so root
 * starts them as an unprivileged user. The tenants' own doings go through the servers' own clients, as the shop's application would be none of ours. */
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/lite/lite.h"
#include "controller/daemon/demo_impl.h"

#define SERVER_START_MS 60000
#define CLIENT_MS       30000

/* ---- SQLite ---- */

static const char *sqlite_path(const struct demo *d, const struct tenant *t)
{
	return arena_printf(d->arena, "%s/tenants/%s.db", d->dir, t->name);
}

static int sqlite_sql(struct demo *d, const struct tenant *t, const char *sql, struct buf *ret_value, struct err *e)
{
	static const char *const no_migrations[] = {NULL};
	AUTO(lite_close) struct lite *l = NULL;
	struct lite_stmt *s = NULL;
	bool row = false;
	if (lite_open(sqlite_path(d, t), no_migrations, &l, e) != 0)
		return -1;
	if (!ret_value)
		return lite_exec(l, sql, e);
	if (lite_prepare(l, sql, &s, e) != 0 || lite_step(s, &row, e) != 0)
		return -1;
	if (row && lite_text(s, 0))
		buf_adds(ret_value, lite_text(s, 0));
	lite_reset(s);
	return 0;
}

static int sqlite_start(struct demo *d, struct err *e)
{
	for (size_t i = 0; i < DEMO_TENANTS; i++)
		if (sqlite_sql(d, &demo_tenants[i], "CREATE TABLE shop_settings (name TEXT PRIMARY KEY, value TEXT)", NULL, e) != 0)
			return -1;
	return 0;
}

static void sqlite_add_dsn(const struct demo *d, const struct tenant *t, struct buf *ret)
{
	buf_addf(ret, "sqlite:%s", sqlite_path(d, t));
}

/* ---- private servers ---- */

/* The newest of the paths that match, NULL if none. */
static const char *find_program(struct demo *d, const char *const *patterns)
{
	const char *found = NULL;
	for (; !found && *patterns; patterns++) {
		glob_t g = {0};
		if (glob(*patterns, 0, NULL, &g) == 0 && g.gl_pathc && access(g.gl_pathv[g.gl_pathc - 1], X_OK) == 0)
			found = arena_strdup(d->arena, g.gl_pathv[g.gl_pathc - 1]);
		globfree(&g);
	}
	return found;
}

static int need_program(struct demo *d, const char *name, const char *package, const char *const *patterns, const char **ret, struct err *e)
{
	*ret = find_program(d, patterns);
	return *ret ? 0 : err_set(e, ERR_NOT_FOUND, "%s is not on this machine: install it (Debian: apt-get install %s)", name, package);
}

/* Root steps down to the server package's own user, or to nobody. */
static int choose_user(struct demo *d, const char *user, struct err *e)
{
	if (geteuid() != 0)
		return 0;
	struct passwd *p = getpwnam(user);
	if (!p)
		p = getpwnam("nobody");
	if (!p || p->pw_uid == 0)
		return err_set(e, ERR_NOT_FOUND, "no unprivileged user to run the database server as: make one, or run the demo as one");
	d->server.uid = p->pw_uid;
	d->server.gid = p->pw_gid;
	return 0;
}

/* May any user pass through all of these folders? */
static bool others_may_pass(struct demo *d, const char *path)
{
	struct stat st;
	char *p = arena_strdup(d->arena, path);
	for (char *slash; (slash = strrchr(p, '/')) != NULL && slash != p;) {
		*slash = '\0';
		if (stat(p, &st) != 0 || !(st.st_mode & S_IXOTH))
			return false;
	}
	return true;
}

/* The server's user must be able to get to its folder: where it could not pass through ours, it gets one in /tmp. */
static int make_server_dir(struct demo *d, struct err *e)
{
	bool beside = d->server.uid && !others_may_pass(d, d->dir);
	if (beside && d->keep)
		return err_set(
		    e, ERR_IO,
		    "--keep %s: root runs the database server as another user, who cannot pass through the folders above: name one under /tmp or /srv",
		    d->dir);
	d->server_dir = beside ? mkdtemp(arena_strdup(d->arena, "/tmp/rollcall-demo-XXXXXX")) : arena_printf(d->arena, "%s/server", d->dir);
	if (!d->server_dir)
		return err_set_errno(e, "/tmp/rollcall-demo-XXXXXX");
	d->server_apart = beside;
	if (file_make_dirs(d->server_dir, 0700, e) != 0)
		return -1;
	if (strlen(d->server_dir) > 80)
		return err_set(e, ERR_LIMIT, "%s: too long a path for a unix socket: choose a shorter TMPDIR or --keep folder", d->server_dir);
	if (d->server.uid && (chown(d->server_dir, d->server.uid, d->server.gid) != 0 || chmod(d->dir, 0711) != 0))
		return err_set_errno(e, "%s", d->server_dir);
	return 0;
}

/* Runs a tool of the server's package as the server's user; what it said becomes the error. */
static int run_tool(struct demo *d, const char *const *argv, const char *input, struct buf *ret_out, struct err *e)
{
	AUTO(buf_done) struct buf own = BUF_INIT;
	struct buf *out = ret_out ? ret_out : &own;
	int code = 0;
	const struct process_run run = {.argv = argv, .uid = d->server.uid, .gid = d->server.gid, .input = input, .timeout_ms = SERVER_START_MS};
	if (process_run(&run, out, &code, e) != 0)
		return -1;
	if (code != 0)
		return err_set(e, ERR_STATE, "%s: exit code %d: %.1000s", argv[0], code, buf_str(out));
	return 0;
}

/* Asks until the server answers: `probe` is a command that succeeds then. */
static int wait_for_server(struct demo *d, const char *const *probe, struct err *e)
{
	int64_t deadline = clock_mono_us() + (int64_t)SERVER_START_MS * 1000;
	for (;;) {
		struct err last = ERR_INIT;
		if (run_tool(d, probe, NULL, NULL, &last) == 0)
			return 0;
		if (!process_alive(&d->server))
			return err_set(e, ERR_STATE, "the database server ended at once: see %s/logs/server.log", d->dir);
		if (clock_mono_us() > deadline)
			return err_set(e, ERR_TIMEOUT, "the database server does not answer: %s", last.msg);
		if (demo_pause(100, e) != 0)
			return -1;
	}
}

static void chomp(struct buf *b)
{
	while (b && b->n && (b->p[b->n - 1] == '\n' || b->p[b->n - 1] == '\r'))
		b->p[--b->n] = '\0';
}

static const char *log_path(struct demo *d)
{
	return arena_printf(d->arena, "%s/logs/server.log", d->dir);
}

/* ---- PostgreSQL ---- */

static const char *const psql_places[] = {"/usr/lib/postgresql/*/bin/psql", "/usr/bin/psql", "/usr/local/bin/psql", NULL};
static const char *const initdb_places[] = {"/usr/lib/postgresql/*/bin/initdb", "/usr/bin/initdb", "/usr/local/bin/initdb", NULL};
static const char *const postgres_places[] = {"/usr/lib/postgresql/*/bin/postgres", "/usr/bin/postgres", "/usr/local/bin/postgres", NULL};

static int postgres_in(struct demo *d, const char *database, const char *sql, struct buf *ret_value, struct err *e)
{
	const char *psql = NULL;
	if (need_program(d, "psql", "postgresql-client", psql_places, &psql, e) != 0)
		return -1;
	const char *argv[] = {psql,       "-X", "-A",     "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", d->server_dir, "-U",
	                      "rollcall", "-d", database, "-c", sql,  NULL};
	if (run_tool(d, argv, NULL, ret_value, e) != 0)
		return -1;
	chomp(ret_value);
	return 0;
}

static int postgres_sql(struct demo *d, const struct tenant *t, const char *sql, struct buf *ret_value, struct err *e)
{
	return postgres_in(d, t->name, sql, ret_value, e);
}

static int postgres_start(struct demo *d, struct err *e)
{
	const char *initdb = NULL, *postgres = NULL, *psql = NULL;
	if (need_program(d, "initdb", "postgresql", initdb_places, &initdb, e) != 0 ||
	    need_program(d, "postgres", "postgresql", postgres_places, &postgres, e) != 0 ||
	    need_program(d, "psql", "postgresql-client", psql_places, &psql, e) != 0)
		return -1;
	if (choose_user(d, "postgres", e) != 0 || make_server_dir(d, e) != 0)
		return -1;
	const char *data = arena_printf(d->arena, "%s/data", d->server_dir);
	const char *make[] = {initdb, "-D", data, "-U", "rollcall", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", NULL};
	const char *start[] = {
	    postgres, "-D", data, "-k", d->server_dir, "-c", "listen_addresses=", "-c", "max_connections=60", "-c", "shared_buffers=32MB", NULL};
	const char *probe[] = {psql, "-X", "-h", d->server_dir, "-U", "rollcall", "-d", "postgres", "-c", "SELECT 1", NULL};
	d->server.stop_signal = SIGINT; /* fast shutdown */
	if (run_tool(d, make, NULL, NULL, e) != 0 || process_start(&d->server, start, log_path(d), e) != 0 || wait_for_server(d, probe, e) != 0)
		return -1;
	for (size_t i = 0; i < DEMO_TENANTS; i++)
		if (postgres_in(d, "postgres", arena_printf(d->arena, "CREATE DATABASE \"%s\"", demo_tenants[i].name), NULL, e) != 0)
			return -1;
	return 0;
}

static void postgres_add_dsn(const struct demo *d, const struct tenant *t, struct buf *ret)
{
	buf_addf(ret, "postgresql:///%s?host=%s&user=rollcall", t->name, d->server_dir);
}

/* ---- MariaDB ---- */

static const char *const mariadb_places[] = {"/usr/bin/mariadb", "/usr/local/bin/mariadb", NULL};
static const char *const install_places[] = {"/usr/bin/mariadb-install-db", "/usr/local/bin/mariadb-install-db", NULL};
static const char *const mariadbd_places[] = {"/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/usr/libexec/mariadbd", NULL};

static const char *mariadb_socket(const struct demo *d)
{
	return arena_printf(d->arena, "%s/socket", d->server_dir);
}

static int mariadb_in(struct demo *d, const char *database, const char *sql, struct buf *ret_value, struct err *e)
{
	const char *client = NULL;
	if (need_program(d, "mariadb", "mariadb-client", mariadb_places, &client, e) != 0)
		return -1;
	const char *argv[] = {
	    client, "--no-defaults", arena_printf(d->arena, "--socket=%s", mariadb_socket(d)), "-u", "rollcall", "-N", "-B", "-e", sql, database, NULL};
	if (run_tool(d, argv, NULL, ret_value, e) != 0)
		return -1;
	chomp(ret_value);
	return 0;
}

static int mariadb_sql(struct demo *d, const struct tenant *t, const char *sql, struct buf *ret_value, struct err *e)
{
	return mariadb_in(d, t->name, sql, ret_value, e);
}

static int mariadb_start(struct demo *d, struct err *e)
{
	const char *install = NULL, *mariadbd = NULL, *client = NULL;
	if (need_program(d, "mariadb-install-db", "mariadb-server", install_places, &install, e) != 0 ||
	    need_program(d, "mariadbd", "mariadb-server", mariadbd_places, &mariadbd, e) != 0 ||
	    need_program(d, "mariadb", "mariadb-client", mariadb_places, &client, e) != 0)
		return -1;
	if (choose_user(d, "mysql", e) != 0 || make_server_dir(d, e) != 0)
		return -1;
	const char *data = arena_printf(d->arena, "--datadir=%s/data", d->server_dir), *socket = arena_printf(d->arena, "--socket=%s", mariadb_socket(d));
	const char *tmpdir =
	    arena_printf(d->arena, "--tmpdir=%s", d->server_dir); /* a starting server deletes every temporary table in it, also another server's */
	const char *start[] = {mariadbd,
	                       "--no-defaults",
	                       data,
	                       socket,
	                       tmpdir,
	                       "--skip-networking",
	                       arena_printf(d->arena, "--pid-file=%s/pid", d->server_dir),
	                       "--innodb-buffer-pool-size=64M",
	                       NULL};
	/* A passwordless account of our own: the socket is in a folder that only this user and root can enter. */
	const char *make[] = {install, "--no-defaults", data, tmpdir, "--auth-root-authentication-method=normal", "--skip-test-db", NULL};
	const char *user[] = {client,
	                      "--no-defaults",
	                      socket,
	                      "-u",
	                      "root",
	                      "-e",
	                      "CREATE USER rollcall@localhost; GRANT ALL ON *.* TO rollcall@localhost WITH GRANT OPTION",
	                      NULL};
	const char *probe[] = {client, "--no-defaults", socket, "-u", "root", "-e", "SELECT 1", NULL};
	if (run_tool(d, make, NULL, NULL, e) != 0 || process_start(&d->server, start, log_path(d), e) != 0 || wait_for_server(d, probe, e) != 0 ||
	    run_tool(d, user, NULL, NULL, e) != 0)
		return -1;
	for (size_t i = 0; i < DEMO_TENANTS; i++)
		if (mariadb_in(d, "mysql", arena_printf(d->arena, "CREATE DATABASE `%s` CHARACTER SET utf8mb4", demo_tenants[i].name), NULL, e) != 0)
			return -1;
	return 0;
}

static void mariadb_add_dsn(const struct demo *d, const struct tenant *t, struct buf *ret)
{
	buf_addf(ret, "mariadb://rollcall@localhost/%s?socket=%s", t->name, mariadb_socket(d));
}

/* ---- the list ---- */

static const struct demo_engine engines[] = {
    {.name = "sqlite",
     .people = "SQLite",
     .start = sqlite_start,
     .add_dsn = sqlite_add_dsn,
     .sql = sqlite_sql,
     .long_step = "INSERT INTO visits (n, what) WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 6000000) SELECT count(*), "
                  "'long step' FROM c",
     .drop_email_index = "DROP INDEX customers_email",
     .has_customers = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'customers'",
     .has_phone = "SELECT count(*) FROM pragma_table_info('customers') WHERE name = 'phone'",
     .ledger = "rollcall_ledger"},
    {.name = "postgresql",
     .people = "PostgreSQL",
     .start = postgres_start,
     .add_dsn = postgres_add_dsn,
     .sql = postgres_sql,
     .long_step = "INSERT INTO visits (n, what) SELECT count(*), 'long step' FROM (SELECT pg_sleep(0.2) FROM generate_series(1, 15)) AS c",
     .drop_email_index = "DROP INDEX customers_email",
     .has_customers = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'customers'",
     .has_phone =
         "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'customers' AND column_name = 'phone'",
     .ledger = "rollcall.ledger"},
    {.name = "mariadb",
     .people = "MariaDB",
     .start = mariadb_start,
     .add_dsn = mariadb_add_dsn,
     .sql = mariadb_sql,
     .long_step = "INSERT INTO visits (n, what) SELECT 1 + SLEEP(3), 'long step'",
     .drop_email_index = "DROP INDEX customers_email ON customers",
     .has_customers = "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'customers'",
     .has_phone =
         "SELECT count(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'customers' AND column_name = 'phone'",
     .ledger = "rollcall_ledger"},
};

const struct demo_engine *demo_engine_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(engines); i++)
		if (str_eq(engines[i].name, name))
			return &engines[i];
	return NULL;
}
