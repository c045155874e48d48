/* The rows MA-.. of the list of crash points, on a real server. */
#include <signal.h>
#include <string.h>

#include "agent/ledger/ledger.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/support/row_fixture.h"

#define PREPARE                                                                                                 \
	"CREATE TABLE tick (what varchar(20)); CREATE TABLE item (id int PRIMARY KEY, name varchar(100) NOT NULL);" \
	"INSERT INTO item SELECT seq, md5(seq) FROM seq_1_to_1000"
#define TICKS       "SELECT count(*) FROM tick"
#define NOTE        "SELECT count(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = 'note'"
#define ADD_NOTE    "ALTER TABLE item ADD COLUMN note varchar(20)"
#define RUNS(text)  "SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = 'rollcall' AND INFO LIKE '" text "%'"
#define VIA         "SELECT group_concat(via ORDER BY seq) FROM rollcall_ledger WHERE state = 'done'"
#define STATES      "SELECT group_concat(state ORDER BY seq) FROM rollcall_ledger"
#define LEFT_BEHIND "SELECT count(*) FROM information_schema.INNODB_SYS_TABLES WHERE NAME LIKE concat(DATABASE(), '/%#sql%')"
#define COPY_ROWS   "300000"

/* Reads `item` in a transaction that stays open: DDL waits for its metadata lock. */
static pid_t hold_item(struct row_bench *b, const char *seconds)
{
	pid_t pid = row_outsider(b, arena_printf(b->f.arena, "START TRANSACTION; SELECT count(*) FROM item; DO SLEEP(%s)", seconds));
	row_becomes(b, "SELECT count(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND INFO LIKE 'DO SLEEP%'", "1");
	return pid;
}

/* One statement of the server waits for the copy and then acts: a second client would come after a short copy. It fails when no copy begins. */
#define WHEN_COPYING(then)                                                                                     \
	"DELIMITER //\n"                                                                                           \
	"BEGIN NOT ATOMIC DECLARE victim bigint; DECLARE tries int DEFAULT 0; "                                    \
	"WHILE victim IS NULL AND tries < 30000 DO "                                                               \
	"SET victim = (SELECT ID FROM information_schema.PROCESSLIST WHERE STATE = 'copy to tmp table' LIMIT 1); " \
	"SET tries = tries + 1 + SLEEP(0.001); END WHILE; "                                                        \
	"IF victim IS NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no copy'; END IF; " then " END//\n"

/* A delivery in the midst of ALTER TABLE ... ALGORITHM=COPY, at which the server has run `when_copying`. */
static pid_t start_copy(struct row_bench *b, const char *when_copying)
{
	row_sql(b, "CREATE TABLE big (id int PRIMARY KEY, name varchar(100) NOT NULL); INSERT INTO big SELECT seq, md5(seq) FROM seq_1_to_" COPY_ROWS);
	row_step(b, "a:copy", STEP_N, "ALTER TABLE big ADD COLUMN note varchar(20), ALGORITHM=COPY");
	pid_t agent = fixture_start(&b->f, NULL);
	row_sql(b, when_copying);
	return agent;
}

/* ---- class N ---- */

static void before_statement(struct row_bench *b)
{
	row_step(b, "a:note", STEP_N, ADD_NOTE);
	assert_true(fixture_deliver_and_crash(&b->f, "intent-written"));
	row_is(b, NOTE, "0");
	row_applied(b, 1);
	row_is(b, NOTE, "1");
	row_is(b, STATES, "intent,failed,intent,done");
}

static void killed_in_alter(struct row_bench *b)
{
	row_step(b, "a:note", STEP_N, ADD_NOTE);
	b->f.target.lock_timeout_ms = 5000;
	pid_t other = hold_item(b, "1"), agent = fixture_start(&b->f, NULL);
	row_becomes(b, RUNS("ALTER TABLE item"), "1");
	row_kill_agent(b, agent);
	row_applied(b, 1);
	row_end(other);
	row_is(b, NOTE, "1");
	/* Who waits for a metadata lock is asked once a second whether its client is still there: the statement ran to its end before that, or was given up. */
	const char *via = row_value(b, VIA);
	if (!str_eq(via, "probe") && !str_eq(via, "run"))
		fail_msg("via %s", via);
}

static void server_dies_in_copy(struct row_bench *b)
{
	pid_t agent = start_copy(b, WHEN_COPYING(""));
	server_kill(b->server);
	server_restart(b->server);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
	row_applied(b, 1);
	row_is(b, LEFT_BEHIND, "0"); /* not before: the agent's next try copies, too */
	row_is(b, NOTE, "1");
	row_is(b, "SELECT count(*) FROM big", COPY_ROWS);
}

static void server_dies_after_statement(struct row_bench *b)
{
	row_step(b, "a:note", STEP_N, ADD_NOTE);
	pid_t agent = fixture_start(&b->f, "n-statement-run=stop");
	fixture_wait_stopped(agent);
	server_kill(b->server);
	server_restart(b->server);
	row_is(b, NOTE, "1");
	row_is(b, STATES, "intent");
	kill(agent, SIGCONT);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
	row_applied(b, 1);
	row_is(b, VIA, "probe");
}

/* Were the `done` row written in a transaction before the statement, the statement would commit it even though it fails. */
static void failed_statement_leaves_no_done(struct row_bench *b)
{
	row_step(b, "a:note", STEP_N, "ALTER TABLE item ADD COLUMN id int");
	assert_int_equal(fixture_deliver(&b->f)->outcome, OUTCOME_FAILED);
	row_is(b, STATES, "intent,failed");
}

static void reply_lost(struct row_bench *b)
{
	row_step(b, "a:note", STEP_N, ADD_NOTE);
	row_step(b, "a:tick", STEP_T, "INSERT INTO tick VALUES ('one')");
	row_lose(b, "ALTER", 1);
	row_applied(b, 2);
	row_is(b, VIA, "probe,run");
	row_is(b, TICKS, "1");
}

static void commit_reply_lost(struct row_bench *b)
{
	row_step(b, "a:tick", STEP_T, "INSERT INTO tick VALUES ('one')");
	row_lose(b, "COMMIT", 1);
	row_applied(b, 1);
	row_is(b, TICKS, "1");
}

static void metadata_lock(struct row_bench *b)
{
	row_step(b, "a:note", STEP_N, ADD_NOTE);
	b->f.target.lock_timeout_ms = 1000;
	pid_t other = hold_item(b, "2");
	row_applied(b, 1);
	row_end(other);
	assert_non_null(strstr(buf_str(&b->f.progress), "waiting-lock a:note 1/1"));
	row_is(b, NOTE, "1");
}

static void operator_kills_copy(struct row_bench *b)
{
	pid_t agent = start_copy(b, WHEN_COPYING("KILL victim;"));
	int outcome = fixture_wait(&b->f, agent);
	row_is(b, NOTE, outcome == OUTCOME_APPLIED ? "1" : "0");
	row_is(b, LEFT_BEHIND, "0");
	b->f.task.attempt++;
	row_applied(b, 1);
	row_is(b, NOTE, "1");
}

static void ledger_without_transactions(struct row_bench *b)
{
	row_step(b, "a:tick", STEP_T, "INSERT INTO tick VALUES ('one')");
	row_applied(b, 1);
	row_sql(b, "ALTER TABLE rollcall_ledger ENGINE=MyISAM");
	row_step(b, "a:more", STEP_T, "INSERT INTO tick VALUES ('two')");
	b->f.task.id[0]++;
	assert_int_not_equal(fixture_deliver(&b->f)->outcome, OUTCOME_APPLIED);
	row_is(b, TICKS, "1");
}

/* As a failing primary is replaced: `replica` becomes one, and the target's address leads there. */
static void promote(struct row_bench *b, struct server *replica)
{
	free(server_sql(replica, NULL, "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0"));
	server_kill(b->server);
	AUTO(mem_free_ptr) char *dsn = server_dsn(replica, b->database);
	b->f.target.dsn = arena_strdup(b->f.arena, dsn);
}

/* What `rollcall-agent adopt` writes: the site's word that the new primary is this target. */
static void adopt(struct row_bench *b)
{
	struct conn *c = NULL;
	struct ledger l;
	struct err e = ERR_INIT;
	if (b->f.engine.open(&b->f.target, &c, &e) != 0 || ledger_open(&b->f.engine, c, b->f.target.id, 1, b->f.arena, &l, &e) != 0 ||
	    ledger_adopt(&b->f.engine, c, &l, b->f.target.id, "fail-over", &e) != 0)
		fail_msg("%s", e.msg);
	b->f.engine.close(&c);
}

static void on_replica_becomes(struct row_bench *b, struct server *replica, const char *sql, const char *wanted)
{
	for (unsigned i = 0; i < 500; i++) {
		if (str_eq(server_value(replica, NULL, sql, b->f.arena), wanted))
			return;
		clock_sleep_ms(20);
	}
	fail_msg("on the replica, %s never was %s", sql, wanted);
}

static void replica_promoted(struct row_bench *b)
{
	struct server *replica = server_replica(b->server);
	row_sql(b, arena_printf(b->f.arena, "DROP DATABASE %s; CREATE DATABASE %s; USE %s; " PREPARE, b->database, b->database, b->database));
	row_step(b, "a:note", STEP_N, ADD_NOTE);
	assert_true(fixture_deliver_and_crash(&b->f, "n-statement-run"));
	on_replica_becomes(
	    b, replica,
	    arena_printf(b->f.arena, "SELECT count(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '%s' AND COLUMN_NAME = 'note'", b->database),
	    "1");
	promote(b, replica);
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_REFUSED); /* another server: the site says whether it is the right one */
	assert_non_null(strstr(r->failure.message, "the ledger was made in database "));
	adopt(b);
	b->f.task.attempt++;
	if (fixture_deliver(&b->f)->outcome != OUTCOME_APPLIED)
		fail_msg("%s", b->f.report.report.failure.message);
	assert_string_equal(server_value(replica, b->database, VIA, b->f.arena), "probe");
	server_stop(&replica);
	server_restart(b->server);
}

/* The log of the last commits is in the server's memory alone, and dies with it: the outcome's row is lost, while the statement flushed the log itself. */
static void power_lost(struct row_bench *b)
{
	struct conn *c = NULL;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf cautions = BUF_INIT;
	row_sql(b, "SET GLOBAL innodb_flush_log_at_trx_commit = 0; SET GLOBAL innodb_flush_log_at_timeout = 2700");
	assert_int_equal(b->f.engine.open(&b->f.target, &c, &e), 0);
	assert_int_equal(b->f.engine.cautions(c, &cautions, &e), 0);
	assert_non_null(
	    strstr(buf_str(&cautions), "innodb_flush_log_at_trx_commit is not 1: after a power failure the ledger may lack what was committed last"));
	b->f.engine.close(&c);
	row_step(b, "a:note", STEP_N, ADD_NOTE);
	assert_true(fixture_deliver_and_crash(&b->f, "outcome-written"));
	row_is(b, STATES, "intent,done");
	server_kill(b->server);
	server_restart(b->server);
	row_is(b, NOTE, "1");
	row_is(b, STATES, "intent");
	row_applied(b, 1);
	row_is(b, VIA, "probe");
}

static void mixed(struct row_bench *b)
{
	struct changeset *c = fixture_changeset(&b->f, "a:mixed");
	fixture_step(&b->f, c, STEP_T, "INSERT INTO tick VALUES ('before')");
	fixture_step(&b->f, c, STEP_N, ADD_NOTE);
	fixture_step(&b->f, c, STEP_T, "INSERT INTO tick VALUES ('behind')");
	assert_true(fixture_deliver_and_crash(&b->f, "n-statement-run"));
	row_is(b, TICKS, "1"); /* it has not gone with the statement, nor come again with it */
	row_applied(b, 3);
	row_is(b, "SELECT group_concat(what ORDER BY what) FROM tick", "before,behind");
	row_is(b, VIA, "run,probe,run");
}

static void mixed_in_one_step(struct row_bench *b)
{
	row_step(b, "a:mixed", STEP_T, ADD_NOTE);
	row_refused(b, "C20 class", "ALTER TABLE");
}

/* ---- whose effect is it? ---- */

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
static void common_statements(struct row_bench *b)
{
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
	    "ALTER TABLE made ADD FOREIGN KEY (item_id) REFERENCES item (id) ON DELETE CASCADE",
	    "ALTER TABLE made ADD CONSTRAINT made_positive CHECK (price > 0)",
	    "ALTER TABLE made DROP CONSTRAINT made_positive",
	    "ALTER TABLE made DROP PRIMARY KEY, ADD PRIMARY KEY (id, a)",
	    "ALTER TABLE made COMMENT = 'still here'",
	    "CREATE VIEW seen AS SELECT id, a FROM made",
	    "CREATE OR REPLACE VIEW seen AS SELECT id FROM made",
	    "CREATE TRIGGER told BEFORE INSERT ON made FOR EACH ROW SET NEW.note = 'told'",
	    "CREATE PROCEDURE twice(IN n int) DETERMINISTIC BEGIN SELECT n; SELECT n; END",
	    "CREATE OR REPLACE PROCEDURE twice(IN n int) BEGIN SELECT n; SELECT n + 1; END",
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
	row_sql(b, "SET GLOBAL log_bin_trust_function_creators = 1"); /* an earlier row may have turned the log on */
	for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
		bool twice = strstr(statements[i], "REPLACE VIEW"); /* a view is replaced as a whole: running it again does no harm */
		row_step(b, arena_printf(b->f.arena, "a:%zu", i), STEP_N, statements[i]);
		b->f.task.id[0]++;
		if (!fixture_deliver_and_crash(&b->f, "intent-written") || !fixture_deliver_and_crash(&b->f, "n-statement-run"))
			fail_msg("%s: no crash", statements[i]);
		if (fixture_deliver(&b->f)->outcome != OUTCOME_APPLIED)
			fail_msg("%s: %s", statements[i], b->f.report.report.failure.message);
		row_is(b, "SELECT group_concat(concat(state, '/', via) ORDER BY seq) FROM (SELECT * FROM rollcall_ledger ORDER BY seq DESC LIMIT 4) AS last",
		       twice ? "intent/run,failed/probe,intent/run,done/run" : "intent/run,failed/probe,intent/run,done/probe");
	}
	row_is(b, "SELECT count(*) FROM rollcall_ledger WHERE state = 'done'", arena_printf(b->f.arena, "%zu", ARRAY_LEN(statements)));
}

/* ---- ALGORITHM and LOCK ---- */

/* The server does what it can at once, and refuses, before it begins, what would copy the table: a failure for good, and nothing is different. */
static void no_silent_copy(struct row_bench *b)
{
	row_step(b, "a:instant", STEP_N, ADD_NOTE ", ALGORITHM=INSTANT, LOCK=NONE");
	row_applied(b, 1);
	row_is(b, NOTE, "1");
	const char *before =
	    row_value(b, "SELECT concat(TABLE_ID, ' ', SPACE) FROM information_schema.INNODB_SYS_TABLES WHERE NAME = concat(DATABASE(), '/item')");
	row_step(b, "a:copy", STEP_N, "ALTER TABLE item MODIFY COLUMN name text NOT NULL, ALGORITHM=INSTANT, LOCK=NONE");
	b->f.task.id[0]++;
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	if (!strstr(r->failure.message, "(error 1846, ") || !strstr(r->failure.message, "The server began nothing") ||
	    !strstr(r->failure.message, "algorithm:copy lock:shared on the changeset's line"))
		fail_msg("%s", r->failure.message);
	row_is(b, "SELECT concat(TABLE_ID, ' ', SPACE) FROM information_schema.INNODB_SYS_TABLES WHERE NAME = concat(DATABASE(), '/item')", before);
	row_is(b, "SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'item' AND COLUMN_NAME = 'name'",
	       "varchar(100)");
	row_is(b, LEFT_BEHIND, "0");
	row_is(b, STATES, "intent,done,intent,failed"); /* once: it is not tried again */
}

/* ---- class X, and DML ---- */

static void many_drops(struct row_bench *b)
{
	row_step(b, "a:drop", STEP_N, "DROP TABLE tick, item");
	row_refused(b, "C20 class", "DROP TABLE");
}

static void create_or_replace(struct row_bench *b)
{
	row_step(b, "a:replace", STEP_N, "CREATE OR REPLACE TABLE item AS SELECT 1 AS id");
	row_refused(b, "C20 class", "CREATE OR REPLACE TABLE");
}

static void drop_database(struct row_bench *b)
{
	row_step(b, "a:drop", STEP_N, "DROP DATABASE shop");
	row_refused(b, "C20 class", "DROP DATABASE");
}

static void partitions(struct row_bench *b)
{
	row_sql(b, "CREATE TABLE part (id int NOT NULL) PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (10))");
	row_step(b, "a:part", STEP_N, "ALTER TABLE part ADD PARTITION (PARTITION p2 VALUES LESS THAN (20))");
	assert_true(fixture_deliver_and_crash(&b->f, "n-statement-run"));
	row_applied(b, 1);
	row_is(b, VIA, "probe");
	row_is(b, "SELECT count(*) FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'part'", "2");
}

static void no_transactions(struct row_bench *b)
{
	row_sql(b, "CREATE TABLE old (what varchar(20)) ENGINE=MyISAM");
	row_step(b, "a:old", STEP_T, "INSERT INTO old VALUES ('one')");
	const struct report *r = fixture_deliver(&b->f);
	assert_int_not_equal(r->outcome, OUTCOME_APPLIED);
	assert_non_null(strstr(r->failure.message, "table old is of the storage engine MyISAM, which has no transactions"));
	row_is(b, "SELECT count(*) FROM old", "0");
	row_sql(b, "ALTER TABLE old ENGINE=InnoDB");
	b->f.task.attempt++;
	row_applied(b, 1);
	row_is(b, "SELECT count(*) FROM old", "1");
}

/* Where a statement changes such a table without naming it first, or at all: refused before anything ran, and what only reads it goes on. */
static void no_transactions_in_a_roundabout_way(struct row_bench *b)
{
	static const struct {
		const char *sql, *says;
	} steps[] = {
	    {"UPDATE item i JOIN old o ON o.id = i.id SET o.n = o.n + 1", "table old is of the storage engine MyISAM, which has no transactions"},
	    {"DELETE o FROM item i JOIN old o ON o.id = i.id WHERE i.id = 1", "table old is of the storage engine MyISAM, which has no transactions"},
	    {"INSERT INTO tick VALUES ('x')", "table old is of the storage engine MyISAM (by trigger on_tick), which has no transactions"},
	    {"UPDATE seen SET n = n + 1", "table old is of the storage engine MyISAM (by view seen), which has no transactions"},
	    {"BEGIN NOT ATOMIC UPDATE old SET n = n + 1; END", "table old is of the storage engine MyISAM, which has no transactions"},
	    {"CALL bump()", "table old is of the storage engine MyISAM (by routine bump) (by routine bump_all), which has no transactions"},
	    {"UPDATE item SET name = bumped() WHERE id = 1", "table old is of the storage engine MyISAM (by routine bumped), which has no transactions"},
	};
	row_sql(b, "CREATE TABLE old (id int, n int) ENGINE=MyISAM; INSERT INTO old VALUES (1, 0); CREATE VIEW seen AS SELECT n FROM old");
	row_sql(b, "CREATE TRIGGER on_tick AFTER INSERT ON tick FOR EACH ROW UPDATE old SET n = n + 1");
	row_sql(b, "CREATE PROCEDURE bump() UPDATE old SET n = n + 1");
	row_sql(b, "CREATE PROCEDURE bump_all() CALL bump()");
	row_sql(b, "CREATE FUNCTION bumped() RETURNS varchar(9) MODIFIES SQL DATA RETURN (SELECT max(n) FROM old)");
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		const char *id = arena_printf(b->f.arena, "a:roundabout-%zu", i);
		b->f.verified.release.n_changesets = 0;
		b->f.task.id[0]++;
		row_step(b, id, STEP_T, str_eq(steps[i].sql, "CALL bump()") ? "CALL bump_all()" : steps[i].sql);
		const struct report *r = fixture_deliver(&b->f);
		assert_int_not_equal(r->outcome, OUTCOME_APPLIED);
		if (!r->failure.message || !strstr(r->failure.message, steps[i].says))
			fail_msg("%s: %s", steps[i].sql, r->failure.message);
		row_is(b, "SELECT max(n) FROM old", "0");
	}
	b->f.verified.release.n_changesets = 0;
	b->f.task.id[0]++;
	row_step(b, "a:reads", STEP_T, "INSERT INTO item SELECT id + 5000, n FROM old");
	row_step(b, "a:deletes", STEP_T, "DELETE FROM item WHERE id IN (SELECT id FROM old)");
	row_step(b, "a:updates", STEP_T, "UPDATE item SET name = 'x' WHERE id IN (SELECT id + 1 FROM old)");
	row_applied(b, 3);
}

int main(int argc, char **argv)
{
	static const struct row_test rows[] = {
	    {"MA-01 the agent dies after the intent, before the statement", before_statement},
	    {"MA-02 the agent dies while ALTER TABLE runs", killed_in_alter},
	    {"MA-03 the server dies in ALTER TABLE ... ALGORITHM=COPY", server_dies_in_copy},
	    {"MA-04 the server dies after the statement, before its outcome", server_dies_after_statement},
	    {"MA-05 a statement that fails commits no outcome", failed_statement_leaves_no_done},
	    {"MA-06 the reply to ALTER TABLE is lost", reply_lost},
	    {"MA-06 the reply to COMMIT is lost", commit_reply_lost},
	    {"MA-07 a replica is promoted between the statement and its outcome", replica_promoted},
	    {"MA-08 power is lost with the log not flushed", power_lost},
	    {"MA-09 DDL waits for a metadata lock", metadata_lock},
	    {"MA-10 an operator kills ALTER TABLE ... ALGORITHM=COPY", operator_kills_copy},
	    {"MA-11 a ledger table that is not InnoDB", ledger_without_transactions},
	    {"MA-20 DROP TABLE of several", many_drops},
	    {"MA-21 CREATE OR REPLACE TABLE", create_or_replace},
	    {"MA-22 DROP DATABASE", drop_database},
	    {"MA-23 the agent dies after a partitioned ALTER TABLE", partitions},
	    {"MA-24 the server dies in a transaction", row_server_dies},
	    {"MA-27 EXCHANGE PARTITION is not run twice", exchange_partition},
	    {"MA-27 RENAME TABLE in a circle is not run twice", rename_in_a_circle},
	    {"MA-27 TRUNCATE PARTITION is not run twice", truncate_partition},
	    {"MA-27 ALTER SEQUENCE ... RESTART is not run twice", restart_sequence},
	    {"MA-28 another column than ours is there", another_column},
	    {"MA-28 another table of that name is there", another_table},
	    {"MA-28 another index of that name is there", another_index},
	    {"MA-29 common statements need nobody", common_statements},
	    {"MA-30 a statement that may not copy its table is refused", no_silent_copy},
	    ROW_AGENTS,
	    {"MA-26 DML and DDL in one change", mixed},
	    {"MA-26 DDL in a step that says it has a transaction", mixed_in_one_step},
	    {"MA-25 DML on a table without transactions", no_transactions},
	    {"MA-25 DML that reaches one in a roundabout way", no_transactions_in_a_roundabout_way},
	};
	return rows_run(DIALECT_MARIADB, PREPARE, rows, ARRAY_LEN(rows), argc, argv);
}
