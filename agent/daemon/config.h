/* agent.yaml: who this agent is, whom it trusts, which targets it serves and how it gets into them. Secrets are never in the file itself: only where they are. */
#ifndef AGENT_DAEMON_CONFIG_H
#define AGENT_DAEMON_CONFIG_H

#include "agent/engine/engine.h"
#include "agent/keyset/keyset.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/crypto/sign.h"
#include "common/model/target.h"
#include "common/model/trust.h"

struct agent_limits { /* of batched steps: a site may be stricter than a release */
	uint32_t max_batch; /* rows; 0: as the release says */
	uint32_t min_pause_ms;
	const char *batch_hold_file; /* while this file is there no batch begins; NULL: none */
};

struct agent_target {
	struct target target; /* id, engine, labels */
	struct engine_target connect; /* password is filled from its source at each connect: see config_password */
	const char *environment; /* label "environment", required: approvals are checked against it */
	const char *password_file, *password_credential; /* at most one of the three */
	const char **password_command; /* argv, NULL-terminated; its first line of output is the password */
	size_t pattern; /* number, from 1, of the pattern that it was made from; 0: it stands in agent.yaml */
};

#define DISCOVER_DATABASE "{database}"
#define DISCOVER_SCHEMA   "{schema}"

struct agent_pattern { /* a target whose id holds one of these marks: see discover.h */
	struct agent_target base;
	const char *names, *except; /* globs over the names; except may be NULL */
	const char *look_in; /* the database to connect to while looking for others */
	bool schemas;
};

/* When the schema's fingerprint is taken and reported. Off by default: on a new PostgreSQL session it costs some 15 ms, where a small delivery takes 50. Surveys take it unless it is off. */
enum fingerprint_when {
	FINGERPRINT_OFF,
	FINGERPRINT_CHANGED, /* after a delivery that ran something */
	FINGERPRINT_ALWAYS /* before such a delivery too, and after every one */
};

struct agent_config {
	const char *path, *name, *site, *data_dir; /* journal.db and blobs/ are in data_dir */
	const char *controller_endpoint, *blob_endpoint;
	const char **controller_also,
	    **blobs_also; /* further addresses of the same controller, tried in their order when the present one does not answer */
	size_t n_also;
	const char *enrol_endpoint; /* where new certificates are asked for; NULL: this agent does not renew by itself */
	const char **controller_keys; /* Z85: pinned; from agent.yaml, must be among the trust document's when that lists any */
	size_t n_controller_keys;
	const char *trust_file;
	const char *curve_key_file, *report_key_file, *certificate_file; /* those in use: of agent.yaml, or of `keyset` */
	struct keyset keyset; /* that a renewal made; folder NULL: agent.yaml's own files are newer */
	const char *policy_file; /* the site's policy document; NULL: the site has none */
	struct bytes trust_pin; /* the envelope of trust_file, signed by its own root keys */
	struct trust trust; /* the newest that was believed when this was loaded; what counts when something is to run: agent/verify/trusted.h */
	struct sign_key *report_key;
	struct bytes certificate; /* envelope bytes */
	struct certificate cert; /* the same; it may have ended: agent_config_check_dates */
	uint32_t max_parallel, max_parallel_per_instance; /* deliveries at once: in all, and for one database server */
	uint32_t retry_budget_ms;
	uint32_t lock_timeout_ms, statement_timeout_ms; /* that each target's session gets: the last try's, and a statement's */
	struct agent_limits limits;
	int64_t fresh_max_age_us; /* 0: only the trust document's limit and each document's own expiry */
	uint64_t max_step; /* 0: only the trust document's */
	uint32_t look_every_ms; /* between two rounds of looks at the targets; 0: none */
	enum fingerprint_when fingerprint;
	uint32_t orphan_cancel_ms; /* a dead agent's statement that the server still runs is cancelled after this time; 0: it is waited for */
	bool refuse_superuser; /* C14: nothing runs where the role stands above every privilege */
	bool allow_class_x; /* statements that can neither be undone nor be resumed: refused unless the site says otherwise */
	struct agent_target *targets; /* with room for LIMIT_TARGETS_PER_AGENT where there are patterns: what is found is put behind */
	size_t n_targets;
	struct agent_pattern *patterns;
	size_t n_patterns;
	const char **covered; /* globs over target ids, of the certificate */
	size_t n_covered;
	struct arena *arena; /* owns all of it */
};

/* Reads, checks everything that can be checked without a database or the network; each error as "agent.yaml:LINE: what: what to do". */
int agent_config_load(const char *path, struct agent_config *ret, struct err *e) MUST_CHECK;
void agent_config_done(struct agent_config *c);
/* The certificate is good by this machine's clock. Apart from the rest, because an agent whose certificate has ended can still have it renewed. */
int agent_config_check_dates(const struct agent_config *c, struct err *e) MUST_CHECK;
/* From here on this keyset, whose certificate was checked, is in use; its keys are the caller's business. */
void agent_config_keyset(struct agent_config *c, const struct keyset *i);
const struct agent_target *agent_config_target(const struct agent_config *c, const char *id); /* NULL if not ours */
/* Fetches the password from its source, NULL when the client library finds it itself. Blocks (a command has 10 s). */
int agent_config_password(const struct agent_target *t, struct secret **ret, struct err *e) MUST_CHECK;

#endif
