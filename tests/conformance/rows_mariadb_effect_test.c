/* The rows MA-27 to MA-29 of the list of crash points, on a real server: whose effect is it that is found after a crash? A person is called where the catalog cannot tell, and for nothing that
 * people write every day. */
#include <string.h>

#include "common/base/str.h"
#include "tests/support/row_mariadb.h"

struct instant {
	const char *prepare, *sql, *point;
	const char *outside; /* what somebody else does before the next try; NULL: nothing */
	const char *ask, *answer; /* as it is when a person is called, and so when nothing was run again */
	const char *says; /* of the message */
};

static void person_is_called(struct row_bench *b, const struct instant *p)
{
	row_sql(b, p->prepare);
	row_step(b, "a:step", STEP_N, p->sql);
	assert_true(fixture_deliver_and_crash(&b->f, p->point));
	if (p->outside)
		row_sql(b, p->outside);
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_NEEDS_ATTENTION || !strstr(r->failure.message, p->says))
		fail_msg("outcome %d: %s", (int)r->outcome, r->failure.message ? r->failure.message : "");
	row_is(b, p->ask, p->answer);
	row_is(b, STATES, "intent");
}

#define SHOWS_NOWHERE "its effect does not show in the catalog"
#define IS_ANOTHER    "nor is it seen to be as the statement leaves it"

static void exchange_partition(struct row_bench *b)
{
	person_is_called(
	    b,
	    &(struct instant){"CREATE TABLE p (id int NOT NULL) PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (10)); CREATE TABLE q "
	                      "(id int NOT NULL); INSERT INTO p VALUES (1), (2); INSERT INTO q VALUES (3), (4), (5)",
	                      "ALTER TABLE p EXCHANGE PARTITION p1 WITH TABLE q", "n-statement-run", NULL, "SELECT count(*) FROM p", "3", SHOWS_NOWHERE});
}

static void rename_in_a_circle(struct row_bench *b)
{
	person_is_called(
	    b, &(struct instant){
	           "CREATE TABLE x (id int NOT NULL); CREATE TABLE y (id int NOT NULL); INSERT INTO x VALUES (1); INSERT INTO y VALUES (1), (2), (3)",
	           "RENAME TABLE x TO z, y TO x, z TO y", "n-statement-run", NULL, "SELECT count(*) FROM x", "3", SHOWS_NOWHERE});
}

static void truncate_partition(struct row_bench *b)
{
	person_is_called(b,
	                 &(struct instant){"CREATE TABLE p (id int NOT NULL) PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (10)); INSERT INTO p "
	                                   "VALUES (1), (2)",
	                                   "ALTER TABLE p TRUNCATE PARTITION p1", "n-statement-run", "INSERT INTO p VALUES (7)", "SELECT count(*) FROM p",
	                                   "1", SHOWS_NOWHERE});
}

static void restart_sequence(struct row_bench *b)
{
	person_is_called(b, &(struct instant){"CREATE SEQUENCE s", "ALTER SEQUENCE s RESTART 100", "n-statement-run",
	                                      "SELECT NEXTVAL(s); SELECT NEXTVAL(s)", "SELECT NEXTVAL(s)", "102", SHOWS_NOWHERE});
}

static void another_column(struct row_bench *b)
{
	person_is_called(b, &(struct instant){"SELECT 1", ADD_NOTE, "intent-written", "ALTER TABLE item ADD COLUMN dba int", NOTE, "0", IS_ANOTHER});
	assert_non_null(strstr(b->f.report.report.failure.message, "its definition differs: + `dba` int(11) DEFAULT NULL"));
}

static void another_table(struct row_bench *b)
{
	person_is_called(b,
	                 &(struct instant){"SELECT 1", "CREATE TABLE made (id int PRIMARY KEY, a int)", "intent-written", "CREATE TABLE made (zzz int)",
	                                   "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'made'",
	                                   "zzz", IS_ANOTHER});
}

static void another_index(struct row_bench *b)
{
	person_is_called(
	    b, &(struct instant){"SELECT 1", "CREATE UNIQUE INDEX item_name ON item (name)", "intent-written", "CREATE INDEX item_name ON item (name)",
	                         "SELECT NON_UNIQUE FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME = 'item_name'", "1",
	                         IS_ANOTHER});
}

/* What people write every day: each is interrupted before it and behind it, and needs nobody. */
static const char *const statements[] = {
    "CREATE TABLE made (id integer NOT NULL AUTO_INCREMENT PRIMARY KEY, a varchar(40) NOT NULL DEFAULT 'x', price decimal(10,2), flag boolean "
    "NOT NULL "
    "DEFAULT false, at timestamp NOT NULL DEFAULT current_timestamp ON UPDATE current_timestamp, note text, doc json, kind enum('a','b'), "
    "item_id int, "
    "UNIQUE KEY (a), KEY by_price (price), CONSTRAINT made_item FOREIGN KEY (item_id) REFERENCES item (id)) ENGINE=InnoDB COMMENT='made here'",
    "ALTER TABLE made ADD COLUMN c bigint unsigned NOT NULL DEFAULT 0 COMMENT 'it''s' AFTER a",
    "ALTER TABLE made ADD (d datetime(6), e double precision), ALGORITHM=COPY",
    "ALTER TABLE made MODIFY COLUMN a varchar(80) NOT NULL",
    "ALTER TABLE made CHANGE COLUMN c cc bigint NULL",
    "ALTER TABLE made RENAME COLUMN cc TO c",
    "ALTER TABLE made ALTER COLUMN d SET DEFAULT '2020-01-01'",
    "ALTER TABLE made DROP COLUMN d, DROP COLUMN e",
    "CREATE INDEX made_note ON made (note(20), a)",
    "DROP INDEX made_note ON made",
    "ALTER TABLE made ADD UNIQUE INDEX made_pair (price, kind)",
    "ALTER TABLE made RENAME INDEX made_pair TO made_two",
    "ALTER TABLE made DROP FOREIGN KEY made_item",
    "ALTER TABLE made ADD CONSTRAINT made_item FOREIGN KEY (item_id) REFERENCES item (id) ON DELETE RESTRICT ON UPDATE CASCADE",
    "ALTER TABLE made DROP FOREIGN KEY made_item",
    "ALTER TABLE made ADD FOREIGN KEY (item_id) REFERENCES item (id) ON DELETE CASCADE",
    "ALTER TABLE made ADD CONSTRAINT made_positive CHECK (price > 0)",
    "ALTER TABLE made DROP CONSTRAINT made_positive",
    "ALTER TABLE made DROP PRIMARY KEY, ADD PRIMARY KEY (id, a)",
    "ALTER TABLE made COMMENT = 'still here'",
    "ALTER TABLE made ADD COLUMN g int AS (item_id + 1) PERSISTENT, ADD COLUMN h datetime DEFAULT now() ON UPDATE now(), ADD COLUMN i varchar(9) "
    "CHARACTER SET latin1",
    "ALTER TABLE made ADD COLUMN j int NOT NULL DEFAULT -1 CHECK (j < 5), ADD COLUMN k int INVISIBLE, ADD COLUMN l double DEFAULT (item_id * 2), "
    "ADD "
    "COLUMN m uuid",
    "ALTER TABLE made ADD COLUMN n int UNIQUE, ADD COLUMN o int REFERENCES item (id) ON DELETE SET NULL",
    "ALTER TABLE made ADD FULLTEXT INDEX made_words (note), ADD INDEX made_h (h) COMMENT 'when'",
    "ALTER TABLE made ALTER INDEX made_h IGNORED",
    "ALTER TABLE made ALTER COLUMN j DROP DEFAULT",
    "ALTER TABLE made MODIFY COLUMN i varchar(20) COLLATE utf8mb4_bin DEFAULT 'x' COMMENT 'i'",
    "CREATE TABLE split (id int NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE COLUMNS (at) (PARTITION p1 VALUES LESS "
    "THAN ('2020-01-01'), "
    "PARTITION p2 VALUES LESS THAN (MAXVALUE))",
    "ALTER TABLE split REORGANIZE PARTITION p2 INTO (PARTITION p3 VALUES LESS THAN ('2021-01-01'), PARTITION p4 VALUES LESS THAN "
    "MAXVALUE)",
    "ALTER TABLE split DROP PARTITION p1",
    "ALTER TABLE split REMOVE PARTITIONING",
    "ALTER TABLE split PARTITION BY HASH (id) PARTITIONS 3",
    "DROP TABLE split",
    "CREATE VIEW seen AS SELECT id, a FROM made",
    "CREATE OR REPLACE VIEW seen AS SELECT id FROM made",
    "ALTER VIEW seen AS SELECT made.id, m.name AS what, count(*), coalesce(max(price), 0) + 1 AS most FROM made LEFT OUTER JOIN item m ON m.id = "
    "made.item_id "
    "WHERE made.kind != 'b' AND (made.note IS NULL OR made.note LIKE 'x%') GROUP BY made.id, m.name HAVING count(*) > 1 ORDER BY made.id DESC",
    "CREATE OR REPLACE SQL SECURITY INVOKER VIEW seen (one, two) AS SELECT DISTINCT id, a FROM made WHERE id IN (1, 2) UNION ALL SELECT id, name "
    "FROM item",
    "CREATE TRIGGER told BEFORE INSERT ON made FOR EACH ROW SET NEW.note = 'told'",
    "CREATE PROCEDURE twice(IN n int) DETERMINISTIC BEGIN SELECT n; SELECT n; END",
    "CREATE OR REPLACE PROCEDURE twice(IN n int) BEGIN SELECT n; SELECT n + 1; END",
    "CREATE FUNCTION thrice(n int, what varchar(20)) RETURNS varchar(60) DETERMINISTIC SQL SECURITY INVOKER COMMENT 'three' RETURN repeat(what, "
    "3)",
    "DROP FUNCTION thrice",
    "CREATE EVENT cleaned ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'nightly' DO DELETE FROM "
    "made WHERE id < 0",
    "DROP EVENT cleaned",
    "CREATE SEQUENCE numbers START WITH 10",
    "RENAME TABLE made TO making",
    "ALTER TABLE making RENAME TO made",
    "DROP VIEW seen",
    "DROP TRIGGER told",
    "DROP PROCEDURE twice",
    "DROP SEQUENCE numbers",
    "CREATE TABLE made_new (id int PRIMARY KEY)",
    "RENAME TABLE made TO made_old, made_new TO made",
    "DROP TABLE made_old",
};

static void common_statements(struct row_bench *b)
{
	for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
		row_step(b, arena_printf(b->f.arena, "a:%zu", i), STEP_N, statements[i]);
		b->f.task.id[0]++;
		if (!fixture_deliver_and_crash(&b->f, "intent-written") || !fixture_deliver_and_crash(&b->f, "n-statement-run"))
			fail_msg("%s: no crash", statements[i]);
		if (fixture_deliver(&b->f)->outcome != OUTCOME_APPLIED)
			fail_msg("%s: %s", statements[i], b->f.report.report.failure.message);
		row_is(b, "SELECT group_concat(concat(state, '/', via) ORDER BY seq) FROM (SELECT * FROM rollcall_ledger ORDER BY seq DESC LIMIT 4) AS last",
		       "intent/run,failed/probe,intent/run,done/probe");
	}
	row_is(b, "SELECT count(*) FROM rollcall_ledger WHERE state = 'done'", arena_printf(b->f.arena, "%zu", ARRAY_LEN(statements)));
}

int main(int argc, char **argv)
{
	static const struct row_test rows[] = {
	    {"MA-27 EXCHANGE PARTITION is not run twice", exchange_partition}, {"MA-27 RENAME TABLE in a circle is not run twice", rename_in_a_circle},
	    {"MA-27 TRUNCATE PARTITION is not run twice", truncate_partition}, {"MA-27 ALTER SEQUENCE ... RESTART is not run twice", restart_sequence},
	    {"MA-28 another column than ours is there", another_column},       {"MA-28 another table of that name is there", another_table},
	    {"MA-28 another index of that name is there", another_index},      {"MA-29 common statements need nobody", common_statements},
	};
	return rows_run(DIALECT_MARIADB, PREPARE, rows, ARRAY_LEN(rows), argc, argv);
}
