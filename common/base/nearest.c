/* Levenshtein distance over short words. */
#include "common/base/nearest.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 31

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

unsigned nearest_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned row[WORD_MAX + 1];
	if (n > WORD_MAX || m > WORD_MAX)
		return 2 * WORD_MAX;
	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned cost = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
			unsigned up = row[j];
			row[j] = min3(row[j] + 1, row[j - 1] + 1, diagonal + cost);
			diagonal = up;
		}
	}
	return row[m];
}

const char *nearest_word(const char *word, const char *const *words, size_t n)
{
	const char *best = NULL;
	unsigned best_distance = 2 * WORD_MAX;
	for (size_t i = 0; i < n; i++) {
		unsigned d = nearest_distance(word, words[i]);
		if (d < best_distance && d <= 1 + strlen(words[i]) / 3)
			best = words[i], best_distance = d;
	}
	return best;
}
