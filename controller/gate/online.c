/* A gate on what MariaDB's DDL may cost its table. It looks at the statements as they are packed, with what rollcall.yaml has written into them. */
#include "common/base/str.h"
#include "common/sql/online.h"
#include "controller/gate/gates.h"

static void check_script(struct gate_output *out, const struct parsed_change *p, const struct parsed_script *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct parsed_statement *st = &s->list[i];
		if (str_eq(st->c.verb, "ALTER TABLE") && sql_online_state(st->s.sql) == SQL_ONLINE_LACKS)
			gate_found(out, p->change, s->file, st->s.line, "ALTER TABLE %s says neither ALGORITHM nor LOCK", st->c.object);
	}
}

/* What is released already keeps its text, and has run where its tables are large. */
void gate_says_how(const struct gate_input *in, struct gate_output *out)
{
	for (size_t i = 0; i < in->parsed->n; i++) {
		const struct parsed_change *p = &in->parsed->changes[i];
		if (in->previous && release_changeset(in->previous, p->change->id))
			continue;
		check_script(out, p, &p->forward[DIALECT_MARIADB]);
		check_script(out, p, &p->rollback[DIALECT_MARIADB]);
	}
}
