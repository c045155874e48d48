-- The controller's durable memory. Plain tables and types that PostgreSQL knows too (there BLOB is BYTEA and ?1 is $1; in SQLite $1 would be a name, numbered by first use).
-- Times are microseconds since 1970 UTC.

--: store_schema_1
CREATE TABLE meta (key TEXT PRIMARY KEY, value BIGINT NOT NULL);
CREATE TABLE agent (
	name TEXT PRIMARY KEY, site TEXT NOT NULL, certificate BLOB NOT NULL, serial TEXT NOT NULL, curve_key TEXT NOT NULL UNIQUE,
	version TEXT, session_counter BIGINT NOT NULL DEFAULT 0, admitted_at_us BIGINT NOT NULL, seen_at_us BIGINT NOT NULL DEFAULT 0,
	journal INTEGER NOT NULL DEFAULT 1, report_seq BIGINT NOT NULL DEFAULT 0, report_hash BLOB
);
CREATE TABLE target (id TEXT PRIMARY KEY, agent TEXT NOT NULL REFERENCES agent(name), engine TEXT NOT NULL, labels TEXT NOT NULL, present INTEGER NOT NULL, seen_at_us BIGINT NOT NULL);
CREATE INDEX target_agent ON target(agent);
CREATE TABLE release (
	digest BLOB PRIMARY KEY, envelope_hash BLOB NOT NULL, envelope_size BIGINT NOT NULL, project TEXT NOT NULL, version TEXT NOT NULL, sequence BIGINT NOT NULL,
	changesets INTEGER NOT NULL, signed_by TEXT NOT NULL, added_by TEXT NOT NULL, added_at_us BIGINT NOT NULL, UNIQUE (project, sequence), UNIQUE (project, version)
);
CREATE TABLE rollout (
	id TEXT PRIMARY KEY, project TEXT NOT NULL, release_digest BLOB NOT NULL REFERENCES release(digest), environment TEXT NOT NULL, direction TEXT NOT NULL,
	state TEXT NOT NULL, final INTEGER NOT NULL, detail TEXT, undoes TEXT, order_bytes BLOB NOT NULL, order_digest BLOB NOT NULL,
	dossier_hash BLOB, dossier_size BIGINT, created_by TEXT NOT NULL, created_at_us BIGINT NOT NULL, changed_at_us BIGINT NOT NULL
);
CREATE INDEX rollout_release ON rollout(release_digest, environment);
CREATE TABLE wave (
	rollout TEXT NOT NULL REFERENCES rollout(id), no INTEGER NOT NULL, state TEXT NOT NULL, max_parallel_site INTEGER NOT NULL, max_parallel_instance INTEGER NOT NULL,
	soak_until_us BIGINT NOT NULL, PRIMARY KEY (rollout, no)
);
CREATE TABLE delivery (
	rollout TEXT NOT NULL REFERENCES rollout(id), no INTEGER NOT NULL, wave INTEGER NOT NULL, target TEXT NOT NULL, salt BLOB NOT NULL,
	state TEXT NOT NULL, direction TEXT NOT NULL, attempt INTEGER NOT NULL, failed INTEGER NOT NULL, accepted INTEGER NOT NULL,
	offered_at_us BIGINT NOT NULL, retry_at_us BIGINT NOT NULL, since_us BIGINT NOT NULL,
	step INTEGER NOT NULL, of_steps INTEGER NOT NULL, changeset TEXT, code TEXT, detail TEXT, PRIMARY KEY (rollout, no)
);
CREATE INDEX delivery_target ON delivery(target);
CREATE TABLE approval (rollout TEXT NOT NULL REFERENCES rollout(id), public_key BLOB NOT NULL, approver TEXT NOT NULL, envelope BLOB NOT NULL, at_us BIGINT NOT NULL, PRIMARY KEY (rollout, public_key));
CREATE TABLE report (
	agent TEXT NOT NULL, journal INTEGER NOT NULL, seq BIGINT NOT NULL, target TEXT NOT NULL, rollout TEXT, release_digest BLOB NOT NULL, direction TEXT NOT NULL,
	outcome TEXT NOT NULL, attempt INTEGER NOT NULL, detail TEXT, started_at_us BIGINT NOT NULL, ended_at_us BIGINT NOT NULL, received_at_us BIGINT NOT NULL,
	envelope BLOB NOT NULL, PRIMARY KEY (agent, journal, seq)
);
CREATE INDEX report_target ON report(target, ended_at_us);
CREATE INDEX report_rollout ON report(rollout);
CREATE TABLE step (
	target TEXT NOT NULL, changeset TEXT NOT NULL, direction TEXT NOT NULL, run INTEGER NOT NULL, step INTEGER NOT NULL, state TEXT NOT NULL, via TEXT NOT NULL,
	class TEXT NOT NULL, digest BLOB NOT NULL, row_hash BLOB NOT NULL, task BLOB NOT NULL, attempt INTEGER NOT NULL, agent TEXT NOT NULL, report_seq BIGINT NOT NULL,
	started_at_us BIGINT NOT NULL, ended_at_us BIGINT NOT NULL, reported_at_us BIGINT NOT NULL, PRIMARY KEY (target, changeset, direction, run, step)
);
CREATE TABLE event (
	seq INTEGER PRIMARY KEY, at_us BIGINT NOT NULL, actor TEXT NOT NULL, rollout TEXT, object TEXT NOT NULL, event TEXT NOT NULL, from_state TEXT, to_state TEXT, detail TEXT
);
CREATE INDEX event_rollout ON event(rollout, seq);

--: store_schema_2
ALTER TABLE delivery ADD COLUMN touched INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN frozen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN stalled_since_us BIGINT NOT NULL DEFAULT 0;
UPDATE delivery SET touched = 1 WHERE state IN ('applied', 'failed', 'needs-attention');
CREATE TABLE freeze (
	id INTEGER PRIMARY KEY, selector TEXT NOT NULL, from_us BIGINT NOT NULL, until_us BIGINT NOT NULL, reason TEXT NOT NULL, added_by TEXT NOT NULL, added_at_us BIGINT NOT NULL
);
CREATE TABLE quarantine (target TEXT PRIMARY KEY, reason TEXT NOT NULL, added_by TEXT NOT NULL, added_at_us BIGINT NOT NULL);

--: store_schema_3
ALTER TABLE rollout ADD COLUMN plan_text BLOB;
CREATE INDEX report_release ON report(release_digest);

--: store_schema_audit
-- The event log is the audit chain: see controller/audit/chain.h.
ALTER TABLE event ADD COLUMN ref TEXT;
ALTER TABLE event ADD COLUMN evidence BLOB;
ALTER TABLE event ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
-- Every certificate that an agent ever had here: its old reports are checked with its old keys.
CREATE TABLE certificate (agent TEXT NOT NULL, serial TEXT NOT NULL, envelope BLOB NOT NULL, PRIMARY KEY (agent, serial));
INSERT INTO certificate SELECT name, serial, certificate FROM agent;

--: store_schema_standing
ALTER TABLE agent ADD COLUMN revoked_at_us BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agent ADD COLUMN held_at_us BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agent ADD COLUMN standing TEXT;
--: store_schema_schemas
-- What reports and surveys say of a target's schema: the fingerprint that its last delivery left, and the last one that was seen. Fingerprints of two forms do not compare.
CREATE TABLE schema_state (
	target TEXT PRIMARY KEY, form INTEGER NOT NULL, left_fingerprint BLOB, seen_fingerprint BLOB, ledger_head BLOB, ledger_rows BIGINT NOT NULL, left_at_us BIGINT NOT NULL,
	seen_at_us BIGINT NOT NULL
);

--: sql_schema_put
INSERT INTO schema_state (target, form, left_fingerprint, seen_fingerprint, ledger_head, ledger_rows, left_at_us, seen_at_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (target) DO UPDATE SET form = excluded.form, left_fingerprint = excluded.left_fingerprint, seen_fingerprint = excluded.seen_fingerprint,
	ledger_head = excluded.ledger_head, ledger_rows = excluded.ledger_rows, left_at_us = excluded.left_at_us, seen_at_us = excluded.seen_at_us;

--: sql_schema
SELECT form, left_fingerprint, seen_fingerprint, ledger_head, ledger_rows, left_at_us, seen_at_us FROM schema_state WHERE target = ?1;

--: sql_schemas
SELECT form, left_fingerprint, seen_fingerprint, ledger_head, ledger_rows, left_at_us, seen_at_us, target FROM schema_state ORDER BY target;

--: store_schema_documents
-- Signed documents that the controller itself keeps: trust (every version since the first), fresh (the newest), revocation (version: in the order of coming).
CREATE TABLE document (kind TEXT NOT NULL, version BIGINT NOT NULL, envelope BLOB NOT NULL, at_us BIGINT NOT NULL, PRIMARY KEY (kind, version));

--: store_schema_gates
-- That a wave has passed, by a key of role gate.
CREATE TABLE gate_pass (rollout TEXT NOT NULL REFERENCES rollout(id), wave INTEGER NOT NULL, public_key BLOB NOT NULL, signer TEXT NOT NULL, expires_at_us BIGINT NOT NULL,
	envelope BLOB NOT NULL, at_us BIGINT NOT NULL, PRIMARY KEY (rollout, wave, public_key));

--: store_schema_projects
-- Projects that share a target may have changesets of the same id.
CREATE TABLE project_step (
	target TEXT NOT NULL, project TEXT NOT NULL, changeset TEXT NOT NULL, direction TEXT NOT NULL, run INTEGER NOT NULL, step INTEGER NOT NULL, state TEXT NOT NULL,
	via TEXT NOT NULL, class TEXT NOT NULL, digest BLOB NOT NULL, row_hash BLOB NOT NULL, task BLOB NOT NULL, attempt INTEGER NOT NULL, agent TEXT NOT NULL,
	report_seq BIGINT NOT NULL, started_at_us BIGINT NOT NULL, ended_at_us BIGINT NOT NULL, reported_at_us BIGINT NOT NULL,
	PRIMARY KEY (target, project, changeset, direction, run, step)
);
INSERT INTO project_step (target, project, changeset, direction, run, step, state, via, class, digest, row_hash, task, attempt, agent, report_seq, started_at_us, ended_at_us,
	reported_at_us) SELECT target, coalesce((SELECT l.project FROM report p JOIN release l ON l.digest = p.release_digest
		WHERE p.agent = s.agent AND p.seq = s.report_seq AND p.target = s.target ORDER BY p.journal DESC LIMIT 1), ''),
	changeset, direction, run, step, state, via, class, digest, row_hash, task, attempt, agent, report_seq, started_at_us, ended_at_us, reported_at_us FROM step s;
DROP TABLE step;
ALTER TABLE project_step RENAME TO step;

--: sql_gate_pass_put
INSERT INTO gate_pass (rollout, wave, public_key, signer, expires_at_us, envelope, at_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (rollout, wave, public_key) DO UPDATE SET signer = excluded.signer, expires_at_us = excluded.expires_at_us, envelope = excluded.envelope, at_us = excluded.at_us;

--: sql_gate_passes
SELECT wave, public_key, signer, expires_at_us, envelope FROM gate_pass WHERE rollout = ?1 ORDER BY wave, at_us, signer;

--: store_schema_probes
ALTER TABLE wave ADD COLUMN detail TEXT;

--: store_schema_enrol
CREATE TABLE enrolment (
	digest BLOB PRIMARY KEY, nonce BLOB UNIQUE, agent TEXT NOT NULL, curve_key TEXT NOT NULL, request BLOB NOT NULL, certificate BLOB,
	asked_at_us BIGINT NOT NULL, granted_at_us BIGINT NOT NULL DEFAULT 0, granted_by TEXT
);

--: store_schema_renewal
ALTER TABLE agent ADD COLUMN former_certificate BLOB;
ALTER TABLE agent ADD COLUMN former_until_us BIGINT NOT NULL DEFAULT 0;

--: store_schema_facts
ALTER TABLE target ADD COLUMN version TEXT;
ALTER TABLE target ADD COLUMN trouble TEXT;
ALTER TABLE target ADD COLUMN size_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN lag_ms BIGINT NOT NULL DEFAULT -1;
ALTER TABLE target ADD COLUMN looked_at_us BIGINT NOT NULL DEFAULT 0;

--: store_schema_current
-- Of each target and project the newest release that was reported applied and not rolled back since: what the reports say, kept so that the standing of a fleet costs a row a target.
CREATE TABLE current_release (target TEXT NOT NULL, project TEXT NOT NULL, sequence BIGINT NOT NULL, version TEXT NOT NULL, at_us BIGINT NOT NULL, PRIMARY KEY (target, project));
CREATE INDEX current_release_project ON current_release(project, sequence);
INSERT INTO current_release (target, project, sequence, version, at_us) SELECT n.target, n.project, n.sequence, l.version, (
	SELECT max(p.ended_at_us) FROM report p WHERE p.target = n.target AND p.release_digest = l.digest AND p.outcome = 'applied') FROM (
	SELECT p.target, l.project, max(l.sequence) AS sequence FROM report p JOIN release l ON l.digest = p.release_digest
	WHERE p.outcome = 'applied' AND NOT EXISTS (
		SELECT 1 FROM report u WHERE u.target = p.target AND u.release_digest = p.release_digest AND u.outcome = 'rolled-back' AND u.ended_at_us > p.ended_at_us) GROUP BY p.target, l.project
) n JOIN release l ON l.project = n.project AND l.sequence = n.sequence;

--: store_schema_lean
-- What each delivery and report rewrites is small: an agent's counters without its certificate, which stands in `certificate`; no index that no question uses.
ALTER TABLE agent DROP COLUMN certificate;
DROP INDEX event_rollout;
DROP INDEX report_rollout;

--: store_schema_partial
-- Of a rollout that was started for some of its environment's targets only: it brings the release to no environment.
ALTER TABLE rollout ADD COLUMN partial INTEGER NOT NULL DEFAULT 0;

--: store_schema_waits
-- Of a failed target that is being taken back: what its agent answered, beside why it failed (code, detail).
ALTER TABLE delivery ADD COLUMN waits_code TEXT;
ALTER TABLE delivery ADD COLUMN waits TEXT;

--: sql_epoch_next
INSERT INTO meta (key, value) VALUES ('epoch', ?1) ON CONFLICT (key) DO UPDATE SET value = CASE WHEN value >= excluded.value THEN value + 1 ELSE excluded.value END RETURNING value;

--: sql_epoch
SELECT value FROM meta WHERE key = 'epoch';

--: sql_agent_put
INSERT INTO agent (name, site, serial, curve_key, admitted_at_us, former_certificate, former_until_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (name) DO UPDATE SET site = excluded.site, serial = excluded.serial, curve_key = excluded.curve_key,
	former_certificate = excluded.former_certificate, former_until_us = excluded.former_until_us;

--: sql_certificate_put
INSERT INTO certificate (agent, serial, envelope) VALUES (?1, ?2, ?3) ON CONFLICT (agent, serial) DO UPDATE SET envelope = excluded.envelope;

--: sql_agent_seen
UPDATE agent SET version = ?2, session_counter = ?3, seen_at_us = ?4, journal = ?5, report_seq = ?6, report_hash = ?7 WHERE name = ?1;

--: sql_agents
SELECT a.name, a.site, c.envelope, a.serial, a.curve_key, a.version, a.session_counter, a.admitted_at_us, a.seen_at_us, a.journal, a.report_seq, a.report_hash, a.revoked_at_us,
	a.held_at_us, a.standing, a.former_certificate, a.former_until_us FROM agent a LEFT JOIN certificate c ON c.agent = a.name AND c.serial = a.serial ORDER BY a.name;

--: sql_certificate
SELECT envelope FROM certificate WHERE agent = ?1 AND serial = ?2;

--: sql_agent_standing
UPDATE agent SET revoked_at_us = ?2, held_at_us = ?3, standing = ?4 WHERE name = ?1;

--: sql_enrolment_put
INSERT INTO enrolment (digest, nonce, agent, curve_key, request, asked_at_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6);

--: sql_enrolment_grant
UPDATE enrolment SET certificate = ?2, granted_by = ?3, granted_at_us = ?4 WHERE digest = ?1;

--: sql_enrolments_prune
DELETE FROM enrolment WHERE asked_at_us < ?1;

--: sql_enrolments
SELECT digest, nonce, agent, curve_key, request, certificate, asked_at_us FROM enrolment ORDER BY asked_at_us, agent;

--: sql_target_absent
UPDATE target SET present = 0 WHERE id = ?1;

--: sql_target_facts
UPDATE target SET version = ?2, trouble = ?3, size_bytes = ?4, lag_ms = ?5, looked_at_us = ?6 WHERE id = ?1;

--: sql_target_put
INSERT INTO target (id, agent, engine, labels, present, seen_at_us) VALUES (?1, ?2, ?3, ?4, 1, ?5)
ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, engine = excluded.engine, labels = excluded.labels, present = 1, seen_at_us = excluded.seen_at_us;

--: sql_targets
SELECT id, agent, engine, labels, seen_at_us, version, trouble, size_bytes, lag_ms, looked_at_us FROM target WHERE present = 1 ORDER BY id;

--: sql_release_put
INSERT INTO release (digest, envelope_hash, envelope_size, project, version, sequence, changesets, signed_by, added_by, added_at_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (digest) DO UPDATE SET envelope_hash = excluded.envelope_hash, envelope_size = excluded.envelope_size, signed_by = excluded.signed_by;

--: sql_several_projects
SELECT count(*) > 1 FROM (SELECT DISTINCT project FROM release LIMIT 2);

--: sql_release_name
SELECT sequence, project, version FROM release WHERE digest = ?1;

--: sql_releases
SELECT digest, envelope_hash, envelope_size, project, version, sequence, changesets, signed_by, added_by, added_at_us FROM release ORDER BY project, sequence;

--: sql_rollout_put
INSERT INTO rollout (id, project, release_digest, environment, direction, state, final, detail, undoes, order_bytes, order_digest, created_by, created_at_us, changed_at_us, plan_text,
	partial) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?14);

--: sql_rollout_state
UPDATE rollout SET state = ?2, final = ?3, detail = ?4, changed_at_us = ?5, dossier_hash = ?6, dossier_size = ?7 WHERE id = ?1;

--: sql_rollouts
SELECT r.id, r.project, r.release_digest, r.environment, r.direction, r.state, r.detail, r.undoes, r.order_bytes, r.order_digest, r.dossier_hash, r.dossier_size,
	r.created_by, r.created_at_us, r.changed_at_us, l.version, l.sequence, l.envelope_hash, l.envelope_size
FROM rollout r JOIN release l ON l.digest = r.release_digest WHERE (?1 IS NULL OR r.id = ?1) AND (?2 = 0 OR r.final = 0) ORDER BY r.created_at_us, r.id;

--: sql_wave_put
INSERT INTO wave (rollout, no, state, max_parallel_site, max_parallel_instance, soak_until_us, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (rollout, no) DO UPDATE SET state = excluded.state, soak_until_us = excluded.soak_until_us, detail = excluded.detail;

--: sql_waves
SELECT no, state, max_parallel_site, max_parallel_instance, soak_until_us, detail FROM wave WHERE rollout = ?1 ORDER BY no;

--: sql_delivery_put
INSERT INTO delivery (rollout, no, wave, target, salt, state, direction, attempt, failed, accepted, offered_at_us, retry_at_us, since_us, step, of_steps)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, 0, 0, 0, ?8, 0, 0);

--: sql_delivery_save
UPDATE delivery SET state = ?3, direction = ?4, attempt = ?5, failed = ?6, accepted = ?7, offered_at_us = ?8, retry_at_us = ?9, since_us = ?10, step = ?11, of_steps = ?12,
	changeset = ?13, code = ?14, detail = ?15, touched = ?16, frozen = ?17, stalled_since_us = ?18, waits_code = ?19, waits = ?20 WHERE rollout = ?1 AND no = ?2;

--: sql_deliveries
SELECT no, wave, target, salt, state, direction, attempt, failed, accepted, offered_at_us, retry_at_us, since_us, step, of_steps, changeset, code, detail,
	touched, frozen, stalled_since_us, waits_code, waits
FROM delivery WHERE rollout = ?1 ORDER BY no;

--: sql_delivery_counts
SELECT state, failed, count(*) FROM delivery WHERE rollout = ?1 GROUP BY state, failed;

--: sql_current_releases
SELECT target, project, sequence, version, at_us FROM current_release ORDER BY target, project;

--: sql_current_applied
INSERT INTO current_release (target, project, sequence, version, at_us) SELECT ?1, ?4, ?5, ?6, ?3
WHERE NOT EXISTS (SELECT 1 FROM report u WHERE u.target = ?1 AND u.release_digest = ?2 AND u.outcome = 'rolled-back' AND u.ended_at_us > ?3)
ON CONFLICT (target, project) DO UPDATE SET sequence = excluded.sequence, version = excluded.version, at_us = excluded.at_us
WHERE excluded.sequence > current_release.sequence OR (excluded.sequence = current_release.sequence AND excluded.at_us > current_release.at_us);

--: sql_current_drop
DELETE FROM current_release WHERE target = ?1 AND project = (SELECT project FROM release WHERE digest = ?2);

--: sql_current_again
INSERT INTO current_release (target, project, sequence, version, at_us) SELECT n.target, n.project, n.sequence, l.version, (
	SELECT max(p.ended_at_us) FROM report p WHERE p.target = n.target AND p.release_digest = l.digest AND p.outcome = 'applied') FROM (
	SELECT p.target, l.project, max(l.sequence) AS sequence FROM report p JOIN release l ON l.digest = p.release_digest
	WHERE p.outcome = 'applied' AND NOT EXISTS (
		SELECT 1 FROM report u WHERE u.target = p.target AND u.release_digest = p.release_digest AND u.outcome = 'rolled-back' AND u.ended_at_us > p.ended_at_us)
		AND p.target = ?1 AND l.project = (SELECT project FROM release WHERE digest = ?2) GROUP BY p.target, l.project
) n JOIN release l ON l.project = n.project AND l.sequence = n.sequence;

--: sql_current_known
-- A release that is added after reports of it came: of a controller whose store was set back.
INSERT INTO current_release (target, project, sequence, version, at_us) SELECT n.target, n.project, n.sequence, l.version, (
	SELECT max(p.ended_at_us) FROM report p WHERE p.target = n.target AND p.release_digest = l.digest AND p.outcome = 'applied') FROM (
	SELECT p.target, l.project, max(l.sequence) AS sequence FROM report p JOIN release l ON l.digest = p.release_digest
	WHERE p.outcome = 'applied' AND NOT EXISTS (
		SELECT 1 FROM report u WHERE u.target = p.target AND u.release_digest = p.release_digest AND u.outcome = 'rolled-back' AND u.ended_at_us > p.ended_at_us)
		AND p.release_digest = ?1 GROUP BY p.target, l.project
) n JOIN release l ON l.project = n.project AND l.sequence = n.sequence WHERE true
ON CONFLICT (target, project) DO UPDATE SET sequence = excluded.sequence, version = excluded.version, at_us = excluded.at_us
WHERE excluded.sequence > current_release.sequence OR (excluded.sequence = current_release.sequence AND excluded.at_us > current_release.at_us);

--: sql_environment_done
SELECT count(*) FROM rollout r WHERE r.release_digest = ?1 AND r.environment = ?2 AND r.direction = 'apply' AND r.state IN ('succeeded', 'catching-up')
	AND r.partial = 0
	AND EXISTS (SELECT 1 FROM delivery a WHERE a.rollout = r.id AND a.state = 'applied')
	AND NOT EXISTS (SELECT 1 FROM rollout u WHERE u.undoes = r.id
		AND (u.state = 'succeeded' OR EXISTS (SELECT 1 FROM delivery d WHERE d.rollout = u.id AND d.state = 'rolled-back')));

--: sql_targets_having
SELECT target FROM current_release WHERE project = ?1 AND sequence >= ?2 ORDER BY target;

--: sql_targets_tried
-- Not those that the order's time ran out for before they could be reached: nobody has tried them, and neither a person (code skipped) nor their site, or it no longer
-- (sql_target_let_go), has kept them back. A freeze (code freeze) keeps a target back only as long as it covers it.
SELECT DISTINCT d.target FROM rollout r JOIN delivery d ON d.rollout = r.id WHERE r.release_digest = ?1
	AND NOT (d.state = 'skipped' AND r.state = 'succeeded' AND (d.code IS NULL OR d.code = 'freeze')) ORDER BY d.target;

--: sql_targets_held
SELECT d.rollout, d.no, d.target, r.order_digest FROM rollout r JOIN delivery d ON d.rollout = r.id WHERE r.release_digest = ?1 AND r.direction = 'apply'
	AND r.state = 'succeeded' AND d.state = 'skipped' AND d.code IS NOT NULL AND d.code NOT IN ('skipped', 'freeze') ORDER BY d.rollout, d.no;

--: sql_target_let_go
UPDATE delivery SET code = NULL WHERE rollout = ?1 AND no = ?2;

--: sql_catch_ups
SELECT r.id, r.project, r.environment, r.release_digest, r.plan_text, l.version FROM rollout r JOIN release l ON l.digest = r.release_digest
WHERE r.direction = 'apply' AND r.partial = 0 AND r.plan_text IS NOT NULL AND r.state IN ('succeeded', 'catching-up')
	AND NOT EXISTS (SELECT 1 FROM rollout u WHERE u.undoes = r.id AND u.state IN ('succeeded', 'catching-up'))
	AND NOT EXISTS (SELECT 1 FROM rollout n WHERE n.project = r.project AND n.environment = r.environment AND n.direction = 'apply'
		AND n.partial = 0 AND n.state IN ('succeeded', 'catching-up') AND (n.created_at_us > r.created_at_us OR (n.created_at_us = r.created_at_us AND n.id > r.id)))
ORDER BY r.project, r.environment;

--: sql_approval_put
INSERT INTO approval (rollout, public_key, approver, envelope, at_us) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (rollout, public_key) DO UPDATE SET envelope = excluded.envelope, at_us = excluded.at_us;

--: sql_approvals
SELECT public_key, approver, envelope, at_us FROM approval WHERE rollout = ?1 ORDER BY at_us, approver;

--: sql_report_put
INSERT INTO report (agent, journal, seq, target, rollout, release_digest, direction, outcome, attempt, detail, started_at_us, ended_at_us, received_at_us, envelope)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14);

--: sql_step_put
INSERT INTO step (target, changeset, direction, run, step, state, via, class, digest, row_hash, task, attempt, agent, report_seq, started_at_us, ended_at_us, reported_at_us,
	project)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
ON CONFLICT (target, project, changeset, direction, run, step) DO UPDATE SET state = excluded.state, via = excluded.via, class = excluded.class, digest = excluded.digest,
	row_hash = excluded.row_hash, task = excluded.task, attempt = excluded.attempt, agent = excluded.agent, report_seq = excluded.report_seq,
	started_at_us = excluded.started_at_us, ended_at_us = excluded.ended_at_us, reported_at_us = excluded.reported_at_us;

--: sql_event_put
INSERT INTO event (seq, at_us, actor, rollout, object, event, from_state, to_state, detail, ref, evidence, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12);

--: sql_event_last
SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1;

--: sql_audit_rows
SELECT seq, at_us, actor, rollout, object, event, from_state, to_state, detail, ref, evidence, hash FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2;

--: sql_audit_documents
-- kind, name, the rest of the name as octets, size, blob
SELECT 'trust', CAST(version AS TEXT), NULL, length(envelope), NULL FROM document WHERE kind = 'trust'
UNION ALL SELECT 'certificate', agent || '/' || serial, NULL, length(envelope), NULL FROM certificate WHERE ?3 IS NULL OR agent IN (SELECT agent FROM report WHERE target = ?3)
UNION ALL SELECT 'release', version, NULL, envelope_size, envelope_hash FROM release WHERE ?3 IS NULL
	OR digest IN (SELECT r.release_digest FROM rollout r JOIN delivery d ON d.rollout = r.id WHERE d.target = ?3)
UNION ALL SELECT 'order', id, NULL, length(order_bytes), NULL FROM rollout
	WHERE changed_at_us >= ?1 AND created_at_us <= ?2 AND (?3 IS NULL OR id IN (SELECT rollout FROM delivery WHERE target = ?3))
UNION ALL SELECT 'approval', p.rollout, p.public_key, length(p.envelope), NULL FROM approval p JOIN rollout r ON r.id = p.rollout
	WHERE r.changed_at_us >= ?1 AND r.created_at_us <= ?2 AND (?3 IS NULL OR r.id IN (SELECT rollout FROM delivery WHERE target = ?3))
UNION ALL SELECT 'gate-pass', p.rollout || '/' || p.wave, p.public_key, length(p.envelope), NULL FROM gate_pass p JOIN rollout r ON r.id = p.rollout
	WHERE r.changed_at_us >= ?1 AND r.created_at_us <= ?2 AND (?3 IS NULL OR r.id IN (SELECT rollout FROM delivery WHERE target = ?3))
UNION ALL SELECT 'report', agent || '/' || journal || '/' || seq, NULL, length(envelope), NULL FROM report
	WHERE received_at_us >= ?1 AND received_at_us <= ?2 AND (?3 IS NULL OR target = ?3);

--: sql_audit_trust
SELECT envelope FROM document WHERE kind = 'trust' AND CAST(version AS TEXT) = ?1;

--: sql_audit_certificate
SELECT envelope FROM certificate WHERE agent || '/' || serial = ?1;

--: sql_audit_order
SELECT order_bytes FROM rollout WHERE id = ?1;

--: sql_audit_approval
SELECT envelope FROM approval WHERE rollout = ?1 AND public_key = ?2;

--: sql_audit_gate_pass
SELECT envelope FROM gate_pass WHERE rollout || '/' || wave = ?1 AND public_key = ?2;

--: sql_audit_report
SELECT envelope FROM report WHERE agent = ?1 AND journal = ?2 AND seq = ?3;

--: sql_history
SELECT min(p.ended_at_us, p.received_at_us), p.target, p.rollout, l.version, p.direction, p.outcome, p.attempt, p.detail, p.agent, p.journal, p.seq, l.project
FROM report p LEFT JOIN release l ON l.digest = p.release_digest
WHERE (?1 IS NULL OR p.target = ?1) AND (?2 IS NULL OR p.rollout = ?2) ORDER BY p.received_at_us DESC, p.seq DESC LIMIT ?3;

--: sql_freeze_put
INSERT INTO freeze (selector, from_us, until_us, reason, added_by, added_at_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id;

--: sql_freeze_remove
DELETE FROM freeze WHERE id = ?1;

--: sql_freezes
SELECT id, selector, from_us, until_us, reason, added_by, added_at_us FROM freeze WHERE until_us > ?1 ORDER BY from_us, id;

--: sql_quarantine_put
INSERT INTO quarantine (target, reason, added_by, added_at_us) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (target) DO UPDATE SET reason = excluded.reason, added_by = excluded.added_by, added_at_us = excluded.added_at_us;

--: sql_quarantine_remove
DELETE FROM quarantine WHERE target = ?1;

--: sql_quarantines
SELECT target, reason, added_by, added_at_us FROM quarantine ORDER BY target;

--: sql_counts
SELECT (SELECT count(*) FROM agent), (SELECT count(*) FROM target WHERE present = 1), (SELECT count(*) FROM rollout);

--: sql_document_put
INSERT INTO document (kind, version, envelope, at_us) VALUES (?1, ?2, ?3, ?4);

--: sql_documents
SELECT version, envelope FROM document WHERE kind = ?1 AND version >= ?2 ORDER BY version;

--: sql_documents_drop
DELETE FROM document WHERE kind = ?1 AND version < ?2;
