/* The ledger: the append-only table inside the target database that says what is applied there. One row a step and state; rows are never changed.
 * A class T step has one row, `done`, written in the step's own transaction. A class N step has an `intent` row before and a `done` or `failed` row after.
 * A class B step has an `intent` row before its first batch and a `done` row in its last one's transaction; between them cursor.h says how far it is.
 * `once` is a unique column, filled only for done and skipped rows ("project/changeset/direction/run/step"), so that a second effect cannot be recorded.
 * seq is gapless; row_hash = SHA-256 over all fields and prev_hash. The chain, its head and an open intent are of the whole ledger, whichever projects share the target;
 * what is applied, and which release is the newest, is asked of one project's rows only, through struct project_ledger. */
#ifndef AGENT_LEDGER_LEDGER_H
#define AGENT_LEDGER_LEDGER_H

#include "agent/engine/engine.h"
#include "common/model/report.h"

struct ledger_sql { /* each engine's, from sql/<engine>_ledger.sql */
	const char *namespace; /* run before `create` when the prefix is a namespace of the ledger's own (it ends with a dot); NULL: none */
	const char *const *create; /* NULL-terminated; idempotent; run one by one */
	const char *exists; /* one row: 1 or 0; any other text says why the ledger there cannot be used; with `claim` then: is there a meta, 1 or 0 */
	const char *former; /* asked when `read` fails: one row, one column, empty or what is to be done about a ledger of an earlier form */
	const char *read; /* all rows, in any order, columns in the order of struct ledger_row */
	const char *insert; /* parameters in the same order, then `once` */
	const char *meta_read; /* key, value */
	const char *meta_write; /* $1 key, $2 value: insert or replace */
	const char *claim; /* for engine->batch, just after `create`: $1 database, $2 uuid, $3 target, $4 epoch; else NULL */
	const char *claim_again; /* the same where there was a meta, whose epoch stays; gives the epoch */
	const char *epoch; /* the epoch row, locked for the transaction where the engine can; where there is a witness, then the transaction's number */
	const char *transaction; /* that number alone, as engine->witness takes it; NULL: there is no witness */
	const char *cursor_create; /* idempotent; see cursor.h */
	const char *cursor_read; /* $1 step: key, bound, at, batches, passed, changed, total */
	const char *cursor_write; /* $1 step, then the same: insert or replace */
};

struct ledger_row {
	uint64_t seq;
	const char *project; /* of the release; "" in rows of before rows named it: they count for every project, and are hashed without it */
	const char *changeset;
	enum direction direction;
	uint32_t run; /* 1, 2, ...: an apply and the rollback that undoes it share the number */
	uint32_t step; /* from 0 */
	enum step_state state;
	enum step_via via;
	enum step_class class;
	uint8_t digest[DIGEST_SIZE]; /* of the step */
	uint8_t changeset_digest[DIGEST_SIZE];
	const char *release_version;
	uint64_t release_sequence;
	uint8_t release_digest[DIGEST_SIZE], order_digest[DIGEST_SIZE];
	const char *task; /* hex */
	uint32_t attempt, epoch;
	const char *agent, *backend;
	uint8_t state_before[DIGEST_SIZE]; /* engine->object_state before (intent rows) and after (done rows) of a class N step; zero for T */
	int64_t started_at_us, ended_at_us;
	uint8_t prev_hash[DIGEST_SIZE], row_hash[DIGEST_SIZE];
};

struct ledger {
	struct ledger_row *rows; /* by seq */
	size_t n_rows, cap_rows;
	uint8_t head[DIGEST_SIZE]; /* row_hash of the last row; zero when empty */
	const char *target_id, *database_identity; /* from meta; NULL when the ledger was just made */
	const char *uuid; /* made with the ledger; NULL: there is none yet */
	uint32_t epoch; /* the highest of a controller that has worked here, as far as this ledger's reader knows; committed */
	uint32_t raised; /* what the transaction that was begun last makes of it */
	char witness[48]; /* the server's number of the transaction that was begun last; "": it has none */
	struct arena *arena; /* borrowed */
};

/* Makes the tables when they are missing (as of a controller of this epoch) and reads everything into `a`. Checks the hash chain (ERR_STATE "ledger row 12 was changed: ..."), and that meta's target
 * id is `target_id` (ledger_belongs); writes meta when new. Not inside a transaction. */
int ledger_open(const struct engine *en, struct conn *c, const char *target_id, uint32_t epoch, struct arena *a, struct ledger *ret,
                struct err *e) MUST_CHECK;
/* Is it the ledger of this target? ERR_POLICY says whose it is; one without a name is anybody's. */
int ledger_belongs(const struct ledger *l, const char *target_id, struct err *e) MUST_CHECK;
/* A person's decision: the ledger, a copy or one that moved, is this target's in this database from now on, under a new uuid (in the ledger's arena). `why` is kept in meta. */
int ledger_adopt(const struct engine *en, struct conn *c, struct ledger *l, const char *target_id, const char *why, struct err *e) MUST_CHECK;
/* A person's words beside the rows, in meta; replaces. At most 255 bytes. */
int ledger_note(const struct engine *en, struct conn *c, const char *name, const char *value, struct err *e) MUST_CHECK;
/* Reads without making or writing anything; an absent ledger reads as empty. For surveys. */
int ledger_peek(const struct engine *en, struct conn *c, struct arena *a, struct ledger *ret, struct err *e) MUST_CHECK;
/* The rows of a ledger that is there, and no more than them, in one question; the chain is checked. */
int ledger_read_rows(const struct engine *en, struct conn *c, struct arena *a, struct ledger *ret, struct err *e) MUST_CHECK;
/* One of the engine's ledger statements, with the prefix put in. */
int ledger_run(const struct engine *en, struct conn *c, const char *sql, const struct engine_param *params, size_t n, engine_row_fn *fn, void *arg,
               struct err *e) MUST_CHECK;
/* BEGIN and ledger_fence. When the fence refuses, the transaction may be open: the caller rolls back. */
int ledger_begin(const struct engine *en, struct conn *c, struct ledger *l, uint32_t epoch, struct err *e) MUST_CHECK;
/* The same for a transaction that ends with ledger_append_commit, without a question of its own where the row is fence enough: after a controller of a higher epoch that row is ERR_EXISTS. */
int ledger_begin_row(const struct engine *en, struct conn *c, struct ledger *l, uint32_t epoch, struct err *e) MUST_CHECK;
/* ledger_append and COMMIT; what fails leaves no row in `l`. ERR_UNKNOWN: whether it was committed must be read from the ledger. */
int ledger_append_commit(const struct engine *en, struct conn *c, struct ledger *l, struct ledger_row *row, struct err *e) MUST_CHECK;
/* A row in a transaction of its own: ledger_begin_row, ledger_append_commit, and a rollback when either fails. */
int ledger_write_row(const struct engine *en, struct conn *c, struct ledger *l, uint32_t epoch, struct ledger_row *row, struct err *e) MUST_CHECK;
/* Fencing, inside the step's transaction (or alone for class N): ERR_STATE when the database has seen a higher epoch; stores ours when it is higher. */
int ledger_fence(const struct engine *en, struct conn *c, struct ledger *l, uint32_t epoch, struct err *e) MUST_CHECK;
/* Appends: sets seq, prev_hash and row_hash in *row, inserts, and adds a copy to `l`. When the surrounding transaction is rolled back call ledger_forget_last.
 * A unique violation is ERR_EXISTS: another attempt won. */
int ledger_append(const struct engine *en, struct conn *c, struct ledger *l, struct ledger_row *row, struct err *e) MUST_CHECK;
void ledger_forget_last(struct ledger *l);

/* What one project may see of a ledger: two projects on one target can have a changeset of the same id, and each counts its own releases. Both are borrowed. */
struct project_ledger {
	const struct ledger *all;
	const char *project;
};
/* Its rows one by one, forward or back; NULL begins, and NULL is the end. */
const struct ledger_row *project_next(const struct project_ledger *p, const struct ledger_row *after);
const struct ledger_row *project_previous(const struct project_ledger *p, const struct ledger_row *before);

/* What the rows say of one changeset. Pure. */
enum changeset_state { CHANGESET_PENDING, CHANGESET_PARTIAL, CHANGESET_APPLIED, CHANGESET_SKIPPED, CHANGESET_ROLLING_BACK, CHANGESET_ROLLED_BACK };
struct changeset_status {
	enum changeset_state state;
	uint32_t run; /* the current or last run; 0 when never started */
	uint32_t steps_done; /* of that run in the direction under way */
	const struct ledger_row *open_intent; /* an intent without outcome: resolve it first; NULL if none */
	uint8_t changeset_digest[DIGEST_SIZE]; /* as applied */
	const char *release_version;
	uint64_t release_sequence;
};
/* n_steps / n_rollback: of the body at hand; they tell PARTIAL from APPLIED and ROLLING_BACK from ROLLED_BACK. 0: unknown, any done row with no later rollback row counts as applied. */
void ledger_status(const struct project_ledger *l, const char *changeset, size_t n_steps, size_t n_rollback, struct changeset_status *ret);
/* The last row of the way forward: of the changeset that was begun last. NULL when there is none. */
const struct ledger_row *ledger_newest_forward(const struct project_ledger *l);
/* The changeset that was begun last is applied, and stays although its validations after it did not hold or could not be judged: its `failed` row, which stands behind the `done` row of the same step.
 * NULL when it is not so. That it was seen to be valid later is written elsewhere. */
const struct ledger_row *ledger_unvalidated(const struct project_ledger *l);
/* A row of the newest release of which anything is in effect; NULL when nothing is. */
const struct ledger_row *ledger_newest(const struct project_ledger *l);
const char *changeset_state_name(enum changeset_state s); /* "pending", "partial", "applied", "skipped", "rolling-back", "rolled-back" */

#endif
