/* "Did you mean": edit distance over short words, in three rows of a table. */
#include "common/cli/parse.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 64

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Insertions, deletions, replacements and swaps of neighbours: the slips of fast fingers. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1], n = strlen(a), m = strlen(b);
	if (n > WORD_MAX || m > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *before = rows[(i + 1) % 3], *prev = rows[(i - 1) % 3], *now = rows[i % 3];
		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = min3(prev[j] + 1, now[j - 1] + 1, prev[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return rows[n % 3][m];
}

void suggest_init(struct suggest *s, const char *word)
{
	size_t n = strlen(word);
	/* One slip in a short word, up to three in a long one: further off it is a guess, not a help. */
	*s = (struct suggest){.word = word, .distance = n < 4 ? 2 : n < 8 ? 3 : 4};
}

void suggest_try(struct suggest *s, const char *candidate)
{
	size_t d = distance(s->word, candidate);
	if (d < s->distance) {
		s->distance = d;
		s->best = candidate;
	}
}
