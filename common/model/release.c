/* Look-ups in a release. */
#include "common/model/release.h"

#include "common/base/str.h"

const struct changeset *release_changeset(const struct release *r, const char *id)
{
	for (size_t i = 0; i < r->n_changesets; i++)
		if (str_eq(r->changesets[i].id, id))
			return &r->changesets[i];
	return NULL;
}

bool release_needs(const struct release *r, const char *feature)
{
	for (size_t i = 0; i < r->n_critical; i++)
		if (str_eq(r->critical[i], feature))
			return true;
	return false;
}
