/* Approvals: each is a small signed document of its own. One that does not fit is not an error, it just does not count, and the refusal says why. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/verify/delivery.h"
#include "agent/verify/verdicts.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/trust.h"

static void not_counted(struct delivery *d, const char *who, const char *why)
{
	buf_addf(&d->not_counted, "%s%s (%s)", d->not_counted.n ? ", " : "; not counted: ", who, why);
}

/* NULL when the approval is for exactly this; its target count is compared once the order is decoded. */
const char *approval_misfit(const struct delivery *d, const struct approval *p)
{
	if (memcmp(p->order_digest, d->order_digest, DIGEST_SIZE) != 0)
		return "approves another order";
	if (memcmp(p->release_digest, d->v.release.digest, DIGEST_SIZE) != 0)
		return "approves another release";
	if (!str_eq(p->environment, d->f->environment))
		return "approves another environment";
	if (d->now_us >= p->expires_at_us)
		return "expired";
	if (p->n_break_glass && !d->break_glass)
		return "is for an emergency";
	return NULL;
}

bool approvals_has_voted(const struct delivery *d, const struct trust_key *k)
{
	for (size_t i = 0; i < d->n_votes; i++)
		if (memcmp(d->votes[i].key->public_key, k->public_key, SIGN_PUBLIC_SIZE) == 0)
			return true;
	return false;
}

static void add_vote(struct delivery *d, const struct trust_key *k, const struct approval *p)
{
	const char *why = approval_misfit(d, p);
	if (why)
		not_counted(d, k->owner, why);
	else if (verdict_signed_by(&d->release_envelope, TYPE_RELEASE, k->public_key))
		not_counted(d, k->owner, "the key signed the release itself");
	else if (!approvals_has_voted(d, k) && d->n_votes < VOTES_MAX)
		d->votes[d->n_votes++] = (struct vote){.key = k, .approval = *p};
}

/* A key may hold several roles; its approval is read once. */
static bool is_in_earlier_role(const struct delivery *d, size_t role, const char *key_id)
{
	for (size_t i = 0; i < role; i++)
		if (trust_role_has(d->roles[i], key_id))
			return true;
	return false;
}

static int read_approval(struct delivery *d, struct bytes data, struct err *e)
{
	struct envelope env;
	if (envelope_decode(data, d->a, &env, e) != 0)
		return err_wrap(e, "approval");
	struct approval p;
	bool decoded = false;
	for (size_t r = 0; r < d->n_roles; r++) {
		for (size_t i = 0; i < d->roles[r]->n_key_ids; i++) {
			const struct trust_key *k = trust_key(&d->valid, d->roles[r]->key_ids[i]);
			if (!k || is_in_earlier_role(d, r, k->id) || !verdict_signed_by(&env, TYPE_APPROVAL, k->public_key))
				continue;
			/* Only now, with a signature of the role over exactly these bytes, are they read. */
			if (!decoded && approval_decode(env.payload, d->a, &p, e) != 0)
				return -1;
			decoded = true;
			add_vote(d, k, &p);
		}
	}
	if (!decoded)
		not_counted(d, "one", str_eq(env.type, TYPE_APPROVAL) ? "by no key of the role" : "not an approval");
	return 0;
}

static int check_role_threshold(struct delivery *d, const struct trust_role *r, struct err *e)
{
	const struct trust_key *keys[VOTES_MAX];
	size_t n = 0;
	for (size_t i = 0; i < d->n_votes; i++)
		if (trust_role_has(r, d->votes[i].key->id))
			keys[n++] = d->votes[i].key;
	if (n >= r->threshold)
		return 0;
	AUTO(buf_done) struct buf b = BUF_INIT;
	trust_missing_text(&d->valid, r, keys, n, &b);
	return err_set(e, ERR_SIGNATURE, "approvals: %s approve it%s", buf_str(&b), buf_str(&d->not_counted));
}

static int check_threshold(struct delivery *d, struct err *e)
{
	for (size_t i = 0; i < d->n_roles; i++)
		if (check_role_threshold(d, d->roles[i], e) != 0)
			return -1;
	return 0;
}

static int find_roles(struct delivery *d, struct err *e)
{
	const struct verify_facts *f = d->f;
	const struct target local = {.id = f->target, .engine = f->engine, .labels = (struct label *)(uintptr_t)f->labels, .n_labels = f->n_labels};
	d->n_roles = trust_approver_roles(&d->valid, f->environment, &local, d->a, d->roles);
	if (d->n_roles)
		return 0;
	if (trust_approver_roles(&d->valid, f->environment, NULL, d->a, d->roles))
		return err_set(e, ERR_SIGNATURE, "approvals: no approver role of environment %s covers target %s with the labels that agent.yaml gives it",
		               f->environment, f->target);
	return err_set(e, ERR_SIGNATURE,
	               "approvals: the trust document has no role '%s%s', so nobody can allow anything in environment %s (threshold 0, said there, would "
	               "mean that no approval is needed)",
	               ROLE_APPROVER_PREFIX, f->environment, f->environment);
}

int approvals_collect(struct delivery *d, struct err *e)
{
	if (find_roles(d, e) != 0)
		return -1;
	for (size_t i = 0; i < d->dossier.n_approvals; i++)
		if (read_approval(d, d->dossier.approvals[i], e) != 0)
			return -1;
	struct err why = ERR_INIT;
	if (check_threshold(d, &why) == 0 || break_glass_collect(d))
		return 0;
	*e = why;
	return -1;
}

int approvals_check_counts(struct delivery *d, struct err *e)
{
	size_t kept = 0;
	for (size_t i = 0; i < d->n_votes; i++) {
		if (d->votes[i].approval.target_count == d->v.order.target_count) {
			d->votes[kept++] = d->votes[i];
			continue;
		}
		char why[96];
		snprintf(why, sizeof why, "approves %" PRIu32 " targets, the order has %" PRIu32, d->votes[i].approval.target_count, d->v.order.target_count);
		not_counted(d, d->votes[i].key->owner, why);
	}
	d->n_votes = kept;
	if (!d->break_glass && check_threshold(d, e) != 0)
		return -1;
	if (d->break_glass && !(d->v.break_glass = break_glass_declared(d)))
		return err_set(e, ERR_SIGNATURE, "approvals: the emergency was declared over another number of targets than the order has%s",
		               buf_str(&d->not_counted));
	d->v.approvers = arena_alloc(d->a, kept * sizeof *d->v.approvers);
	for (size_t i = 0; i < kept; i++)
		d->v.approvers[d->v.n_approvers++] = d->votes[i].key->owner;
	return 0;
}
