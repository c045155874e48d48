/* Gates on what one changeset's scripts hold. */
#include <stdio.h>
#include <string.h>

#include "common/sql/instead.h"
#include "controller/gate/gates.h"

static bool parts_from_all(unsigned some, unsigned all)
{
	return some != all;
}

/* " on postgresql, sqlite" when only some engines of the change are meant; "" when all are. */
static const char *on_engines(unsigned some, unsigned all, char *out, size_t size)
{
	size_t n = 0;
	out[0] = '\0';
	for (enum dialect d = 0; d < DIALECT_COUNT && parts_from_all(some, all); d++)
		if (some & ENGINE_BIT(d))
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : " on ", dialect_name(d));
	return out;
}

void gate_rollback_missing(const struct gate_input *in, struct gate_output *out)
{
	char where[96];
	for (size_t i = 0; i < in->parsed->n; i++) {
		const struct parsed_change *p = &in->parsed->changes[i];
		unsigned missing = 0, used = 0;
		for (enum dialect d = 0; d < DIALECT_COUNT; d++) {
			if (p->forward[d].n == 0)
				continue;
			used |= ENGINE_BIT(d);
			if (!change_has_rollback(p->change, d))
				missing |= ENGINE_BIT(d);
		}
		if (missing)
			gate_found(out, p->change, p->change->file, p->change->line, "changeset %s has no rollback%s", p->change->id,
			           on_engines(missing, used, where, sizeof where));
	}
}

static const struct parsed_statement *first_of_kind(const struct parsed_script *s, enum sql_kind kind)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].c.kind == kind)
			return &s->list[i];
	return NULL;
}

void gate_ddl_and_dml(const struct gate_input *in, struct gate_output *out)
{
	for (size_t i = 0; i < in->parsed->n; i++) {
		const struct parsed_change *p = &in->parsed->changes[i];
		for (enum dialect d = 0; d < DIALECT_COUNT; d++) {
			const struct parsed_statement *ddl = first_of_kind(&p->forward[d], SQL_DDL), *dml = first_of_kind(&p->forward[d], SQL_DML);
			if (!ddl || !dml)
				continue;
			const struct parsed_statement *second = ddl->s.line > dml->s.line ? ddl : dml;
			gate_found(out, p->change, p->forward[d].file, second->s.line, "changeset %s changes the schema (%s, line %u) and rows (%s, line %u)",
			           p->change->id, ddl->c.verb, ddl->s.line, dml->c.verb, dml->s.line);
			break; /* once, not for each engine */
		}
	}
}

static bool report_control(struct gate_output *out, const struct parsed_change *p, const struct parsed_script *s)
{
	const struct parsed_statement *found = first_of_kind(s, SQL_TRANSACTION);
	if (found)
		gate_found(out, p->change, s->file, found->s.line, "changeset %s holds %s", p->change->id, found->c.verb);
	return found != NULL;
}

void gate_transaction_control(const struct gate_input *in, struct gate_output *out)
{
	for (size_t i = 0; i < in->parsed->n; i++) {
		const struct parsed_change *p = &in->parsed->changes[i];
		bool forward = false, rollback = false;
		for (enum dialect d = 0; d < DIALECT_COUNT; d++) {
			forward = forward || report_control(out, p, &p->forward[d]);
			rollback = rollback || report_control(out, p, &p->rollback[d]);
		}
	}
}

static const char *todo_text(struct gate_output *out, enum dialect d, const struct parsed_statement *st, const char *advice)
{
	AUTO(buf_done) struct buf instead = BUF_INIT;
	if (!sql_instead(d, st->s.sql, &instead))
		return advice;
	return arena_printf(out->findings->arena, "%s; accepted is: %s", advice ? advice : "split it", buf_str(&instead));
}

/* The classifier's reason is "why: what to do". */
static void report_class_x(struct gate_output *out, const struct parsed_change *p, const struct parsed_script *s, enum dialect d)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct parsed_statement *st = &s->list[i];
		const char *why = st->c.why ? st->c.why : "it can neither be undone nor be resumed", *todo = strstr(why, ": ");
		if (st->c.class != STEP_X || st->c.kind == SQL_TRANSACTION)
			continue;
		out->todo = todo_text(out, d, st, todo ? todo + 2 : NULL);
		gate_found(out, p->change, s->file, st->s.line, "%s on %s: %.*s", *st->c.verb ? st->c.verb : "this statement", dialect_name(d),
		           (int)(todo ? (size_t)(todo - why) : strlen(why)), why);
	}
}

void gate_class_x(const struct gate_input *in, struct gate_output *out)
{
	for (size_t i = 0; i < in->parsed->n; i++)
		for (enum dialect d = 0; d < DIALECT_COUNT; d++) {
			report_class_x(out, &in->parsed->changes[i], &in->parsed->changes[i].forward[d], d);
			report_class_x(out, &in->parsed->changes[i], &in->parsed->changes[i].rollback[d], d);
		}
}
