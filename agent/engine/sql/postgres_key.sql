-- The key by which the PostgreSQL engine walks a table. In psql give $1 as \bind or by hand.
--: pg_sql_table_key
-- $1 is the table's name, quoted and qualified where needed. Only a key whose columns cannot be NULL, nor change with others, of all rows, checked at once. The last columns: is it a date or time,
-- whose text depends on the session's DateStyle? And if its text is no sure literal, as IntervalStyle, TimeZone, lc_monetary or the types inside decide: its type. Such a key comes last. Leaves of a
-- partitioned table have the rows.
WITH t AS (SELECT pg_catalog.to_regclass($1) AS oid),
	y AS (SELECT y.oid, coalesce(nullif(y.typbasetype, 0), y.oid) AS base FROM pg_catalog.pg_type y),
	v AS (SELECT y.oid, y.base FROM y JOIN pg_catalog.pg_type b ON b.oid = y.base WHERE b.oid IN ('interval'::regtype, 'money'::regtype) OR b.typtype IN ('r', 'm', 'c') OR b.typcategory = 'A'),
	k AS (SELECT i.* FROM pg_catalog.pg_index i, t
		WHERE i.indrelid = t.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
			AND NOT EXISTS (SELECT 1 FROM pg_catalog.unnest(i.indkey) WITH ORDINALITY AS u (attnum, n)
				JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum WHERE u.n <= i.indnkeyatts AND (NOT a.attnotnull OR a.attgenerated <> ''))
		ORDER BY EXISTS (SELECT 1 FROM pg_catalog.unnest(i.indkey) WITH ORDINALITY AS u (attnum, n)
				JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum JOIN v ON v.oid = a.atttypid WHERE u.n <= i.indnkeyatts), i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1)
SELECT a.attname, pg_catalog.quote_ident(a.attname),
	(SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint FROM pg_catalog.pg_class c
		WHERE (c.oid = t.oid AND c.relkind <> 'p') OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(t.oid) p WHERE p.isleaf)),
	y.base IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype), (SELECT pg_catalog.format_type(v.base, NULL) FROM v WHERE v.oid = y.oid)
FROM t, k CROSS JOIN pg_catalog.unnest(k.indkey) WITH ORDINALITY AS u (attnum, n) JOIN pg_catalog.pg_attribute a ON a.attrelid = k.indrelid AND a.attnum = u.attnum
	JOIN y ON y.oid = a.atttypid
WHERE u.n <= k.indnkeyatts ORDER BY u.n;
