/* The order to sign, approvals and gate passes. */
#include <inttypes.h>

#include "common/base/str.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/operate/operate.h"

int operate_order(struct request *q, struct err *e)
{
	struct run *u = NULL;
	if (request_run(q, &u, e) < 0)
		return -1;
	reply_document(q, u->rec.order);
	reply_columns(q, "#index,#wave,target,salt");
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		const struct delivery *d = &u->r.deliveries[i];
		char salt[2 * TARGET_SALT_SIZE + 1];
		reply_row(q, "%zu\t%" PRIu32 "\t%s\t%s", i, d->wave, d->target, bytes_to_hex(bytes_of(u->notes[i].salt, TARGET_SALT_SIZE), salt));
	}
	reply_end(q, EXIT_DONE, "order of rollout %.8s: %zu targets", u->rec.id, u->r.n_deliveries);
	return 0;
}

static int take_approval(struct request *q, struct run *u, struct err *e)
{
	size_t before = 0, have = 0;
	uint32_t need = 0;
	if (order_approvals(q->b, u, &before, &need, e) < 0 || order_approve(q->b, u, q->c->document, q->actor, e) < 0 ||
	    order_approvals(q->b, u, &have, &need, e) < 0)
		return -1;
	if (reply_rollout(q, &u->rec, e) < 0)
		return -1;
	if (u->r.state == ROLLOUT_AWAITING_APPROVAL)
		reply_end(q, EXIT_WAITING, "%s%.8s has %zu of %" PRIu32 " approvals; another approver runs: rollcall rollout approve %.8s --key KEY",
		          have == before ? "this key has approved it before and counts once: rollout " : "rollout ", u->rec.id, have, need, u->rec.id);
	else
		reply_end(q, EXIT_DONE, "rollout %.8s is approved and runs; follow it: rollcall rollout watch %.8s", u->rec.id, u->rec.id);
	return 0;
}

static int take_gate_pass(struct request *q, struct run *u, const struct envelope *env, struct err *e)
{
	uint32_t wave = 0;
	if (gate_take(q->b, u, env, q->c->document, &wave, e) < 0)
		return -1;
	if (reply_rollout(q, &u->rec, e) < 0)
		return -1;
	const char *name = u->r.waves[wave].name, *missing = gate_missing(q->b, q->a, u, wave);
	if (*missing)
		reply_end(q, EXIT_WAITING, "wave %s of rollout %.8s: %s: rollcall gate pass %.8s", name, u->rec.id, missing, u->rec.id);
	else if (u->r.waves[wave].state == WAVE_AWAITING_PASS)
		reply_end(q, EXIT_DONE, "wave %s of rollout %.8s has passed, and the next one begins; follow it: rollcall rollout watch %.8s", name,
		          u->rec.id, u->rec.id);
	else
		reply_end(q, EXIT_DONE, "wave %s of rollout %.8s has its gate pass; the wave itself is %s", name, u->rec.id,
		          wave_state_name(u->r.waves[wave].state));
	return 0;
}

/* The document says which of the two it is. */
int operate_approve(struct request *q, struct err *e)
{
	struct run *u = NULL;
	struct envelope env;
	if (request_run(q, &u, e) < 0)
		return -1;
	if (q->c->document.n <= LIMIT_DOCUMENT && envelope_decode(q->c->document, q->a, &env, NULL) == 0 && str_eq(env.type, TYPE_GATE_PASS))
		return take_gate_pass(q, u, &env, e);
	return take_approval(q, u, e);
}
