/* What an agent says of its load in its heartbeats: how much runs there, how much waits, and which of its reports have not come here. Kept while it is connected, as of the last heartbeat
 * that came (one may be lost); nothing is decided by it, people see it. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "controller/daemon/brain_impl.h"

#define ODD_US ((int64_t)60 * 1000000) /* so long from one heartbeat to another is no moment between two messages */

static int64_t since(bool so, int64_t since_us, int64_t now_us)
{
	return !so ? 0 : since_us ? since_us : now_us;
}

uint64_t load_unsent(const struct brain_agent *g)
{
	return g->load.last.report_seq > g->rec.report_seq ? g->load.last.report_seq - g->rec.report_seq : 0;
}

void load_event(struct brain *b, struct brain_agent *g, const struct msg_heartbeat *m)
{
	struct agent_load *l = &g->load;
	l->last = *m;
	l->at_us = b->now_us;
	l->unsent_since_us = since(load_unsent(g) > 0, l->unsent_since_us, b->now_us);
	l->idle_since_us = since(m->queued > 0 && m->running == 0, l->idle_since_us, b->now_us);
}

const char *load_odd(const struct brain_agent *g, struct arena *a)
{
	const struct agent_load *l = &g->load;
	char at[CLOCK_TEXT_SIZE];
	uint64_t unsent = load_unsent(g);
	if (!g->session || !l->at_us)
		return "";
	if (unsent && l->unsent_since_us && l->at_us - l->unsent_since_us >= ODD_US)
		return arena_printf(
		    a, "it has reports that do not come here since %s, %" PRIu64 " now: its log at its site says why, rollcall-agent status how many",
		    clock_text(l->unsent_since_us, at), unsent);
	if (l->idle_since_us && l->at_us - l->idle_since_us >= ODD_US)
		return arena_printf(a, "%" PRIu32 " task%s there and nothing runs since %s: at its site, rollcall-agent status shows them", l->last.queued,
		                    l->last.queued == 1 ? " waits" : "s wait", clock_text(l->idle_since_us, at));
	return "";
}
