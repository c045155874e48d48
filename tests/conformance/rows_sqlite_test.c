/* The rows SL-.. of the list of crash points, on files in each journal mode. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/lite/lite.h"
#include "tests/support/full_disk.h"
#include "tests/support/row_fixture.h"

#define PREPARE "CREATE TABLE tick (what TEXT)"
#define MANY    "INSERT INTO tick WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 60000) SELECT 'tick number ' || i FROM s"
#define TICKS   "SELECT count(*) FROM tick"
#define SOUND   "SELECT integrity_check FROM pragma_integrity_check"
#define NOTE    "SELECT count(*) FROM pragma_table_info('item') WHERE name = 'note'"

/* Of the octets that SQLite itself locks: all, as a writer does at the end; those of the readers. */
#define WHOLE   0x40000000, 512
#define READERS 0x40000002, 510

/* Of the child, which has its lock; and when it has, to the parent. */
static void say_locked(const int ends[2])
{
	if (write(ends[1], "x", 1) != 1)
		_exit(1);
}

static void hear_locked(const int ends[2])
{
	char byte;
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
}

/* Another process with such a lock; for_ms 0: until it is ended. */
static pid_t lock_file(struct row_bench *b, short kind, off_t from, off_t length, uint32_t for_ms)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct flock octets = {.l_type = kind, .l_whence = SEEK_SET, .l_start = from, .l_len = length};
		int fd = open(b->f.db, O_RDWR | O_CLOEXEC);
		if (fd < 0 || fcntl(fd, F_SETLK, &octets) != 0)
			_exit(1);
		say_locked(ends);
		if (!for_ms)
			pause();
		clock_sleep_ms(for_ms);
		_exit(0);
	}
	hear_locked(ends);
	return pid;
}

/* A process that holds the file's write lock for a while. */
static pid_t hold_file(struct row_bench *b, uint32_t ms)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		static const char *const none[] = {NULL};
		struct lite *l = NULL;
		struct err e = ERR_INIT;
		if (lite_open(b->f.db, none, &l, &e) != 0 || lite_begin(l, &e) != 0)
			_exit(1);
		say_locked(ends);
		clock_sleep_ms(ms);
		_exit(0);
	}
	hear_locked(ends);
	return pid;
}

static bool is_there(struct row_bench *b, const char *suffix)
{
	return file_exists(arena_printf(b->f.arena, "%s%s", b->f.db, suffix));
}

/* DDL, many rows, and the agent dies before COMMIT. */
static void killed_before_commit(struct row_bench *b, const char *left)
{
	struct changeset *c = fixture_changeset(&b->f, "a:many");
	fixture_step(&b->f, c, STEP_T, "ALTER TABLE item ADD COLUMN note TEXT");
	fixture_step(&b->f, c, STEP_T, MANY);
	assert_true(fixture_deliver_and_crash(&b->f, "statement-run:2"));
	assert_true(is_there(b, left));
	row_applied(b, 2);
	row_is(b, TICKS, "60000");
	row_is(b, NOTE, "1");
	row_is(b, SOUND, "ok");
}

static void rollback_journal(struct row_bench *b)
{
	row_sql(b, "PRAGMA journal_mode = DELETE");
	killed_before_commit(b, "-journal");
}

static void write_ahead_log(struct row_bench *b)
{
	row_sql(b, "PRAGMA journal_mode = WAL");
	killed_before_commit(b, "-wal");
}

/* Somebody takes the hot journal for rubbish. What is left is no database: nobody is told that it is one. */
static void journal_deleted(struct row_bench *b)
{
	row_sql(b, MANY "; CREATE INDEX tick_what ON tick (what); PRAGMA journal_mode = DELETE");
	row_step(b, "a:many", STEP_T, "UPDATE tick SET what = what || ' and more'");
	assert_true(fixture_deliver_and_crash(&b->f, "statement-run"));
	assert_int_equal(unlink(arena_printf(b->f.arena, "%s-journal", b->f.db)), 0);
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.message, "database disk image is malformed"));
}

static void committed(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	assert_true(fixture_deliver_and_crash(&b->f, "committed"));
	row_is(b, TICKS, "1");
	row_applied(b, 1);
	row_is(b, TICKS, "1");
	assert_int_equal(b->f.report.report.steps[0].via, VIA_LEDGER);
}

static void file_is_locked(struct row_bench *b)
{
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	pid_t other = hold_file(b, 5000);
	row_applied(b, 1);
	row_end(other);
	row_is(b, TICKS, "1");
	assert_non_null(strstr(buf_str(&b->f.progress), "waiting-lock"));
}

/* A reader is in the way of COMMIT alone: the whole step is tried again. */
static void reader_at_commit(struct row_bench *b)
{
	row_sql(b, "PRAGMA journal_mode = DELETE");
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	row_applied(b, 1);
	row_step(b, "a:two", STEP_T, "INSERT INTO tick VALUES ('two')");
	b->f.task.id[0]++;
	pid_t other = lock_file(b, F_RDLCK, READERS, 6000);
	b->f.budget_ms = 200;
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "another process read the file longer than lock_timeout (50 ms)"));
	assert_string_equal(r->failure.database_state, "changeset 1 of 2 is applied; nothing else changed");
	b->f.budget_ms = 30000;
	b->f.task.attempt++;
	row_applied(b, 2);
	row_end(other);
	row_is(b, TICKS, "2");
	assert_non_null(strstr(buf_str(&b->f.progress), "waiting-lock"));
}

/* A text is longer than what stands before its first NUL. */
static void keys_with_nul(struct row_bench *b)
{
	row_sql(
	    b,
	    "CREATE TABLE big (id TEXT NOT NULL PRIMARY KEY, n INT NOT NULL DEFAULT 0); INSERT INTO big (id) WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL "
	    "SELECT i + 1 FROM s WHERE i < 100) SELECT 'key' || char(0) || i FROM s");
	struct changeset *c = fixture_changeset(&b->f, "a:batched");
	c->batching = (struct batching){.size = 7, .rollback_size = 7};
	fixture_step(&b->f, c, STEP_B, "UPDATE big SET n = n + 1");
	assert_true(fixture_deliver_and_crash(&b->f, "batch-committed:4"));
	row_applied(b, 1);
	row_is(b, "SELECT count(*) FROM big WHERE n = 1", "100");
}

/* Inside a transaction the pragma does nothing, so keys are off before it begins, and checked before it commits. */
static void foreign_keys(struct row_bench *b)
{
	static const char *const recipe[] = {"PRAGMA foreign_keys = OFF", "CREATE TABLE parent_new (id INTEGER PRIMARY KEY, note TEXT)",
	                                     "INSERT INTO parent_new (id) SELECT id FROM parent", "DROP TABLE parent",
	                                     "ALTER TABLE parent_new RENAME TO parent"};
	row_sql(b, "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id) ON "
	           "DELETE CASCADE);"
	           "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1)");
	struct statement statements[ARRAY_LEN(recipe)];
	for (size_t i = 0; i < ARRAY_LEN(recipe); i++)
		statements[i] = (struct statement){.sql = bytes_of_str(recipe[i]), .line = (uint32_t)i + 1};
	row_step(b, "a:rebuild", STEP_T, recipe[0]);
	struct step *step = b->f.changesets[0].bodies[0].steps;
	step->statements = statements;
	step->n_statements = ARRAY_LEN(recipe);
	digest_step(step, step->digest);
	row_applied(b, 1);
	row_is(b, "SELECT count(*) FROM child JOIN parent ON parent.id = child.parent", "1");
	row_step(b, "a:orphan", STEP_T, "INSERT INTO child VALUES (2, 99)");
	b->f.task.id[0]++;
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message, "1 row of child would refer to missing rows of parent"));
	row_is(b, "SELECT count(*) FROM child", "1");
}

static void attached(struct row_bench *b)
{
	row_step(b, "a:attach", STEP_T, "ATTACH 'other.db' AS other");
	row_refused(b, "C19 statement", "ATTACH");
}

static void vacuum(struct row_bench *b)
{
	row_step(b, "a:vacuum", STEP_N, "VACUUM");
	assert_true(fixture_deliver_and_crash(&b->f, "n-statement-run"));
	row_applied(b, 1);
	row_is(b, SOUND, "ok");
}

/* A restore puts another file in the place of the one that the agent has open. */
static void file_replaced(struct row_bench *b)
{
	AUTO(buf_done) struct buf whole = BUF_INIT;
	struct err e = ERR_INIT;
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	assert_int_equal(file_read(b->f.db, (size_t)64 << 20, &whole, &e), 0);
	pid_t agent = fixture_start(&b->f, "statement-run=stop");
	fixture_wait_stopped(agent);
	assert_int_equal(file_write_atomic(b->f.db, buf_bytes(&whole), 0600, &e), 0);
	kill(agent, SIGCONT);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_FAILED);
	row_is(b, TICKS, "0");
	b->f.task.attempt++;
	assert_int_equal(fixture_deliver(&b->f)->outcome, OUTCOME_REFUSED); /* another file than the ledger speaks of: a person's word is wanted */
	row_is(b, TICKS, "0");
}

static bool has_open(pid_t pid, const char *path)
{
	for (int fd = 0; fd < 64; fd++) {
		char link[64], to[256] = "";
		snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
		if (readlink(link, to, sizeof to - 1) > 0 && str_eq(to, path))
			return true;
	}
	return false;
}

/* The restore comes just when the agent has opened the old file and not yet looked which one it is. */
static void file_replaced_while_opened(struct row_bench *b)
{
	AUTO(buf_done) struct buf whole = BUF_INIT;
	struct err e = ERR_INIT;
	row_sql(b, "PRAGMA journal_mode = WAL"); /* in the other mode SQLite itself notices */
	row_step(b, "a:one", STEP_T, "INSERT INTO tick VALUES ('one')");
	assert_int_equal(file_read(b->f.db, (size_t)64 << 20, &whole, &e), 0);
	row_sql(b, MANY);
	b->f.target.lock_timeout_ms = 30000;
	pid_t other = lock_file(b, F_WRLCK, WHOLE, 0), agent = fixture_start(&b->f, NULL);
	while (!has_open(agent, b->f.db))
		clock_sleep_ms(10);
	assert_int_equal(file_write_atomic(b->f.db, buf_bytes(&whole), 0600, &e), 0);
	kill(other, SIGKILL);
	row_end(other);
	assert_int_equal(fixture_wait(&b->f, agent), OUTCOME_APPLIED);
	row_is(b, SOUND, "ok");
	row_is(b, TICKS, "1");
}

/* ---- a full disk ---- */

#define LARGE  "UPDATE large SET what = what || '.'" /* more than SQLite keeps in memory: it spills before COMMIT */
#define FIRST  8 /* writes, and as many of the last ones, at which the disk gets full; between them EVENLY many */
#define EVENLY 8

struct disk { /* how one and the same step ended on it */
	const char *mode;
	unsigned long writes; /* of a try that had room enough */
	unsigned amid, at_commit;
};

static void add_large(struct row_bench *b)
{
	row_step(b, arena_printf(b->f.arena, "a:%zu", b->f.verified.release.n_changesets), STEP_T, LARGE);
	b->f.task.id[0]++;
	b->f.task.attempt = 1;
}

/* One row of `tick` for each time that it ran, one octet more in each row of `large`, one row of the ledger. */
static void check_large(struct row_bench *b, struct disk *d, size_t times)
{
	row_sql(b, d->mode); /* whoever writes next takes back what a full disk kept from being taken back */
	row_is(b, SOUND, "ok");
	row_is(b, TICKS, arena_printf(b->f.arena, "%zu", times));
	row_is(b, "SELECT count(*) FROM rollcall_ledger WHERE state = 'done'", arena_printf(b->f.arena, "%zu", times));
	row_is(b, "SELECT min(length(what)) || ' ' || max(length(what)) FROM large", arena_printf(b->f.arena, "%zu %zu", 80 + times, 80 + times));
}

static void with_room(struct row_bench *b, struct disk *d)
{
	b->f.budget_ms = 30000;
	full_disk_begin("shop.db", 0);
	row_applied(b, b->f.verified.release.n_changesets);
	d->writes = full_disk_end();
	check_large(b, d, b->f.verified.release.n_changesets);
}

/* From the n-th write to the file, its journal or its log on nothing more can be written; then there is room, and the same order is tried once more. */
static void full_at(struct row_bench *b, struct disk *d, unsigned long n)
{
	size_t before = b->f.verified.release.n_changesets;
	add_large(b);
	b->f.budget_ms = 1;
	full_disk_begin("shop.db", n);
	const struct report *r = fixture_deliver(&b->f);
	(void)full_disk_end();
	bool applied = r->outcome == OUTCOME_APPLIED; /* its COMMIT was through: what was full was the way from the log into the file */
	const char *why = applied ? "" : r->failure.message;
	if (!applied && (r->outcome != OUTCOME_FAILED || (!strstr(why, "disk is full") && !strstr(why, "No space left on device"))))
		fail_msg("full at write %lu: %s: %s", n, outcome_name(r->outcome), why);
	d->amid += strstr(why, "SQLite rolled the transaction back: database or disk is full") != NULL;
	d->at_commit += strstr(why, "COMMIT: database or disk is full") != NULL;
	check_large(b, d, before + applied);
	b->f.task.attempt = 2;
	with_room(b, d);
}

static void disk_full(struct row_bench *b, const char *mode)
{
	struct disk d = {.mode = mode};
	row_sql(b, "CREATE TABLE large (what TEXT); INSERT INTO large WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 30000) "
	           "SELECT hex(zeroblob(40)) FROM s;"
	           "CREATE TRIGGER counts AFTER UPDATE ON large WHEN OLD.rowid = 1 BEGIN INSERT INTO tick VALUES ('one'); END");
	row_sql(b, mode);
	add_large(b);
	with_room(b, &d);
	for (unsigned long n = 1; n <= FIRST; n++)
		full_at(b, &d, n);
	for (unsigned long n = 1; n < EVENLY; n++)
		full_at(b, &d, d.writes * n / EVENLY);
	for (unsigned long n = 0; n < FIRST; n++)
		full_at(b, &d, d.writes - n);
	if (d.amid == 0 || d.at_commit == 0)
		fail_msg("%s: full %u times in mid-transaction, %u times at COMMIT", mode, d.amid, d.at_commit);
}

static void disk_full_with_journal(struct row_bench *b)
{
	disk_full(b, "PRAGMA journal_mode = DELETE");
}

static void disk_full_with_log(struct row_bench *b)
{
	disk_full(b, "PRAGMA journal_mode = WAL");
}

int main(int argc, char **argv)
{
	static const struct row_test rows[] = {
	    {"SL-01 the agent dies before COMMIT, rollback journal", rollback_journal},
	    {"SL-02 the agent dies before COMMIT, write-ahead log", write_ahead_log},
	    {"SL-03 the hot journal is deleted", journal_deleted},
	    {"SL-04 the agent dies after COMMIT", committed},
	    {"SL-05 another process holds the lock", file_is_locked},
	    {"SL-05 a reader is in the way of COMMIT", reader_at_commit},
	    {"SL-06 PRAGMA foreign_keys inside a transaction", foreign_keys},
	    {"SL-07 a change that spans two files", attached},
	    {"SL-08 the agent dies after VACUUM", vacuum},
	    {"SL-09 the file is replaced while the agent has it open", file_replaced},
	    {"SL-09 the file is replaced while the agent opens it", file_replaced_while_opened},
	    {"SL-10 the disk gets full in mid-transaction and at COMMIT, rollback journal", disk_full_with_journal},
	    {"SL-10 the disk gets full in mid-transaction and at COMMIT, write-ahead log", disk_full_with_log},
	    {"BF-02 the agent dies after a batch's COMMIT, and its keys hold NULs", keys_with_nul},
	    ROW_BATCHES,
	    ROW_ORDERS,
	    ROW_VALIDATIONS,
	};
	return rows_run(DIALECT_SQLITE, PREPARE, rows, ARRAY_LEN(rows), argc, argv);
}
