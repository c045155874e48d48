/* Liquibase context expressions: `a`, `!a`, `a and b`, `a or b`, `a, b` (or), parentheses; case ignored. Pure. */
#ifndef COMMON_MODEL_CONTEXT_H
#define COMMON_MODEL_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

#define CONTEXT_DEPTH_MAX 64

/* Whether a change with this expression runs where `contexts` are in force. As in Liquibase, no expression, or no context in force, means that it runs.
 * ERR_PARSE, naming the expression, when it is malformed. */
int context_matches(const char *expression, const char *const *contexts, size_t n, bool *ret, struct err *e) MUST_CHECK;

#endif
