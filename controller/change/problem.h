/* What is wrong with a project's files, as values: a reader goes on after an error, so that one run of `lint` tells them all.
 * Kept in the arena of the folder that is read. */
#ifndef CONTROLLER_CHANGE_PROBLEM_H
#define CONTROLLER_CHANGE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

#define PROBLEMS_MAX 500 /* more are counted, not kept */

struct problem {
	const char *file; /* relative to the project folder */
	uint32_t line; /* 0: the file as a whole */
	bool warning; /* told, but no obstacle */
	const char *what, *todo;
};

struct problems {
	struct arena *arena;
	struct problem *list;
	size_t n, cap;
	size_t dropped, warnings;
};

/* `todo` is static or in the arena; `fmt` says what is wrong. */
void problem_add(struct problems *p, const char *file, uint32_t line, const char *todo, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* The same for what is no obstacle. */
void problem_warn(struct problems *p, const char *file, uint32_t line, const char *todo, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* "file:line: what: what to do" (no line when it is 0). */
const char *problem_text(const struct problem *p, struct arena *a);
/* 0 when there is no error; otherwise ERR_PARSE with the first one's text, and how many more there are. */
int problems_check(const struct problems *p, struct err *e) MUST_CHECK;

#endif
