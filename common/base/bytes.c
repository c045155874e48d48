/* Octet runs: compare, hex, UTF-8 check. */
#include "common/base/bytes.h"

#include <string.h>
#include <strings.h>

struct bytes bytes_of(const void *p, size_t n)
{
	return (struct bytes){.p = p, .n = n};
}

struct bytes bytes_of_str(const char *s)
{
	return bytes_of(s, s ? strlen(s) : 0);
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

size_t bytes_ifind(struct bytes b, size_t from, const char *word)
{
	size_t n = strlen(word);
	for (size_t i = from; i + n <= b.n; i++)
		if (strncasecmp((const char *)b.p + i, word, n) == 0)
			return i;
	return SIZE_MAX;
}

bool bytes_all_zero(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i])
			return false;
	return true;
}

bool bytes_has_nul(struct bytes b)
{
	return b.n && memchr(b.p, 0, b.n) != NULL;
}

/* Length of the well-formed sequence at p (Unicode 15, table 3-7), 0 if there is none. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
	uint8_t lo = 0x80, hi = 0xBF, c = p[0];
	size_t n;
	if (c < 0x80)
		return 1;
	if (c >= 0xC2 && c <= 0xDF)
		n = 2;
	else if (c >= 0xE0 && c <= 0xEF)
		n = 3, lo = c == 0xE0 ? 0xA0 : 0x80, hi = c == 0xED ? 0x9F : 0xBF;
	else if (c >= 0xF0 && c <= 0xF4)
		n = 4, lo = c == 0xF0 ? 0x90 : 0x80, hi = c == 0xF4 ? 0x8F : 0xBF;
	else
		return 0;
	if (left < n || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xBF)
			return 0;
	return n;
}

/* Are the eight octets at p all ASCII? Nearly all text is. */
static bool is_ascii_8(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return (v & 0x8080808080808080U) == 0;
}

bool bytes_is_utf8(struct bytes b)
{
	for (size_t i = 0; i < b.n;) {
		if (b.n - i >= 8 && is_ascii_8(b.p + i)) {
			i += 8;
			continue;
		}
		size_t n = utf8_sequence(b.p + i, b.n - i);
		if (!n)
			return false;
		i += n;
	}
	return true;
}

char *bytes_to_hex(struct bytes b, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < b.n; i++) {
		out[2 * i] = digits[b.p[i] >> 4];
		out[2 * i + 1] = digits[b.p[i] & 15];
	}
	out[2 * b.n] = '\0';
	return out;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int bytes_from_hex(const char *hex, uint8_t *out, size_t n, struct err *e)
{
	if (strlen(hex) != 2 * n)
		return err_set(e, ERR_PARSE, "%zu hex digits expected, %zu found", 2 * n, strlen(hex));
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(hex[2 * i]), lo = hex_value(hex[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return err_set(e, ERR_PARSE, "'%.2s' is not a hex digit pair", hex + 2 * i);
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}
