/* The journal: tasks, steps, notes, numbers, the chained outbox, and what is left after a process dies in the middle of a commit. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/journal/journal.h"
#include "agent/journal/journal_file.h"
#include "agent/journal/sql/heads.sql.h"
#include "agent/journal/sql/holds.sql.h"
#include "agent/journal/sql/journal.sql.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/crypto/digest.h"

struct world {
	char dir[64], path[96];
	struct journal *j;
	struct arena *a;
};

static int set_up(void **state)
{
	struct world *w = mem_alloc(sizeof *w);
	struct err e = ERR_INIT;
	snprintf(w->dir, sizeof w->dir, "/tmp/rollcall-journal-XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	snprintf(w->path, sizeof w->path, "%s/journal.db", w->dir);
	w->a = arena_new(1 << 22);
	*state = w;
	return journal_open(w->path, &w->j, &e);
}

static int tear_down(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	journal_close(&w->j);
	arena_destroy(&w->a);
	int rc = file_remove_tree(w->dir, &e);
	free(w);
	return rc;
}

static struct task task_of(uint8_t id, uint32_t attempt)
{
	struct task t = {.attempt = attempt,
	                 .epoch = 3,
	                 .target = "eu/db1/shop",
	                 .release_size = 10,
	                 .dossier_size = 20,
	                 .proof = bytes_of("proof", 5),
	                 .deadline_us = 77,
	                 .direction = DIRECTION_ROLLBACK};
	memset(t.id, id, TASK_SIZE);
	memset(t.release_hash, 1, DIGEST_SIZE);
	memset(t.dossier_hash, 2, DIGEST_SIZE);
	return t;
}

static void test_file_is_private(void **state)
{
	struct world *w = *state;
	struct stat st;
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_accept_is_idempotent(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct task t = task_of(9, 2), *open = NULL;
	size_t n = 0;
	bool known = true;
	enum task_state ts;
	assert_int_equal(journal_accept(w->j, &t, &known, &ts, &e), 0);
	assert_false(known);
	assert_int_equal(journal_accept(w->j, &t, &known, &ts, &e), 0);
	assert_true(known);
	assert_int_equal(ts, TASK_ACCEPTED);
	struct task older = task_of(9, 1);
	assert_int_equal(journal_accept(w->j, &older, &known, &ts, &e), 0);
	assert_true(known); /* a later attempt was here */
	assert_int_equal(journal_task_state(w->j, t.id, 2, TASK_RUNNING, &e), 0);
	assert_int_equal(journal_open_tasks(w->j, w->a, &open, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_memory_equal(open[0].id, t.id, TASK_SIZE);
	assert_memory_equal(open[0].dossier_hash, t.dossier_hash, DIGEST_SIZE);
	assert_string_equal(open[0].target, "eu/db1/shop");
	assert_int_equal(open[0].attempt, 2);
	assert_int_equal(open[0].deadline_us, 77);
	assert_int_equal(open[0].direction, DIRECTION_ROLLBACK);
	assert_int_equal(open[0].state, TASK_RUNNING);
	assert_int_equal(open[0].proof.n, 5);
}

static void test_only_the_newest_attempt_is_open(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct task one = task_of(9, 1), two = task_of(9, 2), other = task_of(8, 1), *open = NULL;
	size_t n = 0;
	bool known;
	enum task_state ts;
	assert_int_equal(journal_accept(w->j, &one, &known, &ts, &e), 0);
	assert_int_equal(journal_accept(w->j, &other, &known, &ts, &e), 0);
	assert_int_equal(journal_accept(w->j, &two, &known, &ts, &e), 0);
	assert_false(known);
	assert_int_equal(journal_open_tasks(w->j, w->a, &open, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(open[0].id[0], 8);
	assert_int_equal(open[1].attempt, 2);
}

static void test_last_step_and_running(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct task t = task_of(9, 1), *open = NULL;
	size_t n = 0;
	bool known;
	enum task_state ts;
	struct journal_step last,
	    rows[2] = {{.target = t.target, .changeset = "a:1", .run = 1, .attempt = 1, .backend = "10/1", .state = STEP_INTENT},
	               {.target = t.target, .changeset = "a:1", .run = 1, .step = 1, .attempt = 1, .backend = "11/2", .state = STEP_INTENT}};
	memset(rows[0].task, 9, TASK_SIZE);
	memset(rows[1].task, 9, TASK_SIZE);
	assert_int_equal(journal_last_step(w->j, t.target, w->a, &last, &e), 0);
	assert_null(last.target);
	assert_int_equal(journal_accept(w->j, &t, &known, &ts, &e), 0);
	assert_int_equal(journal_steps(w->j, rows, 2, &e), 0);
	assert_int_equal(journal_last_step(w->j, t.target, w->a, &last, &e), 0);
	assert_string_equal(last.backend, "11/2");
	assert_int_equal(last.step, 1);
	assert_int_equal(last.state, STEP_INTENT);
	assert_int_equal(journal_last_step(w->j, "eu/db1/other", w->a, &last, &e), 0);
	assert_null(last.target);
	assert_int_equal(journal_open_tasks(w->j, w->a, &open, &n, &e), 0);
	assert_int_equal(open[0].state, TASK_RUNNING);
}

static void test_notes(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct journal_note got = {.target = "t", .changeset = "a:1", .run = 2, .name = "rows"}, shop = got,
	                    notes[2] = {{.target = "t", .changeset = "a:1", .run = 2, .name = "rows", .value = "41", .attempt = 3},
	                                {.target = "t", .changeset = "a:1", .run = 2, .name = "none", .value = NULL, .attempt = 3}};
	bool found = false;
	memset(notes[0].task, 5, TASK_SIZE);
	assert_int_equal(journal_notes_put(w->j, notes, 2, &e), 0);
	assert_int_equal(journal_note_get(w->j, &got, w->a, &found, &e), 0);
	assert_true(found);
	assert_string_equal(got.value, "41");
	assert_int_equal(got.attempt, 3);
	assert_memory_equal(got.task, notes[0].task, TASK_SIZE);
	got.name = "none";
	assert_int_equal(journal_note_get(w->j, &got, w->a, &found, &e), 0);
	assert_true(found);
	assert_null(got.value);
	got.run = 1;
	assert_int_equal(journal_note_get(w->j, &got, w->a, &found, &e), 0);
	assert_false(found);
	/* Two projects with a changeset of the same id: each has its own. */
	shop.project = "shop";
	assert_int_equal(journal_note_get(w->j, &shop, w->a, &found, &e), 0);
	assert_string_equal(shop.value, "41"); /* of before projects were told apart: of each */
	notes[0].project = "shop";
	notes[0].value = "42";
	notes[1] = notes[0];
	notes[1].project = "billing";
	notes[1].value = "43";
	assert_int_equal(journal_notes_put(w->j, notes, 2, &e), 0);
	assert_int_equal(journal_note_get(w->j, &shop, w->a, &found, &e), 0);
	assert_string_equal(shop.value, "42");
}

static int seal_plain(void *arg, const struct report *r, struct buf *ret, struct err *e)
{
	if (arg)
		return err_set(e, ERR_KEY, "no key");
	buf_addf(ret, "report %d of attempt %d", (int)r->report_seq, (int)r->attempt);
	return 0;
}

/* What a journal held before projects were told apart counts for each of them, until a delivery of any has ended well on the target. */
static void test_a_journal_from_before_projects(void **state)
{
	static const char *const former[] = {
	    journal_migration_1, holds_migration, journal_migration_audit, documents_migration, heads_migration, verdicts_migration, NULL};
	struct world *w = *state;
	struct err e = ERR_INIT;
	AUTO(mem_free_ptr) char *path = file_join(w->dir, "former.db");
	struct lite *l = NULL;
	struct journal_note got = {.target = "t", .project = "billing", .changeset = "a:1", .run = 2, .name = "rows"};
	const struct journal_sequence shop = {.project = "shop", .highest = 6};
	struct report r = {.target = "t"};
	bool found = false;
	uint64_t sequence = 0;
	assert_int_equal(lite_open(path, former, &l, &e), 0);
	assert_int_equal(
	    lite_exec(l, "INSERT INTO sequence VALUES ('t', 5); INSERT INTO note VALUES ('t', 'a:1', 2, 'rows', '41', zeroblob(16), 3, 7)", &e), 0);
	lite_close(&l);
	journal_close(&w->j);
	assert_int_equal(journal_open(path, &w->j, &e), 0);
	assert_int_equal(journal_note_get(w->j, &got, w->a, &found, &e), 0);
	assert_true(found);
	assert_string_equal(got.value, "41");
	assert_int_equal(got.attempt, 3);
	assert_int_equal(journal_sequence(w->j, "t", "billing", &sequence, &e), 0);
	assert_int_equal(sequence, 5);
	assert_int_equal(journal_finish(w->j, &(struct journal_ending){.sequence = &shop}, &r, seal_plain, NULL, &e), 0);
	assert_int_equal(journal_sequence(w->j, "t", "billing", &sequence, &e), 0);
	assert_int_equal(sequence, 0);
	assert_int_equal(journal_sequence(w->j, "t", "shop", &sequence, &e), 0);
	assert_int_equal(sequence, 6);
}

static void test_numbers(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	uint64_t v = 9;
	assert_int_equal(journal_number(w->j, "epoch", &v, &e), 0);
	assert_int_equal(v, 0);
	assert_int_equal(journal_raise(w->j, "epoch", 7, &e), 0);
	assert_int_equal(journal_raise(w->j, "epoch", 5, &e), 0);
	assert_int_equal(journal_number(w->j, "epoch", &v, &e), 0);
	assert_int_equal(v, 7);
	assert_int_equal(journal_next(w->j, "epoch", &v, &e), 0);
	assert_int_equal(v, 8);
	assert_int_equal(journal_next(w->j, "session_counter", &v, &e), 0);
	assert_int_equal(v, 1);
}

static void finish(struct world *w, uint8_t id, uint32_t attempt, struct report *r)
{
	struct err e = ERR_INIT;
	*r = (struct report){.attempt = attempt};
	memset(r->task, id, TASK_SIZE);
	assert_int_equal(journal_finish(w->j, &(struct journal_ending){0}, r, seal_plain, NULL, &e), 0);
}

static void test_reports_are_gapless_and_chained(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct task t = task_of(9, 1), *open = NULL;
	struct report one, two, failed = {0};
	struct outbox_entry *out = NULL;
	struct journal_refusal *refused = NULL;
	size_t n = 0;
	bool known;
	enum task_state ts;
	uint8_t zero[DIGEST_SIZE] = {0}, hash[DIGEST_SIZE];
	assert_int_equal(journal_accept(w->j, &t, &known, &ts, &e), 0);
	assert_int_equal(journal_last_report(w->j), 0);
	assert_int_equal(journal_first_unacked(w->j), 1);
	finish(w, 9, 1, &one);
	assert_int_equal(one.report_seq, 1);
	assert_memory_equal(one.prev_report_hash, zero, DIGEST_SIZE);
	assert_int_equal(journal_open_tasks(w->j, w->a, &open, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_int_equal(journal_accept(w->j, &t, &known, &ts, &e), 0);
	assert_int_equal(ts, TASK_FINISHED);
	assert_int_equal(journal_finish(w->j, &(struct journal_ending){0}, &failed, seal_plain, w, &e), -1); /* a seal that fails burns no number */
	assert_string_equal(e.msg, "report: C26 report: journal: no key");
	assert_int_equal(journal_refusals(w->j, 10, w->a, &refused, &n, &e), 0); /* nobody but the site's people hears of it */
	assert_int_equal(n, 1);
	assert_string_equal(refused[0].code, "C26 report");
	assert_string_equal(refused[0].message, "journal: no key: check the agent's report key");
	finish(w, 8, 1, &two);
	assert_int_equal(two.report_seq, 2);
	assert_int_equal(journal_outbox(w->j, 1, 10, w->a, &out, &n, &e), 0);
	assert_int_equal(n, 2);
	digest_sha256(out[0].envelope, hash);
	assert_memory_equal(two.prev_report_hash, hash, DIGEST_SIZE);
	assert_memory_equal(out[1].envelope.p, "report 2 of attempt 1", out[1].envelope.n);
	assert_int_equal(journal_acked(w->j, 1, &(struct audit_head){0}, &e), 0);
	assert_int_equal(journal_first_unacked(w->j), 2);
	assert_int_equal(journal_last_report(w->j), 2);
}

static void test_verdicts(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct report r = {.target = "eu/pg1/a", .attempt = 1, .failure = {.check = "C9 approvals", .message = "1 of 2"}}, fine = {.target = "eu/pg1/a"};
	struct journal_refusal *list = NULL;
	struct journal_sequence sequence = {.project = "shop", .highest = 7};
	uint64_t got = 99;
	size_t n = 0;
	assert_int_equal(journal_sequence(w->j, "eu/pg1/a", "shop", &got, &e), 0);
	assert_int_equal(got, 0);
	assert_int_equal(journal_finish(w->j, &(struct journal_ending){.sequence = &sequence}, &fine, seal_plain, NULL, &e), 0);
	assert_int_equal(journal_finish(w->j, &(struct journal_ending){0}, &r, seal_plain, NULL, &e), 0);
	assert_int_equal(journal_sequence(w->j, "eu/pg1/a", "shop", &got, &e), 0);
	assert_int_equal(got, 7);
	assert_int_equal(journal_sequence(w->j, "eu/pg1/a", "billing", &got, &e), 0);
	assert_int_equal(got, 0); /* each project counts for itself */
	sequence.highest = 5; /* after a rollback it is lower, and that is so */
	assert_int_equal(journal_finish(w->j, &(struct journal_ending){.sequence = &sequence}, &fine, seal_plain, NULL, &e), 0);
	assert_int_equal(journal_sequence(w->j, "eu/pg1/a", "shop", &got, &e), 0);
	assert_int_equal(got, 5);
	assert_int_equal(journal_refuse(w->j, C3_TRUST, NULL, "forged", &e), 0);
	assert_int_equal(journal_refusals(w->j, 10, w->a, &list, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(list[0].code, "C3 trust");
	assert_string_equal(list[0].target, "-");
	assert_string_equal(list[1].code, "C9 approvals");
	assert_string_equal(list[1].target, "eu/pg1/a");
	assert_string_equal(list[1].message, "1 of 2");
	assert_int_equal(journal_refusals(w->j, 1, w->a, &list, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(journal_prune(w->j, &e), 0); /* not yet */
	assert_int_equal(journal_refusals(w->j, 10, w->a, &list, &n, &e), 0);
	assert_int_equal(n, 2);
}

static void age(struct world *w, int64_t days)
{
	struct err e = ERR_INIT;
	AUTO(mem_free_ptr) char *sql = NULL;
	assert_true(asprintf(&sql, "UPDATE report SET acked_at_us = acked_at_us - %lld; UPDATE task SET accepted_at_us = accepted_at_us - %lld",
	                     (long long)days * 86400000000, (long long)days * 86400000000) > 0);
	assert_int_equal(lite_exec(w->j->lite, sql, &e), 0);
}

static void test_acked_reports_stay_thirty_days(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct report r;
	struct outbox_entry *out = NULL;
	size_t n = 0;
	for (uint8_t i = 1; i <= 3; i++)
		finish(w, i, 1, &r);
	assert_int_equal(journal_acked(w->j, 3, &(struct audit_head){0}, &e), 0);
	age(w, 29);
	assert_int_equal(journal_prune(w->j, &e), 0);
	assert_int_equal(journal_outbox(w->j, 1, 10, w->a, &out, &n, &e), 0);
	assert_int_equal(n, 3);
	age(w, 2);
	assert_int_equal(journal_prune(w->j, &e), 0);
	assert_int_equal(journal_outbox(w->j, 1, 10, w->a, &out, &n, &e), 0);
	assert_int_equal(n, 1); /* the newest is the chain's memory */
	finish(w, 4, 1, &r);
	assert_int_equal(r.report_seq, 4);
}

static void test_reports_countersign_the_longest_audit_chain(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct report r;
	struct audit_head told = {.seq = 7, .hash = {1}}, shorter = {.seq = 6, .hash = {2}}, other = {.seq = 7, .hash = {3}},
	                  longer = {.seq = 9, .hash = {4}};
	finish(w, 1, 1, &r);
	assert_int_equal(r.audit.seq, 0);
	assert_int_equal(journal_audit(w->j, &told, &e), 0);
	finish(w, 2, 1, &r);
	assert_int_equal(r.audit.seq, 7);
	assert_memory_equal(r.audit.hash, told.hash, DIGEST_SIZE);
	assert_int_equal(journal_audit(w->j, &shorter, &e), -1);
	assert_string_equal(e.msg, "journal: the controller's audit log ends at row 6, and it was told to this agent up to row 7");
	assert_int_equal(journal_acked(w->j, 1, &other, &e), -1);
	assert_string_equal(e.msg, "the controller's audit log ends at row 7, and it was told to this agent up to row 7 with another content");
	assert_int_equal(journal_first_unacked(w->j), 2); /* the acknowledgement holds all the same */
	finish(w, 3, 1, &r);
	assert_memory_equal(r.audit.hash, told.hash, DIGEST_SIZE);
	assert_int_equal(journal_acked(w->j, 3, &longer, &e), 0);
	finish(w, 4, 1, &r);
	assert_int_equal(r.audit.seq, 9);
}

static void test_killed_before_the_commit(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct task t = task_of(9, 1), *open = NULL;
	size_t n = 0;
	bool known;
	enum task_state ts;
	int status = 0;
	assert_int_equal(journal_accept(w->j, &t, &known, &ts, &e), 0);
	journal_close(&w->j);
	pid_t pid = fork();
	if (pid == 0) {
		struct report r = {.attempt = 1};
		memset(r.task, 9, TASK_SIZE);
		setenv("ROLLCALL_CRASH_AT", "finish-uncommitted", 1);
		if (journal_open(w->path, &w->j, &e) == 0 && journal_finish(w->j, &(struct journal_ending){0}, &r, seal_plain, NULL, &e) == 0)
			_exit(0);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(journal_open(w->path, &w->j, &e), 0);
	assert_int_equal(journal_last_report(w->j), 0);
	assert_int_equal(journal_open_tasks(w->j, w->a, &open, &n, &e), 0);
	assert_int_equal(n, 1);
}

/* A handle that came back is given out again, holds no read, and is not used for another file that took its place. */
static void test_borrowed_handles_come_back_idle(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct journal *first = NULL, *again = NULL, *other = NULL;
	uint64_t n = 0;
	assert_int_equal(journal_borrow(w->path, &first, &e), 0);
	assert_int_equal(journal_next(first, "session_counter", &n, &e), 0);
	struct journal *remembered = first;
	journal_return(&first);
	assert_null(first);
	assert_int_equal(journal_borrow(w->path, &again, &e), 0);
	assert_ptr_equal(again, remembered);
	assert_int_equal(journal_borrow(w->path, &other, &e), 0);
	assert_ptr_not_equal(other, again);
	journal_return(&again);
	assert_int_equal(journal_raise(w->j, "epoch", 7, &e), 0);
	assert_int_equal(journal_number(other, "epoch", &n, &e), 0);
	assert_int_equal(n, 7);
	journal_return(&other);
	char moved[128];
	snprintf(moved, sizeof moved, "%s.old", w->path);
	assert_int_equal(rename(w->path, moved), 0);
	assert_int_equal(journal_borrow(w->path, &first, &e), 0);
	assert_int_equal(journal_number(first, "epoch", &n, &e), 0);
	assert_int_equal(n, 0);
	journal_return(&first);
	journal_pool_done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_file_is_private, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_borrowed_handles_come_back_idle, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_accept_is_idempotent, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_reports_countersign_the_longest_audit_chain, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_only_the_newest_attempt_is_open, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_last_step_and_running, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_notes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_journal_from_before_projects, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_reports_are_gapless_and_chained, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_verdicts, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_acked_reports_stay_thirty_days, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_killed_before_the_commit, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
