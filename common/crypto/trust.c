/* Roles and thresholds. A threshold counts distinct public keys: the key id inside a signature is whatever its maker wrote, so it is never read here. */
#include "common/crypto/trust.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

const struct trust_role *trust_role(const struct trust *t, const char *name)
{
	for (size_t i = 0; i < t->n_roles; i++)
		if (str_eq(t->roles[i].name, name))
			return &t->roles[i];
	return NULL;
}

const struct trust_key *trust_key(const struct trust *t, const char *id)
{
	for (size_t i = 0; i < t->n_keys; i++)
		if (str_eq(t->keys[i].id, id))
			return &t->keys[i];
	return NULL;
}

const char *trust_type_word(const char *type, char out[TRUST_WORD_SIZE])
{
	static const char prefix[] = "application/vnd.rollcall.";
	if (!str_starts(type, prefix))
		return str_copy(out, TRUST_WORD_SIZE, "document"), out;
	str_copy(out, TRUST_WORD_SIZE, type + strlen(prefix));
	out[strcspn(out, ".")] = '\0';
	return out;
}

/* ---- who signed ---------------------------------------------------------------------------------------------------------------------------------- */

/* Has the role an earlier key id of the same public key? trust_check_shape refuses such a document; counting must not depend on that. */
static bool seen_before(const struct trust *t, const struct trust_role *r, size_t i, const struct trust_key *k)
{
	for (size_t j = 0; j < i; j++) {
		const struct trust_key *other = trust_key(t, r->key_ids[j]);
		if (other && memcmp(other->public_key, k->public_key, SIGN_PUBLIC_SIZE) == 0)
			return true;
	}
	return false;
}

size_t trust_count_signers(const struct trust *t, const char *role, const struct envelope *env, const char *expected_type,
                           const struct trust_key **ret_signers, size_t max)
{
	const struct trust_role *r = trust_role(t, role);
	size_t n = 0;
	for (size_t i = 0; r && i < r->n_key_ids; i++) {
		const struct trust_key *k = trust_key(t, r->key_ids[i]);
		if (!k || seen_before(t, r, i, k) || !dsse_signed_by(env, expected_type, k->public_key))
			continue;
		if (ret_signers && n < max)
			ret_signers[n] = k;
		n++;
	}
	return n;
}

/* PLAIN/NAME when the document has it, otherwise PLAIN. */
static const struct trust_role *role_for(const struct trust *t, const char *plain, const char *name)
{
	size_t n = strlen(plain);
	for (size_t i = 0; i < t->n_roles; i++)
		if (str_starts(t->roles[i].name, plain) && t->roles[i].name[n] == '/' && str_eq(t->roles[i].name + n + 1, name))
			return &t->roles[i];
	return trust_role(t, plain);
}

const struct trust_role *trust_site_role(const struct trust *t, const char *site)
{
	return role_for(t, ROLE_SITE, site);
}

const struct trust_role *trust_gate_role(const struct trust *t, const char *environment)
{
	return role_for(t, ROLE_GATE, environment);
}

bool trust_role_has(const struct trust_role *r, const char *key_id)
{
	for (size_t i = 0; i < r->n_key_ids; i++)
		if (str_eq(r->key_ids[i], key_id))
			return true;
	return false;
}

/* A scope that cannot be read covers nothing: trust_check_shape has refused it before. */
static bool covers(const struct trust_role *r, const struct target *target, struct arena *a)
{
	for (size_t i = 0; target && i < r->n_scopes; i++) {
		struct selector *s = NULL;
		if (selector_parse(r->scopes[i], a, &s, NULL) == 0 && selector_matches(s, target))
			return true;
	}
	return !target || r->n_scopes == 0;
}

size_t trust_approver_roles(const struct trust *t, const char *environment, const struct target *target, struct arena *a,
                            const struct trust_role *ret[APPROVER_ROLES_MAX])
{
	const char *plain = arena_printf(a, ROLE_APPROVER_PREFIX "%s", environment), *named = arena_printf(a, "%s/", plain);
	size_t n = 0;
	for (size_t i = 0; i < t->n_roles && n < APPROVER_ROLES_MAX; i++) {
		const struct trust_role *r = &t->roles[i];
		if ((str_eq(r->name, plain) || str_starts(r->name, named)) && covers(r, target, a))
			ret[n++] = r;
	}
	return n;
}

static bool is_among(const struct trust_key *k, const struct trust_key *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(keys[i]->public_key, k->public_key, SIGN_PUBLIC_SIZE) == 0)
			return true;
	return false;
}

void trust_missing_text(const struct trust *t, const struct trust_role *r, const struct trust_key *const *signers, size_t n, struct buf *ret)
{
	buf_addf(ret, "%zu of %" PRIu32 " signatures (%s): signed by ", n, r->threshold, r->name);
	for (size_t i = 0; i < n; i++)
		buf_addf(ret, "%s%s", i ? ", " : "", signers[i]->owner ? signers[i]->owner : signers[i]->id);
	buf_adds(ret, n ? "; have " : "nobody of that role; have ");
	if (r->threshold == n + 1)
		buf_adds(ret, "one of ");
	else
		buf_addf(ret, "%zu of ", r->threshold - n);
	const char *comma = "";
	for (size_t i = 0; i < r->n_key_ids; i++) {
		const struct trust_key *k = trust_key(t, r->key_ids[i]);
		if (!k || is_among(k, signers, n))
			continue;
		buf_addf(ret, "%s%s", comma, k->owner ? k->owner : k->id);
		comma = ", ";
	}
}

int trust_check_role(const struct trust *t, const char *role, const struct envelope *env, const char *expected_type, struct err *e)
{
	char word[TRUST_WORD_SIZE], other[TRUST_WORD_SIZE];
	trust_type_word(expected_type, word);
	const struct trust_role *r = trust_role(t, role);
	if (!r)
		return err_set(e, ERR_SIGNATURE, "%s: the trust document has no role '%s': have a trust document signed that names its keys and threshold",
		               word, role);
	if (!str_eq(env->type, expected_type))
		return err_set(e, ERR_SIGNATURE, "%s: this is a signed %s; a signed %s is needed here", word, trust_type_word(env->type, other), word);
	const struct trust_key *signers[TRUST_KEYS_MAX];
	size_t n = trust_count_signers(t, role, env, expected_type, signers, TRUST_KEYS_MAX);
	if (n >= r->threshold)
		return 0;
	AUTO(buf_done) struct buf b = BUF_INIT;
	trust_missing_text(t, r, signers, n, &b);
	return err_set(e, ERR_SIGNATURE, "%s: %s sign it", word, buf_str(&b));
}

/* ---- the chain ----------------------------------------------------------------------------------------------------------------------------------- */

static bool is_ahead(const struct trust *t, int64_t now_us)
{
	return t->created_at_us - CLOCK_SKEW_US > now_us;
}

int64_t trust_attests_us(const struct trust *t, int64_t now_us)
{
	return is_ahead(t, now_us) ? 0 : t->created_at_us;
}

int trust_check_time(const struct trust *t, int64_t now_us, struct err *e)
{
	char at[CLOCK_TEXT_SIZE];
	if (is_ahead(t, now_us))
		return err_set(e, ERR_SIGNATURE,
		               "trust document of fleet %s, version %" PRIu64
		               ", was made at %s, which is in the future: set the clocks right, here and where it "
		               "was made, and make it again if it was that one",
		               t->fleet, t->version, clock_text(t->created_at_us, at));
	if (now_us < t->expires_at_us)
		return 0;
	return err_set(e, ERR_SIGNATURE, "trust document of fleet %s, version %" PRIu64 ", expired at %s: have the next version signed by its root keys",
	               t->fleet, t->version, clock_text(t->expires_at_us, at));
}

int trust_check_self(const struct trust *t, const struct envelope *env, int64_t now_us, struct err *e)
{
	if (trust_check_shape(t, e) != 0 || trust_check_role(t, ROLE_ROOT, env, TYPE_TRUST, e) != 0)
		return -1;
	return trust_check_time(t, now_us, e);
}

int trust_check_next(const struct trust *old, const struct trust *next, const struct envelope *env, bool final, int64_t now_us, struct err *e)
{
	if (trust_check_shape(next, e) != 0)
		return -1;
	if (!str_eq(old->fleet, next->fleet))
		return err_set(e, ERR_SIGNATURE, "trust document: of fleet %s, and this site belongs to fleet %s", next->fleet, old->fleet);
	if (next->version != old->version + 1)
		return err_set(e, ERR_SIGNATURE,
		               "trust document: version %" PRIu64 " cannot follow version %" PRIu64 ": versions are taken one by one, so version %" PRIu64
		               " comes next",
		               next->version, old->version, old->version + 1);
	if (trust_check_role(old, ROLE_ROOT, env, TYPE_TRUST, e) != 0)
		return err_wrap(e, "by the root keys of version %" PRIu64, old->version);
	if (trust_check_role(next, ROLE_ROOT, env, TYPE_TRUST, e) != 0)
		return err_wrap(e, "by the root keys of version %" PRIu64, next->version);
	return final ? trust_check_time(next, now_us, e) : 0;
}
