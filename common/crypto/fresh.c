/* See the header. */
#include "common/crypto/fresh.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/trust.h"

static int compare_text(const void *key, const void *entry)
{
	return strcmp(key, *(const char *const *)entry);
}

/* By bisection, as the lists ascend: each may hold LIMIT_REVOCATIONS, and taken_back asks for each of another. */
static bool has_text(const char *const *list, size_t n, const char *s)
{
	return n && s && bsearch(s, list, n, sizeof *list, compare_text);
}

static int compare_digest(const void *key, const void *entry)
{
	return memcmp(key, entry, DIGEST_SIZE);
}

static bool has_digest(const struct freshness *f, const uint8_t digest[DIGEST_SIZE])
{
	return f->n_withdrawn && bsearch(digest, f->withdrawn, f->n_withdrawn, DIGEST_SIZE, compare_digest);
}

bool freshness_revokes_agent(const struct freshness *f, const char *serial)
{
	return f && has_text(f->revoked_agents, f->n_revoked_agents, serial);
}

uint64_t freshness_floor(const struct freshness *f, const char *project)
{
	for (size_t i = 0; f && i < f->n_floors; i++)
		if (str_eq(f->floors[i].project, project))
			return f->floors[i].sequence;
	return 0;
}

bool freshness_revokes_release(const struct freshness *f, const struct release *r)
{
	return f && (has_digest(f, r->digest) || r->sequence < freshness_floor(f, r->project));
}

struct trust trust_without_revoked(const struct trust *t, const struct freshness *f, struct arena *a)
{
	struct trust left = *t;
	if (!f || f->n_revoked_keys == 0)
		return left;
	left.roles = arena_alloc(a, t->n_roles * sizeof *left.roles);
	for (size_t i = 0; i < t->n_roles; i++) {
		const struct trust_role *from = &t->roles[i];
		struct trust_role *to = &left.roles[i];
		*to = *from;
		if (str_eq(from->name, ROLE_ROOT) || str_eq(from->name, ROLE_FRESH))
			continue;
		to->key_ids = arena_alloc(a, (from->n_key_ids + 1) * sizeof *to->key_ids);
		to->n_key_ids = 0;
		for (size_t k = 0; k < from->n_key_ids; k++)
			if (!has_text(f->revoked_keys, f->n_revoked_keys, from->key_ids[k]))
				to->key_ids[to->n_key_ids++] = from->key_ids[k];
	}
	return left;
}

int freshness_check(const struct trust *t, const struct freshness *f, int64_t now_us, struct err *e)
{
	char at[CLOCK_TEXT_SIZE];
	if (!str_eq(t->fleet, f->fleet))
		return err_set(e, ERR_SIGNATURE, "freshness document: of fleet %s, and this is fleet %s", f->fleet, t->fleet);
	if (f->trust_version > t->version)
		return err_set(e, ERR_POLICY,
		               "freshness document: made for trust document version %" PRIu64 ", and version %" PRIu64
		               " is in use: that trust document comes first",
		               f->trust_version, t->version);
	if (f->n_critical)
		return err_set(e, ERR_POLICY, "freshness document: it needs '%s', which this version does not know: install a newer Rollcall",
		               f->critical[0]);
	if (f->issued_at_us > now_us + CLOCK_SKEW_US)
		return err_set(e, ERR_POLICY, "freshness document: issued at %s, which is in the future: set the clocks right",
		               clock_text(f->issued_at_us, at));
	return 0;
}

static bool has_a_role(const struct trust *t, const char *key_id)
{
	for (size_t i = 0; i < t->n_roles; i++)
		if (trust_role_has(&t->roles[i], key_id))
			return true;
	return false;
}

/* What `next` takes back of `old`, NULL when nothing. */
static const char *taken_back(const struct trust *t, const struct freshness *old, const struct freshness *next)
{
	for (size_t i = 0; i < old->n_revoked_keys; i++)
		if (!has_text(next->revoked_keys, next->n_revoked_keys, old->revoked_keys[i]) && has_a_role(t, old->revoked_keys[i]))
			return old->revoked_keys[i];
	for (size_t i = 0; i < old->n_revoked_agents; i++)
		if (!has_text(next->revoked_agents, next->n_revoked_agents, old->revoked_agents[i]))
			return old->revoked_agents[i];
	for (size_t i = 0; i < old->n_withdrawn; i++)
		if (!has_digest(next, old->withdrawn[i]))
			return "a withdrawn release";
	for (size_t i = 0; i < old->n_floors; i++)
		if (freshness_floor(next, old->floors[i].project) < old->floors[i].sequence)
			return old->floors[i].project;
	return NULL;
}

int freshness_check_next(const struct trust *t, const struct freshness *old, const struct freshness *next, struct err *e)
{
	if (!old)
		return 0;
	if (next->version <= old->version || next->issued_at_us < old->issued_at_us || next->trust_version < old->trust_version)
		return err_set(e, ERR_POLICY, "freshness document: version %" PRIu64 " is not newer than version %" PRIu64 ", which is known here",
		               next->version, old->version);
	const char *what = taken_back(t, old, next);
	if (what)
		return err_set(e, ERR_POLICY,
		               "freshness document: version %" PRIu64
		               " takes back a revocation (%s), and it does not end so: make a new key, certificate or release in its place (or have the root "
		               "keys sign a trust document with another fresh key, and revoke anew what is to stay revoked)",
		               next->version, what);
	return 0;
}

static int64_t least(int64_t a, int64_t b)
{
	return a == 0 ? b : b == 0 ? a : a < b ? a : b;
}

int freshness_check_current(const struct trust *t, const struct freshness *f, int64_t max_age_us, int64_t now_us, struct err *e)
{
	char at[CLOCK_TEXT_SIZE], age[CLOCK_TEXT_SIZE], most[CLOCK_TEXT_SIZE];
	if (!trust_role(t, ROLE_FRESH))
		return 0;
	if (!f)
		return err_set(e, ERR_POLICY, "no freshness document has come here, and the trust document wants one (role fresh)");
	if (now_us >= f->expires_at_us)
		return err_set(e, ERR_POLICY, "the newest freshness document (version %" PRIu64 ") expired at %s", f->version,
		               clock_text(f->expires_at_us, at));
	int64_t limit_us = least(max_age_us, (int64_t)t->fresh_max_age_ms * 1000);
	if (limit_us && now_us - f->issued_at_us > limit_us)
		return err_set(e, ERR_POLICY, "the newest freshness document (version %" PRIu64 ") is %s old, and %s are allowed", f->version,
		               clock_duration_text(now_us - f->issued_at_us, age), clock_duration_text(limit_us, most));
	return 0;
}

bool freshness_is_over(const struct trust *t, const struct envelope *kept)
{
	struct err e = ERR_INIT;
	return trust_check_role(t, ROLE_FRESH, kept, TYPE_FRESHNESS, &e) != 0;
}

/* ---- revocations ---------------------------------------------------------------------------------------------------------------------------------- */

static const char *revoking_role(enum revocation_kind k)
{
	switch (k) {
	case REVOKE_KEY:
		return ROLE_ROOT;
	case REVOKE_AGENT:
		return ROLE_ENROL;
	case REVOKE_RELEASE:
	case REVOKE_OLDER_RELEASES:
		return ROLE_RELEASE;
	}
	return ROLE_ROOT;
}

int revocation_check(const struct trust *t, const struct trust *valid, const struct envelope *env, const struct revocation *r, struct err *e)
{
	const char *role = revoking_role(r->kind);
	const struct trust_key *self = r->kind == REVOKE_KEY ? trust_key(t, r->subject) : NULL;
	if (!str_eq(t->fleet, r->fleet))
		return err_set(e, ERR_SIGNATURE, "revocation: of fleet %s, and this is fleet %s", r->fleet, t->fleet);
	if (r->kind == REVOKE_KEY && !self)
		return err_set(e, ERR_NOT_FOUND, "revocation: key %s is not in the trust document: there is nothing to revoke", r->subject);
	if (self && dsse_signed_by(env, TYPE_REVOCATION, self->public_key))
		return 0;
	if (trust_count_signers(t, ROLE_ROOT, env, TYPE_REVOCATION, NULL, 0) || trust_count_signers(valid, role, env, TYPE_REVOCATION, NULL, 0))
		return 0;
	return err_set(e, ERR_SIGNATURE, "revocation: no key of role %s%s signed it%s: sign it with one of those", role,
	               str_eq(role, ROLE_ROOT) ? "" : " or root", self ? ", nor did the revoked key itself" : "");
}

static bool insert_text(const char ***list, size_t *n, const char *s, struct arena *a)
{
	size_t at = 0;
	while (at < *n && strcmp((*list)[at], s) < 0)
		at++;
	if (at < *n && str_eq((*list)[at], s))
		return false;
	const char **grown = arena_alloc(a, (*n + 1) * sizeof *grown);
	for (size_t i = 0; i < *n; i++)
		grown[i < at ? i : i + 1] = (*list)[i];
	grown[at] = arena_strdup(a, s);
	*list = grown;
	(*n)++;
	return true;
}

static bool insert_digest(struct freshness *f, const char *hex, struct arena *a)
{
	uint8_t digest[DIGEST_SIZE];
	size_t at = 0;
	if (bytes_from_hex(hex, digest, DIGEST_SIZE, NULL) != 0 || has_digest(f, digest))
		return false;
	while (at < f->n_withdrawn && memcmp(f->withdrawn[at], digest, DIGEST_SIZE) < 0)
		at++;
	uint8_t(*grown)[DIGEST_SIZE] = arena_alloc(a, (f->n_withdrawn + 1) * DIGEST_SIZE);
	for (size_t i = 0; i < f->n_withdrawn; i++)
		memcpy(grown[i < at ? i : i + 1], f->withdrawn[i], DIGEST_SIZE);
	memcpy(grown[at], digest, DIGEST_SIZE);
	f->withdrawn = grown;
	f->n_withdrawn++;
	return true;
}

static bool raise_floor(struct freshness *f, const struct revocation *r, struct arena *a)
{
	size_t at = 0;
	while (at < f->n_floors && strcmp(f->floors[at].project, r->subject) < 0)
		at++;
	bool known = at < f->n_floors && str_eq(f->floors[at].project, r->subject);
	if (known && f->floors[at].sequence >= r->sequence)
		return false;
	struct release_floor *grown = arena_alloc(a, (f->n_floors + 1) * sizeof *grown);
	for (size_t i = 0; i < f->n_floors; i++)
		grown[i < at || known ? i : i + 1] = f->floors[i];
	grown[at] = (struct release_floor){arena_strdup(a, r->subject), r->sequence};
	f->floors = grown;
	f->n_floors += !known;
	return true;
}

bool freshness_add(struct freshness *f, const struct revocation *r, struct arena *a)
{
	switch (r->kind) {
	case REVOKE_KEY:
		return insert_text(&f->revoked_keys, &f->n_revoked_keys, r->subject, a);
	case REVOKE_AGENT:
		return insert_text(&f->revoked_agents, &f->n_revoked_agents, r->subject, a);
	case REVOKE_RELEASE:
		return insert_digest(f, r->subject, a);
	case REVOKE_OLDER_RELEASES:
		return raise_floor(f, r, a);
	}
	return false;
}
