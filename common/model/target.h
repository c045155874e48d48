/* A target: one database (or one schema in it) of one tenant, with labels. Selectors choose targets by label. */
#ifndef COMMON_MODEL_TARGET_H
#define COMMON_MODEL_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

struct label {
	const char *key, *value;
};

struct target {
	const char *id; /* site/instance/database[/schema] */
	const char *engine; /* an engine name */
	struct label *labels;
	size_t n_labels;
};

/* What a look at a target found; beside the target, because it changes by itself. */
struct target_facts {
	const char *target, *version; /* the server's; "" while it was never reached */
	const char *trouble; /* why the last look failed; "" when it did not */
	uint64_t size_bytes;
	int64_t lag_ms; /* of the slowest replica; -1: not known */
	int64_t at_us; /* of the last look */
};

/* "postgresql 15", "mariadb 10.11", "sqlite 3": what behaves alike. `out` holds 64. Returns out. */
char *target_series(const char *engine, const char *version, char out[64]);

const char *target_label(const struct target *t, const char *key); /* NULL when absent */

/* Selectors, as kubectl reads them: comma-joined terms, all of which must hold:
 *   key=value  key==value  key!=value  key in (a,b)  key notin (a,b)  key  !key
 * The pseudo-keys `id` (glob match allowed with = and !=), `engine`, `site` and `instance` stand for parts of the target itself.
 * An empty selector matches everything. Parsed once into the arena. */
struct selector;
int selector_parse(const char *text, struct arena *a, struct selector **ret, struct err *e) MUST_CHECK;
bool selector_matches(const struct selector *s, const struct target *t);

#endif
