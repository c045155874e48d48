/* The rows MA-.. of the list of crash points, on a real server: where agent, server, network or an operator can break in. What an interrupted statement is then found to have done is
 * rows_mariadb_effect_test.c. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/ledger/ledger.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "tests/support/row_mariadb.h"

#define TICKS       "SELECT count(*) FROM tick"
#define RUNS(text)  "SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = 'rollcall' AND INFO LIKE '" text "%'"
#define VIA         "SELECT group_concat(via ORDER BY seq) FROM rollcall_ledger WHERE state = 'done'"
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
	pid_t watcher = row_outsider(b, when_copying); /* it is there before the copy, which is soon over */
	row_becomes(b, "SELECT count(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%tries%' AND ID <> CONNECTION_ID()", "1");
	pid_t agent = fixture_start(&b->f, NULL);
	int status = 0;
	assert_int_equal(waitpid(watcher, &status, 0), watcher);
	assert_int_equal(status, 0); /* else there was no copy */
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
	pid_t other = hold_item(b, "5"), agent = fixture_start(&b->f, NULL);
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
	pid_t other = hold_item(b, "5");
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
	for (unsigned i = 0; i < 3000; i++) {
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
	AUTO(buf_done) struct buf pid = BUF_INIT;
	row_sql(b, "SET GLOBAL innodb_flush_log_at_trx_commit = 0; SET GLOBAL innodb_flush_log_at_timeout = 2700");
	assert_int_equal(b->f.engine.open(&b->f.target, &c, &e), 0);
	assert_int_equal(b->f.engine.cautions(c, &cautions, &e), 0);
	assert_non_null(
	    strstr(buf_str(&cautions), "innodb_flush_log_at_trx_commit is not 1: after a power failure the ledger may lack what was committed last"));
	b->f.engine.close(&c);
	row_step(b, "a:note", STEP_N, ADD_NOTE);
	assert_int_equal(file_read(row_value(b, "SELECT @@pid_file"), 32, &pid, &e), 0);
	pid_t server = (pid_t)strtol(buf_str(&pid), NULL, 10), agent = fixture_start(&b->f, "outcome-written=stop");
	fixture_wait_stopped(agent);
	assert_int_equal(kill(server, SIGKILL), 0); /* at once: in a second or two it writes its log all the same */
	row_kill_agent(b, agent);
	server_kill(b->server); /* what it leaves behind */
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
	row_refused(b, "C19 statement", "DROP TABLE");
}

static void create_or_replace(struct row_bench *b)
{
	row_step(b, "a:replace", STEP_N, "CREATE OR REPLACE TABLE item AS SELECT 1 AS id");
	row_refused(b, "C19 statement", "CREATE OR REPLACE TABLE");
}

static void drop_database(struct row_bench *b)
{
	row_step(b, "a:drop", STEP_N, "DROP DATABASE shop");
	row_refused(b, "C19 statement", "DROP DATABASE");
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
	row_sql(b, "SET GLOBAL log_bin_trust_function_creators = 1"); /* MA-07 has turned the log on */
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
	    {"MA-30 a statement that may not copy its table is refused", no_silent_copy},
	    ROW_AGENTS,
	    {"MA-26 DML and DDL in one change", mixed},
	    {"MA-26 DDL in a step that says it has a transaction", mixed_in_one_step},
	    {"MA-25 DML on a table without transactions", no_transactions},
	    {"MA-25 DML that reaches one in a roundabout way", no_transactions_in_a_roundabout_way},
	    ROW_BATCHES,
	    ROW_ORDERS,
	    ROW_VALIDATIONS,
	};
	return rows_run(DIALECT_MARIADB, PREPARE, rows, ARRAY_LEN(rows), argc, argv);
}
