/* See the header. */
#include "controller/release/approve.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"

#define ROLES_ARENA ((size_t)256 * 1024)

static int check_release(const struct approval_terms *t, const struct sign_key *k, struct err *e)
{
	uint8_t digest[DIGEST_SIZE], public_key[SIGN_PUBLIC_SIZE];
	if (!str_eq(t->release->type, TYPE_RELEASE))
		return err_set(e, ERR_POLICY, "what was given as the release is another document: nothing was signed");
	digest_sha256(t->release->payload, digest);
	if (memcmp(digest, t->order->release_digest, DIGEST_SIZE) != 0)
		return err_set(e, ERR_POLICY, "order %s is for another release (%s %s): nothing was signed; ask for the order of this release", t->order->id,
		               t->order->project, t->order->release_version);
	sign_key_public(k, public_key);
	if (dsse_signed_by(t->release, TYPE_RELEASE, public_key))
		return err_set(e, ERR_POLICY, "this key signed the release itself, so its approval would not count: have somebody else approve");
	return 0;
}

static int check_terms(const struct approval_terms *t, struct err *e)
{
	char at[CLOCK_TEXT_SIZE];
	if (t->targets != t->order->target_count)
		return err_set(e, ERR_POLICY, "you count %" PRIu64 " targets, order %s has %" PRIu32 ": nothing was signed; look at what the plan selects",
		               t->targets, t->order->id, t->order->target_count);
	if (t->now_us >= t->order->not_after_us)
		return err_set(e, ERR_POLICY, "order %s ended at %s: nothing was signed; start a new rollout", t->order->id,
		               clock_text(t->order->not_after_us, at));
	return 0;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **sorted(const char *const *list, size_t n, struct arena *a)
{
	const char **copy = arena_alloc(a, (n + 1) * sizeof *copy);
	for (size_t i = 0; i < n; i++)
		copy[i] = list[i];
	qsort(copy, n, sizeof *copy, compare_text);
	return copy;
}

int approval_make(const struct approval_terms *t, const struct sign_key *k, struct arena *a, struct envelope *ret, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (check_terms(t, e) != 0 || (t->release && check_release(t, k, e) != 0))
		return -1;
	int64_t ends_us = t->order->not_after_us;
	if (t->n_break_glass && ends_us > t->now_us + BREAK_GLASS_US_MAX)
		ends_us = t->now_us + BREAK_GLASS_US_MAX;
	struct approval p = {.environment = t->order->environment,
	                     .approver = t->approver,
	                     .reason = t->reason,
	                     .target_count = t->order->target_count,
	                     .created_at_us = t->now_us,
	                     .expires_at_us = t->expires_at_us ? t->expires_at_us : ends_us,
	                     .break_glass = sorted(t->break_glass, t->n_break_glass, a),
	                     .n_break_glass = t->n_break_glass};
	memcpy(p.order_digest, t->order->digest, DIGEST_SIZE);
	memcpy(p.release_digest, t->order->release_digest, DIGEST_SIZE);
	approval_encode(&p, &b);
	struct approval again;
	if (approval_decode(buf_bytes(&b), a, &again, e) != 0)
		return -1;
	*ret = (struct envelope){.type = TYPE_APPROVAL, .payload = arena_bytes(a, buf_bytes(&b))};
	return dsse_sign(ret, k, a, e);
}

int approvals_needed(const struct trust *t, const char *environment)
{
	AUTO(arena_destroy) struct arena *a = arena_new(ROLES_ARENA);
	const struct trust_role *roles[APPROVER_ROLES_MAX];
	size_t n = trust_approver_roles(t, environment, NULL, a, roles);
	int needed = 0;
	for (size_t i = 0; i < n; i++)
		needed += (int)roles[i]->threshold;
	return n ? needed : -1;
}
