/* What an agent says in its heartbeats: how much runs there, how much waits, which of its reports have not come here, and what its clock shows. Kept while it is connected, as of the last
 * heartbeats that came (one may be lost); nothing is decided by it, people see it. */
#include <inttypes.h>
#include <stdlib.h>

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

/* ---- the clock ---- */

static void note_clock(struct agent_load *l, int64_t wall_us, int64_t now_us)
{
	if (wall_us)
		l->offsets_us[l->n_offsets++ % LOAD_OFFSETS] = wall_us - now_us;
}

/* The way that a message takes makes a clock seem to be behind, never ahead: the largest is nearest to the truth. */
bool load_offset(const struct brain_agent *g, int64_t *ret_us)
{
	const struct agent_load *l = &g->load;
	size_t n = l->n_offsets < LOAD_OFFSETS ? l->n_offsets : LOAD_OFFSETS;
	if (!g->session || n == 0)
		return false;
	*ret_us = l->offsets_us[0];
	for (size_t i = 1; i < n; i++)
		if (l->offsets_us[i] > *ret_us)
			*ret_us = l->offsets_us[i];
	return true;
}

int64_t load_time(const struct brain *b, const struct brain_agent *g, int64_t said_us)
{
	int64_t ahead_us = 0;
	if (load_offset(g, &ahead_us) && llabs(ahead_us) >= LINK_CLOCK_BAD_US)
		said_us -= ahead_us;
	return said_us < b->now_us ? said_us : b->now_us;
}

const char *load_clock(const struct brain_agent *g, int64_t from_us, struct arena *a)
{
	char by[CLOCK_TEXT_SIZE];
	int64_t offset_us = 0;
	if (!load_offset(g, &offset_us) || llabs(offset_us) < from_us)
		return "";
	return arena_printf(a, "its clock is %s %s the controller's", clock_duration_text(llabs(offset_us), by), offset_us > 0 ? "ahead of" : "behind");
}

/* ---- heartbeats ---- */

void load_event(struct brain *b, struct brain_agent *g, const struct msg_heartbeat *m)
{
	struct agent_load *l = &g->load;
	l->last = *m;
	l->at_us = b->now_us;
	note_clock(l, m->wall_us, b->now_us);
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
