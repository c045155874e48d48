/* C21: the time-outs of agent.yaml under the site's caps, and a SET among a release's statements that would lift them. The session's own time-outs are asked of the server, where a policy caps them: agent/apply/limits.c. */
#include "agent/policy/policy.h"
#include "common/sql/timeouts.h"

static const char *rule_of(const struct policy *p, bool locks)
{
	if (locks)
		return p->lock_of_config ? "lock_timeout of agent.yaml" : "longest_lock";
	return p->statement_of_config ? "statement_timeout of agent.yaml" : "longest_statement";
}

static const char *judge(const struct policy *p, const struct sql_timeout *t, struct arena *a)
{
	uint32_t cap_ms = t->locks ? p->longest_lock_ms : p->longest_statement_ms;
	const char *rule = rule_of(p, t->locks);
	if (!cap_ms)
		return NULL;
	if (t->ms < 0)
		return arena_printf(a, "it sets %s to what cannot be told from the text, and this site allows %u ms (%s)", t->name, (unsigned)cap_ms, rule);
	if (t->none)
		return arena_printf(a, "it sets %s to 0, which is no time-out at all, and this site allows %u ms (%s)", t->name, (unsigned)cap_ms, rule);
	return t->ms > cap_ms ? arena_printf(a, "it sets %s to %.0f ms, and this site allows %u ms (%s)", t->name, t->ms, (unsigned)cap_ms, rule) : NULL;
}

const char *policy_lifts_timeout(const struct policy *p, enum dialect d, struct bytes sql, struct arena *a)
{
	struct sql_timeouts all;
	struct sql_timeout t;
	const char *why = NULL;
	sql_timeouts_begin(&all, d, sql);
	while (!why && sql_timeouts_next(&all, &t))
		why = judge(p, &t, a);
	return why;
}

void policy_default_caps(struct policy *p, uint32_t lock_ms, uint32_t statement_ms)
{
	p->lock_of_config = !p->longest_lock_ms;
	p->statement_of_config = !p->longest_statement_ms;
	p->longest_lock_ms = p->lock_of_config ? lock_ms : p->longest_lock_ms;
	p->longest_statement_ms = p->statement_of_config ? statement_ms : p->longest_statement_ms;
}

static uint32_t lower(uint32_t ms, uint32_t cap_ms)
{
	return cap_ms && cap_ms < ms ? cap_ms : ms;
}

void policy_cap_timeouts(const struct policy *p, uint32_t *lock_ms, uint32_t *lock_max_ms, uint32_t *statement_ms)
{
	*lock_ms = lower(*lock_ms, p->longest_lock_ms);
	*lock_max_ms = lower(*lock_max_ms, p->longest_lock_ms);
	*statement_ms = lower(*statement_ms, p->longest_statement_ms);
}
