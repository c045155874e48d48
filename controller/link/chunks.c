/* See the header. The list goes from the one that was asked for last to the one that nobody has asked for the longest. */
#include "controller/link/chunks.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/wire/limits.h"

#define KEEP_BYTES ((uint64_t)32 * 1024 * 1024) /* nobody waits for them */
#define KEEP_US    ((int64_t)10 * 1000000)

struct chunk_key { /* without padding: all of it is compared */
	uint8_t hash[DIGEST_SIZE];
	struct blob_file file;
	uint64_t index;
};

struct chunk_memory {
	atomic_uint holders; /* the table is one, each message another */
	struct chunk_key key;
	struct chunk_memory *newer, *older;
	int64_t asked_us;
	size_t n;
	uint8_t data[];
};

struct chunks {
	const char *dir;
	struct map *by_key;
	struct chunk_memory *newest, *oldest;
	uint64_t bytes;
};

struct chunks *chunks_new(const char *dir)
{
	struct chunks *c = mem_alloc(sizeof *c);
	c->dir = dir;
	c->by_key = map_new();
	return c;
}

void chunk_release(void *unused, void *memory)
{
	struct chunk_memory *m = memory;
	(void)unused;
	if (atomic_fetch_sub(&m->holders, 1) == 1)
		free(m);
}

static void unlink_memory(struct chunks *c, struct chunk_memory *m)
{
	*(m->newer ? &m->newer->older : &c->newest) = m->older;
	*(m->older ? &m->older->newer : &c->oldest) = m->newer;
	m->newer = m->older = NULL;
}

static void link_newest(struct chunks *c, struct chunk_memory *m)
{
	m->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = m;
	c->newest = m;
}

static void drop(struct chunks *c, struct chunk_memory *m)
{
	map_remove(c->by_key, map_fixed(&m->key));
	unlink_memory(c, m);
	c->bytes -= m->n;
	chunk_release(NULL, m);
}

void chunks_destroy(struct chunks **cp)
{
	struct chunks *c = *cp;
	if (!c)
		return;
	while (c->oldest)
		drop(c, c->oldest);
	map_destroy(&c->by_key);
	mem_free_ptr(cp);
}

/* What somebody waits for stays: it would only be there twice. */
static void make_room(struct chunks *c)
{
	for (struct chunk_memory *m = c->oldest, *next; m && c->bytes > KEEP_BYTES; m = next) {
		next = m->newer;
		if (atomic_load(&m->holders) == 1)
			drop(c, m);
	}
}

static int read_chunk(struct chunks *c, const struct chunk_key *key, struct chunk_memory **ret, struct err *e)
{
	AUTO(mem_free_ptr) struct chunk_memory *m = mem_alloc(sizeof *m + LIMIT_CHUNK);
	if (blobs_read_at(c->dir, key->hash, key->index * LIMIT_CHUNK, m->data, LIMIT_CHUNK, &m->n, e) != 0)
		return -1;
	if (m->n == 0)
		return err_set(e, ERR_IO, "a blob ends before its chunk %u", (unsigned)key->index);
	m->key = *key;
	atomic_init(&m->holders, 1);
	map_put(c->by_key, map_fixed(&m->key), m);
	link_newest(c, m);
	c->bytes += m->n;
	*ret = take_ptr(&m);
	return 0;
}

int chunks_get(struct chunks *c, const uint8_t hash[DIGEST_SIZE], const struct blob_file *file, uint32_t index, int64_t now_us, struct chunk *ret,
               struct err *e)
{
	struct chunk_key key = {.file = *file, .index = index};
	memcpy(key.hash, hash, DIGEST_SIZE);
	struct chunk_memory *m = map_get(c->by_key, map_fixed(&key));
	if (!m && read_chunk(c, &key, &m, e) != 0)
		return -1;
	unlink_memory(c, m);
	link_newest(c, m);
	m->asked_us = now_us;
	atomic_fetch_add(&m->holders, 1);
	*ret = (struct chunk){.p = m->data, .n = m->n, .memory = m};
	make_room(c);
	return 0;
}

void chunks_expire(struct chunks *c, int64_t now_us)
{
	bool had = c->bytes > 0;
	while (c->oldest && now_us - c->oldest->asked_us > KEEP_US)
		drop(c, c->oldest);
	if (had && c->bytes == 0)
		malloc_trim(0); /* nobody pulls any more */
}

uint64_t chunks_bytes(const struct chunks *c)
{
	return c->bytes;
}
