/* The raw limit for `make bench-apply`: a plain client program that applies the same changesets to the same tenants, with a ledger row in the same transaction
 * (PostgreSQL, SQLite) or after the statement (MariaDB), at the same concurrency. It makes the ledger table once a tenant by the engine's own CREATE TABLE, columns and
 * indexes alike, and writes as many rows of the same size, without reading, locking or fencing anything. Nothing is verified, journalled or reported: what Rollcall adds is
 * the difference.
 *
 *   raw_apply postgresql|mariadb|sqlite CONCURRENCY CHANGES.sql < targets      (one connection string a line)
 *
 * CHANGES.sql is a Liquibase file whose statements end with ';' at a line's end. MariaDB lines read host-or-socket,user,password,database.
 * Prints the seconds from the first connect to the last disconnect, and the CPU seconds of this program. */
#include <libpq-fe.h>
#include <mysql.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/engine/sql/mariadb_ledger.sql.h"
#include "agent/engine/sql/postgres_ledger.sql.h"
#include "agent/engine/sql/sqlite_ledger.sql.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LEDGER_ROW                                                                                                                                \
	"INSERT INTO raw_ledger VALUES (%zu, 'shop', '%s', 'apply', 1, 0, 'done', 'run', 'T', '" HEX "', '" HEX "', '1.0', 1, '" HEX "', '" HEX "', " \
	"'0123456789abcdef0123456789abcdef', 1, 1, 'eu-1', '12345/1700000000000000', '" HEX "', 1700000000000000, 1700000000000000, '" HEX "', '" HEX \
	"', 'shop/%s/apply/1/0')"
#define LEDGER_ROW_SIZE 1024

struct raw_changeset {
	char id[128];
	char **statements;
	size_t n, cap;
};

static struct raw_changeset *changesets;
static size_t n_changesets, changesets_cap;
static char **targets;
static size_t n_targets, targets_cap;
static atomic_size_t next_target;
static void (*apply_target)(const char *target);
static char *ledger_table;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "raw_apply: %s: %s\n", what, why);
	exit(1);
}

static void read_changes(const char *path)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	AUTO(buf_done) struct buf statement = BUF_INIT;
	struct err e = ERR_INIT;
	if (file_read(path, 1 << 20, &text, &e) != 0)
		die(path, e.msg);
	char *save = NULL;
	for (char *line = strtok_r(text.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (str_starts(line, "--changeset ")) {
			vec_grow(changesets, n_changesets, changesets_cap);
			changesets[n_changesets] = (struct raw_changeset){.n = 0};
			sscanf(line, "--changeset %127s", changesets[n_changesets++].id);
		} else if (!str_starts(line, "--")) {
			struct raw_changeset *c = &changesets[n_changesets - 1];
			buf_addf(&statement, "%s\n", line);
			if (!str_ends(line, ";"))
				continue;
			vec_grow(c->statements, c->n, c->cap);
			c->statements[c->n++] = buf_take(&statement);
		}
	}
}

/* The engine's own CREATE TABLE of its ledger, as raw_ledger. */
static void take_ledger_table(const char *const *create)
{
	static const char name[] = "%sledger";
	for (; *create; create++) {
		const char *at = strstr(*create, name);
		if (!at)
			continue;
		AUTO(buf_done) struct buf b = BUF_INIT;
		buf_add(&b, *create, (size_t)(at - *create));
		buf_addf(&b, "raw_ledger%s", at + strlen(name));
		ledger_table = buf_take(&b);
		return;
	}
	die("ledger", "the engine's SQL has no CREATE TABLE of a ledger");
}

static void ledger_row(size_t i, char row[LEDGER_ROW_SIZE])
{
	snprintf(row, LEDGER_ROW_SIZE, LEDGER_ROW, i + 1, changesets[i].id, changesets[i].id);
}

static void pg_run(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);
	ExecStatusType s = PQresultStatus(r);
	if (s != PGRES_COMMAND_OK && s != PGRES_TUPLES_OK)
		die(sql, PQerrorMessage(c));
	PQclear(r);
}

static void apply_postgresql(const char *target)
{
	char row[LEDGER_ROW_SIZE];
	PGconn *c = PQconnectdb(target);
	if (PQstatus(c) != CONNECTION_OK)
		die("connect", PQerrorMessage(c));
	pg_run(c, ledger_table);
	for (size_t i = 0; i < n_changesets; i++) {
		pg_run(c, "BEGIN");
		for (size_t j = 0; j < changesets[i].n; j++)
			pg_run(c, changesets[i].statements[j]);
		ledger_row(i, row);
		pg_run(c, row);
		pg_run(c, "COMMIT");
	}
	PQfinish(c);
}

static void my_run(MYSQL *c, const char *sql)
{
	size_t n = strlen(sql);
	while (n && (sql[n - 1] == '\n' || sql[n - 1] == ';'))
		n--;
	if (mysql_real_query(c, sql, n) != 0)
		die(sql, mysql_error(c));
}

static void apply_mariadb(const char *target)
{
	char row[LEDGER_ROW_SIZE], socket_path[128], user[64], password[64], database[64];
	if (sscanf(target, "%127[^,],%63[^,],%63[^,],%63s", socket_path, user, password, database) != 4)
		die("target", target);
	MYSQL *c = mysql_init(NULL);
	if (!mysql_real_connect(c, NULL, user, password, database, 0, socket_path, 0))
		die("connect", mysql_error(c));
	my_run(c, ledger_table);
	for (size_t i = 0; i < n_changesets; i++) {
		for (size_t j = 0; j < changesets[i].n; j++)
			my_run(c, changesets[i].statements[j]);
		ledger_row(i, row);
		my_run(c, row);
	}
	mysql_close(c);
}

static void lite_run_sql(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
}

static void apply_sqlite(const char *target)
{
	char row[LEDGER_ROW_SIZE];
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(target, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		die(target, sqlite3_errmsg(db));
	lite_run_sql(db, "PRAGMA synchronous = FULL");
	lite_run_sql(db, ledger_table);
	for (size_t i = 0; i < n_changesets; i++) {
		lite_run_sql(db, "BEGIN IMMEDIATE");
		for (size_t j = 0; j < changesets[i].n; j++)
			lite_run_sql(db, changesets[i].statements[j]);
		ledger_row(i, row);
		lite_run_sql(db, row);
		lite_run_sql(db, "COMMIT");
	}
	sqlite3_close(db);
}

static void *worker(void *arg)
{
	(void)arg;
	for (size_t i; (i = atomic_fetch_add(&next_target, 1)) < n_targets;)
		apply_target(targets[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	char line[1024];
	pthread_t threads[64];
	uint64_t concurrency = 0;
	struct err e = ERR_INIT;
	if (argc != 4 || str_to_u64(argv[2], "concurrency", 1, ARRAY_LEN(threads), &concurrency, &e) != 0)
		die("usage", "raw_apply postgresql|mariadb|sqlite CONCURRENCY CHANGES.sql < targets");
	apply_target = str_eq(argv[1], "postgresql") ? apply_postgresql : str_eq(argv[1], "mariadb") ? apply_mariadb : apply_sqlite;
	take_ledger_table(str_eq(argv[1], "postgresql") ? postgres_ledger_create
	                  : str_eq(argv[1], "mariadb")  ? mariadb_ledger_create
	                                                : sqlite_ledger_create);
	read_changes(argv[3]);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		vec_grow(targets, n_targets, targets_cap);
		targets[n_targets++] = mem_strdup(line);
	}
	mysql_library_init(0, NULL, NULL);
	int64_t start = clock_mono_us();
	for (size_t i = 0; i < concurrency; i++)
		pthread_create(&threads[i], NULL, worker, NULL);
	for (size_t i = 0; i < concurrency; i++)
		pthread_join(threads[i], NULL);
	printf("%.3f %.3f\n", (double)(clock_mono_us() - start) / 1e6, (double)clock() / CLOCKS_PER_SEC);
	return 0;
}
