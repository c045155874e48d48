/* What the keys of role gate signed: every pass of a wave is theirs, over an order that is here, and logged. Whether a site began a wave without one is the site's to refuse. */
#include <string.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/trust.h"
#include "controller/audit/verify_impl.h"

/* "ROLLOUT/WAVE/KEY": the order of that rollout. */
static bool find_order(struct verify *v, const char *name, struct order *ret)
{
	const char *rollout = arena_strndup(v->a, name, strcspn(name, "/"));
	const struct bundle_document *d = bundle_find(v->b, "order", rollout);
	return d && order_decode(d->data, v->a, ret, NULL) == 0;
}

static const char *misfit(const struct order *o, const struct gate_pass *p)
{
	if (memcmp(p->order_digest, o->digest, DIGEST_SIZE) != 0 || memcmp(p->release_digest, o->release_digest, DIGEST_SIZE) != 0)
		return "it is of another order";
	if (p->wave >= o->n_waves || !str_eq(o->waves[p->wave].name, p->wave_name) || o->waves[p->wave].target_count != p->target_count)
		return "its order has no such wave";
	return NULL;
}

/* By one of the gate's keys of then. */
static bool was_signed(const struct verify *v, const struct audit_row *row, const char *environment, const struct envelope *env,
                       const char **ret_role)
{
	struct trust_span s = verify_trust_at(v, row ? row->seq : 0);
	for (size_t i = s.from; i < s.to; i++) {
		const struct trust_role *r = trust_gate_role(v->steps[i].trust, environment);
		if (r && trust_count_signers(v->steps[i].trust, r->name, env, TYPE_GATE_PASS, NULL, 0))
			return true;
		*ret_role = r ? r->name : *ret_role;
	}
	return false;
}

static void check_pass(struct verify *v, const struct bundle_document *d)
{
	const char *place = arena_printf(v->a, "gate-pass %s", d->name);
	struct envelope env;
	struct gate_pass p;
	struct order o;
	struct err e = ERR_INIT;
	uint8_t hash[DIGEST_SIZE];
	v->check->looked_at++;
	digest_sha256(d->data, hash);
	if (!find_order(v, d->name, &o)) {
		verify_wrong(v, place, "its order is not here");
		return;
	}
	const struct audit_row *row = verify_row_of(v, "gate-pass", hash);
	const char *role = ROLE_GATE;
	if (envelope_decode(d->data, v->a, &env, &e) != 0 || gate_pass_decode(env.payload, v->a, &p, &e) != 0)
		verify_wrong(v, place, "%s", e.msg);
	else if (!was_signed(v, row, o.environment, &env, &role))
		verify_wrong(v, place, "no key of role %s signed it", role);
	else if (misfit(&o, &p))
		verify_wrong(v, place, "%s", misfit(&o, &p));
	else if (!row)
		verify_wrong(v, place, "no row of the log tells of it");
}

void verify_gates(struct verify *v)
{
	for (size_t i = 0; v->n_steps && i < v->b->n_documents; i++)
		if (str_eq(v->b->documents[i].kind, "gate-pass"))
			check_pass(v, &v->b->documents[i]);
}
