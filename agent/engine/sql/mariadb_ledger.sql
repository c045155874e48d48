-- The ledger inside a MariaDB target: InnoDB, or nothing that it says could be believed after a crash. Columns in the order of struct ledger_row
-- (agent/ledger/ledger.h); digests are lower-case hex. In the mariadb client read %s as `database`.rollcall_.
--: mariadb_ledger_create[]
CREATE TABLE IF NOT EXISTS %smeta (name varchar(64) NOT NULL PRIMARY KEY, value varchar(1024) NOT NULL)
	ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
INSERT IGNORE INTO %smeta (name, value) VALUES ('epoch', '0');
CREATE TABLE IF NOT EXISTS %sledger (
	seq bigint unsigned NOT NULL PRIMARY KEY,
	project varchar(63) NOT NULL,
	changeset varchar(512) NOT NULL,
	direction varchar(16) NOT NULL,
	run bigint unsigned NOT NULL,
	step bigint unsigned NOT NULL,
	state varchar(16) NOT NULL,
	via varchar(16) NOT NULL,
	class varchar(4) NOT NULL,
	digest char(64) NOT NULL,
	changeset_digest char(64) NOT NULL,
	release_version varchar(255) NOT NULL,
	release_sequence bigint unsigned NOT NULL,
	release_digest char(64) NOT NULL,
	order_digest char(64) NOT NULL,
	task varchar(64) NOT NULL,
	attempt bigint unsigned NOT NULL,
	epoch bigint unsigned NOT NULL,
	agent varchar(255) NOT NULL,
	backend varchar(255) NOT NULL,
	state_before char(64) NOT NULL,
	started_at_us bigint NOT NULL,
	ended_at_us bigint NOT NULL,
	prev_hash char(64) NOT NULL,
	row_hash char(64) NOT NULL,
	once varchar(664) NULL UNIQUE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
--: mariadb_ledger_exists
SELECT CASE WHEN ENGINE = 'InnoDB' THEN '1' ELSE CONCAT('its storage engine is ', IFNULL(ENGINE, 'none'), ': only InnoDB keeps it honest after a crash') END
FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'rollcall_ledger';
--: mariadb_ledger_former
SELECT CASE WHEN EXISTS (SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'rollcall_ledger' AND COLUMN_NAME = 'project') THEN ''
	ELSE 'it was made before rows named their project; its owner types: ALTER TABLE rollcall_ledger ADD COLUMN project varchar(63) NOT NULL DEFAULT '''', MODIFY once varchar(664) NULL; its rows then count for every project' END;
--: mariadb_ledger_read
SELECT seq, project, changeset, direction, run, step, state, via, class, digest, changeset_digest, release_version, release_sequence,
	release_digest, order_digest, task, attempt, epoch, agent, backend, state_before, started_at_us, ended_at_us, prev_hash, row_hash
FROM %sledger ORDER BY seq;
--: mariadb_ledger_insert
INSERT INTO %sledger (seq, project, changeset, direction, run, step, state, via, class, digest, changeset_digest, release_version, release_sequence,
	release_digest, order_digest, task, attempt, epoch, agent, backend, state_before, started_at_us, ended_at_us, prev_hash, row_hash, once)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
--: mariadb_ledger_meta_read
SELECT name, value FROM %smeta;
--: mariadb_ledger_meta_write
INSERT INTO %smeta (name, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value);
--: mariadb_ledger_epoch
SELECT value FROM %smeta WHERE name = 'epoch' FOR UPDATE;
--: mariadb_ledger_cursor_create
CREATE TABLE IF NOT EXISTS %sbatch (
	step varchar(664) NOT NULL PRIMARY KEY,
	key_columns text NOT NULL,
	bound longtext NULL,
	done_to longtext NULL,
	batches bigint unsigned NOT NULL,
	passed bigint unsigned NOT NULL,
	changed bigint unsigned NOT NULL,
	total bigint unsigned NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
--: mariadb_ledger_cursor_read
SELECT key_columns, bound, done_to, batches, passed, changed, total FROM %sbatch WHERE step = ?;
--: mariadb_ledger_cursor_write
INSERT INTO %sbatch (step, key_columns, bound, done_to, batches, passed, changed, total) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON DUPLICATE KEY UPDATE key_columns = VALUES(key_columns), bound = VALUES(bound), done_to = VALUES(done_to), batches = VALUES(batches),
	passed = VALUES(passed), changed = VALUES(changed), total = VALUES(total);
