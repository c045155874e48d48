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
	const char *rests_on; /* which trust document is believed, whose it is, and which others follow from it */
};

/* Each document is held against the trust document that was in force at its row of the log. Those are the bundle's: behind `pinned` each that the root keys of the one before and its
 * own have signed, step by step; before it each that the root keys of the one after have signed as well, provided that the log tells when `pinned` came. `pinned` NULL: from
 * the bundle's first on. Findings in `a`; at most AUDIT_FINDINGS_MAX are kept for each check, all are counted. */
#define AUDIT_FINDINGS_MAX 20
/* That chain of trust documents, newest first. Returns how many; 0: nothing is to be believed. */
size_t audit_trusts(const struct bundle *b, const struct trust *pinned, struct arena *a, const struct trust ***ret);
void audit_verify(const struct bundle *b, const struct trust *pinned, struct arena *a, struct audit_result *ret);

#endif
