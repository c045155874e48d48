/* What an agent reports of one delivery (proto/report.proto). Signed by the agent, chained by report_seq and prev_report_hash. */
#ifndef COMMON_MODEL_REPORT_H
#define COMMON_MODEL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/model/changeset.h"
#include "common/model/order.h"

#define TASK_SIZE 16

/* How a delivery ended at the agent. */
enum outcome {
	OUTCOME_APPLIED,
	OUTCOME_ROLLED_BACK,
	OUTCOME_FAILED, /* the failed step had no effect; earlier steps stay, unless `reverted` */
	OUTCOME_REFUSED, /* signature, policy, identity: no statement ran */
	OUTCOME_NEEDS_ATTENTION, /* an outcome that only a person can settle */
	OUTCOME_HELD,
	OUTCOME_COUNT
};

enum step_state { STEP_DONE, STEP_FAILED, STEP_SKIPPED, STEP_INTENT, STEP_STATE_COUNT };
/* How we know: it ran now; the ledger said so; a probe of the catalog said so; a precondition marked it; a person settled it. */
enum step_via { VIA_RUN, VIA_LEDGER, VIA_PROBE, VIA_MARK_RAN, VIA_OPERATOR, VIA_COUNT };

struct step_outcome {
	const char *changeset;
	enum direction direction;
	uint32_t run; /* how often this changeset went this way on this target, from 1 */
	uint32_t step; /* from 0 */
	enum step_class class;
	enum step_state state;
	enum step_via via;
	int64_t started_at_us, ended_at_us;
	uint8_t digest[DIGEST_SIZE], row_hash[DIGEST_SIZE];
};

struct validation_outcome {
	const char *changeset, *name;
	enum validation_when when;
	bool ok;
	const char *value, *expected;
};

struct failure { /* all empty when there was none */
	const char *code; /* err_code_name */
	const char *check; /* of the site, that refused or ended it: "C6 release-signatures" */
	const char *sqlstate;
	int32_t db_errno;
	const char *message;
	const char *changeset, *file;
	uint32_t step, statement, line;
	const char *database_state; /* in words: what is true in the database now */
	const char *next; /* what Rollcall did then, or does by itself, and what to type */
};

/* The end of the controller's audit chain (controller/audit/chain.h), as an agent was last told it. seq 0: not told yet. */
struct audit_head {
	uint64_t seq;
	uint8_t hash[DIGEST_SIZE];
};

struct report {
	const char *agent, *target;
	uint8_t task[TASK_SIZE];
	uint32_t attempt;
	uint8_t order_digest[DIGEST_SIZE], release_digest[DIGEST_SIZE];
	enum direction direction;
	enum outcome outcome;
	struct failure failure;
	struct step_outcome *steps;
	size_t n_steps;
	struct validation_outcome *validations;
	size_t n_validations;
	int64_t started_at_us, ended_at_us;
	uint8_t ledger_head[DIGEST_SIZE];
	uint64_t ledger_rows;
	uint64_t report_seq;
	uint8_t prev_report_hash[DIGEST_SIZE];
	uint32_t epoch;
	const char *agent_version, *database_identity, *ledger_uuid;
	bool reverted; /* a validation failed and the changeset was rolled back at once */
	struct audit_head audit; /* countersigned: the controller cannot cut its log off, or write it anew, before this row */
	uint8_t fingerprint_before[DIGEST_SIZE], fingerprint[DIGEST_SIZE]; /* of the schema, before and after; zero: not taken */
	uint32_t fingerprint_form; /* of the text under them: those of two forms say nothing about each other */
};

const char *outcome_name(enum outcome o); /* "applied", "rolled-back", "failed", "refused", "needs-attention", "held" */
bool outcome_parse(const char *s, enum outcome *ret);
const char *step_state_name(enum step_state s); /* "done", "failed", "skipped", "intent" */
bool step_state_parse(const char *s, enum step_state *ret);
const char *step_via_name(enum step_via v); /* "run", "ledger", "probe", "mark-ran", "operator" */
bool step_via_parse(const char *s, enum step_via *ret);

#endif
