/* What a freshness document means: whom and what it revokes, whether it may follow another one, whether it is current. Pure: `now_us` is an argument. Wherever a document is
 * asked, NULL is fine: a fleet without role fresh has none, and nothing is revoked. */
#ifndef COMMON_CRYPTO_FRESH_H
#define COMMON_CRYPTO_FRESH_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/crypto/dsse.h"
#include "common/model/release.h"
#include "common/model/trust.h"

bool freshness_revokes_agent(const struct freshness *f, const char *serial);
/* Withdrawn by its digest, or below the floor of its project. Only new work: what it has done may still be rolled back. */
bool freshness_revokes_release(const struct freshness *f, const struct release *r);
uint64_t freshness_floor(const struct freshness *f, const char *project); /* 0: none */

/* The trust document with the revoked keys taken out of every role but root and fresh: those two change only with the next trust document, so that a stolen fresh key
 * cannot lock the root keys out. The roles are in the arena; the rest is borrowed from `t`. Its thresholds may be out of reach: trust_check_shape is for `t` itself. */
struct trust trust_without_revoked(const struct trust *t, const struct freshness *f, struct arena *a);

/* Of the fleet of `t`, made for it or an earlier version, understood whole, not issued in the future. Whether role fresh signed it is asked before it is decoded:
 * trust_check_role. */
int freshness_check(const struct trust *t, const struct freshness *f, int64_t now_us, struct err *e) MUST_CHECK;
/* May `next` take the place of `old` (NULL: any may)? Higher version, not older, and it takes nothing back but the revocation of a key that has no role in `t` any more: a stolen
 * fresh key brings nobody back. The root keys can, by a document that takes the key out and a later one that names it anew, or by one after which `old` is over. */
int freshness_check_next(const struct trust *t, const struct freshness *old, const struct freshness *next, struct err *e) MUST_CHECK;
/* C4: is there one, and is it young enough at now_us? max_age_us 0: only its own expiry and the trust document's limit count. Without a role fresh in `t`: always. */
int freshness_check_current(const struct trust *t, const struct freshness *f, int64_t max_age_us, int64_t now_us, struct err *e) MUST_CHECK;
/* Do role fresh's keys in `t`, the next trust document, no longer vouch for this freshness document? Then it is dropped: that is how a fleet gets out when a stolen key signed a
 * version of 2^63, or revoked what is good. */
bool freshness_is_over(const struct trust *t, const struct envelope *kept);

/* May whoever signed this revocation say so? A key: any root key, or the key itself; an agent: any key of enrol or root; releases: any key of release or root. One signature
 * is enough: to stop something must be quicker than to allow it. `valid`: trust_without_revoked of `t`. */
int revocation_check(const struct trust *t, const struct trust *valid, const struct envelope *env, const struct revocation *r,
                     struct err *e) MUST_CHECK;
/* Adds it to the lists of `f`, which grow in the arena; false when it is there already. */
bool freshness_add(struct freshness *f, const struct revocation *r, struct arena *a);

#endif
