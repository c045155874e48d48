/* The table of gates, the levels of a project, and suppressions. */
#include "controller/gate/gates.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/nearest.h"
#include "common/base/str.h"

#define FOUND_MAX 1024

const struct gate gates[] = {
    {"PF23", GATE_ERROR, "rollback missing", "what cannot be taken back cannot be proven before production, nor be reverted when a validation fails",
     "add --rollback lines, or say --rollback empty if there is nothing to take back", gate_rollback_missing},
    {"PF04", GATE_ERROR, "DDL and DML in one changeset",
     "the two cannot be reverted separately, and on MariaDB the DDL commits the rows that were changed before it", "make two changesets of it",
     gate_ddl_and_dml},
    {"PF05", GATE_ERROR, "transaction control inside a script",
     "it ends the transaction that carries the ledger row, so that a crash could leave work that nobody recorded",
     "remove it: each step runs in a transaction by itself, unless runInTransaction:false", gate_transaction_control},
    {"CX01", GATE_ERROR, "a statement that is neither transactional nor atomic", "after a crash in the middle of it nobody can say what it has done",
     "rewrite it; where a person answers for it, set this gate to warn in rollcall.yaml", gate_class_x},
    {"BT01", GATE_WARN, "a batched statement that does not say which rows are left",
     "the condition is what makes a row that is done no row to do: without it a row that the application has changed meanwhile is changed once more "
     "when the work is repeated",
     "name the unfinished state (WHERE new_column IS NULL), and let a default or a trigger take care of new rows", gate_batch_predicate},
    {"TO01", GATE_WARN, "a changeset lifts the time-out of its own session",
     "whatever comes behind a statement that waits or runs there waits too, and the agent's time-outs are what ends that; a site refuses the "
     "changeset (C21) unless its policy or its agent.yaml allows as much",
     "take it out: lock_timeout and statement_timeout of agent.yaml say how long, and a long data change goes in batches (batch:N)",
     gate_lifts_timeout},
    {"LK30", GATE_WARN, "an ALTER TABLE on MariaDB that says neither ALGORITHM nor LOCK",
     "the server takes the cheapest way that there is, and where there is no other it copies the whole table without a word, with writers locked out",
     "write mariadb: {algorithm: nocopy, lock: none} into rollcall.yaml, or algorithm: and lock: into the changeset's line, so that the server "
     "refuses instead",
     gate_says_how},
    {"HY16-duplicate", GATE_ERROR, "the same id twice", "the ledger knows a changeset by its id: the second one would count as applied already",
     "give each changeset its own id", gate_duplicate_id},
    {"HY16-changed", GATE_ERROR, "a released changeset was changed", "targets that have it keep the old content, others get the new one",
     "restore its text and write a new changeset; if both texts do the same, add --validCheckSum: with the old digest", gate_changed_content},
    {"HY16-order", GATE_ERROR, "a changeset before released ones", "targets would get the changes in different orders",
     "move it behind the last released changeset", gate_out_of_order},
    {"HY16-removed", GATE_WARN, "a released changeset is missing", "it can no longer be rolled back, and new targets will not get it", "put it back",
     gate_removed},
    {.id = NULL},
};

const struct gate *gate_find(const char *id)
{
	for (const struct gate *g = gates; g->id; g++)
		if (str_ieq(g->id, id))
			return g;
	return NULL;
}

const char *gate_nearest(const char *id)
{
	const char *ids[ARRAY_LEN(gates)];
	size_t n = 0;
	for (const struct gate *g = gates; g->id; g++)
		ids[n++] = g->id;
	return nearest_word(id, ids, n);
}

static enum gate_level level_of_one(const struct gate *g, const struct project *p, const char *environment)
{
	enum gate_level level = g->level;
	bool exact = false;
	for (size_t i = 0; i < p->n_gates; i++) {
		const struct gate_setting *s = &p->gates[i];
		if (!str_ieq(s->rule, g->id) || (s->environment && !str_eq(s->environment, environment)))
			continue;
		if (exact && !s->environment)
			continue;
		level = s->level;
		exact = s->environment != NULL;
	}
	return level;
}

enum gate_level gate_level_in(const struct gate *g, const struct project *p, const char *environment)
{
	enum gate_level strictest = GATE_OFF;
	if (environment || p->n_pipeline == 0)
		return level_of_one(g, p, environment);
	for (size_t i = 0; i < p->n_pipeline; i++) {
		enum gate_level level = level_of_one(g, p, p->pipeline[i]);
		if (level > strictest)
			strictest = level;
	}
	return strictest;
}

void gate_found(struct gate_output *o, const struct change *c, const char *file, uint32_t line, const char *fmt, ...)
{
	char what[FOUND_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	finding_add(o->findings, (struct finding){
	                             .rule = o->gate->id,
	                             .level = gate_level_in(o->gate, o->in->project, o->in->environment),
	                             .file = file,
	                             .line = line,
	                             .changeset = c ? c->id : NULL,
	                             .what = arena_strdup(o->findings->arena, what),
	                             .why = o->gate->why,
	                             .todo = o->todo ? o->todo : o->gate->todo,
	                             .suppressed = c ? change_suppressed(c, o->gate->id) : NULL,
	                         });
	o->todo = NULL;
}

void gates_run(const struct gate_input *in, struct findings *ret)
{
	for (const struct gate *g = gates; g->id; g++) {
		struct gate_output out = {.in = in, .gate = g, .findings = ret};
		if (gate_level_in(g, in->project, in->environment) != GATE_OFF)
			g->check(in, &out);
	}
}
