/* SQLite for our own files: journal and store. One handle, one thread; statements are cached by the address of their text. */
#include "common/lite/lite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/mem.h"

#define STATEMENTS_MAX 128
#define SLOTS          (2 * STATEMENTS_MAX)
#define BUSY_MS        5000
#define WAL_PAUSE_MS   10

struct lite_stmt {
	const char *sql; /* cache key: the address */
	sqlite3_stmt *stmt;
	struct lite *owner;
};

struct lite {
	sqlite3 *db;
	char *path;
	struct lite_stmt *statements[STATEMENTS_MAX];
	size_t n_statements;
	struct lite_stmt *by_sql[SLOTS]; /* the same, by the hash of the address; linear probing */
	int wal_pages, wal_max; /* see lite_keep_wal */
};

static int lite_error(struct lite *l, const char *doing, struct err *e)
{
	int code = sqlite3_extended_errcode(l->db);
	err_set(e, (code & 0xff) == SQLITE_FULL || (code & 0xff) == SQLITE_IOERR ? ERR_IO : ERR_DB, "%s: %s: %s", l->path, doing, sqlite3_errmsg(l->db));
	if (e)
		e->db_errno = code;
	return -1;
}

/* WAL needs shared memory and locks that work: neither is to be trusted across a network (sqlite.org/wal.html, section 1). */
static bool on_network_file_system(const char *path)
{
	static const unsigned long network_types[] = {0x6969 /* NFS */, 0x517B /* SMB */,     0xFE534D42 /* SMB2 */, 0xFF534D42 /* CIFS */,
	                                              0x564c /* NCP */, 0x5346414F /* AFS */, 0x01021997 /* 9P */,   0x00C36400 /* Ceph */};
	struct statfs fs;
	if (statfs(path, &fs) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(network_types); i++)
		if ((unsigned long)fs.f_type == network_types[i])
			return true;
	return false;
}

static int read_user_version(struct lite *l, int *ret, struct err *e)
{
	sqlite3_stmt *s = NULL;
	if (sqlite3_prepare_v2(l->db, "PRAGMA user_version", -1, &s, NULL) != SQLITE_OK)
		return lite_error(l, "reading its version", e);
	int rc = sqlite3_step(s);
	*ret = rc == SQLITE_ROW ? sqlite3_column_int(s, 0) : 0;
	sqlite3_finalize(s);
	return rc == SQLITE_ROW ? 0 : lite_error(l, "reading its version", e);
}

/* Another process may open the same file meanwhile: what counts is the version once the file is ours to write. */
static int migrate_one(struct lite *l, const char *sql, int to, struct err *e)
{
	char pragma[64];
	int version = 0;
	sqlite3_snprintf(sizeof pragma, pragma, "PRAGMA user_version = %d", to);
	if (lite_begin(l, e) != 0)
		return -1;
	int rc = read_user_version(l, &version, e);
	if (rc == 0 && version < to)
		rc = lite_exec(l, sql, e) != 0 || lite_exec(l, pragma, e) != 0 ? -1 : 0;
	if (rc != 0 || lite_commit(l, e) != 0) {
		lite_rollback(l);
		return err_wrap(e, "migration to version %d", to);
	}
	return 0;
}

static int migrate(struct lite *l, const char *const *migrations, struct err *e)
{
	int version = 0, known = 0;
	if (read_user_version(l, &version, e) != 0)
		return -1;
	while (migrations[known])
		known++;
	if (version > known)
		return err_set(e, ERR_STATE, "%s: version %d was written by a newer Rollcall (this one knows %d): install the newer one", l->path, version,
		               known);
	for (; version < known; version++)
		if (migrate_one(l, migrations[version], version + 1, e) != 0)
			return -1;
	return 0;
}

/* Nobody asks how much memory SQLite has; to count it costs a lock at each allocation. Before its first use in the process, or it stays as it is. */
static void count_no_memory(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int open_handle(const char *path, int flags, struct lite **ret, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	AUTO(lite_close) struct lite *l = mem_alloc(sizeof *l);
	l->path = mem_strdup(path);
	pthread_once(&once, count_no_memory);
	if (sqlite3_open_v2(path, &l->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
		return lite_error(l, "opening", e);
	sqlite3_extended_result_codes(l->db, 1);
	sqlite3_busy_timeout(l->db, BUSY_MS);
	*ret = take_ptr(&l);
	return 0;
}

/* Made by us, so that its mode is ours. A file that exists is not opened here: to close any descriptor of it would drop the POSIX locks of this process's other handles, and
 * the next program to read the file would then take it for abandoned and delete the WAL under them (sqlite.org/howtocorrupt.html, section 2.2). */
static int make_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == EEXIST ? 0 : err_set_errno(e, "%s", path);
	close(fd);
	return 0;
}

/* While another process makes the same file a WAL too, SQLite says busy at once: its busy time-out does not hold for this (sqlite.org/c3ref/busy_handler.html). */
static int use_wal(struct lite *l, struct err *e)
{
	int rc = SQLITE_BUSY;
	for (int left_ms = BUSY_MS; (rc & 0xff) == SQLITE_BUSY && left_ms > 0; left_ms -= WAL_PAUSE_MS) {
		if (left_ms < BUSY_MS)
			sqlite3_sleep(WAL_PAUSE_MS);
		rc = sqlite3_exec(l->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	}
	return rc == SQLITE_OK ? 0 : lite_error(l, "writing", e);
}

int lite_open(const char *path, const char *const *migrations, struct lite **ret, struct err *e)
{
	AUTO(lite_close) struct lite *l = NULL;
	if (make_file(path, e) != 0)
		return -1;
	if (on_network_file_system(path))
		return err_set(e, ERR_STATE, "%s: lies on a network file system, where locks and fsync cannot be trusted: put it on a local disk", path);
	if (open_handle(path, SQLITE_OPEN_READWRITE, &l, e) != 0)
		return -1;
	if (use_wal(l, e) != 0 || lite_exec(l, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF", e) != 0 ||
	    migrate(l, migrations, e) != 0)
		return -1;
	*ret = take_ptr(&l);
	return 0;
}

int lite_open_readonly(const char *path, struct lite **ret, struct err *e)
{
	return open_handle(path, SQLITE_OPEN_READONLY, ret, e);
}

void lite_close(struct lite **lp)
{
	struct lite *l = *lp;
	if (!l)
		return;
	for (size_t i = 0; i < l->n_statements; i++) {
		sqlite3_finalize(l->statements[i]->stmt);
		free(l->statements[i]);
	}
	sqlite3_close(l->db);
	free(l->path);
	free(l);
	*lp = NULL;
}

bool lite_rest(struct lite *l)
{
	for (size_t i = 0; i < l->n_statements; i++) {
		sqlite3_reset(l->statements[i]->stmt);
		sqlite3_clear_bindings(l->statements[i]->stmt);
	}
	return sqlite3_get_autocommit(l->db) != 0;
}

const char *lite_path(const struct lite *l)
{
	return l->path;
}

int lite_exec(struct lite *l, const char *sql, struct err *e)
{
	return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : lite_error(l, "writing", e);
}

int lite_begin(struct lite *l, struct err *e)
{
	return lite_exec(l, "BEGIN IMMEDIATE", e);
}

int lite_commit(struct lite *l, struct err *e)
{
	return lite_exec(l, "COMMIT", e);
}

void lite_rollback(struct lite *l)
{
	if (!sqlite3_get_autocommit(l->db))
		sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
}

/* SQLITE_OK also when a reader holds some of it back. */
static int move_wal(struct lite *l)
{
	int in_wal = 0, moved = 0;
	int rc = sqlite3_wal_checkpoint_v2(l->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_wal, &moved);
	if (rc == SQLITE_OK && in_wal == moved)
		l->wal_pages = 0;
	return (rc & 0xff) == SQLITE_BUSY ? SQLITE_OK : rc;
}

/* What cannot be moved now is moved later: the commit itself is done. */
static int after_commit(void *arg, sqlite3 *db, const char *schema, int pages)
{
	struct lite *l = arg;
	(void)db;
	(void)schema;
	l->wal_pages = pages;
	if (pages >= l->wal_max)
		move_wal(l);
	return SQLITE_OK;
}

void lite_keep_wal(struct lite *l, int max_pages)
{
	l->wal_max = max_pages;
	sqlite3_wal_hook(l->db, after_commit, l); /* in the place of SQLite's own */
}

int lite_wal_pages(const struct lite *l)
{
	return l->wal_pages;
}

int lite_checkpoint(struct lite *l, struct err *e)
{
	return move_wal(l) == SQLITE_OK ? 0 : lite_error(l, "moving the WAL into the database", e);
}

/* Where the statement is, or would go. */
static struct lite_stmt **slot_of(struct lite *l, const char *sql)
{
	size_t i = (size_t)((uint64_t)(uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SLOTS;
	while (l->by_sql[i] && l->by_sql[i]->sql != sql)
		i = (i + 1) % SLOTS;
	return &l->by_sql[i];
}

int lite_prepare(struct lite *l, const char *sql, struct lite_stmt **ret, struct err *e)
{
	struct lite_stmt **slot = slot_of(l, sql);
	if (*slot) {
		sqlite3_reset((*slot)->stmt);
		sqlite3_clear_bindings((*slot)->stmt);
		*ret = *slot;
		return 0;
	}
	if (l->n_statements == STATEMENTS_MAX)
		return err_set(e, ERR_INTERNAL, "%s: more than %d kinds of statements", l->path, STATEMENTS_MAX);
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v3(l->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
		return lite_error(l, "preparing", e);
	struct lite_stmt *s = mem_alloc(sizeof *s);
	*s = (struct lite_stmt){.sql = sql, .stmt = stmt, .owner = l};
	l->statements[l->n_statements++] = s;
	*slot = s;
	*ret = s;
	return 0;
}

void lite_bind_text(struct lite_stmt *s, int i, const char *v)
{
	sqlite3_bind_text(s->stmt, i, v, -1, SQLITE_STATIC);
}

void lite_bind_int(struct lite_stmt *s, int i, int64_t v)
{
	sqlite3_bind_int64(s->stmt, i, v);
}

void lite_bind_blob(struct lite_stmt *s, int i, struct bytes v)
{
	sqlite3_bind_blob64(s->stmt, i, v.n ? (const void *)v.p : "", v.n, SQLITE_STATIC);
}

void lite_bind_null(struct lite_stmt *s, int i)
{
	sqlite3_bind_null(s->stmt, i);
}

int lite_step(struct lite_stmt *s, bool *ret_row, struct err *e)
{
	int rc = sqlite3_step(s->stmt);
	if (rc == SQLITE_ROW) {
		*ret_row = true;
		return 0;
	}
	if (rc != SQLITE_DONE) {
		lite_error(s->owner, "executing", e);
		sqlite3_reset(s->stmt);
		return -1;
	}
	sqlite3_reset(s->stmt);
	*ret_row = false;
	return 0;
}

int lite_list(struct lite_stmt *s, struct arena *a, size_t size, lite_read_fn *read, struct lite_list *ret, struct err *e)
{
	struct lite_list list = {0};
	size_t cap = 0;
	for (bool row = false;; list.n++) {
		if (lite_step(s, &row, e) != 0)
			return -1;
		if (!row)
			break;
		if (list.n == cap) {
			cap = cap ? cap * 2 : 8;
			list.rows = arena_regrow(a, list.rows, list.n * size, cap * size);
		}
		if (read(s, a, (char *)list.rows + list.n * size, e) != 0) {
			lite_reset(s);
			return -1;
		}
	}
	*ret = list;
	return 0;
}

int lite_run(struct lite_stmt *s, struct err *e)
{
	for (bool row = true; row;)
		if (lite_step(s, &row, e) != 0)
			return -1;
	return 0;
}

int64_t lite_int(struct lite_stmt *s, int column)
{
	return sqlite3_column_int64(s->stmt, column);
}

const char *lite_text(struct lite_stmt *s, int column)
{
	return (const char *)sqlite3_column_text(s->stmt, column);
}

struct bytes lite_blob(struct lite_stmt *s, int column)
{
	const void *p = sqlite3_column_blob(s->stmt, column); /* the pointer first: asking for the size first may convert (sqlite3_column_blob manual) */
	return bytes_of(p, (size_t)sqlite3_column_bytes(s->stmt, column));
}

bool lite_is_null(struct lite_stmt *s, int column)
{
	return sqlite3_column_type(s->stmt, column) == SQLITE_NULL;
}

void lite_reset(struct lite_stmt *s)
{
	sqlite3_reset(s->stmt);
}

int64_t lite_changes(struct lite *l)
{
	return sqlite3_changes64(l->db);
}
