/* Arena: a list of blocks, freed together. */
#include "common/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_FIRST ((size_t)512) /* what is small stays small: thousands of agents have an arena each */
#define BLOCK_MAX   ((size_t)64 * 1024)

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct block *head;
	size_t cap, used;
};

struct arena *arena_new(size_t cap_bytes)
{
	struct arena *a = mem_alloc(sizeof *a);
	a->cap = cap_bytes;
	return a;
}

void arena_destroy(struct arena **ap)
{
	if (!*ap)
		return;
	for (struct block *b = (*ap)->head; b;) {
		struct block *next = b->next;
		free(b);
		b = next;
	}
	free(*ap);
	*ap = NULL;
}

/* Each block is twice the one before, up to a limit. */
static size_t next_size(const struct block *last)
{
	if (!last)
		return BLOCK_FIRST;
	return last->size * 2 < BLOCK_MAX ? last->size * 2 : BLOCK_MAX;
}

void *arena_try_alloc(struct arena *a, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	if (size > a->cap)
		return NULL;
	size = (size + align - 1) & ~(align - 1);
	if (size == 0)
		size = align;
	if (size > a->cap - a->used)
		return NULL;
	struct block *b = a->head;
	if (!b || b->size - b->used < size) {
		size_t room = next_size(b);
		room = size > room ? size : room;
		b = mem_alloc(sizeof *b + room);
		b->size = room;
		b->next = a->head;
		a->head = b;
	}
	void *p = b->data + b->used;
	b->used += size;
	a->used += size;
	return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *p = arena_try_alloc(a, size);
	if (!p)
		abort();
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = arena_alloc(a, n + 1);
	memcpy(p, s, n);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char shorter[256]; /* most are: formatted once */
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(shorter, sizeof shorter, fmt, ap);
	va_end(ap);
	size_t size = (size_t)(n < 0 ? 0 : n) + 1;
	char *p = arena_alloc(a, size);
	if (n >= 0 && size <= sizeof shorter)
		memcpy(p, shorter, size);
	else
		vsnprintf(p, size, fmt, again);
	va_end(again);
	return p;
}

struct bytes arena_bytes(struct arena *a, struct bytes b)
{
	uint8_t *p = arena_alloc(a, b.n + 1);
	if (b.n)
		memcpy(p, b.p, b.n);
	return bytes_of(p, b.n);
}

char *arena_hex(struct arena *a, struct bytes b)
{
	return bytes_to_hex(b, arena_alloc(a, 2 * b.n + 1));
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

void *arena_regrow(struct arena *a, const void *old, size_t old_size, size_t new_size)
{
	void *p = arena_alloc(a, new_size);
	if (old_size)
		memcpy(p, old, old_size);
	return p;
}
