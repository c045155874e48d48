/* Sites and database servers that several rollouts work on at once: a cap of a site or server is for all that is under way there. Each rollout numbers its own (rollout_group); here
 * the same place has the same number in all of them, so that counting is adding. */
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/daemon/brain_impl.h"

#define PLACE_ARENA ((size_t)64 * 1024 * 1024)

struct places { /* in the run's arena */
	uint32_t *site, *instance; /* by delivery index: the place's number in the brain */
	uint32_t *others_at_site, *others_on_instance; /* by group: see struct rollout */
	uint32_t in_flight; /* when it was decided about last */
	bool capped; /* some wave of it has a cap of a site or server */
};

static uint32_t number_of(struct brain *b, const char *target, int parts)
{
	const char *end = target;
	for (int i = 0; i < parts && *end; i++)
		end += strcspn(end, "/") + (i + 1 < parts);
	const struct bytes key = bytes_of(target, (size_t)(end - target));
	uintptr_t n = (uintptr_t)map_get(b->place_numbers, key);
	if (!n) {
		n = map_count(b->place_numbers) + 1;
		map_put(b->place_numbers, arena_bytes(b->place_arena, key), (void *)n);
	}
	return (uint32_t)n - 1;
}

void places_name(struct brain *b, struct run *u)
{
	size_t n = u->r.n_deliveries + 1;
	struct places *p = u->places = arena_alloc(u->arena, sizeof *p);
	*p = (struct places){.site = arena_alloc(u->arena, n * sizeof *p->site),
	                     .instance = arena_alloc(u->arena, n * sizeof *p->instance),
	                     .others_at_site = arena_alloc(u->arena, n * sizeof *p->others_at_site),
	                     .others_on_instance = arena_alloc(u->arena, n * sizeof *p->others_on_instance)};
	if (!b->place_numbers) {
		b->place_numbers = map_new();
		b->place_arena = arena_new(PLACE_ARENA);
	}
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		p->site[i] = number_of(b, u->r.deliveries[i].target, 1);
		p->instance[i] = number_of(b, u->r.deliveries[i].target, 2);
	}
	for (size_t i = 0; i < u->r.n_waves; i++)
		p->capped |= u->r.waves[i].max_parallel_site || u->r.waves[i].max_parallel_instance;
}

void places_free(struct brain *b)
{
	map_destroy(&b->place_numbers);
	arena_destroy(&b->place_arena);
}

/* Of all runs but this one. `at` has a counter for each place. */
static bool count_others(const struct brain *b, const struct run *u, uint32_t *at)
{
	bool some = false;
	for (size_t k = 0; k < b->n_runs; k++) {
		const struct run *o = b->runs[k];
		for (size_t i = 0; o != u && i < o->r.n_deliveries; i++)
			if (delivery_in_flight(&o->r.deliveries[i])) {
				at[o->places->site[i]]++;
				at[o->places->instance[i]]++;
				some = true;
			}
	}
	return some;
}

void places_to_run(const struct brain *b, struct run *u)
{
	struct places *p = u->places;
	u->r.others_at_site = u->r.others_on_instance = NULL;
	if (!p->capped || b->n_runs < 2)
		return;
	AUTO(mem_free_ptr) uint32_t *at = mem_alloc(map_count(b->place_numbers) * sizeof *at + 1);
	if (!count_others(b, u, at))
		return;
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		p->others_at_site[u->r.deliveries[i].site_group] = at[p->site[i]];
		p->others_on_instance[u->r.deliveries[i].instance_group] = at[p->instance[i]];
	}
	u->r.others_at_site = p->others_at_site;
	u->r.others_on_instance = p->others_on_instance;
}

void places_touch_others(const struct brain *b, struct run *u)
{
	uint32_t was = u->places->in_flight, now = 0;
	for (size_t i = 0; i < u->r.n_deliveries; i++)
		now += delivery_in_flight(&u->r.deliveries[i]);
	u->places->in_flight = now;
	for (size_t k = 0; now < was && k < b->n_runs; k++)
		b->runs[k]->touched |= b->runs[k] != u && b->runs[k]->places->capped;
}
