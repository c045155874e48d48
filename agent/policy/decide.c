/* Check C2: may a delivery begin here, now? */
#include <stdio.h>

#include "agent/policy/policy.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

const char *policy_answer_code(enum policy_answer a)
{
	static const char *const codes[] = {[POLICY_YES] = "",
	                                    [POLICY_HOLD] = "hold",
	                                    [POLICY_WINDOW] = "window",
	                                    [POLICY_CONSENT] = "consent",
	                                    [POLICY_UNREADABLE] = "policy-unreadable"};
	return codes[a];
}

bool policy_wants_consent(const struct policy *p, const char *target)
{
	for (size_t i = 0; p && i < p->n_consent; i++)
		if (str_glob(p->consent[i], target))
			return true;
	return false;
}

/* The hold that lasts longest of those in force: naming an earlier end would promise too much. */
static const struct site_hold *hold_of(const struct policy_facts *f)
{
	const struct site_hold *found = NULL;
	for (size_t i = 0; i < f->n_holds; i++) {
		const struct site_hold *h = &f->holds[i];
		if (!site_hold_is_for(h, f->target) || !site_hold_in_force(h, f->now_us))
			continue;
		if (!found || h->until_us == 0 || (found->until_us && h->until_us > found->until_us))
			found = h;
	}
	return found;
}

static void say_hold(const struct site_hold *h, struct policy_verdict *ret)
{
	char until[CLOCK_TEXT_SIZE];
	ret->answer = POLICY_HOLD;
	ret->until_us = h->until_us;
	snprintf(ret->reason, sizeof ret->reason, "held by the site (%s)%s%s%s%s", h->by, h->until_us ? " until " : "",
	         h->until_us ? clock_text(h->until_us, until) : "", str_empty(h->reason) ? "" : ": ", str_empty(h->reason) ? "" : h->reason);
}

static void say_closed(const struct policy_facts *f, const struct blackout *b, struct policy_verdict *ret)
{
	char next[CLOCK_TEXT_SIZE];
	ret->answer = POLICY_WINDOW;
	ret->until_us = calendar_next_open(&f->policy->calendar, f->target, f->now_us);
	snprintf(ret->reason, sizeof ret->reason, "%s%s%s; %s%s", b ? "the site's blackout" : "the site's maintenance window is closed",
	         b && b->reason ? ": " : "", b && b->reason ? b->reason : "",
	         ret->until_us ? "it opens at " : "its calendar has no opening in the next 400 days",
	         ret->until_us ? clock_text(ret->until_us, next) : "");
}

void policy_decide(const struct policy_facts *f, struct policy_verdict *ret)
{
	const struct site_hold *h = hold_of(f);
	const struct blackout *b = NULL;
	*ret = (struct policy_verdict){.answer = POLICY_YES};
	if (h) {
		say_hold(h, ret);
	} else if (f->unreadable) {
		ret->answer = POLICY_UNREADABLE;
		snprintf(ret->reason, sizeof ret->reason, "the site's policy cannot be believed, so nothing begins: %s", f->unreadable);
	} else if (f->policy && !calendar_is_open(&f->policy->calendar, f->target, f->now_us, &b)) {
		say_closed(f, b, ret);
	} else if (policy_wants_consent(f->policy, f->target) && !f->consented) {
		ret->answer = POLICY_CONSENT;
		snprintf(ret->reason, sizeof ret->reason, "the site has not said yes yet: there, 'rollcall-agent consent %s' shows it", f->target);
	}
}
