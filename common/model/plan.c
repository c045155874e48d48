/* Look-up in plans. */
#include "common/model/plan.h"

#include "common/base/str.h"

const struct plan_environment *plan_environment(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n_environments; i++)
		if (str_eq(p->environments[i].name, name))
			return &p->environments[i];
	return NULL;
}
