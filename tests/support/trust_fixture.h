/* A small fleet for tests: keys, trust document, a signed release, an order over targets, approvals and a proof, all really signed.
 *
 *   struct trust_fixture f;
 *   trust_fixture_init(&f);            the defaults below; change any of f.trust, f.release, f.order, f.targets, f.release_signers, f.approvals
 *   trust_fixture_build(&f);           digests, signs and encodes what stands there now; may be called again after more changes
 *   ... f.release_bytes, f.dossier_bytes, f.proof, f.trust_bytes ...
 *   trust_fixture_done(&f);
 *
 * Fleet "test": root 2 of root-1, root-2, root-3; release 2 of alice, bob, ci; approver/production 2 of carol, dave, alice; approver/dev threshold 0, no keys;
 * enrol 1 of erin. mallory is in no role. Release shop 1.2.0, sequence 7, signed by alice and bob, two changesets for three engines. Order: apply in production,
 * waves "canary" (1 target) and "rest" (4), approved by carol and dave. Now is f.now_us; everything holds from an hour before to a day after. */
#ifndef TESTS_SUPPORT_TRUST_FIXTURE_H
#define TESTS_SUPPORT_TRUST_FIXTURE_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/crypto/merkle.h"
#include "common/crypto/sign.h"
#include "common/model/order.h"
#include "common/model/release.h"
#include "common/model/trust.h"

#define FIXTURE_TARGETS 5
#define FIXTURE_SIGNERS 8
#define FIXTURE_HOUR    ((int64_t)3600 * 1000000)

enum fixture_person { ROOT_1, ROOT_2, ROOT_3, ALICE, BOB, CI, CAROL, DAVE, ERIN, MALLORY, FIXTURE_PEOPLE };

struct fixture_approval {
	enum fixture_person by;
	void (*edit)(struct approval *p); /* NULL: as it should be */
};

struct fixture_gate_pass { /* of wave canary, made half an hour ago, good for a day */
	enum fixture_person by;
	void (*edit)(struct gate_pass *p); /* NULL: as it should be */
};

struct trust_fixture {
	struct arena *arena;
	int64_t now_us;
	struct sign_key *keys[FIXTURE_PEOPLE];
	const char *key_ids[FIXTURE_PEOPLE];

	struct trust trust;
	struct release release;
	struct order order; /* release and target fields are filled by build, unless keep_order_links */
	struct merkle_leaf targets[FIXTURE_TARGETS]; /* "eu/pg-1/shop_1" ... of waves 0, 1, 1, 1, 1 */
	uint32_t target_index; /* whose proof; default 2 */
	enum fixture_person trust_signers[FIXTURE_SIGNERS], release_signers[FIXTURE_SIGNERS];
	size_t n_trust_signers, n_release_signers;
	struct fixture_approval approvals[FIXTURE_SIGNERS];
	size_t n_approvals;
	struct fixture_gate_pass gate_passes[FIXTURE_SIGNERS]; /* default: none */
	size_t n_gate_passes;
	bool keep_digests; /* leave the release's step and changeset digests as they stand */
	bool keep_order_links;

	struct envelope trust_envelope, release_envelope;
	struct bytes trust_bytes, release_bytes, order_bytes, dossier_bytes; /* what would travel; in the arena */
	struct merkle_proof proof;
};

void trust_fixture_init(struct trust_fixture *f);
void trust_fixture_build(struct trust_fixture *f);
void trust_fixture_done(struct trust_fixture *f);

/* An envelope over any bytes, signed by one person; encoded, in the arena. */
struct bytes trust_fixture_sign(struct trust_fixture *f, const char *type, struct bytes payload, enum fixture_person by);
struct trust_role *trust_fixture_role(struct trust_fixture *f, const char *name);
/* A freshness document with the fleet, trust version and an hour's life filled in where they are zero, signed. */
struct bytes trust_fixture_fresh(struct trust_fixture *f, const struct freshness *from, enum fixture_person by);
struct bytes trust_fixture_revocation(struct trust_fixture *f, enum revocation_kind kind, const char *subject, enum fixture_person by);
/* Sets who holds a role; a new one is added. */
void trust_fixture_set_role(struct trust_fixture *f, const char *name, uint32_t threshold, const enum fixture_person *who, size_t n);
/* Step with the given statements, separated by NULL at the end. */
struct step trust_fixture_step(struct trust_fixture *f, enum step_class class, ...);

#endif
