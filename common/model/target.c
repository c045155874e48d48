/* Series of server versions. */
#include "common/model/target.h"

#include <stdio.h>
#include <string.h>

#include "common/base/str.h"

/* PostgreSQL's first number is the series, and SQLite has had one for ever; elsewhere a series is two numbers. */
static int parts_of_series(const char *engine)
{
	return str_eq(engine, "postgresql") || str_eq(engine, "sqlite") ? 1 : 2;
}

char *target_series(const char *engine, const char *version, char out[64])
{
	const char *p = version ? version : "";
	for (int part = parts_of_series(engine); part > 0; part--) {
		p += strspn(p, "0123456789");
		if (part > 1 && *p == '.')
			p++;
	}
	int n = (int)(p - (version ? version : p));
	snprintf(out, 64, n ? "%s %.*s" : "%s", engine, n, version);
	return out;
}
