/* DSSE: signing and checking over the pre-authentication encoding. */
#include "common/crypto/dsse.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"

/* "DSSEv1" SP len(type) SP type SP len(payload) SP payload, lengths in decimal: "DSSEv1 44 application/... 3 abc". */
static void add_pae(struct buf *b, const char *type, struct bytes payload)
{
	buf_reserve(b, payload.n + strlen(type) + 64);
	buf_addf(b, "DSSEv1 %zu %s %zu ", strlen(type), type, payload.n);
	buf_add(b, payload.p, payload.n);
}

int dsse_sign(struct envelope *env, const struct sign_key *k, struct arena *a, struct err *e)
{
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	char id[KEY_ID_SIZE];
	sign_key_public(k, public_key);
	sign_key_id(public_key, id);
	if (dsse_signed_by(env, env->type, public_key))
		return err_set(e, ERR_EXISTS, "key %s has signed this already: a second signature by the same key would not count", id);
	if (env->n_signatures >= ENVELOPE_SIGNATURES_MAX)
		return err_set(e, ERR_LIMIT, "%zu signatures already, and an envelope holds %d at most", env->n_signatures, ENVELOPE_SIGNATURES_MAX);

	AUTO(buf_done) struct buf pae = BUF_INIT;
	add_pae(&pae, env->type, env->payload);
	struct signature *all = arena_alloc(a, (env->n_signatures + 1) * sizeof *all);
	if (env->n_signatures)
		memcpy(all, env->signatures, env->n_signatures * sizeof *all);
	struct signature *mine = &all[env->n_signatures];
	mine->key_id = arena_strdup(a, id);
	sign_make(k, buf_bytes(&pae), mine->sig);
	env->signatures = all;
	env->n_signatures++;
	return 0;
}

bool dsse_signed_by(const struct envelope *env, const char *expected_type, const uint8_t public_key[SIGN_PUBLIC_SIZE])
{
	/* The type is compared before anything else: an approval shown as a release must fail even under a key that may sign both. */
	if (!str_eq(env->type, expected_type) || env->n_signatures == 0 || env->n_signatures > ENVELOPE_SIGNATURES_MAX)
		return false;
	AUTO(buf_done) struct buf pae = BUF_INIT;
	add_pae(&pae, env->type, env->payload);
	for (size_t i = 0; i < env->n_signatures; i++)
		if (sign_check(public_key, buf_bytes(&pae), env->signatures[i].sig))
			return true;
	return false;
}
