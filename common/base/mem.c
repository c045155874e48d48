/* Aborting allocators. */
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);
	if (!p)
		abort();
	return p;
}

void *mem_realloc(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);
	if (!q)
		abort();
	return q;
}

char *mem_strdup(const char *s)
{
	if (!s)
		return NULL;
	size_t n = strlen(s) + 1;
	return memcpy(mem_alloc(n), s, n);
}

void mem_free_ptr(void *pp)
{
	void **p = pp;
	free(*p);
	*p = NULL;
}
