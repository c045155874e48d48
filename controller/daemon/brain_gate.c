/* Gate passes: where the trust document has a role gate, sites begin a later wave only with that role's signatures over the wave before it. The controller takes them, keeps them,
 * hands them out with the dossier, and opens no wave before; it cannot make one. */
#include <inttypes.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/daemon/brain_impl.h"

static const struct trust_role *role_of(const struct brain *b, const struct run *u)
{
	return trust_gate_role(&b->trusted.valid, u->rec.environment);
}

/* The role's keys that have signed for this wave, each once: the store keeps one pass of a key. */
static size_t signers_of(const struct brain *b, const struct run *u, const struct trust_role *r, uint32_t wave, const struct trust_key **ret,
                         size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < u->n_passes && n < max; i++) {
		const struct store_gate_pass *p = &u->passes[i];
		char id[KEY_ID_SIZE];
		sign_key_id(p->public_key, id);
		const struct trust_key *k =
		    p->wave == wave && p->expires_at_us > b->now_us && trust_role_has(r, id) ? trust_key(&b->trusted.valid, id) : NULL;
		if (k)
			ret[n++] = k;
	}
	return n;
}

/* Only a wave that others still wait behind is asked about. */
static uint32_t last_open_wave(const struct rollout *r)
{
	for (size_t i = r->n_deliveries; i-- > 0;)
		if (!delivery_settled(&r->deliveries[i]) && r->deliveries[i].direction == r->direction)
			return r->deliveries[i].wave;
	return 0;
}

void gates_to_run(const struct brain *b, struct run *u)
{
	const struct trust_role *r = role_of(b, u);
	const struct trust_key *keys[ENVELOPE_SIGNATURES_MAX];
	uint32_t last = r ? last_open_wave(&u->r) : 0;
	for (uint32_t i = 0; i < u->r.n_waves; i++) {
		struct wave_run *w = &u->r.waves[i];
		w->needs_pass = r && i < last && w->target_count > 0;
		w->has_pass = w->needs_pass && signers_of(b, u, r, i, keys, ENVELOPE_SIGNATURES_MAX) >= r->threshold;
	}
}

const struct wave_run *gate_awaited(const struct run *u, uint32_t *ret_wave)
{
	for (uint32_t i = 0; i < u->r.n_waves && !rollout_is_final(u->r.state); i++)
		if (u->r.waves[i].state == WAVE_AWAITING_PASS) {
			*ret_wave = i;
			return &u->r.waves[i];
		}
	return NULL;
}

const char *gate_missing(const struct brain *b, struct arena *a, const struct run *u, uint32_t wave)
{
	const struct trust_role *r = role_of(b, u);
	const struct trust_key *keys[ENVELOPE_SIGNATURES_MAX];
	size_t n = r ? signers_of(b, u, r, wave, keys, ENVELOPE_SIGNATURES_MAX) : 0;
	AUTO(buf_done) struct buf text = BUF_INIT;
	if (!r || n >= r->threshold)
		return "";
	trust_missing_text(&b->trusted.valid, r, keys, n, &text);
	buf_adds(&text, " sign");
	return arena_strdup(a, buf_str(&text));
}

/* ---- taking one ---------------------------------------------------------------------------------------------------------------------------------------- */

static int check_words(const struct brain *b, const struct run *u, const struct gate_pass *p, struct err *e)
{
	uint32_t i = 0;
	if (memcmp(p->order_digest, u->rec.order_digest, DIGEST_SIZE) != 0 || memcmp(p->release_digest, u->rec.release_digest, DIGEST_SIZE) != 0)
		return err_set(e, ERR_POLICY, "the gate pass is for another order than that of rollout %.8s: make one with `rollcall gate pass %.8s`",
		               u->rec.id, u->rec.id);
	for (; i < u->order.n_waves && !str_eq(u->order.waves[i].name, p->wave_name); i++)
		;
	if (i != p->wave || p->target_count != u->order.waves[i].target_count)
		return err_set(e, ERR_POLICY, "the gate pass is of wave %s with %" PRIu32 " targets, which rollout %.8s does not have", p->wave_name,
		               p->target_count, u->rec.id);
	if (p->expires_at_us <= b->now_us)
		return err_set(e, ERR_POLICY, "the gate pass has expired: sign a new one");
	return 0;
}

static void remember(struct run *u, const struct store_gate_pass *p)
{
	for (size_t i = 0; i < u->n_passes; i++)
		if (u->passes[i].wave == p->wave && memcmp(u->passes[i].public_key, p->public_key, SIGN_PUBLIC_SIZE) == 0) {
			u->passes[i] = *p;
			return;
		}
	arena_vec_grow(u->arena, u->passes, u->n_passes, u->cap_passes);
	u->passes[u->n_passes++] = *p;
}

static int keep(struct brain *b, struct run *u, const struct gate_pass *p, const struct trust_key *k, struct bytes envelope, struct err *e)
{
	struct store_gate_pass rec = {
	    .wave = p->wave, .signer = arena_strdup(u->arena, k->owner), .expires_at_us = p->expires_at_us, .envelope = arena_bytes(u->arena, envelope)};
	uint8_t hash[DIGEST_SIZE];
	memcpy(rec.public_key, k->public_key, SIGN_PUBLIC_SIZE);
	digest_sha256(envelope, hash);
	const char *ref = arena_hex(b->turn, bytes_of(rec.public_key, SIGN_PUBLIC_SIZE));
	const char *who = arena_printf(b->turn, "gate %s", k->owner), *wave = arena_printf(b->turn, "wave %s", p->wave_name);
	if (store_gate_pass_put(b->store, u->rec.id, &rec, b->now_us, e) < 0 ||
	    brain_log_evidence(b, who, u->rec.id, wave, "gate-pass", p->reason, (struct brain_evidence){ref, hash}, e) < 0)
		return -1;
	remember(u, &rec);
	return 0;
}

int gate_take(struct brain *b, struct run *u, const struct envelope *env, struct bytes envelope, uint32_t *ret_wave, struct err *e)
{
	const struct trust_role *r = role_of(b, u);
	const struct trust_key *keys[ENVELOPE_SIGNATURES_MAX];
	struct gate_pass p;
	if (rollout_is_final(u->r.state))
		return err_set(e, ERR_STATE, "rollout %.8s is %s: no wave of it waits for a gate", u->rec.id, rollout_state_name(u->r.state));
	if (!r)
		return err_set(e, ERR_POLICY, "the trust document has no role %s, so waves of %s wait for no pass", ROLE_GATE, u->rec.environment);
	size_t n = trust_count_signers(&b->trusted.valid, r->name, env, TYPE_GATE_PASS, keys, ENVELOPE_SIGNATURES_MAX);
	if (n == 0)
		return err_set(e, ERR_SIGNATURE, "no key of role %s signed this gate pass: the trust document lists who may", r->name);
	if (gate_pass_decode(env->payload, b->turn, &p, e) < 0 || check_words(b, u, &p, e) < 0)
		return -1;
	if (u->n_passes + n > LIMIT_GATE_PASSES)
		return err_set(e, ERR_LIMIT, "rollout %.8s has %zu gate passes, and %d are the most", u->rec.id, u->n_passes, LIMIT_GATE_PASSES);
	for (size_t i = 0; i < n && i < ENVELOPE_SIGNATURES_MAX; i++)
		if (keep(b, u, &p, keys[i], envelope, e) < 0)
			return -1;
	*ret_wave = p.wave;
	u->touched = true;
	gates_to_run(b, u);
	if (u->rec.dossier_size == 0) /* made with the approvals */
		return 0;
	return order_dossier(b, u, e) < 0 ? -1 : store_rollout_save(b->store, &u->rec, e);
}
