/* See the header. */
#include "controller/release/gate_pass.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/crypto/dsse.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"

static int check_key(const struct gate_terms *t, const struct sign_key *k, struct err *e)
{
	const char *environment = t->evidence->order.environment;
	const struct trust_role *r = trust_gate_role(t->evidence->trust, environment);
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	char id[KEY_ID_SIZE];
	sign_key_public(k, public_key);
	sign_key_id(public_key, id);
	if (!r)
		return err_set(e, ERR_POLICY, "the trust document has no role gate for %s, so no wave waits for a signature there: nothing was signed",
		               environment);
	if (!trust_role_has(r, id))
		return err_set(e, ERR_POLICY,
		               "this key is not in role %s of the trust document (version %" PRIu64 "), so its signature would not count: nothing was signed",
		               r->name, t->evidence->trust->version);
	return 0;
}

int gate_pass_make(const struct gate_terms *t, const struct sign_key *k, struct arena *a, struct envelope *ret, struct err *e)
{
	const struct wave_evidence *w = t->evidence;
	AUTO(buf_done) struct buf b = BUF_INIT;
	char at[CLOCK_TEXT_SIZE];
	if (check_key(t, k, e) != 0)
		return -1;
	if (t->now_us >= w->order.not_after_us)
		return err_set(e, ERR_POLICY, "order %.8s ended at %s: nothing was signed", w->order.id, clock_text(w->order.not_after_us, at));
	struct gate_pass p = {.wave = w->wave,
	                      .wave_name = w->order.waves[w->wave].name,
	                      .target_count = w->n_targets,
	                      .done = w->done,
	                      .failed = w->failed,
	                      .unreported = w->unreported,
	                      .soak_until_us = w->soak_until_us,
	                      .created_at_us = t->now_us,
	                      .expires_at_us = t->expires_at_us ? t->expires_at_us : w->order.not_after_us,
	                      .signer = t->signer,
	                      .reason = t->reason};
	memcpy(p.order_digest, w->order.digest, DIGEST_SIZE);
	memcpy(p.release_digest, w->order.release_digest, DIGEST_SIZE);
	memcpy(p.reports_digest, w->reports_digest, DIGEST_SIZE);
	gate_pass_encode(&p, &b);
	struct gate_pass again;
	if (gate_pass_decode(buf_bytes(&b), a, &again, e) != 0)
		return -1;
	*ret = (struct envelope){.type = TYPE_GATE_PASS, .payload = arena_bytes(a, buf_bytes(&b))};
	return dsse_sign(ret, k, a, e);
}
