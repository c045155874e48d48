-- How far the replicas of a PostgreSQL server are behind.
--: pg_sql_replica_lag
-- $1 is a place in the log that was the end of it a while ago (NULL: none). replay_lag is the server's own measure, and stays as it was while a replica stands still: so it is also
-- told how many have not come to $1. A role that may not see the replicas sees their rows with NULL for a state.
SELECT coalesce(pg_catalog.round(extract(epoch FROM max(r.replay_lag)) * 1000), 0)::bigint, count(*) FILTER (WHERE r.state IS NULL),
	count(*) FILTER (WHERE r.replay_lsn < $1::pg_lsn), pg_catalog.pg_current_wal_lsn()
FROM pg_catalog.pg_stat_replication r WHERE r.state IS NULL OR r.state <> 'backup';
