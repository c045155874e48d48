/* C19, C20: the agent reads every statement with its own lexer and believes the manifest's class only when it comes to the same. */
#include <stdio.h>

#include "agent/verify/verify.h"
#include "common/sql/batch.h"
#include "common/sql/instead.h"

/* What holds for this target. */
struct rules {
	enum dialect d;
	bool allow_class_x;
	bool whole; /* the release is one transaction */
};

struct place {
	const struct changeset *changeset;
	const char *file, *what; /* "step 2", "rollback step 1", "validation rows-kept" */
	uint32_t line;
	uint32_t batch_size; /* of the changeset in this direction */
};

static int check_single(enum dialect d, struct bytes sql, const struct place *p, struct err *e)
{
	if (sql_is_single(d, sql))
		return 0;
	return err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: the text is not exactly one statement", p->file, (unsigned)p->line, p->changeset->id,
	               p->what);
}

static enum check_code check_batch(const struct rules *r, const struct sql_class *c, struct bytes sql, const struct place *p, struct err *e)
{
	struct sql_batch b;
	const char *why = c->class == STEP_T ? sql_batch_read(r->d, sql, &b) : "it does not run in a transaction";
	if (!why && !p->batch_size)
		why = "the release gives no size";
	if (!why)
		return CHECK_NONE;
	err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: the release says class B, and %s cannot be batched: %s", p->file, (unsigned)p->line,
	        p->changeset->id, p->what, c->verb, why);
	return check_refuse(C20_CLASS, e);
}

static enum check_code check_statement(const struct rules *r, enum step_class class, struct bytes sql, const struct place *p, struct err *e)
{
	struct sql_class c;
	if (check_single(r->d, sql, p, e) != 0)
		return check_refuse(C19_STATEMENT, e);
	sql_classify(r->d, sql, &c);
	if (c.kind == SQL_TRANSACTION) {
		err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: %s would end or open a transaction, which is Rollcall's own", p->file, (unsigned)p->line,
		        p->changeset->id, p->what, c.verb);
		return check_refuse(C19_STATEMENT, e);
	}
	if (c.class == STEP_X && !r->allow_class_x) {
		AUTO(buf_done) struct buf instead = BUF_INIT;
		bool known = sql_instead(r->d, sql, &instead);
		err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: %s: %s%s%s", p->file, (unsigned)p->line, p->changeset->id, p->what, c.verb,
		        c.why ? c.why : "it can neither be undone nor be resumed", known ? "; accepted is: " : "", known ? buf_str(&instead) : "");
		return check_refuse(C19_STATEMENT, e);
	}
	if (r->whole && (class != STEP_T || c.kind == SQL_SESSION)) {
		err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: the release asks for one transaction, and %s", p->file, (unsigned)p->line, p->changeset->id,
		        p->what, class != STEP_T ? "this step cannot be in one with others" : "a setting would hold for the changesets behind it too");
		return check_refuse(C20_CLASS, e);
	}
	if (class == STEP_B)
		return check_batch(r, &c, sql, p, e);
	if (c.class != class) {
		err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: the release says class %s, and %s is of class %s", p->file, (unsigned)p->line,
		        p->changeset->id, p->what, step_class_name(class), c.verb, step_class_name(c.class));
		return check_refuse(C20_CLASS, e);
	}
	return CHECK_NONE;
}

static enum check_code check_steps(const struct rules *r, const struct changeset *cs, const struct body *b, bool back, struct err *e)
{
	const struct step *steps = back ? b->rollback : b->steps;
	const char *file = changeset_file(cs, b, back);
	for (size_t i = 0; i < (back ? b->n_rollback : b->n_steps); i++) {
		char what[64];
		snprintf(what, sizeof what, "%s %zu", back ? "rollback step" : "step", i + 1);
		for (size_t k = 0; k < steps[i].n_statements; k++) {
			const struct place p = {cs, file, what, steps[i].statements[k].line, back ? cs->batching.rollback_size : cs->batching.size};
			enum check_code c = check_statement(r, steps[i].class, steps[i].statements[k].sql, &p, e);
			if (c)
				return c;
		}
	}
	return CHECK_NONE;
}

/* Preconditions and validations ask: they run outside the steps, where a change would be nobody's. */
static enum check_code check_question(enum dialect d, struct bytes sql, const struct place *p, struct err *e)
{
	struct sql_class c;
	if (check_single(d, sql, p, e) != 0)
		return check_refuse(C19_STATEMENT, e);
	sql_classify(d, sql, &c);
	if (c.kind == SQL_QUERY && c.class == STEP_T)
		return CHECK_NONE;
	err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: only a statement that reads may stand here, and %s %s", p->file, (unsigned)p->line,
	        p->changeset->id, p->what, *c.verb ? c.verb : "this",
	        c.kind == SQL_QUERY ? "of this kind has effects that nothing undoes" : "is not one");
	return check_refuse(C19_STATEMENT, e);
}

static enum check_code check_questions(enum dialect d, const struct changeset *cs, struct err *e)
{
	enum check_code c = CHECK_NONE;
	for (size_t i = 0; !c && i < cs->n_preconditions; i++) {
		const struct place p = {cs, cs->file, "precondition", cs->preconditions[i].line, 0};
		if (cs->preconditions[i].kind == CHECK_SQL)
			c = check_question(d, cs->preconditions[i].sql, &p, e);
	}
	for (size_t i = 0; !c && i < cs->n_validations; i++) {
		const struct place p = {cs, cs->file, "validation", cs->validations[i].line, 0};
		c = check_question(d, cs->validations[i].sql, &p, e);
	}
	const struct place p = {cs, cs->file, "throttle query", cs->batching.line, 0};
	return !c && cs->batching.query.n ? check_question(d, cs->batching.query, &p, e) : c;
}

static enum check_code check_changeset(const struct rules *r, const struct changeset *cs, const struct body *b, struct err *e)
{
	enum check_code c;
	if (r->whole && cs->ignore_failure) {
		err_set(e, ERR_POLICY, "%s:%u: changeset %s says failOnError:false, and the release asks for one transaction, which fails as a whole",
		        cs->file, (unsigned)cs->line, cs->id);
		return check_refuse(C20_CLASS, e);
	}
	if ((c = check_questions(r->d, cs, e)) || (c = check_steps(r, cs, b, false, e)) || (c = check_steps(r, cs, b, true, e)))
		return c;
	return CHECK_NONE;
}

enum check_code verify_statements(const struct release *r, const char *engine, bool allow_class_x, struct err *e)
{
	struct rules rules = {.allow_class_x = allow_class_x, .whole = release_needs(r, FEATURE_RELEASE_TRANSACTION)};
	enum check_code c = CHECK_NONE;
	if (!dialect_parse(engine, &rules.d)) {
		err_set(e, ERR_POLICY, "engine %s is unknown", engine);
		return check_refuse(C14_ENGINE, e);
	}
	for (size_t i = 0; !c && i < r->n_changesets; i++) {
		const struct body *b = changeset_body(&r->changesets[i], engine);
		if (b)
			c = check_changeset(&rules, &r->changesets[i], b, e);
	}
	return c;
}
