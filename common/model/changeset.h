/* A changeset as it stands in a signed release: plain values in one arena, no I/O, no clock. The readers of controller/change make a
 * `struct change` (source text); release/pack turns it into this, one body for each engine; the agent decodes it from the manifest. */
#ifndef COMMON_MODEL_CHANGESET_H
#define COMMON_MODEL_CHANGESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bytes.h"

/* T transactional with its ledger row; N atomic alone but commits by itself; B batched; X neither (DESIGN.md, section 6). */
enum step_class { STEP_T, STEP_N, STEP_B, STEP_X, STEP_CLASS_COUNT };

struct statement {
	struct bytes sql; /* exact bytes, one statement, no trailing delimiter */
	uint32_t line; /* in the source file, 1-based */
};

/* The smallest unit the ledger knows: class T holds one or more statements run in one transaction, every other class exactly one statement. */
struct step {
	enum step_class class;
	struct statement *statements;
	size_t n_statements;
	uint8_t digest[DIGEST_SIZE]; /* SHA-256 over class letter, then for each statement: u64le length, bytes (digest_step) */
};

/* A changeset's SQL for one engine. */
struct body {
	const char *engine; /* an engine name of common/sql/dialect.h */
	struct step *steps;
	size_t n_steps;
	struct step *rollback; /* in the order in which they run */
	size_t n_rollback;
	bool has_rollback; /* true with n_rollback 0: "no rollback needed", said by the author */
	const char *file, *rollback_file; /* where the SQL stands, relative to the project folder; NULL: in the changeset's file */
};

enum check_kind { CHECK_SQL, CHECK_TABLE_EXISTS, CHECK_VIEW_EXISTS };
enum on_fail { ON_FAIL_HALT, ON_FAIL_CONTINUE, ON_FAIL_MARK_RAN, ON_FAIL_WARN };

struct check { /* a precondition */
	enum check_kind kind;
	const char *expected; /* CHECK_SQL: compared as text with the single value */
	struct bytes sql;
	const char *table, *schema; /* CHECK_TABLE_EXISTS, CHECK_VIEW_EXISTS (table holds the view); schema NULL: the default one */
	uint32_t line;
};

enum validation_when { VALIDATE_BEFORE, VALIDATE_AFTER };
/* RECORD remembers the value under the name; EQUALS compares with `expected`; SAME_AS_BEFORE with the value recorded before. */
enum validation_mode { VALIDATE_RECORD, VALIDATE_EQUALS, VALIDATE_SAME_AS_BEFORE };

struct validation {
	const char *name;
	enum validation_when when;
	enum validation_mode mode;
	const char *expected; /* EQUALS only */
	struct bytes sql; /* one read-only statement with one value */
	uint32_t line;
};

#define BATCH_SIZE_MAX    1000000 /* rows: a batch is one transaction */
#define BATCH_TIME_MAX_MS 3600000

/* How steps of class B are cut and paced. Part of the signed release but of no digest: it says how fast, not what, and may be another one when a half-done step goes on. */
struct batching {
	uint32_t size, rollback_size; /* rows of a batch; 0: that direction is not batched */
	uint32_t pause_ms; /* between two batches */
	uint32_t max_lag_ms; /* of replicas: no batch begins while one is further behind; 0: not asked */
	struct bytes query; /* one read-only statement with one number: no batch begins while it is above `limit`; n 0: none */
	uint64_t limit;
	uint32_t line; /* of the query */
};

struct changeset {
	const char *id; /* "author:name" */
	const char *author, *name;
	const char *file; /* relative to the project folder */
	uint32_t line;
	const char *comment, *context, *labels, *dbms; /* NULL when absent */
	bool run_on_change, run_always;
	bool ignore_failure; /* failOnError:false */
	enum on_fail on_fail, on_error;
	const char *on_fail_message, *on_error_message;
	struct check *preconditions;
	size_t n_preconditions;
	struct validation *validations;
	size_t n_validations;
	struct batching batching;
	struct body *bodies; /* none for an engine that its dbms attribute leaves out */
	size_t n_bodies;
	uint8_t digest[DIGEST_SIZE]; /* over all bodies' step digests, forward and back, and the checks (digest_changeset) */
	uint8_t normal_digest[DIGEST_SIZE]; /* the same with runs of white space folded: explains "only the layout changed" */
	const char **accepted_digests; /* older digests that count as unchanged: hex, or "any" */
	size_t n_accepted_digests;
};

/* The body for an engine, NULL when the changeset does not apply to it. */
const struct body *changeset_body(const struct changeset *c, const char *engine);

/* The file that the lines of the body's statements are in, forward or back. */
const char *changeset_file(const struct changeset *c, const struct body *b, bool back);

const char *step_class_name(enum step_class c); /* "T", "N", "B", "X" */
bool step_class_parse(const char *s, enum step_class *ret);
const char *on_fail_name(enum on_fail f); /* "HALT", ... */
bool on_fail_parse(const char *s, enum on_fail *ret); /* case ignored */

#endif
