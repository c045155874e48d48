/* Whose effect is it? Each statement is interrupted on a real server, before it ran or behind it, and then somebody else does something that looks like it, or takes it back. Nothing may be said
 * to be applied that is not, nothing may be run a second time over what somebody else has made: a person is called, and the intent stays open. The rows MA-28 and MA-31. */
#include <string.h>

#include "common/base/str.h"
#include "tests/support/row_fixture.h"

#define PREPARE                                                                                                                           \
	"CREATE TABLE u (id int PRIMARY KEY, a varchar(20), KEY by_a (a)); CREATE TABLE w (id int PRIMARY KEY, a varchar(20), KEY by_a (a));" \
	"CREATE TABLE t (id int PRIMARY KEY, a varchar(20), b varchar(20) DEFAULT 'x', n int, KEY by_a (a));"                                 \
	"INSERT INTO t VALUES (1, 'a', 'b', 1), (2, 'c', 'd', 2)"
#define STATES "SELECT group_concat(state ORDER BY seq) FROM rollcall_ledger"
#define LATER  "DO SLEEP(1.1); " /* what tells that an object was made anew is a time in seconds */

struct judged {
	const char *name, *sql;
	const char *outside; /* what somebody else does then */
	const char *prepare; /* NULL: nothing more */
};

/* Killed before the statement; what somebody else makes looks like its effect. */
static const struct judged before[] = {
    {"MA-28 a view of another body", "CREATE VIEW v AS SELECT id, a FROM t WHERE n > 1", "CREATE VIEW v AS SELECT id, a FROM t WHERE n > 2", NULL},
    {"MA-28 a view of more columns", "CREATE VIEW v AS SELECT id FROM t", "CREATE VIEW v AS SELECT id, n FROM t", NULL},
    {"MA-28 a view without its condition", "CREATE VIEW v AS SELECT id FROM t WHERE a = 'x' AND b = 'y'",
     "CREATE VIEW v AS SELECT id FROM t WHERE a = 'x' OR b = 'y'", NULL},
    {"MA-28 a view of another table's column", "CREATE VIEW v AS SELECT t.a FROM t JOIN u ON t.id = u.id",
     "CREATE VIEW v AS SELECT u.a FROM t JOIN u ON t.id = u.id", NULL},
    {"MA-28 a view with another name for a column", "CREATE VIEW v AS SELECT id AS k FROM t", "CREATE VIEW v AS SELECT id AS m FROM t", NULL},
    {"MA-28 a view with another right", "CREATE SQL SECURITY INVOKER VIEW v AS SELECT id FROM t", "CREATE VIEW v AS SELECT id FROM t", NULL},
    {"MA-28 a view without its check", "CREATE VIEW v AS SELECT id FROM t WHERE id > 0 WITH CHECK OPTION",
     "CREATE VIEW v AS SELECT id FROM t WHERE id > 0", NULL},
    {"MA-28 a view whose conditions are joined otherwise", "CREATE VIEW v AS SELECT id FROM t WHERE a = 'x' AND (b = 'y' OR n = 1)",
     "CREATE VIEW v AS SELECT id FROM t WHERE (a = 'x' AND b = 'y') OR n = 1", NULL},
    {"MA-28 a replaced view of the same columns", "CREATE OR REPLACE VIEW v AS SELECT id, a FROM t WHERE n > 1",
     "CREATE OR REPLACE VIEW v AS SELECT id, a FROM t WHERE n > 2", "CREATE VIEW v AS SELECT id, a FROM t"},
    {"MA-28 an altered view of the same columns", "ALTER VIEW v AS SELECT id, a FROM t WHERE n > 1",
     "ALTER VIEW v AS SELECT id, a FROM t WHERE n > 2", "CREATE VIEW v AS SELECT id, a FROM t"},
    {"MA-28 another check", "ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0)", "ALTER TABLE t ADD CONSTRAINT c CHECK (n >= 0)", NULL},
    {"MA-28 a foreign key to another table", "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES u (id)",
     "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES w (id)", "INSERT INTO u SELECT id, a FROM t; INSERT INTO w SELECT id, a FROM t"},
    {"MA-28 a foreign key that cascades", "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES u (id)",
     "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES u (id) ON DELETE CASCADE", "INSERT INTO u SELECT id, a FROM t"},
    {"MA-28 an index of another kind", "CREATE FULLTEXT INDEX i ON t (b)", "CREATE INDEX i ON t (b)", NULL},
    {"MA-28 an index that is ignored", "CREATE INDEX i ON t (b)", "CREATE INDEX i ON t (b) IGNORED", NULL},
    {"MA-28 a partition with another bound", "ALTER TABLE p ADD PARTITION (PARTITION p2 VALUES LESS THAN (20))",
     "ALTER TABLE p ADD PARTITION (PARTITION p2 VALUES LESS THAN (30))",
     "CREATE TABLE p (id int NOT NULL) PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (10))"},
    {"MA-28 another partitioning", "ALTER TABLE u PARTITION BY HASH (id) PARTITIONS 4", "ALTER TABLE u PARTITION BY HASH (id) PARTITIONS 8", NULL},
    {"MA-28 a partitioning instead of none", "ALTER TABLE p REMOVE PARTITIONING", "ALTER TABLE p ADD PARTITION PARTITIONS 1",
     "CREATE TABLE p (id int NOT NULL) PARTITION BY HASH (id) PARTITIONS 2"},
    {"MA-28 a new column instead of a renamed one", "ALTER TABLE t RENAME COLUMN n TO m", "ALTER TABLE t DROP COLUMN n, ADD COLUMN m varchar(9)",
     NULL},
    {"MA-28 a new index instead of a renamed one", "ALTER TABLE t RENAME INDEX by_a TO by_b", "ALTER TABLE t DROP INDEX by_a, ADD INDEX by_b (b)",
     NULL},
    {"MA-28 another default", "ALTER TABLE t ALTER COLUMN n SET DEFAULT 5", "ALTER TABLE t ALTER COLUMN n SET DEFAULT 6", NULL},
    {"MA-28 another type instead of a default", "ALTER TABLE t ALTER COLUMN b DROP DEFAULT", "ALTER TABLE t MODIFY COLUMN b varchar(30) DEFAULT 'x'",
     NULL},
    {"MA-28 an index that got a remark", "ALTER TABLE t ALTER INDEX by_a IGNORED", "ALTER TABLE t DROP INDEX by_a, ADD INDEX by_a (a) COMMENT 'x'",
     NULL},
    {"MA-28 a column of another character set", "ALTER TABLE t ADD COLUMN c varchar(9) CHARACTER SET latin1",
     "ALTER TABLE t ADD COLUMN c varchar(9) CHARACTER SET ascii", NULL},
    {"MA-28 a column of another collation", "ALTER TABLE t MODIFY COLUMN a varchar(20) COLLATE utf8mb4_bin",
     "ALTER TABLE t MODIFY COLUMN a varchar(20) COLLATE utf8mb4_unicode_ci", NULL},
    {"MA-28 a column that is not computed", "ALTER TABLE t ADD COLUMN c int AS (n + 1)", "ALTER TABLE t ADD COLUMN c int", NULL},
    {"MA-28 a column that is computed otherwise", "ALTER TABLE t ADD COLUMN c int AS (n + 1)", "ALTER TABLE t ADD COLUMN c int AS (n + 2)", NULL},
    {"MA-28 a column with a negative default", "ALTER TABLE t ADD COLUMN c int DEFAULT -1", "ALTER TABLE t ADD COLUMN c int DEFAULT -2", NULL},
    {"MA-28 a column with another expression", "ALTER TABLE t ADD COLUMN c int DEFAULT (n + 1)", "ALTER TABLE t ADD COLUMN c int DEFAULT (n + 2)",
     NULL},
    {"MA-28 a column that is not kept up to date", "ALTER TABLE t ADD COLUMN c datetime DEFAULT now() ON UPDATE now()",
     "ALTER TABLE t ADD COLUMN c datetime DEFAULT now()", NULL},
    {"MA-28 a column that may be read", "ALTER TABLE t ADD COLUMN c int INVISIBLE", "ALTER TABLE t ADD COLUMN c int", NULL},
    {"MA-28 a column without its check", "ALTER TABLE t ADD COLUMN c int CHECK (c > 0)", "ALTER TABLE t ADD COLUMN c int", NULL},
    {"MA-28 a column of another float", "ALTER TABLE t ADD COLUMN c float", "ALTER TABLE t ADD COLUMN c date", NULL},
    {"MA-28 a table of another engine", "CREATE TABLE made (id int PRIMARY KEY) ENGINE=InnoDB", "CREATE TABLE made (id int PRIMARY KEY) ENGINE=Aria",
     NULL},
    {"MA-28 a table of another engine than the usual", "CREATE TABLE made (id int PRIMARY KEY)", "CREATE TABLE made (id int PRIMARY KEY) ENGINE=Aria",
     NULL},
    {"MA-28 a table of another row format", "CREATE TABLE made (id int PRIMARY KEY)", "CREATE TABLE made (id int PRIMARY KEY) ROW_FORMAT=COMPRESSED",
     NULL},
    {"MA-28 a table with one more key", "CREATE TABLE made (id int PRIMARY KEY, a int)", "CREATE TABLE made (id int PRIMARY KEY, a int UNIQUE)",
     NULL},
    {"MA-28 a table that is partitioned", "CREATE TABLE made (id int PRIMARY KEY)", "CREATE TABLE made (id int PRIMARY KEY) PARTITION BY HASH (id)",
     NULL},
    {"MA-28 a table with another remark", "CREATE TABLE made (id int PRIMARY KEY) COMMENT 'x'", "CREATE TABLE made (id int PRIMARY KEY) COMMENT 'y'",
     NULL},
    {"MA-28 a sequence with another step", "CREATE SEQUENCE s START WITH 10", "CREATE SEQUENCE s START WITH 10 INCREMENT BY 5", NULL},
    {"MA-28 a sequence that comes round", "CREATE SEQUENCE s", "CREATE SEQUENCE s CYCLE", NULL},
    {"MA-28 a procedure with another parameter", "CREATE PROCEDURE q(k bigint) SELECT k", "CREATE PROCEDURE q(k int) SELECT k", NULL},
    {"MA-28 a procedure with another right", "CREATE PROCEDURE q(k int) SQL SECURITY INVOKER SELECT k", "CREATE PROCEDURE q(k int) SELECT k", NULL},
    {"MA-28 a function of another type", "CREATE FUNCTION f(k int) RETURNS bigint DETERMINISTIC RETURN k",
     "CREATE FUNCTION f(k int) RETURNS int DETERMINISTIC RETURN k", NULL},
    {"MA-28 an altered procedure instead of a replaced one", "CREATE OR REPLACE PROCEDURE q(k bigint) SELECT k", "ALTER PROCEDURE q COMMENT 'x'",
     "CREATE PROCEDURE q(k int) SELECT k"},
    {"MA-28 an event at another time", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM t",
     "CREATE EVENT e ON SCHEDULE EVERY 1 HOUR DISABLE DO DELETE FROM t", NULL},
    {"MA-28 an event that runs", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM t WHERE id > 99",
     "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t WHERE id > 99", NULL},
    {"MA-28 a renamed table without the index", "ALTER TABLE t RENAME TO tt, ADD INDEX by_n (n)", "ALTER TABLE t RENAME TO tt", NULL},
    {"MA-28 other tables of the new names", "RENAME TABLE t TO t_old, u TO t",
     LATER "DROP TABLE t; CREATE TABLE t_old LIKE u; DROP TABLE u; CREATE TABLE t LIKE t_old", NULL},
    {"MA-28 another table of the new name", "RENAME TABLE t TO tt",
     "DROP TABLE t; CREATE TABLE tt (id int, a varchar(20), b varchar(20) DEFAULT 'x', n int)", NULL},
};

/* Killed behind the statement; then somebody makes it as it was before. */
static const struct judged behind[] = {
    {"MA-31 a dropped table made anew", "DROP TABLE t", LATER "CREATE TABLE t LIKE kept", "CREATE TABLE kept LIKE t"},
    {"MA-31 a dropped column made anew", "ALTER TABLE t DROP COLUMN n", LATER "ALTER TABLE t ADD COLUMN n int DEFAULT NULL", NULL},
    {"MA-31 a dropped partition made anew", "ALTER TABLE p DROP PARTITION p2",
     LATER "ALTER TABLE p ADD PARTITION (PARTITION p2 VALUES LESS THAN (20))",
     "CREATE TABLE p (id int NOT NULL) PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (10), PARTITION p2 VALUES LESS THAN (20))"},
    {"MA-31 a dropped sequence made anew", "DROP SEQUENCE s", LATER "CREATE SEQUENCE s", "CREATE SEQUENCE s"},
    {"MA-31 a dropped procedure made anew", "DROP PROCEDURE q", LATER "CREATE PROCEDURE q() SELECT 1", "CREATE PROCEDURE q() SELECT 1"},
    {"MA-31 a dropped function made anew", "DROP FUNCTION f", LATER "CREATE FUNCTION f() RETURNS int RETURN 1",
     "CREATE FUNCTION f() RETURNS int RETURN 1"},
    {"MA-31 a dropped trigger made anew", "DROP TRIGGER g", LATER "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.n = 1",
     "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.n = 1"},
    {"MA-31 a dropped event made anew", "DROP EVENT e", LATER "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO DELETE FROM t",
     "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO DELETE FROM t"},
    {"MA-31 an event that has run and gone by itself",
     "CREATE EVENT e ON SCHEDULE AT current_timestamp + INTERVAL 1 SECOND DO UPDATE t SET n = n + 1", LATER LATER, "SET GLOBAL event_scheduler = ON"},
    {"MA-31 a replaced view replaced again", "CREATE OR REPLACE VIEW v AS SELECT id, a FROM t WHERE n > 1",
     "CREATE OR REPLACE VIEW v AS SELECT id, a FROM t WHERE n > 2", "CREATE VIEW v AS SELECT id, a FROM t"},
    {"MA-31 tables that changed places and back", "RENAME TABLE u TO x, w TO u, x TO w", "DO 1", NULL},
    {"MA-31 a right that is gone", "REVOKE SELECT ON t FROM app@localhost", "DO 1",
     "CREATE USER IF NOT EXISTS app@localhost; GRANT SELECT ON t TO app@localhost"},
};

static void person_is_called(struct row_bench *b, const struct judged *j, const char *point)
{
	if (j->prepare)
		row_sql(b, j->prepare);
	row_step(b, "a:step", STEP_N, j->sql);
	if (!fixture_deliver_and_crash(&b->f, point))
		fail_msg("no crash");
	row_sql(b, j->outside);
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_NEEDS_ATTENTION)
		fail_msg("%s: outcome %s, ledger %s: %s", j->sql, outcome_name(r->outcome), row_value(b, STATES),
		         r->failure.message ? r->failure.message : "");
	row_is(b, STATES, "intent");
}

static void run_before(struct row_bench *b)
{
	for (size_t i = 0; i < ARRAY_LEN(before); i++)
		if (str_eq(b->row->name, before[i].name))
			return person_is_called(b, &before[i], "intent-written");
	fail();
}

static void run_behind(struct row_bench *b)
{
	for (size_t i = 0; i < ARRAY_LEN(behind); i++)
		if (str_eq(b->row->name, behind[i].name))
			return person_is_called(b, &behind[i], "n-statement-run");
	fail();
}

int main(int argc, char **argv)
{
	struct row_test rows[ARRAY_LEN(before) + ARRAY_LEN(behind)];
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(before); i++)
		rows[n++] = (struct row_test){before[i].name, run_before};
	for (size_t i = 0; i < ARRAY_LEN(behind); i++)
		rows[n++] = (struct row_test){behind[i].name, run_behind};
	return rows_run(DIALECT_MARIADB, PREPARE, rows, n, argc, argv);
}
