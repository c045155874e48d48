/* What the files of the PostgreSQL engine share: the connection and how a statement is run on it. Not for anyone else. */
#ifndef AGENT_ENGINE_ENGINE_POSTGRES_H
#define AGENT_ENGINE_ENGINE_POSTGRES_H

#include "agent/engine/engine_impl.h"

struct pg_conn;
struct pg_cancel;
struct pg_result;

struct conn {
	const struct engine_target *target; /* borrowed */
	struct pg_conn *pg;
	struct pg_cancel *cancel; /* made once: PQcancel may come from any thread */
	char *reset_sql; /* session state back to what the start-up packet said */
	const char *in_transaction_sql; /* what each transaction has beyond that */
	char *prefix; /* "rollcall". or "schema".rollcall_ */
	uint32_t lock_ms; /* what transactions, and releases' statements outside them, get for lock_timeout */
	bool dirty; /* a release's statement may have changed session state since the last reset */
	bool lock_held;
	bool unconfirmed; /* a COMMIT's wait for a standby was cancelled */
	struct engine_identity identity;
	char lag_mark[32]; /* end of the log at lag_mark_us, monotonic; "": not looked yet */
	int64_t lag_mark_us;
	char backend[64]; /* "pid/start in microseconds since 1970" */
};

/* engine_postgres_query.c */
struct pg_call { /* one statement with its parameters */
	struct bytes sql;
	const struct engine_param *params;
	size_t n_params;
	engine_row_fn *fn; /* NULL: rows are dropped */
	void *arg;
	bool script; /* several statements are allowed: our own only */
};
int pg_run(struct conn *c, const struct pg_call *call, uint64_t *ret_rows, struct err *e) MUST_CHECK;
/* Also tells whether a command tag was one of transaction control. */
int pg_run_tagged(struct conn *c, const struct pg_call *call, uint64_t *ret_rows, bool *ret_transaction_tag, struct err *e) MUST_CHECK;
/* Several statements, each with its parameters, in one round trip. The first error ends it; *ret_done counts those before it. */
int pg_run_pipeline(struct conn *c, const struct pg_call *calls, size_t n, size_t *ret_done, struct err *e) MUST_CHECK;
/* Our own statements without parameters or rows. */
int pg_run_script(struct conn *c, const char *sql, struct err *e) MUST_CHECK;
/* Outside transactions, until the session is reset before the next statement. */
int pg_set_lock_timeout(struct conn *c, uint32_t ms, struct err *e) MUST_CHECK;
int pg_query_text(struct conn *c, const char *sql, const char *const *params, size_t n_params, engine_row_fn *fn, void *arg,
                  struct err *e) MUST_CHECK;

/* engine_postgres_connect.c */
int pg_connect_open(const struct engine_target *t, struct conn **ret, struct err *e) MUST_CHECK;
void pg_connect_close(struct conn **c);
/* Waits until the socket is readable (or writable); 0 at the deadline, -1 on failure. */
int pg_wait(struct conn *c, bool for_write, int64_t deadline_us);
/* "name" with its quotes doubled. Heap; caller frees. */
char *pg_quote_name(const char *name);

/* engine_postgres_catalog.c */
int pg_catalog_object_state(struct conn *c, const struct sql_class *s, uint8_t out[DIGEST_SIZE], struct buf *text, struct err *e) MUST_CHECK;
int pg_catalog_cleanup(struct conn *c, const struct sql_class *s, bool *ret_cleaned, struct err *e) MUST_CHECK;
int pg_catalog_table_size(struct conn *c, const char *schema, const char *table, uint64_t *ret_rows, uint64_t *ret_bytes, struct err *e) MUST_CHECK;
int pg_catalog_table_exists(struct conn *c, const char *schema, const char *table, bool view, bool *ret_exists, struct err *e) MUST_CHECK;
int pg_catalog_backend_alive(struct conn *c, const char *backend, bool *ret_alive, struct err *e) MUST_CHECK;
int pg_catalog_superuser(struct conn *c, bool *ret, struct err *e) MUST_CHECK;
int pg_catalog_cautions(struct conn *c, struct buf *ret, struct err *e) MUST_CHECK;
int pg_catalog_witness(struct conn *c, const char *transaction, enum engine_witness *ret, struct err *e) MUST_CHECK;
int pg_catalog_cancel_backend(struct conn *c, const char *backend, struct err *e) MUST_CHECK;
int pg_catalog_blockers(const struct engine_target *t, struct conn **look, const char *backend, enum engine_wait *ret_wait, struct buf *ret,
                        struct err *e) MUST_CHECK;
int pg_catalog_try_lock(struct conn *c, bool *ret_got, char *holder, struct err *e) MUST_CHECK;
int pg_catalog_unlock(struct conn *c, struct err *e) MUST_CHECK;

/* engine_postgres_snapshot.c */
int pg_snapshot(struct conn *c, engine_row_fn *fn, void *arg, struct err *e) MUST_CHECK;
void pg_snapshot_canonical(struct buf *text); /* an expression as the server writes it after it has read it once more */
/* engine_postgres_key.c */
int pg_replica_lag(struct conn *c, struct engine_lag *ret, struct err *e) MUST_CHECK;
/* engine_postgres_index.c */
int pg_index_wanted(struct conn *c, struct bytes statement, const struct sql_class *s, struct buf *text, struct err *e) MUST_CHECK;

int pg_key_of(struct conn *c, const char *schema, const char *table, struct arena *a, struct engine_key *ret, struct err *e) MUST_CHECK;

#endif
