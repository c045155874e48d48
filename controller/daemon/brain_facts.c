/* What agents' looks at their targets found: server version, size, lag, trouble. Kept in memory as it comes; the store follows when something that matters changed, so that a
 * fleet that looks every few minutes is not a load of its own. */
#include "common/base/str.h"
#include "controller/daemon/brain_impl.h"

#define STORE_EVERY_US (3600 * INT64_C(1000000)) /* however little it changed */

void facts_take(struct brain_facts *to, const struct target_facts *from)
{
	str_copy(to->version, sizeof to->version, from->version ? from->version : "");
	str_copy(to->trouble, sizeof to->trouble, from->trouble ? from->trouble : "");
	to->size_bytes = from->size_bytes;
	to->lag_ms = from->lag_ms;
	to->at_us = from->at_us;
}

/* By more than a tenth: sizes and lags always move a little. */
static bool differs(uint64_t a, uint64_t b)
{
	return a > b ? (a - b) * 10 > a : (b - a) * 10 > b;
}

static bool matters(const struct brain_facts *f, const struct target_facts *now, int64_t now_us)
{
	if (!str_eq(f->version, now->version) || str_empty(f->trouble) != str_empty(now->trouble))
		return true;
	return differs(f->size_bytes, now->size_bytes) || now_us - f->stored_at_us > STORE_EVERY_US;
}

/* A look that failed says nothing about the server: what was known of it stays. */
static struct target_facts merged(const struct brain_facts *known, const struct target_facts *now, int64_t at_us, struct arena *a)
{
	struct target_facts f = *now;
	f.at_us = at_us;
	if (str_empty(f.version)) {
		f.version = arena_strdup(a, known->version); /* not the place that it is copied to */
		f.size_bytes = known->size_bytes;
		f.lag_ms = -1;
	}
	return f;
}

int facts_event(struct brain *b, struct brain_agent *g, const struct msg_facts *m, struct err *e)
{
	for (size_t i = 0; i < m->n_facts; i++) {
		struct brain_target *t = map_get(b->target_by_id, map_text(m->facts[i].target));
		if (!t || t->owner != g)
			continue;
		const struct target_facts now = merged(&t->facts, &m->facts[i], load_time(b, g, m->facts[i].at_us), b->turn);
		bool store = matters(&t->facts, &now, b->now_us);
		if (store && store_target_facts(b->store, &now, e) < 0)
			return -1;
		if (store)
			t->facts.stored_at_us = b->now_us;
		facts_take(&t->facts, &now);
	}
	return 0;
}
