/* Is a trust document well-formed in itself? What is unclear is refused here, so that the counting code never meets it. */
#include <inttypes.h>
#include <string.h>

#include "common/base/str.h"
#include "common/crypto/trust.h"

static int check_key(const struct trust *t, size_t i, struct err *e)
{
	const struct trust_key *k = &t->keys[i];
	char id[KEY_ID_SIZE];
	sign_key_id(k->public_key, id);
	if (!str_eq(k->id, id))
		return err_set(e, ERR_PARSE, "trust document: key '%s' has a public key whose id is %s: write that id", k->id, id);
	if (!sign_owner_is_sound(k->owner))
		return err_set(e, ERR_PARSE, "trust document: key %s names no owner that can be read: give each key a name of 1 to 100 characters", k->id);
	if (!sign_public_is_sound(k->public_key))
		return err_set(e, ERR_PARSE, "trust document: key %s of %s is a weak Ed25519 key, under which anyone could sign: have a new one made", k->id,
		               k->owner);
	for (size_t j = 0; j < i; j++)
		if (memcmp(t->keys[j].public_key, k->public_key, SIGN_PUBLIC_SIZE) == 0)
			return err_set(e, ERR_PARSE, "trust document: key %s is listed twice (%s, %s): list each key once", k->id, t->keys[j].owner, k->owner);
	return 0;
}

#define SCOPES_ARENA   ((size_t)4 * 1024 * 1024)
#define SCOPES_MAX     64
#define SCOPE_SIZE_MAX 1024

/* approver/ENVIRONMENT or approver/ENVIRONMENT/NAME. */
static bool is_approver(const char *name)
{
	char environment[128];
	if (!str_starts(name, ROLE_APPROVER_PREFIX) || !str_copy(environment, sizeof environment, name + strlen(ROLE_APPROVER_PREFIX)))
		return false;
	char *slash = strchr(environment, '/');
	if (slash)
		*slash = '\0';
	return str_is_name(environment) && (!slash || str_is_name(slash + 1));
}

static bool role_name_is_known(const char *name)
{
	static const char *const plain[] = {ROLE_ROOT, ROLE_RELEASE, ROLE_ENROL, ROLE_FRESH, ROLE_SITE, ROLE_BREAK_GLASS, ROLE_GATE};
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (str_eq(name, plain[i]))
			return true;
	if (str_starts(name, ROLE_SITE "/"))
		return str_is_name(name + strlen(ROLE_SITE "/"));
	if (str_starts(name, ROLE_GATE "/"))
		return str_is_name(name + strlen(ROLE_GATE "/"));
	return is_approver(name);
}

/* What a site's own labels decide, so only who approves can be limited so. */
static int check_scopes(const struct trust_role *r, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(SCOPES_ARENA);
	if (r->n_scopes && !str_starts(r->name, ROLE_APPROVER_PREFIX))
		return err_set(e, ERR_PARSE, "trust document: role '%s' is limited by scopes, which only approver roles can be: leave them out", r->name);
	if (r->n_scopes > SCOPES_MAX)
		return err_set(e, ERR_PARSE, "trust document: role '%s' has %zu scopes, and %d are the most", r->name, r->n_scopes, SCOPES_MAX);
	for (size_t i = 0; i < r->n_scopes; i++) {
		struct selector *s = NULL;
		if (strlen(r->scopes[i]) > SCOPE_SIZE_MAX || selector_parse(r->scopes[i], a, &s, NULL) != 0)
			return err_set(e, ERR_PARSE, "trust document: role '%s': scope '%.80s' is no selector: write it as region=eu,tier in (gold,silver)",
			               r->name, r->scopes[i]);
	}
	return 0;
}

static int check_role_keys(const struct trust *t, const struct trust_role *r, struct err *e)
{
	for (size_t i = 0; i < r->n_key_ids; i++) {
		if (!trust_key(t, r->key_ids[i]))
			return err_set(e, ERR_PARSE, "trust document: role '%s' names key '%s', which is not in the list of keys: add it", r->name,
			               r->key_ids[i]);
		for (size_t j = 0; j < i; j++)
			if (str_eq(r->key_ids[i], r->key_ids[j]))
				return err_set(e, ERR_PARSE, "trust document: role '%s' names key %s twice: name each key once", r->name, r->key_ids[i]);
	}
	return 0;
}

/* The fresh key lies at the controller, and it is the controller's word that a gate's signature is asked for beside. */
static int check_gate(const struct trust *t, const struct trust_role *r, struct err *e)
{
	const struct trust_role *fresh = trust_role(t, ROLE_FRESH);
	if (!str_eq(r->name, ROLE_GATE) && !str_starts(r->name, ROLE_GATE "/"))
		return 0;
	for (size_t i = 0; fresh && i < r->n_key_ids; i++)
		if (trust_role_has(fresh, r->key_ids[i]))
			return err_set(
			    e, ERR_PARSE,
			    "trust document: key %s has role %s and role '%s', but the fresh key lies at the controller, which a gate is to watch: give "
			    "the gate a key of its own",
			    r->key_ids[i], ROLE_FRESH, r->name);
	return 0;
}

static int check_role(const struct trust *t, size_t i, struct err *e)
{
	const struct trust_role *r = &t->roles[i];
	if (!role_name_is_known(r->name))
		return err_set(
		    e, ERR_PARSE,
		    "trust document: role '%s' is unknown: use root, release, enrol, fresh, site, site/<site>, break-glass, gate, gate/<environment>, "
		    "approver/<environment> or approver/<environment>/<name>",
		    r->name);
	for (size_t j = 0; j < i; j++)
		if (str_eq(t->roles[j].name, r->name))
			return err_set(e, ERR_PARSE, "trust document: role '%s' is there twice: join the two", r->name);
	if (check_scopes(r, e) != 0 || check_role_keys(t, r, e) != 0 || check_gate(t, r, e) != 0)
		return -1;
	if (r->threshold == 0 && !str_starts(r->name, ROLE_APPROVER_PREFIX))
		return err_set(e, ERR_PARSE, "trust document: role '%s' has threshold 0, so that anyone could act for it: 1 is the least", r->name);
	if (str_eq(r->name, ROLE_BREAK_GLASS) && r->threshold < 2)
		return err_set(e, ERR_PARSE, "trust document: role '%s' has threshold %" PRIu32 ", and in an emergency no one acts alone: 2 is the least",
		               r->name, r->threshold);
	if (r->threshold > r->n_key_ids)
		return err_set(e, ERR_PARSE, "trust document: role '%s' wants %" PRIu32 " signatures and has %zu keys: lower the threshold or add keys",
		               r->name, r->threshold, r->n_key_ids);
	return 0;
}

static int check_head(const struct trust *t, struct err *e)
{
	if (!str_is_name(t->fleet))
		return err_set(e, ERR_PARSE, "trust document: fleet '%s' is not a name: use a-z, 0-9, '.', '_' and '-', 63 characters at most",
		               t->fleet ? t->fleet : "");
	if (t->version == 0)
		return err_set(e, ERR_PARSE, "trust document: version 0: versions start at 1");
	if (t->expires_at_us <= 0 || t->expires_at_us <= t->created_at_us)
		return err_set(e, ERR_PARSE, "trust document: it expires before it was made: give --expires a later date");
	if (t->n_critical)
		return err_set(e, ERR_PARSE, "trust document: it needs '%s', which this version does not know: install a newer Rollcall", t->critical[0]);
	if (t->n_keys > TRUST_KEYS_MAX)
		return err_set(e, ERR_PARSE, "trust document: %zu keys, and %d are the most", t->n_keys, TRUST_KEYS_MAX);
	for (size_t i = 0; i < t->n_controller_keys; i++)
		if (!str_is_curve_key(t->controller_keys[i]))
			return err_set(e, ERR_PARSE, "trust document: controller key '%s' is not a CURVE public key (40 characters of Z85)",
			               t->controller_keys[i]);
	return 0;
}

int trust_check_shape(const struct trust *t, struct err *e)
{
	if (check_head(t, e) != 0)
		return -1;
	for (size_t i = 0; i < t->n_keys; i++)
		if (check_key(t, i, e) != 0)
			return -1;
	for (size_t i = 0; i < t->n_roles; i++)
		if (check_role(t, i, e) != 0)
			return -1;
	static const char *const needed[] = {ROLE_ROOT, ROLE_RELEASE};
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!trust_role(t, needed[i]))
			return err_set(e, ERR_PARSE, "trust document: role '%s' is missing: name its keys and threshold", needed[i]);
	return 0;
}
