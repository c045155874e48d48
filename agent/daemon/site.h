/* What the site's people want just now, for the loop's thread: the policy document, read again when its file is another one, and the holds and consents in the journal; looked
 * at before each question. A policy that cannot be believed holds everything until it can. */
#ifndef AGENT_DAEMON_SITE_H
#define AGENT_DAEMON_SITE_H

#include "agent/daemon/config.h"
#include "agent/journal/holds.h"
#include "agent/policy/policy.h"

struct site;

struct site *site_new(const struct agent_config *c, struct journal *j); /* both borrowed */
void site_destroy(struct site **s);
/* Looks whether the policy's file is another one, and reads the holds anew. */
void site_refresh(struct site *s);
/* Check C2 for a delivery that is about to begin. */
void site_ask(struct site *s, const struct task *t, struct policy_verdict *ret);
/* Is there a hold on this target? With what was read last. */
bool site_holds(struct site *s, const char *target, struct policy_verdict *ret);

/* Everything that `status`, `windows` and the daemon need to ask, read once. In the arena; `unreadable` is NULL when the policy is fine or there is none. */
struct site_view {
	struct policy policy;
	bool has_policy;
	const char *unreadable;
	struct site_hold *holds;
	size_t n_holds;
};
int site_view_read(const struct agent_config *c, struct journal *j, struct arena *a, struct site_view *ret, struct err *e) MUST_CHECK;
struct policy_facts site_view_facts(const struct site_view *v, const char *target, bool consented, int64_t now_us);

#endif
