/* A hash table from octets to pointers. The keys are borrowed: each lies in the value that it finds, or lives as long. Collisions are sought on purpose by nobody who can
 * choose names here, but the hash is keyed for each table all the same. Not for threads to share. */
#ifndef COMMON_BASE_MAP_H
#define COMMON_BASE_MAP_H

#include "common/base/bytes.h"

struct map;

struct map *map_new(void);
void map_destroy(struct map **m); /* NULL-safe; the values stay the caller's */
void *map_get(const struct map *m, struct bytes key); /* NULL: not there */
/* Replaces key and value of an equal key. `value` is not NULL. */
void map_put(struct map *m, struct bytes key, void *value);
void map_remove(struct map *m, struct bytes key); /* missing is fine */
size_t map_count(const struct map *m);
/* Each value once, in no order. `fn` may free the value, and does not touch the map. */
void map_each(const struct map *m, void (*fn)(void *arg, void *value), void *arg);

/* A text, and a fixed-size member, as a key. */
#define map_text(s)  bytes_of_str(s)
#define map_fixed(p) bytes_of((p), sizeof *(p))

#endif
