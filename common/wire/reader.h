/* Reading a document's fields strictly. The first failure sticks: later calls do nothing, so that a decoder is a list of fields and one question at its end.
 * For the codecs of common/wire alone. */
#ifndef COMMON_WIRE_READER_H
#define COMMON_WIRE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/wire/pb_arena.h"

struct reader {
	const char *what; /* "release": starts every message */
	struct arena *a; /* may be NULL when no array is read */
	struct err *e;
	bool failed;
};

enum need { OPTIONAL, REQUIRED }; /* OPTIONAL: an empty text reads as NULL */

#define LINE_MAX_SIZE 255
#define TEXT_MAX_SIZE ((size_t)16 * 1024)

/* "WHAT: " and the message, as ERR_PARSE, unless something failed before. Returns false. */
bool read_fail(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A text of several lines, up to `max` octets. */
const char *read_text(struct reader *r, const char *field, const char *s, enum need need, size_t max);
/* One line: no control characters, up to LINE_MAX_SIZE octets. */
const char *read_line(struct reader *r, const char *field, const char *s, enum need need);
const char *read_name(struct reader *r, const char *field, const char *s); /* str_is_name, required */
const char *read_version(struct reader *r, const char *field, const char *s, enum need need); /* [A-Za-z0-9][A-Za-z0-9._+-]*, up to 64 */
const char *read_hex(struct reader *r, const char *field, const char *s, size_t digits); /* lower case, exactly so many */
void read_fixed(struct reader *r, const char *field, ProtobufCBinaryData b, uint8_t *out, size_t n);
void read_digest(struct reader *r, const char *field, ProtobufCBinaryData b, uint8_t out[DIGEST_SIZE]);
/* SQL: UTF-8 without NUL, up to LIMIT_STATEMENT. */
struct bytes read_sql(struct reader *r, const char *field, ProtobufCBinaryData b, enum need need);
/* A zeroed array of n elements in the arena; NULL for 0, or when n > max or the arena is full (failed then). */
void *read_array(struct reader *r, const char *field, size_t n, size_t max, size_t size);
/* Lines, each once. */
const char **read_lines(struct reader *r, const char *field, char *const *from, size_t n, size_t max);
/* Index of `s` in the list of names, which ends with NULL; 0 and failed when it is none of them. */
int read_enum(struct reader *r, const char *field, const char *s, const char *const *names);

/* ---- the way out ---------------------------------------------------------------------------------------------------------------------------------- */

#define WRITER_ARENA (SIZE_MAX / 2) /* what is encoded is our own: no cap */

char *put_text(const char *s); /* NULL as "" */
void *put_array(struct arena *a, size_t n); /* of n pointers */
char **put_texts(struct arena *a, const char *const *from, size_t n);
ProtobufCBinaryData put_fixed(const uint8_t *p, size_t n); /* borrows */
ProtobufCBinaryData put_bytes(struct bytes b);

#endif
