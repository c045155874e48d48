/* Releases that were checked whole a moment ago. A release goes to each target of an agent, and its signatures, digests and statements are the same every time: they are
 * checked once, and again whenever anything that the verdict stands on has changed, which is all in the key. In memory, for all runners; a restart forgets it. */
#ifndef AGENT_VERIFY_VERDICTS_H
#define AGENT_VERIFY_VERDICTS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/verify/trusted.h"
#include "common/model/order.h"

/* Over the envelope's address (its hash was compared when it was read), the documents believed, and the engine whose statements were read. */
void verdict_key(const uint8_t release_hash[DIGEST_SIZE], const struct trusted *t, const char *engine, uint8_t ret[DIGEST_SIZE]);
/* Of its statements under a site's policy: over what the policy says (agent/policy/policy.h), in one direction. */
void verdict_key_site(const uint8_t release_hash[DIGEST_SIZE], const uint8_t policy[DIGEST_SIZE], const char *engine, enum direction d,
                      uint8_t ret[DIGEST_SIZE]);
bool verdict_is_good(const uint8_t key[DIGEST_SIZE]);
void verdict_keep(const uint8_t key[DIGEST_SIZE]); /* it was good */

/* dsse_signed_by, which is a pure function of its arguments and costs a hundred microseconds: what it said is remembered for exactly these bytes and this key. */
bool verdict_signed_by(const struct envelope *env, const char *expected_type, const uint8_t public_key[SIGN_PUBLIC_SIZE]);

#endif
