/* Names of outcomes. */
#include "common/model/report.h"

#include "common/base/mem.h"
#include "common/base/str.h"

static const char *const outcome_names[OUTCOME_COUNT] = {"applied", "rolled-back", "failed", "refused", "needs-attention", "held"};
static const char *const state_names[STEP_STATE_COUNT] = {"done", "failed", "skipped", "intent"};
static const char *const via_names[VIA_COUNT] = {"run", "ledger", "probe", "mark-ran", "operator"};

static bool find(const char *const *names, size_t n, const char *s, size_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(s, names[i]))
			return *ret = i, true;
	return false;
}

#define DEFINE_NAMES(type, prefix, table)              \
	const char *prefix##_name(enum type v)             \
	{                                                  \
		return table[v];                               \
	}                                                  \
	bool prefix##_parse(const char *s, enum type *ret) \
	{                                                  \
		size_t i;                                      \
		if (!find(table, ARRAY_LEN(table), s, &i))     \
			return false;                              \
		*ret = (enum type)i;                           \
		return true;                                   \
	}

DEFINE_NAMES(outcome, outcome, outcome_names)
DEFINE_NAMES(step_state, step_state, state_names)
DEFINE_NAMES(step_via, step_via, via_names)
