-- Questions that the MariaDB engine asks of the server. For people: SET @s = 'database' and put the names in.
--: maria_sql_identity
-- The session takes a lock in its own name, which the server drops with it: connection ids start again with the server, and nothing else tells two of them apart.
SELECT CONCAT(CONNECTION_ID(), '/', t.us), GET_LOCK(CONCAT('rollcall/', CONNECTION_ID(), '/', t.us), 0), @@GLOBAL.read_only, @@hostname, @@port, @@max_allowed_packet
FROM (SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED) AS us) AS t;
--: maria_sql_cautions
SELECT 'innodb_flush_log_at_trx_commit is not 1: after a power failure the ledger may lack what was committed last' FROM DUAL
	WHERE @@GLOBAL.innodb_flush_log_at_trx_commit <> 1
UNION ALL SELECT 'sync_binlog is not 1: after a power failure replicas may lack, or have alone, what was committed last' FROM DUAL
	WHERE @@GLOBAL.log_bin = 1 AND @@GLOBAL.sync_binlog <> 1
UNION ALL SELECT CONCAT(CURRENT_USER(), ' has ', GROUP_CONCAT(PRIVILEGE_TYPE SEPARATOR ', '), ': read_only does not stop it, Rollcall alone looks at it')
	FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE IN ('SUPER', 'READ_ONLY ADMIN', 'READ ONLY ADMIN')
	AND GRANTEE = CONCAT('''', REVERSE(SUBSTRING(REVERSE(CURRENT_USER()), LOCATE('@', REVERSE(CURRENT_USER())) + 1)), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')
	HAVING COUNT(*) > 0;
--: maria_sql_superuser
SELECT COUNT(*) > 0 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'SUPER'
	AND GRANTEE = CONCAT('''', REVERSE(SUBSTRING(REVERSE(CURRENT_USER()), LOCATE('@', REVERSE(CURRENT_USER())) + 1)), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''');
--: maria_sql_differing_variables
-- Session variables that a release's SET moved away from the server's values. Session-only ones have no global value and are not here.
SELECT VARIABLE_NAME FROM information_schema.SYSTEM_VARIABLES
WHERE VARIABLE_SCOPE = 'SESSION' AND READ_ONLY = 'NO' AND NOT SESSION_VALUE <=> GLOBAL_VALUE AND GLOBAL_VALUE IS NOT NULL
	AND VARIABLE_NAME NOT LIKE 'character\_set\_%' AND VARIABLE_NAME NOT LIKE 'collation\_%';
--: maria_sql_table_exists
SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND (TABLE_TYPE = 'VIEW') = ?;
--: maria_sql_table_size
SELECT COALESCE(SUM(table_rows), 0), COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables
WHERE table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND table_name = ? AND table_type <> 'VIEW';
--: maria_sql_schema_state[]
SELECT TABLE_NAME, TABLE_TYPE, ENGINE, ROW_FORMAT, TABLE_COLLATION, CREATE_OPTIONS, TABLE_COMMENT FROM information_schema.TABLES
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT LIKE 'rollcall\_%' ORDER BY 1;
SELECT TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, CHARACTER_SET_NAME, COLLATION_NAME, EXTRA, GENERATION_EXPRESSION,
	COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT LIKE 'rollcall\_%' ORDER BY 1, 2;
SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE, SUB_PART, COLLATION, INDEX_TYPE, IGNORED FROM information_schema.STATISTICS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT LIKE 'rollcall\_%' ORDER BY 1, 2, 3;
SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() ORDER BY 1, 2;
SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME
	FROM information_schema.KEY_COLUMN_USAGE k WHERE k.TABLE_SCHEMA = DATABASE() AND k.TABLE_NAME NOT LIKE 'rollcall\_%' ORDER BY 1, 2, 3;
SELECT TABLE_NAME, VIEW_DEFINITION, CHECK_OPTION, DEFINER, SECURITY_TYPE FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1;
SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER, ACTION_STATEMENT FROM information_schema.TRIGGERS
	WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1;
SELECT ROUTINE_NAME, ROUTINE_TYPE, DTD_IDENTIFIER, ROUTINE_DEFINITION, SQL_DATA_ACCESS, SECURITY_TYPE, DEFINER FROM information_schema.ROUTINES
	WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY 1, 2;
SELECT EVENT_NAME, EVENT_DEFINITION, INTERVAL_VALUE, INTERVAL_FIELD, STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY 1;
--: maria_sql_which_tables
-- What a table keeps under a new name: its definition. When it was made it does not: the server writes that anew.
SELECT t.TABLE_NAME, CONCAT_WS(' ', t.TABLE_TYPE, t.ENGINE, t.ROW_FORMAT, t.TABLE_COLLATION, SHA1(t.TABLE_COMMENT), c.columns, s.keys_)
FROM information_schema.TABLES t
	LEFT JOIN (SELECT TABLE_NAME, SHA1(GROUP_CONCAT(CONCAT_WS(0x1F, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, COLLATION_NAME, EXTRA, GENERATION_EXPRESSION, COLUMN_COMMENT)
			ORDER BY ORDINAL_POSITION SEPARATOR 0x1E)) AS columns FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() GROUP BY TABLE_NAME) c ON c.TABLE_NAME = t.TABLE_NAME
	LEFT JOIN (SELECT TABLE_NAME, SHA1(GROUP_CONCAT(CONCAT_WS(0x1F, INDEX_NAME, COLUMN_NAME, NON_UNIQUE, SUB_PART, INDEX_TYPE) ORDER BY INDEX_NAME, SEQ_IN_INDEX SEPARATOR 0x1E)) AS keys_
		FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() GROUP BY TABLE_NAME) s ON s.TABLE_NAME = t.TABLE_NAME
WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME NOT LIKE 'rollcall\_%' ORDER BY 1;
--: maria_sql_made_table
-- Of InnoDB: when its definition was last written.
SELECT UNIX_TIMESTAMP(CREATE_TIME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE()) AND TABLE_NAME = ?;
--: maria_sql_made_procedure
SELECT UNIX_TIMESTAMP(CREATED) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE()) AND ROUTINE_NAME = ? AND ROUTINE_TYPE = 'PROCEDURE';
--: maria_sql_made_function
SELECT UNIX_TIMESTAMP(CREATED) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE()) AND ROUTINE_NAME = ? AND ROUTINE_TYPE = 'FUNCTION';
--: maria_sql_made_event
SELECT UNIX_TIMESTAMP(CREATED) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE()) AND EVENT_NAME = ?;
--: maria_sql_try_lock
SELECT GET_LOCK(?, 0);
--: maria_sql_unlock
SELECT RELEASE_LOCK(?);
--: maria_sql_lock_holder
SELECT p.ID, p.USER, SUBSTRING_INDEX(p.HOST, ':', 1), p.TIME FROM information_schema.PROCESSLIST p WHERE p.ID = IS_USED_LOCK(?);
--: maria_sql_backend_alive
SELECT 1 FROM DUAL WHERE IS_USED_LOCK(CONCAT('rollcall/', ?, '/', ?)) IS NOT NULL;
--: maria_sql_waits_for_metadata
-- "Waiting for table metadata lock", "... backup lock", "... table level lock", "... table flush".
SELECT STATE LIKE 'Waiting for % lock' OR STATE = 'Waiting for table flush' FROM information_schema.PROCESSLIST WHERE ID = ?;
--: maria_sql_waits_for_rows
SELECT trx_state = 'LOCK WAIT' FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = ?;
--: maria_sql_row_blockers
SELECT b.trx_mysql_thread_id, p.USER, SUBSTRING_INDEX(p.HOST, ':', 1), p.DB, TIMESTAMPDIFF(SECOND, b.trx_started, NOW()), p.COMMAND,
	LEFT(COALESCE(b.trx_query, p.INFO, ''), 80)
FROM information_schema.INNODB_LOCK_WAITS w JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id
	JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id JOIN information_schema.PROCESSLIST p ON p.ID = b.trx_mysql_thread_id
WHERE r.trx_mysql_thread_id = ? LIMIT 5;
--: maria_sql_metadata_blockers
SELECT m.THREAD_ID, p.USER, SUBSTRING_INDEX(p.HOST, ':', 1), p.DB, TIMESTAMPDIFF(SECOND, MIN(t.trx_started), NOW()), p.COMMAND, LEFT(COALESCE(p.INFO, ''), 80)
FROM information_schema.METADATA_LOCK_INFO m JOIN information_schema.PROCESSLIST p ON p.ID = m.THREAD_ID
	LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = m.THREAD_ID
WHERE m.TABLE_SCHEMA = DATABASE() AND m.THREAD_ID <> ? AND m.THREAD_ID <> CONNECTION_ID() GROUP BY m.THREAD_ID ORDER BY p.TIME DESC LIMIT 5;
--: maria_sql_open_transactions
-- Without the metadata_lock_info plugin: the oldest open transactions, one of which it must be.
SELECT t.trx_mysql_thread_id, p.USER, SUBSTRING_INDEX(p.HOST, ':', 1), p.DB, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), p.COMMAND,
	LEFT(COALESCE(t.trx_query, p.INFO, ''), 80)
FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
WHERE t.trx_mysql_thread_id <> ? AND t.trx_mysql_thread_id <> CONNECTION_ID() AND p.DB = DATABASE() ORDER BY t.trx_started LIMIT 5;
