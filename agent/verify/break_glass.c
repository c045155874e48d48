/* An emergency that cannot wait for the environment's approvers: the keys of role break-glass, which lie in a safe, and the site's own key, together. Neither a controller nor
 * the holders of the safe nor a site can do it alone. It is for one named set of targets, for a few hours, and it is the release signers' SQL that runs: only C9 is met in
 * another way. */
#include <string.h>

#include "agent/verify/delivery.h"
#include "agent/verify/verdicts.h"
#include "common/base/str.h"
#include "common/crypto/trust.h"

static const struct trust_role *site_role(const struct delivery *d)
{
	const char *site = arena_strndup(d->a, d->f->target, strcspn(d->f->target, "/"));
	return trust_site_role(&d->valid, site);
}

static bool names_target(const struct approval *p, const char *target)
{
	for (size_t i = 0; i < p->n_break_glass; i++)
		if (str_eq(p->break_glass[i], target))
			return true;
	return false;
}

static bool counts(const struct delivery *d, const struct approval *p, const struct trust_key *k)
{
	return p->n_break_glass && names_target(p, d->f->target) && p->created_at_us <= d->now_us + CLOCK_SKEW_US && !approval_misfit(d, p) &&
	       !approvals_has_voted(d, k) && d->n_votes < VOTES_MAX && !verdict_signed_by(&d->release_envelope, TYPE_RELEASE, k->public_key);
}

static void read_votes(struct delivery *d, const struct trust_role *r, const struct envelope *env)
{
	struct approval p;
	for (size_t i = 0; i < r->n_key_ids; i++) {
		const struct trust_key *k = trust_key(&d->valid, r->key_ids[i]);
		if (k && verdict_signed_by(env, TYPE_APPROVAL, k->public_key) && approval_decode(env->payload, d->a, &p, NULL) == 0 && counts(d, &p, k))
			d->votes[d->n_votes++] = (struct vote){.key = k, .approval = p};
	}
}

static size_t votes_of(const struct delivery *d, const struct trust_role *r)
{
	size_t n = 0;
	for (size_t i = 0; i < d->n_votes; i++)
		n += trust_role_has(r, d->votes[i].key->id);
	return n;
}

bool break_glass_is_enough(const struct delivery *d)
{
	const struct trust_role *glass = trust_role(&d->valid, ROLE_BREAK_GLASS), *site = site_role(d);
	/* A key that has both roles is one of the two: never both at once. */
	return glass && site && votes_of(d, glass) >= glass->threshold && votes_of(d, site) >= site->threshold && d->n_votes > glass->threshold;
}

bool break_glass_collect(struct delivery *d)
{
	const struct trust_role *glass = trust_role(&d->valid, ROLE_BREAK_GLASS), *site = site_role(d);
	if (!glass || !site)
		return false;
	d->break_glass = true;
	d->n_votes = 0;
	for (size_t i = 0; i < d->dossier.n_approvals; i++) {
		struct envelope env;
		if (envelope_decode(d->dossier.approvals[i], d->a, &env, NULL) != 0)
			continue;
		read_votes(d, glass, &env);
		read_votes(d, site, &env);
	}
	return break_glass_is_enough(d);
}
