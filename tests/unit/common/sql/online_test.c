/* common/sql/online: which statements may carry ALGORITHM and LOCK, and how they are written in. tests/conformance/online_test.c asks a server whether the grammar is this one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/online.h"

static const struct sql_online both = {"NOCOPY", "NONE"};

static void written(const char *sql, const struct sql_online *o, const char *wanted) /* NULL: left as it is */
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	bool changed = sql_online_write(bytes_of_str(sql), o, &text);
	if (changed != (wanted != NULL) || !str_eq(buf_str(&text), wanted ? wanted : ""))
		fail_msg("%s: %s instead of %s", sql, changed ? buf_str(&text) : "left as it is", wanted ? wanted : "left as it is");
}

static void test_written(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
	    {"ALTER TABLE t ADD COLUMN a int", "ALTER TABLE t ADD COLUMN a int, ALGORITHM=NOCOPY, LOCK=NONE"},
	    {"alter table `t` modify a int", "alter table `t` modify a int, ALGORITHM=NOCOPY, LOCK=NONE"},
	    {"ALTER IGNORE TABLE IF EXISTS shop.t WAIT 5 DROP a, ADD (b int, c int)",
	     "ALTER IGNORE TABLE IF EXISTS shop.t WAIT 5 DROP a, ADD (b int, c int), ALGORITHM=NOCOPY, LOCK=NONE"},
	    {"ALTER TABLE t NOWAIT FORCE", "ALTER TABLE t NOWAIT FORCE, ALGORITHM=NOCOPY, LOCK=NONE"},
	    {"ALTER TABLE t ENGINE=InnoDB ROW_FORMAT=DYNAMIC", "ALTER TABLE t ENGINE=InnoDB ROW_FORMAT=DYNAMIC, ALGORITHM=NOCOPY, LOCK=NONE"},
	    {"ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4", "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4, ALGORITHM=NOCOPY, LOCK=NONE"},
	    {"ALTER TABLE t ADD COLUMN algorithm int, ADD `lock` int DEFAULT (1 + 2)",
	     "ALTER TABLE t ADD COLUMN algorithm int, ADD `lock` int DEFAULT (1 + 2), ALGORITHM=NOCOPY, LOCK=NONE"},
	    {"ALTER TABLE t COMMENT 'ALGORITHM=COPY, LOCK=NONE'", "ALTER TABLE t COMMENT 'ALGORITHM=COPY, LOCK=NONE', ALGORITHM=NOCOPY, LOCK=NONE"},
	    {"SET STATEMENT lock_wait_timeout=5 FOR ALTER TABLE t DROP a",
	     "SET STATEMENT lock_wait_timeout=5 FOR ALTER TABLE t DROP a, ALGORITHM=NOCOPY, LOCK=NONE"},
	    {"ALTER TABLE t ADD a int -- a remark", "ALTER TABLE t ADD a int, ALGORITHM=NOCOPY, LOCK=NONE -- a remark"},
	    {"ALTER TABLE t ADD a int # a remark\n", "ALTER TABLE t ADD a int, ALGORITHM=NOCOPY, LOCK=NONE # a remark\n"},
	    {"ALTER TABLE t ADD a int /*!101000 COMMENT 'x' */ /* so */",
	     "ALTER TABLE t ADD a int /*!101000 COMMENT 'x' */, ALGORITHM=NOCOPY, LOCK=NONE /* so */"},
	    {"ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE t RENAME COLUMN a TO b, ALGORITHM=NOCOPY, LOCK=NONE"},
	    {"ALTER TABLE t RENAME INDEX a TO b", "ALTER TABLE t RENAME INDEX a TO b, ALGORITHM=NOCOPY, LOCK=NONE"},
	    {"ALTER TABLE t RENAME TO u", "ALTER TABLE t RENAME TO u, ALGORITHM=NOCOPY"}, /* the lock is the server's */
	    {"ALTER TABLE t ADD a int, RENAME u", "ALTER TABLE t ADD a int, RENAME u, ALGORITHM=NOCOPY"},
	    {"CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (a) ALGORITHM=NOCOPY LOCK=NONE"},
	    {"CREATE OR REPLACE UNIQUE INDEX IF NOT EXISTS algorithm USING BTREE ON algorithm (`lock`, a(10)) WAIT 3 COMMENT 'x' -- so",
	     "CREATE OR REPLACE UNIQUE INDEX IF NOT EXISTS algorithm USING BTREE ON algorithm (`lock`, a(10)) WAIT 3 COMMENT 'x' ALGORITHM=NOCOPY "
	     "LOCK=NONE -- "
	     "so"},
	    {"CREATE FULLTEXT INDEX i ON t (a)", "CREATE FULLTEXT INDEX i ON t (a) ALGORITHM=NOCOPY LOCK=NONE"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(sql_online_state(bytes_of_str(cases[i][0])), SQL_ONLINE_LACKS);
		written(cases[i][0], &both, cases[i][1]);
		written(cases[i][1], &both, NULL); /* now it says so itself */
	}
}

static void test_said(void **state)
{
	(void)state;
	static const char *const cases[] = {
	    "ALTER TABLE t ADD a int, ALGORITHM=COPY",          "ALTER TABLE t ALGORITHM INPLACE, ADD a int",
	    "ALTER TABLE t ADD a int, lock = shared",           "ALTER ONLINE TABLE t ADD a int",
	    "ALTER TABLE t ADD a int /*!100300 , LOCK=NONE */", "CREATE INDEX i ON t (a) LOCK=NONE",
	    "CREATE INDEX i ON t (a) ALGORITHM COMMENT 'x'",    "ALTER TABLE t ORDER BY a, ALGORITHM=COPY",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(sql_online_state(bytes_of_str(cases[i])), SQL_ONLINE_SAYS);
		written(cases[i], &both, NULL);
	}
}

static void test_cannot(void **state)
{
	(void)state;
	static const char *const cases[] = {
	    "ALTER TABLE t ADD PARTITION (PARTITION p2 VALUES LESS THAN (20))",
	    "ALTER TABLE t DROP PARTITION p1",
	    "ALTER TABLE t TRUNCATE PARTITION p1",
	    "ALTER TABLE t EXCHANGE PARTITION p1 WITH TABLE u",
	    "ALTER TABLE t REORGANIZE PARTITION p1 INTO (PARTITION p2 VALUES LESS THAN (5), PARTITION p3 VALUES LESS THAN (10))",
	    "ALTER TABLE t COALESCE PARTITION 2",
	    "ALTER TABLE t REBUILD PARTITION ALL",
	    "ALTER TABLE t CONVERT PARTITION p1 TO TABLE u",
	    "ALTER TABLE t REMOVE PARTITIONING",
	    "ALTER TABLE t PARTITION BY HASH (id) PARTITIONS 4",
	    "ALTER TABLE t ADD COLUMN (a int) PARTITION BY HASH (id)",
	    "ALTER TABLE t ADD a int REMOVE PARTITIONING",
	    "ALTER TABLE t DISCARD TABLESPACE",
	    "ALTER TABLE t IMPORT TABLESPACE",
	    "ALTER TABLE t",
	    "DROP INDEX i ON t",
	    "DROP TABLE t",
	    "CREATE TABLE t (a int)",
	    "CREATE TABLE t (a int, KEY (a))",
	    "RENAME TABLE t TO u",
	    "OPTIMIZE TABLE t",
	    "CREATE VIEW v AS SELECT 1",
	    "ALTER ALGORITHM=MERGE VIEW v AS SELECT 1",
	    "UPDATE t SET a = 1",
	    "",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (sql_online_state(bytes_of_str(cases[i])) != SQL_ONLINE_CANNOT)
			fail_msg("%s", cases[i]);
		written(cases[i], &both, NULL);
	}
}

static void test_one_of_the_two(void **state)
{
	(void)state;
	written("ALTER TABLE t ADD a int", &(struct sql_online){.algorithm = "INSTANT"}, "ALTER TABLE t ADD a int, ALGORITHM=INSTANT");
	written("CREATE INDEX i ON t (a)", &(struct sql_online){.lock = "SHARED"}, "CREATE INDEX i ON t (a) LOCK=SHARED");
	written("ALTER TABLE t RENAME TO u", &(struct sql_online){.lock = "NONE"}, NULL);
	written("ALTER TABLE t ADD a int", &(struct sql_online){0}, NULL);
	/* What follows ORDER BY would be one more of its columns: it lacks them, and nobody writes them. */
	assert_int_equal(sql_online_state(bytes_of_str("ALTER TABLE t ORDER BY a, b")), SQL_ONLINE_LACKS);
	written("ALTER TABLE t ORDER BY a, b", &both, NULL);
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(sql_online_word(sql_algorithms, "nocopy"), "NOCOPY");
	assert_string_equal(sql_online_word(sql_locks, "None"), "NONE");
	assert_null(sql_online_word(sql_locks, "nocopy"));
	assert_null(sql_online_word(sql_algorithms, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_written),        cmocka_unit_test(test_said),  cmocka_unit_test(test_cannot),
	    cmocka_unit_test(test_one_of_the_two), cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
