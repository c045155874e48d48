/* What the checks of an audit share: verify.c holds their table, verify_documents.c those about what people signed, verify_reports.c those about what agents signed. */
#ifndef CONTROLLER_AUDIT_VERIFY_IMPL_H
#define CONTROLLER_AUDIT_VERIFY_IMPL_H

#include "common/wire/documents.h"
#include "controller/audit/verify.h"

struct signed_report {
	const struct bundle_document *document;
	const char *agent;
	uint64_t journal, seq;
	uint8_t hash[DIGEST_SIZE]; /* of the envelope */
	struct report report; /* valid when `ok` */
	bool ok;
};

/* A version of the trust document, and the row of the log from which on it was in force. */
struct trust_step {
	const struct trust *trust;
	uint64_t since;
	bool logged; /* false: the first, or put in the controller's folder by hand; since then is that of the one before */
};

struct verify {
	const struct bundle *b;
	const struct trust *pinned; /* the auditor's own, or NULL */
	struct trust_step *steps; /* by version; none: there is nothing to believe */
	size_t n_steps;
	struct arena *a;
	struct audit_result *result;
	struct audit_check *check; /* the one that runs */
	const struct audit_row **by_evidence; /* rows that have some, sorted by it */
	size_t n_by_evidence;
	struct certificate *certificates;
	size_t n_certificates;
	struct signed_report *reports; /* by agent, journal, number */
	size_t n_reports;
};

typedef void verify_fn(struct verify *v);
verify_fn verify_chain, verify_outcomes, verify_countersigned; /* verify.c */
verify_fn verify_trust; /* verify_trust.c */
verify_fn verify_certificates, verify_releases, verify_orders, verify_approvals; /* verify_documents.c */
verify_fn verify_gates; /* verify_gates.c */
verify_fn verify_reports, verify_report_chain; /* verify_reports.c */
verify_fn verify_shown; /* verify_shown.c */

void verify_wrong(struct verify *v, const char *place, const char *fmt, ...) PRINTF_LIKE(3, 4);
const char *verify_row_place(const struct verify *v, const struct audit_row *r);
bool verify_is_outcome(const char *state); /* of a delivery */
/* The versions that may have been in force at this row (0: whenever), as steps[from] to steps[to - 1]: one, or several when some were not logged. */
struct trust_span {
	size_t from, to;
};
struct trust_span verify_trust_at(const struct verify *v, uint64_t seq);
/* Is it signed by as many of the role as one of them wants? `row` NULL: whenever. The refusal is the newest one's. */
int verify_signed(const struct verify *v, const struct audit_row *row, const char *role, const struct envelope *env, const char *type,
                  struct err *e) MUST_CHECK;
void verify_index_rows(struct verify *v); /* before verify_row_of */
/* The row of this event (NULL: any) whose evidence is this hash; NULL if there is none. */
const struct audit_row *verify_row_of(const struct verify *v, const char *event, const uint8_t hash[DIGEST_SIZE]);
/* Does the bundle hold every document of every target, so that one that is missing is wrong? */
bool verify_is_whole(const struct verify *v, const struct audit_row *r);

#endif
