/* What the files of the MariaDB engine share: the connection and how a statement is run on it. Not for anyone else. */
#ifndef AGENT_ENGINE_ENGINE_MARIADB_H
#define AGENT_ENGINE_ENGINE_MARIADB_H

#include "agent/engine/engine_impl.h"

struct st_mysql;
struct st_mysql_stmt;

#define MARIADB_STATEMENTS 8 /* prepared ones kept: the ledger needs three, its cursor two */

struct maria_address { /* the dsn, taken apart; heap strings, NULL when absent */
	char *host, *user, *database, *socket, *ssl_ca;
	uint32_t port;
	bool ssl;
};

struct conn {
	const struct engine_target *target; /* borrowed */
	struct st_mysql *my;
	struct maria_address address;
	char *prefix; /* `database`.rollcall_ */
	char *pins; /* SET SESSION ...: what a step may rely on */
	char lock_name[64];
	uint32_t lock_ms, session_lock_ms; /* what statements are to wait for locks; what the session has */
	uint64_t packet_max; /* the server's, in bytes */
	bool in_tx; /* ours: error packets do not carry the server's flag */
	bool dirty; /* the server said that a release's statement changed session state */
	bool lock_held;
	struct engine_identity identity;
	struct maria_lag *lag; /* of engine_mariadb_lag.c; NULL until it is asked */
	char backend[64]; /* "connection id/connected at, in microseconds since 1970" */
	struct maria_prepared {
		char *sql;
		struct st_mysql_stmt *stmt;
	} prepared[MARIADB_STATEMENTS];
	size_t n_prepared;
};

/* engine_mariadb_connect.c */
int maria_connect_open(const struct engine_target *t, struct conn **ret, struct err *e) MUST_CHECK;
/* A replica's dsn, which needs no database: without pins and role, refuses nobody. Only for asking how it stands. */
int maria_connect_replica(const struct engine_target *t, struct conn **ret, struct err *e) MUST_CHECK;
void maria_connect_close(struct conn **c);
int maria_pin(struct conn *c, struct err *e) MUST_CHECK; /* after a release's SET: every session variable back to where it was */
int maria_set_lock_timeout(struct conn *c, struct err *e) MUST_CHECK; /* of the session: to lock_ms */
/* `name` with its back quotes doubled. Heap; caller frees. */
char *maria_quote_name(const char *name);

/* engine_mariadb_query.c */
int maria_error(struct conn *c, unsigned code, const char *sqlstate, const char *message,
                struct err *e); /* by class: unknown, connection, timeout, database */
int maria_run(struct conn *c, struct bytes sql, engine_row_fn *fn, void *arg, uint64_t *ret_rows, struct err *e) MUST_CHECK; /* text protocol */
int maria_run_text(struct conn *c, const char *sql, engine_row_fn *fn, void *arg, struct err *e) MUST_CHECK;
int maria_run_prepared(struct conn *c, struct bytes sql, const struct engine_param *params, size_t n_params, engine_row_fn *fn, void *arg,
                       struct err *e) MUST_CHECK;
unsigned maria_server_status(struct conn *c);

/* engine_mariadb_catalog.c */
int maria_catalog_object_state(struct conn *c, const struct sql_class *s, uint8_t out[DIGEST_SIZE], struct buf *text, struct err *e) MUST_CHECK;
int maria_catalog_table_size(struct conn *c, const char *schema, const char *table, uint64_t *ret_rows, uint64_t *ret_bytes,
                             struct err *e) MUST_CHECK;
int maria_catalog_table_exists(struct conn *c, const char *schema, const char *table, bool view, bool *ret_exists, struct err *e) MUST_CHECK;
int maria_catalog_backend_alive(struct conn *c, const char *backend, bool *ret_alive, struct err *e) MUST_CHECK;
int maria_catalog_cancel_backend(struct conn *c, const char *backend, struct err *e) MUST_CHECK;
int maria_catalog_blockers(const struct engine_target *t, struct conn **look, const char *backend, enum engine_wait *ret_wait, struct buf *ret,
                           struct err *e) MUST_CHECK;
int maria_catalog_try_lock(struct conn *c, bool *ret_got, char *holder, struct err *e) MUST_CHECK;
int maria_catalog_unlock(struct conn *c, struct err *e) MUST_CHECK;

/* engine_mariadb_snapshot.c */
int maria_snapshot(struct conn *c, engine_row_fn *fn, void *arg, struct err *e) MUST_CHECK;
/* engine_mariadb_key.c */
int maria_key_of(struct conn *c, const char *schema, const char *table, struct arena *a, struct engine_key *ret, struct err *e) MUST_CHECK;

/* engine_mariadb_lag.c */
int maria_replica_lag(struct conn *c, struct engine_lag *ret, struct err *e) MUST_CHECK;
void maria_lag_free(struct maria_lag **l); /* NULL-safe */

/* engine_mariadb_storage.c: see engine->untransacted */
int maria_untransacted(struct conn *c, struct bytes sql, const struct sql_class *s, char *ret, size_t size, struct err *e) MUST_CHECK;

#endif
