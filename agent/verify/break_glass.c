/* An emergency that cannot wait for the environment's approvers: the keys of role break-glass, which lie in a safe, and the site's own key, together. Neither a controller nor
 * the holders of the safe nor a site can do it alone. It is for one named set of targets, for a few hours, and it is the release signers' SQL that runs: only C9 is met in
 * another way. */
#include "agent/verify/break_glass.h"

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

/* ---- enough of them? ---- */

static bool is_named(const struct break_glass_vote *v, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(names[i], v->key_id) || str_eq(names[i], v->owner))
			return true;
	return n == 0;
}

static bool counts_of_safe(const struct break_glass_vote *v, const struct break_glass_rule *rule)
{
	return v->of_safe && (!rule || (!rule->nobody && is_named(v, rule->keys, rule->n_keys)));
}

static bool counts_of_site(const struct break_glass_vote *v, const struct break_glass_rule *rule)
{
	return v->of_site && (!rule || (!rule->nobody && is_named(v, rule->site_keys, rule->n_site_keys)));
}

bool break_glass_counts(const struct break_glass_vote *v, const struct break_glass_rule *rule)
{
	return counts_of_safe(v, rule) || counts_of_site(v, rule);
}

uint32_t break_glass_least(const struct break_glass *g, const struct break_glass_rule *rule)
{
	return rule && rule->minimum > g->safe_least ? rule->minimum : g->safe_least;
}

bool break_glass_holds(const struct break_glass *g, const struct break_glass_rule *rule)
{
	size_t safe = 0, site = 0, all = 0;
	uint32_t least = break_glass_least(g, rule);
	for (size_t i = 0; i < g->n_votes; i++) {
		safe += counts_of_safe(&g->votes[i], rule);
		site += counts_of_site(&g->votes[i], rule);
		all += break_glass_counts(&g->votes[i], rule);
	}
	/* A key that has both roles is one of the two: never both at once. */
	return safe >= least && site >= g->site_least && all > least;
}

/* ---- who ---- */

static struct break_glass *begin(const struct trust_role *glass, const struct trust_role *site, size_t max, struct arena *a)
{
	struct break_glass *g = arena_alloc(a, sizeof *g);
	*g = (struct break_glass){.votes = arena_alloc(a, (max + 1) * sizeof *g->votes), .safe_least = glass->threshold, .site_least = site->threshold};
	return g;
}

static void add(struct break_glass *g, const struct trust_key *k, const struct trust_role *glass, const struct trust_role *site)
{
	g->votes[g->n_votes++] = (struct break_glass_vote){
	    .key_id = k->id, .owner = k->owner, .of_safe = trust_role_has(glass, k->id), .of_site = trust_role_has(site, k->id)};
}

const struct break_glass *break_glass_declared(const struct delivery *d)
{
	const struct trust_role *glass = trust_role(&d->valid, ROLE_BREAK_GLASS), *site = site_role(d);
	if (!glass || !site)
		return NULL;
	struct break_glass *g = begin(glass, site, d->n_votes, d->a);
	for (size_t i = 0; i < d->n_votes; i++)
		add(g, d->votes[i].key, glass, site);
	return break_glass_holds(g, NULL) ? g : NULL;
}

const struct break_glass *break_glass_all(const struct trust *t, const char *site, struct arena *a)
{
	const struct trust_role *glass = trust_role(t, ROLE_BREAK_GLASS), *own = trust_site_role(t, site);
	if (!glass || !own)
		return NULL;
	struct break_glass *g = begin(glass, own, t->n_keys, a);
	for (size_t i = 0; i < t->n_keys; i++)
		if (trust_role_has(glass, t->keys[i].id) || trust_role_has(own, t->keys[i].id))
			add(g, &t->keys[i], glass, own);
	return g;
}

/* ---- collecting ---- */

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
	return break_glass_declared(d);
}
