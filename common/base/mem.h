/* Memory: allocation that aborts when there is none (the journal makes a crash safe, see STYLE.md), and AUTO():
 * ownership by scope. Every size that comes from outside is capped before it gets here. */
#ifndef COMMON_BASE_MEM_H
#define COMMON_BASE_MEM_H

#include <stddef.h>

/* AUTO(fn) struct x *p = NULL;  -> fn(&p) runs when p leaves scope. fn takes a pointer to the variable. */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* Hands a pointer over: yields *pp and sets it to NULL, so that the AUTO owner lets go. */
#define take_ptr(pp)                      \
	__extension__({                       \
		__typeof__(*(pp)) taken_ = *(pp); \
		*(pp) = NULL;                     \
		taken_;                           \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *mem_realloc(void *p, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc)); /* NULL for NULL */
/* For AUTO: `AUTO(mem_free_ptr) char *s = ...;` works for any pointer type. */
void mem_free_ptr(void *pp);

/* Makes room for one more element in a heap array; capacity doubles. `arr` may be NULL with *cap 0. */
#define vec_grow(arr, n, cap)                                  \
	do {                                                       \
		if ((n) == (cap)) {                                    \
			(cap) = (cap) ? (cap)*2 : 8;                       \
			(arr) = mem_realloc((arr), (cap) * sizeof *(arr)); \
		}                                                      \
	} while (0)

#endif
