/* "Did you mean": the candidate with the fewest slips, offered one after another. */
#include "common/cli/parse.h"

#include <string.h>

#include "common/base/nearest.h"

void suggest_init(struct suggest *s, const char *word)
{
	size_t n = strlen(word);
	/* One slip in a short word, up to three in a long one: further off it is a guess, not a help. */
	*s = (struct suggest){.word = word, .distance = n < 4 ? 2 : n < 8 ? 3 : 4};
}

void suggest_try(struct suggest *s, const char *candidate)
{
	size_t d = nearest_distance(s->word, candidate);
	if (d < s->distance) {
		s->distance = d;
		s->best = candidate;
	}
}
