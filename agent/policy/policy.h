/* What a site says for itself: its policy document, the holds and consents of its people, and check C2, which joins them. The controller has no part in any of it: it can
 * neither change nor lift what stands here. The document is YAML that the agent itself cannot change: signed by the site role of the trust document, or owned by root.
 *
 *   site: eu
 *   version: 3                                   an older one than was used before is refused
 *   zone: Europe/Berlin                          of every time below; default UTC
 *   windows:                                     when a delivery may begin
 *     - {days: mon-fri, from: "22:00", to: "04:00", targets: ["eu/pg1/?*"]}
 *   blackouts:
 *     - {from: 2026-12-20, to: 2027-01-02, reason: year end}
 *   consent: ["eu/pg1/bank"]                     globs: nothing begins there until the site says yes
 *   statements: {deny: [DROP TABLE, "ALTER SYSTEM*"], deny_classes: [X]}
 *   minimum_approvals: 2                         of each order, whatever the trust document asks
 *   break_glass: {keys: [ann, ben], site_keys: [dave], minimum: 2}   of those whom the trust document lets declare an emergency, the ones that count here, by name
 *                                                or id; minimum is of role break-glass. {keys: [none]}: nobody, the environment's approvers decide in an emergency too
 *   wave_gate: signed                            C12 whatever the trust document says: no later wave on the controller's word alone
 *   drift: refuse                                C17: nothing runs where the schema is not as the last delivery left it; report (default) tells the centre
 *   longest_lock: 3s                             caps lock_timeout of agent.yaml, also of later tries; C21: refused where the session, or a SET of the release, says otherwise. Left
 *                                                out: a SET of the release may say what agent.yaml says, and no more
 *   longest_statement: 10m                       the same of statement_timeout
 *   largest_table: 20GB, 5000000 rows            nothing rewrites, locks or changes a larger one, but in batches or CONCURRENTLY
 */
#ifndef AGENT_POLICY_POLICY_H
#define AGENT_POLICY_POLICY_H

#include "agent/journal/holds.h"
#include "agent/policy/calendar.h"
#include "agent/verify/verify.h"
#include "common/sql/classify.h"
#include "common/model/trust.h"

#define TYPE_SITE_POLICY "application/vnd.rollcall.site-policy.v1+yaml"

struct table_limit { /* 0: none */
	uint64_t bytes, rows;
};

struct policy {
	const char *site, *source; /* source: who vouches for it, for people: "signed by dave", "owned by root" */
	uint8_t digest[DIGEST_SIZE]; /* of its text; zero: there is none */
	uint64_t version;
	const struct zone *zone;
	struct calendar calendar;
	const char **consent;
	size_t n_consent;
	const char **deny; /* globs over statement verbs */
	size_t n_deny;
	bool deny_class[STEP_CLASS_COUNT];
	uint32_t minimum_approvals;
	struct break_glass_rule break_glass;
	bool wave_gate_signed, refuse_drift;
	uint32_t longest_lock_ms, longest_statement_ms; /* 0: no cap */
	bool lock_of_config, statement_of_config; /* that cap is agent.yaml's: policy_default_caps */
	struct table_limit largest_table;
};

/* Reads the text, checks all of it; "NAME:LINE: what: what to do". Lives in the arena. */
int policy_parse(const char *name, struct bytes text, struct arena *a, struct policy *ret, struct err *e) MUST_CHECK;
/* The file of a site: its text must be vouched for, and be for `site`. ERR_POLICY when the agent's own user could have written it. */
int policy_load(const char *path, const struct trust *t, const char *site, struct arena *a, struct policy *ret, struct err *e) MUST_CHECK;

/* C2 before a delivery begins. Pure. */
enum policy_answer { POLICY_YES, POLICY_HOLD, POLICY_WINDOW, POLICY_CONSENT, POLICY_UNREADABLE };
struct policy_facts {
	const struct policy *policy; /* NULL: the site has none */
	const char *unreadable; /* why its document cannot be believed just now; NULL otherwise */
	const struct site_hold *holds;
	size_t n_holds;
	const char *target;
	bool consented;
	int64_t now_us;
};
struct policy_verdict {
	enum policy_answer answer;
	int64_t until_us; /* when it is worth asking again; 0: nobody can say */
	char reason[768]; /* "" for POLICY_YES */
};
void policy_decide(const struct policy_facts *f, struct policy_verdict *ret);
/* The code of a REFUSE: "hold", "window", "consent", "policy-unreadable"; "" for POLICY_YES. */
const char *policy_answer_code(enum policy_answer a);
bool policy_wants_consent(const struct policy *p, const char *target);

/* Once the papers are read: the check that refuses, with ERR_POLICY. Statements and classes that the site does not allow (C2), and settings that would lift its time-outs (C21), in the
 * direction of the delivery: the same for every target of an engine, so that a verdict can be kept. */
enum check_code policy_check_statements(const struct policy *p, const struct verified *v, const char *engine, struct err *e) MUST_CHECK;
/* Too few approvals for the site, or an emergency that others declared than it counts (C2), and a wave that no gate's key let begin (C12). */
enum check_code policy_check_order(const struct policy *p, const struct verified *v, struct err *e) MUST_CHECK;
/* Everything that policy_check_statements answers from, but the release, its direction and the engine. */
void policy_digest(const struct policy *p, uint8_t ret[DIGEST_SIZE]);

/* C21 where the policy leaves a cap open, or the site has no policy: what agent.yaml gives a session is the longest that a release may give itself. */
void policy_default_caps(struct policy *p, uint32_t lock_ms, uint32_t statement_ms);

/* What agent.yaml gives, lowered to what the site allows: the lock time-out of the first try, that of the last, and the statement's. */
void policy_cap_timeouts(const struct policy *p, uint32_t *lock_ms, uint32_t *lock_max_ms, uint32_t *statement_ms);
/* C21: NULL unless the statement sets a time-out of its session to none or to more than the site allows, or to what cannot be told; then why, in `a`. Pure. */
const char *policy_lifts_timeout(const struct policy *p, enum dialect d, struct bytes sql, struct arena *a);

/* Does a statement of this class rewrite, lock or change a table as a whole? POLICY_TABLE_UNKNOWN: it does, and which one cannot be told. */
enum policy_table { POLICY_TABLE_NONE, POLICY_TABLE_NAMED, POLICY_TABLE_UNKNOWN };
enum policy_table policy_table_of(const struct sql_class *c, const char **ret_schema, const char **ret_table);
/* "20GB, 5000000 rows" */
int table_limit_parse(const char *text, struct table_limit *ret, struct err *e) MUST_CHECK;
const char *table_limit_text(const struct table_limit *l, struct arena *a); /* "20.0 GB, 5000000 rows"; "none" */
const char *table_bytes_text(uint64_t bytes, struct arena *a); /* "1.5 GB" */

#endif
