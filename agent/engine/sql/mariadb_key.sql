-- The key by which the MariaDB engine walks a table. In the mariadb client give the parameters by hand.
--: maria_sql_table_key
-- ?1 database or NULL, ?2 table. Every column of every usable key, the primary key first. No prefix, no column that may be NULL, no type whose order by value is not its order
-- against a literal.
SELECT s.INDEX_NAME, s.COLUMN_NAME,
	CASE WHEN c.DATA_TYPE IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'year') THEN 'number'
		WHEN c.DATA_TYPE IN ('binary', 'varbinary') THEN 'bytes' ELSE 'text' END,
	IFNULL(t.TABLE_ROWS, 0)
FROM information_schema.STATISTICS s
JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME
JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = s.TABLE_SCHEMA AND t.TABLE_NAME = s.TABLE_NAME
JOIN (SELECT IFNULL(?, DATABASE()) AS wanted_schema, ? AS wanted_table) w ON s.TABLE_SCHEMA = w.wanted_schema AND s.TABLE_NAME = w.wanted_table
WHERE s.NON_UNIQUE = 0 AND NOT EXISTS (SELECT 1 FROM information_schema.STATISTICS x
	JOIN information_schema.COLUMNS y ON y.TABLE_SCHEMA = x.TABLE_SCHEMA AND y.TABLE_NAME = x.TABLE_NAME AND y.COLUMN_NAME = x.COLUMN_NAME
	WHERE x.TABLE_SCHEMA = s.TABLE_SCHEMA AND x.TABLE_NAME = s.TABLE_NAME AND x.INDEX_NAME = s.INDEX_NAME
		AND (x.SUB_PART IS NOT NULL OR y.IS_NULLABLE = 'YES' OR y.DATA_TYPE IN ('enum', 'set', 'bit', 'float', 'double', 'time')))
ORDER BY s.INDEX_NAME <> 'PRIMARY', s.INDEX_NAME, s.SEQ_IN_INDEX;
