/* common/sql/online against the server's own parser: what is written into a statement is a statement to MariaDB's PREPARE, whatever words are chosen; and where it says that the grammar has no
 * place for them, the server sees it so too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/sql/online.h"
#include "tests/support/prepare.h"

static int prepare_text(const char *sql)
{
	return prepare(bytes_of_str(sql));
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
		if (prepare_text(statements[i]) != 0)
			fail_msg("%s: error %d", statements[i], prepare_text(statements[i]));
		for (size_t a = 0; sql_algorithms[a]; a++)
			for (size_t l = 0; sql_locks[l]; l++) {
				AUTO(buf_done) struct buf text = BUF_INIT;
				if (!sql_online_write(bytes_of_str(statements[i]), &(struct sql_online){sql_algorithms[a], sql_locks[l]}, &text))
					fail_msg("%s: nothing was written", statements[i]);
				if (prepare_text(buf_str(&text)) != 0)
					fail_msg("%s: error %d", buf_str(&text), prepare_text(buf_str(&text)));
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
		if (prepare_text(statements[i]) != 0 || prepare_text(buf_str(&list)) != PREPARE_NOT_SQL || prepare_text(buf_str(&words)) != PREPARE_NOT_SQL)
			fail_msg("%s: error %d; in a list %d, without a comma %d", statements[i], prepare_text(statements[i]), prepare_text(buf_str(&list)),
			         prepare_text(buf_str(&words)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_written_is_sql),
	    cmocka_unit_test(test_where_there_is_no_place),
	};
	return cmocka_run_group_tests(tests, prepare_start, prepare_stop);
}
