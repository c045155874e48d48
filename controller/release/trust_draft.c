/* See the header. */
#include "controller/release/trust_draft.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/dsse.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"

static struct trust_role *draft_role(struct trust *t, const char *name, struct arena *a)
{
	for (size_t i = 0; i < t->n_roles; i++)
		if (str_eq(t->roles[i].name, name))
			return &t->roles[i];
	t->roles = arena_regrow(a, t->roles, t->n_roles * sizeof *t->roles, (t->n_roles + 1) * sizeof *t->roles);
	t->roles[t->n_roles] = (struct trust_role){.name = arena_strdup(a, name), .threshold = 1};
	return &t->roles[t->n_roles++];
}

static const struct trust_key *draft_key(struct trust *t, const uint8_t public_key[SIGN_PUBLIC_SIZE], const char *owner, struct arena *a)
{
	char id[KEY_ID_SIZE];
	sign_key_id(public_key, id);
	const struct trust_key *known = trust_key(t, id);
	if (known)
		return known;
	t->keys = arena_regrow(a, t->keys, t->n_keys * sizeof *t->keys, (t->n_keys + 1) * sizeof *t->keys);
	struct trust_key *k = &t->keys[t->n_keys++];
	*k = (struct trust_key){.id = arena_strdup(a, id), .owner = arena_strdup(a, owner)};
	memcpy(k->public_key, public_key, SIGN_PUBLIC_SIZE);
	return k;
}

int trust_draft_add(struct trust *t, const char *role, const char *pub_path, struct arena *a, struct err *e)
{
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	char owner[SIGN_OWNER_SIZE];
	if (sign_public_load(pub_path, public_key, e) != 0)
		return err_wrap(e, "role %s", role);
	sign_public_owner(pub_path, owner);
	const char *id = draft_key(t, public_key, owner, a)->id;
	struct trust_role *r = draft_role(t, role, a);
	for (size_t i = 0; i < r->n_key_ids; i++)
		if (str_eq(r->key_ids[i], id))
			return err_set(e, ERR_EXISTS, "%s: key %s of %s is in role %s already", pub_path, id, owner, role);
	r->key_ids = arena_regrow(a, r->key_ids, r->n_key_ids * sizeof *r->key_ids, (r->n_key_ids + 1) * sizeof *r->key_ids);
	r->key_ids[r->n_key_ids++] = id;
	return 0;
}

static bool take_out(struct trust_role *r, const char *key_id)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n_key_ids; i++)
		if (!str_eq(r->key_ids[i], key_id))
			r->key_ids[n++] = r->key_ids[i];
	bool found = n < r->n_key_ids;
	r->n_key_ids = n;
	return found;
}

static bool is_in_a_role(const struct trust *t, const char *key_id)
{
	for (size_t i = 0; i < t->n_roles; i++)
		for (size_t k = 0; k < t->roles[i].n_key_ids; k++)
			if (str_eq(t->roles[i].key_ids[k], key_id))
				return true;
	return false;
}

static void drop_unused_key(struct trust *t, const char *key_id)
{
	size_t n = 0;
	if (is_in_a_role(t, key_id))
		return;
	for (size_t i = 0; i < t->n_keys; i++)
		if (!str_eq(t->keys[i].id, key_id))
			t->keys[n++] = t->keys[i];
	t->n_keys = n;
}

int trust_draft_remove(struct trust *t, const char *role, const char *key_id, struct err *e)
{
	bool found = false;
	for (size_t i = 0; i < t->n_roles; i++)
		if (!role || str_eq(t->roles[i].name, role))
			found |= take_out(&t->roles[i], key_id);
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "key %s is not in %s%s", key_id, role ? "role " : "any role", role ? role : "");
	drop_unused_key(t, key_id);
	return 0;
}

int trust_draft_replace(struct trust *t, const char *old_id, const char *pub_path, struct arena *a, struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n_roles; i++) {
		if (!take_out(&t->roles[i], old_id))
			continue;
		n++;
		if (trust_draft_add(t, t->roles[i].name, pub_path, a, e) != 0)
			return -1;
	}
	if (n == 0)
		return err_set(e, ERR_NOT_FOUND, "key %s is in no role of the document", old_id);
	drop_unused_key(t, old_id);
	return 0;
}

int trust_draft_find(const struct trust *t, const char *name, char ret_id[KEY_ID_SIZE], struct err *e)
{
	const struct trust_key *found = trust_key(t, name);
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	size_t n = found ? 1 : 0;
	if (!found && str_ends(name, ".pub")) {
		if (sign_public_load(name, public_key, e) != 0)
			return -1;
		sign_key_id(public_key, ret_id);
		return 0;
	}
	for (size_t i = 0; !trust_key(t, name) && i < t->n_keys; i++)
		if (str_eq(t->keys[i].owner, name))
			found = &t->keys[i], n++;
	if (n == 0)
		return err_set(e, ERR_NOT_FOUND, "%s: no key of the document has this id or owner: 'rollcall trust show' lists them", name);
	if (n > 1)
		return err_set(e, ERR_USAGE, "%s: %zu keys of the document have this owner: give the id of the one you mean", name, n);
	memcpy(ret_id, found->id, KEY_ID_SIZE);
	return 0;
}

void trust_draft_threshold(struct trust *t, const char *role, uint32_t threshold, struct arena *a)
{
	draft_role(t, role, a)->threshold = threshold;
}

void trust_draft_scope(struct trust *t, const char *role, const char *selector, struct arena *a)
{
	struct trust_role *r = draft_role(t, role, a);
	r->scopes = arena_regrow(a, r->scopes, r->n_scopes * sizeof *r->scopes, (r->n_scopes + 1) * sizeof *r->scopes);
	r->scopes[r->n_scopes++] = arena_strdup(a, selector);
}

int trust_draft_close(const struct trust *t, struct arena *a, struct envelope *ret, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (trust_check_shape(t, e) != 0)
		return -1;
	trust_encode(t, &b);
	*ret = (struct envelope){.type = TYPE_TRUST, .payload = arena_bytes(a, buf_bytes(&b))};
	return 0;
}

int trust_file_load(const char *path, struct arena *a, struct envelope *ret_env, struct trust *ret, struct err *e)
{
	char word[TRUST_WORD_SIZE];
	struct envelope env;
	if (envelope_load(path, a, &env, e) != 0)
		return -1;
	if (!str_eq(env.type, TYPE_TRUST))
		return err_set(e, ERR_PARSE, "%s: this is a %s, not a trust document", path, trust_type_word(env.type, word));
	if (trust_decode(env.payload, a, ret, e) != 0)
		return err_wrap(e, "%s", path);
	*ret_env = env;
	return 0;
}

void trust_draft_next(const struct trust *by, const struct envelope *env, struct buf *ret)
{
	const struct trust_role *root = trust_role(by, ROLE_ROOT);
	const struct trust_key *signers[ENVELOPE_SIGNATURES_MAX];
	size_t n = trust_count_signers(by, ROLE_ROOT, env, TYPE_TRUST, signers, ENVELOPE_SIGNATURES_MAX);
	if (root && n < root->threshold)
		trust_missing_text(by, root, signers, n, ret);
}

static int check_enroller(const struct trust *t, const struct sign_key *k, struct err *e)
{
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	char id[KEY_ID_SIZE];
	const struct trust_role *role = trust_role(t, ROLE_ENROL);
	sign_key_public(k, public_key);
	sign_key_id(public_key, id);
	if (!role)
		return err_set(e, ERR_POLICY, "the trust document has no role 'enrol': have one signed that names a key for it");
	if (role->threshold > 1)
		return err_set(e, ERR_POLICY, "role 'enrol' wants %u signatures, and a certificate carries one: lower its threshold to 1",
		               (unsigned)role->threshold);
	for (size_t i = 0; i < role->n_key_ids; i++)
		if (str_eq(role->key_ids[i], id))
			return 0;
	return err_set(e, ERR_POLICY, "key %s is not in role 'enrol' of the trust document: no agent or controller would take its certificate", id);
}

int certificate_make(const struct agent_request *r, const struct trust *t, const struct sign_key *k, int64_t now_us, int64_t not_after_us,
                     struct arena *a, struct envelope *ret, struct err *e)
{
	uint8_t serial[16];
	char hex[sizeof serial * 2 + 1];
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (check_enroller(t, k, e) != 0 || crypto_random(serial, sizeof serial, e) != 0)
		return -1;
	if (!sign_public_is_sound(r->report_key))
		return err_set(e, ERR_KEY, "the request's report key is a weak Ed25519 key, under which anyone could sign: have the agent make a new one");
	struct certificate c = {.agent = r->agent,
	                        .site = r->site,
	                        .serial = bytes_to_hex(bytes_of(serial, sizeof serial), hex),
	                        .curve_key = r->curve_key,
	                        .targets = r->targets,
	                        .n_targets = r->n_targets,
	                        .not_before_us = now_us,
	                        .not_after_us = not_after_us};
	memcpy(c.report_key, r->report_key, SIGN_PUBLIC_SIZE);
	certificate_encode(&c, &b);
	/* What its readers would refuse is refused here, while the person who can mend it is present. */
	struct certificate again;
	if (certificate_decode(buf_bytes(&b), a, &again, e) != 0)
		return -1;
	*ret = (struct envelope){.type = TYPE_CERTIFICATE, .payload = arena_bytes(a, buf_bytes(&b))};
	return dsse_sign(ret, k, a, e);
}
