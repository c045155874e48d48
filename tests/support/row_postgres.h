/* The database of the rows PG-.. of rows_postgres_test.c and rows_postgres_concurrently_test.c, what is asked of it, and who is in the way there. */
#ifndef TESTS_SUPPORT_ROW_POSTGRES_H
#define TESTS_SUPPORT_ROW_POSTGRES_H

#include "tests/support/row_fixture.h"

#define PREPARE                                         \
	"SET ROLE rollcall; CREATE TABLE tick (what text);" \
	"CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 1000) AS i"
#define BUSY(text) "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rollcall' AND state = 'active' AND query LIKE '" text "%'"
#define LOCKED \
	"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
#define VIA "SELECT string_agg(via, ',' ORDER BY seq) FROM rollcall.ledger WHERE state = 'done'"

/* Holds a snapshot and a row of `item`: CONCURRENTLY waits for it. */
static inline pid_t hold_item(struct row_bench *b, const char *seconds)
{
	pid_t pid = row_outsider(b, arena_printf(b->f.arena, "BEGIN; UPDATE item SET name = name WHERE id = 1; SELECT pg_sleep(%s); COMMIT", seconds));
	row_becomes(b, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'postgres' AND wait_event = 'PgSleep' AND query LIKE 'BEGIN; UPDATE item%'",
	            "1");
	return pid;
}

#endif
