/* transaction: release: can everything that the release holds be in one transaction, on every engine and in both directions? */
#include "common/base/str.h"
#include "controller/release/pack.h"

static void refuse(struct change_set *set, const struct changeset *c, const struct body *b, bool back, size_t step, uint32_t line, const char *why)
{
	problem_add(&set->problems, changeset_file(c, b, back), line, "take transaction: release out of " PROJECT_FILE ", or make two projects of it",
	            "transaction: release, and on %s %s %zu of %s %s", b->engine, back ? "rollback step" : "step", step + 1, c->id, why);
}

static void check_steps(struct change_set *set, const struct changeset *c, const struct body *b, bool back)
{
	const struct step *steps = back ? b->rollback : b->steps;
	enum dialect d = DIALECT_SQLITE;
	(void)dialect_parse(b->engine, &d);
	for (size_t i = 0; i < (back ? b->n_rollback : b->n_steps); i++) {
		if (steps[i].class != STEP_T) {
			refuse(set, c, b, back, i, steps[i].statements[0].line,
			       arena_printf(set->arena, "is of class %s: it cannot be in one transaction with others", step_class_name(steps[i].class)));
			continue;
		}
		for (size_t k = 0; k < steps[i].n_statements; k++) {
			struct sql_class s;
			sql_classify(d, steps[i].statements[k].sql, &s);
			if (s.kind == SQL_SESSION)
				refuse(set, c, b, back, i, steps[i].statements[k].line,
				       arena_printf(set->arena, "holds %s, which would hold for the changesets behind it too", s.verb));
		}
	}
}

void pack_check_whole(struct change_set *set, const struct release *r)
{
	for (size_t i = 0; i < r->n_changesets; i++) {
		const struct changeset *c = &r->changesets[i];
		if (c->ignore_failure)
			problem_add(&set->problems, c->file, c->line, "take one of the two out",
			            "changeset %s says failOnError:false, and transaction: release fails as a whole", c->id);
		for (size_t k = 0; k < c->n_bodies; k++) {
			check_steps(set, c, &c->bodies[k], false);
			check_steps(set, c, &c->bodies[k], true);
		}
	}
}
