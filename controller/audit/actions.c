/* See the header. */
#include "controller/audit/actions.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/str.h"

#define PERSON "operator "
#define FREEZE "freeze "

static bool of_whole_rollout(const struct store_event *ev)
{
	return str_eq(ev->object, "rollout") || str_starts(ev->object, "wave ");
}

static bool is_wanted(const struct bundle *b, const struct audit_row *r)
{
	const struct store_event *ev = &r->ev;
	if (!str_starts(ev->actor, PERSON) || ev->at_us < b->from_us || ev->at_us > b->to_us)
		return false;
	if (!b->target || str_eq(ev->object, b->target) || str_starts(ev->object, FREEZE))
		return true;
	return ev->rollout && of_whole_rollout(ev) && bundle_find(b, "order", ev->rollout);
}

size_t audit_actions(const struct bundle *b, struct arena *a, struct action **ret)
{
	size_t n = 0;
	*ret = arena_alloc(a, (b->n_rows + 1) * sizeof **ret);
	for (size_t i = 0; i < b->n_rows; i++) {
		const struct store_event *ev = &b->rows[i].ev;
		if (is_wanted(b, &b->rows[i]))
			(*ret)[n++] = (struct action){&b->rows[i], str_starts(ev->object, FREEZE) ? arena_printf(a, FREEZE "%s", ev->event) : ev->event};
	}
	return n;
}

bool action_touches(const struct action *x, const char *rollout, const char *target)
{
	const struct store_event *ev = &x->row->ev;
	if (str_eq(ev->object, target))
		return !ev->rollout || str_eq(ev->rollout, rollout);
	return str_eq(ev->rollout, rollout) && of_whole_rollout(ev);
}

struct table *actions_table(const struct action *list, size_t n)
{
	struct table *t = table_new("at,actor,action,object,rollout,from,to,detail,#row");
	for (size_t i = 0; i < n; i++) {
		const struct store_event *ev = &list[i].row->ev;
		char at[CLOCK_TEXT_SIZE], row[24];
		snprintf(row, sizeof row, "%" PRIu64, list[i].row->seq);
		table_row(
		    t, (const char *const[]){clock_text(ev->at_us, at), ev->actor, list[i].what, ev->object, ev->rollout, ev->from, ev->to, ev->detail, row});
	}
	return t;
}
