/* The gate table: one row a rule, with its usual level and a function that looks at the whole project and says what it finds. One file for each family of rules.
 * Gates look only at values: no database, no clock, no file. */
#ifndef CONTROLLER_GATE_GATES_H
#define CONTROLLER_GATE_GATES_H

#include "common/base/buf.h"
#include "common/model/release.h"
#include "controller/change/statements.h"
#include "controller/gate/finding.h"
#include "controller/release/project.h"

struct gate_input {
	const struct project *project;
	const struct parsed_set *parsed;
	const struct release *packed; /* the same changes packed */
	const struct release *previous; /* what was released before; NULL: nothing */
	const char *environment; /* NULL: the strictest level of all that the release passes */
};

struct gate;
/* Where a gate puts what it finds: the level and the suppression are looked up there, in one place. */
struct gate_output {
	const struct gate_input *in;
	const struct gate *gate;
	struct findings *findings;
	const char *todo; /* for the next finding alone; NULL: the gate's own */
};
void gate_found(struct gate_output *o, const struct change *c, const char *file, uint32_t line, const char *fmt, ...) PRINTF_LIKE(5, 6);

struct gate {
	const char *id;
	enum gate_level level; /* unless rollcall.yaml says otherwise */
	const char *title, *why, *todo;
	void (*check)(const struct gate_input *in, struct gate_output *out);
};

extern const struct gate gates[]; /* ends with a row of id NULL */
const struct gate *gate_find(const char *id); /* case ignored; NULL if there is none */
/* Its nearest id, NULL if there is none. */
const char *gate_nearest(const char *id);
enum gate_level gate_level_in(const struct gate *g, const struct project *p, const char *environment);

/* Runs every gate that is not off. */
void gates_run(const struct gate_input *in, struct findings *ret);

/* report.c: what the release carries, signed with it: how many gates ran over how many changesets, each gate with its level, then each finding, ignored ones with the reason. The same
 * input gives the same text. At most LIMIT_GATE_REPORT octets: findings that are too many are counted. */
void gate_report(const struct gate_input *in, const struct findings *f, struct buf *ret);

/* scripts.c: what one changeset's scripts hold */
void gate_rollback_missing(const struct gate_input *in, struct gate_output *out);
void gate_ddl_and_dml(const struct gate_input *in, struct gate_output *out);
void gate_transaction_control(const struct gate_input *in, struct gate_output *out);
void gate_class_x(const struct gate_input *in, struct gate_output *out);
/* batches.c: class B */
void gate_batch_predicate(const struct gate_input *in, struct gate_output *out);
/* timeouts.c */
void gate_lifts_timeout(const struct gate_input *in, struct gate_output *out);
/* online.c: MariaDB */
void gate_says_how(const struct gate_input *in, struct gate_output *out);
/* history.c: the order of changes and what was released before */
void gate_duplicate_id(const struct gate_input *in, struct gate_output *out);
void gate_changed_content(const struct gate_input *in, struct gate_output *out);
void gate_out_of_order(const struct gate_input *in, struct gate_output *out);
void gate_removed(const struct gate_input *in, struct gate_output *out);

#endif
