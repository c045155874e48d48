/* What the files of the SQLite engine share: the connection. Not for anyone else. */
#ifndef AGENT_ENGINE_ENGINE_SQLITE_H
#define AGENT_ENGINE_ENGINE_SQLITE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "agent/engine/engine_impl.h"

struct sqlite3;

struct conn {
	const struct engine_target *target; /* borrowed */
	struct sqlite3 *db;
	pthread_mutex_t db_mutex; /* held while `db` is replaced, and by cancel, which comes from another thread */
	char *path; /* resolved: links and relative parts gone */
	bool create, foreign_keys; /* from the dsn */
	dev_t device;
	ino_t inode;
	int lock_fd; /* -1 until the first try_lock */
	bool lock_held;
	bool in_script; /* a release's statement is being prepared or run: the authorizer watches */
	bool dirty; /* a release's statement changed session state: a new handle is opened before the next transaction */
	bool reading; /* in begin_read: query_only is on */
	bool touched; /* a release's statement ran in this transaction: foreign keys are checked before COMMIT */
	bool broken_keys_known;
	int64_t data_version; /* when they were read */
	struct buf broken_keys; /* what foreign_key_check said at the start of the transaction */
	uint32_t lock_ms; /* how long statements wait for another process's lock */
	int64_t deadline_us, busy_deadline_us; /* of the running call, monotonic */
	atomic_bool cancelled;
	char backend[64];
};

/* engine_sqlite_query.c */
void lite_engine_watch(struct conn *c); /* after opening: timeouts, cancel, what releases may not do */
void lite_engine_arm(struct conn *c); /* before each call of the library that may take long: its deadlines start now */
/* A release's statement: exactly one, under the authorizer's eye. */
int lite_engine_script(struct conn *c, struct bytes sql, struct err *e) MUST_CHECK;
int lite_engine_query(struct conn *c, struct bytes sql, const struct engine_param *params, size_t n_params, engine_row_fn *fn, void *arg,
                      struct err *e) MUST_CHECK;
#define LITE_MESSAGE_SIZE 256
const char *lite_engine_message(struct conn *c, int rc, char system[LITE_MESSAGE_SIZE]); /* what went wrong last, in words; may be in `system` */
int lite_engine_error(struct conn *c, int rc, struct err *e);

/* engine_sqlite_file.c: the file, its lock, its holders */
void lite_file_identity(struct conn *c, struct engine_identity *ret); /* which file it is; not its version */
int lite_file_parse(struct conn *c, const char *dsn, struct err *e) MUST_CHECK;
int lite_file_remember(struct conn *c, struct err *e) MUST_CHECK; /* after the first access: real path, device and inode */
unsigned long lite_file_links(struct conn *c); /* how many names it has; 0: not known */
int lite_file_same(struct conn *c, struct err *e) MUST_CHECK; /* ERR_STATE when another file is at the path now */
int lite_file_try_lock(struct conn *c, bool *ret_got, char *holder, struct err *e) MUST_CHECK;
int lite_file_unlock(struct conn *c, struct err *e) MUST_CHECK;
void lite_file_backend(char out[64]);
int lite_file_backend_alive(struct conn *c, const char *backend, bool *ret_alive, struct err *e) MUST_CHECK;
int lite_file_blockers(const struct engine_target *t, struct conn **look, const char *backend, enum engine_wait *ret_wait, struct buf *ret,
                       struct err *e) MUST_CHECK;

/* engine_sqlite_catalog.c: questions to the schema */
int lite_catalog_object_state(struct conn *c, const struct sql_class *s, uint8_t out[DIGEST_SIZE], struct buf *text, struct err *e) MUST_CHECK;
int lite_catalog_table_exists(struct conn *c, const char *schema, const char *table, bool view, bool *ret_exists, struct err *e) MUST_CHECK;
int lite_snapshot(struct conn *c, engine_row_fn *fn, void *arg, struct err *e) MUST_CHECK; /* engine_sqlite_snapshot.c */
int lite_table_size(struct conn *c, const char *schema, const char *table, uint64_t *ret_rows, uint64_t *ret_bytes, struct err *e) MUST_CHECK;
int lite_key_of(struct conn *c, const char *schema, const char *table, struct arena *a, struct engine_key *ret,
                struct err *e) MUST_CHECK; /* engine_sqlite_key.c */
/* Remembers the rows that break foreign keys; then tells those that were added. */
int lite_catalog_keys_before(struct conn *c, struct err *e) MUST_CHECK;
int lite_catalog_keys_after(struct conn *c, struct err *e) MUST_CHECK;

#endif
