/* String helpers. */
#include "common/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_ieq(const char *a, const char *b)
{
	return a == b || (a && b && strcasecmp(a, b) == 0);
}

bool str_empty(const char *s)
{
	return !s || !*s;
}

bool str_among(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i], s))
			return true;
	return false;
}

const char *str_or_empty(const char *s)
{
	return s ? s : "";
}

bool str_starts(const char *s, const char *prefix)
{
	return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = s ? strlen(s) : 0, m = strlen(suffix);
	return s && n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool str_copy(char *dst, size_t size, const char *src)
{
	int n = snprintf(dst, size, "%s", src ? src : "");
	return n >= 0 && (size_t)n < size;
}

int str_to_u64(const char *s, const char *what, uint64_t min, uint64_t max, uint64_t *ret, struct err *e)
{
	char *end;
	errno = 0;
	if (!s || !isdigit((unsigned char)*s))
		return err_set(e, ERR_PARSE, "%s: '%s' is not a whole number", what, s ? s : "");
	uint64_t v = strtoull(s, &end, 10);
	if (*end)
		return err_set(e, ERR_PARSE, "%s: '%s' is not a whole number", what, s);
	if (errno || v < min || v > max)
		return err_set(e, ERR_PARSE, "%s: %s is outside %" PRIu64 " to %" PRIu64, what, s, min, max);
	*ret = v;
	return 0;
}

int str_to_i64(const char *s, const char *what, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
	char *end;
	errno = 0;
	if (!s || !(isdigit((unsigned char)*s) || (*s == '-' && isdigit((unsigned char)s[1]))))
		return err_set(e, ERR_PARSE, "%s: '%s' is not a whole number", what, s ? s : "");
	int64_t v = strtoll(s, &end, 10);
	if (*end)
		return err_set(e, ERR_PARSE, "%s: '%s' is not a whole number", what, s);
	if (errno || v < min || v > max)
		return err_set(e, ERR_PARSE, "%s: %s is outside %" PRId64 " to %" PRId64, what, s, min, max);
	*ret = v;
	return 0;
}

int str_to_duration_ms(const char *s, const char *what, uint64_t *ret_ms, struct err *e)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	char *end = NULL;
	errno = 0;
	uint64_t v = s && isdigit((unsigned char)*s) ? strtoull(s, &end, 10) : 0;
	for (size_t i = 0; end && !errno && i < sizeof units / sizeof *units; i++) {
		if (strcmp(end, units[i].unit) == 0 && v <= UINT64_MAX / units[i].ms) {
			*ret_ms = v * units[i].ms;
			return 0;
		}
	}
	return err_set(e, ERR_PARSE, "%s: '%s' is not a duration: write a number and a unit, such as 250ms, 5s, 15m, 2h or 7d", what, s ? s : "");
}

bool str_glob(const char *pattern, const char *s)
{
	const char *star = NULL, *retry = NULL;
	while (*s) {
		if (*pattern == '*') {
			star = pattern++;
			retry = s;
		} else if (*pattern == '?' || *pattern == *s) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star + 1;
			s = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool is_name_run(const char *s, size_t n, bool upper)
{
	if (n < 1 || n > 63)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper && ((c >= 'A' && c <= 'Z') || c == '_'));
		if (!plain && (i == 0 || (c != '.' && c != '_' && c != '-')))
			return false;
	}
	return true;
}

bool str_is_name(const char *s)
{
	return s && is_name_run(s, strlen(s), false);
}

bool str_is_target_id(const char *s)
{
	size_t parts = 0;
	if (!s || strlen(s) > 200)
		return false;
	for (const char *p = s;; parts++) {
		size_t n = strcspn(p, "/");
		if (!is_name_run(p, n, parts >= 2))
			return false;
		p += n;
		if (!*p)
			break;
		p++;
	}
	return parts + 1 == 3 || parts + 1 == 4;
}

bool str_is_curve_key(const char *s)
{
	static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
	return s && strlen(s) == 40 && strspn(s, alphabet) == 40;
}
