/* --property lines and ${name}: first come, first served, as in Liquibase; a value may depend on the engine (dbms) and on the contexts that the release is built for. */
#ifndef CONTROLLER_CHANGE_PROPERTIES_H
#define CONTROLLER_CHANGE_PROPERTIES_H

#include "common/base/bytes.h"
#include "controller/change/problem.h"
#include "common/sql/dialect.h"

#define PROPERTIES_MAX     10000
#define PROPERTY_VALUE_MAX ((size_t)64 * 1024)

struct property {
	const char *name, *value;
	unsigned engines; /* ENGINE_BITs it holds for */
	bool local; /* global:false: this file alone */
	const char *file;
};

struct properties {
	struct arena *arena;
	struct property *list;
	size_t n, cap;
};

/* Later definitions of a name for the same engines change nothing. false when there are too many. */
bool properties_add(struct properties *p, struct property v);

enum expand_result {
	EXPAND_DONE,
	EXPAND_TOO_LARGE, /* over the size of a change file */
	EXPAND_DIFFERS /* properties_expand_same only: the engines get different texts */
};
/* Puts values in place of ${name} for one engine; ${:name} becomes ${name}; unknown names stay as they are. *ret may be `text` itself. */
enum expand_result properties_expand(const struct properties *p, struct bytes text, const char *file, enum dialect d, struct bytes *ret);
/* The same where the text is one for all of `engines`. */
enum expand_result properties_expand_same(const struct properties *p, struct bytes text, const char *file, unsigned engines, struct bytes *ret);

/* Liquibase's dbms attribute: "a,b", "!a", "all", "none", "": the ENGINE_BITs that it admits. *ret_unknown gets a name that is no database that Liquibase knows (NULL if all are known). */
unsigned dbms_engines(const char *dbms, struct arena *a, const char **ret_unknown);
/* Its nearest known name, NULL if there is none. */
const char *dbms_nearest(const char *unknown);

#endif
