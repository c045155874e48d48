/* Gates on batched statements. That one can be batched at all is release/pack's to say: it is no question of policy. */
#include "common/sql/batch.h"
#include "controller/gate/gates.h"

static bool check_script(struct gate_output *out, const struct parsed_change *p, const struct parsed_script *s, enum dialect d)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct parsed_statement *st = &s->list[i];
		struct sql_batch b;
		if (sql_batch_read(d, st->s.sql, &b) || sql_batch_names_unfinished(&b))
			continue;
		if (b.kind == SQL_BATCH_UPDATE)
			gate_found(out, p->change, s->file, st->s.line, "the batched UPDATE of %s has no condition on a column that it sets", b.name);
		else
			gate_found(out, p->change, s->file, st->s.line, "the batched INSERT into %s does not leave out the rows that are there", b.into);
		return true;
	}
	return false;
}

void gate_batch_predicate(const struct gate_input *in, struct gate_output *out)
{
	for (size_t i = 0; i < in->parsed->n; i++) {
		const struct parsed_change *p = &in->parsed->changes[i];
		bool forward = !p->change->batching.size, rollback = !p->change->batching.rollback_size;
		for (enum dialect d = 0; d < DIALECT_COUNT; d++) { /* once, not for each engine */
			forward = forward || check_script(out, p, &p->forward[d], d);
			rollback = rollback || check_script(out, p, &p->rollback[d], d);
		}
	}
}
