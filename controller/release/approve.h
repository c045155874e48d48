/* Making an approval: a small document of its own that names exactly one order, release, environment and number of targets, signed by one person. */
#ifndef CONTROLLER_RELEASE_APPROVE_H
#define CONTROLLER_RELEASE_APPROVE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/crypto/sign.h"
#include "common/model/order.h"
#include "common/model/trust.h"

struct approval_terms {
	const struct order *order; /* decoded from the bytes that are to be approved */
	const struct envelope *release; /* the signed release that the order names; NULL: not at hand, nothing is compared */
	uint64_t targets; /* as the approver counts them */
	const char *approver, *reason;
	int64_t now_us, expires_at_us; /* expires 0: when the order ends, or after 4 hours in an emergency */
	const char *const *break_glass; /* each target of the order, in any order: an emergency's approval. NULL: an ordinary one */
	size_t n_break_glass;
};

/* ERR_POLICY when the order is for another release, has another number of targets or is over, or when the key signed the release itself; nothing is signed then. */
int approval_make(const struct approval_terms *t, const struct sign_key *k, struct arena *a, struct envelope *ret, struct err *e) MUST_CHECK;

/* How many approvals an environment needs: the role's threshold, or -1 when the trust document has no such role. */
struct trust;
int approvals_needed(const struct trust *t, const char *environment);

#endif
