-- The ledger inside a SQLite target. Columns in the order of struct ledger_row (agent/ledger/ledger.h); digests are lower-case hex.
-- In the sqlite3 client read %s as rollcall_.
--: sqlite_ledger_create[]
CREATE TABLE IF NOT EXISTS %smeta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO %smeta (name, value) VALUES ('epoch', '0');
CREATE TABLE IF NOT EXISTS %sledger (
	seq INTEGER PRIMARY KEY,
	project TEXT NOT NULL,
	changeset TEXT NOT NULL,
	direction TEXT NOT NULL,
	run INTEGER NOT NULL,
	step INTEGER NOT NULL,
	state TEXT NOT NULL,
	via TEXT NOT NULL,
	class TEXT NOT NULL,
	digest TEXT NOT NULL,
	changeset_digest TEXT NOT NULL,
	release_version TEXT NOT NULL,
	release_sequence INTEGER NOT NULL,
	release_digest TEXT NOT NULL,
	order_digest TEXT NOT NULL,
	task TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	agent TEXT NOT NULL,
	backend TEXT NOT NULL,
	state_before TEXT NOT NULL,
	started_at_us INTEGER NOT NULL,
	ended_at_us INTEGER NOT NULL,
	prev_hash TEXT NOT NULL,
	row_hash TEXT NOT NULL,
	once TEXT UNIQUE);
--: sqlite_ledger_exists
SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '%sledger';
--: sqlite_ledger_former
SELECT CASE WHEN EXISTS (SELECT 1 FROM pragma_table_info('%sledger') WHERE name = 'project') THEN ''
	ELSE 'it was made before rows named their project; its owner types: ALTER TABLE %sledger ADD COLUMN project TEXT NOT NULL DEFAULT ''''; its rows then count for every project' END;
--: sqlite_ledger_read
SELECT seq, project, changeset, direction, run, step, state, via, class, digest, changeset_digest, release_version, release_sequence,
	release_digest, order_digest, task, attempt, epoch, agent, backend, state_before, started_at_us, ended_at_us, prev_hash, row_hash
FROM %sledger ORDER BY seq;
--: sqlite_ledger_insert
INSERT INTO %sledger (seq, project, changeset, direction, run, step, state, via, class, digest, changeset_digest, release_version, release_sequence,
	release_digest, order_digest, task, attempt, epoch, agent, backend, state_before, started_at_us, ended_at_us, prev_hash, row_hash, once)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
--: sqlite_ledger_meta_read
SELECT name, value FROM %smeta;
--: sqlite_ledger_meta_write
INSERT INTO %smeta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value;
--: sqlite_ledger_epoch
SELECT value FROM %smeta WHERE name = 'epoch';
--: sqlite_ledger_cursor_create
CREATE TABLE IF NOT EXISTS %sbatch (step TEXT NOT NULL PRIMARY KEY, key_columns TEXT NOT NULL, bound TEXT, done_to TEXT, batches INTEGER NOT NULL,
	passed INTEGER NOT NULL, changed INTEGER NOT NULL, total INTEGER NOT NULL) WITHOUT ROWID;
--: sqlite_ledger_cursor_read
SELECT key_columns, bound, done_to, batches, passed, changed, total FROM %sbatch WHERE step = ?;
--: sqlite_ledger_cursor_write
REPLACE INTO %sbatch (step, key_columns, bound, done_to, batches, passed, changed, total) VALUES (?, ?, ?, ?, ?, ?, ?, ?);
