/* Check C2, second half: what a release holds, against what the site allows. */
#include "agent/policy/policy.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/sql/classify.h"

#define CHECK_ARENA ((size_t)1024 * 1024)

struct place {
	const struct policy *policy;
	const struct changeset *changeset;
	const char *file;
	enum dialect dialect;
	struct arena *arena;
	enum check_code *code; /* of the check that refuses; C2 unless said */
};

static const char *denied_by(const struct policy *p, const char *verb)
{
	for (size_t i = 0; i < p->n_deny; i++)
		if (str_glob(p->deny[i], verb))
			return p->deny[i];
	return NULL;
}

static int check_statement(const struct place *at, const struct statement *s, struct err *e)
{
	struct sql_class c;
	sql_classify(at->dialect, s->sql, &c);
	const char *rule = denied_by(at->policy, c.verb);
	if (rule)
		return err_set(e, ERR_POLICY, "%s:%u: changeset %s: %s is among the statements that this site denies ('%s')", at->file, (unsigned)s->line,
		               at->changeset->id, c.verb, rule);
	if (at->policy->deny_class[c.class])
		return err_set(e, ERR_POLICY, "%s:%u: changeset %s: %s is of class %s, which this site denies", at->file, (unsigned)s->line,
		               at->changeset->id, c.verb, step_class_name(c.class));
	const char *why = policy_lifts_timeout(at->policy, at->dialect, s->sql, at->arena);
	if (!why)
		return 0;
	*at->code = C21_TIMEOUTS;
	return err_set(e, ERR_POLICY, "%s:%u: changeset %s: %s", at->file, (unsigned)s->line, at->changeset->id, why);
}

static int check_steps(const struct place *at, const struct step *steps, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < steps[i].n_statements; k++)
			if (check_statement(at, &steps[i].statements[k], e) != 0)
				return -1;
	return 0;
}

/* The way that is ordered: what a rollback would do is asked when a rollback is offered. */
static int check_statements(const struct policy *p, const struct verified *v, const char *engine, enum check_code *code, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(CHECK_ARENA);
	struct place at = {.policy = p, .arena = a, .code = code};
	bool back = v->direction == DIRECTION_ROLLBACK;
	if (!dialect_parse(engine, &at.dialect))
		return err_set(e, ERR_POLICY, "engine %s is unknown", engine);
	for (size_t i = 0; i < v->release.n_changesets; i++) {
		at.changeset = &v->release.changesets[i];
		const struct body *b = changeset_body(at.changeset, engine);
		if (!b)
			continue;
		at.file = changeset_file(at.changeset, b, back);
		if (check_steps(&at, back ? b->rollback : b->steps, back ? b->n_rollback : b->n_steps, e) != 0)
			return -1;
	}
	return 0;
}

/* Where the trust document has a role gate, verify_delivery has asked for its signatures. */
static int check_wave_gate(const struct policy *p, const struct verified *v, struct err *e)
{
	if (!p->wave_gate_signed || !v->wave_before || v->n_gate_signers)
		return 0;
	return err_set(
	    e, ERR_POLICY,
	    "this site asks for a gate's signature that wave %s of order %s has passed (wave_gate: signed), and the trust document has no role "
	    "gate: have the root keys name one ('rollcall trust add-key --role gate')",
	    v->wave_before, v->order.id);
}

/* "one, two (not counted here), site" */
static void declarers(const struct break_glass *g, const struct break_glass_rule *rule, struct buf *ret)
{
	for (size_t i = 0; i < g->n_votes; i++)
		buf_addf(ret, "%s%s%s", i ? ", " : "", g->votes[i].owner, break_glass_counts(&g->votes[i], rule) ? "" : " (not counted here)");
}

/* What the trust document asks for was there, or verify_delivery had said no. */
static int check_break_glass(const struct policy *p, const struct verified *v, struct err *e)
{
	const struct break_glass *g = v->break_glass;
	AUTO(buf_done) struct buf who = BUF_INIT;
	if (!g || break_glass_holds(g, &p->break_glass))
		return 0;
	declarers(g, &p->break_glass, &who);
	if (p->break_glass.nobody)
		return err_set(e, ERR_POLICY, "order %s is an emergency, declared by %s, and this site lets nobody break glass (break_glass: none)",
		               v->order.id, buf_str(&who));
	return err_set(e, ERR_POLICY,
	               "order %s is an emergency, declared by %s, and this site asks for %u keys of role break-glass and %u of its own (break_glass)",
	               v->order.id, buf_str(&who), (unsigned)break_glass_least(g, &p->break_glass), (unsigned)g->site_least);
}

enum check_code policy_check_statements(const struct policy *p, const struct verified *v, const char *engine, struct err *e)
{
	enum check_code code = C2_SITE_POLICY;
	return check_statements(p, v, engine, &code, e) == 0 ? CHECK_NONE : check_refuse(code, e);
}

enum check_code policy_check_order(const struct policy *p, const struct verified *v, struct err *e)
{
	if (v->n_approvers < p->minimum_approvals) {
		err_set(e, ERR_POLICY, "order %s has %zu approvals, and this site asks for %u", v->order.id, v->n_approvers, (unsigned)p->minimum_approvals);
		return check_refuse(C2_SITE_POLICY, e);
	}
	if (check_break_glass(p, v, e) != 0)
		return check_refuse(C2_BREAK_GLASS, e);
	return check_wave_gate(p, v, e) == 0 ? CHECK_NONE : check_refuse(C12_WAVE_GATE, e);
}

void policy_digest(const struct policy *p, uint8_t ret[DIGEST_SIZE])
{
	struct digest *d = digest_new();
	const uint32_t caps[] = {p->longest_lock_ms, p->longest_statement_ms};
	digest_add_sized(d, bytes_of_str("policy"));
	digest_add(d, p->digest, DIGEST_SIZE);
	digest_add(d, caps, sizeof caps);
	digest_final(&d, ret);
}
