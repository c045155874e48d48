/* common/sql/online against the server's own parser: what is written into a statement is a statement to MariaDB's PREPARE, whatever words are chosen; and where it says that the grammar has no
 * place for them, the server sees it so too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/engine/engine.h"
#include "common/base/str.h"
#include "common/sql/online.h"
#include "tests/support/servers.h"

#define NOT_SQL 1064

static struct server *server;
static struct conn *c;
static const struct engine *en;
static char *dsn;

static int start(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	assert_int_equal(engines_init(&e), 0);
	server = server_start(DIALECT_MARIADB, false);
	server_create(server, "shop");
	dsn = server_dsn(server, "shop");
	const struct engine_target target = {
	    .id = "eu/my/shop", .dsn = dsn, .connect_timeout_ms = 3000, .lock_timeout_ms = 1000, .statement_timeout_ms = 10000};
	en = engine_by_name("mariadb");
	if (en->open(&target, &c, &e) != 0)
		fail_msg("%s", e.msg);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	en->close(&c);
	free(dsn);
	server_stop(&server);
	engines_done();
	return 0;
}

/* The server's error number for PREPARE of this text, which is not executed; 0 when it takes it. */
static int prepare(const char *sql)
{
	struct err e = ERR_INIT;
	struct engine_param text = {.value = bytes_of_str(sql)};
	if (en->query(c, bytes_of_str("SET @q = ?"), &text, 1, NULL, NULL, &e) != 0)
		fail_msg("%s", e.msg);
	return en->query(c, bytes_of_str("PREPARE s FROM @q"), NULL, 0, NULL, NULL, &e) == 0 ? 0 : e.db_errno;
}

static void test_what_is_written_is_sql(void **state)
{
	(void)state;
	static const char *const statements[] = {
	    "ALTER TABLE t ADD COLUMN a int",
	    "ALTER IGNORE TABLE IF EXISTS shop.t WAIT 5 DROP a, ADD (b int, c int)",
	    "ALTER TABLE t NOWAIT FORCE",
	    "ALTER TABLE t ENGINE=InnoDB ROW_FORMAT=DYNAMIC",
	    "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
	    "ALTER TABLE t ADD COLUMN algorithm int, ADD `lock` int DEFAULT (1 + 2)",
	    "ALTER TABLE t COMMENT 'x'",
	    "ALTER TABLE t DISABLE KEYS",
	    "ALTER TABLE t RENAME TO u",
	    "ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX i TO k",
	    "ALTER TABLE t ALTER COLUMN a SET DEFAULT 5, ALTER INDEX i IGNORED",
	    "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (a) ON DELETE CASCADE",
	    "ALTER TABLE t ADD CHECK (a > 0), DROP CONSTRAINT d",
	    "ALTER TABLE t ADD a int -- a remark",
	    "ALTER TABLE t ADD a int /*!101000 COMMENT 'x' */ /* so */",
	    "SET STATEMENT lock_wait_timeout=5 FOR ALTER TABLE t DROP a",
	    "CREATE INDEX i ON t (a)",
	    "CREATE OR REPLACE UNIQUE INDEX i USING BTREE ON t (a(10) DESC) WAIT 3 COMMENT 'x' -- so",
	    "CREATE FULLTEXT INDEX i ON t (a)",
	};
	for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
		if (prepare(statements[i]) != 0)
			fail_msg("%s: error %d", statements[i], prepare(statements[i]));
		for (size_t a = 0; sql_algorithms[a]; a++)
			for (size_t l = 0; sql_locks[l]; l++) {
				AUTO(buf_done) struct buf text = BUF_INIT;
				if (!sql_online_write(bytes_of_str(statements[i]), &(struct sql_online){sql_algorithms[a], sql_locks[l]}, &text))
					fail_msg("%s: nothing was written", statements[i]);
				if (prepare(buf_str(&text)) != 0)
					fail_msg("%s: error %d", buf_str(&text), prepare(buf_str(&text)));
			}
	}
}

/* Each is a statement as it stands, and none with the two behind it. */
static void test_where_there_is_no_place(void **state)
{
	(void)state;
	static const char *const statements[] = {
	    "ALTER TABLE t ADD PARTITION (PARTITION p2 VALUES LESS THAN (20))",
	    "ALTER TABLE t DROP PARTITION p1",
	    "ALTER TABLE t TRUNCATE PARTITION p1",
	    "ALTER TABLE t EXCHANGE PARTITION p1 WITH TABLE u",
	    "ALTER TABLE t REORGANIZE PARTITION p1 INTO (PARTITION p2 VALUES LESS THAN (5), PARTITION p3 VALUES LESS THAN (10))",
	    "ALTER TABLE t COALESCE PARTITION 2",
	    "ALTER TABLE t REBUILD PARTITION ALL",
	    "ALTER TABLE t REMOVE PARTITIONING",
	    "ALTER TABLE t PARTITION BY HASH (id) PARTITIONS 4",
	    "ALTER TABLE t ADD COLUMN (a int) PARTITION BY HASH (id)",
	    "ALTER TABLE t DISCARD TABLESPACE",
	    "ALTER TABLE t IMPORT TABLESPACE",
	    "ALTER TABLE t",
	    "DROP INDEX i ON t",
	    "OPTIMIZE TABLE t",
	    "RENAME TABLE t TO u",
	};
	for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
		AUTO(buf_done) struct buf list = BUF_INIT;
		AUTO(buf_done) struct buf words = BUF_INIT;
		assert_int_equal(sql_online_state(bytes_of_str(statements[i])), SQL_ONLINE_CANNOT);
		buf_addf(&list, "%s, ALGORITHM=COPY, LOCK=SHARED", statements[i]);
		buf_addf(&words, "%s ALGORITHM=COPY LOCK=SHARED", statements[i]);
		if (prepare(statements[i]) != 0 || prepare(buf_str(&list)) != NOT_SQL || prepare(buf_str(&words)) != NOT_SQL)
			fail_msg("%s: error %d; in a list %d, without a comma %d", statements[i], prepare(statements[i]), prepare(buf_str(&list)),
			         prepare(buf_str(&words)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_written_is_sql),
	    cmocka_unit_test(test_where_there_is_no_place),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
