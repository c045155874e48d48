/* Deliveries for tests. */
#include "tests/support/delivery_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/lite/lite.h"

void fixture_sql(struct fixture *f, const char *sql)
{
	static const char *const none[] = {NULL};
	struct lite *l = NULL;
	struct err e = ERR_INIT;
	if (lite_open(f->db, none, &l, &e) != 0 || lite_exec(l, sql, &e) != 0)
		fail_msg("%s: %s", sql, e.msg);
	lite_close(&l);
}

const char *fixture_value(struct fixture *f, const char *sql)
{
	struct lite *l = NULL;
	struct lite_stmt *s = NULL;
	struct err e = ERR_INIT;
	bool row = false;
	if (lite_open_readonly(f->db, &l, &e) != 0 || lite_prepare(l, sql, &s, &e) != 0 || lite_step(s, &row, &e) != 0)
		fail_msg("%s: %s", sql, e.msg);
	const char *value = row && !lite_is_null(s, 0) ? arena_strdup(f->arena, lite_text(s, 0)) : "NULL";
	lite_close(&l);
	return value;
}

void fixture_init_on(struct fixture *f, const char *engine, const char *dsn)
{
	struct err e = ERR_INIT;
	*f = (struct fixture){.engine = *engine_by_name(engine), .budget_ms = 2000};
	snprintf(f->dir, sizeof f->dir, "/tmp/rollcall-apply-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->db, sizeof f->db, "%s/shop.db", f->dir);
	snprintf(f->dsn, sizeof f->dsn, "sqlite:%s", f->db);
	snprintf(f->journal_path, sizeof f->journal_path, "%s/journal.db", f->dir);
	f->arena = arena_new((size_t)64 << 20);
	f->target = (struct engine_target){.id = "eu/db1/shop",
	                                   .dsn = dsn ? dsn : f->dsn,
	                                   .connect_timeout_ms = dsn ? 5000 : 1000,
	                                   .lock_timeout_ms = dsn ? 1000 : 50,
	                                   .statement_timeout_ms = 10000};
	f->task = (struct task){.attempt = 1, .epoch = 1, .target = "eu/db1/shop", .direction = DIRECTION_APPLY};
	memset(f->task.id, 7, TASK_SIZE);
	struct release *r = &f->verified.release;
	*r = (struct release){.project = "shop", .version = "1.0", .sequence = 1, .changesets = f->changesets};
	memset(r->digest, 0x11, DIGEST_SIZE);
	f->verified.order = (struct order){.id = "0123456789abcdef0123456789abcdef", .direction = DIRECTION_APPLY};
	memset(f->verified.order.digest, 0x22, DIGEST_SIZE);
	watch_init(&f->watch);
	assert_int_equal(journal_open(f->journal_path, &f->journal, &e), 0);
}

void fixture_init(struct fixture *f)
{
	fixture_init_on(f, "sqlite", NULL);
	fixture_sql(f, "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO item VALUES (1, 'a'), (2, 'b'), (3, 'c')");
}

void fixture_done(struct fixture *f)
{
	struct err e = ERR_INIT;
	watch_done(&f->watch);
	journal_close(&f->journal);
	buf_done(&f->progress);
	arena_destroy(&f->arena);
	assert_int_equal(file_remove_tree(f->dir, &e), 0);
}

int fixture_setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	fixture_init(f);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	fixture_done(*state);
	free(*state);
	return 0;
}

struct changeset *fixture_changeset(struct fixture *f, const char *id)
{
	struct release *r = &f->verified.release;
	assert_true(r->n_changesets < FIXTURE_CHANGESETS);
	struct changeset *c = &f->changesets[r->n_changesets++];
	struct body *b = arena_alloc(f->arena, sizeof *b);
	b->engine = f->engine.name;
	*c = (struct changeset){.id = id, .file = "changes/shop.sql", .line = (uint32_t)r->n_changesets * 10, .bodies = b, .n_bodies = 1};
	return c;
}

static void add_step(struct fixture *f, struct step **steps, size_t *n, enum step_class class, const char *sql, uint32_t line)
{
	struct step *grown = arena_alloc(f->arena, (*n + 1) * sizeof *grown);
	if (*n)
		memcpy(grown, *steps, *n * sizeof *grown);
	struct statement *s = arena_alloc(f->arena, sizeof *s);
	*s = (struct statement){.sql = bytes_of_str(sql), .line = line};
	grown[*n] = (struct step){.class = class, .statements = s, .n_statements = 1};
	digest_step(&grown[*n], grown[*n].digest);
	*steps = grown;
	(*n)++;
}

void fixture_step(struct fixture *f, struct changeset *c, enum step_class class, const char *sql)
{
	struct body *b = c->bodies;
	add_step(f, &b->steps, &b->n_steps, class, sql, c->line + (uint32_t)b->n_steps + 1);
}

void fixture_rollback(struct fixture *f, struct changeset *c, enum step_class class, const char *sql)
{
	struct body *b = c->bodies;
	b->has_rollback = true;
	if (sql)
		add_step(f, &b->rollback, &b->n_rollback, class, sql, c->line + 5);
}

void fixture_validation(struct fixture *f, struct changeset *c, enum validation_when when, const char *name, const char *expected, const char *sql)
{
	struct validation *grown = arena_alloc(f->arena, (c->n_validations + 1) * sizeof *grown);
	if (c->n_validations)
		memcpy(grown, c->validations, c->n_validations * sizeof *grown);
	enum validation_mode other = when == VALIDATE_BEFORE ? VALIDATE_RECORD : VALIDATE_SAME_AS_BEFORE;
	grown[c->n_validations++] = (struct validation){
	    .name = name, .when = when, .mode = expected ? VALIDATE_EQUALS : other, .expected = expected, .sql = bytes_of_str(sql), .line = c->line + 1};
	c->validations = grown;
}

void fixture_precondition(struct fixture *f, struct changeset *c, const char *expected, const char *sql)
{
	assert_int_equal(c->n_preconditions, 0);
	c->preconditions = arena_alloc(f->arena, sizeof *c->preconditions);
	c->preconditions[c->n_preconditions++] = (struct check){.kind = CHECK_SQL, .expected = expected, .sql = bytes_of_str(sql), .line = c->line + 1};
}

void fixture_whole(struct fixture *f)
{
	static const char *critical[] = {FEATURE_RELEASE_TRANSACTION};
	f->verified.release.critical = critical;
	f->verified.release.n_critical = 1;
}

static void note_progress(void *arg, const struct delivery_progress *p)
{
	struct fixture *f = arg;
	buf_addf(&f->progress, "%s %s %u/%u %s\n", p->state, p->changeset ? p->changeset : "-", p->step, p->of_steps, p->detail ? p->detail : "");
	if (f->progress_hook)
		f->progress_hook(f->progress_hook_arg, p);
}

int fixture_seal(void *arg, const struct report *r, struct buf *ret, struct err *e)
{
	(void)arg, (void)e;
	buf_addf(ret, "report %llu %s", (unsigned long long)r->report_seq, outcome_name(r->outcome));
	return 0;
}

const struct report *fixture_deliver(struct fixture *f)
{
	struct err e = ERR_INIT;
	bool known;
	enum task_state ts;
	for (size_t i = 0; i < f->verified.release.n_changesets; i++)
		digest_changeset(&f->changesets[i], f->changesets[i].digest);
	f->report = (struct collector){.arena = f->arena};
	f->report.report = (struct report){.agent = "eu-1", .target = f->task.target, .attempt = f->task.attempt, .direction = f->task.direction};
	memcpy(f->report.report.task, f->task.id, TASK_SIZE);
	f->watch.wish = WISH_GO_ON;
	struct delivery d = {.engine = &f->engine,
	                     .target = &f->target,
	                     .task = &f->task,
	                     .verified = &f->verified,
	                     .journal = f->journal,
	                     .agent = "eu-1",
	                     .limits = &f->limits,
	                     .orphan_cancel_ms = f->orphan_cancel_ms,
	                     .refuse_superuser = f->refuse_superuser,
	                     .refuse_drift = f->refuse_drift,
	                     .policy = f->policy,
	                     .data_dir = f->dir,
	                     .budget_end_us = clock_mono_us() + (int64_t)f->budget_ms * 1000,
	                     .watch = &f->watch,
	                     .progress = note_progress,
	                     .progress_arg = f,
	                     .arena = f->arena,
	                     .report = &f->report};
	if (journal_accept(f->journal, &f->task, &known, &ts, &e) != 0)
		fail_msg("%s", e.msg);
	f->ended = delivery_run(&d);
	if (delivery_finish(&d, fixture_seal, NULL, &e) != 0)
		fail_msg("%s", e.msg);
	delivery_done(&d);
	return &f->report.report;
}

pid_t fixture_start(struct fixture *f, const char *crash_at)
{
	struct err e = ERR_INIT;
	journal_close(&f->journal); /* a SQLite handle must not cross a fork */
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	if (crash_at)
		setenv("ROLLCALL_CRASH_AT", crash_at, 1);
	if (journal_open(f->journal_path, &f->journal, &e) != 0)
		_exit(OUTCOME_COUNT);
	const struct report *r = fixture_deliver(f);
	if (r->outcome != OUTCOME_APPLIED && r->outcome != OUTCOME_ROLLED_BACK)
		print_message("%s: %s\n", outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
	fflush(NULL);
	_exit((int)r->outcome);
}

void fixture_wait_stopped(pid_t child)
{
	int status = 0;
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_true(WIFSTOPPED(status));
}

int fixture_wait(struct fixture *f, pid_t child)
{
	struct err e = ERR_INIT;
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (journal_open(f->journal_path, &f->journal, &e) != 0)
		fail_msg("%s", e.msg);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool fixture_deliver_and_crash(struct fixture *f, const char *where)
{
	return fixture_wait(f, fixture_start(f, where)) == -1;
}
