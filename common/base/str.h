/* Strings: tests, trimming, strict number parsing, glob. Nothing here allocates. */
#ifndef COMMON_BASE_STR_H
#define COMMON_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_ieq(const char *a, const char *b); /* ASCII case ignored */
bool str_empty(const char *s); /* NULL or "" */
const char *str_or_empty(const char *s); /* s itself; "" for NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Copies with truncation, always terminated. Returns false when it had to cut. */
bool str_copy(char *dst, size_t size, const char *src);

/* The whole string is one decimal number inside [min, max]; ERR_PARSE names `what` otherwise. */
int str_to_u64(const char *s, const char *what, uint64_t min, uint64_t max, uint64_t *ret, struct err *e) MUST_CHECK;
int str_to_i64(const char *s, const char *what, int64_t min, int64_t max, int64_t *ret, struct err *e) MUST_CHECK;
/* "250ms", "5s", "15m", "2h", "7d"; a bare number is refused (a unit must be seen). Result in milliseconds. */
int str_to_duration_ms(const char *s, const char *what, uint64_t *ret_ms, struct err *e) MUST_CHECK;

bool str_among(const char *s, const char *const *list, size_t n); /* one of them is equal to it */

/* Shell-like match of '*' (any run, '/' included) and '?'; iterative. */
bool str_glob(const char *pattern, const char *s);

/* Names that people give (agents, environments, waves, projects): [a-z0-9] then [a-z0-9._-], 1 to 63 characters. Never used as paths unchecked. */
bool str_is_name(const char *s);
/* Target ids: 3 or 4 names joined by '/' where database and schema may also hold upper case and '_'; 200 characters at most. */
bool str_is_target_id(const char *s);
/* A CURVE key as text: 40 characters of Z85 (ZeroMQ RFC 32). */
bool str_is_curve_key(const char *s);

#endif
