-- Questions that the PostgreSQL engine asks of the catalog. In psql give $1 .. as \bind or by hand.
--: pg_sql_relation_state
-- A relation as far as its definition and validity go; $1 is its name, quoted and qualified where needed. relfilenode shows a rewrite (VACUUM FULL, REINDEX).
SELECT pg_catalog.concat_ws('|', n.nspname, c.relname, c.relkind, c.reltablespace, c.relpersistence, pg_catalog.pg_relation_filenode(c.oid),
		pg_catalog.array_to_string(c.reloptions, ','), pg_catalog.pg_get_userbyid(c.relowner)),
	(SELECT pg_catalog.string_agg(pg_catalog.concat_ws('|', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
			a.attgenerated, a.attstattarget, pg_catalog.pg_get_expr(d.adbin, d.adrelid)), E'\n' ORDER BY a.attnum)
		FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
	(SELECT pg_catalog.string_agg(pg_catalog.concat_ws('|', x.conname, x.convalidated, pg_catalog.pg_get_constraintdef(x.oid)), E'\n' ORDER BY x.conname)
		FROM pg_catalog.pg_constraint x WHERE x.conrelid = c.oid),
	(SELECT pg_catalog.string_agg(pg_catalog.concat_ws('|', pg_catalog.pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indislive, i.indisreplident,
			i.indisclustered, pg_catalog.pg_relation_filenode(i.indexrelid)), E'\n' ORDER BY i.indexrelid)
		FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid OR i.indexrelid = c.oid),
	(SELECT pg_catalog.string_agg(pg_catalog.concat_ws('|', h.inhrelid, h.inhparent, h.inhdetachpending,
			(SELECT k.relname FROM pg_catalog.pg_class k WHERE k.oid = h.inhrelid)), E'\n' ORDER BY h.inhrelid, h.inhparent)
		FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid OR h.inhparent = c.oid),
	(SELECT pg_catalog.string_agg(pg_catalog.pg_get_triggerdef(t.oid), E'\n' ORDER BY t.tgname) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
	CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass($1);
--: pg_sql_database_state
SELECT d.oid, d.datname, d.datallowconn, d.datconnlimit, d.dattablespace, pg_catalog.pg_get_userbyid(d.datdba),
	CASE WHEN pg_catalog.pg_get_userbyid(d.datdba) = CURRENT_USER THEN 'own' END
FROM pg_catalog.pg_database d WHERE d.datname = $1;
--: pg_sql_tablespace_state
SELECT s.oid, s.spcname, pg_catalog.pg_get_userbyid(s.spcowner), pg_catalog.array_to_string(s.spcoptions, ',') FROM pg_catalog.pg_tablespace s WHERE s.spcname = $1;
--: pg_sql_type_state
SELECT t.oid, t.typname, t.typtype, (SELECT pg_catalog.string_agg(v.enumlabel, E'\n' ORDER BY v.enumsortorder) FROM pg_catalog.pg_enum v WHERE v.enumtypid = t.oid)
FROM pg_catalog.pg_type t WHERE t.oid = pg_catalog.to_regtype($1);
--: pg_sql_schema_state
-- The whole schema (or all of a database's), without the ledger: one digest of relations, columns, constraints, indexes, triggers, functions, types, in name order.
WITH own AS (SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
		WHERE n.nspname NOT IN ('rollcall', 'information_schema') AND n.nspname NOT LIKE 'pg\_%' AND ($1::text IS NULL OR n.nspname = $1)),
	rel AS (SELECT c.*, o.nspname FROM pg_catalog.pg_class c JOIN own o ON o.oid = c.relnamespace WHERE c.relname NOT LIKE 'rollcall\_%'),
	line AS (
		SELECT pg_catalog.concat_ws('|', 'r', nspname, relname, relkind, relpersistence, pg_catalog.array_to_string(reloptions, ',')) AS t FROM rel
		UNION ALL SELECT pg_catalog.concat_ws('|', 'c', r.nspname, r.relname, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
				a.attidentity, a.attgenerated, pg_catalog.pg_get_expr(d.adbin, d.adrelid))
			FROM rel r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
			LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f')
		UNION ALL SELECT pg_catalog.concat_ws('|', 'k', r.nspname, r.relname, x.conname, x.convalidated, pg_catalog.pg_get_constraintdef(x.oid))
			FROM rel r JOIN pg_catalog.pg_constraint x ON x.conrelid = r.oid
		UNION ALL SELECT pg_catalog.concat_ws('|', 'i', r.nspname, r.relname, pg_catalog.pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indislive)
			FROM rel r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid
		UNION ALL SELECT pg_catalog.concat_ws('|', 'h', r.nspname, r.relname, h.inhparent, h.inhdetachpending) FROM rel r JOIN pg_catalog.pg_inherits h ON h.inhrelid = r.oid
		UNION ALL SELECT pg_catalog.concat_ws('|', 't', r.nspname, r.relname, pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled)
			FROM rel r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
		UNION ALL SELECT pg_catalog.concat_ws('|', 'v', r.nspname, r.relname, pg_catalog.pg_get_viewdef(r.oid)) FROM rel r WHERE r.relkind IN ('v', 'm')
		UNION ALL SELECT pg_catalog.concat_ws('|', 'f', o.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid), pg_catalog.md5(p.prosrc), p.prokind)
			FROM pg_catalog.pg_proc p JOIN own o ON o.oid = p.pronamespace
		UNION ALL SELECT pg_catalog.concat_ws('|', 'e', o.nspname, t.typname, v.enumsortorder, v.enumlabel)
			FROM pg_catalog.pg_type t JOIN own o ON o.oid = t.typnamespace JOIN pg_catalog.pg_enum v ON v.enumtypid = t.oid)
SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(coalesce(pg_catalog.string_agg(t, E'\n' ORDER BY t COLLATE "C"), ''), 'UTF8')), 'hex') FROM line;
--: pg_sql_invalid_indexes
-- What an interrupted CONCURRENTLY left: the index itself, or REINDEX's copies (name_ccnew, name_ccold, numbered when taken), those of partitions too, and those of TOAST tables as far
-- as this role may drop them (pg_sql_cautions tells of the rest). $1 index, table or schema, $2 what a REINDEX was of ('' for any other statement). The second column is who may still
-- build it: the lock by which builders keep each other out, which VACUUM and ANALYZE take too.
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), (SELECT pg_catalog.min(l.pid) FROM pg_catalog.pg_locks l
		WHERE l.locktype = 'relation' AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
			AND l.relation = i.indrelid AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
			AND l.pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_vacuum UNION ALL SELECT pid FROM pg_catalog.pg_stat_progress_analyze))
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND CASE WHEN $2::text = '' THEN i.indexrelid = pg_catalog.to_regclass($1)
	ELSE c.relname ~ '_cc(new|old)[0-9]*$' AND EXISTS (SELECT 1 FROM pg_catalog.pg_class t
		WHERE (t.oid = i.indrelid OR t.reltoastrelid = i.indrelid) AND CASE $2
			WHEN 'database' THEN true
			WHEN 'schema' THEN t.relnamespace = pg_catalog.to_regnamespace($1)
			ELSE EXISTS (SELECT 1 FROM (SELECT coalesce((SELECT j.indrelid FROM pg_catalog.pg_index j WHERE j.indexrelid = pg_catalog.to_regclass($1)),
					pg_catalog.to_regclass($1)::oid) AS oid) r
				WHERE t.oid = r.oid OR t.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(r.oid) p)) END) END;
--: pg_sql_schema_of
SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass($1);
--: pg_sql_pending_detach
-- $1 the table, $2 the partition that our own statement detaches: another one's DETACH is not ours to end.
SELECT pg_catalog.format('ALTER TABLE %s DETACH PARTITION %s FINALIZE', h.inhparent::regclass, h.inhrelid::regclass)
FROM pg_catalog.pg_inherits h WHERE h.inhdetachpending AND h.inhparent = pg_catalog.to_regclass($1) AND h.inhrelid = pg_catalog.to_regclass($2);
--: pg_sql_table_exists
SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = ANY (ARRAY[$1::text, pg_catalog.lower($1)]) AND c.relkind = ANY (CASE WHEN $3::boolean THEN '{v,m}'::"char"[] ELSE '{r,p,f}'::"char"[] END)
	AND CASE WHEN $2::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = ANY (ARRAY[$2::text, pg_catalog.lower($2)]) END;
--: pg_sql_table_size
-- With its partitions and children. A table that was never analyzed has no estimate: then 64 bytes a row.
WITH RECURSIVE t (oid) AS (
	SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relname = $1 AND c.relkind IN ('r', 'p', 'm') AND CASE WHEN $2 = '' THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = $2 END
	UNION SELECT h.inhrelid FROM pg_catalog.pg_inherits h JOIN t ON h.inhparent = t.oid)
SELECT COALESCE(sum(CASE WHEN c.relkind = 'p' THEN 0 WHEN c.reltuples >= 0 THEN c.reltuples::bigint ELSE pg_catalog.pg_relation_size(c.oid) / 64 END), 0)::bigint,
	COALESCE(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::bigint
FROM t JOIN pg_catalog.pg_class c ON c.oid = t.oid;
--: pg_sql_try_lock
SELECT pg_catalog.pg_try_advisory_lock($1::int, $2::int);
--: pg_sql_unlock
SELECT pg_catalog.pg_advisory_unlock($1::int, $2::int);
--: pg_sql_lock_holder
SELECT a.pid, a.usename, a.application_name, pg_catalog.round(extract(epoch FROM pg_catalog.now() - a.backend_start))::bigint
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = ($1::bigint & 4294967295)::oid AND l.objid = ($2::bigint & 4294967295)::oid AND l.objsubid = 2
	AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database());
--: pg_sql_backend_alive
-- Another role's start time is hidden without pg_read_all_stats: then the pid alone has to do.
SELECT 1 FROM pg_catalog.pg_stat_get_activity($1::int) a
WHERE a.backend_start IS NULL OR (extract(epoch FROM a.backend_start) * 1000000)::bigint = $2::bigint;
--: pg_sql_superuser
SELECT pg_catalog.current_setting('is_superuser');
--: pg_sql_cautions
SELECT 'fsync is off: a power failure can lose or damage the database, ledger and all' WHERE pg_catalog.current_setting('fsync') = 'off'
UNION ALL SELECT 'full_page_writes is off: a power failure can damage the database' WHERE pg_catalog.current_setting('full_page_writes') = 'off'
UNION ALL SELECT pg_catalog.format('%s prepared transactions are open (the oldest since %s): CREATE INDEX CONCURRENTLY waits for them without end', pg_catalog.count(*),
	pg_catalog.min(p.prepared)) FROM pg_catalog.pg_prepared_xacts p WHERE p.database = pg_catalog.current_database() HAVING pg_catalog.count(*) > 0
UNION ALL SELECT pg_catalog.format('index %I.%I is INVALID: a CONCURRENTLY that broke off has left it, each write keeps it up, and no query reads it; its owner, or a superuser, drops it',
		n.nspname, c.relname)
	FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid AND c.relkind = 'i'
UNION ALL SELECT pg_catalog.format('role %s is a superuser: a role that owns the schema is enough', r.rolname) FROM pg_catalog.pg_roles r
	WHERE r.rolname = session_user AND r.rolsuper;
--: pg_sql_witness
SELECT pg_catalog.txid_status($1::bigint);
--: pg_sql_cancel_backend
-- Only when the start says that it is the one.
SELECT pg_catalog.pg_cancel_backend(a.pid) FROM pg_catalog.pg_stat_get_activity($1::int) a WHERE (extract(epoch FROM a.backend_start) * 1000000)::bigint = $2::bigint;
--: pg_sql_stand
-- Does it wait for a lock, and has or wants it one that keeps others from reading or writing a table? What it made itself, in a transaction that is open, is not seen here, and in nobody's
-- way; nor is an index that is about to go (CONCURRENTLY): nobody begins to use it.
WITH mine AS MATERIALIZED (SELECT l.locktype, l.relation, l.mode, l.granted FROM pg_catalog.pg_locks l WHERE l.pid = $1::int)
SELECT pg_catalog.bool_or(NOT m.granted), pg_catalog.bool_or(m.locktype = 'relation'
	AND m.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
	AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = m.relation)
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indexrelid = m.relation AND NOT i.indislive)) FROM mine m;
--: pg_sql_blockers
-- Of another account's session everybody sees who it is; what it does and since when only with pg_read_all_stats: then state and age are null.
SELECT a.pid, coalesce(a.usename, '?'), coalesce(nullif(a.application_name, ''), '?'), coalesce(a.datname, '?'),
	CASE WHEN a.xact_start IS NOT NULL THEN greatest(pg_catalog.round(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start))::bigint, 0) END, a.state,
	pg_catalog.btrim(pg_catalog.regexp_replace(pg_catalog.left(coalesce(a.query, ''), 80), '\s+', ' ', 'g'))
FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY (pg_catalog.pg_blocking_pids($1::int)) ORDER BY a.xact_start LIMIT 5;
