/* An arena: memory with a common end (one message, one parsed folder). It has a hard cap; going past it is an outside size that nobody capped,
 * so the owner sets a cap that its capped inputs cannot reach, and arena_alloc aborts beyond it. Decoders that face hostile input use
 * arena_try_alloc, which returns NULL at the cap. Not for threads to share. */
#ifndef COMMON_BASE_ARENA_H
#define COMMON_BASE_ARENA_H

#include <stddef.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/mem.h"

struct arena;

struct arena *arena_new(size_t cap_bytes);
void arena_destroy(struct arena **a); /* NULL-safe; for AUTO(arena_destroy) */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull)); /* zeroed, aligned for any type */
void *arena_try_alloc(struct arena *a, size_t size); /* NULL at the cap */
char *arena_strdup(struct arena *a, const char *s); /* NULL for NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct bytes arena_bytes(struct arena *a, struct bytes b); /* a copy, followed by a NUL that is not counted */
char *arena_hex(struct arena *a, struct bytes b); /* lower case */
size_t arena_used(const struct arena *a);

/* Makes room for one more element of a growing array in an arena (old copies stay until the arena's end). */
#define arena_vec_grow(a, arr, n, cap)                                                    \
	do {                                                                                  \
		if ((n) == (cap)) {                                                               \
			(cap) = (cap) ? (cap)*2 : 8;                                                  \
			(arr) = arena_regrow((a), (arr), (n) * sizeof *(arr), (cap) * sizeof *(arr)); \
		}                                                                                 \
	} while (0)
void *arena_regrow(struct arena *a, const void *old, size_t old_size, size_t new_size) __attribute__((returns_nonnull));

#endif
