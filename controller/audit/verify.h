/* What an audit bundle proves, worked out from its bytes alone: hashes, signatures, who had said yes before what was sent, and that nothing is missing. It believes the
 * trust document (the auditor's own, or the bundle's, of which it says so) and no word of the controller. Pure but for memory. */
#ifndef CONTROLLER_AUDIT_VERIFY_H
#define CONTROLLER_AUDIT_VERIFY_H

#include "common/model/trust.h"
#include "controller/audit/bundle.h"

struct audit_check {
	const char *name, *says; /* static storage */
	size_t looked_at, wrong;
};

struct audit_finding {
	const char *check, *place, *text; /* place: "row 412", "report eu-1/1/7" */
};

#define AUDIT_CHECKS 12
struct audit_result {
	struct audit_check checks[AUDIT_CHECKS];
	struct audit_finding *findings;
	size_t n_findings, cap_findings;
};

/* Each document is held against the trust document that was in force at its row of the log. Those are the bundle's, as far as each follows the one before from `pinned` on; `pinned`
 * NULL: from the bundle's first on. Findings in `a`; at most AUDIT_FINDINGS_MAX are kept for each check, all are counted. */
#define AUDIT_FINDINGS_MAX 20
/* That chain of trust documents, newest first. Returns how many; 0: nothing is to be believed. */
size_t audit_trusts(const struct bundle *b, const struct trust *pinned, struct arena *a, const struct trust ***ret);
void audit_verify(const struct bundle *b, const struct trust *pinned, struct arena *a, struct audit_result *ret);

#endif
