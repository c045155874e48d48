/* Changes split into statements, each with its class, for every engine: what gates look at and release/pack groups into steps. */
#ifndef CONTROLLER_CHANGE_STATEMENTS_H
#define CONTROLLER_CHANGE_STATEMENTS_H

#include "common/sql/classify.h"
#include "controller/change/change.h"

struct parsed_statement {
	struct statement s; /* its line is that of the file */
	struct sql_class c;
};

struct parsed_script {
	const char *file;
	struct parsed_statement *list;
	size_t n, cap;
};

struct parsed_change {
	const struct change *change;
	struct parsed_script forward[DIALECT_COUNT], rollback[DIALECT_COUNT]; /* empty for engines that the change is not for */
};

struct parsed_set {
	const struct change_set *set;
	struct parsed_change *changes; /* beside set->changes; those with ignore:true have no statements */
	size_t n;
};

/* Splits and classifies everything, in the set's arena. What cannot be split, and preconditions and validations that are not one query, are added to set->problems. */
void statements_parse(struct change_set *set, struct parsed_set *ret);

#endif
