/* Inside of verify_delivery, shared by its files alone. */
#ifndef AGENT_VERIFY_DELIVERY_H
#define AGENT_VERIFY_DELIVERY_H

#include "agent/verify/verify.h"
#include "common/crypto/trust.h"
#include "common/wire/limits.h"

/* An approver's key with the approval that it signed, both checked against the order's bytes. */
struct vote {
	const struct trust_key *key;
	struct approval approval;
};

#define VOTES_MAX (LIMIT_APPROVALS * ENVELOPE_SIGNATURES_MAX)

struct delivery {
	const struct verify_facts *f;
	struct arena *a;
	struct trust valid; /* f->trust without revoked keys: whose signatures count */
	int64_t now_us; /* f->now_us, or the newest signed time when the clock is a little behind that */
	struct envelope release_envelope;
	struct dossier dossier;
	uint8_t order_digest[DIGEST_SIZE]; /* of the bytes in the dossier, before they are decoded */
	const struct trust_role *roles[APPROVER_ROLES_MAX]; /* that decide about the local target */
	size_t n_roles;
	struct vote votes[VOTES_MAX];
	size_t n_votes;
	bool break_glass; /* the environment's approvers did not decide, but an emergency was declared: see break_glass.c */
	struct buf not_counted; /* for the message: "; not counted: ..." */
	struct verified v;
};

/* Two halves, with the decoding of the order between them: who approved exactly these order bytes, and did they name its exact number of targets? */
int approvals_collect(struct delivery *d, struct err *e) MUST_CHECK;
int approvals_check_counts(struct delivery *d, struct err *e) MUST_CHECK;

/* An emergency: 2 or more keys of role break-glass, and besides them one of the site's, over exactly this order, whose targets each of them names. Fills votes. False: no. */
bool break_glass_collect(struct delivery *d);
const struct break_glass *break_glass_declared(const struct delivery *d); /* by the votes as they stand; NULL: they are not enough */
const char *approval_misfit(const struct delivery *d, const struct approval *p); /* why it does not count; NULL: it does */
bool approvals_has_voted(const struct delivery *d, const struct trust_key *k);

/* C12: the target's wave may begin. Notes who signed that the wave before it has passed. */
int gate_check(struct delivery *d, struct err *e) MUST_CHECK;

/* May the changeset's dbms attribute leave the engine out? "postgresql, !mariadb", "all", "none"; NULL: no. */
bool dbms_allows(const char *dbms, const char *engine);

#endif
