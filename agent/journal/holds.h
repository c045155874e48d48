/* What the site's people have said, in the journal: holds and consents; and the deliveries that wait for their word. Command lines write here while the agent runs; the agent
 * reads it before everything it begins. Nothing that comes over the link writes a hold or a consent. */
#ifndef AGENT_JOURNAL_HOLDS_H
#define AGENT_JOURNAL_HOLDS_H

#include "agent/journal/journal.h"

#define HOLD_ALL "*"

struct site_hold {
	const char *target; /* HOLD_ALL, or one target's id */
	const char *reason, *by; /* reason "" when none was given; by: the user at the site */
	int64_t at_us, until_us; /* until 0: until it is lifted */
};

bool site_hold_is_for(const struct site_hold *h, const char *target);
bool site_hold_in_force(const struct site_hold *h, int64_t now_us);

int journal_hold_put(struct journal *j, const struct site_hold *h, struct err *e) MUST_CHECK; /* replaces the target's own */
/* target NULL: every hold there is. *ret_n: how many were lifted. */
int journal_hold_drop(struct journal *j, const char *target, size_t *ret_n, struct err *e) MUST_CHECK;
int journal_holds(struct journal *j, struct arena *a, struct site_hold **ret, size_t *ret_n, struct err *e) MUST_CHECK;

/* The code of one whose order has ended: the site has nothing against it any more, and the controller has not answered yet that it knows. */
#define HELD_LET_GO "let-go"

/* A delivery that was offered and waits for the site: one for each task. */
struct held {
	struct task task;
	const char *code, *reason;
	int64_t until_us, at_us;
};
int journal_held_put(struct journal *j, const struct held *h, struct err *e) MUST_CHECK; /* beyond LIMIT_OPEN_TASKS of one target nothing is kept */
int journal_held_drop(struct journal *j, const uint8_t id[TASK_SIZE], struct err *e) MUST_CHECK;
int journal_helds(struct journal *j, struct arena *a, struct held **ret, size_t *ret_n, struct err *e) MUST_CHECK; /* oldest first */
/* Takes an accepted task that has not begun out of the journal again: a later offer of it is a new one. */
int journal_unaccept(struct journal *j, const uint8_t id[TASK_SIZE], uint32_t attempt, struct err *e) MUST_CHECK;

/* The site's yes to one order of one release on one target; it holds for that order's own way back, too. */
struct consent {
	const char *by;
	int64_t at_us;
	enum direction direction; /* in which it was looked at */
	bool to_ledger; /* what the ledger left to be done was shown, as it stood then: `rows`, and the head over them. Otherwise the whole release was */
	uint64_t rows;
	uint8_t head[DIGEST_SIZE];
};
int journal_consent_put(struct journal *j, const struct task *t, const struct consent *c, struct err *e) MUST_CHECK; /* replaces an earlier one */
int journal_consent_get(struct journal *j, const struct task *t, struct arena *a, bool *ret_found, struct consent *ret, struct err *e) MUST_CHECK;
int journal_consent_drop(struct journal *j, const struct task *t, struct err *e) MUST_CHECK; /* the site is asked again */
int journal_consented(struct journal *j, const struct task *t, bool *ret, struct err *e) MUST_CHECK;

#endif
