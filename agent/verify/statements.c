/* C19, C20: the agent reads every statement with its own lexer and believes the manifest's class only when it comes to the same. */
#include <stdio.h>

#include "agent/verify/checks.h"
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

static int check_batch(const struct rules *r, const struct sql_class *c, struct bytes sql, const struct place *p, const char **ret_check,
                       struct err *e)
{
	struct sql_batch b;
	const char *why = c->class == STEP_T ? sql_batch_read(r->d, sql, &b) : "it does not run in a transaction";
	if (!why && !p->batch_size)
		why = "the release gives no size";
	if (!why)
		return 0;
	err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: the release says class B, and %s cannot be batched: %s", p->file, (unsigned)p->line,
	        p->changeset->id, p->what, c->verb, why);
	return check_refuse(C20_CLASS, ret_check, e);
}

static int check_statement(const struct rules *r, enum step_class class, struct bytes sql, const struct place *p, const char **ret_check,
                           struct err *e)
{
	struct sql_class c;
	if (check_single(r->d, sql, p, e) != 0)
		return check_refuse(C19_STATEMENT, ret_check, e);
	sql_classify(r->d, sql, &c);
	if (c.kind == SQL_TRANSACTION) {
		err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: %s would end or open a transaction, which is Rollcall's own", p->file, (unsigned)p->line,
		        p->changeset->id, p->what, c.verb);
		return check_refuse(C19_STATEMENT, ret_check, e);
	}
	if (c.class == STEP_X && !r->allow_class_x) {
		AUTO(buf_done) struct buf instead = BUF_INIT;
		bool known = sql_instead(r->d, sql, &instead);
		err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: %s: %s%s%s", p->file, (unsigned)p->line, p->changeset->id, p->what, c.verb,
		        c.why ? c.why : "it can neither be undone nor be resumed", known ? "; accepted is: " : "", known ? buf_str(&instead) : "");
		return check_refuse(C20_CLASS, ret_check, e);
	}
	if (r->whole && (class != STEP_T || c.kind == SQL_SESSION)) {
		err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: the release asks for one transaction, and %s", p->file, (unsigned)p->line, p->changeset->id,
		        p->what, class != STEP_T ? "this step cannot be in one with others" : "a setting would hold for the changesets behind it too");
		return check_refuse(C20_CLASS, ret_check, e);
	}
	if (class == STEP_B)
		return check_batch(r, &c, sql, p, ret_check, e);
	if (c.class != class) {
		err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: the release says class %s, and %s is of class %s", p->file, (unsigned)p->line,
		        p->changeset->id, p->what, step_class_name(class), c.verb, step_class_name(c.class));
		return check_refuse(C20_CLASS, ret_check, e);
	}
	return 0;
}

static int check_steps(const struct rules *r, const struct changeset *c, const struct body *b, bool back, const char **ret_check, struct err *e)
{
	const struct step *steps = back ? b->rollback : b->steps;
	const char *file = changeset_file(c, b, back);
	for (size_t i = 0; i < (back ? b->n_rollback : b->n_steps); i++) {
		char what[64];
		snprintf(what, sizeof what, "%s %zu", back ? "rollback step" : "step", i + 1);
		for (size_t k = 0; k < steps[i].n_statements; k++) {
			const struct place p = {c, file, what, steps[i].statements[k].line, back ? c->batching.rollback_size : c->batching.size};
			if (check_statement(r, steps[i].class, steps[i].statements[k].sql, &p, ret_check, e) != 0)
				return -1;
		}
	}
	return 0;
}

/* Preconditions and validations ask: they run outside the steps, where a change would be nobody's. */
static int check_question(enum dialect d, struct bytes sql, const struct place *p, const char **ret_check, struct err *e)
{
	struct sql_class c;
	if (check_single(d, sql, p, e) != 0)
		return check_refuse(C19_STATEMENT, ret_check, e);
	sql_classify(d, sql, &c);
	if (c.kind == SQL_QUERY && c.class == STEP_T)
		return 0;
	err_set(e, ERR_POLICY, "%s:%u: changeset %s, %s: only a statement that reads may stand here, and %s %s", p->file, (unsigned)p->line,
	        p->changeset->id, p->what, *c.verb ? c.verb : "this",
	        c.kind == SQL_QUERY ? "of this kind has effects that nothing undoes" : "is not one");
	return check_refuse(C19_STATEMENT, ret_check, e);
}

static int check_questions(enum dialect d, const struct changeset *c, const char **ret_check, struct err *e)
{
	for (size_t i = 0; i < c->n_preconditions; i++) {
		const struct place p = {c, c->file, "precondition", c->preconditions[i].line, 0};
		if (c->preconditions[i].kind == CHECK_SQL && check_question(d, c->preconditions[i].sql, &p, ret_check, e) != 0)
			return -1;
	}
	for (size_t i = 0; i < c->n_validations; i++) {
		const struct place p = {c, c->file, "validation", c->validations[i].line, 0};
		if (check_question(d, c->validations[i].sql, &p, ret_check, e) != 0)
			return -1;
	}
	const struct place p = {c, c->file, "throttle query", c->batching.line, 0};
	return c->batching.query.n ? check_question(d, c->batching.query, &p, ret_check, e) : 0;
}

int verify_statements(const struct release *r, const char *engine, bool allow_class_x, const char **ret_check, struct err *e)
{
	struct rules rules = {.allow_class_x = allow_class_x, .whole = release_needs(r, FEATURE_RELEASE_TRANSACTION)};
	if (!dialect_parse(engine, &rules.d)) {
		err_set(e, ERR_POLICY, "engine %s is unknown", engine);
		return check_refuse(C14_ENGINE, ret_check, e);
	}
	for (size_t i = 0; i < r->n_changesets; i++) {
		const struct changeset *c = &r->changesets[i];
		const struct body *b = changeset_body(c, engine);
		if (!b)
			continue;
		if (rules.whole && c->ignore_failure) {
			err_set(e, ERR_POLICY, "%s:%u: changeset %s says failOnError:false, and the release asks for one transaction, which fails as a whole",
			        c->file, (unsigned)c->line, c->id);
			return check_refuse(C20_CLASS, ret_check, e);
		}
		if (check_questions(rules.d, c, ret_check, e) != 0 || check_steps(&rules, c, b, false, ret_check, e) != 0 ||
		    check_steps(&rules, c, b, true, ret_check, e) != 0)
			return -1;
	}
	return 0;
}
