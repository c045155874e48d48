/* See the header. */
#include "common/model/version.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"

#define NUMBERS_MAX 4
#define DIGITS_MAX  6

bool version_is_bound(const char *text)
{
	for (size_t i = 0; i < NUMBERS_MAX; i++) {
		size_t n = strspn(text, "0123456789");
		if (n == 0 || n > DIGITS_MAX)
			return false;
		text += n;
		if (!*text)
			return true;
		if (*text++ != '.')
			return false;
	}
	return false;
}

/* The next number of a version, which is moved behind it and its dot; 0 at the end. */
static unsigned long next_number(const char **p)
{
	char *end;
	unsigned long n = **p >= '0' && **p <= '9' ? strtoul(*p, &end, 10) : 0;
	*p += strspn(*p, "0123456789");
	if (**p == '.')
		++*p;
	return n;
}

int version_against(const char *version, const char *bound)
{
	if (strspn(version, "0123456789") == 0)
		return -1;
	while (*bound >= '0' && *bound <= '9') {
		unsigned long have = next_number(&version), want = next_number(&bound);
		if (have != want)
			return have < want ? -1 : 1;
	}
	return 0;
}

bool engine_range_has(const struct engine_range *r, const char *version)
{
	return (!r->min_version || version_against(version, r->min_version) >= 0) && (!r->max_version || version_against(version, r->max_version) <= 0);
}

const char *engine_range_text(const struct engine_range *r, struct arena *a)
{
	if (r->min_version && r->max_version)
		return arena_printf(a, "%s %s to %s", r->engine, r->min_version, r->max_version);
	if (r->min_version)
		return arena_printf(a, "%s %s or later", r->engine, r->min_version);
	return r->max_version ? arena_printf(a, "%s up to %s", r->engine, r->max_version) : r->engine;
}
