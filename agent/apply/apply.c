/* Drives a delivery: connection after connection until it has ended one way or another. */
#include "agent/apply/delivery.h"
#include "agent/apply/retry.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

#define SLEEP_SLICE_MS 50u

/* ---- what the other files use ---- */

struct project_ledger delivery_ledger(const struct delivery *d)
{
	return (struct project_ledger){.all = &d->ledger, .project = d->verified->release.project};
}

bool delivery_is_fresh(const struct delivery *d)
{
	return !d->begun && d->task->state == TASK_ACCEPTED && d->rows_reported == 0;
}

void delivery_say(struct delivery *d, const char *state, const char *changeset, const char *detail)
{
	struct delivery_progress p = {.state = state, .changeset = changeset, .step = d->step_number, .of_steps = d->plan.n_steps, .detail = detail};
	if (d->progress)
		d->progress(d->progress_arg, &p);
}

void delivery_place(struct delivery *d, const struct plan_item *it, enum direction dir, uint32_t step, uint32_t statement, uint32_t line)
{
	const char *file = step ? changeset_file(it->changeset, it->body, dir == DIRECTION_ROLLBACK) : it->changeset->file;
	d->place = (struct failure_place){
	    .check = d->place.check, .changeset = it->changeset->id, .file = file, .step = step, .statement = statement, .line = line};
}

void delivery_doubt(struct delivery *d, const char *what)
{
	d->in_doubt = what;
	d->doubt_place = d->place;
}

enum ended delivery_judge(struct delivery *d, const struct err *e)
{
	if (watch_wish(d->watch) == WISH_TERMINATE)
		return ENDED_STOPPED;
	if (e->code == ERR_UNKNOWN || e->code == ERR_EXISTS) /* unknown, or another attempt's row is there: the ledger must be read again */
		return ENDED_LOST;
	switch (retry_how(d->engine->retry_class(e))) {
	case RETRY_HOW_RECONNECT:
		return ENDED_LOST;
	case RETRY_HOW_PERSON:
		return ENDED_ATTENTION;
	case RETRY_HOW_NOT:
	case RETRY_HOW_AGAIN:
		break;
	}
	return ENDED_FAILED;
}

bool delivery_sleep(struct delivery *d, uint32_t ms)
{
	int64_t end_us = clock_mono_us() + (int64_t)ms * 1000;
	for (;;) {
		if (watch_wish(d->watch) > WISH_PAUSE)
			return false;
		int64_t left_ms = (end_us - clock_mono_us() + 999) / 1000;
		if (left_ms <= 0)
			return true;
		clock_sleep_ms(left_ms > SLEEP_SLICE_MS ? SLEEP_SLICE_MS : (uint32_t)left_ms);
	}
}

/* xorshift: jitter needs to differ between agents, not to be secret. */
static uint32_t next_random(struct delivery *d)
{
	uint32_t x = d->random_state ? d->random_state : (uint32_t)clock_mono_us() | 1u;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return d->random_state = x;
}

/* While the statement waited, the listening thread may have seen the blocker; otherwise we ask now, which is too late on some engines. */
static const char *blocker_text(struct delivery *d)
{
	char seen[512] = "";
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct err ignored = ERR_INIT;
	struct conn *look = NULL;
	watch_blocker(d->watch, seen);
	if (!seen[0] && d->conn && d->engine->blockers(d->target, &look, d->engine->backend(d->conn), NULL, &text, &ignored) == 0)
		str_copy(seen, sizeof seen, buf_str(&text));
	d->engine->close(&look);
	return seen[0] ? arena_printf(d->arena, "blocked by %s", seen) : NULL;
}

static const char *wait_state(enum retry_class c, bool lost)
{
	return c == RETRY_LOCK ? "waiting-lock" : lost ? "unreachable" : "applying";
}

static const char *next_try(struct delivery *d, uint32_t ms)
{
	char in[CLOCK_TEXT_SIZE], left[CLOCK_TEXT_SIZE];
	return arena_printf(d->arena, "next try in %s, gives up in %s", clock_duration_text((int64_t)ms * 1000, in),
	                    clock_duration_text(d->budget_end_us - clock_mono_us(), left));
}

enum ended delivery_wait(struct delivery *d, struct err *e, uint32_t n, const char *changeset, bool lost)
{
	enum retry_class c = d->engine->retry_class(e);
	if (lost && retry_how(c) != RETRY_HOW_RECONNECT)
		c = RETRY_UNKNOWN; /* not the connection's own error, but the way on leads over a new one */
	const char *blocker = c == RETRY_LOCK ? blocker_text(d) : NULL;
	if (retry_how(c) == RETRY_HOW_NOT)
		return ENDED_FAILED;
	uint32_t ms = retry_delay_ms(c, n, next_random(d));
	if (!retry_may(c, n) || clock_mono_us() + (int64_t)ms * 1000 >= d->budget_end_us) {
		err_wrap(e, "gave up after %u tr%s%s%s", n + 1, n == 0 ? "y" : "ies", blocker ? ", " : "", blocker ? blocker : "");
		return ENDED_FAILED;
	}
	delivery_say(d, wait_state(c, lost), changeset, arena_printf(d->arena, "%s; %s", blocker ? blocker : e->msg, next_try(d, ms)));
	if (delivery_sleep(d, ms))
		return ENDED_OK;
	err_wrap(e, "asked to end while it waited for its next try");
	return ENDED_STOPPED;
}

/* ---- one changeset ---- */

static enum ended run_steps(struct delivery *d, const struct plan_item *it)
{
	for (uint32_t k = it->first_step; k < plan_steps(it->body, DIRECTION_APPLY); k++) {
		if (watch_wish(d->watch) > WISH_PAUSE) {
			err_set(&d->error, ERR_STATE, "stopped before step %u of %s, as asked", k + 1, it->changeset->id);
			return ENDED_STOPPED;
		}
		enum ended end = step_run(d, it, DIRECTION_APPLY, k);
		if (end != ENDED_OK)
			return end;
	}
	return ENDED_OK;
}

static enum ended validate_after(struct delivery *d, const struct plan_item *it)
{
	bool ok = true;
	if (it->changeset->n_validations == 0)
		return ENDED_OK;
	FAILPOINT("before-validate");
	delivery_say(d, "validating", it->changeset->id, NULL);
	enum ended end = checks_after(d, it, &ok);
	if (end == ENDED_OK && !ok)
		return d->whole ? ENDED_FAILED : rollback_revert(d, it, 0);
	if (end == ENDED_ATTENTION && !d->whole)
		return rollback_not(d, it, end);
	if (end != ENDED_OK)
		return end;
	d->validated = (struct validated){.changeset = it->changeset->id, .run = it->run};
	return ENDED_OK;
}

enum ended delivery_validate(struct delivery *d, const struct plan_item *it)
{
	enum ended end = checks_recall(d, it);
	return end == ENDED_OK ? validate_after(d, it) : end;
}

static enum ended mark_ran(struct delivery *d, const struct plan_item *it)
{
	struct ledger_row row = step_row(d, it, DIRECTION_APPLY, 0, STEP_SKIPPED, VIA_MARK_RAN);
	if (step_write_row(d, &row, &d->error) != 0)
		return delivery_judge(d, &d->error);
	FAILPOINT("mark-ran");
	if (!d->whole)
		step_report(d, &row);
	d->step_number += (uint32_t)plan_steps(it->body, DIRECTION_APPLY);
	return ENDED_OK;
}

/* From the first step, or on from where an earlier attempt stopped: then what was checked before it stands. */
static enum ended run_changeset(struct delivery *d, const struct plan_item *it)
{
	enum precondition_verdict verdict = PRECONDITION_MET;
	bool resumes = it->action == PLAN_RESUME;
	enum ended end = resumes ? checks_recall(d, it) : checks_preconditions(d, it, &verdict);
	if (end != ENDED_OK)
		return end;
	if (verdict == PRECONDITION_MARK_RAN)
		return mark_ran(d, it);
	if (verdict == PRECONDITION_SKIP)
		return ENDED_OK;
	if (!resumes && (end = checks_before(d, it)) != ENDED_OK)
		return end;
	end = run_steps(d, it);
	return end == ENDED_OK ? validate_after(d, it) : end;
}

static enum ended do_item(struct delivery *d, const struct plan_item *it)
{
	struct plan_item anew = *it;
	enum ended end = ENDED_OK;
	switch (it->action) {
	case PLAN_SKIP:
		break;
	case PLAN_RUN:
	case PLAN_RESUME:
		return run_changeset(d, it);
	case PLAN_VALIDATE:
		return delivery_validate(d, it);
	case PLAN_REVERT:
		end = rollback_item(d, it, it->first_step);
		if (end == ENDED_FAILED)
			err_wrap(&d->error, "its rollback was interrupted and has to be finished before it can run again");
		anew.action = PLAN_RUN;
		anew.run = it->run + 1;
		anew.first_step = 0;
		return end == ENDED_OK ? run_changeset(d, &anew) : end;
	case PLAN_REVERTED:
		return rollback_revert(d, it, it->first_step);
	case PLAN_ROLLBACK:
		return rollback_item(d, it, it->first_step);
	case PLAN_ACTION_COUNT:
		break;
	}
	return end;
}

/* failOnError:false speaks of the database's errors, not of validations or of ours. */
static bool may_go_on(const struct delivery *d, const struct plan_item *it, enum ended end)
{
	return end == ENDED_FAILED && it->changeset->ignore_failure && d->error.code == ERR_DB && d->task->direction == DIRECTION_APPLY;
}

enum ended delivery_items(struct delivery *d)
{
	for (size_t i = 0; i < d->plan.n_items; i++) {
		const struct plan_item *it = &d->plan.items[i];
		if (it->action == PLAN_SKIP)
			continue;
		if (watch_wish(d->watch) > WISH_PAUSE) {
			err_set(&d->error, ERR_STATE, "stopped before %s, as asked", it->changeset->id);
			return ENDED_STOPPED;
		}
		d->place = (struct failure_place){0};
		d->advice = NULL;
		d->error = ERR_INIT;
		enum ended end = do_item(d, it);
		if (may_go_on(d, it, end))
			collect_failure(d->report, &d->error, &d->place, "The changeset says failOnError:false, so Rollcall went on with the next one.",
			                "the step had no effect; its changeset is not recorded as applied");
		else if (end != ENDED_OK)
			return end;
	}
	return ENDED_OK;
}

static enum ended do_items(struct delivery *d)
{
	return release_needs(&d->verified->release, FEATURE_RELEASE_TRANSACTION) ? whole_run(d) : delivery_items(d);
}

/* ---- one connection ---- */

/* Rows of this delivery that are not in the report yet: an earlier process wrote them, or the reply to their COMMIT was lost. */
static void report_ledger_rows(struct delivery *d)
{
	for (size_t i = 0; i < d->ledger.n_rows; i++) {
		struct ledger_row row = d->ledger.rows[i];
		if (row.seq <= d->rows_reported || !str_eq(row.task, d->task_hex) || (row.state != STEP_DONE && row.state != STEP_SKIPPED))
			continue;
		row.via = row.via == VIA_RUN ? VIA_LEDGER : row.via;
		step_report(d, &row);
	}
}

/* Where a ledger has been, none is made: that it is gone is for people to judge. */
static int open_or_peek(struct delivery *d)
{
	if (d->n_heads)
		return ledger_peek(d->engine, d->conn, d->ledger_arena, &d->ledger, &d->error);
	return ledger_open(d->engine, d->conn, d->task->target, d->task->epoch, d->ledger_arena, &d->ledger, &d->error);
}

/* Another writer may hold the database just when the ledger is made or read: that is waited for like any lock. */
static enum ended open_ledger(struct delivery *d)
{
	for (uint32_t n = 0;; n++) {
		arena_destroy(&d->ledger_arena);
		d->ledger_arena = arena_new(LIMIT_ARENA_DOCUMENT);
		d->error = ERR_INIT;
		delivery_patience(d, n);
		if (open_or_peek(d) == 0)
			return ENDED_OK;
		if (d->error.code == ERR_POLICY)
			return identity_refuse(d);
		enum ended end = delivery_judge(d, &d->error);
		if (end == ENDED_FAILED && d->error.code == ERR_STATE)
			return identity_broken(d);
		if (end == ENDED_FAILED)
			end = delivery_wait(d, &d->error, n, NULL, false);
		if (end != ENDED_OK)
			return end;
	}
}

enum ended delivery_verify(struct delivery *d)
{
	enum ended end = identity_check(d);
	if (end != ENDED_OK)
		return end;
	enum check_code refusing = verify_against_ledger(d->verified, &d->ledger, &d->known, d->engine->name, &d->error);
	return refusing ? delivery_refuse(d, refusing, NULL) : ENDED_OK;
}

static enum ended read_ledger(struct delivery *d)
{
	identity_note(d);
	d->ledger_read = d->identified = false;
	enum ended end = open_ledger(d);
	if (end != ENDED_OK)
		return end;
	d->ledger_read = d->reached = true;
	d->in_doubt = NULL;
	end = delivery_verify(d);
	if (end == ENDED_OK)
		report_ledger_rows(d);
	return end;
}

enum ended delivery_make_plan(struct delivery *d)
{
	if (finish_recall(d, &d->error) != 0)
		return ENDED_FAILED;
	const struct project_ledger ours = delivery_ledger(d);
	struct plan_input in = {.release = &d->verified->release,
	                        .order = &d->verified->order,
	                        .direction = d->task->direction,
	                        .ledger = &ours,
	                        .engine = d->engine->name,
	                        .task = d->task_hex,
	                        .attempt = d->task->attempt,
	                        .validated = d->validated.changeset,
	                        .validated_run = d->validated.run,
	                        .statement_max = d->engine->statement_max(d->conn)};
	d->step_number = 0;
	if (plan_make(&in, d->arena, &d->plan, &d->error) == 0)
		return ENDED_OK;
	if (d->error.code != ERR_POLICY)
		return ENDED_FAILED;
	return delivery_refuse(d, C16_LEDGER, NULL);
}

static size_t add_intents(struct delivery *d, const struct plan_item *it, enum direction dir, uint32_t run, uint32_t from, struct journal_step *to)
{
	size_t n = 0;
	for (size_t k = from; k < plan_steps(it->body, dir); k++) {
		struct journal_step *s = &to[n++];
		*s = (struct journal_step){.target = d->task->target,
		                           .changeset = it->changeset->id,
		                           .direction = dir,
		                           .run = run,
		                           .step = (uint32_t)k,
		                           .attempt = d->task->attempt,
		                           .epoch = d->task->epoch,
		                           .backend = d->engine->backend(d->conn),
		                           .state = STEP_INTENT};
		memcpy(s->task, d->task->id, TASK_SIZE);
		memcpy(s->digest, plan_step(it->body, dir, k)->digest, DIGEST_SIZE);
	}
	return n;
}

/* The intents of all steps that this connection may run go to disk in one commit, before its first statement: what recovery needs of the journal is that this backend
 * was ours. The outcomes follow with the report, in one commit at the end: until then the ledger is the truth. The same commit says that the task has begun. */
static enum ended journal_intents(struct delivery *d)
{
	bool begun = d->begun || d->task->state != TASK_ACCEPTED;
	enum ended may = begun || !d->may_begin ? ENDED_OK : d->may_begin(d->may_begin_arg, d);
	if (may != ENDED_OK)
		return may;
	d->begun = true;
	struct journal_step *steps = arena_alloc(d->arena, ((size_t)d->plan.n_steps + 1) * sizeof *steps);
	size_t n = 0;
	for (size_t i = 0; i < d->plan.n_items; i++) {
		const struct plan_item *it = &d->plan.items[i];
		bool back = it->action == PLAN_REVERT || it->action == PLAN_REVERTED || it->action == PLAN_ROLLBACK;
		if (back)
			n += add_intents(d, it, DIRECTION_ROLLBACK, it->run, it->first_step, steps + n);
		if (it->action == PLAN_RUN || it->action == PLAN_RESUME || it->action == PLAN_REVERT)
			n += add_intents(d, it, DIRECTION_APPLY, it->action == PLAN_REVERT ? it->run + 1 : it->run,
			                 it->action == PLAN_REVERT ? 0 : it->first_step, steps + n);
	}
	FAILPOINT("before-journal-intent");
	int rc = finish_keep_account(d, &d->error);
	if (rc == 0)
		rc = n ? journal_steps(d->journal, steps, n, &d->error)
		       : journal_task_state(d->journal, d->task->id, d->task->attempt, TASK_RUNNING, &d->error);
	if (rc != 0) {
		delivery_check(d, C22_INTENT, check_what_to_do(C22_INTENT));
		return ENDED_FAILED;
	}
	FAILPOINT("after-journal-intent");
	return ENDED_OK;
}

/* A lock that is in the way of the first question (SQLite: another process writes) is waited for like any other; what is lost is tried again by who called us. */
static enum ended open_target(struct delivery *d)
{
	for (uint32_t n = 0;; n++) {
		d->error = ERR_INIT;
		if (d->engine->open(d->target, &d->conn, &d->error) == 0)
			return ENDED_OK;
		enum ended end = delivery_judge(d, &d->error);
		err_wrap(&d->error, "target unreachable");
		if (end == ENDED_ATTENTION && !d->ledger_read)
			return ENDED_FAILED; /* nothing of ours is there to be settled */
		if (end == ENDED_FAILED)
			end = delivery_wait(d, &d->error, n, NULL, false);
		if (end != ENDED_OK)
			return end;
	}
}

static enum ended connect_target(struct delivery *d)
{
	enum ended end = open_target(d);
	if (end != ENDED_OK)
		return end;
	watch_connection(d->watch, d->engine, d->target, d->conn);
	FAILPOINT("connected");
	return ENDED_OK;
}

static enum ended one_connection(struct delivery *d)
{
	static enum ended (*const parts[])(struct delivery *) = {connect_target, server_role,    server_version,      limits_timeouts,    lock_take,
	                                                         read_ledger,    doubt_settle,   resolve_open_intent, delivery_make_plan, identity_epoch,
	                                                         consent_check,  limits_tables,  fingerprint_before,  fingerprint_forget, journal_intents,
	                                                         do_items,       identity_chain, fingerprint_expected};
	d->error = ERR_INIT;
	d->place = (struct failure_place){0};
	d->advice = NULL;
	d->reached = false;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		enum ended end = parts[i](d);
		if (end != ENDED_OK)
			return end;
	}
	return ENDED_OK;
}

static void disconnect(struct delivery *d)
{
	if (!d->conn)
		return;
	watch_connection(d->watch, d->engine, d->target, NULL);
	d->engine->close(&d->conn);
}

enum ended delivery_run(struct delivery *d)
{
	enum ended end;
	struct retry_losses losses = {0};
	bytes_to_hex(bytes_of(d->task->id, TASK_SIZE), d->task_hex);
	for (bool recalled = identity_recall(d, &d->error) == 0;;) {
		end = recalled ? one_connection(d) : ENDED_FAILED;
		fingerprint_after(d, end);
		disconnect(d);
		if (end != ENDED_LOST)
			break;
		enum ended wait = delivery_wait(d, &d->error, retry_count_loss(&losses, d->reached, d->rows_reported + d->batches_done), NULL, true);
		if (wait == ENDED_STOPPED)
			end = ENDED_STOPPED;
		if (wait != ENDED_OK)
			break;
	}
	if (end != ENDED_STOPPED || watch_wish(d->watch) < WISH_PARK)
		conclude(d, end);
	return end;
}

void delivery_done(struct delivery *d)
{
	disconnect(d);
	arena_destroy(&d->ledger_arena);
	d->ledger = (struct ledger){0};
}
