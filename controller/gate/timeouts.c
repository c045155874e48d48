/* A gate on the time-outs that a changeset sets in its own session: an agent's are what ends a wait before everything behind it waits, too. */
#include "common/sql/timeouts.h"
#include "controller/gate/gates.h"

static void report(struct gate_output *out, const struct parsed_change *p, const struct parsed_script *s, const struct parsed_statement *st,
                   const struct sql_timeout *t)
{
	double usual_ms = t->locks ? SQL_LOCK_TIMEOUT_MS : SQL_STATEMENT_TIMEOUT_MS;
	if (t->ms < 0)
		gate_found(out, p->change, s->file, st->s.line, "changeset %s sets %s to what cannot be told from the text", p->change->id, t->name);
	else if (t->none)
		gate_found(out, p->change, s->file, st->s.line, "changeset %s sets %s to 0, which is no time-out at all", p->change->id, t->name);
	else if (t->ms > usual_ms)
		gate_found(out, p->change, s->file, st->s.line,
		           "changeset %s sets %s to %.10g s, and agents give it %.10g s unless their agent.yaml says otherwise", p->change->id, t->name,
		           t->ms / 1000, usual_ms / 1000);
}

static void check_script(struct gate_output *out, const struct parsed_change *p, const struct parsed_script *s, enum dialect d)
{
	struct sql_timeouts all;
	struct sql_timeout t;
	for (size_t i = 0; i < s->n; i++) {
		sql_timeouts_begin(&all, d, s->list[i].s.sql);
		while (sql_timeouts_next(&all, &t))
			report(out, p, s, &s->list[i], &t);
	}
}

void gate_lifts_timeout(const struct gate_input *in, struct gate_output *out)
{
	for (size_t i = 0; i < in->parsed->n; i++)
		for (enum dialect d = 0; d < DIALECT_COUNT; d++) {
			check_script(out, &in->parsed->changes[i], &in->parsed->changes[i].forward[d], d);
			check_script(out, &in->parsed->changes[i], &in->parsed->changes[i].rollback[d], d);
		}
}
