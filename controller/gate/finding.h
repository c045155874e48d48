/* What a gate says, as a value: which rule, how serious it is here, where, why, what to do. */
#ifndef CONTROLLER_GATE_FINDING_H
#define CONTROLLER_GATE_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"

enum gate_level { GATE_OFF, GATE_WARN, GATE_ERROR, GATE_LEVEL_COUNT };

struct finding {
	const char *rule;
	enum gate_level level;
	const char *file;
	uint32_t line;
	const char *changeset; /* id; NULL when it is about a file */
	const char *what, *why, *todo;
	const char *suppressed; /* the reason given with --lint-ignore; NULL: it stands */
};

struct findings {
	struct arena *arena;
	struct finding *list;
	size_t n, cap;
};

void finding_add(struct findings *f, struct finding v);
/* "file:line: what: what to do". */
const char *finding_text(const struct finding *v, struct arena *a);
/* How many of this level stand (are not suppressed). */
size_t findings_count(const struct findings *f, enum gate_level level);
/* By file, line, rule. */
void findings_sort(struct findings *f);

const char *gate_level_name(enum gate_level l); /* "off", "warn", "error" */
bool gate_level_parse(const char *s, enum gate_level *ret);

#endif
