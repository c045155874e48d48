/* Everything around delivery_run. */
#include "agent/apply/deliver.h"

#include "agent/policy/policy.h"
#include "agent/report/seal.h"
#include "agent/verify/checks.h"
#include "agent/verify/trusted.h"
#include "agent/verify/verdicts.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/crypto/blobs.h"
#include "common/crypto/digest.h"
#include "common/crypto/fresh.h"
#include "common/wire/limits.h"

#define RECHECK_AFTER_US ((int64_t)2 * 1000000)

struct papers { /* what was pulled, and what it says once verified */
	struct buf release, dossier;
	struct merkle_proof proof;
	struct trusted trusted; /* what this agent believes at this moment */
	struct verified verified;
	struct policy policy; /* the site's; all zero when it has none */
};

static void papers_done(struct papers *p)
{
	buf_done(&p->release);
	buf_done(&p->dossier);
}

/* A report names its order, also one that is refused: what it says is known only after the signatures. */
static void note_order(const struct papers *p, struct arena *a, struct report *report)
{
	struct dossier d;
	if (dossier_decode(buf_bytes(&p->dossier), a, &d, NULL) == 0)
		digest_sha256(d.order, report->order_digest);
}

static int read_blob(const char *dir, const uint8_t hash[DIGEST_SIZE], size_t max_bytes, const char *what, struct buf *ret, struct err *e)
{
	uint64_t size = 0;
	if (!blobs_has(dir, hash, &size))
		return err_set(e, ERR_NOT_FOUND,
		               "%s could not be fetched from the controller, or what came was not what was asked for: this agent's log says why", what);
	return blobs_get(dir, hash, max_bytes, ret, e) == 0 ? 0 : err_wrap(e, "%s", what);
}

static int read_papers(const struct deliver_job *job, struct papers *p, struct arena *a, struct report *report, struct err *e)
{
	AUTO(mem_free_ptr) char *dir = file_join(job->config->data_dir, "blobs");
	if (read_blob(dir, job->task->dossier_hash, LIMIT_DOSSIER, "the order", &p->dossier, e) != 0)
		return -1;
	note_order(p, a, report);
	if (read_blob(dir, job->task->release_hash, LIMIT_ENVELOPE, "the release", &p->release, e) != 0)
		return -1;
	return merkle_proof_decode(job->task->proof, &p->proof, e) == 0 ? 0 : err_wrap(e, "proof of the target");
}

/* C1 is asked of the offer, by the link. A task that was accepted is not refused because its controller has started again since, with a higher epoch: the new one counts
 * on it. Within the database the ledger's own epoch is the fence. */
static int verify_believed(const struct deliver_job *job, const struct trusted *t, struct papers *p, struct arena *a, const char **ret_check,
                           struct err *e)
{
	const char *engine = job->target->target.engine;
	uint8_t verdict[DIGEST_SIZE];
	verdict_key(job->task->release_hash, t, engine, verdict);
	struct verify_facts facts = {.trust = &t->doc,
	                             .freshness = t->fresh,
	                             .attested_us = t->attested_us,
	                             .fresh_max_age_us = job->config->fresh_max_age_us,
	                             .begun = job->task->state != TASK_ACCEPTED,
	                             .release_envelope = buf_bytes(&p->release),
	                             .release_checked = verdict_is_good(verdict),
	                             .dossier = buf_bytes(&p->dossier),
	                             .proof = p->proof,
	                             .target = job->target->target.id,
	                             .environment = job->target->environment,
	                             .labels = job->target->target.labels,
	                             .n_labels = job->target->target.n_labels,
	                             .engine = engine,
	                             .agent_version = ROLLCALL_VERSION,
	                             .epoch = job->task->epoch,
	                             .max_epoch = job->task->epoch,
	                             .direction = job->task->direction,
	                             .now_us = clock_wall_us()};
	if (verify_delivery(&facts, a, &p->verified, ret_check, e) != 0)
		return -1;
	if (facts.release_checked)
		return 0;
	if (verify_statements(&p->verified.release, engine, job->config->allow_class_x, ret_check, e) != 0)
		return -1;
	verdict_keep(verdict);
	return 0;
}

static int verify(const struct deliver_job *job, struct journal *j, struct papers *p, struct arena *a, const char **ret_check, struct err *e)
{
	if (trusted_load(j, job->config->trust_pin, a, &p->trusted, e) != 0)
		return -1;
	if (verify_believed(job, &p->trusted, p, a, ret_check, e) != 0)
		return -1;
	return trusted_attest(j, p->verified.signed_us, e);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a == 0 ? b : b == 0 ? a : a < b ? a : b;
}

static int know_sequences(const struct deliver_job *job, struct journal *j, const struct papers *p, struct sequence_known *ret, struct err *e)
{
	ret->floor = freshness_floor(p->trusted.fresh, p->verified.release.project);
	ret->max_step = least(p->trusted.doc.max_step, job->config->max_step);
	return journal_sequence(j, job->task->target, p->verified.release.project, &ret->in_journal, e);
}

struct recheck { /* for C22 */
	const struct deliver_job *job;
	struct journal *journal;
	const struct papers *papers;
	int64_t verified_at_us; /* monotonic */
};

/* While it waited for the database or a lock a revocation may have come, or the freshness document may have run out. */
static int may_begin(void *arg, const char **ret_check, struct err *e)
{
	const struct recheck *r = arg;
	AUTO(arena_destroy) struct arena *a = NULL;
	struct trusted t;
	if (clock_mono_us() - r->verified_at_us < RECHECK_AFTER_US)
		return 0;
	a = arena_new(TRUSTED_ARENA);
	if (trusted_load(r->journal, r->job->config->trust_pin, a, &t, e) != 0 ||
	    freshness_check_current(&t.doc, t.fresh, r->job->config->fresh_max_age_us, clock_wall_us(), e) != 0)
		return check_refuse(C4_FRESHNESS, ret_check, e);
	if (r->job->task->direction == DIRECTION_APPLY && freshness_revokes_release(t.fresh, &r->papers->verified.release)) {
		err_set(e, ERR_POLICY, "release %s %s was withdrawn while this delivery waited", r->papers->verified.release.project,
		        r->papers->verified.release.version);
		return check_refuse(C7_RELEASE, ret_check, e);
	}
	return 0;
}

/* Once for all targets of the agent: the statements are the same. */
static int check_site_statements(const struct deliver_job *job, const struct papers *p, const char **ret_check, struct err *e)
{
	const char *engine = job->target->target.engine;
	uint8_t policy[DIGEST_SIZE], verdict[DIGEST_SIZE];
	policy_digest(&p->policy, policy);
	verdict_key_site(job->task->release_hash, policy, engine, p->verified.direction, verdict);
	if (verdict_is_good(verdict))
		return 0;
	if (policy_check_statements(&p->policy, &p->verified, engine, ret_check, e) != 0)
		return -1;
	verdict_keep(verdict);
	return 0;
}

/* The half of C2 that needs the release, and C21. The loop has asked the other half just before; this thread reads the document for itself. What an agent that knew no default caps has begun is
 * finished without them. */
static int check_site(const struct deliver_job *job, struct papers *p, struct arena *a, const char **ret_check, struct err *e)
{
	const struct agent_config *c = job->config;
	const struct engine_target *given = &job->target->connect;
	if (c->policy_file && policy_load(c->policy_file, &p->trusted.valid, c->site, a, &p->policy, e) != 0)
		return check_refuse(C2_SITE_POLICY, ret_check, e);
	if (job->task->state == TASK_ACCEPTED)
		policy_default_caps(&p->policy, given->lock_timeout_max_ms, given->statement_timeout_ms);
	return check_site_statements(job, p, ret_check, e) != 0 ? -1 : policy_check_order(&p->policy, &p->verified, ret_check, e);
}

/* A task that has begun is finished whatever the clock says; one that has not is not begun late. */
static int check_deadline(const struct task *t, const char **ret_check, struct err *e)
{
	char text[CLOCK_TEXT_SIZE];
	if (!t->deadline_us || t->state != TASK_ACCEPTED || clock_wall_us() <= t->deadline_us)
		return 0;
	*ret_check = "C11 window";
	return err_set(e, ERR_POLICY, "the delivery had to begin before %s", clock_text(t->deadline_us, text));
}

/* A task that an earlier run had begun may have changed the database: then "refused" would not be the whole truth, and the ledger has not been read. */
static void refuse(struct collector *c, const struct deliver_job *job, const char *check, const struct err *e)
{
	bool begun = job->task->state != TASK_ACCEPTED;
	struct failure_place at = {.check = check};
	const char *then = arena_printf(
	    c->arena, "Rollcall does nothing more on this target by itself. Next: remove the cause, then type: rollcall rollout retry ROLLOUT %s",
	    job->task->target);
	c->report.outcome = begun ? OUTCOME_NEEDS_ATTENTION : OUTCOME_REFUSED;
	collect_failure(c, e, &at, then,
	                begun ? "this run changed nothing; an earlier run of this delivery had begun, and what it did stands in the target's ledger"
	                      : "nothing was changed: no statement was run");
}

static void start_report(struct collector *c, const struct deliver_job *job)
{
	struct report *r = &c->report;
	*r = (struct report){.agent = job->config->name,
	                     .target = job->task->target,
	                     .attempt = job->task->attempt,
	                     .direction = job->task->direction,
	                     .started_at_us = clock_wall_us(),
	                     .epoch = job->task->epoch,
	                     .agent_version = ROLLCALL_VERSION};
	memcpy(r->task, job->task->id, TASK_SIZE);
}

static int64_t budget_end(const struct deliver_job *job)
{
	int64_t ms = job->config->retry_budget_ms;
	int64_t left_us = job->task->deadline_us ? job->task->deadline_us - clock_wall_us() : INT64_MAX;
	if (left_us < 0)
		left_us = 0; /* it had begun in time: it is finished, but not tried again for long */
	return clock_mono_us() + (left_us < ms * 1000 ? left_us : ms * 1000);
}

/* Connects with the password of this moment: it is fetched for each delivery and wiped after it. */
static int way_in(const struct deliver_job *job, const struct policy *p, struct engine_target *ret, struct secret **ret_password, struct err *e)
{
	if (agent_config_password(job->target, ret_password, e) != 0)
		return -1;
	*ret = job->target->connect;
	ret->password = *ret_password;
	policy_cap_timeouts(p, &ret->lock_timeout_ms, &ret->lock_timeout_max_ms, &ret->statement_timeout_ms);
	return 0;
}

static int run(struct delivery *d, const struct deliver_job *job, const struct policy *p, struct err *e)
{
	struct engine_target connect;
	AUTO(secret_destroy) struct secret *password = NULL;
	if (way_in(job, p, &connect, &password, e) != 0)
		return -1;
	d->target = &connect;
	enum ended end = delivery_run(d);
	watch_connection(job->watch, d->engine, NULL, NULL);
	d->target = NULL;
	if (end == ENDED_STOPPED && watch_wish(job->watch) >= WISH_PARK)
		return err_set(e, ERR_STATE, "asked to end; the next start resumes it");
	return 0;
}

static void unreachable(struct delivery *d, const struct err *e)
{
	d->error = *e;
	conclude(d, ENDED_FAILED);
}

static int deliver_verified(struct delivery *d, const struct deliver_job *job, const struct policy *p, struct err *e)
{
	d->budget_end_us = budget_end(job);
	d->refuse_drift = p->refuse_drift || order_needs(&d->verified->order, FEATURE_REFUSE_DRIFT);
	memcpy(d->report->report.order_digest, d->verified->order.digest, DIGEST_SIZE);
	memcpy(d->report->report.release_digest, d->verified->release.digest, DIGEST_SIZE);
	if (!d->engine) {
		err_set(e, ERR_POLICY, "this agent has no engine %s", job->target->target.engine);
		refuse(d->report, job, "C14 engine", e);
		return 0;
	}
	if (run(d, job, p, e) == 0)
		return 0;
	if (watch_wish(job->watch) >= WISH_PARK)
		return -1;
	unreachable(d, e);
	return 0;
}

static struct delivery start_delivery(const struct deliver_job *job, struct journal *j, const struct papers *p, struct collector *c)
{
	return (struct delivery){.engine = engine_by_name(job->target->target.engine),
	                         .task = job->task,
	                         .verified = &p->verified,
	                         .policy = &p->policy,
	                         .journal = j,
	                         .agent = job->config->name,
	                         .data_dir = job->config->data_dir,
	                         .limits = &job->config->limits,
	                         .orphan_cancel_ms = job->config->orphan_cancel_ms,
	                         .refuse_superuser = job->config->refuse_superuser,
	                         .fingerprint_before = job->config->fingerprint == FINGERPRINT_ALWAYS,
	                         .fingerprint_after = job->config->fingerprint != FINGERPRINT_OFF,
	                         .fingerprint_idle = job->config->fingerprint == FINGERPRINT_ALWAYS,
	                         .watch = job->watch,
	                         .progress = job->progress,
	                         .progress_arg = job->progress_arg,
	                         .arena = c->arena,
	                         .report = c};
}

int deliver_preview(const struct deliver_job *job, struct journal *j, struct arena *a, struct verified *ret, uint32_t *ret_wave,
                    const char **ret_check, struct err *e)
{
	AUTO(papers_done) struct papers p = {0};
	struct report ignored = {.attempt = job->task->attempt};
	if (read_papers(job, &p, a, &ignored, e) != 0 || verify(job, j, &p, a, ret_check, e) != 0 || check_site(job, &p, a, ret_check, e) != 0)
		return -1;
	*ret = p.verified;
	*ret_wave = p.proof.wave;
	return 0;
}

/* What keeps it from the target is part of what it tells. */
static void look(struct delivery *d, const struct deliver_job *job, const struct policy *p, struct preview *ret)
{
	struct engine_target connect;
	AUTO(secret_destroy) struct secret *password = NULL;
	if (!d->engine)
		err_set(&d->error, ERR_POLICY, "this agent has no engine %s", job->target->target.engine);
	if (!d->engine || way_in(job, p, &connect, &password, &d->error) != 0) {
		*ret = (struct preview){.why_not = arena_strdup(d->arena, d->error.msg)};
		return;
	}
	d->target = &connect;
	delivery_look(d, ret);
	delivery_done(d);
	d->target = NULL;
}

int deliver_look(const struct deliver_job *asked, struct journal *j, struct arena *a, bool ask_target, struct verified *ret,
                 struct preview *ret_preview, const char **ret_check, struct err *e)
{
	AUTO(watch_done) struct watch watch;
	AUTO(papers_done) struct papers p = {0};
	struct collector c = {.arena = a};
	struct deliver_job job = *asked;
	struct sequence_known known = {0};
	struct preview now = {.reached = false};
	const char *check = NULL;
	struct err no = ERR_INIT;
	watch_init(&watch);
	job.watch = &watch;
	start_report(&c, &job);
	if (read_papers(&job, &p, a, &c.report, e) != 0 || verify(&job, j, &p, a, ret_check, e) != 0 || know_sequences(&job, j, &p, &known, e) != 0)
		return -1;
	bool allowed = check_site(&job, &p, a, &check, &no) == 0;
	struct delivery d = start_delivery(&job, j, &p, &c);
	d.known = known;
	if (ask_target)
		look(&d, &job, &p.policy, &now);
	if (!allowed)
		now.refusal = arena_printf(a, "%s: %s", check, no.msg);
	*ret = p.verified;
	*ret_preview = now;
	return 0;
}

int deliver(const struct deliver_job *job, enum outcome *ret_outcome, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	AUTO(mem_free_ptr) char *path = file_join(job->config->data_dir, "journal.db");
	AUTO(journal_return) struct journal *j = NULL;
	AUTO(papers_done) struct papers p = {0};
	AUTO(delivery_done) struct delivery d = {0};
	struct collector c = {.arena = a};
	const char *check = NULL;
	if (journal_borrow(path, &j, e) != 0)
		return -1;
	start_report(&c, job);
	d = start_delivery(job, j, &p, &c);
	struct recheck again = {.job = job, .journal = j, .papers = &p, .verified_at_us = clock_mono_us()};
	d.may_begin = may_begin;
	d.may_begin_arg = &again;
	bool ok = read_papers(job, &p, a, &c.report, e) == 0 && verify(job, j, &p, a, &check, e) == 0 && check_site(job, &p, a, &check, e) == 0 &&
	          check_deadline(job->task, &check, e) == 0 && know_sequences(job, j, &p, &d.known, e) == 0;
	d.wave = p.proof.wave;
	if (!ok)
		refuse(&c, job, check, e);
	else if (deliver_verified(&d, job, &p.policy, e) != 0)
		return -1;
	if (delivery_finish(&d, report_seal, (void *)(uintptr_t)job->report_key, e) != 0)
		return -1;
	*ret_outcome = c.report.outcome;
	if (c.report.failure.message)
		(void)err_set(e, ERR_STATE, "%s", c.report.failure.message);
	return 0;
}
