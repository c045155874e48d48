-- How far the replicas of a MariaDB server are behind: the first two are for the primary, the others for a replica.
--: maria_sql_replicas_connected
SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'SLAVES_CONNECTED';
--: maria_sql_own_last
SELECT @@last_gtid;
--: maria_sql_replica_status
SHOW ALL SLAVES STATUS;
--: maria_sql_replica_has
-- 0: it has that transaction, -1: not yet. It does not wait.
SELECT MASTER_GTID_WAIT(?, 0);
