/* What a trust document means: roles, thresholds over distinct public keys, the chain from one version to the next. Pure: `now_us` is an argument. */
#ifndef COMMON_CRYPTO_TRUST_H
#define COMMON_CRYPTO_TRUST_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/crypto/dsse.h"
#include "common/model/target.h"
#include "common/model/trust.h"

const struct trust_role *trust_role(const struct trust *t, const char *name); /* NULL if there is none */
const struct trust_key *trust_key(const struct trust *t, const char *id);

/* Well-formed in itself: names, no duplicate keys or public keys, each threshold reachable, root and release present, no unknown `critical`. ERR_PARSE with what to do. */
int trust_check_shape(const struct trust *t, struct err *e) MUST_CHECK;

#define CLOCK_SKEW_US ((int64_t)10 * 60 * 1000000) /* between the people who sign and this machine */

/* A first (pinned) document: signed by its own root threshold, neither expired at now_us nor made later. */
int trust_check_self(const struct trust *t, const struct envelope *env, int64_t now_us, struct err *e) MUST_CHECK;
/* A successor: version exactly one more, signed by the root threshold of `old` and of `next`; that `next` has neither expired nor was made later is asked only when `final`. */
int trust_check_next(const struct trust *old, const struct trust *next, const struct envelope *env, bool final, int64_t now_us,
                     struct err *e) MUST_CHECK;

/* Neither expired at now_us nor made later. */
int trust_check_time(const struct trust *t, int64_t now_us, struct err *e) MUST_CHECK;

/* The time that a document proves to be over: that of its making; 0 when that is ahead of this clock, as it is of one that was made on a machine with a wrong clock. While such a one
 * is in use C5 refuses by it; were it kept as seen, no successor could end that. */
int64_t trust_attests_us(const struct trust *t, int64_t now_us);

/* Counts the role's distinct public keys that signed the envelope under `expected_type`. ret_signers (may be NULL) gets up to `max` pointers to their keys. */
size_t trust_count_signers(const struct trust *t, const char *role, const struct envelope *env, const char *expected_type,
                           const struct trust_key **ret_signers, size_t max);
/* 0 when the role's threshold is met; ERR_SIGNATURE "release: 1 of 2 signatures (release): signed by alice; have one of bob, carol sign it" otherwise. */
int trust_check_role(const struct trust *t, const char *role, const struct envelope *env, const char *expected_type, struct err *e) MUST_CHECK;

/* The roles that decide about a target of an environment: approver/ENVIRONMENT, and each approver/ENVIRONMENT/NAME, as far as their scopes cover it. Each of them must reach its
 * own threshold. A scope is a selector; one that holds is enough; a role without scopes covers everything. target NULL: all roles of the environment. Selectors are parsed into
 * `a`. Returns how many are in ret. */
size_t trust_approver_roles(const struct trust *t, const char *environment, const struct target *target, struct arena *a,
                            const struct trust_role *ret[APPROVER_ROLES_MAX]);
/* site/SITE when the document has it, otherwise site; NULL when it has neither. */
const struct trust_role *trust_site_role(const struct trust *t, const char *site);
/* gate/ENVIRONMENT when the document has it, otherwise gate; NULL: waves begin on the controller's word. */
const struct trust_role *trust_gate_role(const struct trust *t, const char *environment);
bool trust_role_has(const struct trust_role *r, const char *key_id);

#define TRUST_KEYS_MAX  1000
#define TRUST_WORD_SIZE 64
/* "release" of "application/vnd.rollcall.release.v1+protobuf", "document" of anything else. Returns out. */
const char *trust_type_word(const char *type, char out[TRUST_WORD_SIZE]);
/* Adds "1 of 2 signatures (release): signed by alice; have one of bob, carol": the caller says what they are to do. `n` is below the threshold. */
void trust_missing_text(const struct trust *t, const struct trust_role *r, const struct trust_key *const *signers, size_t n, struct buf *ret);

#endif
