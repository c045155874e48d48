-- The canonical snapshot of a PostgreSQL target: kind, name and definition of each object, in no order. Read on a session whose search_path is the target's schema, or empty
-- for a whole database, so that names are told the same way whoever asks. In psql: SET search_path = ''; SET rollcall.schema = ''; and run it.
-- Not in it: oids, values of sequences, statistics, tablespaces, options of foreign servers and user mappings (they hold passwords), the order of columns that are inherited
-- (a restore changes it), casts, operators, text search, roles, publications, what belongs to extensions, and the ledger.
--: pg_sql_snapshot
WITH want AS (SELECT pg_catalog.current_setting('rollcall.schema') AS schema),
	own AS (SELECT n.oid, n.nspname, n.nspacl, n.nspowner, CASE WHEN w.schema = '' THEN pg_catalog.quote_ident(n.nspname) || '.' ELSE '' END AS p
		FROM pg_catalog.pg_namespace n, want w WHERE n.nspname NOT IN ('rollcall', 'information_schema') AND n.nspname !~ '^pg_' AND w.schema IN ('', n.nspname)),
	master AS (SELECT CASE WHEN w.schema = '' THEN d.datdba ELSE (SELECT o.nspowner FROM own o) END AS oid
		FROM want w, pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()),
	-- who owns it, when that is not who owns the whole
	owner AS (SELECT r.oid, ' OWNER ' || pg_catalog.quote_ident(r.rolname) AS t FROM pg_catalog.pg_roles r, master m WHERE r.oid <> m.oid),
	extended AS MATERIALIZED (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
		OR (deptype = 'i' AND classid = 'pg_catalog.pg_proc'::pg_catalog.regclass)), -- what a range type makes for itself
	rel AS MATERIALIZED (SELECT c.*, o.p || pg_catalog.quote_ident(c.relname) AS name,
			CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'f' THEN 'foreign-table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized-view'
				WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'index' END AS kind
		FROM pg_catalog.pg_class c JOIN own o ON o.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c', 'i', 'I') AND c.relname !~ '^rollcall_(ledger|meta|batch)(_|$)'
			AND NOT EXISTS (SELECT 1 FROM extended e WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid)),
	tab AS (SELECT * FROM rel WHERE relkind IN ('r', 'p', 'f', 'v', 'm')),
	col AS MATERIALIZED (SELECT r.oid AS relid, r.name || '.' || pg_catalog.quote_ident(a.attname) AS name, r.relowner, r.relkind, a.*
		FROM rel r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')),
	parents AS MATERIALIZED (SELECT inhrelid, pg_catalog.bool_or(inhdetachpending) AS pending,
			pg_catalog.string_agg(inhparent::pg_catalog.regclass::text, ', ' ORDER BY inhseqno) AS names FROM pg_catalog.pg_inherits GROUP BY inhrelid),
	names AS MATERIALIZED (SELECT c.relid, pg_catalog.string_agg(pg_catalog.quote_ident(c.attname), ', ' ORDER BY CASE WHEN i.inhrelid IS NULL THEN c.attnum END, c.attname) AS t
		FROM col c LEFT JOIN parents i ON i.inhrelid = c.relid GROUP BY c.relid),
	routine AS MATERIALIZED (SELECT p.*, o.p || pg_catalog.quote_ident(p.proname) || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' AS name
		FROM pg_catalog.pg_proc p JOIN own o ON o.oid = p.pronamespace
		WHERE NOT EXISTS (SELECT 1 FROM extended e WHERE e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND e.objid = p.oid)),
	typ AS MATERIALIZED (SELECT t.*, o.p || pg_catalog.quote_ident(t.typname) AS name FROM pg_catalog.pg_type t JOIN own o ON o.oid = t.typnamespace
		LEFT JOIN pg_catalog.pg_class k ON k.oid = t.typrelid
		WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND k.relkind = 'c'))
			AND NOT EXISTS (SELECT 1 FROM extended e WHERE e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND e.objid = t.oid)),
	-- privileges, as far as they differ from what an owner gives by default
	guarded AS (SELECT kind || ' ' || name AS what, relacl AS acl, CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END AS class, relowner AS owner FROM rel WHERE relkind <> 'c'
		UNION ALL SELECT 'column ' || name, attacl, 'c', relowner FROM col
		UNION ALL SELECT 'routine ' || name, proacl, 'f', proowner FROM routine
		UNION ALL SELECT 'type ' || name, typacl, 'T', typowner FROM typ
		UNION ALL SELECT 'schema ' || pg_catalog.quote_ident(nspname), nspacl, 'n', nspowner FROM own, want WHERE want.schema = ''),
	privilege AS (SELECT g.what, 'grant' AS kind, g.owner, x.grantee, x.privilege_type, x.is_grantable
			FROM guarded g, LATERAL (SELECT grantee, privilege_type, is_grantable FROM pg_catalog.aclexplode(g.acl)
				EXCEPT SELECT grantee, privilege_type, is_grantable FROM pg_catalog.aclexplode(pg_catalog.acldefault(g.class, g.owner))) x WHERE g.acl IS NOT NULL
		UNION ALL SELECT g.what, 'revoke', g.owner, x.grantee, x.privilege_type, x.is_grantable
			FROM guarded g, LATERAL (SELECT grantee, privilege_type, is_grantable FROM pg_catalog.aclexplode(pg_catalog.acldefault(g.class, g.owner))
				EXCEPT SELECT grantee, privilege_type, is_grantable FROM pg_catalog.aclexplode(g.acl)) x WHERE g.acl IS NOT NULL)

SELECT 'schema', pg_catalog.quote_ident(o.nspname), coalesce(w.t, '') FROM own o JOIN want ON want.schema = '' LEFT JOIN owner w ON w.oid = o.nspowner

UNION ALL SELECT r.kind, r.name, pg_catalog.concat(
		'(' || m.t || ')',
		CASE r.relpersistence WHEN 'u' THEN ' UNLOGGED' WHEN 't' THEN ' TEMPORARY' END,
		' PARTITION BY ' || pg_catalog.pg_get_partkeydef(r.oid),
		CASE WHEN r.relispartition THEN ' PARTITION OF ' ELSE ' INHERITS ' END || i.names,
		CASE WHEN i.pending THEN ' DETACH PENDING' END,
		' ' || pg_catalog.pg_get_expr(r.relpartbound, r.oid),
		' USING ' || (SELECT h.amname FROM pg_catalog.pg_am h WHERE h.oid = r.relam AND h.amname <> 'heap'),
		' SERVER ' || (SELECT pg_catalog.quote_ident(s.srvname) FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = r.oid),
		-- those of heaps and views, from PostgreSQL's reloptions.c; another access method (2 is heap) has what it likes
		' WITH (' || (SELECT pg_catalog.string_agg(x, ', ' ORDER BY x COLLATE "C") FROM pg_catalog.unnest(r.reloptions) x WHERE r.relam NOT IN (0, 2)
			OR pg_catalog.split_part(x, '=', 1) ~ '^(fillfactor|(log_)?autovacuum_[a-z_]+|vacuum_[a-z_]+|toast_tuple_target|parallel_workers|user_catalog_table|security_barrier|security_invoker|check_option)$') || ')',
		CASE WHEN r.relrowsecurity THEN ' ROW SECURITY' END, CASE WHEN r.relforcerowsecurity THEN ' FORCED' END,
		CASE WHEN r.relkind IN ('r', 'p') AND r.relreplident <> 'd' THEN ' REPLICA IDENTITY ' || r.relreplident::text END,
		w.t,
		CASE WHEN r.relkind IN ('v', 'm') THEN ' AS ' || pg_catalog.pg_get_viewdef(r.oid, true) END)
	FROM tab r LEFT JOIN names m ON m.relid = r.oid LEFT JOIN parents i ON i.inhrelid = r.oid LEFT JOIN owner w ON w.oid = r.relowner

UNION ALL SELECT 'column', c.name, pg_catalog.concat(pg_catalog.format_type(c.atttypid, c.atttypmod),
		' COLLATE ' || CASE WHEN c.attcollation <> t.typcollation THEN c.attcollation::pg_catalog.regcollation::text END,
		CASE WHEN c.attnotnull THEN ' NOT NULL' END,
		CASE c.attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY' WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY' END,
		CASE WHEN c.attgenerated = '' THEN ' DEFAULT ' ELSE ' GENERATED ALWAYS AS ' END || pg_catalog.pg_get_expr(d.adbin, d.adrelid, true),
		CASE WHEN c.attgenerated <> '' THEN ' STORED' END,
		CASE WHEN c.attstorage <> t.typstorage AND c.relkind IN ('r', 'p', 'f', 'm') THEN ' STORAGE ' || c.attstorage::text END,
		' COMPRESSION ' || nullif(c.attcompression::text, ''),
		' STATISTICS ' || CASE WHEN c.attstattarget >= 0 THEN c.attstattarget END,
		-- by name, as a dump has them. Options that a server sets by itself are stamps, which differ between equal schemas: of a column's own there are but two that people set
		' OPTIONS (' || (SELECT pg_catalog.string_agg(o, ', ' ORDER BY o COLLATE "C")
			FROM pg_catalog.unnest(c.attoptions) o WHERE pg_catalog.split_part(o, '=', 1) IN ('n_distinct', 'n_distinct_inherited')) || ')',
		' FOREIGN OPTIONS (' || (SELECT pg_catalog.string_agg(o, ', ' ORDER BY o COLLATE "C") FROM pg_catalog.unnest(c.attfdwoptions) o) || ')')
	FROM col c JOIN pg_catalog.pg_type t ON t.oid = c.atttypid LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.relid AND d.adnum = c.attnum

UNION ALL SELECT 'constraint', r.name || '.' || pg_catalog.quote_ident(x.conname), pg_catalog.concat(pg_catalog.pg_get_constraintdef(x.oid, true),
		CASE WHEN NOT x.convalidated THEN ' UNVALIDATED' END)
	FROM rel r JOIN pg_catalog.pg_constraint x ON x.conrelid = r.oid
	WHERE x.contype IN ('p', 'u', 'x', 'c') OR (x.contype = 'f' AND x.conparentid = 0)

UNION ALL SELECT 'index', r.name, pg_catalog.concat(pg_catalog.pg_get_indexdef(r.oid, 0, true),
		' WITH COLUMN STATISTICS ' || (SELECT pg_catalog.string_agg(a.attnum || '=' || a.attstattarget, ', ' ORDER BY a.attnum)
			FROM pg_catalog.pg_attribute a WHERE a.attrelid = r.oid AND a.attstattarget >= 0),
		CASE WHEN i.indisclustered THEN ' CLUSTERED' END, CASE WHEN i.indisreplident THEN ' REPLICA IDENTITY' END,
		CASE WHEN NOT i.indisvalid THEN ' INVALID' END, CASE WHEN NOT i.indisready THEN ' NOT READY' END)
	FROM rel r JOIN pg_catalog.pg_index i ON i.indexrelid = r.oid

UNION ALL SELECT 'trigger', r.name || '.' || pg_catalog.quote_ident(t.tgname), pg_catalog.concat(pg_catalog.pg_get_triggerdef(t.oid, true),
		CASE t.tgenabled WHEN 'D' THEN ' DISABLED' WHEN 'R' THEN ' ENABLED FOR REPLICA' WHEN 'A' THEN ' ENABLED ALWAYS' END)
	FROM rel r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal

UNION ALL SELECT 'rule', r.name || '.' || pg_catalog.quote_ident(u.rulename), pg_catalog.concat(pg_catalog.pg_get_ruledef(u.oid, true),
		CASE WHEN u.ev_enabled <> 'O' THEN ' STATE ' || u.ev_enabled::text END)
	FROM rel r JOIN pg_catalog.pg_rewrite u ON u.ev_class = r.oid AND u.rulename <> '_RETURN'

UNION ALL SELECT 'policy', r.name || '.' || pg_catalog.quote_ident(y.polname), pg_catalog.concat(CASE WHEN y.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, ' FOR ',
		CASE y.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END, ' TO ',
		(SELECT pg_catalog.string_agg(coalesce(a.rolname, 'PUBLIC'), ', ' ORDER BY a.rolname COLLATE "C") FROM pg_catalog.unnest(y.polroles) x LEFT JOIN pg_catalog.pg_roles a ON a.oid = x),
		' USING (' || pg_catalog.pg_get_expr(y.polqual, r.oid, true) || ')', ' WITH CHECK (' || pg_catalog.pg_get_expr(y.polwithcheck, r.oid, true) || ')')
	FROM rel r JOIN pg_catalog.pg_policy y ON y.polrelid = r.oid

UNION ALL SELECT 'sequence', r.name, pg_catalog.concat(pg_catalog.format_type(s.seqtypid, NULL), ' START ', s.seqstart, ' INCREMENT ', s.seqincrement, ' MIN ', s.seqmin, ' MAX ', s.seqmax,
		' CACHE ', s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' END, CASE r.relpersistence WHEN 'u' THEN ' UNLOGGED' END,
		' OWNED BY ' || (SELECT c.name FROM pg_catalog.pg_depend d JOIN col c ON c.relid = d.refobjid AND c.attnum = d.refobjsubid
			WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i') LIMIT 1), w.t)
	FROM rel r JOIN pg_catalog.pg_sequence s ON s.seqrelid = r.oid LEFT JOIN owner w ON w.oid = r.relowner

UNION ALL SELECT 'routine', p.name, pg_catalog.concat(
		CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' WHEN 'w' THEN 'WINDOW' ELSE 'FUNCTION' END, ' (', pg_catalog.pg_get_function_arguments(p.oid), ')',
		' RETURNS ' || pg_catalog.pg_get_function_result(p.oid), ' LANGUAGE ', l.lanname,
		CASE p.provolatile WHEN 'i' THEN ' IMMUTABLE' WHEN 's' THEN ' STABLE' END, CASE WHEN p.proisstrict THEN ' STRICT' END, CASE WHEN p.prosecdef THEN ' SECURITY DEFINER' END,
		CASE WHEN p.proleakproof THEN ' LEAKPROOF' END, CASE p.proparallel WHEN 's' THEN ' PARALLEL SAFE' WHEN 'r' THEN ' PARALLEL RESTRICTED' END,
		' COST ' || p.procost, ' ROWS ' || nullif(p.prorows, 0), ' SET ' || pg_catalog.array_to_string(p.proconfig, ', '), w.t,
		(SELECT pg_catalog.concat(' SFUNC ', g.aggtransfn, ' STYPE ', pg_catalog.format_type(g.aggtranstype, NULL), ' FINALFUNC ' || nullif(g.aggfinalfn::oid, 0)::pg_catalog.regproc::text,
			' COMBINEFUNC ' || nullif(g.aggcombinefn::oid, 0)::pg_catalog.regproc::text, ' INITCOND ' || g.agginitval) FROM pg_catalog.pg_aggregate g WHERE g.aggfnoid = p.oid),
		' AS ', coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc), ' IN ' || p.probin)
	FROM routine p JOIN pg_catalog.pg_language l ON l.oid = p.prolang LEFT JOIN owner w ON w.oid = p.proowner

UNION ALL SELECT 'type', t.name, pg_catalog.concat(
		'ENUM (' || (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(v.enumlabel), ', ' ORDER BY v.enumsortorder) FROM pg_catalog.pg_enum v WHERE v.enumtypid = t.oid) || ')',
		CASE t.typtype WHEN 'd' THEN 'DOMAIN ' || pg_catalog.format_type(t.typbasetype, t.typtypmod) END,
		' COLLATE ' || CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation THEN t.typcollation::pg_catalog.regcollation::text END,
		CASE WHEN t.typnotnull THEN ' NOT NULL' END, ' DEFAULT ' || t.typdefault,
		' ' || (SELECT pg_catalog.string_agg(pg_catalog.concat('CONSTRAINT ', pg_catalog.quote_ident(x.conname), ' ', pg_catalog.pg_get_constraintdef(x.oid, true)), ' ' ORDER BY x.conname COLLATE "C")
			FROM pg_catalog.pg_constraint x WHERE x.contypid = t.oid AND x.contype = 'c'),
		CASE t.typtype WHEN 'c' THEN 'COMPOSITE (' || (SELECT m.t FROM names m WHERE m.relid = t.typrelid) || ')' END,
		CASE t.typtype WHEN 'r' THEN 'RANGE ' || (SELECT pg_catalog.format_type(g.rngsubtype, NULL) FROM pg_catalog.pg_range g WHERE g.rngtypid = t.oid) END, w.t)
	FROM typ t LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype LEFT JOIN owner w ON w.oid = t.typowner

UNION ALL SELECT 'statistics', o.p || pg_catalog.quote_ident(s.stxname), pg_catalog.pg_get_statisticsobjdef(s.oid) FROM pg_catalog.pg_statistic_ext s JOIN own o ON o.oid = s.stxnamespace

UNION ALL SELECT v.kind, v.what, pg_catalog.concat(CASE WHEN v.grantee = 0 THEN 'PUBLIC' WHEN v.grantee = v.owner THEN 'the owner' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(v.grantee)) END,
		': ', pg_catalog.string_agg(v.privilege_type || CASE WHEN v.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', ' ORDER BY v.privilege_type))
	FROM privilege v GROUP BY v.kind, v.what, v.owner, v.grantee

UNION ALL SELECT 'default-grant', pg_catalog.concat(pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(d.defaclrole)), ' ' || pg_catalog.quote_ident(o.nspname), ' ', d.defaclobjtype),
		(SELECT pg_catalog.string_agg(x::text, ', ' ORDER BY x::text COLLATE "C") FROM pg_catalog.unnest(d.defaclacl) x)
	FROM pg_catalog.pg_default_acl d LEFT JOIN own o ON o.oid = d.defaclnamespace JOIN want ON want.schema = '' OR o.oid IS NOT NULL WHERE d.defaclnamespace = 0 OR o.oid IS NOT NULL

UNION ALL SELECT 'extension', pg_catalog.quote_ident(x.extname), 'SCHEMA ' || pg_catalog.quote_ident(n.nspname)
	FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace JOIN want ON want.schema = ''

UNION ALL SELECT 'event-trigger', pg_catalog.quote_ident(t.evtname), pg_catalog.concat(t.evtevent, ' ' || pg_catalog.array_to_string(t.evttags, ', '), ' ', t.evtfoid::pg_catalog.regproc,
		CASE WHEN t.evtenabled <> 'O' THEN ' STATE ' || t.evtenabled::text END)
	FROM pg_catalog.pg_event_trigger t JOIN want ON want.schema = ''

UNION ALL SELECT 'server', pg_catalog.quote_ident(s.srvname), pg_catalog.concat('WRAPPER ', pg_catalog.quote_ident(f.fdwname), ' TYPE ' || s.srvtype, ' VERSION ' || s.srvversion)
	FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper f ON f.oid = s.srvfdw JOIN want ON want.schema = ''

UNION ALL SELECT 'comment', x.what, d.description FROM pg_catalog.pg_description d JOIN (
		SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid AS class, oid, 0 AS sub, kind || ' ' || name AS what FROM rel WHERE relkind <> 'c'
		UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, relid, attnum, 'column ' || name FROM col
		UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, 0, 'routine ' || name FROM routine
		UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, 0, 'type ' || name FROM typ) x
	ON d.classoid = x.class AND d.objoid = x.oid AND d.objsubid = x.sub;
