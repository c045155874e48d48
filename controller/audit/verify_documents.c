/* What people signed: certificates, releases, orders, approvals. */
#include <inttypes.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/trust.h"
#include "controller/audit/verify_impl.h"
#include "controller/release/target_list.h"

/* The first that tells of it; NULL: none does. */
static const struct audit_row *row_of_document(const struct verify *v, const struct bundle_document *d)
{
	uint8_t hash[DIGEST_SIZE];
	digest_sha256(d->data, hash);
	return verify_row_of(v, NULL, hash);
}

/* Decodes an envelope that a role must have signed, by the trust document in force when the log first tells of it; false after telling what is wrong. */
static bool open_signed(struct verify *v, const struct bundle_document *d, const char *role, const char *type, struct envelope *ret)
{
	struct err e = ERR_INIT;
	v->check->looked_at++;
	if (envelope_decode(d->data, v->a, ret, &e) == 0 && verify_signed(v, row_of_document(v, d), role, ret, type, &e) == 0)
		return true;
	verify_wrong(v, arena_printf(v->a, "%s %s", d->kind, d->name), "%s", e.msg);
	return false;
}

void verify_certificates(struct verify *v)
{
	v->certificates = arena_alloc(v->a, (v->b->n_documents + 1) * sizeof *v->certificates);
	for (size_t i = 0; i < v->b->n_documents; i++) {
		const struct bundle_document *d = &v->b->documents[i];
		struct envelope env;
		struct err e = ERR_INIT;
		if (!str_eq(d->kind, "certificate") || !open_signed(v, d, ROLE_ENROL, TYPE_CERTIFICATE, &env))
			continue;
		if (certificate_decode(env.payload, v->a, &v->certificates[v->n_certificates], &e) != 0)
			verify_wrong(v, arena_printf(v->a, "certificate %s", d->name), "%s", e.msg);
		else if (!row_of_document(v, d)) /* a stolen enrol key that is out by now could make it at any time */
			verify_wrong(v, arena_printf(v->a, "certificate %s", d->name), "no row of the log tells of it");
		else
			v->n_certificates++;
	}
}

/* ---- releases ---- */

void verify_releases(struct verify *v)
{
	for (size_t i = 0; i < v->b->n_documents; i++) {
		const struct bundle_document *d = &v->b->documents[i];
		struct envelope env;
		uint8_t hash[DIGEST_SIZE];
		if (!str_eq(d->kind, "release") || !open_signed(v, d, ROLE_RELEASE, TYPE_RELEASE, &env))
			continue;
		digest_sha256(d->data, hash);
		if (!verify_row_of(v, "add", hash))
			verify_wrong(v, arena_printf(v->a, "release %s", d->name), "no row of the log tells that it was added");
	}
}

/* ---- orders ---- */

static const struct audit_row *start_row(const struct verify *v, const char *rollout)
{
	for (size_t i = 0; i < v->b->n_rows; i++)
		if (str_eq(v->b->rows[i].ev.event, "start") && str_eq(v->b->rows[i].ev.rollout, rollout))
			return &v->b->rows[i];
	return NULL;
}

static void check_order(struct verify *v, const struct bundle_document *d)
{
	const char *place = arena_printf(v->a, "order %s", d->name);
	const struct audit_row *row = start_row(v, d->name);
	const struct bundle_document *leaves = bundle_find(v->b, "leaves", d->name);
	struct target_list list = {0};
	struct order o;
	struct err e = ERR_INIT;
	uint8_t hash[DIGEST_SIZE];
	v->check->looked_at++;
	digest_sha256(d->data, hash);
	if (order_decode(d->data, v->a, &o, &e) != 0)
		verify_wrong(v, place, "%s", e.msg);
	else if (!row || !row->ev.evidence || memcmp(row->ev.evidence, hash, DIGEST_SIZE) != 0)
		verify_wrong(v, place, "it is not the order that the log says was started");
	else if (leaves && (target_list_read("list", leaves->data, v->a, &list, NULL) != 0 || target_list_check(&list, &o, NULL) != 0))
		verify_wrong(v, place, "its target list does not have the Merkle root that was approved");
}

void verify_orders(struct verify *v)
{
	for (size_t i = 0; i < v->b->n_documents; i++)
		if (str_eq(v->b->documents[i].kind, "order"))
			check_order(v, &v->b->documents[i]);
}

/* ---- approvals ---- */

static bool is_approval_of(const struct bundle_document *d, const char *rollout)
{
	size_t n = strlen(rollout);
	return str_eq(d->kind, "approval") && strncmp(d->name, rollout, n) == 0 && d->name[n] == '/';
}

/* The approver roles of the order's environment, by one version of the trust document. */
struct deciders {
	const struct trust *trust;
	const struct trust_role *roles[APPROVER_ROLES_MAX];
	size_t n;
};

static struct deciders deciders_of(const struct verify *v, size_t step, const struct order *o)
{
	struct deciders who = {.trust = v->steps[step].trust};
	who.n = trust_approver_roles(who.trust, o->environment, NULL, v->a, who.roles);
	return who;
}

static bool signed_by_one(const struct deciders *who, const struct envelope *env, const struct trust_key **ret_key)
{
	for (size_t i = 0; i < who->n; i++)
		if (trust_count_signers(who->trust, who->roles[i]->name, env, TYPE_APPROVAL, ret_key, 1))
			return true;
	return false;
}

static bool is_site_role(const char *name)
{
	return str_eq(name, ROLE_SITE) || str_starts(name, ROLE_SITE "/");
}

/* An emergency's approval: role break-glass or a site signs it. */
static bool signed_by_safe_or_site(const struct deciders *who, const struct envelope *env, const struct trust_key **ret_key)
{
	for (size_t i = 0; i < who->trust->n_roles; i++) {
		const char *role = who->trust->roles[i].name;
		if ((str_eq(role, ROLE_BREAK_GLASS) || is_site_role(role)) && trust_count_signers(who->trust, role, env, TYPE_APPROVAL, ret_key, 1))
			return true;
	}
	return false;
}

static bool is_signed(const struct deciders *who, const struct envelope *env, const struct approval *p, const struct trust_key **ret_key)
{
	return p->n_break_glass ? signed_by_safe_or_site(who, env, ret_key) : signed_by_one(who, env, ret_key);
}

/* By an approver of then. */
static bool was_signed(const struct verify *v, uint64_t seq, const struct order *o, const struct envelope *env, const struct approval *p)
{
	const struct trust_key *key = NULL;
	struct trust_span s = verify_trust_at(v, seq);
	for (size_t i = s.from; i < s.to; i++) {
		struct deciders who = deciders_of(v, i, o);
		if (is_signed(&who, env, p, &key))
			return true;
	}
	return false;
}

/* One that is good in itself: over this order, by an approver of when it was logged. */
struct good_approval {
	struct envelope env;
	struct approval approval;
	uint64_t seq;
};

static bool read_approval(struct verify *v, const struct bundle_document *d, const struct order *o, struct good_approval *ret)
{
	uint8_t hash[DIGEST_SIZE];
	struct err e = ERR_INIT;
	const char *place = arena_printf(v->a, "approval %s", d->name);
	digest_sha256(d->data, hash);
	const struct audit_row *row = verify_row_of(v, "approve", hash);
	if (envelope_decode(d->data, v->a, &ret->env, &e) != 0 || approval_decode(ret->env.payload, v->a, &ret->approval, &e) != 0) {
		verify_wrong(v, place, "%s", e.msg);
		return false;
	}
	if (!was_signed(v, row ? row->seq : 0, o, &ret->env, &ret->approval) || memcmp(ret->approval.order_digest, o->digest, DIGEST_SIZE) != 0) {
		verify_wrong(v, place, "it is not signed by an approver of %s, or it is of another order", o->environment);
		return false;
	}
	if (!row)
		verify_wrong(v, place, "no row of the log tells of it");
	ret->seq = row ? row->seq : 0;
	return row != NULL;
}

static uint64_t first_offer(const struct verify *v, const char *rollout)
{
	for (size_t i = 0; i < v->b->n_rows; i++)
		if (str_eq(v->b->rows[i].ev.event, "offer") && str_eq(v->b->rows[i].ev.rollout, rollout))
			return v->b->rows[i].seq;
	return 0;
}

static bool is_new(const struct trust_key *k, const struct trust_key **keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(keys[i]->public_key, k->public_key, SIGN_PUBLIC_SIZE) == 0)
			return false;
	return true;
}

/* Has every role that covers all targets, or else any at all, its threshold? Which targets a scope covers only their sites know. */
static bool enough(const struct deciders *who, const struct trust_key *const *keys, size_t n)
{
	bool any = false;
	for (size_t r = 0; r < who->n; r++) {
		size_t in_role = 0;
		for (size_t i = 0; i < n; i++)
			in_role += trust_role_has(who->roles[r], keys[i]->id);
		bool reached = in_role >= who->roles[r]->threshold;
		any = any || reached;
		if (!reached && who->roles[r]->n_scopes == 0)
			return false;
	}
	return any;
}

static bool is_emergency(const struct trust *t, const struct trust_key *const *keys, size_t n)
{
	const struct trust_role *glass = trust_role(t, ROLE_BREAK_GLASS);
	size_t n_glass = 0, n_site = 0;
	for (size_t i = 0; glass && i < n; i++) {
		n_glass += trust_role_has(glass, keys[i]->id);
		for (size_t r = 0; r < t->n_roles; r++)
			n_site += is_site_role(t->roles[r].name) && trust_role_has(&t->roles[r], keys[i]->id);
	}
	return glass && n_glass >= glass->threshold && n_site && n > glass->threshold;
}

/* Those logged before row `sent`, by the keys that count under this version of the trust document: how many are they, and do they suffice? */
static bool suffice(const struct deciders *who, const struct good_approval *list, size_t n_list, uint64_t sent, size_t *ret_n)
{
	const struct trust_key *keys[ENVELOPE_SIGNATURES_MAX], *key = NULL;
	size_t n = 0;
	for (size_t i = 0; i < n_list; i++)
		if (list[i].seq < sent && is_signed(who, &list[i].env, &list[i].approval, &key) && is_new(key, keys, n))
			keys[n++] = key;
	*ret_n = n;
	return enough(who, keys, n) || is_emergency(who->trust, keys, n);
}

static void check_approvals_of(struct verify *v, const struct bundle_document *d)
{
	struct good_approval list[ENVELOPE_SIGNATURES_MAX];
	struct order o;
	size_t n = 0, counted = 0;
	uint64_t sent = first_offer(v, d->name);
	if (order_decode(d->data, v->a, &o, NULL) != 0)
		return; /* told already */
	for (size_t i = 0; i < v->b->n_documents && n < ENVELOPE_SIGNATURES_MAX; i++)
		if (is_approval_of(&v->b->documents[i], d->name) && read_approval(v, &v->b->documents[i], &o, &list[n]))
			n++;
	v->check->looked_at++;
	if (!sent)
		return;
	struct deciders who = {.n = 0};
	struct trust_span s = verify_trust_at(v, sent);
	for (size_t i = s.from; i < s.to; i++) {
		who = deciders_of(v, i, &o);
		if (suffice(&who, list, n, sent, &counted))
			return;
	}
	verify_wrong(v, arena_printf(v->a, "order %s", d->name), "row %" PRIu64 " sent it out with %zu of %" PRIu32 " approvals", sent, counted,
	             who.n ? who.roles[0]->threshold : 0);
}

void verify_approvals(struct verify *v)
{
	for (size_t i = 0; v->n_steps && i < v->b->n_documents; i++)
		if (str_eq(v->b->documents[i].kind, "order"))
			check_approvals_of(v, &v->b->documents[i]);
}
