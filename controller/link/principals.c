/* Keys to principals, by hash. */
#include "controller/link/principals.h"

#include "common/base/map.h"
#include "common/base/mem.h"

struct principals {
	struct principal *list;
	struct map *by_key; /* Z85 text -> element of list */
};

struct principals *principals_new(const struct principal *list, size_t n)
{
	struct principals *p = mem_alloc(sizeof *p);
	p->list = mem_alloc(n * sizeof *p->list);
	p->by_key = map_new();
	for (size_t i = 0; i < n; i++) {
		p->list[i] = list[i];
		map_put(p->by_key, map_text(p->list[i].curve_key), &p->list[i]);
	}
	return p;
}

void principals_destroy(struct principals **pp)
{
	if (!*pp)
		return;
	map_destroy(&(*pp)->by_key);
	free((*pp)->list);
	free(*pp);
	*pp = NULL;
}

const struct principal *principals_find(const struct principals *p, const char *curve_key)
{
	return map_get(p->by_key, map_text(curve_key));
}
