/* See blocker.h. */
#include "agent/engine/blocker.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/sql/redact.h"

static void add_age(struct buf *b, const char *age_s)
{
	char text[CLOCK_TEXT_SIZE];
	uint64_t seconds = 0;
	struct err ignored = ERR_INIT;
	if (age_s && str_to_u64(age_s, "age", 0, INT32_MAX, &seconds, &ignored) == 0)
		buf_addf(b, ", its transaction open for %s", clock_duration_text((int64_t)seconds * 1000000, text));
}

void blocker_add(struct buf *b, const struct blocker *x, enum dialect d)
{
	buf_addf(b, "%s%s %s of %s (%s)", b->n ? "; " : "", x->kind, x->id, x->user, x->from);
	add_age(b, x->age_s);
	if (!x->doing) {
		buf_addf(b, ", %s", x->hint);
		return;
	}
	buf_addf(b, ", %s%s", x->doing, str_empty(x->query) ? "" : ": ");
	if (!str_empty(x->query))
		sql_hide_literals(d, bytes_of_str(x->query), b);
}
