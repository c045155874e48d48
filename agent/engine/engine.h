/* The seam between applying and a database: one const struct of functions for each engine, with its capabilities. apply/ asks for a capability, never
 * for a name. A new engine is one engine_*.c, its file in sql/, one row in engines.c and one library line in the Makefile; the conformance suite picks it up.
 * A connection belongs to one thread, except `cancel`, which any thread may call. Every call has a deadline and may block up to it. */
#ifndef AGENT_ENGINE_ENGINE_H
#define AGENT_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/sql/classify.h"
#include "common/sql/dialect.h"

struct conn; /* each engine defines its own */

struct engine_caps {
	bool transactional_ddl; /* DDL can share a transaction with its ledger row */
	bool session_lock; /* a lock that dies with the session */
	bool statement_timeout;
	bool online_index;
	bool schemas; /* a target may be a schema inside a database */
	bool row_ranges; /* (a, b) > (1, 2) goes by an index on (a, b) */
};

/* Where a target is and how to get in: from agent.yaml. Strings are borrowed for the connection's life. */
struct engine_target {
	const char *id;
	const char *dsn; /* URI or the client library's own form, without a password: postgresql://..., mariadb://..., sqlite:/path */
	const char *user; /* NULL: from the dsn or the library's option files */
	struct secret *password; /* NULL: the library's own sources (.pgpass, my.cnf, peer) */
	const char *option_file; /* MariaDB defaults file or libpq service file; NULL: none */
	const char *schema; /* NULL: the database as a whole */
	const char *role; /* SET ROLE for the steps; NULL: none */
	const char *const *lag_from; /* dsns of the replicas that maxLag counts, NULL-terminated; NULL: not said */
	uint32_t connect_timeout_ms;
	uint32_t lock_timeout_ms; /* what a session begins with; always set, never 0 */
	uint32_t lock_timeout_max_ms; /* what later tries may raise it to; 0: not at all */
	uint32_t statement_timeout_ms; /* always set, never 0 */
	bool hide_row_values; /* in the server's messages: row_values.h */
};

struct engine_identity {
	char database[128]; /* "system_identifier/oid", "server_uuid or host/db", "inode 4711 made 1795693813.123456789" */
	char formerly[64]; /* as ledgers of before may name it still; "": not otherwise */
	char version[64]; /* as the server says it */
	char run[24]; /* tells this run of the server from its others, where transactions have numbers; "" elsewhere */
	bool primary; /* writable and not a replica */
};

/* Is it the database of this name? NULL is no name. */
bool engine_is_database(const struct engine_identity *id, const char *name);

/* What to do after an error (facts: retry classes). */
enum retry_class {
	RETRY_NEVER, /* permanent */
	RETRY_UNCLASSIFIED, /* a code that no table knows: as if permanent, and counted */
	RETRY_LOCK, /* back off, repeat the transaction */
	RETRY_IN_USE, /* the same a few times: it may be in use by others, or by our own transaction */
	RETRY_TXN, /* repeat the transaction at once, with jitter */
	RETRY_CONN, /* reconnect, verify, repeat: nothing uncertain was sent */
	RETRY_UNKNOWN, /* outcome unknown: resolve first */
	RETRY_PRIMARY, /* not the primary */
	RETRY_RESOURCES, /* disk, memory: slowly */
	RETRY_HALT /* stop the target, a person must look */
};

/* What a server says by itself of a transaction that it gave a number. */
enum engine_witness {
	ENGINE_WITNESS_SILENT, /* too long ago, or the server was started anew since */
	ENGINE_WITNESS_RUNNING,
	ENGINE_WITNESS_COMMITTED,
	ENGINE_WITNESS_ABORTED,
	ENGINE_WITNESS_UNKNOWN /* it has not come to that number yet: another server gave it */
};

struct engine_param { /* text parameters; NULL p is SQL NULL */
	struct bytes value;
	bool null;
};

/* How a session stands, as another one sees it. */
enum engine_wait {
	ENGINE_WAIT_NONE, /* no reader or writer of a table can queue behind what it has, or asks for */
	ENGINE_WAIT_WORKS, /* they can, and it is at work */
	ENGINE_WAIT_LOCK /* they can, and it waits for a lock itself */
};

struct engine_code { /* of an error: sqlstate NULL: db_errno tells */
	const char *sqlstate;
	int db_errno;
};

typedef int engine_row_fn(void *arg, size_t n_columns, const char *const *values, struct err *e); /* NULL value: SQL NULL */

#define ENGINE_KEY_COLUMNS 8

struct engine_key { /* a key by which all rows of a table can be walked in order: no column of it can be NULL */
	size_t n_columns; /* 0: the table has none */
	struct {
		const char *name; /* as the catalog has it */
		const char *quoted; /* as SQL text takes it */
		const char *literal; /* an expression: its value as a literal of SQL text */
	} columns[ENGINE_KEY_COLUMNS];
	uint64_t rows; /* about how many the table has; 0: not known */
	const char *unfit; /* why a cursor cannot be kept by it: "column at is of type interval"; NULL: it can */
};

struct engine_lag { /* of the replica that is furthest behind */
	uint64_t ms; /* 0: there is none */
	char replica[160]; /* which, for people: "replica db2 port 3306"; "": the primary does not say */
	char why[480]; /* not "": how far it is behind cannot be told, and this says why, and what to do */
};

struct engine_own { /* a statement of Rollcall's own */
	struct bytes sql;
	const struct engine_param *params;
	size_t n_params;
	engine_row_fn *fn; /* NULL: rows are dropped */
	void *arg;
};

struct engine {
	const char *name; /* dialect_name */
	enum dialect dialect;
	const char *const *schemes; /* NULL-terminated */
	struct engine_caps caps;
	/* Statements the ledger needs, written with the engine's own placeholders ($1 or ?), from sql/<name>_ledger.sql. %s is the ledger's qualified prefix. */
	const struct ledger_sql *ledger;

	/* For the inventory; one column each. How large the target is in bytes; which databases there are on this server, which schemas in this database: NULL where a database is a
	 * file, and where there are no schemas. */
	const char *size_sql, *databases_sql, *schemas_sql;
	/* One row: how long this session's statements wait for a lock, and how long they may run, in ms, as the server has it; 0: for ever. NULL where that is no setting of a server. */
	const char *timeouts_sql;

	/* Connects within connect_timeout, pins the session (time zone, charset, sql_mode, timeouts, search_path), refuses a replica, a pooler that would break the
	 * promise, another engine. ERR_DB_CONNECT. */
	int (*open)(const struct engine_target *t, struct conn **ret, struct err *e);
	void (*close)(struct conn **c); /* NULL-safe */
	int (*identity)(struct conn *c, struct engine_identity *ret, struct err *e);
	/* The text that `ledger` statements take for %s: "\"rollcall\"." and the like. Owned by the connection. */
	const char *(*ledger_prefix)(struct conn *c);

	/* Bytes of the largest statement that this server takes. */
	uint64_t (*statement_max)(struct conn *c);
	/* What is set up here, though not against the promise, less safe than it could be: a sentence a line, nothing when all is well. For people. */
	int (*cautions)(struct conn *c, struct buf *ret, struct err *e);

	/* Does this session's role stand above every privilege (PostgreSQL superuser, MariaDB SUPER)? */
	int (*superuser)(struct conn *c, bool *ret, struct err *e);

	/* Session lock: tries once, never waits. *ret_got false: held by another; `holder` (may be NULL, 256 bytes) then tells pid, user, age. */
	int (*try_lock)(struct conn *c, bool *ret_got, char *holder, struct err *e);
	int (*unlock)(struct conn *c, struct err *e);

	/* How long statements wait for a lock, from the next transaction or the next statement outside one on. Blocks never. */
	void (*patience)(struct conn *c, uint32_t lock_timeout_ms);
	int (*begin)(struct conn *c, struct err *e); /* with the timeouts, search_path and role of the target SET LOCAL */
	/* The same, but nothing can be written in it, and nobody waits for it: for queries of people. Ended by rollback. */
	int (*begin_read)(struct conn *c, struct err *e);
	/* 0 committed. ERR_UNKNOWN: the reply was lost. Any other error: rolled back. */
	int (*commit)(struct conn *c, struct err *e);
	int (*rollback)(struct conn *c, struct err *e);
	bool (*in_transaction)(struct conn *c);
	/* NULL where round trips are free. Statements of Rollcall's own in as few round trips as can be, after BEGIN or before COMMIT as asked. The first error ends it and
	 * is told as query or commit would tell it; *ret_done counts the statements before it: all of them when the COMMIT failed. From BEGIN to COMMIT they are one, done or not. */
	int (*batch)(struct conn *c, bool begin, const struct engine_own *statements, size_t n, bool commit, size_t *ret_done, struct err *e);

	/* One statement, no parameters, exact bytes. e->sqlstate and e->db_errno are set on ERR_DB; ERR_UNKNOWN when the connection was lost in flight. */
	int (*exec)(struct conn *c, struct bytes sql, uint64_t *ret_rows, struct err *e);
	int (*query)(struct conn *c, struct bytes sql, const struct engine_param *params, size_t n_params, engine_row_fn *fn, void *arg, struct err *e);

	/* State of the object that a class N statement touches: a digest of its definition (and validity), all zero when it does not exist. Equal before and after
	 * means "not applied". Falls back to the whole schema's digest when the statement names no single object. `text` (may be NULL) gets the definition as it can be read,
	 * line by line, where agent/apply/judge.c knows how to; otherwise nothing. */
	int (*object_state)(struct conn *c, const struct sql_class *s, uint8_t out[DIGEST_SIZE], struct buf *text, struct err *e);
	/* As object_state shows an index: the one that `statement`, a CREATE INDEX classified as `s`, makes. It is made on an empty copy of the table, and taken back. "" in `text` where the server
	 * refuses that. NULL where a statement's own text tells. Not inside a transaction. */
	int (*index_wanted)(struct conn *c, struct bytes statement, const struct sql_class *s, struct buf *text, struct err *e);
	/* After an interrupted class N statement left a half-made object (INVALID index): removes it. *ret_cleaned says whether there was one. An error of class RETRY_LOCK: somebody may
	 * still be making it. */
	int (*cleanup)(struct conn *c, const struct sql_class *s, bool *ret_cleaned, struct err *e);
	int (*table_exists)(struct conn *c, const char *schema, const char *table, bool view, bool *ret_exists, struct err *e);
	/* NULL where every table has transactions. Does this statement, classified as `s`, change a table that has none, itself or by a trigger, a view or a routine? Then which, how, and
	 * what to do; "" when it does not. Outside a transaction. */
	int (*untransacted)(struct conn *c, struct bytes sql, const struct sql_class *s, char *ret, size_t size, struct err *e);
	/* The primary key, or else a unique one, of a table (schema "": where the session looks). Strings in `a`. Inside a transaction: that is where role and search path hold. */
	int (*table_key)(struct conn *c, const char *schema, const char *table, struct arena *a, struct engine_key *ret, struct err *e);

	/* About how many rows a table (schema "": where the session looks) has, and how many bytes with its indexes and partitions, from the catalog; both 0 when there is none. SQLite, which keeps no
	 * size of single tables, gives the file's. Inside a transaction, as above. */
	int (*table_size)(struct conn *c, const char *schema, const char *table, uint64_t *ret_rows, uint64_t *ret_bytes, struct err *e);

	/* How far the replica that is furthest behind is behind, as the primary or the replicas of lag_from tell. NULL where there are no replicas. ERR_DB when this role may not see it,
	 * or the site has to say whom to ask. */
	int (*replica_lag)(struct conn *c, struct engine_lag *ret, struct err *e);
	bool lag_from; /* does it take the target's lag_from? */

	/* The schema's objects as rows of three texts, kind, name and definition, in no order: what agent/schema/snapshot.h makes its lines of. Without the ledger; independent of
	 * session settings, counters, and of whatever a dump and its restore change. Not inside a transaction. */
	int (*snapshot)(struct conn *c, engine_row_fn *fn, void *arg, struct err *e);

	/* Backend id of this session ("pid/start", connection id); for the journal and the ledger. Owned by the connection. */
	const char *(*backend)(struct conn *c);
	/* *ret_alive: does a backend recorded earlier (from `backend`) still run on the server? */
	int (*backend_alive)(struct conn *c, const char *backend, bool *ret_alive, struct err *e);
	/* Asks the server to end what a backend recorded earlier is running; nothing happens when it no longer runs, or works inside a process of its own. Does not wait. */
	int (*cancel_backend)(struct conn *c, const char *backend, struct err *e);
	/* Who blocks this or that backend, for people: "pid 4711 of app (...), its transaction open for 35 s, runs: SELECT ..." (blocker.h); "" when nobody is seen. *ret_wait: how it
	 * stands; NULL: it has waited, and does no longer. Asks on *look, which is opened when it is NULL, and which the caller closes, after an error too. */
	int (*blockers)(const struct engine_target *t, struct conn **look, const char *backend, enum engine_wait *ret_wait, struct buf *ret,
	                struct err *e);
	/* NULL where the server cannot say. transaction: the second column of `ledger->epoch`. */
	int (*witness)(struct conn *c, const char *transaction, enum engine_witness *ret, struct err *e);
	/* NULL where a COMMIT waits for nobody else. Was a wait for a synchronous standby cancelled since this was last asked? What was committed stands, and only here, as far as is known. */
	bool (*unconfirmed)(struct conn *c);
	void (*cancel)(struct conn *c); /* from any thread: the running statement ends with an error */
	struct engine_code cancelled, lock_timeout; /* what the server says of a statement that was cancelled, or has waited too long for a lock */
	enum retry_class (*retry_class)(const struct err *e);
	bool (*unique_violation)(const struct err *e); /* on the ledger's own keys: another attempt won */
};

/* The table of engines (engines.c), NULL-terminated. */
extern const struct engine *const engines[];
const struct engine *engine_by_name(const char *name); /* NULL if unknown */
const struct engine *engine_by_dsn(const char *dsn); /* by URI scheme; NULL if unknown */
/* Library set-up before threads (mysql_library_init); engines_thread_end before a thread that used an engine ends. */
int engines_init(struct err *e) MUST_CHECK;
void engines_thread_end(void);
void engines_done(void);

#endif
