/* struct bytes: a borrowed run of octets, for anything hashed, signed or received. Owns nothing. */
#ifndef COMMON_BASE_BYTES_H
#define COMMON_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define DIGEST_SIZE     32 /* SHA-256, everywhere */
#define DIGEST_HEX_SIZE (DIGEST_SIZE * 2 + 1)

struct bytes {
	const uint8_t *p;
	size_t n;
};

struct bytes bytes_of(const void *p, size_t n);
struct bytes bytes_of_str(const char *s); /* without the NUL; empty for NULL */
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_has_nul(struct bytes b);
/* Where `word` stands first at or behind `from`, in letters of either case (ASCII); SIZE_MAX: nowhere. */
size_t bytes_ifind(struct bytes b, size_t from, const char *word);
bool bytes_all_zero(struct bytes b); /* also when there is none */
/* True when `b` is well-formed UTF-8 (no surrogates, no overlong forms, up to U+10FFFF). */
bool bytes_is_utf8(struct bytes b);

/* Lower-case hex with a NUL; `out` holds 2n+1 bytes. Returns out. */
char *bytes_to_hex(struct bytes b, char *out);
/* Exactly `n` octets from exactly 2n hex digits of either case; ERR_PARSE otherwise, `out` is then untouched or partly written. */
int bytes_from_hex(const char *hex, uint8_t *out, size_t n, struct err *e) MUST_CHECK;

#endif
