-- The key by which the SQLite engine walks a table. In the sqlite3 client give ?1 by .parameter.
--: lite_sql_table_key
-- ?1 table. Every column of every usable key, the primary key first. A primary key may hold NULLs unless it is the rowid itself, says NOT NULL, or has no rowid beside it;
-- pragma_index_list names no index for the rowid.
WITH col AS (SELECT name, type, pk, "notnull" AS filled FROM pragma_table_info(?1)),
	wr AS (SELECT wr FROM pragma_table_list WHERE lower(name) = lower(?1) AND schema = 'main'),
	rowid_key AS (SELECT name FROM col WHERE pk = 1 AND lower(type) = 'integer' AND (SELECT count(*) FROM col WHERE pk > 0) = 1 AND NOT (SELECT wr FROM wr))
SELECT 0, '', name, 1 FROM rowid_key
UNION ALL
SELECT CASE l.origin WHEN 'pk' THEN 1 ELSE 2 END, l.name, x.name, x.seqno
FROM pragma_index_list(?1) l JOIN pragma_index_xinfo(l.name) x ON x.key
WHERE l."unique" AND NOT l.partial AND NOT EXISTS (SELECT 1 FROM pragma_index_xinfo(l.name) i LEFT JOIN col c ON c.name = i.name
	WHERE i.key AND (c.name IS NULL OR NOT (c.filled OR (l.origin = 'pk' AND (SELECT wr FROM wr)))))
ORDER BY 1, 2, 4;
