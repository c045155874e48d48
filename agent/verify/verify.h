/* What the site checks before anything touches a database: the checks in their order, as pure functions over gathered facts. All or nothing. Each refusal carries its
 * code (C3 trust, C6 release-signatures, ...) and says what to do. Source: DESIGN.md section 5. */
#ifndef AGENT_VERIFY_VERIFY_H
#define AGENT_VERIFY_VERIFY_H

#include "agent/verify/break_glass.h"
#include "agent/verify/checks.h"
#include "common/base/arena.h"
#include "common/model/order.h"
#include "common/model/release.h"
#include "common/model/trust.h"
#include "common/wire/documents.h"

struct verify_facts {
	const struct trust *trust; /* the newest believed, its chain checked when it was taken */
	const struct freshness *freshness; /* the newest believed; NULL: none */
	int64_t attested_us; /* the newest signed time seen */
	int64_t fresh_max_age_us; /* the site's own limit; 0: none */
	bool begun; /* an earlier run has begun it: it is finished even when no fresh document comes any more */
	struct bytes release_envelope; /* as pulled, address already checked */
	bool release_checked; /* this very envelope passed C3's shape, C6, C18, C19 and C20 before, under the same documents: agent/verify/verdicts.h */
	struct bytes dossier;
	struct merkle_proof proof;
	const char *target, *environment, *engine; /* of the local target */
	const struct label *labels; /* the same: from agent.yaml, never from the controller */
	size_t n_labels;
	const char *agent_version;
	uint32_t epoch, max_epoch;
	enum direction direction; /* of the offer: must be the order's, or one that order_allows_rollback says */
	int64_t now_us;
};

struct verified { /* decoded from exactly the bytes that were verified; in the arena */
	struct release release;
	struct order order;
	enum direction direction; /* of the offer, allowed by the order */
	const char **approvers; /* owners of the keys that count */
	size_t n_approvers;
	const struct break_glass *break_glass; /* the emergency that they declared in place of the environment's approvers; NULL: none */
	const char *wave_before; /* whose gate stands before the target's wave; NULL: none does */
	const char **gate_signers; /* owners of the keys that said so, where the trust document has a role gate */
	size_t n_gate_signers;
	int64_t signed_us; /* the newest time in what was signed */
};

/* CHECK_NONE, or the check that refuses it, with ERR_SIGNATURE or ERR_POLICY. */
enum check_code verify_delivery(const struct verify_facts *f, struct arena *a, struct verified *ret, struct err *e) MUST_CHECK;

/* C8, C16 and the like need the ledger; called by apply once it is read, and look at the rows of the release's project: sequence not older than the highest that the ledger or
 * the journal knows in effect unless this is a rollback, and not further ahead than max_step; no changeset that is applied with another content. */
struct ledger;
struct sequence_known {
	uint64_t in_journal; /* of the project, in effect on the target when a delivery last ended well there; 0: not known */
	uint64_t floor; /* of the project, by the freshness document; 0: none */
	uint64_t max_step; /* 0: any */
};
enum check_code verify_against_ledger(const struct verified *v, const struct ledger *l, const struct sequence_known *known, const char *engine,
                                      struct err *e) MUST_CHECK;

/* Every statement is one statement, and its class derived here equals the manifest's (C20); no transaction control, and class X only where the site allows it
 * (C19; limits: {class_x: true} in agent.yaml): the release's signers have said yes to it by the gate, the site says yes for itself. */
enum check_code verify_statements(const struct release *r, const char *engine, bool allow_class_x, struct err *e) MUST_CHECK;

#endif
