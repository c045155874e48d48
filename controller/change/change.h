/* Changes as their files say them: source text with attributes and places, before it is split and packed. Every reader (readers.h) makes this model;
 * gates look at it, release/pack turns it into the signed struct changeset. All memory is in the change_set's arena. */
#ifndef CONTROLLER_CHANGE_CHANGE_H
#define CONTROLLER_CHANGE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/changeset.h"
#include "common/sql/dialect.h"
#include "common/sql/online.h"
#include "controller/change/problem.h"

#define ENGINE_BIT(d) (1u << (d))
#define ENGINES_ALL   ((1u << DIALECT_COUNT) - 1)

/* SQL text with the way to split it, for some engines. Lines that a reader took away (directives) are left empty, so that places stay right. */
struct script {
	unsigned engines; /* ENGINE_BITs */
	struct bytes sql;
	const char *file;
	uint32_t line; /* of the text's first byte in `file` */
	bool split, strip_comments;
	const char *delimiter; /* NULL: the engine's own rules */
};

/* --lint-ignore RULE reason:"..." */
struct suppression {
	const char *rule, *reason;
	uint32_t line;
};

struct change {
	const char *id, *author, *name; /* id = "author:name" */
	const char *file; /* relative to the project folder */
	uint32_t line;
	const char *comment, *context, *labels, *dbms; /* NULL when absent */
	unsigned engines; /* of the project's engines, those it is for */
	bool run_on_change, run_always;
	bool run_in_transaction;
	bool ignore_failure; /* failOnError:false */
	bool ignored; /* ignore:true: read and checked, never packed */
	enum on_fail on_fail, on_error;
	const char *on_fail_message, *on_error_message;
	struct check *preconditions;
	size_t n_preconditions, cap_preconditions;
	struct validation *validations;
	size_t n_validations, cap_validations;
	struct batching batching;
	struct sql_online online; /* algorithm: and lock: of its line; they stand in place of the project's */
	struct script *forward; /* at most one for each engine */
	size_t n_forward, cap_forward;
	struct script *rollback;
	size_t n_rollback, cap_rollback;
	unsigned no_rollback_needed; /* engines for which the author said so */
	const char *rollback_id; /* rolled back by running this changeset again; NULL: by `rollback` */
	uint32_t rollback_line; /* 0: none was given */
	const char **accepted; /* digests that count as unchanged: 64 hex digits, or "any" */
	size_t n_accepted, cap_accepted;
	struct suppression *suppressions;
	size_t n_suppressions, cap_suppressions;
};

/* One parsed folder. */
struct change_set {
	struct arena *arena;
	const char *reader; /* which one read it */
	struct change *changes; /* in the order in which they run */
	size_t n, cap;
	struct problems problems;
};

void change_set_destroy(struct change_set **s); /* NULL-safe; for AUTO */
/* The first change with this id, NULL if there is none. */
const struct change *change_find(const struct change_set *s, const char *id);
/* The script for one engine, NULL if there is none. */
const struct script *change_forward(const struct change *c, enum dialect d);
const struct script *change_rollback(const struct change *c, enum dialect d);
/* True when the author gave a way back for this engine, "none needed" and another changeset included. */
bool change_has_rollback(const struct change *c, enum dialect d);
/* The reason of a suppression of `rule`, NULL if it is not suppressed here. */
const char *change_suppressed(const struct change *c, const char *rule);

#endif
