-- What each engine is asked for the inventory: how large a target is, and which databases or schemas are there to be served. One column each.
--: pg_sql_size
SELECT pg_catalog.pg_database_size(pg_catalog.current_database());

--: pg_sql_timeouts
SELECT max(setting) FILTER (WHERE name = 'lock_timeout'), max(setting) FILTER (WHERE name = 'statement_timeout') FROM pg_catalog.pg_settings
WHERE name IN ('lock_timeout', 'statement_timeout');

--: maria_sql_timeouts
SELECT CAST(GREATEST(@@lock_wait_timeout, @@innodb_lock_wait_timeout) * 1000 AS UNSIGNED), CAST(@@max_statement_time * 1000 AS UNSIGNED);

--: pg_sql_databases
SELECT datname FROM pg_catalog.pg_database WHERE NOT datistemplate AND datallowconn AND pg_catalog.has_database_privilege(oid, 'CONNECT') ORDER BY 1;

--: pg_sql_schemas
SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'rollcall') ORDER BY 1;

--: maria_sql_size
SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE();

--: maria_sql_databases
SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys') ORDER BY 1;

--: lite_sql_size
SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size();
