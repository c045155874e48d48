-- The agent's journal (SQLite, WAL, synchronous=FULL). Each string is one migration. States and directions are the numbers of the enums in the headers; times are
-- microseconds since 1970 UTC.

--: journal_migration_1
-- One row for each accepted attempt of a delivery.
CREATE TABLE task (
	id BLOB NOT NULL,
	attempt INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	target TEXT NOT NULL,
	release_hash BLOB NOT NULL,
	release_size INTEGER NOT NULL,
	dossier_hash BLOB NOT NULL,
	dossier_size INTEGER NOT NULL,
	proof BLOB NOT NULL,
	deadline_us INTEGER NOT NULL,
	direction INTEGER NOT NULL,
	state INTEGER NOT NULL,
	report_seq INTEGER NOT NULL DEFAULT 0,
	accepted_at_us INTEGER NOT NULL,
	PRIMARY KEY (id, attempt)
);
CREATE INDEX task_open ON task (accepted_at_us) WHERE state < 2;

-- Append-only: an intent, later an outcome.
CREATE TABLE step (
	n INTEGER PRIMARY KEY,
	target TEXT NOT NULL,
	changeset TEXT NOT NULL,
	direction INTEGER NOT NULL,
	run INTEGER NOT NULL,
	step INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	task BLOB NOT NULL,
	digest BLOB NOT NULL,
	backend TEXT,
	state INTEGER NOT NULL,
	at_us INTEGER NOT NULL
);
CREATE INDEX step_target ON step (target, n);

-- What a changeset's run must still know after a crash in its middle.
CREATE TABLE note (
	target TEXT NOT NULL,
	changeset TEXT NOT NULL,
	run INTEGER NOT NULL,
	name TEXT NOT NULL,
	value TEXT,
	task BLOB NOT NULL,
	attempt INTEGER NOT NULL,
	at_us INTEGER NOT NULL,
	PRIMARY KEY (target, changeset, run, name)
);

-- The outbox. hash = SHA-256 of envelope: the next report carries it.
CREATE TABLE report (
	seq INTEGER PRIMARY KEY,
	envelope BLOB NOT NULL,
	hash BLOB NOT NULL,
	created_at_us INTEGER NOT NULL,
	acked_at_us INTEGER
);
CREATE INDEX report_unacked ON report (seq) WHERE acked_at_us IS NULL;

CREATE TABLE number (
	name TEXT PRIMARY KEY,
	value INTEGER NOT NULL
);

--: journal_migration_audit
-- The end of the controller's audit chain, as told last.
CREATE TABLE audit (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL);

--: documents_migration
-- Signed documents that are believed: kind 'trust' and 'fresh', the newest of each.
CREATE TABLE document (kind TEXT PRIMARY KEY, envelope BLOB NOT NULL, at_us INTEGER NOT NULL);

--: verdicts_migration
-- The highest release sequence in effect on a target, as its ledger said when a delivery last ended well there: a database that is set back is noticed.
CREATE TABLE sequence (target TEXT PRIMARY KEY, sequence INTEGER NOT NULL);
-- What this site refused: for its own people, whatever the controller makes of it.
CREATE TABLE refusal (n INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, target TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL);

--: projects_migration
-- Projects share a target: each has its own highest sequence, and its own changesets of whatever id. What was kept before projects were told apart counts for each.
CREATE TABLE project_sequence (target TEXT NOT NULL, project TEXT NOT NULL, highest INTEGER NOT NULL, PRIMARY KEY (target, project));
INSERT INTO project_sequence (target, project, highest) SELECT target, '', sequence FROM sequence;
DROP TABLE sequence;
CREATE TABLE project_note (
	target TEXT NOT NULL,
	project TEXT NOT NULL,
	changeset TEXT NOT NULL,
	run INTEGER NOT NULL,
	name TEXT NOT NULL,
	value TEXT,
	task BLOB NOT NULL,
	attempt INTEGER NOT NULL,
	at_us INTEGER NOT NULL,
	PRIMARY KEY (target, project, changeset, run, name)
);
INSERT INTO project_note (target, project, changeset, run, name, value, task, attempt, at_us)
SELECT target, '', changeset, run, name, value, task, attempt, at_us FROM note;
DROP TABLE note;

--: journal_task_insert
INSERT INTO task (id, attempt, target, release_hash, release_size, dossier_hash, dossier_size, proof, deadline_us, direction, epoch, state, accepted_at_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)

--: journal_task_known
SELECT state FROM task WHERE id = ?1 AND attempt >= ?2 ORDER BY attempt DESC LIMIT 1

--: journal_task_set_state
UPDATE task SET state = ?3 WHERE id = ?1 AND attempt = ?2

--: journal_task_running
UPDATE task SET state = 1 WHERE id = ?1 AND attempt = ?2 AND state = 0

--: journal_task_finish
UPDATE task SET state = 2, report_seq = ?3 WHERE id = ?1 AND attempt <= ?2 AND state < 2

--: journal_task_open
SELECT id, attempt, target, release_hash, release_size, dossier_hash, dossier_size, proof, deadline_us, direction, epoch, state FROM task AS t
WHERE state < 2 AND NOT EXISTS (SELECT 1 FROM task AS later WHERE later.id = t.id AND later.attempt > t.attempt)
ORDER BY accepted_at_us, rowid

--: journal_task_get
SELECT id, attempt, target, release_hash, release_size, dossier_hash, dossier_size, proof, deadline_us, direction, epoch, state FROM task
WHERE id = ?1 ORDER BY attempt DESC LIMIT 1

--: journal_step_insert
INSERT INTO step (target, changeset, direction, run, step, attempt, epoch, task, digest, backend, state, at_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)

--: journal_step_last
SELECT target, changeset, direction, run, step, attempt, epoch, task, digest, backend, state FROM step WHERE target = ?1 ORDER BY n DESC LIMIT 1

--: journal_note_put_sql
INSERT OR REPLACE INTO project_note (target, project, changeset, run, name, value, task, attempt, at_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)

--: journal_note_get_sql
SELECT value, task, attempt FROM project_note WHERE target = ?1 AND project IN (?2, '') AND changeset = ?3 AND run = ?4 AND name = ?5 ORDER BY project DESC LIMIT 1

--: journal_report_last
SELECT seq, hash FROM report ORDER BY seq DESC LIMIT 1

--: journal_report_insert
INSERT INTO report (seq, envelope, hash, created_at_us) VALUES (?1, ?2, ?3, ?4)

--: journal_report_from
SELECT seq, envelope FROM report WHERE seq >= ?1 ORDER BY seq LIMIT ?2

--: journal_report_ack
UPDATE report SET acked_at_us = ?2 WHERE seq <= ?1 AND acked_at_us IS NULL

--: journal_report_first_unacked
SELECT min(seq) FROM report WHERE acked_at_us IS NULL

--: journal_prune_reports
DELETE FROM report WHERE acked_at_us < ?1 AND seq < (SELECT max(seq) FROM report)

--: journal_prune_tasks
DELETE FROM task WHERE state = 2 AND accepted_at_us < ?1 AND report_seq < (SELECT min(seq) FROM report)

--: journal_prune_steps
DELETE FROM step WHERE at_us < ?1 AND NOT EXISTS (SELECT 1 FROM task WHERE task.id = step.task AND task.state < 2)

--: journal_audit_get
SELECT seq, hash FROM audit

--: journal_audit_put
INSERT INTO audit (one, seq, hash) VALUES (1, ?1, ?2) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash

--: journal_number_get
SELECT value FROM number WHERE name = ?1

--: journal_number_raise
INSERT INTO number (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)

--: journal_number_next
INSERT INTO number (name, value) VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1

--: journal_document_get
SELECT envelope FROM document WHERE kind = ?1

--: journal_document_put
INSERT OR REPLACE INTO document (kind, envelope, at_us) VALUES (?1, ?2, ?3)

--: journal_document_drop
DELETE FROM document WHERE kind = ?1

--: journal_sequence_get
SELECT max(highest) FROM project_sequence WHERE target = ?1 AND project IN (?2, '')

--: journal_sequence_put
INSERT OR REPLACE INTO project_sequence (target, project, highest) VALUES (?1, ?2, ?3)

--: journal_sequence_forget
DELETE FROM project_sequence WHERE target = ?1 AND project = ''

--: journal_refusal_insert
INSERT INTO refusal (at_us, target, code, message) VALUES (?1, ?2, ?3, ?4)

--: journal_refusals_newest
SELECT at_us, target, code, message FROM refusal ORDER BY n DESC LIMIT ?1

--: journal_prune_refusals
DELETE FROM refusal WHERE at_us < ?1 OR n <= (SELECT max(n) FROM refusal) - 1000
