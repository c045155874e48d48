/* Liquibase's context and label expressions: "test", "test and !prod", "a, b or (c and d)". A comma is the weakest "or"; "and" binds before
 * "or", "not" and "!" before both; case is ignored. "@test" asks for a context that was named. Source: docs.liquibase.com, "What are contexts?". */
#ifndef COMMON_MODEL_CONTEXT_H
#define COMMON_MODEL_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

/* Does the expression hold for the contexts in force? An empty (or NULL) expression always holds. With no contexts in force everything holds, except a comma's part
 * with an '@' in it, which is then worked out. For labels the roles change: the filter is the expression, the changeset's labels are the names. ERR_PARSE. */
int context_matches(const char *expression, const char *const *contexts, size_t n, bool *ret, struct err *e) MUST_CHECK;

#endif
