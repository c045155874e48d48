/* The site's yes, once the ledger is read: it was given to what was left to be done as the ledger stood then. What another order has done since is not ours to weigh: nothing is begun, and the site
 * is asked again. Its own order's rows change nothing: an attempt before this one wrote them. */
#include <inttypes.h>
#include <string.h>

#include "agent/apply/delivery.h"
#include "agent/journal/holds.h"
#include "agent/policy/policy.h"
#include "common/base/clock.h"

/* Why the yes is not to what would run now; NULL: it is. */
static const char *overtaken(const struct delivery *d, const struct consent *c)
{
	const struct project_ledger ours = delivery_ledger(d);
	const struct ledger *l = &d->ledger;
	if (!c->to_ledger || c->direction != d->task->direction) /* to all of the release; to the way forward, whose own way back this is */
		return NULL;
	if (c->rows > l->n_rows || (c->rows && memcmp(l->rows[c->rows - 1].row_hash, c->head, DIGEST_SIZE) != 0))
		return "the ledger was set back";
	for (const struct ledger_row *r = NULL; (r = project_next(&ours, r));)
		if (r->seq > c->rows && memcmp(r->order_digest, d->verified->order.digest, DIGEST_SIZE) != 0)
			return arena_printf(d->arena, "release %s came here under another order (ledger row %" PRIu64 ")", r->release_version, r->seq);
	return NULL;
}

/* The yes is gone first: whatever happens behind this, nothing begins under it. */
static int ask_again(struct delivery *d, const char *why, struct err *e)
{
	const struct held h = {.task = *d->task, .code = policy_answer_code(POLICY_CONSENT), .reason = why, .at_us = clock_wall_us()};
	return journal_consent_drop(d->journal, d->task, e) != 0 ? -1 : journal_held_put(d->journal, &h, e);
}

enum ended consent_check(struct delivery *d)
{
	struct consent c = {.by = NULL};
	bool found = false;
	char at[CLOCK_TEXT_SIZE];
	if (!d->policy || !policy_wants_consent(d->policy, d->task->target) || !delivery_is_fresh(d) || d->plan.n_steps == 0)
		return ENDED_OK;
	if (journal_consent_get(d->journal, d->task, d->arena, &found, &c, &d->error) != 0)
		return ENDED_FAILED;
	const char *why = found ? overtaken(d, &c) : "its policy asks for that now";
	if (!why)
		return ENDED_OK;
	if (found)
		why = arena_printf(d->arena, "since the site said yes (%s, %s) %s, so that what would run now may not be what was looked at", c.by,
		                   clock_text(c.at_us, at), why);
	err_set(&d->error, ERR_STATE, "nothing was begun: %s. The site is asked again: there, 'rollcall-agent consent %s' shows what would run now", why,
	        d->task->target);
	struct err e = ERR_INIT;
	if (ask_again(d, d->error.msg, &e) != 0) {
		d->error = e;
		return ENDED_FAILED;
	}
	delivery_check(d, C2_SITE_POLICY, "The delivery begins by itself once the site says yes again.");
	return ENDED_ASK;
}
