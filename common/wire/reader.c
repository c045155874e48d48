/* Field readers of the document codecs. */
#include "common/wire/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/wire/limits.h"

bool read_fail(struct reader *r, const char *fmt, ...)
{
	if (r->failed)
		return false;
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_set(r->e, ERR_PARSE, "%s: %s", r->what, text);
	r->failed = true;
	return false;
}

const char *read_text(struct reader *r, const char *field, const char *s, enum need need, size_t max)
{
	size_t n = s ? strlen(s) : 0;
	if (n == 0 && need == REQUIRED)
		read_fail(r, "%s is missing", field);
	if (n > max)
		read_fail(r, "%s has %zu octets, and %zu are allowed", field, n, max);
	return n && !r->failed ? s : NULL;
}

const char *read_line(struct reader *r, const char *field, const char *s, enum need need)
{
	s = read_text(r, field, s, need, LINE_MAX_SIZE);
	for (const char *p = s; p && *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			read_fail(r, "%s holds a control character", field);
			return NULL;
		}
	}
	return s;
}

const char *read_name(struct reader *r, const char *field, const char *s)
{
	s = read_line(r, field, s, REQUIRED);
	if (s && !str_is_name(s))
		read_fail(r, "%s '%s' is not a name (a-z, 0-9, '.', '_', '-', at most 63)", field, s);
	return s;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

const char *read_version(struct reader *r, const char *field, const char *s, enum need need)
{
	s = read_line(r, field, s, need);
	if (!s)
		return NULL;
	bool ok = is_alnum(s[0]) && strlen(s) <= 64;
	for (const char *p = s; ok && *p; p++)
		ok = is_alnum(*p) || strchr("._+-", *p);
	if (!ok)
		read_fail(r, "%s '%s' is not a version (letters, digits, '.', '_', '+', '-', at most 64)", field, s);
	return s;
}

const char *read_hex(struct reader *r, const char *field, const char *s, size_t digits)
{
	s = read_line(r, field, s, REQUIRED);
	if (s && (strlen(s) != digits || strspn(s, "0123456789abcdef") != digits))
		read_fail(r, "%s '%s' is not %zu hex digits in lower case", field, s, digits);
	return s;
}

void read_fixed(struct reader *r, const char *field, ProtobufCBinaryData b, uint8_t *out, size_t n)
{
	if (b.len != n)
		read_fail(r, "%s has %zu bytes, must have %zu", field, b.len, n);
	else
		memcpy(out, b.data, n);
}

void read_digest(struct reader *r, const char *field, ProtobufCBinaryData b, uint8_t out[DIGEST_SIZE])
{
	read_fixed(r, field, b, out, DIGEST_SIZE);
}

struct bytes read_sql(struct reader *r, const char *field, ProtobufCBinaryData b, enum need need)
{
	struct bytes sql = pb_to_bytes(b);
	if (sql.n == 0 && need == REQUIRED)
		read_fail(r, "%s is missing", field);
	if (sql.n > LIMIT_STATEMENT)
		read_fail(r, "%s has %zu bytes, and %zu are allowed", field, sql.n, LIMIT_STATEMENT);
	else if (bytes_has_nul(sql) || !bytes_is_utf8(sql))
		read_fail(r, "%s is not UTF-8 text without NUL", field);
	return sql;
}

void *read_array(struct reader *r, const char *field, size_t n, size_t max, size_t size)
{
	if (n > max)
		read_fail(r, "%zu %s, and %zu are allowed", n, field, max);
	if (n == 0 || r->failed)
		return NULL;
	void *p = arena_try_alloc(r->a, n * size);
	if (!p)
		read_fail(r, "%zu %s do not fit into the memory set aside for one document", n, field);
	return p;
}

const char **read_lines(struct reader *r, const char *field, char *const *from, size_t n, size_t max)
{
	const char **to = read_array(r, field, n, max, sizeof *to);
	for (size_t i = 0; to && i < n && !r->failed; i++) {
		to[i] = read_line(r, field, from[i], REQUIRED);
		for (size_t j = 0; j < i && !r->failed; j++)
			if (str_eq(to[i], to[j]))
				read_fail(r, "%s: '%s' is there twice", field, to[i]);
	}
	return to;
}

int read_enum(struct reader *r, const char *field, const char *s, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (str_eq(s, names[i]))
			return i;
	char shown[64]; /* it may be long and odd */
	str_copy(shown, sizeof shown, s);
	for (char *p = shown; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
	read_fail(r, "%s '%s' is unknown", field, shown);
	return 0;
}

char *put_text(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

void *put_array(struct arena *a, size_t n)
{
	return arena_alloc(a, n * sizeof(void *));
}

char **put_texts(struct arena *a, const char *const *from, size_t n)
{
	char **to = put_array(a, n);
	for (size_t i = 0; i < n; i++)
		to[i] = put_text(from[i]);
	return to;
}

ProtobufCBinaryData put_fixed(const uint8_t *p, size_t n)
{
	return pb_from_bytes(bytes_of(p, n));
}

ProtobufCBinaryData put_bytes(struct bytes b)
{
	return pb_from_bytes(b);
}
