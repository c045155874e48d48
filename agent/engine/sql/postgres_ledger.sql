-- The ledger inside a PostgreSQL target: schema rollcall for a database target, tables rollcall_* in the target's own schema for a schema target.
-- What a new session runs but once or a few times is functions where it can: to find an operator costs it as much as the rest of a small statement.
-- Columns in the order of struct ledger_row (agent/ledger/ledger.h); digests are lower-case hex. In psql read %s as "rollcall". with its dot.
--: postgres_ledger_namespace
CREATE SCHEMA IF NOT EXISTS rollcall;
--: postgres_ledger_create[]
-- An empty ledger need not outlive a crash: the first row's commit makes what came before it durable, too.
SET LOCAL synchronous_commit = off;
-- meta has no index, and no column that needs a TOAST table: each relation more costs a new target a millisecond, and the session lock keeps writers apart.
CREATE TABLE IF NOT EXISTS %smeta (name varchar(64) NOT NULL, value varchar(255) NOT NULL);
-- Not IF NOT EXISTS: whoever comes second, under another target's name and so under another lock, must not take the claim away.
CREATE TABLE %sledger (
	seq bigint PRIMARY KEY,
	project text NOT NULL,
	changeset text NOT NULL,
	direction text NOT NULL,
	run bigint NOT NULL,
	step bigint NOT NULL,
	state text NOT NULL,
	via text NOT NULL,
	class text NOT NULL,
	digest text NOT NULL,
	changeset_digest text NOT NULL,
	release_version text NOT NULL,
	release_sequence numeric(20) NOT NULL,
	release_digest text NOT NULL,
	order_digest text NOT NULL,
	task text NOT NULL,
	attempt bigint NOT NULL,
	epoch bigint NOT NULL,
	agent text NOT NULL,
	backend text NOT NULL,
	state_before text NOT NULL,
	started_at_us bigint NOT NULL,
	ended_at_us bigint NOT NULL,
	prev_hash text NOT NULL,
	row_hash text NOT NULL,
	once text UNIQUE);
--: postgres_ledger_exists
SELECT CASE WHEN pg_catalog.to_regclass('%sledger') IS NULL THEN 0 ELSE 1 END, CASE WHEN pg_catalog.to_regclass('%smeta') IS NULL THEN 0 ELSE 1 END;
--: postgres_ledger_former
SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass('%sledger') AND attname = 'project' AND NOT attisdropped) THEN ''
	ELSE 'it was made before rows named their project; its owner types: ALTER TABLE %sledger ADD COLUMN project text NOT NULL DEFAULT ''''; its rows then count for every project' END;
--: postgres_ledger_read
SELECT seq, project, changeset, direction, run, step, state, via, class, digest, changeset_digest, release_version, release_sequence,
	release_digest, order_digest, task, attempt, epoch, agent, backend, state_before, started_at_us, ended_at_us, prev_hash, row_hash
FROM %sledger;
--: postgres_ledger_insert
INSERT INTO %sledger (seq, project, changeset, direction, run, step, state, via, class, digest, changeset_digest, release_version, release_sequence,
	release_digest, order_digest, task, attempt, epoch, agent, backend, state_before, started_at_us, ended_at_us, prev_hash, row_hash, once)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26);
--: postgres_ledger_meta_read
SELECT name, value FROM %smeta;
--: postgres_ledger_meta_write
WITH changed AS (UPDATE %smeta SET value = $2::varchar WHERE name = $1::varchar RETURNING 1)
INSERT INTO %smeta (name, value) SELECT $1::varchar, $2::varchar WHERE NOT EXISTS (SELECT 1 FROM changed);
--: postgres_ledger_claim
INSERT INTO %smeta (name, value) VALUES ('database', $1), ('uuid', $2), ('target', $3), ('epoch', $4);
--: postgres_ledger_claim_again
-- What an earlier ledger left says no more whose this one is, but still which controllers may not order any more.
WITH old AS (DELETE FROM %smeta WHERE name IN ('epoch', 'database', 'uuid', 'target') RETURNING name, value),
	new AS (INSERT INTO %smeta (name, value) VALUES ('epoch', COALESCE((SELECT value FROM old WHERE name = 'epoch'), $4::varchar)),
		('database', $1::varchar), ('uuid', $2::varchar), ('target', $3::varchar) RETURNING name, value)
SELECT value FROM new WHERE name = 'epoch';
--: postgres_ledger_epoch
SELECT value, pg_catalog.txid_current() FROM %smeta WHERE name = 'epoch' FOR UPDATE;
--: postgres_ledger_transaction
SELECT pg_catalog.txid_current();
--: postgres_ledger_cursor_create
CREATE TABLE IF NOT EXISTS %sbatch (step text PRIMARY KEY, key_columns text NOT NULL, bound text, done_to text, batches bigint NOT NULL,
	passed bigint NOT NULL, changed bigint NOT NULL, total bigint NOT NULL) WITH (fillfactor = 50);
--: postgres_ledger_cursor_read
SELECT key_columns, bound, done_to, batches, passed, changed, total FROM %sbatch WHERE step = $1;
--: postgres_ledger_cursor_write
INSERT INTO %sbatch (step, key_columns, bound, done_to, batches, passed, changed, total) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (step) DO UPDATE SET key_columns = excluded.key_columns, bound = excluded.bound, done_to = excluded.done_to, batches = excluded.batches,
	passed = excluded.passed, changed = excluded.changed, total = excluded.total;
