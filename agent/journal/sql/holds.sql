-- What the site's people have said, and what waits for it. Times are microseconds since 1970 UTC; until_us 0: no end was given.

--: holds_migration
CREATE TABLE hold (
	target TEXT PRIMARY KEY,
	reason TEXT NOT NULL,
	by TEXT NOT NULL,
	at_us INTEGER NOT NULL,
	until_us INTEGER NOT NULL
);
CREATE TABLE held (
	id BLOB PRIMARY KEY,
	attempt INTEGER NOT NULL,
	target TEXT NOT NULL,
	release_hash BLOB NOT NULL,
	release_size INTEGER NOT NULL,
	dossier_hash BLOB NOT NULL,
	dossier_size INTEGER NOT NULL,
	proof BLOB NOT NULL,
	deadline_us INTEGER NOT NULL,
	direction INTEGER NOT NULL,
	code TEXT NOT NULL,
	reason TEXT NOT NULL,
	until_us INTEGER NOT NULL,
	at_us INTEGER NOT NULL
);
CREATE TABLE consent (
	target TEXT NOT NULL,
	release_hash BLOB NOT NULL,
	dossier_hash BLOB NOT NULL,
	by TEXT NOT NULL,
	at_us INTEGER NOT NULL,
	PRIMARY KEY (target, release_hash, dossier_hash)
);

-- What the yes was given to; ledger_rows -1: the whole release, as every yes of before.
--: consents_migration
ALTER TABLE consent ADD COLUMN direction INTEGER NOT NULL DEFAULT 0;
ALTER TABLE consent ADD COLUMN ledger_rows INTEGER NOT NULL DEFAULT -1;
ALTER TABLE consent ADD COLUMN ledger_head BLOB;

--: holds_put
INSERT OR REPLACE INTO hold (target, reason, by, at_us, until_us) VALUES (?1, ?2, ?3, ?4, ?5)

--: holds_drop
DELETE FROM hold WHERE ?1 IS NULL OR target = ?1

--: holds_list
SELECT target, reason, by, at_us, until_us FROM hold ORDER BY target

--: helds_put
INSERT INTO held (id, attempt, target, release_hash, release_size, dossier_hash, dossier_size, proof, deadline_us, direction, code, reason, until_us, at_us)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14 WHERE (SELECT count(*) FROM held WHERE target = ?3 AND id <> ?1) < ?15
ON CONFLICT (id) DO UPDATE SET attempt = excluded.attempt, code = excluded.code, reason = excluded.reason, until_us = excluded.until_us

--: helds_drop
DELETE FROM held WHERE id = ?1

--: helds_list
SELECT id, attempt, target, release_hash, release_size, dossier_hash, dossier_size, proof, deadline_us, direction, code, reason, until_us, at_us FROM held
ORDER BY at_us, target

--: helds_unaccept
DELETE FROM task WHERE id = ?1 AND attempt = ?2 AND state = 0

--: consents_put
INSERT OR REPLACE INTO consent (target, release_hash, dossier_hash, by, at_us, direction, ledger_rows, ledger_head) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)

--: consents_get
SELECT by, at_us, direction, ledger_rows, ledger_head FROM consent WHERE target = ?1 AND release_hash = ?2 AND dossier_hash = ?3

--: consents_drop
DELETE FROM consent WHERE target = ?1 AND release_hash = ?2 AND dossier_hash = ?3
