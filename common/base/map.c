/* Open addressing with linear probing; a removal moves the followers back, so that nothing is ever left to step over. */
#include "common/base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

#define SLOTS_MIN 16

struct slot {
	struct bytes key;
	void *value; /* NULL: free */
	uint64_t hash;
};

struct map {
	struct slot *slots;
	size_t n, size; /* size: a power of two, at most three quarters full */
	uint64_t seed;
};

struct map *map_new(void)
{
	struct map *m = mem_alloc(sizeof *m);
	m->size = SLOTS_MIN;
	m->slots = mem_alloc(m->size * sizeof *m->slots);
	m->seed = (uint64_t)(uintptr_t)m->slots * UINT64_C(0x9e3779b97f4a7c15); /* address space layout is random */
	return m;
}

void map_destroy(struct map **m)
{
	if (!*m)
		return;
	free((*m)->slots);
	free(*m);
	*m = NULL;
}

/* FNV-1a over eight octets at a time, with a mixer at the end. */
static uint64_t hash_of(const struct map *m, struct bytes key)
{
	const uint8_t *p = key.p;
	uint64_t h = m->seed ^ key.n;
	size_t left = key.n;
	for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t), p += sizeof(uint64_t)) {
		uint64_t v;
		memcpy(&v, p, sizeof v);
		h = (h ^ v) * UINT64_C(0x100000001b3);
		h ^= h >> 29;
	}
	for (; left; left--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	h = (h ^ (h >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	return h ^ (h >> 32);
}

/* The slot of the key, or the free one where it would go. */
static struct slot *find(const struct map *m, struct bytes key, uint64_t hash)
{
	size_t i = hash & (m->size - 1);
	while (m->slots[i].value && (m->slots[i].hash != hash || !bytes_equal(m->slots[i].key, key)))
		i = (i + 1) & (m->size - 1);
	return &m->slots[i];
}

void *map_get(const struct map *m, struct bytes key)
{
	return find(m, key, hash_of(m, key))->value;
}

static void grow(struct map *m)
{
	struct slot *old = m->slots;
	size_t n = m->size;
	m->size *= 2;
	m->slots = mem_alloc(m->size * sizeof *m->slots);
	for (size_t i = 0; i < n; i++)
		if (old[i].value)
			*find(m, old[i].key, old[i].hash) = old[i];
	free(old);
}

void map_put(struct map *m, struct bytes key, void *value)
{
	uint64_t hash = hash_of(m, key);
	struct slot *s = find(m, key, hash);
	if (!s->value && m->n + 1 > m->size / 4 * 3) {
		grow(m);
		s = find(m, key, hash);
	}
	m->n += !s->value;
	*s = (struct slot){.key = key, .value = value, .hash = hash};
}

void map_remove(struct map *m, struct bytes key)
{
	struct slot *s = find(m, key, hash_of(m, key));
	if (!s->value)
		return;
	size_t mask = m->size - 1, hole = (size_t)(s - m->slots);
	m->n--;
	for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
		size_t home = m->slots[i].hash & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* it would come before its home */
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole] = (struct slot){0};
}

size_t map_count(const struct map *m)
{
	return m->n;
}

void map_each(const struct map *m, void (*fn)(void *arg, void *value), void *arg)
{
	for (size_t i = 0; i < m->size; i++)
		if (m->slots[i].value)
			fn(arg, m->slots[i].value);
}
