-- How far this agent has seen each target's ledger, after each of its deliveries: a ledger that is shorter, or another one, was set back.

--: heads_migration
CREATE TABLE ledger_head (
	target TEXT NOT NULL,
	rows INTEGER NOT NULL,
	head BLOB NOT NULL,
	uuid TEXT NOT NULL,
	at_us INTEGER NOT NULL,
	PRIMARY KEY (target, rows)
);

--: heads_put
INSERT OR REPLACE INTO ledger_head (target, rows, head, uuid, at_us) VALUES (?1, ?2, ?3, ?4, ?5)

--: heads_newest_first
SELECT rows, head, uuid FROM ledger_head WHERE target = ?1 ORDER BY rows DESC LIMIT 100

--: heads_forget
DELETE FROM ledger_head WHERE target = ?1

--: heads_prune
DELETE FROM ledger_head AS h WHERE at_us < ?1 AND EXISTS (SELECT 1 FROM ledger_head AS newer WHERE newer.target = h.target AND newer.rows > h.rows)
