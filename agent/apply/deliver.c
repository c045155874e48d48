/* Everything around delivery_run. */
#include "agent/apply/deliver.h"

#include <assert.h>

#include "agent/journal/holds.h"
#include "agent/policy/policy.h"
#include "agent/report/seal.h"
#include "agent/verify/trusted.h"
#include "agent/verify/verdicts.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/crypto/blobs.h"
#include "common/crypto/digest.h"
#include "common/crypto/fresh.h"
#include "common/wire/limits.h"

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

static enum check_code read_papers(const struct deliver_job *job, struct papers *p, struct arena *a, struct report *report, struct err *e)
{
	AUTO(mem_free_ptr) char *dir = file_join(job->config->data_dir, "blobs");
	if (read_blob(dir, job->task->dossier_hash, LIMIT_DOSSIER, "the order", &p->dossier, e) != 0)
		return C18_CONTENT;
	note_order(p, a, report);
	if (read_blob(dir, job->task->release_hash, LIMIT_ENVELOPE, "the release", &p->release, e) != 0)
		return C18_CONTENT;
	if (merkle_proof_decode(job->task->proof, &p->proof, e) == 0)
		return CHECK_NONE;
	err_wrap(e, "proof of the target");
	return C10_TARGET;
}

/* C1 is asked of the offer, by the link. A task that was accepted is not refused because its controller has started again since, with a higher epoch: the new one counts
 * on it. Within the database the ledger's own epoch is the fence. */
static enum check_code verify_believed(const struct deliver_job *job, struct papers *p, struct arena *a, struct err *e)
{
	const struct trusted *t = &p->trusted;
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
	enum check_code c = verify_delivery(&facts, a, &p->verified, e);
	if (c || facts.release_checked)
		return c;
	c = verify_statements(&p->verified.release, engine, job->config->allow_class_x, e);
	if (!c)
		verdict_keep(verdict);
	return c;
}

/* The papers, against what this agent believes at this moment. What a check cannot ask, it refuses. */
static enum check_code verify(const struct deliver_job *job, struct journal *j, struct papers *p, struct arena *a, struct err *e)
{
	if (trusted_load(j, job->config->trust_pin, a, &p->trusted, e) != 0)
		return C3_TRUST;
	enum check_code c = verify_believed(job, p, a, e);
	return c || trusted_attest(j, p->verified.signed_us, e) == 0 ? c : C5_CLOCK;
}

/* Once for all targets of the agent: the statements are the same. */
static enum check_code check_site_statements(const struct deliver_job *job, const struct papers *p, struct err *e)
{
	const char *engine = job->target->target.engine;
	uint8_t policy[DIGEST_SIZE], verdict[DIGEST_SIZE];
	policy_digest(&p->policy, policy);
	verdict_key_site(job->task->release_hash, policy, engine, p->verified.direction, verdict);
	if (verdict_is_good(verdict))
		return CHECK_NONE;
	enum check_code c = policy_check_statements(&p->policy, &p->verified, engine, e);
	if (!c)
		verdict_keep(verdict);
	return c;
}

/* The half of C2 that needs the release, and C21; this thread reads the site's document for itself. What an agent that knew no default caps has begun is finished without them. */
static enum check_code check_site(const struct deliver_job *job, struct papers *p, struct arena *a, struct err *e)
{
	const struct agent_config *c = job->config;
	const struct engine_target *given = &job->target->connect;
	if (c->policy_file && policy_load(c->policy_file, &p->trusted.valid, c->site, a, &p->policy, e) != 0)
		return check_refuse(C2_SITE_POLICY, e);
	if (job->task->state == TASK_ACCEPTED)
		policy_default_caps(&p->policy, given->lock_timeout_max_ms, given->statement_timeout_ms);
	enum check_code refusing = check_site_statements(job, p, e);
	return refusing ? refusing : policy_check_order(&p->policy, &p->verified, e);
}

static enum check_code check_papers(const struct deliver_job *job, struct journal *j, struct papers *p, struct arena *a, struct err *e)
{
	enum check_code c = verify(job, j, p, a, e);
	return c ? c : check_site(job, p, a, e);
}

/* A task that has begun is finished whatever the clock says; one that has not is not begun late. */
static enum check_code check_deadline(const struct task *t, struct err *e)
{
	char text[CLOCK_TEXT_SIZE];
	if (!t->deadline_us || t->state != TASK_ACCEPTED || clock_wall_us() <= t->deadline_us)
		return CHECK_NONE;
	err_set(e, ERR_POLICY, "the delivery had to begin before %s", clock_text(t->deadline_us, text));
	return C11_ORDER;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a == 0 ? b : b == 0 ? a : a < b ? a : b;
}

static enum check_code know_sequences(const struct deliver_job *job, struct journal *j, const struct papers *p, struct sequence_known *ret,
                                      struct err *e)
{
	ret->floor = freshness_floor(p->trusted.fresh, p->verified.release.project);
	ret->max_step = least(p->trusted.doc.max_step, job->config->max_step);
	return journal_sequence(j, job->task->target, p->verified.release.project, &ret->in_journal, e) == 0 ? CHECK_NONE : C8_SEQUENCE;
}

/* ---- C22 ---- */

struct recheck {
	const struct deliver_job *job;
	struct journal *journal;
	const struct papers *papers;
};

/* The half of C2 that the loop asked before this delivery began; of the site's yes, consent_check has just asked. */
static enum check_code ask_site(const struct recheck *r, const struct papers *p, struct arena *a, struct policy_verdict *ret, struct err *e)
{
	struct policy_facts f = {
	    .policy = r->job->config->policy_file ? &p->policy : NULL, .target = r->job->task->target, .consented = true, .now_us = clock_wall_us()};
	struct site_hold *holds = NULL;
	if (journal_holds(r->journal, a, &holds, &f.n_holds, e) != 0)
		return C2_SITE_POLICY;
	f.holds = holds;
	policy_decide(&f, ret);
	return CHECK_NONE;
}

/* Where the loop finds it, and tells the controller when the site has nothing against it any more. */
static enum ended hold_back(struct delivery *d, const struct policy_verdict *v)
{
	const struct held h = {
	    .task = *d->task, .code = policy_answer_code(v->answer), .reason = v->reason, .until_us = v->until_us, .at_us = clock_wall_us()};
	delivery_check(d, C2_SITE_POLICY, "The delivery begins by itself once the site has nothing against it any more.");
	return journal_held_put(d->journal, &h, &d->error) == 0 ? ENDED_ASK : ENDED_FAILED;
}

/* While it waited for the database or a lock, a key may have been revoked, a release withdrawn, the freshness document or an approval have run out, a window have closed: everything is asked
 * again, of the very same papers. What only has to wait is held. */
static enum ended may_begin(void *arg, struct delivery *d)
{
	const struct recheck *r = arg;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	struct papers now = {.release = r->papers->release, .dossier = r->papers->dossier, .proof = r->papers->proof}; /* borrowed */
	struct policy_verdict site = {.answer = POLICY_YES};
	enum check_code c = check_papers(r->job, r->journal, &now, a, &d->error);
	if (!c)
		c = check_deadline(r->job->task, &d->error);
	if (!c)
		c = ask_site(r, &now, a, &site, &d->error);
	if (c)
		return delivery_refuse(d, c, NULL);
	if (site.answer == POLICY_YES)
		return ENDED_OK;
	err_set(&d->error, ERR_POLICY, "%s", site.reason);
	return hold_back(d, &site);
}

/* ---- the delivery ---- */

/* A task that an earlier run had begun may have changed the database: then "refused" would not be the whole truth, and the ledger has not been read. */
static void refuse(struct collector *c, const struct deliver_job *job, enum check_code check, const struct err *e)
{
	assert(check != CHECK_NONE);
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
		refuse(d->report, job, C14_ENGINE, e);
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

enum check_code deliver_preview(const struct deliver_job *job, struct journal *j, struct arena *a, struct verified *ret, uint32_t *ret_wave,
                                struct err *e)
{
	AUTO(papers_done) struct papers p = {0};
	struct report ignored = {.attempt = job->task->attempt};
	enum check_code c = read_papers(job, &p, a, &ignored, e);
	if (!c)
		c = check_papers(job, j, &p, a, e);
	if (c)
		return c;
	*ret = p.verified;
	*ret_wave = p.proof.wave;
	return CHECK_NONE;
}

/* All that is asked before a database is. */
static enum check_code check_all(const struct deliver_job *job, struct journal *j, struct papers *p, struct collector *to,
                                 struct sequence_known *known, struct err *e)
{
	enum check_code c;
	if ((c = read_papers(job, p, to->arena, &to->report, e)) || (c = check_papers(job, j, p, to->arena, e)) || (c = check_deadline(job->task, e)))
		return c;
	return know_sequences(job, j, p, known, e);
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

enum check_code deliver_look(const struct deliver_job *asked, struct journal *j, struct arena *a, bool ask_target, struct verified *ret,
                             struct preview *ret_preview, struct err *e)
{
	AUTO(watch_done) struct watch watch;
	AUTO(papers_done) struct papers p = {0};
	struct collector c = {.arena = a};
	struct deliver_job job = *asked;
	struct sequence_known known = {0};
	struct preview now = {.reached = false};
	enum check_code refusing;
	struct err no = ERR_INIT;
	watch_init(&watch);
	job.watch = &watch;
	start_report(&c, &job);
	if ((refusing = read_papers(&job, &p, a, &c.report, e)) || (refusing = verify(&job, j, &p, a, e)) ||
	    (refusing = know_sequences(&job, j, &p, &known, e)))
		return refusing;
	refusing = check_site(&job, &p, a, &no);
	struct delivery d = start_delivery(&job, j, &p, &c);
	d.known = known;
	if (ask_target)
		look(&d, &job, &p.policy, &now);
	if (refusing)
		now.refusal = arena_printf(a, "%s: %s", check_title(refusing), no.msg);
	*ret = p.verified;
	*ret_preview = now;
	return CHECK_NONE;
}

int deliver(const struct deliver_job *job, enum outcome *ret_outcome, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	AUTO(mem_free_ptr) char *path = file_join(job->config->data_dir, "journal.db");
	AUTO(journal_return) struct journal *j = NULL;
	AUTO(papers_done) struct papers p = {0};
	AUTO(delivery_done) struct delivery d = {0};
	struct collector c = {.arena = a};
	if (journal_borrow(path, &j, e) != 0)
		return -1;
	start_report(&c, job);
	d = start_delivery(job, j, &p, &c);
	struct recheck again = {.job = job, .journal = j, .papers = &p};
	d.may_begin = may_begin;
	d.may_begin_arg = &again;
	enum check_code refusing = check_all(job, j, &p, &c, &d.known, e);
	d.wave = p.proof.wave;
	if (refusing)
		refuse(&c, job, refusing, e);
	else if (deliver_verified(&d, job, &p.policy, e) != 0)
		return -1;
	if (delivery_finish(&d, report_seal, (void *)(uintptr_t)job->report_key, e) != 0)
		return -1;
	*ret_outcome = c.report.outcome;
	if (c.report.failure.message)
		(void)err_set(e, ERR_STATE, "%s", c.report.failure.message);
	return 0;
}
