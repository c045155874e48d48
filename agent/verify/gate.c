/* C12, the strict wave gate. Where the trust document names a role gate (for the order's environment, or for all), the controller's word that a wave has passed is not enough: a
 * later wave begins only with passes of the wave before it, signed over exactly this order by as many of the role's keys as its threshold says. The controller holds none of
 * them. A rollback that the order's own on_failure asks for only takes back what this order did, and waits for nobody. */
#include <inttypes.h>
#include <string.h>

#include "agent/verify/delivery.h"
#include "agent/verify/verdicts.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/trust.h"

#define SOAK_SKEW_US ((int64_t)60 * 1000000) /* the signer's clock may be a little ahead; whole soaks are not slept through by it */

struct gate {
	struct delivery *d;
	const struct trust_role *role;
	uint32_t wave; /* whose pass is wanted */
	const struct trust_key *signers[ENVELOPE_SIGNATURES_MAX];
	size_t n;
	struct buf not_counted; /* "; not counted: ..." */
};

static void gate_done(struct gate *g)
{
	buf_done(&g->not_counted);
}

/* NULL when it is a pass of this wave of exactly this order, now. What has begun is finished: an earlier run found the gate open. */
static const char *misfit(const struct gate *g, const struct gate_pass *p)
{
	const struct delivery *d = g->d;
	const struct wave *w = &d->v.order.waves[g->wave];
	if (memcmp(p->order_digest, d->order_digest, DIGEST_SIZE) != 0)
		return "is of another order";
	if (memcmp(p->release_digest, d->v.release.digest, DIGEST_SIZE) != 0)
		return "is of another release";
	if (p->wave != g->wave || !str_eq(p->wave_name, w->name))
		return "is of another wave";
	if (p->target_count != w->target_count)
		return "counts another number of targets than the wave has";
	if (d->f->begun)
		return NULL;
	if (p->soak_until_us > d->now_us + SOAK_SKEW_US)
		return "the wave's soak is not over";
	if (p->created_at_us > d->now_us + CLOCK_SKEW_US)
		return "was made in the future";
	return d->now_us >= p->expires_at_us ? "expired" : NULL;
}

static bool has_signed(const struct gate *g, const struct trust_key *k)
{
	for (size_t i = 0; i < g->n; i++)
		if (memcmp(g->signers[i]->public_key, k->public_key, SIGN_PUBLIC_SIZE) == 0)
			return true;
	return false;
}

static void count(struct gate *g, const struct trust_key *k, const struct gate_pass *p)
{
	const char *why = misfit(g, p);
	/* Passes of other waves come along with every dossier: they are no news. */
	if (why && p->wave != g->wave)
		return;
	if (why)
		buf_addf(&g->not_counted, "%s%s's (%s)", g->not_counted.n ? ", " : "; not counted: ", k->owner, why);
	else if (!has_signed(g, k) && g->n < ENVELOPE_SIGNATURES_MAX)
		g->signers[g->n++] = k;
}

/* One that no key of the role signed is not read. */
static int read_pass(struct gate *g, struct bytes data, struct err *e)
{
	struct envelope env;
	struct gate_pass p;
	bool decoded = false;
	if (envelope_decode(data, g->d->a, &env, e) != 0)
		return err_wrap(e, "gate pass");
	for (size_t i = 0; i < g->role->n_key_ids; i++) {
		const struct trust_key *k = trust_key(&g->d->valid, g->role->key_ids[i]);
		if (!k || !verdict_signed_by(&env, TYPE_GATE_PASS, k->public_key))
			continue;
		if (!decoded && gate_pass_decode(env.payload, g->d->a, &p, e) != 0)
			return -1;
		decoded = true;
		count(g, k, &p);
	}
	return 0;
}

static int check_threshold(const struct gate *g, struct err *e)
{
	const struct order *o = &g->d->v.order;
	if (g->n >= g->role->threshold)
		return 0;
	AUTO(buf_done) struct buf b = BUF_INIT;
	trust_missing_text(&g->d->valid, g->role, g->signers, g->n, &b);
	return err_set(e, ERR_POLICY, "wave %s of order %s begins only when a gate's keys say that wave %s has passed: %s sign that%s",
	               o->waves[g->d->f->proof.wave].name, o->id, o->waves[g->wave].name, buf_str(&b), buf_str(&g->not_counted));
}

int gate_check(struct delivery *d, struct err *e)
{
	AUTO(gate_done) struct gate g = {.d = d, .role = trust_gate_role(&d->valid, d->f->environment)};
	if (d->f->direction != d->v.order.direction || !order_wave_before(&d->v.order, d->f->proof.wave, &g.wave))
		return 0;
	d->v.wave_before = d->v.order.waves[g.wave].name;
	if (!g.role)
		return 0;
	for (size_t i = 0; i < d->dossier.n_gate_passes; i++)
		if (read_pass(&g, d->dossier.gate_passes[i], e) != 0)
			return -1;
	if (check_threshold(&g, e) != 0)
		return -1;
	d->v.gate_signers = arena_alloc(d->a, (g.n + 1) * sizeof *d->v.gate_signers);
	for (size_t i = 0; i < g.n; i++)
		d->v.gate_signers[d->v.n_gate_signers++] = g.signers[i]->owner;
	return 0;
}
