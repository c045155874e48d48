/* Whom the next trust document would shut out: asked before it is stored, because no version can be taken back once an agent has seen it, and what mends one has to be signed by the
 * root keys again. Nothing here weighs signatures: trust_check_next does. Each question is a row of the table at the end. */
#include <inttypes.h>

#include "common/base/str.h"
#include "common/crypto/fresh.h"
#include "common/crypto/trust.h"
#include "controller/daemon/brain_impl.h"

#define NAMES_MAX 5 /* in a message; the others are counted */

struct lockout {
	struct brain *b;
	const struct trust *next;
	struct freshness fresh; /* what will be revoked under it */
	struct buf *says;
};

typedef int ask_fn(struct lockout *l, struct err *e);

static void add_name(struct buf *names, size_t *n, const char *name)
{
	if (++*n <= NAMES_MAX)
		buf_addf(names, "%s%s", *n > 1 ? ", " : "", name);
}

static void end_names(struct buf *names, size_t n)
{
	if (n > NAMES_MAX)
		buf_addf(names, " and %zu more", n - NAMES_MAX);
}

/* Where the next reason is written. */
static struct buf *reason(struct lockout *l)
{
	buf_adds(l->says, l->says->n ? "; " : "");
	return l->says;
}

/* ---- agents ---- */

static bool enrol_shrinks(const struct trust *now, const struct trust *next)
{
	const struct trust_role *x = trust_role(now, ROLE_ENROL), *y = trust_role(next, ROLE_ENROL);
	bool shrinks = x && (!y || y->threshold > x->threshold);
	for (size_t i = 0; x && y && i < x->n_key_ids; i++)
		shrinks = shrinks || !trust_role_has(y, x->key_ids[i]);
	return shrinks;
}

static int would_lose(struct lockout *l, const struct brain_agent *g, bool *ret, struct err *e)
{
	struct bytes data;
	struct envelope env;
	struct certificate c;
	if (agent_certificate(l->b, g, &data, e) < 0 || agent_decode_certificate(data, l->b->turn, &c, &env, e) < 0)
		return -1;
	*ret = trust_check_role(&l->b->trusted.doc, ROLE_ENROL, &env, TYPE_CERTIFICATE, NULL) == 0 &&
	       trust_check_role(l->next, ROLE_ENROL, &env, TYPE_CERTIFICATE, NULL) != 0;
	return 0;
}

static int ask_certificates(struct lockout *l, struct err *e)
{
	AUTO(buf_done) struct buf names = BUF_INIT;
	size_t n = 0;
	if (!enrol_shrinks(&l->b->trusted.doc, l->next))
		return 0;
	for (size_t i = 0; i < l->b->n_agents; i++) {
		const struct brain_agent *g = l->b->agents[i];
		bool lost = false;
		if (!g->rec.revoked_at_us && would_lose(l, g, &lost, e) < 0)
			return -1;
		if (lost)
			add_name(&names, &n, g->rec.name);
	}
	end_names(&names, n);
	if (n)
		buf_addf(reason(l),
		         "the certificates of %s are signed by no key that is left in its role %s: these agents would be let in nowhere. Put the new enrol "
		         "key beside the "
		         "old one first (rollcall trust add-key --role enrol), have them renew, and take the old key out then",
		         buf_str(&names), ROLE_ENROL);
	return 0;
}

/* An agent takes versions one by one: from the one that it has on, each must be here. */
static int ask_steps(struct lockout *l, struct err *e)
{
	AUTO(buf_done) struct buf names = BUF_INIT;
	uint64_t from = 0;
	size_t n = 0;
	if (trusted_first_step(l->b, &from, e) < 0)
		return -1;
	for (size_t i = 0; i < l->b->n_agents; i++) {
		const struct brain_agent *g = l->b->agents[i];
		if (g->session && g->trust_version + 1 < from)
			add_name(&names, &n, arena_printf(l->b->turn, "%s (version %" PRIu64 ")", g->rec.name, g->trust_version));
	}
	end_names(&names, n);
	if (n)
		buf_addf(reason(l),
		         "%s cannot step to it: the versions before %" PRIu64 " are not kept here. Give their sites each version that they lack first "
		         "(rollcall-agent trust install FILE), and let them connect again",
		         buf_str(&names), from);
	return 0;
}

/* ---- roles ---- */

static const char *owner_of(const struct trust *t, const char *key_id)
{
	const struct trust_key *k = trust_key(t, key_id);
	return k && k->owner ? k->owner : key_id;
}

static int ask_thresholds(struct lockout *l, struct err *e)
{
	(void)e;
	const struct trust valid = trust_without_revoked(l->next, &l->fresh, l->b->turn);
	for (size_t i = 0; i < valid.n_roles; i++)
		if (valid.roles[i].n_key_ids < valid.roles[i].threshold)
			buf_addf(reason(l),
			         "role %s asks for %" PRIu32 " keys, and has %zu that are not revoked: name others in their place (rollcall trust rotate)",
			         valid.roles[i].name, valid.roles[i].threshold, valid.roles[i].n_key_ids);
	return 0;
}

static bool had_a_role(const struct trust *t, const char *key_id)
{
	for (size_t i = 0; i < t->n_roles; i++)
		if (trust_role_has(&t->roles[i], key_id))
			return true;
	return false;
}

/* Sites keep to a revocation that they have seen: a key is used up by it, as an agent's name is. */
static int ask_used_up_keys(struct lockout *l, struct err *e)
{
	(void)e;
	const struct trust valid = trust_without_revoked(l->next, &l->fresh, l->b->turn);
	for (size_t i = 0; i < l->next->n_roles; i++)
		for (size_t k = 0; k < l->next->roles[i].n_key_ids; k++) {
			const char *id = l->next->roles[i].key_ids[k];
			if (!trust_role_has(&valid.roles[i], id) && !had_a_role(&l->b->trusted.doc, id))
				buf_addf(reason(l), "key %s of %s comes into role %s, and is revoked: no site would count it. Make a new one (rollcall keys new)", id,
				         owner_of(l->next, id), l->next->roles[i].name);
		}
	return 0;
}

/* approver/ENVIRONMENT and approver/ENVIRONMENT/NAME. */
static const char *environment_of(const struct trust_role *r, struct arena *a)
{
	if (!str_starts(r->name, ROLE_APPROVER_PREFIX))
		return NULL;
	const char *name = r->name + strlen(ROLE_APPROVER_PREFIX);
	return arena_strndup(a, name, strcspn(name, "/"));
}

static int ask_environments(struct lockout *l, struct err *e)
{
	(void)e;
	const struct trust *now = &l->b->trusted.doc;
	const struct trust_role *roles[APPROVER_ROLES_MAX];
	const char *told = "";
	for (size_t i = 0; i < now->n_roles; i++) {
		const char *environment = environment_of(&now->roles[i], l->b->turn);
		if (!environment || str_eq(environment, told) || trust_approver_roles(l->next, environment, NULL, l->b->turn, roles))
			continue;
		buf_addf(reason(l),
		         "it has no role " ROLE_APPROVER_PREFIX
		         "%s any more: every site would refuse what goes there. Keep the role, with other keys if need be",
		         environment);
		told = environment;
	}
	return 0;
}

/* ---- freshness ---- */

static int ask_freshness(struct lockout *l, struct err *e)
{
	(void)e;
	const struct brain *b = l->b;
	bool is_new = !trust_role(&b->trusted.doc, ROLE_FRESH);
	if (!trust_role(l->next, ROLE_FRESH) || trusted_may_make(b, l->next) || !(is_new || trusted_may_make(b, &b->trusted.doc)))
		return 0;
	buf_addf(reason(l),
	         "no key of its role %s is here, so that no site would begin anything: put that key in controller.yaml (fresh_key), start the controller "
	         "again, and "
	         "push then",
	         ROLE_FRESH);
	return 0;
}

static ask_fn *const questions[] = {ask_certificates, ask_steps, ask_thresholds, ask_used_up_keys, ask_environments, ask_freshness};

int trusted_check_lockout(struct brain *b, const struct trust *next, bool over, struct buf *ret_says, struct err *e)
{
	struct lockout l = {.b = b, .next = next, .says = ret_says};
	if (b->trusted.fresh && !over)
		l.fresh = *b->trusted.fresh;
	if (trusted_add_revocations(b, &l.fresh, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		if (questions[i](&l, e) < 0)
			return -1;
	return 0;
}
