/* Pure judgements: did an interrupted statement take effect, and how long to wait before the next try. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/apply/judge.h"
#include "agent/apply/retry.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/sql/effect.h"

#define TABLE_OF(name, lines)  "\nCREATE TABLE `" name "` (\n" lines "\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci\n"
#define T(lines)               TABLE_OF("t", lines)
#define ID                     "  `id` int(11) NOT NULL,\n"
#define A                      "  `a` varchar(20) DEFAULT NULL,\n"
#define PRIMARY                "  PRIMARY KEY (`id`)"
#define PARTITIONED(list)      T(ID PRIMARY) " PARTITION BY RANGE (`id`)\n(" list ")\n"
#define PARTITION(name, below) "PARTITION `" name "` VALUES LESS THAN (" below ") ENGINE = InnoDB"
#define INDEXED(definition)    "public|i|i||p|16390||rollcall\n" definition "|t|t|t|f|f|16390\n"
#define PARENT(line)           "public|t|p||p|||rollcall\nid|integer|f|||-1\n" line
#define VIEW(query)            "\nCREATE ALGORITHM=UNDEFINED DEFINER=`r`@`%` SQL SECURITY DEFINER VIEW `v` AS " query "\n"
#define UNKNOWN                ((const char *)1) /* it exists, and its text was not kept */

struct judged {
	const char *sql;
	const char *before, *now; /* definitions; NULL: absent */
	enum verdict verdict;
};

static struct seen seen_of(const char *text)
{
	struct seen s = {.text = text == UNKNOWN ? NULL : text};
	if (text)
		digest_sha256(bytes_of_str(text == UNKNOWN ? "unknown" : text), s.state);
	return s;
}

static void play(enum dialect d, const struct judged *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *why = NULL;
		struct seen before = seen_of(cases[i].before), now = seen_of(cases[i].now);
		enum verdict v = judge(d, bytes_of_str(cases[i].sql), &before, &now, &why);
		if (v != cases[i].verdict)
			fail_msg("case %zu, %s: verdict %d (%s), wanted %d", i, cases[i].sql, (int)v, why, (int)cases[i].verdict);
		assert_non_null(why);
	}
}
#define PLAY(dialect, cases) play(dialect, cases, ARRAY_LEN(cases))

static void test_tables_come_and_go(void **state)
{
	(void)state;
	static const struct judged cases[] = {
	    {"CREATE TABLE t (id int PRIMARY KEY, a varchar(20))", NULL, T(ID A PRIMARY), VERDICT_APPLIED},
	    {"CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, a varchar(20))", NULL, T(ID A PRIMARY), VERDICT_APPLIED},
	    {"CREATE TABLE t (id int, a varchar(20), PRIMARY KEY (id), UNIQUE (a))", NULL, T(ID A PRIMARY ",\n  UNIQUE KEY `a` (`a`)"), VERDICT_APPLIED},
	    {"CREATE TABLE t (id int, a varchar(20), PRIMARY KEY (id), UNIQUE (a))", NULL, T(ID A PRIMARY ",\n  KEY `a` (`a`)"), VERDICT_UNSURE},
	    {"CREATE TABLE t (id int)", NULL, NULL, VERDICT_NOT_APPLIED},
	    {"CREATE TABLE t (id int PRIMARY KEY, a varchar(20))", NULL, T("  `zzz` int(11) DEFAULT NULL"), VERDICT_UNSURE}, /* another's */
	    {"CREATE TABLE t (id int PRIMARY KEY)", NULL, T(ID A PRIMARY), VERDICT_UNSURE},
	    {"CREATE TABLE t (id int PRIMARY KEY, a varchar(30))", NULL, T(ID A PRIMARY), VERDICT_UNSURE},
	    {"CREATE TABLE t LIKE u", NULL, T(ID PRIMARY), VERDICT_UNSURE}, /* what u is like is not asked */
	    {"CREATE TABLE t (id int) SELECT 1 AS b", NULL, T(ID PRIMARY), VERDICT_UNSURE},
	    {"CREATE TABLE t (id int)", T(ID PRIMARY), T(ID A PRIMARY), VERDICT_UNSURE},
	    {"CREATE TABLE IF NOT EXISTS t (id int)", T(ID PRIMARY), T(ID PRIMARY), VERDICT_NOT_APPLIED},
	    {"CREATE TABLE IF NOT EXISTS t (id int)", T(ID PRIMARY), T(ID A PRIMARY), VERDICT_NOT_APPLIED}, /* it does nothing */
	    {"DROP TABLE t", T(ID PRIMARY), NULL, VERDICT_APPLIED},
	    {"DROP TABLE t", UNKNOWN, NULL, VERDICT_APPLIED},
	    {"DROP TABLE t", T(ID PRIMARY), T(ID PRIMARY), VERDICT_NOT_APPLIED},
	    {"DROP TABLE t", T(ID PRIMARY), T(ID A PRIMARY), VERDICT_UNSURE},
	    {"RENAME TABLE t TO u", T(ID PRIMARY), TABLE_OF("u", ID PRIMARY), VERDICT_APPLIED},
	    {"ALTER TABLE t RENAME TO u", T(ID PRIMARY), TABLE_OF("u", ID PRIMARY), VERDICT_APPLIED},
	    {"RENAME TABLE t TO u", T(ID PRIMARY), TABLE_OF("u", ID A PRIMARY), VERDICT_UNSURE}, /* another table */
	    {"RENAME TABLE t TO u", T(ID PRIMARY), T(ID A PRIMARY), VERDICT_UNSURE},
	    {"RENAME TABLE t TO u", T(ID PRIMARY), T(ID PRIMARY), VERDICT_NOT_APPLIED},
	    {"RENAME TABLE t TO u", T(ID PRIMARY), NULL, VERDICT_UNSURE},
	    {"RENAME TABLE x TO z, y TO x, z TO y", "x\t1\ny\t2\n", "x\t1\ny\t2\n", VERDICT_UNSURE}, /* they change places: nothing shows it */
	    {"RENAME TABLE t TO old_t, new_t TO t", "new_t\t1\nt\t2\n", "new_t\t1\nt\t2\n", VERDICT_NOT_APPLIED},
	    {"RENAME TABLE t TO old_t, new_t TO t", "new_t\t1\nt\t2\n", "old_t\t2\nt\t1\n", VERDICT_APPLIED},
	    {"RENAME TABLE t TO old_t, new_t TO t", "new_t\t1\nt\t2\n", "old_t\t2\nt\t3\n", VERDICT_UNSURE}, /* others of these names */
	    {"RENAME TABLE t TO old_t, new_t TO t", "new_t\t1\nt\t2\n", "old_t\t1\nt\t2\n", VERDICT_UNSURE},
	    {"RENAME TABLE t TO old_t, new_t TO t", "new_t\t1\nt\t2\n", "new_t\t1\nold_t\t2\nt\t1\n", VERDICT_UNSURE},
	    {"RENAME TABLE t TO old_t, new_t TO t", "new_t\t1\nt\t1\n", "old_t\t1\nt\t1\n", VERDICT_UNSURE}, /* alike */
	    {"RENAME TABLE a TO b, b TO c, d TO a", "a\t1\nd\t2\n", "a\t2\nc\t1\n", VERDICT_APPLIED},
	    {"RENAME TABLE shop.t TO old_t, new_t TO t", "new_t\t1\nt\t2\n", "new_t\t1\nt\t2\n", VERDICT_UNSURE},
	};
	PLAY(DIALECT_MARIADB, cases);
}

static void test_columns(void **state)
{
	(void)state;
	static const char one[] = T(ID PRIMARY), two[] = T(ID A PRIMARY), dba[] = T(ID "  `dba` int(11) DEFAULT NULL,\n" PRIMARY);
	static const struct judged cases[] = {
	    {"ALTER TABLE t ADD COLUMN a varchar(20)", one, two, VERDICT_APPLIED},
	    {"ALTER TABLE t ADD a varchar(20) AFTER id, ALGORITHM=COPY", one, two, VERDICT_APPLIED},
	    {"SET STATEMENT lock_wait_timeout = 5 FOR ALTER TABLE t ADD (a varchar(20))", one, two, VERDICT_APPLIED},
	    {"ALTER TABLE t ADD COLUMN a varchar(20)", one, one, VERDICT_NOT_APPLIED},
	    {"ALTER TABLE t ADD COLUMN a varchar(20)", one, dba, VERDICT_UNSURE}, /* another's column */
	    {"ALTER TABLE t ADD COLUMN a varchar(20), ADD COLUMN b int", one, two, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN a varchar(40)", one, two, VERDICT_UNSURE}, /* of another type */
	    {"ALTER TABLE t ADD COLUMN a int", one, two, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN a varchar(20) NOT NULL", one, two, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN a varchar(20) DEFAULT 'x'", one, two, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN a varchar(20) COMMENT 'x'", one, two, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 0", one, T(ID "  `c` int(11) NOT NULL DEFAULT 0,\n" PRIMARY), VERDICT_APPLIED},
	    {"ALTER TABLE t ADD COLUMN c boolean DEFAULT true", one, T(ID "  `c` tinyint(1) DEFAULT 1,\n" PRIMARY), VERDICT_APPLIED},
	    {"ALTER TABLE t ADD COLUMN c numeric(8) UNSIGNED", one, T(ID "  `c` decimal(8,0) unsigned DEFAULT NULL,\n" PRIMARY), VERDICT_APPLIED},
	    {"ALTER TABLE t ADD COLUMN c bigint", one, T(ID "  `c` bigint(20) unsigned DEFAULT NULL,\n" PRIMARY), VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN a varchar(20)", UNKNOWN, two, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN a varchar(20)", two, NULL, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN a varchar(20)", NULL, two, VERDICT_UNSURE},
	    {"ALTER TABLE t DROP COLUMN a", two, one, VERDICT_APPLIED},
	    {"ALTER TABLE t DROP a, DROP COLUMN IF EXISTS b", two, one, VERDICT_APPLIED},
	    {"ALTER TABLE t DROP COLUMN a", two, two, VERDICT_NOT_APPLIED},
	    {"ALTER TABLE t DROP COLUMN a", two, T(ID A "  `dba` int(11) DEFAULT NULL,\n" PRIMARY), VERDICT_UNSURE},
	    {"ALTER TABLE t DROP COLUMN a, ADD COLUMN a varchar(20)", two, two, VERDICT_UNSURE}, /* its values are gone, or not */
	    {"ALTER TABLE t MODIFY a varchar(20), ADD COLUMN c int", two, T(ID A "  `c` int(11) DEFAULT NULL,\n" PRIMARY), VERDICT_APPLIED},
	    {"ALTER TABLE t MODIFY a varchar(20)", two, T(ID A "  `c` int(11) DEFAULT NULL,\n" PRIMARY),
	     VERDICT_UNSURE}, /* another's, and nobody knows */
	    {"ALTER TABLE t MODIFY a varchar(20)", two, two, VERDICT_NOT_APPLIED}, /* twice is no harm */
	    {"ALTER TABLE t MODIFY id bigint NOT NULL", one, T("  `id` bigint(20) NOT NULL,\n" PRIMARY), VERDICT_APPLIED},
	    {"ALTER TABLE t MODIFY id bigint", one, T("  `id` bigint(20) NOT NULL,\n" PRIMARY), VERDICT_APPLIED},
	    {"ALTER TABLE t MODIFY COLUMN a varchar(20)", two, T(ID "  `a` varchar(20) DEFAULT NULL COMMENT 'theirs',\n" PRIMARY), VERDICT_UNSURE},
	    {"ALTER TABLE t MODIFY COLUMN a varchar(20)", two, T(ID "  `a` varchar(20) DEFAULT 'theirs',\n" PRIMARY), VERDICT_UNSURE},
	    {"ALTER TABLE t MODIFY COLUMN a varchar(20)", two, T(ID "  `a` varchar(20) NOT NULL,\n" PRIMARY), VERDICT_UNSURE},
	    {"ALTER TABLE t MODIFY COLUMN a varchar(40)", two, dba, VERDICT_UNSURE},
	    {"ALTER TABLE t CHANGE a b varchar(20)", two, T(ID "  `b` varchar(20) DEFAULT NULL,\n" PRIMARY), VERDICT_APPLIED},
	    {"ALTER TABLE t CHANGE a a varchar(40)", two, T(ID "  `a` varchar(40) DEFAULT NULL,\n" PRIMARY), VERDICT_APPLIED},
	    {"ALTER TABLE t CHANGE a b varchar(20), CHANGE b a varchar(20)", two, two, VERDICT_UNSURE},
	    {"ALTER TABLE t RENAME COLUMN a TO b", two, T(ID "  `b` varchar(20) DEFAULT NULL,\n" PRIMARY), VERDICT_APPLIED},
	    {"ALTER TABLE t ALTER COLUMN a SET DEFAULT 'x'", two, T(ID "  `a` varchar(20) DEFAULT 'x',\n" PRIMARY), VERDICT_APPLIED},
	    {"ALTER TABLE t ALTER COLUMN a SET DEFAULT 'x'", two, dba, VERDICT_UNSURE},
	};
	PLAY(DIALECT_MARIADB, cases);
}

static void test_keys_and_constraints(void **state)
{
	(void)state;
	static const char none[] = T(ID A PRIMARY), key[] = T(ID A PRIMARY ",\n  KEY `i` (`a`)"), unique[] = T(ID A PRIMARY ",\n  UNIQUE KEY `i` (`a`)"),
	                  foreign[] = T(ID A PRIMARY ",\n  KEY `c` (`a`),\n  CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `u` (`a`)"),
	                  check[] = T(ID A PRIMARY ",\n  CONSTRAINT `c` CHECK (`id` > 0)");
	static const struct judged cases[] = {
	    {"CREATE INDEX i ON t (a)", none, key, VERDICT_APPLIED},
	    {"CREATE INDEX i ON t (a)", none, none, VERDICT_NOT_APPLIED},
	    {"CREATE INDEX i ON t (a)", none, unique, VERDICT_UNSURE},
	    {"CREATE INDEX i ON t (a(10))", none, key, VERDICT_UNSURE},
	    {"CREATE INDEX i ON t (a, id)", none, key, VERDICT_UNSURE},
	    {"CREATE UNIQUE INDEX i ON t (a)", none, key, VERDICT_UNSURE}, /* another's of that name */
	    {"CREATE UNIQUE INDEX i USING BTREE ON t (a ASC)", none, unique, VERDICT_APPLIED},
	    {"CREATE OR REPLACE INDEX i ON t (a)", unique, key, VERDICT_APPLIED},
	    {"ALTER TABLE t ADD INDEX (a)", none, key, VERDICT_APPLIED},
	    {"ALTER TABLE t ADD INDEX (id)", none, key, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD CONSTRAINT i UNIQUE (a)", none, unique, VERDICT_APPLIED},
	    {"DROP INDEX i ON t", key, none, VERDICT_APPLIED},
	    {"DROP INDEX i ON t", key, unique, VERDICT_UNSURE},
	    {"ALTER TABLE t DROP KEY i", key, none, VERDICT_APPLIED},
	    {"ALTER TABLE t DROP INDEX i, ADD UNIQUE INDEX i (a)", key, unique, VERDICT_APPLIED},
	    {"ALTER TABLE t DROP INDEX i, ADD INDEX i (a)", key, key, VERDICT_NOT_APPLIED}, /* an index is made of its table: twice is no harm */
	    {"ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, a)", none, T(ID A "  PRIMARY KEY (`id`,`a`)"), VERDICT_APPLIED},
	    {"ALTER TABLE t RENAME INDEX i TO k", key, T(ID A PRIMARY ",\n  KEY `k` (`a`)"), VERDICT_APPLIED},
	    {"ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (a)", none, foreign, VERDICT_APPLIED},
	    {"ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (a)", none, foreign, VERDICT_APPLIED},
	    {"ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES u (a)", none, foreign, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0)", none, check, VERDICT_APPLIED},
	    {"ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0)", none, foreign, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD CHECK (id > 0)", none, check, VERDICT_UNSURE},
	    {"ALTER TABLE t DROP CONSTRAINT c", check, none, VERDICT_APPLIED},
	    {"ALTER TABLE t DROP CONSTRAINT i", unique, none, VERDICT_APPLIED},
	    {"ALTER TABLE t DROP FOREIGN KEY c", foreign, T(ID A PRIMARY ",\n  KEY `c` (`a`)"), VERDICT_APPLIED},
	    {"ALTER TABLE t DROP FOREIGN KEY c", foreign, foreign, VERDICT_NOT_APPLIED},
	};
	PLAY(DIALECT_MARIADB, cases);
}

static void test_what_shows_nowhere_is_not_run_again(void **state)
{
	(void)state;
	static const char part[] = PARTITIONED(PARTITION("p1", "10")), parts[] = PARTITIONED(PARTITION("p1", "10") ",\n " PARTITION("p2", "20"));
	static const char sequence[] = "\nCREATE SEQUENCE `s` start with 1 increment by 1\n";
	static const struct judged cases[] = {
	    {"REVOKE SELECT ON t FROM x", part, part, VERDICT_UNSURE}, /* the second time it is an error */
	    {"GRANT SELECT ON t TO x", part, part, VERDICT_NOT_APPLIED},
	    {"ALTER TABLE t COALESCE PARTITION 1", parts, part, VERDICT_UNSURE},
	    {"ALTER TABLE t EXCHANGE PARTITION p1 WITH TABLE q", part, part, VERDICT_UNSURE},
	    {"ALTER TABLE t TRUNCATE PARTITION p1", part, part, VERDICT_UNSURE},
	    {"ALTER TABLE t DISCARD TABLESPACE", part, part, VERDICT_UNSURE},
	    {"ALTER TABLE t IMPORT TABLESPACE", part, part, VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN b int, EXCHANGE PARTITION p1 WITH TABLE q", part, parts, VERDICT_UNSURE},
	    {"ALTER TABLE t AUTO_INCREMENT = 1000", part, part, VERDICT_UNSURE}, /* the counter is left out of the definition */
	    {"ALTER TABLE t ADD PARTITION (PARTITION p2 VALUES LESS THAN (20))", part, parts, VERDICT_APPLIED},
	    {"ALTER TABLE t ADD PARTITION (PARTITION p2 VALUES LESS THAN (20))", part, part, VERDICT_NOT_APPLIED},
	    {"ALTER TABLE t DROP PARTITION p2", parts, part, VERDICT_APPLIED},
	    {"ALTER TABLE t DROP PARTITION p2", parts, parts, VERDICT_NOT_APPLIED},
	    {"ALTER TABLE t ENGINE=InnoDB", part, part, VERDICT_NOT_APPLIED}, /* builds it anew, twice at most */
	    {"ALTER TABLE t ENGINE=Aria", part, "\nCREATE TABLE `t` (\n" ID PRIMARY "\n) ENGINE=Aria DEFAULT CHARSET=utf8mb4\n", VERDICT_APPLIED},
	    {"ALTER TABLE t ENGINE=Aria", part, parts, VERDICT_UNSURE},
	    {"ALTER SEQUENCE s RESTART 100", sequence, sequence, VERDICT_UNSURE},
	    {"ALTER SEQUENCE s INCREMENT BY 5", sequence, sequence, VERDICT_NOT_APPLIED},
	    {"ALTER SEQUENCE s INCREMENT BY 5", sequence, "\nCREATE SEQUENCE `s` start with 1 increment by 5\n", VERDICT_UNSURE},
	    {"TRUNCATE TABLE t", part, part, VERDICT_UNSURE}, /* rows may have come since */
	    {"INSERT INTO t VALUES (1)", part, part, VERDICT_UNSURE},
	    {"CREATE USER x", part, part, VERDICT_UNSURE},
	    {"ANALYZE TABLE t", part, part, VERDICT_NOT_APPLIED},
	    {"OPTIMIZE TABLE t", part, parts, VERDICT_NOT_APPLIED},
	};
	PLAY(DIALECT_MARIADB, cases);
}

static void test_views_and_routines(void **state)
{
	(void)state;
	static const char trigger[] = "CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (NEW.id)";
	static const char procedure[] = "CREATE PROCEDURE p(a int) BEGIN SELECT a; SELECT 2; END";
	static const struct judged cases[] = {
	    {"CREATE OR REPLACE VIEW v AS SELECT 1", VIEW("select 2 AS `2`"), VIEW("select 1 AS `1`"), VERDICT_APPLIED},
	    {"CREATE OR REPLACE VIEW v AS SELECT 1", VIEW("select 2 AS `2`"), VIEW("select 3 AS `3`"), VERDICT_UNSURE}, /* another's */
	    {"ALTER VIEW v AS SELECT 1", VIEW("select 2 AS `2`"), VIEW("select 1 AS `1`"), VERDICT_APPLIED},
	    {"CREATE VIEW IF NOT EXISTS v AS SELECT REPLACE(a, 'x', 'y') FROM t", VIEW("select 2 AS `2`"), VIEW("select 3 AS `3`"), VERDICT_NOT_APPLIED},
	    {"CREATE VIEW v AS SELECT t.id FROM shop.t JOIN u ON (t.id = u.id) WHERE a = 'x'", NULL,
	     VIEW("select `shop`.`t`.`id` AS `id` from (`t` join `u` on(`shop`.`t`.`id` = `u`.`id`)) where `a` = 'x'"), VERDICT_APPLIED},
	    {"CREATE VIEW v AS SELECT id FROM t WHERE a = 'x'", NULL, VIEW("select `t`.`id` AS `id` from `t` where `t`.`a` = 'y'"), VERDICT_UNSURE},
	    {"CREATE VIEW v AS SELECT id FROM t", NULL, VIEW("select `u`.`id` AS `id` from `u`"), VERDICT_UNSURE},
	    {"CREATE VIEW v AS SELECT * FROM t", NULL, VIEW("select `t`.`id` AS `id` from `t`"), VERDICT_UNSURE}, /* which columns were there? */
	    {"CREATE VIEW v (a, b) AS SELECT 1, 2", NULL, VIEW("select 1 AS `a`,2 AS `b`"), VERDICT_APPLIED},
	    {"CREATE VIEW v (a, b) AS SELECT 1, 2", NULL, VIEW("select 1 AS `a`,2 AS `c`"), VERDICT_UNSURE},
	    {"CREATE ALGORITHM=MERGE VIEW v AS SELECT 1", NULL, VIEW("select 1 AS `1`"), VERDICT_UNSURE},
	    {"CREATE OR REPLACE VIEW v AS SELECT 1", VIEW("select 2 AS `2`"), NULL, VERDICT_UNSURE}, /* somebody dropped it */
	    {"CREATE SEQUENCE s START 10", NULL,
	     "\nCREATE SEQUENCE `s` start with 10 minvalue 1 maxvalue 9223372036854775806 increment by 1 cache 1000 nocycle\n", VERDICT_APPLIED},
	    {"CREATE SEQUENCE s START 10", NULL,
	     "\nCREATE SEQUENCE `s` start with 1 minvalue 1 maxvalue 9223372036854775806 increment by 1 cache 1000 nocycle\n", VERDICT_UNSURE},
	    {"CREATE OR REPLACE VIEW v AS SELECT 1", VIEW("select 2 AS `2`"), VIEW("select 2 AS `2`"), VERDICT_NOT_APPLIED},
	    {trigger, NULL, "\nCREATE DEFINER=`r`@`%` TRIGGER x AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (NEW.id)\n", VERDICT_APPLIED},
	    {trigger, NULL, "\nCREATE DEFINER=`r`@`%` TRIGGER x AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (0)\n", VERDICT_UNSURE},
	    {trigger, NULL, "\nCREATE DEFINER=`r`@`%` TRIGGER x AFTER UPDATE ON t FOR EACH ROW INSERT INTO log VALUES (NEW.id)\n", VERDICT_UNSURE},
	    {procedure, NULL, "\nCREATE DEFINER=`r`@`%` PROCEDURE `p`(a int)\nBEGIN SELECT a; SELECT 2; END\n", VERDICT_APPLIED},
	    {procedure, NULL, "\nCREATE DEFINER=`r`@`%` PROCEDURE `p`(a int)\nBEGIN SELECT a; END\n", VERDICT_UNSURE},
	    {procedure, NULL, NULL, VERDICT_NOT_APPLIED},
	    {"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t", NULL, NULL, VERDICT_NOT_APPLIED},
	    {"CREATE EVENT e ON SCHEDULE AT '2020-01-01' DO DELETE FROM t", NULL, NULL, VERDICT_UNSURE}, /* it may have run, and be gone */
	    {"DROP PROCEDURE p", "\nCREATE PROCEDURE `p`() SELECT 1\n", NULL, VERDICT_APPLIED},
	};
	PLAY(DIALECT_MARIADB, cases);
}

static void test_statements_that_run_alone_on_postgresql(void **state)
{
	(void)state;
	static const char valid[] = INDEXED("CREATE INDEX i ON public.t USING btree (a)"),
	                  invalid[] = "public|i|i||p|16390||rollcall\nCREATE INDEX i ON public.t USING btree (a)|f|t|t|f|f|16390\n",
	                  other[] = INDEXED("CREATE INDEX i ON public.t USING btree (b)"),
	                  unique[] = INDEXED("CREATE UNIQUE INDEX i ON public.t USING btree (a)"),
	                  partial[] = INDEXED("CREATE INDEX i ON public.t USING btree (a) WHERE (b > 0)");
	static const struct judged cases[] = {
	    {"CREATE INDEX CONCURRENTLY i ON t (a)", NULL, valid, VERDICT_APPLIED},
	    {"CREATE INDEX CONCURRENTLY i ON t (a)", NULL, NULL, VERDICT_NOT_APPLIED},
	    {"CREATE INDEX CONCURRENTLY i ON t (a)", NULL, invalid, VERDICT_UNSURE}, /* somebody may still build it */
	    {"CREATE INDEX CONCURRENTLY i ON t ((a || b))", NULL, INDEXED("CREATE INDEX i ON public.t USING btree (((a || b)))"),
	     VERDICT_UNSURE}, /* the server is to be asked */
	    {"CREATE INDEX CONCURRENTLY i ON t (a)", NULL, other, VERDICT_UNSURE},
	    {"CREATE INDEX CONCURRENTLY i ON t (a)", NULL, partial, VERDICT_UNSURE},
	    {"CREATE INDEX CONCURRENTLY i ON t (a) WHERE b > 0", NULL, partial, VERDICT_UNSURE},
	    {"CREATE INDEX CONCURRENTLY i ON t USING hash (a)", NULL, valid, VERDICT_UNSURE},
	    {"CREATE INDEX CONCURRENTLY i ON u (a)", NULL, valid, VERDICT_UNSURE},
	    {"CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", NULL, valid, VERDICT_UNSURE}, /* another's of that name */
	    {"CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", NULL, unique, VERDICT_APPLIED},
	    {"CREATE INDEX CONCURRENTLY i ON t (lower(a))", NULL, INDEXED("CREATE INDEX i ON public.t USING btree (lower(a))"), VERDICT_UNSURE},
	    {"CREATE INDEX CONCURRENTLY i ON t (a COLLATE \"C\")", NULL, valid, VERDICT_UNSURE},
	    {"CREATE INDEX CONCURRENTLY i ON t (a, b)", NULL, INDEXED("CREATE INDEX i ON public.t USING btree (a) INCLUDE (b)"), VERDICT_UNSURE},
	    {"CREATE INDEX CONCURRENTLY i ON t (a)", NULL, "public|i|r||p|16390||rollcall\n", VERDICT_UNSURE}, /* a table of that name */
	    {"DROP INDEX CONCURRENTLY i", valid, NULL, VERDICT_APPLIED},
	    {"DROP INDEX CONCURRENTLY i", valid, other, VERDICT_UNSURE}, /* half dropped is not dropped */
	    {"REINDEX INDEX CONCURRENTLY i", valid, other, VERDICT_NOT_APPLIED},
	    {"VACUUM t", valid, other, VERDICT_NOT_APPLIED},
	    {"ALTER TABLE t DETACH PARTITION t_1 CONCURRENTLY", PARENT("16393|16390|f|t_1\n16397|16390|f|t_2\n"), PARENT("16397|16390|f|t_2\n"),
	     VERDICT_APPLIED},
	    {"ALTER TABLE t DETACH PARTITION t_1 CONCURRENTLY", PARENT("16393|16390|f|t_1\n16397|16390|f|t_2\n"), PARENT("16393|16390|f|t_1\n"),
	     VERDICT_UNSURE},
	    {"CREATE DATABASE d", NULL, "16400\nd\nown\n", VERDICT_APPLIED},
	    {"CREATE DATABASE d", NULL, "16400\nd\n", VERDICT_UNSURE}, /* another role's */
	    {"CREATE DATABASE d OWNER app", NULL, "16400\nd\nown\n", VERDICT_UNSURE},
	    {"CREATE TABLESPACE s LOCATION '/a'", NULL, "16400\ns\n", VERDICT_UNSURE},
	    {"CREATE TABLESPACE s LOCATION '/a'", NULL, NULL, VERDICT_NOT_APPLIED},
	    {"ALTER SUBSCRIPTION s ADD PUBLICATION p", NULL, NULL, VERDICT_UNSURE},
	};
	PLAY(DIALECT_POSTGRESQL, cases);
}

static void test_an_index_in_the_servers_own_words(void **state)
{
	(void)state;
	static const char partial[] = INDEXED("CREATE INDEX i ON public.t USING btree (lower(a)) WHERE (b > 0)");
	static const struct {
		const char *wanted;
		enum verdict verdict;
	} cases[] = {
	    {"CREATE INDEX rollcall_wanted ON pg_temp_3.t USING btree (lower(a)) WHERE (b > 0)", VERDICT_APPLIED},
	    {"CREATE INDEX rollcall_wanted ON pg_temp_3.t USING btree (lower(a)) WHERE (b > 1)", VERDICT_UNSURE},
	    {"CREATE INDEX rollcall_wanted ON pg_temp_3.t USING btree (upper(a)) WHERE (b > 0)", VERDICT_UNSURE},
	    {"CREATE INDEX rollcall_wanted ON pg_temp_3.u USING btree (lower(a)) WHERE (b > 0)", VERDICT_UNSURE}, /* another table's */
	    {"CREATE UNIQUE INDEX rollcall_wanted ON pg_temp_3.t USING btree (lower(a)) WHERE (b > 0)", VERDICT_UNSURE},
	    {"", VERDICT_UNSURE},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *why = NULL;
		struct seen before = seen_of(NULL), now = seen_of(partial);
		now.wanted = cases[i].wanted;
		assert_int_equal(judge(DIALECT_POSTGRESQL, bytes_of_str("CREATE INDEX CONCURRENTLY i ON t (lower(a)) WHERE b > 0"), &before, &now, &why),
		                 cases[i].verdict);
	}
}

static void test_tables_of_sqlite(void **state)
{
	(void)state;
	static const struct judged cases[] = {
	    {"CREATE TABLE IF NOT EXISTS t (a, b /* two */)", NULL, "CREATE TABLE t (a, b)\n", VERDICT_APPLIED},
	    {"CREATE TABLE t (a, b)", NULL, "CREATE TABLE t (a)\n", VERDICT_UNSURE},
	    {"CREATE TABLE t (a, b)", NULL, NULL, VERDICT_NOT_APPLIED},
	    {"DROP TABLE t", "CREATE TABLE t (a)\n", NULL, VERDICT_APPLIED},
	    {"VACUUM", "CREATE TABLE t (a)\n", "CREATE TABLE u (a)\n", VERDICT_NOT_APPLIED},
	};
	PLAY(DIALECT_SQLITE, cases);
}

/* Two definitions that are alike, the later one of an object that was made since. */
static void test_what_was_made_anew_is_not_destroyed_again(void **state)
{
	(void)state;
	static const struct {
		const char *sql, *before, *now;
		enum verdict verdict;
	} cases[] = {
	    {"DROP TABLE t", SQL_MADE "10\n" T(ID PRIMARY), SQL_MADE "10\n" T(ID PRIMARY), VERDICT_NOT_APPLIED},
	    {"DROP TABLE t", SQL_MADE "10\n" T(ID PRIMARY), SQL_MADE "11\n" T(ID PRIMARY), VERDICT_UNSURE},
	    {"DROP TABLE t", SQL_MADE "10\n" T(ID PRIMARY), SQL_MADE "100\n" T(ID PRIMARY), VERDICT_UNSURE},
	    {"DROP TABLE t", T(ID PRIMARY), T(ID PRIMARY), VERDICT_NOT_APPLIED}, /* nobody said when */
	    {"ALTER TABLE t DROP COLUMN a", SQL_MADE "10\n" T(ID A PRIMARY), SQL_MADE "11\n" T(ID A PRIMARY), VERDICT_UNSURE},
	    {"ALTER TABLE t DROP PARTITION p", SQL_MADE "10\n" T(ID A PRIMARY), SQL_MADE "11\n" T(ID A PRIMARY), VERDICT_UNSURE},
	    {"ALTER TABLE t ADD COLUMN b int", SQL_MADE "10\n" T(ID A PRIMARY), SQL_MADE "11\n" T(ID A PRIMARY), VERDICT_NOT_APPLIED},
	    {"DROP PROCEDURE p", SQL_MADE "10\n\nCREATE PROCEDURE `p`() SELECT 1\n", SQL_MADE "11\n\nCREATE PROCEDURE `p`() SELECT 1\n", VERDICT_UNSURE},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *why = NULL;
		struct seen before = seen_of("the same"), now = seen_of("the same");
		before.text = cases[i].before;
		now.text = cases[i].now;
		if (judge(DIALECT_MARIADB, bytes_of_str(cases[i].sql), &before, &now, &why) != cases[i].verdict)
			fail_msg("case %zu, %s: %s", i, cases[i].sql, why);
	}
}

static void test_nothing_named_is_not_guessed(void **state)
{
	(void)state;
	const struct seen before = seen_of("one"), now = seen_of("two");
	const char *why = NULL;
	assert_int_equal(judge(DIALECT_POSTGRESQL, bytes_of_str("CREATE INDEX CONCURRENTLY ON t (a)"), &before, &now, &why), VERDICT_UNSURE);
	assert_string_equal(why, "the statement names no single object, and what it works on has changed since");
}

static void test_retry_classes(void **state)
{
	(void)state;
	assert_int_equal(retry_how(RETRY_NEVER), RETRY_HOW_NOT);
	assert_int_equal(retry_how(RETRY_LOCK), RETRY_HOW_AGAIN);
	assert_int_equal(retry_how(RETRY_CONN), RETRY_HOW_RECONNECT);
	assert_int_equal(retry_how(RETRY_UNKNOWN), RETRY_HOW_RECONNECT);
	assert_int_equal(retry_how(RETRY_HALT), RETRY_HOW_PERSON);
	assert_int_equal(retry_how(RETRY_UNCLASSIFIED), RETRY_HOW_NOT);
	assert_false(retry_may(RETRY_NEVER, 0));
	assert_false(retry_may(RETRY_UNCLASSIFIED, 0));
	assert_false(retry_may(RETRY_HALT, 0));
	assert_true(retry_may(RETRY_LOCK, 1000)); /* the budget ends it */
	assert_true(retry_may(RETRY_IN_USE, 6));
	assert_false(retry_may(RETRY_IN_USE, 7));
	assert_true(retry_may(RETRY_TXN, 8));
	assert_false(retry_may(RETRY_TXN, 9));
}

static void test_back_off(void **state)
{
	(void)state;
	assert_int_equal(retry_delay_ms(RETRY_LOCK, 0, 0), 0); /* full jitter starts at nothing */
	assert_int_equal(retry_delay_ms(RETRY_LOCK, 0, UINT32_MAX), 500);
	assert_int_equal(retry_delay_ms(RETRY_LOCK, 1, UINT32_MAX), 800);
	assert_int_equal(retry_delay_ms(RETRY_LOCK, 2, UINT32_MAX), 1280);
	assert_in_range(retry_delay_ms(RETRY_LOCK, 2, UINT32_MAX / 2), 638, 641);
	assert_int_equal(retry_delay_ms(RETRY_LOCK, 11, UINT32_MAX), 60000);
	assert_int_equal(retry_delay_ms(RETRY_LOCK, UINT32_MAX, UINT32_MAX), 60000);
}

static void test_lock_timeout_grows_to_its_limit(void **state)
{
	(void)state;
	assert_int_equal(retry_lock_timeout_ms(0, 1000, 5000), 1000);
	assert_int_equal(retry_lock_timeout_ms(1, 1000, 5000), 2000);
	assert_int_equal(retry_lock_timeout_ms(4, 1000, 5000), 5000);
	assert_int_equal(retry_lock_timeout_ms(UINT32_MAX, 1000, 5000), 5000); /* the last try has one too */
	assert_int_equal(retry_lock_timeout_ms(7, 250, 250), 250);
	assert_int_equal(retry_lock_timeout_ms(7, 250, 0), 250);
}

static void test_losses_of_one_outage_do_not_burden_the_next(void **state)
{
	(void)state;
	struct retry_losses l = {0};
	for (uint32_t outage = 0; outage < 3; outage++) {
		for (uint32_t i = 0; i < 8; i++)
			assert_int_equal(retry_count_loss(&l, false, outage), i);
		assert_int_equal(retry_count_loss(&l, true, outage + 1), 0); /* the server died again, a step later */
	}
}

static void test_statement_that_kills_the_server_waits_longer_each_time(void **state)
{
	(void)state;
	struct retry_losses l = {0};
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(retry_count_loss(&l, true, 5), i);
		assert_int_equal(retry_count_loss(&l, false, 5), 0);
		assert_int_equal(retry_count_loss(&l, false, 5), 1);
	}
	assert_int_equal(retry_count_loss(&l, true, 6), 0); /* it is through */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tables_come_and_go),
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_keys_and_constraints),
	    cmocka_unit_test(test_what_shows_nowhere_is_not_run_again),
	    cmocka_unit_test(test_views_and_routines),
	    cmocka_unit_test(test_statements_that_run_alone_on_postgresql),
	    cmocka_unit_test(test_an_index_in_the_servers_own_words),
	    cmocka_unit_test(test_tables_of_sqlite),
	    cmocka_unit_test(test_what_was_made_anew_is_not_destroyed_again),
	    cmocka_unit_test(test_nothing_named_is_not_guessed),
	    cmocka_unit_test(test_retry_classes),
	    cmocka_unit_test(test_back_off),
	    cmocka_unit_test(test_lock_timeout_grows_to_its_limit),
	    cmocka_unit_test(test_losses_of_one_outage_do_not_burden_the_next),
	    cmocka_unit_test(test_statement_that_kills_the_server_waits_longer_each_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
