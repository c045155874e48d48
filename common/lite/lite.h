/* A thin layer over SQLite for our own files (journal, store): open with the right pragmas, migrate by user_version, cached statements with typed binds.
 * One handle belongs to one thread. Not for target databases: those are engine_sqlite.c's. */
#ifndef COMMON_LITE_LITE_H
#define COMMON_LITE_LITE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "common/base/err.h"

struct lite;
struct lite_stmt;

/* WAL, synchronous=FULL, foreign_keys, busy_timeout 5 s, mode 0600. migrations[i] takes user_version from i to i+1, each in its own transaction; NULL-terminated. A file of a
 * newer version is ERR_STATE. A network file system is refused (ERR_STATE). */
int lite_open(const char *path, const char *const *migrations, struct lite **ret, struct err *e) MUST_CHECK;
int lite_open_readonly(const char *path, struct lite **ret, struct err *e) MUST_CHECK;
void lite_close(struct lite **l);

/* Resets every cached statement; true when no transaction is open then: the handle holds no lock and no read. */
bool lite_rest(struct lite *l);
const char *lite_path(const struct lite *l); /* as it was opened; borrowed */

int lite_exec(struct lite *l, const char *sql, struct err *e) MUST_CHECK; /* no parameters, no rows */
int lite_begin(struct lite *l, struct err *e) MUST_CHECK; /* IMMEDIATE */
int lite_commit(struct lite *l, struct err *e) MUST_CHECK;
void lite_rollback(struct lite *l); /* fine outside a transaction */

/* SQLite moves the WAL into the database within a commit, every 1000 pages. From here on that is the caller's: lite_checkpoint in a quiet moment, and within a commit only when
 * the WAL has this many pages. */
void lite_keep_wal(struct lite *l, int max_pages);
int lite_wal_pages(const struct lite *l); /* as of our last commit under lite_keep_wal; 0 once all of it is in the database */
/* Moves what no reader holds back. ERR_IO: it stays in the WAL, where it is as safe. Not inside a transaction. */
int lite_checkpoint(struct lite *l, struct err *e) MUST_CHECK;

/* A cached statement, reset and without bindings. `sql` must have static storage: its address is the cache key. */
int lite_prepare(struct lite *l, const char *sql, struct lite_stmt **ret, struct err *e) MUST_CHECK;
/* Texts and blobs are borrowed: they stay as they are until the statement was run to its end. */
void lite_bind_text(struct lite_stmt *s, int i, const char *v); /* NULL binds NULL */
void lite_bind_int(struct lite_stmt *s, int i, int64_t v);
void lite_bind_blob(struct lite_stmt *s, int i, struct bytes v);
void lite_bind_null(struct lite_stmt *s, int i);
/* *ret_row true: a row stands ready. After false the statement is reset. */
int lite_step(struct lite_stmt *s, bool *ret_row, struct err *e) MUST_CHECK;
int lite_run(struct lite_stmt *s, struct err *e) MUST_CHECK; /* steps to the end */

/* Reads the row that stands ready into `ret`, one zeroed element; what it points to goes into `a`. */
typedef int lite_read_fn(struct lite_stmt *s, struct arena *a, void *ret, struct err *e);
struct lite_list {
	void *rows; /* an array of what lite_read_fn fills, in the arena; NULL when there are none */
	size_t n;
};
/* All rows that are left, each read into an element of `size` octets. The statement is reset in the end, also after an error. */
int lite_list(struct lite_stmt *s, struct arena *a, size_t size, lite_read_fn *read, struct lite_list *ret, struct err *e) MUST_CHECK;
int64_t lite_int(struct lite_stmt *s, int column);
const char *lite_text(struct lite_stmt *s, int column); /* borrowed until the next step; NULL for NULL */
struct bytes lite_blob(struct lite_stmt *s, int column);
bool lite_is_null(struct lite_stmt *s, int column);
void lite_reset(struct lite_stmt *s);
int64_t lite_changes(struct lite *l);

#endif
