-- The canonical snapshot of a MariaDB target: tables, views, sequences and routines as SHOW CREATE says them, the rest from here: kind, name and definition of each object, in
-- no order. For people: USE the database, then run it.
-- Not in it: counters (AUTO_INCREMENT, values of sequences), statistics, the character set of who made a routine, users, and the ledger. Privileges are seen
-- as far as the agent's user may see them; those on routines are in no information schema, and so only where it may read mysql.procs_priv: GRANT SELECT ON mysql.procs_priv TO it.
--: maria_sql_snapshot_named
-- What SHOW CREATE is asked of.
SELECT CASE TABLE_TYPE WHEN 'VIEW' THEN 'VIEW' WHEN 'SEQUENCE' THEN 'SEQUENCE' ELSE 'TABLE' END, TABLE_NAME FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT IN ('rollcall_ledger', 'rollcall_meta', 'rollcall_batch') AND TABLE_TYPE <> 'TEMPORARY'
UNION ALL SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE IN ('PROCEDURE', 'FUNCTION');
--: maria_sql_snapshot_rest
SELECT 'database', 'default', CONCAT('CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', DEFAULT_COLLATION_NAME)
FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()
UNION ALL SELECT 'trigger', CONCAT(EVENT_OBJECT_TABLE, '.', TRIGGER_NAME), CONCAT(ACTION_TIMING, ' ', EVENT_MANIPULATION, ' NUMBER ', ACTION_ORDER, ' DEFINER ', DEFINER,
	' SQL_MODE ', SQL_MODE, ' AS ', ACTION_STATEMENT) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()
UNION ALL SELECT 'event', EVENT_NAME, CONCAT(EVENT_TYPE, IFNULL(CONCAT(' EVERY ', INTERVAL_VALUE, ' ', INTERVAL_FIELD), ''), IFNULL(CONCAT(' AT ', EXECUTE_AT), ''),
	IFNULL(CONCAT(' STARTS ', STARTS), ''), IFNULL(CONCAT(' ENDS ', ENDS), ''), ' ON COMPLETION ', ON_COMPLETION, ' ', STATUS, ' DEFINER ', DEFINER, ' TIME_ZONE ', TIME_ZONE,
	' SQL_MODE ', SQL_MODE, IF(EVENT_COMMENT = '', '', CONCAT(' COMMENT ', QUOTE(EVENT_COMMENT))), ' AS ', EVENT_DEFINITION)
	FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()
UNION ALL SELECT 'grant', CONCAT('database ', GRANTEE), CONCAT(GROUP_CONCAT(PRIVILEGE_TYPE ORDER BY PRIVILEGE_TYPE SEPARATOR ', '), IF(MAX(IS_GRANTABLE) = 'YES', ' WITH GRANT OPTION', ''))
	FROM information_schema.SCHEMA_PRIVILEGES WHERE REPLACE(TABLE_SCHEMA, '\\', '') = DATABASE() GROUP BY GRANTEE
UNION ALL SELECT 'grant', CONCAT('table ', TABLE_NAME, ' ', GRANTEE), CONCAT(GROUP_CONCAT(PRIVILEGE_TYPE ORDER BY PRIVILEGE_TYPE SEPARATOR ', '),
	IF(MAX(IS_GRANTABLE) = 'YES', ' WITH GRANT OPTION', ''))
	FROM information_schema.TABLE_PRIVILEGES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT IN ('rollcall_ledger', 'rollcall_meta', 'rollcall_batch') GROUP BY TABLE_NAME, GRANTEE
UNION ALL SELECT 'grant', CONCAT('column ', TABLE_NAME, '.', COLUMN_NAME, ' ', GRANTEE), GROUP_CONCAT(PRIVILEGE_TYPE ORDER BY PRIVILEGE_TYPE SEPARATOR ', ')
	FROM information_schema.COLUMN_PRIVILEGES WHERE TABLE_SCHEMA = DATABASE() GROUP BY TABLE_NAME, COLUMN_NAME, GRANTEE;
--: maria_sql_snapshot_routine_grants
-- Without what the server itself gives to who makes a routine (automatic_sp_privileges): a restored one has it of another, or not at all.
SELECT 'grant', CONCAT(LOWER(p.Routine_type), ' ', p.Routine_name, ' ', QUOTE(p.User), '@', QUOTE(p.Host)),
	CONCAT(CONCAT_WS(', ', IF(FIND_IN_SET('Alter Routine', p.Proc_priv), 'ALTER ROUTINE', NULL), IF(FIND_IN_SET('Execute', p.Proc_priv), 'EXECUTE', NULL),
	IF(FIND_IN_SET('Show Create Routine', p.Proc_priv), 'SHOW CREATE ROUTINE', NULL)), IF(FIND_IN_SET('Grant', p.Proc_priv), ' WITH GRANT OPTION', ''))
FROM mysql.procs_priv p LEFT JOIN information_schema.ROUTINES r ON r.ROUTINE_SCHEMA = DATABASE() AND r.ROUTINE_NAME = p.Routine_name AND r.ROUTINE_TYPE = p.Routine_type
	AND r.DEFINER = CONCAT(p.User, '@', p.Host)
WHERE p.Db = DATABASE() AND r.ROUTINE_NAME IS NULL;
