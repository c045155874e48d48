/* "Did you mean": the known word nearest to one that was written. */
#ifndef COMMON_BASE_NEAREST_H
#define COMMON_BASE_NEAREST_H

#include <stddef.h>

/* How many letters must be put in, left out, changed or swapped with their neighbour, letters of either case being equal; words that differ over more than 31 characters are far
 * apart. */
unsigned nearest_distance(const char *a, const char *b);
/* The nearest of `n` words, NULL when none is near enough to be a slip of the finger (a third of its length). */
const char *nearest_word(const char *word, const char *const *words, size_t n);
/* The same among names of several parts, "eu/pg1/shop1": where one alone ends with the parts that were written ("shop1"), it is meant. */
const char *nearest_path(const char *word, const char *const *paths, size_t n);

#endif
