/* How wide text is on a screen, and whether the screen takes more than ASCII. Not wcwidth(): that answers by the process's locale, which is "C" here on purpose, and a database's
 * names may be of any script. See table.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/table.h"

struct range {
	uint32_t first, last;
};

/* Unicode 15, East Asian Width W and F, and the emoji that terminals draw as wide; neighbouring blocks as one. */
static const struct range wide[] = {
    {0x1100, 0x115f}, {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
    {0x4e00, 0xa4cf}, {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
    {0xffe0, 0xffe6}, {0x16fe0, 0x18cd5}, {0x1aff0, 0x1b2fb}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
/* Combining marks and what has no width of its own. */
static const struct range none[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},  {0x064b, 0x065f},
                                    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},  {0x1dc0, 0x1dff},
                                    {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064}, {0x20d0, 0x20ff},  {0x3099, 0x309a},
                                    {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef}};

static bool is_in(const struct range *list, size_t n, uint32_t c)
{
	size_t low = 0;
	while (low < n) {
		size_t middle = low + (n - low) / 2;
		if (c > list[middle].last)
			low = middle + 1;
		else
			n = middle;
	}
	return list[low].first <= c && c <= list[low].last;
}

/* One character of UTF-8 that is right (text_add_clean sees to that); its octets in *ret_n. */
static uint32_t character(const char *s, size_t *ret_n)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2, i = 1;
	uint32_t c = n == 1 ? *p : *p & (0x7fU >> n);
	for (; i < n && (p[i] & 0xc0) == 0x80; i++)
		c = c << 6 | (p[i] & 0x3f);
	*ret_n = i;
	return c;
}

static size_t width_of(uint32_t c)
{
	if (c < 0x300)
		return 1;
	return is_in(none, ARRAY_LEN(none) - 1, c) ? 0 : is_in(wide, ARRAY_LEN(wide) - 1, c) ? 2 : 1;
}

size_t output_width(const char *s)
{
	size_t columns = 0, n = 0;
	for (; *s; s += n)
		columns += width_of(character(s, &n));
	return columns;
}

size_t output_cut(const char *s, size_t columns)
{
	const char *p = s;
	for (size_t n = 0; *p; p += n) {
		size_t w = width_of(character(p, &n));
		if (w > columns)
			break;
		columns -= w;
	}
	return (size_t)(p - s);
}

bool output_is_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *locale = getenv(names[i]);
		if (locale && *locale)
			return strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
	}
	return false;
}
