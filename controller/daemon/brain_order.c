/* Orders: freezing the target list under a Merkle root, taking approvals, and the dossier that agents pull once the threshold is met. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/crypto/digest.h"
#include "common/crypto/trust.h"
#include "common/model/plan.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/daemon/brain_impl.h"

#define SITE_CLOCK_LAG_US (5 * 60 * INT64_C(1000000)) /* a site whose clock is a little behind may start at once */

int order_release(struct brain *b, const uint8_t envelope_hash[DIGEST_SIZE], struct arena *a, struct release *ret, struct envelope *ret_env,
                  struct err *e)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct envelope env;
	if (blobs_get(b->config->blob_dir, envelope_hash, LIMIT_ENVELOPE, &data, e) < 0)
		return err_wrap(e, "the release's blob");
	if (envelope_decode(arena_bytes(a, buf_bytes(&data)), a, &env, e) < 0 || release_decode(env.payload, a, ret, e) < 0)
		return -1;
	if (ret_env)
		*ret_env = env;
	return 0;
}

/* ---- freezing ------------------------------------------------------------------------------------------------------------------------------------------ */

static const char *new_id(struct arena *a, struct err *e)
{
	uint8_t raw[16];
	if (crypto_random(raw, sizeof raw, e) < 0)
		return NULL;
	return arena_hex(a, bytes_of(raw, sizeof raw));
}

struct draft { /* the rollout being made, in the turn's arena */
	struct order order;
	struct rollout r;
	struct delivery_note *notes;
	struct store_rollout rec;
	struct merkle_tree *tree;
};

struct merkle_tree *order_tree(struct brain *b, const struct rollout *r, const struct delivery_note *notes)
{
	struct merkle_leaf *leaves = arena_alloc(b->turn, r->n_deliveries * sizeof *leaves);
	for (size_t i = 0; i < r->n_deliveries; i++) {
		leaves[i] = (struct merkle_leaf){.wave = r->deliveries[i].wave, .target = r->deliveries[i].target};
		memcpy(leaves[i].salt, notes[i].salt, TARGET_SALT_SIZE);
	}
	return merkle_new(leaves, r->n_deliveries);
}

static void draft_done(struct draft *d)
{
	merkle_destroy(&d->tree);
}

static int draft_targets(struct brain *b, const struct order_request *q, struct draft *d, struct err *e)
{
	size_t n = q->n_targets;
	d->r.deliveries = arena_alloc(b->turn, n * sizeof *d->r.deliveries);
	d->r.n_deliveries = n;
	d->notes = arena_alloc(b->turn, n * sizeof *d->notes);
	uint8_t(*salts)[TARGET_SALT_SIZE] = arena_alloc(b->turn, n * sizeof *salts);
	if (crypto_random(salts, n * sizeof *salts, e) < 0) /* at once: each call is a lock and a generator's start */
		return -1;
	for (size_t i = 0; i < n; i++) {
		memcpy(d->notes[i].salt, salts[i], TARGET_SALT_SIZE);
		d->notes[i].since_us = b->now_us;
		d->r.deliveries[i] = (struct delivery){
		    .index = (uint32_t)i, .wave = q->target_waves[i], .target = q->targets[i], .direction = q->direction, .order_direction = q->direction};
	}
	d->tree = order_tree(b, &d->r, d->notes);
	merkle_root(d->tree, d->order.targets_root);
	return 0;
}

static void draft_waves(struct brain *b, const struct order_request *q, struct draft *d)
{
	d->r.n_waves = q->n_waves;
	d->r.waves = arena_alloc(b->turn, q->n_waves * sizeof *d->r.waves);
	d->order.waves = arena_alloc(b->turn, q->n_waves * sizeof *d->order.waves);
	d->order.n_waves = q->n_waves;
	memcpy(d->order.waves, q->waves, q->n_waves * sizeof *d->order.waves);
	for (size_t i = 0; q->plan_waves && i < q->n_waves; i++) {
		d->r.waves[i].max_parallel_site = q->plan_waves[i]->max_parallel_site;
		d->r.waves[i].max_parallel_instance = q->plan_waves[i]->max_parallel_instance;
	}
}

static void draft_order(struct brain *b, const struct order_request *q, struct draft *d, const char *id)
{
	struct order *o = &d->order;
	d->r.id = o->id = id;
	o->project = q->release->project;
	o->release_version = q->release->version;
	o->release_sequence = q->release->sequence;
	o->environment = q->environment;
	o->plan = q->plan_name;
	o->direction = q->direction;
	o->target_count = (uint32_t)q->n_targets;
	o->created_at_us = b->now_us;
	o->not_before_us = q->not_before_us ? q->not_before_us : b->now_us - SITE_CLOCK_LAG_US;
	o->not_after_us = q->not_after_us;
	o->contexts = (const char **)q->contexts;
	o->n_contexts = q->n_contexts;
	o->except = (const char **)q->except;
	o->n_except = q->n_except;
	if (q->refuse_drift) {
		static const char *critical[] = {FEATURE_REFUSE_DRIFT};
		o->critical = critical;
		o->n_critical = ARRAY_LEN(critical);
	}
	memcpy(o->release_digest, q->release->digest, DIGEST_SIZE);
	memcpy(o->plan_digest, q->plan_digest, DIGEST_SIZE);
}

static void draft_record(struct brain *b, const struct order_request *q, struct draft *d)
{
	struct buf encoded = BUF_INIT;
	order_encode(&d->order, &encoded);
	d->rec = (struct store_rollout){.id = d->order.id,
	                                .project = q->release->project,
	                                .environment = q->environment,
	                                .detail = q->reason,
	                                .undoes = q->undoes,
	                                .created_by = q->actor,
	                                .plan_text = q->plan_text,
	                                .partial = q->partial,
	                                .direction = q->direction,
	                                .state = ROLLOUT_PENDING,
	                                .order = arena_bytes(b->turn, buf_bytes(&encoded)),
	                                .created_at_us = b->now_us};
	memcpy(d->rec.release_digest, q->release->digest, DIGEST_SIZE);
	digest_sha256(d->rec.order, d->rec.order_digest);
	buf_done(&encoded);
}

/* The approver roles that some target of the order needs, by the labels that the agents have told: only to know when to begin. The sites go by their own. */
struct deciders {
	const struct trust_role *roles[APPROVER_ROLES_MAX];
	size_t n;
};

static void add_deciders(struct deciders *d, const struct trust_role *const *found, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool known = false;
		for (size_t k = 0; k < d->n; k++)
			known = known || d->roles[k] == found[i];
		if (!known)
			d->roles[d->n++] = found[i];
	}
}

static bool has_scopes(const struct trust_role *const *roles, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (roles[i]->n_scopes)
			return true;
	return false;
}

static struct deciders find_deciders(struct brain *b, const char *environment, const struct delivery *deliveries, size_t n)
{
	AUTO(arena_destroy) struct arena *a = arena_new(RELEASE_ARENA);
	struct deciders d = {.n = 0};
	const struct trust_role *found[APPROVER_ROLES_MAX];
	size_t n_found = trust_approver_roles(&b->trusted.valid, environment, NULL, a, found);
	if (!has_scopes(found, n_found)) {
		add_deciders(&d, found, n_found);
		return d;
	}
	for (size_t i = 0; i < n; i++) {
		const struct brain_target *t = target_by_id(b, deliveries[i].target);
		struct target unknown = {.id = deliveries[i].target, .engine = ""};
		n_found = trust_approver_roles(&b->trusted.valid, environment, t ? &t->target : &unknown, a, found);
		add_deciders(&d, found, n_found);
	}
	return d;
}

static uint32_t approvals_wanted(const struct deciders *d)
{
	uint32_t n = 0;
	for (size_t i = 0; i < d->n; i++)
		n += d->roles[i]->threshold;
	return n;
}

int order_dossier(struct brain *b, struct run *u, struct err *e)
{
	struct store_approval *list = NULL;
	size_t n = 0;
	if (store_approvals(b->store, u->rec.id, b->turn, &list, &n, e) < 0)
		return -1;
	struct dossier d = {.order = u->rec.order,
	                    .approvals = arena_alloc(b->turn, (n + 1) * sizeof *d.approvals),
	                    .n_approvals = n,
	                    .gate_passes = arena_alloc(b->turn, (u->n_passes + 1) * sizeof *d.gate_passes),
	                    .n_gate_passes = u->n_passes};
	for (size_t i = 0; i < n; i++)
		d.approvals[i] = list[i].envelope;
	for (size_t i = 0; i < u->n_passes; i++)
		d.gate_passes[i] = u->passes[i].envelope;
	AUTO(buf_done) struct buf data = BUF_INIT;
	dossier_encode(&d, &data);
	if (blobs_put(b->config->blob_dir, buf_bytes(&data), u->rec.dossier_hash, e) < 0)
		return -1;
	u->rec.dossier_size = data.n;
	return 0;
}

/* The order's bytes with the approvals' envelopes become one blob; from here on the rollout runs. */
static int release_dossier(struct brain *b, struct run *u, const char *actor, struct err *e)
{
	return order_dossier(b, u, e) < 0 ? -1 : run_rollout_event(b, u, ROLLOUT_EV_APPROVED, actor, NULL, e);
}

int order_start(struct brain *b, const struct order_request *q, struct run **ret, struct err *e)
{
	AUTO(draft_done) struct draft d = {0};
	const char *id = new_id(b->turn, e);
	if (!id || draft_targets(b, q, &d, e) < 0)
		return -1;
	struct deciders who = find_deciders(b, q->environment, d.r.deliveries, d.r.n_deliveries);
	if (who.n == 0)
		return err_set(e, ERR_POLICY,
		               "the trust document names no role %s%s%s, so nobody could approve this: add the role, with threshold 0 if none is wanted",
		               ROLE_APPROVER_PREFIX, q->environment, d.r.n_deliveries ? " that covers these targets" : "");
	draft_waves(b, q, &d);
	draft_order(b, q, &d, id);
	draft_record(b, q, &d);
	if (store_rollout_put(b->store, &d.rec, &d.r, d.notes, e) < 0 || run_begin(b, &(struct run_draft){.r = &d.r, .notes = d.notes}, ret, e) < 0)
		return -1;
	(*ret)->tree = take_ptr(&d.tree);
	if (brain_log_evidence(b, q->actor, id, "rollout", "start", q->reason, (struct brain_evidence){.hash = d.rec.order_digest}, e) < 0)
		return -1;
	return approvals_wanted(&who) == 0 ? release_dossier(b, *ret, q->actor, e) : run_rollout_event(b, *ret, ROLLOUT_EV_ASK, q->actor, NULL, e);
}

/* ---- approvals ------------------------------------------------------------------------------------------------------------------------------------------ */

static int check_words(const struct brain *b, const struct run *u, const struct approval *p, struct err *e)
{
	if (memcmp(p->order_digest, u->rec.order_digest, DIGEST_SIZE) != 0)
		return err_set(e, ERR_POLICY, "the approval is for another order: fetch the order of rollout %s and approve that", u->rec.id);
	if (memcmp(p->release_digest, u->rec.release_digest, DIGEST_SIZE) != 0)
		return err_set(e, ERR_POLICY, "the approval is for another release than rollout %s rolls out", u->rec.id);
	if (!str_eq(p->environment, u->rec.environment))
		return err_set(e, ERR_POLICY, "the approval is for environment %s, rollout %s goes over %s", p->environment, u->rec.id, u->rec.environment);
	if (p->target_count != u->order.target_count)
		return err_set(e, ERR_POLICY, "the approval says %" PRIu32 " targets, the order has %" PRIu32 ": look at the list again", p->target_count,
		               u->order.target_count);
	if (p->expires_at_us <= b->now_us)
		return err_set(e, ERR_POLICY, "the approval has expired: sign a new one");
	return 0;
}

/* Four eyes: who signed the release does not approve it. */
static int check_no_author(struct brain *b, const struct run *u, const struct trust_key *const *keys, size_t n, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(RELEASE_ARENA);
	struct release r = {0};
	struct envelope env;
	if (order_release(b, u->rec.release_hash, a, &r, &env, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (dsse_signed_by(&env, TYPE_RELEASE, keys[i]->public_key))
			return err_set(e, ERR_POLICY, "%s signed release %s and cannot approve it too: another approver has to", keys[i]->owner, r.version);
	return 0;
}

static bool role_has_key(const struct brain *b, const struct trust_role *r, const uint8_t public_key[SIGN_PUBLIC_SIZE])
{
	char id[KEY_ID_SIZE];
	sign_key_id(public_key, id);
	return trust_key(&b->trusted.valid, id) && trust_role_has(r, id);
}

/* Each key once, whatever roles it has. */
static size_t signers_of(struct brain *b, const struct run *u, const struct envelope *env, const struct trust_key *ret[ENVELOPE_SIGNATURES_MAX])
{
	struct deciders who = find_deciders(b, u->rec.environment, u->r.deliveries, u->r.n_deliveries);
	size_t n = 0;
	for (size_t r = 0; r < who.n; r++) {
		const struct trust_key *keys[ENVELOPE_SIGNATURES_MAX];
		size_t found = trust_count_signers(&b->trusted.valid, who.roles[r]->name, env, TYPE_APPROVAL, keys, ENVELOPE_SIGNATURES_MAX);
		for (size_t i = 0; i < found && i < ENVELOPE_SIGNATURES_MAX; i++) {
			bool known = false;
			for (size_t k = 0; k < n; k++)
				known = known || ret[k] == keys[i];
			if (!known && n < ENVELOPE_SIGNATURES_MAX)
				ret[n++] = keys[i];
		}
	}
	return n;
}

/* ---- an emergency: role break-glass and the site's own key ---- */

static const struct trust_role *site_role_of(const struct brain *b, const char *target)
{
	return trust_site_role(&b->trusted.valid, arena_strndup(b->turn, target, strcspn(target, "/")));
}

/* As the sites will count them: the keys of the emergency's approvals, those of role break-glass and those of each site apart. */
static bool is_emergency(struct brain *b, const struct run *u, const struct store_approval *list, size_t n)
{
	const struct trust_role *glass = trust_role(&b->trusted.valid, ROLE_BREAK_GLASS);
	size_t n_glass = 0, n_all = 0;
	for (size_t i = 0; glass && i < n; i++) {
		struct envelope env;
		struct approval p;
		if (envelope_decode(list[i].envelope, b->turn, &env, NULL) < 0 || approval_decode(env.payload, b->turn, &p, NULL) < 0 || !p.n_break_glass)
			continue;
		n_all++;
		n_glass += role_has_key(b, glass, list[i].public_key);
	}
	if (!glass || n_glass < glass->threshold || n_all <= glass->threshold)
		return false;
	for (size_t d = 0; d < u->r.n_deliveries; d++) {
		const struct trust_role *site = site_role_of(b, u->r.deliveries[d].target);
		size_t n_site = 0;
		for (size_t i = 0; site && i < n; i++)
			n_site += role_has_key(b, site, list[i].public_key);
		if (!site || n_site < site->threshold)
			return false;
	}
	return true;
}

static size_t emergency_signers(struct brain *b, const struct run *u, const struct envelope *env,
                                const struct trust_key *ret[ENVELOPE_SIGNATURES_MAX])
{
	const struct trust_role *roles[] = {trust_role(&b->trusted.valid, ROLE_BREAK_GLASS),
	                                    u->r.n_deliveries ? site_role_of(b, u->r.deliveries[0].target) : NULL};
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		size_t n = roles[i] ? trust_count_signers(&b->trusted.valid, roles[i]->name, env, TYPE_APPROVAL, ret, ENVELOPE_SIGNATURES_MAX) : 0;
		if (n)
			return n;
	}
	return 0;
}

int order_approvals(struct brain *b, const struct run *u, size_t *ret_have, uint32_t *ret_need, struct err *e)
{
	struct store_approval *list = NULL;
	struct deciders who = find_deciders(b, u->rec.environment, u->r.deliveries, u->r.n_deliveries);
	size_t n = 0, have = 0;
	if (store_approvals(b->store, u->rec.id, b->turn, &list, &n, e) < 0)
		return -1;
	for (size_t r = 0; r < who.n; r++) {
		size_t in_role = 0;
		for (size_t i = 0; i < n; i++)
			in_role += role_has_key(b, who.roles[r], list[i].public_key);
		have += in_role < who.roles[r]->threshold ? in_role : who.roles[r]->threshold;
	}
	if (is_emergency(b, u, list, n)) { /* that is enough, whoever else is asked for */
		*ret_have = *ret_need = approvals_wanted(&who);
		return 0;
	}
	*ret_have = have;
	*ret_need = who.n ? approvals_wanted(&who) : UINT32_MAX;
	return 0;
}

static bool has_signed(const struct store_approval *list, size_t n, const struct trust_key *k)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(list[i].public_key, k->public_key, SIGN_PUBLIC_SIZE) == 0)
			return true;
	return false;
}

static const char *join(struct brain *b, const char *names, const char *owner)
{
	return arena_printf(b->turn, "%s%s%s", names, *names ? ", " : "", owner);
}

int order_approvers(struct brain *b, const struct run *u, const char **ret_signed, const char **ret_others, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(RELEASE_ARENA);
	struct store_approval *list = NULL;
	struct release r = {0};
	struct envelope env;
	struct deciders who = find_deciders(b, u->rec.environment, u->r.deliveries, u->r.n_deliveries);
	size_t n = 0;
	*ret_signed = *ret_others = "";
	if (store_approvals(b->store, u->rec.id, b->turn, &list, &n, e) < 0 || order_release(b, u->rec.release_hash, a, &r, &env, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		*ret_signed = join(b, *ret_signed, list[i].approver);
	for (size_t i = 0; i < b->trusted.valid.n_keys; i++) {
		const struct trust_key *k = &b->trusted.valid.keys[i];
		bool may = false;
		for (size_t d = 0; d < who.n; d++)
			may = may || trust_role_has(who.roles[d], k->id);
		if (may && !has_signed(list, n, k) && !dsse_signed_by(&env, TYPE_RELEASE, k->public_key)) /* its authors do not approve it */
			*ret_others = join(b, *ret_others, k->owner);
	}
	return 0;
}

static int store_keys(struct brain *b, struct run *u, struct bytes envelope, const struct trust_key *const *keys, size_t n, struct err *e)
{
	uint8_t hash[DIGEST_SIZE];
	digest_sha256(envelope, hash);
	for (size_t i = 0; i < n; i++) {
		struct store_approval p = {.approver = keys[i]->owner, .envelope = envelope, .at_us = b->now_us};
		memcpy(p.public_key, keys[i]->public_key, SIGN_PUBLIC_SIZE);
		const char *who = arena_printf(b->turn, "approver %s", keys[i]->owner);
		if (store_approval_put(b->store, u->rec.id, &p, e) < 0 ||
		    brain_log_evidence(b, who, u->rec.id, "rollout", "approve", NULL,
		                       (struct brain_evidence){arena_hex(b->turn, bytes_of(p.public_key, SIGN_PUBLIC_SIZE)), hash}, e) < 0)
			return -1;
	}
	return 0;
}

int order_approve(struct brain *b, struct run *u, struct bytes data, const char *actor, struct err *e)
{
	struct envelope env;
	struct approval p;
	const struct trust_key *keys[ENVELOPE_SIGNATURES_MAX];
	size_t have = 0;
	uint32_t need = 0;
	if (u->r.state != ROLLOUT_AWAITING_APPROVAL)
		return err_set(e, ERR_STATE, "rollout %s is %s and awaits no approval", u->rec.id, rollout_state_name(u->r.state));
	if (data.n > LIMIT_DOCUMENT || envelope_decode(data, b->turn, &env, e) < 0)
		return data.n > LIMIT_DOCUMENT ? err_set(e, ERR_LIMIT, "an approval is never that large: give the file that `rollcall approve` wrote") : -1;
	size_t n = signers_of(b, u, &env, keys);
	if (n == 0)
		n = emergency_signers(b, u, &env, keys);
	if (n == 0)
		return err_set(e, ERR_SIGNATURE, "no key of role %s%s signed this approval: the trust document lists who may", ROLE_APPROVER_PREFIX,
		               u->rec.environment);
	if (approval_decode(env.payload, b->turn, &p, e) < 0 || check_words(b, u, &p, e) < 0 || check_no_author(b, u, keys, n, e) < 0)
		return -1;
	if (store_keys(b, u, data, keys, n, e) < 0 || order_approvals(b, u, &have, &need, e) < 0)
		return -1;
	return have >= need ? release_dossier(b, u, actor, e) : 0;
}
