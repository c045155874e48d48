/* Edit distance over short words, a swap of neighbours being one slip. */
#include "common/base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define WORD_MAX 31

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

static bool is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

unsigned nearest_distance(const char *a, const char *b)
{
	while (*a && is_same(*a, *b)) /* what both begin and end with is no slip */
		a++, b++;
	size_t n = strlen(a), m = strlen(b);
	while (n && m && is_same(a[n - 1], b[m - 1]))
		n--, m--;
	unsigned rows[3][WORD_MAX + 1];
	if (n > WORD_MAX || m > WORD_MAX)
		return 2 * WORD_MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *before = rows[(i + 1) % 3], *prev = rows[(i - 1) % 3], *now = rows[i % 3];
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			int ai = tolower((unsigned char)a[i - 1]), bj = tolower((unsigned char)b[j - 1]);
			now[j] = min3(prev[j] + 1, now[j - 1] + 1, prev[j - 1] + (ai != bj));
			bool swapped = i > 1 && j > 1 && ai == tolower((unsigned char)b[j - 2]) && tolower((unsigned char)a[i - 2]) == bj;
			if (swapped && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return rows[n % 3][m];
}

/* As many slips as a third of what `length` says of a word; further off it is a guess. */
static const char *nearest_of(const char *word, const char *const *words, size_t n, size_t (*length)(const char *word))
{
	const char *best = NULL;
	unsigned best_distance = 2 * WORD_MAX;
	for (size_t i = 0; i < n; i++) {
		unsigned d = nearest_distance(word, words[i]);
		if (d < best_distance && d <= 1 + length(words[i]) / 3)
			best = words[i], best_distance = d;
	}
	return best;
}

const char *nearest_word(const char *word, const char *const *words, size_t n)
{
	return nearest_of(word, words, n, strlen);
}

static size_t last_part_length(const char *path)
{
	const char *slash = strrchr(path, '/');
	return strlen(slash ? slash + 1 : path);
}

const char *nearest_path(const char *word, const char *const *paths, size_t n)
{
	const char *ending = NULL;
	size_t found = 0, length = strlen(word);
	for (size_t i = 0; i < n; i++) {
		size_t whole = strlen(paths[i]);
		if (length && whole > length && paths[i][whole - length - 1] == '/' && strcmp(paths[i] + whole - length, word) == 0)
			ending = paths[i], found++;
	}
	return found == 1 ? ending : nearest_of(word, paths, n, last_part_length);
}
