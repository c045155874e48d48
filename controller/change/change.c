/* Look-ups in changes. */
#include "controller/change/change.h"

#include <stdlib.h>

#include "common/base/str.h"

void change_set_destroy(struct change_set **s)
{
	if (!*s)
		return;
	arena_destroy(&(*s)->arena);
	free(*s);
	*s = NULL;
}

const struct change *change_find(const struct change_set *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->changes[i].id, id))
			return &s->changes[i];
	return NULL;
}

static const struct script *script_for(const struct script *list, size_t n, enum dialect d)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].engines & ENGINE_BIT(d))
			return &list[i];
	return NULL;
}

const struct script *change_forward(const struct change *c, enum dialect d)
{
	return script_for(c->forward, c->n_forward, d);
}

const struct script *change_rollback(const struct change *c, enum dialect d)
{
	return script_for(c->rollback, c->n_rollback, d);
}

bool change_has_rollback(const struct change *c, enum dialect d)
{
	return c->rollback_id || (c->no_rollback_needed & ENGINE_BIT(d)) || change_rollback(c, d);
}

const char *change_suppressed(const struct change *c, const char *rule)
{
	for (size_t i = 0; i < c->n_suppressions; i++)
		if (str_ieq(c->suppressions[i].rule, rule))
			return c->suppressions[i].reason;
	return NULL;
}
