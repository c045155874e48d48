/* A probe: one value from outside that a wave's gate looks at, compared with what is expected. The value comes from SQL on the wave's targets, or from a URL that the
 * controller asks. It is part of the order, so that approvers sign it. Plain values. */
#ifndef COMMON_MODEL_PROBE_H
#define COMMON_MODEL_PROBE_H

#include <stdbool.h>

#define PROBES_MAX        16 /* of one wave */
#define PROBE_SQL_MAX     4096
#define PROBE_URL_MAX     1024
#define PROBE_EXPECT_MAX  200
#define PROBE_VALUE_MAX   200 /* what travels and is shown of a value; a longer one is cut */
#define PROBE_POINTER_MAX 200

struct probe {
	const char *name;
	const char *sql; /* one query that gives one value; NULL with url */
	const char *engine; /* only on targets of this engine; NULL: any */
	const char *url; /* http or https; NULL with sql */
	const char *json; /* the value is what this JSON pointer (RFC 6901) finds in the answer; NULL: the answer's text */
	const char *expect; /* "< 5", ">= 0.99", "!= down", "= 0", or the value itself */
};

/* Reads an expectation; false when nothing stands after its sign. */
bool probe_expect_ok(const char *expect);
/* Both sides as numbers where both are; otherwise as text, of which < and > never hold. */
bool probe_holds(const char *expect, const char *value);

#endif
