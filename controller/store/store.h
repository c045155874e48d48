/* The controller's durable memory: who is admitted, what was released, every rollout with its waves, deliveries, approvals, the reports as they came, what they said of each
 * step, and an append-only event log. One event, or a batch of them, is one transaction; what was decided is sent only after store_commit. It never holds a secret.
 * store_sqlite*.c is the SQLite form; another database is another set of files behind this header. One thread writes. Every read allocates in the caller's arena. */
#ifndef CONTROLLER_STORE_STORE_H
#define CONTROLLER_STORE_STORE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/model/report.h"
#include "common/model/target.h"
#include "common/model/trust.h"
#include "controller/rollout/rollout.h"

struct store;

int store_open(const char *path, struct store **ret, struct err *e) MUST_CHECK; /* makes and migrates */
void store_close(struct store **s);
int store_begin(struct store *s, struct err *e) MUST_CHECK;
int store_commit(struct store *s, struct err *e) MUST_CHECK;
void store_rollback(struct store *s);
/* What was committed is safe, and moved into its place later: in a quiet moment, or within a commit once there is much of it. */
bool store_wants_rest(const struct store *s); /* enough for a quiet moment */
int store_rest(struct store *s, struct err *e) MUST_CHECK; /* takes that moment; waits for the disk. Outside a transaction */

/* The fencing epoch of this start: one more than the last, and at least `at_least`. On disk when it returns. Not inside a transaction. */
int store_next_epoch(struct store *s, uint32_t at_least, uint32_t *ret, struct err *e) MUST_CHECK;
/* ERR_STATE unless `epoch` is the store's: another controller has taken the store since, or it was set back under this one. */
int store_check_epoch(struct store *s, uint32_t epoch, struct err *e) MUST_CHECK;

/* ---- agents and targets ---- */
struct store_agent {
	const char *name, *site, *serial, *curve_key, *version; /* version NULL before its first HELLO */
	struct bytes certificate; /* envelope */
	uint64_t session_counter;
	int64_t admitted_at_us, seen_at_us;
	uint32_t journal; /* grows when the agent lost its journal and counts its reports from 1 again */
	uint64_t report_seq; /* every report up to here is stored */
	uint8_t report_hash[DIGEST_SIZE]; /* of the last one's envelope */
	int64_t revoked_at_us, held_at_us; /* 0: neither; a revoked one never comes back, a held one when a person says so */
	const char *standing; /* why it is revoked or held; NULL otherwise */
	struct bytes former_certificate; /* envelope: the one before new keys, good until former_until_us */
	int64_t former_until_us; /* 0: there is none */
};
int store_agent_put(struct store *s, const struct store_agent *a,
                    struct err *e) MUST_CHECK; /* admitted anew: keeps the counters of an agent of this name */
int store_certificate(struct store *s, const char *agent, const char *serial, struct arena *a, struct bytes *ret,
                      struct err *e) MUST_CHECK; /* ERR_NOT_FOUND */
int store_agent_seen(struct store *s, const struct store_agent *a, struct err *e) MUST_CHECK; /* version, counters, seen */
int store_agent_standing(struct store *s, const struct store_agent *a, struct err *e) MUST_CHECK; /* revoked, held, why */
int store_agents(struct store *s, struct arena *a, struct store_agent **ret, size_t *ret_n, struct err *e) MUST_CHECK;

struct store_enrolment { /* somebody asked to be an agent */
	uint8_t digest[DIGEST_SIZE]; /* of the request */
	struct bytes nonce; /* of the token: each is taken once */
	const char *agent, *curve_key;
	struct bytes request, certificate; /* certificate: none while it waits */
	int64_t asked_at_us;
};
int store_enrolment_put(struct store *s, const struct store_enrolment *n, struct err *e) MUST_CHECK;
int store_enrolment_grant(struct store *s, const uint8_t digest[DIGEST_SIZE], struct bytes certificate, const char *by, int64_t now_us,
                          struct err *e) MUST_CHECK;
int store_enrolments(struct store *s, struct arena *a, struct store_enrolment **ret, size_t *ret_n, struct err *e) MUST_CHECK; /* oldest first */
int store_enrolments_prune(struct store *s, int64_t before_us, struct err *e) MUST_CHECK;

struct store_target {
	struct target target;
	const char *agent;
	int64_t seen_at_us;
	struct target_facts facts;
};
int store_target_facts(struct store *s, const struct target_facts *f, struct err *e) MUST_CHECK;
int store_target_put(struct store *s, const char *agent, const struct target *t, int64_t now_us, struct err *e) MUST_CHECK;
int store_target_absent(struct store *s, const char *id, struct err *e) MUST_CHECK; /* its agent does not name it any more */
int store_targets(struct store *s, struct arena *a, struct store_target **ret, size_t *ret_n, struct err *e) MUST_CHECK; /* by id */

/* The newest release of each project that was reported applied at each target and not rolled back since: by target, then the newest first. */
struct store_current {
	const char *target, *project, *version;
	uint64_t sequence;
	int64_t at_us; /* when it was applied there */
};
int store_current_releases(struct store *s, struct arena *a, struct store_current **ret, size_t *ret_n, struct err *e) MUST_CHECK;

struct store_schema { /* of a target; zero: not known */
	uint32_t form; /* of both fingerprints */
	uint8_t left[DIGEST_SIZE]; /* by its last delivery */
	uint8_t seen[DIGEST_SIZE]; /* by whoever looked last: a delivery or a survey */
	uint8_t ledger_head[DIGEST_SIZE];
	uint64_t ledger_rows;
	int64_t left_at_us, seen_at_us;
};
int store_schema_put(struct store *s, const char *target, const struct store_schema *c, struct err *e) MUST_CHECK;
int store_schema(struct store *s, const char *target, struct store_schema *ret, struct err *e) MUST_CHECK; /* all zero when nothing is known */

struct store_target_schema {
	const char *target;
	struct store_schema schema;
};
int store_schemas(struct store *s, struct arena *a, struct store_target_schema **ret, size_t *ret_n, struct err *e) MUST_CHECK; /* by target */

/* ---- freezes and quarantine ---- */
struct store_freeze { /* nothing new starts on the targets that the selector matches, in this time */
	int64_t id; /* counts from 1 */
	const char *selector, *reason, *added_by;
	int64_t from_us, until_us, added_at_us;
};
int store_freeze_put(struct store *s, const struct store_freeze *f, int64_t *ret_id, struct err *e) MUST_CHECK;
int store_freeze_remove(struct store *s, int64_t id, bool *ret_found, struct err *e) MUST_CHECK;
/* Those that are not over, by their beginning. */
int store_freezes(struct store *s, int64_t now_us, struct arena *a, struct store_freeze **ret, size_t *ret_n, struct err *e) MUST_CHECK;

struct store_quarantine { /* no new rollout takes the target */
	const char *target, *reason, *added_by;
	int64_t added_at_us;
};
int store_quarantine_put(struct store *s, const struct store_quarantine *t, struct err *e) MUST_CHECK; /* again: the newer reason stays */
int store_quarantine_remove(struct store *s, const char *target, bool *ret_found, struct err *e) MUST_CHECK;
int store_quarantines(struct store *s, struct arena *a, struct store_quarantine **ret, size_t *ret_n, struct err *e) MUST_CHECK; /* by target */

struct store_names { /* sorted */
	const char **names;
	size_t n;
};

/* ---- releases ---- */
struct store_release {
	uint8_t digest[DIGEST_SIZE], envelope_hash[DIGEST_SIZE];
	uint64_t envelope_size, sequence;
	const char *project, *version, *signed_by, *added_by;
	uint32_t changesets;
	int64_t added_at_us;
};
int store_release_put(struct store *s, const struct store_release *r, struct err *e) MUST_CHECK;
/* Are they of more than one project? */
int store_several_projects(struct store *s, bool *ret, struct err *e) MUST_CHECK;
int store_releases(struct store *s, struct arena *a, struct store_release **ret, size_t *ret_n, struct err *e) MUST_CHECK;

/* ---- rollouts ---- */
struct delivery_note { /* beside the state: what people read */
	uint32_t step, of_steps;
	const char *changeset, *code, *detail; /* NULL: none */
	const char *waits_code, *waits; /* what holds the way back up, where the rest says why the target failed; NULL: nothing does */
	int64_t since_us; /* of the present state */
	uint8_t salt[TARGET_SALT_SIZE];
};

struct store_rollout {
	const char *id, *project, *release_version, *environment, *detail, *undoes, *created_by; /* detail, undoes may be NULL */
	uint8_t release_digest[DIGEST_SIZE], release_hash[DIGEST_SIZE], order_digest[DIGEST_SIZE], dossier_hash[DIGEST_SIZE];
	uint64_t release_sequence, release_size, dossier_size; /* dossier_size 0: not approved yet */
	enum direction direction;
	enum rollout_state state;
	struct bytes order; /* the order's exact bytes */
	struct bytes plan_text; /* of a plan with catch_up: automatic; empty otherwise. Only of a new one and of store_catch_ups */
	bool partial; /* started for some of the environment's targets only. Only of a new one */
	int64_t created_at_us, changed_at_us;
};
/* A new rollout with all of its waves and deliveries. */
int store_rollout_put(struct store *s, const struct store_rollout *r, const struct rollout *run, const struct delivery_note *notes,
                      struct err *e) MUST_CHECK;
int store_rollout_save(struct store *s, const struct store_rollout *r, struct err *e) MUST_CHECK; /* state, detail, dossier, changed_at */
int store_wave_save(struct store *s, const char *rollout, uint32_t no, const struct wave_run *w, struct err *e) MUST_CHECK;
int store_delivery_save(struct store *s, const char *rollout, const struct delivery *d, const struct delivery_note *n, struct err *e) MUST_CHECK;
/* All, oldest first; id not NULL: that one; only_active: those that are not final. */
int store_rollouts(struct store *s, const char *id, bool only_active, struct arena *a, struct store_rollout **ret, size_t *ret_n,
                   struct err *e) MUST_CHECK;
/* Waves (state, site and server caps, soak; the rest is in the order) and deliveries of one. */
int store_rollout_load(struct store *s, const char *id, struct arena *a, struct rollout *ret, struct delivery_note **ret_notes,
                       struct err *e) MUST_CHECK;
struct delivery_counts {
	uint32_t total, applied, rolled_back, failed, attention, unknown, skipped, open; /* failed: counts against max_failures; open: not settled */
};
int store_delivery_counts(struct store *s, const char *rollout, struct delivery_counts *ret, struct err *e) MUST_CHECK;
/* Has a rollout of this release over this environment, and not only over some of its targets, succeeded, and was it not taken back? */
int store_environment_done(struct store *s, const uint8_t release_digest[DIGEST_SIZE], const char *environment, bool *ret, struct err *e) MUST_CHECK;

/* Targets that have this release of the project or a newer one, by their reports. */
int store_targets_having(struct store *s, const char *project, uint64_t sequence, struct arena *a, struct store_names *ret, struct err *e) MUST_CHECK;
/* Targets that any rollout of this release had in its list, but for those that it could not reach in its time, be it for a freeze, or that their site has let go since then. */
int store_targets_tried(struct store *s, const uint8_t release_digest[DIGEST_SIZE], struct arena *a, struct store_names *ret,
                        struct err *e) MUST_CHECK;
/* A target that its site had kept back when the time of its order was over. */
struct store_held {
	const char *rollout, *target;
	uint32_t no; /* of the delivery in its rollout */
	uint8_t order_digest[DIGEST_SIZE];
};
/* Of all rollouts of this release that have succeeded without them. */
int store_targets_held(struct store *s, const uint8_t release_digest[DIGEST_SIZE], struct arena *a, struct store_held **ret, size_t *ret_n,
                       struct err *e) MUST_CHECK;
/* Its site has nothing against it any more: it counts as one that could not be reached. */
int store_target_let_go(struct store *s, const struct store_held *h, struct err *e) MUST_CHECK;
/* For each project and environment the rollout that made its present release, where its plan's text was kept: id, project, environment, release, plan_text. */
int store_catch_ups(struct store *s, struct arena *a, struct store_rollout **ret, size_t *ret_n, struct err *e) MUST_CHECK;

struct store_approval {
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	const char *approver;
	struct bytes envelope;
	int64_t at_us;
};
int store_approval_put(struct store *s, const char *rollout, const struct store_approval *p, struct err *e) MUST_CHECK;
int store_approvals(struct store *s, const char *rollout, struct arena *a, struct store_approval **ret, size_t *ret_n, struct err *e) MUST_CHECK;

struct store_gate_pass {
	uint32_t wave;
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	const char *signer;
	int64_t expires_at_us;
	struct bytes envelope;
};
int store_gate_pass_put(struct store *s, const char *rollout, const struct store_gate_pass *p, int64_t now_us, struct err *e) MUST_CHECK;
/* By wave. */
int store_gate_passes(struct store *s, const char *rollout, struct arena *a, struct store_gate_pass **ret, size_t *ret_n, struct err *e) MUST_CHECK;

/* ---- signed documents that the controller keeps: kinds "trust", "fresh", "revocation" ---- */
struct store_document {
	uint64_t version;
	struct bytes envelope;
};
int store_document_put(struct store *s, const char *kind, uint64_t version, struct bytes envelope, int64_t now_us, struct err *e) MUST_CHECK;
/* From that version on, ascending. */
int store_documents(struct store *s, const char *kind, uint64_t from_version, struct arena *a, struct store_document **ret, size_t *ret_n,
                    struct err *e) MUST_CHECK;
int store_documents_drop(struct store *s, const char *kind, uint64_t below_version, struct err *e) MUST_CHECK;

/* ---- reports, events, history ---- */
/* The report, and the newest state of each step that it names. rollout NULL: of no rollout that we know. ERR_EXISTS is impossible: callers take each sequence number once. */
int store_report_put(struct store *s, const struct report *r, uint32_t journal, const char *rollout, const char *detail, struct bytes envelope,
                     int64_t now_us, struct err *e) MUST_CHECK;

struct store_event {
	int64_t at_us;
	const char *actor; /* "operator alice", "agent eu-1", "controller" */
	const char *rollout; /* NULL: none */
	const char *object; /* "rollout", "wave canary", a target id, "release 1.4" */
	const char *event, *from, *to, *detail; /* from, to, detail may be NULL */
	const char *ref; /* which one of many: "agent/journal/number" of a report, "task/attempt" of an offer; NULL: none */
	const uint8_t
	    *evidence; /* SHA-256 of the document that the event is about (envelope of a report, an approval, a release; an order's bytes); NULL: none */
};
int store_event_put(struct store *s, const struct store_event *ev,
                    struct err *e) MUST_CHECK; /* the audit chain's next row: controller/audit/chain.h */

/* ---- audit ---- */
struct audit_row {
	uint64_t seq; /* gapless, from 1 */
	struct store_event ev;
	uint8_t hash[DIGEST_SIZE];
};
/* The chain's last row, this transaction's own rows included; 0 and zeros when it is empty. Reads memory. */
struct audit_head store_audit_head(const struct store *s);
int store_audit_rows(struct store *s, uint64_t after_seq, size_t limit, struct arena *a, struct audit_row **ret, size_t *ret_n,
                     struct err *e) MUST_CHECK;

/* What the chain's evidence points to, other than blobs: names to ask store_audit_document for. */
struct audit_document {
	const char *kind; /* "certificate", "release", "order", "approval", "gate-pass", "report" */
	const char *name; /* "agent/serial"; version; rollout; "rollout/public key in hex"; "rollout/wave/public key in hex"; "agent/journal/number" */
	uint64_t size_bytes;
	uint8_t blob[DIGEST_SIZE]; /* of a release: where its envelope is */
};
/* Of everything that was alive between the two times (reports: received in between); target not NULL: only what belongs to that target. */
int store_audit_documents(struct store *s, int64_t from_us, int64_t to_us, const char *target, struct arena *a, struct audit_document **ret,
                          size_t *ret_n, struct err *e) MUST_CHECK;
/* Its bytes; ERR_NOT_FOUND. Not for releases. */
int store_audit_document(struct store *s, const char *kind, const char *name, struct arena *a, struct bytes *ret, struct err *e) MUST_CHECK;

struct history_row {
	int64_t at_us;
	const char *target, *rollout, *project, *release, *direction, *outcome, *detail,
	    *agent; /* project, release NULL: a release that is not in the store */
	uint32_t attempt, journal;
	uint64_t seq;
};
/* Newest first; target and rollout NULL: any. */
int store_history(struct store *s, const char *target, const char *rollout, size_t limit, struct arena *a, struct history_row **ret, size_t *ret_n,
                  struct err *e) MUST_CHECK;

struct store_counts {
	uint64_t agents, targets, rollouts;
};
int store_count(struct store *s, struct store_counts *ret, struct err *e) MUST_CHECK;

#endif
